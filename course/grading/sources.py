"""Files below a folder and in zips, found without following a link and without opening what is no ordinary file."""

import io
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from course.grading import naming
from course.grading.archive import MAX_TOTAL, Archive
from course.grading.reading import MAX_BYTES, TOO_LARGE, Unreadable

MAX_FOLDERS = 12  # folders within folders
MAX_ZIPS = 2  # a zip within a zip
_SKIPPED = {"__macosx", ".git", ".ipynb_checkpoints", "__pycache__", "node_modules", "site-packages", "venv"}
_SKIPPED_FILES = {"thumbs.db", "desktop.ini", "timestamp.txt"}  # the last one is nbgrader's
_LISTED = 5  # of files in one folder that are no notebooks; the others are counted
_OTHER_ARCHIVES = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")


@dataclass(frozen=True)
class Place:
    """Where a file is. parts: the folders and its name, where a zip counts as a folder; source: for people.

    path: in the file system; members: the entries that lead to it if path is a zip, as `Archive.entries` has them.
    """

    parts: tuple[str, ...]
    source: str
    path: str = ""
    members: tuple[tuple[int, int], ...] = ()
    problem: str = ""


@dataclass
class Found:
    """What a folder holds. name: the folder's own; empty: folders with nothing to look at; ignored: [(source, why)]."""

    name: str
    places: list[Place] = field(default_factory=list)
    empty: list[Place] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)


class Opener:
    """Reads places; keeps the zip that was read last open, since its neighbours come next."""

    def __init__(self):
        self._zips = {}

    def read(self, place):
        """The bytes. Raises Unreadable."""
        if place.problem:
            raise Unreadable(place.problem)
        if not place.members:
            return _file_bytes(place.path)
        *nested, last = place.members
        return self.archive(place.path, tuple(nested)).read(last)

    def archive(self, path, nested=()):
        """The opened Archive at a path, or in an entry of that. Raises Unreadable."""
        if (path, nested) not in self._zips:
            outer = self.archive(path, nested[:-1]).read(nested[-1]) if nested else None
            self.close(keep=(path, nested[:-1]) if nested else None)
            self._zips[path, nested] = Archive(io.BytesIO(outer) if nested else _opened(path))
        return self._zips[path, nested]

    def close(self, keep=None):
        for key in [key for key in self._zips if key != keep]:
            self._zips.pop(key).close()


def walk(folder, leave_out=None):
    """All that is Found below a folder, in a zip, or at a notebook, in no order. See `intake.submissions` for raises.

    leave_out: a folder that is not looked into, should it lie in the first one.
    """
    path = Path(folder)
    seen = naming.shown(str(folder))
    if not path.exists():
        raise FileNotFoundError(f"{seen}: there is nothing; expected a folder of submissions, or a zip of them")
    found = Found(naming.shown(path.resolve().name) or "learner")
    if path.is_dir():
        _walk_folder(found, path, _parts_below(leave_out, path))
    elif naming.NOTEBOOK.search(path.name) and path.is_file():
        found.name = naming.shown(path.resolve().parent.name)
        found.places.append(Place((path.name,), naming.shown(path.name), str(path.resolve())))
    elif path.suffix.lower() == ".zip" and path.is_file():
        found.name = naming.shown(path.stem)
        _walk_zip(found, Place((), naming.shown(path.name), str(path.resolve())), own=False)
        whole = next((place for place in found.places if not place.parts[0]), None)
        if whole:
            raise ValueError(f"{seen}: {whole.problem}")
    else:
        raise ValueError(
            f"{seen}: neither folder, zip nor notebook; expected a folder of submissions, or a zip of them"
        )
    return found


def _parts_below(folder, root):
    """The names that lead from a root to a folder in it; None where it is not in it, or not given."""
    folder, root = Path(folder or root).resolve(), Path(root).resolve()
    return folder.relative_to(root).parts or None if folder.is_relative_to(root) else None


def _walk_folder(found, root, leave_out=None):
    waiting = [(str(root), ())]
    while waiting:
        path, parts = waiting.pop()
        source = naming.shown("/".join(parts)) or "."
        try:
            with os.scandir(path) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not parts:
                raise ValueError(f"{naming.shown(path)}: cannot be listed ({error.strerror})") from None
            found.places.append(Place((*parts, ""), source, problem=f"The folder cannot be read ({error.strerror})."))
            continue
        others, kept = [], False
        for entry in inside:
            here = (*parts, entry.name)
            name = naming.shown("/".join(here))
            if here == leave_out:
                continue
            if entry.is_symlink() or getattr(entry, "is_junction", bool)():
                place = Place(here, name, problem="It is a link; expected the file itself.")
                found.places.append(place) if naming.NOTEBOOK.search(entry.name) else others.append(place)
                kept = True
            elif entry.is_dir(follow_symlinks=False):
                if entry.name.startswith(".") and not parts and entry.name not in _SKIPPED:
                    found.ignored.append((name, "a hidden folder"))
                elif entry.name.startswith(".") or entry.name.lower() in _SKIPPED:
                    continue
                elif len(here) > MAX_FOLDERS:
                    found.ignored.append((name, f"folders more than {MAX_FOLDERS} deep are not looked into"))
                else:
                    waiting.append((entry.path, here))
                kept = True
            elif not _system_file(entry.name):
                _sort_in(found, others, Place(here, name, entry.path), _size(entry))
                kept = True
        if parts and not kept:
            found.empty.append(Place((*parts, ""), source))
        _list(found, others, source)


