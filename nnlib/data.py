"""The data of the course: toy problems made from an ``rng``, and real images of digits.

Every toy problem returns ``X`` (N, 2) float64 and ``y`` (N,) int64. It first draws the
labels, as many of each class as of any other (give or take one) and in random order, and
then the points, each on its own: call it again for fresh test data.
"""

import contextlib
import hashlib
import importlib
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np

from .arguments import check_generator, check_number, check_whole

# ---------------------------------------------------------------- toy problems


def blobs(n, *, rng, centers=2, spread=0.5):
    """Round clouds of points, one a class, around a circle of radius 2.

    Cloud ``k`` of ``C = centers`` lies at angle ``a = 2 pi (k / C + 1 / 8)``:
    ``x = 2 (cos a, sin a) + spread * e``, with ``e`` from the standard normal distribution.
    With two, at the defaults, a line separates all but about 3 points in 100,000.

    Returns ``X`` (n, 2), ``y`` (n,) from 0 to ``centers - 1``. ValueError: an argument out of
    its range. Source: the idea of scikit-learn's ``make_blobs``.
    """
    check_whole("centers", centers)
    check_number("spread", spread, least=0)
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
    check_number("margin", margin, least=0, below=1)
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
    check_number("noise", noise, least=0)
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
    check_number("noise", noise, least=0)
    check_number("factor", factor, least=0, below=1)
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
    check_number("noise", noise, least=0)
    y = _labels(n, 2, rng)
    upper = _on_circle(rng.uniform(0, np.pi, n))
    X = np.where(y[:, None] == 0, upper, [1, 0.5] - upper)
    return X + rng.normal(0, noise, (n, 2)), y


def spirals(n, *, rng, classes=2, noise=0.2, turns=0.64):
    """Arms that wind around the origin, one a class.

    ``x = r (cos a, sin a)`` at the angle ``a = 2 pi (turns * r + y / classes) + noise * e``, with
    ``r`` uniform on [0, 1] and ``e`` from the standard normal distribution. The noise turns a
    point (it is in radians), so that the arms are as clear at the centre as outside.

    Returns ``X`` (n, 2), ``y`` (n,) from 0 to ``classes - 1``. ValueError: an argument out of
    its range. Source: the spirals of Stanford's CS231n, with their noise and length.
    """
    check_whole("classes", classes)
    check_number("noise", noise, least=0)
    check_number("turns", turns, least=0)
    y = _labels(n, classes, rng)
    r = rng.uniform(0, 1, n)
    angle = 2 * np.pi * (turns * r + y / classes) + rng.normal(0, noise, n)
    return r[:, None] * _on_circle(angle), y


def _labels(n, classes, rng):
    """0 to classes - 1 in turn, n in all, shuffled."""
    check_whole("n", n)
    check_generator(rng)
    return rng.permutation(np.arange(n, dtype=np.int64) % classes)


def _corners(n, rng):
    """Each point's corner (±1, ±1), counter-clockwise from (1, 1), and its class."""
    k = _labels(n, 4, rng)
    return np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])[k], k % 2


def _on_circle(angle):
    return np.column_stack([np.cos(angle), np.sin(angle)])


# ---------------------------------------------------------------- real data


def digits():
    """1,797 handwritten digits of 8 by 8 pixels, which come with scikit-learn.

    Returns ``X`` (1797, 64) float64, ``pixel / 16``, in [0, 1], and ``y`` (1797,) int64.
    ImportError: scikit-learn is missing. Source: Alpaydin and Kaynak, Optical Recognition of
    Handwritten Digits, UCI Machine Learning Repository, 1998.
    """
    X, y = _import("sklearn.datasets", "scikit-learn").load_digits(return_X_y=True)
    return X / 16, y.astype(np.int64)


MNIST_URLS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    "https://s3.amazonaws.com/img-datasets/mnist.npz",
)
MNIST_TIMEOUT = (5, 30)  # seconds: to connect, and of silence while reading

