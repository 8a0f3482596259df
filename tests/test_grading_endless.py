"""No notebook keeps the grader itself busy: what it does with a stranger's text takes seconds at most, and ends."""

import contextlib
import json
import signal

import pytest

from course.grading import judge, reach, runner
from course.grading.answers import answers

LESSON = "08_adam"
ADAM = "def adam(theta, g, t, m=0, v=0):\n    return theta, m, v\n"
LONG = 1_000_000  # characters
PATIENCE = 20  # seconds for what takes a tenth of one; the texts below took from half a minute to years

TEXTS = {
    "options of a magic": ("code", "%timeit " + "-n1 " * 40 + "-\n" + ADAM),
    "blank lines in a text": ("markdown", "x" + "\n" * (LONG - 10) + "x"),
    "blank lines in code": ("code", "x = 1" + "\n" * 99_000 + "y = 2\n" + ADAM),
    "magics on each other": ("code", "%%time\n" * 120_000 + ADAM),
    "fences that never close": ("markdown", ADAM + "```x\n" * 160_000),
    "one function defined again and again": ("code", "def adam(): pass\n" * 50_000 + "def resumed_step(): pass\n"),
    "imports on one line": ("code", "# " + "import " * 120_000 + "\n" + ADAM),
    "magics in assignments": ("code", "for for\n" + "a = %x\n" * 12_000 + ADAM),
    "magics in assignments, a long cell": ("code", "for for\n" + "a = %x\n" * 120_000 + ADAM),
    "questions": ("code", "for for\n" + "a = b?\n" * 12_000 + ADAM),
}


@contextlib.contextmanager
def patience(seconds=PATIENCE):
    def stop(*_):
        raise TimeoutError(f"it took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def notebook(*cells):
    made = [{"cell_type": kind, "metadata": {}, "source": source} for kind, source in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()


def read(*cells):
    return answers(notebook(*cells), LESSON, judge.reference(LESSON).handed_out)


@pytest.mark.skipif(not hasattr(signal, "alarm"), reason="there is no alarm here")
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_takes_a_search_for_ever_is_read_in_a_moment(name):
    judge.reference(LESSON)
    with patience():
        for cell in read(TEXTS[name]).cells:
            runner.may_import_torch(cell.source)
            for look in (reach.is_plain, reach.bound, reach.mentioned):
                look(cell.source)


def test_what_the_searches_are_for_they_find():
    found = read(("code", "%timeit -n 10 -r 3 x = 1\n" + ADAM), ("markdown", f"see\n```python\n{ADAM}```\n```\nx = 1\n```"))
    assert [cell.source for cell in found.cells] == ["x = 1\n" + ADAM]
    found = read(("markdown", f"see\n```python\n{ADAM}```\nand\n```\nx = 1\n```\n```\nnever closed"))
    assert [cell.source for cell in found.cells] == [ADAM + "\nx = 1\n"]
    (cell,) = read(("code", "%%time\n\n%%capture held\n" + ADAM)).cells
    assert cell.source == "\n\n\n" + ADAM


@pytest.mark.parametrize("source, heavy", [
    ("import torch", True), ("from torch import nn", True), ("import numpy as np, torch", True), ("x = 1\n  import torch.nn", True),
    ("__import__('tor' + 'ch')", True), ("import course", True), ("from course.train import x", True),
    ("import numpy", False), ("torch = 1", False), ("torch = 1\nimport math", False), ("from course.check import check", False),
    ("# torch, import", False),
])  # fmt: skip
def test_what_may_import_torch_gets_a_process_that_has_it(source, heavy):
    assert runner.may_import_torch(source) is heavy


@pytest.mark.parametrize("terms", [900, 990, 2000, 2900, 9000])
@pytest.mark.parametrize("form", ["x = {}", "def resumed_step(t):\n    raise NotImplementedError({})"])
def test_a_sum_of_any_length_costs_no_other_cell(terms, form):
    first = judge.reference(LESSON).setup[0].splitlines()[0]
    source = form.format("+".join(["1"] * terms))
    assert ADAM in [cell.source for cell in read(("code", f"{first}\n{source}"), ("code", source), ("code", ADAM)).cells]
