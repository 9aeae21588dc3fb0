"""What the pages without outputs tell a reader to do: it is what is checked, and it works."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import publish
import pytest
import yaml

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


def test_versions_of_python_are_those_that_were_run():
    with open(publish.LESSONS / "results" / "matrix.json", encoding="utf-8") as file:
        matrix = json.load(file)
    ran = [matrix["machine"]["python"].rpartition(".")[0]]
    ran += [
        name[6:] for name, found in matrix["settings"].items() if name[:6] == "python" and found["state"] == "runs here"
    ]
    for page in ("README.md", "CONTRIBUTING.md"):
        (said,) = re.findall(r"virtual environment with Python ([^:(]+)", (ROOT / page).read_text(encoding="utf-8"))
        assert re.findall(r"\d\.\d+", said) == sorted(ran), page


def test_first_page_names_every_chapter():
    text = (publish.LESSONS / "index.md").read_text(encoding="utf-8")
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [chapter["file"].removeprefix("book/") for part in contents["parts"] for chapter in part["chapters"]]
    chapters = [file for file in files if re.match(r"\d\d_", file)]
    table = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    assert re.findall(r"\]\((\d\d_\w+)\.ipynb\)", table) == chapters
    assert f"{len(chapters)} chapters" in " ".join(text.split())


def test_hours_of_each_part_are_those_of_its_chapters():
    """To the nearest quarter, from what the chapters say; a card names its part's first chapter."""
    text = (publish.LESSONS / "index.md").read_text(encoding="utf-8")
    cards = re.findall(r":link: (\d\d)_.*?\n(\d) chapters · (\d)([¼½¾]?) hours", text, re.DOTALL)
    assert len(cards) == 5 and sum(int(count) for _, count, _, _ in cards) == 24
    for first, count, hours, rest in cards:
        lessons = [next(publish.LESSONS.glob(f"{int(first) + i:02}_*.md")) for i in range(int(count))]
        said = [re.search(r"\*\*Time\.\*\* About (\d+) minutes", path.read_text(encoding="utf-8")) for path in lessons]
        stated = int(hours) + {"": 0, "¼": 0.25, "½": 0.5, "¾": 0.75}[rest]
        assert abs(sum(int(minutes[1]) for minutes in said) / 60 - stated) <= 0.125, f"part that begins with {first}"


def test_chapters_that_need_the_whole_course_are_named():
    """A notebook that reads a file of the course does not run on its own."""
    text = (publish.LESSONS / "how_to_run.md").read_text(encoding="utf-8")
    section = re.search(r"^## One notebook on its own\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)[1]
    (paragraph,) = [part for part in section.split("\n\n") if "whole course" in part]
    needs = [
        path.stem[:2].lstrip("0")
        for path in sorted(publish.LESSONS.glob("[0-9][0-9]_*.md"))
        if publish.files_read(publish.notebook_of(path).cells)
    ]
    assert re.findall(r"\b\d+\b", re.sub(r"\]\(.*?\)", "]", paragraph)) == needs


def test_what_is_imported_is_declared():
    """In requirements.txt, by its name there; and what the chapters compute with is pinned for publishing."""
    names = {"sklearn": "scikit-learn", "PIL": "pillow", "yaml": "pyyaml", "markdown_it": "markdown-it-py"}
    declared = "\n".join(
        (ROOT / file).read_text(encoding="utf-8") for file in ("requirements.txt", "requirements-dev.txt")
    )
    declared = {name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)", declared, re.MULTILINE)}
    own = {
        path.stem for folder in ("nnlib", "tools", "tests", "tests/benchmarks") for path in (ROOT / folder).glob("*.py")
    }
    known = (
        set(sys.stdlib_module_names)
        | own
        | {"nnlib", "benchmarks", "conftest", "torch", "IPython", "matplotlib_inline"}
    )
    for path in [
        ROOT / "conftest.py",
        *(path for folder in ("tools", "tests") for path in (ROOT / folder).rglob("*.py")),
    ]:
        used = {
            names.get(module, module).lower().replace("_", "-")
            for module in imported(path.read_text(encoding="utf-8")) - known
        }
        assert used <= declared, path
    used = {
        names.get(module, module)
        for path in publish.LESSONS.glob("*.md")
        for module in imported(code_of_lesson(path)) - known
    }
    assert used <= {*publish.PINNED}


def test_what_builds_the_wheel_is_installed_with_the_website():
    """tools/downloads.py builds it with what is there: a fresh environment has an older setuptools, or none."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    declared = re.findall(r"^(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(needed) <= set(declared)


def imported(code):
    """The packages that a module imports, also inside of functions."""
    nodes = list(ast.walk(ast.parse(code)))
    found = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    found += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in found}


def code_of_lesson(path):
    return "\n".join(cell.source for cell in publish.notebook_of(path).cells if cell.cell_type == "code")


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
