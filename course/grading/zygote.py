"""The process that has imported everything once and forks a child for each learner's notebook.

    python -m course.grading.zygote OPTIONS

OPTIONS, as JSON: `control`, the number of an open UNIX socket; `namespaces`, whether each child gets its own;
`scratch`, a folder for its files; `uid`, the user it becomes, or null; `landlock`, the folders it may read, or null.
Messages are those of `wire.dumps`; each gets one answer.

{"op": "lesson", "lesson", "cells"}   run a lesson's own set-up cells
{"op": "start", "lesson", "memory", "cpu"}   fork a child; the socket to its grader comes with the message
{"op": "usage"}   {"cpu", "idle", "alive"} of the child, seconds
{"op": "end"}     end the child and all of its processes: {"signal", "code"}

It holds no secret and no right number. When the control socket closes, it ends the child and itself.
"""

import array
import contextlib
import gc
import json
import os
import signal
import socket
import sys
import time

from course.grading import child, confine, wire

PROCESSES = 48  # that a child may have, threads included
SCRATCH = "size=64m,nr_inodes=4096,mode=1777"  # of a child's own /tmp and /dev/shm
GRACE = 0.2  # seconds in which a child that has closed its socket may end by itself
NOBODY = 65534


def main(control, options):
    """Serves until the control socket closes."""
    import matplotlib.pyplot as plt
    import torch

    torch.set_num_threads(1)
    child.stub_check()
    shell = child.make_shell()
    parameter = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([parameter])  # the first optimizer and the first figure import a lot
    parameter.square().sum().backward()
    optimizer.step()
    figure = plt.figure()
    figure.canvas.draw()
    plt.close(figure)
    zygote = Zygote(control, shell, options)
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"the zygote has {threads} threads, expected 1: a fork would lose the others")
    confine.set_dumpable(False)
    confine.adopt_orphans()
    gc.collect()
    gc.freeze()
    control.sendall(wire.dumps({"ready": True}))
    zygote.serve()


class Zygote:
    def __init__(self, control, shell, options):
        self.control, self.shell, self.options = control, shell, options
        self.modules, self.pid, self.started, self.status = {}, None, 0.0, None
        self.own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC) if options["namespaces"] else None

    def serve(self):
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

    def lesson(self, lesson, cells, fd=None):
        self.modules[lesson] = child.prepare(self.shell, cells)
        threads = len(os.listdir("/proc/self/task"))
        return {"ready": True} if threads == 1 else {"error": f"the set-up cells of {lesson} leave {threads} threads"}

    def start(self, lesson, memory, cpu, fd=None):
        if self.pid is not None:
            raise RuntimeError("a child is still there")
        if self.own is not None:
            confine.unshare(confine.CLONE_NEWPID)  # of the next child
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
        self.pid, self.started, self.status = pid, time.monotonic(), None
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
        if self.own is None:
            os.setsid()
        else:
            confine.unshare(confine.CLONE_NEWNS | confine.CLONE_NEWIPC)
            confine.private_mounts()
            confine.mount("proc", "/proc", "proc")
            for folder in (self.options["scratch"], "/dev/shm"):
                confine.mount("tmpfs", folder, "tmpfs", SCRATCH)
        os.chdir(self.options["scratch"])
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        confine.limit("AS", now + memory)
        confine.limit("CPU", cpu)
        confine.limit("CORE", 0)
        confine.limit("NOFILE", 256)
        confine.limit("FSIZE", 1 << 26)
        confine.limit("NPROC", PROCESSES)
        if self.options["landlock"]:
            confine.landlock(self.options["landlock"])
        confine.drop_privileges(self.options["uid"])
        confine.seccomp()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        job = wire.read(channel.recv)
        child.enter(self.shell, self.modules[lesson])
        child.serve(channel.sendall, self.shell, job)
        os._exit(0)

    def usage(self, fd=None):
        """CPU seconds of the child's processes, and the seconds in which none of them wanted to run."""
        cpu = wanted = 0.0
        for pid in self.descendants():
            with contextlib.suppress(OSError, ValueError, IndexError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                        ran, waited = file.read().split()[:2]
                    cpu += int(ran) / 1e9
                    wanted += (int(ran) + int(waited)) / 1e9
        return {"cpu": cpu, "idle": max(0.0, time.monotonic() - self.started - wanted), "alive": self.alive()}

    def descendants(self):
        """The process ids below this process, as it sees them."""
        parents = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat") as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
        found, last = set(), {os.getpid()}
        while last:
            last = {pid for pid, parent in parents.items() if parent in last} - found
            found |= last
        return found

    def alive(self):
        if self.pid is not None and self.status is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.status = status
        return self.pid is not None and self.status is None

    def end(self, fd=None):
        """Ends the child and what it left behind; returns how it ended."""
        if self.pid is None:
            return {"signal": 0, "code": 0}
        deadline = time.monotonic() + GRACE
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.001)
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
            self.status = os.waitpid(self.pid, 0)[1]
        self.pid = None
        while True:  # in a namespace of its own nothing is left; without one, orphans are ours
            left = self.descendants()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if not left:
                break
            time.sleep(0.001)
        status, self.status = self.status, None
        return {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
                "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0}  # fmt: skip


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    main(socket.socket(fileno=given["control"]), given)
