"""python3 -m course build: notebooks re-run and normalized, exercises derived from solutions.

build [LESSON ...]           re-runs lessons and solutions, writes exercises and their numbers
build --check [LESSON ...]   writes nothing; fails where anything has drifted
build --no-run [LESSON ...]  normalizes and derives without running
"""

import argparse
import json
import tempfile
from pathlib import Path

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
    """Runs and writes everything; returns a list of what failed, in words. Writes only what changed.

    A lesson that fails keeps all of its files as they were, and the others are built.
    """
    problems = []
    for path in notebook.leftovers(FOLDERS):
        path.unlink(missing_ok=True)
    for folder in ("solutions", "notebooks"):  # lessons may show checks, whose numbers come from solutions
        for stem in lessons or notebook.stems(folder):
            path = notebook.ROOT / folder / f"{stem}.ipynb"
            if not path.exists():
                problems.append(f"{folder}/{stem}.ipynb is missing")
                continue
            try:
                (_build_solution if folder == "solutions" else _build_lesson)(stem, path, rerun)
            except (Exception, SystemExit) as error:
                problems.append(f"{folder}/{stem}.ipynb: {derive.in_words(error)}")
    return problems + (_build_pages() if lessons is None and rerun else [])


def _build_pages():
    """Writes what belongs to no single lesson; returns what failed, in words."""
    from course.authoring import atlas, picture

    problems = []
    for name, make in ((picture.PICTURE, picture.build), (atlas.PAGE, atlas.build)):
        try:
            _report(name, make())
        except Exception as error:
            problems.append(f"{name}: {derive.in_words(error)}")
    return problems


def _build_lesson(stem, path, rerun):
    book = notebook.normalize(notebook.read(path), f"notebooks/{stem}")
    if rerun:
        notebook.run(book, path.parent)
        notebook.normalize(book, f"notebooks/{stem}")
    _report(f"notebooks/{stem}.ipynb", notebook.write(path, notebook.text(book)))


def _build_solution(stem, path, rerun):
    """Solution, exercise and numbers change together, and only when the solution passes by these numbers."""
    book = derive.mark(notebook.normalize(notebook.read(path), f"solutions/{stem}"))
    exercise = _exercise(book, stem)
    numbers = derive.numbers_text(derive.expected(stem, derive.functions(book)))
    if rerun:
        with tempfile.TemporaryDirectory() as root:
            Path(root, "exercises").mkdir()
            Path(root, "exercises", f"{stem}.json").write_bytes(numbers.encode())
            notebook.run(book, path.parent, root)
        notebook.normalize(book, f"solutions/{stem}")
    files = {
        f"exercises/{stem}.json": numbers,
        f"exercises/{stem}.ipynb": notebook.text(exercise),
        f"solutions/{stem}.ipynb": notebook.text(book),
    }
    answers = _answers(notebook.ROOT / "exercises" / f"{stem}.ipynb", exercise)
    if answers:
        del files[f"exercises/{stem}.ipynb"]
    changed = notebook.write_together({notebook.ROOT / name: content for name, content in files.items()})
    for name in files:
        _report(name, notebook.ROOT / name in changed)
    if answers:
        raise ValueError(
            f"exercises/{stem}.ipynb holds answers ({', '.join(answers)}) and was left as it is; "
            "move it away, then build again"
        )


def _answers(path, fresh):
    """The blanks in which an exercise file holds somebody's work that git does not have."""
    try:
        found = derive.answered(notebook.read(path), fresh)
    except ValueError:
        return []
    return [] if notebook.is_committed(path) else found


def _is_work(path, fresh):
    """Whether somebody has answered or run an exercise since git last had it: then it may differ."""
    try:
        book = notebook.read(path)
    except ValueError:
        return False
    ran = any(cell.get("outputs") or cell.get("execution_count") for cell in book.cells)
    return bool(ran or derive.answered(book, fresh)) and not notebook.is_committed(path)


def _exercise(solution, stem):
    return notebook.normalize(derive.exercise(solution), f"exercises/{stem}")


def _report(name, changed):
    print(f"{'wrote' if changed else 'unchanged'} {name}", flush=True)


def check(lessons=None):
    """Everything that has drifted or is missing, in words; an empty list when all is well."""
    problems = list(_check_tree()) if lessons is None else []
    for folder in FOLDERS:
        for stem in lessons or notebook.stems(folder):
            path = notebook.ROOT / folder / f"{stem}.ipynb"
            if path.exists():
                problems += [f"{folder}/{stem}.ipynb: {problem}" for problem in _check_one(folder, stem, path)]
    return problems


