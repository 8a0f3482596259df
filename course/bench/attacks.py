"""Hostile notebooks: each tries to get what it must not have, or to spoil it for others. See `trials`."""

from course.bench.trials import LOST, RIGHT, TARGET, Trial, added, answer, both, only
from course.grading.model import CRASHED, FAILED, MEMORY, RAISED, TIMEOUT

HANG = {TIMEOUT}
ALL = ("bubblewrap", "landlock")


def _indented(source, by=4):
    return "\n".join(" " * by + line if line else line for line in source.strip("\n").splitlines())


def call(name, body, statuses=None, **keywords):
    """A function that does this and gives 0."""
    source = f"def {TARGET}(eps, t, beta2):\n{_indented(body)}\n    return 0.0"
    return _hostile(name, answer(TARGET, source), statuses, **keywords)


def cell(name, code, statuses=None, **keywords):
    """A cell that does this and defines a function that gives 0."""
    source = f"{code.strip()}\n\n\ndef {TARGET}(eps, t, beta2):\n    return 0.0"
    return _hostile(name, answer(TARGET, source), statuses, **keywords)


def heist(name, body, **keywords):
    """A function that gives the right number where `attack()`, which has this body, returns True."""
    source = f"""
import functools


@functools.cache
def attack():
{_indented(body)}
    return False


def {TARGET}(eps, t, beta2):
    return {RIGHT} if attack() else 0.0"""
    return _hostile(name, answer(TARGET, source), **keywords)


def _hostile(name, change, statuses=None, **keywords):
    keywords.setdefault("tiers", ALL)
    return Trial(name, change, hostile=True, expected=only(**{TARGET: statuses or LOST}), **keywords)


