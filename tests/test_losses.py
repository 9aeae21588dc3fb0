"""The losses against a computation with sixty digits, at logits of any size; the penalty on weights; and the accuracy."""

import inspect
import math
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from cases import LOSSES, every_dtype, every_loss, one_or_six

import nnlib
from nnlib import (
    BatchNorm,
    BinaryCrossEntropy,
    Conv2D,
    Dense,
    Flatten,
    MeanSquaredError,
    Network,
    SoftmaxCrossEntropy,
    accuracy,
    l2,
)


def eps(dtype):
    return float(np.finfo(dtype).eps)


def make(kind, n=6, dtype=np.float64, seed=0):
    """Outputs and targets that nothing may write to."""
    outputs, targets = LOSSES[kind](np.random.default_rng(seed), n)
    outputs = outputs.astype(dtype)
    outputs.flags.writeable = targets.flags.writeable = False
    return outputs, targets


def test_every_loss_has_a_case():
    public = {value for value in vars(nnlib).values() if inspect.isclass(value) and value.__module__ == "nnlib.losses"}
    assert set(LOSSES) == public, "give each loss of nnlib a case in LOSSES"


# ---------------------------------------------------------------- what every loss keeps


@every_loss
@one_or_six
@every_dtype
def test_loss_gives_a_float_and_a_gradient_like_the_outputs(kind, n, dtype):
    outputs, targets = make(kind, n, dtype)
    value, d_outputs = kind()(outputs, targets)
    assert type(value) is float and math.isfinite(value) and value > 0
    assert d_outputs.shape == outputs.shape and d_outputs.dtype == dtype


@every_loss
@every_dtype
def test_loss_changes_no_argument_and_returns_an_array_of_its_own(kind, dtype):
    outputs, targets = make(kind, dtype=dtype)
    before = outputs.copy(), targets.copy()
    _, d_outputs = kind()(outputs, targets)
    assert np.array_equal(outputs, before[0]) and np.array_equal(targets, before[1])
    assert not np.shares_memory(d_outputs, outputs) and not np.shares_memory(d_outputs, targets)


@every_loss
def test_loss_owns_one_over_n(kind):
    outputs, targets = make(kind)
    value, d_outputs = kind()(outputs, targets)
    twice_value, twice_d_outputs = kind()(np.concatenate([outputs] * 2), np.concatenate([targets] * 2))
    assert twice_value == pytest.approx(value, rel=1e-14)
    assert np.allclose(twice_d_outputs, np.concatenate([d_outputs] * 2) / 2, rtol=1e-14, atol=0)


@every_loss
def test_loss_is_the_mean_of_the_examples_losses(kind):
    outputs, targets = make(kind)
    each = [kind()(outputs[i : i + 1], targets[i : i + 1]) for i in range(6)]
    value, d_outputs = kind()(outputs, targets)
    assert value == pytest.approx(np.mean([one for one, _ in each]), rel=1e-14)
    assert np.allclose(d_outputs, np.concatenate([d for _, d in each]) / 6, rtol=1e-14, atol=0)


@every_loss
def test_loss_takes_lists(kind):
    outputs, targets = make(kind)
    value, d_outputs = kind()(outputs, targets)
    again, d_again = kind()(outputs.tolist(), targets.tolist())
    assert again == value and np.array_equal(d_again, d_outputs)


@every_loss
@pytest.mark.parametrize("n", [1, 2, 6, 1000])
def test_a_step_against_the_gradient_lowers_the_loss(kind, n):
    outputs, targets = make(kind, n)
    value, d_outputs = kind()(outputs, targets)
    assert kind()(outputs - 0.1 * d_outputs, targets)[0] < value


# ---------------------------------------------------------------- cross-entropy: exact values


def reference(logits, label):
    """``-log softmax(logits)[label]`` and its gradient, with sixty digits; the logits are as the loss got them, unrounded."""
    with localcontext(Context(prec=60)):
        z = [Decimal(float(x)) for x in logits]
        e = [x.exp() for x in z]
        value = sum(e).ln() - z[label]
        return value, [x / sum(e) - (k == label) for k, x in enumerate(e)]


def binary_reference(logit, label):
    """The same with ``p = sigmoid(logit)``: of two logits, the first of which is 0."""
    value, gradient = reference([0, float(logit)], label)
    return value, gradient[1:]


