"""All files of a class's results, written into one folder."""

from dataclasses import dataclass, field
from pathlib import Path

from course.grading.reports import pages, platforms, table
from course.grading.reports.files import CHANGED, NEW, SAME, put
from course.grading.reports.gradescope import VISIBILITIES, gradescope
from course.grading.reports.junit import junit
from course.grading.reports.names import file_name
from course.grading.reports.summary import ordered, summarize
from course.grading.reports.text import clean, count


@dataclass(frozen=True)
class Options:
    """What is written beside the files that always are.

    canvas, moodle  also write canvas.csv, moodle/LESSON.csv
    canvas_roster   Canvas' own gradebook export, whose rows are filled in; implies canvas
    moodle_roster   the grading worksheet that Moodle gave for the one lesson that is graded; implies moodle
    visibility      when Gradescope shows the tests to the learner; one of gradescope.VISIBILITIES
    """

    canvas: bool = False
    moodle: bool = False
    canvas_roster: Path | None = None
    moodle_roster: Path | None = None
    visibility: str = "visible"


@dataclass
class Written:
    """What `write` did, in paths below its folder: files that are new, changed, and the same as before.

    left_over  pages of learners who are not in these results; nothing was deleted
    notes      what the lecturer should know, in words
    """

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check(options):
    """Raises as `write` would for a roster that is none or cannot be read, before a class is graded."""
    platforms.canvas([], _read(options.canvas_roster))
    platforms.moodle([], "", _read(options.moodle_roster))


def write(results, out, options=None, ignored=()):
    """Writes every file of the Results into the folder `out`, which is made where it is missing. Returns Written.

    ignored: [(source, why)] of what was handed in and belongs to nobody's Result.

    Each file is written whole or not at all; one whose bytes are the same is left untouched, and none is
    deleted. Raises ValueError for a wrong option or a roster that is none (before anything is written), and
    OSError where a file cannot be written.
    """
    options, results, out = options or Options(), ordered(results), Path(out)
    if options.visibility not in VISIBILITIES:
        raise ValueError(f"visibility: got {options.visibility!r}, expected one of {', '.join(VISIBILITIES)}")
    written = Written()
    extra = dict(_platforms(results, options, written.notes))
    found = {NEW: written.new, CHANGED: written.changed, SAME: written.same}
    expected = set()
    for name, data in _files(results, options, extra, ignored, written.notes):
        expected.add(name)
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        found[put(path, data)].append(name)
    for folder, ending in (("feedback", ".html"), ("gradescope", ".json")):
        there = {f"{folder}/{path.name}" for path in (out / folder).glob(f"*{ending}") if not path.name.startswith(".")}
        written.left_over += sorted(there - expected)
    return written


def _files(results, options, extra, ignored, notes):
    """(name, bytes) of each file: the learners' first, the report last, so that its links lead somewhere."""
    learners = {}
    for result in results:
        learners.setdefault(result.learner, []).append(result)
    for learner, own in sorted(learners.items()):
        stem = file_name(learner)
        yield f"feedback/{stem}.html", pages.feedback(own)
        yield f"gradescope/{stem}.json", gradescope(own, options.visibility)
    summary = summarize(results, _meaning)
    yield "grades.csv", table.csv_bytes(table.grades(results))
    yield "blanks.csv", table.csv_bytes(table.blanks(results))
    yield "mistakes.csv", table.csv_bytes(table.mistakes(summary.lessons))
    yield "attention.csv", table.csv_bytes(table.attention(summary.attention))
    yield "ignored.csv", table.csv_bytes(table.ignored(ignored))
    yield "junit.xml", junit(results)
    yield from extra.items()
    yield "report.html", pages.report(summary, ignored, notes)


def _platforms(results, options, notes):
    given = options.canvas or options.canvas_roster or options.moodle or options.moodle_roster
    untold = sorted({result.learner for result in results if not result.lesson})
    if given and untold:
        shown = ", ".join(clean(learner, 60) for learner in untold[:10]) + ", ..." * (len(untold) > 10)
        notes.append(f"{count(len(untold), 'submission')} of a lesson that could not be told, in no file for Canvas or "
                     f"Moodle: {shown}; --lesson LESSON takes all for one lesson")  # fmt: skip
    if options.canvas or options.canvas_roster:
        data, said = platforms.canvas(results, _read(options.canvas_roster))
        notes += [f"canvas.csv: {note}" for note in said]
        yield "canvas.csv", data
    lessons = sorted({result.lesson for result in results} - {""})
    if options.moodle_roster and len(lessons) != 1:
        raise ValueError(
            f"moodle-roster: got results of {len(lessons)} lessons ({', '.join(map(clean, lessons))}), expected one: "
            "a worksheet belongs to one assignment; grade lesson by lesson"
        )
    if options.moodle or options.moodle_roster:
        for lesson in lessons:
            data, said = platforms.moodle(results, lesson, _read(options.moodle_roster))
            name = f"moodle/{file_name(lesson)}.csv"
            notes += [f"{name}: {note}" for note in said]
            yield name, data


def _read(roster):
    if roster is None:
        return None
    try:
        return Path(roster).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{roster} is not UTF-8; expected the file as the platform exported it") from None


def _meaning(blank, mistake):
    """What a known mistake is, in the words of its definition; "" where there is no such blank or mistake."""
    from course import exercises

    try:
        return next((known.says for known in exercises.find(blank).mistakes if known.name == mistake), "")
    except ValueError:
        return ""
