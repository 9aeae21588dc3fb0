"""Classroom assignments: the students' version, and the teacher's list of common mistakes. Used by publish.py and the tests.

An assignment is written once, with solutions and hidden tests, as lessons/assignments/A1_one_neuron.md, with nbgrader's own
cell metadata. nbgrader takes out what is not for students. Beside it, A1_mistakes.md lists wrong answers, and different right
ones, as small changes to the solutions.
"""

import copy
import importlib.util
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "lessons" / "assignments"
SETTINGS = FOLDER / "nbgrader_config.py"

MARKER = "not for students"  # stands in every solution and every hidden test
MARKS = (MARKER, "BEGIN SOLUTION", "BEGIN HIDDEN TESTS")  # what no student sees
BEGIN = re.compile(r"BEGIN (SOLUTION|HIDDEN TESTS)")
END = re.compile(r"END (SOLUTION|HIDDEN TESTS)")


def sources():
    """The assignments, as their authors write them."""
    return [path for path in sorted(FOLDER.glob("A*.md")) if not path.stem.endswith("_mistakes")]


def has_nbgrader():
    return importlib.util.find_spec("nbgrader") is not None


# ---------------------------------------------------------------- questions


def role(cell):
    """What nbgrader knows of a cell: its metadata, or an empty dict."""
    return cell.metadata.get("nbgrader", {})


def question(cell_or_name):
    """The question a cell belongs to: q2 of q2_sigmoid; None for a cell that belongs to none."""
    name = cell_or_name if isinstance(cell_or_name, str) else role(cell_or_name).get("grade_id", "")
    found = re.match(r"q\d+(?=_)", name)
    return found and found[0]


def by_hand(cell):
    """Whether a teacher reads and marks this cell."""
    return bool(role(cell).get("grade") and role(cell).get("solution"))


def regions(source):
    """The parts of a cell between BEGIN and END of a solution or of hidden tests, without these two lines."""
    found, inside = [], None
    for line in source.splitlines():
        if BEGIN.search(line):
            inside = []
        elif END.search(line):
            found.append(inside or [])
            inside = None
        elif inside is not None:
            inside.append(line)
    return found


def faults_of_source(notebook):
    """What an author has to put right before students get it: a list of complaints."""
    found, points, answered = [], {}, set()
    names = [role(cell)["grade_id"] for cell in notebook.cells if role(cell)]
    found += [f"two cells have the grade_id {name}" for name in sorted(set(names)) if names.count(name) > 1]
    for cell in notebook.cells:
        name = role(cell).get("grade_id", "")
        parts = [cell.source.splitlines()] if by_hand(cell) else regions(cell.source)
        if len(BEGIN.findall(cell.source)) != len(END.findall(cell.source)):
            found.append(f"{name}: a BEGIN without its END")
        found += [
            f"{name}: its {part[:1]} does not say {MARKER!r}" for part in parts if MARKER not in "".join(part[:1])
        ]
        if role(cell).get("solution"):
            answered.add(question(cell))
            if not parts:
                found.append(f"{name}: a solution cell without a solution")
        if role(cell).get("grade"):
            points[question(cell)] = points.get(question(cell), 0) + role(cell)["points"]
    found += [f"{name}: has points and no cell for an answer" for name in points if name not in answered]
    found += [f"{name}: has no points" for name in answered if name not in points]
    known = [cell for cell in notebook.cells if role(cell)]
    for before, cell in zip(known, known[1:]):
        locked = not (role(before)["grade"] or role(before)["solution"])
        if locked and role(cell)["grade"] and not by_hand(cell):
            found.append(
                f"{role(before)['grade_id']}: a locked cell right before checks; if a student deletes these, nbgrader "
                "0.9.6 cannot put them back, and marks nothing: move it before the answer, or into the checks"
            )
    table = {
        f"q{number}": int(value)
        for number, value in re.findall(r"^\| (\d+) \|.*\| (\d+) \|$", everything(notebook), re.M)
    }
    if table != points:
        found.append(f"the table of points says {table}, the cells {points}")
    total = re.search(r"^\|.*\*\*(\d+)\*\* \|$", everything(notebook), re.M)
    if not total or int(total[1]) != sum(points.values()):
        found.append(f"the cells have {sum(points.values())} points together, the table says {total and total[1]}")
    headings = {
        f"q{n}": int(value)
        for n, value in re.findall(r"^## Question (\d+)\..*\((\d+) points?\)$", everything(notebook), re.M)
    }
    if headings != points:
        found.append(f"the headings say {headings}, the cells {points}")
    return found


