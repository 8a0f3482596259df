"""Hostile notebooks that peek, steal, or leave something behind, and honest answers beside them. See `trials`."""

from course.bench.attacks import cell, heist
from course.bench.trials import TARGET, Trial, added, after_def, both, only
from course.grading.model import CRASHED, RAISED

_FRAMES = """
import gc, sys
def numbers(x, depth=0):
    return isinstance(x, (list, tuple)) and len(x) == 20
frame, names = sys._getframe(), set()
while frame is not None:
    names |= set(frame.f_locals)
    frame = frame.f_back
return bool(names & {"expected", "secret", "solution", "functions", "reference", "asked"})"""

_LOOK = """
import os
def look(place, depth=0):
    if depth > 5:
        return
    try:
        entries = list(os.scandir(place))
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in ("proc", "sys", "site-packages", "usr", "torch", "numpy", "dist-packages"):
                    yield from look(entry.path, depth + 1)
            elif entry.name.endswith((".ipynb", ".sqlite")) or entry.name in ("adam.py", "secret", "derive.py"):
                if "rules" not in entry.path and "mistakes" not in entry.path and open(entry.path, "rb").read(1):
                    yield entry.path
        except OSError:
            pass
"""

THEFT = (
    heist("frames", _FRAMES),
    heist("objects of the collector", """
import gc, types
for one in gc.get_objects():
    if isinstance(one, types.FunctionType) and one.__name__ in ("_resumed", "_correction_over", "_spike", "_given"):
        return True
    if isinstance(one, dict) and "secret" in one and isinstance(one["secret"], bytes):
        return True"""),
    heist("the blanks' definitions", "try:\n    import course.exercises.adam\n    return True\nexcept ImportError:\n    pass"),
    heist("the authoring", "try:\n    import course.authoring.derive\n    return True\nexcept ImportError:\n    pass"),
    heist("these trials", "try:\n    import course.bench.trials\n    return True\nexcept ImportError:\n    pass"),
    heist("what judges", "try:\n    from course.grading import judge\n    return True\nexcept ImportError:\n    pass"),
    heist("known lessons", "from course import exercises\nreturn bool(exercises.lessons())"),
    heist("files of the course", _LOOK + "for path in look('/'):\n    return True"),
    heist("files above the course", _LOOK + """
import course, sys
from pathlib import Path
for place in (*Path(course.__file__).parents, *Path(sys.executable).parents, Path.home()):
    for path in look(place, 3):
        return True"""),
    heist("memory of process 1", """
import os
for pid in ("1", "2", str(os.getppid())):
    if os.path.exists(f"/proc/{pid}") and os.stat(f"/proc/{pid}").st_ino != os.stat("/proc/self").st_ino:
        try:
            open(f"/proc/{pid}/mem", "rb").close()
            return pid != str(os.getpid())
        except OSError:
            pass"""),
    heist("other processes", """
import os
try:
    pids = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
except OSError:
    pids = []
for pid in pids:
    for name in ("environ", "cmdline", "maps", "cwd"):
        try:
            open(f"/proc/{pid}/{name}", "rb").read()
            return True
        except OSError:
            pass"""),
    heist("a trace of another process", """
import ctypes, os
libc = ctypes.CDLL(None)
return any(libc.ptrace(16, pid, 0, 0) == 0 for pid in (1, os.getppid()) if pid not in (0, os.getpid()))"""),
    heist("memory of others through a call", """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
class Vec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(8)
mine, theirs = Vec(ctypes.addressof(buffer), 8), Vec(ctypes.addressof(buffer), 8)
return libc.process_vm_readv(os.getppid() or 1, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) == 8"""),
    heist("the network", """
import socket
for kind in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
    try:
        socket.socket(kind, socket.SOCK_DGRAM).close()
        return True
    except OSError:
        pass"""),
    heist("datagrams to an address", """
import socket
try:
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return True
except OSError:
    pass
a, b = socket.socketpair()
for step in (lambda: a.bind("\\0course"), lambda: a.listen(), lambda: a.connect("\\0course")):
    try:
        step()
        return True
    except OSError:
        pass"""),
    heist("rights", """
import ctypes, os
for step in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.chroot("/"),
             lambda: os.nice(-5), lambda: os.unshare(0x10000000), lambda: os.unshare(0x20000),
             lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)), lambda: os.setsid()):
    try:
        if step() != 0 or os.geteuid() == 0 and os.stat("/proc/1").st_uid == 0:
            return True
    except (OSError, AttributeError):
        pass
libc = ctypes.CDLL(None)
return libc.mount(b"x", b"/tmp", b"tmpfs", 0, b"") == 0 or libc.umount2(b"/tmp", 2) == 0"""),
    heist("limits of others", """
import os, resource
for pid in (1, os.getppid()):
    if pid not in (0, os.getpid()):
        try:
            resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1))
            return True
        except (OSError, ValueError):
            pass
try:
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    return True
except (OSError, ValueError):
    pass"""),
    heist("files outside", """
import os, sys, course, numpy
from pathlib import Path
places = [Path("/"), Path("/etc"), Path("/usr"), Path("/dev"), Path("/proc/sys/kernel"), Path(course.__file__).parent,
          Path(course.__file__).parents[1], Path(course.__file__).parent / "exercises", Path(numpy.__file__).parent,
          Path(sys.executable).parent, Path("/root"), Path("/home"), Path("/var/tmp"), Path("/run")]
for place in places:
    try:
        (place / "planted").write_text("x")
        return True
    except OSError:
        pass
for path in (course.__file__, numpy.__file__, sys.executable, "/bin/sh", "/etc/passwd"):
    for step in (lambda: os.utime(path), lambda: os.chmod(path, 0o777), lambda: os.truncate(path, 0),
                 lambda: os.unlink(path), lambda: os.rename(path, path + "x"), lambda: os.link(path, path + "y"),
                 lambda: os.setxattr(path, "user.x", b"y"), lambda: os.chown(path, os.getuid(), os.getgid())):
        try:
            step()
            return True
        except OSError:
            pass"""),
    heist("what others left", """
import fcntl, os, glob
mark = "mark-of-a-learner"
places = ["/tmp", "/var/tmp", "/dev/shm", "/dev", "/", "/run", "/proc/self", os.getcwd(), os.path.expanduser("~")]
paths = [os.path.join(place, mark) for place in places]
found = any(map(os.path.exists, paths))
for path in paths:
    try:
        open(path, "w").close()
    except OSError:
        pass
try:
    from multiprocessing import shared_memory
    shared_memory.SharedMemory(mark + "-2", create=True, size=10)
except FileExistsError:
    found = True
except Exception:
    pass
return found""", twice=True),
)  # fmt: skip


