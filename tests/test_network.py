"""Networks: layers in a row, their names and predictions, and `mlp`."""

import copy
import json
import os

import numpy as np
import pytest
from cases import Spy

import nnlib
from nnlib import (
    SGD,
    Adam,
    AdamW,
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
    RMSProp,
    SoftmaxCrossEntropy,
    l2,
    mlp,
)
from nnlib.network import ACTIVATIONS, forward_in_chunks


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


def of_every_layer(dtype=np.float64, seed=0):
    """A network for images (N, 2, 7, 6) that has every kind of layer, with parameters and state as after some training."""
    rng = np.random.default_rng(seed)
    network = Network(
        [
            Conv2D(2, 4, 3, rng=rng, stride=2, padding=1, dtype=dtype),
            nnlib.LeakyReLU(0.2),
            MaxPool2D(2),
            Flatten(),
            Dense(8, 5, rng=rng, dtype=dtype),
            BatchNorm(5, momentum=0.3, eps=1e-3, dtype=dtype),
            nnlib.GELU(),
            Dropout(0.25, rng),
            Dense(5, 5, rng=rng, dtype=dtype),
            nnlib.SiLU(),
            Dense(5, 4, rng=rng, dtype=dtype),
            nnlib.Tanh(),
            Dense(4, 4, rng=rng, dtype=dtype),
            nnlib.Sigmoid(),
            Dense(4, 3, rng=rng, dtype=dtype),
            nnlib.ReLU(),
        ]
    )
    for layer in network.layers:
        for arrays in (layer.params, layer.state):
            for key, value in arrays.items():
                arrays[key] = (value + rng.uniform(0.1, 1, value.shape)).astype(dtype)
    return network, rng.normal(size=(6, 2, 7, 6))


def test_the_network_of_every_layer_has_every_layer():
    public = {kind for kind in vars(nnlib).values() if isinstance(kind, type) and issubclass(kind, Layer)} - {Layer}
    assert {type(layer) for layer in of_every_layer()[0].layers} == public


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
    network = Network([Flatten()])  # which gives one all the same
    network.forward(data())
    assert network.backward(np.ones((6, 5))) is None


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


