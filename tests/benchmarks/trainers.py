"""What the benchmark compares: nnlib, scikit-learn, PyTorch and the bare matrix products, each on the same task.

All start from the weights of one network of nnlib's. nnlib and PyTorch also get the same examples in the same batches;
scikit-learn shuffles by itself. Each trainer is made for a task, and then ``train(X, y, epochs, rng)`` returns the mean
loss of each epoch.

benchmark.py starts this file as a process of its own for each measurement: the number of threads is then set before
anything is imported, and memory is that of one library.
"""

import gc
import json
import os
import platform
import sys
import time
import warnings
from importlib.metadata import version

import numpy as np

import nnlib

RATE = {"SGD": 0.1, "Adam": 0.001}


def make_network(task, dtype=np.float32):
    """The task's network, with the weights from which all begin."""
    rng = np.random.default_rng(0)
    if is_convolutional(task):
        sizes, layers = [256, 64, 10], []
        for c_in, c_out in ((1, 8), (8, 16)):
            layers += [nnlib.Conv2D(c_in, c_out, 5, rng=rng, dtype=dtype), nnlib.ReLU(), nnlib.MaxPool2D(2)]
        layers.append(nnlib.Flatten())
    else:
        sizes, layers = task["network"], []
    for layer in nnlib.mlp(sizes, rng=rng, dtype=dtype).layers:
        layers.append(layer)
        if task["dropout"] and isinstance(layer, nnlib.ReLU):
            layers.append(nnlib.Dropout(task["dropout"], rng))
    return nnlib.Network(layers)


def is_convolutional(task):
    """Dense networks are given by a list of sizes, the one with convolutions by its name."""
    return isinstance(task["network"], str)


def make_data(task, X, y):
    """The task's examples, in the shape that its network takes."""
    X, y = X[: task["examples"]], y[: task["examples"]]
    return (X.reshape(-1, 1, 28, 28) if is_convolutional(task) else X), y


# ---------------------------------------------------------------- the trainers


class Nnlib:
    def __init__(self, task, network):
        self.network, self.batch = network, task["batch"]
        self.optimizer = getattr(nnlib, task["optimizer"])(RATE[task["optimizer"]])

    def train(self, X, y, epochs, rng):
        return nnlib.fit(
            self.network,
            nnlib.SoftmaxCrossEntropy(),
            X,
            y,
            optimizer=self.optimizer,
            epochs=epochs,
            batch_size=self.batch,
            rng=rng,
            progress=False,
        )["loss"]


class ScikitLearn:
    """MLPClassifier, without momentum, penalty and early stopping, which the others do not have either.

    ``warm_start`` makes ``fit`` go on where it stopped. Like nnlib's ``fit``, it looks once at all data and then trains for
    some epochs; ``partial_fit`` would look at all data before each epoch.
    """

    def __init__(self, task, network, shuffle=True):
        from sklearn.neural_network import MLPClassifier

        weights = [layer.params for layer in network.layers if layer.params]
        self.model = MLPClassifier(
            hidden_layer_sizes=[len(params["b"]) for params in weights[:-1]],
            solver=task["optimizer"].lower(),
            learning_rate_init=RATE[task["optimizer"]],
            batch_size=task["batch"],
            alpha=0,
            momentum=0,
            nesterovs_momentum=False,
            shuffle=shuffle,
            warm_start=True,
            n_iter_no_change=10**9,
            random_state=0,
        )
        n_in, classes = len(weights[0]["W"]), np.arange(len(weights[-1]["b"]))
        some = np.zeros((len(classes), n_in), weights[0]["W"].dtype)
        self.model.set_params(batch_size=len(classes))
        self.model.partial_fit(some, classes, classes=classes)  # makes the arrays, which then get the weights
        self.model.set_params(batch_size=task["batch"])
        for W, b, params in zip(self.model.coefs_, self.model.intercepts_, weights):
            W[...], b[...] = params["W"], params["b"]

    def train(self, X, y, epochs, rng):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged
            self.model.set_params(max_iter=epochs).fit(X, y)
        return self.model.loss_curve_[-epochs:]


