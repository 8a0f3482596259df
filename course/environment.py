"""Makes `.venv` on first use and again whenever what it depends on changes. Standard library only.

Two files in `.venv` say where it stands. `course-ready` is the stamp: a digest of all that the environment
depends on, written last. `course-making` is there from before the first step until after the stamp, and says
which step is under way, so that a run that was interrupted at any point is taken up by the next one.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from course import pip_install

FREE_BYTES = 2 * 10**9  # what a first install takes on disk: 1.6 GB measured with the CPU build of torch
PROBE = "import sys, pip; print('%d.%d' % sys.version_info[:2])"


class NotReady(Exception):
    """The environment cannot be made; the message is one line that says what to do."""


def is_checkout(root):
    """Whether `root` holds the whole course, rather than an installed copy of the package alone."""
    return all((Path(root) / name).is_file() for name in ("pyproject.toml", "constraints.txt"))


def is_inside(root):
    """Whether this process runs in the environment of `root`."""
    venv = Path(root) / ".venv"
    return venv.is_dir() and os.path.samefile(sys.prefix, venv)


def python_of(root):
    """The path of the environment's own Python, whether or not it is there yet."""
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return Path(root) / ".venv" / folder / name


def digest(root):
    """What the environment depends on, as a hexadecimal sha256.

    The place is part of it, because a checkout that was moved must be installed again.
    """
    parts = [Path(root, name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    parts += [text.encode() for text in (_version(), sys.base_prefix, str(Path(root).resolve()))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def is_ready(root):
    """Whether `.venv` is complete and up to date."""
    if _marker(root).exists() or not python_of(root).exists():
        return False
    return _read(Path(root) / ".venv" / "course-ready") == digest(root)


def ready(root):
    """Make `.venv` unless it is ready. Raises NotReady, with nothing half-made left behind.

    Inside a `.venv` that was made by hand (no stamp, no marker) nothing is done: it is its maker's.
    """
    stamp = Path(root) / ".venv" / "course-ready"
    if is_ready(root) or (is_inside(root) and not stamp.exists() and not _marker(root).exists()):
        return
    try:
        check_machine(root)
        with _lock(root) as lock:
            if not is_ready(root):  # the run that was waited for may have made it
                make(root, lock)
    except OSError as error:
        raise NotReady(pip_install.explain([str(error)])) from error


def check_machine(root):
    """Raise NotReady where this Python or this folder cannot hold an environment."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        cure = "install its venv and ensurepip modules"
        if Path("/etc/debian_version").exists():
            cure = f"sudo apt install python{_version()}-venv"
        raise NotReady(f"{sys.executable} comes without venv: {cure}, then run this again.") from None
    try:
        tempfile.TemporaryFile(dir=root).close()
    except OSError as error:
        if error.errno in pip_install.DISK_FULL:
            raise
        raise NotReady(f"{root} cannot be written to ({error.strerror}); copy the course to a folder of your "
                       "own and run it there.") from None
    free = shutil.disk_usage(root).free
    if not (Path(root) / ".venv").exists() and free < FREE_BYTES:
        need, left = f"{FREE_BYTES / 1e9:.0f} GB", f"{free / 1e9:.1f} GB"
        raise NotReady(f"the first install takes {need} in {root}, and {left} are free; make room, then run "
                       "this again.")


def make(root, lock=None):
    """Make, resume or bring up to date `.venv`; raises NotReady.

    What a failed first install made is removed, since it is of no use; an environment that was ready stays.
    """
    started, venv, stamp = time.monotonic(), Path(root) / ".venv", digest(root)
    left_at = _read(_marker(root))
    first = _provide_python(root) or left_at == "packages"
    if left_at:
        _drop_unfinished_packages(venv)
    _mark(root, "packages" if first else "update")
    try:
        downloaded = _pip(root, lock)
    except pip_install.Failed as error:
        log = _keep_log(venv / "install.log", removed=first)
        if first:
            shutil.rmtree(venv, ignore_errors=True)
        elif not left_at:
            _marker(root).unlink()  # pip takes back what it did, so the environment is as it was
        where = f" The whole log: {log}" if log else ""
        raise NotReady(f"{error}{where}") from None
    _write_whole(venv / "course-ready", stamp)
    _marker(root).unlink()
    minutes, size = (time.monotonic() - started) / 60, _size(venv)
    print(f"Ready after {minutes:.1f} minutes: {downloaded:.0f} MB downloaded, {size:.0f} MB in .venv.",
          flush=True)


def run_inside(root, arguments):
    """Start the course again in the Python of `.venv`, in the same folder: the exit status, if it returns."""
    command = [str(python_of(root)), str(Path(root) / "course"), *arguments]
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], command, pip_install.clean_environ())
    process = subprocess.Popen(command, env=pip_install.clean_environ())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # Ctrl-C has reached the command too: let it end in its own way
            continue


def _version():
    return "{}.{}".format(*sys.version_info[:2])


def _marker(root):
    return Path(root) / ".venv" / "course-making"


def _mark(root, step):
    """Say which step is under way: "venv", then "packages"; "update" where there was an environment before."""
    _write_whole(_marker(root), step)


def _read(path):
    return path.read_text() if path.exists() else ""


def _write_whole(path, text):
    """Write a file so that a reader sees all of it or none."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    os.replace(part, path)


def _provide_python(root):
    """See to it that `.venv` holds a Python of this version with pip: whether it was made. Raises NotReady."""
    venv = Path(root) / ".venv"
    if venv.exists():
        half_made = _read(_marker(root)) == "venv"
        if not half_made and _probe(root) == _version():
            return False
        if is_inside(root):
            raise NotReady("the Python in .venv is incomplete; start this with the Python that .venv was made with.")
        if not half_made:
            print(f"The Python in .venv does not run, has no pip or is not {_version()}: .venv is made anew.")
        shutil.rmtree(venv)
    print(f"Making .venv with Python {platform.python_version()} in {root}", flush=True)
    try:
        venv.mkdir()
        _mark(root, "venv")
        # In two steps, because venv hides what ensurepip says when it fails.
        _call([sys.executable, "-m", "venv", "--without-pip", str(venv)])
        _call([str(python_of(root)), "-m", "ensurepip", "--upgrade", "--default-pip"])
    except (OSError, NotReady):
        shutil.rmtree(venv, ignore_errors=True)
        raise
    return True


def _call(command):
    """Run a command without showing its output. Raises NotReady with the reason where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=pip_install.clean_environ())
    if done.returncode:
        raise NotReady(pip_install.explain((done.stdout + done.stderr).splitlines()))


def _probe(root):
    """The version of the Python in `.venv`, such as "3.11", or "" where it does not run or has no pip."""
    try:
        seen = subprocess.run([str(python_of(root)), "-c", PROBE], capture_output=True, text=True,
                              env=pip_install.clean_environ())
    except OSError:
        return ""
    return seen.stdout.strip() if seen.returncode == 0 else ""


def _drop_unfinished_packages(venv):
    """Forget packages whose install was cut off, or pip would take them for installed.

    pip writes RECORD after everything else.
    """
    packages = "Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"
    for info in venv.glob(f"{packages}/*.dist-info"):
        if not (info / "INSTALLER").exists() or not (info / "RECORD").exists():
            shutil.rmtree(info)


def _pip(root, lock):
    """Install everything: MB downloaded. Raises pip_install.Failed."""
    return pip_install.install(str(python_of(root)), root, Path(root) / ".venv" / "install.log", lock)


def _keep_log(log, removed):
    """Where the log can be read, moved out of a `.venv` that is about to be removed; None if it is lost."""
    if not removed:
        return log
    try:
        handle, path = tempfile.mkstemp(prefix="course-install-", suffix=".log")
        os.close(handle)
        shutil.move(log, path)
        return path
    except OSError:  # the disk may be full
        return None


def _size(folder):
    """MB in a folder."""
    files = (os.path.join(where, name) for where, _, names in os.walk(folder) for name in names)
    return sum(os.lstat(file).st_size for file in files) / 1e6


@contextmanager
def _lock(root):
    """Hold the right to make `.venv`: a lock on a file in the temp folder, freed however its holders end.

    Yields the open file. pip is given it too, so that the pip of a run that was killed is waited for.
    """
    with _lock_file(root) as file:
        if not _try_lock(file):
            print("Another run is making .venv; waiting for it.", flush=True)
            while not _try_lock(file):
                time.sleep(0.5)
        yield file


def _lock_file(root):
    """The open file that the lock is on: one for each checkout and user."""
    name = hashlib.sha256(f"{Path(root).resolve()} {getattr(os, 'getuid', int)()}".encode()).hexdigest()[:16]
    return open(Path(tempfile.gettempdir()) / f"course-{name}.lock", "a+")


def _try_lock(file):
    """Whether the lock could be had at once."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
