"""Chapter 24 and PyTorch: the chapter prints the same with it and without it, and what is stored for those without is true."""

import json
import math
import re
import sys
import time

import frameworks
import nbformat
import publish
import pytest
from frameworks import differences

TEXT = frameworks.LESSON.read_text(encoding="utf-8")
CODE = "\n".join(cell.source for cell in publish.notebook_of(frameworks.LESSON).cells if cell.cell_type == "code")
STORED = json.loads(frameworks.RESULT.read_text(encoding="utf-8"))

WITHOUT_PYTORCH = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ImportError("hidden by a test")

sys.meta_path.insert(0, NoTorch())
"""


def numbers_in(value):
    if isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from numbers_in(part)
    else:
        yield value


def test_the_file_holds_what_the_chapter_asks_for():
    asked = re.findall(r"(?<!def )\bin_pytorch\((\w+)", CODE)
    assert list(STORED) == ["PyTorch", "results", "data_parallel.py"]
    assert list(STORED["results"]) == asked
    assert len(asked) == 5
    assert all(math.isfinite(number) for number in numbers_in(STORED["results"]))


def test_the_chapter_shows_the_program():
    (shown,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert shown == frameworks.PROGRAM.read_text(encoding="utf-8")


def lines_of(function):
    (body,) = re.findall(rf"^def {function}\(.*?\n((?:    .*\n)+)", CODE, re.MULTILINE)
    return [line.strip() for line in body.splitlines()]


def test_the_two_loops_are_the_same_line_for_line():
    """As the text says: as many lines, and pairs that do the same; PyTorch's loss gives no gradient, ours needs no clearing."""
    assert "Line for line the same" in TEXT
    pairs = list(zip(lines_of("train_nnlib"), lines_of("train_pytorch"), strict=True))
    assert ("value, d_z = loss(z, y)", "value = loss(z, y)") in pairs
    assert ("# nothing to clear", "optimizer.zero_grad()") in pairs
    for word in (
        "loss = ",
        "optimizer = ",
        "for _ in range(STEPS):",
        "z = ",
        "backward(",
        "optimizer.step(",
        "return value",
    ):
        assert any(word in mine and word in theirs for mine, theirs in pairs), word


class TestChapter:
    """In a class, so that one worker runs these: each executes the chapter."""

    def test_it_prints_the_same_without_pytorch(self):
        stored = nbformat.read(publish.page_of(frameworks.LESSON), as_version=4)
        now = frameworks.run_chapter(first=WITHOUT_PYTORCH, last="print(torch)")
        assert frameworks.printed(now.cells[-1]) == "None\n"
        for cell, old in zip(now.cells[1:-1], stored.cells, strict=True):
            assert frameworks.printed(cell) == frameworks.printed(old)

    @pytest.mark.parametrize("function", ["gradients", "train_there"])
    def test_without_pytorch_it_compares_the_stored_numbers(self, function):
        """One digit of one of them changed, and the chapter stops."""
        change = f'stored["results"]["{function}"]["b2"][0] += 1e-9\nmade = {{}}'
        with pytest.raises(publish.Refused, match="AssertionError"):
            frameworks.run_chapter(first=WITHOUT_PYTORCH, replace=("made = {}", change))

    def test_the_file_is_what_pytorch_gives_today(self):
        pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
        now = frameworks.fresh()
        for part in ("results", "data_parallel.py"):  # the version may be another
            assert differences(STORED[part], now[part]) == []


# ---------------------------------------------------------------- the tool


@pytest.mark.parametrize(
    "stored, now, expected",
    [
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.0 + 1e-15]}, []),
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.1]}, ["/a/1: stored 2.0, now 2.1"]),
        ({"a": [1.0]}, {"a": [1.0, 2.0]}, ["/a: stored [1.0], now [1.0, 2.0]"]),
        ({"a": 1}, {"b": 1}, [": stored {'a': 1}, now {'b': 1}"]),
        (["x"], ["y"], ["/0: stored x, now y"]),
        (1.0, math.nan, [": stored 1.0, now nan"]),
    ],
)
def test_differences(stored, now, expected):
    assert differences(stored, now) == expected


def test_a_program_that_fails_is_an_error():
    with pytest.raises(RuntimeError, match="(?s)status 1.*of no use"):
        frameworks.run_program(["-c", "raise ValueError('of no use')"])


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows only the first process is ended")
def test_a_program_that_hangs_is_ended_with_all_it_has_started(tmp_path):
    sign_of_life = tmp_path / "alive"
    child = f"import time\nwhile True:\n    open({str(sign_of_life)!r}, 'w').write(str(time.time())); time.sleep(0.1)"
    hangs = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(RuntimeError, match="longer than 5 seconds"):
        frameworks.run_program(["-c", hangs], folder=tmp_path, limit=5)
    time.sleep(0.5)
    last = sign_of_life.read_text()
    time.sleep(0.5)
    assert last and sign_of_life.read_text() == last
