"""Run the chapters again under other processors' arithmetic, and compare what they print and draw with what is stored.

    python tools/matrix.py                                 every chapter, every setting that this machine can run
    python tools/matrix.py 02 22_mnist                     these chapters
    python tools/matrix.py --settings haswell two-threads  these settings; --list shows which there are
    python tools/matrix.py --quick                         without the chapters that need MNIST
    python tools/matrix.py --write                         and store the result for the website; with chapters, theirs anew

The comparison is the one that `pytest` makes, of texts and figures. The exit status is 0 if all held, 1 if something
differed, 2 if a setting did not take, a run gave no result, or nothing was run.
"""

import argparse
import datetime
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
RESULT = Path("lessons/results/matrix.json")
CELL_TIMEOUT = 600  # seconds: twice what pytest allows, as an old processor's code is slower
RUNS = "runs here"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
GOVERNED = ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
GOVERNED += ("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES")  # set by the settings, and by nothing else

# Processors that OpenBLAS has code for: the names it may give it, and what the code needs. OpenBLAS runs it regardless.
CORES = {
    "Prescott": (["Prescott", "Katmai"], ["SSE3"]),  # built without code for older ones, it takes their name
    "Nehalem": (["Nehalem"], ["SSE42"]),
    "Sandybridge": (["Sandybridge"], ["AVX"]),
    "Haswell": (["Haswell"], ["AVX2", "FMA3"]),
    "SkylakeX": (["SkylakeX"], ["AVX512F", "AVX512CD", "AVX512BW", "AVX512DQ", "AVX512VL"]),
}

# What a Python computes with. It imports nothing that brings a second OpenBLAS along, as SciPy would.
PROBE = """
import json, platform
import numpy
from numpy._core._multiarray_umath import __cpu_dispatch__ as dispatch, __cpu_features__ as features
from threadpoolctl import threadpool_info

numpy.ones((64, 64)) @ numpy.ones((64, 64))  # code that the processor can't run ends Python here
blas = next((pool for pool in threadpool_info() if pool["internal_api"] == "openblas"), {})
print(json.dumps({
    "python": platform.python_version(),
    "numpy": numpy.__version__,
    "openblas": blas.get("version"),
    "kernels": blas.get("architecture"),
    "threads": blas.get("num_threads"),
    "vector code": [name for name in dispatch if features[name]],
    "features": [name for name in features if features[name]],
}))
"""


class Failed(Exception):
    """Something that could not be done; the message says why."""


@dataclass
class Setting:
    name: str
    about: str
    variables: dict  # of the environment
    expected: dict  # what the probe must answer: the answers that will do, by key
    state: str = RUNS  # or "not on this machine: ...", or "did not take: ..."
    python: str = sys.executable


# ---------------------------------------------------------------- settings


