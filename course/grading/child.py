"""What runs a learner's cells and calls the learner's functions, inside the sandbox.

It holds neither the right numbers nor the secret, and what it sends is believed to be numbers and text only.
"""

import contextlib
import os
import random
import sys
import types

import numpy as np

from course.exercises.blank import BadAnswer, Blank, _played
from course.grading import wire

CELL_FILE = ("<ipython-input", "<string>")
SHOWN_LINE = 100  # characters of a learner's line that an error shows
MOST_NUMBERS = 1 << 14  # in one value that a function returns; the largest of an exercise has a few hundred


def stub_check():
    """Puts a `course.check` in place that does nothing: its numbers and messages are not for this process."""
    module = types.ModuleType("course.check")

    class CheckFailed(AssertionError):
        pass

    module.CheckFailed, module.check, module.score = CheckFailed, _nothing, _nothing
    module.verdict = _nothing
    sys.modules["course.check"] = module


def _nothing(*_, **__):
    return None


def make_shell():
    """IPython without a history and without threads: magics, top-level await and `display` work in cells."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    config.InteractiveShell.xmode = "Minimal"

    class Shell(InteractiveShell):
        system = InteractiveShell.system_raw  # without a terminal, which there is none of

        def enable_gui(self, gui=None):
            """There is none; `%matplotlib` in a learner's cell is no error."""

    return Shell.instance(config=config)


def prepare(shell, cells):
    """A module in which a lesson's set-up cells, the release's own, have run: what a learner's cells find."""
    module = types.ModuleType("__main__")
    enter(shell, module)
    shell.init_user_ns()
    for source in cells:
        shell.run_cell(source, store_history=False)
    seed()  # what a learner's cells draw without saying from what is the same in every run
    return module


def enter(shell, module):
    """Cells now run in this module."""
    shell.user_module = module
    shell.user_ns = module.__dict__
    sys.modules["__main__"] = module


def seed():
    """Sets the generators that draw without being given one. It takes torch 3 ms: children find it done."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


def serve(send, shell, job):
    """Runs a job: its stages, in order; sends its frames.

    job: {"cells": [source, ...], "blanks": [{"function", "name", "outputs", "chained", "calls"}, ...],
    "stages": [["cell", index] or ["blank", index], ...]}
    """
    state, held = State(), b""
    for stage, (what, index) in enumerate(job["stages"]):
        send(held + wire.begin(stage))  # what is held goes out before anything else can end this process
        held = b""
        if what == "cell":
            error = run(shell, job["cells"][index])
            if error is not None:
                held = wire.error(stage, *told(error))
        else:
            state.restore()
            held = b"".join(_answers(stage, job["blanks"][index], shell.user_ns))
    send(held + wire.frame(wire.END))


def run(shell, source):
    """Runs a cell; returns the exception that ended it, or None.

    A cell that is Python as it stands is run without IPython, which would cost more than most cells do: 2.5 ms for the
    first one, 0.4 for each other. A single line may be one of its commands that looks like Python, such as `ls -l`.
    """
    code = None
    if "\n" in source:
        try:
            code = shell.compile(source + "\n", shell.compile.cache(source), "exec")
        except (SyntaxError, ValueError):  # IPython's own syntax, or an error that it tells
            code = None
    if code is None:
        done = shell.run_cell(source, store_history=False)
        return done.error_before_exec or done.error_in_exec
    try:
        exec(code, shell.user_ns)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: they are the learner's
        return error
    return None


class State:
    """What a function finds as it was, whatever a cell or another function has set."""

    def __init__(self):
        self.recursion, self.folder = sys.getrecursionlimit(), os.getcwd()

    def restore(self, sys=sys, os=os):
        sys.settrace(None)
        sys.setprofile(None)
        if sys.getrecursionlimit() < self.recursion:
            sys.setrecursionlimit(self.recursion)
        with contextlib.suppress(OSError):
            os.chdir(self.folder)


def _answers(stage, given, namespace):
    blank = Blank(given["name"], None, (), outputs=tuple(given["outputs"]), chained=given["chained"])
    calls, frames = wire.unpack(given["calls"]), []
    try:
        function = namespace[given["function"]]
    except KeyError:
        return [wire.error(stage, "missing", given["function"])]
    try:
        if not callable(function):
            raise BadAnswer(f"{given['function']} is a {type(function).__name__}, expected a function.")
        for i, arrays in enumerate(_played(blank, function, calls)):
            for name, array in zip(blank.outputs, arrays, strict=True):
                if array.size > MOST_NUMBERS or array.ndim > wire.MOST_AXES:
                    raise BadAnswer(f"Your function returned {name} with shape {_shape(array)}: far too much.", i)
            frames.append(wire.result(stage, i, arrays))
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: they are the learner's
        return [wire.error(stage, *told(error, given["function"]))]
    return frames


def _shape(array):
    return array.shape if array.ndim <= wire.MOST_AXES else f"of {array.ndim} axes"


def told(error, function=""):
    """(kind, text) of an exception: what it says, and the learner's line that raised it."""
    if isinstance(error, BadAnswer):
        return "answer", str(error)
    try:
        says = str(error)
    except BaseException:  # a learner's exception may have a __str__ of its own
        says = ""
    name = type(error).__name__
    says = f"{name}: {says}" if says else name
    if isinstance(error, SyntaxError):
        return "raised", f"{says} (line {error.lineno} of the cell)" if error.lineno else says
    where = _line(error)
    inner = where[1] if where else ""
    if isinstance(error, NotImplementedError):
        other = f"{inner}, which {function} calls, is not written yet." if inner not in ("", function, "<module>") else ""
        return "unwritten", other
    if isinstance(error, MemoryError):
        return "memory", says
    return "raised", f"{says} (line {where[0]} of the cell: {where[2]})" if where else says


def _line(error):
    """(number, function, text) of the last line of a cell that the error went through, or None."""
    import linecache

    found, step = None, error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if code.co_filename.startswith(CELL_FILE) or "ipykernel" in code.co_filename:
            text = linecache.getline(code.co_filename, step.tb_lineno).strip()[:SHOWN_LINE]
            found = step.tb_lineno, code.co_name, text
        step = step.tb_next
    return found


def quiet():
    """Standard input, output and error lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(nowhere, fd)
    if nowhere > 2:
        os.close(nowhere)
