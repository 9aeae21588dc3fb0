"""The toy problems: their form, their geometry, and what they refuse."""

import math

import numpy as np
import pytest

from nnlib import toys

TOYS = [toys.blobs, toys.linear, toys.xor, toys.quadrants, toys.circles, toys.moons, toys.spirals]


def make(toy, n=300, seed=0, **options):
    return toy(n, rng=np.random.default_rng(seed), **options)


@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize("n", [1, 2, 7, 100, 101, 102, 103])
def test_toy_has_the_right_form(toy, n):
    X, y = make(toy, n)
    assert X.shape == (n, 2) and X.dtype == np.float64 and np.isfinite(X).all()
    assert y.shape == (n,) and y.dtype == np.int64
    counts = np.bincount(y, minlength=2)
    assert len(counts) == 2 and counts.max() - counts.min() == n % 2


@pytest.mark.parametrize("toy, options", [(toys.blobs, {"centers": 5}), (toys.spirals, {"classes": 5})])
def test_several_classes_are_balanced(toy, options):
    assert sorted(np.bincount(make(toy, 103, **options)[1])) == [20, 20, 21, 21, 21]


@pytest.mark.parametrize("toy", TOYS)
def test_toy_depends_on_its_rng_alone(toy):
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    X, y = make(toy)
    assert np.array_equal(np.random.get_state()[1], before)
    np.random.seed(2)
    again, fresh = make(toy), make(toy, seed=1)
    assert np.array_equal(X, again[0]) and np.array_equal(y, again[1])
    assert not np.array_equal(X, fresh[0]) and not np.array_equal(y, fresh[1])


@pytest.mark.parametrize("toy", TOYS)
def test_toy_is_drawn_anew_by_the_same_generator(toy):
    # without noise as well, except where the points are then four corners or two centres
    options = {"noise": 0} if toy in (toys.circles, toys.moons, toys.spirals) else {}
    rng = np.random.default_rng(0)
    assert not np.isin(toy(50, rng=rng, **options)[0], toy(50, rng=rng, **options)[0]).any()


@pytest.mark.parametrize("toy", TOYS)
def test_toy_comes_in_random_order(toy):
    # Every pattern of labels is possible; one that repeats or is sorted has probability ~0.
    y = make(toy)[1]
    runs = 1 + np.count_nonzero(np.diff(y))
    assert 110 < runs < 190  # 151 ± 9 when shuffled, 2 when sorted, 300 when alternating


def test_blobs_lie_around_a_circle():
    X, y = make(toys.blobs, 30_000, centers=3, spread=0.4)
    for k in range(3):
        angle = 2 * np.pi * (k / 3 + 1 / 8)
        centre = [2 * np.cos(angle), 2 * np.sin(angle)]
        assert np.allclose(X[y == k].mean(axis=0), centre, atol=0.02)
        assert np.allclose(X[y == k].std(axis=0), 0.4, atol=0.01)


def test_linear_keeps_its_margin():
    X, y = make(toys.linear, 10_000, margin=0.2)
    distance = X.sum(axis=1) / np.sqrt(2)
    assert np.array_equal(y, distance > 0)
    assert 0.2 <= abs(distance).min() < 0.21 and 0.99 < abs(distance).max() <= 1
    along = (X[:, 0] - X[:, 1]) / np.sqrt(2)
    assert -1 <= along.min() < -0.99 and 0.99 < along.max() <= 1


@pytest.mark.parametrize("noise, best", [(0.3, 0.999), (0.4, 0.988)])
def test_xor_has_the_best_accuracy_of_its_docstring(noise, best):
    p = (1 + math.erf(1 / noise / math.sqrt(2))) / 2
    bound = p**2 + (1 - p) ** 2
    assert round(bound, 3) == best
    X, y = make(toys.xor, 100_000, noise=noise)
    assert np.mean((X.prod(axis=1) < 0) == y) == pytest.approx(bound, abs=0.001)


def test_xor_without_noise_is_its_four_corners():
    X, y = make(toys.xor, 102, noise=0)
    corners, counts = np.unique(X, axis=0, return_counts=True)
    assert corners.tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    assert sorted(counts) == [25, 25, 26, 26]
    assert np.array_equal(y, X[:, 0] != X[:, 1])


def test_quadrants_fill_the_square():
    X, y = make(toys.quadrants, 40_000)
    assert np.array_equal(y, X.prod(axis=1) < 0)
    cells = np.histogram2d(*X.T, bins=4, range=[[-1, 1], [-1, 1]])[0]
    assert cells.sum() == 40_000 and (abs(cells - 2500) < 250).all()


