"""One run of one process of a learner: its frames are taken, its time and memory watched."""

import time
from dataclasses import dataclass

from course.grading import wire
from course.grading.model import CRASHED, MEMORY, RAISED, TIMEOUT, UNWRITTEN

MEMORY_LIMIT = 1 << 30  # bytes that a learner's process may add to what the set-up needs, and that all of them may have
LOOK = 0.1  # seconds between two looks at a process
OFTEN = 1.0  # seconds after which it is looked at, however short its stages are
WALL_FACTOR = 20  # the last resort: so many times the CPU limit, on the wall
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


@dataclass(frozen=True)
class Stage:
    """A cell that is run, or a question that is asked (then `question` is not None). index: of the cell or question."""

    index: int
    seconds: float
    question: Question | None = None


class NotStarted(RuntimeError):
    """A process ended before it came to the learner's code: that is not the learner's doing."""


class Attempt:
    """Takes the frames of one process and watches what it uses.

    found  {number of a stage: Outcome} of the stages that ended; cells have one only where they raised
    ended  (number of a stage, kind) where the process ended too early, else None
    spent  whether that was because all cells together took more than `together` seconds
    """

    def __init__(self, stages, memory=MEMORY_LIMIT, together=float("inf")):
        self.stages, self.memory, self.spent = stages, memory, False
        self.together = together + sum(stage.seconds for stage in stages if stage.question)
        self.found, self.results = {}, []
        self.stage, self.done, self.ended, self.why = -1, False, None, None
        self.reader = wire.Reader()

    def follow(self, process):
        """Until the process has ended, or used too much, or said what it may not say."""
        at, began, start, looked = None, 0.0, None, time.monotonic()
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
            new = self.stage != at
            if new:
                at, began, start = self.stage, time.monotonic(), None
            if time.monotonic() - looked > OFTEN if new else data is None or time.monotonic() - began > 2 * LOOK:
                now, looked = process.usage(), time.monotonic()
                start = start or now
                self.why = self._too_much(now, start, time.monotonic() - began)
                if self.why:
                    return

    def _too_much(self, now, start, seconds):
        """TIMEOUT or MEMORY where this stage has used too much, else None."""
        limit = self.stages[self.stage].seconds if self.stage >= 0 else WALL_FACTOR
        a_cell = self.stage >= 0 and self.stages[self.stage].question is None
        self.spent = a_cell and max(now["cpu"], now["idle"]) > self.together
        if now["memory"] > self.memory:
            return MEMORY
        stage = max(now["cpu"] - start["cpu"], now["idle"] - start["idle"])
        if self.spent or stage > limit or seconds > WALL_FACTOR * limit:
            return TIMEOUT
        return None

    def take(self, letter, stage, what):
        """One frame. What a process may not say at this point is a Broken."""
        if self.done:
            raise wire.Broken("a frame after the end")
        if letter == wire.END:
            if self.stage != len(self.stages) - 1:
                raise wire.Broken(f"an end at stage {self.stage}")
            self._leave()
            self.done = True
        elif letter == wire.BEGIN:
            if stage != self.stage + 1 or stage >= len(self.stages):
                raise wire.Broken(f"stage {stage} after {self.stage}")
            self._leave()
            self.stage, self.results = stage, []
        elif stage != self.stage or stage in self.found:
            raise wire.Broken(f"a frame of stage {stage} in {self.stage}")
        elif letter == wire.ERROR:
            kind, text = what
            if kind not in KINDS:
                raise wire.Broken("an error of another kind")
            this = self.stages[stage]
            self.found[stage] = Outcome(kind, text=text, cell=None if this.question else this.index)
        else:
            call, arrays = what
            question = self.stages[stage].question
            if question is None or call != len(self.results) or call >= len(question.calls):
                raise wire.Broken(f"an answer {call}")
            if len(arrays) != len(question.outputs):
                raise wire.Broken("another number of values")
            self.results.append(arrays)

    def _leave(self):
        """The stage is over."""
        question = self.stages[self.stage].question if self.stage >= 0 else None
        if question is None or self.stage in self.found:
            return
        if len(self.results) != len(question.calls):
            raise wire.Broken(f"{len(self.results)} answers to {len(question.calls)} calls")
        self.found[self.stage] = Outcome("numbers", tuple(self.results))

    def was_killed(self, how):
        """Whether another than this grader killed it, such as a system without memory: it may not have been to blame."""
        return not self.done and self.why is None and how.get("signal") == 9 and not how.get("late")

    def close(self, how):
        """The process is gone; how: how it ended. Raises NotStarted."""
        if self.done:
            return
        if self.why is None:
            self.why = TIMEOUT if how.get("signal") == 24 else CRASHED
        if self.stage < 0:
            raise NotStarted(f"a learner's process ended before it began: {how}")
        self.found.pop(self.stage, None)
        self.ended = self.stage, self.why
