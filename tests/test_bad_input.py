"""Bad input: what is handed in, and what the error says. Each names the argument, what came, and what is needed."""

import numpy as np
import pytest

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
    EarlyStopping,
    Flatten,
    History,
    MaxPool2D,
    MeanSquaredError,
    Network,
    ReLU,
    RMSProp,
    SoftmaxCrossEntropy,
    accuracy,
    batches,
    constant,
    constant_rate,
    cosine_decay,
    exponential_decay,
    fit,
    gradient_check,
    gradient_report,
    l2,
    mlp,
    normal,
    step_decay,
    warmup,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 2))
Y = np.array([0, 1, 2, 0, 1, 2])
BINARY = Y % 2
NUMBERS = RNG.normal(size=(6, 3))
NAN, INF = float("nan"), float("inf")
RATES = [0, -0.1, NAN, INF, -INF, "0.1", None, True, [0.1]]
SIZES = [0, -1, 2.5, 2.0, True, "2", None]


def with_value(array, value):
    array = array.astype(float)
    array[3, 1] = value
    return array


def train(X=X, y=Y, loss=SoftmaxCrossEntropy, outputs=3, dtype=np.float64, optimizer=None, **options):
    """A call of `fit` that is right but for what is passed."""
    network = mlp([2, 4, outputs], rng=np.random.default_rng(0), dtype=dtype)
    options = {"epochs": 2, "progress": False, **options}
    return lambda: fit(network, loss(), X, y, optimizer=optimizer or SGD(0.1), **options)


def made(sizes=(2, 3), **options):
    return lambda: mlp(
        list(sizes) if isinstance(sizes, tuple) else sizes, **{"rng": np.random.default_rng(0), **options}
    )


def a_dense(n_in=2, n_out=3, **options):
    return lambda: Dense(n_in, n_out, **{"rng": np.random.default_rng(0), **options})


def a_conv(c_in=2, c_out=3, kernel_size=3, **options):
    return Conv2D(c_in, c_out, kernel_size, **{"rng": np.random.default_rng(0), **options})


def forward(X, network=None):
    return lambda: (network or made()()).forward(X)


def loss(kind, outputs, targets):
    return lambda: kind()(np.asarray(outputs), targets)


def cut(X=X, y=Y, batch_size=2, rng=RNG):
    return lambda: batches(X, y, batch_size, rng)


def out_of_bounds(call, name, bounds, values):
    """A case for each value of an argument that is a number with bounds."""
    return {
        f"{call.__name__}, {name} {value!r}": (
            lambda value=value: call(**{name: value}),
            f"{name} is {value!r}; it must be a finite number {bounds}",
        )
        for value in values
    }


def not_whole(call, name, least=1):
    """A case for each value of an argument that is a size."""
    return {
        f"{call.__name__}, {name} {value!r}": (
            lambda value=value: call(**{name: value}),
            f"{name} is {value!r}; it must be a whole number of at least {least}",
        )
        for value in SIZES
        if not (value == 0 and least == 0)
    }


def early_stopping(patience=3, min_delta=0):
    return EarlyStopping(patience, min_delta)


def a_step(lr=0.1, factor=0.5, every=10):
    return step_decay(lr, factor, every)


def an_exponential(lr=0.1, factor=0.5):
    return exponential_decay(lr, factor)


def a_cosine(lr=0.1, epochs=10, lr_min=0):
    return cosine_decay(lr, epochs, lr_min)


def a_warmup(epochs=10):
    return warmup(epochs, constant_rate(0.1))


def a_dropout(rate=0.5, rng=RNG):
    return Dropout(rate, rng)


def a_batch_norm(n=2, momentum=0.1, eps=1e-5):
    return BatchNorm(n, momentum, eps)


def a_penalty(strength=0.1):
    return l2(made()(), strength)


def a_report(lr=0.1):
    return gradient_report(made()(), lr)


def same_layer_twice():
    layer = ReLU()
    return Network([layer, Dense(2, 2, rng=RNG), layer])


SHARES = [-0.1, 1, 1.5, NAN, INF, "0.9", None, True]  # of what must be at least 0 and below 1
BINARY_LOSS, SOFTMAX, SQUARED = BinaryCrossEntropy, SoftmaxCrossEntropy, MeanSquaredError
ONE_HOT = np.eye(3, dtype=int)[Y]
SEEDS = {"0": 0, "None": None, "'0'": "0", "of the old kind": np.random.RandomState(0), "the global one": np.random}

