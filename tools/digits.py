"""Train the same networks under every setting of the matrix, and keep all digits of their losses.

    python tools/digits.py             prints how many digits agree with this machine's own arithmetic; about a minute
    python tools/digits.py --write     and writes lessons/results/digits.json, which the page "Why your fourth digit may
                                       differ from mine" reads; after it: python tools/publish.py

The settings are those of tools/matrix.py. What is trained stands below, in `EXPERIMENTS`.
"""

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

import matrix
import numpy as np

import nnlib
from nnlib import SGD, BinaryCrossEntropy, SoftmaxCrossEntropy, fit, mlp

RESULT = Path("lessons/results/digits.json")


def digits_losses(dtype=np.float64, seed=0):
    """A network for the 8x8 digits at a rate that suits it, in 30 epochs."""
    X, y = nnlib.digits()
    rng = np.random.default_rng(seed)
    network = mlp([64, 32, 10], "relu", rng=rng, dtype=dtype)
    options = {"optimizer": SGD(0.1), "epochs": 30, "batch_size": 32, "rng": rng, "progress": False}
    return fit(network, SoftmaxCrossEntropy(), X, y, **options)["loss"]


def moons_losses(rate):
    """A network for the moons, in every tenth of 300 epochs; at rate 20 its losses jump about."""
    rng = np.random.default_rng(0)
    X, y = nnlib.moons(200, rng=rng)
    network = mlp([2, 16, 16, 1], "tanh", rng=rng)
    return fit(network, BinaryCrossEntropy(), X, y, optimizer=SGD(rate), epochs=300, progress=False)["loss"][9::10]


EXPERIMENTS = {  # each gives its loss in some thirty epochs
    "digits": digits_losses,
    "digits, float32": lambda: digits_losses(np.float32),
    "moons, rate 0.5": lambda: moons_losses(0.5),
    "moons, rate 20": lambda: moons_losses(20),
}
SEEDS = range(10)  # of the first experiment, under this machine's own arithmetic


def train_all():
    """{experiment: its loss in each epoch}. A setting's process prints this."""
    return {name: train() for name, train in EXPERIMENTS.items()}


def agreeing_digits(a, b):
    """To how many significant digits two numbers agree, by their relative difference; 16 if they are the same."""
    return 16 if a == b else max(0, math.floor(-math.log10(abs(a - b) / max(abs(a), abs(b)))))


def measure(setting):
    command = [setting.python, __file__, "--one-setting"]
    done = subprocess.run(command, cwd=matrix.ROOT, env=matrix.environment(setting.variables), stdout=subprocess.PIPE)
    if done.returncode:
        raise matrix.Failed(f"{setting.name}: the training ended with status {done.returncode}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"store the result in {RESULT.as_posix()}")
    parser.add_argument("--one-setting", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one_setting:
        print(json.dumps(train_all()))
        return
    machine = matrix.probe(sys.executable, {})
    settings = [setting for setting in matrix.all_settings(machine) if setting.state == matrix.RUNS]
    for setting in settings:
        matrix.make_ready(setting)
    settings = [setting for setting in settings if setting.state == matrix.RUNS]
    losses = {setting.name: measure(setting) for setting in settings}
    own = losses["one-thread"]
    width = max(map(len, losses))
    print(f"{'':{width}}" + "".join(f"{name:>18}" for name in EXPERIMENTS))
    for setting, found in losses.items():
        cells = [agreeing_digits(found[name][-1], own[name][-1]) for name in EXPERIMENTS]
        print(f"{setting:{width}}" + "".join(f"{cell:18}" for cell in cells))
    if arguments.write:
        result = {
            "machine": {key: machine[key] for key in ("kernels", "openblas", "numpy", "python")},
            "settings": {setting.name: setting.about for setting in settings},
            "losses": losses,
            "seeds": [digits_losses(seed=seed)[-1] for seed in SEEDS],
        }
        (matrix.ROOT / RESULT).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
