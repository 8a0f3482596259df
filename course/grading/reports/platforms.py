"""Grades in the form that Canvas and Moodle import, with or without a roster.

A roster is the file that the platform itself exports: Canvas' gradebook, or the grading worksheet of a Moodle
assignment. Its rows keep the platform's own ids, so the import finds every learner; the points are filled in, and
all else stays as it came. Without one, the learner's name stands where the platform looks for a name, and the
ids stay empty: Canvas then goes by login or name, and Moodle's worksheet needs the Identifier filled in by hand.

A learner of the results is found in a roster by id, login, mail address or name, whatever the case, spaces and
punctuation. Folder names such as "doejane_12345" or "Jane Doe_12345", as the platforms make them, match where both
the name and the number do. Whoever matches two rows, or none, is left out and told of.
"""

import csv
import io
import re
import unicodedata

from course.grading.reports.summary import best
from course.grading.reports.table import csv_bytes
from course.grading.reports.text import clean, count

CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
MOODLE = (
    *("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade", "Grade can be changed"),
    *("Last modified (submission)", "Last modified (grade)", "Feedback comments"),
)
_CANVAS_IDS, _CANVAS_NAMES = ("ID", "SIS User ID", "SIS Login ID", "Integration ID"), ("Student",)
_MOODLE_IDS = ("Identifier", "ID number", "Username", "Email address")
_MOODLE_NAMES = ("Full name",)


def canvas(results, roster=None):
    """canvas.csv: a column of points for each lesson. Returns (bytes, [what a lecturer should know]).

    roster: the text of Canvas' gradebook export; a column of its own named as the lesson, with Canvas' id behind
    it as in "08_adam (4711)", is filled in. Raises ValueError where it is no such export.
    """
    chosen = {lesson: found for lesson, found in best(results).items() if lesson}
    out_of = {lesson: max(result.out_of for result in found.values()) for lesson, found in chosen.items()}
    learners = sorted({learner for found in chosen.values() for learner in found})
    if roster is None:
        rows = [(*CANVAS, *chosen), ("    Points Possible", "", "", "", "", *out_of.values())]
        for learner in learners:
            name = clean(learner)
            points = [_points(chosen, lesson, learner) for lesson in chosen]
            rows.append((name, "", "", "" if " " in name else name, "", *points))
        return csv_bytes(rows, mark=False), []
    header, body = _read(roster, "Canvas' gradebook export", CANVAS[:2])
    columns = {lesson: _column(header, lesson) for lesson in chosen}
    keep = [i for i, name in enumerate(header) if name in (*CANVAS, "Integration ID", "Root Account")]
    people = [row for row in body if "Points Possible" not in row[0] and any(row[i].strip() for i in keep)]
    matched, notes = _match(learners, people, header, _CANVAS_IDS, _CANVAS_NAMES)
    rows = [
        [
            *(header[i] for i in keep),
            *(header[column] if column is not None else lesson for lesson, column in columns.items()),
        ],
        ["    Points Possible", *[""] * (len(keep) - 1), *out_of.values()],
    ]
    for k, row in enumerate(people):
        old = ["" if column is None else row[column] for column in columns.values()]
        new = [_points(chosen, lesson, matched[k]) if k in matched else "" for lesson in chosen]
        rows.append([*(row[i] for i in keep), *(b if b != "" else a for a, b in zip(old, new, strict=True))])
    return csv_bytes(rows, mark=False), notes


def moodle(results, lesson, roster=None):
    """moodle/LESSON.csv: the grading worksheet of one lesson's assignment. Returns (bytes, [notes]).

    roster: the text of the worksheet that Moodle gave for this assignment. Raises ValueError where it is none.
    """
    chosen = {lesson: best(results).get(lesson, {})}
    out_of = max((result.out_of for result in chosen[lesson].values()), default=0)
    learners = sorted(chosen[lesson])
    if roster is None:
        rows = [MOODLE]
        for learner in learners:
            name = clean(learner)
            rows.append(
                ("", name, name if "@" in name else "", "", _points(chosen, lesson, learner), out_of, "Yes", "", "", "")
            )
        note = "moodle: without a worksheet from Moodle the column Identifier is empty, and Moodle refuses such rows"
        return csv_bytes(rows, mark=False), [note] if learners else []
    header, people = _read(roster, "Moodle's grading worksheet", ("Identifier", "Grade"))
    matched, notes = _match(learners, people, header, _MOODLE_IDS, _MOODLE_NAMES)
    grade = header.index("Grade")
    for k, learner in matched.items():
        people[k][grade] = str(_points(chosen, lesson, learner))
    return csv_bytes([header, *people], mark=False), notes


def _points(chosen, lesson, learner):
    result = chosen[lesson].get(learner)
    return "" if result is None else result.points


def _read(text, what, needed):
    """(header, rows of its length). Raises ValueError unless the first row has the needed columns."""
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise ValueError(f"the roster is not {what}: it cannot be read as CSV ({error})") from None
    header = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in needed if name not in header]
    if missing:
        seen = clean(", ".join(header), 200) or "nothing"
        raise ValueError(
            f"the roster is not {what}: its first row has {seen}; expected the columns {', '.join(needed)}"
        )
    return header, [(row + [""] * len(header))[: len(header)] for row in rows[1:] if any(row)]


def _column(header, lesson):
    """The column of an assignment: "08_adam", or with Canvas' id behind it."""
    for i, name in enumerate(header):
        if re.sub(r"\s*\(\d+\)$", "", name) == lesson:
            return i
    return None


def _squash(text):
    """A name without case, accents' spelling, spaces and punctuation."""
    return "".join(x for x in unicodedata.normalize("NFKC", text).casefold() if x.isalnum())


def _match(learners, rows, header, ids, names):
    """({index of a row: learner}, [notes on learners that match no row, or more than one])."""
    by_id, by_name = {}, {}
    for k, row in enumerate(rows):
        for i, column in enumerate(header):
            if column in ids and row[i].strip():
                by_id.setdefault(row[i].strip().casefold(), set()).add(k)
                number = re.search(r"\d+$", row[i]) if column == "Identifier" else None
                if number:
                    by_id.setdefault(number[0], set()).add(k)
            if column in names and row[i].strip():
                last, comma, rest = row[i].partition(",")
                for spelling in {row[i], rest + last if comma else row[i]}:
                    by_name.setdefault(_squash(spelling), set()).add(k)
    found, lost, doubtful = {}, [], []
    for learner in learners:
        hits = by_id.get(learner.strip().casefold()) or by_name.get(_squash(learner)) or set()
        parts = re.fullmatch(r"(.+?)_(?:LATE_)?(\d+)(?:_.*)?", learner, re.DOTALL)
        if not hits and parts:
            hits = by_id.get(parts[2], set()) & by_name.get(_squash(parts[1]), set())
        if len(hits) == 1 and not hits & found.keys():
            found[hits.copy().pop()] = learner
        else:
            (doubtful if hits else lost).append(learner)
    notes = []
    for people, what in (
        (lost, "not in the roster"),
        (doubtful, "matching more than one row, or a row already filled"),
    ):
        if people:
            shown = ", ".join(clean(learner, 60) for learner in people[:10]) + (", ..." if len(people) > 10 else "")
            notes.append(f"{count(len(people), 'learner')} {what}, left out: {shown}")
    return found, notes
