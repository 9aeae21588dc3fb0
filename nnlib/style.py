"""The look of the course's figures: colours, dashes, sizes, and a grid of panels.

Curves differ by colour and by dash, so that they can be told apart in grey and by the colour-blind. Figures bring their own
white ground, and so look the same on a light and on a dark page.
"""

import math
import sys

from .arguments import check_whole, import_package

# Seven colours that people with any colour vision can tell apart (Okabe and Ito, 2008): the first four from dark to light.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
DASHES = ["-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1)), (0, (8, 2)), (0, (2, 2))]
WIDTH = 7.5  # inches: the width of the text on the website


def pyplot():
    return import_package("matplotlib.pyplot", "matplotlib")


def use_course_style():
    """Draw all figures from here on in the course's style; in a notebook also at twice the pixels, for sharp screens."""
    plt = pyplot()
    plt.rc("figure", figsize=(WIDTH, 3.2), dpi=100, facecolor="white")
    plt.rc("figure.constrained_layout", use=True)
    plt.rc("savefig", facecolor="white")
    plt.rc("font", size=10)
    plt.rc("axes", titlesize=10.5, grid=True, axisbelow=True, prop_cycle=plt.cycler(color=COLORS, linestyle=DASHES))
    plt.rc("axes.spines", top=False, right=False)
    plt.rc("grid", color="#dddddd", linewidth=0.6)
    plt.rc("lines", linewidth=1.8)
    plt.rc("legend", frameon=False)
    plt.rc("image", cmap="gray")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and "ipykernel" in sys.modules:  # in a notebook
        from matplotlib_inline.config import InlineBackend

        inline = InlineBackend.instance(parent=shell)
        inline.figure_formats = {"retina"}
        inline.print_figure_kwargs = {"bbox_inches": None}  # not cropped: one size is one width on the page


def grid(panels, columns, height=1.9, dpi=None):
    """A figure of small multiples: the axes of ``panels`` panels in rows of ``columns``, those left over removed."""
    check_whole(panels=panels, columns=columns)
    rows = math.ceil(panels / columns)
    _, axes = pyplot().subplots(rows, columns, figsize=(WIDTH, height * rows), dpi=dpi, squeeze=False)
    for ax in axes.flat[panels:]:
        ax.remove()
    return axes.flat[:panels]
