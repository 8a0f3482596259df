"""A folder of pages written whole or not at all; one that this course did not write is refused."""

import os
import shutil
import tempfile
from pathlib import Path

from course.authoring import notebook

MARK = ".made-by-course"  # names the command; without it a folder with anything in it is somebody's


class Refused(Exception):
    """Nothing was written; the message says why, in one line."""


def free(folder, kind):
    """The folder as an absolute Path with a parent: new, empty, or written before as the same kind ("site").

    Raises Refused where it is somebody else's, or where it would be in the way.
    """
    path = Path(folder).absolute()
    own = [notebook.ROOT / name for name in ("course", "notebooks", "exercises", "solutions", "tests", ".git", ".venv")]
    resolved = path.resolve()
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        why = f"{folder} is a {'link' if path.is_symlink() else 'file'}"
    elif resolved == notebook.ROOT or any(resolved.is_relative_to(place.resolve()) for place in own):
        why = f"{folder} is among the course's own files"
    elif path.exists() and path.samefile(Path.cwd()):
        why = f"{folder} is the folder in which this command runs"
    elif not path.parent.is_dir():
        why = f"{folder} cannot be made: there is no folder {path.parent}"
    elif path.exists() and any(path.iterdir()) and _kind(path) != kind:
        why = f"{folder} is not empty, and `course {kind}` did not write it ({min(path.iterdir()).name} is in it)"
    else:
        return path
    raise Refused(f"{why}; name a folder that is new, empty, or was written by `course {kind}`.")


def write(target, contents, kind):
    """Write files {path: bytes} into a folder beside the target, then give it the target's name.

    A target that `free` has allowed is replaced as a whole; after a failure it is as it was.
    """
    part = Path(tempfile.mkdtemp(prefix=f".{kind}-", suffix=".tmp", dir=target.parent))
    old = part.with_suffix(".old")
    try:
        for name, data in {**contents, MARK: f"{kind}\n".encode()}.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        part.chmod(0o755)  # mkdtemp's is for its owner alone
        if target.exists():
            os.rename(target, old)
        try:
            os.rename(part, target)
        except BaseException:
            if old.exists():
                os.rename(old, target)
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _kind(path):
    mark = path / MARK
    return mark.read_text("utf-8").strip() if mark.is_file() else None
