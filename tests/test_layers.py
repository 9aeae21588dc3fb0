"""The contract that every layer keeps, the values of the activations, and where the weights start."""

import inspect
from decimal import Decimal, localcontext

import numpy as np
import pytest
from cases import DTYPES, LAYERS, every_dtype, every_layer, in_both_modes, one_or_six

import nnlib
from nnlib import BatchNorm, Conv2D, Dense, Dropout, Flatten, Layer, LeakyReLU
from nnlib import activations as activations_module
from nnlib import initializers as initializers_module


def eps(dtype):
    return float(np.finfo(dtype).eps)


def make(kind, n=6, dtype=np.float64, seed=0):
    """A layer, an input and a gradient for its output, which nothing may write to."""
    rng = np.random.default_rng(seed)
    layer, x = LAYERS[kind](rng, n, dtype)
    d_out = rng.normal(size=layer.forward(x).shape).astype(dtype)
    for array in (x, d_out, *layer.params.values()):
        array.flags.writeable = False
    return layer, x, d_out


def test_every_layer_has_a_case():
    public = {value for value in vars(nnlib).values() if inspect.isclass(value) and issubclass(value, Layer)}
    assert set(LAYERS) == public - {Layer}, "give each layer of nnlib a case in LAYERS"


# ---------------------------------------------------------------- the contract


@pytest.mark.parametrize("kind", [Layer, *LAYERS])
def test_layer_is_called_as_the_contract_says(kind):
    assert str(inspect.signature(kind.forward)) == "(self, x, training=False)"
    assert str(inspect.signature(kind.backward)) == "(self, d_out, needs_input=True)"


@every_layer
@one_or_six
@every_dtype
@in_both_modes
def test_layer_keeps_the_type_and_the_number_of_rows(kind, n, dtype, training):
    layer, x, d_out = make(kind, n, dtype)
    out = layer.forward(x, training=training)
    d_in = layer.backward(d_out)
    assert len(out) == n and out.dtype == dtype
    assert d_in.shape == x.shape and d_in.dtype == dtype
    assert np.isfinite(out).all() and np.isfinite(d_in).all()


@every_layer
@every_dtype
def test_grads_match_params_before_and_after_backward(kind, dtype):
    layer, x, d_out = make(kind, dtype=dtype)

    def form(arrays):
        return {name: (value.shape, value.dtype) for name, value in arrays.items()}

    assert form(layer.grads) == form(layer.params)
    assert all(value.dtype == dtype for value in layer.params.values())
    state = form(layer.state)
    layer.forward(x, training=True)
    layer.backward(d_out)
    assert form(layer.grads) == form(layer.params)
    assert form(layer.state) == state and all(value.dtype == dtype for value in layer.state.values())


@every_layer
@in_both_modes
def test_layer_never_changes_its_arguments_or_its_parameters(kind, training):
    layer, x, d_out = make(kind)  # all of them read-only, so that writing is an error
    before = [array.copy() for array in (x, d_out, *layer.params.values())]
    layer.forward(x, training=training)
    layer.backward(d_out)
    layer.backward(d_out, needs_input=False)
    for array, copy in zip((x, d_out, *layer.params.values()), before):
        assert np.array_equal(array, copy)


@every_layer
def test_backward_before_forward_says_so(kind):
    layer, _ = LAYERS[kind](np.random.default_rng(0), 6, np.float64)
    with pytest.raises(RuntimeError, match=rf"{kind.__name__}\.backward needs a forward before it"):
        layer.backward(np.ones((6, 3)))


@every_layer
@in_both_modes
def test_backward_twice_gives_the_same(kind, training):
    layer, x, d_out = make(kind)
    layer.forward(x, training=training)
    d_in = layer.backward(d_out).copy()
    grads = {name: grad.copy() for name, grad in layer.grads.items()}
    assert np.array_equal(layer.backward(d_out), d_in)
    for name, grad in grads.items():
        assert np.array_equal(layer.grads[name], grad)


@every_layer
def test_backward_belongs_to_the_last_forward(kind):
    layer, x, d_out = make(kind)
    other, other_x, other_d_out = make(kind, n=1, seed=1)
    layer.forward(x)
    expected = layer.backward(d_out)
    layer.forward(other_x, training=True)
    assert layer.backward(other_d_out).shape == other_x.shape
    layer.forward(x)
    assert np.array_equal(layer.backward(d_out), expected)


