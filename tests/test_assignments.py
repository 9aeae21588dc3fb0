"""The assignments mark as they should: every claim is tried with nbgrader itself, in a course made for the test.

The list of common mistakes beside an assignment is the list of what is handed in. A new assignment needs its own two files
and nothing here.
"""

import ast
import hashlib
import re
from collections import Counter, defaultdict
from functools import cache

import assignments
import nbformat
import publish
import pytest
import rehearsal

pytestmark = [
    pytest.mark.skipif(
        not assignments.has_nbgrader(),
        reason="nbgrader is not installed: pip install -r requirements-dev.txt -c constraints.txt",
    ),
    # nbgrader's own: of its database, and of the cells that it adds
    pytest.mark.filterwarnings("ignore:Object of type <Submitted", "ignore:Cell is missing an id field"),
]

SOURCES = {path.stem.split("_")[0]: path for path in assignments.sources()}  # A1 -> its file
LIMIT = 20  # seconds a cell may take here; what is handed in takes a small part of a second
SEEDS = 3

ANSWERS = {name: assignments.answers(path) for name, path in SOURCES.items()}
WRONG = [(name, answer) for name, answers in ANSWERS.items() for answer in answers if not answer.right]
RIGHT = [(name, answer) for name, answers in ANSWERS.items() for answer in answers if answer.right]


def titles(pairs):
    return [f"{name} {answer.question} {answer.title}" for name, answer in pairs]


@cache
def source(name):
    return publish.notebook_of(SOURCES[name])


def with_other_numbers(notebook, seed):
    """The same assignment, whose hidden tests draw other numbers."""
    notebook = assignments.apply(notebook, [])
    for cell in notebook.cells:
        if assignments.role(cell).get("grade"):
            cell.source = re.sub(r"default_rng\((\d+)\)", lambda match: f"default_rng({match[1]}{seed})", cell.source)
    return notebook


def with_solutions(notebook, change, only=None):
    """The assignment with `change` made to each solution, a list of lines, or to those of one question only."""
    notebook = assignments.apply(notebook, [])
    for cell in notebook.cells:
        if cell.cell_type == "code" and assignments.regions(cell.source) and not assignments.role(cell)["grade"]:
            if only in (None, assignments.question(cell)):
                (region,) = assignments.regions(cell.source)
                cell.source = cell.source.replace("\n".join(region), "\n".join(change(region)))
    return notebook


# ---------------------------------------------------------------- the course


class Course:
    """A course in a temporary folder, in which things are handed in and marked."""

    def __init__(self, folder, **settings):
        folder.mkdir(parents=True)
        self.folder = folder
        self.api = assignments.course(folder, Execute={"timeout": LIMIT}, **settings)
        self.marked = set()

    def release(self, assignment, notebook):
        return assignments.generate(self.api, assignment, notebook, "notebook")

    def hand_in(self, assignment, student, notebook):
        """A student's notebook: what comes from the source has no hidden tests, as in what was released."""
        handed = assignments.apply(notebook, [])
        for cell in handed.cells:
            if assignments.role(cell).get("grade") and not assignments.by_hand(cell):
                cell.source = re.sub(r"### BEGIN HIDDEN.*?### END HIDDEN TESTS\n?", "", cell.source, flags=re.S)
        path = self.folder / "submitted" / student / assignment / "notebook.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(handed, path)

    def mark(self, assignment, student):
        """Points by cell; None where nbgrader has none. False if it could not mark at all."""
        answer = self.api.autograde(assignment, student)
        with self.api.gradebook as gradebook:
            grades = gradebook.find_submission_notebook("notebook", assignment, student).grades
            self.by_hand = [grade.name for grade in grades if grade.needs_manual_grade]
            return answer["success"] and {grade.name: grade.auto_score for grade in grades}


def possible(notebook):
    """The points that nbgrader gives by itself: cell -> points."""
    cells = [cell for cell in notebook.cells if assignments.role(cell).get("grade") and not assignments.by_hand(cell)]
    return {assignments.role(cell)["grade_id"]: assignments.role(cell)["points"] for cell in cells}


def lost(name, points):
    """Points lost, by question; questions that kept all are left out."""
    found = Counter()
    for cell, most in possible(source(name)).items():
        found[assignments.question(cell)] += most - (points[cell] or 0)
    return {question: value for question, value in found.items() if value}


@pytest.fixture(scope="module")
def courses(tmp_path_factory):
    """For each assignment, made when it is first asked for: a course in which it is released."""

    @cache
    def get(name):
        course = Course(tmp_path_factory.mktemp("course") / name)
        course.released = course.release(name, source(name))
        return course

    return get


