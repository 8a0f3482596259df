"""A learner's notebook -> the cells to run: the learner's own, in order; what was handed out comes from the release.

A cell is a copy of one handed out if its text is the same, or if it has that cell's id or grade_id, or four fifths
of its statements. Of a changed copy only the statements that differ run, as the learner's own.

A blank's answer is the cell that defines its function (def, lambda, any binding), wherever it stands; the cell's id
or grade_id tells where a blank stood whose function is gone. Text cells are read for a blank that no code cell
answers. `notes` say what was put right, `flags` what a person should look at.
"""

import ast
import functools
import itertools
import re
from collections import Counter

from course import exercises
from course.grading import reading
from course.grading.intake import lesson_of_content
from course.grading.look import helpers, look
from course.grading.model import Answers, Cell
from course.grading.naming import shown
from course.grading.pieces import (
    MAX_CODE,
    MENDED,
    Piece,
    bound,
    dumped,
    first_line,
    joined,
    parsed,
    plain,
    unfenced,
    without,
)

_COLAB = "# On Google Colab this cell fetches the course"
_CONFLICT = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
_MOST = 20  # notes, and flags, in one Answers
_CELLS = 2000  # of a learner's own code; a lesson has about 10
_PARTS = 50  # into which one cell is parted
_SHARE = 0.8  # of a locked cell's statements that make another cell its copy


def answers(data, lesson, handed_out):
    """The Answers that a notebook's bytes hold. handed_out: the lesson's exercise, as `derive.exercise` makes it.

    Bytes that are no notebook become an Answers with a problem. Raises ValueError for an unknown lesson.
    """
    release = _release(lesson, tuple(_handed_out(handed_out)))
    try:
        page = reading.read(data)
    except reading.Unreadable as error:
        return Answers(problem=str(error))
    found = _Found(release)
    for cell in page.cells:
        found.take(cell)
    found.put_right()
    if page.language and not found.answered:
        return Answers(
            problem=f"This notebook is set to {page.language}; expected Python. Choose Kernel > Change Kernel > "
            "Python 3, write your answers in Python, and hand it in again."
        )
    if page.language:
        found.notes.append(f"The notebook is set to {page.language}; your answers are Python and were run as Python.")
    if not found.seen:
        other = lesson_of_content(data)
        names = ", ".join(release.functions)
        if other not in ("", lesson):
            return Answers(problem=f"This is {other}; expected {lesson} with its functions {names}.")
        found.notes.append(f"None of the functions of {lesson} is in this notebook; expected {names}.")
    pieces = found.pieces
    flags = (*found.flags, *look(pieces, release.trees, release.blanks, release.helpers))
    cells = tuple(Cell(piece.source, piece.blanks[0] if piece.blanks else piece.here) for piece in pieces)
    return Answers(cells, first(found.notes), first(flags))


def first(lines):
    """The first of them, and how many more there are."""
    more = len(lines) - _MOST
    return tuple(lines) if more <= 0 else (*lines[:_MOST], f"and {more} more of the kind.")


def unwritten(found, lesson, handed_out):
    """The functions of the blanks, in order, that an Answers leaves as handed out: unchanged, empty or deleted."""
    release = _release(lesson, tuple(_handed_out(handed_out)))
    written = set()
    for cell in found.cells:
        tree = parsed(cell.source)
        for name in {cell.blank, *release.defined(cell.source, tree)}:
            written |= set() if release.is_fresh(name, cell.source, tree) else {name}
    return tuple(name for name in release.functions if name not in written)


def _handed_out(book):
    """A notebook's cells as what tells them apart: (kind, id, grade_id, is a blank, is locked, source)."""
    for cell in book.cells:
        graded = cell.metadata.get("nbgrader", {})
        blank = bool(graded.get("solution"))
        kind, locked = cell.cell_type, bool(graded.get("locked"))
        yield kind, getattr(cell, "id", ""), graded.get("grade_id", ""), blank, locked, cell.source


@functools.lru_cache(maxsize=64)
def _release(lesson, cells):
    return _Release(lesson, cells)