@every_layer
def test_backward_is_linear_in_d_out(kind):
    layer, x, d_out = make(kind)
    layer.forward(x, training=True)
    d_in, grads = layer.backward(d_out).copy(), {name: grad.copy() for name, grad in layer.grads.items()}
    assert np.allclose(layer.backward(-3 * d_out), -3 * d_in, rtol=1e-12, atol=1e-15)
    for name, grad in grads.items():
        assert np.allclose(layer.grads[name], -3 * grad, rtol=1e-12, atol=1e-15)


@every_layer
def test_needs_input_changes_no_gradient_of_a_parameter(kind):
    layer, x, d_out = make(kind)
    layer.forward(x)
    d_in, grads = layer.backward(d_out, needs_input=True), dict(layer.grads)
    layer.grads = {name: np.full_like(grad, np.nan) for name, grad in grads.items()}
    returned = layer.backward(d_out, needs_input=False)
    assert returned is None or np.array_equal(returned, d_in)
    for name, grad in grads.items():
        assert np.array_equal(layer.grads[name], grad)


@pytest.mark.parametrize("kind", [Dense, Conv2D])
def test_layers_with_weights_return_nothing_without_needs_input(kind):
    layer, x, d_out = make(kind)
    layer.forward(x)
    assert layer.backward(d_out, needs_input=False) is None


@every_layer
def test_rows_are_examples_on_their_own(kind):
    layer, x, _ = make(kind)
    together = layer.forward(x)
    for i in range(len(x)):
        assert np.allclose(layer.forward(x[i : i + 1]), together[i : i + 1], rtol=1e-12)


@every_layer
def test_layers_share_nothing(kind):
    one, x, _ = make(kind)
    other, _, _ = make(kind)
    for part in ("params", "grads", "state", "config"):
        assert type(getattr(one, part)) is dict
        assert getattr(one, part) is not getattr(other, part)
    for part in ("params", "grads", "state"):
        for name, array in getattr(one, part).items():
            assert not np.shares_memory(array, getattr(other, part)[name])


@every_layer
@one_or_six
def test_config_makes_a_layer_like_it(kind, n):
    layer, x = LAYERS[kind](np.random.default_rng(0), n, np.float64)
    needs_rng = "rng" in inspect.signature(kind).parameters
    again = kind(**layer.config, **({"rng": np.random.default_rng(1)} if needs_rng else {}))
    assert again.config == layer.config
    again.params, again.state = layer.params, layer.state
    assert np.array_equal(again.forward(x), layer.forward(x))


@every_layer
def test_a_layer_takes_an_empty_set(kind):
    layer, x, d_out = make(kind)
    out = layer.forward(x[:0])
    assert out.shape == (0, *d_out.shape[1:])


def test_the_base_class_leaves_forward_and_backward_to_its_children():
    class Half(Layer):
        pass

    with pytest.raises(NotImplementedError, match="Half has no forward"):
        Half().forward(np.ones((1, 1)))
    with pytest.raises(NotImplementedError, match="Half has no backward"):
        Half().backward(np.ones((1, 1)))


# ---------------------------------------------------------------- Dense


def test_dense_computes_its_formula():
    layer, x, d_out = make(Dense)
    W, b = layer.params["W"], layer.params["b"]
    out = layer.forward(x)
    d_x = layer.backward(d_out)
    for n in range(6):
        for j in range(3):
            assert out[n, j] == pytest.approx(sum(x[n, i] * W[i, j] for i in range(5)) + b[j])
        for i in range(5):
            assert d_x[n, i] == pytest.approx(sum(d_out[n, j] * W[i, j] for j in range(3)))
    for j in range(3):
        assert layer.grads["b"][j] == pytest.approx(sum(d_out[:, j]))
        for i in range(5):
            assert layer.grads["W"][i, j] == pytest.approx(sum(x[n, i] * d_out[n, j] for n in range(6)))


@every_dtype
def test_dense_starts_with_zero_biases_and_gradients(dtype):
    layer = Dense(5, 3, rng=np.random.default_rng(0), dtype=dtype)
    assert layer.params["W"].shape == (5, 3) and layer.params["b"].shape == (3,)
    assert not layer.params["b"].any() and not layer.grads["W"].any() and not layer.grads["b"].any()


