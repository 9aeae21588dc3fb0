"""The tables of lessons/notation.md: each line of code runs, has the shape that stands beside it, and gives nnlib's values.

A row of a table holds a line of code and a shape. A name alone is *given*: the test draws it, of that shape. A line with
`=` is run, and what it makes must have that shape. A case for each table then computes with nnlib what the table should
have made. At the end, the page is damaged in every row, and the test must see it.
"""

import ast
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cases import numerical
from numpy.lib.stride_tricks import sliding_window_view

import nnlib

PAGE = (Path(__file__).parent.parent / "lessons" / "notation.md").read_text(encoding="utf-8")

# What the letters in shapes stand for: primes, all different, so that no wrong axis fits by chance.
SIZES = {"N": 11, "D": 23, "H": 13, "C": 17, "W": 37, "c_in": 2, "c_out": 5, "k": 3, "H_out": 7, "W_out": 19}
N, D, H, C = (SIZES[letter] for letter in "NDHC")

# The numbers among what is given: none is a usual setting, so that no two can be confused.
SETTINGS = {"lr": 0.3, "mu": 0.6, "alpha": 0.4, "beta1": 0.7, "beta2": 0.8, "eps": 0.01, "weight_decay": 0.2, "h": 1e-5}
SETTINGS |= {"rate": 0.4, "momentum": 0.2, "strength": 0.5, "s": 2, "p": 1, "a": 1.5, "n": 2.0}
INITIALIZERS = {"zeros": (), "constant": ("c",), "normal": ("std",), "lecun": (), "glorot": (), "he": ()}
SCHEDULES = {
    "constant_rate": ("lr",),
    "step_decay": ("lr", "factor", "every"),
    "exponential_decay": ("lr", "factor"),
    "cosine_decay": ("lr", "epochs", "lr_min"),
    "warmup": ("epochs", "then"),
}
ARGUMENTS = {"c": 0.7, "std": 0.6, "lr": 0.5, "factor": 0.8, "every": 3, "epochs": 7, "lr_min": 0.1}
ARGUMENTS["then"] = nnlib.exponential_decay(0.5, 0.9)

STEPS = 4  # that an optimizer takes
STEP_BEGINS = "d_W"  # the row from which on the table of an optimizer is run in each of them


# ---------------------------------------------------------------- reading the page


@dataclass(frozen=True)
class Row:
    line: int  # of the page
    words: str
    code: str
    shape: str

    @property
    def is_given(self):
        return self.code.isidentifier()

    @property
    def name(self):
        """What the row is about: the name that is given, or that its code assigns to."""
        if self.is_given:
            return self.code
        target = assignment(ast.parse(self.code)).target
        while not isinstance(target, ast.Name):  # places[...] = ... is about places
            target = target.value
        return target.id


def assignment(tree):
    """The one assignment in a line of code, with its only target as `target`."""
    (found,) = [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AugAssign)]
    if isinstance(found, ast.Assign):
        (found.target,) = found.targets
    return found


def tables(page):
    """The rows of each table of code and shapes, by the heading it stands below."""
    found, heading = {}, None
    for number, line in enumerate(page.splitlines()):
        if line.startswith("#"):
            heading = line.lstrip("# ")
        row = re.fullmatch(r"\| (.*)(?:<br>| )`(.*)` \| `(\(.*\))` \|", line)
        if row:
            found.setdefault(heading, []).append(Row(number, *row.groups()))
    return found


# ---------------------------------------------------------------- running a table


def draw(row, shape, heading, rng):
    """A value for what is given."""
    if row.name in SETTINGS and row.shape == "()":
        return SETTINGS[row.name]
    if row.name == "y" and len(shape) == 1:  # labels
        return rng.integers(2 if "BinaryCrossEntropy" in heading else C, size=shape)
    values = rng.normal(size=shape)
    return np.abs(values) if row.name == "running_var" else values


def shape_of(row):
    return eval(row.shape, dict(SETTINGS), SIZES)


