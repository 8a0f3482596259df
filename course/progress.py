"""What a learner has passed so far: one line per check in .progress.jsonl, which git ignores.

Lines are only ever appended, so that nothing is lost when two notebooks check at once or the
machine stops in the middle; a broken last line is passed over.
"""

import json
import os
from pathlib import Path

from course import exercises


def path():
    """The file, or None where nothing is to be recorded.

    COURSE_PROGRESS names another file; 0 records nothing. In solutions/ nothing is recorded either.
    """
    name = os.environ.get("COURSE_PROGRESS", "")
    if name == "0" or Path.cwd().name == "solutions":
        return None
    return Path(name) if name else exercises.ROOT / ".progress.jsonl"


def record(blank, status):
    """Appends one check of a blank. status: "passed", "failed" or "unwritten".

    Returns False where the file cannot be written; the check itself goes on.
    """
    file = path()
    if file is None:
        return True
    try:
        with open(file, "a", encoding="utf-8") as out:
            out.write(json.dumps({"blank": blank, "status": status}) + "\n")
    except OSError:
        return False
    return True


def history():
    """All checks so far, oldest first: a list of (blank name, status)."""
    file = path()
    lines = []
    try:
        text = file.read_text(encoding="utf-8", errors="replace") if file else ""
    except OSError:
        text = ""
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            lines.append((str(entry["blank"]), str(entry["status"])))
        except (ValueError, TypeError, KeyError):
            continue
    return lines


def table():
    """Lesson by lesson, what is passed: a text table with points."""
    checks = history()
    passed = {name for name, status in checks if status == "passed"}
    tried = {name for name, status in checks if status == "failed"}
    rows, have, total = [("blank", "state", "points")], 0, 0
    for blanks in exercises.lessons().values():
        for blank in blanks:
            state = "passed" if blank.name in passed else "tried" if blank.name in tried else "-"
            points = blank.points if state == "passed" else 0
            have, total = have + points, total + blank.points
            rows.append((blank.name, state, f"{points} of {blank.points}"))
    rows.append(("all", "", f"{have} of {total}"))
    width = max(len(row[0]) for row in rows)
    return "\n".join(f"{name:<{width}}  {state:<7} {points}".rstrip() for name, state, points in rows)


def main(argv=()):
    """`python3 -m course progress`: prints the table."""
    if argv:
        print(f"course progress takes no arguments, got: {' '.join(argv)}")
        return 2
    print(table())
    return 0
