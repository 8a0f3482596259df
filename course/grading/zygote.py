"""The process that has imported everything once and forks a child for each learner's notebook.

    python -m course.grading.zygote OPTIONS

OPTIONS, as JSON: `control`, the number of an open UNIX socket; `namespaces`, whether each child gets its own;
`scratch`, a folder for a child's files; `folder`, one of the zygote's own that it removes when it ends, or null;
`uid`, the user that a child becomes, or null; `landlock`, the folders that a child may read, or null. Messages are those of `wire.dumps`; each gets one answer.

{"op": "torch"}   fork a second zygote that imports torch; its control socket comes with the message
{"op": "lesson", "lesson", "cells"}   run a lesson's own set-up cells
{"op": "start", "lesson", "memory", "cpu"}   fork a child; the socket to its grader comes with the message
{"op": "usage"}   {"cpu", "idle", "memory"} of the child's processes: seconds and bytes
{"op": "end"}     end the child and all of its processes: {"signal", "code", "late"}, late: it was still there

It holds no secret and no right number. When the control socket closes, it ends the child and itself. What both zygotes
need is in memory once: the one with torch is a fork of the other.
"""

import array
import contextlib
import gc
import json
import os
import shutil
import signal
import socket
import sys
import time

from course.grading import child, confine, wire

PROCESSES = 48  # that a child may have, threads included
# What cells often use and is imported late: a child would import it each time.
WARM_UP = ("%%time\npass", "%%capture\npass", "%matplotlib inline", "%matplotlib agg", "import asyncio",
           "1 / 0", "for for", "import subprocess, tempfile, warnings, functools, itertools, dataclasses, concurrent.futures")
GRACE = 0.2  # seconds in which a child that has closed its socket may end by itself


def main(control, options):
    """Serves until the control socket closes."""
    import matplotlib.pyplot as plt

    child.stub_check()
    shell = child.make_shell()
    figure = plt.figure()  # the first one imports a lot
    figure.canvas.draw()
    plt.close(figure)
    for source in WARM_UP:
        shell.run_cell(source, store_history=False)
    Zygote(control, shell, options).serve()


def warm_torch():
    """Imports torch, and builds an optimizer: the first one imports for a second."""
    import torch

    torch.set_num_threads(1)
    parameter = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([parameter])
    parameter.square().sum().backward()
    optimizer.step()


def settle(shared=()):
    """What is here now stays: children share it, and none of them goes through it for garbage.

    shared: the regions of memory that another zygote has too.
    """
    gc.collect()
    gc.freeze()
    confine.large_pages(shared)


