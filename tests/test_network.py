"""Networks: layers in a row, their names and predictions, and `mlp`."""

import copy

import numpy as np
import pytest

import nnlib
from nnlib import SGD, BinaryCrossEntropy, Dense, Layer, MeanSquaredError, Network, SoftmaxCrossEntropy, mlp
from nnlib.network import ACTIVATIONS, forward_in_chunks


class Spy(Layer):
    """A layer that passes on what it gets, and remembers it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x, training=False):
        self.seen.append(("forward", x.shape, x.dtype, training))
        return x

    def backward(self, d_out, needs_input=True):
        self.seen.append(("backward", d_out.shape, d_out.dtype, needs_input))
        return d_out


def make(sizes=(5, 7, 3), activation="tanh", dtype=np.float64, seed=0):
    """A network with random biases."""
    rng = np.random.default_rng(seed)
    network = mlp(list(sizes), activation, rng=rng, dtype=dtype)
    for name, value, _ in network.parameters():
        if name.endswith("b"):
            value[:] = rng.normal(size=value.shape)
    return network


def data(n=6, columns=5, seed=1):
    return np.random.default_rng(seed).normal(size=(n, columns))


# ---------------------------------------------------------------- forward and backward


@pytest.mark.parametrize("n", [1, 6])
def test_forward_goes_through_the_layers_from_first_to_last(n):
    network, X = make(), data(n)
    first, activation, last = network.layers
    hidden = np.tanh(X @ first.params["W"] + first.params["b"])
    assert np.array_equal(network.forward(X), hidden @ last.params["W"] + last.params["b"])
    assert network.forward(X).shape == (n, 3)


@pytest.mark.parametrize("n", [1, 6])
def test_backward_goes_through_the_layers_from_last_to_first(n):
    network, X = make(), data(n)
    first, activation, last = network.layers
    d_out = np.random.default_rng(2).normal(size=network.forward(X).shape)
    d_X = network.backward(d_out, needs_input=True)
    hidden = np.tanh(X @ first.params["W"] + first.params["b"])
    d_hidden = (d_out @ last.params["W"].T) * (1 - hidden**2)
    assert np.allclose(last.grads["W"], hidden.T @ d_out, rtol=1e-12)
    assert np.allclose(first.grads["W"], X.T @ d_hidden, rtol=1e-12)
    assert np.allclose(first.grads["b"], d_hidden.sum(axis=0), rtol=1e-12)
    assert np.allclose(d_X, d_hidden @ first.params["W"].T, rtol=1e-12)


def test_only_the_first_layer_is_spared_its_input_gradient_and_only_unless_asked():
    spies = [Spy(), Spy(), Spy()]
    network = Network(spies)
    d_out = np.ones((2, 3))
    network.backward(d_out)
    assert [spy.seen[-1][3] for spy in spies] == [False, True, True]
    network.backward(d_out, needs_input=True)
    assert [spy.seen[-1][3] for spy in spies] == [True, True, True]
    network = make()
    network.forward(data())
    assert network.backward(np.ones((6, 3))) is None
    assert network.backward(np.ones((6, 3)), needs_input=True).shape == (6, 5)


@pytest.mark.parametrize("training", [False, True])
def test_every_layer_is_told_whether_it_is_training(training):
    spies = [Spy(), Spy()]
    Network(spies).forward(data(), training=training)
    assert [spy.seen[0][3] for spy in spies] == [training, training]


def test_forward_is_evaluation_unless_told():
    spy = Spy()
    network = Network([spy])
    network.forward(data())
    network.predict(data())
    network.predict_proba(data())
    assert [training for _, _, _, training in spy.seen] == [False] * 3


def test_network_changes_no_argument():
    network, X = make(), data()
    d_out = np.ones((6, 3))
    before = X.copy()
    X.flags.writeable = d_out.flags.writeable = False
    network.forward(X, training=True)
    network.backward(d_out, needs_input=True)
    network.predict(X)
    network.predict_proba(X)
    assert np.array_equal(X, before) and (d_out == 1).all()


def test_network_takes_any_list_of_layers_and_keeps_its_own():
    layers = (Spy() for _ in range(2))
    assert len(Network(layers).layers) == 2
    mine = [Spy()]
    network = Network(mine)
    mine.append(Spy())
    assert len(network.layers) == 1


def test_network_without_a_dense_layer_takes_any_shape():
    assert Network([nnlib.ReLU()]).forward(np.ones((2, 3, 4))).shape == (2, 3, 4)


# ---------------------------------------------------------------- parameters


def test_parameters_are_named_after_layer_and_key():
    network = make((5, 7, 3, 2))
    assert [name for name, _, _ in network.parameters()] == ["0.W", "0.b", "2.W", "2.b", "4.W", "4.b"]
    assert [value.shape for _, value, _ in network.parameters()] == [(5, 7), (7,), (7, 3), (3,), (3, 2), (2,)]


def test_parameters_are_the_layers_own_arrays():
    network = make()
    network.forward(data())
    network.backward(np.ones((6, 3)))
    for name, value, grad in network.parameters():
        i, key = name.split(".")
        layer = network.layers[int(i)]
        assert value is layer.params[key] and grad is layer.grads[key]
        assert grad.any()


def test_a_deep_copy_is_independent():
    network, X = make(), data()
    before = network.forward(X)
    other = copy.deepcopy(network)
    for _, value, _ in other.parameters():
        value += 1
    assert np.array_equal(network.forward(X), before)
    assert not np.allclose(other.forward(X), before)


# ---------------------------------------------------------------- types


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("data_type", [np.float64, np.float32, np.uint8])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}])
@pytest.mark.parametrize(
    "loss, classes, target",
    [
        (BinaryCrossEntropy(), 1, lambda rng: rng.integers(0, 2, 6)),
        (SoftmaxCrossEntropy(), 3, lambda rng: rng.integers(0, 3, 6)),
        (MeanSquaredError(), 3, lambda rng: rng.normal(size=(6, 3))),
    ],
    ids=["binary", "softmax", "squared"],
)
def test_float32_holds_throughout(activation, data_type, options, loss, classes, target):
    rng = np.random.default_rng(0)
    spies = [Spy() for _ in range(3)]
    inner = mlp([5, 7, classes], activation, rng=rng, dtype=np.float32).layers
    network = Network([inner[0], spies[0], inner[1], spies[1], inner[2], spies[2]])
    optimizer = SGD(np.float64(0.01), **options)
    X, y = rng.integers(0, 9, (6, 5)).astype(data_type), target(rng)
    for _ in range(3):
        outputs = network.forward(X, training=True)
        _, d_outputs = loss(outputs, y)
        d_X = network.backward(d_outputs, needs_input=True)
        optimizer.step(network.parameters())
        assert outputs.dtype == d_outputs.dtype == d_X.dtype == np.float32
        assert {array.dtype for _, value, grad in network.parameters() for array in (value, grad)} == {
            np.dtype(np.float32)
        }
    assert {dtype for spy in spies for _, _, dtype, _ in spy.seen} == {np.dtype(np.float32)}
    assert network.predict_proba(X).dtype == np.float32 and network.predict(X).dtype == np.int64


@pytest.mark.parametrize("data_type", [np.float32, np.uint8, np.int64])
def test_a_float64_network_computes_in_float64_whatever_the_data(data_type):
    network = make()
    X = np.random.default_rng(0).uniform(0, 9, (6, 5)).astype(data_type)
    outputs = network.forward(X)
    assert network.dtype == outputs.dtype == np.float64
    assert np.array_equal(outputs, network.forward(X.astype(np.float64)))
    assert np.array_equal(outputs, network.forward(X.tolist()))
    network.backward(np.ones_like(outputs))
    assert all(grad.dtype == np.float64 for _, _, grad in network.parameters())


def test_the_type_is_that_of_the_parameters_and_float64_without_any():
    assert make().dtype == np.float64
    assert make(dtype=np.float32).dtype == np.float32
    assert Network([Spy(), Dense(2, 3, rng=np.random.default_rng(0), dtype=np.float32)]).dtype == np.float32
    assert Network([Spy()]).dtype == np.float64 and Network([Spy()]).forward([[1]]).dtype == np.float64


# ---------------------------------------------------------------- predictions


@pytest.mark.parametrize("n", [1, 6])
def test_predictions_of_several_outputs(n):
    network, X = make((5, 7, 3)), data(n)
    p, labels = network.predict_proba(X), network.predict(X)
    assert np.allclose(p, nnlib.softmax(network.forward(X)), rtol=1e-12)
    assert p.shape == (n, 3) and np.allclose(p.sum(axis=1), 1)
    assert labels.shape == (n,) and labels.dtype == np.int64
    assert np.array_equal(labels, p.argmax(axis=1))


@pytest.mark.parametrize("n", [1, 6])
def test_predictions_of_one_output_are_those_of_two_classes(n):
    network, X = make((5, 7, 1)), data(n)
    z = network.forward(X)[:, 0]
    p, labels = network.predict_proba(X), network.predict(X)
    assert p.shape == (n, 2) and labels.shape == (n,) and labels.dtype == np.int64
    assert np.allclose(p, np.column_stack([1 / (1 + np.exp(z)), 1 / (1 + np.exp(-z))]), rtol=1e-12)
    assert labels.tolist() == [int(logit > 0) for logit in z]


def test_predictions_take_a_logit_of_zero_as_class_0_and_small_probabilities_as_they_are():
    network = Network([Spy()])
    assert network.predict([[0.0], [1e-300], [-1e-300]]).tolist() == [0, 1, 0]
    # not 1 - p, which is 0
    assert network.predict_proba([[40.0]])[0, 0] == pytest.approx(np.exp(-40), rel=1e-12, abs=0)


def test_predictions_come_in_chunks_of_at_most_a_thousand_rows():
    spy = Spy()
    network = Network([spy])
    X = data(2500, 3)
    assert np.array_equal(forward_in_chunks(network, X), X)
    assert [shape[0] for _, shape, _, _ in spy.seen] == [1000, 1000, 500]
    spy.seen.clear()
    network.predict(X)
    network.predict_proba(X[:1000])
    assert [shape[0] for _, shape, _, _ in spy.seen] == [1000, 1000, 500, 1000]


@pytest.mark.parametrize("sizes", [(5, 7, 3), (5, 7, 1)])
@pytest.mark.parametrize("n", [999, 1000, 1001, 2500])
def test_chunks_give_the_same_as_the_whole(sizes, n):
    network, X = make(sizes), data(n)
    whole = network.forward(X)
    assert np.allclose(forward_in_chunks(network, X), whole, rtol=1e-12)
    assert np.array_equal(network.predict(X), whole.argmax(axis=1) if sizes[-1] > 1 else whole[:, 0] > 0)
    assert network.predict_proba(X).shape == (n, max(sizes[-1], 2))


def test_predictions_for_no_examples_are_empty():
    for sizes, classes in (((5, 3), 3), ((5, 1), 2)):
        network = make(sizes)
        assert network.predict(data(0)).shape == (0,) and network.predict_proba(data(0)).shape == (0, classes)


# ---------------------------------------------------------------- mlp


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_mlp_puts_the_activation_between_dense_layers_and_none_after_the_last(name):
    network = mlp([5, 7, 3, 11, 2], name, rng=np.random.default_rng(0))
    expected = {
        "relu": "ReLU",
        "leaky_relu": "LeakyReLU",
        "gelu": "GELU",
        "silu": "SiLU",
        "sigmoid": "Sigmoid",
        "tanh": "Tanh",
    }
    assert [type(layer).__name__ for layer in network.layers] == ["Dense", expected[name]] * 3 + ["Dense"]
    assert len(set(map(id, network.layers))) == 7
    shapes = [value.shape for key, value, _ in network.parameters() if key.endswith("W")]
    assert shapes == [(5, 7), (7, 3), (3, 11), (11, 2)]


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mlp_draws_he_or_lecun_by_activation_and_lecun_for_the_last_layer(name, dtype):
    network = mlp([5, 7, 3, 2], name, rng=np.random.default_rng(0), dtype=dtype)
    hidden = {"sigmoid": nnlib.lecun, "tanh": nnlib.lecun}.get(name, nnlib.he)
    rng = np.random.default_rng(0)
    for key, init, shape in (("0.W", hidden, (5, 7)), ("2.W", hidden, (7, 3)), ("4.W", nnlib.lecun, (3, 2))):
        W = {name: value for name, value, _ in network.parameters()}[key]
        assert W.dtype == dtype and np.array_equal(W, init(rng, shape, *shape).astype(dtype))
    assert not any(value.any() for key, value, _ in network.parameters() if key.endswith("b"))


def test_mlp_is_relu_in_float64_unless_told():
    network = mlp([5, 7, 3], rng=np.random.default_rng(0))
    assert isinstance(network.layers[1], nnlib.ReLU) and network.dtype == np.float64


def test_mlp_without_hidden_units_is_one_dense_layer():
    network = mlp(np.array([5, 3]), rng=np.random.default_rng(0))
    assert [type(layer) for layer in network.layers] == [Dense]
    assert network.forward(data()).shape == (6, 3)


def test_mlp_is_reproducible_from_its_rng():
    first, again, other = (mlp([5, 7, 3], rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    for (_, a, _), (name, b, _), (_, c, _) in zip(first.parameters(), again.parameters(), other.parameters()):
        assert np.array_equal(a, b)
        assert name.endswith("b") or not np.isclose(a, c).any()


def test_mlp_knows_every_activation_layer():
    activations = {
        value
        for value in vars(nnlib).values()
        if getattr(value, "__module__", "") == "nnlib.activations" and isinstance(value, type)
    }
    assert {make_layer for make_layer, _ in ACTIVATIONS.values()} == activations
