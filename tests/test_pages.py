"""What the pages without outputs tell a reader to do: it is what is checked, and it works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def blocks(page, language):
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def test_ci_runs_the_commands_of_the_readme():
    commands = [block.strip() for block in blocks("README.md", "bash")]
    assert len(commands) == 2
    for command, wanted in zip(commands, ("jupyter-book build .", "pytest")):
        install, _, action = command.partition(" && ")
        assert action == wanted
        # .ci/run adds --quiet, and keeps the output.
        ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace(" --quiet", "")
        assert command in ci, f"{command!r} is not in .ci/run"


def test_snippet_that_checks_an_installation(tmp_path):
    (snippet,) = blocks("lessons/how_to_run.md", "python")
    run = subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1].endswith("all is well")
    assert run.stderr == ""


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_names_of_files(page):
    """Files that a page names are there, but for the examples of what an author would write."""
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if ":" not in target]
    names = re.findall(r"`((?:lessons|book|nnlib|tools|tests|\.ci)/[\w./]*|[\w-]+\.(?:txt|yml|toml|py))`", text)
    examples = ("06_backward", "how_to_run.md", "images/x.svg")
    for name in [*links, *names]:
        if not any(example in name for example in examples) or name.startswith("lessons/how_to_run"):
            assert (ROOT / name).exists(), f"{page} names {name}"
