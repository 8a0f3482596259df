"""Runs a learner's cells and functions in the sandbox, and takes back numbers: the trusted side.

    with Runner("bubblewrap") as runner:
        runner.lesson("08_adam", setup_cells)
        outcomes, broken = runner.run("08_adam", cells, questions)      # an Outcome for each question

A function is asked for its numbers where the notebook checks it: right after the cell that defines it. What can come
in between two cells of a notebook must not cost an answer that is right, so what is not right is asked again: after
all cells, where a later one may hold what was missing; and without the cells that reach beyond their own business,
where one of these may have spoiled it. Right numbers for hidden inputs are right, however they were come by.
"""

import re

from course.grading import reach, sandbox, wire
from course.grading.attempt import MEMORY_LIMIT, Attempt, NotStarted, Outcome, Question, Stage
from course.grading.model import CRASHED, MEMORY, TIMEOUT, Cell
from course.grading.process import Lone, Zygote

__all__ = ["Outcome", "Question", "Runner"]

CELL_SECONDS = 4.0  # CPU time that a cell may take; a question may take its own limit
# What may import torch, which is then there before a child is.
ROUNDABOUT = re.compile(
    r"__import__|import_module|(import|from)\s+course\b(?!\.(check|problems|run|rules|ops|plots)\b)"
)
IMPORT, TORCH = re.compile(r"(import|from)\b"), re.compile(r"\btorch")
TOGETHER = 10  # times what one cell may take: all cells together
MOST_LOST = 3  # added cells that end their process or never end, before the other added ones are left out
FATAL = (CRASHED, TIMEOUT, MEMORY)


class Runner:
    """A sandbox with a process in it that has imported what is needed, in one of the tiers of `sandbox`.

    There are two such processes at most. A child of the one without torch costs half as much; notebooks that name
    torch get children of the other.

    cell_seconds: CPU time that a cell may take. memory: bytes that a learner's process may add.
    """

    def __init__(self, tier="auto", cell_seconds=CELL_SECONDS, memory=MEMORY_LIMIT):
        self.tier = sandbox.tier(tier).name
        self.cell_seconds, self.memory = cell_seconds, memory
        self.setups, self.zygotes = {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for torch in sorted(self.zygotes, reverse=True):  # first the one with torch, which is the other's child
            self.zygotes[torch].close()
        self.zygotes.clear()

    def lesson(self, lesson, cells):
        """The set-up cells of a lesson, from the release: they run before a learner's cells."""
        self.setups[lesson] = list(cells)

    def run(self, lesson, cells, questions, right=lambda index, outcome: True):
        """What the functions of these cells return: (an Outcome for each question, {index of a cell: its Outcome}).

        cells  Cells, in the order of the notebook
        right  whether the numbers of an Outcome are right, given the question's index

        A cell or question that crashes, hangs or takes too much is left out, and the rest is run once more.
        """
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in cells]
        pass_ = _Pass(self, lesson, cells, questions)
        outcomes = pass_.run(_in_order(cells, questions))

        def again(asked, kept):
            order = [("cell", i) for i in kept] + [("blank", i) for i in asked]
            for i, outcome in zip(asked, pass_.run(order, asked), strict=True):
                if outcome.kind == "numbers" and right(i, outcome):
                    outcomes[i] = outcome
                    wrong.remove(i)

        wrong = [i for i, one in enumerate(outcomes) if one.kind != "numbers" or not right(i, one)]
        later = [i for i in wrong if outcomes[i].kind not in FATAL and _may_help(cells, questions[i])]
        if later:
            again(later, range(len(cells)))
        if wrong:
            names = {question.function for question in questions}
            plain = [reach.is_plain(cell.source, names - {cell.blank}) for cell in cells]
            pass_.lost -= {i for i, one in enumerate(plain) if one}  # it may have been another's doing
            for asked, kept in list(_apart(cells, questions, plain, wrong, outcomes)):
                again(asked, kept)
        return outcomes, pass_.broken

    def attempt(self, lesson, cells, questions, order):
        """One process that runs the stages in `order`, ("cell" or "blank", index): a closed Attempt."""
        stages = [
            Stage(index, questions[index].seconds, questions[index]) if what == "blank" else Stage(index, self.cell_seconds)
            for what, index in order
        ]
        job = {
            "cells": [cell.source for cell in cells],
            "blanks": [
                {"name": q.name, "function": q.function, "outputs": q.outputs, "chained": q.chained,
                 "calls": wire.pack(q.calls)}
                for q in questions
            ],
            "stages": order,
        }  # fmt: skip
        torch = any(may_import_torch(source) for source in (*self.setups[lesson], *job["cells"]))
        data, seconds = wire.dumps(job), sum(stage.seconds for stage in stages)
        for again in (True, False):
            attempt = Attempt(stages, self.memory, TOGETHER * self.cell_seconds)
            try:
                process = self._start(lesson, seconds, torch)
                try:
                    process.send(data)
                    attempt.follow(process)
                finally:
                    how = process.end()
                if again and attempt.was_killed(how):
                    continue
                attempt.close(how)
                return attempt
            except (OSError, EOFError, NotStarted, sandbox.Unavailable):
                # The zygote is gone, or its child, or a new zygote before it was ready: no doing of the learner's.
                self.close()
                if not again:
                    raise
        raise AssertionError

    def _start(self, lesson, seconds, torch):
        if self.tier == "none":
            return Lone(self.setups[lesson])
        if False not in self.zygotes:
            self.zygotes[False] = Zygote(self.tier)
        if torch not in self.zygotes:
            self.zygotes[torch] = self.zygotes[False].with_torch()
        self.zygotes[torch].lesson(lesson, self.setups[lesson])
        return self.zygotes[torch].start(lesson, seconds, self.memory)


