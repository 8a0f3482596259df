"""A static look at a learner's code, for a person: it marks what to read, it never fails anybody.

Two things are looked for: a blank that calls what its task is to write (`Blank.forbidden`), under any name, also
through functions of the learner's own; and calls that have no place in an exercise, such as open or os.
"""

import ast
import functools
import re

from course.grading.naming import shown
from course.grading.pieces import bound

_MODULES = frozenset(
    "os sys posix nt ctypes cffi subprocess gc inspect socket shutil pathlib glob io importlib builtins signal resource "
    "multiprocessing threading asyncio pickle marshal mmap fcntl pty code codeop pdb bdb runpy tracemalloc faulthandler "
    "urllib requests http tempfile atexit sqlite3 pkgutil zipimport".split()
)
_HARMLESS = frozenset(("sys.version", "sys.version_info", "sys.float_info", "sys.maxsize", "sys.path", "sys.stdout"))
_CALLS = frozenset("open eval exec compile __import__ globals setattr delattr breakpoint get_ipython".split())
_READERS = ("numpy.load", "numpy.fromfile", "numpy.memmap", "numpy.genfromtxt", "numpy.ctypeslib", "torch.load",
            "torch.hub", "course.exercises", "course.grading", "course.authoring")  # fmt: skip
_INNER = frozenset(
    "__subclasses__ __globals__ __builtins__ __code__ __closure__ __loader__ __spec__ f_back f_locals f_globals "
    "tb_frame gi_frame cr_frame __reduce__ __reduce_ex__ __mro__ __bases__".split()
)
_PATCHED = ("numpy", "torch", "math", "builtins", "json", "IPython", "course", "sys")
_SMELLS = re.compile(
    r"\b(" + "|".join(sorted(_MODULES | _CALLS | _INNER | {"load", "fromfile", "memmap", "genfromtxt", "hub"})) + r")\b"
    r"|ctypeslib|course\.(exercises|grading|authoring)|from course import|^[ \t]*[\w.]+\.\w+[ \t]*[-+*/]?=[^=]",
    re.MULTILINE,
)
_ROUNDABOUT = re.compile(
    r"getattr|__|importlib|\beval\b|\bexec\b|\bvars\b|\bglobals\b|\blocals\b|\bmodules\b|import \*"
)
_ROUNDABOUT_CALLS = {"getattr", "vars", "globals", "locals", "__import__", "builtins"}
_MEANINGS = 20  # how many meanings of one name are kept
MAX_LOOK = 100_000  # characters; the longest solution has 5,000
_CLOSED = object()  # bound here, to nothing that is known


def look(pieces, handed_out, blanks, helpers=frozenset()):
    """What a person should read, as lines: "cell 6, line 3: adam uses torch.optim.Adam, ...".

    pieces: the learner's `Piece`s; handed_out: the syntax trees of the release's own cells, which may be used;
    blanks: the lesson's; helpers: `helpers(handed_out, blanks)`, which is the same for all learners.
    """
    if sum(len(piece.source) for piece in pieces) > MAX_LOOK:
        return [f"The code is longer than {MAX_LOOK:,} signs: nobody looked at what it calls."]
    try:
        return [*_forbidden(pieces, handed_out, blanks, helpers), *_smells(pieces, handed_out)]
    except RecursionError:
        return ["The code is nested too deep: nobody looked at what it calls."]


def helpers(handed_out, blanks):
    """The names in the cells handed out through which a blank's forbidden names are reached, such as lr_scheduler."""
    world = _World((), handed_out)
    forbidden = {word for blank in blanks for word in blank.forbidden}
    return frozenset(name for name in world.defined if world.uses(name, forbidden))


def _forbidden(pieces, handed_out, blanks, helpers):
    text = "\n".join(piece.source for piece in pieces)
    words = frozenset(part.rpartition(".")[2] for blank in blanks for part in blank.forbidden) | helpers
    if not words or (text.isascii() and not _ROUNDABOUT.search(text) and not _any_word(words).search(text)):
        return []
    world = _World(pieces, handed_out)
    lines = []
    for blank in blanks:
        found = sorted(world.uses(blank.function, blank.forbidden)) if blank.forbidden else ()
        own = [use for use in found if use[0]]
        for _, cell, line, what in own[:3]:
            what = shown(what.replace("*", "<computed>"))[:80]
            lines.append(f"{cell}, line {line}: {blank.function} uses {what}, and its task is to write that.")
        if found and not own:
            what = ", ".join(sorted({what for *_, what in found})[:3])[:80]
            lines.append(f"{blank.function} uses {what} through a cell handed out, and its task is to write that.")
    return lines


@functools.lru_cache(maxsize=64)
def _any_word(words):
    return re.compile(rf"\b({'|'.join(sorted(map(re.escape, words)))})\b")


