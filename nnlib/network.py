"""A network: layers in a row."""

import inspect
import json
import tempfile
from pathlib import Path

import numpy as np

from .activations import GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh, sigmoid, softmax
from .arguments import check_object, check_whole, require
from .initializers import he, lecun
from .layer import Layer
from .layers import Dense
from .losses import predicted_labels

# The activations that `mlp` knows by name.
ACTIVATIONS = {"relu": ReLU, "leaky_relu": LeakyReLU, "gelu": GELU, "silu": SiLU, "sigmoid": Sigmoid, "tanh": Tanh}


class Network:
    """Layers in a row: ``forward`` goes through them from first to last, ``backward`` from last to first.

    Shapes: X (N, D), the outputs (N, C) for C classes (logits) or for a regression (values), (N, 1) for two classes.
    A network computes in the type of its parameters: ``X`` is cast to it, so hand it batches rather than all of a large set.

    Raises ValueError if ``layers`` is empty, holds something else than layers, or one layer twice.
    """

    def __init__(self, layers):
        self.layers = list(layers)
        require(self.layers, "layers is empty; a network needs at least one layer")
        for i, layer in enumerate(self.layers):
            check_object(f"layers[{i}]", layer, "forward", "it must be a layer, such as ReLU()")
            # A layer in two places would overwrite what it keeps for `backward`, and the gradients would be wrong.
            is_new = not any(layer is other for other in self.layers[:i])
            require(is_new, f"layers[{i}] is in the network already; each place needs a layer of its own")

    @property
    def dtype(self):
        """The type of the parameters, float64 if there are none."""
        return next((value.dtype for _, value, _ in self.parameters()), np.dtype(np.float64))

    def forward(self, X, training=False):
        """The outputs for X, (N, C). Raises ValueError if X does not fit the first layer."""
        out = np.asarray(X, dtype=self.dtype)
        n_in = getattr(self.layers[0], "n_in", None)
        if n_in is not None and out.ndim != 2:
            found = f"{out.ndim} dimension{'s' * (out.ndim != 1)}"
            raise ValueError(f"X has {found}, the first layer takes two: (N, {n_in})")
        if n_in is not None and out.shape[1] != n_in:
            raise ValueError(f"X has {out.shape[1]} column{'s' * (out.shape[1] != 1)}, the first layer takes {n_in}")
        for layer in self.layers:
            out = layer.forward(out, training=training)
        return out

    def backward(self, d_out, needs_input=False):
        """Fill every layer's ``grads`` from the gradient with respect to the outputs, (N, C).

        The gradient with respect to X is returned if asked for, else None: training does not use it, and for wide inputs
        it would be a large part of the work.
        """
        for layer in reversed(self.layers[1:]):
            d_out = layer.backward(d_out)
        d_X = self.layers[0].backward(d_out, needs_input=needs_input)
        return d_X if needs_input else None

    def parameters(self):
        """Yield ``(name, value, grad)`` for every parameter, with names such as ``"0.W"``: layer 0, parameter W."""
        for i, layer in enumerate(self.layers):
            for key, value in layer.params.items():
                yield f"{i}.{key}", value, layer.grads[key]

    def predict_proba(self, X):
        """The probabilities of the classes, (N, C); for one output the two columns ``1 - p`` and ``p``."""
        z = forward_in_chunks(self, X)
        return np.hstack([sigmoid(-z), sigmoid(z)]) if z.shape[1] == 1 else softmax(z)

    def predict(self, X):
        """The labels, (N,): for one output 1 where the logit is above 0, else the class with the largest logit."""
        return predicted_labels(forward_in_chunks(self, X))

    def summary(self):
        """The layers, the shapes of their parameters, and how many numbers these are, as text."""
        lines, total = [f"{'layer':<14}{'parameters':<32}{'count':>10}"], 0
        for i, layer in enumerate(self.layers):
            shapes = ", ".join(f"{key} {value.shape}" for key, value in layer.params.items())
            count = sum(value.size for value in layer.params.values())
            total += count
            lines.append(f"{f'{i} {type(layer).__name__}':<14}{shapes or '-':<32}{count:>10,d}")
        return "\n".join([*lines, f"{'in all':<46}{total:>10,d}"])

    def save(self, path):
        """Write layers, parameters and state to one ``.npz`` file, which ``Network.load`` reads; an old file is replaced whole.

        Raises ValueError if the name does not end in .npz, FileNotFoundError if there is no such folder.
        """
        path = Path(path)
        require(path.suffix == ".npz", f"path is {str(path)!r}; its name must end in .npz")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"path is {str(path)!r}; there is no folder {path.parent}")
        plan = json.dumps([[_name_of(type(layer)), layer.config] for layer in self.layers], default=int)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # gone whatever happens, and on the same disk
            whole = Path(folder, path.name)
            np.savez(whole, layers=plan, **{name: array for name, array, _ in self._arrays()})
            whole.replace(path)

    @classmethod
    def load(cls, path):
        """The network that ``save`` wrote. Dropout layers, which only training uses, begin anew from seed 0. Layers of your own must be
        defined as they were when it was saved, in a module of the same name.

        Raises FileNotFoundError, or ValueError if the file does not hold a network of layers that are known here.
        """
        rng = np.random.default_rng(0)  # one for all, or two layers of dropout would draw the same masks
        with open(path, "rb") as opened:
            try:
                file = np.load(opened, allow_pickle=False)
                network = cls([_make_layer(name, config, rng) for name, config in json.loads(str(file["layers"]))])
                for name, array, holder in network._arrays():
                    found = file[name]
                    if found.shape != array.shape or found.dtype.kind != "f":
                        raise ValueError(f"{name} is {found.dtype} {found.shape}, not floats {array.shape}")
                    holder[name.split(".")[-1]] = found
            except Exception as error:  # a file of something else raises any of a dozen kinds
                raise ValueError(f"{path} does not hold a network ({type(error).__name__}: {error})") from error
        for layer in network.layers:
            layer.grads = {key: np.zeros_like(value) for key, value in layer.params.items()}
        return network

    def _arrays(self):
        """Yield ``(name, array, dict that holds it)`` for all that makes up a network: parameters and state."""
        for i, layer in enumerate(self.layers):
            for holder in (layer.params, layer.state):
                for key, array in holder.items():
                    yield f"{i}.{key}", array, holder