def _check_tree():
    """What is wrong with the folders as a whole, in words."""
    have = {folder: set(notebook.stems(folder)) for folder in FOLDERS}
    for stem in sorted(set.union(*have.values()) | set(exercises.lessons())):
        yield from (f"{folder}/{stem}.ipynb is missing" for folder in FOLDERS if stem not in have[folder])
        if stem not in exercises.lessons():
            yield f"{stem}: no module in course/exercises has its blanks"
    numbers = {path.stem for path in (notebook.ROOT / "exercises").glob("*.json")}
    yield from (f"exercises/{stem}.json belongs to no solution" for stem in sorted(numbers - have["solutions"]))
    for path in notebook.leftovers(FOLDERS):
        yield f"{path.parent.name}/{path.name} was left by a build that was killed; the next build removes it"
    try:
        yield from _check_atlas()
    except Exception as error:
        yield f"the convention atlas: {derive.in_words(error)}"


def _check_atlas():
    """What is wrong with the convention atlas, in words."""
    from course.authoring import atlas

    page = notebook.ROOT / atlas.PAGE
    if not page.exists():
        return [f"{atlas.PAGE} is missing; run: python3 -m course build"]
    if page.read_bytes() != atlas.text().encode():
        return [f"{atlas.PAGE} is not what the rules give; run: python3 -m course build"]
    return []


def _check_one(folder, stem, path):
    """What is wrong with one notebook, in words; an exception is the last of it."""
    try:
        book = notebook.read(path)
        if folder != "exercises":
            yield from _stored(book)
        notebook.normalize(book, f"{folder}/{stem}")
        if folder == "solutions":
            derive.mark(book)
        # Bytes, since Windows' line ends count. An exercise is compared with what its solution gives.
        if folder != "exercises" and path.read_bytes() != notebook.text(book).encode():
            yield f"not as the build writes it; run: python3 -m course build {stem}"
        if folder == "solutions":
            yield from _check_exercise(stem, book)
    except (Exception, SystemExit) as error:
        yield derive.in_words(error)


def _stored(book):
    """What a stored notebook must not hold."""
    if "widgets" in book.metadata:
        yield "metadata.widgets is stored"
    for cell in book.cells:
        if cell.cell_type != "code":
            continue
        if cell.source.strip() and cell.execution_count is None:
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
    if target.exists() and target.read_bytes() != notebook.text(fresh).encode() and not _is_work(target, fresh):
        yield f"exercises/{stem}.ipynb is not what it derives; run: python3 -m course build {stem}"
    yield from _check_numbers(stem, derive.expected(stem, derive.functions(solution)))
    defined = {blank.name for blank in exercises.blanks(stem)}
    checked = {name for cell in solution.cells for name, _ in derive.CHECK.findall(cell.source)}
    yield from (f"{name} is checked and not defined in course/exercises" for name in sorted(checked - defined))
    yield from (f"{name} is defined in course/exercises and never checked" for name in sorted(defined - checked))
    empty = derive.functions(fresh)
    for blank in exercises.blanks(stem):
        if len(blank.hints) != 3 or not all(isinstance(hint, str) and hint.strip() for hint in blank.hints):
            yield f"{blank.name}: expected three hints, found {len(blank.hints)}"
        yield from _unsolved(blank, derive.function(empty, blank))


def _check_numbers(stem, fresh):
    """Whether the stored numbers are the solution's, in the form in which the build writes them."""
    path, remedy = notebook.ROOT / "exercises" / f"{stem}.json", f"run: python3 -m course build {stem}"
    if not path.exists():
        yield f"exercises/{stem}.json is missing; {remedy}"
        return
    raw = path.read_bytes()
    try:
        stored = json.loads(raw)
    except (ValueError, RecursionError):
        yield f"exercises/{stem}.json is not JSON; {remedy}"
        return
    if not derive.same_numbers(stored, fresh):
        yield f"exercises/{stem}.json is not what it returns; {remedy}"
    elif derive.numbers_text(stored).encode() != raw:
        yield f"exercises/{stem}.json is not as the build writes it; {remedy}"


def _unsolved(blank, function):
    """A blank must raise NotImplementedError as it is handed out, whatever it is called with."""
    calls = blank.public_calls()
    for i, call in enumerate(calls, 1):
        arguments = [call.pop(name) for name in (("theta", "g", "t") if blank.chained else list(call))]
        try:
            function(*arguments, **call)
        except NotImplementedError:
            continue
        except (Exception, SystemExit) as error:
            found = f"raises {type(error).__name__}"
        else:
            found = "runs silently"
        yield f"{blank.name}: the blank {found} in case {i} of {len(calls)}, expected NotImplementedError"
        return