class _World:
    """All top-level names of a notebook, with the statements that bind them and what they stand for."""

    def __init__(self, pieces, handed_out):
        self.places = {}  # id of a statement -> (number, cell)
        statements = [statement for tree in handed_out for statement in tree.body]
        self.places.update((id(statement), (0, "a cell handed out")) for statement in statements)
        for piece in pieces:
            for statement in piece.tree.body if piece.tree else ():
                self.places[id(statement)] = piece.numbers[0], piece.cell
                statements.append(statement)
        self.defined = bound(statements)
        for statement in statements:
            for node in ast.walk(statement):
                if isinstance(node, ast.Global):
                    for name in node.names:
                        self.defined.setdefault(name, []).append(statement)
        self.top = _Scope(statements, None)

    def uses(self, function, forbidden):
        """{(number, cell, line, dotted name)} of what the function reaches."""
        found, done, waiting = set(), set(), [*self.defined.get(function, ()), *self.defined.get("*", ())]
        while waiting:
            statement = waiting.pop()
            if id(statement) in done:
                continue
            done.add(id(statement))
            reader = _Reader(forbidden)
            reader.read(statement, self.top)
            number, cell = self.places[id(statement)]
            found.update((number, cell, line, what) for line, what in reader.found)
            for name in reader.names:
                waiting += self.defined.get(name, ())
        return found


class _Scope:
    """The names of one function or module, each with the dotted names that it may stand for."""

    def __init__(self, statements, outer, arguments=None):
        self.outer, self.names, self.stars = outer, {}, set()
        self.open = set()  # declared global or nonlocal
        self._bind(statements)
        for argument in arguments or ():
            self.names.setdefault(argument, set()).add(_CLOSED)
        for _ in range(5):  # a = torch; b = a; c = b.optim, in any order
            for target, value in self._assigned:
                meaning = meanings(value, self)
                if meaning and self.names.get(target) is not None:
                    self.names[target] |= set(sorted(meaning)[:_MEANINGS])

    def _bind(self, statements):
        self._assigned, waiting = [], list(statements)
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Global | ast.Nonlocal):
                self.open.update(node.names)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    name, whole = alias.asname or alias.name.partition(".")[0], alias.name
                    self.names.setdefault(name, set()).add(whole if alias.asname else name)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if alias.name == "*":
                        self.stars.add(node.module or "")
                    else:
                        whole = f"{node.module or ''}.{alias.name}"
                        self.names.setdefault(alias.asname or alias.name, set()).add(whole)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.names.setdefault(node.name, set()).add(_CLOSED)
                continue
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.names.setdefault(node.id, set()).add(_CLOSED)
            elif isinstance(node, ast.Lambda):
                continue
            elif isinstance(node, ast.Assign):
                self._assigned += ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
                for target in node.targets:  # a, b = torch, numpy
                    if isinstance(target, ast.Tuple | ast.List) and isinstance(node.value, ast.Tuple | ast.List):
                        pairs = zip(target.elts, node.value.elts, strict=False)
                        self._assigned += ((name.id, value) for name, value in pairs if isinstance(name, ast.Name))
            elif isinstance(node, ast.NamedExpr | ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                self._assigned.append((node.target.id, node.value))
            waiting += ast.iter_child_nodes(node)

    def meaning(self, name):
        """What a name may stand for: a set of dotted names; None where it is bound nowhere."""
        scope, stars = self, set()
        while scope:
            if name in scope.names and name not in scope.open:
                return scope.names[name] - {_CLOSED}
            stars |= scope.stars
            scope = scope.outer
        return {f"{module}.{name}" for module in stars} or None

    def is_global(self, name):
        """Whether a name, read here, is the notebook's own."""
        scope = self
        while scope.outer:
            if name in scope.names and name not in scope.open:
                return False
            scope = scope.outer
        return True


def meanings(node, scope):
    """The dotted names that an expression may stand for: torch.optim, getattr(torch, "optim"), __import__("torch")."""
    if isinstance(node, ast.Name):
        known = scope.meaning(node.id)
        return ({node.id} & _ROUNDABOUT_CALLS) if known is None else known
    if isinstance(node, ast.Attribute):
        inner = meanings(node.value, scope)
        return inner if node.attr == "__dict__" else {f"{name}.{node.attr}" for name in inner}
    if isinstance(node, ast.IfExp):
        return meanings(node.body, scope) | meanings(node.orelse, scope)
    if isinstance(node, ast.NamedExpr):
        return meanings(node.value, scope)
    if isinstance(node, ast.Subscript):
        inner, key = meanings(node.value, scope), _text(node.slice)
        if "sys.modules" in inner and key:
            return {key}
        if key and isinstance(node.value, ast.Call) and not node.value.args:  # globals()["torch"]
            if meanings(node.value.func, scope) & {"globals", "locals", "vars"}:
                return scope.meaning(key) or set()
        return {f"{name}.{key}" for name in inner if name} if key else set()
    if isinstance(node, ast.Call) and node.args:
        called, key = meanings(node.func, scope), _text(node.args[-1] if len(node.args) < 2 else node.args[1])
        if called & {"getattr", "builtins.getattr"}:
            return {f"{name}.{key or '*'}" for name in meanings(node.args[0], scope)}
        if called & {"vars", "builtins.vars"}:
            return meanings(node.args[0], scope)
        first = _text(node.args[0])
        if called & {"__import__", "builtins.__import__"}:
            return {(first or "*") if len(node.args) > 3 or node.keywords else (first or "*").partition(".")[0]}
        if called & {"importlib.import_module", "importlib.__import__", "sys.modules.get"}:
            return {first or "*"}
    return set()


def _text(node):
    """A constant text, also one put together: "op" + "tim"."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return left + right if left and right else ""
    if isinstance(node, ast.JoinedStr):
        parts = [_text(part.value if isinstance(part, ast.FormattedValue) else part) for part in node.values]
        return "".join(parts) if all(parts) else ""
    return ""


class _Reader:
    """Reads a statement: found, what it uses of the forbidden; names, which of the notebook's own names."""

    def __init__(self, forbidden):
        self.forbidden, self.found, self.names = forbidden, set(), set()

    def read(self, node, scope):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            self._function(node, scope)
            return
        if isinstance(node, ast.ImportFrom | ast.Import):
            module = f"{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                self._judge({module[:-1] if alias.name == "*" else module + alias.name}, node)
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and scope.is_global(node.id):
            self.names.add(node.id)
        if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            if self._judge(meanings(node, scope), node):
                return
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            scope = _Scope([generator.target for generator in node.generators], scope)
        for child in ast.iter_child_nodes(node):
            self.read(child, scope)

    def _function(self, node, scope):
        args = node.args
        defaults = [*args.defaults, *(value for value in args.kw_defaults if value)]
        for part in [*defaults, *getattr(node, "decorator_list", ())]:
            self.read(part, scope)
        body = node.body if isinstance(node.body, list) else [node.body]
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))]
        inner = _Scope(body, scope, [argument.arg for argument in every])
        positional = [*args.posonlyargs, *args.args]
        with_default = [
            *zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=True),
            *((argument, value) for argument, value in zip(args.kwonlyargs, args.kw_defaults, strict=True) if value),
        ]
        for argument, value in with_default:
            inner.names[argument.arg] |= meanings(value, scope)
        for part in body:
            self.read(part, inner)

    def _judge(self, names, node):
        hits = {
            name
            for name in names
            for word in self.forbidden
            if name == word or name.startswith(word + ".") or ("*" in name and _may_be(name, word))
        }
        self.found.update((node.lineno, hit) for hit in hits)
        return bool(hits)


