"""The teacher's guide says what is so: its tables, and each command that one machine can run, from an empty folder on.

The commands are taken from the page, in their order. What can't be done in a test is done otherwise: the course comes from
a copy instead of an address, the environment is that of the test, and JupyterLab is asked for what a teacher clicks on.
"""

import csv
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import assignments
import marks
import nbformat
import publish
import pytest
import rehearsal

GUIDE = publish.LESSONS / "teaching.md"
TEXT = GUIDE.read_text(encoding="utf-8")
SOURCES = {path.stem.split("_")[0]: path for path in assignments.sources()}  # A1 -> its file
A1 = SOURCES["A1"]

with_nbgrader = pytest.mark.skipif(
    not assignments.has_nbgrader(),
    reason="nbgrader is not installed: pip install -r requirements-dev.txt -c constraints.txt",
)
# nbgrader's own: of its database, and of the cells that it adds
quiet = pytest.mark.filterwarnings("ignore:Object of type <Submitted", "ignore:Cell is missing an id field")


def section(title):
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, flags=re.M | re.S)
    return found


def rows(text):
    """The rows of the tables of a text, without their heads, as lists of cells."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {i - 1 for i, line in enumerate(lines) if re.fullmatch(r"[|-]+", line)}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for i, line in enumerate(lines)
        if i not in heads and not re.fullmatch(r"[|-]+", line)
    ]


# ---------------------------------------------------------------- what the course has


def chapters():
    return [path for path in sorted(publish.LESSONS.glob("*.md")) if re.match(r"\d\d_", path.name)]


def minutes(path):
    return int(re.search(r"^\*\*Time\.\*\* About (\d+) minutes to read", path.read_text(encoding="utf-8"), re.M)[1])


def row_of_chapter(path):
    text = path.read_text(encoding="utf-8")
    title = re.search(r"^# (.*)$", text, re.M)[1]
    exercises = re.search(r"^## Exercises.*?(?=^## )", text, re.M | re.S)[0]
    predict, count = (
        len(re.findall(r"^> \*\*Predict first", text, re.M)),
        len(re.findall(r"^\*\*\d+\.", exercises, re.M)),
    )
    return f"| [{title}]({path.stem}.ipynb) | {minutes(path)} | {predict} | {count} |"


def row_of_assignment(name):
    notebook = publish.notebook_of(SOURCES[name])
    text = assignments.everything(notebook)
    title = re.search(r"^# Assignment \d+\. (.*)$", text, re.M)[1]
    points = sum(assignments.role(cell)["points"] for cell in notebook.cells if assignments.role(cell).get("grade"))
    questions = len(re.findall(r"^## Question ", text, re.M))
    hours = re.search(r"^\*\*Time\.\*\* About ([a-z ]+ hours)", text, re.M)[1]
    needs = re.search(r"^\*\*What you need\.\*\*(.*?)\n\n", text, re.M | re.S)[1]
    last = max(map(int, re.findall(r"\d+", needs)))
    return f"| [{name}. {title}](assignments/{SOURCES[name].stem}.ipynb) | {questions} | {points} | {hours} | {last} |"


def line_of_mistakes(name):
    wrong = sum(not answer.right for answer in assignments.answers(SOURCES[name]))
    return f"`lessons/assignments/{name}_mistakes.md` ({wrong} wrong answers)"


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_table_of_chapters(path):
    assert row_of_chapter(path) in TEXT, f"the guide should say:\n{row_of_chapter(path)}"


def test_tables_name_all_chapters_and_assignments():
    first = section("What you can use")
    named = re.findall(r"^\| \[.*?\]\((?:assignments/)?(\w+)\.ipynb\)", first, re.M)
    assert named == [path.stem for path in [*chapters(), *SOURCES.values()]]
    total = sum(map(minutes, chapters()))
    assert f"{total // 60} hours and {total % 60} minutes" in " ".join(first.split())


@pytest.mark.parametrize("name", SOURCES)
def test_table_of_assignments(name):
    assert row_of_assignment(name) in TEXT, f"the guide should say:\n{row_of_assignment(name)}"
    assert line_of_mistakes(name) in TEXT, f"the guide should say:\n{line_of_mistakes(name)}"


def test_lists_of_mistakes_stay_off_the_website():
    """They hold solutions. A link to one would make Sphinx copy it there."""
    for page in [*publish.LESSONS.glob("*.md"), *assignments.sources()]:
        assert not re.search(r"\]\([^)]*_mistakes", page.read_text(encoding="utf-8")), page
    assert not list(publish.BOOK.rglob("*_mistakes*"))


# ---------------------------------------------------------------- plans

PLANS = ("A term of twelve weeks", "A course of two days")


def chapters_of(row):
    return re.findall(r"\[\d+\]\((\w+)\.ipynb\)", row[1])


@pytest.mark.parametrize("plan", PLANS)
def test_plan_adds_up(plan):
    seen = []
    for row in rows(section(plan)):
        found = chapters_of(row)
        assert found, row
        assert int(row[2]) == sum(minutes(publish.LESSONS / f"{name}.md") for name in found), row
        seen += found
    assert seen == sorted(set(seen))
    if plan == PLANS[0]:
        assert seen == [path.stem for path in chapters()] and len(rows(section(plan))) == 12


def test_assignments_come_after_their_chapters():
    after = {row[0][1:3]: int(row[4]) for row in rows(section("What you can use")) if row[0].startswith("[A")}
    for plan in PLANS:
        read = 0
        for row in rows(section(plan)):
            read = max(int(name[:2]) for name in chapters_of(row))
            for name in re.findall(r"(A\d) out", row[4]):
                assert after[name] <= read, f"{plan}: {name} is out after chapter {read}"
    out, due = (re.findall(rf"\b(A\d)(?: is)? {word}", section(PLANS[0])) for word in ("out", "due"))
    assert out == sorted(after) and sorted(due) == sorted(after)


# ---------------------------------------------------------------- the commands, in their order

BLOCKS = re.findall(r"^```bash\n(.*?)^```", TEXT, re.M | re.S)
BY_HAND = {"Ada Example": 3, "Dan Example": 2, "Eve Example": 1}


def copy_of_course(folder):
    """The course as it is here, changed files and all, in a repository with one release."""
    folder.mkdir()
    for name in ("book", "lessons", "nnlib", "tools"):
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "images", "results")
        shutil.copytree(publish.ROOT / name, folder / name, ignore=ignored)
    for name in ("constraints.txt", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(publish.ROOT / name, folder / name)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "A release"], ["tag", "v1"]):
        subprocess.run([*git, *command], cwd=folder, check=True)


def environment(home):
    """Nothing of the user's settings; the commands of this Python first, as in an environment that is activated."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "PYTEST_", "IPYTHON"))}
    scripts = os.path.dirname(sys.executable)
    places = {
        name: str(home / name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    return kept | places | {"HOME": str(home), "PATH": os.pathsep.join([scripts, kept["PATH"]])}


# nbgrader takes seconds to import. This process has done so, and lives on in a child for each command.
IMPORTED = """
import json, os, runpy, sys, traceback
import nbgrader.api, nbgrader.apps.nbgraderapp
for line in sys.stdin:
    folder, words, log = json.loads(line)
    child = os.fork()
    if child == 0:
        status = 0
        try:
            os.chdir(folder)
            for stream in (1, 2):
                os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
            if words[0] == "nbgrader":
                sys.argv = words
                nbgrader.apps.nbgraderapp.main()
            else:
                sys.argv, sys.path[0] = words[1:], os.path.dirname(words[1])
                runpy.run_path(words[1], run_name="__main__")
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code)
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Teacher:
    """Types the commands of the guide; remembers what they said, and whether they failed."""

    def __init__(self, folder):
        (folder / "home").mkdir(parents=True)
        self.folder, self.env, self.said, self.status = folder, environment(folder / "home"), {}, {}
        self.at = folder / "empty"
        self.at.mkdir()
        pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
        self.imported = subprocess.Popen([sys.executable, "-c", IMPORTED], cwd=folder, env=self.env, **pipe)

    def type(self, block):
        """All lines of a block, to the first that fails."""
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        parts = [block] if "<<" in block else block.splitlines()
        self.status[block] = next(filter(None, (self.run(part, self.at, log) for part in parts)), 0)
        self.said[block] = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    def run(self, command, folder, log):
        words = shlex.split(command, comments=True)
        if words[0] == "cd":
            self.at = (self.at / words[1]).resolve()
            return 0
        if words[0] == "nbgrader" or words[:2] == ["python", f"../course/tools/{Path(words[1]).name}"]:
            self.imported.stdin.write(json.dumps([str(folder), words, str(log)]) + "\n")
            self.imported.stdin.flush()
            return int(self.imported.stdout.readline())
        with open(log, "a", encoding="utf-8") as said:
            done = subprocess.run(
                ["bash", "-c", command], cwd=folder, env=self.env, stdout=said, stderr=subprocess.STDOUT
            )
        return done.returncode

    def close(self):
        self.imported.stdin.close()
        self.imported.wait(10)

    def of(self, command):
        """The block of the guide that has this command."""
        (block,) = [block for block in BLOCKS if re.search(command, block)]
        return block


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def mark_by_hand(teacher, points):
    """What a teacher does in the formgrader, asked of it as its pages do."""
    port = free_port()
    url, token = f"http://127.0.0.1:{port}/formgrader", "rehearsal"
    command = ["jupyter", "lab", "--no-browser", f"--ServerApp.port={port}", f"--IdentityProvider.token={token}"]
    command += ["--ServerApp.port_retries=0", "--allow-root"]
    log = open(teacher.folder / "jupyter.log", "w+", encoding="utf-8")
    server = subprocess.Popen(command, cwd=teacher.at, env=teacher.env, stdout=log, stderr=subprocess.STDOUT)

    def ask(path, **body):
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"{url}{path}", data, headers, method="PUT" if body else "GET")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()

    try:
        for _ in range(300):
            try:
                ask("/api/status")
                break
            except OSError:
                assert server.poll() is None
                time.sleep(0.1)
        assert "Manual Grading" in ask("")
        waiting = {}
        for notebook in json.loads(ask(f"/api/submitted_notebooks/A1/{A1.stem}")):
            if notebook["needs_manual_grade"]:
                grades = json.loads(ask(f"/api/grades?submission_id={notebook['id']}"))
                (waiting[notebook["student"]],) = [grade for grade in grades if grade["needs_manual_grade"]]
                assert "YOUR ANSWER HERE" not in ask(f"/submissions/{notebook['id']}")
        assert set(waiting) == set(points), waiting
        for student, grade in waiting.items():
            ask(f"/api/grade/{grade['id']}", manual_score=points[student], extra_credit=None)
    except (OSError, AssertionError):
        log.seek(0)
        print(log.read())
        raise
    finally:
        server.terminate()
        server.wait(30)
        log.close()


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Has gone through the whole guide."""
    if not (shutil.which("git") and shutil.which("bash") and hasattr(os, "fork")):
        pytest.skip("the guide is for Linux and macOS, with git and bash")
    folder = tmp_path_factory.mktemp("teacher")
    copy_of_course(folder / "published")
    teacher = Teacher(folder)
    for block in BLOCKS:
        if "pip install" in block:
            teacher.status[block] = 0  # see test_environment
        elif block == "jupyter lab\n":
            mark_by_hand(teacher, BY_HAND)
            teacher.status[block] = 0
        else:
            teacher.type(block.replace("ADDRESS", str(folder / "published")).replace("RELEASE", "v1"))
    yield teacher
    teacher.close()


def test_environment():
    """The commands that make the environment are those of CI, which are run there, from an empty one."""
    (block,) = [block for block in BLOCKS if "pip install" in block]
    lines = block.splitlines()
    assert [lines[0], lines[-1]] == ["cd course", "cd .."]
    ci = (publish.ROOT / ".ci" / "run").read_text(encoding="utf-8").replace(" --quiet", "")
    installs = [line for line in lines if line.startswith("pip ")]
    assert len(installs) == 2 and all(line in ci for line in installs)


@with_nbgrader
def test_commands_succeed(teacher):
    failed = {block: teacher.said.get(block) for block in BLOCKS if teacher.status.get(block)}
    assert list(failed) == [teacher.of("autograde")], failed  # it ends with the name of whom it could not mark
    assert teacher.at == (teacher.folder / "empty" / "class").resolve()


@with_nbgrader
def test_crash_is_reported_at_the_end(teacher):
    said = teacher.said[teacher.of("autograde")]
    named = re.findall(r"There was an error processing assignment 'A1' for student '(.*?)'", said)
    assert named == ["Ivo Example"]
    assert "Ivo" in "\n".join(said.splitlines()[-6:])


@with_nbgrader
def test_release_is_what_the_website_has(teacher):
    released = nbformat.read(teacher.at / "release" / "A1" / f"{A1.stem}.ipynb", as_version=4)
    stored = publish.read_stored(publish.page_of(A1))
    assert [(cell.source, cell.metadata) for cell in released.cells] == [
        (cell.source, cell.metadata) for cell in stored.cells
    ]


@with_nbgrader
def test_marks_are_those_of_the_guide(teacher):
    (shown,) = re.findall(r"^```text\n(id,.*?)^```", TEXT, re.M | re.S)
    assert (teacher.at / "marks.csv").read_text(encoding="utf-8") == shown
    assert teacher.said[teacher.of(r"marks\.csv")].endswith(shown)
    table = list(csv.DictReader(shown.splitlines()))
    assert [row["first_name"] for row in table] == [row[0] for row in rows(section("Rehearsing"))]
    assert len(table) == 10
    by_name = {row["first_name"]: row for row in table}
    questions = [name for name in table[0] if re.fullmatch(r"q\d+", name)]
    most = {name: by_name["Ada"][name] for name in questions}
    assert by_name["Ada"]["score"] == by_name["Ada"]["of"] == str(sum(map(int, most.values())))
    for name in questions[:-1]:
        assert by_name["Dan"][name] == most[name]
        assert by_name["Eve"][name] == ("0" if name == "q2" else most[name])
        assert by_name["Gil"][name] == ("0" if name == "q1" else most[name])
        assert float(by_name["Cleo"][name]) < float(most[name]) > float(by_name["Jo"][name])
    for first in ("Ben", "Finn", "Ivo"):
        assert by_name[first]["score"] == "0"
    assert [name for name, row in by_name.items() if row["note"]] == ["Ivo"]
    assert f"Hana has no answer, and {by_name['Hana']['score']} points" in TEXT


@with_nbgrader
def test_totals_agree_with_nbgrader(teacher):
    with open(teacher.at / "totals.csv", encoding="utf-8") as file:
        totals = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    with open(teacher.at / "marks.csv", encoding="utf-8") as file:
        assert totals == {row["id"]: float(row["score"]) for row in csv.DictReader(file)}


@with_nbgrader
def test_marks_for_canvas(teacher):
    """The columns that Canvas's importer asks for, in its order; a row with the points; nobody without marks."""
    with open(teacher.at / "canvas.csv", encoding="utf-8") as file:
        head, most, *students = list(csv.reader(file))
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "A1"]
    assert most[0].strip() == "Points Possible" and float(most[5]) == 30
    assert students[0] == ["Example, Ada", "701", "", "Ada Example", "", "30"]
    assert len(students) == 9 and "Ivo" not in str(students)  # 0 would say that he was marked


@with_nbgrader
def test_feedback(teacher):
    """It is there for all that were marked, and shows hidden checks, as the guide says."""
    pages = {path.parent.parent.name for path in (teacher.at / "feedback").rglob("*.html")}
    assert pages == {f"{row[0]} Example" for row in rows(section("Rehearsing"))} - {"Ivo Example"}
    page = (teacher.at / "feedback" / "Cleo Example" / "A1" / f"{A1.stem}.html").read_text(encoding="utf-8")
    assert "BEGIN HIDDEN TESTS" in re.sub("<.*?>", "", page)


@with_nbgrader
def test_search_for_tricks_names_the_cheat_alone(teacher):
    assert teacher.said[teacher.of("grep")].splitlines() == ["submitted/Hana Example/A1/A1_one_neuron.ipynb"]


# ---------------------------------------------------------------- collecting, marks and a hub, in other cases


def patterns():
    return [re.compile(pattern) for pattern in re.findall(r'^ +r"(.*)"$', section("Collecting"), re.M)]


@pytest.mark.parametrize(
    "which, name, student",
    [
        (0, "zip/Ada Lovelace_4001_assignsubmission_file/A1_one_neuron.ipynb", "Ada Lovelace"),
        (0, "zip/Ada Lovelace_4001_assignsubmission_file_/A1_one_neuron-Copy1.ipynb", "Ada Lovelace"),
        (0, "Ada Lovelace_4001_assignsubmission_file_A1_one_neuron (2).ipynb", "Ada Lovelace"),
        (0, "zip/Ada Lovelace_4001_assignsubmission_file/homework.ipynb", None),
        (1, "zip/lovelaceada_1815_99_A1_one_neuron.ipynb", "1815"),
        (1, "zip/lovelaceada_LATE_1815_99_A1_one_neuron-1.ipynb", "1815"),
        (1, "zip/lovelaceada_1815_99_homework.ipynb", None),
    ],
)
def test_patterns_for_collecting(which, name, student):
    found = patterns()[which].match(f"/a folder_1_2/downloaded/A1/extracted/{name}")
    assert (found and (found["student_id"], found["file_id"])) == (student and (student, "A1_one_neuron"))


@pytest.mark.parametrize("name", SOURCES)
def test_rehearsal_of_every_assignment(name):
    """Ten notebooks of the right cells, without the solution's marks."""
    students = rehearsal.students(SOURCES[name])
    assert len(students) == 10
    for first, (notebook, _) in students.items():
        nbformat.validate(notebook)
        text = assignments.everything(notebook)
        assert not [mark for mark in assignments.MARKS if mark in text], first
        assert ("raise NotImplementedError" in text) == (first == "Ben")


def run_marks(monkeypatch, folder, *arguments):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["marks.py", *arguments])
    return marks.main()


