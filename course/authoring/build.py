"""python3 -m course build: notebooks re-run and normalized, exercises derived from solutions.

build [LESSON ...]           re-runs lessons and solutions, writes exercises and their numbers
build --check [LESSON ...]   writes nothing; fails where anything has drifted
build --no-run [LESSON ...]  normalizes and derives without running
"""

import argparse
import json

from course import exercises
from course.authoring import derive, notebook
from course.inputs import unknown

FOLDERS = ("notebooks", "exercises", "solutions")


def main(argv=()):
    """Exit status 0 when all is well, 1 where something failed or has drifted, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="python3 -m course build", description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="a lesson such as 08_adam or 08; default: all")
    parser.add_argument("--check", action="store_true", help="write nothing, fail on drift")
    parser.add_argument("--no-run", action="store_true", help="normalize and derive without running the notebooks")
    options = parser.parse_args(list(argv))
    try:
        lessons = [_lesson(name) for name in options.lessons] or None
    except ValueError as error:
        print(error)
        return 2
    problems = check(lessons) if options.check else build(lessons, rerun=not options.no_run)
    for problem in problems:
        print(f"  {problem}")
    if options.check:
        print("build --check: " + (f"{len(problems)} problems" if problems else "nothing has drifted"))
    return 1 if problems else 0


def _lesson(name):
    known = sorted({stem for folder in FOLDERS for stem in notebook.stems(folder)})
    matches = [stem for stem in known if stem == name or stem.partition("_")[0] == name.zfill(2)]
    if not matches:
        raise unknown("lesson", name, known)
    return matches[0]


def build(lessons=None, *, rerun=True):
    """Runs and writes everything; returns a list of what failed, in words. Writes only what changed."""
    problems = []
    for folder in ("solutions", "notebooks"):  # lessons may show checks, whose numbers come from solutions
        for stem in lessons or notebook.stems(folder):
            path = notebook.ROOT / folder / f"{stem}.ipynb"
            if not path.exists():
                problems.append(f"{folder}/{stem}.ipynb is missing")
                continue
            try:
                _build_one(folder, stem, path, rerun)
            except (ValueError, RuntimeError, KeyError) as error:
                problems.append(f"{folder}/{stem}.ipynb: {error}")
    if lessons is None and rerun:
        from course.authoring import picture

        _report(picture.PICTURE, picture.build())
    return problems


def _build_one(folder, stem, path, rerun):
    book = notebook.normalize(notebook.read(path), f"{folder}/{stem}")
    if folder == "solutions":
        derive.mark(book)
        # The numbers come first: the solution's own checks are held against them when it runs.
        numbers = derive.numbers_text(derive.expected(stem, derive.functions(book)))
        _report(f"exercises/{stem}.json", notebook.write(notebook.ROOT / "exercises" / f"{stem}.json", numbers))
    if rerun:
        notebook.run(book, path.parent)
        notebook.normalize(book, f"{folder}/{stem}")
    _report(f"{folder}/{stem}.ipynb", notebook.write(path, notebook.text(book)))
    if folder == "solutions":
        target = notebook.ROOT / "exercises" / path.name
        _report(f"exercises/{stem}.ipynb", notebook.write(target, notebook.text(_exercise(book, stem))))


def _exercise(solution, stem):
    return notebook.normalize(derive.exercise(solution), f"exercises/{stem}")


def _report(name, changed):
    print(f"{'wrote' if changed else 'unchanged'} {name}", flush=True)


def check(lessons=None):
    """Everything that has drifted or is missing, in words; an empty list when all is well."""
    problems = []
    if lessons is None:
        have = {folder: set(notebook.stems(folder)) for folder in FOLDERS}
        for stem in sorted(set.union(*have.values()) | set(exercises.lessons())):
            problems += [f"{folder}/{stem}.ipynb is missing" for folder in FOLDERS if stem not in have[folder]]
            if stem not in exercises.lessons():
                problems.append(f"{stem}: no module in course/exercises has its blanks")
    for folder in FOLDERS:
        for stem in lessons or notebook.stems(folder):
            path = notebook.ROOT / folder / f"{stem}.ipynb"
            if path.exists():
                try:
                    problems += [f"{folder}/{stem}.ipynb: {problem}" for problem in _check_one(folder, stem, path)]
                except (ValueError, KeyError) as error:
                    problems.append(f"{folder}/{stem}.ipynb: {error}")
    return problems


def _check_one(folder, stem, path):
    """What is wrong with one notebook, in words."""
    raw = path.read_text(encoding="utf-8")
    book = notebook.read(path)
    yield from _stored(book, ran=folder != "exercises")
    if folder == "solutions":
        yield from _check_exercise(stem, book)
    normal = notebook.normalize(notebook.read(path), f"{folder}/{stem}")
    if notebook.text(derive.mark(normal) if folder == "solutions" else normal) != raw:
        yield f"not as the build writes it; run: python3 -m course build {stem}"


def _stored(book, ran):
    """What a stored notebook must not hold."""
    if "widgets" in book.metadata:
        yield "metadata.widgets is stored"
    for cell in book.cells:
        if cell.cell_type != "code":
            continue
        if ran and cell.source.strip() and cell.execution_count is None:
            yield f"cell {cell.id} was never run"
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"cell {cell.id} stores an error: {output.ename}"
            if output.get("name") == "stderr":
                yield f"cell {cell.id} stores a warning on stderr: {output.text.splitlines()[0]}"


def _check_exercise(stem, solution):
    """Whether exercise, numbers, hints and blanks are what the solution says."""
    target = notebook.ROOT / "exercises" / f"{stem}.ipynb"
    fresh = _exercise(solution, stem)
    if target.exists() and target.read_text(encoding="utf-8") != notebook.text(fresh):
        yield f"exercises/{stem}.ipynb is not what it derives; run: python3 -m course build {stem}"
    try:
        stored = json.loads((target.parent / f"{stem}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        stored = None
        yield f"exercises/{stem}.json cannot be read ({type(error).__name__})"
    if stored is not None and not derive.same_numbers(stored, derive.expected(stem, derive.functions(solution))):
        yield f"exercises/{stem}.json is not what it returns; run: python3 -m course build {stem}"
    defined = {blank.name for blank in exercises.blanks(stem)}
    checked = {name for cell in solution.cells for name, _ in derive.CHECK.findall(cell.source)}
    yield from (f"{name} is checked and not defined in course/exercises" for name in sorted(checked - defined))
    yield from (f"{name} is defined in course/exercises and never checked" for name in sorted(defined - checked))
    empty = derive.functions(fresh)
    for blank in exercises.blanks(stem):
        if len(blank.hints) != 3 or not all(isinstance(hint, str) and hint.strip() for hint in blank.hints):
            yield f"{blank.name}: expected three hints, found {len(blank.hints)}"
        yield from _unsolved(blank, empty.get(blank.function))


def _unsolved(blank, function):
    """A blank must raise NotImplementedError as it is handed out."""
    call = blank.public_calls()[0]
    arguments = [call.pop(name) for name in (("theta", "g", "t") if blank.chained else list(call))]
    try:
        function(*arguments, **call)
    except NotImplementedError:
        return
    except Exception as error:
        yield f"{blank.name}: the blank raises {type(error).__name__}, expected NotImplementedError"
    else:
        yield f"{blank.name}: the blank runs silently, expected NotImplementedError"
