"""Make book/ from lessons/: chapters become executed notebooks, pages without code are copied.

    python tools/publish.py                every page; a chapter is executed when what its outputs come from has changed
    python tools/publish.py 22 how_to_run  these pages
    python tools/publish.py --all          every page; every chapter is executed
    python tools/publish.py --check        change nothing, and say what is not as publishing would leave it
    python tools/publish.py --check 22     the same of these pages

Outputs come from a chapter's code, the files of the course that it reads, nnlib's code, and the versions in constraints.txt.
An assignment (lessons/assignments/) becomes what nbgrader releases to students: not executed, without its solutions.

The lesson always wins: what was changed in book/ is overwritten. Run again on unchanged lessons, it changes no byte.
"""

import argparse
import copy
import hashlib
import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import tokenize
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import assignments
import faults
import figures
import jupytext
import nbformat
import yaml
from faults import code_cells, describe
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from jupytext.myst import MystMetadataParsingError
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets import default

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ROOT / "lessons"
BOOK = ROOT / "book"

PINNED = ("numpy", "scipy", "matplotlib", "scikit-learn")  # the packages that decide what a chapter's outputs are
CELL_OPTIONS = ("tags", "mystnb", "jupyter", "nbgrader")
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
LANGUAGE = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python", "pygments_lexer": "ipython3"}
AT_A_TIME = 2  # chapters, each on one thread
NBGRADER = threading.Lock()  # it is not made for two at a time
CELL_TIMEOUT = (
    300  # seconds, as --nbval-cell-timeout in pyproject.toml; a busy machine may take five times as long as an idle one
)


class Refused(Exception):
    """Something that the author has to put right; the message says what."""


# ---------------------------------------------------------------- lessons


def select(words):
    """The lessons that `words` name, as 22, 22_mnist or book/22_mnist.ipynb; without words, all."""
    lessons = [*sorted(LESSONS.glob("*.md")), *assignments.sources()]
    chosen = []
    for word in words:
        name = Path(word).stem
        number = re.fullmatch(r"A?\d+", name)
        found = [path for path in lessons if path.stem == name or number and path.stem.startswith(f"{name}_")]
        if not found:
            raise Refused(f"there is no lesson {word!r}; there are: {', '.join(path.stem for path in lessons)}")
        chosen += [path for path in found if path not in chosen]
    return chosen if words else lessons


def is_chapter(lesson):
    """Whether a lesson has code to execute: its header then names a kernel."""
    text = lesson.read_text(encoding="utf-8", errors="replace")  # where its page is, is known of a damaged lesson, too
    header = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    return header is not None and "kernelspec" in (yaml.safe_load(header[1]) or {})


def is_assignment(lesson):
    return lesson.parent == assignments.FOLDER


def page_of(lesson):
    if is_assignment(lesson):
        return BOOK / "assignments" / f"{lesson.stem}.ipynb"
    return BOOK / f"{lesson.stem}.ipynb" if is_chapter(lesson) else BOOK / lesson.name


def notebook_of(lesson):
    """A lesson as a notebook that has not been executed."""
    try:
        cells = jupytext.reads(lesson.read_text(encoding="utf-8"), fmt="md:myst").cells
    except (MystMetadataParsingError, yaml.YAMLError, nbformat.ValidationError) as error:
        # A validation error prints the whole schema; its message is enough.
        raise Refused(f"its header or a cell's options: {getattr(error, 'message', error)}") from None
    seen = {}
    for number, cell in enumerate(cells, 1):
        unknown = sorted(set(cell.metadata) - set(CELL_OPTIONS))
        if unknown:
            known = ", ".join(CELL_OPTIONS)
            raise Refused(f"{describe(cell, number)}: unknown option {unknown[0]!r}; known are {known}")
        # An id that depends on what the cell says alone: it stays when cells are put before it.
        content = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[content] = seen.get(content, 0) + 1
        cell.id = content if seen[content] == 1 else f"{content}-{seen[content]}"
    metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE, "fingerprint": fingerprint(cells)}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


# ---------------------------------------------------------------- what outputs depend on


def fingerprint(cells):
    """A hash of all that a chapter's outputs depend on: its code, what it reads, nnlib's code and the packages' versions."""
    code = [[cell.source, cell.metadata.get("tags", [])] for cell in cells if cell.cell_type == "code"]
    read = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in files_read(cells)}
    return hashlib.sha256(json.dumps([code, read, nnlib_code(), pins()], sort_keys=True).encode()).hexdigest()


