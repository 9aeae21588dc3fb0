"""The pictures that the chapters draw, in the style that ``plot.use_course_style()`` sets; ``plot.COLORS`` are its colours.

A function returns the axes, or the list of them, so that more can be drawn there.
"""

import numpy as np

from .arguments import check_whole, import_package, require
from .boundaries import boundaries, boundary, boundary_through_training
from .style import COLORS, WIDTH, grid, pyplot, use_course_style

__all__ = ["COLORS", "use_course_style", "activations", "history", "boundary", "boundaries"]
__all__ += ["boundary_through_training", "confusion", "schedules", "gradient_flow", "images", "filters", "masks"]


def activations(table, limit=4, columns=3):
    """Draw functions and their derivatives, a panel each, all on the same axes, so that slopes can be compared.

    ``table`` is a dict from a name to ``(function, derivative)``, each of which takes an array; drawn from -limit to limit.
    Raises ValueError if it is empty.
    """
    z = np.linspace(-limit, limit, 801)
    axes = grid(len(table), columns)
    for ax, (name, (function, derivative)) in zip(axes, table.items()):
        solid, dashed = ax.plot(z, function(z), z, derivative(z))
        ax.set(title=name, xlabel="input z", ylim=(-1.2, 2.2), yticks=(-1, 0, 1, 2))
    axes[0].figure.legend([solid, dashed], ["function", "derivative"], loc="outside upper center", ncols=2)
    return axes


def history(record, quantities=("loss",), labels=("training", "validation")):
    """Draw what ``fit`` recorded: a panel for each quantity, training and (where there is one) validation against the epoch.

    ``quantities`` names them, such as ``("loss", "accuracy")``. ``labels`` replaces the words "training" and "validation" in the legend,
    for instance by ("training", "test"). Raises ValueError for a quantity that was not recorded.
    """
    quantities = (quantities,) if isinstance(quantities, str) else quantities
    for name in quantities:
        require(name in record, f"quantities has {name!r}; the history holds {', '.join(record)}")
    axes = grid(len(quantities), len(quantities), height=3.0)
    for ax, name in zip(axes, quantities):
        epochs = np.arange(1, len(record[name]) + 1)
        for key, label in zip((name, f"validation_{name}"), labels):
            if key in record:
                ax.plot(epochs, record[key], label=label)
        ax.set(xlabel="epoch", ylabel=name)
    axes[0].legend()
    return axes


def schedules(table, epochs):
    """Draw learning rates against the epoch, a curve each; returns the axes.

    ``table`` is a dict from a name to a schedule, ``f(epoch) -> rate``, which is asked for the epochs 0 to ``epochs - 1``.
    Raises ValueError if ``epochs`` is not a positive whole number.
    """
    check_whole(epochs=epochs)
    _, ax = pyplot().subplots()
    for name, schedule in table.items():
        # A rate holds for its whole epoch, from its number to the next.
        rates = [schedule(epoch) for epoch in range(epochs)]
        ax.plot(range(epochs + 1), [*rates, rates[-1]], drawstyle="steps-post", label=name)
    ax.set(xlabel="epoch, counted from 0", ylabel="learning rate", ylim=(0, None))
    ax.legend()
    return ax


