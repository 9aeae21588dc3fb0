"""How fast nnlib is, beside scikit-learn, PyTorch and the bare matrix products, and how much memory it takes.

    python tests/benchmarks/benchmark.py                    measures, and prints a table; a quarter of an hour
    python tests/benchmarks/benchmark.py --only small       a part of it; --only may be given several times
    python tests/benchmarks/benchmark.py --quick            a few seconds a part: does it run? The numbers mean nothing
    python tests/benchmarks/benchmark.py --write            measures, and writes lessons/results/benchmark.json

It needs PyTorch. After the last, `python tools/publish.py` brings the new numbers to the pages. Nothing else writes that file.

All times are in float32, with one thread for each library unless a part says otherwise. Each repetition lets all libraries
train in turn, each for some epochs; a ratio is taken within a repetition. What is given is the median over the
repetitions, and the quartiles as its spread. With one thread the times are the processor's, so that waiting for other programs
does not count; with two they are those on the wall. Other programs still take their share of the caches: an idle machine is best.

The limit is the time of the matrix products alone: forward, and both backward ones, but for the gradient of the first
layer's input. `trainers.py`, beside this file, has all that is compared.

Notes. What was measured and not taken, because nnlib would be harder to read, by how much less time an epoch would take:
- the whole training as one function, without layers, checks and temporary arrays: small 11 %, large 2 %;
- no look at the labels of each batch, which `fit` has looked at once already: small 1.5 %;
- `SGD` with a buffer for the step, or with `grad *= lr` in place (which spoils the gradients for `gradient_report`): small 1 %;
- an optimizer that does all its passes on one piece of a matrix before the next: nothing, Adam on the large one takes 3 % more.
What was taken: `X.take(rows, axis=0)` for `X[rows]` (small 2 %); windows as columns with the examples last, and pooling by
k·k views, instead of windows as rows and argmax (convolution: half of the time).
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER.parent.parent / "lessons" / "results" / "benchmark.json"

SMALL, LARGE = [784, 32, 32, 10], [784, 512, 256, 10]
CONVOLUTION = "8c5-pool-16c5-pool-64-10"  # 8 kernels of 5 by 5, ...; trainers.py builds it
PEERS = ["nnlib", "scikit-learn", "PyTorch", "PyTorch, tuned", "products"]
NO_SCIKIT = [name for name in PEERS if name != "scikit-learn"]  # it has neither dropout nor convolution


def task(network, batch, trainers, optimizer="SGD", dropout=0, examples=60000):
    return {
        "network": network,
        "batch": batch,
        "optimizer": optimizer,
        "dropout": dropout,
        "examples": examples,
        "trainers": trainers,
    }


# For each part its task, the threads, and how long: repetitions, and epochs in each.
RACES = {
    "small": (task(SMALL, 64, PEERS), 1, 11, 10),
    "large": (task(LARGE, 128, PEERS), 1, 9, 3),
    "large, Adam": (task(LARGE, 128, PEERS, "Adam"), 1, 7, 1),
    "large, Adam, dropout": (task(LARGE, 128, NO_SCIKIT, "Adam", 0.5), 1, 7, 1),
    "convolution": (task(CONVOLUTION, 64, NO_SCIKIT), 1, 7, 1),
    "small, two threads": (task(SMALL, 64, PEERS), 2, 5, 10),
    "large, two threads": (task(LARGE, 128, PEERS), 2, 5, 3),
}
ALONE = ["nnlib", "products"]
GROWTH = {
    "examples": [(n, task(SMALL, 64, ALONE, examples=n)) for n in (3750, 7500, 15000, 30000, 60000)],
    "batch": [(n, task(SMALL, n, ALONE, examples=6000)) for n in (1, 4, 16, 64, 256, 1024)],
    "width": [(n, task([784, n, n, 10], 64, ALONE, examples=6000)) for n in (16, 32, 64, 128, 256, 512, 1024)],
    "hidden layers": [(n, task([784] + [128] * n + [10], 64, ALONE, examples=6000)) for n in (1, 2, 4, 8, 16)],
}
MEMORY = ["small", "large", "large, Adam, dropout", "convolution"]
PARTS = [*RACES, *(f"growth with {name}" for name in GROWTH), "memory"]


# ---------------------------------------------------------------- measuring


def measure(what, threads=1, **order):
    """What trainers.py measures, in a process of its own with this number of threads."""
    limits = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    done = subprocess.run(
        [sys.executable, str(FOLDER / "trainers.py"), json.dumps({"measure": what, "threads": threads, **order})],
        env=os.environ | limits,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def race(tasks, threads, repetitions, epochs, quick):
    """The data that was used, and for each task a summary: seconds an epoch, and ratios to nnlib's."""
    if quick:
        tasks = [one | {"examples": max(640, one["examples"] // 60)} for one in tasks]
        repetitions, epochs = 3, 1
    data = "random" if quick else "MNIST"
    found = measure("times", threads, tasks=tasks, repetitions=repetitions, epochs=epochs, data=data)
    summaries = []
    for one, seconds in zip(tasks, found["seconds"]):
        ours = seconds["nnlib"]
        ratios = {name: [a / b for a, b in zip(theirs, ours)] for name, theirs in seconds.items() if name != "nnlib"}
        summaries.append(
            {
                "network": one["network"],
                "batch": one["batch"],
                "optimizer": one["optimizer"],
                "dropout": one["dropout"],
                "examples": one["examples"],
                "threads": threads,
                "repetitions": repetitions,
                "epochs in each": epochs,
                "seconds": {name: spread(values) for name, values in seconds.items()},
                "seconds by nnlib's": {name: spread(values) for name, values in ratios.items()},
            }
        )
    return found["data"], summaries


def spread(values):
    """The median and the quartiles, with four significant digits."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": short(median), "low": short(low), "high": short(high)}


def short(value):
    return float(f"{value:.4g}")


def run(parts, quick):
    """Measure these parts; the result as it is written to the file."""
    machine = measure("machine")
    machine["load when it began"] = short(os.getloadavg()[0]) if hasattr(os, "getloadavg") else None
    result = {"machine": machine, "quick": quick, "data": None, "races": {}, "growth": {}, "memory": {}}
    for part in parts:
        print(f"{part} ...", file=sys.stderr, flush=True)
        if part in RACES:
            one, threads, repetitions, epochs = RACES[part]
            result["data"], (result["races"][part],) = race([one], threads, repetitions, epochs, quick)
        elif part == "memory":
            for name in MEMORY[:1] if quick else MEMORY:
                one = RACES[name][0] | ({"examples": 1000} if quick else {})
                result["memory"][name] = {}
                for trainer in one["trainers"]:
                    if trainer not in ("products", "PyTorch, tuned"):  # the latter needs what PyTorch needs
                        found = measure("memory", tasks=[one], trainer=trainer)
                        result["memory"][name][trainer] = found and {key: short(found[key]) for key in found}
        else:
            name = part.removeprefix("growth with ")
            points = GROWTH[name][:2] if quick else GROWTH[name]
            _, summaries = race([one for _, one in points], 1, 7, 1, quick)
            result["growth"][name] = [{"value": n, **summary} for (n, _), summary in zip(points, summaries)]
    return result


# ---------------------------------------------------------------- showing


def table(result):
    lines = [f"{key}: {value}" for key, value in result["machine"].items()]
    lines += [f"data: {result['data']}", ""]
    lines += [f"{'':24}{'':16}{'seconds an epoch':>18}{'times nnlib':>14}   (quartiles)"]
    for part, found in result["races"].items():
        for name, seconds in found["seconds"].items():
            ratio = found["seconds by nnlib's"].get(name)
            words = f"{ratio['median']:14.3f}   ({ratio['low']:.3f} to {ratio['high']:.3f})" if ratio else ""
            lines.append(f"{part:24}{name:16}{seconds['median']:18.4g}{words}")
            part = ""
    for name, points in result["growth"].items():
        lines += ["", f"{name:>16}{'seconds an epoch':>18}{'products':>12}"]
        for point in points:
            seconds, limit = point["seconds"]["nnlib"]["median"], point["seconds by nnlib's"]["products"]["median"]
            lines.append(f"{point['value']:16d}{seconds:18.4g}{limit:12.0%}")
    if result["memory"]:
        lines += ["", f"{'megabytes':24}{'':16}{'data':>8}{'process':>10}{'by training':>13}"]
    for part, found in result["memory"].items():
        for name, megabytes in found.items():
            if megabytes:
                values = megabytes["data"], megabytes["process"], megabytes["training"]
                lines.append(f"{part:24}{name:16}{values[0]:8.0f}{values[1]:10.0f}{values[2]:13.0f}")
            part = ""
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see whether it runs")
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=f"one of: {'; '.join(PARTS)}")
    parser.add_argument("--write", nargs="?", const=RESULTS, type=Path, metavar="FILE", help="write the results' file")
    arguments = parser.parse_args()
    if arguments.write == RESULTS and (arguments.quick or arguments.only):
        parser.error("the file that the page shows holds one full measurement; give --write another file's name")
    if arguments.write and not arguments.write.parent.is_dir():  # before a quarter of an hour
        parser.error(f"there is no folder {arguments.write.parent}")
    if importlib.util.find_spec("torch") is None:
        parser.error("this needs PyTorch: pip install torch")
    result = run(arguments.only or PARTS, arguments.quick)
    print(table(result))
    if arguments.write:
        arguments.write.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
