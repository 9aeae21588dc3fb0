"""The program at the end of chapter 8: a network in under 60 lines of NumPy, which prints exactly what the page shows."""

import ast
import subprocess
import sys

import nbformat
import publish
import pytest

PROGRAM = publish.LESSONS / "programs" / "first_network.py"
CHAPTER = publish.BOOK / "08_training.ipynb"
FEWER_THAN = 60  # lines of the file, with the empty ones and the comments


def cell_before_the_card(notebook):
    """The last code cell before the heading "Card"."""
    before = None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            before = cell
        elif "## Card" in cell.source.splitlines():
            return before
    raise ValueError("the chapter has no section called Card")


def shown_by(cell):
    """What a cell prints, as it is stored."""
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")


def imported_by(text):
    """The modules that a program imports."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
        elif isinstance(node, ast.Name) and node.id == "__import__":
            found.add("what __import__ names")
    return found


def run(text, folder):
    """Run a program by itself, in an empty folder, with nothing of the notebook, of the course or of its caller's settings."""
    program, empty = folder / PROGRAM.name, folder / "empty"
    program.write_text(text, encoding="utf-8")
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-I", program], cwd=empty, capture_output=True, encoding="utf-8", errors="replace", timeout=120
    )
    left = [path.name for path in empty.iterdir()]
    return done.returncode, done.stdout, done.stderr, left


def faults(text, cell, folder):
    """What is wrong with the program, as words; none, if it is what the chapter promises."""
    found = []
    if len(text.splitlines()) >= FEWER_THAN:
        found.append("too long")
    if imported_by(text) != {"numpy"}:
        found.append("imports more than numpy, or not even that")
    if text != cell.source + "\n":
        found.append("is not the text of the cell")
    code, out, err, left = run(text, folder)
    if code != 0:
        found.append("fails")
    if out != shown_by(cell):
        found.append("prints something else than the page shows")
    if err:
        found.append("complains")
    if left:
        found.append("leaves files behind")
    return found


@pytest.fixture(scope="module")
def text():
    return PROGRAM.read_text(encoding="utf-8")


@pytest.fixture
def cell():
    return cell_before_the_card(nbformat.read(CHAPTER, as_version=4))


def test_program_is_what_the_chapter_promises(text, cell, tmp_path):
    assert shown_by(cell), "the cell prints nothing"
    assert faults(text, cell, tmp_path) == []


class TestItCanFail:
    """Each promise, broken on purpose in both the program and the cell, so that this fault is found and no other."""

    @staticmethod
    def damaged(text, cell, old, new):
        assert text.count(old) >= 1, f"{old!r} is not in the program"
        text = text.replace(old, new, 1)
        cell.source = text.removesuffix("\n")
        return text

    def test_a_changed_digit_in_the_output(self, text, cell, tmp_path):
        (output,) = cell.outputs
        digit = next(character for character in reversed(output.text) if character.isdigit())
        head, _, tail = output.text.rpartition(digit)
        output.text = f"{head}{(int(digit) + 1) % 10}{tail}"
        assert faults(text, cell, tmp_path) == ["prints something else than the page shows"]

    def test_a_changed_digit_in_the_program(self, text, cell, tmp_path):
        text = self.damaged(text, cell, "0.3 *", "0.4 *")
        assert faults(text, cell, tmp_path) == ["prints something else than the page shows"]

    def test_a_line_too_many(self, text, cell, tmp_path):
        missing = FEWER_THAN - len(text.splitlines())
        text = self.damaged(text, cell, "import numpy as np\n", "import numpy as np\n" + "\n" * missing)
        assert faults(text, cell, tmp_path) == ["too long"]

    @pytest.mark.parametrize("line", ["import os", "from math import exp", "import numpy.linalg", "__import__('os')"])
    def test_another_import(self, text, cell, tmp_path, line):
        text = self.damaged(text, cell, "import numpy as np\n", f"import numpy as np\n{line}\n")
        assert faults(text, cell, tmp_path) == ["imports more than numpy, or not even that"]

    def test_a_page_that_shows_another_text(self, text, cell, tmp_path):
        cell.source = cell.source.replace("# in place", "# in  place")
        assert faults(text, cell, tmp_path) == ["is not the text of the cell"]

    def test_a_name_that_only_the_notebook_has(self, text, cell, tmp_path):
        text = self.damaged(text, cell, "X, y = draw(200)", "X, y = nnlib.xor(200, rng=rng)")
        assert faults(text, cell, tmp_path) == ["fails", "prints something else than the page shows", "complains"]

    def test_a_warning(self, text, cell, tmp_path):
        text = self.damaged(text, cell, "import numpy as np\n", "import numpy as np\nnp.log(np.zeros(1))\n")
        assert faults(text, cell, tmp_path) == ["complains"]

    def test_a_file_left_behind(self, text, cell, tmp_path):
        text = self.damaged(text, cell, "import numpy as np\n", "import numpy as np\nnp.save('x.npy', np.ones(1))\n")
        assert faults(text, cell, tmp_path) == ["leaves files behind"]

    def test_a_cell_that_is_not_the_last_before_the_card(self, text, tmp_path):
        notebook = nbformat.read(CHAPTER, as_version=4)
        card = next(i for i, cell in enumerate(notebook.cells) if "## Card" in cell.source.splitlines())
        notebook.cells.insert(card, nbformat.v4.new_code_cell("1 + 1"))
        found = faults(text, cell_before_the_card(notebook), tmp_path)
        assert found == ["is not the text of the cell", "prints something else than the page shows"]

    def test_a_chapter_without_a_card(self):
        notebook = nbformat.read(CHAPTER, as_version=4)
        notebook.cells = [cell for cell in notebook.cells if "## Card" not in cell.source]
        with pytest.raises(ValueError, match="no section called Card"):
            cell_before_the_card(notebook)
