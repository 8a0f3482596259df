"""What a single-token change is: the table of them, and every place of a function where one fits.

`mutate.py` makes code of each.
"""

import ast
from dataclasses import dataclass
from itertools import pairwise

OPERATORS = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Pow),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div, ast.Mult),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
}
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq)
COMPARISONS = {one: tuple(other for other in _ORDER if other is not one) for one in _ORDER} | {
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
FUNCTIONS = {"mean": "sum", "cos": "sin", "floor": "ceil", "all": "any"}
for _one, _other in (("maximum", "minimum"), ("max", "min"), ("bisect_right", "bisect_left")):
    FUNCTIONS |= {_one: _other, _other: _one}


@dataclass(frozen=True)
class Site:
    """A place in a tree: parent.field, or parent.field[index]; and the statement that it stands in."""

    parent: ast.AST
    field: str
    index: int | None
    statement: ast.AST

    def get(self):
        value = getattr(self.parent, self.field)
        return value if self.index is None else value[self.index]

    def put(self, value):
        if self.index is None:
            setattr(self.parent, self.field, value)
        else:
            getattr(self.parent, self.field)[self.index] = value


def changes(tree):
    """Every change of a function as (site, kind, what to put there)."""
    parameters = [a.arg for a in (*tree.args.args, *tree.args.kwonlyargs)]
    for field in ("defaults", "kw_defaults"):
        for i, node in enumerate(getattr(tree.args, field)):
            if node is not None:
                yield from _walk(Site(tree.args, field, i, Default(tree.args, field, i, node.lineno)), [])
    yield from _statements(tree, "body", parameters)


def _statements(parent, field, variables):
    """The changes of a block of statements; `variables` grows with what the block assigns."""
    for i, statement in enumerate(getattr(parent, field)):
        blocks = [name for name in ("body", "orelse", "finalbody") if getattr(statement, name, None)]
        if isinstance(statement, ast.If):
            yield from _branches(Site(parent, field, i, statement))
        if isinstance(statement, ast.AugAssign):
            yield from _augmented(Site(parent, field, i, statement), statement)
        for name in statement._fields:
            if name not in (*blocks, "handlers", "decorator_list"):
                yield from _children(statement, name, statement, list(variables))
        stored = {n.id: None for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        if not blocks or isinstance(statement, ast.For | ast.While):
            variables += [name for name in stored if name not in variables]
        for name in blocks:
            yield from _statements(statement, name, variables)


def _branches(site):
    node = site.get()
    if node.orelse:
        yield _within(site, node), "branches swapped", ast.If(node.test, node.orelse, node.body)
    else:
        yield Site(node, "test", None, node), "branches swapped", ast.UnaryOp(ast.Not(), node.test)


def _within(site, statement):
    """The same place, described by what stands there: a statement that is itself replaced."""
    return Site(site.parent, site.field, site.index, Replaced(site, statement.lineno))


class Replaced:
    """Stands for whatever statement is at a site now."""

    def __init__(self, site, lineno):
        self.site, self.lineno = site, lineno


@dataclass(frozen=True)
class Default:
    """Stands for one default value in a signature."""

    args: ast.arguments
    field: str
    index: int
    lineno: int

    def __str__(self):
        values = getattr(self.args, self.field)
        names = self.args.kwonlyargs if self.field == "kw_defaults" else self.args.args[-len(values) :]
        return f"{names[self.index].arg}={ast.unparse(values[self.index])}"


def _children(parent, field, statement, variables):
    value = getattr(parent, field)
    if isinstance(value, list):
        for i, node in enumerate(value):
            if isinstance(node, ast.AST):
                yield from _walk(Site(parent, field, i, statement), variables)
    elif isinstance(value, ast.AST):
        yield from _walk(Site(parent, field, None, statement), variables)


def _walk(site, variables):
    """The changes at a node and below it."""
    node = site.get()
    if isinstance(node, ast.Lambda):
        variables = [*variables, *(a.arg for a in node.args.args)]
    for comprehension in getattr(node, "generators", ()):
        names = (n.id for n in ast.walk(comprehension.target) if isinstance(n, ast.Name))
        variables = [*variables, *names]
    find = _KINDS.get(type(node))
    if find is not None:
        yield from find(site, node, variables)
    for field in node._fields:
        yield from _children(node, field, site.statement, variables)


def _binary(site, node, _):
    for other in OPERATORS.get(type(node.op), ()):
        yield Site(node, "op", None, site.statement), "operator", other()
    yield site, "operand dropped", node.left
    yield site, "operand dropped", node.right


def _augmented(site, node):
    for other in OPERATORS.get(type(node.op), ()):
        yield Site(node, "op", None, site.statement), "operator", other()


def _compare(site, node, _):
    for i, op in enumerate(node.ops):
        for other in COMPARISONS.get(type(op), ()):
            yield Site(node, "ops", i, site.statement), "comparison", other()


def _bool(site, node, _):
    yield Site(node, "op", None, site.statement), "operator", ast.Or() if isinstance(node.op, ast.And) else ast.And()
    for i in range(len(node.values)):
        rest = node.values[:i] + node.values[i + 1 :]
        yield site, "operand dropped", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _unary(site, node, _):
    yield site, "sign dropped", node.operand


def _constant(site, node, _):
    for value in constants(node.value):
        yield site, "constant", ast.Constant(value)


def constants(value):
    """What is put in place of a constant."""
    if value is None or isinstance(value, bool):
        return [0] if value is None else [not value]
    if isinstance(value, str):
        return [""] if value else []
    if isinstance(value, int):
        return sorted({value + 1, -value, {0: 1, 1: 0}.get(value, value)} - {value})
    if isinstance(value, float):
        return sorted({2 * value, -value, {0.0: 1.0, 1.0: 0.0}.get(value, value)} - {value})
    return []


def _name(site, node, variables):
    if node.id in FUNCTIONS:
        yield site, "function", ast.Name(FUNCTIONS[node.id], node.ctx)
    elif (isinstance(node.ctx, ast.Store) or node.id in variables) and node.id != "_":
        for other in variables:
            if other != node.id:
                yield site, "variable", ast.Name(other, node.ctx)


def _attribute(site, node, _):
    if node.attr in FUNCTIONS:
        yield site, "function", ast.Attribute(node.value, FUNCTIONS[node.attr], node.ctx)
    if node.attr == "T":
        yield site, "transpose dropped", node.value


def _call(site, node, _):
    for i in range(len(node.args)):
        yield site, "argument dropped", ast.Call(node.func, node.args[:i] + node.args[i + 1 :], node.keywords)
    for i in range(len(node.keywords)):
        yield site, "argument dropped", ast.Call(node.func, node.args, node.keywords[:i] + node.keywords[i + 1 :])
    if node.args and not isinstance(node.args[0], ast.Starred):
        yield site, "call dropped", node.args[0]
    if isinstance(node.func, ast.Name) and node.func.id == "where" and len(node.args) == 3:
        condition, x, y = node.args
        yield site, "branches swapped", ast.Call(node.func, [condition, y, x], [])


def _if_expression(site, node, _):
    yield site, "branches swapped", ast.IfExp(node.test, node.orelse, node.body)


def _tuple(site, node, _):
    if isinstance(site.parent, ast.Return | ast.Assign) and isinstance(node.ctx, ast.Load):
        for i, j in pairwise(range(len(node.elts))):
            entries = list(node.elts)
            entries[i], entries[j] = entries[j], entries[i]
            yield site, "order", ast.Tuple(entries, node.ctx)


_KINDS = {
    ast.BinOp: _binary,
    ast.Compare: _compare,
    ast.BoolOp: _bool,
    ast.UnaryOp: _unary,
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.IfExp: _if_expression,
    ast.Tuple: _tuple,
}
