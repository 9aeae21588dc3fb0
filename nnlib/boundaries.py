"""Decision boundaries: what a classifier says at every point of the plane, as areas of colour, with the data on top.

Classes differ by colour, and for who can't go by colour: areas by how light they are, with a line between them; points by
shape, and by being filled or open. To readers these functions are ``plot.boundary``, ``plot.boundaries`` and so on.
"""

from itertools import combinations

import numpy as np

from .arguments import check_finite, check_shape, check_whole, require
from .style import COLORS, WIDTH, grid, pyplot

AREAS = ["#a4cae4", "#fbe5d3", "#bcdccb", "#f4f0f7"]  # the classes' colours, light, and in grey of four kinds
MARKERS = ["o", "^", "s", "D"]
PROBABILITY = ["#6aa9d6", "#cfd4da", "#ffe9d3"]  # of class 1, at 0, a half and 1: lighter and lighter, also in grey


def boundary(predict, X, y, *, ax=None, probability=False, title=None, limits=None):
    """Draw which class a classifier gives to each point of the plane, and the examples on top; returns the axes.

    - ``predict``: a network or an estimator with a method ``predict``, or a function from points (M, 2) to labels (M,).
    - ``X`` (N, 2), ``y`` (N,) labels, of at most four classes.
    - ``probability=True`` draws how probable class 1 of two is, with a line at one half. It takes ``predict_proba``, or a function
      from points to probabilities (M,).
    - ``limits=((left, right), (bottom, top))``; without, the data and a margin of a tenth.

    Without ``ax``, a figure of its own with a legend. Raises ValueError if X does not have two columns, lengths differ, or what
    comes back is not a label for each point.
    """
    X, y = _check_data(X, y)
    own = ax is None
    if own:
        _, ax = pyplot().subplots(figsize=(5.5, 4), layout="constrained")
    shown = _draw(ax, predict, X, y, probability, limits)
    ax.set_title(title or ax.get_title())
    if own:
        _explain(ax.figure, ax, shown, probability)
    return ax


def boundaries(panels, X=None, y=None, *, columns=3, probability=False):
    """Draw several boundaries as small multiples; returns the axes.

    ``panels`` is a dict from a title to a predictor, as ``boundary`` takes it, all on the same X and y, or to
    ``(predictor, X, y)`` where each has data of its own. Raises ValueError if it is empty, and what ``boundary`` raises.
    """
    require(panels, "panels is empty; it must be a dict from titles to predictors")
    check_whole(columns=columns)
    columns = min(columns, len(panels))
    axes = grid(len(panels), columns, height=min(WIDTH / columns + 0.1, 4))
    for i, (ax, (title, panel)) in enumerate(zip(axes, panels.items())):
        predict, *data = panel if isinstance(panel, tuple) else (panel, X, y)
        shown = _draw(ax, predict, *_check_data(*data), probability)
        ax.set_title(title)
        if not isinstance(panel, tuple):  # the axes are all the same: their numbers stand at the edges
            ax.tick_params(labelleft=i % columns == 0, labelbottom=i + columns >= len(panels))
            ax.set_ylabel(ax.get_ylabel() if i % columns == 0 else "")
            ax.set_xlabel(ax.get_xlabel() if i + columns >= len(panels) else "")
    _explain(ax.figure, list(axes), shown, probability)
    return axes


