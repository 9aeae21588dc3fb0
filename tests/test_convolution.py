"""Convolution and pooling, against loops that follow the formula number by number. (The contract: test_layers.)"""

import itertools

import numpy as np
import pytest

from nnlib import Conv2D, Dense, MaxPool2D, Network, zeros

every_setting = pytest.mark.parametrize("k, stride, padding", [*itertools.product([1, 2, 3], [1, 2, 3], [0, 1, 2])])
SIZES = [(3, 3), (5, 7), (6, 4), (7, 3)]  # even and odd, and not square, so that rows and columns can't be confused


def conv(k, stride, padding, seed=0, c_in=2, c_out=3, **options):
    rng = np.random.default_rng(seed)
    layer = Conv2D(c_in, c_out, k, rng=rng, stride=stride, padding=padding, **options)
    layer.params["b"][:] = rng.normal(size=c_out)
    return layer


def by_loops(x, W, b, stride, padding, d_out=None):
    """The outputs; with ``d_out`` also the gradients of x, W and b: each product hands its share to both factors."""
    N, C, height, width = x.shape
    c_out, _, k, _ = W.shape
    H, W_out = (height + 2 * padding - k) // stride + 1, (width + 2 * padding - k) // stride + 1
    out = np.empty((N, c_out, H, W_out))
    d_x, d_W, d_b = np.zeros_like(x), np.zeros_like(W), np.zeros_like(b)
    for n, o, i, j in np.ndindex(out.shape):
        out[n, o, i, j] = b[o]
        d = 0 if d_out is None else d_out[n, o, i, j]
        d_b[o] += d
        for c, u, v in np.ndindex(C, k, k):
            row, column = i * stride + u - padding, j * stride + v - padding
            if 0 <= row < height and 0 <= column < width:  # else it meets a zero of the padding
                out[n, o, i, j] += W[o, c, u, v] * x[n, c, row, column]
                d_x[n, c, row, column] += W[o, c, u, v] * d
                d_W[o, c, u, v] += x[n, c, row, column] * d
    return out, d_x, d_W, d_b


# ---------------------------------------------------------------- Conv2D


@every_setting
@pytest.mark.parametrize("height, width", SIZES)
def test_convolution_is_its_formula_forward_and_backward(k, stride, padding, height, width):
    layer = conv(k, stride, padding)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 2, height, width))
    out = layer.forward(x)
    d_out = rng.normal(size=out.shape)
    expected, d_x, d_W, d_b = by_loops(x, layer.params["W"], layer.params["b"], stride, padding, d_out)
    assert out.shape == expected.shape and np.allclose(out, expected, rtol=1e-12, atol=1e-14)
    assert np.allclose(layer.backward(d_out), d_x, rtol=1e-12, atol=1e-14)
    assert np.allclose(layer.grads["W"], d_W, rtol=1e-12, atol=1e-14)
    assert np.allclose(layer.grads["b"], d_b, rtol=1e-12, atol=1e-14)


def test_the_kernel_is_not_flipped():
    layer = conv(2, 1, 0, c_in=1, c_out=1)
    layer.params["W"][0, 0], layer.params["b"][:] = [[1, 0], [0, 0]], 0  # the upper left pixel of each window
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    assert layer.forward(x)[0, 0].tolist() == [[0, 1, 2], [4, 5, 6]]
    d_x = layer.backward(np.arange(1.0, 7).reshape(1, 1, 2, 3))
    assert d_x[0, 0].tolist() == [[1, 2, 3, 0], [4, 5, 6, 0], [0, 0, 0, 0]]


def test_pixels_that_no_window_covers_have_no_gradient():
    layer = conv(2, 3, 0)
    layer.forward(np.random.default_rng(0).normal(size=(1, 2, 6, 6)))
    d_x = layer.backward(np.random.default_rng(1).normal(size=(1, 3, 2, 2)))
    assert d_x[:, :, [0, 1, 3, 4]][..., [0, 1, 3, 4]].all()
    assert not d_x[:, :, [2, 5]].any() and not d_x[..., [2, 5]].any()


def test_a_kernel_of_one_pixel_is_a_dense_layer_at_each_pixel():
    layer, x = conv(1, 1, 0), np.random.default_rng(1).normal(size=(4, 2, 5, 3))
    dense = Dense(2, 3, rng=np.random.default_rng(0))
    dense.params = {"W": layer.params["W"].reshape(3, 2).T, "b": layer.params["b"]}
    pixels = x.transpose(0, 2, 3, 1).reshape(-1, 2)
    assert np.allclose(layer.forward(x).transpose(0, 2, 3, 1).reshape(-1, 3), dense.forward(pixels), rtol=1e-12)


