"""The training loop."""

import sys
import time
import warnings

import numpy as np

from .arguments import all_finite, check_generator, check_number, check_whole
from .network import forward_in_chunks


def batches(X, y, batch_size, rng):
    """Yield ``(X_batch, y_batch)`` until every example was seen once, in an order that ``rng`` shuffles.

    Shapes: X (N, ...), y (N, ...), the batches (B, ...) with B = ``batch_size``; the last one holds what is left, and may be
    shorter. A ``batch_size`` of N or more gives one batch. Raises ValueError if the lengths differ, there are no examples,
    ``batch_size`` is not a positive whole number or ``rng`` is not a generator.
    """
    X, y = np.asarray(X), np.asarray(y)
    _check_lengths(X, y)
    check_whole("batch_size", batch_size)
    check_generator(rng)
    order = rng.permutation(len(X))
    return ((X[rows], y[rows]) for rows in (order[i : i + batch_size] for i in range(0, len(X), batch_size)))


class History(dict):
    """What ``fit`` recorded: a dict from each quantity to a list with one number an epoch.

    It holds ``"loss"``, ``"lr"`` and ``"seconds"``; with validation data ``"validation_loss"``; and each metric under its name,
    for the validation data with ``"validation_"`` before it.
    """

    def table(self, every=1):
        """The history as text: a line for every ``every``-th epoch (counted from 1) and the last, without the seconds."""
        check_whole("every", every)
        names = [name for name in self if name != "seconds"]
        epochs = len(self["loss"])
        lines = ["epoch  " + "  ".join(f"{name:>10}" for name in names)]
        for i in range(epochs):
            if (i + 1) % every == 0 or i == epochs - 1:
                lines.append(f"{i + 1:5d}  " + "  ".join(f"{self[name][i]:>{max(10, len(name))}.4g}" for name in names))
        return "\n".join(lines)


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
    - ``metrics``: a dict from a name to ``f(outputs, targets)``, such as ``{"accuracy": accuracy}``.
    - ``callback(epoch, network, history)`` runs after each epoch.
    - ``progress=None`` shows a bar with the loss, ``False`` nothing, a number k prints a line every k epochs.

    Raises ValueError for data, sizes and labels that do not fit. If the loss stops being finite, training ends with a
    RuntimeWarning that names the epoch, and the history up to there comes back.
    """
    X, y = _check_data(network, loss, X, y, "X", "y")
    if validation is not None:
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise ValueError(f"validation is a {type(validation).__name__}; it must be a pair (X, y)")
        validation = _check_data(network, loss, *validation, "validation's X", "validation's y")
    check_whole("epochs", epochs)
    if batch_size is not None:
        check_whole("batch_size", batch_size)
        if rng is None:
            raise ValueError(
                "rng is missing; with a batch_size the examples are shuffled, so pass rng=np.random.default_rng(0)"
            )
        check_generator(rng)
    metrics = metrics or {}
    _check_metrics(metrics)
    measured = ["loss", *metrics]
    validated = [] if validation is None else [f"validation_{name}" for name in measured]
    history = History({name: [] for name in ["loss", "lr", *metrics, *validated, "seconds"]})

    def diverged(value):
        if np.isfinite(value):
            return False
        warnings.warn(
            f"the loss is not finite in epoch {epoch + 1}, so training ends here; "
            f"the usual cause is a learning rate that is too large (it is {optimizer.lr:g})",
            RuntimeWarning,
            stacklevel=3,
        )
        return True

    # Far-off rates overflow: that is said once, in words, below, and not by NumPy in each operation.
    with np.errstate(all="ignore"), _Progress(progress, epochs) as report:
        for epoch in range(epochs):
            start = time.perf_counter()
            if schedule is not None:
                rate = schedule(epoch)
                check_number(f"schedule({epoch})", rate, least=0)
                optimizer.lr = float(rate)
            totals = dict.fromkeys(measured, 0.0)
            for X_batch, y_batch in [(X, y)] if batch_size is None else batches(X, y, batch_size, rng):
                outputs = network.forward(X_batch, training=True)
                value, d_outputs = loss(outputs, y_batch)
                if diverged(value):
                    return history
                network.backward(d_outputs)
                optimizer.step(network.parameters())
                share = len(X_batch) / len(X)
                totals["loss"] += value * share
                for name, metric in metrics.items():
                    totals[name] += metric(outputs, y_batch) * share
            record = {"loss": totals.pop("loss"), "lr": optimizer.lr, **totals}
            if validation is not None:
                outputs = forward_in_chunks(network, validation[0])
                record["validation_loss"] = loss(outputs, validation[1])[0]
                if diverged(record["validation_loss"]):
                    return history
                record |= {f"validation_{name}": metric(outputs, validation[1]) for name, metric in metrics.items()}
            record["seconds"] = time.perf_counter() - start
            for name, value in record.items():
                history[name].append(value)
            report.epoch(epoch, history)
            if callback is not None:
                callback(epoch, network, history)
    return history


class _Progress:
    """How ``fit`` shows where it is: a bar, a line every few epochs, or nothing."""

    def __init__(self, progress, epochs):
        self.every = None
        self.bar = None
        if progress is None or progress is True:
            self.bar = _bar(epochs)
        elif progress is not False:
            check_whole("progress", progress)
            self.every = progress

    def epoch(self, epoch, history):
        if self.bar is not None:
            self.bar.set_postfix_str(f"loss {history['loss'][-1]:.4g}", refresh=False)
            self.bar.update()
        elif self.every is not None and (epoch + 1) % self.every == 0:
            values = [f"{name} {history[name][-1]:.4g}" for name in history if name not in ("lr", "seconds")]
            print(f"epoch {epoch + 1:5d}  " + "  ".join(values))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.bar is not None:
            self.bar.close()


def _bar(epochs):
    """A bar of text, gone when it is done; not tqdm's widget, which a saved notebook shows as an error."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    in_notebook = "ipykernel" in sys.modules  # there, what goes to stderr looks like a warning
    return tqdm(total=epochs, unit="epoch", leave=False, file=sys.stdout if in_notebook else sys.stderr)


