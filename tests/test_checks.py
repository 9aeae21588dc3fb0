"""`gradient_report`: its numbers against NumPy, and what it calls vanishing and exploding. (`gradient_check`: test_gradients.)"""

import math

import numpy as np
import pytest

from nnlib import (
    BatchNorm,
    BinaryCrossEntropy,
    Conv2D,
    Dense,
    Flatten,
    Network,
    SoftmaxCrossEntropy,
    Tanh,
    gradient_report,
    mlp,
    normal,
)


def after_backward(network, X, seed=1):
    """The network after a forward and a backward with random gradients of its outputs."""
    outputs = network.forward(X, training=True)
    network.backward(np.random.default_rng(seed).normal(size=outputs.shape))
    return network


def of_several_kinds(dtype=np.float64):
    rng = np.random.default_rng(0)
    layers = [Conv2D(1, 2, 2, rng=rng, dtype=dtype), Tanh(), Flatten(), Dense(8, 5, rng=rng, dtype=dtype)]
    layers += [BatchNorm(5, dtype=dtype), Dense(5, 3, rng=rng, dtype=dtype)]
    return after_backward(Network(layers), rng.normal(size=(6, 1, 3, 3)))


@pytest.mark.parametrize("lr", [1, 0.01, np.float32(0.5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_numbers_of_the_report(lr, dtype):
    network = of_several_kinds(dtype)
    report = gradient_report(network, lr=lr)
    assert [(row["name"], row["layer"]) for row in report] == [("0.W", "Conv2D"), ("3.W", "Dense"), ("5.W", "Dense")]
    parameters = {name: (value, grad) for name, value, grad in network.parameters()}
    close = {"rel": 1e-5 if dtype == np.float32 else 1e-12}
    for row in report:
        W, grad = (array.astype(np.float64).ravel() for array in parameters[row["name"]])
        mean = sum(abs(grad)) / grad.size
        assert row["mean"] == pytest.approx(mean, **close)
        assert row["max"] == pytest.approx(max(abs(grad)), **close)
        spread = math.sqrt(sum((grad - sum(grad) / grad.size) ** 2) / grad.size)
        assert row["spread"] == pytest.approx(spread, **close)
        assert row["ratio"] == pytest.approx(lr * math.sqrt(sum(grad**2)) / math.sqrt(sum(W**2)), **close)
        assert row["remark"] == ""
        assert all(type(row[key]) is float for key in ("mean", "max", "spread", "ratio"))


def test_the_rate_is_1_unless_told():
    network = of_several_kinds()
    assert gradient_report(network) == gradient_report(network, lr=1) != gradient_report(network, lr=0.5)


def test_the_report_changes_nothing():
    network = of_several_kinds()
    before = [(value.copy(), grad.copy()) for _, value, grad in network.parameters()]
    gradient_report(network)
    for (_, value, grad), (old_value, old_grad) in zip(network.parameters(), before):
        assert np.array_equal(value, old_value) and np.array_equal(grad, old_grad)


def test_the_report_as_text():
    network = mlp([2, 3, 1], rng=np.random.default_rng(0))
    network.layers[0].params["W"][:], network.layers[2].params["W"][:] = 2, 1
    network.layers[0].grads["W"][:] = [[1e-6, -3e-6, 0], [0, 0, 0]]
    network.layers[2].grads["W"][:] = [[0.25], [-0.5], [1]]
    assert gradient_report(network, lr=0.1).table().splitlines() == [
        "weight  layer       mean |g|   max |g|    spread    step/W",
        "0.W     Dense        6.7e-07   3.0e-06   1.2e-06   6.5e-08  vanishing",
        "2.W     Dense        5.8e-01   1.0e+00   6.1e-01   6.6e-02",
    ]


# ---------------------------------------------------------------- vanishing and exploding


def test_a_deep_sigmoid_network_vanishes_towards_the_input():
    rng = np.random.default_rng(0)
    network = mlp([10] * 12 + [1], "sigmoid", rng=rng)
    outputs = network.forward(rng.normal(size=(20, 10)))
    network.backward(BinaryCrossEntropy()(outputs, rng.integers(0, 2, 20))[1])
    report = gradient_report(network)
    remarks = [row["remark"] for row in report]
    vanished = remarks.count("vanishing")
    assert remarks == ["vanishing"] * vanished + [""] * (12 - vanished) and 4 <= vanished < 12
    assert report.table().count("vanishing") == vanished and "exploding" not in report.table()


def test_a_deep_tanh_network_with_large_weights_explodes_towards_the_input():
    rng = np.random.default_rng(0)
    layers = []
    for _ in range(30):  # tanh keeps what comes forward near 1, and the weights multiply what comes back
        layers += [Dense(40, 40, rng=rng, init=normal(0.8)), Tanh()]
    network = Network([*layers, Dense(40, 3, rng=rng)])
    outputs = network.forward(rng.normal(size=(20, 40)))
    network.backward(SoftmaxCrossEntropy()(outputs, rng.integers(0, 3, 20))[1])
    remarks = [row["remark"] for row in gradient_report(network)]
    exploded = remarks.count("exploding")
    assert remarks == ["exploding"] * exploded + [""] * (31 - exploded) and 5 <= exploded < 31


@pytest.mark.parametrize(
    "factor, remark",
    [(1, ""), (1 / 999.5, ""), (1 / 1000.5, "vanishing"), (0, "vanishing"), (999.5, ""), (1000.5, "exploding")],
)
def test_a_thousand_times_the_last_is_the_limit(factor, remark):
    network = mlp([2, 3, 4, 1], rng=np.random.default_rng(0))
    for layer, size in zip(network.layers[::2], (5 * factor, 5, 5)):
        layer.grads["W"] = np.full_like(layer.params["W"], -size)
    assert [row["remark"] for row in gradient_report(network)] == [remark, "", ""]


@pytest.mark.parametrize("trouble", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_is_named_without_a_warning(trouble, place):
    network = after_backward(mlp([2, 3, 4, 1], rng=np.random.default_rng(0)), np.ones((5, 2)))
    network.layers[2 * place].grads["W"][0, 0] = trouble
    report = gradient_report(network)
    assert [row["remark"] == "not finite" for row in report] == [i == place for i in range(3)]
    assert "not finite" in report.table().splitlines()[1 + place]


@pytest.mark.filterwarnings("error")
def test_weights_and_gradients_of_zero_are_no_error():
    network = mlp([2, 3, 1], rng=np.random.default_rng(0))
    network.layers[0].params["W"][:] = 0
    report = gradient_report(network)  # before any backward
    assert [row["mean"] for row in report] == [0, 0] and [row["remark"] for row in report] == ["", ""]
    assert math.isnan(report[0]["ratio"]) and report[1]["ratio"] == 0
    network.layers[0].grads["W"][:] = 1
    assert gradient_report(network)[0]["ratio"] == math.inf