def _may_be(name, word):
    """Whether a name with a part that is not known, such as torch.*, may lead to the word."""
    before = name.partition("*")[0].rstrip(".")
    return not before or f"{word}.".startswith(before + ".")


def _smells(pieces, handed_out):
    lines, top = [], None
    for piece in pieces:
        if not piece.tree or (piece.source.isascii() and not _SMELLS.search(piece.source)):
            continue
        trees = (*handed_out, *(other.tree for other in pieces if other.tree))
        top = top or _Scope([statement for tree in trees for statement in tree.body], None)
        found = {}
        for node in ast.walk(piece.tree):
            for what in _smell(node, top):
                found.setdefault(what, node.lineno)
        if found:
            words = ", ".join(
                f"{shown(what)[:40]} (line {line})"
                for what, line in sorted(found.items(), key=lambda x: (x[1], x[0]))[:8]
            )
            lines.append(f"{piece.cell}: has no place in an exercise: {words}.")
    return lines


def _smell(node, top):
    if isinstance(node, ast.Import):
        return [
            alias.name
            for alias in node.names
            if alias.name.partition(".")[0] in _MODULES - {"sys"} or _reads(alias.name)
        ]
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module or ''}.{alias.name}" for alias in node.names]
        return [name for name in names if _suspicious(name)]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        meaning = top.meaning(node.id)
        return [node.id] if (node.id in _CALLS and meaning is None) or node.id in _INNER else []
    if isinstance(node, ast.Attribute):
        if node.attr in _INNER:
            return [node.attr]
        names = meanings(node, top)
        if isinstance(node.ctx, ast.Store | ast.Del):
            return [f"{name} is set" for name in names if name.partition(".")[0] in _PATCHED and "backends" not in name]
        return [name for name in names if "." in name and _suspicious(name) and "*" not in name]
    return []


def _suspicious(name):
    if any(name == harmless or name.startswith(harmless + ".") for harmless in _HARMLESS):
        return False
    return name.partition(".")[0] in _MODULES or _reads(name)


def _reads(name):
    return any(name == word or name.startswith(word + ".") for word in _READERS)
