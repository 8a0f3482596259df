"""Runs a learner's cells and functions in the sandbox, and takes back numbers: the trusted side.

    with Runner("bubblewrap") as runner:
        runner.lesson("08_adam", setup_cells)
        outcomes = runner.run("08_adam", cells, questions)      # an Outcome for each question
"""

import contextlib
import select
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from course.grading import sandbox, wire
from course.grading.model import CRASHED, MEMORY, RAISED, TIMEOUT, UNWRITTEN

MEMORY_LIMIT = 1 << 30  # bytes that a learner's process may add to what the set-up needs
CELL_SECONDS = 4.0  # CPU time that a cell may take; a question may take its own limit
LOOK = 0.1  # seconds between two looks at a process
WALL_FACTOR = 20  # the last resort: so many times the CPU limit, on the wall
READY_SECONDS = 120  # in which a zygote must have imported everything
KINDS = {"raised": RAISED, "unwritten": UNWRITTEN, "memory": MEMORY, "answer": "answer", "missing": "missing"}


@dataclass(frozen=True)
class Question:
    """A function that is to be called. calls: dicts of arguments. seconds: of CPU time for all of them."""

    name: str
    function: str
    outputs: tuple[str, ...]
    chained: bool
    calls: list[dict]
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What came back for a question.

    kind     "numbers", or why there are none: "raised", "unwritten", "memory", "answer" (what was returned is no
             answer), "missing" (no such function), "crashed", "timeout"
    results  a tuple of float64 arrays for each call
    text     what the process said of an error: words of a stranger
    cell     the index of the cell in which it happened, None in the function itself
    """

    kind: str
    results: tuple = ()
    text: str = ""
    cell: int | None = None


class Runner:
    """A sandbox with a process in it that has imported everything, in one of the tiers of `sandbox`."""

    def __init__(self, tier="auto"):
        self.tier = sandbox.tier(tier).name
        self.setups, self.zygote = {}, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.zygote is not None:
            self.zygote.close()
            self.zygote = None

    def lesson(self, lesson, cells):
        """The set-up cells of a lesson, from the release: they run before a learner's cells."""
        self.setups[lesson] = list(cells)
        if self.zygote is not None:
            self.zygote.lesson(lesson, self.setups[lesson])

    def run(self, lesson, cells, questions):
        """What the functions of these cells return: (one Outcome for each question, {index of a cell: its Outcome}).

        A cell or question that crashes, hangs or takes too much is left out, and the rest is run once more.
        """
        skip, seen, broken = set(), {}, {}
        first = len(cells)
        for _ in range(len(cells) + len(questions) + 1):
            attempt = self._attempt(lesson, cells, questions, skip)
            for stage, outcome in attempt.found.items():
                (seen if stage >= first else broken)[stage] = outcome
            if attempt.ended is None:
                break
            stage, kind = attempt.ended
            skip |= {stage, *seen}
            (seen if stage >= first else broken)[stage] = Outcome(kind, cell=stage if stage < first else None)
            if all(first + i in skip for i in range(len(questions))):
                break
        outcomes = [seen.get(first + i, Outcome(CRASHED)) for i in range(len(questions))]
        return outcomes, broken

    def _attempt(self, lesson, cells, questions, skip):
        """One process that runs all stages but those in skip: an _Attempt."""
        limits = [CELL_SECONDS] * len(cells) + [question.seconds for question in questions]
        job = {
            "cells": list(cells),
            "blanks": [
                {"name": q.name, "function": q.function, "outputs": q.outputs, "chained": q.chained,
                 "calls": [wire.pack(call) for call in q.calls]}
                for q in questions
            ],
            "skip": sorted(skip),
        }  # fmt: skip
        process = self._start(lesson, sum(limits))
        attempt = _Attempt(limits, {len(cells) + i: q for i, q in enumerate(questions)})
        try:
            process.send(wire.dumps(job))
            attempt.follow(process)
        finally:
            attempt.close(process.end())
        return attempt

    def _start(self, lesson, seconds):
        if self.tier == "none":
            return _Lone(self.setups[lesson])
        for again in (True, False):
            try:
                if self.zygote is None:
                    self.zygote = _Zygote(self.tier)
                    for name, cells in self.setups.items():
                        self.zygote.lesson(name, cells)
                return self.zygote.start(lesson, seconds)
            except (OSError, EOFError):  # the zygote is gone: nothing is lost but its time to start
                self.close()
                if not again:
                    raise
        raise AssertionError