def run(rows, heading=""):
    """Run the rows from top to bottom. Returns what was given, as it was drawn, and what was made, both by name."""
    rng = np.random.default_rng(0)
    names = dict(SIZES, np=np, view=sliding_window_view, rng=np.random.default_rng(1), sigmoid=nnlib.sigmoid, f=np.tanh)
    given, made, every_d_W = {}, {}, []
    for row in rows:
        shape = shape_of(row)
        if row.is_given:
            names[row.name] = draw(row, shape, heading, rng)
            given[row.name] = np.copy(names[row.name])[()]
            if row.name == STEP_BEGINS:
                every_d_W.append(given[row.name])
        else:
            exec(row.code, names)
            made[row.name] = names[row.name]
        assert np.shape(names[row.name]) == shape, f"{row.code} has shape {np.shape(names[row.name])}, not {row.shape}"
        of = names.get(row.name.removeprefix("d_"))  # a gradient has the shape of what it belongs to
        assert of is None or np.shape(of) == shape, f"{row.name} has shape {shape}, not {np.shape(of)}"
    return SimpleNamespace(**given, every_d_W=every_d_W), made


def check(page, heading):
    """Fail unless the table below this heading holds: its lines run, with the shapes beside them and nnlib's values."""
    rows = tables(page).get(heading, [])
    assert rows, f"the page has no table below {heading!r}"
    if heading in OPTIMIZERS:
        begin = [row.code for row in rows].index(STEP_BEGINS)
        rows = rows + (STEPS - 1) * rows[begin:]
    given, made = run(rows, heading)
    for name, expected in CASES[heading](given).items():
        assert name in made, f"no line makes {name}"
        assert np.shape(made[name]) == np.shape(expected), f"{name} has not the shape of nnlib's"
        np.testing.assert_allclose(made[name], expected, rtol=1e-9, atol=1e-9, err_msg=name)


# ---------------------------------------------------------------- a case for each table: what nnlib makes of what was given


def with_parameters(layer, **values):
    for holder in (layer.params, layer.state):
        for name in holder:
            assert np.shape(values[name]) == holder[name].shape, f"{name} has not the shape of nnlib's"
            holder[name] = values[name].copy()
    return layer


def dense_layer(W, b):
    return with_parameters(nnlib.Dense(*W.shape, rng=np.random.default_rng(0)), W=W, b=b)


def whole_network(g):
    network = nnlib.Network([dense_layer(g.W1, g.b1), nnlib.Tanh(), dense_layer(g.W2, g.b2)])
    first, bend, second = network.layers
    made = {"z1": first.forward(g.X), "a1": bend.forward(g.X @ g.W1 + g.b1), "p": network.predict_proba(g.X)}
    made["z2"] = network.forward(g.X)
    made["L"], made["d_z2"] = nnlib.SoftmaxCrossEntropy()(made["z2"], g.y)
    made["d_a1"] = second.backward(made["d_z2"])
    made["d_z1"] = bend.backward(made["d_a1"])
    first.backward(made["d_z1"])
    made |= {f"d_{name}{i}": layer.grads[name] for i, layer in ((1, first), (2, second)) for name in "Wb"}
    nnlib.SGD(g.lr).step(network.parameters())
    return made | {"W1": first.params["W"]}


def dense(g):
    layer = dense_layer(g.W, g.b)
    return {"z": layer.forward(g.x), "d_x": layer.backward(g.d_z), "d_W": layer.grads["W"], "d_b": layer.grads["b"]}


def flatten(g):
    layer = nnlib.Flatten()
    return {"out": layer.forward(g.x), "d_x": layer.backward(g.d_out)}


def dropout(g):
    layer = nnlib.Dropout(g.rate, np.random.default_rng(0))
    # nnlib draws in single precision; here it draws what the page does
    layer.rng = SimpleNamespace(random=lambda shape, dtype: np.random.default_rng(1).random(shape))
    return {"out": layer.forward(g.x, training=True), "d_x": layer.backward(g.d_out)}