def outside(folder):
    """Reads or changes the files `secret` and `open` in a folder that is not the learner's: a Trial."""
    return heist("files of others", f"""
import os
for name in ("secret", "open", "other"):
    path = os.path.join({str(folder)!r}, name)
    for step in (lambda: open(path).close(), lambda: open(path, "a").close(), lambda: os.chmod(path, 0o777),
                 lambda: os.utime(path), lambda: os.truncate(path, 0), lambda: os.rename(path, path + "x"),
                 lambda: os.unlink(path), lambda: os.mkdir(path + "d"), lambda: os.symlink("x", path + "l"),
                 lambda: os.listdir(os.path.dirname(path)), lambda: os.chmod(os.path.dirname(path), 0)):
        try:
            step()
            return True
        except OSError:
            pass""")


_STAY = """
import os, signal, time
{leave}
for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
end = time.monotonic() + 30
while time.monotonic() < end:
    try:
        for fd in range(3, 64):
            try:
                os.write(fd, b"R" * 64)
            except OSError:
                pass
        os.kill(-1, signal.SIGSTOP)
    except OSError:
        time.sleep(0.001)
os._exit(0)"""

SURVIVORS = (
    cell("a survivor", "import os\nif os.fork() == 0:\n" + "\n".join("    " + line for line in _STAY.format(leave="").splitlines())),
    cell("a survivor of two forks", "import os\nif os.fork() == 0:\n" + "\n".join("    " + line for line in _STAY.format(
        leave="try:\n    os.setsid()\nexcept OSError:\n    pass\ntry:\n    os.setpgid(0, 0)\nexcept OSError:\n    pass\n"
              "if os.fork():\n    os._exit(0)").splitlines())),
    cell("a survivor by nohup", "import subprocess\nsubprocess.Popen('nohup sh -c \"while true; do sleep 1; done\" &', shell=True)"),
)  # fmt: skip

# What is honest in these passes: the attack stands in a cell of its own.
BESIDE = (
    Trial("honest answers and a patched numpy", added(
        "np.sqrt = lambda x: 0.0\nmath.sqrt = math.log = lambda x: 0.0\nimport builtins\nbuiltins.abs = None", before="adam"),
        hostile=True),
    Trial("honest answers and an input transformer", added(
        "get_ipython().input_transformers_cleanup.append(lambda lines: [])", before="adam"), hostile=True),
    Trial("honest answers and a forged one", both(
        after_def("longest_step", "import os\nos._exit(0)"),
        added("import sys\nsys.modules.clear()", before="adam")),
        hostile=True, expected=only(longest_step={CRASHED, RAISED})),
    Trial("the right number and then a crash", after_def(TARGET, "import os\nos._exit(0)"), hostile=True,
          expected=only(**{TARGET: {CRASHED}})),
)  # fmt: skip

HOSTILE = (*THEFT, *SURVIVORS, *BESIDE)
