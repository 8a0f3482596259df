"""Whether verdicts hold for every learner: over many seeds, and for every single-token change of a solution.

seeds    a right answer must pass and a known mistake must fail, whatever the hidden inputs
mutants  a solution with one token changed, if that changes its numbers, must not pass
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass

from course import exercises
from course.authoring import derive, mutate, notebook
from course.exercises.blank import BadAnswer, _played, first_difference
from course.grading import judge
from course.grading.sandbox import THREADS

SECRET = b"the bench of verdicts, which keeps no secret"
OTHER_SEEDS = 25  # on which a mutant may show that its numbers are others
SECONDS = 2  # of a mutant: a changed loop may never end


@dataclass(frozen=True)
class Seeds:
    """name of the blank, how many seeds, mistakes in it, and the verdicts that were wrong, in words."""

    name: str
    seeds: int
    mistakes: int
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Mutants:
    """name of the blank, mutants whose numbers are others, verdicts on them, and those that passed, in words."""

    name: str
    mutants: int
    verdicts: int
    passed: tuple[str, ...]


def seeds(name, count):
    """The verdicts of `count` seeds on a blank's solution and on its known mistakes: a Seeds."""
    blank, lesson = exercises.find(name), judge.reference(name.partition(".")[0])
    solution, wrong = lesson.functions[blank.function], []
    for learner in range(count):
        try:
            asked = judge.ask(lesson, blank, f"learner {learner}", SECRET)
        except Exception as error:
            wrong.append(f"learner {learner}: the solution raises {type(error).__name__}: {error}")
            continue
        if not same(blank, solution, asked.calls, asked.expected):
            wrong.append(f"learner {learner}: the solution differs from itself")
        for mistake in blank.mistakes:
            if same(blank, mistake.function, asked.calls, asked.expected):
                wrong.append(f"learner {learner}: {mistake.name} passes")
    return Seeds(name, count, len(blank.mistakes), tuple(wrong))


def same(blank, function, calls, expected):
    """Whether a function passes with these inputs."""
    try:
        return first_difference(blank, _played(blank, function, calls), expected) is None
    except (BadAnswer, ArithmeticError, LookupError, TypeError, ValueError, RuntimeError, AttributeError, NameError):
        return False


class Endless(RuntimeError):
    """A mutant took too long."""


def mutants(name, count):
    """The verdicts of `count` seeds on every mutant of a blank's solution: a Mutants."""
    blank, lesson = exercises.find(name), judge.reference(name.partition(".")[0])
    source = solution_source(name)
    asked = [judge.ask(lesson, blank, f"learner {i}", SECRET) for i in range(count)]
    others = [judge.ask(lesson, blank, f"other {i}", SECRET) for i in range(OTHER_SEEDS)]
    changed, verdicts, passed = 0, 0, []
    signal.signal(signal.SIGALRM, _endless)
    for mutant in mutate.mutants(source, name, {blank.function}):
        found = [_verdict(blank, mutant, lesson, one) for one in asked]
        alive = [i for i, passes in enumerate(found) if passes]
        if len(alive) == count and all(_verdict(blank, mutant, lesson, one) for one in others):
            continue  # the same numbers everywhere
        changed, verdicts = changed + 1, verdicts + count
        passed += [f"{mutant} passes for learner {i}" for i in alive]
    return Mutants(name, changed, verdicts, tuple(passed))


def solution_source(name):
    """The source of the cell in which the solution of a blank stands."""
    lesson, _, function = name.partition(".")
    book = notebook.read(exercises.ROOT / "solutions" / f"{lesson}.ipynb")
    (cell,) = (cell for cell in book.cells if derive.has_blank(cell) and derive._function(cell) == function)
    return cell.source


def _verdict(blank, mutant, lesson, asked):
    """Whether a mutant passes; one that never ends does not."""
    namespace = dict(lesson.functions[blank.function].__globals__)
    namespace["turn"] = mutate.turns()
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        exec(mutant.code, namespace)
        return same(blank, namespace[blank.function], asked.calls, asked.expected)
    except Exception:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _endless(*_):
    raise Endless("took too long")


def main(argv):
    """Print a table of verdicts over seeds or mutants: 0 where all targets are met."""
    parser = argparse.ArgumentParser(prog="python3 -m course bench verdicts", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, metavar="N", help="seeds for each blank (default 100)")
    parser.add_argument("--learners", type=int, default=5, metavar="N", help="seeds for each mutant (default 5)")
    parser.add_argument("--lesson", metavar="LESSON", help="only the blanks of this lesson")
    options = parser.parse_args(list(argv))
    lessons = [options.lesson] if options.lesson else list(exercises.lessons())
    names = [blank.name for lesson in lessons for blank in exercises.blanks(lesson)]
    os.environ.update(THREADS)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    began = time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
        over_seeds = list(pool.map(seeds, names, [options.seeds] * len(names))) if options.seeds else []
        over_mutants = list(pool.map(mutants, names, [options.learners] * len(names))) if options.learners else []
    print(f"{'blank':48} {'mistakes':>8} {'wrong verdicts':>15} {'mutants':>8} {'passed':>7}")
    for i, name in enumerate(names):
        left = f"{over_seeds[i].mistakes:8} {len(over_seeds[i].wrong):15}" if over_seeds else f"{'':24}"
        right = f"{over_mutants[i].mutants:8} {len(over_mutants[i].passed):7}" if over_mutants else ""
        print(f"{name:48} {left} {right}")
        for line in (*(over_seeds[i].wrong if over_seeds else ())[:3], *(over_mutants[i].passed if over_mutants else ())[:3]):
            print(f"    {line}")
    wrong = sum(len(one.wrong) for one in over_seeds)
    verdicts, passed = sum(one.verdicts for one in over_mutants), sum(len(one.passed) for one in over_mutants)
    share = 1 - passed / verdicts if verdicts else 1.0
    print(f"{options.seeds} seeds for each of {len(names)} blanks: {wrong} wrong verdicts (target 0)")
    print(f"{sum(one.mutants for one in over_mutants)} mutants, {verdicts} verdicts: {share:.2%} rejected (target 99 %)")
    print(f"{time.monotonic() - began:.0f} s on {cores} cores")
    return int(wrong > 0 or share < 0.99)


if __name__ == "__main__":
    import sys

    raise SystemExit(main(sys.argv[1:]))