def batch_norm(g):
    layer = nnlib.BatchNorm(H, g.momentum, g.eps)
    with_parameters(layer, gamma=g.gamma, beta=g.beta, running_mean=g.running_mean, running_var=g.running_var)
    found = {"out": layer.forward(g.x, training=True), "d_x": layer.backward(g.d_out), **layer.state}
    found |= {f"d_{name}": grad for name, grad in layer.grads.items()}
    return found | {"out_eval": layer.forward(g.x), "d_x_eval": layer.backward(g.d_out)}


def convolution(g):
    c_out, c_in, k, _ = g.W.shape
    layer = nnlib.Conv2D(c_in, c_out, k, rng=np.random.default_rng(0), stride=g.s, padding=g.p)
    with_parameters(layer, W=g.W, b=g.b)
    out, d_x = layer.forward(g.x), layer.backward(g.d_out)
    H_out, W_out = out.shape[2:]
    return {"H_out": H_out, "W_out": W_out, "out": out, "d_x": d_x, "d_W": layer.grads["W"], "d_b": layer.grads["b"]}


def im2col(g):
    c_out, c_in, k, _ = g.W.shape
    layer = with_parameters(nnlib.Conv2D(c_in, c_out, k, rng=np.random.default_rng(0)), W=g.W, b=g.b)
    images = g.windows.transpose(0, 2, 3, 1, 4, 5)  # each window is an image of its own
    out = layer.forward(images.reshape(-1, c_in, k, k))
    return {"out": out.reshape(*images.shape[:3], c_out).transpose(0, 3, 1, 2)}


def pooling(g):
    layer = nnlib.MaxPool2D(SIZES["k"])
    return {"out": layer.forward(g.x), "d_x": layer.backward(g.d_out)}


def activation(function, make):
    def case(g):
        layer = make(g.alpha) if hasattr(g, "alpha") else make()
        assert np.array_equal(layer.forward(g.z), function(g.z, *vars(layer)["config"].values()))
        return {"a": layer.forward(g.z), "d_z": layer.backward(g.d_a)}

    return case


def softmax(g):  # nnlib has no layer of it, so its gradient is compared with central differences
    d_z = numerical(lambda: np.sum(g.d_p * nnlib.softmax(g.z)), g.z)
    return {"p": nnlib.softmax(g.z), "d_z": d_z}


def loss(make):
    def case(g):
        value, d_outputs = make()(g.z, g.y)
        return {"L": value, "d_z": d_outputs}

    return case


def l2(g):
    layer = nnlib.Dense(D, H, rng=np.random.default_rng(0))
    layer.params["W"], layer.grads["W"] = g.W.copy(), g.d_W.copy()
    return {"penalty": nnlib.l2(nnlib.Network([layer]), g.strength), "d_W": layer.grads["W"]}


def accuracy(g):
    outputs_are_inputs = nnlib.Network([nnlib.Flatten()])
    return {"predicted": outputs_are_inputs.predict(g.z), "share": nnlib.accuracy(g.z, g.y)}


def one_logit(g):
    outputs_are_inputs = nnlib.Network([nnlib.Flatten()])
    return {"predicted": outputs_are_inputs.predict(g.z), "probabilities": outputs_are_inputs.predict_proba(g.z)}


def optimizer(make):
    def case(g):
        W, made = g.W.copy(), make(g)
        for d_W in g.every_d_W:
            made.step([("W", W, d_W)])
        return {"W": W}

    return case


def central_difference(g):
    layer = nnlib.Tanh()
    layer.forward(g.z)
    return {"slope": layer.backward(np.ones_like(g.z))}


def relative_error(g):
    """A network of one weight with a loss whose slope is n and whose gradient says a."""
    network = nnlib.Network([nnlib.Dense(1, 1, rng=np.random.default_rng(0))])
    errors = nnlib.gradient_check(network, lambda z, y: (float(g.n * z.sum()), np.full(z.shape, g.a)), [[1.0]], None)
    return {"error": errors["0.b"]}


def step_size(g):
    layer = nnlib.Dense(D, H, rng=np.random.default_rng(0))
    layer.params["W"], layer.grads["W"] = g.W, g.d_W
    return {"ratio": nnlib.gradient_report(nnlib.Network([layer]), g.lr)[0]["ratio"]}