# The call, and the whole message or its fragments.
TABLE = {
    # ---------------- fit: the data
    "fit, X of other width": (train(np.ones((6, 3))), "X has 3 columns, the first layer takes 2"),
    "fit, X of one column": (train(np.ones((6, 1))), "X has 1 column, the first layer takes 2"),
    "fit, X in one dimension": (train(np.ones(6)), "X has 1 dimension, the first layer takes two: (N, 2)"),
    "fit, X of pictures": (train(np.ones((6, 2, 2))), "X has 3 dimensions, the first layer takes two: (N, 2)"),
    "fit, X is a number": (train(3.0), "X has shape (); it must hold at least one example"),
    "fit, X empty": (train(X[:0], Y[:0]), "X has shape (0, 2); it must hold at least one example"),
    "fit, X an empty list": (train([], []), "X has shape (0,); it must hold at least one example"),
    "fit, X with NaN": (train(with_value(X, NAN)), "X holds NaN or infinity; every value must be finite"),
    "fit, X with infinity": (train(with_value(X, INF)), "X holds NaN or infinity"),
    "fit, X with minus infinity": (train(with_value(X, -INF)), "X holds NaN or infinity"),
    "fit, X of one number that is none": (train([[NAN]], [0]), "X holds NaN or infinity"),
    "fit, X without columns": (train(X[:, :0]), "X has 0 columns, the first layer takes 2"),
    "fit, X of text": (train(X.astype(str)), "X holds <U32 values; it must hold numbers"),
    "fit, X of objects": (train(X.astype(object)), "X holds object values; it must hold numbers"),
    "fit, X complex": (train(X + 1j), "X holds complex128 values; it must hold numbers"),
    "fit, X None": (train(None), "X has shape (); it must hold at least one example"),
    "fit, X ragged": (train([[1, 2], [3]], [0, 1]), "X has rows of different lengths; it must be an array"),
    "fit, y ragged": (train(y=[[1, 2], [3]]), "y has rows of different lengths; it must be an array"),
    "fit, y too short": (train(y=Y[:5]), "y has shape (5,); it must have a row for each of the 6 examples of X"),
    "fit, y too long": (train(X[:5]), "y has shape (6,)", "5 examples of X"),
    "fit, y a number": (train(y=1), "y has shape (); it must have a row for each of the 6 examples of X"),
    "fit, y one-hot": (
        train(y=ONE_HOT),
        "y has shape (6, 3); it must be (6,): the labels as whole numbers, not one-hot",
    ),
    "fit, y in a column for softmax": (train(y=Y[:, None]), "y has shape (6, 1); it must be (6,)"),
    "fit, y of floats": (train(y=Y.astype(float)), "y holds float64 values; labels are whole numbers from 0 to 2"),
    "fit, y with NaN": (train(y=np.where(Y == 1, NAN, Y)), "y holds float64 values; labels are whole numbers"),
    "fit, y of text": (train(y=Y.astype(str)), "y holds <U21 values; labels are whole numbers from 0 to 2"),
    "fit, a label too large": (train(y=Y + 1), "y holds the label 3; with 3 classes the labels are 0 to 2"),
    "fit, a label too large of another type": (train(y=(Y + 1).astype(np.uint8)), "y holds the label 3;"),
    "fit, two labels too large": (train(y=Y * 5), "y holds the label 5; with 3 classes the labels are 0 to 2"),
    "fit, one label too large": (train(y=Y + (np.arange(6) == 5)), "y holds the label 3;"),
    "fit, a negative label": (train(y=Y - 1), "y holds the label -1; with 3 classes the labels are 0 to 2"),
    "fit, labels 1 and 2 for the binary loss": (
        train(y=BINARY + 1, loss=BINARY_LOSS, outputs=1),
        "y holds the label 2; with 2 classes the labels are 0 to 1",
    ),
    "fit, labels -1 and 1 for the binary loss": (
        train(y=2 * BINARY - 1, loss=BINARY_LOSS, outputs=1),
        "y holds the label -1;",
    ),
    "fit, floats for the binary loss": (
        train(y=BINARY.astype(float), loss=BINARY_LOSS, outputs=1),
        "y holds float64 values; labels are whole numbers from 0 to 1",
    ),
    "fit, one-hot for the binary loss": (
        train(y=np.eye(2, dtype=int)[BINARY], loss=BINARY_LOSS, outputs=1),
        "y has shape (6, 2); for outputs (6, 1) it must be (6,)",
    ),
    "fit, three outputs for the binary loss": (
        train(y=BINARY, loss=BINARY_LOSS),
        "outputs has shape (6, 3); the binary loss takes one logit an example, (N, 1)",
    ),
    "fit, one output for softmax": (
        train(y=BINARY, outputs=1),
        "outputs has shape (6, 1); the softmax loss takes a logit for each of two or more classes, (N, C)",
    ),
    "fit, labels for the squared error": (
        train(loss=SQUARED),
        "y has shape (6,); the squared error needs the outputs' own shape, (6, 3)",
    ),
    "fit, numbers without a column": (train(y=NUMBERS[:, 0], loss=SQUARED, outputs=1), "y has shape (6,)", "(6, 1)"),
    "fit, numbers with NaN": (
        train(y=with_value(NUMBERS, NAN), loss=SQUARED),
        "y holds NaN or infinity; every value must be finite",
    ),
    "fit, numbers with infinity": (train(y=with_value(NUMBERS, -INF), loss=SQUARED), "y holds NaN or infinity"),
    "fit, text for the squared error": (
        train(y=NUMBERS.astype(str), loss=SQUARED),
        "y holds <U32 values; it must hold numbers",
    ),
    # ---------------- fit: validation
    "fit, validation not a pair": (train(validation=X), "validation is a ndarray; it must be a pair (X, y)"),
    "fit, validation of three": (train(validation=(X, Y, Y)), "validation is a tuple; it must be a pair (X, y)"),
    "fit, validation of other width": (
        train(validation=(np.ones((6, 3)), Y)),
        "validation's X has 3 columns, the first layer takes 2",
    ),
    "fit, validation with NaN": (
        train(validation=(with_value(X, NAN), Y)),
        "validation's X holds NaN or infinity; every value must be finite",
    ),
    "fit, validation empty": (
        train(validation=(X[:0], Y[:0])),
        "validation's X has shape (0, 2); it must hold at least one example",
    ),
    "fit, validation with y too short": (
        train(validation=(X, Y[:2])),
        "validation's y has shape (2,); it must have a row for each of the 6",
    ),
    "fit, validation with a label too large": (
        train(validation=(X, Y + 1)),
        "validation's y holds the label 3; with 3 classes",
    ),
    "fit, validation with floats": (train(validation=(X, Y / 2)), "validation's y holds float64 values"),
    "fit, validation ragged": (
        train(validation=([[1, 2], [3]], [0, 1])),
        "validation's X has rows of different lengths",
    ),
    # ---------------- fit: the rest
    **{
        f"fit, epochs {n!r}": (train(epochs=n), f"epochs is {n!r}; it must be a whole number of at least 1")
        for n in SIZES
    },
    **{
        f"fit, batch_size {n!r}": (
            train(batch_size=n, rng=RNG),
            f"batch_size is {n!r}; it must be a whole number of at least 1",
        )
        for n in SIZES
        if n is not None
    },
    "fit, batch_size without rng": (
        train(batch_size=2),
        "rng is missing",
        "batch_size",
        "pass rng=np.random.default_rng(0)",
    ),
    **{
        f"fit, rng {name}": (
            train(batch_size=2, rng=seed),
            f"rng is {seed!r}; it must be a generator, such as np.random.default_rng(0)",
        )
        for name, seed in SEEDS.items()
        if seed is not None
    },
    **{f"fit, progress {n!r}": (train(progress=n), f"progress is {n!r}; it must be") for n in (0, -1, 2.5, "yes")},
    "fit, the metric a number": (
        train(metrics={"a": 3}),
        "metrics['a'] is 3; it must be a function of (outputs, targets)",
    ),
    "fit, the callback a number": (
        train(callback=3),
        "callback is 3; it must be a function of (epoch, network, history)",
    ),
    "fit, no network": (
        lambda: fit(None, SOFTMAX(), X, Y, optimizer=SGD(0.1), epochs=1),
        "network is None; it must be a network, such as mlp([2, 8, 1], rng=rng)",
    ),
    "fit, the class of networks": (
        lambda: fit(nnlib.Network, SOFTMAX(), X, Y, optimizer=SGD(0.1), epochs=1),
        "network is <class 'nnlib.network.Network'>; it must be a network",
    ),
    "fit, metrics in a list": (train(metrics=[accuracy]), "metrics is [", "it must be a dict from names to functions"),
    "fit, metrics a function": (
        train(metrics=accuracy),
        "metrics is <function accuracy",
        "such as {'accuracy': accuracy}",
    ),
    **{
        f"fit, a metric named {name}": (
            train(metrics={name: accuracy}),
            f"metrics has the name {name!r}",
            "choose another",
        )
        for name in ("loss", "lr", "seconds", "validation_loss")
    },
    "fit, another network's optimizer": (
        lambda: [train(optimizer=optimizer)() for optimizer in [SGD(0.1)] * 2],
        "parameters is another network's",
        "make a new one",
    ),
    "fit, the loss a class": (
        train(loss=lambda: SoftmaxCrossEntropy),
        "loss is <class 'nnlib.losses.SoftmaxCrossEntropy'>; it must be something like SoftmaxCrossEntropy()",
    ),
    "fit, the loss a name": (train(loss=lambda: "softmax"), "loss is 'softmax'; it must be something like"),
    "fit, the optimizer a class": (
        train(optimizer=SGD),
        "optimizer is <class 'nnlib.optimizers.SGD'>; it must be something like SGD(0.1)",
    ),
    "fit, the optimizer a name": (train(optimizer="adam"), "optimizer is 'adam'; it must be something like SGD(0.1)"),
    "fit, the optimizer a rate": (train(optimizer=0.1), "optimizer is 0.1; it must be something like SGD(0.1)"),
    "fit, the schedule a rate": (
        train(schedule=0.1),
        "schedule is 0.1; it must be something like cosine_decay(0.1, 100)",
    ),
    "fit, the schedule a list": (train(schedule=[0.1, 0.05]), "schedule is [0.1, 0.05]; it must be something like"),
    "fit, early stopping a patience": (
        train(validation=(X, Y), early_stopping=5),
        "early_stopping is 5; it must be something like EarlyStopping(10)",
    ),
    "fit, early stopping a class": (
        train(validation=(X, Y), early_stopping=EarlyStopping),
        "early_stopping is <class 'nnlib.training.EarlyStopping'>; it must be something like EarlyStopping(10)",
    ),
    "fit, early stopping without validation": (
        train(early_stopping=EarlyStopping(3)),
        "validation is missing; early_stopping watches the loss on it, so pass validation=(X, y)",
    ),
    **{
        f"fit, l2 {strength!r}": (
            train(l2=strength),
            f"l2 is {strength!r}; it must be a finite number at least 0",
        )
        for strength in (-0.1, NAN, INF, "0.1", None, True)
    },
    **not_whole(early_stopping, "patience"),
    **out_of_bounds(early_stopping, "min_delta", "at least 0", [-0.1, NAN, INF, "0.1", None]),
    "table, every 0": (
        lambda: History(loss=[1.0]).table(every=0),
        "every is 0; it must be a whole number of at least 1",
    ),
    # ---------------- losses
    "binary loss, two columns": (
        loss(BINARY_LOSS, np.ones((6, 2)), BINARY),
        "outputs has shape (6, 2); the binary loss takes one logit an example, (N, 1)",
    ),
    "binary loss, outputs in one dimension": (
        loss(BINARY_LOSS, np.ones(6), BINARY),
        "outputs has shape (6,)",
        "(N, 1)",
    ),
    "binary loss, other length": (
        loss(BINARY_LOSS, np.ones((6, 1)), BINARY[:5]),
        "targets has shape (5,); for outputs (6, 1) it must be (6,)",
    ),
    "binary loss, targets in a row": (
        loss(BINARY_LOSS, np.ones((6, 1)), BINARY[None]),
        "targets has shape (1, 6)",
        "it must be (6,)",
    ),
    "binary loss, floats": (
        loss(BINARY_LOSS, np.ones((6, 1)), BINARY / 1),
        "targets holds float64 values; labels are whole numbers from 0 to 1",
    ),
    "binary loss, label 2": (
        loss(BINARY_LOSS, np.ones((6, 1)), Y),
        "targets holds the label 2; with 2 classes the labels are 0 to 1",
    ),
    "binary loss, label -1 in a column": (
        loss(BINARY_LOSS, np.ones((6, 1)), 2 * BINARY[:, None] - 1),
        "targets holds the label -1;",
    ),
    "softmax loss, outputs in one dimension": (
        loss(SOFTMAX, np.ones(6), Y),
        "outputs has shape (6,); the softmax loss takes",
        "(N, C)",
    ),
    "softmax loss, one class": (
        loss(SOFTMAX, np.ones((6, 1)), 0 * Y),
        "outputs has shape (6, 1)",
        "two or more classes",
    ),
    "softmax loss, one-hot": (
        loss(SOFTMAX, NUMBERS, ONE_HOT),
        "targets has shape (6, 3); it must be (6,)",
        "not one-hot",
    ),
    "softmax loss, other length": (loss(SOFTMAX, NUMBERS, Y[:5]), "targets has shape (5,); it must be (6,)"),
    "softmax loss, floats": (
        loss(SOFTMAX, NUMBERS, Y / 1),
        "targets holds float64 values; labels are whole numbers from 0 to 2",
    ),
    "softmax loss, text": (
        loss(SOFTMAX, NUMBERS, list("abcabc")),
        "targets holds <U1 values; labels are whole numbers from 0 to 2",
    ),
    "softmax loss, label 3": (
        loss(SOFTMAX, NUMBERS, Y + 1),
        "targets holds the label 3; with 3 classes the labels are 0 to 2",
    ),
    "softmax loss, label -1": (loss(SOFTMAX, NUMBERS, Y - 1), "targets holds the label -1;"),
    "squared error, targets in one dimension": (
        loss(SQUARED, np.ones((6, 1)), np.ones(6)),
        "targets has shape (6,); the squared error needs the outputs' own shape, (6, 1)",
    ),
    "squared error, targets in a column": (
        loss(SQUARED, np.ones(6), np.ones((6, 1))),
        "targets has shape (6, 1)",
        "own shape, (6,)",
    ),
    "squared error, transposed": (loss(SQUARED, NUMBERS, NUMBERS.T), "targets has shape (3, 6)", "own shape, (6, 3)"),
    "squared error, NaN": (
        loss(SQUARED, NUMBERS, with_value(NUMBERS, NAN)),
        "targets holds NaN or infinity; every value must be finite",
    ),
    "squared error, infinity": (loss(SQUARED, NUMBERS, with_value(NUMBERS, INF)), "targets holds NaN or infinity"),
    "squared error, text": (
        loss(SQUARED, NUMBERS, NUMBERS.astype(str)),
        "targets holds <U32 values; it must hold numbers",
    ),
    **{
        f"{kind.__name__}, no examples": (
            loss(kind, np.ones((0, columns)), targets),
            f"outputs has shape (0, {columns}); a mean needs at least one example",
        )
        for kind, columns, targets in ((BINARY_LOSS, 1, Y[:0]), (SOFTMAX, 3, Y[:0]), (SQUARED, 3, NUMBERS[:0]))
    },
    # ---------------- accuracy
    "accuracy, labels for outputs": (
        lambda: accuracy(Y, Y),
        "outputs has shape (6,); accuracy takes one logit an example, (N, 1), or one a class, (N, C)",
    ),
    "accuracy, no columns": (lambda: accuracy(np.ones((6, 0)), Y), "outputs has shape (6, 0); accuracy takes"),
    "accuracy, no examples": (
        lambda: accuracy(NUMBERS[:0], Y[:0]),
        "outputs has shape (0, 3); a mean needs at least one example",
    ),
    "accuracy, one-hot": (lambda: accuracy(NUMBERS, ONE_HOT), "targets has shape (6, 3); it must be (6,)"),
    "accuracy, a column for classes": (
        lambda: accuracy(NUMBERS, Y[:, None]),
        "targets has shape (6, 1); it must be (6,)",
    ),
    "accuracy, other length": (
        lambda: accuracy(NUMBERS[:, :1], BINARY[:5]),
        "targets has shape (5,); for outputs (6, 1) it must be (6,)",
    ),
    "accuracy, floats": (
        lambda: accuracy(NUMBERS, Y / 1),
        "targets holds float64 values; labels are whole numbers from 0 to 2",
    ),
    "accuracy, label 3": (
        lambda: accuracy(NUMBERS, Y + 1),
        "targets holds the label 3; with 3 classes the labels are 0 to 2",
    ),
    # ---------------- networks
    "mlp, unknown activation": (
        made(activation="linear"),
        "activation is 'linear'; the known ones are relu, leaky_relu, gelu, silu, sigmoid, tanh",
    ),
    "mlp, no activation": (made(activation=None), "activation is None; the known ones are relu,"),
    "mlp, a layer for activation": (made(activation=ReLU), "activation is <class", "the known ones are relu,"),
    "mlp, a list for activation": (made(activation=["relu"]), "activation is ['relu']; the known ones are relu,"),
    **{
        f"mlp, size {n!r}": (made((2, n, 1)), f"sizes[1] is {n!r}; it must be a whole number of at least 1")
        for n in SIZES
    },
    "mlp, one size": (made((2,)), "sizes is [2]; it must list at least the number of inputs and the number of outputs"),
    "mlp, no sizes": (made(()), "sizes is []; it must list at least"),
    "mlp, a number": (made(5), "sizes is 5; it must list at least", "such as [2, 8, 1]"),
    **{
        f"mlp, rng {name}": (made(rng=seed), f"rng is {seed!r}; it must be a generator") for name, seed in SEEDS.items()
    },
    "mlp, whole numbers": (made(dtype=int), "dtype is int64; it must be a type of floats, such as np.float32"),
    **{
        f"Dense, n_in {n!r}": (a_dense(n_in=n), f"n_in is {n!r}; it must be a whole number of at least 1")
        for n in SIZES
    },
    **{
        f"Dense, n_out {n!r}": (a_dense(n_out=n), f"n_out is {n!r}; it must be a whole number of at least 1")
        for n in SIZES
    },
    **{
        f"Dense, rng {name}": (a_dense(rng=seed), f"rng is {seed!r}; it must be a generator")
        for name, seed in SEEDS.items()
    },
    "Dense, whole numbers": (
        a_dense(dtype=np.int32),
        "dtype is int32; it must be a type of floats, such as np.float32",
    ),
    "Dense, x of other width": (
        lambda: a_dense()().forward(np.ones((6, 3))),
        "x has shape (6, 3); Dense(2, 3) takes (N, 2)",
    ),
    "Dense, x in one dimension": (
        lambda: a_dense()().forward(np.ones(2)),
        "x has shape (2,); Dense(2, 3) takes (N, 2)",
    ),
    # ---------------- the other layers
    **out_of_bounds(a_dropout, "rate", "at least 0 and below 1", SHARES),
    **{
        f"Dropout, rng {name}": (lambda seed=seed: Dropout(0.5, seed), f"rng is {seed!r}; it must be a generator")
        for name, seed in SEEDS.items()
    },
    **not_whole(a_batch_norm, "n"),
    **out_of_bounds(a_batch_norm, "momentum", "above 0 and at most 1", [0, -0.1, 1.1, NAN, INF, "0.1", None, True]),
    **out_of_bounds(a_batch_norm, "eps", "above 0", RATES),
    "BatchNorm, whole numbers": (lambda: BatchNorm(2, dtype=int), "dtype is int64; it must be a type of floats"),
    "BatchNorm, x of other width": (
        lambda: BatchNorm(2).forward(np.ones((6, 3))),
        "x has shape (6, 3); BatchNorm(2) takes (N, 2)",
    ),
    "BatchNorm, images": (
        lambda: BatchNorm(2).forward(np.ones((6, 2, 4, 4))),
        "x has shape (6, 2, 4, 4); BatchNorm(2) takes (N, 2)",
    ),
    **{
        name: case
        for size in ("c_in", "c_out", "kernel_size", "stride")
        for name, case in not_whole(a_conv, size).items()
    },
    **not_whole(a_conv, "padding", least=0),
    **{
        f"Conv2D, rng {name}": (lambda seed=seed: a_conv(rng=seed), f"rng is {seed!r}; it must be a generator")
        for name, seed in SEEDS.items()
    },
    "Conv2D, whole numbers": (lambda: a_conv(dtype=int), "dtype is int64; it must be a type of floats"),
    "Conv2D, other channels": (
        lambda: a_conv().forward(np.ones((6, 3, 5, 5))),
        "x has shape (6, 3, 5, 5); this layer takes (N, 2, H, W), H and W at least 3",
    ),
    "Conv2D, one image": (
        lambda: a_conv().forward(np.ones((2, 5, 5))),
        "x has shape (2, 5, 5); this layer takes (N, 2, H, W)",
    ),
    "Conv2D, rows": (lambda: a_conv().forward(np.ones((6, 50))), "x has shape (6, 50); this layer takes (N, 2,"),
    "Conv2D, an image that is too small": (
        lambda: a_conv(padding=1, kernel_size=5).forward(np.ones((6, 2, 2, 9))),
        "x has shape (6, 2, 2, 9); this layer takes (N, 2, H, W), H and W at least 3",
    ),
    "Conv2D, an image without pixels": (
        lambda: a_conv(padding=1).forward(np.ones((6, 2, 0, 9))),
        "x has shape (6, 2, 0, 9); this layer takes (N, 2, H, W), H and W at least 1",
    ),
    **not_whole(MaxPool2D, "kernel_size"),
    "MaxPool2D, an image that is too small": (
        lambda: MaxPool2D(3).forward(np.ones((6, 2, 2, 9))),
        "x has shape (6, 2, 2, 9); this layer takes (N, C, H, W), H and W at least 3",
    ),
    "MaxPool2D, rows": (lambda: MaxPool2D(2).forward(np.ones((6, 64))), "x has shape (6, 64); this layer takes (N, C,"),
    "Network, images without Flatten": (
        forward(np.ones((6, 2, 5, 5)), Network([a_conv(), Dense(27, 2, rng=RNG)])),
        "x has shape (6, 3, 3, 3); Dense(27, 2) takes (N, 27)",
    ),
    "Network, Flatten of another size": (
        forward(np.ones((6, 2, 5, 5)), Network([a_conv(), Flatten(), Dense(9, 2, rng=RNG)])),
        "x has shape (6, 27); Dense(9, 2) takes (N, 9)",
    ),
    "Network, no layers": (lambda: Network([]), "layers is empty; a network needs at least one layer"),
    "Network, a class": (
        lambda: Network([a_dense()(), ReLU]),
        "layers[1] is <class",
        "it must be a layer, such as ReLU()",
    ),
    "Network, a name": (lambda: Network(["relu"]), "layers[0] is 'relu'; it must be a layer, such as ReLU()"),
    "Network, a layer twice": (
        same_layer_twice,
        "layers[2] is in the network already; each place needs a layer of its own",
    ),
    "Network, layers that do not fit": (
        forward(X, Network([Dense(2, 3, rng=RNG), Dense(4, 1, rng=RNG)])),
        "x has shape (6, 3); Dense(4, 1) takes (N, 4)",
    ),
    "forward, other width": (forward(np.ones((6, 3))), "X has 3 columns, the first layer takes 2"),
    "forward, one dimension": (forward(np.ones(2)), "X has 1 dimension, the first layer takes two: (N, 2)"),
    "forward, a number": (forward(1.0), "X has 0 dimensions, the first layer takes two: (N, 2)"),
    "predict, other width": (lambda: made()().predict(np.ones((6, 3))), "X has 3 columns, the first layer takes 2"),
    "predict_proba, one dimension": (
        lambda: made()().predict_proba(np.ones(2)),
        "X has 1 dimension, the first layer takes two",
    ),
    "gradient_check, other width": (
        lambda: gradient_check(made()(), SOFTMAX(), np.ones((6, 3)), Y),
        "X has 3 columns, the first layer takes 2",
    ),
    "gradient_check, label 3": (lambda: gradient_check(made()(), SOFTMAX(), X, Y + 1), "targets holds the label 3;"),
    "gradient_check, l2 negative": (
        lambda: gradient_check(made()(), SOFTMAX(), X, Y, l2=-1),
        "strength is -1; it must be a finite number at least 0",
    ),
    "gradient_check, step 0": (
        lambda: gradient_check(made()(), SOFTMAX(), X, Y, step=0),
        "step is 0; it must be a finite number above 0",
    ),
    # ---------------- optimizers, batches, initializers, activations
    **{
        f"SGD, lr {rate!r}": (lambda rate=rate: SGD(rate), f"lr is {rate!r}; it must be a finite number above 0")
        for rate in RATES
    },
    **{
        f"SGD, momentum {m!r}": (
            lambda m=m: SGD(0.1, momentum=m),
            f"momentum is {m!r}; it must be a finite number at least 0 and below 1",
        )
        for m in (-0.1, 1, 1.5, NAN, INF, "0.9", None, True)
    },
    **out_of_bounds(RMSProp, "lr", "above 0", RATES),
    **out_of_bounds(RMSProp, "alpha", "at least 0 and below 1", SHARES),
    **out_of_bounds(RMSProp, "eps", "above 0", RATES),
    **out_of_bounds(Adam, "lr", "above 0", RATES),
    **out_of_bounds(Adam, "beta1", "at least 0 and below 1", SHARES),
    **out_of_bounds(Adam, "beta2", "at least 0 and below 1", SHARES),
    **out_of_bounds(Adam, "eps", "above 0", RATES),
    **out_of_bounds(AdamW, "weight_decay", "at least 0", [-0.1, NAN, INF, "0.1", None, True]),
    **out_of_bounds(a_penalty, "strength", "at least 0", [-0.1, NAN, INF, "0.1", None, True]),
    **out_of_bounds(a_report, "lr", "above 0", RATES),
    "gradient_report, no weights": (lambda: gradient_report(Network([ReLU()])), "network has no layer with weights"),
    # ---------------- schedules
    **out_of_bounds(constant_rate, "lr", "above 0", RATES),
    **out_of_bounds(a_step, "lr", "above 0", RATES),
    **out_of_bounds(a_step, "factor", "above 0", RATES),
    **not_whole(a_step, "every"),
    **out_of_bounds(an_exponential, "lr", "above 0", RATES),
    **out_of_bounds(an_exponential, "factor", "above 0", RATES),
    **out_of_bounds(a_cosine, "lr", "above 0", RATES),
    **not_whole(a_cosine, "epochs"),
    **out_of_bounds(a_cosine, "lr_min", "at least 0", [-0.1, NAN, INF, "0.1", None]),
    **not_whole(a_warmup, "epochs"),
    "warmup, then a rate": (lambda: warmup(5, 0.1), "then is 0.1; it must be a schedule, such as constant_rate(0.1)"),
    "SGD, Nesterov without momentum": (
        lambda: SGD(0.1, nesterov=True),
        "nesterov is True and momentum is 0",
        "needs a momentum above 0",
    ),
    **{
        f"batches, batch_size {n!r}": (
            cut(batch_size=n),
            f"batch_size is {n!r}; it must be a whole number of at least 1",
        )
        for n in SIZES
    },
    **{
        f"batches, rng {name}": (cut(rng=seed), f"rng is {seed!r}; it must be a generator")
        for name, seed in SEEDS.items()
    },
    "batches, no examples": (cut(X[:0], Y[:0]), "X has shape (0, 2); it must hold at least one example"),
    "batches, a number": (cut(1.0, Y), "X has shape (); it must hold at least one example"),
    "batches, other length": (cut(y=Y[:5]), "y has shape (5,); it must have a row for each of the 6 examples of X"),
    "batches, y a number": (cut(y=1), "y has shape (); it must have a row for each of the 6 examples of X"),
    **{
        f"normal, std {s!r}": (lambda s=s: normal(s), f"std is {s!r}; it must be a finite number above 0")
        for s in RATES
    },
    **{
        f"constant, c {c!r}": (lambda c=c: constant(c), f"c is {c!r}; it must be a finite number")
        for c in (NAN, INF, "1", None, True)
    },
    **{
        f"LeakyReLU, slope {s!r}": (lambda s=s: nnlib.LeakyReLU(s), f"slope is {s!r}; it must be a finite number")
        for s in (NAN, "1", None)
    },
}


