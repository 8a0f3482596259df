"""The verdicts: what a blank's hidden inputs are, what the solution answers, and what an answer is worth.

All of it happens outside the learner's process, which has neither the secret nor the solution.
"""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from course import exercises
from course.authoring import derive
from course.check import wrong_numbers
from course.exercises.blank import BadAnswer, Blank, first_difference, play
from course.grading.model import CRASHED, FAILED, MEMORY, PASSED, RAISED, TIMEOUT, UNWRITTEN, Mark
from course.grading.runner import Question

FLOOR = 2.0  # seconds of CPU time that any answer may take
FACTOR = 50  # times the solution's own CPU time, where that is more


class NoReference(ValueError):
    """A lesson has no solution that could be the measure; the message says which and why."""


@dataclass(frozen=True)
class Reference:
    """A lesson as its release and its solution have it.

    handed_out  the exercise as learners were given it (a notebook)
    setup       the sources of its set-up and other given cells, which run before a learner's own
    functions   {blank's function: the solution's}
    """

    lesson: str
    blanks: tuple[Blank, ...]
    handed_out: object
    setup: tuple[str, ...]
    functions: dict


def reference(lesson, folder=None):
    """The Reference of a lesson, from its solution in folder (default: the course's solutions/). Raises NoReference."""
    path = Path(folder or exercises.ROOT / "solutions") / f"{lesson}.ipynb"
    if not path.is_file():
        raise NoReference(f"{lesson}: grading needs its solution, and there is no {path}")
    book = _book(path)
    handed_out = derive.exercise(book)
    namespace = derive.functions(book)
    blanks = exercises.blanks(lesson)
    functions = {blank.function: derive.function(namespace, blank) for blank in blanks}
    return Reference(lesson, blanks, handed_out, tuple(_given(handed_out)), functions)


def _book(path):
    """A notebook of the release, in format 4. nbformat, which a worker would keep 20 MB for, is not needed to read it."""
    try:
        cells = json.loads(path.read_bytes())["cells"]
        for cell in cells:
            cell["source"] = "".join(cell["source"])
        cells = [SimpleNamespace(**{"id": "", "metadata": {}, **cell}) for cell in cells]
        return SimpleNamespace(cells=[cell for cell in cells if cell.cell_type])
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise NoReference(f"{path}: not a notebook in format 4 ({type(error).__name__}: {error})") from None


def _given(handed_out):
    """The code that is handed out and not to be changed: set-up cells, and what a task shows."""
    for cell in handed_out.cells:
        graded = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and cell.id != "colab" and not (graded.get("solution") or graded.get("grade")):
            yield cell.source


def hidden(secret, lesson, learner, blank):
    """The generator of a learner's hidden inputs for a blank.

    HMAC-SHA256 of the secret: nobody without it can foresee them, no two learners have the same, and the
    same learner has the same ones again.
    """
    names = json.dumps([lesson, learner, blank, "inputs"]).encode("utf-8", "surrogatepass")
    return np.random.default_rng(int.from_bytes(hmac.digest(secret, names, hashlib.sha256), "big"))


@dataclass(frozen=True)
class Asked:
    """A blank with a learner's hidden inputs and what the solution answers."""

    blank: Blank
    calls: list[dict]
    expected: list
    question: Question


def ask(lesson: Reference, blank, learner, secret):
    """What a learner is asked for a blank: an Asked."""
    calls = blank.inputs(hidden(secret, lesson.lesson, learner, blank.name))
    began = time.process_time()
    expected = play(blank, lesson.functions[blank.function], calls)
    seconds = max(FLOOR, FACTOR * (time.process_time() - began))
    question = Question(blank.name, blank.function, blank.outputs, blank.chained, calls, seconds)
    return Asked(blank, calls, expected, question)


def mark(asked, outcome):
    """The Mark for what came back."""
    blank, hint = asked.blank, asked.blank.hints[0]
    if outcome.kind != "numbers":
        status, line = _no_numbers(blank, outcome)
        return Mark(blank.name, status, 0, blank.points, (line,), hint="" if status == UNWRITTEN else hint)
    try:
        difference = first_difference(blank, outcome.results, asked.expected)
    except BadAnswer as bad:
        return Mark(blank.name, FAILED, 0, blank.points, (str(bad),), hint=hint)
    if difference is None:
        what = f"{len(asked.calls)} {'steps' if blank.chained else 'cases'} with inputs of your own"
        return Mark(blank.name, PASSED, blank.points, blank.points, (what,))
    lines, mistake = wrong_numbers(blank, outcome.results, asked.calls, asked.expected, difference)
    return Mark(blank.name, FAILED, 0, blank.points, lines, mistake and mistake.name, hint)


def _no_numbers(blank, outcome):
    """(status, what to say) where a function gave no numbers."""
    where = "Your function" if outcome.cell is None else f"The cell of {blank.function}"
    if outcome.kind == "unwritten":
        own = f"{blank.function} is not written: its cell is as it was handed out."
        return UNWRITTEN, outcome.text or own
    if outcome.kind == "missing":
        return UNWRITTEN, f"No cell of the notebook defines {blank.function}."
    if outcome.kind == "answer":
        return FAILED, outcome.text
    if outcome.kind == MEMORY:
        return MEMORY, f"{where} wanted more than 1 GB of memory ({outcome.text})."
    if outcome.kind == TIMEOUT:
        return TIMEOUT, f"{where} was stopped: it took much longer than the solution. Does a loop never end?"
    if outcome.kind == CRASHED:
        return CRASHED, f"{where} ended the whole process. The other answers were graded without it."
    return RAISED, f"{where} raised {outcome.text}"
