"""A folder or zip of what a class handed in -> one Submission for each learner and lesson.

What may be given: a folder per learner; flat files that hold learner and lesson in their names; nbgrader's
submitted/LEARNER/ASSIGNMENT/NOTEBOOK.ipynb; the zip that Canvas or Moodle gives for a class; zips within, one in
another and no deeper. One folder or zip that holds the whole class counts as what was given. `naming` says how
learner and lesson are told; where neither file nor folder names the lesson, the notebook's checks do. A bare
08_adam.ipynb is the work of the learner for whom the folder is named, if the folder holds no other learner's.

Of several notebooks of one learner and lesson, in this order: Canvas's newest; the one in a folder `exercises`
(a learner may hand in all of the course); any, if all hold the same bytes. Else none is graded, and learner and
lecturer read the names of all of them.

Links are not followed; only ordinary files are opened; nothing is unpacked to disk. Whatever cannot be read
becomes a Submission with a problem, and the rest goes on.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from course import exercises
from course.grading import naming, reading
from course.grading.model import Submission
from course.grading.reading import Unreadable
from course.grading.sources import Opener, Place, walk

_CHECKS = re.compile(rb'check\(\\"(\w+)\.\w+\\"')
_GRADE_IDS = re.compile(rb'"grade_id"\s*:\s*"(\w+)"')
_WRAPPED = 3  # folders, one in another, that hold nothing but the class
_TOLD = 5  # broken files, of one learner who handed in no notebook
_DEFINED = re.compile(rb'"def (\w+)\(')


@dataclass(frozen=True)
class Entry:
    """One learner's work on one lesson, not yet read. Plain data: a worker may be sent it, and reads it there."""

    learner: str
    lesson: str
    source: str
    places: tuple[Place, ...] = ()
    problem: str = ""
    platform_id: str = ""

    def read(self, opener=None):
        """The Submission. opener: keeps zips open between calls."""
        data, problem = b"", self.problem
        if not problem:
            try:
                data = self._bytes(opener or Opener())
                problem = _several(self.lesson, self.places) if data is None else ""
            except Unreadable as error:
                problem = f"{_name(self.places[0])}: {error}"
        return Submission(self.learner, self.lesson, self.source, data or b"", problem, self.platform_id)

    def _bytes(self, opener):
        data = opener.read(self.places[0])
        return data if all(opener.read(place) == data for place in self.places[1:]) else None


@dataclass(frozen=True)
class Intake:
    """What was handed in: iterate over it for the Submissions, which are read one at a time.

    entries  by learner and lesson; no two are of the same learner and lesson
    ignored  [(source, why)]: what belongs to nobody, or was not chosen; for the lecturer
    """

    entries: tuple[Entry, ...]
    ignored: tuple[tuple[str, str], ...]

    def __len__(self):
        return len(self.entries)

    def __iter__(self) -> Iterator[Submission]:
        opener = Opener()
        try:
            for entry in self.entries:
                yield entry.read(opener)
        finally:
            opener.close()


def submissions(folder, lesson=None, leave_out=None):
    """The Intake of a folder, a zip, or one notebook.

    lesson: only this one; a notebook that names no lesson is then taken for it.
    leave_out: a folder in it that holds no submissions, such as the results.

    Raises FileNotFoundError where there is nothing of that name, ValueError for an unknown lesson or where
    what is given is neither folder, zip nor notebook.
    """
    if lesson is not None:
        exercises.blanks(lesson)
    opener = Opener()
    try:
        return _Sorter(walk(folder, leave_out), lesson, opener).intake()
    finally:
        opener.close()


