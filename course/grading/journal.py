"""What has been graded so far, in RESULTS/journal.sqlite: a run that is killed goes on where it was."""

import hashlib
import json
import sqlite3
from pathlib import Path

from course import exercises
from course.grading.model import Result

VERSION = 1  # of the table and of what a verdict depends on


class Busy(RuntimeError):
    """Another run writes to the same journal."""


class Journal:
    """Results by learner, lesson and source.

    A Result counts as long as the submission's bytes, the secret and the lesson's solution are the same: `print_of`.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.connection = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        try:
            self.connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self.connection.execute("PRAGMA journal_mode=WAL")
            self.connection.execute("PRAGMA synchronous=NORMAL")
            self.connection.execute(
                "CREATE TABLE IF NOT EXISTS results (learner BLOB, lesson BLOB, source BLOB, print TEXT, result TEXT, "
                "PRIMARY KEY (learner, lesson, source))"
            )
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self.connection.close()
            if "locked" in str(error):
                raise Busy(f"{self.path}: another run of grading writes here; wait for its end") from None
            raise
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise ValueError(f"{self.path}: not a journal of grading ({error}); give another --out") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def get(self, submission, print_):
        """The Result of a submission, or None where it is not graded yet, or was when something was different."""
        row = self.connection.execute(
            "SELECT print, result FROM results WHERE learner = ? AND lesson = ? AND source = ?", _key(submission)
        ).fetchone()
        return Result.from_dict(json.loads(row[1])) if row and row[0] == print_ else None

    def put(self, result, print_):
        """Keeps a Result, from now on and whatever happens."""
        text = json.dumps(result.to_dict(), sort_keys=True)
        self.connection.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?)", (*_key(result), print_, text))


def _key(one):
    """As bytes: a file's name may hold what is no UTF-8."""
    return tuple(text.encode("utf-8", "surrogatepass") for text in (one.learner, one.lesson, one.source))


def print_of(submission, secret, measure, tier=""):
    """A digest of all that a Result depends on. measure: of the lesson's solution, from `measure_of`. tier: a sandbox."""
    parts = [str(VERSION), tier, submission.platform_id, submission.problem, measure,
             hashlib.sha256(submission.data).hexdigest()]  # fmt: skip
    key = hashlib.sha256(secret).digest()  # all of it, however long
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "replace"), key=key, digest_size=16).hexdigest()


def measure_of(lesson, solutions=None):
    """A digest of what a lesson's answers are measured by: its solution, its blanks, and the code that judges."""
    digest = hashlib.sha256()
    path = Path(solutions or exercises.ROOT / "solutions") / f"{lesson}.ipynb"
    package = Path(exercises.__file__).parent.parent
    code = [*package.glob("exercises/*.py"), *package.glob("grading/*.py"), package / "check.py"]
    for file in (path, *sorted(code)):
        digest.update(file.read_bytes() if file.is_file() else b"-")
    return digest.hexdigest()