@pytest.mark.parametrize(
    "optimizer", [SGD(0.01, momentum=0.9), RMSProp(), Adam(np.float64(0.001)), AdamW()], ids=lambda o: type(o).__name__
)
def test_float32_holds_in_every_layer_with_every_optimizer_and_the_penalty(optimizer):
    network, X = of_every_layer(np.float32)
    spies = [Spy() for _ in network.layers]
    spied = Network([layer for pair in zip(network.layers, spies) for layer in pair])
    y = np.arange(6) % 3
    for _ in range(3):
        _, d_outputs = SoftmaxCrossEntropy()(spied.forward(X, training=True), y)
        assert spied.backward(d_outputs, needs_input=True).dtype == np.float32
        l2(spied, np.float64(0.1))
        optimizer.step(spied.parameters())
    spied.forward(X)
    assert {dtype for spy in spies for _, _, dtype, _ in spy.seen} == {np.dtype(np.float32)}
    arrays = [array for _, array, _ in spied._arrays()] + [grad for _, _, grad in spied.parameters()]
    arrays += [value for memory in optimizer._memory.values() for value in memory.values() if np.ndim(value)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


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


# ---------------------------------------------------------------- summary


def test_summary_lists_layers_shapes_and_counts():
    network, _ = of_every_layer()
    lines = network.summary().splitlines()
    assert lines[0].split() == ["layer", "parameters", "count"]
    assert [line.split()[:2] for line in lines[1:-1]] == [
        [str(i), type(layer).__name__] for i, layer in enumerate(network.layers)
    ]
    assert lines[1] == "0 Conv2D      W (4, 2, 3, 3), b (4,)                  76"
    assert lines[2] == "1 LeakyReLU   -                                        0"
    assert lines[6] == "5 BatchNorm   gamma (5,), beta (5,)                   10"
    assert lines[11] == "10 Dense      W (5, 4), b (4,)                        24"
    total = sum(value.size for _, value, _ in network.parameters())
    assert lines[-1] == f"in all{total:50d}" and len({len(line) for line in lines}) == 1


def test_summary_writes_large_counts_in_groups_of_three():
    assert mlp([784, 512, 10], rng=np.random.default_rng(0)).summary().splitlines()[1:] == [
        "0 Dense       W (784, 512), b (512,)             401,920",
        "1 ReLU        -                                        0",
        "2 Dense       W (512, 10), b (10,)                 5,130",
        "in all                                           407,050",
    ]


# ---------------------------------------------------------------- save and load


def arrays_of(network):
    return {name: array for name, array, _ in network._arrays()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_comes_back_as_it_was_saved(tmp_path, dtype):
    network, X = of_every_layer(dtype)
    network.save(tmp_path / "net.npz")
    again = Network.load(tmp_path / "net.npz")
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in network.layers]
    assert [layer.config for layer in again.layers] == [layer.config for layer in network.layers]
    assert list(arrays_of(again)) == list(arrays_of(network))
    for name, array in arrays_of(network).items():
        found = arrays_of(again)[name]
        assert found.dtype == dtype and found.flags.writeable and np.array_equal(found, array)
    assert again.dtype == dtype and np.array_equal(again.forward(X), network.forward(X))
    assert {name: (grad.shape, grad.dtype) for name, _, grad in again.parameters()} == {
        name: (value.shape, value.dtype) for name, value, _ in network.parameters()
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_loaded_network_trains_on(tmp_path, dtype):
    network, X = of_every_layer(dtype)
    network.layers = [layer for layer in network.layers if not isinstance(layer, Dropout)]  # masks begin anew
    network.save(tmp_path / "net.npz")
    again = Network.load(str(tmp_path / "net.npz"))
    for net in (network, again):
        optimizer = Adam(0.01)
        for _ in range(3):
            net.backward(SoftmaxCrossEntropy()(net.forward(X, training=True), np.arange(6) % 3)[1])
            optimizer.step(net.parameters())
    for name, array in arrays_of(network).items():
        assert arrays_of(again)[name].dtype == dtype and np.array_equal(arrays_of(again)[name], array)


def test_loaded_layers_of_dropout_draw_masks_of_their_own_and_always_the_same(tmp_path):
    rng = np.random.default_rng(5)
    Network([Dropout(0.5, rng), Dropout(0.5, rng)]).save(tmp_path / "net.npz")
    masks = []
    for _ in range(2):
        first, second = Network.load(tmp_path / "net.npz").layers
        masks.append([layer.forward(np.ones((9, 9)), training=True) for layer in (first, second)])
    assert not np.array_equal(masks[0][0], masks[0][1])
    assert np.array_equal(masks[0], masks[1])
    assert np.array_equal(masks[0][0], Dropout(0.5, np.random.default_rng(0)).forward(np.ones((9, 9)), training=True))


def test_saving_changes_nothing_and_replaces_an_older_file(tmp_path):
    network, other = make(), make(seed=1)
    before = {name: array.copy() for name, array in arrays_of(network).items()}
    other.save(tmp_path / "net.npz")
    network.save(str(tmp_path / "net.npz"))
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]
    for name, array in before.items():
        assert np.array_equal(arrays_of(network)[name], array)
        assert np.array_equal(arrays_of(Network.load(tmp_path / "net.npz"))[name], array)


def test_sizes_from_numpy_can_be_saved(tmp_path):
    rng = np.random.default_rng(0)
    network = mlp(np.array([5, 7, 3]), rng=rng)
    network.layers += [BatchNorm(np.int32(3), momentum=np.float32(0.5)), Dropout(np.float64(0.5), rng)]
    network.save(tmp_path / "net.npz")
    assert np.array_equal(Network.load(tmp_path / "net.npz").forward(data()), network.forward(data()))


def test_a_layer_of_ones_own_can_be_saved(tmp_path):
    class Scale(Layer):
        def __init__(self, n):
            super().__init__()
            self.config = {"n": n}
            self.params, self.grads = {"s": np.ones(n)}, {"s": np.zeros(n)}

        def forward(self, x, training=False):
            return x * self.params["s"]

    network = Network([Scale(5)])
    network.layers[0].params["s"] *= 3
    network.save(tmp_path / "net.npz")
    assert np.array_equal(Network.load(tmp_path / "net.npz").forward(data()), 3 * data())


def times(factor, name="Times", base=Layer):
    """A kind of layer that multiplies what its base makes by a factor; in a notebook, one cell defines it."""

    def forward(self, x, training=False):
        return factor * (x if base is Layer else base.forward(self, x))

    return type(name, (base,), {"forward": forward, "__module__": "__main__"})


@pytest.mark.parametrize("name", ["Times", "ReLU"])
def test_a_layer_that_was_defined_twice_comes_back_as_the_last(tmp_path, name):
    old = times(2, name)()
    network = Network([times(3, name)()])
    network.save(tmp_path / "net.npz")
    assert np.array_equal(Network.load(tmp_path / "net.npz").forward(data()), 3 * data())
    assert np.array_equal(old.forward(data()), 2 * data())  # it still lives
    Network([nnlib.ReLU()]).save(tmp_path / "net.npz")
    assert type(Network.load(tmp_path / "net.npz").layers[0]) is nnlib.ReLU


def test_a_layer_that_derives_from_another_comes_back(tmp_path):
    network = Network([times(2, "Louder", nnlib.SiLU)()])
    network.save(tmp_path / "net.npz")
    again = Network.load(tmp_path / "net.npz")
    assert type(again.layers[0]).__name__ == "Louder"
    assert np.array_equal(again.forward(data()), network.forward(data()))


@pytest.mark.parametrize("trouble", ["open", "savez", "replace"])
@pytest.mark.parametrize("old", [False, True])
def test_a_failure_in_the_write_leaves_no_half_a_file(tmp_path, monkeypatch, trouble, old):
    path = tmp_path / "net.npz"
    if old:
        make(seed=1).save(path)
    before = path.read_bytes() if old else None

    def fail(file, *_, **__):
        if trouble == "savez":
            file.write_bytes(b"half of it")
        raise OSError("No space left on device")

    if trouble == "open":
        monkeypatch.setattr("io.open", fail)
    else:
        monkeypatch.setattr(*{"savez": (np, "savez"), "replace": (os, "replace")}[trouble], fail)
    with pytest.raises(OSError, match="No space left"):
        make().save(path)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"] * old
    assert not old or path.read_bytes() == before


def test_until_it_is_whole_the_file_has_another_name(tmp_path, monkeypatch):
    path, seen = tmp_path / "net.npz", []
    make(seed=1).save(path)
    before, write = path.read_bytes(), np.savez

    def savez(file, **arrays):
        write(file, **arrays)
        seen.append(path.read_bytes() == before)

    monkeypatch.setattr(np, "savez", savez)
    make().save(path)
    assert seen == [True] and path.read_bytes() != before


@pytest.mark.parametrize("name", ["net", "net.npy", "net.npz.txt", ".npz"])
def test_save_takes_no_other_ending(tmp_path, name):
    with pytest.raises(ValueError) as error:
        make().save(tmp_path / name)
    assert str(error.value) == f"path is {str(tmp_path / name)!r}; its name must end in .npz"
    assert not any(tmp_path.iterdir())


def test_files_and_folders_that_are_not_there_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.npz"):
        Network.load(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError, match=r"there is no folder \S*nowhere$"):
        make().save(tmp_path / "nowhere" / "net.npz")


def written(path, layers='[["Dense", {"n_in": 5, "n_out": 3}]]', **arrays):
    """A file as `save` writes it, but for what is passed; None leaves an array out."""
    arrays = {"layers": layers, "0.W": np.ones((5, 3)), "0.b": np.ones(3)} | arrays
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_the_file_that_the_next_test_damages_is_good(tmp_path):
    assert np.allclose(Network.load(written(tmp_path / "net.npz")).forward(np.ones((1, 5))), 6)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"layers": None}, "layers is not a file in the archive"),
        ({"layers": "not JSON"}, "JSONDecodeError: Expecting value"),
        ({"layers": "[]"}, "layers is empty; a network needs at least one layer"),
        ({"layers": '{"Dense": 1}'}, ""),
        ({"layers": np.zeros(3)}, ""),
        ({"layers": np.array([{"an": "object"}])}, "Object arrays cannot be loaded when allow_pickle=False"),
        ({"layers": '[["Scales", {}]]'}, "there is no layer Scales"),
        ({"layers": '[["Layer", {}]]'}, "there is no layer Layer"),
        ({"layers": '[["Dense", {"n_in": 5}]]'}, "missing 1 required positional argument: 'n_out'"),
        ({"layers": '[["Dense", {"n_in": 5, "n_out": 3, "depth": 1}]]'}, "unexpected keyword argument 'depth'"),
        ({"layers": '[["Dense", {"n_in": 5, "n_out": 0}]]'}, "n_out is 0; it must be a whole number of at least 1"),
        ({"layers": '[["Dense", {"n_in": 5, "n_out": 4}]]'}, "0.W is float64 (5, 3), not floats (5, 4)"),
        ({"0.b": np.ones((3, 1))}, "0.b is float64 (3, 1), not floats (3,)"),
        ({"0.b": np.ones(3, int)}, "0.b is int64 (3,), not floats (3,)"),
        ({"0.b": np.ones(3, complex)}, "0.b is complex128 (3,), not floats (3,)"),
        ({"0.b": None}, "0.b is not a file in the archive"),
        ({"0.b": np.array([1, None, 2])}, "Object arrays cannot be loaded when allow_pickle=False"),
    ],
    ids=str,
)
def test_a_file_of_another_network_is_an_error_that_says_why(tmp_path, change, message):
    path = written(tmp_path / "net.npz", **change)
    with pytest.raises(ValueError) as error:
        Network.load(path)
    assert str(error.value).startswith(f"{path} does not hold a network (") and message in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"\x80\x04N.", b"PK\x03\x04", "npy", "zip"],
    ids=["empty", "text", "pickle", "PK", "npy", "zip"],
)
def test_a_file_of_something_else_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "net.npz"
    if content == "npy":
        with open(path, "wb") as file:
            np.save(file, np.ones(3))
    elif content == "zip":
        np.savez(path, x=np.ones(3))
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        Network.load(path)
    assert str(error.value).startswith(f"{path} does not hold a network (")