class _Release:
    """What was handed out, in the forms in which a learner's cells are held beside it."""

    def __init__(self, lesson, cells):
        self.blanks = exercises.blanks(lesson)
        self.functions = tuple(blank.function for blank in self.blanks)
        self.blank_ids, self.blank_sources, self.cell_ids = {}, {}, {}  # blank_ids: id or grade_id -> function
        self.texts, self.statements, self.locked, self.names = {}, {}, set(), {}
        self.first_lines = {}
        self.trees = []
        for kind, identity, grade_id, blank, locked, source in cells:
            key = grade_id or identity
            if blank:
                self.blank_ids.update({identity: grade_id, f"grade:{grade_id}": grade_id})
                self.blank_sources[grade_id] = _text(source)
                continue
            self.texts[_text(source)] = key
            if kind != "code":
                continue
            self.names[key] = grade_id or identity
            self.cell_ids.update({identity: key, f"grade:{grade_id}": key} if grade_id else {identity: key})
            self.locked |= {key} if locked else set()
            tree = plain(source)[1]
            self.statements[key] = Counter(map(dumped, tree.body)) if tree else Counter()
            lines = source.split("\n")
            self.first_lines[key] = {lines[statement.lineno - 1] for statement in tree.body} if tree else set()
            if tree and identity != "colab":
                self.trees.append(tree)
        self.fresh_bodies = {name: _body(parsed(source), name) for name, source in self.blank_sources.items()}
        self.helpers = helpers(self.trees, self.blanks)
        self.mentions = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, self.functions))})\b")
        self.answers = re.compile(
            rf"^[ \t]*(?:async\s+)?def\s+({'|'.join(self.functions)})\s*\(|^({'|'.join(self.functions)})\s*=[^=]",
            re.MULTILINE,
        )

    def blank_of(self, cell):
        return self.blank_ids.get(cell.id) or self.blank_ids.get(f"grade:{cell.grade_id}", "")

    def is_fresh(self, function, source, tree):
        """Whether a blank is still as handed out: the cell's text, or the function but for its docstring."""
        text = _text(source)
        if not text or text == self.blank_sources.get(function):
            return True
        return "NotImplementedError" in source and _body(tree, function) == self.fresh_bodies.get(function, 0)

    def defined(self, source, tree):
        """The blanks, in order, whose functions a cell binds; by its text where it is not Python."""
        if source.isascii() and not self.mentions.search(source):
            return ()
        named = bound(tree.body) if tree else {a or b for a, b in self.answers.findall(source)}
        return tuple(name for name in self.functions if name in named)

    def copied(self, cell, tree):
        """The key of the cell handed out of which this is a changed copy, or None."""
        for name in (cell.id, f"grade:{cell.grade_id}"):
            if name in self.cell_ids:
                return self.cell_ids[name]
        if tree is None or not tree.body:
            return None
        lines = set(_text(cell.source).split("\n"))
        if not any(lines & first for first in self.first_lines.values()):
            return None
        mine = Counter(map(dumped, tree.body))
        for key, theirs in self.statements.items():
            common = (mine & theirs).total()
            if common and common >= _SHARE * theirs.total():
                return key
        return None


def _text(source):
    return "\n".join(line.rstrip() for line in source.expandtabs(4).strip().splitlines())


def _body(tree, function):
    """The body of a cell's one function of that name, without its docstring, as text; None where there is none."""
    found = [statement for statement in tree.body if _names(statement, function)] if tree else []
    if len(found) != 1:
        return None
    body = found[0].body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    return "".join(map(dumped, body))


def _names(statement, function):
    return isinstance(statement, ast.FunctionDef) and statement.name == function