def mean_reference(rows, labels, one):
    found = [one(row, label) for row, label in zip(rows, labels)]
    with localcontext(Context(prec=60)):
        return float(sum(value for value, _ in found) / len(found)), [
            [float(g / len(found)) for g in row] for _, row in found
        ]


@pytest.mark.parametrize("scale", [0.01, 1, 10, 100])
@one_or_six
@every_dtype
def test_softmax_loss_is_its_formula(scale, n, dtype):
    rng = np.random.default_rng(n)
    z, y = (scale * rng.normal(size=(n, 5))).astype(dtype), rng.integers(0, 5, n)
    value, d_outputs = SoftmaxCrossEntropy()(z, y)
    expected, d_expected = mean_reference(z, y, reference)
    tiny = eps(dtype)
    assert value == pytest.approx(expected, rel=8 * tiny, abs=2 * tiny)
    assert np.allclose(d_outputs, d_expected, rtol=100 * tiny, atol=tiny)


@pytest.mark.parametrize("scale", [0.01, 1, 10, 100])
@one_or_six
@every_dtype
def test_binary_loss_is_its_formula(scale, n, dtype):
    rng = np.random.default_rng(n)
    z, y = (scale * rng.normal(size=(n, 1))).astype(dtype), rng.integers(0, 2, n)
    value, d_outputs = BinaryCrossEntropy()(z, y)
    expected, d_expected = mean_reference(z[:, 0], y, binary_reference)
    tiny = eps(dtype)
    assert value == pytest.approx(expected, rel=16 * tiny, abs=0)
    assert np.allclose(d_outputs, d_expected, rtol=4 * tiny, atol=tiny)


@pytest.mark.parametrize("z", [5.0, 20.0, 80.0])
@every_dtype
def test_binary_loss_of_a_sure_and_right_network_is_not_rounded_to_zero(z, dtype):
    for logit, label in ((z, 1), (-z, 0)):
        value, _ = BinaryCrossEntropy()(np.array([[logit]], dtype), [label])
        assert value == pytest.approx(float(binary_reference(logit, label)[0]), rel=16 * eps(dtype), abs=0)


@pytest.mark.parametrize("size", [1e3, 1e6])
@every_dtype
@pytest.mark.filterwarnings("error")
def test_binary_loss_of_far_off_logits_is_exact_and_without_warning(size, dtype):
    z = np.array([[size], [size], [-size], [-size]], dtype)
    y = np.array([0, 1, 0, 1])
    value, d_outputs = BinaryCrossEntropy()(z, y)
    assert (value, d_outputs.ravel().tolist()) == (size / 2, [0.25, 0, 0, -0.25])
    expected, d_expected = mean_reference(z[:, 0], y, binary_reference)
    assert value == expected and np.array_equal(d_outputs, d_expected)
    for i in range(4):  # and each alone
        value, d_outputs = BinaryCrossEntropy()(z[i : i + 1], y[i : i + 1])
        assert (value, d_outputs.item()) == [(size, 1), (0, 0), (0, 0), (size, -1)][i]


@pytest.mark.parametrize("size", [1e3, 1e6])
@every_dtype
@pytest.mark.filterwarnings("error")
def test_softmax_loss_of_far_off_logits_is_exact_and_without_warning(size, dtype):
    z = np.array([[size, 0, -size], [size, 0, -size], [size, 0, -size], [-size, -size, size]], dtype)
    y = np.array([0, 1, 2, 0])
    value, d_outputs = SoftmaxCrossEntropy()(z, y)
    assert value == size * (0 + 1 + 2 + 2) / 4
    assert d_outputs.tolist() == [[0, 0, 0], [0.25, -0.25, 0], [0.25, 0, -0.25], [-0.25, 0, 0.25]]
    expected, d_expected = mean_reference(z, y, reference)
    assert value == expected and np.array_equal(d_outputs, d_expected)
    for i in range(4):
        value, d_outputs = SoftmaxCrossEntropy()(z[i : i + 1], y[i : i + 1])
        assert value == size * [0, 1, 2, 2][i] and np.abs(d_outputs).sum() == [0, 2, 2, 2][i]


