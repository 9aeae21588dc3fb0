"""The course's figures: one style, and the pictures that several chapters draw.

Curves differ by colour and by dash, so that they can be told apart in grey and by the colour-blind. Figures bring their own
white ground, and so look the same on a light and on a dark page.
"""

import math
import sys

import numpy as np

from .arguments import import_package

# Seven colours that people with any colour vision can tell apart (Okabe and Ito, 2008), darkest first.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
DASHES = ["-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1)), (0, (8, 2)), (0, (2, 2))]
WIDTH = 7.5  # inches: the width of the text on the website


def _pyplot():
    return import_package("matplotlib.pyplot", "matplotlib")


def use_course_style():
    """Draw all figures from here on in the course's style; in a notebook also at twice the pixels, for sharp screens."""
    plt = _pyplot()
    from cycler import cycler

    plt.rcParams.update(
        {
            "figure.figsize": (WIDTH, 3.2),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "font.size": 10,
            "axes.titlesize": 10.5,
            "axes.prop_cycle": cycler(color=COLORS) + cycler(linestyle=DASHES),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#dddddd",
            "grid.linewidth": 0.6,
            "lines.linewidth": 1.8,
            "legend.frameon": False,
            "image.cmap": "gray",
        }
    )
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and "ipykernel" in sys.modules:  # in a notebook
        from matplotlib_inline.config import InlineBackend

        inline = InlineBackend.instance(parent=shell)
        inline.figure_formats = {"retina"}
        inline.print_figure_kwargs = {
            "bbox_inches": None
        }  # not cropped: figures of one size have one width on the page


def _grid(panels, columns, width=WIDTH, height=1.9):
    """A figure of small multiples: the axes of ``panels`` panels in rows of ``columns``, those left over removed."""
    rows = math.ceil(panels / columns)
    _, axes = _pyplot().subplots(rows, columns, figsize=(width, height * rows), squeeze=False)
    for ax in axes.flat[panels:]:
        ax.remove()
    return axes.flat[:panels]


def activations(table, limit=4, columns=3):
    """Draw functions and their derivatives, a panel each, all on the same axes, so that slopes can be compared.

    ``table`` is a dict from a name to ``(function, derivative)``, each of which takes an array; drawn from -limit to limit.
    """
    z = np.linspace(-limit, limit, 801)
    axes = _grid(len(table), columns)
    for ax, (name, (function, derivative)) in zip(axes, table.items()):
        (solid,) = ax.plot(z, function(z))
        (dashed,) = ax.plot(z, derivative(z))
        ax.set(title=name, xlabel="input z", ylim=(-1.2, 2.2), yticks=(-1, 0, 1, 2))
    axes[0].figure.legend([solid, dashed], ["function", "derivative"], loc="outside upper center", ncols=2)
    return axes


def history(record, quantities=("loss",), labels=None):
    """Draw what ``fit`` recorded: a panel for each quantity, training and (where there is one) validation against the epoch.

    ``labels`` replaces the words "training" and "validation" in the legend, for instance by ("training", "test").
    """
    train_label, validation_label = labels or ("training", "validation")
    axes = _grid(len(quantities), len(quantities), height=3.0)
    for ax, name in zip(axes, quantities):
        epochs = np.arange(1, len(record[name]) + 1)
        ax.plot(epochs, record[name], label=train_label)
        if f"validation_{name}" in record:
            ax.plot(epochs, record[f"validation_{name}"], label=validation_label)
        ax.set_xlabel("epoch")
        ax.set_ylabel(name)
    axes[0].legend()
    return axes


def images(rows, shape, titles=None, columns=10, limits=(0, 1), cmap="gray_r"):
    """Draw rows of numbers as pictures of ``shape`` (height, width), in a grid, with a title each if given.

    ``limits`` are the numbers that the two ends of the colours stand for, the same in every picture.
    """
    width = WIDTH / columns
    axes = _grid(len(rows), columns, height=width * shape[0] / shape[1] + (0.25 if titles is not None else 0.05))
    for i, ax in enumerate(axes):
        ax.imshow(np.reshape(rows[i], shape), cmap=cmap, vmin=limits[0], vmax=limits[1], interpolation="nearest")
        ax.set_axis_off()
        if titles is not None:
            ax.set_title(titles[i], fontsize=9)
    return axes


def filters(W, shape, columns=8):
    """Draw each column of a weight matrix W (n_in, n_out) as a picture of ``shape``: orange below zero, white at it, purple above.

    The colours span the middle 99 % of the weights; the few beyond are drawn as the ends.
    """
    limit = np.quantile(np.abs(W), 0.99)
    return images(W.T, shape, columns=columns, limits=(-limit, limit), cmap="PuOr")
