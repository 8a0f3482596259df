"""Looks for solutions in what is about to be handed out: their text, and the bytecode of their functions."""

import ast
import json
import re
import types
import warnings
from dataclasses import dataclass
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from course.authoring import derive

SHORTEST = 20  # signs without spaces: `return theta` and `for _ in range(steps):` are everybody's
REGION = re.compile(r"# BEGIN SOLUTION[^\n]*\n(.*?)^[ \t]*# END SOLUTION", re.MULTILINE | re.DOTALL)

PICTURE = re.compile(r"data:image/[a-z]+;base64,[\w+/=]+")
EVERYBODYS = re.compile(r"(import|from)\w|rng=np\.random\.default_rng\(\d\)$")  # lines that give nothing away

# Answers that a lesson or the library teaches in full, and that an exercise asks for once more: blank -> files.
TAUGHT = {
    "00_start_here.step": {"notebooks/00_start_here.ipynb"},
    "06_adagrad.adagrad": {"course/rules/adagrad.py", "notebooks/06_adagrad.ipynb"},
    "08_adam.adam": {
        "course/rules/adam.py",
        "notebooks/08_adam.ipynb",
        "notebooks/09_adamw.ipynb",
        "exercises/09_adamw.ipynb",  # repairs an AdamW
    },
    "09_adamw.amsgrad": {"notebooks/09_adamw.ipynb"},
    "13_choosing_an_optimizer.profile": {"notebooks/13_choosing_an_optimizer.ipynb"},
}


@dataclass(frozen=True)
class Answer:
    """What may not be handed out of one cell of a solution.

    where  "08_adam.adam", or "08_adam, cell open-answer"
    lines  its lines without spaces, less those that the exercise itself shows
    codes  the bytecode of its function, as `codes` gives it
    """

    where: str
    lines: tuple[str, ...]
    codes: frozenset = frozenset()


def answers(lesson, solution, exercise):
    """Every Answer of a lesson's notebook: its solution regions, and its cells tagged `solution`."""
    shown = _squash("\n".join(cell.source for cell in exercise.cells))
    for cell in solution.cells:
        tagged = "solution" in derive.tags(cell)
        if not tagged and not derive.has_blank(cell):
            continue
        text = cell.source if tagged else REGION.search(cell.source)[1]
        lines = tuple(line for line in map(_squash, text.split("\n")) if _tells(line) and line not in shown)
        if tagged:
            yield Answer(f"{lesson}, cell {cell.id}", lines)
        else:
            name = cell.metadata["nbgrader"]["grade_id"]
            yield Answer(f"{lesson}.{name}", lines, frozenset(codes(cell.source, name)))


def _tells(line):
    return len(line) >= SHORTEST and not EVERYBODYS.match(line)


def find(files, wanted):
    """What the files hold of the wanted Answers, in words: a list, empty when all is well.

    files: {path below the folder: bytes}. One line of an answer is too much, except in lessons and library:
    they teach the formulas that answers are made of, so there all lines of an answer, or its function, count.
    """
    seen = {name: _read(name, data) for name, data in files.items()}
    found = []
    for answer in wanted:
        for name, (text, functions) in seen.items():
            hits = [line for line in answer.lines if line in text]
            if teaches(name) and len(hits) < len(answer.lines):
                hits = []
            if (hits or answer.codes & functions) and name not in TAUGHT.get(answer.where, ()):
                found.append(f"{name} holds {answer.where}: {hits[0] if hits else 'its function'}")
    return found


def teaches(name):
    """Whether a file belongs to the lessons or to the library that they explain."""
    top, *rest = Path(name).parts
    return top == "notebooks" or (top == "course" and rest[0] != "exercises")


def codes(source, name=None):
    """The bytecode of every function in a source, or of those called name, whatever their variables are called."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a SyntaxWarning in somebody's file is not ours to show
        try:
            nodes = list(ast.walk(ast.parse(TransformerManager().transform_cell(source))))
        except SyntaxError:
            return set()
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.Lambda)]
        return {_alone(node) for node in functions if name in (None, getattr(node, "name", None))} - {None}


def _alone(node):
    """The bytecode of one function, compiled by itself: imports at the top of its file would change it."""
    body = [ast.Return(node.body)] if isinstance(node, ast.Lambda) else node.body
    if isinstance(node, ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
        body = body[1:] or [ast.Pass()]
    bare = ast.FunctionDef("f", node.args, body, [], lineno=1, col_offset=0)
    try:
        module = compile(ast.fix_missing_locations(ast.Module([bare], [])), "", "exec")
    except SyntaxError:  # it needs what stands around it, such as nonlocal
        return None
    return _code(next(x for x in module.co_consts if isinstance(x, types.CodeType)))


def _code(code):
    constants = tuple(_code(x) if isinstance(x, types.CodeType) else repr(x) for x in code.co_consts)
    return code.co_code, code.co_names, constants


def _read(name, data):
    """A file's text without spaces, and the bytecode of its functions."""
    text = data.decode("utf-8", errors="replace")
    if name.endswith(".ipynb"):
        cells = [cell.source for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
        return _squash("".join(_strings(json.loads(text)))), {code for cell in cells for code in codes(cell)}
    if name.endswith(".json"):
        return _squash("".join(_strings(json.loads(text)))), set()
    return _squash(text), codes(text) if name.endswith(".py") else set()


def _strings(data):
    """Every text in a JSON document, in order, but for pictures: a notebook has a cell's lines as a list."""
    if isinstance(data, str):
        yield PICTURE.sub("", data)
    elif isinstance(data, list):
        for value in data:
            yield from _strings(value)
    elif isinstance(data, dict):
        for key, value in data.items():
            if not key.startswith("image/"):
                yield from _strings(value)


def _squash(text):
    return re.sub(r"\s+", "", text)
