"""What an exercise notebook calls: `check("08_adam.adam", adam)`.

The learner's function is called on seeded inputs and held against the solution's numbers. On
failure it names the first wrong step and coordinate, the value seen and the value expected, the
known mistake where the numbers are those of one, and the next hint. It never shows the solution.
"""

import contextlib
import ctypes
import html
import io
import linecache
import threading
import traceback
import warnings
from dataclasses import dataclass, field

import numpy as np

from course import exercises, progress
from course.exercises.blank import BadAnswer, first_difference, named_mistake, play
from course.inputs import shown, wrong

TIME_LIMIT = 10  # seconds of wall clock for all calls of one check
_failures = {}  # name -> failed checks since this kernel started, where no progress is kept


class CheckFailed(AssertionError):
    """A check did not pass. In a notebook it shows as one line: the card above it says the rest."""

    def _render_traceback_(self):
        return [str(self)]


class _Stop(BaseException):
    """Raised inside a learner's function that has used up its time."""


@dataclass(frozen=True)
class Verdict:
    """What a check found: `passed`, and `message` in plain text; shown in a notebook as a card."""

    name: str
    status: str  # "passed", "failed" or "unwritten"
    lines: tuple[str, ...]
    points: int = 0
    mistake: str | None = None
    hints: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def passed(self):
        return self.status == "passed"

    @property
    def message(self):
        head = f"{self.name}: {'passed' if self.passed else 'not yet'}"
        hint = [f"Hint {len(self.hints)} of 3: {self.hints[-1]}"] if self.hints and not self.passed else []
        return "\n".join(
            [f"{head}, {self.lines[0]}" if self.passed else head, *self.lines[self.passed :], *self.notes, *hint]
        )

    __str__ = __repr__ = lambda self: self.message

    def _repr_html_(self):
        color, sign = (
            ("#0a7d55", "✓") if self.passed else ("#b4400e", "✗") if self.status == "failed" else ("#56606b", "○")
        )
        paragraphs = "".join(f"<p style='margin:.35em 0'>{_marked(line)}</p>" for line in (*self.lines, *self.notes))
        hints = "".join(
            f"<details{' open' if i == len(self.hints) and not self.passed else ''}><summary>Hint {i}</summary>"
            f"<p style='margin:.2em 0 .4em 1.2em'>{_marked(hint)}</p></details>"
            for i, hint in enumerate(self.hints, 1)
        )
        return (
            f"<div style='border-left:5px solid {color};padding:.3em .9em;max-width:46em'>"
            f"<b style='color:{color}'>{sign} {html.escape(self.name)}</b>{paragraphs}{hints}</div>"
        )


def check(name, function, *, stop=True):
    """Checks a learner's function, shows the verdict, and keeps the progress.

    name      of the blank, such as "08_adam.adam"
    function  the learner's function itself, not its result
    stop      raise CheckFailed when it does not pass, so that "run all" stops at the first blank
              to write; False only shows the verdict

    Raises ValueError for an unknown name. `verdict` returns what this shows.
    """
    blank = exercises.find(name)
    found = verdict(name, function, failures=_tries(name))
    if found.status == "failed":
        _failures[name] = _failures.get(name, 0) + 1
    if not progress.record(blank.name, found.status):
        found = Verdict(
            **{**vars(found), "notes": (*found.notes, "(Progress is not kept: the folder cannot be written to.)")}
        )
    _show(found)
    if stop and not found.passed:
        raise CheckFailed(
            f"{name}: {'not written yet' if found.status == 'unwritten' else 'not yet; the lines above say where'}"
        )


def verdict(name, function, *, failures=0, time_limit=TIME_LIMIT):
    """The Verdict on a function, without showing or recording it.

    failures    how often it failed before: one more hint is given for each, up to three
    time_limit  seconds

    Raises ValueError for an unknown name, FileNotFoundError where the expected numbers are missing.
    """
    blank = exercises.find(name)
    expected = exercises.expected(blank)
    if not callable(function):
        line = f"check needs the function itself: check({name!r}, {blank.function}). It was given {shown(function)}."
        return Verdict(name, "failed", (line,))
    calls = blank.public_calls()
    got, problem, printed = _guarded(lambda: play(blank, function, calls), time_limit)
    notes = _printed(printed)
    hints = blank.hints[: min(failures, 2) + 1]
    if isinstance(problem, NotImplementedError):
        line = f"{blank.function} is not written yet: put your code in place of the line `raise NotImplementedError(...)`."
        return Verdict(name, "unwritten", (line,), notes=notes)
    if problem is None:
        try:
            difference = first_difference(blank, got, expected)
        except BadAnswer as bad:
            difference, problem = None, bad
    if problem is not None:
        return Verdict(name, "failed", _problem(blank, function, problem, calls, time_limit), hints=hints, notes=notes)
    if difference is None:
        what = f"{len(calls)} {'steps' if blank.chained else 'cases'}, {blank.points} of {blank.points} points"
        return Verdict(name, "passed", (what,), blank.points, hints=blank.hints, notes=notes)
    lines = [_where(blank, difference, calls)]
    mistake = named_mistake(blank, got, calls)
    if mistake:
        lines.append(mistake.says)
    elif difference.seen != difference.seen:
        lines.append("nan comes from 0/0, from inf - inf, or from the root of a negative number.")
    return Verdict(name, "failed", tuple(lines), mistake=mistake and mistake.name, hints=hints, notes=notes)