def test_dense_draws_its_weights_with_init_which_is_he_unless_told():
    default = Dense(5, 3, rng=np.random.default_rng(0)).params["W"]
    assert np.array_equal(default, nnlib.he(np.random.default_rng(0), (5, 3), 5, 3))
    calls = []

    def init(*arguments):
        calls.append(arguments)
        return np.ones((5, 3))

    rng = np.random.default_rng(0)
    Dense(5, 3, rng=rng, init=init)
    assert calls == [(rng, (5, 3), 5, 3)]


def test_dense_has_its_own_copy_of_what_init_returns():
    mine = np.ones((5, 3))
    layer = Dense(5, 3, rng=np.random.default_rng(0), init=lambda *_: mine)
    layer.params["W"] += 1
    assert (mine == 1).all()


# ---------------------------------------------------------------- Flatten


def test_flatten_reads_each_image_row_by_row():
    layer, x, d_out = make(Flatten)
    assert np.array_equal(layer.forward(x), [image.ravel() for image in x])
    assert np.array_equal(layer.backward(d_out), [row.reshape(2, 3, 4) for row in d_out])
    assert Flatten().forward(np.ones((6, 5))).shape == (6, 5) and Flatten().forward(np.ones(6)).shape == (6, 1)


# ---------------------------------------------------------------- Dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@every_dtype
def test_dropout_keeps_the_expected_value(rate, dtype):
    x = np.full((400, 500), 2, dtype)
    out = Dropout(rate, np.random.default_rng(0)).forward(x, training=True)
    assert out.dtype == dtype and set(np.unique(out)) == {0, dtype(1 / (1 - rate)) * 2}
    error = 4 * np.sqrt(rate * (1 - rate) / x.size)  # four standard errors of a share
    assert np.mean(out == 0) == pytest.approx(rate, abs=error)
    assert out.mean(dtype=np.float64) == pytest.approx(2, abs=2 * error / (1 - rate))
    # each number on its own: rows and columns lose about as many
    for axis, length in ((0, 400), (1, 500)):
        spread = np.std(np.mean(out == 0, axis=axis))
        assert spread == pytest.approx(np.sqrt(rate * (1 - rate) / length), rel=0.2)


def test_dropout_divides_what_it_keeps_by_the_share_kept_and_uses_the_same_mask_backward():
    x, d_out = (np.random.default_rng(seed).normal(size=(50, 7)) for seed in (1, 2))
    layer = Dropout(0.2, np.random.default_rng(0))
    out, d_x = layer.forward(x, training=True), layer.backward(d_out)
    kept = out != 0
    assert 0 < kept.mean() < 1
    assert np.allclose(out, np.where(kept, x / 0.8, 0), rtol=1e-15) and np.array_equal(
        d_x, np.where(kept, d_out * (1 / 0.8), 0)
    )


def test_dropout_draws_a_mask_for_each_forward_and_is_reproducible_from_its_rng():
    x = np.ones((10, 20))

    def masks(seed):
        layer = Dropout(0.5, np.random.default_rng(seed))
        return [layer.forward(x, training=True) for _ in range(3)]

    first, again, other = masks(0), masks(0), masks(1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other))
    assert not np.array_equal(first[0], first[1]) and not np.array_equal(first[1], first[2])


def test_dropout_keeps_where_a_number_drawn_in_single_precision_is_not_below_the_rate():
    out = Dropout(0.3, np.random.default_rng(0)).forward(np.ones((9, 9)), training=True)
    assert np.array_equal(out != 0, np.random.default_rng(0).random((9, 9), dtype=np.float32) >= 0.3)

    class Zero(np.random.Generator):
        def random(self, size, dtype=np.float64):
            return np.zeros(size, dtype)  # which is drawn once in millions, and is not below a rate of 0

    layer = Dropout(0, Zero(np.random.PCG64(0)))
    assert layer.forward(np.ones((2, 2)), training=True).all()


def test_dropout_draws_the_same_mask_for_either_type():
    masks = [Dropout(0.3, np.random.default_rng(0)).forward(np.ones((9, 9), dtype), training=True) for dtype in DTYPES]
    assert np.array_equal(masks[0] == 0, masks[1] == 0)


