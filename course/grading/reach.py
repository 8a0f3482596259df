"""What can be seen of a learner's cell without running it: what it binds, and whether it leaves others alone.

Nothing is judged by this look. It says which second tries may turn out otherwise than the first.
"""

import ast
import builtins

from course.grading.pieces import MENDED, plain

# Modules that an exercise needs and that give no hold on the process around it.
HARMLESS = {"math", "cmath", "numpy", "torch", "functools", "itertools", "operator", "statistics", "fractions", "random",
            "collections", "typing", "matplotlib", "course"}  # fmt: skip
SHORT = {"np", "plt", "nn", "F"}
REACHING = {"exec", "eval", "compile", "globals", "locals", "vars", "setattr", "delattr", "getattr", "open", "input",
            "breakpoint", "exit", "quit", "get_ipython", "display"}  # fmt: skip
DEEPEST = 2  # dots in a row: np.linalg.norm


def tree(source):
    """The cell as a syntax tree, or None where it is no Python, or too long to be looked at."""
    return plain(source, mend=False)[1] if len(source) <= MENDED else None


def is_plain(source, taken=frozenset()):
    """Whether a cell only defines functions and constants, binds none of the names in `taken`, and reaches for
    nothing but its own names: then it leaves what the functions of other cells return as it is."""
    parsed, names = tree(source), bound(source)
    if parsed is None or names is None:
        return False
    imported = {name for node in ast.walk(parsed) if isinstance(node, ast.Import | ast.ImportFrom) for name in _as(node)}
    if any(hasattr(builtins, name) for name in names) or (names - imported) & taken:
        return False
    return all(_defines(statement) for statement in parsed.body) and all(_is_mild(node) for node in ast.walk(parsed))


def _defines(statement):
    match statement:
        case ast.FunctionDef(decorator_list=[]) | ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Assign() | ast.AnnAssign() | ast.Expr(value=ast.Constant()):
            return True
    return False


def _is_mild(node):
    match node:
        case ast.Import(names=names):
            return all(_is_harmless(one.name) and one.asname in (None, *SHORT) for one in names)
        case ast.ImportFrom(module=str(module), level=0, names=names):
            return _is_harmless(module) and all(one.asname is None for one in names)
        case ast.ImportFrom() | ast.Global() | ast.Nonlocal() | ast.Delete() | ast.ClassDef() | ast.AsyncFunctionDef():
            return False
        case ast.Name(id=name):
            return name not in REACHING and not name.startswith("__")
        case ast.Attribute(attr=name, ctx=ast.Load()):
            return not name.startswith(("_", "set", "manual_seed", "seed")) and _depth(node) <= DEEPEST
        case ast.Attribute():
            return False
    return True


def _is_harmless(module):
    return module.partition(".")[0] in HARMLESS


def _depth(node):
    depth = 0
    while isinstance(node, ast.Attribute):
        node, depth = node.value, depth + 1
    return depth


def _as(node):
    return [one.asname or one.name.partition(".")[0] for one in node.names]


def bound(source):
    """The names that a cell binds outside of its functions, or None where that cannot be told."""
    parsed = tree(source)
    if parsed is None:
        return None
    names, waiting = set(), [parsed]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Name(id=name) if name in REACHING:
                return None
            case ast.Import() | ast.ImportFrom():
                if "*" in _as(node):
                    return None
                names.update(_as(node))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(getattr(node, "decorator_list", ()))
        else:
            waiting.extend(ast.iter_child_nodes(node))
    return names


def mentioned(source):
    """All names in a cell, or None where that cannot be told."""
    parsed = tree(source)
    return None if parsed is None else {node.id for node in ast.walk(parsed) if isinstance(node, ast.Name)}
