"""Every gradient against central differences; and proof that `gradient_check` finds the wrong ones."""

import copy
import inspect
from itertools import count

import numpy as np
import pytest
from cases import LAYERS, LOSSES, every_layer, every_loss, in_both_modes, numerical, one_or_six

from nnlib import (
    BatchNorm,
    BinaryCrossEntropy,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    MeanSquaredError,
    Network,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
    gradient_check,
    mlp,
)
from nnlib.network import ACTIVATIONS

TOLERANCE = 1e-6


def assert_close(gradient, expected, zero=False):
    assert gradient.shape == expected.shape
    error = np.abs(gradient - expected) / np.maximum(np.maximum(np.abs(gradient), np.abs(expected)), 1e-8)
    assert error.max() < TOLERANCE
    assert (np.abs(expected).max() == 0) if zero else (np.abs(expected).max() > 1e-3)  # there is something to see


# ---------------------------------------------------------------- each layer and each loss, without nnlib.gradient_check


@every_layer
@one_or_six
@in_both_modes
def test_layer_gradients(kind, n, training):
    rng = np.random.default_rng(0)
    layer, x = LAYERS[kind](rng, n, np.float64)
    assert all(value.all() for value in layer.params.values())  # no bias that is zero
    fresh = copy.deepcopy(layer)
    out = layer.forward(x, training=training)
    d_out = rng.normal(size=out.shape)
    d_in = layer.backward(d_out)

    def weighted_sum():  # of the outputs: its gradient with respect to them is d_out
        return np.sum(d_out * copy.deepcopy(fresh).forward(x, training=training))

    alone = kind is BatchNorm and training and n == 1  # a batch of one is its own mean: x cancels, and so does gamma
    assert_close(d_in, numerical(weighted_sum, x), zero=alone)
    for name, value in fresh.params.items():
        assert_close(layer.grads[name], numerical(weighted_sum, value), zero=alone and name == "gamma")


@every_loss
@one_or_six
def test_loss_gradients(kind, n):
    outputs, targets = LOSSES[kind](np.random.default_rng(0), n)
    _, d_outputs = kind()(outputs, targets)
    assert_close(d_outputs, numerical(lambda: kind()(outputs, targets)[0], outputs))


# ---------------------------------------------------------------- whole networks, with it


def network_for(activation, loss, targets, classes):
    """A network with random biases, and data, on which a difference of losses can tell a gradient to six digits.

    No hidden unit is near a kink in any example, and no gradient is tiny: each loss is rounded to about 1e-16, its difference
    over a step of 1e-5 to 1e-11, and of a gradient below 1e-5 that would leave fewer than six digits.
    """
    for seed in count():
        rng = np.random.default_rng(seed)
        network = mlp([5, 7, 3, classes], activation, rng=rng)
        for layer in network.layers[::2]:
            layer.params["b"][:] = rng.normal(size=layer.n_out)
        X = rng.normal(size=(len(targets), 5))
        d_X = network.backward(loss(network.forward(X), targets)[1], needs_input=True)
        hidden = [z for i in (1, 3) for z in Network(network.layers[:i]).forward(X).flat]
        gradients = [g for grad in (d_X, *(grad for _, _, grad in network.parameters())) for g in grad.flat if g != 0]
        if np.abs(hidden).min() > 1e-3 and np.abs(gradients).min() > 2e-4:
            return network, X


@pytest.mark.parametrize("activation", ACTIVATIONS)
@every_loss
@one_or_six
@in_both_modes
def test_network_gradients(activation, kind, n, training):
    outputs, targets = LOSSES[kind](np.random.default_rng(0), n)
    network, X = network_for(activation, kind(), targets, outputs.shape[1])
    X.flags.writeable = targets.flags.writeable = False
    errors = gradient_check(network, kind(), X, targets, training=training)
    assert list(errors) == ["input", "0.W", "0.b", "2.W", "2.b", "4.W", "4.b"]
    assert all(type(error) is float and error < TOLERANCE for error in errors.values()), errors