def files_read(cells):
    """The files of the course that a chapter's code reads beside nnlib: results, and the list of wrong versions."""
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    found = re.findall(r"""["']\.\./(lessons/[\w./]+)["']""", code)
    if re.search(r"^(from|import) wrong_versions\b", code, re.MULTILINE):
        found.append("tests/wrong_versions.py")
    return sorted(set(found))


def nnlib_code():
    return {path.name: code_of(path) for path in sorted(ROOT.glob("nnlib/*.py"))}


def code_of(path):
    """A module's text without comments, docstrings and empty lines.

    Tokens, not the syntax tree: how a tree is written differs between versions of Python.
    """
    text = path.read_text(encoding="utf-8")
    lines, statement, dropped = text.splitlines(), [], []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            dropped.append(token)
        elif token.type == tokenize.NEWLINE:
            if all(part.type == tokenize.STRING for part in statement):
                dropped += statement
            statement = []
        elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            statement.append(token)
    for token in sorted(dropped, key=lambda token: token.start, reverse=True):
        (top, left), (bottom, right) = token.start, token.end
        lines[top - 1 : bottom] = [lines[top - 1][:left] + lines[bottom - 1][right:]]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def pins():
    """The versions that constraints.txt asks for, of the packages that decide the outputs."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    found = {name.lower(): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)}
    missing = [name for name in PINNED if name not in found]
    if missing:
        raise Refused(f"constraints.txt has no line {missing[0]}==...")
    return {name: found[name] for name in PINNED}


def require_pinned_versions():
    for name, wanted in pins().items():
        installed = importlib.metadata.version(name)
        if installed != wanted:
            raise Refused(
                f"{name} {installed} is installed, constraints.txt has {wanted}; outputs are stored with that one only: "
                "pip install -r requirements.txt -c constraints.txt"
            )


# ---------------------------------------------------------------- executing


class ThisPython(AsyncKernelManager):
    """Starts the kernel of the Python that runs this script, whatever else is registered under the name python3."""

    @default("kernel_spec_manager")
    def _only_the_native_kernel(self):
        return KernelSpecManager(kernel_dirs=[])


def execute(notebook):
    """Fill in the outputs of a notebook."""
    require_pinned_versions()
    os.environ["TQDM_DISABLE"] = "1"  # a progress bar is never the same twice
    os.environ.pop("MPLBACKEND", None)  # the kernel has its own; with one set outside it would draw no figures
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    running = copy.deepcopy(notebook)
    index = 0

    def note_cell(cell, cell_index):
        nonlocal index
        index = cell_index

    client = NotebookClient(
        running,
        kernel_manager_class=ThisPython,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(BOOK)}},
        timeout=CELL_TIMEOUT,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_start=note_cell,
    )
    try:
        client.execute(stderr=subprocess.DEVNULL)  # of the kernel itself; what cells write to stderr is an output
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        cell = running.cells[index]
        raise Refused(f"{describe(cell, index + 1)} failed:\n\n{cell.source}\n\n{last_words(error)}") from None
    for cell, executed in zip(code_cells(notebook), code_cells(running)):
        cell.outputs = [clean(output) for output in executed.outputs]
        cell.execution_count = executed.execution_count


def last_words(error):
    """The end of what a failed cell said, without the colours."""
    if isinstance(error, CellTimeoutError):
        return f"It took longer than {CELL_TIMEOUT} seconds."
    lines = re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip().splitlines()
    return "\n".join(lines[-8:])


def clean(output):
    """An output with nothing in it that the tests can't confirm."""
    output = copy.deepcopy(output)
    if output.output_type == "error":
        # nbval compares the kind of error and its message; a traceback has paths and line numbers.
        output.traceback = [f"{output.ename}: {output.evalue}"]
    if "metadata" in output:
        # The size at which a figure for dense displays is shown.
        sizes = {kind: options for kind, options in output.metadata.items() if kind == "image/png" and options}
        output.metadata = nbformat.from_dict(sizes)
    return output


