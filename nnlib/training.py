"""The training loop: batches, early stopping, and `fit`."""

import math
import time
import warnings

import numpy as np

from .arguments import check_finite, check_generator, check_number, check_object, check_shape, check_whole, require
from .history import History, Progress
from .losses import l2 as add_l2
from .network import forward_in_chunks


def batches(X, y, batch_size, rng):
    """Yield ``(X_batch, y_batch)`` until every example was seen once, in an order that ``rng`` shuffles.

    Shapes: X (N, ...), y (N, ...), the batches (B, ...) with B = ``batch_size``; the last one holds what is left, and may be
    shorter. A ``batch_size`` of N or more gives one batch. Raises ValueError if the lengths differ, there are no examples,
    ``batch_size`` is not a positive whole number or ``rng`` is not a generator.
    """
    X, y = _as_arrays(X, y)
    check_whole(batch_size=batch_size)
    check_generator(rng)
    order = rng.permutation(len(X))
    parts = (order[i : i + batch_size] for i in range(0, len(X), batch_size))
    return ((X.take(rows, axis=0), y[rows]) for rows in parts)  # X[rows], a little faster


class EarlyStopping:
    """For ``fit``: stop when the validation loss has not fallen for ``patience`` epochs in a row, and put the best weights back.

    An epoch counts as better if its validation loss is below the lowest so far by more than ``min_delta``. The weights (and the
    state) of the best epoch are put back when training ends, also after the last epoch or a loss that is not finite; if you
    interrupt it, ``restore(network)`` does so. Afterwards ``best_epoch`` (from 0, as an index into the
    history) and ``best_loss`` say which it was.

    Raises ValueError if ``patience`` is not a positive whole number or ``min_delta`` is negative.
    """

    def __init__(self, patience, min_delta=0.0):
        check_whole(patience=patience)
        check_number(min_delta=min_delta, least=0)
        self.patience, self.min_delta = patience, min_delta
        self.begin()

    def begin(self):
        """Forget an earlier training."""
        self.best_epoch, self.best_loss, self._best_arrays = None, np.inf, []

    def should_stop(self, epoch, loss, network):
        """Look at an epoch's validation loss; True once the best is ``patience`` epochs ago."""
        if loss < self.best_loss - self.min_delta:
            self.best_epoch, self.best_loss = epoch, loss
            self._best_arrays = [array.copy() for _, array, _ in network._arrays()]
        return epoch - self.best_epoch >= self.patience

    def restore(self, network):
        """Put the best weights and state back, in place, so that the optimizer still knows its parameters."""
        for (_, array, _), best in zip(network._arrays(), self._best_arrays):
            array[...] = best


