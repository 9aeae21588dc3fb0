"""Where the weights start: each initializer is a function ``f(rng, shape, fan_in, fan_out) -> W``.

``fan_in`` and ``fan_out`` are the numbers of inputs and outputs of one unit. The three named ones draw from a normal
distribution with mean 0 and the variance that keeps signals from growing or shrinking on their way through the layers.
"""

import numpy as np

from .arguments import check_number


def zeros(rng, shape, fan_in, fan_out):
    """All zeros. Right for biases; with it, the weights of a hidden layer never learn."""
    return np.zeros(shape)


def constant(c):
    """An initializer that sets every weight to ``c``: all units of a layer then stay alike. ValueError: no finite number."""
    check_number(c=c)
    return lambda rng, shape, fan_in, fan_out: np.full(shape, float(c))


def normal(std):
    """An initializer that draws from a normal distribution with mean 0 and standard deviation ``std``. ValueError: not above 0."""
    check_number(std=std, above=0)
    return lambda rng, shape, fan_in, fan_out: std * rng.standard_normal(shape)


def lecun(rng, shape, fan_in, fan_out):
    """Variance ``1 / fan_in``, for tanh, sigmoid and linear outputs (LeCun, Bottou, Orr and Müller, 1998)."""
    return np.sqrt(1 / fan_in) * rng.standard_normal(shape)


def glorot(rng, shape, fan_in, fan_out):
    """Variance ``2 / (fan_in + fan_out)``, a compromise of forward and backward (Glorot and Bengio, 2010)."""
    return np.sqrt(2 / (fan_in + fan_out)) * rng.standard_normal(shape)


def he(rng, shape, fan_in, fan_out):
    """Variance ``2 / fan_in``, for ReLU and its relatives, which pass on half of it (He, Zhang, Ren and Sun, 2015)."""
    return np.sqrt(2 / fan_in) * rng.standard_normal(shape)
