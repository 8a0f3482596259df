"""Grades in the form that Canvas and Moodle import, with or without a roster.

A roster is the file that the platform itself exports: Canvas' gradebook, or the grading worksheet of a Moodle
assignment. Its rows keep the platform's own ids, so the import finds every learner; the points are filled in, and
all else stays as it came. Without one, the ids are those that the platform put into the names of what was handed
in (`Result.platform_id`): Canvas' column ID, and the number in Moodle's Identifier. Where there are none, the
learner's name stands where the platform looks for a name: Canvas then goes by login or name, and Moodle's worksheet
needs the Identifier filled in by hand.

A learner of the results is found in a roster by the platform's id, else by id, login, mail address or name, whatever
the case, spaces and punctuation. Folder names such as "doejane_12345" or "Jane Doe_12345", as the platforms make
them, match where both the name and the number do. Whoever matches two rows, or none, is left out and told of.
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
_OF_MOODLE = "_assignsubmission_"  # in a source: the number in it is Moodle's, not Canvas'


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
        ids = _ids(chosen, moodle=False)
        for learner in learners:
            name, number = clean(learner), ids.get(learner, "")
            points = [_points(chosen, lesson, learner) for lesson in chosen]
            rows.append((name, number, "", "" if number or " " in name else name, "", *points))
        return csv_bytes(rows, mark=False), []
    header, body = _read(roster, "Canvas' gradebook export", CANVAS[:2])
    columns = {lesson: _column(header, lesson) for lesson in chosen}
    keep = [i for i, name in enumerate(header) if name in (*CANVAS, "Integration ID", "Root Account")]
    people = [row for row in body if "Points Possible" not in row[0] and any(row[i].strip() for i in keep)]
    matched, notes = _match(learners, people, header, _CANVAS_IDS, _CANVAS_NAMES, _ids(chosen, moodle=False))
    for lesson in (lesson for lesson, column in columns.items() if column is None):
        notes.append(f"the gradebook has no assignment {lesson}: Canvas will offer to make one")
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
        rows, ids = [MOODLE], _ids(chosen, moodle=True)
        for learner in learners:
            name, identifier = clean(learner), f"Participant {ids[learner]}" if learner in ids else ""
            mail, points = name if "@" in name else "", _points(chosen, lesson, learner)
            rows.append((identifier, name, mail, "", points, out_of, "Yes", "", "", ""))
        nameless = count(len(learners) - len(ids), "row")
        note = f"{nameless} without an Identifier, which Moodle passes over: fill in the worksheet that Moodle exports"
        return csv_bytes(rows, mark=False), [note] if len(ids) < len(learners) else []
    header, people = _read(roster, "Moodle's grading worksheet", ("Identifier", "Grade"))
    matched, notes = _match(learners, people, header, _MOODLE_IDS, _MOODLE_NAMES, _ids(chosen, moodle=True))
    grade = header.index("Grade")
    most = {row[header.index("Maximum grade")] for row in people} if "Maximum grade" in header else set()
    if any(re.fullmatch(r"[\d.,]+", value) and float(value.replace(",", ".")) != out_of for value in most):
        notes.append(f"Moodle's maximum grade is {clean(', '.join(sorted(most)), 60)}, the lesson has {out_of} points")
    for k, learner in matched.items():
        people[k][grade] = str(_points(chosen, lesson, learner))
    return csv_bytes([header, *people], mark=False), notes


def _points(chosen, lesson, learner):
    result = chosen[lesson].get(learner)
    return "" if result is None else result.points


def _ids(chosen, moodle):
    """{learner: the platform's id} of those whose files' names held one."""
    return {
        learner: result.platform_id
        for found in chosen.values()
        for learner, result in found.items()
        if result.platform_id and moodle == (_OF_MOODLE in result.source)
    }


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
    """The column of an assignment: "08_adam" or "08 Adam", with or without Canvas' id behind it."""
    for i, name in enumerate(header):
        if _squash(re.sub(r"\s*\(\d+\)$", "", name)) == _squash(lesson):
            return i
    return None


def _squash(text):
    """A name without case, accents' spelling, spaces and punctuation."""
    return "".join(x for x in unicodedata.normalize("NFKC", text).casefold() if x.isalnum())


def _match(learners, rows, header, ids, names, numbers):
    """({index of a row: learner}, [notes on learners that match no row, or more than one]).

    numbers: {learner: the platform's id}
    """
    by_id, by_name, by_number = {}, {}, {}
    for k, row in enumerate(rows):
        for i, column in enumerate(header):
            if column in ids and row[i].strip():
                by_id.setdefault(row[i].strip().casefold(), set()).add(k)
                number = re.search(r"\d+$", row[i].strip()) if column in ("ID", "Identifier") else None
                if number:
                    by_number.setdefault(number[0], set()).add(k)
                    by_id.setdefault(number[0], set()).add(k)
            if column in names and row[i].strip():
                last, comma, rest = row[i].partition(",")
                for spelling in {row[i], rest + last if comma else row[i]}:
                    by_name.setdefault(_squash(spelling), set()).add(k)
    found, lost, doubtful = {}, [], []
    for learner in learners:
        hits = by_number.get(numbers.get(learner)) or by_id.get(learner.strip().casefold())
        hits = hits or by_name.get(_squash(learner)) or set()
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