@pytest.mark.parametrize("call, fragments", [(call, fragments) for call, *fragments in TABLE.values()], ids=TABLE)
@pytest.mark.filterwarnings("error")
def test_bad_input_says_what_is_wrong(call, fragments):
    with pytest.raises(ValueError) as error:
        call()
    message = str(error.value)
    assert message.startswith(fragments[0])
    assert all(fragment in message for fragment in fragments)
    assert "\n" not in message and not message.endswith(" ")


GOOD = {
    "a float32 rate": lambda: SGD(np.float32(0.1)),
    "a whole rate": lambda: SGD(1),
    "a size from NumPy": lambda: Dense(np.int64(2), np.uint8(3), rng=RNG),
    "a type by name": lambda: Dense(2, 3, rng=RNG, dtype="float32"),
    "a validation list": train(validation=[X, Y]),
    "no metrics": train(metrics={}),
    "rates of zero on the way": train(schedule=lambda epoch: 0),
    "numbers from NumPy": lambda: [
        Dropout(np.float32(0.5), RNG),
        BatchNorm(np.int64(2), momentum=1, eps=np.float32(0.1)),
        Conv2D(np.int64(1), np.int64(2), np.int64(3), rng=RNG, stride=np.int64(2), padding=np.int64(1)),
        MaxPool2D(np.int64(2)),
        Adam(np.float64(0.1), beta1=0, beta2=np.float32(0.9)),
        EarlyStopping(np.int64(3), np.float64(0.1)),
        warmup(np.int64(3), cosine_decay(np.float64(0.1), np.int64(9))),
    ],
    "an image as large as the kernel": lambda: a_conv().forward(np.ones((1, 2, 3, 3))),
    "padding that makes the image large enough": lambda: a_conv(padding=1).forward(np.ones((1, 2, 1, 1))),
    "a growing rate": lambda: exponential_decay(0.1, 1.1),
    "early stopping of one's own": train(
        validation=(X, Y),
        early_stopping=type(
            "Never", (), {"begin": lambda _: 0, "should_stop": lambda *_: False, "restore": lambda *_: 0}
        )(),
    ),
    "rng without batches": train(rng=RNG),
    "progress from NumPy": train(progress=np.int64(5)),
    "lists": train(X.tolist(), Y.tolist()),
    "very large data": train(np.full((6, 2), 1e300)),
    "bool data": train(X > 0),
}


@pytest.mark.parametrize("call", GOOD.values(), ids=GOOD)
@pytest.mark.filterwarnings("ignore:the loss is not finite")
def test_good_input_passes(call):
    call()


@pytest.mark.parametrize(
    "case",
    [
        "fit, validation with NaN",
        "fit, validation with a label too large",
        "fit, epochs 0",
        "fit, batch_size 0",
        "fit, rng 0",
        "fit, metrics a function",
        "fit, the metric a number",
        "fit, the callback a number",
        "fit, the schedule a rate",
        "fit, early stopping a patience",
        "fit, l2 -0.1",
    ],
)
def test_fit_looks_at_everything_before_it_trains(case, monkeypatch):
    monkeypatch.setattr(SGD, "step", lambda *_: pytest.fail("a step was taken"))
    with pytest.raises(ValueError):
        TABLE[case][0]()