def all_settings(machine):
    """Every setting, on a machine of which the probe said this."""
    no_blas = "" if machine["kernels"] else "NumPy's linear algebra is not OpenBLAS"
    settings = []

    def add(name, about, variables, expected, absent="", **more):
        # A setting changes what it says, and nothing else.
        same = {key: [machine[key]] for key in ("python", "numpy", "kernels", "threads", "vector code")}
        state = f"not on this machine: {absent}" if absent else RUNS
        settings.append(Setting(name, about, variables, same | expected, state, **more))

    add("one-thread", "this processor's own arithmetic, as pytest has it", {}, {})
    two = {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    add("two-threads", "the same on two threads", two, {"threads": [2]}, no_blas or "one core" * (cores() == 1))
    for core, (names, needed) in CORES.items():
        missing = [feature for feature in needed if feature not in machine["features"]]
        absent = f"the processor has no {', '.join(missing)}" if missing else no_blas
        add(core.lower(), f"OpenBLAS's code for {core}", {"OPENBLAS_CORETYPE": core}, {"kernels": names}, absent)
    used = machine["vector code"]
    wide = [name for name in used if name.startswith("AVX512") or name == "X86_V4"]
    for name, about, off in (
        ("vector-avx2", "NumPy's code for AVX-512 off", wide),
        ("vector-baseline", "NumPy's code for anything but the oldest processors off", used),
    ):
        expected = {"vector code": [[name for name in used if name not in off]]}
        absent = "" if off else "NumPy uses no such code here"
        add(name, about, {"NPY_DISABLE_CPU_FEATURES": " ".join(off)}, expected, absent)
    old, bare = (one for one in settings if one.name in ("prescott", "vector-baseline"))
    expected = {"kernels": CORES["Prescott"][0], "vector code": [[]]}
    absent = (old if old.state != RUNS else bare).state.partition(": ")[2]
    add("oldest", "prescott and vector-baseline at once", old.variables | bare.variables, expected, absent)
    for version in PYTHONS:
        if not machine["python"].startswith(f"{version}."):
            path, full = find_python(version)
            absent = "" if path else f"no Python {version}"
            add(
                f"python{version}",
                "another Python, with the same packages",
                {},
                {"python": [full]},
                absent,
                python=path,
            )
    return settings


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def find_python(version):
    """The path of a Python and its full version; looked for on the search path, at Windows' launcher and at pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    installed = sorted([*pyenv.glob(f"{version}.*/bin/python"), *pyenv.glob(f"{version}.*/python.exe")])
    code = "import platform, sys; print(sys.executable); print(platform.python_version())"
    for command in ([f"python{version}"], ["py", f"-{version}"], *([str(path)] for path in installed)):
        if shutil.which(command[0]):
            answer = subprocess.run([*command, "-c", code], capture_output=True, text=True).stdout.splitlines()
            if len(answer) == 2 and answer[1].startswith(f"{version}."):
                return answer
    return None, None


def environment(variables):
    """Ours with one thread and a setting's variables, and without what a pytest tells its own workers."""
    ours = {name: value for name, value in os.environ.items() if name not in GOVERNED and name[:7] != "PYTEST_"}
    return ours | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"} | variables


def probe(python, variables):
    done = subprocess.run([python, "-c", PROBE], env=environment(variables), capture_output=True, text=True)
    if done.returncode:
        raise Failed(" ".join([f"Python ended with status {done.returncode}", *done.stderr.strip().splitlines()[-1:]]))
    return json.loads(done.stdout)


def make_ready(setting):
    """Give another Python its packages, and make sure that the setting takes: OpenBLAS falls back without a word."""
    if setting.python != sys.executable:
        try:
            setting.python = install(setting)
        except Failed as error:
            setting.state = f"not on this machine: {error}"
            return
    try:
        answers = probe(setting.python, setting.variables)
        for key, possible in setting.expected.items():
            if answers[key] not in possible:
                raise Failed(f"{key}: {answers[key]}, not {' or '.join(map(str, possible))}")
    except Failed as error:
        setting.state = f"did not take: {error}"


def install(setting):
    """The Python of an environment with the course's packages; made anew when what it is made of has changed."""
    folder = ROOT / "_build" / "matrix" / setting.name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    sources = b"".join((ROOT / name).read_bytes() for name in ("requirements.txt", "constraints.txt"))
    made_of, stamp = f"{setting.expected['python'][0]} {hashlib.sha256(sources).hexdigest()}", folder / "made-of.txt"
    if not stamp.exists() or stamp.read_text() != made_of:
        print(f"{setting.name}: installing the course's packages", flush=True)
        packages = ["-qq", "-r", "requirements.txt", "-c", "constraints.txt"]
        for command in (
            [setting.python, "-m", "venv", "--clear", folder],
            [python, "-m", "pip", "install", *packages],
        ):
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            if done.returncode:
                raise Failed("the course's packages could not be installed")
        stamp.write_text(made_of)
    return str(python)


# ---------------------------------------------------------------- chapters


def select(words, quick):
    """The notebooks that `words` name, as 22, 22_mnist or book/22_mnist.ipynb; without words, all."""
    pages = sorted((ROOT / "book").glob("*.ipynb"))
    chosen = set() if words else set(pages)
    for word in words:
        name = Path(word).stem
        found = {page for page in pages if page.stem == name or page.stem.startswith(f"{name}_") and name.isdigit()}
        if not found:
            raise Failed(f"there is no chapter {word!r}; there are: {', '.join(page.stem for page in pages)}")
        chosen |= found
    return [page for page in pages if page in chosen and not (quick and needs_mnist(page))]


def needs_mnist(page):
    """As conftest.py has it, which skips such a chapter where MNIST can't be had."""
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    return any(re.search(r"\bmnist\(", "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code")


class Outcome(NamedTuple):
    """Of one chapter under one setting."""

    verdict: str
    differences: list = []  # (cell, kind, lines)
    seconds: float = 0.0  # of its cells


def compare(page, setting):
    """Run a chapter under a setting."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        options = ["-n0", "-vv", "--color=no", "-p", "no:cacheprovider", f"--nbval-cell-timeout={CELL_TIMEOUT}"]
        done = subprocess.run(
            [setting.python, "-m", "pytest", f"book/{page.name}", f"--junitxml={report}", *options],
            cwd=ROOT, env=environment(setting.variables), capture_output=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
    parts = [(case.get("name").lower(), part) for case in cases for part in case]
    failed = [(cell, part.text) for cell, part in parts if cell.startswith("cell ") and part.tag != "skipped"]
    found = [(cell, *difference(message)) for cell, message in failed]
    if found:
        return Outcome(f"differs: {' '.join(found[0][:2])}" + f", {len(found) - 1} more" * (len(found) > 1), found)
    skipped = [part for _, part in parts if part.tag == "skipped" and "MNIST is not at hand" in part.get("message")]
    if cases and len(skipped) == len(cases):
        return Outcome("skipped (MNIST)")
    if done.returncode or not cases or parts:
        last = (done.stdout + done.stderr).strip().splitlines()[-5:]
        return Outcome("no result", [("pytest", f"status {done.returncode}", last)])
    return Outcome("held", seconds=sum(float(case.get("time")) for case in cases))


def difference(message):
    """What nbval and the comparison of figures say of a cell: the kind, and lines, of which the first is the cell's."""
    cell, _, said = message.partition("\nTraceback:\n")
    headline, _, source = cell.partition("\nInput:\n")
    first = source.strip().splitlines()[:1]
    if "Cell outputs differ" not in headline:
        plain = re.sub(r"(\x1b|#x1B)\[[\d;]*m", "", said).split("\n")
        kind = "too slow" if "Timeout of" in headline else "error"
        return kind, first + [line for line in plain if line.strip()][-1:]
    figures = re.findall(r"^figures? differ.*", said, re.MULTILINE)
    texts = re.findall(r"^(?:Missing|Unexpected) output.*|^  [-+] .*", said, re.MULTILINE)
    marks = {"  + ": "stored: ", "  - ": "now:    "}  # as nbval compares
    texts = [marks.get(line[:4], line[:4]) + line[4:] for line in texts]
    kinds = ["text"] * (bool(texts) or not figures) + ["figure"] * bool(figures)
    return " and ".join(kinds), first + texts[:8] + ["..."] * (len(texts) > 8) + figures


def run_all(pages, settings):
    """{(chapter, setting): outcome}. Two runs at a time; one, where it has two threads itself."""
    outcomes = {}

    def run(job):
        page, setting = job
        start = time.perf_counter()
        outcomes[page.stem, setting.name] = outcome = compare(page, setting)
        print(f"{page.stem}, {setting.name}: {outcome.verdict} ({time.perf_counter() - start:.0f} s)", flush=True)

    for threads, at_a_time in ((1, 2), (2, 1)):
        chosen = [setting for setting in settings if (setting.expected["threads"] == [2]) == (threads == 2)]
        with ThreadPoolExecutor(at_a_time) as pool:
            list(pool.map(run, [(page, setting) for page in pages for setting in chosen]))
    return outcomes


# ---------------------------------------------------------------- results


def table(pages, settings, outcomes):
    rows = [["", *(setting.name for setting in settings)]]
    rows += [[page.stem, *(outcomes[page.stem, setting.name].verdict for setting in settings)] for page in pages]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def details(pages, settings, outcomes):
    """What differed; once, if it did so in the same way under several settings."""
    for page in pages:
        found = {}
        for setting in settings:
            for cell, kind, lines in outcomes[page.stem, setting.name].differences:
                found.setdefault((cell, kind, *lines), []).append(setting.name)
        for (cell, kind, *lines), names in found.items():
            yield f"\n{page.stem}, {cell}, {kind}: {', '.join(names)}"
            for number, line in enumerate(lines):
                yield "    " * (1 + (number > 0)) + (line if len(line) <= 160 else f"{line[:159]}…")


def header(machine, settings):
    """What a result file says of the machine and of the settings."""
    versions = {key: machine[key] for key in ("kernels", "openblas", "numpy", "python")}
    return {
        "machine": {"processor": processor()} | versions,
        "settings": {setting.name: {"about": setting.about, "state": setting.state} for setting in settings},
    }


def record(pages, settings, outcomes):
    """What the website tells of a run of these chapters."""
    return {
        page.stem: {
            "date": datetime.date.today().isoformat(),
            "seconds": round(outcomes[page.stem, "one-thread"].seconds),
            "settings": {one.name: outcomes[page.stem, one.name].verdict for one in settings if one.state == RUNS},
        }
        for page in pages
    }


def stored_chapters(path, head):
    """Those of the result file, if it is of this machine and these settings and their notebooks are still there."""
    result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"chapters": {}} | head
    if {key: result.get(key) for key in head} != head:
        raise Failed(f"{RESULT.as_posix()} is of another machine or of other settings: write without naming chapters")
    return {name: told for name, told in result["chapters"].items() if (ROOT / "book" / f"{name}.ipynb").exists()}


def processor():
    listed = Path("/proc/cpuinfo")
    name = re.search(r"^model name\s*: (.+)", listed.read_text() if listed.exists() else "", re.MULTILINE)
    return name[1].strip() if name else platform.processor() or platform.machine()


# ---------------------------------------------------------------- the command


def run_matrix(arguments):
    pages = select(arguments.chapters, arguments.quick)
    if not pages:
        raise Failed("no chapter is left: --quick leaves out those that need MNIST")
    machine = probe(sys.executable, {})
    settings = all_settings(machine)
    unknown = set(arguments.settings) - {setting.name for setting in settings}
    if unknown:
        known = ", ".join(setting.name for setting in settings)
        raise Failed(f"there is no setting {sorted(unknown)[0]!r}; there are: {known}")
    if arguments.write and (arguments.settings or arguments.quick):
        raise Failed("--write stores the result of all settings: leave out --settings and --quick")
    if arguments.list:
        for setting in settings:
            print(f"{setting.name:17}{setting.about}" + f"; {setting.state}" * (setting.state != RUNS))
        return 0
    settings = [setting for setting in settings if not arguments.settings or setting.name in arguments.settings]
    for setting in settings:
        if setting.state == RUNS:
            make_ready(setting)
    ready = [setting for setting in settings if setting.state == RUNS]
    head, path = header(machine, settings), ROOT / RESULT
    kept = stored_chapters(path, head) if arguments.write and arguments.chapters else {}
    outcomes = run_all(pages, ready)
    print("\n" + table(pages, ready, outcomes) + "\n")
    print("".join(f"{setting.name}: {setting.state}\n" for setting in settings if setting not in ready), end="")
    print("".join(f"{line}\n" for line in details(pages, ready, outcomes)), end="")
    if arguments.write:
        chapters = kept | record(pages, settings, outcomes)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(head | {"chapters": dict(sorted(chapters.items()))}, indent=2)
        path.write_text(text + "\n", encoding="utf-8", newline="\n")
    verdicts = {outcome.verdict for outcome in outcomes.values()}
    if not verdicts or "no result" in verdicts or any(setting.state.startswith("did not") for setting in settings):
        print("Not all of it was run." if verdicts else "Nothing was run.")
        return 2
    return int(any(verdict.startswith("differs") for verdict in verdicts))


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", help="22, 22_mnist or book/22_mnist.ipynb; without any, all chapters")
    parser.add_argument("--settings", nargs="+", default=[], metavar="NAME", help="without it, all settings")
    parser.add_argument("--quick", action="store_true", help="leave out the chapters that need MNIST")
    parser.add_argument("--list", action="store_true", help="run nothing, and list the settings")
    parser.add_argument("--write", action="store_true", help=f"store the results in {RESULT.as_posix()}")
    try:
        return run_matrix(parser.parse_args(words))
    except Failed as error:
        print(f"matrix.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    sys.exit(main())
