"""Optimizers, against steps computed by hand."""

import copy

import numpy as np
import pytest

from nnlib import SGD, BinaryCrossEntropy, mlp
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


@every_sgd
def test_a_step_writes_in_place_and_changes_no_gradient(options, values):
    net, optimizer = network(), SGD(0.5, **options)
    before = list(net.parameters())
    for _, _, grad in before:
        grad.flags.writeable = False
    for _ in range(3):
        copies = arrays(net)
        optimizer.step(net.parameters())
        for (_, value, grad), (_, old_value, old_grad), (was, grad_was) in zip(net.parameters(), before, copies):
            assert value is old_value and grad is old_grad
            assert not np.array_equal(value, was) and np.array_equal(grad, grad_was)


@every_sgd
def test_each_parameter_has_a_memory_of_its_own(options, values):
    optimizer = SGD(0.5, **options)
    one, other = np.ones(3), np.ones(3)
    for grad, expected in zip(GRADS, values):
        optimizer.step([("0.W", one, np.full(3, float(grad))), ("0.b", other, np.full(3, -float(grad)))])
        assert (one == expected).all() and (other == 2 - expected).all()


@every_sgd
def test_each_optimizer_has_a_memory_of_its_own(options, values):
    for _ in range(2):
        optimizer, value = SGD(0.5, **options), np.ones(3)
        for grad in GRADS:
            optimizer.step([("W", value, np.full(3, float(grad)))])
        assert (value == values[-1]).all()


@every_sgd
def test_the_rate_may_change_between_steps(options, values):
    optimizer, value = SGD(0.5, **options), np.ones(1)
    optimizer.step([("W", value, np.ones(1))])
    before = value.copy()
    optimizer.lr = 1e-9
    optimizer.step([("W", value, np.ones(1))])
    assert 0 < before - value < 1e-8


@every_sgd
@pytest.mark.parametrize("another", [lambda net: network(1), copy.deepcopy], ids=["new", "copy"])
def test_another_network_is_an_error_and_stays_as_it_was(options, values, another):
    net, optimizer = network(), SGD(0.5, **options)
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


def test_the_base_class_leaves_the_update_to_its_children():
    class Half(Optimizer):
        pass

    with pytest.raises(NotImplementedError, match="Half has no update"):
        Half(0.1).step([("W", np.ones(1), np.ones(1))])
