"""The figures: what is drawn, with what labels, from which data; and the course's style."""

import copy
import io
import re
import sys
import warnings
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from nnlib import History, boundaries, mlp, plot, style


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
    assert matplotlib.rcParams["figure.figsize"] == [style.WIDTH, 3.2] and style.WIDTH <= 8
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
    assert [line.get_color() for line in lines] == style.COLORS
    assert len(set(style.COLORS)) == len({str(dash) for dash in style.DASHES}) == 7
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == 7


def test_the_first_two_colours_differ_in_grey_and_stand_out_from_white():
    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for colour in style.COLORS[:2]:
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


def test_history_takes_one_name_and_says_which_there_are():
    record = History(loss=[2.0, 1.0], accuracy=[0.5, 0.6])
    assert [ax.get_ylabel() for ax in plot.history(record, "accuracy")] == ["accuracy"]
    with pytest.raises(ValueError, match="quantities has 'acc'; the history holds loss, accuracy"):
        plot.history(record, ["loss", "acc"])


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
    assert figure().get_figwidth() == style.WIDTH


def test_images_need_no_titles_and_take_other_limits():
    axes = plot.images(np.ones((2, 4), np.float32), (2, 2), limits=(-1, 2), cmap="PuOr")
    assert [ax.get_title() for ax in axes] == ["", ""] and axes[0].images[0].get_clim() == (-1, 2)


PICTURES = np.zeros((2, 12))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: plot.images(PICTURES, (3, 4), titles=["a"]), "titles has another length than rows, which holds 2"),
        (lambda: plot.images(PICTURES, (3, 4), columns=0), "columns is 0; it must be a whole number of at least 1"),
        (lambda: plot.images([], (3, 4)), "rows is empty; it must hold at least one picture"),
        (lambda: plot.images(PICTURES, (3, 5)), "rows has 12 numbers in a row; a picture of (3, 5) takes 15"),
        (lambda: plot.filters(PICTURES.T, (3, 5)), "rows has 12 numbers in a row; a picture of (3, 5) takes 15"),
        (lambda: plot.activations({}), "panels is 0; it must be a whole number of at least 1"),
    ],
)
def test_pictures_that_can_not_be_drawn_are_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_filters_takes_a_list():
    assert len(plot.filters([[1.0, 2.0], [3.0, 4.0]], (1, 2))) == 2


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
        axes = style.grid(panels, 3, height=2.0)
        assert len(axes) == len(figure().axes) == panels
        assert figure().get_size_inches().tolist() == [style.WIDTH, 2.0 * rows]


def test_a_grid_of_no_columns_is_refused():
    with pytest.raises(ValueError, match="columns is 0"):
        style.grid(4, 0)


# ---------------------------------------------------------------- boundaries

# Nothing about this is symmetric: not the data, not the axes, not the rule.
RNG = np.random.default_rng(0)
X = RNG.uniform([-1, 0], [3, 10], size=(40, 2))


def rule(points):
    """Class 1 in the corner at the bottom right."""
    return ((points[:, 0] > 1) & (points[:, 1] < 4)).astype(int)


def three(points):
    return rule(points) + 2 * (points[:, 1] > 7)


def steep(points):
    """The probability of class 1, above a half to the right of x_1 = 1; as an estimator gives it."""
    p = 1 / (1 + np.exp(-3 * (points[:, 0] - 1)))
    return np.column_stack([1 - p, p])


def color_at(ax, x1, x2):
    """The colour that is drawn at a point, in numbers from 0 to 255."""
    canvas = ax.figure.canvas
    canvas.draw()
    column, row = ax.transData.transform((x1, x2))
    picture = np.asarray(canvas.buffer_rgba())
    return tuple(picture[picture.shape[0] - 1 - int(row), int(column), :3].tolist())


def bytes_of(color):
    return tuple(round(255 * part) for part in to_rgb(color))


def points_of(ax):
    return {points.get_label(): points.get_offsets() for points in ax.collections if hasattr(points, "get_sizes")}


LIMITS = ((-2, 4), (-5, 15))


