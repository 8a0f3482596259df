"""Whose file it is and of which lesson, from the names that people and learning platforms give it.

The lesson is the one whose stem the name holds, in any case and with any signs in place of "_" between its
words: "Ada 08-Adam (1).ipynb" is of 08_adam. The learner is told by the first of these that is there:

1. a name by Canvas, "NAME_(LATE_)USER_FILE_name.ipynb" or "(LATE_)anon_ABCDE_FILE_name.ipynb", or by Moodle,
   "NAME_ID_assignsubmission_file_..."
2. the first folder that is not a lesson and not one of `WRAPPERS`; a zip counts as a folder
3. what stands before the lesson in the file's name, or, if that is nothing, behind it: ada_08_adam.ipynb,
   08_adam-ada.ipynb; the whole name where it holds no lesson
"""

import functools
import re
import unicodedata
from dataclasses import dataclass

from course import exercises

WRAPPERS = ("submitted", "submissions", "exercises", "notebooks", "solutions")  # folders that are no learner's name
NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)  # mail programs add the second ending
_MOODLE = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<rest>.*))?", re.DOTALL)
_CANVAS = re.compile(
    r"(?:(?:LATE_)?(?P<nobody>anon_[A-Za-z0-9]{5})|(?P<name>.+?)(?:_LATE)?_(?P<id>\d+))_(?P<file>\d+)_(?P<rest>.+)",
    re.DOTALL,
)
_AGAIN = re.compile(r"-(\d+)$")  # Canvas adds it to the name of what is handed in again
_COPY = re.compile(r"([-_ ]+copy[-_ ]?\d*| ?\(\d+\))+$", re.IGNORECASE)
_EDGES = " _-.,+&"


@dataclass(frozen=True)
class Named:
    """What a platform's file name says. version: which is newer of two, (resubmission, number of the file)."""

    name: str
    id: str
    rest: str
    version: tuple[int, int] | None = None


def named_by_platform(name):
    """The Named of a file or folder as Canvas or Moodle names it in the zip of a whole class, or None."""
    moodle = _MOODLE.fullmatch(name)
    if moodle:
        return Named(moodle["name"], moodle["id"], moodle["rest"] or "")
    canvas = _CANVAS.fullmatch(name)
    if not canvas or len(canvas["id"] or "") > 40 or len(canvas["file"]) > 40:
        return None
    name, number = canvas["nobody"] or canvas["name"], canvas["id"] or ""
    whole = f"{canvas['file']}_{canvas['rest']}"
    if lesson_in(whole) and not lesson_in(canvas["rest"]):  # ada_5_08_adam.ipynb: the second number is the lesson's
        return None
    if lesson_in(name):  # 08_adam_2026_11_24.ipynb: the numbers are a date
        return None
    again = _AGAIN.search(_stem(canvas["rest"]))
    version = (int(again[1]) if again and len(again[1]) <= 6 else 0, int(canvas["file"]))
    return Named(name, number, canvas["rest"], version)


def _surely_by_platform(named):
    """Whether a name deep in a folder is a platform's: a learner's own plots_10_20_run.ipynb is not."""
    if named.version is None:
        return True
    plain = 0 < len(named.id) < 3 or named.version[1] < 100
    return not plain and bool(lesson_in(named.rest))


@functools.cache
def _lessons():
    """A pattern of all stems; the group that matched tells which."""
    stems = list(exercises.lessons())
    words = ("[^a-z0-9]+".join(re.escape(word) for word in stem.split("_")) for stem in stems)
    alternatives = "|".join(f"({word})" for word in words)
    return stems, re.compile(rf"(?<![a-z0-9])(?:{alternatives})(?![a-z0-9])", re.IGNORECASE)


def lesson_in(name):
    """The lesson whose stem a name holds; "" where it holds none, or several."""
    stems, pattern = _lessons()
    found = {stems[match.lastindex - 1] for match in pattern.finditer(name)}
    return found.pop() if len(found) == 1 else ""


def _stem(name):
    return NOTEBOOK.sub("", name)


def _besides_lesson(name):
    """What a name holds besides the lesson: before it or, if that is nothing, behind it; copies' marks do not count."""
    match = _lessons()[1].search(name)
    if not match:
        return name
    return name[: match.start()].strip(_EDGES) or _COPY.sub("", name[match.end() :]).strip(_EDGES)


@dataclass(frozen=True)
class Owner:
    """Whose a file is. learner: "" where the name does not say. sure: a folder or a platform names the learner."""

    learner: str
    id: str = ""
    version: tuple[int, int] | None = None
    sure: bool = True


def of_platform(places):
    """The folders, as tuples, in which two learners' files or more surely have a platform's names: there all do."""
    found = {}
    for parts in places:
        for i, part in enumerate(parts):
            named = named_by_platform(part)
            if named and _surely_by_platform(named):
                found.setdefault(parts[:i], set()).add((named.name, named.id))
    return {folders for folders, learners in found.items() if len(learners) > 1}


def owner(parts, platforms=frozenset()):
    """The Owner of a file, from its folders and its name; the rules stand at the top of this module.

    platforms: the folders in which a platform gave all names, from `of_platform`
    """
    folders, file = parts[:-1], parts[-1]
    wrapped = [i for i, folder in enumerate(folders) if folder.lower() in WRAPPERS[:2]]
    first = wrapped[0] + 1 if wrapped else 0
    for i, part in enumerate(parts):
        named = named_by_platform(part)
        if named and (i <= first or _surely_by_platform(named) or parts[:i] in platforms):
            return Owner(named.name, named.id, named.version)
    for folder in folders[first:]:
        name = "" if folder.lower() in WRAPPERS else _besides_lesson(folder)
        if name:
            return Owner(name)
    return Owner(_COPY.sub("", _besides_lesson(_stem(file))), sure=False)


def lesson_of(parts):
    """The lesson of a file: its name says, else the nearest folder; "" where none does."""
    for part in reversed(parts):
        named = named_by_platform(part)
        lesson = lesson_in(named.rest if named else part)
        if lesson:
            return lesson
    return ""


def shown(name):
    r"""A name in one line that shows every sign it holds: "a\nb" and a mark that turns the text are written as escapes.

    Two names are shown the same only where they differ in how an accent is composed.
    """
    return "".join(map(_sign, unicodedata.normalize("NFC", name)))


def _sign(sign):
    if sign == "\\":
        return "\\\\"
    if sign in "\u200c\u200d":  # they join letters in Persian and in the languages of India
        return sign
    if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return sign.encode("unicode_escape", "surrogatepass").decode("ascii")
    return sign
