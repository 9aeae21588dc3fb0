"""The benchmark: that what it compares is the same network, and that its results' file is whole. Times are not judged here."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import benchmark, trainers

import nnlib

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "tests" / "benchmarks" / "benchmark.py"


def task_of(network, optimizer="SGD", batch=16, examples=100):
    return benchmark.task(network, batch, ["nnlib"], optimizer, examples=examples)


def two_networks(task):
    return trainers.make_network(task, np.float64), trainers.make_network(task, np.float64)


def data_of(task):
    X, y = trainers.make_data(task, *trainers.random_data(task["examples"]))
    return X.astype(np.float64), y


TASKS = {
    "small": task_of(benchmark.SMALL),
    "large": task_of(benchmark.LARGE),
    "Adam": task_of(benchmark.LARGE, "Adam"),
    "convolution": task_of(benchmark.CONVOLUTION, examples=40),
}


@pytest.mark.parametrize("kind", [trainers.PyTorch, trainers.PyTorchTuned], ids=["usual", "tuned"])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_pytorch_trains_the_same_network_on_the_same_batches(task, kind):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        ours, theirs = two_networks(task)
        X, y = data_of(task)
        theirs = kind(task, theirs)
        shapes = [tuple(value.shape) for value in theirs.network.parameters()]
        expected = [value.T.shape if value.ndim == 2 else value.shape for _, value, _ in ours.parameters()]
        assert shapes == expected
        a = trainers.Nnlib(task, ours).train(X, y, 2, np.random.default_rng(3))
        b = theirs.train(X, y, 2, np.random.default_rng(3))
    finally:
        torch.set_default_dtype(before)
    np.testing.assert_allclose(a, b, rtol=1e-9)
    assert a[0] != a[1]


def test_pytorch_gets_the_dropout_too():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    task = benchmark.RACES["large, Adam, dropout"][0]
    network = trainers.make_network(task)
    ours = [layer.rate for layer in network.layers if isinstance(layer, nnlib.Dropout)]
    theirs = [layer.p for layer in trainers.PyTorch(task, network).network if isinstance(layer, torch.nn.Dropout)]
    assert ours == theirs == [0.5, 0.5]


@pytest.mark.parametrize("network", [benchmark.SMALL, benchmark.LARGE], ids=["small", "large"])
def test_scikit_learn_trains_the_same_network(network):
    """It shuffles by itself; here it doesn't, and gets the examples in the order in which nnlib meets them."""
    task = task_of(network)
    ours, theirs = two_networks(task)
    X, y = data_of(task)
    theirs = trainers.ScikitLearn(task, theirs, shuffle=False)
    assert [W.shape for W in theirs.model.coefs_] == [layer.params["W"].shape for layer in ours.layers if layer.params]
    order = np.random.default_rng(3).permutation(len(X))
    a = trainers.Nnlib(task, ours).train(X, y, 1, np.random.default_rng(3))
    b = theirs.train(X[order], y[order], 1, None)
    np.testing.assert_allclose(a, b, rtol=1e-9)
    np.testing.assert_allclose(ours.layers[0].params["W"], theirs.model.coefs_[0], rtol=1e-9, atol=1e-12)


def test_scikit_learn_goes_on_where_it_stopped():
    """With one batch there is no order that matters."""
    task = task_of(benchmark.SMALL, batch=100, examples=100)
    ours, theirs = two_networks(task)
    X, y = data_of(task)
    theirs = trainers.ScikitLearn(task, theirs)
    b = theirs.train(X, y, 3, None) + theirs.train(X, y, 2, None)
    a = trainers.Nnlib(task, ours).train(X, y, 5, np.random.default_rng(3))
    np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize("task", [TASKS["large"], TASKS["convolution"]], ids=["dense", "convolution"])
def test_products_are_those_of_the_network(task):
    """Their shapes are those of the layers' outputs and of all gradients, but for that of the first input."""
    network, _ = two_networks(task)
    X, _ = data_of(task)
    x, wanted = X, []
    for i, layer in enumerate(network.layers):
        out = layer.forward(x)
        if "W" in layer.params:
            W = layer.params["W"]
            if W.ndim == 2:
                wanted += [out.shape, W.shape] + [x.shape] * (i > 0)
            else:  # as matrices: a kernel a row, a window a column
                pixels = out[:, 0].size
                wanted += [(len(W), pixels), (len(W), W[0].size)] + [(W[0].size, pixels)] * (i > 0)
        x = out
    found = [(left @ right).shape for left, right in trainers.products(network, X)]
    assert sorted(found) == sorted(wanted)