def boundary_through_training(snapshots, X, y, *, columns=4, probability=False):
    """Draw how a boundary moves: a panel for each snapshot, all in one picture of equal cells; returns the axes.

    ``snapshots`` is a dict from the epoch to a copy of the network as it was then. A callback of ``fit`` makes it:
    ``snapshots[epoch + 1] = copy.deepcopy(network)``.

    The website shows one cell of the picture at a time, with a slider. So each cell is complete, with its own axes and labels, and
    every cell has the same size.

    Raises ValueError if there are no snapshots or two are one and the same network, and what ``boundary`` raises.
    """
    X, y = _check_data(X, y)
    check_whole(columns=columns)
    require(snapshots, "snapshots is empty; it must be a dict from epochs to copies of the network")
    for (a, A), (b, B) in combinations(snapshots.items(), 2):
        require(A is not B, f"snapshots has one and the same network under {a} and {b}; keep copy.deepcopy(network)")
    cell = WIDTH / columns
    # Half again the usual pixels, since the slider shows a cell at twice its size.
    axes = grid(len(snapshots), columns, height=cell, dpi=150)
    axes[0].figure.set_layout_engine("none")  # off for good: not even saving puts the style's layout back
    rows = axes[0].get_gridspec().nrows
    left, bottom, right, top = 0.37, 0.36, 0.06, 0.22  # inches around the axes in each cell
    for i, (ax, (epoch, network)) in enumerate(zip(axes, snapshots.items())):
        x0, y0 = i % columns * cell + left, (rows - 1 - i // columns) * cell + bottom
        ax.set_position(np.divide([x0, y0, cell - left - right, cell - bottom - top], 2 * [WIDTH, cell * rows]))
        _draw(ax, network, X, y, probability)
        ax.set_title(f"epoch {epoch}", fontsize=9, pad=3)
        ax.tick_params(labelsize=7, pad=1.5, length=2.5)
        ax.locator_params(nbins=4)
        ax.set_xlabel(ax.get_xlabel(), fontsize=8, labelpad=0.5)
        ax.set_ylabel(ax.get_ylabel(), fontsize=8, labelpad=0)
    # Long numbers on the axis need more room at the left, the same in every cell.
    shift = max(0.05 - axes[0].get_tightbbox().x0 / axes[0].figure.dpi, 0) / WIDTH
    for ax in axes:
        ax.set_position(np.add(ax.get_position().bounds, [shift, 0, -shift, 0]))
    return axes


def _check_data(X, y):
    X, y = np.asarray(X), np.asarray(y)
    check_shape("X", X.shape, X.shape[1:] == (2,) and len(X) > 0, "a boundary is drawn over two columns, (N, 2)")
    check_finite("X", X)
    n = len(X)
    check_shape("y", y.shape, y.shape in ((n,), (n, 1)), f"it must have a label for each of the {n} rows of X")
    return X, y.reshape(-1)


def _ask(predict, method, points):
    """What a predictor says about points (M, 2): an object by its method, or a plain function."""
    answer = getattr(predict, method, predict)
    if isinstance(predict, type) or not callable(answer):
        kind = f"the class {predict.__name__}" if isinstance(predict, type) else f"a {type(predict).__name__}"
        raise ValueError(f"predict is {kind}; it must have a method {method}, or be a function of points (M, 2)")
    return np.asarray(answer(points))


def _draw(ax, predict, X, y, probability, limits=None):
    """The area, the line and the points of one panel; returns the image."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    if limits is None:
        low, high = X.min(axis=0), X.max(axis=0)
        margin = np.where(high > low, 0.1 * (high - low), 1)
        limits = np.transpose([low - margin, high + margin])
    (left, right), (bottom, top) = limits
    width = ax.get_position().width * ax.figure.get_figwidth()
    steps = 400 if width > 2.5 else 300
    # The points are the middles of small cells, so that colours lie where they belong.
    x1 = left + (np.arange(steps) + 0.5) / steps * (right - left)
    x2 = bottom + (np.arange(steps) + 0.5) / steps * (top - bottom)
    points = np.column_stack([axis.ravel() for axis in np.meshgrid(x1, x2)])

    ask = _probabilities if probability else _labels
    values, classes = ask(predict, points, y)
    values = values.reshape(steps, steps)
    if probability:
        cmap, ends = LinearSegmentedColormap.from_list("probability", PROBABILITY), (0, 1)
        lines = [values] if values.min() < 0.5 < values.max() else []
    else:
        cmap, ends = ListedColormap(AREAS), (-0.5, len(AREAS) - 0.5)
        lines = [values == k for k in np.unique(values)[1:]]  # one line less than there are areas
    place = {"extent": (left, right, bottom, top), "origin": "lower", "aspect": "auto", "zorder": 0}
    image = ax.imshow(values, cmap=cmap, vmin=ends[0], vmax=ends[1], interpolation="nearest", **place)
    for line in lines:
        ax.contour(x1, x2, line, [0.5], colors="#333333", linewidths=1.2, zorder=1)
    for k, label in enumerate(classes):
        face, edge, edge_width = ("white", COLORS[k], 0.9) if k % 2 else (COLORS[k], "white", 0.5)
        look = {"marker": MARKERS[k], "facecolor": face, "edgecolor": edge, "linewidth": edge_width}
        ax.scatter(*X[y == label].T, s=np.clip(6 * width, 7, 24), label=f"class {label}", zorder=2, **look)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel="$x_1$", ylabel="$x_2$")
    ax.grid(False)
    return image


def _labels(predict, points, y):
    """For each of M points, which of the classes it is given, as an index (M,); and the classes."""
    labels, M = _ask(predict, "predict", points), len(points)
    require(labels.shape == (M,), f"predict gave shape {labels.shape} for {M} points; it must give each a label, (M,)")
    classes = np.union1d(y, labels)
    found = f"y and the predictions hold {len(classes)} different values"
    needed = f"a boundary shows at most {len(AREAS)} classes (a function must return labels, not logits)"
    require(len(classes) <= len(AREAS), f"{found}; {needed}")
    return np.searchsorted(classes, labels), classes


def _probabilities(predict, points, y):
    """For each of M points the probability of class 1 of two, (M,); and the classes."""
    p, M, classes = _ask(predict, "predict_proba", points), len(points), np.unique(y)
    if p.shape == (M, 2):
        p = p[:, 1]
    found = f"predict gave shape {p.shape} for {M} points and y holds {len(classes)} classes"
    needed = "probability=True needs the probability of class 1 of two, (M,) or (M, 2)"
    require(p.shape == (M,) and len(classes) <= 2, f"{found}; {needed}")
    return p, classes


def _explain(figure, axes, image, probability):
    """What the colours and the markers mean, beside the axes."""
    if probability:
        figure.colorbar(image, ax=axes, label="probability of class 1", ticks=[0, 0.25, 0.5, 0.75, 1], aspect=30)
    entries = [entry for ax in figure.axes for entry in zip(*ax.get_legend_handles_labels())]
    handles = {text: handle for handle, text in entries}  # each class once
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles))
