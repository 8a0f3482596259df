"""Which sandbox this machine offers, and the command that starts a process in it.

bubblewrap  the process sees system files and Python, read-only; no network; every child has its own processes,
            /proc and empty /tmp, and no way to gain rights
landlock    no file but system files and Python can be read, none written or changed; no sockets, no signals
            to others; what a child leaves behind is looked for and ended
none        a new interpreter for each submission, with nothing kept from it
"""

import functools
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import course
from course.grading import confine

TIERS = ("bubblewrap", "landlock", "none")
NOBODY = 65534
USERS = 0x70000000  # root's children run as this user plus a process's number: no two workers share one
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store", "/etc/ld.so.cache", "/etc/ld.so.conf",
          "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime", "/etc/fonts")
PARTS = ("bin", "lib", "lib64", "etc", "share", "pyvenv.cfg")  # of a Python's prefix
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
PACKAGE = Path(course.__file__).resolve().parent
ROOT = PACKAGE.parent  # of the checkout, with solutions/; or where packages are installed
# Folders of the package that a learner's process does not see, and the files in them that it does.
HIDDEN = {"exercises": ("__init__.py", "blank.py"), "authoring": (), "bench": (),
          "grading": ("__init__.py", "child.py", "confine.py", "wire.py", "zygote.py")}  # fmt: skip
CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL", "CAP_SYS_PTRACE")
THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")}


class Unavailable(RuntimeError):
    """A sandbox that was asked for cannot be had here; the message says why."""


@dataclass(frozen=True)
class Tier:
    """A sandbox that works here. weaker_because: why it is no stronger one, in words; "" for the strongest."""

    name: str
    weaker_because: str = ""


@functools.cache
def tier(wanted="auto"):
    """The strongest Tier that works here, or the wanted one.

    Raises ValueError for a name that is none of TIERS, Unavailable where the wanted one does not work, or where
    root would have to run a learner's code.
    """
    if wanted not in ("auto", *TIERS):
        raise ValueError(f"sandbox: got {wanted!r}, expected auto, {', '.join(TIERS)}")
    reasons = []
    for name in TIERS if wanted == "auto" else (wanted,):
        why = _why_not(name)
        if not why:
            return Tier(name, "; ".join(reasons))
        reasons.append(f"{name}: {why}")
    raise Unavailable("no sandbox works here. " + "; ".join(reasons))


def is_root():
    return hasattr(os, "geteuid") and os.geteuid() == 0


def user():
    """The number of the user that a learner's code becomes where this process is root, else None.

    Limits on processes count by user, so each worker has one of its own where such numbers can be had.
    """
    if not is_root():
        return None
    own = USERS + os.getpid()
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return NOBODY
    ranges = [(int(first), int(count)) for first, _, count in map(str.split, lines)]
    return own if any(first <= own < first + count for first, count in ranges) else NOBODY


def _why_not(name):
    """Why a tier does not work here, or ""."""
    if name == "bubblewrap":
        if platform.system() != "Linux" or not confine.has_seccomp():
            return f"needs Linux on x86-64 or arm64, and this is {platform.system()} on {platform.machine()}"
        if not shutil.which("bwrap"):
            return "the program bwrap is not installed (Debian's and Fedora's package bubblewrap)"
        probe = [*_bubblewrap(), sys.executable, "-P", "-m", "course.grading.confine", scratch()]
        done = subprocess.run(probe, capture_output=True, text=True, env=environment(scratch()), cwd="/")
        said = done.stderr.strip().splitlines()
        return f"bwrap is refused ({said[-1] if said else f'exit status {done.returncode}'})" if done.returncode else ""
    if name == "landlock":
        if not confine.landlock_version():
            return "this system's kernel has no Landlock"
        if (ROOT / "solutions").is_dir() and (place := exposed(ROOT, name)):
            return f"{ROOT} lies in {place}, all of which a learner's code may read, and so the solutions"
        return _unreadable()
    return _unreadable()


def _unreadable():
    """Why root cannot become a user that can read Python, or ""."""
    if not is_root():
        return ""
    code = "import encodings, torch, course"
    done = subprocess.run([sys.executable, "-c", code], user=NOBODY, group=NOBODY, extra_groups=[],
                          capture_output=True, env=environment("/tmp"), cwd="/") if _nobody_reads() else None  # fmt: skip
    if done is None or done.returncode:
        return (f"root must not run learners' code, and the user {NOBODY} cannot read {sys.prefix} or {PACKAGE}; "
                "start grading as an ordinary user")  # fmt: skip
    return ""


def _nobody_reads():
    """Whether every folder above Python and the course can be entered by anyone."""
    places = [Path(sys.executable), Path(os.path.realpath(sys.executable)), PACKAGE / "__init__.py"]
    return all(parent.stat().st_mode & 0o001 for place in places for parent in place.parents)


def environment(scratch):
    """Environment variables of a process that runs learners' code: none of the caller's own."""
    return THREADS | {
        "PATH": "/usr/bin:/bin",
        "HOME": scratch,
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "LOGNAME": "learner",
        "PYTHONPATH": str(PACKAGE.parent),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONMALLOC": "malloc",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": scratch,
        "IPYTHONDIR": scratch,
        "COURSE_PROGRESS": "0",
        "COURSE_DEVICE": "cpu",
    } | ({"SYSTEMROOT": os.environ["SYSTEMROOT"]} if "SYSTEMROOT" in os.environ else {})  # fmt: skip


