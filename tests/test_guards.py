"""The guards of the book can fail: a published chapter is damaged in a copy, and the check must go red.

It must be the check that a contributor runs anyway, and its message must name the damage. What a damage touches is
found by search, so that the chapter may change.
"""

import base64
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import nbformat
import prose
import publish
import pytest
from PIL import Image, ImageOps

CHAPTER = "02_activations"
LESSON = f"lessons/{CHAPTER}.md"
PAGE = f"book/{CHAPTER}.ipynb"
ASSIGNMENT = "lessons/assignments/A1_one_neuron.md"
STUDENTS = "book/assignments/A1_one_neuron.ipynb"
FOLDERS = ("book", "lessons", "nnlib", "tests", "tools")
FILES = ("conftest.py", "pyproject.toml", "constraints.txt", "_config.yml", "_toc.yml")


@pytest.fixture
def copy(tmp_path):
    return copy_of_course(tmp_path)


def copy_of_course(folder):
    course = folder / "course"
    course.mkdir()
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(publish.ROOT / name, course / name, ignore=ignored)
    for name in FILES:
        shutil.copy(publish.ROOT / name, course / name)
    return course


def run(course, *command):
    """Run a Python command in a copy; returns its exit status and all that it said."""
    # Without what pytest tells its own workers: the copy is tested by a run of its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(course.parent))  # where figures that differ are saved
    done = subprocess.run(
        [sys.executable, *command], cwd=course, env=environment, capture_output=True, encoding="utf-8", errors="replace"
    )
    return done.returncode, done.stdout + done.stderr


def run_pytest(course, *arguments):
    """`pytest` as the settings of the course have it, on one file; in one process, as it is one."""
    return run(course, "-m", "pytest", "-n0", "-p", "no:cacheprovider", "--color=no", *arguments)


def must_say(output, *expected):
    missing = [text for text in expected if not re.search(text, output)]
    assert not missing, f"{missing} not in:\n{output}"


def read(course, page=PAGE):
    return nbformat.read(course / page, as_version=4)


def find(notebook, wanted):
    """The first code cell that is as wanted."""
    return next(cell for cell in notebook.cells if cell.cell_type == "code" and wanted(cell))


def prints(pattern):
    def wanted(cell):
        return any(output.output_type == "stream" and re.search(pattern, output.text) for output in cell.outputs)

    return wanted


def has_figure(cell):
    return any("image/png" in output.get("data", {}) for output in cell.outputs)


# ---------------------------------------------------------------- outputs and figures: nbval

NOTEBOOK_DAMAGES = {}  # what a notebook is called -> (the damage, what the check must say)


def damages_notebook(*expected):
    def register(damage):
        NOTEBOOK_DAMAGES[damage.__name__] = damage, expected
        return damage

    return register


def replace_output(cell, pattern, change):
    output = next(out for out in cell.outputs if out.output_type == "stream" and re.search(pattern, out.text))
    output.text = re.sub(pattern, change, output.text, count=1)


@damages_notebook("mismatch 'stdout'")
def changed_digit(notebook):
    decimal = r"(\d\.\d*)(\d)"
    cell = find(notebook, prints(decimal))
    replace_output(cell, decimal, lambda match: match[1] + str((int(match[2]) + 1) % 10))
    return cell


@damages_notebook("mismatch 'stdout'")
def changed_word(notebook):
    cell = find(notebook, prints("[a-z]{4,}"))
    replace_output(cell, "[a-z]{4,}", lambda match: match[0][::-1] + "x")
    return cell


@damages_notebook("Unexpected output fields.*stdout")
def removed_output(notebook):
    cell = find(notebook, prints("."))
    cell.outputs = []
    return cell


@damages_notebook(r"figure differs: \d+ pixels")
def figure_replaced_by_another(notebook):
    cell = find(notebook, has_figure)
    data = next(output.data for output in cell.outputs if "image/png" in output.get("data", {}))
    other = io.BytesIO()
    ImageOps.mirror(Image.open(io.BytesIO(base64.b64decode(data["image/png"])))).save(other, "PNG")
    data["image/png"] = base64.b64encode(other.getvalue()).decode()
    return cell


