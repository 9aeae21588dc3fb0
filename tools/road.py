"""The road from 97 % to 99 % on MNIST, one idea at a time: train its networks, and keep which images each gets wrong.

    python tools/road.py                  prints each step and what it gains; about an hour on one core
    python tools/road.py --write          and writes lessons/results/road.json, which Chapters 22 and 23 read; after it:
                                          python tools/publish.py
    python tools/road.py --speed --write  only measures convolution by loops and by im2col again, in the same file; a minute

Nothing is chosen by the test images. The networks train on the first 50,000 training images, and all choices are made on the
other 10,000, the validation images. A step adds one idea to the last step that was better than the one before. It chooses among
four settings of one quantity, each tried from two seeds, and then trains from five other seeds. It is better if these are right on
more validation images, on average. The test images are met once, at the end, by the first network, the last dense one and
the last of all, trained on all 60,000 images from the same five seeds.

What has been trained is kept in _build/road.jsonl until the file is written, so that a run goes on where it was stopped, unless
the code of nnlib or of this file has changed since.
"""

import argparse
import ast
import hashlib
import json
import sys
import time
import warnings
from pathlib import Path

import jupytext
import matrix
import numpy as np
import publish

import nnlib
from nnlib import SoftmaxCrossEntropy, fit, mlp

RESULT = Path("lessons/results/road.json")
DONE = matrix.ROOT / "_build" / "road.jsonl"
LESSON = matrix.ROOT / "lessons" / "23_convolution.md"

BATCH_SIZE = 64
SEEDS, TUNING_SEEDS = range(5), (100, 101)
RATES = {"SGD": (0.03, 0.1, 0.3, 1.0), "Adam": (0.0003, 0.001, 0.003, 0.01)}
CONVOLUTION = "8c5-pool-16c5-pool-64-10"  # 8 kernels of 5 by 5, ...
START = {"network": "784-32-32-10", "optimizer": "SGD", "schedule": "constant", "dropout": 0, "shift": 0, "epochs": 5}
ROAD = {  # what is new in each step; where it says nothing else, it chooses its rate
    "start": {},
    "width": {"network": "784-128-64-10"},
    "Adam": {"optimizer": "Adam"},
    "schedule": {"schedule": "cosine"},
    "dropout": {"dropout": (0.1, 0.2, 0.3, 0.5)},
    "shifts": {"shift": 1},
    "convolution": {"network": CONVOLUTION},
    "longer": {"epochs": (20,)},  # chooses nothing
}
NO_SHIFTS = {"network": CONVOLUTION, "schedule": "cosine", "shift": 0}
SIDE_ROADS = {  # beside which step, and what is new
    "longer, dense": ("shifts", {"epochs": (20,)}),
    "longer, constant rate": ("shifts", {"epochs": 20, "schedule": "constant"}),
    "convolution, no shifts": ("convolution", NO_SHIFTS),
    "3 epochs, Adam": (
        "convolution",
        NO_SHIFTS | {"epochs": 3, "optimizer": "Adam"},
    ),  # Chapter 23 trains it on its page
    "3 epochs, SGD": ("convolution", NO_SHIFTS | {"epochs": 3, "optimizer": "SGD"}),
}
TESTED = ("start", "longer, dense", "longer")
DISTANCES = range(5)  # pixels by which the validation images are moved


# ---------------------------------------------------------------- one training


def make_network(recipe, rng):
    if recipe["network"] == CONVOLUTION:
        sizes, layers = [256, 64, 10], []
        for c_in, c_out in ((1, 8), (8, 16)):
            layers += [nnlib.Conv2D(c_in, c_out, 5, rng=rng), nnlib.ReLU(), nnlib.MaxPool2D(2)]
        layers.append(nnlib.Flatten())
    else:
        sizes, layers = [int(size) for size in recipe["network"].split("-")], []
    for layer in mlp(sizes, "relu", rng=rng).layers:
        layers.append(layer)
        if recipe["dropout"] and isinstance(layer, nnlib.ReLU):
            layers.append(nnlib.Dropout(recipe["dropout"], rng))
    return nnlib.Network(layers)


def shaped(X, recipe):
    """Rows of pixels in the shape that the recipe's network takes."""
    return X.reshape(-1, 1, 28, 28) if recipe["network"] == CONVOLUTION else X