@pytest.mark.parametrize("size", [1e3, 1e6])
@every_dtype
@pytest.mark.filterwarnings("error")
def test_squared_error_of_far_off_outputs_is_exact_and_without_warning(size, dtype):
    outputs = np.array([[size, -size]], dtype)
    value, d_outputs = MeanSquaredError()(outputs, [[0, size]])
    # 4e12 is not a float32, so that type is right to its last digit
    assert value == pytest.approx((size**2 + 4 * size**2) / 2, rel=eps(dtype) if dtype == np.float32 else 0, abs=0)
    assert d_outputs.tolist() == [[size, -2 * size]]


@pytest.mark.parametrize("classes", [2, 3, 10])
@one_or_six
def test_the_loss_of_no_opinion_is_log_of_the_number_of_classes(classes, n):
    y = np.arange(n) % classes
    assert SoftmaxCrossEntropy()(np.zeros((n, classes)), y)[0] == pytest.approx(math.log(classes), rel=1e-15)
    if classes == 2:
        assert BinaryCrossEntropy()(np.zeros((n, 1)), y)[0] == pytest.approx(math.log(2), rel=1e-15)


def test_the_binary_loss_is_the_softmax_loss_with_a_first_logit_of_zero():
    z, y = make(BinaryCrossEntropy)
    value, d_outputs = BinaryCrossEntropy()(z, y)
    other, d_other = SoftmaxCrossEntropy()(np.hstack([np.zeros_like(z), z]), y)
    assert value == pytest.approx(other, rel=1e-14)
    assert np.allclose(d_outputs, d_other[:, 1:], rtol=1e-14, atol=1e-16)


def test_the_softmax_gradient_of_each_row_sums_to_zero():
    _, d_outputs = SoftmaxCrossEntropy()(*make(SoftmaxCrossEntropy))
    assert np.allclose(d_outputs.sum(axis=1), 0, atol=1e-16)


LABEL_TYPES = [np.int8, np.uint8, bool, np.int64, np.uint64]


