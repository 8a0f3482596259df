"""Notebooks that try the sandbox: honest but awkward ones here, hostile ones in `attacks`, all made from 08_adam.

Each is the solution with one thing changed. What is honest in it must pass. An attack returns the right number as
soon as it has got hold of what it must not have: if it passes, it has won.
"""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from course import exercises
from course.authoring import notebook
from course.grading.model import PASSED, STATUSES, Submission

LESSON = "08_adam"
BLANKS = ("adam", "eps_for_keras", "correction_over", "resumed_step", "longest_step")
TARGET = "eps_for_keras"  # the blank that attacks; some stand before it and some after
RIGHT = "eps * math.sqrt(1 - beta2**t)"
ALL_PASS = {blank: {PASSED} for blank in BLANKS}
LOST = set(STATUSES) - {PASSED}


@dataclass(frozen=True)
class Trial:
    """A learner's notebook and the verdicts that it must get.

    change    the solution's notebook -> the learner's
    expected  {blank: the statuses that it may get}
    hangs     how many limits of a cell or a function it runs into
    twice     whether it is handed in twice: the second tries to find what the first has left
    tiers     in which it can get these verdicts
    """

    name: str
    change: Callable
    hostile: bool = False
    expected: dict = field(default_factory=lambda: dict(ALL_PASS))
    hangs: int = 0
    twice: bool = False
    tiers: tuple[str, ...] = ("bubblewrap", "landlock", "none")


def submission(trial, learner="a-learner", folder=None):
    """The Submission that a trial's learner hands in."""
    data = nbformat.writes(trial.change(solution(folder))).encode("utf-8", "surrogatepass")
    return Submission(learner, LESSON, f"{learner}/{LESSON}.ipynb", data)


@functools.cache
def solution(folder=None):
    """The notebook from which the trials are made: an exercise with the solution's answers."""
    book = notebook.read(Path(folder or exercises.ROOT / "solutions") / f"{LESSON}.ipynb")
    book.cells = [c for c in book.cells if "solution" not in c.metadata.get("tags", [])]
    return book


def cell(book, function):
    """The cell of a blank."""
    return next(c for c in book.cells if c.metadata.get("nbgrader", {}).get("grade_id") == function)


def answer(function, source):
    """A change: the blank's cell holds this source instead."""

    def change(book):
        book = copy.deepcopy(book)
        cell(book, function).source = source.strip("\n")
        return book

    return change


def added(source, before=TARGET):
    """A change: a cell of the learner's own stands before a blank's cell, or last where before is None."""

    def change(book):
        book = copy.deepcopy(book)
        at = len(book.cells) if before is None else book.cells.index(cell(book, before))
        book.cells.insert(at, nbformat.v4.new_code_cell(source.strip("\n"), id=f"added-{len(book.cells)}"))
        return book

    return change


def after_def(function, source):
    """A change: this source follows the blank's function in its own cell."""

    def change(book):
        book = copy.deepcopy(book)
        cell(book, function).source += "\n\n" + source.strip("\n")
        return book

    return change


def both(*changes):
    def change(book):
        for one in changes:
            book = one(book)
        return book

    return change


def only(**statuses):
    """All blanks pass but these, which may get the given statuses."""
    return {**ALL_PASS, **statuses}


def of_target(source, statuses=None, name=TARGET):
    """(change, expected): the target's cell is this source."""
    return {"change": answer(name, source), "expected": only(**{name: statuses or LOST})}


SLOW = "import time\n\n\ndef eps_for_keras(eps, t, beta2):\n    end = time.process_time() + 0.02\n" \
       f"    while time.process_time() < end:\n        pass\n    return {RIGHT}"  # fmt: skip