def _size(entry):
    """A file's size in bytes; None where it is no ordinary file."""
    try:
        info = entry.stat(follow_symlinks=False)
    except OSError:  # it vanished: reading it will say so
        return 0
    return info.st_size if stat.S_ISREG(info.st_mode) else None


def _system_file(name):
    """Whether a file is of a system's making, not handed in by anybody: .DS_Store, ._name, Thumbs.db."""
    name = name.lower()
    return name.startswith("._") or (name.startswith(".") and not name.endswith(".ipynb")) or name in _SKIPPED_FILES


def _sort_in(found, others, place, size):
    """A file to where it belongs: a notebook to the places, a zip is looked into, the rest to the others."""
    name = place.parts[-1].lower()
    if size is None and not place.problem:
        place = _with(place, "It is no ordinary file (a pipe, device or socket); expected a file.")
    if naming.NOTEBOOK.search(name):
        found.places.append(place)
    elif name.endswith(".zip"):
        _walk_zip(found, place, own=True)
    elif name.endswith(_OTHER_ARCHIVES) and not place.problem:
        others.append(_with(place, "It is an archive of another kind; expected a zip, or the notebook itself."))
    else:
        others.append(place)


def _with(place, problem):
    return Place(place.parts, place.source, place.path, place.members, problem)


def _list(found, others, source):
    """Takes in what is no notebook: the first ones by name, of more the number."""
    found.places += sorted(others, key=lambda place: place.parts)[:_LISTED]
    if len(others) > _LISTED:
        found.ignored.append((source, f"holds {len(others) - _LISTED} more files that are no notebooks"))


def _walk_zip(found, place, own, opener=None):
    """Takes in a zip's entries. own: the zip may be a learner's, with a limit on what all its entries hold."""
    opener = opener or Opener()
    parts = (*place.parts[:-1], place.parts[-1][:-4]) if place.parts else ()
    try:
        if place.problem:
            raise Unreadable(place.problem)
        if len(place.members) >= MAX_ZIPS:
            raise Unreadable("A zip in a zip in a zip is not opened.")
        archive = opener.archive(place.path, place.members)
    except Unreadable as error:
        found.places.append(Place((*parts, "") if place.parts else ("",), place.source, problem=str(error)))
        opener.close()
        return
    others, total = [], 0
    empty, full = {_seen(inside) for inside in archive.folders}, set()
    for inside, member, problem in archive.entries:
        if _system_file(inside[-1]) or _seen(inside[:-1]) != inside[:-1]:
            empty.add(_seen(inside[:-1]))
            continue
        full |= {inside[:i] for i in range(len(inside))}
        if len(inside) > MAX_FOLDERS:
            problem = problem or f"Folders more than {MAX_FOLDERS} deep are not looked into."
        size = archive.size(member)
        if naming.NOTEBOOK.search(inside[-1]) or inside[-1].lower().endswith(".zip"):
            total += size
        if own and total > MAX_TOTAL:
            problem = problem or f"Its zip unpacks to more than {MAX_TOTAL // 2**20:,} MB; expected less."
        source = f"{place.source}: {naming.shown('/'.join(inside))}"
        child = Place((*parts, *inside), source, place.path, (*place.members, member), problem)
        if inside[-1].lower().endswith(".zip") and not problem:
            _walk_zip(found, child, own=True, opener=opener)
            archive = opener.archive(place.path, place.members)
        else:
            _sort_in(found, others, child, size)
    full |= {inside[:i] for inside in empty for i in range(len(inside))}
    for inside in sorted(empty - full):
        found.empty.append(Place((*parts, *inside, ""), f"{place.source}: {naming.shown('/'.join(inside))}"))
    if place.parts and not archive.entries:
        found.places.append(Place((*parts, ""), place.source, problem="The zip is empty; expected a notebook in it."))
    _list(found, others, place.source)
    if not place.members:
        opener.close()


def _seen(folders):
    """The folders down to the first that is not looked into."""
    hidden = (i for i, part in enumerate(folders) if part.lower() in _SKIPPED or part.startswith("."))
    return folders[: next(hidden, len(folders))]


def _opened(path):
    """The ordinary file at a path, opened for reading; neither a link nor a pipe is. Raises Unreadable."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise Unreadable("It is no ordinary file; expected a file.")
    except (OSError, ValueError) as error:
        raise Unreadable(f"It could not be read ({getattr(error, 'strerror', None) or error}).") from None
    return os.fdopen(handle, "rb")


def _file_bytes(path):
    with _opened(path) as file:
        try:
            data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise Unreadable(f"It could not be read ({error.strerror}).") from None
    if len(data) > MAX_BYTES:
        raise Unreadable(f"It has more than {MAX_BYTES // 2**20} MB; expected less. {TOO_LARGE}")
    return data
