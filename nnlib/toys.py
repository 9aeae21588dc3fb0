"""Toy problems: points in the plane, made from an ``rng``.

Every one returns ``X`` (N, 2) float64 and ``y`` (N,) int64. It first draws the labels, as many of each class as of any other
(give or take one) and in random order, and then the points, each on its own: call it again for fresh test data.
"""

import numpy as np

from .arguments import check_generator, check_number, check_whole


def blobs(n, *, rng, centers=2, spread=0.5):
    """Round clouds of points, one a class, around a circle of radius 2.

    Cloud ``k`` of ``C = centers`` lies at angle ``a = 2 pi (k / C + 1 / 8)``:
    ``x = 2 (cos a, sin a) + spread * e``, with ``e`` from the standard normal distribution.
    With two, at the defaults, a line separates all but about 3 points in 100,000.

    Returns ``X`` (n, 2), ``y`` (n,) from 0 to ``centers - 1``. ValueError: an argument out of
    its range. Source: the idea of scikit-learn's ``make_blobs``.
    """
    check_whole(centers=centers)
    check_number(spread=spread, least=0)
    y = _labels(n, centers, rng)
    return 2 * _on_circle(2 * np.pi * (y / centers + 1 / 8)) + rng.normal(0, spread, (n, 2)), y


def linear(n, *, rng, margin=0.1):
    """Two classes that the line ``x1 + x2 = 0`` separates, with a gap between them.

    ``x = t u + (2 y - 1) d v``, where ``u = (1, -1) / sqrt(2)`` runs along the line and
    ``v = (1, 1) / sqrt(2)`` across it, ``t`` is uniform on [-1, 1] and the distance ``d`` from
    the line on [margin, 1].

    Returns ``X`` (n, 2), ``y`` (n,), 1 where ``x1 + x2 > 0``. ValueError: an argument out of
    its range (``margin``: at least 0, below 1).
    """
    check_number(margin=margin, least=0, below=1)
    y = _labels(n, 2, rng)
    along = rng.uniform(-1, 1, n)
    across = (2 * y - 1) * rng.uniform(margin, 1, n)
    return np.column_stack([along + across, across - along]) / np.sqrt(2), y


def xor(n, *, rng, noise=0.3):
    """Exclusive or, with noise: clouds at the corners (±1, ±1), class 1 where the signs differ.

    ``x = corner + noise * e``, with ``e`` from the standard normal distribution. A point keeps
    the sign of one coordinate with probability ``p = Phi(1 / noise)``, so that no classifier
    has more than ``p² + (1 - p)²`` right: 99.9 % for noise 0.3, 98.8 % for 0.4.

    Returns ``X`` (n, 2), ``y`` (n,). ValueError: an argument out of its range. Source: Minsky
    and Papert, Perceptrons, 1969.
    """
    check_number(noise=noise, least=0)
    corner, y = _corners(n, rng)
    return corner + rng.normal(0, noise, (n, 2)), y


def quadrants(n, *, rng):
    """The square [-1, 1]² by the sign of ``x1 * x2``: class 1 where it is negative.

    ``x = corner * d``, with ``d`` uniform on (0, 1]² and the corners of ``xor``: the same
    classes as there, without a gap.

    Returns ``X`` (n, 2), ``y`` (n,). ValueError: an argument out of its range.
    """
    corner, y = _corners(n, rng)
    return corner * (1 - rng.random((n, 2))), y


def circles(n, *, rng, noise=0.1, factor=0.5):
    """A ring inside a ring: radius 1 is class 0, radius ``factor`` class 1.

    ``x = r (cos a, sin a) + noise * e``, with ``a`` uniform on a turn and ``e`` from the
    standard normal distribution.

    Returns ``X`` (n, 2), ``y`` (n,). ValueError: an argument out of its range (``factor``: at
    least 0, below 1). Source: scikit-learn's ``make_circles``.
    """
    check_number(noise=noise, least=0)
    check_number(factor=factor, least=0, below=1)
    y = _labels(n, 2, rng)
    radius = np.where(y == 0, 1, factor)[:, None]
    return radius * _on_circle(rng.uniform(0, 2 * np.pi, n)) + rng.normal(0, noise, (n, 2)), y


def moons(n, *, rng, noise=0.2):
    """Two half circles of radius 1 that reach into each other.

    Class 0 is the upper half around (0, 0), ``(cos a, sin a)``, class 1 the lower half around
    (1, 0.5), ``(1 - cos a, 0.5 - sin a)``; ``a`` is uniform on [0, pi], and ``noise * e`` is
    added, with ``e`` from the standard normal distribution.

    Returns ``X`` (n, 2), ``y`` (n,). ValueError: an argument out of its range. Source:
    scikit-learn's ``make_moons``.
    """
    check_number(noise=noise, least=0)
    y = _labels(n, 2, rng)
    upper = _on_circle(rng.uniform(0, np.pi, n))
    return np.where(y[:, None] == 0, upper, [1, 0.5] - upper) + rng.normal(0, noise, (n, 2)), y


def spirals(n, *, rng, classes=2, noise=0.2, turns=0.64):
    """Arms that wind around the origin, one a class.

    ``x = r (cos a, sin a)`` at the angle ``a = 2 pi (turns * r + y / classes) + noise * e``, with
    ``r`` uniform on [0, 1] and ``e`` from the standard normal distribution. The noise turns a
    point (it is in radians), so that the arms are as clear at the centre as outside.

    Returns ``X`` (n, 2), ``y`` (n,) from 0 to ``classes - 1``. ValueError: an argument out of
    its range. Source: the spirals of Stanford's CS231n, with their noise and length.
    """
    check_whole(classes=classes)
    check_number(noise=noise, turns=turns, least=0)
    y = _labels(n, classes, rng)
    r = rng.uniform(0, 1, n)
    angle = 2 * np.pi * (turns * r + y / classes) + rng.normal(0, noise, n)
    return r[:, None] * _on_circle(angle), y


def _labels(n, classes, rng):
    """0 to classes - 1 in turn, n in all, shuffled."""
    check_whole(n=n)
    check_generator(rng)
    return rng.permutation(np.arange(n, dtype=np.int64) % classes)


def _corners(n, rng):
    """Each point's corner (±1, ±1), counter-clockwise from (1, 1), and its class."""
    k = _labels(n, 4, rng)
    return np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])[k], k % 2


def _on_circle(angle):
    return np.column_stack([np.cos(angle), np.sin(angle)])