def fit(
    network,
    loss,
    X,
    y,
    *,
    optimizer,
    epochs,
    batch_size=None,
    validation=None,
    schedule=None,
    l2=0,
    early_stopping=None,
    metrics=None,
    callback=None,
    rng=None,
    progress=None,
):
    """Train a network, and return its ``History``.

    In each epoch, each batch goes forward through the network and the loss, the loss's gradient goes backward, and the
    optimizer takes a step.

    - ``X`` (N, ...), ``y`` (N,) labels, or (N, C) for a regression. ``batch_size=None`` is the full batch, unshuffled; with a
      batch size, ``rng`` shuffles the examples before each epoch.
    - ``validation=(X, y)`` is measured after each epoch, in evaluation mode. The ``loss`` and the metrics on the training data are the mean
      over the epoch's examples as they were met, in training mode.
    - ``schedule``: ``f(epoch) -> lr``, epochs from 0; it sets the optimizer's rate before each epoch.
    - ``l2``: the strength of a penalty on the weights, see ``nnlib.l2``. The recorded losses are without it, so that training and
      validation can be compared.
    - ``early_stopping``: an ``EarlyStopping``; it needs ``validation``.
    - ``metrics``: a dict from a name to ``f(outputs, targets)``, such as ``{"accuracy": accuracy}``.
    - ``callback(epoch, network, history)`` runs after each epoch. If you may interrupt the training, keep the history that it gets.
    - ``progress=None`` shows a bar with the loss, ``False`` nothing, a number k prints a line every k epochs.

    Raises ValueError for data, sizes and labels that do not fit. If the loss stops being finite, training ends with a
    RuntimeWarning that names the epoch, and the history up to there comes back. Until then NumPy's own warnings are off, also in
    your metrics and callback.
    """
    check_object("network", network, "forward", "it must be a network, such as mlp([2, 8, 1], rng=rng)")
    check_object("loss", loss, "__call__", "it must be something like SoftmaxCrossEntropy()")
    X, y = _check_data(network, loss, X, y)
    if validation is not None:
        is_pair = isinstance(validation, (tuple, list)) and len(validation) == 2
        require(is_pair, f"validation is a {type(validation).__name__}; it must be a pair (X, y)")
        validation = _check_data(network, loss, *validation, whose="validation's ")
    check_object("optimizer", optimizer, "step", "it must be something like SGD(0.1)")
    check_whole(epochs=epochs)
    check_number(l2=l2, least=0)
    # What else is needed of the two, `batches` looks at before the first step.
    needed = "with a batch_size the examples are shuffled, so pass rng=np.random.default_rng(0)"
    require(batch_size is None or rng is not None, f"rng is missing; {needed}")
    if schedule is not None:
        check_object("schedule", schedule, "__call__", "it must be something like cosine_decay(0.1, 100)")
    if early_stopping is not None:
        check_object("early_stopping", early_stopping, "should_stop", "it must be something like EarlyStopping(10)")
        needed = "early_stopping watches the loss on it, so pass validation=(X, y)"
        require(validation is not None, f"validation is missing; {needed}")
        early_stopping.begin()
    if callback is not None:
        check_object("callback", callback, "__call__", "it must be a function of (epoch, network, history)")
    metrics = metrics or {}
    _check_metrics(metrics)
    measured = {"loss": lambda outputs, targets: loss(outputs, targets)[0], **metrics}
    validated = [] if validation is None else [f"validation_{name}" for name in measured]
    history = History({name: [] for name in ["loss", "lr", *metrics, *validated, "seconds"]})

    # Far-off rates overflow: that is said once, in words, below, and not by NumPy in each operation.
    with np.errstate(all="ignore"), Progress(progress, epochs) as report:
        for epoch in range(epochs):
            start = time.perf_counter()
            data = [(X, y)] if batch_size is None else batches(X, y, batch_size, rng)
            if schedule is not None:
                (optimizer.lr,) = check_number(**{f"schedule({epoch})": schedule(epoch)}, least=0)
            record = _train_epoch(network, loss, data, len(X), optimizer, l2, metrics)
            if validation is not None:
                outputs = forward_in_chunks(network, validation[0])
                record |= {f"validation_{name}": f(outputs, validation[1]) for name, f in measured.items()}
            if not np.isfinite([record["loss"], record.get("validation_loss", 0.0)]).all():
                cause = f"the usual cause is a learning rate that is too large (it is {optimizer.lr:g})"
                message = f"the loss is not finite in epoch {epoch + 1}, so training ends here; {cause}"
                warnings.warn(message, RuntimeWarning, stacklevel=2)
                break
            record |= {"lr": optimizer.lr, "seconds": time.perf_counter() - start}
            for name, value in record.items():
                history[name].append(value)
            report.epoch(epoch, history)
            if callback is not None:
                callback(epoch, network, history)
            if early_stopping is not None and early_stopping.should_stop(epoch, record["validation_loss"], network):
                break
    if early_stopping is not None:
        early_stopping.restore(network)
    return history


def _train_epoch(network, loss, data, n, optimizer, l2, metrics):
    """A step for each batch; the means of loss and metrics over the n examples, as a dict."""
    means = dict.fromkeys(["loss", *metrics], 0.0)
    for X, y in data:
        outputs = network.forward(X, training=True)
        value, d_outputs = loss(outputs, y)
        if not math.isfinite(value):
            return {"loss": value}  # without a step: its gradient is no number either
        network.backward(d_outputs)
        if l2:
            add_l2(network, l2)
        optimizer.step(network.parameters())
        share = len(X) / n
        means["loss"] += value * share
        for name, metric in metrics.items():
            means[name] += metric(outputs, y) * share
    return means


def _check_metrics(metrics):
    needed = "it must be a dict from names to functions, such as {'accuracy': accuracy}"
    require(isinstance(metrics, dict), f"metrics is {metrics!r}; {needed}")
    for name, metric in metrics.items():
        check_object(f"metrics[{name!r}]", metric, "__call__", "it must be a function of (outputs, targets)")
        free = name not in ("loss", "lr", "seconds") and not str(name).startswith("validation_")
        require(free, f"metrics has the name {name!r}, under which the history holds something else; choose another")


def _as_array(name, values):
    try:
        return np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} has rows of different lengths; it must be an array") from None


def _as_arrays(X, y):
    """X and y as arrays of as many rows, at least one."""
    X, y = _as_array("X", X), _as_array("y", y)
    check_shape("X", X.shape, X.ndim > 0 and len(X) > 0, "it must hold at least one example")
    check_shape("y", y.shape, y.shape[:1] == X.shape[:1], f"it must have a row for each of the {len(X)} examples of X")
    return X, y


def _check_data(network, loss, X, y, whose=""):
    """X and y as arrays, after one look at all of them; the messages say whose they are."""
    try:
        X, y = _as_arrays(X, y)
        check_finite("X", X)
        with np.errstate(all="ignore"):
            outputs = network.forward(X[:1])
        if hasattr(loss, "check"):  # a reader's own loss need not have it
            loss.check((len(X), *outputs.shape[1:]), y)
    except ValueError as error:
        # The loss speaks of targets; a reader of `fit` knows them as y.
        words = {"X": f"{whose}X", "y": f"{whose}y", "targets": f"{whose}y"}
        first, _, rest = str(error).partition(" ")
        raise ValueError(f"{words.get(first, first)} {rest}") from None
    return X, y