@pytest.mark.filterwarnings("error")
def test_a_damaged_file_is_an_error_or_does_no_harm(tmp_path):
    network, path = make((2, 2, 1)), tmp_path / "net.npz"
    network.save(path)
    content, expected, loaded = path.read_bytes(), network.forward(np.ones((1, 2))), 0
    for i in range(0, len(content), 13):  # cut off here, and one byte wrong here
        path.write_bytes(content[:i])
        with pytest.raises(ValueError, match="does not hold a network"):
            Network.load(path)
        path.write_bytes(content[:i] + bytes([content[i] ^ 0x81]) + content[i + 1 :])
        try:
            outputs = Network.load(path).forward(np.ones((1, 2)))
        except ValueError as error:
            assert "does not hold a network" in str(error)
        else:  # a date or a filler byte
            loaded += 1
            assert np.array_equal(outputs, expected)
    assert loaded < len(content) / 13 / 2


def test_the_file_is_what_the_docstring_says(tmp_path):
    network, _ = of_every_layer()
    network.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as file:
        assert json.loads(str(file["layers"]))[0] == [
            "Conv2D",
            {"c_in": 2, "c_out": 4, "kernel_size": 3, "stride": 2, "padding": 1},
        ]
        assert set(file.files) == {"layers", *arrays_of(network)}
        assert np.array_equal(file["5.running_var"], network.layers[5].state["running_var"])


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
    assert set(ACTIVATIONS.values()) == activations
