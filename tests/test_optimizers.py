"""Optimizers, against steps computed by hand or number by number. (Against PyTorch's own: test_against_pytorch.)"""

import copy
import inspect
import math

import numpy as np
import pytest

import nnlib
from nnlib import SGD, Adam, AdamW, BinaryCrossEntropy, RMSProp, mlp
from nnlib.optimizers import Optimizer

GRADS = [1, 2, -1]
# From the value 1 with lr 1/2 and momentum 1/2. The velocity is 1, then 1/2 + 2 = 5/2, then 5/4 - 1 = 1/4.
BY_HAND = {
    "plain": ({}, [1 - 1 / 2, 1 / 2 - 1, -1 / 2 + 1 / 2]),
    "momentum": ({"momentum": 0.5}, [1 - 1 / 2, 1 / 2 - 5 / 4, -3 / 4 - 1 / 8]),
    # its steps are lr * (grad + velocity / 2): 3/4, then (2 + 5/4) / 2 = 13/8, then (-1 + 1/8) / 2 = -7/16
    "nesterov": ({"momentum": 0.5, "nesterov": True}, [1 - 3 / 4, 1 / 4 - 13 / 8, -11 / 8 + 7 / 16]),
}
every_sgd = pytest.mark.parametrize("options, values", BY_HAND.values(), ids=BY_HAND)


# Each optimizer as one number sees it, as a generator: (lr, settings), the gradients in, the steps out. The settings are not
# the usual ones, so that no two of them can be confused.


def rmsprop(lr, alpha, eps):
    step, v = None, 0
    while True:
        grad = yield step
        v = alpha * v + (1 - alpha) * grad**2
        step = lr * grad / (math.sqrt(v) + eps)


def adam(lr, beta1, beta2, eps):
    step, t, m, v = None, 0, 0, 0
    while True:
        grad = yield step
        t += 1
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * grad**2
        step = lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)


ADAPTIVE = {
    "rmsprop": (RMSProp, rmsprop, {"lr": 0.1, "alpha": 0.8, "eps": 1e-3}),
    "adam": (Adam, adam, {"lr": 0.1, "beta1": 0.6, "beta2": 0.8, "eps": 1e-3}),
    "adam without memory": (Adam, adam, {"lr": 0.1, "beta1": 0, "beta2": 0, "eps": 1e-3}),
    "adam, tiny eps": (Adam, adam, {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-12}),
}
every_adaptive = pytest.mark.parametrize("kind, steps, settings", ADAPTIVE.values(), ids=ADAPTIVE)

# One of each, made anew by a call. What they share is tested on all.
OPTIMIZERS = {
    **{name: lambda options=options: SGD(0.5, **options) for name, (options, _) in BY_HAND.items()},
    "rmsprop": lambda: RMSProp(0.1, alpha=0.8),
    "adam": lambda: Adam(0.1, beta1=0.6, beta2=0.8),
    "adamw": lambda: AdamW(0.1, weight_decay=0.5),
}
every_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


def test_every_optimizer_is_tested():
    public = {kind for kind in vars(nnlib).values() if inspect.isclass(kind) and issubclass(kind, Optimizer)}
    assert {type(make()) for make in OPTIMIZERS.values()} == public == {SGD, RMSProp, Adam, AdamW}


def network(seed=0):
    rng = np.random.default_rng(seed)
    made = mlp([5, 7, 1], "tanh", rng=rng)
    _, d_outputs = BinaryCrossEntropy()(made.forward(rng.normal(size=(6, 5))), rng.integers(0, 2, 6))
    made.backward(d_outputs)
    return made


def arrays(of):
    return [(value.copy(), grad.copy()) for _, value, grad in of.parameters()]


@every_sgd
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sgd_takes_the_steps_computed_by_hand(options, values, dtype):
    optimizer = SGD(0.5, **options)
    value = np.ones((2, 3), dtype)
    for grad, expected in zip(GRADS, values):
        optimizer.step([("W", value, np.full((2, 3), grad, dtype))])
        assert value.dtype == dtype and (value == expected).all()


