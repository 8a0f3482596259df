"""`python3 -m course export class DIR` and `export nbgrader DIR [LESSON ...]`. Standard library only when imported."""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


class Refused(Exception):
    """Nothing was written; the message says why, and `lines` where. status: of the command, 2 for wrong usage."""

    def __init__(self, message, lines=(), status=1):
        super().__init__(message)
        self.lines, self.status = list(lines), status


def main(argv):
    """Write the folder: 0; where it was refused and nothing was written, 1, or 2 for wrong usage."""
    options = _parse(argv)
    try:
        target = free(options.dir)
        if options.what == "class":
            from course.grading.export import handout

            contents = handout.files()
        else:
            from course.grading.export import nbgrader_course

            contents = nbgrader_course.files(options.lessons)
        write(target, contents)
    except Refused as error:
        print("\n".join([f"course: {error}", *(f"  {line}" for line in error.lines)]), file=sys.stderr)
        return error.status
    except OSError as error:
        print(f"course: {error.filename or options.dir}: {error.strerror}; nothing was written.", file=sys.stderr)
        return 1
    size = sum(map(len, contents.values())) / 1e6
    print(f"Wrote {len(contents)} files, {size:.1f} MB, into {options.dir}. No answer was found in what is for learners.")
    return 0


def _parse(argv):
    parser = argparse.ArgumentParser(prog="python3 -m course export", description="Write what a class works with.")
    kinds = parser.add_subparsers(dest="what", required=True, metavar="class | nbgrader")
    say = "what learners are given: lessons, exercises, the package, without any answer"
    kind = kinds.add_parser("class", help=say, description=f"Write {say}.")
    kind.add_argument("dir", metavar="DIR", help="a folder that does not exist or is empty")
    say = "a course folder for nbgrader 0.9.6 or newer"
    kind = kinds.add_parser("nbgrader", help=say, description=f"Write {say}. Its README.md says how to use it.")
    kind.add_argument("dir", metavar="DIR", help="a folder that does not exist or is empty")
    kind.add_argument("lessons", nargs="*", metavar="LESSON", help="such as 08_adam or 08; default: all")
    return parser.parse_args(argv)


def free(folder):
    """The folder as a Path with an existing parent. Raises Refused where something is in it or in the way."""
    path = Path(folder).absolute()
    own = [ROOT / name for name in ("course", "notebooks", "exercises", "solutions", "tests")]
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        why = f"{folder} is a {'link' if path.is_symlink() else 'file'}"
    elif path.exists() and any(path.iterdir()):
        why = f"{folder} is not empty ({min(path.iterdir()).name} is in it)"
    elif path.exists() and path.samefile(Path.cwd()):
        why = f"{folder} is the folder in which this command runs"
    elif not path.parent.is_dir():
        why = f"{folder} cannot be made: there is no folder {path.parent}"
    elif any(path.resolve().is_relative_to(place.resolve()) for place in own):
        why = f"{folder} is among the course's own files"
    else:
        return path
    raise Refused(f"{why}; name a folder elsewhere that does not exist or is empty.", status=2)


def write(target, contents):
    """Write files {path: bytes} into a folder beside the target, then rename it: all of them, or none."""
    part = Path(tempfile.mkdtemp(prefix=".export-", suffix=".tmp", dir=target.parent))
    try:
        for name, data in contents.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        part.chmod(0o755)  # mkdtemp's is for its owner alone
        if target.exists():  # empty; Windows does not rename onto it
            target.rmdir()
        os.rename(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
