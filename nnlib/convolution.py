"""Layers for images: convolution and pooling. Images are (N, C, H, W): examples, channels, rows, columns."""

from functools import reduce

import numpy as np

from .arguments import check_floats, check_generator, check_whole
from .initializers import he
from .layer import Layer


class Conv2D(Layer):
    """A convolution: each output pixel is a weighted sum over a window of the input, with the same weights everywhere.

    ``out[n, o, i, j] = b[o] + sum over c, u, v of W[o, c, u, v] * x[n, c, i*stride + u, j*stride + v]``, where x has ``padding``
    rows and columns of zeros around it. (The kernel is not flipped: strictly, this is a cross-correlation, as in the usual
    frameworks.) Shapes: x (N, c_in, H, W), W (c_out, c_in, k, k), b (c_out,), out (N, c_out, H', W') with
    ``H' = (H + 2*padding - k) // stride + 1``, and W' likewise.

    All windows are laid out as columns of one matrix ("im2col": N·H'·W' columns of c_in·k·k numbers), and the whole layer is
    then one matrix product, forward and backward. Fan-in and fan-out, for ``init``, are c_in·k·k and c_out·k·k.

    Raises ValueError if a size is not a positive whole number, if ``dtype`` is not a type of floats, or if ``x`` has other
    channels or is smaller than the kernel. Source: LeCun and others, 1998; im2col: Chellapilla, Puri and Simard, 2006.
    """

    def __init__(self, c_in, c_out, kernel_size, *, rng, stride=1, padding=0, init=he, dtype=np.float64):
        check_whole(c_in=c_in, c_out=c_out, kernel_size=kernel_size, stride=stride)
        check_whole(padding=padding, least=0)
        check_generator(rng)
        check_floats(dtype)
        W = init(rng, (c_out, c_in, kernel_size, kernel_size), c_in * kernel_size**2, c_out * kernel_size**2)
        params = {"W": W.astype(dtype), "b": np.zeros(c_out, dtype)}
        super().__init__(params, c_in=c_in, c_out=c_out, kernel_size=kernel_size, stride=stride, padding=padding)
        self.c_in, self.kernel_size, self.stride, self.padding = c_in, kernel_size, stride, padding

    def forward(self, x, training=False):
        k, s, p = self.kernel_size, self.stride, self.padding
        if x.ndim != 4 or x.shape[1] != self.c_in or min(x.shape[2:]) + 2 * p < k:
            needed = f"this layer takes (N, {self.c_in}, H, W), H and W at least {max(k - 2 * p, 1)}"
            raise ValueError(f"x has shape {x.shape}; {needed}")
        N, C, H, W = x.shape
        # Examples last: numbers that are moved together then lie together in memory, which is several times as fast.
        padded = np.zeros((C, H + 2 * p, W + 2 * p, N), x.dtype)
        padded[:, p : p + H, p : p + W] = x.transpose(1, 2, 3, 0)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))[:, ::s, ::s]
        H, W = windows.shape[1:3]  # from here on, those of the output
        columns = windows.transpose(0, 4, 5, 1, 2, 3).reshape(C * k * k, H * W * N)  # a window a column
        kernels = self.params["W"].reshape(-1, C * k * k)  # a kernel a row
        self._keep(columns, padded.shape, (H, W, N))
        out = kernels @ columns
        out += self.params["b"][:, None]
        return out.reshape(len(kernels), H, W, N).transpose(3, 0, 1, 2)

    def backward(self, d_out, needs_input=True):
        columns, padded_shape, (H, W, N) = self._recall()
        k, s, p = self.kernel_size, self.stride, self.padding
        d = d_out.transpose(1, 2, 3, 0).reshape(d_out.shape[1], H * W * N)  # a kernel a row, a window a column
        kernels = self.params["W"].reshape(len(d), -1)
        self.grads["W"] = (d @ columns.T).reshape(self.params["W"].shape)
        self.grads["b"] = d.sum(axis=1)
        if not needs_input:
            return None
        d_windows = (kernels.T @ d).reshape(self.c_in, k, k, H, W, N)
        d_padded = np.zeros(padded_shape, d.dtype)
        for u, v in np.ndindex(k, k):  # where windows overlap, a pixel collects from each of them
            d_padded[:, u : u + s * H : s, v : v + s * W : s] += d_windows[:, u, v]
        return d_padded[:, p : padded_shape[1] - p, p : padded_shape[2] - p].transpose(3, 0, 1, 2)


class MaxPool2D(Layer):
    """The largest number of each window of ``kernel_size`` by ``kernel_size`` pixels; the windows do not overlap.

    Shapes: x (N, C, H, W), out (N, C, H // k, W // k); rows and columns that are left over are ignored. Backward hands each
    gradient to the pixel that was the largest (the first one, if several were), and 0 to the others.
    A window with NaN gets no gradient.

    Raises ValueError if ``kernel_size`` is not a positive whole number or ``x`` is smaller than a window.
    """

    def __init__(self, kernel_size):
        check_whole(kernel_size=kernel_size)
        super().__init__(kernel_size=kernel_size)
        self.kernel_size = kernel_size

    def forward(self, x, training=False):
        k = self.kernel_size
        if x.ndim != 4 or min(x.shape[2:]) < k:
            raise ValueError(f"x has shape {x.shape}; this layer takes (N, C, H, W), H and W at least {k}")
        out = reduce(np.maximum, [x[place] for place in self._places(x.shape)])
        self._keep(x, out)
        return out

    def backward(self, d_out, needs_input=True):
        x, out = self._recall()
        d_x = np.zeros_like(x, dtype=d_out.dtype)
        waiting = np.ones_like(out, dtype=bool)  # the windows whose largest pixel was not met yet
        for place in self._places(x.shape):
            largest = waiting & (x[place] == out)
            d_x[place] = d_out * largest
            waiting &= ~largest
        return d_x

    def _places(self, shape):
        """Where the first pixel of every window lies in x, then the second pixel of every window, ...: k·k slices."""
        k, H, W = self.kernel_size, shape[2] // self.kernel_size, shape[3] // self.kernel_size
        return [np.s_[:, :, u : H * k : k, v : W * k : k] for u in range(k) for v in range(k)]
