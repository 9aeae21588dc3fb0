"""Run the PyTorch code of chapter 24, and keep what it gives for those who have no PyTorch.

    python tools/frameworks.py             says whether it gives what is stored; needs PyTorch
    python tools/frameworks.py --write     stores it in lessons/results/frameworks.json, which the chapter reads

The code is the chapter's own: its cells run here, with PyTorch, and so does lessons/programs/data_parallel.py.
"""

import argparse
import importlib.metadata
import json
import math
import os
import signal
import subprocess
import sys

import nbformat
import publish

LESSON = publish.LESSONS / "24_frameworks.md"
PROGRAM = publish.LESSONS / "programs" / "data_parallel.py"
RESULT = publish.LESSONS / "results" / "frameworks.json"
TIME_LIMIT = 180  # seconds for the program, whose processes wait for each other


def run_chapter(first="", last="", replace=("", "")):
    """The chapter's cells, executed; with a cell before them, one after them, and some text of the code replaced."""
    notebook = publish.notebook_of(LESSON)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.replace(*replace)
    notebook.cells = [nbformat.v4.new_code_cell(first), *notebook.cells, nbformat.v4.new_code_cell(last)]
    publish.execute(notebook)
    return notebook


def printed(cell):
    return "".join(output.text for output in cell.get("outputs", []) if output.get("name") == "stdout")


def run_program(command, folder=PROGRAM.parent, limit=TIME_LIMIT):
    """What Python prints when it runs with these arguments. It, and all processes that it has started, end in time."""
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
        start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        kill_all(process)
        out, err = process.communicate()
        raise RuntimeError(f"it took longer than {limit} seconds, and was ended:\n{err[-2000:]}") from None
    if process.returncode:
        raise RuntimeError(f"it ended with status {process.returncode}:\n{err[-2000:]}")
    return out


def kill_all(process):
    """A process and its children, where the system can do that."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def fresh():
    """What the file should hold."""
    notebook = run_chapter(last="print(json.dumps(made))")
    return {
        "PyTorch": importlib.metadata.version("torch"),
        "results": json.loads(printed(notebook.cells[-1])),
        "data_parallel.py": run_program([PROGRAM]).splitlines(),
    }


def differences(stored, now, tolerance=1e-12, name=""):
    """Where two results differ, as a list of lines; numbers may by a little."""
    if isinstance(stored, dict) and isinstance(now, dict) and list(stored) == list(now):
        pairs = [(f"{name}/{key}", stored[key], now[key]) for key in stored]
    elif isinstance(stored, list) and isinstance(now, list) and len(stored) == len(now):
        pairs = [(f"{name}/{place}", *pair) for place, pair in enumerate(zip(stored, now))]
    elif isinstance(stored, float) and isinstance(now, float):
        close = math.isclose(stored, now, rel_tol=tolerance, abs_tol=tolerance)
        return [] if close else [f"{name}: stored {stored!r}, now {now!r}"]
    else:
        return [] if stored == now else [f"{name}: stored {str(stored)[:60]}, now {str(now)[:60]}"]
    return [line for name, old, new in pairs for line in differences(old, new, tolerance, name)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="store the results")
    arguments = parser.parse_args()
    try:
        import torch  # noqa: F401
    except ImportError:
        return "PyTorch is not installed: pip install torch"
    now = fresh()
    found = differences(json.loads(RESULT.read_text(encoding="utf-8")), now)
    print("\n".join(found) or "the stored results are those of today")
    if arguments.write and found:
        RESULT.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8", newline="\n")
        print("stored; now: python tools/publish.py")
    return 1 if found and not arguments.write else 0


if __name__ == "__main__":
    sys.exit(main())