def test_dropout_in_evaluation_passes_everything_on_and_draws_nothing():
    rng = np.random.default_rng(0)
    layer, x = Dropout(0.9, rng), np.random.default_rng(1).normal(size=(6, 7))
    layer.forward(x, training=True)
    state = rng.bit_generator.state
    for out in (layer.forward(x), layer.forward(x, training=False)):
        assert np.array_equal(out, x) and np.array_equal(layer.backward(2 * x), 2 * x)
    assert rng.bit_generator.state == state


def test_dropout_of_rate_zero_keeps_everything():
    layer, x = Dropout(0, np.random.default_rng(0)), np.random.default_rng(1).normal(size=(6, 7))
    assert np.array_equal(layer.forward(x, training=True), x) and np.array_equal(layer.backward(x), x)


@pytest.mark.parametrize("shape", [(6,), (2, 3, 4, 5)])
def test_dropout_takes_any_shape(shape):
    out = Dropout(0.5, np.random.default_rng(0)).forward(np.ones(shape), training=True)
    assert out.shape == shape and set(out.ravel()) == {0, 2}


# ---------------------------------------------------------------- BatchNorm


def test_batch_norm_computes_its_formula_from_the_batch_in_training():
    layer, x, _ = make(BatchNorm)
    out = layer.forward(x, training=True)
    for j in range(4):
        mean = sum(x[:, j]) / 6
        var = sum((x[:, j] - mean) ** 2) / 6  # over N, and not N - 1
        gamma, beta = layer.params["gamma"][j], layer.params["beta"][j]
        assert out[:, j] == pytest.approx(gamma * (x[:, j] - mean) / np.sqrt(var + 1e-5) + beta, rel=1e-12)


def test_batch_norm_starts_as_mean_0_and_variance_1():
    x = np.random.default_rng(0).normal(5, 3, (1000, 4))
    layer = BatchNorm(4)
    out = layer.forward(x, training=True)
    assert np.allclose(out.mean(axis=0), 0, atol=1e-13) and np.allclose(out.var(axis=0), 1, atol=1e-5)
    fresh = BatchNorm(4)
    assert np.allclose(fresh.forward(x), x / np.sqrt(1 + 1e-5), rtol=1e-14)  # mean 0 and variance 1 are its first guess


def test_batch_norm_computes_its_formula_from_the_running_statistics_in_evaluation():
    layer, x, d_out = make(BatchNorm)
    mean, var = layer.state["running_mean"], layer.state["running_var"]
    before = mean.copy(), var.copy()
    out, d_x = layer.forward(x), layer.backward(d_out)
    gamma, beta = layer.params["gamma"], layer.params["beta"]
    assert np.allclose(out, gamma * (x - mean) / np.sqrt(var + 1e-5) + beta, rtol=1e-12)
    assert np.allclose(d_x, d_out * gamma / np.sqrt(var + 1e-5), rtol=1e-12)  # the statistics are constants
    assert np.array_equal(layer.state["running_mean"], before[0])
    assert np.array_equal(layer.state["running_var"], before[1])


@pytest.mark.parametrize("momentum", [0.1, 0.5, 1])
def test_batch_norm_moves_its_running_statistics_by_the_rule(momentum):
    rng = np.random.default_rng(0)
    layer = BatchNorm(3) if momentum == 0.1 else BatchNorm(3, momentum=momentum)  # 0.1 unless told
    mean, var = np.zeros(3), np.ones(3)
    for n in (6, 2, 9):
        x = rng.normal(4, 2, (n, 3))
        layer.forward(x, training=True)
        mean = (1 - momentum) * mean + momentum * x.sum(axis=0) / n
        var = (1 - momentum) * var + momentum * ((x - x.sum(axis=0) / n) ** 2).sum(axis=0) / (n - 1)
        assert np.allclose(layer.state["running_mean"], mean, rtol=1e-13)
        assert np.allclose(layer.state["running_var"], var, rtol=1e-13)


def test_batch_norm_learns_the_statistics_of_the_data():
    rng = np.random.default_rng(0)
    layer = BatchNorm(2)
    for _ in range(300):
        layer.forward(rng.normal([3, -1], [2, 0.5], (200, 2)), training=True)
    assert np.allclose(layer.state["running_mean"], [3, -1], atol=0.1)
    assert np.allclose(layer.state["running_var"], [4, 0.25], rtol=0.1)