@pytest.mark.parametrize("predict", [rule, SimpleNamespace(predict=rule)], ids=["function", "method"])
def test_boundary_colours_each_point_by_its_class(predict):
    ax = plot.boundary(predict, X, rule(X), limits=LIMITS, title="a corner")
    assert (ax.get_xlim(), ax.get_ylim()) == LIMITS and ax.get_title() == "a corner"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_1$", "$x_2$")
    # Far from the data, in all four corners, and on both sides of both lines.
    for point in [(3.5, -4), (-1.5, -4), (-1.5, 14), (3.5, 14), (1.3, -3), (0.7, -3), (3.7, 3.3), (3.7, 4.8)]:
        assert color_at(ax, *point) == bytes_of(boundaries.AREAS[rule(np.array([point]))[0]]), point


def test_boundary_has_a_line_where_the_class_changes_and_nowhere_else():
    ax = plot.boundary(rule, X, rule(X), limits=LIMITS)
    assert max(color_at(ax, 1, -3)) < 120 and max(color_at(ax, 3.7, 4)) < 120
    (line,) = [drawn for drawn in ax.collections if not hasattr(drawn, "get_sizes")]
    x1, x2 = np.concatenate([path.vertices for path in line.get_paths()]).T
    assert np.all((np.abs(x1 - 1) < 0.02) | (np.abs(x2 - 4) < 0.06)) and x1.min() > 0.98 and x2.max() < 4.06


def test_boundary_draws_every_example_once_with_its_classs_marker():
    ax = plot.boundary(three, X, three(X))
    drawn = points_of(ax)
    assert list(drawn) == ["class 0", "class 1", "class 2"]
    for k, offsets in enumerate(drawn.values()):
        assert np.array_equal(offsets, X[three(X) == k])
    shapes = {str(c.get_paths()[0].vertices.tolist()) for c in ax.collections if hasattr(c, "get_sizes")}
    assert len(shapes) == 3
    (legend,) = figure().legends
    assert [text.get_text() for text in legend.get_texts()] == list(drawn)


def test_boundary_shows_the_data_and_a_margin_of_a_tenth():
    ax = plot.boundary(rule, X, rule(X))
    for limits, column in ((ax.get_xlim(), X[:, 0]), (ax.get_ylim(), X[:, 1])):
        margin = 0.1 * np.ptp(column)
        assert np.allclose(limits, (column.min() - margin, column.max() + margin))


def test_boundary_of_a_network_and_of_one_class():
    network = mlp([2, 3, 2], rng=np.random.default_rng(0))
    ax = plot.boundary(network, X, rule(X)[:, None])
    assert sum(len(offsets) for offsets in points_of(ax).values()) == len(X)
    ax = plot.boundary(lambda points: np.zeros(len(points), int), X[:1], [1], limits=LIMITS)
    assert color_at(ax, 0, -4) == bytes_of(boundaries.AREAS[0]) and list(points_of(ax)) == ["class 0", "class 1"]


def test_boundary_of_an_estimator_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(X, X[:, 0] > 1)
    for probability in (False, True):
        ax = plot.boundary(model, X, X[:, 0] > 1, limits=LIMITS, probability=probability)
        assert list(points_of(ax)) == ["class False", "class True"]
        values = ax.images[0].get_array()
        assert values[:, 0].max() < 0.5 < values[:, -1].min()


def test_boundary_of_names_as_labels_as_scikit_learn_gives_them():
    names = np.array(["no", "yes"])
    ax = plot.boundary(lambda points: names[rule(points)], X, names[rule(X)], limits=LIMITS)
    assert list(points_of(ax)) == ["class no", "class yes"]
    assert color_at(ax, 3.5, -4) == bytes_of(boundaries.AREAS[1])


def test_classes_differ_in_grey():
    """By how light their areas are, and by points that are filled or open."""

    def grey(color):
        return float(np.dot(to_rgb(color), [0.299, 0.587, 0.114]))

    first, second = boundaries.AREAS[:2]
    assert grey(second) - grey(first) > 0.12
    assert len(set(boundaries.MARKERS)) == len(boundaries.AREAS) == 4
    _, ax = plt.subplots()
    plot.boundary(rule, X, rule(X), ax=ax)
    filled, opened = [points for points in ax.collections if hasattr(points, "get_sizes")]
    assert grey(filled.get_facecolor()[0][:3]) < 0.5 < grey(opened.get_facecolor()[0][:3])
    ends = [grey(color) for color in boundaries.PROBABILITY]
    assert ends == sorted(ends)


