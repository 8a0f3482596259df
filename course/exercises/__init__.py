"""Every graded blank of the course, by lesson and by name: `find("08_adam.adam")`.

Each lesson has a module here that defines its `BLANKS`; `blank.py` says what a blank is. A new
module is found by itself.
"""

import functools
import importlib
import json
import pkgutil
from pathlib import Path

from course.exercises.blank import Blank
from course.inputs import unknown

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def lessons():
    """All blanks: {lesson: (blank, ...)}, in the order of the lessons and of their notebooks."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        blanks = getattr(importlib.import_module(f"{__name__}.{module.name}"), "BLANKS", ())
        for blank in blanks:
            found[blank.lesson] = (*found.get(blank.lesson, ()), blank)
    return dict(sorted(found.items()))


def blanks(lesson):
    """The blanks of a lesson. Raises ValueError with the lessons that exist where there is none."""
    if lesson not in lessons():
        raise unknown("lesson", lesson, list(lessons()))
    return lessons()[lesson]


def find(name) -> Blank:
    """The blank of that name. Raises ValueError with the names that exist where there is none."""
    known = {blank.name: blank for blanks in lessons().values() for blank in blanks}
    if not isinstance(name, str) or name not in known:
        lesson = str(name).partition(".")[0]
        raise unknown("name", name, [key for key in known if key.startswith(f"{lesson}.")] or list(known))
    return known[name]


def expected(blank, folder=None):
    """What the solution returns for the blank's public calls, as stored beside the exercise.

    Raises FileNotFoundError where nothing is stored, ValueError where it is not what the blank needs.
    """
    path = Path(folder or ROOT / "exercises") / f"{blank.lesson}.json"
    full = (ROOT / "solutions").is_dir()  # a copy for a class has none, and cannot make the numbers
    remedy = f"python3 -m course build {blank.lesson} makes it" if full else "take it from the copy you were given"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing: {remedy}") from None
    except ValueError:
        raise ValueError(f"{path} is damaged: {remedy}{' anew' * full}") from None
    results = stored.get(blank.name) if isinstance(stored, dict) else None
    lengths = [len(x) if isinstance(x, list) else None for x in results] if isinstance(results, list) else None
    if lengths != [len(blank.outputs)] * blank.calls:
        raise ValueError(f"{path} does not hold the numbers of {blank.name}: {remedy}{' anew' * full}")
    return results
