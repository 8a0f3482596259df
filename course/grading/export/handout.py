"""What the learners of a class are given: lessons, fresh exercises, the package, no answers."""

import json
import re
from pathlib import Path

from course import exercises
from course.authoring import atlas, build, derive, notebook, picture
from course.grading.export import Refused, frozen, leaks

TOP = ("LICENSE", "pyproject.toml", "constraints.txt", ".gitignore", ".devcontainer/devcontainer.json")
LOCAL = re.compile(r"exercises/\w+\.ipynb")  # what is said of these does not matter: they are not handed out
PAGES = (atlas.PAGE, picture.PICTURE)
PACKAGE = ("*.py", "*.js", "*.mplstyle", "data/*.csv", "data/*.txt", "authoring/sanitize.cfg")

# Of the folders below course/ that the lessons do not import, what the commands of a class need: `course test`.
AUTHORING = {"authoring/__init__.py", "authoring/suite.py", "authoring/sanitize.cfg"}
FULL_ONLY = ("authoring", "grading", "bench")
# What is code in place of numbers in the full repository: see frozen.py.
EXERCISES = {"exercises/__init__.py", "exercises/blank.py", "exercises/stored.py"}

# Parts of README.md that only the full repository needs, with what a class reads in their place.
FULL = re.compile(r"^<!-- full -->\n.*?^(?:<!-- class\n(.*?)^-->|<!-- /full -->)\n|^[^\n]*<!-- full line -->[^\n]*\n",
                  re.DOTALL | re.MULTILINE)


def files():
    """The files of a copy for a class: {path below its folder, with slashes: bytes}, sorted.

    Raises Refused where a lesson has drifted from its solution, or an answer would be handed out.
    """
    root = notebook.ROOT
    drifted = [line for line in build.check() if not LOCAL.search(line)]
    if drifted:
        raise Refused("what is to be handed out is not as the build writes it:", drifted)
    found = {name: (root / name).read_bytes() for name in (*TOP, *PAGES)}
    found["README.md"] = FULL.sub(lambda part: part[1] or "", (root / "README.md").read_text("utf-8")).encode()
    secret = []
    found |= _package(root)
    for lesson in exercises.lessons():
        solution, exercise = solved(lesson), fresh(lesson)
        secret += leaks.answers(lesson, solution, exercise)
        for name in (f"notebooks/{lesson}.ipynb", f"exercises/{lesson}.json"):
            found[name] = (root / name).read_bytes()
        found[f"exercises/{lesson}.ipynb"] = notebook.text(exercise).encode()
        found[f"course/exercises/numbers/{lesson}.json"] = frozen.text(lesson).encode()
    found = dict(sorted(found.items()))
    problems = [*leaks.find(found, secret), *_machine(found, root)]
    if problems:
        raise Refused("this would be handed out with the rest:", problems)
    return found


def solved(lesson):
    """The solution of a lesson as a notebook, its cells marked for nbgrader."""
    book = notebook.read(notebook.ROOT / "solutions" / f"{lesson}.ipynb")
    return derive.mark(notebook.normalize(book, f"solutions/{lesson}"))


def fresh(lesson):
    """The exercise of a lesson as a notebook, made from its solution: the file in exercises/ may hold answers."""
    return notebook.normalize(derive.exercise(solved(lesson)), f"exercises/{lesson}")


def _package(root):
    """The files of the package that a class needs."""
    package, found = root / "course", {}
    for pattern in PACKAGE:
        for path in package.rglob(pattern) if pattern.startswith("*") else package.glob(pattern):
            name = path.relative_to(package).as_posix()
            top = name.partition("/")[0]
            kept = name in AUTHORING if top in FULL_ONLY else name in EXERCISES or top != "exercises"
            if kept and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(package).parts):
                found[f"course/{name}"] = path.read_bytes()
    return found


def _machine(found, root):
    """Where a file names this machine's folders, in words."""
    places = {str(root), str(Path.home())} - {"/", "/root"}
    for name, data in found.items():
        text = data.decode("utf-8", errors="replace")
        for place in sorted(places):
            if place in text or json.dumps(place)[1:-1] in text:
                yield f"{name} names a folder of this machine, {place}"