class _Sorter:
    """Puts what was found in order: by learner, then by lesson."""

    def __init__(self, found, lesson, opener):
        self.lesson, self.opener = lesson, opener
        self.ignored = list(found.ignored)
        self.of_learner = defaultdict(list)  # (name, id) -> [(place, version)]
        self.numbered_anew = set()  # those (name, id) whose platform gives a learner another id in each assignment
        nobody = []
        wrapped = _wrapped(found.places)
        if wrapped:
            self.ignored.append((naming.shown("/".join(wrapped)), "taken for the folder of the whole class"))
        places = [_unwrapped(wrapped, place) for place in found.places]
        platforms = naming.of_platform(place.parts for place in places)
        for place in places:
            owner = naming.owner(place.parts, platforms)
            if not owner.sure and not _is_notebook(place):
                self._pass_over(place, place.problem or "no notebook, and no learner in its name or folder")
            elif not owner.learner:
                nobody.append(place)
            else:
                key = naming.shown(owner.learner), owner.id
                self.of_learner[key].append((place, owner.version))
                if owner.id and owner.version is None:
                    self.numbered_anew.add(key)
        for place in (_unwrapped(wrapped, place) for place in found.empty):
            owner = naming.owner(place.parts, platforms)
            key = naming.shown(owner.learner), owner.id
            if owner.learner and owner.sure and key not in self.of_learner:
                self.of_learner[key].append((place, owner.version))
        if nobody and not self.of_learner:
            self.of_learner[found.name, ""] = [(place, None) for place in nobody]
            nobody = []
        for place in nobody:
            self._pass_over(place, "no learner in its name or folder")

    def _pass_over(self, place, why):
        self.ignored.append((place.source, why))

    def intake(self):
        entries = []
        found = {key: list(self._entries(places)) for key, places in self.of_learner.items()}
        namesakes = self._namesakes(found)
        for (name, number), of_one in found.items():
            learner = f"{name} ({number})" if number and name in namesakes else name
            entries += (replace(entry, learner=learner, platform_id=number) for entry in of_one)
        entries.sort(key=lambda entry: (entry.learner, entry.lesson, entry.source))
        return Intake(tuple(_distinct(entries)), tuple(sorted(self.ignored)))

    def _namesakes(self, found):
        """The names that several learners have.

        Moodle numbers its learners anew in each assignment: one name is one learner there, as long as no two of
        its numbers come with the same lesson.
        """
        of_name = defaultdict(list)
        for key in found:
            of_name[key[0]].append(key)
        several = set()
        for name, keys in of_name.items():
            lessons = Counter(entry.lesson for key in keys for entry in found[key])
            alike = lessons[""] or any(number > 1 for number in lessons.values())
            if len(keys) > 1 and (alike or not self.numbered_anew.issuperset(keys)):
                several.add(name)
        return several

    def _entries(self, found):
        """One learner's Entries, the learner's name still missing."""
        notebooks = [(place, version) for place, version in found if _is_notebook(place)]
        others = [place for place, _ in found if not _is_notebook(place)]
        by_lesson, untold = self._by_lesson(notebooks)
        for lesson, candidates in by_lesson.items():
            chosen = self._chosen(lesson, candidates)
            problem = next((f"{_name(place)}: {place.problem}" for place in chosen if place.problem), "")
            if problem and len(chosen) > 1:
                problem = _several(lesson, chosen)
            yield Entry("", lesson, ", ".join(place.source for place in chosen), tuple(chosen), problem)
        told = next(filter(None, (naming.lesson_of(place.parts) for place in others)), self.lesson or "")
        if by_lesson or (notebooks and not untold) or (self.lesson and told != self.lesson):
            for place, why in [*untold, *((place, place.problem or "no notebook") for place in others)]:
                self._pass_over(place, why)
            return
        expected = f"expected {told or '08_adam'}.ipynb, as Jupyter saves it"
        if untold:
            problem = " ".join(f"{_name(place)}: {why}." for place, why in untold)
            own = expected if told else "expected the exercise under its own name, such as 08_adam.ipynb"
            problem += f" It could not be told which lesson this is; {own}."
        else:
            broken = [f"{_name(place)}: {place.problem}" for place in others if place.problem]
            broken[_TOLD:] = [f"{len(broken) - _TOLD:,} more files cannot be read."] * (len(broken) > _TOLD)
            seen = ", ".join(sorted(_name(place) for place in others if place.parts[-1])[:10]) or "nothing"
            problem = " ".join(broken) or f"No notebook was handed in: seen {seen}, {expected}."
        sources = sorted(place.source for place in [*(place for place, _ in untold), *others])
        yield Entry("", told, ", ".join(sources[:3]) + (", ..." if len(sources) > 3 else ""), (), problem)

    def _by_lesson(self, notebooks):
        """{lesson: [(place, version)]}, and [(place, why)] of those that tell no lesson."""
        by_lesson, nameless, untold = defaultdict(list), [], []
        for place, version in notebooks:
            lesson = naming.lesson_of(place.parts)
            if not lesson:
                nameless.append((place, version))
            elif self.lesson in (None, lesson):
                by_lesson[lesson].append((place, version))
            else:
                self._pass_over(place, f"it is of {lesson}; graded is {self.lesson}")
        for place, version in nameless:
            lesson, why = self._told_by_content(place)
            if self.lesson and lesson in ("", self.lesson) and self.lesson not in by_lesson:
                lesson = self.lesson
            elif self.lesson and lesson != self.lesson:
                self._pass_over(place, f"it is of {lesson or 'no lesson that could be told'}; graded is {self.lesson}")
                continue
            if lesson:
                by_lesson[lesson].append((place, version))
            else:
                untold.append((place, why))
        return dict(sorted(by_lesson.items())), untold

    def _told_by_content(self, place):
        """The lesson that a notebook's checks, or the names of its blanks, are of; else "" and why."""
        try:
            if place.problem:
                raise Unreadable(place.problem)
            data = self.opener.read(place)
            lesson = lesson_of_content(data)
            if not lesson:
                reading.read(data)
        except Unreadable as error:
            return "", str(error).rstrip(".")
        return lesson, "" if lesson else "it holds no exercise of the course"

    def _chosen(self, lesson, candidates):
        """The places to read: one, or several that must hold the same bytes."""
        if any(not place.problem for place, _ in candidates):  # a link beside the file itself
            for place in (place for place, _ in candidates if place.problem):
                self._pass_over(place, place.problem)
            candidates = [(place, version) for place, version in candidates if not place.problem]
        versions = [version for _, version in candidates]
        if len(candidates) > 1 and None not in versions and versions.count(max(versions)) == 1:
            newest = max(versions)
            for place, version in candidates:
                if version != newest:
                    self._pass_over(place, f"handed in again since, for {lesson}")
            return [place for place, version in candidates if version == newest]
        places = sorted((place for place, _ in candidates), key=lambda place: place.source)
        in_exercises = [place for place in places if "exercises" in place.parts[-2:-1]]
        rest = [place for place in places if place not in in_exercises]
        if len(in_exercises) == 1 and all({"notebooks", "solutions"} & set(place.parts[-2:-1]) for place in rest):
            for place in rest:
                self._pass_over(place, f"not the exercise; graded is {in_exercises[0].source}")
            return in_exercises
        if len(places) > 1:
            self._pass_over(
                places[0],
                f"one of {len(places)} notebooks of one learner for {lesson}: "
                + ", ".join(place.source for place in places),
            )
        return places


