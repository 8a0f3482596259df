"""The CSV files: what a lecturer opens in a spreadsheet.

`grades.csv` has a row for each submission and `blanks.csv` one for each blank of it. Both are long tables:
their columns are the same for one lesson as for fifteen, whose 73 blanks side by side would be a sheet that is
mostly empty, and a spreadsheet's filter and pivot table want them so.

They are UTF-8 with a byte-order mark, without which Excel reads names wrongly. A cell that a spreadsheet would
take for a formula gets an apostrophe in front; see `cell`.
"""

import csv
import io
import re

from course.grading.model import PASSED
from course.grading.reports.names import file_name
from course.grading.reports.text import clean, lines

_FORMULA = re.compile(r"[=+\-@\t\r\n'\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[-+]?[0-9.,]*%?")


def cell(value):
    """A value as the text of a cell that no spreadsheet computes.

    Text that starts with = + - @, their full-width forms, a tab, a line break or an apostrophe gets an
    apostrophe in front, unless it is a number or a lone "-". Whoever reads the file takes one leading apostrophe
    away and has the text again.
    """
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return "'" + text if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def csv_bytes(rows, mark=True):
    """Rows as CSV in UTF-8: commas, CRLF, quotes where needed. mark: with a byte-order mark, as Excel needs it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig" if mark else "utf-8")


def percent(points, out_of):
    """Points as a percentage with one decimal, as text; "" where there are none to be had."""
    return f"{100 * points / out_of:.1f}" if out_of else ""


def state(result):
    """A submission in a word: "unread", "passed" (every blank), "partly" (some points) or "failed"."""
    if result.problem or not result.marks:
        return "unread"
    if all(mark.status == PASSED for mark in result.marks):
        return "passed"
    return "partly" if result.points else "failed"


def grades(results):
    """The rows of grades.csv."""
    yield (
        *("learner", "lesson", "points", "out_of", "percent", "status", "passed", "blanks"),
        *("problem", "flags", "notes", "sandbox", "source", "sha256", "feedback"),
    )
    for result in results:
        yield (
            *(clean(result.learner), clean(result.lesson), result.points, result.out_of),
            *(percent(result.points, result.out_of), state(result)),
            *(sum(mark.status == PASSED for mark in result.marks), len(result.marks)),
            *(" | ".join(map(clean, texts)) for texts in ((result.problem,), result.flags, result.notes)),
            *(result.sandbox, clean(result.source), result.digest, f"feedback/{file_name(result.learner)}.html"),
        )


def blanks(results):
    """The rows of blanks.csv."""
    yield "learner", "lesson", "blank", "status", "points", "out_of", "mistake", "message"
    for result in results:
        for mark in result.marks:
            yield (
                *(clean(result.learner), clean(result.lesson), clean(mark.blank.rpartition(".")[2]), mark.status),
                *(mark.points, mark.out_of, clean(mark.mistake or ""), " | ".join(lines(mark.lines))),
            )


def mistakes(lessons):
    """The rows of mistakes.csv, from the summary's lessons: the most common first within each."""
    yield "lesson", "blank", "mistake", "learners", "of", "meaning"
    for lesson in lessons:
        for row in lesson.mistakes:
            for blank, number in zip(lesson.blanks, row.counts, strict=True):
                if number:
                    yield lesson.lesson, blank.function, row.name, number, blank.total, row.meaning


def ignored(passed_over):
    """The rows of ignored.csv, from [(source, why)]."""
    yield "source", "why"
    for source, why in passed_over:
        yield clean(source), clean(why)


def attention(entries):
    """The rows of attention.csv, from the summary's entries."""
    yield "learner", "lesson", "why", "points", "out_of", "source", "feedback"
    for entry in entries:
        result = entry.result
        yield (
            *(clean(result.learner), clean(result.lesson), " | ".join(entry.reasons), result.points, result.out_of),
            *(clean(result.source), f"feedback/{file_name(result.learner)}.html"),
        )