@damages_notebook("figures differ in number: 0 stored, 1 drawn now")
def figure_without_its_picture(notebook):
    cell = find(notebook, has_figure)
    for output in cell.outputs:
        output.get("data", {}).pop("image/png", None)
    return cell


def draw(notebook, code):
    """Put code before the end of the first cell with a figure, whose stored picture stays what it was."""
    cell = find(notebook, has_figure)
    assert cell.source.count("plt.show()") == 1
    cell.source = cell.source.replace("plt.show()", f"{code}\nplt.show()")
    return cell


@damages_notebook(r"figure differs: \d+ pixels")
def one_curve_of_several_2_percent_off(notebook):
    return draw(notebook, "curve = plt.gcf().axes[-1].lines[0]\ncurve.set_ydata(1.02 * curve.get_ydata())")


@damages_notebook(r"figure differs: \d+ pixels")
def edited_cell_that_keeps_its_old_picture(notebook):
    return draw(notebook, "axes = plt.gcf().axes[-1]\naxes.set_xlabel(axes.get_xlabel() + '!')")


@damages_notebook("mismatch 'stdout'")
def added_print(notebook):
    cell = find(notebook, prints("."))
    cell.source += "\nprint('once more')"
    return cell


@damages_notebook("Unexpected output fields.*stderr")
def appearing_warning(notebook):
    cell = find(notebook, prints("."))
    cell.source += "\nimport warnings\nwarnings.warn('this will be removed')"
    return cell


@damages_notebook("Cell execution caused an exception", "ValueError.*: broken")
def raising_cell(notebook):
    cell = find(notebook, lambda cell: True)
    cell.source += "\nraise ValueError('broken')"
    return cell


class TestNotebooks:
    @pytest.fixture(scope="class")
    @classmethod
    def failures(cls, tmp_path_factory):
        """What `pytest` says of each damaged notebook: {notebook: {cell: message}}. All run at once, to save time."""
        course = copy_of_course(tmp_path_factory.mktemp("notebooks"))
        failures = {"undamaged": {}}
        nbformat.write(read(course), course / "book" / "undamaged.ipynb")
        for name, (damage, _) in NOTEBOOK_DAMAGES.items():
            notebook = read(course)
            cell = damage(notebook)
            notebook.cells = notebook.cells[: notebook.cells.index(cell) + 1]  # what comes after is not needed
            nbformat.write(notebook, course / "book" / f"{name}.ipynb")
            failures[name] = {}
        run_pytest(course, *(f"book/{name}.ipynb" for name in failures), "--junitxml=report.xml")
        ran = set()
        for case in ElementTree.parse(course / "report.xml").iter("testcase"):
            name = case.get("classname").split(".")[1]
            ran.add(name)
            failures[name].update({case.get("name"): part.text for part in case if part.tag in ("failure", "error")})
        assert ran == set(failures)
        return failures

    def test_undamaged_chapter_passes(self, failures):
        assert failures["undamaged"] == {}

    @pytest.mark.parametrize("name", NOTEBOOK_DAMAGES)
    def test_damage_is_seen(self, failures, name):
        (message,) = failures[name].values()  # one cell fails, the damaged one
        must_say(message, *NOTEBOOK_DAMAGES[name][1])

    def test_endless_cell_is_stopped(self, copy):
        notebook = read(copy)
        cell = find(notebook, lambda cell: True)
        cell.source = "while True:\n    pass"
        notebook.cells = [cell]
        nbformat.write(notebook, copy / "book" / "endless.ipynb")
        status, output = run_pytest(copy, "book/endless.ipynb", "--nbval-cell-timeout=3")
        assert status == 1
        must_say(output, "Timeout of 3 seconds exceeded")


# ---------------------------------------------------------------- lesson and notebook: publish.py --check

PAGES_TEST = "tests/test_book.py::TestPages"  # is publish.py --check


def edit(course, old, new, page=LESSON):
    """Change a file, the first time that the pattern is found in it."""
    text = (course / page).read_text(encoding="utf-8")
    text, count = re.subn(old, new, text, count=1, flags=re.DOTALL | re.MULTILINE)
    assert count, f"{page} has no {old}"
    (course / page).write_text(text, encoding="utf-8", newline="\n")


def republish(course):
    status, output = run(course, "tools/publish.py", CHAPTER)
    assert status == 0, output


