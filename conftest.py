"""What every test run shares: how it computes, whether MNIST is there, and figures compared as pictures."""

import json
import os
import re

# Before NumPy is imported, here or in a kernel. On matrices of this size a second thread costs more than it brings.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ["TQDM_DISABLE"] = "1"  # a progress bar is never the same twice
os.environ.pop("MPLBACKEND", None)  # a kernel has its own; one set outside would draw no figures

import figures  # noqa: E402
import pytest  # noqa: E402
from nbval.plugin import IPyNbCell  # noqa: E402

# ---------------------------------------------------------------- MNIST

# Why MNIST can't be had, told to the workers; not set if it can, or if nothing needs it.
MISSING = "COURSE_MNIST_MISSING"


def pytest_addoption(parser):
    parser.addoption(
        "--whole", action="store_true", help="tests/test_lite.py: every notebook that can run in a browser"
    )


def pytest_configure(config):
    """Find out once whether MNIST is there: not in the workers, and only if something that was asked for may need it."""
    if hasattr(config, "workerinput"):
        return
    os.environ.pop(MISSING, None)
    if config.option.collectonly or not any(needs_mnist(path) for path in selected_files(config)):
        return
    from nnlib.data import mnist

    try:
        mnist()
    except (FileNotFoundError, ImportError) as error:
        os.environ[MISSING] = str(error).splitlines()[0].rstrip(":")
    except ValueError as error:  # a damaged file, or a folder that isn't there: not the same as having none
        raise pytest.UsageError(f"MNIST: {error}") from error


def selected_files(config):
    for argument in config.args:
        path = config.invocation_params.dir / argument.split("::")[0]
        yield from path.rglob("*") if path.is_dir() else [path]


def needs_mnist(path):
    """Whether a test file marks a test as such, or a notebook's code calls mnist()."""
    if not path.is_file():
        return False  # pytest says that it isn't there
    if path.suffix == ".ipynb":
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        except (ValueError, KeyError):  # not a notebook, as nbval will say
            return False
        return any(re.search(r"\bmnist\(", "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code")
    return path.suffix == ".py" and "pytest.mark.mnist" in path.read_text(encoding="utf-8")


def pytest_collection_modifyitems(items):
    reason = os.environ.get(MISSING)
    if not reason:
        return
    notebooks = {item.path for item in items if isinstance(item, IPyNbCell)}
    skipped = {path for path in notebooks if needs_mnist(path)}
    for item in items:
        if item.path in skipped or item.get_closest_marker("mnist"):
            item.add_marker(pytest.mark.skip(reason=f"MNIST is not at hand: {reason}"))


# ---------------------------------------------------------------- figures

compare_texts = IPyNbCell.compare_outputs


def compare_outputs(cell, fresh, stored, skip_compare=None):
    """nbval's comparison of texts, and ours of figures."""
    same = compare_texts(cell, fresh, stored, skip_compare)
    found = figures.complaints(stored, fresh, f"{cell.path.stem}-cell-{cell.cell_num}")
    if found or not same:
        cell.comparison_traceback += [*found, *other_versions()]
        return False
    return True


def other_versions():
    """Outputs, figures above all, are the same only with the versions that they were stored with."""
    import publish  # takes a second, which only a failure costs

    try:
        publish.require_pinned_versions()
    except publish.Refused as error:
        return [str(error)]
    return []


IPyNbCell.compare_outputs = compare_outputs
