"""What passes between the parts of grading: a Submission, its Answers, a Mark for each blank, a Result."""

from dataclasses import asdict, dataclass

PASSED, FAILED, UNWRITTEN = "passed", "failed", "unwritten"
RAISED, CRASHED, TIMEOUT, MEMORY, UNREAD = "raised", "crashed", "timeout", "memory", "unread"
STATUSES = (PASSED, FAILED, UNWRITTEN, RAISED, CRASHED, TIMEOUT, MEMORY, UNREAD)


@dataclass(frozen=True)
class Submission:
    """One notebook that a learner handed in.

    learner  as the folder or the learning platform names the learner
    lesson   the stem of the exercise, such as "08_adam"; "" where it could not be told
    source   where it was found, for people: a path below the folder of submissions, "archive.zip: name" in a zip
    data     the file's bytes
    problem  why it cannot be read, in words to the learner; data is then empty
    platform_id  the learner's number on the platform, from the name of a file of Canvas or Moodle; else ""
    """

    learner: str
    lesson: str
    source: str
    data: bytes = b""
    problem: str = ""
    platform_id: str = ""


@dataclass(frozen=True)
class Cell:
    """A code cell of the learner that is to be run. blank: the function that it answers, "" for an added cell."""

    source: str
    blank: str = ""


@dataclass(frozen=True)
class Answers:
    """What a notebook holds of the learner's own work.

    cells    in the order of the notebook; copies of locked cells and of checks are left out
    notes    what was out of place and was put right, in words to the learner
    flags    what a person should look at, in words to the lecturer
    problem  why there is nothing to run, in words to the learner
    """

    cells: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Mark:
    """The verdict on one blank. lines: what is said to the learner. status: one of STATUSES."""

    blank: str  # "08_adam.adam"
    status: str
    points: int
    out_of: int
    lines: tuple[str, ...] = ()
    mistake: str | None = None
    hint: str = ""


@dataclass(frozen=True)
class Result:
    """The verdicts on one submission; the same for every run with the same secret, byte for byte.

    digest   SHA-256 of the notebook's bytes, in hexadecimal
    sandbox  the tier in which it ran: "bubblewrap", "landlock" or "none"; "" where nothing was run
    platform_id  as in Submission
    """

    learner: str
    lesson: str
    source: str
    digest: str
    marks: tuple[Mark, ...]
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    problem: str = ""
    sandbox: str = ""
    platform_id: str = ""

    @property
    def points(self):
        return sum(mark.points for mark in self.marks)

    @property
    def out_of(self):
        return sum(mark.out_of for mark in self.marks)

    def to_dict(self):
        """As plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data):
        """The Result whose to_dict this is."""
        marks = tuple(Mark(**{**mark, "lines": tuple(mark["lines"])}) for mark in data["marks"])
        return cls(**{**data, "marks": marks, "notes": tuple(data["notes"]), "flags": tuple(data["flags"])})