def change_notebook(course, change):
    notebook = read(course)
    change(notebook)
    (course / PAGE).write_bytes(publish.as_bytes(notebook))


def strip(cell):
    cell.outputs, cell.execution_count = [], None


def strip_one_cell(course):
    change_notebook(course, lambda notebook: strip(find(notebook, prints("."))))


def strip_all_cells(course):
    change_notebook(course, lambda notebook: [strip(cell) for cell in notebook.cells if cell.cell_type == "code"])


def delete_code_cell(course):
    change_notebook(course, lambda notebook: notebook.cells.remove(find(notebook, prints("."))))


def edit_notebook_by_hand(course):
    change_notebook(course, lambda notebook: notebook.metadata.update(authors=["me"]))


def swap_execution_counts(course):
    def swap(notebook):
        first, second = [cell for cell in notebook.cells if cell.cell_type == "code"][:2]
        first.execution_count, second.execution_count = 2, 1

    change_notebook(course, swap)


def edit_prose(course):
    edit(course, r"(^## [^\n]+\n)", r"\1\nOne more sentence.\n")


def edit_code(course):
    edit(course, r"^(```\{code-cell\}[^\n]*\n)", r"\1print('new')\n")


def edit_tags(course):
    edit(course, r"^(```\{code-cell\}[^\n]*\n)", r"\1:tags: [hide-input]\n\n")


def edit_nnlib(course):
    edit(course, r"\Z", "\nNEW = 1\n", page="nnlib/activations.py")


def comment_nnlib(course):
    edit(course, r"\Z", "\n# Not code.\n", page="nnlib/activations.py")


def remove_lesson(course):
    (course / LESSON).unlink()


def remove_notebook(course):
    (course / PAGE).unlink()


def set_alt(course, alt):
    """Publish a figure with another alternative text, or none."""
    options = f"---\nmystnb:\n  image:\n    alt: {alt}\n---\n" if alt else ""
    edit(course, r"^---\nmystnb:.*?\n---\n", options)
    republish(course)


def remove_alt(course):
    set_alt(course, None)


def use_file_name_as_alt(course):
    set_alt(course, "figure-1.png")


def remove_alt_of_image(course):
    edit(course, r"(^## [^\n]+\n)", r"\1\n![](../lessons/images/x.svg)\n")
    republish(course)


def show_missing_picture(course):
    edit(course, r"(^## [^\n]+\n)", r"\1\n![A curve](../lessons/images/x.svg)\n")
    republish(course)


def link_to_missing_chapter(course):
    edit(course, r"(^## [^\n]+\n)", r"\1\nSee [there](99_nowhere.ipynb).\n")
    republish(course)


def forget_in_contents(course):
    edit(course, rf"^ *- file: book/{CHAPTER}\n", "", page="_toc.yml")


def edit_assignment(course):
    edit(course, r"(^## [^\n]+\n)", r"\1\nOne more sentence.\n", page=ASSIGNMENT)


def edit_students_version(course):
    edit(course, "YOUR ANSWER HERE", "Your answer", page=STUDENTS)


def put_solution_into_students_version(course):
    notebook = read(course, STUDENTS)
    cell = find(notebook, lambda cell: "YOUR CODE HERE" in cell.source)
    cell.source = cell.source.replace("# YOUR CODE HERE", "# not for students")
    notebook.metadata.fingerprint = publish.assignment_fingerprint(course / ASSIGNMENT, notebook)
    (course / STUDENTS).write_bytes(publish.as_bytes(notebook))


def forget_assignment(course):
    (course / ASSIGNMENT).unlink()


