"""python3 -m course check: every solution passes, every blank fails, every known mistake is named."""

from course import exercises
from course.authoring import derive, notebook
from course.check import verdict


def main(argv=()):
    """Exit status 0 when every exercise is sound, 1 otherwise."""
    if argv:
        print(f"course check takes no arguments, got: {' '.join(argv)}")
        return 2
    failed = 0
    for lesson in exercises.lessons():
        problems = list(verify(lesson))
        blanks = exercises.blanks(lesson)
        known = sum(len(blank.mistakes) for blank in blanks)
        print(f"{lesson}: {len(blanks)} blanks, {known} known mistakes, {len(problems)} problems", flush=True)
        for problem in problems:
            print(f"  {problem}")
        failed += len(problems)
    return 1 if failed else 0


def verify(lesson):
    """What is wrong with a lesson's exercise, in words; nothing when it is sound."""
    try:
        solved = derive.functions(notebook.read(notebook.ROOT / "solutions" / f"{lesson}.ipynb"))
        empty = derive.functions(notebook.read(notebook.ROOT / "exercises" / f"{lesson}.ipynb"))
    except ValueError as error:
        yield str(error)
        return
    for blank in exercises.blanks(lesson):
        found = verdict(blank.name, solved[blank.function])
        if not found.passed:
            yield f"the solution does not pass: {found.message}"
        found = verdict(blank.name, empty[blank.function])
        if found.status != "unwritten":
            yield f"the empty blank is not told as such: {found.message}"
        for mistake in blank.mistakes:
            found = verdict(blank.name, mistake.function)
            if found.passed or found.mistake != mistake.name:
                yield f"{blank.name}: the mistake {mistake.name} is told as {found.mistake or found.lines[0]}"