def test_networks_have_the_shapes_that_the_page_says():
    def shapes(part):
        network = trainers.make_network(benchmark.RACES[part][0])
        return [value.shape for _, value, _ in network.parameters() if value.ndim > 1]

    assert shapes("small") == [(784, 32), (32, 32), (32, 10)]
    assert shapes("large") == shapes("large, Adam, dropout") == [(784, 512), (512, 256), (256, 10)]
    assert shapes("convolution") == [(8, 1, 5, 5), (16, 8, 5, 5), (256, 64), (64, 10)]


# ---------------------------------------------------------------- the results' file


def numbers_in(value):
    if isinstance(value, dict):
        return [number for part in value.values() for number in numbers_in(part)]
    if isinstance(value, list):
        return [number for part in value for number in numbers_in(part)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def check_result(result, quick, parts):
    assert list(result) == ["machine", "quick", "data", "races", "growth", "memory"]
    assert result["quick"] is quick
    assert [name for name in benchmark.PARTS if name in result["races"]] == list(result["races"])
    for name, found in result["races"].items():
        wanted = benchmark.RACES[name][0]["trainers"]
        assert list(found["seconds"]) == wanted
        assert list(found["seconds by nnlib's"]) == wanted[1:]
        for group in ("seconds", "seconds by nnlib's"):
            for values in found[group].values():
                assert 0 < values["low"] <= values["median"] <= values["high"] < math.inf
    for points in result["growth"].values():
        assert all(list(point["seconds"]) == ["nnlib", "products"] for point in points)
        assert [point["value"] for point in points] == sorted(point["value"] for point in points)
    assert all(float(f"{number:.4g}") == number for number in numbers_in(result) if isinstance(number, float))
    text = json.dumps(result, ensure_ascii=False)
    assert not [part for part in (str(ROOT), os.sep + "home", "site-packages") if part in text]
    measured = [
        *result["races"],
        *(f"growth with {name}" for name in result["growth"]),
        *["memory"][: len(result["memory"])],
    ]
    assert measured == parts


def test_a_quick_run_writes_a_whole_file(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    parts = ["small", "growth with hidden layers", "memory"]
    command = [sys.executable, str(SCRIPT), "--quick", "--write", str(tmp_path / "result.json")]
    for part in parts:
        command += ["--only", part]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    check_result(result, True, parts)
    assert result["data"].startswith("random")
    assert list(result["memory"]) == ["small"]
    for part in parts[:1]:
        assert f"{result['races'][part]['seconds']['nnlib']['median']:.4g}" in done.stdout


def test_the_stored_result_is_whole_and_of_a_full_run():
    text = benchmark.RESULTS.read_text(encoding="utf-8")
    result = json.loads(text)
    check_result(result, False, benchmark.PARTS)
    assert text == json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    assert list(result["memory"]) == benchmark.MEMORY
    for name, points in benchmark.GROWTH.items():
        assert [point["value"] for point in result["growth"][name]] == [value for value, _ in points]


@pytest.mark.parametrize("arguments", [["--quick"], ["--only", "small"]])
def test_only_a_full_run_replaces_the_stored_result(arguments):
    before = benchmark.RESULTS.read_bytes()
    done = subprocess.run([sys.executable, str(SCRIPT), "--write", *arguments], capture_output=True, encoding="utf-8")
    assert done.returncode == 2
    assert "one full measurement" in done.stderr
    assert benchmark.RESULTS.read_bytes() == before


def test_what_would_be_in_vain_is_said_before_anything_is_measured(tmp_path):
    command = [sys.executable, str(SCRIPT), "--quick", "--write", str(tmp_path / "nowhere" / "result.json")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 2 and f"there is no folder {tmp_path / 'nowhere'}" in done.stderr


def test_without_pytorch_it_says_so():
    code = f"import runpy, sys; sys.modules['torch'] = None; sys.argv = ['benchmark.py']; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.returncode == 2 and "this needs PyTorch: pip install torch" in done.stderr
