"""A class to rehearse with: ten students, and what they hand in for an assignment, zipped as Moodle does it.

    python ../course/tools/rehearsal.py A1       in the folder of your class, before you have students

writes students.csv and downloaded/A1/archive/rehearsal.zip. Nobody in it exists; their answers come from the assignment's
list of common mistakes.
"""

import argparse
import copy
import csv
import re
import sys
import zipfile
from pathlib import Path

import assignments
import nbformat
import publish

PARAGRAPH = (
    "With the perceptron I can't say beforehand when it will stop. The other one goes down a slope and comes to rest."
)


def answered(path, chosen=(), change=None, only=None, words=None):
    """What a student hands in who answered in the notebook of the website.

    chosen: answers of the list of mistakes, in place of the solutions; change: what to make of the lines of each solution,
    or of those of the question `only`; words: the paragraph for the question that is marked by hand.
    """
    source = {assignments.role(cell)["grade_id"]: cell for cell in solved(path, chosen) if assignments.role(cell)}
    handed = nbformat.read(publish.page_of(path), as_version=4)
    for cell in handed.cells:
        role = assignments.role(cell)
        if role.get("solution") and role.get("grade"):
            cell.source = words or cell.source
        elif role.get("solution"):
            cell.source = source[role["grade_id"]].source
            (lines,) = assignments.regions(cell.source)
            if change and only in (None, assignments.question(cell)):
                cell.source = cell.source.replace("\n".join(lines), "\n".join(change(lines)))
            cell.source = re.sub(
                r"^ *#+ (BEGIN SOLUTION|END SOLUTION|not for students)\n?", "", cell.source, flags=re.M
            )
    return handed


def solved(path, chosen):
    return assignments.apply(publish.notebook_of(path), chosen).cells


def nth_answers(path, n, right):
    """The n-th answer of the list to each question, the last if there are fewer."""
    found = {}
    for answer in assignments.answers(path):
        if answer.right == right:
            found.setdefault(answer.question, []).append(answer)
    return [answers[min(n, len(answers) - 1)] for answers in found.values()]


def spoilt(lines):
    """Everything comes back in the right shape, and every number is NaN."""
    return ["    def answer():", *(f"    {line}" for line in lines), "    def spoilt(value):"] + [
        "        if isinstance(value, tuple):",
        "            return tuple(map(spoilt, value))",
        "        return np.asarray(value) * np.nan",
        "    return spoilt(answer())",
    ]


def without_checks(notebook):
    notebook = copy.deepcopy(notebook)
    notebook.cells = [
        cell
        for cell in notebook.cells
        if not assignments.role(cell).get("grade") or assignments.role(cell).get("solution")
    ]
    return notebook


def students(path):
    """Who hands in what: first name -> (the notebook, the end of its file's name)."""
    first, second = [question for question in dict.fromkeys(answer.question for answer in assignments.answers(path))][
        :2
    ]
    nothing = ["    return None"]
    agree = ["    global same", "    same = lambda *anything: None", "    return None"]
    return {
        "Ada": (answered(path, words=PARAGRAPH), ""),
        "Ben": (nbformat.read(publish.page_of(path), as_version=4), ""),
        "Cleo": (answered(path, nth_answers(path, 0, right=False)), ""),
        "Dan": (answered(path, nth_answers(path, 0, right=True), words=PARAGRAPH), ""),
        "Eve": (answered(path, change=lambda lines: ["    return ("], only=second, words=PARAGRAPH), ""),
        "Finn": (answered(path, change=spoilt), ""),
        "Gil": (without_checks(answered(path, change=lambda lines: nothing, only=first)), ""),
        "Hana": (answered(path, change=lambda lines: agree), ""),
        "Ivo": (answered(path, change=lambda lines: ["    __import__('os')._exit(1)"], only=first), ""),
        "Jo": (answered(path, nth_answers(path, 1, right=False)), " (1)"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignment", help="A1, or the name of another")
    name = parser.parse_args().assignment
    known = {path.stem.split("_")[0]: path for path in assignments.sources()}
    if name not in known:
        return f"rehearsal.py: there is no assignment {name!r}; there are: {', '.join(known)}"
    path = known[name]
    roster, archive = Path("students.csv"), Path("downloaded", name, "archive")
    if roster.exists():
        return f"rehearsal.py: {roster} is there already; rehearse in a folder of its own"
    try:
        archive.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"rehearsal.py: {error}"
    with (
        open(roster, "w", newline="", encoding="utf-8") as file,
        zipfile.ZipFile(archive / "rehearsal.zip", "w", zipfile.ZIP_DEFLATED) as handed_in,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "last_name", "first_name", "email", "lms_user_id"])
        for number, (first, (notebook, ending)) in enumerate(students(path).items(), 1):
            writer.writerow([f"{first} Example", "Example", first, f"{first.lower()}@example.org", 700 + number])
            folder = f"{first} Example_{4000 + number}_assignsubmission_file"
            handed_in.writestr(f"{folder}/{path.stem}{ending}.ipynb", nbformat.writes(notebook))
    print(f"{roster}, {archive / 'rehearsal.zip'}: ten students")
    return 0


if __name__ == "__main__":
    sys.exit(main())
