"""What several test files share: a case for each layer and each loss of nnlib, central differences, a layer that remembers."""

import numpy as np
import pytest

import nnlib
from nnlib import (
    BatchNorm,
    BinaryCrossEntropy,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    MeanSquaredError,
    SoftmaxCrossEntropy,
)

DTYPES = [np.float32, np.float64]

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
one_or_six = pytest.mark.parametrize("n", [1, 6])
in_both_modes = pytest.mark.parametrize("training", [False, True])


# ---------------------------------------------------------------- one case for each layer, and for each loss


def away_from_zero(rng, shape):
    """Numbers of both signs that are at least 0.1 from zero, where ReLU and its relatives have a kink."""
    return rng.choice([-1, 1], shape) * rng.uniform(0.1, 3, shape)


def dense(rng, n, dtype):
    layer = Dense(5, 3, rng=rng, dtype=dtype)
    layer.params["b"][:] = rng.normal(size=3)
    return layer, rng.normal(size=(n, 5)).astype(dtype)


def activation(make):
    return lambda rng, n, dtype: (make(), away_from_zero(rng, (n, 7)).astype(dtype))


def batch_norm(rng, n, dtype):
    layer = BatchNorm(4, dtype=dtype)
    layer.params = {"gamma": away_from_zero(rng, 4).astype(dtype), "beta": rng.normal(size=4).astype(dtype)}
    layer.state = {
        "running_mean": rng.normal(size=4).astype(dtype),
        "running_var": rng.uniform(0.5, 2, 4).astype(dtype),
    }
    return layer, rng.normal(2, 3, (n, 4)).astype(dtype)


def conv(rng, n, dtype):
    layer = Conv2D(2, 3, 3, rng=rng, stride=2, padding=1, dtype=dtype)
    layer.params["b"][:] = rng.normal(size=3)
    return layer, rng.normal(size=(n, 2, 5, 4)).astype(dtype)


def max_pool(rng, n, dtype):
    """Images without ties, and none nearer than central differences look; a row and a column are left over."""
    return MaxPool2D(2), 0.1 * rng.permutation(n * 2 * 5 * 7).reshape(n, 2, 5, 7).astype(dtype)


# A function of (rng, n, dtype) for each layer of nnlib that gives one, with random parameters, and an input of n examples.
# Shapes should not be square, so that a missing transpose shows. Every test of layers, and of their gradients, runs on all of them.
LAYERS = {
    Dense: dense,
    nnlib.Sigmoid: activation(nnlib.Sigmoid),
    nnlib.Tanh: activation(nnlib.Tanh),
    nnlib.ReLU: activation(nnlib.ReLU),
    nnlib.LeakyReLU: activation(lambda: LeakyReLU(0.3)),
    nnlib.GELU: activation(nnlib.GELU),
    nnlib.SiLU: activation(nnlib.SiLU),
    Flatten: lambda rng, n, dtype: (Flatten(), rng.normal(size=(n, 2, 3, 4)).astype(dtype)),
    Dropout: lambda rng, n, dtype: (Dropout(0.4, rng), rng.normal(size=(n, 7)).astype(dtype)),
    BatchNorm: batch_norm,
    Conv2D: conv,
    MaxPool2D: max_pool,
}
every_layer = pytest.mark.parametrize("kind", LAYERS)

# A function of (rng, n) for each loss of nnlib that gives outputs and targets of n examples.
LOSSES = {
    BinaryCrossEntropy: lambda rng, n: (rng.normal(0, 2, (n, 1)), rng.integers(0, 2, n)),
    SoftmaxCrossEntropy: lambda rng, n: (rng.normal(0, 2, (n, 3)), rng.integers(0, 3, n)),
    MeanSquaredError: lambda rng, n: (rng.normal(0, 2, (n, 3)), rng.normal(0, 2, (n, 3))),
}
every_loss = pytest.mark.parametrize("kind", LOSSES)


# ---------------------------------------------------------------- tools


def numerical(f, array, step=1e-5):
    """The gradient of the number f() with respect to an array that f reads, by central differences."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + step
        above = f()
        array[index] = value - step
        gradient[index] = (above - f()) / (2 * step)
        array[index] = value
    return gradient


class Spy(Layer):
    """A layer that passes on what it gets, and remembers it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x, training=False):
        self.seen.append(("forward", x.shape, x.dtype, training))
        return x

    def backward(self, d_out, needs_input=True):
        self.seen.append(("backward", d_out.shape, d_out.dtype, needs_input))
        return d_out