def dense_stack(rng):
    layers = [Dense(4, 6, rng=rng), BatchNorm(6), Tanh(), Dropout(0.4, rng), Dense(6, 3, rng=rng)]
    return Network(layers), rng.normal(size=(5, 4))


def image_stack(rng):
    layers = [Conv2D(2, 3, 2, rng=rng, padding=1), Tanh(), MaxPool2D(2), Conv2D(3, 2, 3, rng=rng, stride=2, padding=1)]
    layers += [Flatten(), BatchNorm(8), Dropout(0.3, rng), Dense(8, 3, rng=rng)]
    return Network(layers), rng.normal(size=(5, 2, 5, 6))


@pytest.mark.parametrize("stack", [dense_stack, image_stack])
@in_both_modes
@pytest.mark.parametrize("l2", [0, 0.3])
def test_gradients_through_every_kind_of_layer(stack, training, l2):
    y = np.arange(5) % 3
    # A bias that BatchNorm takes out again has a gradient of zero, of which the difference of two losses shows only rounding.
    cancelled = set() if not training else {"0.b"} if stack is dense_stack else {"3.b"}
    for seed in count():  # until no other gradient is tiny
        rng = np.random.default_rng(seed)
        network, X = stack(rng)
        for _, value, _ in network.parameters():
            value += rng.normal(0, 0.3, value.shape)
        for layer in network.layers:
            for value in layer.state.values():
                value += rng.uniform(0.1, 1, value.shape)
        probe = copy.deepcopy(network)
        outputs = probe.forward(X, training=training)
        grads = {"input": probe.backward(SoftmaxCrossEntropy()(outputs, y)[1], needs_input=True)}
        grads |= {name: grad for name, _, grad in probe.parameters()}
        assert all(np.abs(grads[name]).max() < 1e-14 for name in cancelled)
        if all(np.abs(grad[grad != 0]).min() > 1e-4 for name, grad in grads.items() if name not in cancelled):
            break
    errors = gradient_check(network, SoftmaxCrossEntropy(), X, y, training=training, l2=l2)
    assert {name for name, error in errors.items() if not error < TOLERANCE} <= cancelled, errors


@pytest.mark.parametrize("step", [1e-4, 1e-6])
def test_the_step_can_be_chosen(step):
    network, X, y = small()
    chosen, usual = (
        gradient_check(network, BinaryCrossEntropy(), X, y, step=step),
        gradient_check(network, BinaryCrossEntropy(), X, y),
    )
    assert chosen != usual and max(chosen.values()) < 1e-4


def test_the_error_is_relative_to_the_larger_gradient():
    class Tenth(Dense):
        def backward(self, d_out, needs_input=True):
            d_in = super().backward(d_out, needs_input)
            self.grads["b"] = 0.9 * self.grads["b"]
            return d_in

    network, X, y = small(Tenth)
    assert gradient_check(network, BinaryCrossEntropy(), X, y)["0.b"] == pytest.approx(0.1, rel=1e-6)


def test_gradients_below_1e_8_are_measured_against_that():
    def without_gradient(outputs, targets):
        return 1e-9 * float(outputs.sum()), np.zeros_like(outputs)

    network = Network([Dense(3, 1, rng=np.random.default_rng(0))])
    assert gradient_check(network, without_gradient, np.ones((1, 3)), None)["0.b"] == pytest.approx(0.1, rel=1e-6)


# ---------------------------------------------------------------- wrong gradients are found


class InputWithoutTranspose(Dense):
    def backward(self, d_out, needs_input=True):
        super().backward(d_out)
        return d_out @ self.params["W"]  # runs where n_in is n_out


class WeightsTransposed(Dense):
    def backward(self, d_out, needs_input=True):
        d_in = super().backward(d_out)
        self.grads["W"] = self.grads["W"].T
        return d_in


class MeanForSumInBias(Dense):
    def backward(self, d_out, needs_input=True):
        d_in = super().backward(d_out)
        self.grads["b"] = d_out.mean(axis=0)
        return d_in


