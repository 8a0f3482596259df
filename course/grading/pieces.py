"""A learner's cells as plain Python: magics taken off, and what a split or a merge moved put right."""

import ast
import re
import textwrap
import warnings
from dataclasses import dataclass

MAX_CODE = 1_000_000  # characters of code in one notebook; the longest solution has 5,000
MENDED = 100_000  # characters: a longer cell is Python as it is, or is not
_BY_IPYTHON, _ROUNDS = 20_000, 20  # characters, and magics in one: for each one IPython reads the whole cell anew

_TIMED = re.compile(r"\s*%%(time|timeit|capture|prun|memit|mprun|lprun)\b[^\n]*\n?")
_OTHER_LANGUAGE = re.compile(r"\A\s*%%(\w+)")
_LINE_TIMED = re.compile(r"^(\s*)%(?:time|timeit|prun|memit)\s+(?:-\w++\s++(?:\d++\s++)?+)*+(?=[^\s-])")
_LINE_MAGIC = re.compile(r"^(\s*)(%%?\w|!|\?).*$|^(\s*)[\w.]+\?{1,2}\s*$")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_FENCE_END = re.compile(r"```+[ \t]*")


@dataclass
class Piece:
    """One cell, or a part of one, on its way to being run.

    numbers  the cells that it comes from, counted from 1
    source   as it is to be run; raw: as the learner wrote it, for what must be joined
    tree     its syntax tree; None where it is not Python by itself
    blanks   the blanks whose functions it defines
    here     the blank in whose own cell it stands, by the cell's id or grade_id
    kind     "code", "markdown" or "raw"
    """

    numbers: tuple[int, ...]
    source: str
    tree: ast.Module | None
    kind: str = "code"
    blanks: tuple[str, ...] = ()
    here: str = ""
    fresh: frozenset[str] = frozenset()  # of its blanks those that are still as handed out
    raw: str = ""

    @property
    def cell(self):
        return f"cell{'s' * (len(self.numbers) > 1)} {' and '.join(map(str, self.numbers))}"


def parsed(source):
    """The syntax tree, or None where Python or its parser refuses the text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes such as "\e"
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def dumped(node):
    """A node's `ast.dump`; one that is nested too deep is like no other."""
    try:
        return ast.dump(node)
    except RecursionError:
        return f"{id(node)}"


def plain(source, mend=True):
    """(source, tree, note) of a code cell: without magics, which do not run in grading.

    source: "" where nothing of it is Python. note: what was done to it, or "". mend: whether to try what takes long.
    """
    note, end = "", 0
    while timed := _TIMED.match(source, end):
        end, note = timed.end(), f"%%{timed[1]} was taken off"
    source = "\n" * source.count("\n", 0, end) + source[end:]  # so that the other lines keep their numbers
    other = _OTHER_LANGUAGE.match(source)
    if other:
        return "", None, f"%%{other[1][:20]} is not run in grading"
    tree = _whole(source)
    if tree is not None:
        return source, tree, note
    for change in (textwrap.dedent, _without_line_magics, _by_ipython) if mend and len(source) <= MENDED else ():
        changed = change(source)
        if changed != source:
            tree = _whole(changed)
            if tree is not None:
                return changed, tree, note
    return source, None, note


def _whole(source):
    """The syntax tree of what can run by itself; None also for the second half of a function, with its return."""
    tree = parsed(source)
    waiting = list(tree.body) if tree and ("return" in source or "yield" in source) else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom):
            return None
        if not isinstance(node, _SCOPES):
            waiting += ast.iter_child_nodes(node)
    return tree


def _without_line_magics(source):
    lines = (_LINE_TIMED.sub(r"\1", line) for line in textwrap.dedent(source).split("\n"))
    return "\n".join(_LINE_MAGIC.sub(lambda match: f"{match[1] or match[3] or ''}pass", line) for line in lines)


def _by_ipython(source):
    """As IPython reads it: without prompts such as >>> and In [1]:. Slow, so only where nothing else helped."""
    from IPython.core.inputtransformer2 import TransformerManager

    if len(source) > _BY_IPYTHON:
        return source

    class Manager(TransformerManager):
        def do_token_transforms(self, lines):
            for _ in range(_ROUNDS):
                changed, lines = self.do_one_token_transform(lines)
                if not changed:
                    break
            return lines

    try:
        return Manager().transform_cell(_without_line_magics(source))
    except Exception:  # whatever its tokenizer raises on what is no Python
        return source


def unfenced(text):
    """The code of a text cell: what stands between ``` marks if there are any, else all of it."""
    found, block = [], None
    for line in text.split("\n"):
        if not line.startswith("```"):
            if block is not None:
                block.append(f"{line}\n")
        elif block is None:
            block = []
        elif _FENCE_END.fullmatch(line):
            found.append("".join(block))
            block = None
        else:
            block.append(f"{line}\n")
    return "\n".join(found) or text


def joined(pieces):
    """The pieces, those put together that only together are Python: a cell split in the middle of a function.

    Returns (pieces, notes).
    """
    result, notes = [], []
    for piece in pieces:
        for many in (1, 2, 3) if piece.tree is None else ():
            parts = [*result[-many:], piece]
            if len(parts) <= many:
                break
            source = "\n".join(part.raw or part.source for part in parts)
            tree = _whole(source)
            if tree is not None:
                numbers = tuple(number for part in parts for number in part.numbers)
                piece = Piece(numbers, source, tree, here=next((part.here for part in parts if part.here), ""))
                del result[-many:]
                notes.append(f"{piece.cell} were put together: only together they are Python.")
                break
        result.append(piece)
    return result, notes


def without(source, tree, statements):
    """The source with the lines of these top-level statements emptied; one that shares a line with others stays."""
    lines = source.split("\n")
    going = set(map(id, statements))
    kept = {i for other in tree.body if id(other) not in going for i in _lines(other)}
    taken = {i for statement in statements if kept.isdisjoint(_lines(statement)) for i in _lines(statement)}
    return "\n".join("" if i in taken else line for i, line in enumerate(lines, 1))


def _lines(statement):
    return range(first_line(statement), statement.end_lineno + 1)


def first_line(statement):
    """The line on which a statement begins, its decorators included."""
    decorators = getattr(statement, "decorator_list", ())
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def bound(statements):
    """The names that statements bind in their own scope: {name: [statement that binds it]}."""
    found = {}
    for outer in statements:
        waiting = [outer]
        while waiting:
            node = waiting.pop()
            for name in _names(node):
                found.setdefault(name, []).append(outer)
            if not isinstance(node, _SCOPES):
                waiting += ast.iter_child_nodes(node)
    return found


def _names(node):
    if isinstance(node, ast.Name):
        return [node.id] if isinstance(node.ctx, ast.Store) else []
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ExceptHandler) and node.name:
        return [node.name]
    if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
        return [node.name]
    return []
