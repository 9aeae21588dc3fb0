"""Real data: scikit-learn's irises and small digits, and MNIST, which is downloaded once and verified."""

import contextlib
import hashlib
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np

from .arguments import import_package, in_browser, require


def iris():
    """Fisher's irises: 150 flowers of three kinds, by the lengths and widths of their sepals and petals. With scikit-learn.

    Returns ``X`` (150, 4) float64, in centimetres, and ``y`` (150,) int64 from 0 to 2 (setosa, versicolor, virginica).
    ImportError: scikit-learn is missing. Source: Fisher, The use of multiple measurements in taxonomic problems, 1936.
    """
    X, y = import_package("sklearn.datasets", "scikit-learn").load_iris(return_X_y=True)
    return X, y.astype(np.int64)


def digits():
    """1,797 handwritten digits of 8 by 8 pixels, which come with scikit-learn.

    Returns ``X`` (1797, 64) float64, ``pixel / 16``, in [0, 1], and ``y`` (1797,) int64.
    ImportError: scikit-learn is missing. Source: Alpaydin and Kaynak, Optical Recognition of
    Handwritten Digits, UCI Machine Learning Repository, 1998.
    """
    X, y = import_package("sklearn.datasets", "scikit-learn").load_digits(return_X_y=True)
    return X / 16, y.astype(np.int64)


MNIST_URLS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    "https://s3.amazonaws.com/img-datasets/mnist.npz",
)
MNIST_TIMEOUT = (5, 30)  # seconds: to connect, and of silence while reading

# The shape and the sha256 of each array's bytes. The archive's own hash would not do: packed
# by another program, it is another file with the same images.
MNIST_ARRAYS = {
    "x_train": ((60000, 28, 28), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    "y_train": ((60000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    "x_test": ((10000, 28, 28), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    "y_test": ((10000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
}


IN_BROWSER = (
    "mnist.npz (11 MB) is not among this browser's files, and a page can't download it. Get the file, "
    "open this notebook's page in the course, press 'Run in the browser', and choose the file there; "
    "or upload it into the top folder of the notebook's files. Then run this cell again."
)


def mnist():
    """MNIST: 70,000 handwritten digits of 28 by 28 pixels, 60,000 to learn from, 10,000 to test.

    Looks for ``mnist.npz`` in the folder that the environment variable ``NNLIB_DATA`` names,
    then in the user's cache, and else downloads it (11 MB) into the cache. Whatever is found is
    compared with the known hashes of its arrays.

    Returns ``X_train`` (60000, 784) float32, ``pixel / 255``, in [0, 1], ``y_train`` (60000,)
    int64, and ``X_test`` (10000, 784), ``y_test`` (10000,) likewise. ValueError: ``NNLIB_DATA``
    is no folder, or its file is damaged. FileNotFoundError: no file and no download, or none
    in a browser, where nothing is downloaded and the reader hands over the file.
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
        require(folder.is_dir(), f"NNLIB_DATA is {folder}; it must be a folder that exists")
        file = folder / "mnist.npz"
        if file.exists():  # else go on: a folder of data need not hold this one
            try:
                return _read_mnist(file)
            except ValueError as error:  # not ours to replace
                advice = "put a good file in its place, or unset NNLIB_DATA to download one"
                raise ValueError(f"{file} is {error}; {advice}") from error
    if in_browser():
        raise FileNotFoundError(IN_BROWSER)
    cached = Path(import_package("pooch", "pooch").os_cache("nnlib"), "mnist.npz")
    if cached.exists():
        try:
            return _read_mnist(cached)
        except ValueError as error:
            warnings.warn(f"{cached} is {error}; fetching it anew", stacklevel=3)
    return _download_mnist(cached)


def _download_mnist(cached):
    """The four arrays from the first host that sends them whole; the file goes to ``cached``."""
    import_package("tqdm", "tqdm")  # pooch draws its progress bar with it
    download = import_package("pooch", "pooch").HTTPDownloader(progressbar=True, timeout=MNIST_TIMEOUT)
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
    answers, now = "\n".join(answers), os.environ.get("NNLIB_DATA") or "not set"
    raise FileNotFoundError(
        f"mnist.npz is not on this computer and could not be downloaded:\n{answers}\n"
        "Get the file elsewhere, put it into a folder, and set the environment variable "
        f"NNLIB_DATA (now {now}) to that folder's path; or put it into {cached.parent}."
    )


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
        found, wanted = f"{array.dtype} {array.shape}", f"uint8 {shape}"
        require(found == wanted, f"damaged, or not MNIST ({name} is {found}, not {wanted})")
        is_known = hashlib.sha256(array.tobytes()).hexdigest() == sha256
        require(is_known, f"damaged, or not MNIST (the bytes of {name} have another sha256)")
    return arrays.values()
