"""The processes in which learners' code runs, seen from outside: a zygote and its children, or one interpreter each."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from course.grading import sandbox, wire

READY_SECONDS = 120  # in which a zygote must have imported everything


class Served:
    """A zygote and the socket to it."""

    def __init__(self, ours):
        self.socket, self.setups = ours, {}
        ours.settimeout(READY_SECONDS)

    def _read(self):
        return wire.read(self.socket.recv)

    def ask(self, message, fd=None):
        data = wire.dumps(message)
        if fd is None:
            self.socket.sendall(data)
        else:
            socket.send_fds(self.socket, [data], [fd])
        answer = self._read()
        if answer is None:
            raise EOFError("the zygote is gone")
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def lesson(self, lesson, cells):
        """Runs a lesson's set-up cells, unless they are those that it has run."""
        if self.setups.get(lesson) != cells:
            self.ask({"op": "lesson", "lesson": lesson, "cells": cells})
            self.setups[lesson] = list(cells)

    def start(self, lesson, seconds, memory):
        """A Child, which may use so many seconds of CPU time and add so many bytes of memory."""
        ours, theirs = socket.socketpair()
        with theirs:
            self.ask({"op": "start", "lesson": lesson, "memory": memory, "cpu": int(seconds) + 2}, theirs.fileno())
        return Child(self, ours)

    def close(self):
        self.socket.close()


class Zygote(Served):
    """The zygote without torch, of a tier, in the process that is started for it."""

    def __init__(self, tier):
        ours, theirs = socket.socketpair()
        super().__init__(ours)
        with theirs:
            self.process = sandbox.start(tier, theirs, stderr=subprocess.PIPE)
        if self._read() != {"ready": True}:
            said = self.process.stderr.read().decode(errors="replace").strip().splitlines()
            self.close()
            raise sandbox.Unavailable(f"{tier}: {said[-1] if said else 'the process ended'}")
        threading.Thread(target=self._drain, daemon=True).start()

    def with_torch(self):
        """The zygote that has imported torch, a fork of this one. Raises sandbox.Unavailable."""
        ours, theirs = socket.socketpair()
        second = Served(ours)
        with theirs:
            self.ask({"op": "torch"}, theirs.fileno())
        ready = second._read()
        if ready != {"ready": True}:
            second.close()
            raise sandbox.Unavailable((ready or {}).get("error", "the process that imports torch ended"))
        return second

    def _drain(self):
        with contextlib.suppress(ValueError, OSError):
            while self.process.stderr.read(1 << 16):
                pass

    def close(self):
        super().close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


class Child:
    """A child of the zygote, seen from outside."""

    def __init__(self, zygote, channel):
        self.zygote, self.channel = zygote, channel
        channel.settimeout(READY_SECONDS)

    def send(self, data):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended before it had read everything
            self.channel.sendall(data)

    def receive(self, seconds):
        """The next bytes, b"" at the end, None when nothing came in time."""
        self.channel.settimeout(seconds)
        try:
            return self.channel.recv(1 << 18)
        except TimeoutError:
            return None
        except OSError:
            return b""

    def usage(self):
        return self.zygote.ask({"op": "usage"})

    def end(self):
        self.channel.close()
        return self.zygote.ask({"op": "end"})


class Lone:
    """A fresh interpreter for one submission, where there is no sandbox."""

    def __init__(self, setup):
        import psutil

        self.folder, user = tempfile.mkdtemp(prefix="course-grading-"), sandbox.user()
        keywords = {}
        if user is not None:
            os.chown(self.folder, user, user)
            keywords = {"user": user, "group": user, "extra_groups": []}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "course.grading.lone"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd=self.folder, start_new_session=True,
            env=sandbox.environment(self.folder), **keywords,
        )  # fmt: skip
        self.watched, self.started = psutil.Process(self.process.pid), time.monotonic()
        self.parts, self.came = [], threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        self.send(wire.dumps({"setup": setup}))
        if self.receive(READY_SECONDS) != b"!":
            self.end()
            raise sandbox.Unavailable("none: the interpreter for a submission did not start")

    def _read(self):
        while True:
            try:
                data = self.process.stdout.read1(1 << 18)
            except (OSError, ValueError):
                data = b""
            with self.came:
                if sum(map(len, self.parts)) <= wire.MOST_BYTES:
                    self.parts.append(data)
                self.came.notify()
            if not data:
                return

    def send(self, data):
        with contextlib.suppress(OSError):
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def receive(self, seconds):
        with self.came:
            if not self.parts:
                self.came.wait(seconds)
            if not self.parts:
                return None
            return self.parts.pop(0) if self.parts[0] else b""

    def usage(self):
        import psutil

        try:
            times = self.watched.cpu_times()
        except psutil.Error:
            return {"cpu": 0.0, "idle": 0.0, "memory": 0}
        cpu = times.user + times.system
        idle = (time.monotonic() - self.started - cpu) / 5  # waiting for a core counts too
        return {"cpu": cpu, "idle": idle, "memory": 0}

    def end(self):
        import psutil

        with contextlib.suppress(psutil.Error):
            for process in (*self.watched.children(recursive=True), self.watched):
                if self.process.poll() is None or process is not self.watched:
                    with contextlib.suppress(psutil.Error):
                        process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        code = self.process.returncode
        return {"signal": -code if code < 0 else 0, "code": max(code, 0)}
