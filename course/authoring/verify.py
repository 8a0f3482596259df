"""python3 -m course check: every solution passes, every blank fails, every known mistake is named."""

import argparse

from course import exercises
from course.authoring import derive, notebook
from course.check import verdict


def main(argv=()):
    """Show that every solution passes, every blank fails, and every known mistake is named."""
    parser = argparse.ArgumentParser(prog="python3 -m course check", description=main.__doc__.splitlines()[0])
    parser.parse_args(list(argv))
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
        solution = notebook.read(notebook.ROOT / "solutions" / f"{lesson}.ipynb")
        # Not the file in exercises/: a learner may have written answers there.
        solved, empty = derive.functions(solution), derive.functions(derive.exercise(solution))
        for blank in exercises.blanks(lesson):
            yield from _verify(blank, derive.function(solved, blank), derive.function(empty, blank))
    except (Exception, SystemExit) as error:  # the other lessons are to be verified all the same
        yield derive.in_words(error)


def _verify(blank, solved, empty):
    found = verdict(blank.name, solved)
    if not found.passed:
        yield f"the solution does not pass: {found.message}"
    found = verdict(blank.name, empty)
    if found.status != "unwritten":
        yield f"the empty blank is not told as such: {found.message}"
    for mistake in blank.mistakes:
        found = verdict(blank.name, mistake.function)
        if found.passed or found.mistake != mistake.name:
            yield f"{blank.name}: the mistake {mistake.name} is told as {found.mistake or found.lines[0]}"