@cache
def submissions(name, right):
    """Which answers of the list of mistakes are handed in together, at most one to a question: a list of lists.

    Wrong ones in such company that for any two questions, one is wrong once while the other is right: as large as can be.
    """
    questions = {answer.question for answer in ANSWERS[name]}
    if right:
        return together(name, right, len(questions))
    pairs = {(one, other) for one in questions for other in questions if one != other}
    sizes = range(len(questions) * 2 // 3, 0, -1)
    return next(plan for plan in (together(name, right, size) for size in sizes) if apart(plan, questions) == pairs)


def together(name, right, size):
    queues, plan = defaultdict(list), []
    for answer in ANSWERS[name]:
        if answer.right == right:
            queues[answer.question].append(answer)
    while any(queues.values()):
        order = sorted(queues, key=lambda question: (-len(queues[question]), hash_of(question, len(plan))))
        plan.append([queues[question].pop(0) for question in order[:size] if queues[question]])
    return plan


def apart(plan, questions):
    """The pairs of questions of which the first was answered wrong while the second was right."""
    return {
        (one.question, other) for group in plan for one in group for other in questions - {a.question for a in group}
    }


def hash_of(question, turn):
    return hashlib.sha256(f"{question} {turn}".encode()).hexdigest()


@pytest.fixture(scope="module")
def losses(courses):
    """What each answer of the list lost, in its own question and in those that were right."""

    @cache
    def get(name, right):
        course, found = courses(name), {}
        for i, group in enumerate(submissions(name, right)):
            notebook = assignments.apply(source(name), group)
            missing = lost(name, try_one(course, name, f"{'right' if right else 'wrong'}{i}", notebook))
            wrong = {answer.question for answer in group}
            elsewhere = {question: value for question, value in missing.items() if question not in wrong}
            found |= {answer: (missing.get(answer.question, 0), elsewhere) for answer in group}
        return found

    return get


def try_one(course, name, student, notebook):
    course.hand_in(name, student, notebook)
    return course.mark(name, student)


# ---------------------------------------------------------------- what is released


@pytest.mark.parametrize("name", SOURCES)
def test_source_is_whole(name):
    """Points, markers and headings agree, and every question with a checked answer has a different right one."""
    assert not assignments.faults_of_source(source(name))
    questions = {assignments.question(cell) for cell in possible(source(name))}
    assert 6 <= len(questions) + 1 <= 9
    for right in (True, False):
        assert {answer.question for answer in ANSWERS[name] if answer.right == right} == questions


@pytest.mark.parametrize("name", SOURCES)
def test_students_see_no_solution_and_no_hidden_test(name, courses):
    assert not assignments.leaks(source(name), courses(name).released)
    stored = publish.read_stored(publish.page_of(SOURCES[name]))
    assert stored.cells == courses(name).released.cells  # the rest of the file is for publish.py --check


@pytest.mark.parametrize("name", SOURCES)
def test_a_leak_is_noticed(name):
    """The guard itself: a marker lost, or a line of a solution put outside."""
    for before in assignments.MARKS:
        notebook = assignments.apply(source(name), [])
        assert before in assignments.leaks(source(name), notebook)
        cell = next(cell for cell in notebook.cells if before in cell.source)
        cell.source = cell.source.replace(before, "")
        assert assignments.faults_of_source(notebook)
    assert set(assignments.leaks(source(name), source(name))) > set(assignments.MARKS)


@pytest.mark.parametrize("name", SOURCES)
def test_a_locked_cell_before_checks_is_noticed(name):
    """If a student deleted these checks, nbgrader could not put them back."""
    notebook = assignments.apply(source(name), [])
    checks = next(i for i, cell in enumerate(notebook.cells) if assignments.role(cell).get("grade"))
    helper = nbformat.v4.new_code_cell("pass")
    helper.metadata.nbgrader = notebook.cells[checks].metadata.nbgrader | {"grade": False, "grade_id": "helper"}
    notebook.cells.insert(checks, helper)
    assert any("helper: a locked cell right before checks" in fault for fault in assignments.faults_of_source(notebook))


# ---------------------------------------------------------------- marks


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_reference_has_full_marks(name, seed, courses):
    course, assignment = courses(name), name if seed == 0 else f"{name}-{seed}"
    if seed:
        notebook = with_other_numbers(source(name), seed)
        assert notebook != source(name)
        course.release(assignment, notebook)
    points = try_one(course, assignment, "reference", source(name))
    assert lost(name, points) == {}
    assert set(course.by_hand) == {cell for cell in points if cell not in possible(source(name))}


@pytest.mark.parametrize("name", SOURCES)
def test_blank_has_none(name, courses):
    points = try_one(courses(name), name, "blank", courses(name).released)
    assert set(points.values()) == {0}


@pytest.mark.parametrize(("name", "answer"), WRONG, ids=titles(WRONG))
def test_wrong_answer_loses_in_its_question_only(name, answer, losses):
    own, elsewhere = losses(name, right=False)[answer]
    assert own > 0, "it kept all its points"
    assert not elsewhere


@pytest.mark.parametrize(("name", "answer"), RIGHT, ids=titles(RIGHT))
def test_different_right_answer_keeps_its_points(name, answer, losses):
    assert losses(name, right=True)[answer] == (0, {})


@pytest.mark.parametrize("name", SOURCES)
def test_a_mistake_costs_once(name):
    """No check and no solution uses what a student wrote in another question."""
    defines, uses = defaultdict(set), defaultdict(set)
    for cell in source(name).cells:
        question = assignments.question(cell)
        if question and cell.cell_type == "code":
            tree = ast.parse(cell.source)
            uses[question] |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            uses[question] -= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
            if assignments.role(cell)["solution"]:
                defines[question] |= {node.name for node in tree.body if hasattr(node, "name")}
    for one in defines:
        for other in set(uses) - {one}:
            assert not defines[one] & uses[other], f"{other} uses what {one} asks for"


# ---------------------------------------------------------------- accidents and tricks, by what the teacher's guide says of them


def shortest(name):
    """The question with the fewest cells of checks, and these cells."""
    cells = [(assignments.question(cell), cell) for cell in possible(source(name))]
    counts = Counter(question for question, _ in cells)
    question = min(counts, key=counts.get)
    return question, {cell for own, cell in cells if own == question}


def worth(name, *questions):
    cells = possible(source(name))
    return {own: sum(most for cell, most in cells.items() if assignments.question(cell) == own) for own in questions}


@pytest.mark.parametrize("name", SOURCES)
def test_a_broken_answer_costs_its_own_question(name, courses):
    """A syntax error, an answer that leaves Python, one that stops with an error, one that prints a warning."""
    questions = list(worth(name, *dict.fromkeys(map(assignments.question, possible(source(name))))))[:4]
    lines = ("return (", "raise SystemExit", "return 1 / 0", "__import__('warnings').warn('careful')")
    notebook = source(name)
    for question, line in zip(questions, lines):
        notebook = with_solutions(notebook, lambda region, line=line: [f"    {line}"], only=question)
    points = try_one(courses(name), name, "broken", notebook)
    assert lost(name, points) == worth(name, *questions)


@pytest.mark.parametrize("name", SOURCES)
def test_an_endless_loop_is_interrupted(name, courses, monkeypatch):
    """It costs its own question; the rest is marked."""
    question, _ = shortest(name)
    course = courses(name)
    monkeypatch.setitem(course.api.config.Execute, "timeout", 4)
    notebook = with_solutions(source(name), lambda region: ["    while True: pass"], only=question)
    notebook.cells = [cell for cell in notebook.cells if assignments.role(cell)]  # less those that would wait as well
    assert lost(name, try_one(course, name, "endless", notebook)) == worth(name, question)


@pytest.mark.parametrize("name", SOURCES)
def test_a_crash_gets_no_marks_and_is_reported(name, courses):
    """The kernel is gone, and all that it knew; nbgrader says that it failed, and marks the others."""
    notebook = with_solutions(source(name), lambda region: ["    __import__('os')._exit(1)"], only=shortest(name)[0])
    assert try_one(courses(name), name, "crash", notebook) is False
    course = courses(name)
    assert not list((course.folder / "autograded" / "crash").rglob("*.ipynb"))
    with course.api.gradebook as gradebook:
        assert gradebook.find_submission(name, "crash").score == 0


@pytest.mark.parametrize("name", SOURCES)
def test_nan_gets_none(name, courses):
    """Answers of the right shape, in which every number is NaN."""
    points = try_one(courses(name), name, "nan", with_solutions(source(name), rehearsal.spoilt))
    assert sum(points[cell] for cell in possible(source(name))) == 0


@pytest.mark.parametrize("name", SOURCES)
def test_deleted_checks_come_back(name, courses):
    question, _ = shortest(name)
    notebook = with_solutions(source(name), lambda region: ["    return None"], only=question)
    notebook.cells = [
        cell for cell in notebook.cells if assignments.role(cell).get("grade_id") not in possible(source(name))
    ]
    points = try_one(courses(name), name, "deleted", notebook)
    assert lost(name, points) == worth(name, question)


@pytest.mark.parametrize("name", SOURCES)
def test_changed_checks_come_back(name, courses):
    """Checks emptied, and worth more: what is marked is what was released."""
    notebook = with_solutions(source(name), lambda region: ["    return None"])
    for cell in notebook.cells:
        if assignments.role(cell).get("grade") and not assignments.by_hand(cell):
            cell.source = "print('all is well')"
            cell.metadata.nbgrader["points"] = 99
    points = try_one(courses(name), name, "changed", notebook)
    assert sum(points[cell] for cell in possible(source(name))) == 0


@pytest.mark.parametrize("name", SOURCES)
def test_patching_numpy_testing_gains_nothing(name, courses):
    """Every function of numpy.testing made to agree to anything: the checks don't use it."""
    patch = [
        "    import numpy.testing as checks",
        "    for check in [c for c in dir(checks) if c.startswith('assert')]:",
        "        setattr(checks, check, lambda *args, **kwargs: None)",
        "    return None",
    ]
    points = try_one(courses(name), name, "patched", with_solutions(source(name), lambda region: patch))
    assert sum(points[cell] for cell in possible(source(name))) == 0