OPTIMIZERS = {
    "Gradient descent: `SGD`": optimizer(lambda g: nnlib.SGD(g.lr)),
    "Momentum: `SGD` with `momentum`": optimizer(lambda g: nnlib.SGD(g.lr, g.mu)),
    "Nesterov's momentum: `SGD` with `nesterov`": optimizer(lambda g: nnlib.SGD(g.lr, g.mu, nesterov=True)),
    "RMSProp: `RMSProp`": optimizer(lambda g: nnlib.RMSProp(g.lr, g.alpha, g.eps)),
    "Adam: `Adam`": optimizer(lambda g: nnlib.Adam(g.lr, g.beta1, g.beta2, g.eps)),
    "Adam with weight decay: `AdamW`": optimizer(lambda g: nnlib.AdamW(g.lr, g.beta1, g.beta2, g.eps, g.weight_decay)),
}
CASES = {
    "The whole network": whole_network,
    "Dense layer: `Dense`": dense,
    "Images to rows: `Flatten`": flatten,
    "Dropout: `Dropout`": dropout,
    "Batch normalization: `BatchNorm`": batch_norm,
    "Convolution: `Conv2D`": convolution,
    "The same as one matrix product (im2col)": im2col,
    "Pooling: `MaxPool2D`": pooling,
    "Sigmoid: `sigmoid`, `Sigmoid`": activation(nnlib.sigmoid, nnlib.Sigmoid),
    "Hyperbolic tangent: `tanh`, `Tanh`": activation(nnlib.tanh, nnlib.Tanh),
    "Rectified linear unit: `relu`, `ReLU`": activation(nnlib.relu, nnlib.ReLU),
    "Leaky ReLU: `leaky_relu`, `LeakyReLU`": activation(nnlib.leaky_relu, nnlib.LeakyReLU),
    "GELU, in the form with tanh: `gelu`, `GELU`": activation(nnlib.gelu, nnlib.GELU),
    "SiLU: `silu`, `SiLU`": activation(nnlib.silu, nnlib.SiLU),
    "Softmax: `softmax`": softmax,
    "Binary cross-entropy: `BinaryCrossEntropy`": loss(nnlib.BinaryCrossEntropy),
    "Softmax cross-entropy: `SoftmaxCrossEntropy`": loss(nnlib.SoftmaxCrossEntropy),
    "Mean squared error: `MeanSquaredError`": loss(nnlib.MeanSquaredError),
    "L2 penalty: `l2`": l2,
    "Labels and their accuracy: `accuracy`": accuracy,
    "With one logit for two classes": one_logit,
    **OPTIMIZERS,
    "Central difference": central_difference,
    "Relative error: `gradient_check`": relative_error,
    "Size of a step: `gradient_report`": step_size,
}


@pytest.mark.parametrize("heading", CASES)
def test_a_table_holds(heading):
    check(PAGE, heading)


def test_every_table_has_a_case():
    assert set(tables(PAGE)) == {*CASES, "Initializers", "Learning rates"}


def test_every_row_is_read():
    """A row that is not written as the others would be passed over in silence."""
    read = {row.line for rows in tables(PAGE).values() for row in rows}
    in_table = False
    for number, line in enumerate(PAGE.splitlines()):
        in_table = line.startswith("|") and (in_table or line.endswith("| Shape |"))
        is_row = in_table and not line.endswith("| Shape |") and set(line) != set("|-")
        assert (number in read) == is_row, line


def test_no_size_is_another_one():
    assert len(set(SIZES.values())) == len(SIZES)
    assert all(size % factor for size in SIZES.values() for factor in range(2, size))


# ---------------------------------------------------------------- two tables in which each row stands for itself


def check_initializer(page, name):
    """Fail unless the row of this initializer draws what nnlib draws."""
    names = {**SIZES, **ARGUMENTS, "np": np, "rng": np.random.default_rng(1)}
    row = row_of(page, "Initializers", name)
    exec(row.code, names)
    init, settings = getattr(nnlib, name), [ARGUMENTS[argument] for argument in INITIALIZERS[name]]
    expected = (init(*settings) if settings else init)(np.random.default_rng(1), (D, H), D, H)
    assert names["W"].shape == shape_of(row)
    np.testing.assert_allclose(names["W"], expected, rtol=1e-14)