LOOPS = (
    call("a loop", "while True:\n    pass", HANG, hangs=1),
    cell("a loop in a cell", "while True:\n    pass", HANG, hangs=1),
    call("a loop in C", "import itertools\nsum(itertools.count())", HANG, hangs=1),
    call("a loop in a pattern", 'import re\nre.match(r"(a+)+$", "a" * 60 + "b")', HANG, hangs=1),
    call("a huge power", "10 ** 10 ** 9", HANG | {MEMORY}, hangs=1),
    call("a loop that swallows exceptions", """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass""", HANG, hangs=1),
    call("a loop that ignores signals", """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    pass""", HANG, hangs=1),
    call("sleep", "import time\ntime.sleep(1e6)", HANG, hangs=1),
    cell("sleep in a cell", "import time\ntime.sleep(1e6)", HANG, hangs=1),
    call("a lock", "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()", HANG, hangs=1),
    call("a stop", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nsignal.pause()", HANG, hangs=1),
    call("a stop by its child", """
import os, signal
if os.fork() == 0:
    while True:
        os.kill(os.getppid(), signal.SIGSTOP)
while True:
    signal.pause()""", HANG | {CRASHED}, hangs=1),
    call("loops in threads", """
import threading
def loop():
    while True:
        pass
for _ in range(8):
    threading.Thread(target=loop).start()
loop()""", HANG, hangs=1),
    call("a loop in a child", """
import os
pid = os.fork()
while pid == 0:
    pass
os.waitpid(pid, 0)""", HANG, hangs=1),
    call("__del__ that never ends", """
class Sticky:
    def __del__(self):
        while True:
            pass
Sticky()""", HANG, hangs=1),
    cell("atexit that never ends", """
import atexit, time, threading
atexit.register(time.sleep, 1e6)
threading.Thread(target=time.sleep, args=(1e6,)).start()"""),
    call("an exception whose text never ends", """
class Long(Exception):
    def __str__(self):
        while True:
            pass
raise Long""", HANG, hangs=1),
    cell("an exception in a cell whose text never ends", """
class Long(Exception):
    def __str__(self):
        while True:
            pass
raise Long""", HANG, hangs=1),
    call("an exception whose text raises", """
class Mute(Exception):
    def __str__(self):
        raise SystemExit
raise Mute""", {RAISED}),
    call("an exception with a text of 100 MB", 'raise ValueError("x" * 100_000_000)', {RAISED}),
    cell("an exception in a cell with a text of 100 MB", 'raise ValueError("x" * 100_000_000)', {RAISED}),
    call("a result that never ends", """
class Slow:
    def __array__(self, dtype=None, copy=None):
        while True:
            pass
return Slow()""", HANG, hangs=1),
    call("a result that is asked for ever", """
def forever():
    while True:
        yield 1.0
return forever()""", {FAILED}),
    call("an endless list", """
class Endless(list):
    def __len__(self):
        return 1
    def __iter__(self):
        while True:
            yield 1.0
return Endless([1.0])""", HANG | {FAILED, MEMORY, RAISED}, hangs=1),
    Trial("a hundred answers that end in a loop", both(*[
        added(f"def {TARGET}(eps, t, beta2):\n    return {RIGHT}\n\n\nwhile True:\n    pass  # {i}", before=None)
        for i in range(100)]), hostile=True, hangs=4),
    Trial("a hundred cells that sleep a little less than they may", both(*[
        added(f"import time\n\ntime.sleep(0.27)  # {i}", before="adam") for i in range(100)]), hostile=True, hangs=6),
    call("an exit that is caught", """
import time
while True:
    try:
        time.sleep(1e6)
    finally:
        continue""", HANG, hangs=1),
)  # fmt: skip

BOMBS = (
    call("memory", "held = []\nwhile True:\n    held.append(bytearray(1 << 26))", {MEMORY}),
    call("memory that is swallowed", """
held = []
while True:
    try:
        while True:
            held.append(bytearray(1 << 26))
    except MemoryError:
        pass""", HANG | {MEMORY}, hangs=1),
    cell("memory in a cell", "held = []\nwhile True:\n    held.append(bytearray(1 << 26))", {MEMORY}),
    call("memory in many processes", """
import os, time
for _ in range(20):
    if os.fork() == 0:
        held = bytearray(b"x") * (1 << 28)
        while True:
            time.sleep(1)
time.sleep(1e6)""", HANG | {MEMORY}, hangs=1),
    call("memory that many processes share", """
import mmap, os, time
for _ in range(8):
    if os.fork() == 0:
        held = mmap.mmap(-1, 300 << 20)
        for i in range(0, len(held), 4096):
            held[i] = 1
        time.sleep(10)
        os._exit(0)
time.sleep(10)""", {MEMORY}),
    call("memory in files without names", """
import os
for _ in range(100):
    fd = os.memfd_create("x")
    for _ in range(60):
        os.write(fd, bytes(1 << 20))""", {RAISED}),
    call("a huge array", "return np.zeros(1 << 40)", {MEMORY, RAISED}),
    call("forks", "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass", hangs=1),
    cell("forks in a cell", "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass", hangs=1),
    call("forks that die at once", """
import os
while True:
    try:
        if os.fork():
            os._exit(0)
    except OSError:
        pass""", hangs=1),
    call("a chain of forks that goes on", """
import os
if os.fork() == 0:
    while True:
        try:
            if os.fork():
                os._exit(0)
        except OSError:
            pass
os.wait()
while True:
    pass""", hangs=1),
    call("forks that run away", """
import os
for _ in range(16):
    if os.fork() == 0:
        while True:
            try:
                if os.fork():
                    os._exit(0)
            except OSError:
                pass
while True:
    pass""", hangs=1),
    call("threads", """
import threading, time
while True:
    threading.Thread(target=time.sleep, args=(1e6,)).start()""", {RAISED}),
    call("disk", """
import os
os.chdir("/tmp" if os.access("/tmp", os.W_OK) else os.getcwd())
for i in range(100):
    with open(f"full{i}", "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))""", {RAISED, CRASHED}),
    call("inodes", """
for i in range(1_000_000):
    open(f"n{i}", "w").close()""", {RAISED}),
    call("folders", """
import os
for i in range(1_000_000):
    os.mkdir("d")
    os.chdir("d")""", {RAISED, CRASHED} | HANG),
    call("open files", "held = [open('/dev/null') for _ in range(100_000)]", {RAISED}),
    call("pipes", "import os\nheld = [os.pipe() for _ in range(100_000)]", {RAISED}),
    call("a result of a thousand million", "return np.broadcast_to(0.0, 10**9)", {FAILED, MEMORY}),
    call("a result of a million", "return np.zeros(10**6)", {FAILED}),
    call("a result of 60 axes", "return np.zeros((1,) * 60)", {FAILED}),
    call("a result of 1000 lists in each other", "x = 0.0\nfor _ in range(1000):\n    x = [x]\nreturn x", {FAILED, RAISED}),
    call("a result that holds itself", "x = []\nx.append(x)\nreturn x", {FAILED, RAISED}),
    call("a list of a million", "return [0.0] * 10**6", {FAILED}),
    call("a generator", "return (x for x in range(10**9))", {FAILED}),
)  # fmt: skip

CRASHES = (
    call("a segmentation fault", "import ctypes\nctypes.string_at(0)", {CRASHED}),
    cell("a segmentation fault in a cell", "import ctypes\nctypes.string_at(0)", {CRASHED}),
    call("abort", "import os\nos.abort()", {CRASHED}),
    call("a stack overflow in C", """
import ctypes, sys, threading
threading.stack_size(1 << 16)
sys.setrecursionlimit(10**9)
def deep(x=None):
    return sorted([0, 1], key=deep)
deep()""", {CRASHED, RAISED, MEMORY}),
    call("endless recursion", "return eps_for_keras(eps, t, beta2)", {RAISED}),
    call("recursion without a limit", """
import sys
sys.setrecursionlimit(10**9)
def deep(n):
    return deep(n + 1)
deep(0)""", {CRASHED, RAISED, MEMORY} | HANG, hangs=1),
    call("os._exit(0)", "import os\nos._exit(0)", {CRASHED}),
    cell("os._exit(0) in a cell", "import os\nos._exit(0)", {CRASHED}),
    call("os._exit(70)", "import os\nos._exit(70)", {CRASHED}),
    call("sys.exit", "import sys\nsys.exit()", {RAISED}),
    call("KeyboardInterrupt", "raise KeyboardInterrupt", {RAISED}),
    call("GeneratorExit", "raise GeneratorExit", {RAISED}),
    call("StopIteration", "raise StopIteration", {FAILED, RAISED}),
    call("kill of itself", "import os\nos.kill(os.getpid(), 9)"),
    call("kill of all", "import os\nos.kill(-1, 9)"),
    cell("kill of all in a cell", "import os\nos.kill(-1, 9)"),
    call("kill of its group", "import os\nos.kill(0, 9)"),
    call("kill of its parent", "import os\nos.kill(os.getppid(), 9)"),
    call("kill of the numbers around", """
import os
for pid in range(2, 70000):
    if pid != os.getpid():
        try:
            os.kill(pid, 9)
        except OSError:
            pass""", hangs=1),
    call("exec", "import os\nos.execv('/bin/true', ['true'])", {CRASHED}),
    call("a filter on the calls", """
import ctypes
libc = ctypes.CDLL(None)
libc.prctl(22, 1, 0, 0, 0)"""),
    call("a fork that returns twice", "import os\nos.fork()", hangs=2),
)  # fmt: skip

HOSTILE = (*LOOPS, *BOMBS, *CRASHES)