def carry_outputs(notebook, stored):
    """Take the outputs from the stored notebook, if they are all there and were made by this code; say whether."""
    old, new = code_cells(stored), code_cells(notebook)
    if stored.metadata.get("fingerprint") != notebook.metadata.fingerprint:
        return False
    if [cell.source for cell in old] != [cell.source for cell in new] or faults.of_execution(stored):
        return False
    for cell, source in zip(new, old):
        cell.outputs = [clean(output) for output in source.outputs]
        cell.execution_count = source.execution_count
    return True


# ---------------------------------------------------------------- publishing


def publish(lesson, always):
    """Bring one page up to date; returns what was done."""
    page = page_of(lesson)
    if is_assignment(lesson):
        return publish_assignment(lesson, page, always)
    if page.suffix == ".md":
        return "copied" if write(page, lesson.read_bytes()) else "unchanged"
    notebook = notebook_of(lesson)
    done, notes = "prose refreshed", []
    stored = read_stored(page)
    if always or not stored or not carry_outputs(notebook, stored):
        start = time.perf_counter()
        execute(notebook)
        found = faults.of_execution(notebook) + faults.of_outputs(notebook)
        if found:
            raise Refused("\n".join(found))
        if stored:
            keep_figures(notebook, stored)
        done = f"executed in {time.perf_counter() - start:.0f} s"
        notes = [f"{relative(page)}: note: {note}" for note in faults.long_numbers(notebook)]
    if not write(page, as_bytes(notebook)):
        done = f"{done}, unchanged" if done.startswith("executed") else "unchanged"
    return "\n".join([done, *notes])


def publish_assignment(lesson, page, always):
    if not always and page.exists() and not of_assignment(lesson, page):
        return "unchanged"
    if not assignments.has_nbgrader():
        raise Refused("nbgrader is not installed: pip install -r requirements-dev.txt -c constraints.txt")
    source = notebook_of(lesson)
    found = assignments.faults_of_source(source)
    if not found:
        student = student_version(lesson)
        found = [f"students would see {secret!r}" for secret in assignments.leaks(source, student)]
    if found:
        raise Refused("\n".join(found))
    return "made for students" if write(page, as_bytes(student)) else "made for students, unchanged"


def student_version(lesson):
    """What nbgrader makes of an assignment, with a fingerprint of the text and of what was made of it."""
    with NBGRADER:
        student = assignments.student_version(notebook_of(lesson), lesson.stem)
    student.metadata.fingerprint = assignment_fingerprint(lesson, student)
    return student


def assignment_fingerprint(lesson, student):
    return hashlib.sha256(lesson.read_bytes() + json.dumps(student.cells, sort_keys=True).encode()).hexdigest()


def keep_figures(notebook, stored):
    """Keep the stored figures of an unchanged cell if the new ones look the same: another processor's last digits are no change."""
    for cell, old in zip(code_cells(notebook), code_cells(stored)):
        if cell.source == old.source and not figures.complaints(old.outputs, cell.outputs, save_as=None):
            for output, before in zip(cell.outputs, old.outputs):
                if "image/png" in output.get("data", {}) and "image/png" in before.get("data", {}):
                    output.data["image/png"] = before.data["image/png"]


def read_stored(page):
    """The notebook in book/, or None if there is none that can be read."""
    try:
        notebook = nbformat.read(page, as_version=4)
        nbformat.validate(notebook)
        return notebook
    except (OSError, ValueError, nbformat.ValidationError):
        return None


def as_bytes(notebook):
    nbformat.validate(notebook)
    return (nbformat.writes(notebook) + "\n").encode()


def write(page, content):
    """Write beside and rename, so that a page is never half written; returns whether it changed."""
    if page.exists() and page.read_bytes() == content:
        return False
    page.parent.mkdir(exist_ok=True)
    beside = page.with_name(f".{page.name}.partial")
    beside.write_bytes(content)
    os.replace(beside, page)
    return True


def strays():
    """Pages in book/ that no lesson makes."""
    made = {page_of(lesson) for lesson in select([])}
    pages = [*BOOK.glob("*.ipynb"), *BOOK.glob("*.md"), *BOOK.glob("assignments/*")]
    return [page for page in sorted(pages) if page.is_file() and page not in made]


def relative(path):
    return path.relative_to(ROOT).as_posix()


# ---------------------------------------------------------------- checking


# What may be the matter with one page, and leaves the others as they are.
OF_ONE_PAGE = (Refused, OSError, UnicodeDecodeError)


