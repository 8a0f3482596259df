"""What a learner has passed so far: one line per check in .progress.jsonl, which git ignores.

Lines are only ever appended, so that nothing is lost when two notebooks check at once or the
machine stops in the middle; a broken last line is passed over.
"""

import argparse
import json
import os
from pathlib import Path

from course import exercises


def path():
    """The file, or None where nothing is to be recorded.

    COURSE_PROGRESS names another file; 0 records nothing. In solutions/ nothing is recorded either.
    """
    name = os.environ.get("COURSE_PROGRESS", "")
    try:
        folder = Path.cwd().name
    except OSError:  # the working folder was deleted
        folder = ""
    if name == "0" or folder == "solutions":
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
        with open(file, "ab+") as out:
            out.seek(max(0, out.tell() - 1))
            torn = out.read(1) not in (b"", b"\n")  # the machine stopped in the middle of the last line
            line = json.dumps({"blank": blank, "status": status})
            out.write(("\n" * torn + line + "\n").encode())
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


def table(lesson=None):
    """What is passed, as a text table with points: of one lesson, or of all."""
    checks = history()
    passed = {name for name, status in checks if status == "passed"}
    tried = {name for name, status in checks if status == "failed"}
    rows, have, total = [("blank", "state", "points")], 0, 0
    for blanks in [exercises.blanks(lesson)] if lesson else exercises.lessons().values():
        for blank in blanks:
            state = "passed" if blank.name in passed else "tried" if blank.name in tried else "-"
            points = blank.points if state == "passed" else 0
            have, total = have + points, total + blank.points
            rows.append((blank.name, state, f"{points} of {blank.points}"))
    rows.append(("all", "", f"{have} of {total}"))
    width = max(len(row[0]) for row in rows)
    return "\n".join(f"{name:<{width}}  {state:<7} {points}".rstrip() for name, state, points in rows)


def main(argv=()):
    """Print which exercises are solved, with points."""
    parser = argparse.ArgumentParser(prog="python3 -m course progress", description=main.__doc__.splitlines()[0])
    parser.parse_args(list(argv))
    print(table())
    return 0