class Zygote:
    def __init__(self, control, shell, options):
        self.control, self.shell, self.options = control, shell, options
        self.modules, self.shared = {}, ()
        self.pid, self.second = None, None  # of the child, and of the zygote with torch
        self.own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC) if options["namespaces"] else None
        apart = self.own is not None
        self.open_calls = {"files": apart, "signals": apart or confine.landlock_version() >= 6}  # that seccomp leaves
        if self.open_calls["signals"]:
            confine.seccomp_filter(*self.open_calls.values(), None)

    def serve(self):
        """Says that it is ready, and answers messages until there are none."""
        threads = len(os.listdir("/proc/self/task"))
        if threads != 1:
            raise RuntimeError(f"the zygote has {threads} threads, expected 1: a fork would lose the others")
        confine.set_dumpable(False)
        confine.adopt_orphans()
        settle(self.shared)
        self.control.sendall(wire.dumps({"ready": True}))
        try:
            while True:
                message, fd = self.receive()
                if message is None:
                    return
                try:
                    answer = getattr(self, message.pop("op"))(fd=fd, **message)
                except Exception as error:
                    answer = {"error": f"{type(error).__name__}: {error}"}
                self.control.sendall(wire.dumps(answer))
        finally:
            self.end()
            if self.second:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(self.second, 0)
            if self.options["folder"]:
                shutil.rmtree(self.options["folder"], ignore_errors=True)

    def receive(self):
        """The next message and the file descriptor that came with it, or None."""
        fds = array.array("i")
        data, extra, _, _ = self.control.recvmsg(4, socket.CMSG_LEN(fds.itemsize))
        for level, kind, payload in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
        rest = iter([data])
        message = wire.read(lambda n: next(rest, None) or self.control.recv(n)) if data else None
        return message, fds[0] if fds else None

    def torch(self, fd):
        """Forks the zygote that has torch."""
        self.second = os.fork()
        if self.second == 0:
            try:
                self.control.close()
                self.control, self.modules, self.second = socket.socket(fileno=fd), {}, None
                self.shared = confine.own_memory()
                self.options = self.options | {"folder": None}  # the first one's to remove
                warm_torch()
                self.serve()
            except BaseException as error:
                self.control.sendall(wire.dumps({"error": f"{type(error).__name__}: {error}"}))
            finally:
                os._exit(0)
        os.close(fd)
        return {"started": True}

    def lesson(self, lesson, cells, fd=None):
        self.modules[lesson] = child.prepare(self.shell, cells)
        settle(self.shared)
        threads = len(os.listdir("/proc/self/task"))
        return {"ready": True} if threads == 1 else {"error": f"the set-up cells of {lesson} leave {threads} threads"}

    def start(self, lesson, memory, cpu, fd=None):
        if self.pid is not None:
            raise RuntimeError("a child is still there")
        if self.own is not None:
            confine.unshare(confine.CLONE_NEWPID)  # of the next child
        self.others = self.tasks_of_user() if self.own is None and self.options["uid"] is None else 0
        try:
            pid = os.fork()
            if pid == 0:
                try:
                    self.become(lesson, memory, cpu, fd)
                finally:
                    os._exit(70)
        finally:
            if self.own is not None:
                confine.setns(self.own, confine.CLONE_NEWPID)
        os.close(fd)
        self.pid, self.looked, self.tasks, self.cpu, self.idle = pid, time.monotonic(), {}, 0.0, 0.0
        return {"started": True}

    def become(self, lesson, memory, cpu, fd):
        """What the child does: confine itself, read its job, run it."""
        self.control.close()
        with contextlib.suppress(OSError):
            os.closerange(3, fd)
            os.closerange(fd + 1, 256)
        child.quiet()
        channel = socket.socket(fileno=fd)
        confine.set_dumpable(True)
        os.setsid()  # a group of its own: signals to it reach neither the zygote nor anyone else
        if self.own is None:
            os.chdir("/")
        else:
            confine.enter_namespace(self.options["scratch"])
            os.chdir(self.options["scratch"])
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # whoever must go when memory ends, it is this one
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        confine.limit("AS", now + memory)
        confine.limit("CPU", cpu)
        confine.limit("CORE", 0)
        confine.limit("NOFILE", 128)  # each may hold 200 KB of what is sent to nobody
        confine.limit("FSIZE", 1 << 26)
        confine.limit("NPROC", PROCESSES + self.others)
        if self.options["landlock"]:
            confine.landlock(self.options["landlock"])
        confine.drop_privileges(self.options["uid"])
        confine.set_dumpable(True)  # a change of user takes it away
        confine.seccomp(**self.open_calls)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        job = wire.read(channel.recv)
        child.enter(self.shell, self.modules[lesson])
        child.serve(channel.sendall, self.shell, job)
        os._exit(0)

    def usage(self, fd=None):
        """What the child's processes have used: CPU seconds, seconds in which none wanted to run, bytes of memory."""
        now, busy, tasks = time.monotonic(), 0.0, {}
        found = self.descendants()
        for pid in found:
            with contextlib.suppress(OSError, ValueError, IndexError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                        ran, waited = map(int, file.read().split()[:2])
                    tasks[task] = ran, waited
                    ran_before, waited_before = self.tasks.get(task, (0, 0))
                    self.cpu += max(0, ran - ran_before) / 1e9
                    busy += max(0, ran - ran_before + waited - waited_before) / 1e9
        self.idle += max(0.0, now - self.looked - busy)
        self.looked, self.tasks = now, tasks
        return {"cpu": self.cpu, "idle": self.idle, "memory": self.memory(found) if len(found) > 1 else 0}

    def memory(self, pids):
        """Bytes of memory of these processes that no file on a disk backs; what they share counts once."""
        total = 0
        for pid in pids:
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/smaps_rollup") as file:
                total += 1024 * sum(int(line.split()[1]) for line in file if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
        return total

    def tasks_of_user(self):
        """How many threads this process's user has, here where the limit on processes counts all of them."""
        count = 0
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if name.isdigit() and os.stat(f"/proc/{name}").st_uid == os.getuid():
                    count += len(os.listdir(f"/proc/{name}/task"))
        return count

    def descendants(self):
        """The process ids below this process, as it sees them."""
        parents = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat") as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
        parents.pop(self.second, None)
        found, last = set(), {os.getpid()}
        while last:
            last = {pid for pid, parent in parents.items() if parent in last} - found
            found |= last
        return found

    def alive(self):
        """Whether the child runs. One that has ended is not taken away yet: its number stays its group's."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def end(self, fd=None):
        """Ends the child and what it left behind; returns how it ended."""
        if self.pid is None:
            return {"signal": 0, "code": 0}
        deadline = time.monotonic() + GRACE
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.001)
        late = self.alive()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # all at once, so that none can fork away
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        status = os.waitpid(self.pid, 0)[1]
        self.pid = None
        while left := self.descendants():  # in a namespace of its own nothing is left; without one, orphans are ours
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.001)
        return {"late": late, "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
                "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0}  # fmt: skip


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    main(socket.socket(fileno=given["control"]), given)