def check(words=()):
    """What is not as publishing would leave it, or would not do on the website, of the pages named or of all: lines."""
    complaints = []
    for lesson in select(words):
        page = page_of(lesson)
        if not page.exists():
            complaints.append(f"{relative(lesson)}: is not published, there is no {relative(page)}")
            continue
        try:
            of_page = of_assignment if is_assignment(lesson) else of_notebook if page.suffix == ".ipynb" else of_copy
            found = of_page(lesson, page)
        except OF_ONE_PAGE as error:
            complaints.append(f"{relative(lesson)}: {error}")
        else:
            complaints += [f"{relative(page)}: {fault}" for fault in found]
    if words:
        return complaints
    without_lesson = [
        f"{relative(page)}: there is no lesson lessons/{page.relative_to(BOOK).with_suffix('.md').as_posix()}"
        for page in strays()
    ]
    return without_lesson + complaints + faults.of_contents()


def of_copy(lesson, page):
    found = [] if page.read_bytes() == lesson.read_bytes() else [f"differs from {relative(lesson)}"]
    return found + faults.of_markdown(page.read_text(encoding="utf-8"))


def of_assignment(lesson, page):
    """Without nbgrader, so that anybody can ask; that nbgrader would make the same is for tests/test_assignments.py."""
    stored = read_stored(page)
    if stored is None:
        return ["is not a valid notebook"]
    found = faults.of_pictures_and_links(stored, page.parent)
    found += [
        f"shows {secret!r}, which students are not to see" for secret in assignments.leaks(notebook_of(lesson), stored)
    ]
    if stored.metadata.get("fingerprint") != assignment_fingerprint(lesson, stored):
        found.append(f"was not made of {relative(lesson)} as it is now, or was changed by hand")
    elif page.read_bytes() != as_bytes(stored):
        found.append("was changed by hand (layout)")
    return found


def of_notebook(lesson, page):
    stored = read_stored(page)
    if stored is None:
        return ["is not a valid notebook"]
    expected = notebook_of(lesson)
    found = faults.of_drift(stored, expected, relative(lesson))
    found += faults.of_execution(stored) + faults.of_outputs(stored) + faults.of_pictures_and_links(stored)
    if stored.metadata.get("fingerprint") != expected.metadata.fingerprint:
        found.append("its outputs were stored with other code, files, nnlib or versions")
    if not found and not (carry_outputs(expected, stored) and page.read_bytes() == as_bytes(expected)):
        found.append("was changed by hand (metadata, ids or layout)")
    return found


# ---------------------------------------------------------------- the command


def run_check(words):
    complaints = check(words)
    checked = ", ".join(relative(page_of(lesson)) for lesson in select(words)) if words else "book/"
    print("\n".join(complaints) or f"{checked}: as publishing leaves it")
    if complaints:
        print(f"\n{len(complaints)} complaints. Put the lessons right, then: python tools/publish.py")
    return 1 if complaints else 0


def run_publish(words, always):
    failed, lessons = [], select(words)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        published = [pool.submit(publish, lesson, always) for lesson in lessons]
        for lesson, done in zip(lessons, published):
            try:
                print(f"{relative(page_of(lesson))}: {done.result()}", flush=True)
            except OF_ONE_PAGE as error:
                failed.append(lesson.stem)
                print(f"{relative(lesson)}: NOT PUBLISHED\n{error}\n", file=sys.stderr, flush=True)
            except KeyboardInterrupt:
                print("interrupted; each page is as it was, or new and whole", file=sys.stderr, flush=True)
                os._exit(1)  # at once; kernels end when they see that this process is gone
    if not words:
        for page in strays():
            page.unlink()
            print(f"{relative(page)}: removed, it has no lesson")
    if failed:
        print(f"not published: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def main():
    sys.stdout.reconfigure(encoding="utf-8")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", help="22, 22_mnist or lessons/22_mnist.md; without any, all pages")
    parser.add_argument("--all", action="store_true", help="execute every chapter, changed or not")
    parser.add_argument("--check", action="store_true", help="change nothing, complain about what is not up to date")
    arguments = parser.parse_args()
    if arguments.check and arguments.all:
        parser.error("--check executes nothing; leave out --all")
    try:
        return run_check(arguments.chapters) if arguments.check else run_publish(arguments.chapters, arguments.all)
    except OF_ONE_PAGE as error:
        return f"publish.py: {error}"


if __name__ == "__main__":
    sys.exit(main())
