"""The picture of the first page, and the one that a link to the course shows: `python tools/picture.py`

A network of nnlib learns to tell two spirals apart; three panels show what it says about each point of the plane on the way.
"""

import copy
import os
from pathlib import Path

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import matplotlib  # noqa: E402
import numpy as np  # noqa: E402

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

from nnlib import Adam, BinaryCrossEntropy, fit, mlp, plot, spirals  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
EPOCHS = (10, 30, 200)


def train():
    """Copies of one network after some epochs, and what it learnt from."""
    X, y = spirals(200, rng=np.random.default_rng(0), turns=1.0)
    snapshots = {}

    def keep(epoch, network, history):
        if epoch + 1 in EPOCHS:
            snapshots[epoch + 1] = copy.deepcopy(network)

    network = mlp([2, 32, 32, 1], activation="tanh", rng=np.random.default_rng(0))
    fit(network, BinaryCrossEntropy(), X, y, optimizer=Adam(0.01), epochs=max(EPOCHS), callback=keep, progress=False)
    return snapshots, X, y


def draw(snapshots, X, y, size, inset):
    """The panels side by side, without axes, on no ground: they read on a light page and on a dark one."""
    figure = plt.figure(figsize=size, facecolor="none", layout="none")
    side = (size[0] - 2 * inset - 2 * 0.15) / 3  # inches
    for i, network in enumerate(snapshots.values()):
        place = [inset + i * (side + 0.15), (size[1] - side) / 2, side, side]
        ax = figure.add_axes(np.divide(place, 2 * size))
        plot.boundary(network, X, y, ax=ax)
        if legend := ax.get_legend():
            legend.remove()
        ax.set(title="", xlabel="", ylabel="", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


if __name__ == "__main__":
    plot.use_course_style()
    plt.rc("svg", hashsalt="the course")  # the same names in the file at each run
    trained = train()
    draw(*trained, size=(5.2, 1.63), inset=0).savefig(
        ROOT / "lessons/images/spirals.svg", transparent=True, metadata={"Date": None}
    )
    draw(*trained, size=(12, 6.3), inset=0.6).savefig(ROOT / "book/_static/preview.png", facecolor="white", dpi=100)
