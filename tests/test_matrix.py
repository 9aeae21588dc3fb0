"""The matrix can fail: it sees what depends on a setting, and a setting that does not take."""

import contextlib
import io
import json
import re
import shutil
import sys

import matrix
import nbformat
import publish
import pytest

import conftest

MACHINE = {  # a computer that can run everything
    "python": f"{sys.version_info.major}.{sys.version_info.minor}.0",
    "numpy": "2.4.6",
    "openblas": "0.3.31",
    "kernels": "Zen",
    "threads": 1,
    "vector code": ["X86_V3", "X86_V4"],
    "features": sorted({feature for _, needed in matrix.CORES.values() for feature in needed}),
}


def made_up(name, variables, expected=None):
    """A setting of the tests' own, which any computer can run."""
    return matrix.Setting(name, "of the tests", variables, expected or {"threads": [1, None]})


def run(course, settings, *words):
    """The command in a copy of the course with settings of the tests' own: its exit status, and what it printed."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        patch.setattr(matrix, "ROOT", course)
        patch.setattr(matrix, "all_settings", lambda machine: settings)
        status = matrix.main(words)
    return status, said.getvalue()


# ---------------------------------------------------------------- what depends on a setting

DEPENDS = [  # cells
    "import os\nprint('the same')",
    "loss = 0.4313 if 'MADE_UP' in os.environ else 0.4312\nprint(f'loss {loss}')\nprint('the same')",
    "import matplotlib.pyplot as plt\nplt.plot([0, 1, 3 if 'MADE_UP' in os.environ else 2])\nplt.show()",
    "if 'MADE_UP' in os.environ:\n    raise ValueError('broken')",
    "print(os.environ['OPENBLAS_NUM_THREADS'])",
]
TABLE = """
            one-thread       made-up
90_depends  held             differs: cell 1 text, 3 more
91_mnist    skipped (MNIST)  skipped (MNIST)
"""
DETAILS = (
    """
90_depends, cell 1, text: made-up
    loss = 0.4313 if 'MADE_UP' in os.environ else 0.4312
        now:    loss 0.4313
        stored: loss 0.4312

90_depends, cell 2, figure: made-up
    import matplotlib.pyplot as plt
        figure differs: """,
    """

90_depends, cell 3, error: made-up
    if 'MADE_UP' in os.environ:
        ValueError: broken

90_depends, cell 4, text: made-up
    print(os.environ['OPENBLAS_NUM_THREADS'])
        now:    2
        stored: 1
