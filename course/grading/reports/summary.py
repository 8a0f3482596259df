"""The class in numbers: what report.html, mistakes.csv and attention.csv are made from."""

import math
import statistics
from collections import Counter
from dataclasses import dataclass

from course.grading.model import CRASHED, MEMORY, PASSED, STATUSES, TIMEOUT, Result
from course.grading.reports.text import clean, count

MOST_BARS = 20  # of the distribution of points
MOST_FLAGS = 6  # of one submission in the list for a person
_STOPPED = {CRASHED: "crashed", TIMEOUT: "ran out of time", MEMORY: "ran out of memory"}


@dataclass(frozen=True)
class BlankSummary:
    """How the class did at one blank. counts: learners by status, in the order of STATUSES."""

    function: str
    out_of: int
    counts: dict[str, int]

    @property
    def total(self):
        return sum(self.counts.values())

    @property
    def passed(self):
        return self.counts[PASSED]


@dataclass(frozen=True)
class MistakeRow:
    """A known mistake: its name, what it means ("" where nobody knows), learners for each blank of the lesson."""

    name: str
    meaning: str
    counts: tuple[int, ...]

    @property
    def total(self):
        return sum(self.counts)


@dataclass(frozen=True)
class LessonSummary:
    """One lesson: each learner once, with the best of several submissions. points: sorted, one for each learner."""

    lesson: str
    out_of: int
    points: tuple[int, ...]
    full: int
    blanks: tuple[BlankSummary, ...]
    mistakes: tuple[MistakeRow, ...]

    @property
    def mean(self):
        return statistics.fmean(self.points)

    @property
    def median(self):
        return statistics.median(self.points)


@dataclass(frozen=True)
class Attention:
    """A submission that a person should look at, and why, the gravest reason first."""

    result: Result
    reasons: tuple[str, ...]
    weight: int


@dataclass(frozen=True)
class Bar:
    """Learners whose points are from `low` to `high`, both included."""

    low: int
    high: int
    learners: int


@dataclass(frozen=True)
class Summary:
    """The class.

    totals  {learner: points over all lessons}
    out_of  the points of all lessons that anyone handed in
    """

    results: tuple[Result, ...]
    totals: dict[str, int]
    out_of: int
    lessons: tuple[LessonSummary, ...]
    tiers: dict[str, int]
    attention: tuple[Attention, ...]

    def bars(self):
        """The distribution of the learners' points, in at most MOST_BARS + 1 Bars of one width; none without points."""
        if not self.out_of:
            return []
        width = math.ceil((self.out_of + 1) / MOST_BARS) if self.out_of > MOST_BARS else 1
        found = Counter(points // width for points in self.totals.values())
        return [
            Bar(k * width, min((k + 1) * width - 1, self.out_of), found[k]) for k in range(self.out_of // width + 1)
        ]


def ordered(results):
    """The Results as a list, sorted by lesson, learner and source: in every file they come in this order."""
    return sorted(results, key=lambda result: (result.lesson, result.learner, result.source, result.digest))


def best(results):
    """{lesson: {learner: Result}}: of several submissions the one with the most points, then the first by source."""
    chosen = {}
    for result in ordered(results):
        of_lesson = chosen.setdefault(result.lesson, {})
        other = of_lesson.get(result.learner)
        if other is None or result.points > other.points:
            of_lesson[result.learner] = result
    return dict(sorted(chosen.items()))


def summarize(results, meaning=lambda blank, mistake: ""):
    """The Summary of Results. meaning: (blank, mistake) -> what the mistake is, in words."""
    chosen = best(results)
    totals = Counter({result.learner: 0 for result in results})
    lessons, out_of = [], 0
    for lesson, of_lesson in chosen.items():
        for learner, result in of_lesson.items():
            totals[learner] += result.points
        if lesson:
            lessons.append(_lesson(lesson, list(of_lesson.values()), meaning))
            out_of += lessons[-1].out_of
    tiers = Counter(result.sandbox for result in results)
    return Summary(
        tuple(results), dict(totals), out_of, tuple(lessons), dict(sorted(tiers.items())), tuple(_attention(results))
    )


def _lesson(lesson, results, meaning):
    marks = {}  # name of the blank -> its marks, in the order of the lesson
    for result in sorted(results, key=lambda result: -len(result.marks)):
        for mark in result.marks:
            marks.setdefault(mark.blank, []).append(mark)
    blanks, named = [], {}
    for column, (name, of_blank) in enumerate(marks.items()):
        statuses = Counter(mark.status for mark in of_blank)
        blanks.append(
            BlankSummary(
                clean(name.rpartition(".")[2], 80),
                max(mark.out_of for mark in of_blank),
                {status: statuses[status] for status in (*STATUSES, *sorted(set(statuses) - set(STATUSES)))},
            )
        )
        for mistake, number in sorted(Counter(mark.mistake for mark in of_blank if mark.mistake).items()):
            row = named.setdefault(mistake, ([0] * len(marks), name))
            row[0][column] = number
    rows = [
        MistakeRow(clean(mistake, 80), clean(meaning(blank, mistake), 300), tuple(counts))
        for mistake, (counts, blank) in named.items()
    ]
    return LessonSummary(
        lesson,
        sum(blank.out_of for blank in blanks),
        tuple(sorted(result.points for result in results)),
        sum(bool(result.marks) and all(mark.status == PASSED for mark in result.marks) for result in results),
        tuple(blanks),
        tuple(sorted(rows, key=lambda row: (-row.total, row.name))),
    )


def _attention(results):
    """Attention for whoever needs it, the gravest first. weight: 4 flags, 3 no reading it, 2 stopped, 1 doubtful."""
    handed_in = Counter((result.learner, result.lesson) for result in results)
    alike = {}
    for result in results:
        if result.digest and result.points:
            alike.setdefault((result.lesson, result.digest), set()).add(result.learner)
    found = []
    for result in results:
        reasons = [(4, clean(flag, 400)) for flag in result.flags[:MOST_FLAGS]]
        if len(result.flags) > MOST_FLAGS:
            reasons.append((4, f"{count(len(result.flags) - MOST_FLAGS, 'more flag')}: see grades.csv"))
        twins = sorted(alike.get((result.lesson, result.digest), set()) - {result.learner})
        if twins:
            named = ", ".join(clean(twin, 60) for twin in twins[:3]) + (", ..." if len(twins) > 3 else "")
            reasons.append((4, f"the same file, byte for byte, as {count(len(twins), 'other')}: {named}"))
        if result.problem:
            reasons.append((3, clean(result.problem, 400)))
        for status, words in _STOPPED.items():
            stopped = [clean(mark.blank.rpartition(".")[2], 80) for mark in result.marks if mark.status == status]
            if stopped:
                reasons.append((2, f"{words}: {', '.join(stopped)}"))
        if handed_in[result.learner, result.lesson] > 1:
            number = handed_in[result.learner, result.lesson]
            reasons.append((1, f"one of {number} submissions of this lesson; the best counts"))
        if result.sandbox == "none":
            reasons.append((0, "ran without a sandbox"))
        if reasons:
            found.append(Attention(result, tuple(text for _, text in reasons), max(weight for weight, _ in reasons)))
    return sorted(
        found, key=lambda entry: (-entry.weight, entry.result.lesson, entry.result.learner, entry.result.source)
    )
