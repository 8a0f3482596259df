"""The two pages: feedback for one learner, and the report for the lecturer."""

import statistics
from functools import cache
from pathlib import Path
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from course.grading.model import CRASHED, FAILED, MEMORY, PASSED, RAISED, TIMEOUT, UNREAD, UNWRITTEN
from course.grading.reports import palette
from course.grading.reports.histogram import histogram, number
from course.grading.reports.names import file_name
from course.grading.reports.summary import best
from course.grading.reports.text import clean, count, lines, marked, title

COURSE = "Optimization for deep learning"
# What report.html shows at most; the CSV files hold all of it.
MOST_ATTENTION, MOST_LEARNERS, MOST_LESSONS, MOST_BLANKS, MOST_IGNORED = 60, 200, 30, 40, 40
MOST_MISTAKES = 25  # of one lesson; 10 where there are several

_FOLDER = Path(__file__).with_name("templates")
# status: a sign, in words to the learner, in words to the lecturer
_WORDS = {
    PASSED: ("✓", "passed", "passed"),
    FAILED: ("✗", "not yet right", "wrong"),
    UNWRITTEN: ("○", "not written yet", "not written"),
    RAISED: ("!", "stopped with an error", "raised an error"),
    CRASHED: ("!", "crashed", "crashed"),
    TIMEOUT: ("!", "ran out of time", "out of time"),
    MEMORY: ("!", "ran out of memory", "out of memory"),
    UNREAD: ("?", "could not be read", "not read"),
}
_TIERS = {
    "bubblewrap": (False, "Sandbox: bubblewrap ({}). Own processes, no network, the system read-only."),
    "landlock": (
        False,
        "Sandbox: Landlock ({}). Files are guarded; it does not end processes that outlive their notebook.",
    ),
    "none": (True, "Not sandboxed: {} ran with the rights of whoever graded. Look at the code before you trust these."),
    "": (False, "Nothing was run: {}, which could not be read or held no answer."),
}


@cache
def _environment():
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    found.filters.update(
        marked=marked,
        count=count,
        points=lambda value: count(value, "point"),
        breakable=lambda name: Markup("_<wbr>").join(escape(part) for part in name.split("_")),
    )
    found.globals.update(course=COURSE, share=_share)
    return found


@cache
def _page(name):
    """(template, its style sheet) of a page; the sheet is course text and stands in the page as it is."""
    css = palette.variables() + "".join((_FOLDER / f"{part}.css").read_text("utf-8") for part in ("base", name))
    return _environment().get_template(f"{name}.html"), Markup(css)


def _share(part, whole):
    """A share in percent, as text; 99.96 % is not shown as all, nor 0.04 % as nothing."""
    if not whole or part <= 0:
        return "0"
    exact = 100 * part / whole
    return number(min(exact, 99.9) if part < whole else exact) if exact >= 0.1 else "0.1"


def feedback(results):
    """The bytes of one learner's page. results: those of this learner, in the order of the page.

    The total counts each lesson once, with the best of its submissions.
    """
    chosen = {lesson: found[results[0].learner] for lesson, found in best(results).items()}
    several = [result.lesson for result in results]
    template, css = _page("feedback")
    text = template.render(
        css=css,
        name=clean(results[0].learner, 200),
        points=sum(result.points for result in chosen.values()),
        out_of=sum(result.out_of for result in chosen.values()),
        lessons=[
            _lesson(result, several.count(result.lesson) > 1, chosen[result.lesson] is result) for result in results
        ],
    )
    return text.encode()


def _lesson(result, several, counts):
    said = f"You handed in this lesson more than once: this one {'counts' if counts else 'does not count'}."
    return {
        "title": title(result.lesson),
        "points": result.points,
        "out_of": result.out_of,
        "several": said if several and result.lesson else "",
        "problem": lines((result.problem,)),
        "notes": lines(result.notes),
        "digest": clean(result.digest[:12]),
        "marks": [_mark(mark) for mark in result.marks],
    }


def _mark(mark):
    sign, words, _ = _WORDS.get(mark.status, _WORDS[FAILED])
    return {
        "function": clean(mark.blank.rpartition(".")[2], 100),
        "status": mark.status if mark.status in _WORDS else FAILED,
        "passed": mark.status == PASSED,
        "sign": sign,
        "words": words,
        "points": mark.points,
        "out_of": mark.out_of,
        "lines": lines(mark.lines),
        "mistake": clean((mark.mistake or "").replace("_", " "), 100),
        "hint": " ".join(lines((mark.hint,))),
    }