def test_batch_norm_of_one_example_is_beta_and_leaves_the_running_statistics_alone():
    layer, x, d_out = make(BatchNorm, n=1)
    before = {name: value.copy() for name, value in layer.state.items()}
    out, d_x = layer.forward(x, training=True), layer.backward(d_out)
    assert np.array_equal(out[0], layer.params["beta"]) and not d_x.any()
    assert np.array_equal(layer.grads["beta"], d_out[0]) and not layer.grads["gamma"].any()
    assert all(np.array_equal(layer.state[name], value) for name, value in before.items())


def test_batch_norm_passes_no_gradient_of_a_sum_or_of_a_scale():
    layer, x, d_out = make(BatchNorm)
    out = layer.forward(x, training=True)
    x_hat = (out - layer.params["beta"]) / layer.params["gamma"]
    # Shifting a column of x changes nothing, and scaling it next to nothing: so the sum of the outputs is always the same,
    # and so, but for eps, is the sum of their squares.
    assert np.allclose(layer.backward(np.ones_like(d_out)), 0, atol=1e-15)
    assert np.allclose(layer.backward(x_hat), 0, atol=1e-4)
    d_x = layer.backward(d_out)
    assert np.abs(d_x).max() > 0.1
    assert np.allclose(d_x.sum(axis=0), 0, atol=1e-14)
    assert np.allclose((d_x * x).sum(axis=0), 0, atol=1e-4)


def test_batch_norm_after_an_evaluation_takes_the_statistics_as_constants_also_if_it_trained_before():
    layer, x, d_out = make(BatchNorm)
    layer.forward(x, training=True)
    layer.forward(x)
    scale = layer.params["gamma"] / np.sqrt(layer.state["running_var"] + 1e-5)
    assert np.allclose(layer.backward(d_out), d_out * scale, rtol=1e-12)


def test_batch_norm_takes_another_eps():
    x = np.random.default_rng(0).normal(size=(6, 2))
    out = BatchNorm(2, eps=3).forward(x, training=True)
    assert np.allclose(out, (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 3), rtol=1e-12)


@every_dtype
@pytest.mark.filterwarnings("error")
def test_batch_norm_of_a_column_that_never_changes_is_beta(dtype):
    layer, _, _ = make(BatchNorm, dtype=dtype)
    out = layer.forward(np.full((8, 4), 3, dtype), training=True)
    assert np.array_equal(out, np.broadcast_to(layer.params["beta"], (8, 4)))


# ---------------------------------------------------------------- activations: values


def exact(function):
    """A function of one Decimal, as a function of one float, computed with 60 digits."""

    def value(z):
        with localcontext(prec=60):
            return float(function(Decimal(float(z))))

    return value


def exact_tanh(z):
    e = (2 * z).exp()
    return (e - 1) / (e + 1)


PI = Decimal("3.14159265358979323846264338327950288419716939937510")

# For each function of nnlib.activations that works number by number: its value, and its slope, from the textbook's formula.
VALUES = {
    "sigmoid": exact(lambda z: 1 / (1 + (-z).exp())),
    "tanh": exact(exact_tanh),
    "relu": exact(lambda z: max(z, 0)),
    "leaky_relu": exact(lambda z: z if z > 0 else z * Decimal(0.01)),
    "gelu": exact(lambda z: z / 2 * (1 + exact_tanh((2 / PI).sqrt() * (z + Decimal("0.044715") * z**3)))),
    "silu": exact(lambda z: z / (1 + (-z).exp())),
}
LAYER_OF = {
    "sigmoid": nnlib.Sigmoid,
    "tanh": nnlib.Tanh,
    "relu": nnlib.ReLU,
    "leaky_relu": nnlib.LeakyReLU,
    "gelu": nnlib.GELU,
    "silu": nnlib.SiLU,
}
every_activation = pytest.mark.parametrize("name", VALUES)
POINTS = [-20.0, -3.0, -1.0, -0.5, -0.125, 0.0, 0.125, 0.5, 1.0, 3.0, 20.0]


def public_functions(module):
    return {
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    }


def test_every_activation_has_a_value_to_compare_with():
    assert public_functions(activations_module) == {*VALUES, "softmax"}
    assert set(LAYER_OF.values()) == {kind for kind in LAYERS if kind.__module__ == activations_module.__name__}
    assert LAYER_OF.keys() == VALUES.keys()


