"""`import nnlib` needs NumPy alone; what needs more says so when it is called, and only then."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import publish
import pytest

import nnlib

FOLDER = Path(nnlib.__file__).parent
OTHERS = [
    "matplotlib",
    "sklearn",
    "pooch",
    "tqdm",
    "scipy",
    "pandas",
    "IPython",
    "ipykernel",
    "ipywidgets",
    "PIL",
    "cycler",
]

BLOCKER = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OTHERS}:
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Blocker())
"""


def run(code, **variables):
    """What a fresh Python prints that runs this code, in which the other packages can't be imported."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("NNLIB_DATA", "TQDM_DISABLE")
    } | variables
    done = subprocess.run(
        [sys.executable, "-c", BLOCKER + code], env=environment, cwd=FOLDER.parent, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


def test_the_blocker_blocks():
    assert (
        run("try:\n    import matplotlib.pyplot\nexcept ImportError as error:\n    print(error)")
        == "blocked: matplotlib\n"
    )


def test_nnlib_needs_numpy_alone():
    code = f"import nnlib, nnlib.data, nnlib.plot\nprint(sorted(set({OTHERS}) & set(sys.modules)), nnlib.__file__)"
    assert run(code) == f"[] {nnlib.__file__}\n"


def test_training_needs_numpy_alone_and_goes_without_a_bar():
    code = """
import numpy as np
from nnlib import SGD, BinaryCrossEntropy, EarlyStopping, accuracy, cosine_decay, fit, gradient_check, mlp, xor
rng = np.random.default_rng(0)
X, y = xor(200, rng=rng)
network = mlp([2, 8, 1], "tanh", rng=rng)
assert max(gradient_check(network, BinaryCrossEntropy(), X[:5], y[:5]).values()) < 1e-4
history = fit(network, BinaryCrossEntropy(), X, y, optimizer=SGD(0.2, momentum=0.9), epochs=100, metrics={"accuracy": accuracy},
              schedule=cosine_decay(0.2, 1000), l2=1e-6, validation=(X, y), early_stopping=EarlyStopping(100))
assert history["accuracy"][-1] > 0.98
print(len(history.table(every=50).splitlines()))
"""
    assert run(code) == "3\n"


@pytest.mark.parametrize(
    "call, message",
    [
        ("nnlib.digits()", "needs scikit-learn: python -m pip install scikit-learn"),
        ("nnlib.iris()", "needs scikit-learn: python -m pip install scikit-learn"),
        ("nnlib.mnist()", "needs pooch: python -m pip install pooch"),
        ("nnlib.plot.use_course_style()", "needs matplotlib: python -m pip install matplotlib"),
        ("nnlib.plot.history(nnlib.History(loss=[1.0]))", "needs matplotlib: python -m pip install matplotlib"),
        ("nnlib.plot.images([[0.0]], (1, 1))", "needs matplotlib"),
        ("nnlib.plot.filters(np.ones((4, 1)), (2, 2))", "needs matplotlib"),
        ("nnlib.plot.activations({'tanh': (np.tanh, np.cosh)})", "needs matplotlib"),
    ],
)
def test_what_needs_more_says_what_to_install(call, message):
    code = f"import numpy as np, nnlib\ntry:\n    {call}\nexcept ImportError as error:\n    print(error, error.__suppress_context__ or error.__cause__)"
    assert message in run(code)


# What each file may know: those before it. The order of the files is the order in which to read them.
ORDER = [
    "arguments",
    "layer",
    "activations",
    "initializers",
    "layers",
    "convolution",
    "losses",
    "network",
    "optimizers",
    "schedules",
    "history",
    "training",
    "checks",
    "toys",
    "data",
    "style",
    "boundaries",
    "plot",
    "__init__",
]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_imports_point_one_way(path):
    assert path.stem in ORDER, f"say in ORDER where {path.name} stands"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            for module in [node.module] if node.module else [alias.name for alias in node.names]:
                assert ORDER.index(module) < ORDER.index(path.stem)
        elif isinstance(node, ast.ImportFrom):
            assert node.module.partition(".")[0] != "nnlib"


def test_every_public_name_of_the_contract_is_there():
    names = """
        Layer Dense sigmoid tanh relu leaky_relu gelu silu softmax Sigmoid Tanh ReLU LeakyReLU GELU SiLU
        Dropout BatchNorm Flatten Conv2D MaxPool2D zeros constant normal lecun glorot he
        BinaryCrossEntropy SoftmaxCrossEntropy MeanSquaredError accuracy l2 Network mlp SGD RMSProp Adam AdamW
        constant_rate step_decay exponential_decay cosine_decay warmup batches fit EarlyStopping History
        gradient_check gradient_report blobs linear xor quadrants circles moons spirals iris digits mnist plot
    """
    assert [name for name in names.split() if not hasattr(nnlib, name)] == []


@pytest.mark.parametrize("name", [name for name, value in vars(nnlib).items() if callable(value)])
def test_every_public_name_has_a_docstring(name):
    assert len(getattr(nnlib, name).__doc__) > 30


def test_every_docstring_names_the_errors():
    """What looks at its arguments says that it may raise a ValueError: itself, or its class or module."""
    found = []
    for path in FOLDER.glob("*.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        inside = [(module, node) for node in module.body]
        inside += [(node, part) for node in module.body if isinstance(node, ast.ClassDef) for part in node.body]
        for outside, node in inside:
            if isinstance(node, ast.FunctionDef) and (node.name == "__init__" or not node.name.startswith("_")):
                calls = {ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
                looks = any(name == "require" or name.startswith("check_") for name in calls)
                says = "ValueError" in (ast.get_docstring(node) or "") + (ast.get_docstring(outside) or "")
                if looks and not says and path.stem not in ("arguments", "style"):
                    found.append(f"{path.name}: {node.name}")
    assert found == []


def test_it_stays_small():
    """Lines without docstrings, comments and empty lines."""
    assert sum(len(code.splitlines()) for code in publish.nnlib_code().values()) < 1250


def test_the_reference_has_every_file():
    text = (publish.LESSONS / "reference.md").read_text(encoding="utf-8")
    named = re.findall(r"automodule:: nnlib\.(\w+)", text)
    assert sorted(named) == sorted({*ORDER} - {"arguments", "style", "boundaries", "__init__"})


def test_nothing_uses_the_global_random_numbers():
    """Nor one that nobody seeded: a generator comes in, or it is made from a number that stands in the code."""
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Attribute)
                and node.value.attr == "random"
            ):
                assert node.attr in ("Generator", "default_rng"), f"{path.name} uses np.random.{node.attr}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "default_rng":
                assert len(node.args) == 1 and isinstance(node.args[0], ast.Constant), (
                    f"{path.name}: {ast.unparse(node)}"
                )


def test_importing_changes_no_setting_of_numpy():
    code = "import numpy as np\nbefore = np.geterr(), np.get_printoptions()\nimport nnlib\nprint((np.geterr(), np.get_printoptions()) == before)"
    assert run(code) == "True\n"
    assert np.geterr()["under"] == "ignore"
