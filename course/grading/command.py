"""`python3 -m course grade SUBMISSIONS --out RESULTS`: grades a class."""

import argparse
import os
import secrets
import sqlite3
import sys
from pathlib import Path

SHOWN = 10  # of a list on the terminal; the files hold all of it
EPILOG = """\
SUBMISSIONS is a folder with one folder per learner, a folder of notebooks, nbgrader's submitted/, or the zip file
that Canvas or Moodle gives. Each run goes on where the last one with the same --out was, also after it was killed.

RESULTS gets report.html for the lecturer, grades.csv, blanks.csv, mistakes.csv, attention.csv, ignored.csv,
junit.xml, feedback/ with a page and gradescope/ with a results.json for each learner, and
  secret           from which the hidden inputs are made: keep it from learners; with it a regrade is the same
  journal.sqlite   the verdicts, written as they are reached

--canvas and --moodle take the ids from the names in the zip that Canvas or Moodle gave. For submissions that came in
another way, give the file that the platform exports as --canvas-roster or --moodle-roster: its rows are filled in.

exit status: 0 every submission is graded; 1 some could not be read or run, and report.html names them;
2 wrong usage, RESULTS cannot be written, or the cluster is gone; 3 no sandbox, or no solutions;
130 interrupted with Ctrl-C. After 2 and 130 the same command goes on where it was.
"""


def parser():
    import argparse

    made = argparse.ArgumentParser(
        prog="python3 -m course grade", description="Grade a class: verdicts, feedback pages, reports.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("submissions", metavar="SUBMISSIONS", type=Path, help="a folder or a zip file")
    made.add_argument("--out", metavar="RESULTS", type=Path, required=True, help="the folder for the results")
    made.add_argument("--lesson", metavar="LESSON", help="all notebooks are of this lesson, such as 08_adam or 08")
    made.add_argument("--workers", metavar="N", type=_count, help="processes (default: one for each core)")
    made.add_argument("--cluster", metavar="tcp://HOST:PORT", help="grade on a Dask cluster (extra: cluster)")
    made.add_argument("--sandbox", choices=("auto", "bubblewrap", "landlock", "none"), default="auto",
                      help="default: the strongest that works here")  # fmt: skip
    made.add_argument("--secret", metavar="FILE", type=Path, help="default: RESULTS/secret, made when it is missing")
    made.add_argument("--solutions", metavar="DIR", type=Path, help="default: solutions/ of the course")
    made.add_argument("--canvas", action="store_true", help="also write canvas.csv")
    made.add_argument("--canvas-roster", metavar="FILE", type=Path, help="the gradebook as Canvas exports it")
    made.add_argument("--moodle", action="store_true", help="also write moodle/LESSON.csv")
    made.add_argument("--moodle-roster", metavar="FILE", type=Path, help="the worksheet of one lesson's assignment")
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
    sys.stderr = sys.stderr or open(os.devnull, "w")  # closed by whoever started this, such as a cron job
    from course.grading import intake, reports, sandbox, work
    from course.grading.journal import Busy, Journal

    try:
        tier = sandbox.tier(options.sandbox)
        for path in filter(None, (options.submissions, options.out, options.secret, options.solutions)):
            if place := sandbox.exposed(path, tier.name):
                raise ValueError(f"{path} lies in {place}, all of which learners' code may read; expected another place")
        lessons = _lessons(options.solutions)
        _check_out(options)
        taken = intake.submissions(options.submissions, _lesson(options.lesson), options.out)
        given = reports.Options(options.canvas, options.moodle, options.canvas_roster, options.moodle_roster)
        reports.check(given)
        if options.nbgrader:
            reports.gradebook.refuse(options.nbgrader)
        options.out.mkdir(parents=True, exist_ok=True)
        setup = work.Setup(_secret(options), tier.name, str(options.solutions) if options.solutions else None)
        with Journal(options.out / "journal.sqlite") as journal:
            return _grade(options, given, tier, lessons, taken, setup, journal)
    except (sandbox.Unavailable, NoSolutions) as error:
        return _refuse(error, 3)
    except sqlite3.Error as error:
        return _refuse(f"{options.out / 'journal.sqlite'} cannot be written ({error}); what it holds is kept", 2)
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error, 2)
    except (ValueError, Busy, ImportError) as error:
        return _refuse(error, 2)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on where this one was.", file=sys.stderr)
        return 130


class NoSolutions(RuntimeError):
    """There is nothing to measure by."""


def _warn(text):
    print(f"course grade: warning: {text}", file=sys.stderr)


def _refuse(error, status):
    print(f"course grade: {error}", file=sys.stderr)
    return status


def _lesson(text):
    """The lesson that is meant by its stem or its number; what is neither is left as it is."""
    from course import exercises

    return next((stem for stem in exercises.lessons() if text and stem.partition("_")[0] == text), text)


def _check_out(options):
    """Raises ValueError where the results would mix with what was handed in."""
    out, given = options.out.resolve(), options.submissions.resolve()
    if out == given:
        raise ValueError(f"--out {options.out}: that is SUBMISSIONS; expected a folder of its own")
    if out.is_relative_to(given) and out.is_dir() and not (out / "journal.sqlite").is_file():
        other = next((path.name for path in out.iterdir() if path.name != "secret"), None)
        if other:
            raise ValueError(f"--out {options.out}: it lies in SUBMISSIONS and holds {other}; expected no folder yet")


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
        if (options.out / "journal.sqlite").exists():
            _warn(f"{path} is gone: with a new one all is graded again, on other inputs")
        new = path.with_name("secret.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
        os.replace(new, path)
    secret = path.read_bytes().strip()
    if len(secret) < 16:
        raise ValueError(f"{path}: got {len(secret)} bytes, expected a secret of 16 or more")
    if os.name == "posix" and path.stat().st_mode & 0o077:
        _warn(f"{path} can be read by others on this machine: chmod 600 {path}")
    return secret


def _grade(options, given, tier, lessons, taken, setup, journal):
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
        if not work.has_failed(result):
            journal.put(result, prints[key])
        results[key] = result
    ordered = [results[key] for key in sorted(results)]
    written = reports.write(ordered, options.out, given, taken.ignored)
    if options.nbgrader:
        reports.into_gradebook(ordered, options.nbgrader)
    bad = [result for result in ordered if result.problem]
    _say(f"{len(ordered) - len(bad)} graded, {len(bad)} could not be: {options.out / 'report.html'}")
    for note in written.notes:
        print(f"note: {note}", file=sys.stderr)
    for source, why in taken.ignored[:SHOWN]:
        print(f"ignored: {source}: {why}", file=sys.stderr)
    if len(taken.ignored) > SHOWN:
        print(f"ignored: {len(taken.ignored) - SHOWN:,} more, in {options.out / 'ignored.csv'}", file=sys.stderr)
    if written.left_over:
        names = ", ".join(written.left_over[:SHOWN]) + ", ..." * (len(written.left_over) > SHOWN)
        print(f"left from an earlier run, of learners who are not among these: {names}", file=sys.stderr)
    return int(bool(bad))


def _say(line):
    """Prints a line, unless nobody reads on at the other end of the pipe: the results are written all the same."""
    try:
        print(line, flush=True)
    except OSError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # what is left in the buffer must go somewhere


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