def test_a_kernel_as_large_as_the_image_is_a_dense_layer():
    layer, x = conv(4, 1, 0), np.random.default_rng(1).normal(size=(5, 2, 4, 4))
    dense = Dense(32, 3, rng=np.random.default_rng(0))
    dense.params = {"W": layer.params["W"].reshape(3, 32).T, "b": layer.params["b"]}
    d_out = np.random.default_rng(2).normal(size=(5, 3))
    out = layer.forward(x)
    assert out.shape == (5, 3, 1, 1)
    assert np.allclose(out.reshape(5, 3), dense.forward(x.reshape(5, 32)), rtol=1e-12)
    assert np.allclose(layer.backward(d_out[:, :, None, None]).reshape(5, 32), dense.backward(d_out), rtol=1e-12)
    assert np.allclose(layer.grads["W"].reshape(3, 32).T, dense.grads["W"], rtol=1e-12)


def test_a_moved_image_gives_a_moved_output():
    layer, x = conv(3, 1, 1), np.zeros((1, 2, 9, 9))
    x[:, :, 2:4, 2:5] = np.random.default_rng(1).normal(size=(2, 2, 3))
    moved = np.roll(x, (3, 2), axis=(2, 3))
    assert np.allclose(layer.forward(moved), np.roll(layer.forward(x), (3, 2), axis=(2, 3)), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_convolution_starts_with_zero_biases_and_draws_its_weights_with_init_by_its_fans(dtype):
    default = Conv2D(2, 3, 5, rng=np.random.default_rng(0), dtype=dtype)
    assert default.params["W"].dtype == default.params["b"].dtype == dtype
    expected = np.sqrt(2 / (2 * 25)) * np.random.default_rng(0).standard_normal((3, 2, 5, 5))  # He
    assert np.array_equal(default.params["W"], expected.astype(dtype))
    assert default.params["b"].tolist() == [0, 0, 0] and not default.grads["W"].any() and not default.grads["b"].any()
    assert (default.stride, default.padding) == (1, 0)
    calls = []

    def init(*arguments):
        calls.append(arguments)
        return zeros(*arguments)

    rng = np.random.default_rng(0)
    Conv2D(2, 3, 5, rng=rng, init=init)
    assert calls == [(rng, (3, 2, 5, 5), 2 * 25, 3 * 25)]


def test_convolution_takes_images_that_lie_in_any_order_in_memory():
    layer, x = conv(3, 2, 1), np.random.default_rng(1).normal(size=(2, 2, 5, 7))
    expected = layer.forward(x)
    d_out = np.random.default_rng(2).normal(size=expected.shape)
    d_x = layer.backward(d_out)
    other = np.asfortranarray(x)
    assert np.array_equal(layer.forward(other), expected)
    assert np.array_equal(layer.backward(np.asfortranarray(d_out)), d_x)


# ---------------------------------------------------------------- MaxPool2D


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("height, width", SIZES)
def test_pooling_is_its_formula_forward_and_backward(k, height, width):
    rng = np.random.default_rng(0)
    x = rng.normal(-9, 1, (2, 3, height, width))  # all below zero
    layer = MaxPool2D(k)
    out = layer.forward(x)
    assert out.shape == (2, 3, height // k, width // k)
    d_out = rng.normal(size=out.shape)
    d_x = np.zeros_like(x)
    for n, c, i, j in np.ndindex(out.shape):
        window = {(u, v): x[n, c, u, v] for u in range(i * k, i * k + k) for v in range(j * k, j * k + k)}
        place = max(window, key=window.get)
        assert out[n, c, i, j] == window[place]
        d_x[n, c, *place] = d_out[n, c, i, j]
    assert np.array_equal(layer.backward(d_out), d_x)  # rows and columns that are left over have 0


def test_among_equals_the_first_gets_the_whole_gradient():
    layer = MaxPool2D(2)
    x = np.array([[[[1.0, 5, 2, 2], [5, 5, 2, 2], [0, 0, 3, 4], [0, 0, 4, 4]]]])
    assert layer.forward(x)[0, 0].tolist() == [[5, 2], [0, 4]]
    d_x = layer.backward(np.array([[[[1.0, 2], [3, 4]]]]))
    assert d_x[0, 0].tolist() == [[0, 1, 2, 0], [0, 0, 0, 0], [3, 0, 0, 4], [0, 0, 0, 0]]


# ---------------------------------------------------------------- in a network


def test_a_network_of_images_predicts_also_for_none():
    rng = np.random.default_rng(0)
    network = Network([Conv2D(1, 2, 3, rng=rng), MaxPool2D(2), Conv2D(2, 4, 2, rng=rng)])
    assert network.forward(rng.normal(size=(5, 1, 6, 6))).shape == (5, 4, 1, 1)
    assert network.forward(np.zeros((0, 1, 6, 6))).shape == (0, 4, 1, 1)