class _Attempt:
    """Takes the frames of one process and watches its time.

    found  {stage: Outcome} of the stages that ended
    ended  (stage, kind) where the process ended too early, else None
    """

    def __init__(self, limits, questions):
        self.limits, self.questions = limits, questions
        self.found, self.results = {}, {}
        self.stage, self.done, self.ended, self.why = None, False, None, None
        self.reader = wire.Reader()

    def follow(self, process):
        began, start, at = time.monotonic(), {"cpu": 0.0, "idle": 0.0}, None
        while not self.done:
            data = process.receive(LOOK)
            if data == b"":
                return
            if data is not None:
                try:
                    for frame in self.reader.feed(data):
                        self.take(*frame)
                except wire.Broken:
                    self.why = CRASHED
                    return
            if self.stage != at:
                at, began, start = self.stage, time.monotonic(), None
            elif data is None or time.monotonic() - began > 2 * LOOK:
                now = process.usage()
                start = start or now
                limit = self.limits[self.stage] if self.stage is not None else CELL_SECONDS
                if (now["cpu"] - start["cpu"] > limit or now["idle"] - start["idle"] > limit
                        or time.monotonic() - began > WALL_FACTOR * limit):  # fmt: skip
                    self.why = TIMEOUT
                    return

    def take(self, letter, stage, what):
        """One frame. What a process may not say at this point is a Broken."""
        if letter == wire.END:
            self.leave()
            self.done = True
        elif letter == wire.BEGIN:
            if not (0 if self.stage is None else self.stage + 1) <= stage < len(self.limits):
                raise wire.Broken(f"stage {stage} after {self.stage}")
            self.leave()
            self.stage = stage
        elif stage != self.stage or stage in self.found:
            raise wire.Broken(f"a frame of stage {stage} in {self.stage}")
        elif letter == wire.ERROR:
            kind, text = what
            if kind not in KINDS:
                raise wire.Broken("an error of another kind")
            self.found[stage] = Outcome(kind, text=text, cell=None if stage in self.questions else stage)
        else:
            call, arrays = what
            results = self.results.setdefault(stage, [])
            question = self.questions.get(stage)
            if question is None or call != len(results) or call >= len(question.calls):
                raise wire.Broken(f"an answer {call}")
            if len(arrays) != len(question.outputs):
                raise wire.Broken("another number of values")
            results.append(arrays)

    def leave(self):
        """The stage is over."""
        question = self.questions.get(self.stage)
        if question is None or self.stage in self.found:
            return
        results = self.results.get(self.stage, [])
        if len(results) != len(question.calls):
            raise wire.Broken(f"{len(results)} answers to {len(question.calls)} calls")
        self.found[self.stage] = Outcome("numbers", tuple(results))

    def close(self, how):
        """The process is gone; how: how it ended."""
        if self.done:
            return
        if self.why is None:
            self.why = TIMEOUT if how.get("signal") == 24 else CRASHED
        if self.stage is not None:
            self.found.pop(self.stage, None)
        self.ended = (self.stage or 0, self.why)


class _Zygote:
    """The zygote of a tier, and the socket to it."""

    def __init__(self, tier):
        ours, theirs = socket.socketpair()
        self.socket = ours
        with theirs:
            self.process = sandbox.start(tier, theirs, stderr=subprocess.PIPE)
        ours.settimeout(READY_SECONDS)
        if self._read() != {"ready": True}:
            said = self.process.stderr.read().decode(errors="replace").strip().splitlines()
            self.close()
            raise sandbox.Unavailable(f"{tier}: {said[-1] if said else 'the process ended'}")
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self):
        with contextlib.suppress(ValueError, OSError):
            while self.process.stderr.read(1 << 16):
                pass

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
        self.ask({"op": "lesson", "lesson": lesson, "cells": cells})

    def start(self, lesson, seconds):
        ours, theirs = socket.socketpair()
        with theirs:
            self.ask({"op": "start", "lesson": lesson, "memory": MEMORY_LIMIT, "cpu": int(seconds) + 2}, theirs.fileno())
        return _Child(self, ours)

    def close(self):
        self.socket.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


class _Child:
    """A child of the zygote, seen from outside."""

    def __init__(self, zygote, channel):
        self.zygote, self.channel = zygote, channel
        channel.settimeout(READY_SECONDS)

    def send(self, data):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended before it had read all
            self.channel.sendall(data)

    def receive(self, seconds):
        """The next bytes, b"" at the end, None when nothing came in time."""
        if not select.select([self.channel], [], [], seconds)[0]:
            return None
        try:
            return self.channel.recv(1 << 18)
        except ConnectionResetError:
            return b""

    def usage(self):
        return self.zygote.ask({"op": "usage"})

    def end(self):
        self.channel.close()
        return self.zygote.ask({"op": "end"})


class _Lone:
    """A fresh interpreter for one submission, where there is no sandbox."""

    def __init__(self, setup):
        import psutil

        keywords = {"user": sandbox.NOBODY, "group": sandbox.NOBODY, "extra_groups": []} if sandbox.is_root() else {}
        place = str(sandbox.PACKAGE.parent)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "course.grading.lone"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd=None if sys.platform == "win32" else "/", start_new_session=True,
            env=sandbox.environment(place), **keywords,
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
            return {"cpu": 0.0, "idle": 0.0}
        cpu = times.user + times.system
        return {"cpu": cpu, "idle": (time.monotonic() - self.started - cpu) / 5}  # waiting for a core counts too

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
        code = self.process.returncode
        return {"signal": -code if code < 0 else 0, "code": max(code, 0)}
