"""`python3 -m course grade SUBMISSIONS --out RESULTS`: grades a class."""

import argparse
import os
import secrets
import sys
from pathlib import Path

EPILOG = """\
SUBMISSIONS is a folder with one folder per learner, a folder of notebooks, nbgrader's submitted/, or the zip file
that Canvas or Moodle gives. Each run goes on where the last one with the same --out was, also after it was killed.

RESULTS gets report.html for the lecturer, grades.csv, blanks.csv, mistakes.csv, attention.csv, junit.xml,
feedback/ with a page and gradescope/ with a results.json for each learner, and
  secret           from which the hidden inputs are made: keep it from learners; with it a regrade is the same
  journal.sqlite   the verdicts, written as they are reached

exit status: 0 every submission is graded; 1 some could not be read or run, and report.html names them;
2 wrong usage; 3 no sandbox, or no solutions; 130 interrupted with Ctrl-C: the same command goes on
"""


def parser():
    import argparse

    made = argparse.ArgumentParser(
        prog="python3 -m course grade", description="Grade a class: verdicts, feedback pages, reports.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("submissions", metavar="SUBMISSIONS", type=Path, help="a folder or a zip file")
    made.add_argument("--out", metavar="RESULTS", type=Path, required=True, help="the folder for the results")
    made.add_argument("--lesson", metavar="LESSON", help="all notebooks are of this lesson, such as 08_adam")
    made.add_argument("--workers", metavar="N", type=_count, help="processes (default: one for each core)")
    made.add_argument("--cluster", metavar="tcp://HOST:PORT", help="grade on a Dask cluster (extra: cluster)")
    made.add_argument("--sandbox", choices=("auto", "bubblewrap", "landlock", "none"), default="auto",
                      help="default: the strongest that works here")  # fmt: skip
    made.add_argument("--secret", metavar="FILE", type=Path, help="default: RESULTS/secret, made when it is missing")
    made.add_argument("--solutions", metavar="DIR", type=Path, help="default: solutions/ of the course")
    made.add_argument("--canvas", action="store_true", help="also write canvas.csv")
    made.add_argument("--moodle", action="store_true", help="also write moodle.csv")
    made.add_argument("--nbgrader", metavar="URL", help="also write into nbgrader's gradebook, sqlite:///gradebook.db")
    return made


def _count(text):
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= 512:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number from 1 to 512")
    return number


def main(argv):
    """Grade a class: the exit status."""
    options = parser().parse_args(list(argv))
    from course.grading import intake, sandbox, work
    from course.grading.journal import Busy, Journal

    try:
        tier = sandbox.tier(options.sandbox)
        lessons = _lessons(options.solutions)
        taken = intake.submissions(options.submissions, options.lesson)
        options.out.mkdir(parents=True, exist_ok=True)
        setup = work.Setup(_secret(options), tier.name, str(options.solutions) if options.solutions else None)
        with Journal(options.out / "journal.sqlite") as journal:
            return _grade(options, tier, lessons, taken, setup, journal)
    except (sandbox.Unavailable, NoSolutions) as error:
        return _refuse(error, 3)
    except (ValueError, OSError, Busy, ImportError) as error:
        return _refuse(error, 2)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on where this one was.", file=sys.stderr)
        return 130


class NoSolutions(RuntimeError):
    """There is nothing to measure by."""


def _refuse(error, status):
    print(f"course grade: {error}", file=sys.stderr)
    return status


def _lessons(folder):
    """The lessons that can be graded: those with a solution. Raises NoSolutions."""
    from course import exercises

    place = Path(folder or exercises.ROOT / "solutions")
    found = [lesson for lesson in exercises.lessons() if (place / f"{lesson}.ipynb").is_file()]
    if not found:
        raise NoSolutions(f"{place} holds no solutions: a class is graded from the full repository")
    return found


def _secret(options):
    """The bytes of the secret, made on first use. Raises ValueError where the file is too short to be one."""
    path = options.secret or options.out / "secret"
    if not path.exists() and options.secret is None:
        new = path.with_name("secret.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
        os.replace(new, path)
    secret = path.read_bytes().strip()
    if len(secret) < 16:
        raise ValueError(f"{path}: got {len(secret)} bytes, expected a secret of 16 or more")
    return secret


def _grade(options, tier, lessons, taken, setup, journal):
    from course.grading import reports, work
    from course.grading.journal import measure_of, print_of

    measures = {lesson: measure_of(lesson, setup.solutions) for lesson in lessons}
    results, prints = {}, {}

    def todo():
        """The submissions that are to be graded, read one at a time; the others have their Result at once."""
        for submission in taken:
            key = submission.learner, submission.lesson, submission.source
            prints[key] = print_of(submission, setup.secret, measures.get(submission.lesson, ""), tier.name)
            result = journal.get(submission, prints[key])
            if result is None and (submission.problem or submission.lesson not in measures):
                result = _unread(submission, measures)
                journal.put(result, prints[key])
            if result is None:
                yield submission
            else:
                results[key] = result

    print(f"{len(taken)} submissions; sandbox: {tier.name}", file=sys.stderr)
    if tier.weaker_because:
        print(f"no stronger sandbox, since {tier.weaker_because}", file=sys.stderr)
    workers = min(options.workers or _cores(), max(1, len(taken)))
    open_executor = lambda: work.local(workers)  # noqa: E731
    if options.cluster:
        open_executor, workers = work.cluster(options.cluster)
    for submission, result in _shown(work.graded(setup, todo(), open_executor, workers), results, len(taken)):
        key = submission.learner, submission.lesson, submission.source
        journal.put(result, prints[key])
        results[key] = result
    ordered = [results[key] for key in sorted(results)]
    given = reports.Options(canvas=options.canvas, moodle=options.moodle)
    reports.write(ordered, options.out, given)
    if options.nbgrader:
        reports.into_gradebook(ordered, options.nbgrader)
    bad = [result for result in ordered if result.problem]
    print(f"{len(ordered) - len(bad)} graded, {len(bad)} could not be: {options.out / 'report.html'}")
    for source, why in taken.ignored:
        print(f"ignored: {source}: {why}", file=sys.stderr)
    return int(bool(bad))


def _unread(submission, measures):
    from course.grading.grader import unread

    if submission.problem:
        return unread(submission, submission.problem)
    return unread(submission, f"There is no exercise {submission.lesson!r} to grade; there are {', '.join(measures)}.")


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shown(pairs, results, total):
    """Passes the pairs on under a progress bar with rate and time left; off a terminal, a line now and then."""
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    bar = tqdm(total=total, unit=" submissions", dynamic_ncols=terminal, mininterval=0.2 if terminal else 30)
    with bar:
        for pair in pairs:
            yield pair
            bar.update(len(results) - bar.n)
        bar.update(len(results) - bar.n)