def report(summary, ignored=(), notes=()):
    """The bytes of report.html for a Summary. Its size is bounded, whatever the class.

    ignored  [(source, why)] of what was passed over
    notes    what else the lecturer should know, in words
    """
    template, css = _page("report")
    totals = summary.totals
    of_lessons = {}
    for result in summary.results:
        of_lessons.setdefault(result.learner, set()).add(result.lesson)
    most = MOST_MISTAKES if len(summary.lessons) == 1 else 10
    text = template.render(
        css=css,
        graded=len(summary.results),
        unread=sum(bool(result.problem) for result in summary.results),
        notes=[clean(note, 800) for note in notes],
        ignored=[(clean(source, 200), clean(why, 400)) for source, why in ignored[:MOST_IGNORED]],
        ignored_more=max(0, len(ignored) - MOST_IGNORED),
        learners=len(totals),
        lessons_found=len(summary.lessons),
        out_of=summary.out_of,
        median=number(statistics.median(totals.values())) if totals else "0",
        tiers=[_tier(tier, n) for tier, n in sorted(summary.tiers.items(), key=lambda x: x[0] != "none")],
        attention_total=len(summary.attention),
        attention=[_entry(entry) for entry in summary.attention[:MOST_ATTENTION]],
        attention_more=max(0, len(summary.attention) - MOST_ATTENTION),
        histogram=histogram(summary),
        lessons=[_overview(lesson, most) for lesson in summary.lessons[:MOST_LESSONS]],
        lessons_more=max(0, len(summary.lessons) - MOST_LESSONS),
        people=[
            {"name": clean(learner, 200), "link": _link(learner), "points": totals[learner], "lessons": len(found)}
            for learner, found in sorted(of_lessons.items())[:MOST_LEARNERS]
        ],
        people_more=max(0, len(of_lessons) - MOST_LEARNERS),
    )
    return text.encode()


def _tier(tier, number_of):
    warning, words = _TIERS.get(tier, (True, f"Sandbox: {clean(tier, 100)} ({{}})."))
    return warning, words.format(count(number_of, "submission"))


def _link(learner):
    """The address of a feedback page as seen from report.html."""
    return f"feedback/{quote(file_name(learner))}.html"


def _entry(entry):
    result = entry.result
    return {
        "name": clean(result.learner, 200),
        "link": _link(result.learner),
        "lesson": title(result.lesson),
        "points": result.points,
        "out_of": result.out_of,
        "reasons": entry.reasons,
    }


def _overview(lesson, most):
    learners = len(lesson.points)
    blanks = lesson.blanks[:MOST_BLANKS]
    statuses = [status for status in _WORDS if any(blank.counts.get(status) for blank in blanks)]
    largest = max((max(row.counts) for row in lesson.mistakes), default=0)
    return {
        "title": title(lesson.lesson),
        "says": f"{count(learners, 'learner')}: median {number(lesson.median)} of {count(lesson.out_of, 'point')}, "
        f"mean {number(lesson.mean)}; {_share(lesson.full, learners)} % passed every blank.",
        "learners": learners,
        "median": number(lesson.median),
        "mean": number(lesson.mean),
        "out_of": lesson.out_of,
        "full": _share(lesson.full, learners),
        "legend": [(status, _WORDS[status][2]) for status in statuses],
        "blanks": [_bar(blank) for blank in blanks],
        "mistakes": [_row(row, largest) for row in lesson.mistakes[:most]],
        "mistakes_more": max(0, len(lesson.mistakes) - most),
    }


def _bar(blank):
    parts = []
    for status, (_, _, words) in _WORDS.items():
        found = blank.counts.get(status, 0)
        if found:
            wide = found / blank.total > 0.012 * len(f"{found:,}") + 0.008  # the number fits into its part
            parts.append(
                {"status": status, "number": found, "title": f"{words}: {found:,}", "shown": f"{found:,}" * wide}
            )
    label = f"{blank.function}: " + ", ".join(part["title"] for part in parts)
    percent = _share(blank.passed, blank.total)
    return {"function": blank.function, "percent": percent, "parts": parts, "label": label}


def _row(row, largest):
    levels = len(palette.HEAT)
    cells = [{"number": n, "level": -(-levels * n // largest) if n else 0} for n in row.counts[:MOST_BLANKS]]
    return {"name": row.name.replace("_", " "), "meaning": row.meaning, "cells": cells}