@pytest.mark.parametrize("predict", [SimpleNamespace(predict_proba=steep), lambda points: steep(points)[:, 1]])
def test_probability_is_drawn_from_0_to_1_with_a_line_at_one_half(predict):
    ax = plot.boundary(predict, X, rule(X), probability=True, limits=LIMITS)
    (image,) = ax.images
    assert image.get_clim() == (0, 1)
    values = image.get_array()
    assert np.allclose(values[0], values[-1]) and np.all(np.diff(values[0]) > 0)  # from left to right
    (line,) = [drawn for drawn in ax.collections if not hasattr(drawn, "get_sizes")]
    assert np.allclose(np.concatenate([path.vertices for path in line.get_paths()])[:, 0], 1, atol=0.01)
    assert [axes.get_ylabel() for axes in figure().axes] == ["$x_2$", "probability of class 1"]


def test_probability_that_never_passes_one_half_has_no_line():
    ax = plot.boundary(lambda points: np.full(len(points), 0.3), X, rule(X), probability=True)
    assert all(hasattr(drawn, "get_sizes") for drawn in ax.collections)


def test_boundary_draws_into_given_axes():
    _, (left, right) = plt.subplots(1, 2)
    assert plot.boundary(rule, X, rule(X), ax=right) is right
    assert len(left.images) == 0 and len(right.images) == 1 and figure().legends == []


@pytest.mark.parametrize(
    "predict, X_bad, y_bad, message",
    [
        (rule, X[:, :1], rule(X), "X has shape (40, 1); a boundary is drawn over two columns, (N, 2)"),
        (rule, X[0], rule(X), "X has shape (2,)"),
        (rule, X[:0], [], "X has shape (0, 2)"),
        (rule, X * np.nan, rule(X), "X holds NaN or infinity; every value must be finite"),
        (rule, X, rule(X)[1:], "y has shape (39,); it must have a label for each of the 40 rows of X"),
        (rule, None, None, "X has shape ()"),
        (None, X, rule(X), "predict is a NoneType; it must have a method predict, or be a function of points (M, 2)"),
        (History, X, rule(X), "predict is the class History"),
        (lambda points: points, X, rule(X), "it must give each a label, (M,)"),
        (lambda points: points[:, 0], X, rule(X), "different values; a boundary shows at most 4 classes"),
    ],
)
def test_boundary_says_what_is_wrong(predict, X_bad, y_bad, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        plot.boundary(predict, X_bad, y_bad)


def test_probability_says_what_is_wrong():
    with pytest.raises(ValueError, match="must have a method predict_proba"):
        plot.boundary(SimpleNamespace(predict=rule), X, rule(X), probability=True)
    with pytest.raises(ValueError, match="y holds 3 classes; probability=True needs the probability of class 1 of two"):
        plot.boundary(steep, X, three(X), probability=True)
    with pytest.raises(ValueError, match=re.escape("predict gave shape (90000, 3)") + "|160000, 3"):
        plot.boundary(lambda points: np.ones((len(points), 3)), X, rule(X), probability=True)


def test_boundaries_is_a_panel_for_each_predictor():
    axes = plot.boundaries({"a": rule, "b": three, "c": rule, "d": three, "e": rule}, X, three(X), columns=3)
    assert [ax.get_title() for ax in axes] == list("abcde") and len(figure().axes) == 5
    assert figure().get_figwidth() == style.WIDTH
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in axes}) == 1
    for ax in axes:
        assert sum(len(offsets) for offsets in points_of(ax).values()) == len(X)
    # Labels at the left and below, also below c, under which there is no panel.
    assert [bool(ax.get_ylabel()) for ax in axes] == [True, False, False, True, False]
    assert [bool(ax.get_xlabel()) for ax in axes] == [False, False, True, True, True]
    assert [label.get_text() for label in figure().legends[0].get_texts()] == ["class 0", "class 1", "class 2"]


def test_boundaries_may_bring_data_of_their_own():
    axes = plot.boundaries({"all": (rule, X, rule(X)), "some": (three, 2 * X[:9], three(X[:9]))})
    assert [sum(len(offsets) for offsets in points_of(ax).values()) for ax in axes] == [40, 9]
    assert axes[0].get_xlim() != axes[1].get_xlim() and all(ax.get_xlabel() for ax in axes)