def everything(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def secrets(notebook):
    """The lines that are not for students: those of solutions and hidden tests that stand nowhere else."""
    hidden = {line.strip() for cell in notebook.cells for part in regions(cell.source) for line in part}
    hidden |= {line.strip() for cell in notebook.cells if by_hand(cell) for line in cell.source.splitlines()}
    inside, shown = False, set()
    for cell in notebook.cells:
        for line in [] if by_hand(cell) else cell.source.splitlines():
            inside = bool(BEGIN.search(line)) or inside and not END.search(line)
            if not inside:
                shown.add(line.strip())
    return {line for line in hidden - shown if len(line) >= 12}


def leaks(notebook, student):
    """What the students' version of an assignment says and should not: markers, and lines of what was to be taken out."""
    text = everything(student)
    lines = {line.strip() for line in text.splitlines()}
    return [mark for mark in MARKS if mark in text] + sorted(secrets(notebook) & lines)


# ---------------------------------------------------------------- the students' version, by nbgrader


def course(folder, **settings):
    """nbgrader on a course in `folder`, with the settings that the assignments come with."""
    # nbgrader calls the command alembic, and starts the kernel called python3: both shall be those of this Python.
    scripts = str(Path(sys.executable).parent)
    if scripts not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([scripts, os.environ["PATH"]])
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory

    config = Config()
    exec(compile(SETTINGS.read_text(encoding="utf-8"), SETTINGS, "exec"), {"get_config": lambda: config})
    config.merge(Config(settings))
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{Path(folder) / 'gradebook.db'}"
    return NbGraderAPI(CourseDirectory(config=config), config=config)


def generate(api, assignment, notebook, name):
    """Put the source of an assignment into a course, and make its students' version, as nbgrader releases it."""
    root = Path(api.coursedir.root)
    source = root / "source" / assignment / f"{name}.ipynb"
    source.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, source)
    answer = api.generate_assignment(assignment)
    if not answer["success"]:
        raise RuntimeError(answer.get("log", "") + answer.get("error", ""))
    return nbformat.read(root / "release" / assignment / source.name, as_version=4)


def student_version(notebook, name):
    with tempfile.TemporaryDirectory() as folder:
        student = generate(course(folder), name, notebook, name)
    student.metadata = copy.deepcopy(notebook.metadata)
    return student


# ---------------------------------------------------------------- common mistakes


@dataclass(frozen=True)
class Answer:
    """A heading of the list of mistakes: an answer to one question, as changes to the solution."""

    question: str
    title: str
    right: bool
    changes: tuple  # of (what stands in the solution, what stands there instead)


def answers(assignment):
    """All answers that the list beside an assignment has, in its order."""
    path = assignment.with_name(assignment.stem.split("_")[0] + "_mistakes.md")
    found = []
    for section in re.split(r"^## Question ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
        number = re.match(r"\d+", section)[0]
        for entry in re.split(r"^### ", section, flags=re.M)[1:]:
            title = entry.splitlines()[0].strip()
            diffs = re.findall(r"^```diff\n(.*?)^```$", entry, flags=re.M | re.S)
            if not diffs:
                raise ValueError(f"{path.name}: {title}: has no diff")
            changes = tuple(_change(diff) for diff in diffs)
            found.append(Answer(f"q{number}", title, title.startswith("Also right: "), changes))
    return found


def _change(diff):
    lines = diff.splitlines()
    return tuple("\n".join(line[1:] for line in lines if line[:1] != skip) for skip in "+-")


def apply(notebook, chosen):
    """The assignment with these answers in place of its solutions."""
    notebook = copy.deepcopy(notebook)
    for answer in chosen:
        cells = [cell for cell in notebook.cells if question(cell) == answer.question and role(cell).get("solution")]
        for before, after in answer.changes:
            hits = [cell for cell in cells if cell.source.count(before) == 1]
            if len(hits) != 1:
                raise ValueError(
                    f"{answer.question}, {answer.title}: this does not stand once in the solution:\n{before}"
                )
            hits[0].source = hits[0].source.replace(before, after)
    return notebook