class _Pass:
    """Runs of one notebook. broken: {index of a cell: Outcome} of those that failed; the fatal ones are left out."""

    def __init__(self, runner, lesson, cells, questions):
        self.runner, self.lesson, self.cells, self.questions = runner, lesson, cells, questions
        self.broken, self.lost, self.first = {}, set(), True
        last = {cell.blank: i for i, cell in enumerate(cells) if cell.blank}
        self.added = set(range(len(cells))) - set(last.values())  # with the earlier ones of a blank that has several

    def run(self, order, asked=None):
        """The Outcomes of the questions with the indices in `asked` (default: all), in that order."""
        asked = range(len(self.questions)) if asked is None else asked
        found = {}
        while any(i not in found for i in asked):
            left = [(what, i) for what, i in order if i not in (self.lost if what == "cell" else found)]
            attempt = self.runner.attempt(self.lesson, self.cells, self.questions, left)
            for number, outcome in attempt.found.items():
                what, index = left[number]
                if what == "blank":
                    found[index] = outcome
                elif self.first:
                    self.broken.setdefault(index, outcome)
            if attempt.ended is None:
                break
            number, kind = attempt.ended
            what, index = left[number]
            if what == "blank":
                found[index] = Outcome(kind)
            elif attempt.spent:
                self._lose_many(index)
            else:
                self._lose(index, kind)
        self.first = False
        return [found.get(i, Outcome(CRASHED)) for i in asked]

    def _lose(self, index, kind):
        """A cell ended its process, or had to be ended. After a few of them no other added cell is run."""
        self.lost.add(index)
        self.broken[index] = Outcome(kind, cell=index)
        if len(self.added & self.lost) >= MOST_LOST:
            self._leave_out([i for i in self.added if i > index], kind)

    def _lose_many(self, index):
        """All cells together took too much: the added ones go that do more than define, or else all added ones."""
        left = sorted(self.added - self.lost)
        heavy = [i for i in left if not reach.is_plain(self.cells[i].source)] or left or [index]
        self._leave_out(heavy, TIMEOUT)

    def _leave_out(self, indices, kind):
        for i in indices:
            if i not in self.lost:
                self.lost.add(i)
                self.broken[i] = Outcome(kind, cell=i)


def may_import_torch(source):
    """Whether a cell may import torch, by a look at its lines that takes no longer than they are long."""
    if ROUNDABOUT.search(source):
        return True
    for line in source.split("\n") if "torch" in source else ():
        first = IMPORT.search(line)
        if first and TORCH.search(line, first.end()):
            return True
    return False


def _in_order(cells, questions):
    """All stages: each question right after the cell that answers it, those without a cell at the end."""
    last = {cell.blank: i for i, cell in enumerate(cells) if cell.blank}
    at = {last[question.function]: i for i, question in enumerate(questions) if question.function in last}
    order = []
    for i in range(len(cells)):
        order.append(("cell", i))
        if i in at:
            order.append(("blank", at[i]))
    return order + [("blank", i) for i in range(len(questions)) if i not in at.values()]


def _may_help(cells, question):
    """Whether a cell that comes after the question was asked may hold what was missing."""
    own = max((i for i, cell in enumerate(cells) if cell.blank == question.function), default=len(cells))
    if own + 1 >= len(cells):
        return False
    used = {question.function}
    for i, cell in enumerate(cells[: own + 1]):
        if i == own or not cell.blank:
            names = reach.mentioned(cell.source)
            if names is None:
                return True
            used |= names
    return any(names is None or names & used for names in (reach.bound(cell.source) for cell in cells[own + 1 :]))


def _apart(cells, questions, plain, wrong, outcomes):
    """Yields (indices of questions, indices of cells to run for them): without the cells that are not plain.

    Nothing where the other cells are plain: they would change nothing.
    """
    together = []
    for i in wrong:
        own = {k for k, cell in enumerate(cells) if cell.blank == questions[i].function}
        if not own or all(plain[k] for k in range(len(cells)) if k not in own):
            continue
        if all(plain[k] for k in own):
            together.append(i)
        elif outcomes[i].kind not in FATAL:
            yield [i], [k for k in range(len(cells)) if plain[k] or k in own]
    if together:
        yield together, [k for k in range(len(cells)) if plain[k]]
