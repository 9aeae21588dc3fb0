"""Layers with parameters."""

import numpy as np

from .arguments import check_generator, check_whole
from .initializers import he
from .layer import Layer


class Dense(Layer):
    """A fully connected layer: ``out = x @ W + b``.

    Shapes: x (N, n_in), W (n_in, n_out), b (n_out,), out (N, n_out). The biases start at zero, the weights as ``init``
    draws them from ``rng``. With ``d_out`` the gradient with respect to ``out``, the gradients are
    ``d_W = x.T @ d_out``, ``d_b = d_out.sum(axis=0)`` and ``d_x = d_out @ W.T``.

    Raises ValueError if a size is not a positive whole number, if ``dtype`` is not a type of floats, or if ``x`` has another
    number of columns than ``n_in``.
    """

    def __init__(self, n_in, n_out, *, rng, init=he, dtype=np.float64):
        super().__init__()
        check_whole("n_in", n_in)
        check_whole("n_out", n_out)
        check_generator(rng)
        if np.dtype(dtype).kind != "f":
            raise ValueError(f"dtype is {np.dtype(dtype)}; it must be a type of floats, such as np.float32")
        self.n_in = n_in
        self.n_out = n_out
        self.params = {"W": init(rng, (n_in, n_out), n_in, n_out).astype(dtype), "b": np.zeros(n_out, dtype)}
        self.grads = {name: np.zeros_like(value) for name, value in self.params.items()}

    def forward(self, x, training=False):
        if x.ndim != 2 or x.shape[1] != self.n_in:
            raise ValueError(f"x has shape {x.shape}; Dense({self.n_in}, {self.n_out}) takes (N, {self.n_in})")
        self._keep(x)
        return x @ self.params["W"] + self.params["b"]

    def backward(self, d_out, needs_input=True):
        (x,) = self._recall()
        self.grads["W"] = x.T @ d_out
        self.grads["b"] = d_out.sum(axis=0)
        return d_out @ self.params["W"].T if needs_input else None