def _check_lengths(X, y):
    if X.ndim == 0 or len(X) == 0:
        raise ValueError(f"X has shape {X.shape}; it must hold at least one example")
    if y.ndim == 0 or len(X) != len(y):
        raise ValueError(f"y has shape {y.shape}; it must have a row for each of the {len(X)} examples of X")


def _check_metrics(metrics):
    if not isinstance(metrics, dict):
        raise ValueError(
            f"metrics is {metrics!r}; it must be a dict from names to functions, such as {{'accuracy': accuracy}}"
        )
    for name in metrics:
        if name in ("loss", "lr", "seconds") or str(name).startswith("validation_"):
            raise ValueError(
                f"metrics has the name {name!r}, under which the history holds something else; choose another"
            )


def _as_array(name, values):
    try:
        return np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} has rows of different lengths; it must be an array") from None


def _check_data(network, loss, X, y, X_name, y_name):
    """X and y as arrays, after one look at all of them; the messages call them by the names given."""
    X, y = _as_array(X_name, X), _as_array(y_name, y)
    try:
        _check_lengths(X, y)
        if X.dtype.kind not in "iufb":
            raise ValueError(f"X holds {X.dtype} values; it must hold numbers")
        if not all_finite(X):
            raise ValueError("X holds NaN or infinity; every value must be finite")
        with np.errstate(all="ignore"):
            outputs = network.forward(X[:1])
        if hasattr(loss, "check"):  # a reader's own loss need not have it
            loss.check((len(X), *outputs.shape[1:]), y)
    except ValueError as error:
        # The loss speaks of targets; a reader of `fit` knows them as y.
        words = {"X": X_name, "targets": y_name, "y": y_name}
        first, _, rest = str(error).partition(" ")
        raise ValueError(f"{words.get(first, first)} {rest}") from None
    return X, y