class LastExampleOnly(Dense):
    def backward(self, d_out, needs_input=True):
        d_in = super().backward(d_out)
        self.grads["W"] = self._kept[0][-1:].T @ d_out[-1:]
        return d_in


class BiasForgotten(Dense):
    def backward(self, d_out, needs_input=True):
        d_in = super().backward(d_out)
        self.grads["b"] = np.zeros_like(self.params["b"])
        return d_in


class OneNumberNotANumber(Dense):
    def backward(self, d_out, needs_input=True):
        d_in = super().backward(d_out)
        self.grads["W"][1, 1] = np.nan
        return d_in


class MaskByAtLeastZeroOfTheOutput(ReLU):
    def backward(self, d_out, needs_input=True):
        (a,) = self._recall()
        return d_out * (a >= 0)  # true everywhere


class SlopeAtTheActivation(Sigmoid):
    def backward(self, d_out, needs_input=True):
        (a,) = self._recall()
        s = 1 / (1 + np.exp(-a))  # a is the sigmoid already
        return d_out * s * (1 - s)


class SquareForgotten(Tanh):
    def backward(self, d_out, needs_input=True):
        (a,) = self._recall()
        return d_out * (1 - a)


class SlopeForgotten(Tanh):
    def backward(self, d_out, needs_input=True):
        return d_out


class WithoutOneOverN(BinaryCrossEntropy):
    def __call__(self, outputs, targets):
        value, d_outputs = super().__call__(outputs, targets)
        return value, d_outputs * len(outputs)


class OneOverNTwice(SoftmaxCrossEntropy):
    def __call__(self, outputs, targets):
        value, d_outputs = super().__call__(outputs, targets)
        return value, d_outputs / len(outputs)


class OneOverNAlone(MeanSquaredError):
    def __call__(self, outputs, targets):  # and not 1 / (N C)
        value, d_outputs = super().__call__(outputs, targets)
        return value, d_outputs * outputs.shape[1]


class TwoForgotten(MeanSquaredError):
    def __call__(self, outputs, targets):
        value, d_outputs = super().__call__(outputs, targets)
        return value, d_outputs / 2


class SignTurned(BinaryCrossEntropy):
    def __call__(self, outputs, targets):
        value, d_outputs = super().__call__(outputs, targets)
        return value, -d_outputs


def small(first=Dense, activation=Tanh, n_out=3, n=6, classes=1):
    """A network of ``first(3, n_out)``, the activation and a Dense layer, with data of n examples."""
    rng = np.random.default_rng(0)
    network = Network([first(3, n_out, rng=rng), activation(), Dense(n_out, classes, rng=rng)])
    for layer in network.layers[::2]:
        layer.params["b"][:] = rng.normal(size=layer.n_out)
    return network, rng.normal(size=(n, 3)), np.arange(n) % 2


ALL = {"input", "0.W", "0.b", "2.W", "2.b"}


@pytest.mark.parametrize(
    "first, wrong",
    [
        (Dense, set()),
        (InputWithoutTranspose, {"input"}),
        (WeightsTransposed, {"0.W"}),
        (MeanForSumInBias, {"0.b"}),
        (LastExampleOnly, {"0.W"}),
        (BiasForgotten, {"0.b"}),
    ],
)
def test_a_wrong_dense_layer_is_found_and_named(first, wrong):
    network, X, y = small(first)
    errors = gradient_check(network, BinaryCrossEntropy(), X, y)
    assert {name for name, error in errors.items() if error > 0.01} == wrong
    assert {name for name, error in errors.items() if error < TOLERANCE} == ALL - wrong


@pytest.mark.parametrize(
    "activation", [MaskByAtLeastZeroOfTheOutput, SlopeAtTheActivation, SquareForgotten, SlopeForgotten]
)
def test_a_wrong_activation_shows_in_all_that_lies_before_it(activation):
    network, X, y = small(activation=activation)
    errors = gradient_check(network, BinaryCrossEntropy(), X, y)
    assert {name for name, error in errors.items() if error > 0.01} == {"input", "0.W", "0.b"}
    assert {name for name, error in errors.items() if error < TOLERANCE} == {"2.W", "2.b"}


