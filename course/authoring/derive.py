"""An exercise made from its solution, and the numbers that its checks expect."""

import copy
import json
import re
import textwrap

import numpy as np
from IPython.core.inputtransformer2 import TransformerManager

from course import exercises
from course.exercises.blank import play

REGION = re.compile(r"^([ \t]*)# BEGIN SOLUTION[^\n]*\n.*?^[ \t]*# END SOLUTION[^\n]*$", re.MULTILINE | re.DOTALL)
CHECK = re.compile(r"^check\(\"([^\"]+)\", (\w+)\)$", re.MULTILINE)


def tags(cell):
    return cell.metadata.get("tags", [])


def has_blank(cell):
    return cell.cell_type == "code" and "# BEGIN SOLUTION" in cell.source


def mark(book):
    """Gives set-up, blank and check cells nbgrader's metadata (schema 3), from the blanks' definitions."""
    for cell in book.cells:
        if cell.cell_type != "code":
            continue
        found = CHECK.search(cell.source)
        if has_blank(cell):
            _grade(cell, _function(cell), solution=True)
        elif found:
            _grade(cell, f"check_{found[2]}", grade=True, points=exercises.find(found[1]).points)
        elif "setup" in tags(cell):
            _grade(cell, "setup" if cell.id == "setup" else f"setup_{cell.id}")
    return book


def _grade(cell, name, *, solution=False, grade=False, points=None):
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": name,
        "solution": solution,
        "grade": grade,
        "locked": not solution,
        "task": False,
        **({"points": points} if points is not None else {}),
    }


def _function(cell):
    names = re.findall(r"^def (\w+)\(", cell.source, re.MULTILINE)
    if len(names) != 1:
        raise ValueError(f"cell {cell.id}: a blank's cell defines one function, found {names or 'none'}")
    return names[0]


def exercise(book):
    """The exercise of a solution: blanks emptied, cells tagged `solution` gone, no outputs."""
    book = copy.deepcopy(book)
    book.cells = [cell for cell in book.cells if "solution" not in tags(cell)]
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if has_blank(cell):
            name = _function(cell)
            cell.source, found = REGION.subn(rf'\1raise NotImplementedError("{name} is not written yet")', cell.source)
            if found != 1 or "SOLUTION" in cell.source:
                raise ValueError(f"cell {cell.id}: expected one # BEGIN SOLUTION ... # END SOLUTION region")
    return book


def functions(book):
    """The blanks' functions as a notebook defines them: its set-up and blank cells run in order."""
    namespace = {"__name__": "exercise"}
    plain = TransformerManager()
    blank_names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in book.cells]
    for cell, name in zip(book.cells, blank_names, strict=True):
        solution = cell.metadata.get("nbgrader", {}).get("solution", False)
        if cell.cell_type == "code" and (has_blank(cell) or solution or "setup" in tags(cell)):
            source = plain.transform_cell(textwrap.dedent(cell.source))
            exec(compile(source, f"<{name or cell.id}>", "exec"), namespace)
    return namespace


def expected(lesson, namespace):
    """What the solution returns for every blank's public calls: {blank: [[array as list, ...], ...]}."""
    numbers = {}
    for blank in exercises.blanks(lesson):
        results = play(blank, namespace[blank.function], blank.public_calls())
        numbers[blank.name] = [[x.tolist() for x in result] for result in results]
    return numbers


def numbers_text(numbers):
    """As JSON, one call a line."""
    parts = []
    for name, results in numbers.items():
        lines = ",\n".join("  " + json.dumps(result) for result in results)
        parts.append(f" {json.dumps(name)}: [\n{lines}\n ]")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def same_numbers(a, b):
    """Whether two sets of expected numbers agree to 1e-12: other machines round differently."""
    if a.keys() != b.keys():
        return False
    for name in a:
        if len(a[name]) != len(b[name]):
            return False
        for mine, theirs in zip(a[name], b[name], strict=True):
            if len(mine) != len(theirs):
                return False
            for x, y in zip(mine, theirs, strict=True):
                if np.shape(x) != np.shape(y) or not np.allclose(x, y, rtol=1e-12, atol=0, equal_nan=True):
                    return False
    return True