PAGE_DAMAGES = {  # and what the check must say
    strip_one_cell: [f"{PAGE}: cell .*: was not executed"],
    strip_all_cells: [rf"(?s)({PAGE}: cell [^\n]*: was not executed\n.*){{3}}"],
    delete_code_cell: [f"{PAGE}: lacks a cell of {LESSON}"],
    edit_notebook_by_hand: [f"{PAGE}: was changed by hand"],
    swap_execution_counts: ["execution_count is 2, not 1", "execution_count is 1, not 2"],
    edit_prose: [f"{PAGE}: cell .*: differs from {LESSON}"],
    edit_code: [f"{PAGE}: cell .*: differs from", f"{PAGE}: its outputs were stored with other code"],
    edit_tags: [f"{PAGE}: cell .*: its tags or other options differ from those in {LESSON}"],
    edit_nnlib: [f"{PAGE}: its outputs were stored with other code, files, nnlib or versions"],
    remove_lesson: [f"{PAGE}: there is no lesson {LESSON}"],
    remove_notebook: [f"{LESSON}: is not published"],
    remove_alt: [f"{PAGE}: cell .*: its figure has no alternative text"],
    use_file_name_as_alt: [f"{PAGE}: cell .*: the alternative text of its figure is a file name"],
    remove_alt_of_image: [f"{PAGE}: cell .*: the picture ../lessons/images/x.svg has no alternative text"],
    show_missing_picture: [f"{PAGE}: cell .*: shows ../lessons/images/x.svg, which is not there"],
    link_to_missing_chapter: [f"{PAGE}: cell .*: links to 99_nowhere.ipynb, which is not in book/"],
    edit_assignment: [f"{STUDENTS}: was not made of {ASSIGNMENT} as it is now, or was changed by hand"],
    edit_students_version: [f"{STUDENTS}: was not made of {ASSIGNMENT} as it is now, or was changed by hand"],
    put_solution_into_students_version: [f"{STUDENTS}: shows 'not for students', which students are not to see"],
    forget_assignment: [f"{STUDENTS}: there is no lesson {ASSIGNMENT}"],
    forget_in_contents: [f"_toc.yml: does not list book/{CHAPTER}"],
}


class TestPages:
    def test_undamaged_copy_passes(self, copy):
        comment_nnlib(copy)
        _, output = run(copy, "tools/publish.py", "--check")
        assert CHAPTER not in output, output  # other chapters have tests of their own

    @pytest.mark.parametrize("damage", PAGE_DAMAGES, ids=lambda damage: damage.__name__)
    def test_damage_is_seen(self, copy, damage):
        damage(copy)
        status, output = run_pytest(copy, PAGES_TEST)
        assert status == 1
        must_say(output, *PAGE_DAMAGES[damage])


# ---------------------------------------------------------------- publish.py


HEADER = "---\nkernelspec:\n  name: python3\n  display_name: Python 3\n---\n\n# A chapter\n"


