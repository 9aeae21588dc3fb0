"""Is the gradient right? Compare it with one that is computed in another way."""

import copy

import numpy as np

from .arguments import check_number, check_shape, require
from .losses import l2 as add_l2


def gradient_check(network, loss, X, y, *, training=False, l2=0, step=1e-5):
    """The largest relative error of each gradient, as a dict from name to error: ``"0.W"``, ``"0.b"``, ... and ``"input"``.

    Each number θ of each parameter and of X is moved by ±step, and the central difference
    ``n = (L(θ + step) - L(θ - step)) / (2 step)`` is compared with the gradient ``a`` from ``backward`` by
    ``|a - n| / max(|a|, |n|, 1e-8)``. A right gradient reads 1e-6 or less in float64; above 1e-4 something is wrong, unless a
    kink (ReLU at 0) lies within a step or the gradient is tiny: below 1e-6, the difference of two losses is mostly rounding.

    With ``l2``, the penalty of that strength is part of the loss and of the gradients (see ``nnlib.l2``).

    The network is left as it was: all runs are on deep copies, so that dropout draws the same mask each time. The cost is two
    forward passes for each number, so use a small network and few examples.

    Raises ValueError for a network that is not float64, where rounding would hide the difference, for a gradient of another
    shape than what it belongs to, if ``step`` is not positive or ``l2`` is negative.
    """
    require(network.dtype == np.float64, f"network computes in {network.dtype}; a gradient check needs float64")
    check_number(step=step, above=0)
    X = np.array(X, dtype=np.float64)

    probe = copy.deepcopy(network)
    _, d_outputs = loss(probe.forward(X, training=training), y)
    d_X = probe.backward(d_outputs, needs_input=True)
    for name, value, grad in [("input", X, d_X), *probe.parameters()]:
        fits = np.shape(grad) == value.shape
        check_shape(f"the gradient of {name}", np.shape(grad), fits, f"it must be {value.shape}, as {name} itself")
    add_l2(probe, l2)
    analytic = {"input": d_X} | {name: grad for name, _, grad in probe.parameters()}

    def loss_after(name, index, change):
        moved, moved_X = copy.deepcopy(network), X.copy()
        arrays = {"input": moved_X} | {name: value for name, value, _ in moved.parameters()}
        arrays[name][index] += change
        return loss(moved.forward(moved_X, training=training), y)[0] + add_l2(moved, l2)

    def error(name, index):
        a = analytic[name][index]
        n = (loss_after(name, index, step) - loss_after(name, index, -step)) / (2 * step)
        return abs(a - n) / max(abs(a), abs(n), 1e-8)

    # np.max and not max: a NaN among the errors is the largest.
    return {name: float(np.max([error(name, i) for i in np.ndindex(grad.shape)])) for name, grad in analytic.items()}


class GradientReport(list):
    """What ``gradient_report`` found: a list of dicts, one for each weight, and as text by ``table()``."""

    def table(self):
        """The report as text: a line for each weight."""
        lines = [f"{'weight':<8}{'layer':<10}{'mean |g|':>10}{'max |g|':>10}{'spread':>10}{'step/W':>10}"]
        for row in self:
            numbers = "".join(f"{row[key]:10.1e}" for key in ("mean", "max", "spread", "ratio"))
            lines.append(f"{row['name']:<8}{row['layer']:<10}{numbers}  {row['remark']}".rstrip())
        return "\n".join(lines)


def gradient_report(network, lr=1.0):
    """How large the gradients are that the last ``backward`` left (before the first, all are 0), for each weight from the first layer to the last.

    Each row holds ``name`` and ``layer``; ``mean`` and ``max`` of the gradient's absolute values, and its ``spread`` (standard
    deviation); ``ratio``, the size of a plain step over the size of the weights, ``lr * ||grad|| / ||W||``: about 1e-3 is usual
    where training goes well; and a ``remark``: "vanishing" or "exploding" if the mean is a thousand times smaller or
    larger than the last weight's, and "not finite". Raises ValueError if ``lr`` is not positive or no layer has weights.
    """
    check_number(lr=lr, above=0)
    weights = [(i, layer) for i, layer in enumerate(network.layers) if "W" in layer.params]
    require(weights, "network has no layer with weights")
    last = np.abs(weights[-1][1].grads["W"]).mean()
    rows = GradientReport()
    for i, layer in weights:
        W, grad = layer.params["W"], layer.grads["W"]
        mean, largest = float(np.abs(grad).mean()), float(np.abs(grad).max())
        remark = ""
        if not np.isfinite(mean):
            remark = "not finite"
        elif mean < last / 1000:
            remark = "vanishing"
        elif mean > last * 1000:
            remark = "exploding"
        with np.errstate(all="ignore"):  # gradients that are not finite, weights that are all zero
            spread, ratio = float(grad.std()), float(lr * np.linalg.norm(grad) / np.linalg.norm(W))
        sizes = {"mean": mean, "max": largest, "spread": spread, "ratio": ratio}
        rows.append({"name": f"{i}.W", "layer": type(layer).__name__, **sizes, "remark": remark})
    return rows