@every_adaptive
@pytest.mark.parametrize("scale", [1, 1e-6, 1e6])
def test_adaptive_optimizers_take_the_steps_computed_number_by_number(kind, steps, settings, scale):
    rng = np.random.default_rng(0)
    optimizer, value = kind(**settings), rng.normal(size=(3, 2))
    expected, each = value.copy(), {index: steps(**settings) for index in np.ndindex(3, 2)}
    for one in each.values():
        next(one)
    for _ in range(20):
        grad = scale * rng.normal(size=(3, 2))
        optimizer.step([("W", value, grad)])
        for index, one in each.items():
            expected[index] -= one.send(grad[index])
        assert np.allclose(value, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("size", [1e-4, 1, 1e4])
def test_the_first_step_of_adam_is_the_rate_whatever_the_size_of_the_gradient(size):
    for optimizer in (Adam(0.1), AdamW(0.1, weight_decay=0)):
        value = np.zeros(4)
        optimizer.step([("W", value, size * np.array([1.0, -2, 30, 0]))])
        assert np.allclose(value, [-0.1, 0.1, -0.1, 0], rtol=2e-4)


def test_the_first_step_of_rmsprop_is_larger_for_want_of_a_correction():
    value = np.zeros(3)
    RMSProp(0.1, alpha=0.99).step([("W", value, np.array([1.0, -20, 0]))])
    assert np.allclose(value, [-0.1 / math.sqrt(0.01), 0.1 / math.sqrt(0.01), 0], rtol=1e-6)


@pytest.mark.parametrize("decay", [0, 0.01, 0.5])
def test_adamw_is_adam_after_a_share_of_each_weight_is_taken_away(decay):
    rng = np.random.default_rng(0)
    settings = {"lr": 0.1, "beta1": 0.6, "beta2": 0.8, "eps": 1e-3}
    optimizer, plain = AdamW(**settings, weight_decay=decay), Adam(**settings)
    values = {name: rng.normal(size=shape) for name, shape in (("W", (3, 2)), ("kernel", (2, 2, 3, 3)), ("b", 4))}
    expected = {name: value.copy() for name, value in values.items()}
    for _ in range(5):
        grads = {name: rng.normal(size=value.shape) for name, value in values.items()}
        optimizer.step((name, value, grads[name]) for name, value in values.items())
        for name in ("W", "kernel"):  # a bias is left alone
            expected[name] -= 0.1 * decay * expected[name]
        plain.step((name, value, grads[name]) for name, value in expected.items())
        for name, value in values.items():
            assert np.allclose(value, expected[name], rtol=1e-13)


def test_adamw_decays_at_the_rate_of_the_moment():
    optimizer, value = AdamW(0.1, weight_decay=0.5), np.ones((2, 2))
    for lr in (0.1, 0.2, 0):
        optimizer.lr = lr
        optimizer.step([("W", value, np.zeros((2, 2)))])
    assert np.allclose(value, (1 - 0.05) * (1 - 0.1), rtol=1e-14)


def test_settings_are_the_usual_ones_unless_told():
    def defaults(kind):
        return {p.name: p.default for p in inspect.signature(kind).parameters.values() if p.default is not p.empty}

    assert defaults(SGD) == {"momentum": 0, "nesterov": False}
    assert defaults(RMSProp) == {"lr": 0.01, "alpha": 0.99, "eps": 1e-8}
    assert defaults(Adam) == {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    assert defaults(AdamW) == {**defaults(Adam), "weight_decay": 0.01}


@pytest.mark.parametrize("make", [RMSProp, Adam, AdamW])
def test_a_gradient_of_zero_is_no_step(make):
    value = np.ones(3)  # a bias, which does not decay
    optimizer = make()
    for _ in range(3):
        optimizer.step([("b", value, np.zeros(3))])
    assert (value == 1).all()


@every_optimizer
def test_a_step_writes_in_place_and_changes_no_gradient(make):
    net, optimizer = network(), make()
    before = list(net.parameters())
    for _, _, grad in before:
        grad.flags.writeable = False
    for _ in range(3):
        copies = arrays(net)
        optimizer.step(net.parameters())
        for (_, value, grad), (_, old_value, old_grad), (was, grad_was) in zip(net.parameters(), before, copies):
            assert value is old_value and grad is old_grad
            assert not np.array_equal(value, was) and np.array_equal(grad, grad_was)


@every_optimizer
def test_each_parameter_has_a_memory_of_its_own(make):
    rng = np.random.default_rng(0)
    together, alone = make(), [make(), make(), make()]
    values = [rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=3)]  # two of the same shape
    expected = [value.copy() for value in values]
    for _ in range(5):
        grads = [rng.normal(size=value.shape) for value in values]
        together.step(zip(("0.W", "2.W", "2.b"), values, grads))
        for i in range(3):
            alone[i].step([("0.W", expected[i], grads[i])])
            assert np.array_equal(values[i], expected[i])


@every_optimizer
def test_each_optimizer_has_a_memory_of_its_own(make):
    found = []
    for _ in range(2):
        optimizer, value = make(), np.ones((3, 1))
        for grad in GRADS:
            optimizer.step([("W", value, np.full((3, 1), float(grad)))])
        found.append(value)
    assert np.array_equal(*found)


@every_optimizer
def test_the_memory_is_not_the_gradients_own_array(make):
    one, other = (make(), np.ones((2, 2))), (make(), np.ones((2, 2)))
    grad = np.ones((2, 2))
    for k in (1.0, 2, -3):
        grad[:] = k  # one and the same array, overwritten
        one[0].step([("W", one[1], grad)])
        other[0].step([("W", other[1], np.full((2, 2), k))])
    assert np.array_equal(one[1], other[1])


@every_optimizer
def test_the_rate_may_change_between_steps(make):
    optimizer, value = make(), np.ones(1)
    optimizer.step([("W", value, np.ones(1))])
    before = value.copy()
    optimizer.lr = 1e-9
    optimizer.step([("W", value, np.ones(1))])
    assert 0 < before - value < 1e-8


@every_optimizer
@pytest.mark.parametrize("another", [lambda net: network(1), copy.deepcopy], ids=["new", "copy"])
def test_another_network_is_an_error_and_stays_as_it_was(make, another):
    net, optimizer = network(), make()
    other = another(net)
    optimizer.step(net.parameters())
    before = arrays(other)
    with pytest.raises(ValueError, match="parameters is another network's.*'0.W'.*make a new one"):
        optimizer.step(other.parameters())
    for (value, _), (was, _) in zip(arrays(other), before):
        assert np.array_equal(value, was)
    optimizer.step(net.parameters())  # its own network is still welcome


def test_sgd_is_plain_unless_told():
    optimizer = SGD(0.25)
    assert (optimizer.lr, optimizer.momentum, optimizer.nesterov) == (0.25, 0, False)


@pytest.mark.parametrize("number", [float, np.float32, np.float64])
@pytest.mark.parametrize("nesterov", [False, True])
def test_float32_is_computed_in_float32_whatever_the_type_of_the_rate(number, nesterov):
    rng = np.random.default_rng(0)
    value = rng.normal(size=50).astype(np.float32)
    mine, velocity = value.copy(), np.zeros(50, np.float32)
    optimizer = SGD(number(0.1), momentum=number(0.7), nesterov=nesterov)
    for _ in range(5):
        grad = rng.normal(size=50).astype(np.float32)
        optimizer.step([("W", value, grad)])
        velocity = 0.7 * velocity + grad
        mine -= 0.1 * (grad + 0.7 * velocity if nesterov else velocity)
    assert value.dtype == mine.dtype == np.float32 and np.array_equal(value, mine)


@pytest.mark.parametrize("number", [float, np.float32, np.float64])
@pytest.mark.parametrize("kind", [RMSProp, Adam, AdamW])
def test_adaptive_optimizers_compute_in_the_type_of_the_value(kind, number):
    value, grad = np.ones((4, 3), np.float32), np.full((4, 3), 0.3, np.float32)
    optimizer = kind(number(0.1), eps=number(1e-6))
    for _ in range(3):
        optimizer.step([("W", value, grad)])
    expected, exact = np.ones((4, 3)), kind(0.1, eps=1e-6)
    for _ in range(3):
        exact.step([("W", expected, grad.astype(np.float64))])
    assert value.dtype == np.float32 and np.allclose(value, expected, rtol=1e-5)
    assert {a.dtype for memory in optimizer._memory.values() for a in memory.values() if np.ndim(a)} == {value.dtype}


def test_the_base_class_leaves_the_update_to_its_children():
    class Half(Optimizer):
        pass

    with pytest.raises(NotImplementedError, match="Half has no update"):
        Half(0.1).step([("W", np.ones(1), np.ones(1))])