def _name_of(kind):
    """How a file calls a kind of layer: nnlib's by their name, others with their module, as both may be called alike."""
    return kind.__name__ if kind.__module__.startswith("nnlib.") else f"{kind.__module__}.{kind.__qualname__}"


def _kinds(kind=Layer):
    """All kinds of layers there are, in the order in which they were defined, those that derive from one after it."""
    for derived in kind.__subclasses__():
        yield derived
        yield from _kinds(derived)


def _make_layer(name, config, rng):
    named = [kind for kind in _kinds() if _name_of(kind) == name]
    kind = named[-1] if named else None  # a cell that was run again has defined it twice
    require(kind, f"there is no layer {name}")
    return kind(**config, rng=rng) if "rng" in inspect.signature(kind).parameters else kind(**config)


def forward_in_chunks(network, X, rows=1000):
    """The outputs for X in evaluation mode, some rows at a time, so that memory stays small."""
    return np.concatenate([network.forward(X[i : i + rows]) for i in range(0, max(len(X), 1), rows)])


def mlp(sizes, activation="relu", *, rng, dtype=np.float64):
    """A multilayer perceptron: dense layers with an activation between them, and none after the last.

    ``sizes`` lists the units from the inputs to the outputs: ``mlp([2, 8, 1], "tanh", rng=rng)`` has 2 inputs, 8 hidden
    units and one output. Weights start with variance 2/n (He) for ReLU, leaky ReLU, GELU and SiLU, and with 1/n (LeCun)
    for sigmoid, tanh and the last layer; biases start at zero.

    Raises ValueError for fewer than two sizes, for a size that is not a positive whole number, and for an unknown
    activation (the message lists the known ones).
    """
    needed = "it must list at least the number of inputs and the number of outputs, such as [2, 8, 1]"
    require(np.ndim(sizes) == 1 and len(sizes) >= 2, f"sizes is {sizes!r}; {needed}")
    check_whole(**{f"sizes[{i}]": size for i, size in enumerate(sizes)})
    is_known = isinstance(activation, str) and activation in ACTIVATIONS
    require(is_known, f"activation is {activation!r}; the known ones are {', '.join(ACTIVATIONS)}")
    init = lecun if activation in ("sigmoid", "tanh") else he
    layers = []
    for n_in, n_out in zip(sizes[:-2], sizes[1:-1]):
        layers += [Dense(n_in, n_out, rng=rng, init=init, dtype=dtype), ACTIVATIONS[activation]()]
    return Network([*layers, Dense(sizes[-2], sizes[-1], rng=rng, init=lecun, dtype=dtype)])
