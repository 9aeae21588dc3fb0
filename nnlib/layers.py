"""The layers between the activations: dense, flatten, and what keeps training well-behaved."""

import math

import numpy as np

from .arguments import as_floats, check_floats, check_generator, check_number, check_whole
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
        check_whole(n_in=n_in, n_out=n_out)
        check_generator(rng)
        check_floats(dtype)
        params = {"W": init(rng, (n_in, n_out), n_in, n_out).astype(dtype), "b": np.zeros(n_out, dtype)}
        super().__init__(params, n_in=n_in, n_out=n_out)
        self.n_in, self.n_out = n_in, n_out

    def forward(self, x, training=False):
        if x.ndim != 2 or x.shape[1] != self.n_in:
            raise ValueError(f"x has shape {x.shape}; Dense({self.n_in}, {self.n_out}) takes (N, {self.n_in})")
        self._keep(x)
        out = x @ self.params["W"]
        out += self.params["b"]
        return out

    def backward(self, d_out, needs_input=True):
        (x,) = self._recall()
        self.grads["W"] = x.T @ d_out
        self.grads["b"] = d_out.sum(axis=0)
        return d_out @ self.params["W"].T if needs_input else None


class Flatten(Layer):
    """Images to rows: (N, C, H, W), or any (N, ...), to (N, C·H·W); backward restores the shape."""

    def forward(self, x, training=False):
        self._keep(x.shape)
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, d_out, needs_input=True):
        (shape,) = self._recall()
        return d_out.reshape(shape)


class Dropout(Layer):
    """Set each number to zero with probability ``rate`` in training; pass everything on in evaluation.

    "Inverted": what is kept is divided by ``1 - rate``, so that the expected value stays the same and evaluation needs no
    factor. ``out = x * mask`` with ``mask`` 0 or ``1 / (1 - rate)``, drawn anew by each forward in training; and
    ``d_x = d_out * mask`` with the same mask. Any shape.

    Raises ValueError unless 0 ≤ rate < 1. Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, 2014.
    """

    def __init__(self, rate, rng):
        (self.rate,) = check_number(rate=rate, least=0, below=1)
        check_generator(rng)
        super().__init__(rate=self.rate)
        self.rng = rng

    def forward(self, x, training=False):
        x, mask = as_floats(x), None
        if training:
            # Drawn in single precision whatever x is: it costs half, and decides as well.
            mask = (self.rng.random(x.shape, dtype=np.float32) >= self.rate) * x.dtype.type(1 / (1 - self.rate))
        self._keep(mask)
        return x if mask is None else x * mask

    def backward(self, d_out, needs_input=True):
        (mask,) = self._recall()
        return d_out if mask is None else d_out * mask


class BatchNorm(Layer):
    """Give each column mean 0 and variance 1 over the batch, then a scale and a shift that are learnt.

    ``x_hat = (x - mean) / sqrt(var + eps)`` and ``out = gamma * x_hat + beta``. Shapes: x and out (N, n), all else (n,).

    In training, mean and variance are the batch's own, and take part in backward: with ``d = d_out * gamma``,
    ``d_x = (d - mean(d) - x_hat * mean(d * x_hat)) / sqrt(var + eps)``, the means over the batch. In evaluation they are the
    running ones, which are constants: ``d_x = d / sqrt(var + eps)``. Each forward in training moves the running ones:
    ``running = (1 - momentum) * running + momentum * batch``, where the batch's variance is the unbiased one (sum of squares
    over N - 1), as in PyTorch. A batch of one example has no variance: its output is ``beta``, its d_x is 0, and it leaves the running ones
    alone (PyTorch raises an error).

    Raises ValueError for bad sizes and for another number of columns than ``n``. Source: Ioffe and Szegedy, 2015.
    """

    def __init__(self, n, momentum=0.1, eps=1e-5, dtype=np.float64):
        check_whole(n=n)
        (self.momentum,) = check_number(momentum=momentum, above=0, most=1)
        (self.eps,) = check_number(eps=eps, above=0)
        check_floats(dtype)
        params = {"gamma": np.ones(n, dtype), "beta": np.zeros(n, dtype)}
        super().__init__(params, n=n, momentum=self.momentum, eps=self.eps)
        self.n = n
        self.state = {"running_mean": np.zeros(n, dtype), "running_var": np.ones(n, dtype)}

    def forward(self, x, training=False):
        if x.ndim != 2 or x.shape[1] != self.n:
            raise ValueError(f"x has shape {x.shape}; BatchNorm({self.n}) takes (N, {self.n})")
        mean, var = self.state["running_mean"], self.state["running_var"]
        if training:
            mean, var = x.mean(axis=0), x.var(axis=0)
            if len(x) > 1:
                for name, batch in (("running_mean", mean), ("running_var", var * (len(x) / (len(x) - 1)))):
                    self.state[name] = (1 - self.momentum) * self.state[name] + self.momentum * batch
        scale = 1 / np.sqrt(var + self.eps)
        x_hat = (x - mean) * scale
        self._keep(x_hat, scale, training)
        return self.params["gamma"] * x_hat + self.params["beta"]

    def backward(self, d_out, needs_input=True):
        x_hat, scale, training = self._recall()
        self.grads["gamma"] = (d_out * x_hat).sum(axis=0)
        self.grads["beta"] = d_out.sum(axis=0)
        d = d_out * self.params["gamma"]
        if training:  # mean and variance depend on x too
            d = d - d.mean(axis=0) - x_hat * (d * x_hat).mean(axis=0)
        return d * scale