def test_circles_without_noise_are_circles():
    X, y = make(toys.circles, noise=0, factor=0.3)
    assert np.allclose(np.hypot(*X.T), np.where(y == 0, 1, 0.3))
    assert (np.bincount((X > 0) @ [1, 2]) > 50).all()  # all the way round


def test_moons_without_noise_are_those_of_scikit_learn():
    from sklearn.datasets import make_moons

    X, y = make(toys.moons, noise=0)
    theirs, labels = make_moons(2000, noise=0)
    for k in (0, 1):
        nearest = np.linalg.norm(X[y == k][:, None] - theirs[labels == k], axis=2)
        assert nearest.min(axis=1).max() < 0.005  # every point of ours lies on their moon
        assert nearest.min(axis=0).max() < 0.2  # and they cover it


@pytest.mark.parametrize("toy, spread", [(toys.circles, 0.1), (toys.moons, 0.2)])
def test_noise_is_a_standard_deviation_of_each_coordinate(toy, spread):
    X, y = make(toy, 40_000)  # its default is this spread
    assert np.array_equal(X, make(toy, 40_000, noise=spread)[0])
    noise = X - make(toy, 40_000, noise=0)[0]
    assert np.allclose(noise.std(axis=0), spread, rtol=0.02)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.02


def test_spirals_wind_as_asked():
    X, y = make(toys.spirals, 3000, classes=3, noise=0, turns=1.5)
    r, angle = np.hypot(*X.T), np.arctan2(X[:, 1], X[:, 0])
    turn = (angle / (2 * np.pi) - 1.5 * r - y / 3) % 1
    assert np.minimum(turn, 1 - turn).max() < 1e-9
    assert r.min() < 0.01 and 0.99 < r.max() <= 1


def test_noise_of_spirals_is_an_angle():
    (X, _), (clean, _) = make(toys.spirals, 20_000, noise=0.3), make(toys.spirals, 20_000, noise=0)
    assert np.allclose(np.hypot(*X.T), np.hypot(*clean.T))
    turned = np.angle((X @ [1, 1j]) / (clean @ [1, 1j]))
    assert turned.std() == pytest.approx(0.3, rel=0.03)


WHOLE = "whole number of at least 1"
POSITIVE = "finite number at least 0"
FRACTION = "finite number at least 0 and below 1"
BAD = [("n", value, WHOLE, TOYS) for value in (0, -3, 2.0, "10", None, True, math.nan)]
BAD += [
    ("rng", value, "generator, such as np.random.default_rng(0)", TOYS)
    for value in (0, None, "rng", np.random.RandomState)
]
BAD += [
    ("noise", value, POSITIVE, [toys.xor, toys.circles, toys.moons, toys.spirals])
    for value in (-0.1, math.nan, math.inf, "0.1", None, True)
]
BAD += [("spread", value, POSITIVE, [toys.blobs]) for value in (-0.1, math.nan)]
BAD += [("centers", value, WHOLE, [toys.blobs]) for value in (0, 2.0)]
BAD += [("margin", value, FRACTION, [toys.linear]) for value in (-0.1, 1, math.nan)]
BAD += [("factor", value, FRACTION, [toys.circles]) for value in (-0.1, 1, math.nan)]
BAD += [("classes", value, WHOLE, [toys.spirals]) for value in (0, 2.0)]
BAD += [("turns", value, POSITIVE, [toys.spirals]) for value in (-1, math.inf)]


@pytest.mark.parametrize(
    "toy, name, value, needs", [(toy, name, value, needs) for name, value, needs, toys in BAD for toy in toys]
)
def test_bad_input_is_named(toy, name, value, needs):
    arguments = {"n": 10, "rng": np.random.default_rng(0), name: value}
    with pytest.raises(ValueError) as error:
        toy(**arguments)
    assert str(error.value) == f"{name} is {value!r}; it must be a {needs}"


@pytest.mark.parametrize("toy", TOYS)
def test_rng_is_required(toy):
    with pytest.raises(TypeError, match="rng"):
        toy(10)


def test_numbers_of_numpy_will_do():
    X, y = toys.moons(np.int32(5), rng=np.random.default_rng(0), noise=np.float32(0.1))
    assert X.shape == (5, 2) and X.dtype == np.float64