def check_schedule(page, name):
    """Fail unless the row of this schedule gives nnlib's rate in every epoch."""
    row = row_of(page, "Learning rates", name)
    schedule = getattr(nnlib, name)(**{argument: ARGUMENTS[argument] for argument in SCHEDULES[name]})
    for epoch in range(3 * ARGUMENTS["epochs"]):
        names = {**ARGUMENTS, "lr0": ARGUMENTS["lr"], "np": np, "epoch": epoch}
        exec(row.code, names)
        assert np.shape(names["lr"]) == shape_of(row)
        assert names["lr"] == pytest.approx(schedule(epoch), rel=1e-12)


def row_of(page, heading, name):
    (row,) = [row for row in tables(page).get(heading, []) if row.words.startswith(f"`{name}`")]
    return row


@pytest.mark.parametrize("name", INITIALIZERS)
def test_an_initializer_holds(name):
    check_initializer(PAGE, name)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_holds(name):
    check_schedule(PAGE, name)


# ---------------------------------------------------------------- nothing is missing, and the symbols agree

FILES = ("activations", "initializers", "layers", "convolution", "losses", "optimizers", "schedules", "checks")


def public_names():
    """All that these files of nnlib hold for the public: layers, activations, losses, initializers, optimizers, ..."""
    modules = {f"nnlib.{file}" for file in FILES}
    return {name for name, value in vars(nnlib).items() if getattr(value, "__module__", None) in modules}


def missing_from(page):
    """The public names of nnlib that have no table: none in the heading of a table, and none at the beginning of a row."""
    found = set()
    for heading, rows in tables(page).items():
        found.update(re.findall(r"`(\w+)`", heading))
        found.update(re.findall(r"^`(\w+)`:", "\n".join(row.words for row in rows), re.MULTILINE))
    return public_names() - found


def test_all_of_nnlib_is_on_the_page():
    assert {"Dense", "Conv2D", "GELU", "softmax", "he", "MeanSquaredError", "l2", "AdamW", "warmup"} <= public_names()
    kinds = [kind for kind in vars(nnlib).values() if inspect.isclass(kind)]
    assert {kind.__name__ for kind in kinds if issubclass(kind, nnlib.Layer)} - {"Layer"} <= public_names()
    assert missing_from(PAGE) == set()


def symbols(page):
    """The shapes that the tables of symbols state, as pairs of a name and a shape."""
    return re.findall(r"^\| \$[^|]*\$ `(\w+)` `(\(.*?\))` \|", page, re.MULTILINE)


def disagreements(page):
    """The names whose shape in a table of symbols is not the one in the table of the whole network."""
    stated = {row.name: row.shape for row in tables(page)["The whole network"]}
    return [name for name, shape in symbols(page) if stated.get(name) != shape]


def test_symbols_have_the_shapes_of_the_network():
    assert len(symbols(PAGE)) > 10
    assert disagreements(PAGE) == []


# ---------------------------------------------------------------- the test can fail: the page is damaged in every row


def without(row):
    return None


def other_shape(row):
    """One axis more."""
    return f"| {row.words}<br>`{row.code}` | `(1, {row.shape[1:-1]})` |"


def other_value(row):
    """Three times the value, and one."""
    if row.is_given:
        return None
    tree = ast.parse(row.code)
    line = assignment(tree)
    line.value = ast.BinOp(ast.BinOp(ast.Constant(3), ast.Mult(), line.value), ast.Add(), ast.Constant(1))
    code = " ".join(ast.unparse(ast.fix_missing_locations(tree)).split("\n"))
    return f"| {row.words}<br>`{code}` | `{row.shape}` |"


def with_line(page, number, line):
    lines = page.splitlines()
    lines[number : number + 1] = [] if line is None else [line]
    return "\n".join(lines)