@pytest.mark.parametrize(
    "loss, classes, error",
    [
        (WithoutOneOverN, 1, 5 / 6),
        (OneOverNTwice, 2, 5 / 6),
        (OneOverNAlone, 2, 1 / 2),
        (TwoForgotten, 2, 1 / 2),
        (SignTurned, 1, 2),
    ],
)
def test_a_wrong_loss_shows_everywhere(loss, classes, error):
    network, X, y = small(classes=classes)
    targets = np.random.default_rng(1).normal(size=(6, classes)) if issubclass(loss, MeanSquaredError) else y
    errors = gradient_check(network, loss(), X, targets)
    assert errors == {name: pytest.approx(error, rel=1e-5) for name in ALL}


def test_a_gradient_that_is_not_a_number_is_not_overlooked():
    network, X, y = small(OneNumberNotANumber)
    errors = gradient_check(network, BinaryCrossEntropy(), X, y)
    assert np.isnan(errors["0.W"])
    assert {name for name, error in errors.items() if error < TOLERANCE} == ALL - {"0.W"}


@pytest.mark.parametrize(
    "shape, grad",
    [
        ("(6, 5)", lambda d_out: d_out),  # not summed over the examples
        ("(6,)", lambda d_out: d_out.sum(axis=1)),
        ("()", lambda d_out: d_out.sum()),  # which a check of the numbers alone would pass
        ("(1, 5)", lambda d_out: d_out.sum(axis=0, keepdims=True)),
    ],
)
def test_a_gradient_of_another_shape_is_an_error(shape, grad):
    class BiasOfAnotherShape(Dense):
        def backward(self, d_out, needs_input=True):
            d_in = super().backward(d_out)
            self.grads["b"] = grad(d_out)
            return d_in

    network, X, y = small(BiasOfAnotherShape, n_out=5)
    with pytest.raises(ValueError) as error:
        gradient_check(network, BinaryCrossEntropy(), X, y)
    assert str(error.value) == f"the gradient of 0.b has shape {shape}; it must be (5,), as 0.b itself"


@pytest.mark.parametrize(
    "shape, grad",
    [
        ("(5, 3)", lambda grad: grad.T),
        ("(1, 5)", lambda grad: grad.mean(axis=0, keepdims=True)),  # to which the penalty's gradient can be added
        ("()", lambda grad: grad.sum()),
    ],
)
@pytest.mark.parametrize("l2", [0, 0.1])
def test_a_weight_gradient_of_another_shape_is_an_error(shape, grad, l2):
    class WeightsOfAnotherShape(Dense):
        def backward(self, d_out, needs_input=True):
            d_in = super().backward(d_out)
            self.grads["W"] = grad(self.grads["W"])
            return d_in

    network, X, y = small(WeightsOfAnotherShape, n_out=5)
    with pytest.raises(ValueError) as error:
        gradient_check(network, BinaryCrossEntropy(), X, y, l2=l2)
    assert str(error.value) == f"the gradient of 0.W has shape {shape}; it must be (3, 5), as 0.W itself"


def test_a_missing_input_gradient_is_an_error():
    class NoInputGradient(Dense):
        def backward(self, d_out, needs_input=True):
            super().backward(d_out)

    network, X, y = small(NoInputGradient)
    with pytest.raises(ValueError, match="the gradient of input has shape"):
        gradient_check(network, BinaryCrossEntropy(), X, y)


# ---------------------------------------------------------------- the network is left as it was