@with_nbgrader
def test_marks_say_what_is_wrong(teacher, tmp_path, monkeypatch):
    assert "there is no gradebook.db" in run_marks(monkeypatch, tmp_path, "A1", "marks.csv")
    assert not (tmp_path / "gradebook.db").exists()
    (tmp_path / "gradebook.db").write_bytes(b"id,score\n")
    assert "gradebook.db is not a gradebook" in run_marks(monkeypatch, tmp_path, "A1", "marks.csv")
    (tmp_path / "gradebook.db").unlink()
    assert "no assignment 'A9'; it has: A1" in run_marks(monkeypatch, teacher.at, "A9", str(tmp_path / "marks.csv"))
    assert "nowhere" in run_marks(monkeypatch, teacher.at, "A1", str(tmp_path / "nowhere" / "marks.csv"))
    assert not list(tmp_path.iterdir())


@with_nbgrader
@quiet
def test_notes_of_marks(tmp_path, monkeypatch, capsys):
    """A paragraph that nobody has read, marks by hand in place of others, a notebook that came late, one that never came."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        gradebook.add_assignment("A1", duedate="2026-01-01")
        gradebook.add_notebook("notebook", "A1")
        for name, kind in (("q10_values", "code"), ("q2_values", "code"), ("q2_far", "code"), ("q9_words", "markdown")):
            gradebook.add_grade_cell(name, "notebook", "A1", max_score=2, cell_type=kind)
    assert "no students" in run_marks(monkeypatch, tmp_path, "A1", "marks.csv")
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        for student in ("late", "never", "unread"):
            gradebook.add_student(student)
        for student in ("late", "unread"):
            submission = gradebook.add_submission("A1", student)
            for grade in submission.notebooks[0].grades:
                paragraph = grade.name == "q9_words"
                grade.auto_score, grade.needs_manual_grade = (None, True) if paragraph else (1.5, False)
                if student == "late":
                    grade.manual_score, grade.needs_manual_grade = (2, False) if paragraph else (None, False)
            submission.notebooks[0].late_submission_penalty = 2.5 if student == "late" else None
        gradebook.db.commit()
    assert run_marks(monkeypatch, tmp_path, "A1", "marks.csv") == 0
    assert (tmp_path / "marks.csv").read_text(encoding="utf-8").splitlines() == [
        "id,last_name,first_name,email,q2,q9,q10,score,of,note",
        "late,,,,3,2,1.5,4,8,late: 2.5 off",
        "never,,,,,,,,8,nothing marked",
        "unread,,,,3,0,1.5,4.5,8,1 to read",
    ]
    assert "unread: 1 to read\n" in capsys.readouterr().out
    assert run_marks(monkeypatch, tmp_path, "A1", "canvas.csv", "--canvas") == 0
    assert "never" not in (tmp_path / "canvas.csv").read_text(encoding="utf-8")


def test_rehearsal_says_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rehearsal.py", "A9"])
    assert rehearsal.main() == f"rehearsal.py: there is no assignment 'A9'; there are: {', '.join(SOURCES)}"
    (tmp_path / "downloaded").touch()
    monkeypatch.setattr(sys, "argv", ["rehearsal.py", "A1"])
    assert "downloaded" in rehearsal.main()
    assert not (tmp_path / "students.csv").exists()


@with_nbgrader
def test_exchange_with_one_user(teacher, tmp_path):
    """The commands of the section on JupyterHub, by teacher and student in one person."""
    hub = section("On JupyterHub")
    settings = re.search(r"/etc/jupyter/nbgrader_config\.py\n\n(.*?)^```", hub, re.M | re.S)[1]
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    config = teacher.folder / "home" / "JUPYTER_CONFIG_DIR"
    config.mkdir(exist_ok=True)
    (config / "nbgrader_config.py").write_text(
        settings.replace("/usr/local/share/nbgrader/exchange", str(exchange)), encoding="utf-8"
    )
    exchange.chmod(0o777)
    (commands,) = re.findall(r"^```\{code-block\} bash\n:caption:.*?\n\n(.*?)^```", hub, re.M | re.S)
    student = tmp_path / "student"
    student.mkdir()
    for line in commands.splitlines():
        assert re.search("# (you|a student)", line)
        log = tmp_path / "log"
        status = teacher.run(line, student if "# a student" in line else teacher.at, log)
        assert status == 0, log.read_text(encoding="utf-8")
    assert (student / "A1" / f"{A1.stem}.ipynb").exists()
    assert len(list((teacher.at / "submitted").glob(f"*/A1/{A1.stem}.ipynb"))) == 11


# ---------------------------------------------------------------- what the marking protects from, and what not


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = assignments.course(tmp_path_factory.mktemp("course"), Execute={"timeout": 20})
    assignments.generate(course, "A1", publish.notebook_of(A1), "notebook")
    return course


def possible():
    """The points that nbgrader gives by itself, by question."""
    found = {}
    for cell in publish.notebook_of(A1).cells:
        if assignments.role(cell).get("grade") and not assignments.by_hand(cell):
            name = assignments.question(cell)
            found[name] = found.get(name, 0) + assignments.role(cell)["points"]
    return found


def hand_in(course, student, notebook, assignment="A1"):
    """The points by question, or None if nbgrader could not mark it."""
    path = Path(course.coursedir.root) / "submitted" / student / assignment / "notebook.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    if not course.autograde(assignment, student)["success"]:
        return None
    found = {}
    with course.gradebook as gradebook:
        for grade in gradebook.find_submission_notebook("notebook", assignment, student).grades:
            if grade.auto_score is not None:
                name = assignments.question(grade.name)
                found[name] = found.get(name, 0) + grade.auto_score
    return {name: found[name] for name in possible() if name in found}


def without(notebook, wanted):
    notebook.cells = [cell for cell in notebook.cells if not wanted(cell)]
    return notebook


@with_nbgrader
@quiet
def test_question_deleted_with_its_checks(course):
    notebook = without(rehearsal.answered(A1), lambda cell: assignments.question(cell) == "q4")
    assert hand_in(course, "deleted", notebook) is None


@with_nbgrader
@quiet
def test_answer_deleted_and_files_written(course, tmp_path):
    """The cell of answer 4 is gone, and answer 1 writes a file where the user who marks may write."""
    mine = tmp_path / "mine"

    def change(lines):
        return [f"    open({str(mine)!r}, 'w').close()", *lines]

    notebook = without(
        rehearsal.answered(A1, change=change, only="q1"),
        lambda cell: assignments.role(cell).get("solution") and assignments.question(cell) == "q4",
    )
    assert hand_in(course, "writes", notebook) == possible() | {"q4": 0}
    assert mine.exists()


@with_nbgrader
@quiet
def test_setup_deleted(course):
    notebook = without(rehearsal.answered(A1), lambda cell: assignments.role(cell).get("grade_id") == "setup")
    assert set(hand_in(course, "setup", notebook).values()) == {0}


@with_nbgrader
@quiet
def test_numpy_replaced_gains_points(course):
    """No answer is right; NumPy's `abs`, in which the checks look for differences, sees none."""

    def change(lines):
        return ["    np.abs = lambda x: np.zeros(np.shape(x))", "    return 7 + np.arange(len(X))"]

    points = hand_in(course, "numpy", rehearsal.answered(A1, change=change, only="q1"))
    assert points["q1"] == possible()["q1"]


@with_nbgrader
@quiet
def test_question_left_out(tmp_path):
    """As the guide says: its section, its row, the total; the others keep their numbers and their points."""
    text = A1.read_text(encoding="utf-8")
    text, sections = re.subn(r"^## Question 5\..*?(?=^## Question 6)", "", text, flags=re.M | re.S)
    text, lines = re.subn(r"^\| 5 \|.*\n", "", text, flags=re.M)
    text, totals = re.subn(r"\*\*30\*\*", "**27**", text)
    assert (sections, lines, totals) == (1, 1, 1)
    path = tmp_path / A1.name
    path.write_text(text, encoding="utf-8")
    source = publish.notebook_of(path)
    assert assignments.faults_of_source(source) == []
    course = assignments.course(tmp_path / "course")
    assignments.generate(course, "A1", source, "notebook")
    notebook = without(rehearsal.answered(A1), lambda cell: assignments.question(cell) == "q5")
    points = hand_in(course, "student", notebook)
    assert points == {name: most for name, most in possible().items() if name != "q5"}