def test_boundaries_of_probabilities_share_one_scale():
    axes = plot.boundaries({"a": steep, "b": steep}, X, rule(X), probability=True)
    assert len(axes) == 2 and len(figure().axes) == 3


def test_boundaries_say_what_is_wrong():
    with pytest.raises(ValueError, match="panels is empty"):
        plot.boundaries({}, X, rule(X))
    with pytest.raises(ValueError, match="X has shape"):
        plot.boundaries({"a": rule})


# ---------------------------------------------------------------- a boundary through training


def shifted(k):
    return lambda points: (points[:, 0] > k).astype(int)


@pytest.mark.parametrize("count, columns, rows", [(12, 4, 3), (5, 3, 2), (3, 4, 1), (2, 1, 2)])
@pytest.mark.parametrize("scale", [1, 0.03, 3000])  # the longer the numbers, the more room they take
def test_each_panel_has_the_same_place_in_its_cell_and_stays_inside(count, columns, rows, scale):
    snapshots = {10 * k: shifted(k / 10 * scale) for k in range(count)}
    axes = plot.boundary_through_training(snapshots, (X - 1) * scale, rule(X), columns=columns)
    assert [ax.get_title() for ax in axes] == [f"epoch {epoch}" for epoch in snapshots]
    width, height = figure().get_size_inches()
    assert (width, height) == (style.WIDTH, rows * style.WIDTH / columns)
    figure().savefig(io.BytesIO())  # which must not move anything
    figure().canvas.draw()
    cell_width, cell_height = 1 / columns, 1 / rows
    places = []
    for i, ax in enumerate(axes):
        left, top = i % columns * cell_width, 1 - i // columns * cell_height
        box = ax.get_position()
        places.append([box.x0 - left, top - box.y1, box.width, box.height])
        drawn = ax.get_tightbbox().transformed(figure().transFigure.inverted())
        assert left <= drawn.x0 and drawn.x1 <= left + cell_width
        assert top - cell_height <= drawn.y0 and drawn.y1 <= top
        assert ax.get_xlabel() and ax.get_ylabel() and ax.get_xticklabels() and ax.get_yticklabels()
    assert np.allclose(places, places[0])
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in axes}) == 1


def test_each_panel_shows_its_own_snapshot():
    axes = plot.boundary_through_training({1: shifted(0.0), 2: shifted(2.0)}, X, rule(X), columns=2)
    assert [color_at(ax, 1, -0.5) for ax in axes] == [bytes_of(boundaries.AREAS[k]) for k in (1, 0)]


def test_snapshots_must_be_copies():
    network = mlp([2, 3, 1], rng=np.random.default_rng(0))
    plot.boundary_through_training({0: copy.deepcopy(network), 1: network}, X, rule(X))
    with pytest.raises(ValueError, match="one and the same network under 0 and 5; keep copy.deepcopy"):
        plot.boundary_through_training({0: network, 5: network}, X, rule(X))
    with pytest.raises(ValueError, match="snapshots is empty"):
        plot.boundary_through_training({}, X, rule(X))
    with pytest.raises(ValueError, match="columns is 0"):
        plot.boundary_through_training({0: network}, X, rule(X), columns=0)


# ---------------------------------------------------------------- schedules


def test_schedules_draws_each_rate_over_its_whole_epoch():
    ax = plot.schedules({"constant": lambda epoch: 0.1, "falling": lambda epoch: 0.1 / (epoch + 1)}, 3)
    constant, falling = ax.lines
    assert falling.get_xdata().tolist() == [0, 1, 2, 3] and falling.get_drawstyle() == "steps-post"
    assert np.allclose(falling.get_ydata(), [0.1, 0.05, 0.1 / 3, 0.1 / 3]) and set(constant.get_ydata()) == {0.1}
    assert legend_of(ax) == ["constant", "falling"] and ax.get_ylim()[0] == 0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch, counted from 0", "learning rate")
    with pytest.raises(ValueError, match="epochs is 0"):
        plot.schedules({}, 0)


# ---------------------------------------------------------------- confusion


def cells(ax):
    """What is written, by (row, column) as seen: row 0 at the top."""
    assert ax.yaxis_inverted()
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in ax.texts}