@every_activation
@every_dtype
def test_activation_is_its_formula(name, dtype):
    z = np.array(POINTS, dtype)
    got = getattr(nnlib, name)(z)
    tiny = eps(dtype)
    # GELU's 1 + tanh(u) cancels for negative z, so it is right to eps in z and not in the result
    assert got.dtype == dtype
    assert np.allclose(got, [VALUES[name](x) for x in z], rtol=16 * tiny, atol=20 * tiny if name == "gelu" else 0)


@every_activation
@every_dtype
def test_layer_applies_the_function_of_its_name(name, dtype):
    z = np.array([POINTS], dtype)
    assert np.array_equal(LAYER_OF[name]().forward(z), getattr(nnlib, name)(z))


@every_activation
def test_activation_takes_any_shape(name):
    function = getattr(nnlib, name)
    z = np.random.default_rng(0).normal(size=(2, 3, 5))
    out = function(z)
    assert out.shape == z.shape
    assert np.array_equal(function(z.ravel()), out.ravel())
    assert np.shape(function(z[0, 0, 0])) == () and np.shape(function(0.5)) == ()
    assert [function(float(x)) for x in z.ravel()] == pytest.approx(out.ravel(), rel=1e-14, abs=0)
    assert np.array_equal(function(z.tolist()), out)


@every_activation
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64])
@pytest.mark.filterwarnings("error")
def test_activation_of_whole_numbers_does_not_wrap_around(name, dtype):
    z = np.array([0, 1, 5, 100], dtype)
    assert np.allclose(getattr(nnlib, name)(z), getattr(nnlib, name)(z.astype(float)), rtol=1e-3, atol=0)


@every_activation
def test_activation_does_not_change_its_argument(name):
    z = np.array(POINTS)
    z.flags.writeable = False
    getattr(nnlib, name)(z)
    assert z.tolist() == POINTS


FAR_OFF = {  # value and slope at -1000 and at 1000
    "sigmoid": ([0, 1], [0, 0]),
    "tanh": ([-1, 1], [0, 0]),
    "relu": ([0, 1000], [0, 1]),
    "leaky_relu": ([-10, 1000], [0.01, 1]),
    "gelu": ([0, 1000], [0, 1]),
    "silu": ([0, 1000], [0, 1]),
}


@every_activation
@every_dtype
@pytest.mark.filterwarnings("error")
def test_activation_far_from_zero_is_exact_and_without_warning(name, dtype):
    z = np.array([[-1000, 1000]], dtype)
    layer = LAYER_OF[name]()
    values, slopes = FAR_OFF[name]
    assert np.array_equal(layer.forward(z), np.array([values], dtype))
    assert np.array_equal(layer.backward(np.ones_like(z)), np.array([slopes], dtype))


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
@every_dtype
def test_at_the_kink_the_slope_is_the_left_one(name, dtype):
    layer = LAYER_OF[name]()
    layer.forward(np.array([[0.0, -0.0]], dtype))
    assert np.array_equal(
        layer.backward(np.ones((1, 2), dtype)), np.full((1, 2), {"relu": 0, "leaky_relu": 0.01}[name], dtype)
    )


@every_dtype
def test_sigmoid_of_minus_z_is_one_minus_sigmoid(dtype):
    z = np.linspace(-30, 30, 601, dtype=dtype)
    assert np.allclose(nnlib.sigmoid(-z), 1 - nnlib.sigmoid(z), rtol=0, atol=eps(dtype))
    assert (nnlib.sigmoid(z) > 0).all() and (nnlib.sigmoid(z) <= 1).all()


@pytest.mark.parametrize("slope", [0.2, -0.5, np.float64(0.3)])
@every_dtype
def test_leaky_relu_takes_another_slope_and_keeps_the_type(slope, dtype):
    z = np.array([[-2, 2]], dtype)
    layer = LeakyReLU(slope)
    out, d_in = layer.forward(z), layer.backward(np.ones_like(z))
    assert out.dtype == d_in.dtype == dtype
    assert np.allclose(out, [[-2 * slope, 2]]) and np.allclose(d_in, [[slope, 1]])
    assert np.allclose(nnlib.leaky_relu(z, slope), out)


# ---------------------------------------------------------------- softmax


