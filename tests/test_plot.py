"""The figures: what is drawn, with what labels, from which data; and the course's style."""

import sys
import warnings
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from nnlib import History, plot


@pytest.fixture(autouse=True)
def in_course_style():
    """The style for one test; it and the figures are gone afterwards, and drawing the figures gives no warning."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        plot.use_course_style()
        yield
        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()
        plt.close("all")


def figure():
    """The figure just drawn, of which there is one."""
    (number,) = plt.get_fignums()
    return plt.figure(number)


# ---------------------------------------------------------------- the style


def test_style_is_set_and_figures_have_the_width_of_the_page():
    assert matplotlib.rcParams["figure.figsize"] == [plot.WIDTH, 3.2] and plot.WIDTH <= 8
    assert matplotlib.rcParams["figure.facecolor"] == matplotlib.rcParams["savefig.facecolor"] == "white"
    assert not matplotlib.rcParams["axes.spines.top"] and not matplotlib.rcParams["legend.frameon"]
    assert matplotlib.rcParams["figure.constrained_layout.use"]


def test_style_can_be_set_again():
    before = matplotlib.rcParams.copy()
    plot.use_course_style()
    assert matplotlib.rcParams == before


@pytest.mark.parametrize("shell", [None, object()], ids=["outside", "in a notebook"])
def test_style_asks_a_notebook_and_nothing_else_for_sharp_uncropped_figures(monkeypatch, shell):
    backend = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr("matplotlib_inline.config.InlineBackend.instance", lambda parent: backend)
    plot.use_course_style()
    asked = {"figure_formats": {"retina"}, "print_figure_kwargs": {"bbox_inches": None}}
    assert vars(backend) == (asked if shell else {})


def test_lines_differ_by_colour_and_by_dash():
    _, ax = plt.subplots()
    lines = [ax.plot([0, 1], [0, k])[0] for k in range(7)]
    assert [line.get_color() for line in lines] == plot.COLORS
    assert len(set(plot.COLORS)) == len({str(dash) for dash in plot.DASHES}) == 7
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == 7


def test_the_first_two_colours_differ_in_grey_and_stand_out_from_white():
    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for colour in plot.COLORS[:2]:
        assert 1.05 / (luminance(colour) + 0.05) > 3  # the contrast that WCAG asks of graphics


def test_no_window_opens():
    plot.history(History(loss=[1.0, 0.5]))
    assert matplotlib.get_backend().lower() == "agg"


# ---------------------------------------------------------------- activations


def test_activations_draws_each_function_and_its_derivative_on_the_same_axes():
    table = {
        "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
        "square": (np.square, lambda z: 2 * z),
        "sine": (np.sin, np.cos),
        "line": (np.positive, np.ones_like),
    }
    axes = plot.activations(table, limit=3)
    assert [ax.get_title() for ax in axes] == list(table) and len(figure().axes) == 4
    for ax, (function, derivative) in zip(axes, table.values()):
        solid, dashed = ax.lines
        z = solid.get_xdata()
        assert (z[0], z[-1]) == (-3, 3) and np.array_equal(z, dashed.get_xdata())
        assert np.array_equal(solid.get_ydata(), function(z)) and np.array_equal(dashed.get_ydata(), derivative(z))
        assert solid.get_linestyle() == "-" and dashed.get_linestyle() != "-"
        assert ax.get_xlabel() == "input z" and ax.get_ylim() == axes[0].get_ylim()
    (legend,) = figure().legends
    assert [text.get_text() for text in legend.get_texts()] == ["function", "derivative"]


def test_activations_takes_as_many_columns_as_asked():
    axes = plot.activations({str(k): (np.tanh, np.cosh) for k in range(4)}, columns=2)
    assert axes[0].get_gridspec().ncols == 2 and len(figure().axes) == 4


# ---------------------------------------------------------------- history

RECORD = History(
    loss=[1.0, 0.5, 0.25],
    lr=[0.1] * 3,
    accuracy=[0.5, 0.75, 1.0],
    validation_loss=[1.5, 1.0, 1.25],
    validation_accuracy=[0.25, 0.5, 0.625],
    seconds=[0.1] * 3,
)


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_history_draws_training_and_validation_against_the_epoch():
    axes = plot.history(RECORD, ("loss", "accuracy"))
    assert len(figure().axes) == 2
    for ax, name in zip(axes, ("loss", "accuracy")):
        training, validation = ax.lines
        assert training.get_xdata().tolist() == validation.get_xdata().tolist() == [1, 2, 3]
        assert (
            list(training.get_ydata()) == RECORD[name] and list(validation.get_ydata()) == RECORD[f"validation_{name}"]
        )
        assert (training.get_label(), validation.get_label()) == ("training", "validation")
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", name)
    assert legend_of(axes[0]) == ["training", "validation"]


def test_history_draws_the_loss_alone_unless_told_and_no_validation_where_there_is_none():
    (ax,) = plot.history({"loss": [1.0, 0.5], "lr": [0.1, 0.1]})
    assert [list(line.get_ydata()) for line in ax.lines] == [[1.0, 0.5]] and legend_of(ax) == ["training"]


def test_history_takes_other_words_for_the_legend():
    (ax,) = plot.history(RECORD, labels=("training", "test"))
    assert legend_of(ax) == ["training", "test"]


def test_history_of_a_training_that_ended_at_once_is_empty():
    (ax,) = plot.history(History(loss=[], lr=[], seconds=[]))
    assert len(ax.lines[0].get_xdata()) == 0


# ---------------------------------------------------------------- images and filters


def test_images_draws_each_row_as_a_picture_with_its_title():
    rows = np.arange(5 * 6).reshape(5, 6) / 30
    axes = plot.images(rows, (2, 3), titles=["a", "b", "c", "d", "e"], columns=3)
    assert len(axes) == len(figure().axes) == 5
    for ax, row, title in zip(axes, rows, "abcde"):
        (image,) = ax.images
        assert np.array_equal(image.get_array(), row.reshape(2, 3))
        assert (
            image.get_clim() == (0, 1) and image.get_cmap().name == "gray_r" and image.get_interpolation() == "nearest"
        )
        assert ax.get_title() == title and not ax.axison
    assert axes[0].get_gridspec().ncols == 3
    assert figure().get_figwidth() == plot.WIDTH


def test_images_need_no_titles_and_take_other_limits():
    axes = plot.images(np.ones((2, 4), np.float32), (2, 2), limits=(-1, 2), cmap="PuOr")
    assert [ax.get_title() for ax in axes] == ["", ""] and axes[0].images[0].get_clim() == (-1, 2)


def test_filters_draws_each_column_with_white_at_zero():
    W = np.random.default_rng(0).normal(size=(6, 5))
    axes = plot.filters(W, (2, 3), columns=4)
    limit = np.quantile(np.abs(W), 0.99)
    assert len(axes) == len(figure().axes) == 5
    for ax, column in zip(axes, W.T):
        (image,) = ax.images
        assert np.array_equal(image.get_array(), column.reshape(2, 3))
        assert image.get_clim() == (-limit, limit)
    red, green, blue, _ = axes[0].images[0].cmap([0.0, 0.5, 1.0]).T
    assert min(red[1], green[1], blue[1]) > 0.95  # white in the middle
    assert red[0] > blue[0] and blue[2] > green[2]  # orange below zero, purple above


def test_a_grid_has_no_empty_axes_and_its_rows_add_height():
    for panels, rows in ((1, 1), (3, 1), (4, 2), (7, 3)):
        plt.close("all")
        axes = plot._grid(panels, 3, height=2.0)
        assert len(axes) == len(figure().axes) == panels
        assert figure().get_size_inches().tolist() == [plot.WIDTH, 2.0 * rows]
