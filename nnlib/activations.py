"""Activation functions, and the layers that apply them.

A layer's ``backward`` multiplies by the function's slope. Where the slope can be had from the stored output
(sigmoid, tanh, ReLU), it is: the output is at hand and costs no second exponential.
"""

import numpy as np

from .arguments import as_floats, check_number
from .layer import Layer

# GELU in the form with tanh: sqrt(2/pi), and the weight of the cubic term (Hendrycks and Gimpel, 2016).
GELU_SCALE = float(np.sqrt(2 / np.pi))
GELU_CUBIC = 0.044715


def sigmoid(z):
    """``1 / (1 + exp(-z))``, of any shape, without overflow.

    The exponent is never positive: for z < 0 the fraction is expanded by exp(z), which gives ``exp(z) / (1 + exp(z))``.
    """
    z = as_floats(z)
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def tanh(z):
    """``(exp(z) - exp(-z)) / (exp(z) + exp(-z))``, of any shape."""
    return np.tanh(as_floats(z))


def relu(z):
    """``max(z, 0)``, of any shape: the rectified linear unit (Nair and Hinton, 2010)."""
    return np.maximum(z, 0)


def leaky_relu(z, slope=0.01):
    """``z`` where z > 0, else ``slope * z``, of any shape (Maas, Hannun and Ng, 2013)."""
    z = as_floats(z)
    return np.where(z > 0, z, slope * z)


def gelu(z):
    """``z/2 * (1 + tanh(sqrt(2/pi) * (z + 0.044715 z**3)))``, of any shape (Hendrycks and Gimpel, 2016).

    This is the usual approximation of z times the normal distribution function, in the form with tanh.
    """
    z = as_floats(z)
    return 0.5 * z * (1 + np.tanh(GELU_SCALE * (z + GELU_CUBIC * z * z * z)))


def silu(z):
    """``z * sigmoid(z)``, of any shape, also called swish (Elfwing, Uchibe and Doya, 2018)."""
    return z * sigmoid(z)


def softmax(z):
    """``exp(z_j) / sum_k exp(z_k)`` along the last axis: each row becomes probabilities that sum to 1.

    The largest entry of each row is subtracted first. That cancels in the fraction, and no exponent is positive.
    """
    z = as_floats(z)
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Sigmoid(Layer):
    """The layer ``a = sigmoid(z)``; its slope is ``a * (1 - a)``."""

    def forward(self, x, training=False):
        return self._keep(sigmoid(x))

    def backward(self, d_out, needs_input=True):
        (a,) = self._recall()
        return d_out * (a * (1 - a))


class Tanh(Layer):
    """The layer ``a = tanh(z)``; its slope is ``1 - a**2``."""

    def forward(self, x, training=False):
        return self._keep(tanh(x))

    def backward(self, d_out, needs_input=True):
        (a,) = self._recall()
        return d_out * (1 - a * a)


class ReLU(Layer):
    """The layer ``a = max(z, 0)``; its slope is 1 where a > 0, else 0 (also at the kink, z = 0)."""

    def forward(self, x, training=False):
        return self._keep(np.maximum(x, 0))

    def backward(self, d_out, needs_input=True):
        (a,) = self._recall()
        return d_out * (a > 0)


class LeakyReLU(Layer):
    """The layer ``a = z`` where z > 0, else ``slope * z``; its slope is 1 or ``slope`` (the latter at z = 0).

    Raises ValueError if ``slope`` is not a finite number.
    """

    def __init__(self, slope=0.01):
        (self.slope,) = check_number(slope=slope)
        super().__init__(slope=self.slope)

    def forward(self, x, training=False):
        return leaky_relu(self._keep(x), self.slope)

    def backward(self, d_out, needs_input=True):
        (z,) = self._recall()
        return np.where(z > 0, d_out, self.slope * d_out)


class GELU(Layer):
    """The layer ``a = gelu(z)``, with t = tanh(u) and u = sqrt(2/pi) (z + 0.044715 z**3).

    Its slope is ``(1 + t)/2 + z/2 * (1 - t**2) * du/dz``, where ``du/dz = sqrt(2/pi) (1 + 3 * 0.044715 z**2)``.
    """

    def forward(self, x, training=False):
        return gelu(self._keep(x))

    def backward(self, d_out, needs_input=True):
        (z,) = self._recall()
        t = np.tanh(GELU_SCALE * (z + GELU_CUBIC * z * z * z))
        du_dz = GELU_SCALE * (1 + 3 * GELU_CUBIC * z * z)
        return d_out * (0.5 * (1 + t) + 0.5 * z * (1 - t * t) * du_dz)


class SiLU(Layer):
    """The layer ``a = z * sigmoid(z)``; with s = sigmoid(z) its slope is ``s * (1 + z * (1 - s))``."""

    def forward(self, x, training=False):
        s = sigmoid(x)
        self._keep(x, s)
        return x * s

    def backward(self, d_out, needs_input=True):
        z, s = self._recall()
        return d_out * (s * (1 + z * (1 - s)))
