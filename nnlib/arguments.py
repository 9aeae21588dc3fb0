"""Clear errors: for a bad argument its name, what came, and what is needed; for a missing package what to install."""

import importlib

import numpy as np


def check_whole(name, value, least=1):
    """Raise ValueError unless ``value`` is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of at least {least}")


def check_number(name, value, above=None, least=None, below=None, most=None):
    """Raise ValueError unless ``value`` is a finite number inside the bounds that are given."""
    bounds = [
        f"{word} {bound}"
        for word, bound in (("above", above), ("at least", least), ("below", below), ("at most", most))
        if bound is not None
    ]
    is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if (
        not is_number
        or not np.isfinite(value)
        or (above is not None and value <= above)
        or (least is not None and value < least)
        or (below is not None and value >= below)
        or (most is not None and value > most)
    ):
        raise ValueError(f"{name} is {value!r}; it must be a finite number {' and '.join(bounds)}".rstrip())


def check_generator(rng):
    """Raise ValueError unless ``rng`` is a ``np.random.Generator``: randomness comes in, and no global seed is used."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng is {rng!r}; it must be a generator, such as np.random.default_rng(0)")


def check_floats(dtype):
    """Raise ValueError unless ``dtype`` is a type of floats: whole numbers would cut weights off to zero."""
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"dtype is {np.dtype(dtype)}; it must be a type of floats, such as np.float32")


def as_floats(values):
    """An array of floats: of the type that came, or float64 for whole numbers, which would wrap around or be cut off."""
    values = np.asarray(values)
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def all_finite(values):
    """Whether an array of numbers holds neither NaN nor infinity."""
    # The extremes tell it without a second array as large as the data: NaN comes through min, infinity through either.
    return values.size == 0 or bool(np.isfinite(values.min()) and np.isfinite(values.max()))


def import_package(module, package=None):
    """A module that only some functions need; its lack is an ImportError that says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = package or module
        raise ImportError(f"this needs {package}: python -m pip install {package}") from error
