"""The program of chapter 24: several processes that average their gradients end with the weights of one. Needs PyTorch.

It runs by itself, with a limit on its time, so that processes which wait for each other for ever fail and don't hang.
"""

import json

import frameworks
import numpy as np
import pytest

import nnlib

pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

TEXT = frameworks.PROGRAM.read_text(encoding="utf-8")
CALL = """
import json
import data_parallel

def as_lists(weights):
    return {name: value.tolist() for name, value in weights.items()}

X, y, network = data_parallel.data_and_network()
found = {"X": X.tolist(), "y": y.tolist(), "start": as_lists(network.state_dict())}
found["one process"] = as_lists(data_parallel.train(0, 1))
found["several"] = [as_lists(weights) for weights in data_parallel.train_together(PROCESSES)]
print(json.dumps(found))
"""


def run(text, folder, processes=2):
    """The data, the weights at the start, those of one process, and those of several, as arrays."""
    (folder / "data_parallel.py").write_text(text, encoding="utf-8")
    found = json.loads(frameworks.run_program(["-c", CALL.replace("PROCESSES", str(processes))], folder))
    arrays = [{name: np.array(value) for name, value in part.items()} for part in found["several"]]
    one = [{name: np.array(value) for name, value in found[part].items()} for part in ("start", "one process")]
    return np.array(found["X"]), np.array(found["y"]), *one, arrays


def distance(a, b):
    return max(np.max(np.abs(a[name] - b[name])) for name in a)


def by_nnlib(X, y, start):
    """The same training in one process, by nnlib."""
    network = nnlib.mlp([2, 8, 1], "tanh", rng=np.random.default_rng(0))
    parameters = [value for _, value, _ in network.parameters()]
    for value, theirs in zip(parameters, start.values()):
        value[...] = theirs.T  # a Linear keeps its weights as (n_out, n_in)
    nnlib.fit(
        network, nnlib.BinaryCrossEntropy(), X, y.astype(int), optimizer=nnlib.SGD(1.0), epochs=20, progress=False
    )
    return {name: value.T for name, value in zip(start, parameters)}


# Classes, since the tests of one class run in one worker: several such programs at a time would be slow.
class TestProgram:
    @pytest.mark.parametrize("processes", [2, 3])
    def test_several_processes_give_the_weights_of_one(self, tmp_path, processes):
        X, y, start, one, several = run(TEXT, tmp_path, processes)
        assert len(X) % 2 == 1  # with two, the shards have different sizes
        assert len(several) == processes
        for weights in several:
            assert distance(weights, one) < 1e-12
            assert distance(weights, several[0]) == 0
        assert distance(one, by_nnlib(X, y, start)) < 1e-12
        assert distance(one, start) > 0.1  # they have moved

    def test_without_the_weighting_they_do_not(self, tmp_path):
        """The sizes are 101 and 100, so a plain average is off by little, but it is off."""
        damaged = TEXT.replace("(loss * len(mine) / len(X)).backward()", "(loss / processes).backward()")
        assert damaged != TEXT
        *_, one, several = run(damaged, tmp_path)
        assert distance(several[0], one) > 1e-6
        assert distance(several[0], several[1]) == 0

    def test_without_the_exchange_they_do_not_even_agree(self, tmp_path):
        damaged = TEXT.replace("if processes > 1:", "if False:")
        assert damaged != TEXT
        *_, one, several = run(damaged, tmp_path)
        assert distance(several[0], one) > 1e-3
        assert distance(several[0], several[1]) > 1e-3

    def test_a_process_that_leaves_is_an_error(self, tmp_path):
        """The other one does not wait for it for ever."""
        damaged = TEXT.replace("    for _ in range(20):", "    for _ in range(20 - rank):")
        assert damaged != TEXT
        with pytest.raises(RuntimeError, match="ended"):
            run(damaged, tmp_path)