class _Found:
    """A learner's cells on their way: taken one by one, then put right together."""

    def __init__(self, release):
        self.release = release
        self.pieces, self.spare = [], []  # spare: text cells that may answer a blank
        self.notes, self.flags = [], []
        self.code = self.cells = 0

    def take(self, cell):
        """Takes in a cell, unless it is a copy of one handed out, or empty."""
        release, text = self.release, _text(cell.source)
        if not text or text in release.texts or text.startswith(_COLAB):
            return
        here = release.blank_of(cell)
        self.code, self.cells = self.code + len(cell.source), self.cells + 1
        if self.code > MAX_CODE or self.cells > _CELLS:
            if cell.kind == "code":
                most = f"{MAX_CODE:,} signs or {_CELLS} cells"
                self._say(f"cell {cell.number} was left out: up to it there are more than {most} of code.", True)
            return
        if cell.kind != "code":
            if release.answers.search(cell.source):
                source, tree, _ = plain(unfenced(cell.source), self.code <= MENDED)
                if tree is not None:
                    self.spare.append(self._piece((cell.number,), source, tree, cell.kind, here))
            return
        source, tree, note = plain(cell.source, self.code <= MENDED)
        if note:
            self.notes.append(f"cell {cell.number}: {note}.")
        if not source:
            return
        if _CONFLICT.search(source):
            self.notes.append(f"cell {cell.number} holds the marks of a merge conflict; take one of the two versions.")
        copied = None if here else release.copied(cell, tree)
        if copied is not None:
            source, tree = self._own_part(cell, copied, source, tree)
            if not source:
                return
        source, tree = self._without_checks(source, tree)
        if source:
            raw = cell.source if tree is None or cell.source[:1].isspace() else ""
            self.pieces.append(self._piece((cell.number,), source, tree, here=here, raw=raw))

    def _say(self, line, flag=False):
        self.notes.append(line)
        if flag:
            self.flags.append(line)

    def _piece(self, numbers, source, tree, kind="code", here="", raw=""):
        blanks = self.release.defined(source, tree)
        fresh = frozenset(name for name in blanks if self.release.is_fresh(name, source, tree))
        return Piece(numbers, source, tree, kind, blanks, here, fresh, raw)

    def _own_part(self, cell, key, source, tree):
        """What a learner added to a cell handed out, or changed in it."""
        name, locked = self.release.names[key], key in self.release.locked
        which = f"cell {cell.number}, a changed copy of the cell {name} that was handed out"
        if tree is None:
            self._say(f"{which}, is not Python and was left out.", locked)
            return "", None
        left = self.release.statements[key].copy()
        same = []
        for statement in tree.body:
            text = dumped(statement)
            if left[text] > 0 or _is_check(statement):
                left[text] -= 1
                same.append(statement)
        if len(same) == len(tree.body):
            return "", None
        source = without(source, tree, same)
        what = shown(" ".join(source.split()))
        what = what if len(what) <= 80 else what[:77] + "..."
        self._say(f"{which}: of it only your own lines were run ({what}), the rest comes from the course.", locked)
        return source, parsed(source)

    def _without_checks(self, source, tree):
        """A cell without its calls of check, which grading makes itself; "" where it holds nothing else."""
        if tree is None or "check" not in source:
            return source, tree
        checks = [statement for statement in tree.body if _is_check(statement)]
        if len(checks) == len(tree.body):
            return "", None
        return (source, tree) if not checks else (without(source, tree, checks), tree)

    def put_right(self):
        """Joins what was split, takes text cells for blanks, drops what is still as handed out, parts what was merged."""
        if any(piece.tree is None for piece in self.pieces):
            self.pieces, notes = joined(self.pieces)
            self.notes += notes
            self.pieces = [self._piece(p.numbers, p.source, p.tree, p.kind, p.here) for p in self.pieces]
        self.pieces = [part for piece in self.pieces for part in self._parted(piece)]
        spare = [part for piece in self.spare for part in self._parted(piece)]
        written = {name for piece in self.pieces for name in piece.blanks if name not in piece.fresh}
        for piece in spare:
            found = [name for name in piece.blanks if name not in written and name not in piece.fresh]
            if found:
                self.pieces.append(piece)
                written.update(found)
                names = " and ".join(found)
                self.notes.append(f"{piece.cell} is a {piece.kind} cell: its code was run as your answer to {names}.")
        self.seen = any(piece.blanks for piece in [*self.pieces, *spare])
        self.answered = any(piece.tree for piece in self.pieces for name in piece.blanks if name not in piece.fresh)
        self.pieces.sort(key=lambda piece: piece.numbers)
        written = {name: piece.cell for piece in self.pieces for name in piece.blanks if name not in piece.fresh}
        self.pieces = [kept for piece in self.pieces for kept in self._without_fresh(piece, written)]
        self._tell_of_several()
        defined = {name for piece in self.pieces for name in piece.blanks}
        for piece in self.pieces:
            piece.here = "" if piece.here in defined else piece.here

    def _without_fresh(self, piece, written):
        """A piece; where it defines a blank as handed out and an answer stands elsewhere, what else it holds.

        written: {blank: the last cell that answers it}
        """
        for name in sorted(piece.fresh & written.keys()):
            self.notes.append(f"{piece.cell} holds {name} as handed out: taken was your answer in {written[name]}.")
            if _text(piece.source) != self.release.blank_sources[name]:
                source = without(piece.source, piece.tree, [part for part in piece.tree.body if _names(part, name)])
                tree = parsed(source)
                return [Piece(piece.numbers, source, tree)] if tree and tree.body else []
            return []
        return [piece]

    def _tell_of_several(self):
        for name in self.release.functions:
            cells = [piece.cell for piece in self.pieces if name in piece.blanks and name not in piece.fresh]
            if len(cells) > 1:
                self.notes.append(f"{name} is defined in {', '.join(cells)}: the last one counts.")

    def _parted(self, piece):
        """A piece that answers several blanks as one for each, so that an error in one costs only that."""
        if len(piece.blanks) < 2 or piece.tree is None:
            return [piece]
        lines, starts = piece.source.split("\n"), []
        for statement in piece.tree.body:
            names = [name for name in bound([statement]) if name in piece.blanks]
            if names:
                starts.append(first_line(statement) - 1)
        cuts = [0, *starts[1:], len(lines)]
        if sorted(set(cuts)) != cuts or len(starts) > _PARTS:  # two on one line
            return [piece]
        parts = []
        for begin, end in itertools.pairwise(cuts):
            source = "\n".join([*[""] * begin, *lines[begin:end]])
            tree = parsed(source)
            if tree is None:
                return [piece]
            parts.append(self._piece(piece.numbers, source, tree, piece.kind))
        return parts


def _is_check(statement):
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    called = statement.value.func
    return isinstance(called, ast.Name) and called.id == "check"
