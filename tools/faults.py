"""What may be wrong with a page, as functions that return a list of complaints. Used by publish.py."""

import difflib
import itertools
import re
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote

import yaml
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"

# What a cell may show: what the tests compare, as text or as a picture.
OUTPUT_TYPES = {"text/plain", "text/html", "text/latex", "text/markdown", "image/png", "image/svg+xml"}


def describe(cell, number):
    """How a complaint names a cell: by its place among all cells and by its first line."""
    first = next((line for line in cell.source.splitlines() if line.strip()), "")
    return f"cell {number} ({first if len(first) <= 50 else first[:49] + '…'})"


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(output):
    """What an output says in words."""
    if output.output_type == "stream":
        return [output.text]
    if output.output_type == "error":
        return [f"{output.ename}: {output.evalue}"]
    return [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]


# ---------------------------------------------------------------- outputs


def of_execution(notebook):
    """Code cells that were not executed, or not in order."""
    found, expected = [], itertools.count(1)
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        count = next(expected)
        if cell.execution_count is None:
            found.append(f"{describe(cell, number)}: was not executed")
        elif cell.execution_count != count:
            found.append(f"{describe(cell, number)}: execution_count is {cell.execution_count}, not {count}")
    return found


def of_outputs(notebook):
    """Outputs that a page must not show, and cells whose outputs the tests would not look at."""
    found = []
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            own = _switched_off(cell) + [fault for output in cell.outputs for fault in _of_output(cell, output)]
            found += [f"{describe(cell, number)}: {fault}" for fault in own]
    return found


def _switched_off(cell):
    tagged = any(tag.startswith("nbval-") for tag in cell.metadata.get("tags", []))
    if tagged or re.search("NBVAL_|PYTEST_VALIDATE_", cell.source):
        return ["an nbval tag or comment, which switches the check of its output off"]
    return []


def _of_output(cell, output):
    if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", []):
        return [f"raised {texts(output)[0]}"]
    kinds = sorted(set(output.get("data", {})) - OUTPUT_TYPES)
    paths = [match[0] for text in texts(output) for match in UNREPEATABLE.finditer(text)]
    return [f"has an output of type {kind}, which the tests can't compare" for kind in kinds] + [
        f"its output holds {path!r}, which is not the same on the next run or the next computer; "
        "print something else (of a warning or an error: catch it and print its text)"
        for path in paths
    ]


def _unrepeatable():
    """A pattern for paths of this computer and addresses in memory."""
    folders = {ROOT, Path.home(), Path(sys.prefix), Path(tempfile.gettempdir())}
    folders |= {folder.resolve() for folder in folders}
    names = sorted((str(folder) for folder in folders if folder != Path(folder.anchor)), reverse=True)
    parts = [re.escape(name) + r"[/\\][^\s'\"]*" for name in names]
    return re.compile("|".join([*parts, r"(?<!\S)~[/\\]\S+", r"ipykernel_\d+\S*", r"\b0x[0-9a-fA-F]{8,}\b"]))


UNREPEATABLE = _unrepeatable()


def long_numbers(notebook):
    """Printed decimals of more than four significant digits: the last ones may depend on the processor."""
    found = []
    for number, cell in enumerate(notebook.cells, 1):
        words = [
            word
            for output in cell.get("outputs", [])
            for text in texts(output)
            for word in re.findall(r"(?<![\w.])\d+\.\d+(?![\w.])", text)
            if len(word.replace(".", "").lstrip("0")) > 4
        ]
        if words:
            found.append(f"{describe(cell, number)}: prints {words[0]}; four significant digits are enough")
    return found


# ---------------------------------------------------------------- lesson and notebook


def of_drift(stored, expected, lesson):
    """How the cells of a notebook differ from its lesson's."""
    found = []
    here, there = ([(cell.cell_type, cell.source) for cell in notebook.cells] for notebook in (stored, expected))
    for kind, i, i_end, j, j_end in difflib.SequenceMatcher(None, here, there, autojunk=False).get_opcodes():
        pairs = itertools.zip_longest(stored.cells[i:i_end], expected.cells[j:j_end])
        for number, (cell, wanted) in enumerate(pairs, i + 1):
            if cell is None:
                found.append(f"lacks a cell of {lesson}: {describe(wanted, number)}")
            elif wanted is None:
                found.append(f"{describe(cell, number)}: is not in {lesson}")
            elif kind != "equal":
                found.append(f"{describe(cell, number)}: differs from {lesson}")
            elif cell.metadata != wanted.metadata:
                found.append(f"{describe(cell, number)}: its tags or other options differ from those in {lesson}")
    return found


# ---------------------------------------------------------------- pictures and links


def of_pictures_and_links(notebook, folder=BOOK):
    found = []
    for number, cell in enumerate(notebook.cells, 1):
        own = of_figure(cell) if cell.cell_type == "code" else of_markdown(cell.source, folder)
        found += [f"{describe(cell, number)}: {fault}" for fault in own]
    return found


def of_figure(cell):
    if not any("image/png" in output.get("data", {}) for output in cell.outputs):
        return []
    return _of_alt(cell.metadata.get("mystnb", {}).get("image", {}).get("alt"), "its figure")


def of_markdown(text, folder=BOOK):
    """Pictures without alternative text, pictures and pages that are not there; `folder` is where the page is."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        for part in token.children or []:
            if part.type == "image":
                source = unquote(part.attrs["src"])
                found += _of_alt(part.content, f"the picture {source}")
                if ":" not in source and not (folder / source).exists():
                    found.append(f"shows {source}, which is not there")
            elif part.type == "link_open":
                target = unquote(part.attrs["href"].split("#")[0])
                if target.endswith((".ipynb", ".md")) and ":" not in target and not (folder / target).exists():
                    found.append(f"links to {target}, which is not in book/")
    return found


def _of_alt(alt, what):
    alt = str(alt or "").strip()
    if not alt:
        return [f"{what} has no alternative text"]
    if re.fullmatch(r"\S+\.(png|svg|jpe?g|gif|webp)", alt, re.IGNORECASE):
        return [f"the alternative text of {what} is a file name, {alt}"]
    return []


# ---------------------------------------------------------------- the table of contents


def of_contents():
    """Where _toc.yml and book/ don't name the same pages."""
    listed = set(_listed(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))))
    pages = [*BOOK.glob("*.ipynb"), *BOOK.glob("*.md"), *BOOK.glob("assignments/*.ipynb")]
    pages = {page.relative_to(ROOT).with_suffix("").as_posix() for page in pages}
    missing = [name for name in sorted(listed - pages) if not list(ROOT.glob(f"{name}.*"))]
    found = [f"_toc.yml: there is no page {name}" for name in missing]
    return found + [f"_toc.yml: does not list {name}" for name in sorted(pages - listed)]


def _listed(entry):
    if isinstance(entry, list):
        return [name for part in entry for name in _listed(part)]
    if not isinstance(entry, dict):
        return []
    own = [entry[key] for key in ("root", "file") if key in entry]
    return own + [name for part in entry.values() for name in _listed(part)]