def confusion(targets, predicted, labels=None):
    """Draw how often examples of each class (a row) were taken for each class (a column).

    ``targets`` and ``predicted`` are labels (N,). ``labels`` gives names to the classes 0, 1, ...; without it, the values that
    occur are the names. A cell is the darker, the larger its share of the row (on a root scale, so that few mistakes show).
    Raises ValueError for labels of other shapes, and for classes that ``labels`` does not name.
    """
    targets, predicted = np.asarray(targets), np.asarray(predicted)
    found = f"targets has shape {targets.shape}, predicted {predicted.shape}"
    fits = targets.ndim == 1 and targets.shape == predicted.shape and len(targets) > 0
    require(fits, f"{found}; both must be labels, (N,) and as many")
    classes = names = np.union1d(targets, predicted)
    if labels is not None:
        known = np.isin(classes, np.arange(len(labels))).all()
        require(known, f"labels names the classes 0 to {len(labels) - 1}; the classes here are {classes.tolist()}")
        classes, names = np.arange(len(labels)), labels
    counts = np.array([[np.sum((targets == row) & (predicted == column)) for column in classes] for row in classes])
    shade = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    size = min(max(2.2 + 0.38 * len(classes), 4), WIDTH)
    _, ax = pyplot().subplots(figsize=(size, size))
    ax.imshow(shade, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shade[row, column] > 0.6 else "black" if count else "#707070"
        ax.text(column, row, count, ha="center", va="center", color=color, fontsize=9)
    ax.set(xlabel="predicted class", ylabel="true class")
    longest = max(len(str(name)) for name in names)
    ax.set_xticks(range(len(classes)), names, rotation=90 if longest > 30 / len(names) else 0)
    ax.set_yticks(range(len(classes)), names)
    ax.tick_params(length=0)
    ax.grid(False)
    return ax


def gradient_flow(report):
    """Draw the gradients that ``gradient_report`` found, from the first layer to the last; returns the two axes.

    Left the mean, the spread and the maximum of each weight's gradient, right the step over the weight, all on scales of powers
    of ten. What has no place there (0, NaN, infinity) is written at the bottom. Remarks stand under the weight's name. Raises
    ValueError if ``report`` is empty.
    """
    require(report, "report is empty; it must come from gradient_report(network)")
    _, axes = pyplot().subplots(1, 2, figsize=(WIDTH, 3.4), width_ratios=[3, 2])
    names = [f"{row['name']}\n{row['remark']}".rstrip() for row in report]
    panels = {"gradient (absolute value)": ("mean", "spread", "max"), "step / weight": ("ratio",)}
    for ax, (label, quantities) in zip(axes, panels.items()):
        for i, quantity in enumerate(quantities):
            values = np.array([row[quantity] for row in report])
            fits = np.isfinite(values) & (values > 0)
            line = {"marker": "o^s"[i], "markersize": 5, "linewidth": 1.2, "color": COLORS[i]}
            ax.plot(np.where(fits, values, np.nan), label=quantity, **line)  # a gap where there is nothing to draw
            for place in np.flatnonzero(~fits):
                ax.annotate(
                    f"{values[place]:g}", (place, 0.02 + 0.07 * i), None, ("data", "axes fraction"), ha="center"
                )
        ax.set(yscale="log", xlim=(-0.5, len(report) - 0.5), xlabel="weight, first layer on the left", ylabel=label)
        ax.set_xticks(range(len(report)), names, rotation=90 if len(report) > 6 else 0, fontsize=8)
    axes[0].legend()
    return axes


def images(rows, shape, titles=None, columns=10, limits=(0, 1), cmap="gray_r"):
    """Draw each of ``rows`` (N, height * width) as a picture of ``shape`` (height, width), in a grid, with a title if given.

    ``limits`` are the numbers that the two ends of the colours stand for, the same in every picture. Raises ValueError for rows
    that do not fit ``shape``, and for another number of titles.
    """
    check_whole(columns=columns)
    rows, pixels = np.asarray(rows), shape[0] * shape[1]
    require(len(rows) > 0, "rows is empty; it must hold at least one picture")
    require(rows[0].size == pixels, f"rows has {rows[0].size} numbers in a row; a picture of {shape} takes {pixels}")
    fits = titles is None or len(titles) == len(rows)
    require(fits, f"titles has another length than rows, which holds {len(rows)}; it must have one for each")
    height = WIDTH / columns * shape[0] / shape[1] + (0.05 if titles is None else 0.25)
    axes = grid(len(rows), columns, height=height)
    for i, ax in enumerate(axes):
        ax.imshow(np.reshape(rows[i], shape), cmap=cmap, vmin=limits[0], vmax=limits[1], interpolation="nearest")
        ax.set_axis_off()
        ax.set_title("" if titles is None else titles[i], fontsize=9)
    return axes


def filters(W, shape, columns=8):
    """Draw each column of a weight matrix W (n_in, n_out) as a picture of ``shape``: orange below zero, white at it, purple above.

    The colours span the middle 99 % of the weights; the few beyond are drawn as the ends.
    Raises ValueError if n_in is not height * width.
    """
    W = np.asarray(W)
    limit = np.quantile(np.abs(W), 0.99)
    return images(W.T, shape, columns=columns, limits=(-limit, limit), cmap="PuOr")


def masks(mask, shape, columns=8):
    """Draw each row of dropout masks (N, H) as a picture of ``shape``: blue where a unit is kept, white where it is dropped.

    Raises ValueError if H is not height * width.
    """
    mask = np.atleast_2d(mask)
    units, pixels = mask.shape[1], shape[0] * shape[1]
    require(units == pixels, f"mask has {units} units in a row; a picture of {shape} takes {pixels}")
    colors = import_package("matplotlib.colors", "matplotlib").ListedColormap(["white", COLORS[0]])
    axes = images(mask != 0, shape, columns=columns, cmap=colors)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.set_axis_on()  # a frame, so that white units at the border are seen
        ax.spines[:].set_visible(True)
    return axes
