"""An exercise made from its solution, and the numbers that its checks expect."""

import ast
import copy
import json
import math
import re
import textwrap

from course import exercises
from course.exercises.blank import BadAnswer, first_difference, play

REGION = re.compile(r"^([ \t]*)# BEGIN SOLUTION[^\n]*\n.*?^[ \t]*# END SOLUTION[^\n]*$", re.MULTILINE | re.DOTALL)
REGION_LINE = re.compile(r"#\s*(BEGIN|END)\s+SOLUTION", re.IGNORECASE)
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
    """The exercise of a solution: blanks emptied, cells tagged `solution` gone, no outputs.

    Raises ValueError where a region cannot be emptied, or would be published as it stands.
    """
    book = copy.deepcopy(book)
    book.cells = [cell for cell in book.cells if "solution" not in tags(cell)]
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if has_blank(cell):
            _empty(cell, _function(cell))
        elif REGION_LINE.search(cell.source):
            raise ValueError(
                f"cell {cell.id}: a SOLUTION region in this {cell.cell_type} cell would be published; "
                "write # BEGIN SOLUTION in a code cell, or tag the cell `solution`"
            )
    return book


def answered(book, fresh):
    """The blanks in which an exercise holds other code than the one handed out: a learner's answers."""
    handed_out = {cell.id: cell.source for cell in fresh.cells if cell.metadata.get("nbgrader", {}).get("solution")}
    return [cell.id for cell in book.cells if cell.source.strip() != handed_out.get(cell.id, cell.source).strip()]


def _empty(cell, name):
    """Puts the NotImplementedError in place of the region; raises ValueError unless it is in the function."""
    cell.source, found = REGION.subn(rf'\1raise NotImplementedError("{name} is not written yet")', cell.source)
    if found != 1 or REGION_LINE.search(cell.source):
        raise ValueError(f"cell {cell.id}: expected one # BEGIN SOLUTION ... # END SOLUTION region")
    try:
        body = ast.parse(_python(cell.source)).body
    except SyntaxError as error:
        raise ValueError(f"cell {cell.id}: without its solution this is not Python ({error})") from None
    function = next((node for node in body if isinstance(node, ast.FunctionDef) and node.name == name), None)
    if function is None or not any(isinstance(node, ast.Raise) for node in ast.walk(function)):
        where = f"is not inside {name}; indent it below the def line"
        raise ValueError(f"cell {cell.id}: its # BEGIN SOLUTION region {where}")


def _python(source):
    """A cell's source as Python. IPython, which takes 10 MB, is imported only where it holds IPython's own syntax."""
    try:
        ast.parse(source)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        return TransformerManager().transform_cell(source)
    return source


def functions(book):
    """The blanks' functions as a notebook defines them: its set-up and blank cells run in order.

    Raises ValueError with the cell and the error where one of these cells fails.
    """
    namespace = {"__name__": "exercise"}
    blank_names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in book.cells]
    for cell, name in zip(book.cells, blank_names, strict=True):
        solution = cell.metadata.get("nbgrader", {}).get("solution", False)
        if cell.cell_type == "code" and (has_blank(cell) or solution or "setup" in tags(cell)):
            try:
                exec(compile(_python(textwrap.dedent(cell.source)), f"<{name or cell.id}>", "exec"), namespace)
            except (Exception, SystemExit) as error:
                raise ValueError(f"cell {cell.id} raises {_named(error)}") from None
    return namespace


def function(namespace, blank):
    """The function of a blank. Raises ValueError where the notebook does not define it."""
    found = namespace.get(blank.function)
    if not callable(found):
        raise ValueError(f"the notebook defines no function {blank.function}, which {blank.name} checks")
    return found


def in_words(error):
    """One exception as what is wrong: the messages of the build stand for themselves."""
    return str(error) if type(error) in (ValueError, RuntimeError) and str(error) else _named(error)


def _named(error):
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}{': ' * bool(line)}{line}"


def expected(lesson, namespace):
    """What the solution returns for every blank's public calls: {blank: [[array as list, ...], ...]}.

    Raises ValueError where a solution is missing, cannot be called, or is one of the known mistakes.
    """
    return {blank.name: _expected(blank, function(namespace, blank)) for blank in exercises.blanks(lesson)}


def _expected(blank, solution):
    calls = blank.public_calls()
    try:
        results = play(blank, solution, calls)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{blank.name}: the solution raises {_named(error)}") from None
    for mistake in blank.mistakes:
        if _same_results(blank, results, mistake.function, calls):
            raise ValueError(f"{blank.name}: the solution equals the known mistake {mistake.name}")
    return [[x.tolist() for x in result] for result in results]


def _same_results(blank, results, other, calls):
    """Whether another function returns the same, its state included: a mistake may be in the state alone."""
    try:
        return first_difference(blank, results, play(blank, other, calls)) is None
    except (BadAnswer, ArithmeticError, ValueError, IndexError):
        return False


def numbers_text(numbers):
    """As JSON, one call a line."""
    parts = []
    for name, results in numbers.items():
        lines = ",\n".join("  " + json.dumps(result) for result in results)
        parts.append(f" {json.dumps(name)}: [\n{lines}\n ]")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def same_numbers(a, b):
    """Whether two sets of expected numbers agree to 1e-12: other machines round differently.

    a, b: nested dicts and lists of floats. Another order, shape or type is a difference.
    """
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same_numbers(a[name], b[name]) for name in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same_numbers, a, b))
    if not isinstance(a, float):
        return False
    return math.isclose(a, b, rel_tol=1e-12) or (math.isnan(a) and math.isnan(b))