def readable():
    """What a learner's process may read besides the system and the package: Python's own folders.

    Where the checkout lies in Python's prefix, only the parts in which Python does.
    """
    places = {sys.prefix, sys.base_prefix}
    places |= {p for p in sys.path if Path(p).name in ("site-packages", "dist-packages") and Path(p).is_dir()}
    places = {os.path.realpath(p) for p in places} | {os.path.abspath(p) for p in places}
    for place in [p for p in places if PACKAGE.parent.is_relative_to(p)]:
        places.remove(place)
        places |= {f"{place}/{part}" for part in PARTS if os.path.exists(f"{place}/{part}")}
    inside = {p for p in places if Path(p).is_relative_to(ROOT)}  # stay, since what is around them may be hidden
    places = inside | {p for p in places if not any(Path(p).is_relative_to(known) for known in SYSTEM)}
    below = {p for p in places for q in places if Path(p) != Path(q) and Path(p).is_relative_to(q)
             and (q in inside or p not in inside)}  # fmt: skip
    return sorted(places - below)


def exposed(path, name):
    """The place that learners' code may read in the tier `name` and in which a path lies, or ""."""
    path = Path(os.path.realpath(path))
    hidden = name == "bubblewrap" and _is_checkout() and path.is_relative_to(ROOT)
    places = [place for place in (*SYSTEM, *readable()) if not (hidden and ROOT.is_relative_to(place))]
    return next((place for place in places if name != "none" and path.is_relative_to(place)), "")


def _is_checkout():
    return ROOT.name not in ("site-packages", "dist-packages")


def scratch():
    """The folder in which a child may write: /tmp, unless Python or the course lie there."""
    below = any(Path(p).is_relative_to("/tmp") for p in (*readable(), str(PACKAGE), sys.executable))
    return "/scratch" if below else "/tmp"


def _bubblewrap():
    """bwrap with all that the process sees. `--` and the command are to follow."""
    words = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
             "--die-with-parent", "--new-session", "--hostname", "sandbox"]  # fmt: skip
    if not is_root():
        words += ["--unshare-user"]
    for name in CAPABILITIES:
        words += ["--cap-add", name]
    # Devices one by one: with bwrap's own --dev, an ordinary user could not make namespaces inside.
    words += ["--proc", "/proc", "--tmpfs", "/dev"]
    for path in DEVICES:
        words += ["--dev-bind", path, path]
    words += ["--symlink", "/proc/self/fd", "/dev/fd", "--dir", "/dev/shm", "--dir", "/tmp", "--tmpfs", scratch()]
    shown = [*SYSTEM, *readable(), str(PACKAGE)]
    inside = [path for path in shown if Path(path).is_relative_to(ROOT)]
    around = [path for path in shown if path not in inside]
    words += _folders(shown)
    for path in around:
        if os.path.islink(path) and path in SYSTEM:
            words += ["--symlink", os.readlink(path), path]
        else:
            words += ["--ro-bind-try", path, path]
    masked = _is_checkout() and any(ROOT.is_relative_to(place) for place in around)  # such as /usr/src/course
    words += ["--tmpfs", str(ROOT), *_folders(inside)] if masked else []
    for path in inside:
        words += ["--ro-bind-try", path, path]
    for folder, files in HIDDEN.items():
        place = PACKAGE / folder
        if place.is_dir():
            words += ["--tmpfs", str(place)]
            for file in files:
                words += ["--ro-bind", str(place / file), str(place / file)]
            words += ["--remount-ro", str(place)]
    # Nothing but a child's own folders can be written: what one leaves elsewhere, the next would find.
    words += ["--remount-ro", str(ROOT)] if masked else []
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]


def _folders(places):
    """Those above the places, which anyone may enter; those that bwrap makes by itself are for root alone."""
    above = {str(parent) for place in places for parent in Path(place).parents} - {"/"}
    return [word for path in sorted(above) for word in ("--dir", path)]


def _landlock():
    """The places that a child may read where Landlock guards it."""
    inside = [str(path) for path in sorted(PACKAGE.iterdir()) if path.name not in HIDDEN]
    shown = [str(PACKAGE / folder / file) for folder, files in HIDDEN.items() for file in files]
    return [*SYSTEM, *DEVICES, *readable(), *inside, *shown]


def start(name, control, **keywords):
    """Starts the zygote in the tier `name` ("bubblewrap" or "landlock"): a Popen.

    control: its end of a socket pair, which must be inheritable.
    """
    folder = scratch() if name == "bubblewrap" else tempfile.mkdtemp(prefix="course-grading-")
    options = {
        "control": control.fileno(),
        "namespaces": name == "bubblewrap",
        "scratch": scratch(),
        "folder": None if name == "bubblewrap" else folder,
        "uid": user(),
        "landlock": _landlock() if name == "landlock" else None,
    }
    command = [sys.executable, "-P", "-m", "course.grading.zygote", json.dumps(options)]
    words = [*_bubblewrap(), *command] if name == "bubblewrap" else command
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/", start_new_session=True,
                            pass_fds=(control.fileno(),), env=environment(folder), **keywords)  # fmt: skip