def shifted(X, down, right):
    """Images (N, 784), each moved by its own number of pixels, (N,) and (N,). What leaves is lost, what enters is paper."""
    reach = max(np.abs(down).max(), np.abs(right).max())
    padded = np.pad(X.reshape(-1, 28, 28), ((0, 0), (reach, reach), (reach, reach)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (28, 28), axis=(1, 2))
    return windows[np.arange(len(X)), reach - down, reach - right].reshape(-1, 784)


def train(recipe, seed, X, y):
    """The trained network, and the training loss of its last epoch."""
    rng = np.random.default_rng(seed)
    network = make_network(recipe, rng)
    optimizer = getattr(nnlib, recipe["optimizer"])(recipe["rate"])
    falling = recipe["schedule"] == "cosine"
    schedule = nnlib.cosine_decay(recipe["rate"], recipe["epochs"]) if falling else nnlib.constant_rate(recipe["rate"])
    for epoch in range(recipe["epochs"]):
        images = X
        if recipe["shift"]:  # every image moves anew in every epoch
            images = shifted(X, *rng.integers(-recipe["shift"], recipe["shift"] + 1, size=(2, len(X))))
        optimizer.lr = schedule(epoch)
        with warnings.catch_warnings():  # a rate that is too large: its score will say so
            warnings.simplefilter("ignore", RuntimeWarning)
            history = fit(
                network,
                SoftmaxCrossEntropy(),
                shaped(images, recipe),
                y,
                optimizer=optimizer,
                epochs=1,
                batch_size=BATCH_SIZE,
                rng=rng,
                progress=False,
            )
        if not history["loss"]:
            return network, None
    return network, history["loss"][-1]


def mistakes(network, recipe, X, y):
    """The rows of the images that the network gets wrong, as text: a line of the file for each network."""
    return " ".join(str(row) for row in np.flatnonzero(network.predict(shaped(X, recipe)) != y))


def share_right(found, n=10_000):
    return round(1 - len(found.split()) / n, 4)


def after_shifts(network, recipe, X, y):
    """For each distance the share of images that are right when all of them move by it, the mean over four directions."""
    shares = []
    for distance in DISTANCES:
        right = []
        for down, across in ((0, distance), (0, -distance), (distance, 0), (-distance, 0)):
            moved = shifted(X, np.full(len(X), down), np.full(len(X), across))
            right.append(np.mean(network.predict(shaped(moved, recipe)) == y))
        shares.append(round(float(np.mean(right)), 5))
    return shares


# ---------------------------------------------------------------- the road


def code_hash():
    """Of what a training depends on: nnlib and this file, without comments."""
    code = publish.nnlib_code() | {"road.py": publish.code_of(Path(__file__))}
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()[:12]


class Logbook:
    """What was trained, in a file of one line each, so that nothing is trained twice by the same code."""

    def __init__(self):
        text = DONE.read_text(encoding="utf-8") if DONE.exists() else ""
        whole = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
        if "".join(whole) != text:  # stopped in the middle of a line
            DONE.write_text("".join(whole), encoding="utf-8", newline="\n")
        self.code = code_hash()
        self.known = {json.dumps(key): value for key, value in map(json.loads, whole)}

    def result(self, purpose, recipe, seed, data):
        """Train by this recipe from this seed, and look at what the network gets wrong, unless that is known."""
        key = [self.code, purpose, recipe, seed]
        if json.dumps(key) not in self.known:
            X, y, X_held_out, y_held_out = data
            start = time.process_time()
            network, _ = train(recipe, seed, X, y)
            found = {"seconds": time.process_time() - start}
            found["mistakes"] = mistakes(network, recipe, X_held_out, y_held_out)
            if purpose == "step":
                found["training"] = float(np.mean(network.predict(shaped(X, recipe)) == y))
                found["shifted"] = after_shifts(network, recipe, X_held_out, y_held_out)
            self.known[json.dumps(key)] = found
            DONE.parent.mkdir(exist_ok=True)
            with open(DONE, "a", encoding="utf-8") as file:
                file.write(json.dumps([key, found]) + "\n")
            print(f"{purpose}, seed {seed}: {share_right(found['mistakes']):.4f}, {found['seconds']:.0f} s", flush=True)
        return self.known[json.dumps(key)]


def take_step(logbook, new, before, data):
    """Add what is new to a recipe, choose among the settings, and train from all seeds."""
    recipe = before | new
    quantity = next((name for name, value in new.items() if isinstance(value, tuple)), "rate")
    settings = new.get(quantity, RATES[recipe["optimizer"]])
    tried = {}
    for setting in settings if len(settings) > 1 else ():
        results = [logbook.result("tuning", recipe | {quantity: setting}, seed, data) for seed in TUNING_SEEDS]
        tried[str(setting)] = [share_right(result["mistakes"]) for result in results]
    best = max(settings, key=lambda setting: sum(tried.get(str(setting), [])))  # the first among equals
    recipe = recipe | {quantity: best}
    results = [logbook.result("step", recipe, seed, data) for seed in SEEDS]
    return {
        "recipe": recipe,
        "tried": tried,
        "seconds": float(f"{np.median([result['seconds'] for result in results]):.2g}"),
        "short": short(recipe, *data[:2]),
        "training": [result["training"] for result in results],
        "shifted": [result["shifted"] for result in results],
        "mistakes": [result["mistakes"] for result in results],
    }


def mean_right(step):
    return np.mean([share_right(found) for found in step["mistakes"]])


def travel(X_train, y_train, X_test, y_test):
    """All steps and side roads, then the three networks that meet the test images."""
    data = X_train[:50_000], y_train[:50_000], X_train[50_000:], y_train[50_000:]
    logbook, steps, last = Logbook(), {}, None
    for name, new in ROAD.items():
        step = take_step(logbook, new, steps[last]["recipe"] if last else START, data)
        better = last is None or bool(mean_right(step) > mean_right(steps[last]))
        steps[name] = {"after": last, "better": better, **step}
        last = name if better else last
    for name, (after, new) in SIDE_ROADS.items():
        step = take_step(logbook, new, steps[after]["recipe"], data)
        steps[name] = {"after": after, "better": bool(mean_right(step) > mean_right(steps[after])), **step}
    data = X_train, y_train, X_test, y_test
    test = {
        name: [logbook.result("test", steps[name]["recipe"], seed, data)["mistakes"] for seed in SEEDS]
        for name in TESTED
    }
    return {"steps": steps, "test": test}


def short(recipe, X, y):
    """The loss after one epoch of the first 1,000 images: what the tests can repeat."""
    return train(recipe | {"epochs": 1}, 0, X[:1000], y[:1000])[1]


def table(result):
    lines = [f"{'':26}{'after':14}validation    lowest   highest  training   seconds  better"]
    for name, step in result["steps"].items():
        right = [share_right(found) for found in step["mistakes"]]
        shares = (np.mean(right), min(right), max(right), np.mean(step["training"]))
        numbers = "".join(f"{share:10.4f}" for share in shares)
        lines.append(f"{name:26}{step['after'] or '':14}{numbers}{step['seconds']:10g}  {step['better']}")
    for name, found in result["test"].items():
        lines.append(f"{name + ', test images':40}{np.mean([share_right(one) for one in found]):10.4f}")
    return "\n".join(lines)


# ---------------------------------------------------------------- loops and im2col

FUNCTIONS = ("conv_loops", "conv_loops_backward", "conv_im2col", "conv_im2col_backward")
HELPERS = ("pad", "output_size", "im2col")


def chapter_functions():
    """The convolution that the chapter builds, taken from its page."""
    code = "\n".join(cell.source for cell in jupytext.read(LESSON).cells if cell.cell_type == "code")
    found = [
        node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS + HELPERS
    ]
    names = {"np": np, "sliding_window_view": np.lib.stride_tricks.sliding_window_view}
    exec(compile(ast.Module(found, []), str(LESSON), "exec"), names)
    return [names[name] for name in FUNCTIONS]


def measure_speed(n=64, repetitions=5):
    """Seconds of the processor for a batch, forward and backward through the network's two convolutions: the median."""
    conv_loops, conv_loops_backward, conv_im2col, conv_im2col_backward = chapter_functions()
    rng = np.random.default_rng(0)
    seconds = {"loops": [], "im2col": [], "nnlib": []}
    for _ in range(repetitions):
        spent = dict.fromkeys(seconds, 0.0)
        for c_in, c_out, size in ((1, 8, 28), (8, 16, 12)):
            layer = nnlib.Conv2D(c_in, c_out, 5, rng=rng)
            W, b = layer.params["W"], layer.params["b"]
            x = rng.normal(size=(n, c_in, size, size))
            d_out = rng.normal(size=(n, c_out, size - 4, size - 4))
            results = []
            for name in seconds:
                start = time.process_time()
                if name == "loops":
                    out, grads = conv_loops(x, W, b), conv_loops_backward(d_out, x, W)
                elif name == "im2col":
                    out, grads = conv_im2col(x, W, b), conv_im2col_backward(d_out, x, W)
                else:
                    out, d_x = layer.forward(x), layer.backward(d_out)
                    grads = d_x, layer.grads["W"], layer.grads["b"]
                spent[name] += time.process_time() - start
                results.append([out, *grads])
            for other in results[1:]:
                assert all(np.allclose(a, b) for a, b in zip(results[0], other))
        for name in seconds:
            seconds[name].append(spent[name])
    return {"batch": n, "seconds": {name: float(f"{np.median(found):.3g}") for name, found in seconds.items()}}


def dump(result):
    return json.dumps(result, indent=1) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"store the result in {RESULT.as_posix()}")
    parser.add_argument("--speed", action="store_true", help="only measure loops and im2col")
    arguments = parser.parse_args()
    machine = matrix.probe(sys.executable, {})
    machine = {key: machine[key] for key in ("kernels", "openblas", "numpy", "python")}
    if arguments.speed:
        if not (matrix.ROOT / RESULT).exists():
            parser.error(f"{RESULT.as_posix()} is not there yet; run without --speed first")
        result = json.loads((matrix.ROOT / RESULT).read_text(encoding="utf-8"))
    else:
        road = travel(*nnlib.mnist())
        result = {"machine": machine, "batch size": BATCH_SIZE, **road}
        print(table(result))
    result["speed"] = {"machine": machine, **measure_speed()}
    print(result["speed"])
    if arguments.write:
        (matrix.ROOT / RESULT).write_text(dump(result), encoding="utf-8", newline="\n")
        if not arguments.speed:
            DONE.unlink()


if __name__ == "__main__":
    main()
