"""A lesson's blanks as numbers: what its checks need, and nothing from which an answer could be read.

A blank's definition in course/exercises is code, and right answers stand in it: mistakes are made from them, and
inputs are drawn with their help. A learner's check needs the public calls, the hints, and what each known
mistake returns for these calls. `course/exercises/stored.py` reads the file.
"""

import json
from dataclasses import fields

import numpy as np

from course import exercises
from course.exercises import stored
from course.exercises.blank import BadAnswer, play
from course.grading.export import Refused


def text(lesson):
    """The file of a lesson: a JSON list of its blanks, one call or mistake a line.

    Raises Refused, with the blank, where one cannot be written as numbers.
    """
    return "[\n" + ",\n".join(_blank(blank) for blank in exercises.blanks(lesson)) + "\n]\n"


def _blank(blank):
    calls = blank.public_calls()
    names = list(calls[0])
    if any(list(call) != names for call in calls):
        raise Refused(f"{blank.name}: its calls have different arguments")
    if blank.chained and [call["t"] for call in calls] != list(range(1, len(calls) + 1)):
        raise Refused(f"{blank.name}: an update rule is called with t = 1, 2, 3, ...")
    for name, value in calls[0].items():
        if not isinstance(value, int | float | str | list | np.ndarray):
            raise Refused(f"{blank.name}: the argument {name} cannot be written as numbers, got {value!r}")
    rows = [_line([stored.encode(value) for value in call.values()], blank) for call in calls]
    mistakes = [
        _line({"name": mistake.name, "says": mistake.says, "results": _results(blank, mistake, calls)}, blank)
        for mistake in blank.mistakes
    ]
    plain = {field.name: getattr(blank, field.name) for field in fields(blank)}
    plain = {name: value for name, value in plain.items() if name not in ("inputs", "mistakes")}
    head = ",\n".join(f"  {json.dumps(name)}: {_line(value, blank)}" for name, value in plain.items())
    called = f'  "calls": {{"names": {json.dumps(names)}, "rows": [\n   ' + ",\n   ".join(rows) + "]}"
    wrong = '  "mistakes": [\n   ' + ",\n   ".join(mistakes) + "]"
    made = " {\n" + ",\n".join([head, called, wrong]) + "\n }"
    _compare(blank, calls, stored.blanks(f"[{made}]")[0])
    return made


def _line(value, blank):
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError as error:
        raise Refused(f"{blank.name}: expected numbers, text and lists of them ({error})") from None


def _results(blank, mistake, calls):
    """What the mistake returns, a list of outputs for each call, up to the first that fails."""
    try:
        results = play(blank, mistake.function, calls)
    except (BadAnswer, ArithmeticError, ValueError, IndexError):  # as named_mistake has it
        results = []
        for count in range(1, len(calls) + 1):
            try:
                results = play(blank, mistake.function, calls[:count])
            except (BadAnswer, ArithmeticError, ValueError, IndexError):
                break
    return [[x.tolist() for x in outputs] for outputs in results]


def _compare(blank, calls, read):
    """Raises Refused unless what was written is read as it was."""
    for call, other in zip(calls, read.public_calls(), strict=True):
        for name, value in call.items():
            if not _same(value, other[name]):
                raise Refused(f"{blank.name}: the argument {name} cannot be written as numbers, got {value!r}")


def _same(value, other):
    if isinstance(value, np.ndarray):
        return value.dtype == other.dtype and np.array_equal(value, other, equal_nan=True)
    return type(value) is type(other) and (value == other or value != value)
