"""Layers for images: convolution and pooling. Images are (N, C, H, W): examples, channels, rows, columns."""

import numpy as np

from .arguments import check_floats, check_generator, check_whole
from .initializers import he
from .layer import Layer


class Conv2D(Layer):
    """A convolution: each output pixel is a weighted sum over a window of the input, with the same weights everywhere.

    ``out[n, o, i, j] = b[o] + sum over c, u, v of W[o, c, u, v] * x[n, c, i*stride + u, j*stride + v]``, where x has ``padding``
    rows and columns of zeros around it. (The kernel is not flipped: strictly, this is a cross-correlation, as in every
    framework.) Shapes: x (N, c_in, H, W), W (c_out, c_in, k, k), b (c_out,), out (N, c_out, H', W') with
    ``H' = (H + 2*padding - k) // stride + 1``, and W' likewise.

    All windows are laid out as rows of one matrix ("im2col": N·H'·W' rows of c_in·k·k numbers), and the whole layer is then
    one matrix product, forward and backward. Fan-in and fan-out, for ``init``, are c_in·k·k and c_out·k·k.

    Raises ValueError if a size is not a positive whole number, or if ``x`` has other channels or is smaller than the kernel.
    Source: LeCun and others, 1998; im2col: Chellapilla, Puri and Simard, 2006.
    """

    def __init__(self, c_in, c_out, kernel_size, *, rng, stride=1, padding=0, init=he, dtype=np.float64):
        super().__init__()
        for name, value in (("c_in", c_in), ("c_out", c_out), ("kernel_size", kernel_size), ("stride", stride)):
            check_whole(name, value)
        check_whole("padding", padding, least=0)
        check_generator(rng)
        check_floats(dtype)
        self.config = {"c_in": c_in, "c_out": c_out, "kernel_size": kernel_size, "stride": stride, "padding": padding}
        self.c_in, self.kernel_size, self.stride, self.padding = c_in, kernel_size, stride, padding
        area = kernel_size * kernel_size
        W = init(rng, (c_out, c_in, kernel_size, kernel_size), c_in * area, c_out * area)
        self.params = {"W": W.astype(dtype), "b": np.zeros(c_out, dtype)}
        self.grads = {name: np.zeros_like(value) for name, value in self.params.items()}

    def forward(self, x, training=False):
        k, s, p = self.kernel_size, self.stride, self.padding
        if x.ndim != 4 or x.shape[1] != self.c_in or min(x.shape[2:]) + 2 * p < k:
            raise ValueError(
                f"x has shape {x.shape}; this layer takes (N, {self.c_in}, H, W), H and W at least {max(k - 2 * p, 1)}"
            )
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(2, 3))[:, :, ::s, ::s]
        N, C, H, W = windows.shape[:4]
        columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(N * H * W, C * k * k)  # a window a row
        kernels = self.params["W"].reshape(-1, C * k * k)  # a kernel a row
        self._keep(columns, padded.shape, (N, H, W))
        out = columns @ kernels.T + self.params["b"]
        return out.reshape(N, H, W, -1).transpose(0, 3, 1, 2)

    def backward(self, d_out, needs_input=True):
        columns, padded_shape, (N, H, W) = self._recall()
        k, s, p = self.kernel_size, self.stride, self.padding
        d = d_out.transpose(0, 2, 3, 1).reshape(N * H * W, -1)  # a pixel a row
        kernels = self.params["W"].reshape(d.shape[1], -1)
        self.grads["W"] = (d.T @ columns).reshape(self.params["W"].shape)
        self.grads["b"] = d.sum(axis=0)
        if not needs_input:
            return None
        d_windows = (d @ kernels).reshape(N, H, W, -1, k, k)
        d_padded = np.zeros(padded_shape, d.dtype)
        for u in range(k):  # where windows overlap, a pixel collects from each of them
            for v in range(k):
                d_padded[:, :, u : u + s * H : s, v : v + s * W : s] += d_windows[..., u, v].transpose(0, 3, 1, 2)
        return d_padded[:, :, p : padded_shape[2] - p, p : padded_shape[3] - p]


class MaxPool2D(Layer):
    """The largest number of each window of ``kernel_size`` by ``kernel_size`` pixels; the windows do not overlap.

    Shapes: x (N, C, H, W), out (N, C, H // k, W // k); rows and columns that are left over are ignored. Backward hands each
    gradient to the pixel that was the largest (the first one, if several were), and 0 to the others.

    Raises ValueError if ``kernel_size`` is not a positive whole number or ``x`` is smaller than a window.
    """

    def __init__(self, kernel_size):
        super().__init__()
        check_whole("kernel_size", kernel_size)
        self.config = {"kernel_size": kernel_size}
        self.kernel_size = kernel_size

    def forward(self, x, training=False):
        k = self.kernel_size
        if x.ndim != 4 or min(x.shape[2:]) < k:
            raise ValueError(f"x has shape {x.shape}; this layer takes (N, C, H, W), H and W at least {k}")
        N, C, H, W = x.shape[0], x.shape[1], x.shape[2] // k, x.shape[3] // k
        windows = (
            x[:, :, : H * k, : W * k].reshape(N, C, H, k, W, k).transpose(0, 1, 2, 4, 3, 5).reshape(N, C, H, W, k * k)
        )
        largest = windows.argmax(axis=-1)[..., None]
        self._keep(x.shape, largest)
        return np.take_along_axis(windows, largest, axis=-1)[..., 0]

    def backward(self, d_out, needs_input=True):
        shape, largest = self._recall()
        k = self.kernel_size
        N, C, H, W = d_out.shape
        d_windows = np.zeros((N, C, H, W, k * k), d_out.dtype)
        np.put_along_axis(d_windows, largest, d_out[..., None], axis=-1)
        d_x = np.zeros(shape, d_out.dtype)
        d_x[:, :, : H * k, : W * k] = (
            d_windows.reshape(N, C, H, W, k, k).transpose(0, 1, 2, 4, 3, 5).reshape(N, C, H * k, W * k)
        )
        return d_x