def score(guess, truth, what):
    """Prints how far a prediction was off: the line after each prediction cell.

    guess, truth: positive numbers of the same unit. what: the quantity, in words.
    Raises TypeError where the guess is not a number.
    """
    for name, value in (("guess", guess), ("truth", truth)):
        if isinstance(value, bool) or (not isinstance(value, int | float) and not hasattr(value, "__float__")):
            raise wrong(name, value, "a number", TypeError)
    guess, truth = float(guess), float(truth)
    if abs(guess - truth) <= 0.02 * abs(truth):
        verdict = "right"
    elif guess * truth > 0:
        ratio = guess / truth
        verdict = f"too {'large' if abs(ratio) > 1 else 'small'} by a factor of {max(ratio, 1 / ratio):.3g}"
    else:
        verdict = f"off by {abs(guess - truth):.3g}"
    print(f"{what}: you said {guess:.4g}, it is {truth:.4g} ({verdict})")


def _tries(name):
    recorded = sum(1 for blank, status in progress.history() if blank == name and status == "failed")
    return max(recorded, _failures.get(name, 0))


def _guarded(work, seconds):
    """Runs work() in a thread of its own for at most so many seconds.

    Returns (result, exception or None, what was printed). A thread works on every system and leaves
    the kernel interruptible; only code that never returns to Python cannot be stopped.
    """
    result, problem, out = [], [], io.StringIO()

    def target():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result.append(work())
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: they are the learner's
            problem.append(error)

    thread = threading.Thread(target=target, daemon=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        thread.start()
        thread.join(seconds)
        for _ in range(5):
            if not thread.is_alive():
                break
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_Stop))
            thread.join(0.2)
    if thread.is_alive():
        return None, TimeoutError("still running"), out.getvalue()
    if problem:
        error = problem[0]
        return None, TimeoutError("stopped") if isinstance(error, _Stop) else error, out.getvalue()
    return result[0], None, out.getvalue()


def _printed(text):
    if not text.strip():
        return ()
    lines = text.strip().splitlines()
    first = lines[0] if len(lines[0]) <= 60 else lines[0][:57] + "..."
    return (
        f"(Your function prints: {len(lines)} lines, the first is {first!r}. That does no harm; it only hides the rest.)",
    )


def _problem(blank, function, problem, calls, time_limit):
    if isinstance(problem, BadAnswer):
        at = f"At step t = {calls[problem.call]['t']}: " if blank.chained else f"In case {problem.call + 1}: "
        return (at * (problem.call > 0) + str(problem),)
    if isinstance(problem, TimeoutError) and problem.args and problem.args[0] in ("still running", "stopped"):
        rest = "" if problem.args[0] == "stopped" else " It cannot be stopped: restart the kernel (Kernel, Restart)."
        return (
            f"Your function was still running after {time_limit:g} seconds and was stopped. Does a loop never end?{rest}",
        )
    line = _line_in(function, problem)
    kind = type(problem).__name__
    if isinstance(problem, SystemExit | KeyboardInterrupt):
        return (f"Your function ended with {kind}{line}; it must return its result.",)
    text = str(problem).splitlines()[0] if str(problem) else ""
    advice = ""
    if isinstance(problem, TypeError) and "argument" in text:
        names = ["theta", "g", "t", *blank.outputs[1:]] if blank.chained else list(calls[0])
        named = [name for name in calls[0] if name not in ("theta", "g", "t")] if blank.chained else []
        advice = f" It is called as {blank.function}({', '.join(names + [f'{name}=...' for name in named])})."
    return (f"Your function raised {kind}: {text}{line}.{advice}",)


def _line_in(function, error):
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == file:
            code = (frame.line or linecache.getline(frame.filename, frame.lineno)).strip()
            return f", in its line `{code}`" if code else ""
    return ""


def _where(blank, difference, calls):
    call = calls[difference.call]
    output = blank.outputs[difference.output]
    name = "your result" if output == "result" else f"your {output}"
    index = f"[{', '.join(map(str, difference.coordinate))}]" if difference.coordinate else ""
    values = f"{name}{index} is {difference.seen:.6g}, expected {difference.expected:.6g}"
    if f"{difference.seen:.6g}" == f"{difference.expected:.6g}":
        values = f"{name}{index} is {difference.seen!r}, expected {difference.expected!r}"
    if not blank.chained:
        arguments = ", ".join(f"{key} = {_short(value)}" for key, value in call.items())
        return f"First wrong in case {difference.call + 1} of {len(calls)}: for {arguments}, {values}."
    at = difference.coordinate[0] if difference.coordinate else 0
    settings = ", ".join(f"{key} = {_short(value)}" for key, value in call.items() if key not in ("theta", "g", "t"))
    return (
        f"First wrong at step t = {call['t']}, coordinate {at}: {values} "
        f"(the gradient there is {call['g'][at]:.3g}; {settings})."
    )


def _short(value):
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, np.ndarray) and value.size <= 8:
        return " ".join(np.array2string(value, precision=6, separator=", ").split())
    return shown(value)


def _marked(text):
    """Escapes a line for HTML and sets `code` in code type."""
    parts = html.escape(text, quote=False).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _show(found):
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = lambda: None  # noqa: E731
    if get_ipython() is None:
        print(found.message)
    else:
        display(found)