def test_confusion_has_true_classes_as_rows():
    ax = plot.confusion([0, 0, 0, 2, 2], [0, 2, 2, 2, 2])
    assert cells(ax) == {(0, 0): "1", (0, 1): "2", (1, 0): "0", (1, 1): "2"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "2"]
    shade = ax.images[0].get_array()
    assert shade[1, 0] == 0 and shade[1, 1] == 1 and np.isclose(shade[0, 1], np.sqrt(2 / 3))


def test_confusion_names_all_classes_also_those_that_do_not_occur():
    ax = plot.confusion(np.array([0, 2]), np.array([0, 0]), labels=["setosa", "versicolor", "virginica"])
    assert len(cells(ax)) == 9 and cells(ax)[2, 0] == cells(ax)[0, 0] == "1"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["setosa", "versicolor", "virginica"]


def test_confusion_of_names():
    ax = plot.confusion(["cat", "dog"], ["dog", "dog"])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["cat", "dog"] and cells(ax)[0, 1] == "1"


def test_confusion_says_what_is_wrong():
    with pytest.raises(ValueError, match=re.escape("targets has shape (2,), predicted (3,)")):
        plot.confusion([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match=re.escape("predicted (2, 2); both must be labels")):
        plot.confusion([0, 1], np.eye(2))
    with pytest.raises(ValueError, match=re.escape("labels names the classes 0 to 1; the classes here are [0, 2]")):
        plot.confusion([0, 2], [0, 2], labels=["a", "b"])


# ---------------------------------------------------------------- gradient flow


def row(name, mean, remark=""):
    sizes = {"mean": mean, "max": 3 * mean, "spread": 2 * mean, "ratio": mean / 10}
    return {"name": name, "layer": "Dense", "remark": remark} | sizes


def test_gradient_flow_draws_each_weight_on_scales_of_powers_of_ten():
    left, right = plot.gradient_flow([row("0.W", 2e-6, "vanishing"), row("2.W", 1e-3), row("4.W", 1e-2)])
    assert left.get_yscale() == right.get_yscale() == "log"
    for line, factor in zip(left.lines, (1, 2, 3)):
        assert np.allclose(line.get_ydata(), factor * np.array([2e-6, 1e-3, 1e-2]))
    assert legend_of(left) == ["mean", "spread", "max"] and len({line.get_marker() for line in left.lines}) == 3
    assert np.allclose(right.lines[0].get_ydata(), [2e-7, 1e-4, 1e-3])
    assert [label.get_text() for label in left.get_xticklabels()] == ["0.W\nvanishing", "2.W", "4.W"]
    assert (left.get_ylabel(), right.get_ylabel()) == ("gradient (absolute value)", "step / weight")
    assert left.get_ylim()[0] < 2e-6 and left.get_ylim()[1] > 3e-2 and not left.texts


def test_gradient_flow_writes_what_has_no_place_on_the_scale():
    left, right = plot.gradient_flow([row("0.W", 0.0), row("2.W", np.nan), row("4.W", np.inf), row("6.W", 0.1)])
    assert sorted(text.get_text() for text in right.texts) == ["0", "inf", "nan"] and len(left.texts) == 9
    assert np.isnan(left.lines[0].get_ydata()[:3]).all()
    plot.gradient_flow([row("0.W", 0.0)])  # and nothing else
    with pytest.raises(ValueError, match="report is empty"):
        plot.gradient_flow([])


# ---------------------------------------------------------------- masks


def test_masks_draws_kept_units_blue_and_dropped_ones_white():
    mask = np.array([[0, 2, 2, 0, 0, 2], [2.0, 0, 0, 0, 0, 0]])
    axes = plot.masks(mask, (2, 3))
    for ax, kept in zip(axes, mask != 0):
        (image,) = ax.images
        assert np.array_equal(image.get_array(), kept.reshape(2, 3)) and image.get_clim() == (0, 1)
        assert all(spine.get_visible() for spine in ax.spines.values()) and ax.axison and len(ax.get_xticks()) == 0
    colors = axes[0].images[0].cmap(np.array([0.0, 1.0]))
    assert np.allclose(colors[0, :3], 1) and np.allclose(colors[1, :3], to_rgb(style.COLORS[0]))
    assert len(plot.masks(mask[0], (3, 2))) == 1
    with pytest.raises(ValueError, match=re.escape("mask has 6 units in a row; a picture of (2, 2) takes 4")):
        plot.masks(mask, (2, 2))
