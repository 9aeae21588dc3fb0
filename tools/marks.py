"""Write the marks of an assignment to a CSV file: a row for each student, a column for each question.

    python ../course/tools/marks.py A1 marks.csv             in the folder of your class, where gradebook.db is
    python ../course/tools/marks.py A1 canvas.csv --canvas   the totals alone, in the columns that Canvas imports

`nbgrader export` writes totals; this adds the questions. A cell whose name begins with q3_ belongs to question 3.
"""

import argparse
import csv
import re
import sys
from pathlib import Path

GRADEBOOK = Path("gradebook.db")


FAILED = "the marking failed"


class Refused(Exception):
    """Something that the teacher has to put right; the message says what."""


def question(name):
    """The question that a cell of nbgrader belongs to, by its name. (As in assignments.py, but this file needs nothing beside it.)"""
    found = re.match(r"q\d+(?=_)", name)
    return found[0] if found else "other"


def table(assignment):
    """The questions, and for each student a dict: its columns are those of the CSV file."""
    from nbgrader.api import Gradebook, MissingEntry

    if GRADEBOOK.read_bytes()[:6] != b"SQLite":
        raise Refused(f"{GRADEBOOK} is not a gradebook")
    with Gradebook(f"sqlite:///{GRADEBOOK.resolve()}") as gradebook:
        try:
            cells = [
                cell for notebook in gradebook.find_assignment(assignment).notebooks for cell in notebook.grade_cells
            ]
        except MissingEntry:
            known = ", ".join(sorted(entry.name for entry in gradebook.assignments)) or "none"
            raise Refused(f"the gradebook has no assignment {assignment!r}; it has: {known}") from None
        questions = sorted({question(cell.name) for cell in cells}, key=lambda name: (len(name), name))
        total = sum(cell.max_score for cell in cells)
        rows = []
        for student in sorted(gradebook.students, key=lambda student: (student.last_name or "", student.id)):
            row = {
                name: getattr(student, name) or "" for name in ("id", "last_name", "first_name", "email", "lms_user_id")
            }
            try:
                marks = of_submission(gradebook.find_submission(assignment, student.id))
            except MissingEntry:
                marks = {"note": "nothing marked"}
            rows.append(row | {"of": number(total)} | marks)
    return questions, rows


def of_submission(submission):
    """The marks of one student: by question, together, and what is to be said about them."""
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    if any(
        grade.cell.cell_type == "code" and grade.auto_score is None and grade.manual_score is None for grade in grades
    ):
        return {"score": "0", "note": FAILED}
    points, penalty = {}, submission.late_submission_penalty or 0
    for grade in grades:
        points[question(grade.name)] = points.get(question(grade.name), 0) + grade.score
    unread = sum(grade.needs_manual_grade for grade in grades)
    notes = [f"{unread} to read"] * (unread > 0) + [f"late: {number(penalty)} off"] * (penalty > 0)
    marks = {name: number(value) for name, value in points.items()}
    return marks | {"score": number(max(0, sum(points.values()) - penalty)), "note": ", ".join(notes)}


def number(value):
    return f"{value:g}"


def write(path, columns, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_for_canvas(path, assignment, rows):
    """Canvas finds a student by the first of these that it knows: ID, login, name. Nothing is said of who has no marks, or could not be marked."""
    columns = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment]
    most = [{"Student": "    Points Possible", assignment: row["of"]} for row in rows[:1]]
    marked = [
        {
            "Student": f"{row['last_name']}, {row['first_name']}".strip(", "),
            "ID": row["lms_user_id"],
            "SIS Login ID": row["id"],
            assignment: row["score"],
        }
        for row in rows
        if "score" in row and row["note"] != FAILED
    ]
    write(path, columns, most + marked)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignment", help="its name in the gradebook: A1")
    parser.add_argument("csv", type=Path, help="the file to write; one that is there is replaced")
    parser.add_argument("--canvas", action="store_true", help="the totals alone, in the columns that Canvas imports")
    arguments = parser.parse_args()
    try:
        if not GRADEBOOK.exists():  # nbgrader would make an empty one
            raise Refused(f"there is no {GRADEBOOK} in {Path.cwd()}; run this in the folder of your class")
        questions, rows = table(arguments.assignment)
        if not rows:
            raise Refused("the gradebook has no students; nbgrader db student import students.csv")
        if arguments.canvas:
            write_for_canvas(arguments.csv, arguments.assignment, rows)
        else:
            columns = ["id", "last_name", "first_name", "email", *questions, "score", "of", "note"]
            write(arguments.csv, columns, rows)
    except ImportError:
        return "marks.py: nbgrader is not installed: pip install -r requirements-dev.txt -c constraints.txt"
    except (Refused, OSError) as error:
        return f"marks.py: {error}"
    for row in rows:
        if row["note"]:
            print(f"{row['id']}: {row['note']}")
    print(f"{arguments.csv}: {len(rows)} students")
    return 0


if __name__ == "__main__":
    sys.exit(main())
