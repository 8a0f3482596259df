"""The blanks of a copy for a class: numbers in place of code, so that no right answer stands in it.

`python3 -m course export class DIR` writes `numbers/LESSON.json` into this folder of DIR, in place of the lessons'
own modules (`course/grading/export/frozen.py` says what is in it). The full repository has no such file, and
`BLANKS` is empty there.
"""

import json
from pathlib import Path

import numpy as np

from course.exercises.blank import Blank
from course.mistakes import Mistake

FOLDER = Path(__file__).with_name("numbers")


def encode(value):
    """An argument of a call as plain data for JSON: numbers and lists as they are, arrays with their type."""
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.str, "shape": list(value.shape), "values": value.ravel().tolist()}
    return value


def decode(data):
    """The argument whose `encode` this is."""
    if isinstance(data, dict):
        return np.array(data["values"], dtype=data["dtype"]).reshape(data["shape"])
    return list(data) if isinstance(data, list) else data


class Recorded:
    """What a function returned for the public calls, given back when it is called as it was then.

    results  one list of outputs for each call; fewer where the function failed from there on
    chained  the function is an update rule: the step t says which call it is
    Raises ValueError for any other call.
    """

    def __init__(self, calls, results, chained):
        self._chained = chained
        keys = [self._key(list(call.values())) for call in calls]
        self._results = dict(zip(keys, results, strict=False))

    def __call__(self, *arguments, **named):
        found = self._results.get(self._key(arguments))
        if found is None:
            raise ValueError("only what the public calls return is stored")
        return tuple(np.array(x, dtype=np.float64) for x in found)

    def _key(self, arguments):
        if self._chained:
            return arguments[2]
        arrays = [np.asarray(x) for x in arguments]
        return tuple((x.dtype.str, x.shape, x.tobytes()) for x in arrays)


def blanks(text):
    """The blanks of a lesson, a tuple, from the text of its file."""
    return tuple(_blank(**entry) for entry in json.loads(text))


def _blank(calls, mistakes, **fields):
    """A blank whose public calls and mistakes are stored numbers."""
    calls = [dict(zip(calls["names"], row, strict=True)) for row in calls["rows"]]
    decoded = [{name: decode(value) for name, value in call.items()} for call in calls]
    named = tuple(
        Mistake(entry["name"], Recorded(decoded, entry["results"], fields["chained"]), entry["says"])
        for entry in mistakes
    )
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    # A new copy at every call, as the lessons' own generators give: a check may look for changed arguments.
    inputs = lambda rng: [{name: decode(value) for name, value in call.items()} for call in calls]  # noqa: E731
    return Blank(inputs=inputs, mistakes=named, **plain)


BLANKS = tuple(
    blank for path in sorted(FOLDER.glob("*.json")) for blank in blanks(path.read_text(encoding="utf-8"))
)