def fails(check, page, what):
    """Whether a damage is seen: by a comparison, or because a line does not even run."""
    try:
        with np.errstate(all="ignore"):
            check(page, what)
    except Exception:
        return True
    return False


@pytest.mark.parametrize("damage", [without, other_shape, other_value])
@pytest.mark.parametrize("heading", CASES)
def test_a_damaged_row_is_seen(heading, damage):
    assert not fails(check, PAGE, heading)
    for row in tables(PAGE)[heading]:
        page = with_line(PAGE, row.line, damage(row))
        assert fails(check, page, heading), f"{damage.__name__}: {row.code}"


@pytest.mark.parametrize("damage", [without, other_shape, other_value])
@pytest.mark.parametrize(
    "names, heading, check",
    [(INITIALIZERS, "Initializers", check_initializer), (SCHEDULES, "Learning rates", check_schedule)],
    ids=["initializers", "schedules"],
)
def test_a_damaged_row_that_stands_for_itself_is_seen(names, heading, check, damage):
    for name in names:
        row = row_of(PAGE, heading, name)
        assert not fails(check, PAGE, name)
        assert fails(check, with_line(PAGE, row.line, damage(row)), name), f"{damage.__name__}: {row.code}"


# Mistakes that people make.
MISTAKES = [
    ("Dense layer: `Dense`", "d_W = x.T @ d_z", "d_W = d_z.T @ x"),
    ("Dense layer: `Dense`", "d_b = d_z.sum(axis=0)", "d_b = d_z.sum(axis=1)"),
    ("Dense layer: `Dense`", "d_b = d_z.sum(axis=0)", "d_b = d_z.mean(axis=0)"),
    ("Dense layer: `Dense`", "d_x = d_z @ W.T", "d_x = d_z @ W"),
    ("Sigmoid: `sigmoid`, `Sigmoid`", "d_a * a * (1 - a)", "d_a * a"),
    ("Rectified linear unit: `relu`, `ReLU`", "d_a * (a > 0)", "d_a * (a >= 0)"),
    ("Softmax: `softmax`", "axis=1, keepdims=True))`", "axis=0, keepdims=True))`"),
    ("Softmax cross-entropy: `SoftmaxCrossEntropy`", "(p - Y) / N", "p - Y"),
    ("Binary cross-entropy: `BinaryCrossEntropy`", "z * Y", "z * y"),  # (N, 1) times (N,)
    ("Mean squared error: `MeanSquaredError`", "/ (N * C)", "/ N"),
    ("Dropout: `Dropout`", "/ (1 - rate)", ""),
    ("Batch normalization: `BatchNorm`", "* N / (N - 1)", ""),
    ("Convolution: `Conv2D`", "(H + 2 * p - k) // s + 1", "(H - k) // s + 1"),
    ("Pooling: `MaxPool2D`", "`(N, C, H // k, W // k)`", "`(N, C, W // k, H // k)`"),
    ("Nesterov's momentum: `SGD` with `nesterov`", "d_W + mu * v", "mu * v"),
    ("Adam: `Adam`", "1 - beta2**t", "1 - beta1**t"),
    ("Adam with weight decay: `AdamW`", "W -= lr * weight_decay * W", "W -= weight_decay * W"),
]


@pytest.mark.parametrize("heading, right, wrong", MISTAKES)
def test_a_mistake_is_seen(heading, right, wrong):
    before, begin, after = PAGE.partition(f"### {heading}\n")
    assert right in after.split("\n###")[0]
    assert fails(check, before + begin + after.replace(right, wrong, 1), heading)


@pytest.mark.parametrize("name", sorted(public_names()))
def test_a_missing_table_is_seen(name):
    page = "\n".join(line for line in PAGE.splitlines() if f"`{name}`" not in line)
    assert name in missing_from(page)


def test_a_wrong_shape_of_a_symbol_is_seen():
    for name, shape in symbols(PAGE):
        assert name in disagreements(PAGE.replace(f"`{name}` `{shape}`", f"`{name}` `(1, {shape[1:]}`"))