class PyTorch:
    """The usual loop, without a compiler. Batches are taken from one tensor, which is faster than a DataLoader."""

    tuned = False

    def __init__(self, task, network):
        import torch

        self.torch, self.batch = torch, task["batch"]
        self.network = torch.nn.Sequential(*[self._layer(layer) for layer in network.layers])
        kind = getattr(torch.optim, task["optimizer"])
        self.optimizer = kind(self.network.parameters(), lr=RATE[task["optimizer"]], fused=self.tuned or None)

    def _layer(self, layer):
        """A layer of nnlib's as one of PyTorch's, with the same weights."""
        torch = self.torch
        if isinstance(layer, nnlib.Dense):
            made, W = torch.nn.Linear(layer.n_in, layer.n_out), layer.params["W"].T
        elif isinstance(layer, nnlib.Conv2D):
            c_out, c_in, k, _ = layer.params["W"].shape
            made, W = torch.nn.Conv2d(c_in, c_out, k), layer.params["W"]
        elif isinstance(layer, nnlib.MaxPool2D):
            return torch.nn.MaxPool2d(layer.kernel_size)
        elif isinstance(layer, nnlib.Dropout):
            return torch.nn.Dropout(layer.rate)
        else:
            return {nnlib.ReLU: torch.nn.ReLU, nnlib.Flatten: torch.nn.Flatten}[type(layer)]()
        made.weight.data = torch.tensor(W.copy())
        made.bias.data = torch.tensor(layer.params["b"])
        return made

    def train(self, X, y, epochs, rng):
        torch = self.torch
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        loss, losses = torch.nn.CrossEntropyLoss(), []
        for _ in range(epochs):
            total = 0.0
            for rows in torch.from_numpy(rng.permutation(len(X))).split(self.batch):
                X_batch = X.index_select(0, rows) if self.tuned else X[rows]
                value = loss(self.network(X_batch), y[rows])
                self.optimizer.zero_grad()
                value.backward()
                self.optimizer.step()
                total += value.item() * len(rows)
            losses.append(total / len(X))
        return losses


class PyTorchTuned(PyTorch):
    """With what an expert would add: the faster way to pick rows, and the optimizer's step in one compiled piece.

    PyTorch has both, but chooses neither by itself.
    """

    tuned = True