HONEST = (
    Trial("the solution", lambda book: book),
    Trial("a helper in an added cell", both(
        added("def share(beta, t):\n    return 1 - beta**t"),
        answer(TARGET, "def eps_for_keras(eps, t, beta2):\n    return eps * math.sqrt(share(beta2, t))"))),
    Trial("a helper in an added cell below", both(
        added("def share(beta, t):\n    return 1 - beta**t", before="correction_over"),
        answer(TARGET, "def eps_for_keras(eps, t, beta2):\n    return eps * math.sqrt(share(beta2, t))"))),
    Trial("a helper in the last cell", both(
        added("def share(beta, t):\n    return 1 - beta**t", before=None),
        answer(TARGET, "def eps_for_keras(eps, t, beta2):\n    return eps * math.sqrt(share(beta2, t))"))),
    Trial("two helpers of the same name", both(
        answer(TARGET, f"def f(eps, t, beta2):\n    return {RIGHT}\n\n\n"
                       "def eps_for_keras(eps, t, beta2):\n    return f(eps, t, beta2)"),
        answer("correction_over", "def f(x):\n    return math.log(x)\n\n\ndef correction_over(tolerance, beta2):\n"
                                  "    return math.ceil(f(1 - (1 - tolerance) ** 2) / f(beta2))"))),
    Trial("a constant and an import in added cells", both(
        added("import cmath\nONE = 1"),
        answer(TARGET, "def eps_for_keras(eps, t, beta2):\n    return eps * cmath.sqrt(ONE - beta2**t).real"))),
    Trial("a constant that changes from blank to blank", both(
        added("c = 1.0"),
        answer(TARGET, f"def eps_for_keras(eps, t, beta2):\n    return c * {RIGHT}"),
        added("c = 0.0", before="correction_over"))),
    Trial("the answer in an added cell", both(
        answer(TARGET, 'def eps_for_keras(eps, t, beta2):\n    raise NotImplementedError("not written yet")'),
        added(f"def eps_for_keras(eps, t, beta2):\n    return {RIGHT}", before="resumed_step"))),
    Trial("a name that a later cell takes", added("math = None\nnp = None", before=None)),
    Trial("a lambda", answer(TARGET, f"eps_for_keras = lambda eps, t, beta2: {RIGHT}")),
    Trial("an object with __call__", answer(TARGET, f"""
class Answer:
    def __call__(self, eps, t, beta2):
        return {RIGHT}


eps_for_keras = Answer()""")),
    Trial("functools.partial", answer(TARGET, f"""
from functools import partial


def scaled(one, eps, t, beta2):
    return one * {RIGHT}


eps_for_keras = partial(scaled, 1)""")),
    Trial("functools.cache", answer(TARGET, f"""
import functools


@functools.cache
def eps_for_keras(eps, t, beta2):
    return {RIGHT}""")),
    Trial("a decorator of one's own", answer(TARGET, f"""
import functools


def counted(function):
    @functools.wraps(function)
    def inner(*given, **named):
        inner.count += 1
        return function(*given, **named)

    inner.count = 0
    return inner


@counted
def eps_for_keras(eps, t, beta2):
    return {RIGHT}""")),
    Trial("torch inside", answer(TARGET, """
import torch


def eps_for_keras(eps, t, beta2):
    b = torch.tensor(beta2, dtype=torch.float64, requires_grad=True)
    return eps * torch.sqrt(1 - b**t)""")),
    Trial("lists inside", answer("adam", """
def adam(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    size = np.size(g)
    theta, g, m, v = (np.broadcast_to(np.ravel(x), size).tolist() for x in (theta, g, m, v))
    m = [beta1 * a + (1 - beta1) * b for a, b in zip(m, g)]
    v = [beta2 * a + (1 - beta2) * b**2 for a, b in zip(v, g)]
    new = [x - lr * a / (1 - beta1**t) / (math.sqrt(b / (1 - beta2**t)) + eps) for x, a, b in zip(theta, m, v)]
    return new, m, v""")),
    Trial("a generator inside", answer(TARGET, """
def eps_for_keras(eps, t, beta2):
    def parts():
        yield eps
        yield math.sqrt(1 - beta2**t)

    return math.prod(parts())""")),
    Trial("threads inside", answer(TARGET, f"""
from concurrent.futures import ThreadPoolExecutor


def eps_for_keras(eps, t, beta2):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: {RIGHT}, range(8)))[0]"""), tiers=("bubblewrap", "landlock", "none")),
    Trial("a thread that never ends", added("import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()")),
    Trial("prints of 10 MB", both(added('print("x" * 10_000_000)'), answer(TARGET, f"""
def eps_for_keras(eps, t, beta2):
    print("y" * 500_000)
    return {RIGHT}"""))),
    Trial("warnings", answer(TARGET, f"""
import warnings


def eps_for_keras(eps, t, beta2):
    warnings.warn("careful")
    return {RIGHT}""")),
    Trial("numpy's errors raise", added('np.seterr(all="raise")', before="adam")),
    Trial("warnings are errors", added('import warnings\nwarnings.simplefilter("error")', before="adam")),
    Trial("a figure", added("import matplotlib.pyplot as plt\n\nplt.plot([1, 2])\nplt.title('x')\nplt.show()")),
    Trial("a figure inside", answer(TARGET, f"""
import matplotlib.pyplot as plt


def eps_for_keras(eps, t, beta2):
    plt.plot([eps, t])
    plt.close("all")
    return {RIGHT}""")),
    Trial("%%time", answer(TARGET, f"%%time\ndef eps_for_keras(eps, t, beta2):\n    return {RIGHT}")),
    Trial("%timeit", after_def(TARGET, "%timeit -n1 -r1 eps_for_keras(1e-8, 1, 0.9)")),
    Trial("!ls", added("!ls\nfiles = !ls /\nassert files"), tiers=("bubblewrap", "landlock", "none")),
    Trial("%matplotlib inline", added("%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1]);", before="adam")),
    Trial("%%capture", added("%%capture held\nprint('x')")),
    Trial("await outside of functions", added("import asyncio\n\nawait asyncio.sleep(0.01)\nONE = 1")),
    Trial("half a second in all", answer(TARGET, SLOW)),
    Trial("an added cell that raises", added("1 / 0")),
    Trial("an added cell that is no Python", added("for for for")),
    Trial("an added cell that never ends", added("while True:\n    pass"), hangs=1),
    Trial("added cells that never end", both(*[added("while True:\n    pass") for _ in range(12)]), hangs=3),
    Trial("an added cell that asks", added('name = input("your name? ")')),
    Trial("an added cell that exits", added("import sys\n\nsys.exit(1)")),
    Trial("an added cell that quits", added("quit()")),
    Trial("temporary files", answer(TARGET, f"""
import os
import tempfile


def eps_for_keras(eps, t, beta2):
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("1.0")
        file.flush()
        os.chmod(file.name, 0o600)
        return float(open(file.name).read()) * {RIGHT}"""), tiers=("bubblewrap", "none")),
    Trial("a subprocess", added("""
import subprocess
import sys

assert subprocess.run([sys.executable, "-c", "print(1)"], stdout=subprocess.PIPE, timeout=60).stdout == b"1\\n\"""")),
    Trial("a warning raised in the cell", added("import warnings\nwarnings.warn('x', DeprecationWarning)")),
    Trial("display and a widget", added("from IPython.display import HTML\nimport ipywidgets\n\ndisplay(HTML('<b>x</b>'))\n"
                                        "ipywidgets.IntSlider()")),
    Trial("pandas-like objects", answer(TARGET, f"""
class Value:
    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.x, dtype)


def eps_for_keras(eps, t, beta2):
    return Value({RIGHT})""")),
    Trial("a sum type for an answer", answer(TARGET, f"def eps_for_keras(eps, t, beta2):\n    return np.float64({RIGHT})")),
    Trial("a class in the notebook", added("from dataclasses import dataclass\n\n\n@dataclass\nclass Box:\n    x: int\n\n\nBox(1)")),
    Trial("%%writefile", added("%%writefile helper.py\nONE = 1"), tiers=("bubblewrap", "none")),
    Trial("types spelled out", answer(TARGET, f"""
from __future__ import annotations


def eps_for_keras(eps: float, t: int, beta2: float) -> float:
    return {RIGHT}""")),
    Trial("its own source", answer(TARGET, f"""
import inspect


def eps_for_keras(eps, t, beta2):
    return {RIGHT}


assert inspect.getsource(eps_for_keras).endswith("return {RIGHT}\\n\")""")),
    Trial("display and get_ipython inside", answer(TARGET, f"""
def eps_for_keras(eps, t, beta2):
    display(eps)
    assert get_ipython() is not None
    return {RIGHT}""")),
    Trial("a command that looks like Python", added("ls -l")),
    Trial("types spelled out in a later cell", both(
        added("from __future__ import annotations\n\nONE = 1", before="adam"),
        answer(TARGET, f"def eps_for_keras(eps: Tensor, t: int, beta2: float) -> Tensor:\n    return {RIGHT}"))),
    Trial("the solver's own tests", after_def(TARGET, "assert abs(eps_for_keras(1e-8, 1, 0.96) - 2e-9) < 1e-20")),
    Trial("its own check call", after_def(TARGET, f'check("{LESSON}.{TARGET}", {TARGET})')),
)  # fmt: skip
