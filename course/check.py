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
import math
import sys
import threading
import time
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
            ("#12a06e", "✓") if self.passed else ("#d9541e", "✗") if self.status == "failed" else ("#7d8791", "○")
        )
        paragraphs = "".join(f"<p style='margin:.35em 0'>{_marked(line)}</p>" for line in (*self.lines, *self.notes))
        hints = "".join(
            f"<details{' open' if i == len(self.hints) and not self.passed else ''}><summary>Hint {i}</summary>"
            f"<p style='margin:.2em 0 .4em 1.2em'>{_marked(hint)}</p></details>"
            for i, hint in enumerate(self.hints, 1)
        )
        return (
            f"<div style='border-left:5px solid {color};padding:.3em .9em;max-width:46em'>"
            f"<b><span style='color:{color}'>{sign}</span> {html.escape(self.name)}</b>{paragraphs}{hints}</div>"
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
        try:
            seen = shown(function)
        except Exception:  # an object that cannot be shown
            seen = f"a {type(function).__name__}"
        line = f"check needs the function itself: check({name!r}, {blank.function}). It was given {seen}."
        return Verdict(name, "failed", (line,))
    calls = blank.public_calls()
    got, problem, printed = _guarded(lambda: play(blank, function, calls), time_limit)
    notes = _printed(printed, problem)
    hints = blank.hints[: min(failures, 2) + 1]
    if isinstance(problem, NotImplementedError):
        line = _unwritten(blank, problem)
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
    lines, mistake = wrong_numbers(blank, got, calls, expected, difference)
    return Verdict(name, "failed", lines, mistake=mistake and mistake.name, hints=hints, notes=notes)


def wrong_numbers(blank, got, calls, expected, difference):
    """What to say of numbers that are not the expected ones: (lines, the known Mistake or None)."""
    lines = [_where(blank, difference, calls)]
    mistake = named_mistake(blank, got, calls, expected)
    if mistake:
        lines.append(mistake.says)
    elif difference.seen != difference.seen:
        lines.append("nan comes from 0/0, from inf - inf, or from the root of a negative number.")
    elif abs(difference.seen - difference.expected) <= 1e-6 * abs(difference.expected):
        lines.append("The two agree to six digits or more: is something rounded, or computed in float32?")
    return tuple(lines), mistake


def score(guess, truth, what):
    """Prints how far a prediction was off: the line after each prediction cell.

    guess, truth: finite numbers of the same unit. what: the quantity, in words.
    Raises TypeError or ValueError where one of them is no finite number.
    """
    guess, truth = _finite("guess", guess), _finite("truth", truth)
    if abs(guess - truth) <= 0.02 * abs(truth):
        verdict = "right"
    elif guess * truth > 0:
        small, large = sorted((abs(guess), abs(truth)))
        verdict = f"too {'large' if abs(guess) == large else 'small'} by a factor of {large / small:.3g}"
    else:
        verdict = f"off by {abs(guess - truth):.3g}"
    print(f"{what}: you said {guess:.4g}, it is {truth:.4g} ({verdict})")


def _finite(name, value):
    """The value as a float; raises unless it is one finite real number, of Python, NumPy or torch."""
    if isinstance(value, bool | np.bool_ | str | bytes) or np.shape(value) != () or np.iscomplexobj(value):
        raise wrong(name, value, "a number", TypeError)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise wrong(name, value, "a number", TypeError) from None
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise wrong(name, value, "a finite number")
    return number


def _tries(name):
    recorded = sum(1 for blank, status in progress.history() if blank == name and status == "failed")
    return max(recorded, _failures.get(name, 0))


class _Printed(io.TextIOBase):
    """Takes what a learner's function prints, and keeps its first line and the number of lines."""

    def __init__(self):
        self.first, self.lines, self.full = "", 0, False

    def writable(self):
        return True

    def write(self, text):
        if not self.full:
            self.first = (self.first + text[:100]).lstrip("\n")
            self.full = "\n" in self.first or len(self.first) > 60
        self.lines += text.count("\n")
        return len(text)

    def close(self):
        """Stays open: a learner's function may close sys.stdout, and nobody else's output."""


_one_at_a_time = threading.Lock()  # sys.stdout and the warning filters belong to the whole process


def _guarded(work, seconds):
    """Runs work() in a thread of its own for at most so many seconds.

    Returns (result, exception or None, what was printed). A thread works on every system and leaves
    the kernel interruptible; only code that never returns to Python cannot be stopped.
    """
    result, problem, out = [], [], _Printed()

    def target():
        try:
            result.append(work())
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: they are the learner's
            problem.append(error)

    thread, stopped = threading.Thread(target=target, daemon=True), False
    while not _one_at_a_time.acquire(timeout=0.1):
        pass  # in slices, so that a check inside a check can be stopped
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            warnings.simplefilter("ignore")
            thread.start()
            try:
                thread.join(seconds)
            finally:  # after an interrupt as well
                stopped = thread.is_alive()
                _end(thread, problem)
    finally:
        _one_at_a_time.release()
    if thread.is_alive():
        return None, TimeoutError("still running"), out
    if problem:
        error = problem[0]
        return None, TimeoutError("stopped") if stopped and isinstance(error, SystemExit) else error, out
    return result[0], None, out


def _end(thread, caught):
    """Raises SystemExit in a thread that is still at work, until one is caught at its end or two seconds are over.

    Code that catches everything is only open to it between two `try` blocks. With threads that take
    turns as often as they can, one of many attempts mostly meets it there. One attempt too many may meet
    the thread on its way out; Python ends a thread on SystemExit without a word.
    """
    interval, deadline = sys.getswitchinterval(), time.monotonic() + 2
    sys.setswitchinterval(1e-6)
    try:
        while thread.is_alive() and not caught and time.monotonic() < deadline:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
            thread.join(1e-4)
    finally:
        sys.setswitchinterval(interval)
    if caught:
        thread.join(2)


def _printed(out, problem):
    if not out.first.strip():
        return ()
    lines = max(1, out.lines)
    first = out.first.splitlines()[0]
    first = first if len(first) <= 60 else first[:57] + "..."
    harm = "" if isinstance(problem, TimeoutError) else " That does no harm; it only hides the rest."
    count = "1 line" if lines == 1 else f"{lines} lines"
    return (f"(Your function prints {count}, the first is {first!r}.{harm})",)


def _unwritten(blank, problem):
    """What to say where NotImplementedError was raised: by the blank itself, or by one that it calls."""
    frames = traceback.extract_tb(problem.__traceback__)
    inner = frames[-1].name if frames else blank.function
    if inner in (blank.function, "<lambda>"):
        return (
            f"{blank.function} is not written yet: put your code in place of the line `raise NotImplementedError(...)`."
        )
    return f"{inner}, which {blank.function} calls, is not written yet."


def _problem(blank, function, problem, calls, time_limit):
    if isinstance(problem, BadAnswer):
        at = f"At step t = {calls[problem.call]['t']}: " if blank.chained else f"In case {problem.call + 1}: "
        return (at * (problem.call > 0) + str(problem),)
    if isinstance(problem, TimeoutError) and problem.args in (("still running",), ("stopped",)):
        ended = "was stopped" if problem.args == ("stopped",) else "cannot be stopped: restart the kernel"
        return (f"Your function was still running after {time_limit:g} seconds and {ended}. Does a loop never end?",)
    line = _line_in(function, problem)
    kind = type(problem).__name__
    if isinstance(problem, SystemExit | KeyboardInterrupt):
        return (f"Your function ended with {kind}{line}; it must return its result.",)
    text, advice = _first_line(problem), ""
    if isinstance(problem, TypeError) and "argument" in text:
        advice = f" {_call(blank, calls[0])}"
    elif isinstance(problem, TypeError) and "for ^" in text:
        advice = " A power is written ** in Python; ^ is another operation."
    return (f"Your function raised {kind}{': ' * bool(text)}{text}{line}.{advice}",)


def _first_line(error):
    """The first line of an exception's text, at most 200 characters of it."""
    try:
        line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    except Exception:  # an exception whose text cannot be made
        return ""
    return line if len(line) <= 200 else line[:197] + "..."


def _call(blank, call):
    """How the check calls the function, in words."""
    if not blank.chained:
        return f"It is called as {blank.function}({', '.join(call)})."
    named = [f"{name}=..." for name in call if name not in ("theta", "g", "t")]
    state = blank.outputs[1:]
    line = f"It is called as {blank.function}({', '.join(['theta', 'g', 't', *state, *named])})"
    return line + (f", at the first step without {' and '.join(state)}: give a default." if state else ".")


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
    index = ", ".join(map(str, difference.coordinate))
    name = f"your {output}"
    if output == "result":
        name, index = f"entry {index} of your result" if index else "your result", ""
    index = f"[{index}]" if index else ""
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
