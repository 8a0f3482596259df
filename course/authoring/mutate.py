"""Every single-token change of a function, as code that can be run: what a mutation check is made from.

A mutant is the function with one thing changed: an operator, a comparison, a constant, a variable, a
call, an operand, a branch, the order of what is returned. Decorators and docstrings stay as they are.
`mutants.py` runs them against the cases of the tests.
"""

import ast
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from course.authoring.changes import Default, Replaced, changes

MOST_TURNS = (
    50_000  # of a mutant's loops in all its runs, ten times what the originals need: a changed loop may never end
)


@dataclass(frozen=True)
class Mutant:
    """One change: where it is, what it reads like before and after, and the function's new code.

    code: of a module that holds nothing but the function; exec it in the module's namespace.
    """

    file: str
    line: int
    function: str
    kind: str
    before: str
    after: str
    code: CodeType

    def __str__(self):
        return f"{self.file}:{self.line}  {self.before} -> {self.after}"


def functions(source, file="?"):
    """The functions at the top level of a module's source: {name: tree}, docstrings left out."""
    found = {node.name: node for node in ast.parse(source, file).body if isinstance(node, ast.FunctionDef)}
    for node in found.values():
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass(lineno=node.lineno, col_offset=0)]
        for loop in ast.walk(node):
            if isinstance(loop, ast.While):  # see `turns`
                loop.body.insert(0, ast.parse("turn()").body[0])
    return found


def compiled(tree, file="?"):
    """The code of a module that holds nothing but this function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # a change may read `x is 1`
        return compile(ast.Module([tree], []), file, "exec")


def turns():
    """A function that raises RuntimeError when it has been called more than MOST_TURNS times."""
    left = iter(range(MOST_TURNS))

    def turn():
        if next(left, None) is None:
            raise RuntimeError(f"more than {MOST_TURNS} turns of a loop")

    return turn


def mutants(source, file="?", only=None):
    """Every mutant of every function at the top level of a module's source, each code once.

    source: text. file: its name, for the descriptions. only: names of functions, None for all.
    """
    for name, tree in functions(source, file).items():
        if only is None or name in only:
            seen = {_key(compiled(tree, file))}
            for site, kind, new in changes(tree):
                mutant = _made(tree, site, kind, new, Path(file).name, name)
                if mutant and (key := _key(mutant.code)) not in seen:
                    seen.add(key)
                    yield mutant


def _made(tree, site, kind, new, file, name):
    """The mutant with `new` at the site, or None where Python itself refuses it; the tree is restored."""
    old, before = site.get(), _shown(site.statement)
    if isinstance(new, ast.AST) and "lineno" in getattr(old, "_attributes", ()):
        ast.fix_missing_locations(ast.copy_location(new, old))
    site.put(new)
    try:
        code, after = compiled(tree, file), _shown(site.statement)
    except (SyntaxError, ValueError, TypeError):
        return None
    finally:
        site.put(old)
    return Mutant(file, site.statement.lineno, name, kind, before, after, code)


def _shown(statement):
    """A statement as text: of a compound one its first line."""
    if isinstance(statement, Default):
        return str(statement)
    if isinstance(statement, Replaced):
        statement = statement.site.get()
    lines = ast.unparse(statement).split("\n")
    if isinstance(statement, ast.If) and lines[1:]:
        return " ".join(line.strip() for line in lines)  # its branches may be what is changed
    return lines[0]


def _key(code):
    """What two codes that do the same thing in the same way have in common: no line numbers."""
    constants = tuple(_key(c) if isinstance(c, CodeType) else (type(c), repr(c)) for c in code.co_consts)
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