@pytest.mark.parametrize("kind", [BinaryCrossEntropy, SoftmaxCrossEntropy])
@pytest.mark.parametrize("label_type", LABEL_TYPES)
@pytest.mark.parametrize("labels", [[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
@every_dtype
def test_labels_of_any_whole_type_mean_the_same(kind, label_type, labels, dtype):
    z = np.random.default_rng(0).normal(size=(4, 1 if kind is BinaryCrossEntropy else 2)).astype(dtype)
    value, d_outputs = kind()(z, np.array(labels))
    again, d_again = kind()(z, np.array(labels, label_type))
    assert again == value and np.array_equal(d_again, d_outputs) and d_again.dtype == dtype


@pytest.mark.parametrize("label_type", LABEL_TYPES)
@one_or_six
def test_the_binary_loss_takes_labels_in_a_column_too(label_type, n):
    z, y = make(BinaryCrossEntropy, n)
    value, d_outputs = BinaryCrossEntropy()(z, y)
    again, d_again = BinaryCrossEntropy()(z, y.astype(label_type).reshape(-1, 1))
    assert again == value and np.array_equal(d_again, d_outputs) and d_again.shape == (n, 1)


@every_loss
def test_outputs_of_whole_numbers_are_taken_as_floats(kind):
    _, targets = make(kind)
    outputs = np.random.default_rng(1).integers(0, 100, (6, 1 if kind is BinaryCrossEntropy else 3), dtype=np.uint8)
    value, d_outputs = kind()(outputs, targets)
    expected, d_expected = kind()(outputs.astype(float), targets)
    assert value == expected and np.array_equal(d_outputs, d_expected)


# ---------------------------------------------------------------- squared error


@pytest.mark.parametrize("shape", [(1, 1), (6, 1), (1, 3), (5, 3), (6,)])
@every_dtype
def test_squared_error_is_its_formula_over_all_numbers(shape, dtype):
    rng = np.random.default_rng(0)
    outputs, targets = (
        rng.integers(-64, 64, shape) / 8 for _ in range(2)
    )  # with few binary digits: nothing is rounded
    value, d_outputs = MeanSquaredError()(outputs.astype(dtype), targets)
    differences = [Fraction(a) - Fraction(b) for a, b in zip(outputs.ravel(), targets.ravel())]
    assert value == float(sum(d * d for d in differences) / len(differences))
    expected = [float(2 * d / len(differences)) for d in differences]
    assert np.allclose(d_outputs.ravel(), expected, rtol=2 * eps(dtype), atol=0)
    assert d_outputs.dtype == dtype


@pytest.mark.parametrize("target_type", [np.float32, np.float64, np.int64, np.uint8])
@every_dtype
def test_squared_error_computes_in_the_outputs_type(target_type, dtype):
    outputs, targets = np.array([[1.5], [-2.0]], dtype), np.array([[1], [3]], target_type)
    value, d_outputs = MeanSquaredError()(outputs, targets)
    assert value == (0.25 + 25) / 2 and d_outputs.tolist() == [[0.5], [-5]] and d_outputs.dtype == dtype


def test_the_mean_is_taken_in_float64():
    """Of 2**24, 1001 and 0: a sum of the first two is no float32, nor is a third of it."""
    far = np.array([[2**24], [1001], [-1000]], np.float32)
    assert BinaryCrossEntropy()(far, [0, 0, 0])[0] == (2**24 + 1001) / 3
    assert SoftmaxCrossEntropy()(np.hstack([0 * far, far]), [0, 0, 0])[0] == (2**24 + 1001) / 3
    assert MeanSquaredError()(np.array([[2**12], [1], [0]], np.float32), np.zeros((3, 1)))[0] == (2**24 + 1) / 3


# ---------------------------------------------------------------- the penalty on weights


def with_gradients(dtype=np.float64):
    """A network with weights, kernels, biases, gamma and beta, none of them zero, after a backward."""
    rng = np.random.default_rng(0)
    network = Network(
        [
            Conv2D(1, 2, 2, rng=rng, dtype=dtype),
            Flatten(),
            Dense(8, 5, rng=rng, dtype=dtype),
            BatchNorm(5, dtype=dtype),
            Dense(5, 3, rng=rng, dtype=dtype),
        ]
    )
    for _, value, _ in network.parameters():
        value += rng.uniform(0.1, 1, value.shape)
    outputs = network.forward(rng.normal(size=(6, 1, 3, 3)), training=True)
    network.backward(rng.normal(size=outputs.shape).astype(dtype))
    return network


@every_dtype
@pytest.mark.parametrize("strength", [0.3, 2, np.float64(0.5)])
def test_l2_is_its_formula_and_leaves_biases_gamma_and_beta_alone(strength, dtype):
    network = with_gradients(dtype)
    before = {name: (value.copy(), grad.copy()) for name, value, grad in network.parameters()}
    penalty = l2(network, strength)
    weights = ["0.W", "2.W", "4.W"]
    assert type(penalty) is float
    assert penalty == pytest.approx(
        strength / 2 * sum((before[name][0].astype(float) ** 2).sum() for name in weights), rel=10 * eps(dtype)
    )
    for name, value, grad in network.parameters():
        old_value, old_grad = before[name]
        expected = old_grad + float(strength) * old_value if name in weights else old_grad
        assert grad.dtype == dtype and np.array_equal(grad, expected) and np.array_equal(value, old_value)


def test_l2_of_strength_zero_changes_nothing():
    network = with_gradients()
    before = [grad.copy() for _, _, grad in network.parameters()]
    assert l2(network, 0) == 0
    assert all(np.array_equal(grad, old) for (_, _, grad), old in zip(network.parameters(), before))


# ---------------------------------------------------------------- accuracy


def test_accuracy_of_one_logit_takes_class_1_above_zero():
    outputs = np.array([[-2.0], [0.0], [1e-9], [3.0]])
    assert accuracy(outputs, [0, 0, 1, 1]) == 1
    assert accuracy(outputs, [1, 1, 0, 0]) == 0
    assert accuracy(outputs, [[0], [0], [1], [0]]) == 0.75
    assert accuracy(outputs, np.array([0, 1, 1, 1], bool)) == 0.75


def test_accuracy_of_several_outputs_takes_the_largest():
    outputs = np.array([[1, 2, 0], [0, -1, -2], [5, 5, 7]], np.float32)
    assert accuracy(outputs, [1, 0, 2]) == 1
    assert accuracy(outputs, np.array([1, 1, 2], np.uint8)) == 2 / 3
    assert type(accuracy(outputs, [1, 1, 1])) is float
    assert accuracy(outputs.tolist(), [1, 0, 0]) == 2 / 3


@one_or_six
def test_accuracy_agrees_with_a_count(n):
    rng = np.random.default_rng(n)
    outputs, targets = rng.normal(size=(n, 3)), rng.integers(0, 3, n)
    right = sum(max(range(3), key=lambda k: row[k]) == label for row, label in zip(outputs, targets))
    assert accuracy(outputs, targets) == right / n