def _wrapped(places):
    """The folders, one in another, that hold the whole class; () where learners can be told without leaving them out.

    They do where all notebooks lie in them, and below them three names or more come with one lesson: two may be
    two copies of one learner's.
    """
    notebooks = [place.parts for place in places if _is_notebook(place)]
    for depth in range(_WRAPPED + 1):
        above = {parts[:depth] for parts in notebooks if len(parts) > depth}
        if len(above) != 1 or min(map(len, notebooks)) <= depth:
            return ()
        if depth and naming.named_by_platform(notebooks[0][depth - 1]):
            return ()
        learners = defaultdict(set)
        for parts in notebooks:
            owner, lesson = naming.owner(parts[depth:]), naming.lesson_of(parts)
            if owner.learner and (lesson or owner.id):
                learners[lesson].add((owner.learner, owner.id))
        if any(len(names) > 2 for names in learners.values()):
            return above.pop()
    return ()


def _unwrapped(folders, place):
    inside = folders and place.parts[: len(folders)] == folders and len(place.parts) > len(folders)
    return replace(place, parts=place.parts[len(folders) :]) if inside else place


def lesson_of_content(data):
    """The lesson whose checks a notebook's bytes hold most of, else whose blanks; "" where there is none, or a tie."""
    lessons = exercises.lessons()
    called = Counter(name.decode() for name in _CHECKS.findall(data))
    counts = Counter({lesson: called[lesson] for lesson in lessons})
    if not counts.total():
        named = set(_GRADE_IDS.findall(data)) | set(_DEFINED.findall(data))
        for lesson, blanks in lessons.items():
            counts[lesson] = sum(blank.function.encode() in named for blank in blanks)
    (first, most), (_, second) = counts.most_common(2)
    return first if most > second else ""


def _distinct(entries):
    """The entries; of those that would be the same learner and lesson one, whose problem names all."""
    kept = {}
    for entry in entries:
        key = entry.learner, entry.lesson
        if key in kept:
            both = kept[key]
            problem = f"Two learners have one name, or one has two: {both.source} and {entry.source}."
            entry = replace(both, source=f"{both.source}, {entry.source}", places=(), problem=problem)
        kept[key] = entry
    return kept.values()


def _is_notebook(place):
    return bool(naming.NOTEBOOK.search(place.parts[-1]))


def _name(place):
    """A file's name for its learner: without the folders, and without what the platform put before it."""
    whole = place.parts[-1] or place.source.replace(": ", "/").rpartition("/")[2]  # a zip or folder as a whole
    named = naming.named_by_platform(whole)
    name = named.rest if named and named.rest else whole
    return naming.shown(name) if place.parts[-1] else name  # a source is shown already


def _several(lesson, places):
    names = [_name(place) for place in places]
    if len(set(names)) < len(names):
        names = [naming.shown("/".join(place.parts)) for place in places]
    return (
        f"There are {len(places)} notebooks for {lesson}: {', '.join(names)}. They differ, and nothing says which "
        "one counts; expected one. Hand in the one that is to be graded."
    )