""",
)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with two chapters, on a computer without MNIST."""
    course = tmp_path_factory.mktemp("course")
    for name in ("book", "nnlib", "tests"):
        (course / name).mkdir()
    for name in ("conftest.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(publish.ROOT / name, course / name)
    shutil.copytree(publish.ROOT / "tools", course / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    (course / "nnlib" / "__init__.py").touch()
    (course / "nnlib" / "data.py").write_text("def mnist():\n    raise FileNotFoundError('no file')\n")
    for name, cells in {"90_depends": DEPENDS, "91_mnist": ["if False:\n    mnist()"]}.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPENBLAS_NUM_THREADS", "1")  # whatever this run itself has
            publish.execute(notebook)
        nbformat.write(notebook, course / "book" / f"{name}.ipynb")
    return course


class TestComparison:
    @pytest.fixture(scope="class")
    @classmethod
    def outcome(cls, course):
        # The number of threads: a made-up expectation, so that this runs on one core too.
        variables = {"MADE_UP": "1", "OPENBLAS_NUM_THREADS": "2"}
        settings = [made_up("one-thread", {}), made_up("made-up", variables, {"threads": [1, 2, None]})]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPENBLAS_NUM_THREADS", "7")  # the settings don't depend on it
            return run(course, settings, "--write")

    def test_status(self, outcome):
        assert outcome[0] == 1

    def test_table(self, outcome):
        assert TABLE in outcome[1]

    def test_details(self, outcome):
        for expected in DETAILS:
            assert expected in re.sub("(?<= pixels by).*", "", outcome[1])

    def test_result_file(self, outcome, course):
        text = (course / matrix.RESULT).read_text(encoding="utf-8")
        assert str(course) not in text
        result = json.loads(text)
        assert list(result) == ["machine", "settings", "chapters"]
        assert result["settings"]["made-up"] == {"about": "of the tests", "state": matrix.RUNS}
        chapter = result["chapters"]["90_depends"]
        assert list(chapter) == ["date", "seconds", "settings"]
        verdicts = chapter["settings"]
        assert verdicts["one-thread"] == "held" and verdicts["made-up"].startswith("differs: cell 1 text")
        assert result["chapters"]["91_mnist"]["settings"]["one-thread"] == "skipped (MNIST)"

    def test_run_without_a_result(self, course):
        (course / "book" / "92_broken.ipynb").write_text("not a notebook")
        try:
            status, said = run(course, [made_up("one-thread", {})], "92")
        finally:
            (course / "book" / "92_broken.ipynb").unlink()
        assert status == 2
        assert "92_broken  no result\n" in said


def test_chapters_are_written_anew(course, monkeypatch):
    """Those that were named; the others stay, and one whose notebook is gone does not. Not beside another machine's."""
    path = course / matrix.RESULT
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else None
    settings = [made_up("one-thread", {})]
    try:
        monkeypatch.setattr(matrix, "compare", lambda page, setting: matrix.Outcome("held", seconds=1.6))
        run(course, settings, "--write")
        result = json.loads(path.read_text(encoding="utf-8"))
        result["chapters"] |= {"91_mnist": "of an earlier run", "89_gone": "of an earlier run"}
        path.write_text(json.dumps(result), encoding="utf-8")
        assert run(course, settings, "90", "--write")[0] == 0
        chapters = json.loads(path.read_text(encoding="utf-8"))["chapters"]
        assert list(chapters) == ["90_depends", "91_mnist"]
        assert chapters["90_depends"]["seconds"] == 2 and chapters["91_mnist"] == "of an earlier run"

        result["machine"]["processor"] = "another"
        path.write_text(json.dumps(result), encoding="utf-8")
        status, said = run(course, settings, "90", "--write")
        assert status == 2 and "is of another machine or of other settings" in said
        assert run(course, settings, "--write")[0] == 0  # all of it
    finally:
        path.unlink()
        if before:
            path.write_text(before, encoding="utf-8")


@pytest.mark.parametrize(
    "verdicts, expected",
    [
        (["held", "skipped (MNIST)"], 0),
        (["held", "differs: cell 1 text"], 1),
        (["differs: cell 1 text", "no result"], 2),
    ],
)
def test_exit_status(course, monkeypatch, verdicts, expected):
    monkeypatch.setattr(matrix, "compare", lambda page, setting: matrix.Outcome(verdicts["mnist" in page.stem]))
    assert run(course, [made_up("one-thread", {})])[0] == expected


# ---------------------------------------------------------------- settings


class TestSettings:
    def test_those_of_this_machine_take(self):
        settings = matrix.all_settings(matrix.probe(sys.executable, {}))
        for setting in settings:
            if setting.state == matrix.RUNS and setting.python == sys.executable:
                matrix.make_ready(setting)
        assert [setting.state for setting in settings if setting.state.startswith("did not take")] == []

    def test_those_that_do_not_take_are_seen(self, monkeypatch):
        monkeypatch.setattr(matrix, "find_python", lambda version: ["another", f"{version}.99"])
        monkeypatch.setattr(matrix, "install", lambda setting: setting.python)
        monkeypatch.setattr(matrix, "probe", lambda python, variables: MACHINE)  # whatever was asked for
        monkeypatch.setattr(matrix, "cores", lambda: 2)
        states = {}
        for setting in matrix.all_settings(MACHINE):
            assert setting.state == matrix.RUNS, setting
            matrix.make_ready(setting)
            states[setting.name] = setting.state
        assert states.pop("one-thread") == matrix.RUNS
        assert {name for name, state in states.items() if not state.startswith("did not take: ")} == set()
        assert states["prescott"] == "did not take: kernels: Zen, not Prescott or Katmai"
        assert states["two-threads"] == "did not take: threads: 1, not 2"
        assert states["vector-baseline"] == "did not take: vector code: ['X86_V3', 'X86_V4'], not []"

    def test_openblas_that_falls_back_is_seen(self):
        if not matrix.probe(sys.executable, {})["kernels"]:
            pytest.skip("NumPy's linear algebra is not OpenBLAS")
        setting = made_up("falls-back", {"OPENBLAS_CORETYPE": "Nonesuch"}, {"kernels": ["Nonesuch"]})
        matrix.make_ready(setting)
        assert setting.state.startswith("did not take: kernels: ")

    def test_python_that_dies_is_seen(self):
        setting = made_up("dies", {"PYTHONHOME": "nowhere"})
        matrix.make_ready(setting)
        assert setting.state.startswith("did not take: Python ended with status ")

    def test_nothing_is_run_under_a_setting_that_does_not_take(self, course, monkeypatch):
        monkeypatch.setattr(matrix, "compare", lambda page, setting: matrix.Outcome("held"))
        status, said = run(course, [made_up("wrong", {}, {"threads": [3]}), made_up("right", {})])
        assert status == 2
        assert "90_depends, right: held" in said and "90_depends, wrong" not in said
        assert "wrong: did not take: threads: " in said and "Not all of it was run." in said

    def test_other_processors(self, monkeypatch):
        monkeypatch.setattr(matrix, "find_python", lambda version: (None, None))
        other = MACHINE | {"kernels": "ARMV8", "vector code": ["ASIMDHP"], "features": ["ASIMD", "ASIMDHP"]}
        states = {setting.name: setting.state for setting in matrix.all_settings(other)}
        assert states["one-thread"] == states["vector-baseline"] == matrix.RUNS
        assert states["haswell"] == "not on this machine: the processor has no AVX2, FMA3"
        assert states["oldest"] == states["prescott"] == "not on this machine: the processor has no SSE3"
        assert states["vector-avx2"] == "not on this machine: NumPy uses no such code here"
        without = {setting.name: setting.state for setting in matrix.all_settings(MACHINE | {"kernels": None})}
        assert without["two-threads"] == without["haswell"] != matrix.RUNS == without["one-thread"]

    def test_nothing_on_this_machine(self, course):
        absent = made_up("absent", {})
        absent.state = "not on this machine: too old"
        status, said = run(course, [absent])
        assert status == 2
        assert "absent: not on this machine: too old\n" in said and "Nothing was run." in said


# ---------------------------------------------------------------- the command


class TestCommand:
    @pytest.mark.parametrize(
        "words, expected",
        [
            (["99"], "matrix.py: there is no chapter '99'; there are: 90_depends, 91_mnist\n"),
            (["--settings", "zen"], "matrix.py: there is no setting 'zen'; there are: one-thread\n"),
            (["--quick", "--write"], "matrix.py: --write stores the result of all settings"),
        ],
    )
    def test_what_it_cannot_do(self, course, words, expected):
        status, said = run(course, [made_up("one-thread", {})], *words)
        assert status == 2
        assert said.startswith(expected)

    def test_no_chapter_is_left(self, course):
        """Said before packages are installed for another Python."""
        setting = made_up("one-thread", {})
        setting.python = "not there"
        status, said = run(course, [setting], "91", "--quick")
        assert (status, said) == (2, "matrix.py: no chapter is left: --quick leaves out those that need MNIST\n")

    def test_list(self, course):
        assert run(course, [made_up("one-thread", {})], "--list") == (0, "one-thread       of the tests\n")

    def test_chapters(self, course, monkeypatch):
        monkeypatch.setattr(matrix, "ROOT", course)
        for words in (["90", "91_mnist"], ["book/91_mnist.ipynb", "90_depends"], []):
            assert [page.stem for page in matrix.select(words, quick=False)] == ["90_depends", "91_mnist"]
        assert [page.stem for page in matrix.select([], quick=True)] == ["90_depends"]

    def test_needs_mnist_as_the_checks_have_it(self, course):
        pages = [*course.glob("book/*.ipynb"), *publish.BOOK.glob("*.ipynb")]
        assert [matrix.needs_mnist(page) for page in pages] == [conftest.needs_mnist(page) for page in pages]