@every_dtype
def test_softmax_is_its_formula(dtype):
    z = np.random.default_rng(0).normal(0, 3, (7, 5)).astype(dtype)
    got = nnlib.softmax(z)
    assert got.dtype == dtype
    with localcontext(prec=60):
        for row, got_row in zip(z, got):
            e = [Decimal(float(x)).exp() for x in row]
            assert got_row == pytest.approx([float(x / sum(e)) for x in e], rel=20 * eps(dtype))


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5), (3, 1)])
@every_dtype
def test_softmax_sums_to_one_along_the_last_axis(shape, dtype):
    p = nnlib.softmax(np.random.default_rng(0).normal(0, 3, shape).astype(dtype))
    assert p.shape == shape and (p > 0).all()
    assert np.allclose(p.sum(axis=-1), 1, rtol=0, atol=4 * eps(dtype))


def test_softmax_does_not_notice_a_shift():
    z = (
        np.random.default_rng(0).integers(-40, 40, (6, 5)) / 8
    )  # with few binary digits, so that shifting rounds nothing
    for shift in (1.0, -1000.0, np.arange(6)[:, None] * 64.0):
        assert np.array_equal(nnlib.softmax(z + shift), nnlib.softmax(z))


@pytest.mark.parametrize("size", [1e3, 1e6])
@every_dtype
@pytest.mark.filterwarnings("error")
def test_softmax_of_far_off_logits_is_exact_and_without_warning(size, dtype):
    z = np.array([[size, 0, -size], [-size, size, size]], dtype)
    assert np.array_equal(nnlib.softmax(z), np.array([[1, 0, 0], [0, 0.5, 0.5]], dtype))


def test_softmax_takes_whole_numbers_and_leaves_its_argument_alone():
    z = np.array([[0, 5], [200, 100]], np.uint8)
    z.flags.writeable = False
    assert np.array_equal(nnlib.softmax(z), nnlib.softmax(z.astype(float)))
    assert np.array_equal(nnlib.softmax([[0, 5]]), nnlib.softmax(np.array([[0.0, 5.0]])))


# ---------------------------------------------------------------- initializers

FAN_IN, FAN_OUT = 30, 70
NORMAL = {  # each that draws, with its variance
    "normal": (nnlib.normal(0.3), 0.3**2),
    "lecun": (nnlib.lecun, 1 / FAN_IN),
    "glorot": (nnlib.glorot, 2 / (FAN_IN + FAN_OUT)),
    "he": (nnlib.he, 2 / FAN_IN),
}
every_draw = pytest.mark.parametrize("name", NORMAL)


def test_every_initializer_is_tested():
    assert public_functions(initializers_module) == {*NORMAL, "zeros", "constant"}


@every_draw
def test_initializer_draws_normal_numbers_of_the_stated_variance(name):
    init, variance = NORMAL[name]
    W = init(np.random.default_rng(0), (400, 250), FAN_IN, FAN_OUT)  # the variance goes by the fans, not by the shape
    assert W.shape == (400, 250)
    z = W.ravel() / np.sqrt(variance)
    # the moments of a standard normal number, within four standard errors
    for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert np.mean(z**power) == pytest.approx(moment, abs=4 * np.sqrt(spread / z.size))


@every_draw
def test_initializer_depends_on_its_rng_alone(name):
    init, _ = NORMAL[name]
    rng = np.random.default_rng(5)
    first, second = (init(rng, (3, 2), 3, 2) for _ in range(2))
    assert np.array_equal(init(np.random.default_rng(5), (3, 2), 3, 2), first)
    assert not np.isclose(first, second).any()


def test_constant_and_zeros_fill_the_shape_with_floats():
    for init, value in ((nnlib.constant(0.25), 0.25), (nnlib.constant(3), 3), (nnlib.constant(0), 0), (nnlib.zeros, 0)):
        W = init(np.random.default_rng(0), (3, 2), 3, 2)
        assert W.shape == (3, 2) and W.dtype == np.float64 and (W == value).all()


@every_layer
def test_whole_numbers_are_taken_as_floats(kind):
    """What a layer makes of pixels or of a list of labels is what it makes of the same numbers as floats."""
    whole = None
    for dtype in (np.int64, np.float64):
        layer, x = LAYERS[kind](np.random.default_rng(0), 6, np.float64)
        out = layer.forward(np.round(4 * x).astype(dtype), training=True)
        assert whole is None or np.allclose(out, whole)
        whole = out


def test_tanh_of_bools_is_a_float64():
    assert nnlib.tanh([True, False]).dtype == nnlib.Tanh().forward(np.array([True])).dtype == np.float64