# The shape and the sha256 of each array's bytes. The archive's own hash would not do: packed
# by another program, it is another file with the same images.
MNIST_ARRAYS = {
    "x_train": ((60000, 28, 28),
                "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    "y_train": ((60000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    "x_test": ((10000, 28, 28),
               "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    "y_test": ((10000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
}


def mnist():
    """MNIST: 70,000 handwritten digits of 28 by 28 pixels, 60,000 to learn from, 10,000 to test.

    Looks for ``mnist.npz`` in the folder that the environment variable ``NNLIB_DATA`` names,
    then in the user's cache, and else downloads it (11 MB) into the cache. Whatever is found is
    compared with the known hashes of its arrays.

    Returns ``X_train`` (60000, 784) float32, ``pixel / 255``, in [0, 1], ``y_train`` (60000,)
    int64, and ``X_test`` (10000, 784), ``y_test`` (10000,) likewise. ValueError: ``NNLIB_DATA``
    is no folder, or its file is damaged. FileNotFoundError: no file and no download.
    ImportError: pooch or tqdm, needed to download, is missing. Source: LeCun, Bottou, Bengio
    and Haffner, Gradient-based learning applied to document recognition, 1998.
    """
    x_train, y_train, x_test, y_test = _find_mnist()
    return (_rows(x_train), y_train.astype(np.int64), _rows(x_test), y_test.astype(np.int64))


def _rows(images):
    return np.divide(images.reshape(len(images), -1), 255, dtype=np.float32)


def _find_mnist():
    """The four arrays from the first place that has them."""
    folder = os.environ.get("NNLIB_DATA")
    if folder:
        folder = Path(folder).expanduser().resolve()  # absolute, so that a message says where
        if not folder.is_dir():
            raise ValueError(f"NNLIB_DATA is {folder}; it must be a folder that exists")
        file = folder / "mnist.npz"
        if file.exists():  # else go on: a folder of data need not hold this one
            try:
                return _read_mnist(file)
            except ValueError as error:  # not ours to replace
                raise ValueError(f"{file} is {error}; put a good file in its place, or unset "
                                 "NNLIB_DATA to download one") from error
    cached = Path(_import("pooch").os_cache("nnlib"), "mnist.npz")
    if cached.exists():
        try:
            return _read_mnist(cached)
        except ValueError as error:
            warnings.warn(f"{cached} is {error}; fetching it anew", stacklevel=3)
    return _download_mnist(cached)


def _download_mnist(cached):
    """The four arrays from the first host that sends them whole; the file goes to ``cached``."""
    _import("tqdm")  # pooch draws its progress bar with it
    download = _import("pooch").HTTPDownloader(progressbar=True, timeout=MNIST_TIMEOUT)
    answers = []
    for url in MNIST_URLS:
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            # A folder inside the cache: gone whatever happens, and on the same disk, so that
            # the file appears under its final name in one step, whole and verified.
            with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
                fresh = Path(folder, cached.name)
                download(url, fresh, None)
                arrays = _read_mnist(fresh)
                with contextlib.suppress(PermissionError):  # Windows: another process reads it
                    os.replace(fresh, cached)
            return arrays
        except (OSError, ValueError) as error:
            answers.append(f"  {url}: {error}")
    raise FileNotFoundError("\n".join([
        "mnist.npz is not on this computer and could not be downloaded:", *answers,
        "Get the file elsewhere, put it into a folder, and set the environment variable "
        f"NNLIB_DATA (now {os.environ.get('NNLIB_DATA') or 'not set'}) to that folder's path; "
        f"or put it into {cached.parent}."]))


def _read_mnist(path):
    """The four arrays of an archive; a ValueError says what is wrong with it."""
    try:
        # opened here, since np.load leaves a damaged file open, which Windows can't delete then
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in MNIST_ARRAYS}
    except Exception as error:  # a damaged archive raises any of a dozen kinds
        raise ValueError(f"damaged, or not MNIST ({type(error).__name__}: {error})") from error
    for name, (shape, sha256) in MNIST_ARRAYS.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != np.uint8:
            raise ValueError(f"damaged, or not MNIST ({name} is {array.dtype} {array.shape}, "
                             f"not uint8 {shape})")
        if hashlib.sha256(array.tobytes()).hexdigest() != sha256:
            raise ValueError(f"damaged, or not MNIST (the bytes of {name} have another sha256)")
    return arrays.values()


def _import(module, package=None):
    """A module that only some functions need; its lack is an error that says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = package or module
        raise ImportError(f"this needs {package}: python -m pip install {package}") from error
