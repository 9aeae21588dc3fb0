"""Clear errors: for a bad argument its name, what came, and what is needed; for a missing package what to install."""

import importlib
import sys

import numpy as np


def require(condition, message):
    """Raise ValueError with this message unless the condition holds."""
    if not condition:
        raise ValueError(message)


def check_whole(least=1, **values):
    """Raise ValueError unless each of the values is a whole number of at least ``least``."""
    for name, value in values.items():
        is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        require(is_whole and value >= least, f"{name} is {value!r}; it must be a whole number of at least {least}")


def check_number(above=-np.inf, least=-np.inf, below=np.inf, most=np.inf, **values):
    """The values as floats; raises ValueError unless each is a finite number inside the bounds that are given.

    As Python's floats: a NumPy float64 would turn float32 into float64 wherever they meet.
    """
    for name, value in values.items():
        is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        # Without bounds too, NaN and infinity fail: neither lies between minus infinity and infinity.
        if not (is_number and above < value < below and least <= value <= most):
            bounds = (("above", above), ("at least", least), ("below", below), ("at most", most))
            needed = " and ".join(f"{word} {bound}" for word, bound in bounds if np.isfinite(bound))
            raise ValueError(f"{name} is {value!r}; it must be a finite number {needed}".rstrip())
    return [float(value) for value in values.values()]


def check_generator(rng):
    """Raise ValueError unless ``rng`` is a ``np.random.Generator``: randomness comes in, and no global seed is used."""
    is_generator = isinstance(rng, np.random.Generator)
    require(is_generator, f"rng is {rng!r}; it must be a generator, such as np.random.default_rng(0)")


def check_floats(dtype):
    """Raise ValueError unless ``dtype`` is a type of floats: whole numbers would cut weights off to zero."""
    require(np.dtype(dtype).kind == "f", f"dtype is {np.dtype(dtype)}; it must be a type of floats, such as np.float32")


def as_floats(values):
    """An array of floats: of the type that came, or float64 for whole numbers, which would wrap around or be cut off."""
    values = np.asarray(values)
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def check_object(name, value, method, needed):
    """Raise ValueError unless ``value`` has the method; a class, whose brackets are easily forgotten, is no object."""
    require(hasattr(value, method) and not isinstance(value, type), f"{name} is {value!r}; {needed}")


def check_shape(name, shape, fits, needed):
    """Raise ValueError, with the shape and what is needed instead, unless it fits."""
    if not fits:
        raise ValueError(f"{name} has shape {shape}; {needed}")


def check_finite(name, values, kinds="iufb"):
    """Raise ValueError unless an array holds finite numbers, or bools where ``kinds`` does not leave them out."""
    if values.dtype.kind not in kinds:
        raise ValueError(f"{name} holds {values.dtype} values; it must hold numbers")
    # The extremes tell it without a second array as large as the data: NaN comes through min, infinity through either.
    is_finite = values.size == 0 or (np.isfinite(values.min()) and np.isfinite(values.max()))
    require(is_finite, f"{name} holds NaN or infinity; every value must be finite")


def import_package(module, package):
    """A module that only some functions need; its lack is an ImportError that says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if in_browser():
            return _load_in_browser(module, package)
        raise ImportError(f"this needs {package}: python -m pip install {package}") from error


def in_browser():
    """Whether this Python runs in a browser's page (Pyodide), where nothing is installed and no file lies outside it."""
    return sys.platform == "emscripten"


def _load_in_browser(module, package):
    """There a package is loaded when a cell imports it. What only a function asks for is loaded here, if the browser can wait."""
    try:
        from pyodide.ffi import run_sync
        from pyodide_js import loadPackage

        run_sync(loadPackage(package))
        return importlib.import_module(module)
    except Exception as error:  # an older browser can't wait within a function; no network; no such package
        advice = f"run `import {module.partition('.')[0]}` in a cell of its own, then this cell again"
        raise ImportError(f"this needs {package}: {advice}") from error