class Products:
    """The limit: the matrix products that training can't do without, on matrices that lie ready, and nothing else."""

    def __init__(self, task, network):
        self.network, self.batch = network, task["batch"]

    def train(self, X, y, epochs, rng):
        full, last = products(self.network, X[: self.batch]), products(self.network, X[: len(X) % self.batch])
        for _ in range(epochs):
            for _ in range(len(X) // self.batch):
                for left, right in full:
                    left @ right
            for left, right in last:
                left @ right
        return []


def products(network, x):
    """The pairs of matrices that are multiplied for the batch x: the layers' outputs, and their gradients.

    Not for the gradient with respect to the first layer's input, which nobody uses.
    """
    forward, backward = [], []
    for i, layer in enumerate(network.layers if len(x) else []):
        out = layer.forward(x)
        if isinstance(layer, nnlib.Dense):
            W = layer.params["W"]
            forward += [(x, W)]
            backward = [(x.T, out), *([(out, W.T)] if i else []), *backward]
        elif isinstance(layer, nnlib.Conv2D):
            d = out.transpose(1, 2, 3, 0).reshape(out.shape[1], -1)
            kernels = layer.params["W"].reshape(len(d), -1)
            columns = np.ones((kernels.shape[1], d.shape[1]), d.dtype)
            forward += [(kernels, columns)]
            backward = [(d, columns.T), *([(kernels.T, d)] if i else []), *backward]
        x = out
    return forward + backward


TRAINERS = {
    "nnlib": Nnlib,
    "scikit-learn": ScikitLearn,
    "PyTorch": PyTorch,
    "PyTorch, tuned": PyTorchTuned,
    "products": Products,
}


# ---------------------------------------------------------------- what is measured


def random_data(examples):
    """Random numbers of MNIST's shape and type."""
    rng = np.random.default_rng(0)
    return rng.random((examples, 784), dtype=np.float32), rng.permutation(np.arange(examples) % 10)


def load_data(examples, wanted):
    """MNIST if it is wanted and can be had, else random numbers; and which it is."""
    if wanted == "MNIST":
        try:
            return *nnlib.mnist()[:2], "MNIST"
        except (FileNotFoundError, ImportError):
            pass
    return *random_data(examples), "random numbers of the shape of MNIST"


def measure_times(order):
    """Seconds an epoch, for each task and trainer a list with one entry a repetition.

    All take their turn in each repetition, so that what slows the machine for a while slows all of them. With one thread
    it is the processor's time, which goes on only while the process runs; on an idle machine that is the time on the wall.
    """
    clock = time.process_time if order["threads"] == 1 else time.perf_counter
    tasks = order["tasks"]
    X, y, which = load_data(max(task["examples"] for task in tasks), order["data"])
    contenders = []
    for number, task in enumerate(tasks):
        own_X, own_y = make_data(task, X, y)
        for name in task["trainers"]:
            trainer = TRAINERS[name](task, make_network(task))
            rng = np.random.default_rng(1)
            trainer.train(own_X[: 10 * task["batch"]], own_y[: 10 * task["batch"]], 1, rng)  # to warm up
            contenders.append((number, name, trainer, own_X, own_y, rng))
    check_threads(order["threads"])
    seconds = [{name: [] for name in task["trainers"]} for task in tasks]
    for repetition in range(order["repetitions"]):
        first = repetition % len(contenders)  # who goes first changes
        for number, name, trainer, own_X, own_y, rng in contenders[first:] + contenders[:first]:
            gc.collect()
            time.sleep(0.05)  # until the threads of the one before have gone to sleep
            start = clock()
            trainer.train(own_X, own_y, order["epochs"], rng)
            seconds[number][name].append((clock() - start) / order["epochs"])
    return {"data": which, "seconds": seconds}


def measure_memory(order):
    """Megabytes: the data, the process at its peak, and how much of that came with the training.

    Random numbers serve as data: they are made in place, so that the peak before the training is not that of loading a file.
    """
    (task,) = order["tasks"]
    X, y = make_data(task, *random_data(task["examples"]))
    trainer = TRAINERS[order["trainer"]](task, make_network(task))
    before = peak_megabytes()
    trainer.train(X, y, 1, np.random.default_rng(1))
    after = peak_megabytes()
    if before is None:  # this system does not tell
        return None
    return {"data": (X.nbytes + y.nbytes) / 1e6, "process": after, "training": after - before}


def peak_megabytes():
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def check_threads(wanted):
    """Fail if a library that was loaded uses another number of threads."""
    from threadpoolctl import threadpool_info

    found = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
    if "torch" in sys.modules:
        found["torch"] = sys.modules["torch"].get_num_threads()
    if any(number != wanted for number in found.values()):
        raise RuntimeError(f"{wanted} threads are wanted, and there are {found}")


def describe_machine(order):
    """What the times depend on: processor, versions, and which kernels the libraries chose for this processor."""
    import torch
    from threadpoolctl import threadpool_info

    blas = next(pool for pool in threadpool_info() if pool["user_api"] == "blas" and "numpy" in pool["filepath"])
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.system(),
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "scikit-learn": version("scikit-learn"),
        "PyTorch": version("torch"),
        "NumPy's BLAS": f"{blas['internal_api']} {blas['version']}, {blas.get('architecture', 'of unknown')} kernels",
        "kernels set from outside": "OPENBLAS_CORETYPE" in os.environ,
        "PyTorch's kernels": torch.backends.cpu.get_cpu_capability(),
    }


def processor():
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


MEASURES = {"times": measure_times, "memory": measure_memory, "machine": describe_machine}

if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    print(json.dumps(MEASURES[order["measure"]](order)))
