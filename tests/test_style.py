"""The style of the code, in modules and in the chapters. Mend most of it with `ruff check --fix . && ruff format .`"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytest.importorskip("ruff", reason="ruff is not installed: pip install -r requirements-dev.txt -c constraints.txt")


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "."],
        ["format", "--check", "."],
        ["check", "--select", "E501", "--line-length", "88", "--extend-exclude", "*.py", "book"],
    ],
    ids=["rules", "format", "width of cells"],
)
def test_style(arguments):
    ruff = subprocess.run([sys.executable, "-m", "ruff", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert ruff.returncode == 0, ruff.stdout + ruff.stderr