class Noise(Layer):
    """Multiplies by random numbers in training, as dropout does, and counts its forward passes."""

    def __init__(self, rng):
        super().__init__()
        self.rng = rng
        self.state = {"passes": np.zeros(1)}

    def forward(self, x, training=False):
        self.state["passes"] += 1
        mask = self.rng.uniform(0.5, 2, x.shape) if training else np.ones_like(x)
        self._keep(mask)
        return x * mask

    def backward(self, d_out, needs_input=True):
        (mask,) = self._recall()
        return d_out * mask


@in_both_modes
def test_gradient_check_repeats_random_layers_and_leaves_the_network_untouched(training):
    network, X, y = small()
    noise = Noise(np.random.default_rng(3))
    network = Network([network.layers[0], noise, *network.layers[1:]])
    network.forward(X)
    network.backward(np.ones((6, 1)))
    before = [(name, value, value.copy(), grad, grad.copy()) for name, value, grad in network.parameters()]
    random_state, kept = copy.deepcopy(noise.rng.bit_generator.state), [layer._kept for layer in network.layers]
    X.flags.writeable = y.flags.writeable = False

    errors = gradient_check(network, BinaryCrossEntropy(), X, y, training=training)

    assert max(errors.values()) < TOLERANCE
    for (name, value, grad), (old_name, old_value, values, old_grad, grads) in zip(network.parameters(), before):
        assert name == old_name and value is old_value and grad is old_grad
        assert np.array_equal(value, values) and np.array_equal(grad, grads)
    assert noise.rng.bit_generator.state == random_state
    assert noise.state["passes"] == 1
    assert all(layer._kept is old for layer, old in zip(network.layers, kept))


def test_gradient_check_repeats_the_mask_of_dropout_and_leaves_running_statistics_alone():
    rng = np.random.default_rng(0)
    network, X = dense_stack(rng)
    state, kept = copy.deepcopy(rng.bit_generator.state), copy.deepcopy(network.layers[1].state)
    errors = [gradient_check(network, SoftmaxCrossEntropy(), X, np.arange(5) % 3, training=True) for _ in range(2)]
    assert errors[0] == errors[1]
    assert rng.bit_generator.state == state
    assert all(np.array_equal(network.layers[1].state[name], value) for name, value in kept.items())


def test_gradient_check_is_in_evaluation_mode_without_penalty_and_with_a_step_of_1e_5_unless_told():
    parameters = inspect.signature(gradient_check).parameters
    assert [parameters[name].default for name in ("training", "l2", "step")] == [False, 0, 1e-5]


def test_gradient_check_with_l2_needs_it_on_both_sides(monkeypatch):
    network, X, y = small()
    assert max(gradient_check(network, BinaryCrossEntropy(), X, y, l2=0.5).values()) < TOLERANCE
    without = gradient_check(network, BinaryCrossEntropy(), X, y)
    assert without != gradient_check(network, BinaryCrossEntropy(), X, y, l2=0.5)

    def only_in_the_loss(network, strength):
        return strength / 2 * sum((layer.params["W"] ** 2).sum() for layer in network.layers if layer.params)

    monkeypatch.setattr("nnlib.checks.add_l2", only_in_the_loss)
    errors = gradient_check(network, BinaryCrossEntropy(), X, y, l2=0.5)
    assert {name for name, error in errors.items() if error > 0.01} == {"0.W", "2.W"}


def test_gradient_check_needs_float64():
    network = mlp([3, 2, 1], rng=np.random.default_rng(0), dtype=np.float32)
    with pytest.raises(ValueError) as error:
        gradient_check(network, BinaryCrossEntropy(), np.ones((2, 3)), [0, 1])
    assert str(error.value) == "network computes in float32; a gradient check needs float64"


@pytest.mark.parametrize("data_type", [np.float32, np.uint8])
def test_gradient_check_takes_data_of_any_type(data_type):
    network, X, y = small()
    errors = gradient_check(network, BinaryCrossEntropy(), np.abs(2 * X).astype(data_type), y)
    assert max(errors.values()) < TOLERANCE
    assert gradient_check(network, BinaryCrossEntropy(), X.tolist(), y.tolist()) == gradient_check(
        network, BinaryCrossEntropy(), X, y
    )