def write_lesson(course, name, code, options=""):
    (course / "lessons" / f"{name}.md").write_text(
        f"{HEADER}\n```{{code-cell}}\n{options}{code}\n```\n", encoding="utf-8", newline="\n"
    )


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class TestPublishing:
    def test_again_changes_no_byte(self, copy):
        before = (copy / PAGE).read_bytes()
        status, output = run(copy, "tools/publish.py", "--all", CHAPTER)
        assert status == 0
        must_say(output, f"{PAGE}: executed in .*, unchanged")
        assert (copy / PAGE).read_bytes() == before

    def test_changed_prose_keeps_outputs(self, copy):
        before = read(copy)
        edit_prose(copy)
        status, output = run(copy, "tools/publish.py", CHAPTER)
        assert status == 0
        must_say(output, f"{PAGE}: prose refreshed")
        assert CHAPTER not in run(copy, "tools/publish.py", "--check")[1]
        assert [cell.outputs for cell in read(copy).cells if cell.cell_type == "code"] == [
            cell.outputs for cell in before.cells if cell.cell_type == "code"
        ]

    @pytest.mark.parametrize(
        "file, code",
        [
            ("lessons/results/benchmark.json", "print(len(open('../lessons/results/benchmark.json').read()))"),
            ("tests/wrong_versions.py", "import sys\nsys.path.append('../tests')\nimport wrong_versions"),
        ],
    )
    def test_a_file_that_a_chapter_reads(self, copy, file, code):
        write_lesson(copy, "90_reads", code)
        assert run(copy, "tools/publish.py", "90")[0] == 0
        edit_code(copy)  # of another page
        status, output = run(copy, "tools/publish.py", "--check", "90")
        assert (status, output) == (0, "book/90_reads.ipynb: as publishing leaves it\n")
        edit(copy, r"\Z", "\n", page=file)
        status, output = run(copy, "tools/publish.py", "--check", "90")
        assert status == 1
        must_say(output, "book/90_reads.ipynb: its outputs were stored with other code, files", "1 complaints")
        must_say(run(copy, "tools/publish.py", "90")[1], "book/90_reads.ipynb: executed")

    def test_check_executes_nothing(self, copy):
        status, output = run(copy, "tools/publish.py", "--check", "--all")
        assert status == 2
        must_say(output, "leave out --all")

    def test_a_lesson_that_is_no_text(self, copy):
        write_lesson(copy, "90_bytes", "print(1)")
        write_lesson(copy, "91_good", "print(1)")
        with open(copy / "lessons" / "90_bytes.md", "ab") as file:
            file.write(b"\xff\n")
        status, output = run(copy, "tools/publish.py", "90", "91")
        assert status == 1
        must_say(output, r"lessons/90_bytes.md: NOT PUBLISHED\n.*utf-8", "book/91_good.ipynb: executed")
        (copy / "book" / "90_bytes.ipynb").write_bytes((copy / "book" / "91_good.ipynb").read_bytes())
        status, output = run(copy, "tools/publish.py", "--check")
        assert status == 1
        must_say(output, "lessons/90_bytes.md: .*utf-8")
        assert "Traceback" not in output

    @pytest.mark.skipif(os.name != "posix", reason="sends a signal to a group of processes")
    def test_interrupted(self, copy):
        started = copy / "started.txt"
        write_lesson(
            copy,
            "90_slow",
            f"import os, time\nopen({str(started)!r}, 'w').write(str(os.getpid()))\ntime.sleep(100)",
        )
        process = subprocess.Popen(
            [sys.executable, "tools/publish.py", "90"],
            cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        wait_until(lambda: started.exists() and started.read_text())
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 1
        assert output == "interrupted; each page is as it was, or new and whole\n"
        assert not list(copy.glob("book/90*")) and not list(copy.glob("book/.*"))
        wait_until(lambda: not is_running(int(started.read_text())))

    def test_refuses_to_store(self, copy):
        refused = {
            "90_error": ("1 / 0", "", "ZeroDivisionError: division by zero"),
            "91_path": ("import os\nprint(os.getcwd())", "", "its output holds"),
            "92_warning": ("import warnings\nwarnings.warn('old')", "", "its output holds .*ipykernel_"),
            "93_address": ("print(object())", "", "its output holds '0x"),
            "94_empty": ("", "", "was not executed"),
            "95_unchecked": ("print(1)", ":tags: [nbval-ignore-output]\n\n", "an nbval tag or comment"),
            "96_option": ("print(1)", ":tag: [hide-cell]\n\n", "unknown option 'tag'"),
            "97_kind": ("from IPython.display import JSON\nJSON({})", "", "an output of type application/json"),
        }
        for name, (code, options, _) in refused.items():
            write_lesson(copy, name, code, options)
        write_lesson(copy, "98_good", "print(1)")
        (copy / "book" / "90_error.ipynb").write_text("as it was", encoding="utf-8")
        status, output = run(copy, "tools/publish.py", *refused, "98_good")
        assert status == 1
        for name, (_, _, reason) in refused.items():
            must_say(output, rf"lessons/{name}.md: NOT PUBLISHED\n(.+\n|\n(?!lessons))*.*{reason}")
        must_say(output, "book/98_good.ipynb: executed", f"not published: {', '.join(refused)}\n")
        assert (copy / "book" / "90_error.ipynb").read_text(encoding="utf-8") == "as it was"
        assert not list(copy.glob("book/91*")) and not list(copy.glob("book/.*"))

    def test_stores_an_error_that_is_meant(self, copy):
        write_lesson(copy, "90_new", "1 / 0", ":tags: [raises-exception]\n\n")
        assert run(copy, "tools/publish.py", "90")[0] == 0
        (cell,) = [cell for cell in read(copy, "book/90_new.ipynb").cells if cell.cell_type == "code"]
        assert cell.outputs[0].traceback == ["ZeroDivisionError: division by zero"]

    def test_refuses_other_versions(self, copy):
        edit(copy, "^numpy==.*?$", "numpy==1.0", page="constraints.txt")
        status, output = run(copy, "tools/publish.py", CHAPTER)
        assert status == 1
        must_say(output, r"numpy 2\S+ is installed, constraints.txt has 1\.0")

    def test_names_the_lessons_there_are(self, copy):
        status, output = run(copy, "tools/publish.py", "98")
        assert status == 1
        must_say(output, f"there is no lesson '98'; there are: .*{CHAPTER}")

    def test_removes_what_has_no_lesson(self, copy):
        for lesson in copy.glob("lessons/*.md"):
            if lesson.stem != CHAPTER:
                lesson.unlink()
        status, output = run(copy, "tools/publish.py")
        assert status == 0
        must_say(output, f"{PAGE}: unchanged", "book/index.md: removed")
        assert [path.name for path in copy.glob("book/*") if path.is_file()] == [f"{CHAPTER}.ipynb"]


# ---------------------------------------------------------------- results in the text


class TestProse:
    @staticmethod
    def check(course):
        return run_pytest(course, f"tests/test_prose.py::test_results_have_a_source[{CHAPTER}]")

    def test_undamaged_copy_passes(self, copy):
        status, output = self.check(copy)
        assert status == 0, output

    def test_changed_result(self, copy):
        lesson = publish.ROOT / LESSON
        known, labels = prose.numbers_of_chapter(CHAPTER), prose.labels_of_chapter(CHAPTER)
        line, word, other = next(
            (sentence.line_of(result), result.words, other)
            for sentence in prose.sentences(lesson.read_text(encoding="utf-8"), is_chapter=True)
            if not sentence.cites and not sentence.links
            for result in prose.results(sentence.text, labels)
            for other in (result.words[:-1] + digit for digit in "0123456789")
            if not any(changed.comes_from(number) for changed in prose.numbers(other) for number in known)
        )
        lines = (copy / LESSON).read_text(encoding="utf-8").splitlines(keepends=True)
        lines[line - 1] = lines[line - 1].replace(word, other)
        (copy / LESSON).write_text("".join(lines), encoding="utf-8", newline="\n")
        status, output = self.check(copy)
        assert status == 1
        must_say(output, f"{LESSON}:{line}: {re.escape(other)}.* is in no output")

    def test_results_that_no_output_holds(self, copy):
        edit(copy, r"(^## [^\n]+\n)", r"\1\nIt falls to 0.08642 from 86.42 %\nafter 86,421 steps.\n")
        status, output = self.check(copy)
        assert status == 1
        for result in ("0.08642", "86.42 %", "86,421"):
            must_say(output, rf"{LESSON}:\d+: {result} is in no output")


# ---------------------------------------------------------------- links and citations: the website


class TestWebsite:
    def test_damages_are_seen(self, copy):
        edit(copy, r"(^## [^\n]+\n)", r"\1\nSee [there](99_nowhere.ipynb), and {cite}`nobody1900nothing`.\n")
        republish(copy)
        status, output = run_pytest(copy, "tests/test_site.py::test_builds_without_a_warning")
        assert status == 1
        must_say(output, f"{CHAPTER}.*99_nowhere", f"{CHAPTER}.*nobody1900nothing")


# ---------------------------------------------------------------- MNIST


class TestMnist:
    """A chapter that needs MNIST is skipped, and said to be, only if MNIST can't be had."""

    @staticmethod
    def run(course, error):
        # the copy's nnlib is the one that the run imports, as it starts in the copy
        edit(course, r"\Z", f"\n\ndef mnist():\n    raise {error}\n", page="nnlib/data.py")
        for name, code in {"with": "import nnlib\nif False:\n    nnlib.mnist()", "without": "1 + 1"}.items():
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
            nbformat.write(notebook, course / "book" / f"{name}.ipynb")
        # two workers, as usual: what was found out has to reach them
        return run_pytest(course, "-n2", "book/with.ipynb", "book/without.ipynb")

    def test_missing(self, copy):
        status, output = self.run(copy, "FileNotFoundError('no file, no network:')")
        assert status == 0
        must_say(output, "1 passed, 1 skipped")
        must_say(output, r"SKIPPED \[1\] book/with.ipynb: MNIST is not at hand: no file, no network\n")

    def test_damaged(self, copy):
        status, output = self.run(copy, "ValueError('the file is damaged')")
        assert status not in (0, 1)
        must_say(output, "ERROR: MNIST: the file is damaged")
