"""Equations carried out in order, on SymPy's symbols or on mpmath's numbers."""

import re

from course.formula.numbers import Nothing
from course.formula.read import Apply, evaluate, is_constant
from course.inputs import unknown

THETA, G, T = "\\theta", "g", "t"


class Update:
    r"""Equations that lead from step t-1 to step t, for the symbols of one rule.

    equations       what `read` returns
    states, hypers  {symbol: argument}, what `symbols` returns
    name            the rule's name, for messages

    Each equation defines its left side for those after it. The oldest index at which theta or a
    state is defined (t, else t+1) makes the index before it the value before the step; what is
    defined last is handed on. X_0 = ... is a start value and X_1 = ... takes the place of X_t = ...
    in step 1. A hyper-parameter with index t is its value at this step.
    Raises ValueError for equations that leave theta or a state undefined, define one twice or at a
    numbered step; `run` and `check_names` raise it for what has not been defined.
    """

    def __init__(self, equations, states, hypers, name):
        self.states, self.hypers, self.name = states, hypers, name
        self.carried = {THETA: "theta", **states}
        self.starts = self._special(equations, "_0")
        self.firsts = self._special(equations, "_1")
        special = [*self.starts.values(), *self.firsts.values()]
        self.steps = [equation for equation in equations if not any(equation is other for other in special)]
        self.defined = {(equation.left.name, equation.left.index) for equation in self.steps}
        self.old = {symbol: self._old(symbol) for symbol in self.carried}
        self.used = set()  # the ids of the equations whose values a run has needed
        for equation in self.steps:
            self._check_left(equation)

    def _special(self, equations, suffix):
        """The equations for X_0 or X_1 of a state X, by symbol."""
        found = {}
        for equation in equations:
            symbol = equation.left.name.removesuffix(suffix)
            if symbol + suffix == equation.left.name and symbol in self.states and equation.left.index is None:
                if symbol in found:
                    raise self._wrong(equation.left, "is defined twice")
                found[symbol] = equation
        return found

    def _old(self, symbol):
        indices = [index for name, index in self.defined if name == symbol]
        if not indices:
            state = self.carried[symbol]
            raise ValueError(
                f"{self.name}: the formula does not define {symbol}_t ({state}), expected {symbol}_t = ..."
            )
        return min([index for index in indices if index is not None], default=0) - 1

    def _wrong(self, symbol, what):
        return ValueError(f"{self.name}: LaTeX, character {symbol.at + 1}: {symbol} {what}")

    def _check_left(self, equation):
        left = equation.left
        if left.name == T:
            raise self._wrong(left, "is the number of the step and cannot be defined")
        number = re.search(r"_[0-9]+$", left.name)
        numbered = number and left.name not in (*self.states, *self.hypers)
        if left.index == -1 or (numbered and left.name[: number.start()] in (*self.carried, G)):
            raise self._wrong(left, "belongs to another step, and cannot be defined")
        if left.name == G and left.index == 1:
            raise self._wrong(left, "is not known at step t, and cannot be defined")
        if left.index is None and left.name in self.hypers:
            raise self._wrong(left, f"is the hyper-parameter {self.hypers[left.name]} and cannot be redefined")
        if left.index is None and left.name in (*self.carried, G) and not equation.assigns:
            raise self._wrong(left, "has no index: write an index, or \\leftarrow for =")

    def order(self):
        """The outputs in the order in which the equations define them."""
        names = [equation.left.name for equation in self.steps]
        return list(dict.fromkeys(self.carried[name] for name in names if name in self.carried))

    def check_names(self, unset):
        """Raises ValueError if an equation uses what is not defined. unset: the states with no start value."""
        inputs = {name: object() for name in ("theta", "g", *self.states.values(), *self.hypers.values())}
        self.run(inputs, object(), Nothing)
        self.run(inputs | dict.fromkeys(unset), object(), Nothing, first=True)

    def check_used(self):
        """Raises ValueError if there is an equation that no run has needed."""
        for equation in [*self.starts.values(), *self.steps]:
            if id(equation) not in self.used:
                raise self._wrong(equation.left, "is defined and never used")

    def run(self, inputs, t, numbers, first=False):
        """The outputs {"theta": ..., state: ...} of a step.

        inputs: {argument: value}, with theta, g, states (None: unset, in step 1) and hyper-parameters.
        numbers: the functions of the values' kind. first: whether this is step 1, where a start value
        that is no constant takes the place of the input.
        """
        self.inputs, self.numbers, self.first = inputs, numbers, first
        self.values = {(T, None): t, (G, 0): inputs["g"]}
        self.values |= {(symbol, None): inputs[name] for symbol, name in self.hypers.items()}
        self.current = {symbol: inputs[name] for symbol, name in self.carried.items()} | {G: inputs["g"]}
        self.sources = {}  # the equation that defined a value, by its key, and by the name for the latest one
        for symbol in self.carried:
            self._begin(symbol, self.starts.get(symbol) if first else None)
        fixed = set(self.values)
        for equation in self.steps:
            self._define(equation, fixed)
        for symbol in self.carried:
            self._use(symbol)
        return {name: self.current[symbol] for symbol, name in self.carried.items()}

    def _begin(self, symbol, start):
        key = symbol, self.old[symbol]
        if start is not None and self.current[symbol] is not None and is_constant(start.right):
            self.used.add(id(start))  # it is compared with the rule's own
        elif start is not None:
            self.current[symbol], self.sources[key] = self.value(start.right, start), start
        self.values[key] = self.current[symbol]

    def _use(self, key):
        if key in self.sources:
            self.used.add(id(self.sources[key]))

    def _define(self, equation, fixed):
        left = equation.left
        key = (left.name, left.index)
        right = equation.right
        if key == (G, 0) and not equation.assigns and isinstance(right, Apply) and right.operation == "gradient":
            self.value(right, equation)
            self.used.add(id(equation))
            return
        if key in self.values and not equation.assigns:
            raise self._wrong(left, "is defined twice" if key not in fixed else "has its value from the step before")
        said = equation
        if self.first and left.name in self.firsts and left.index in (None, self.old[left.name] + 1):
            said = self.firsts[left.name]
        self.values[key] = self.value(said.right, said)
        self.sources[key] = equation
        if left.name in self.current:
            self.current[left.name], self.sources[left.name] = self.values[key], equation

    def value(self, node, equation):
        """The value of an expression where it stands in an equation."""

        def look_up(node):
            symbol = node.arguments[0] if isinstance(node, Apply) else node
            if symbol.index is not None and equation in self.starts.values():
                raise self._wrong(symbol, "has no value before step 1")
            return self._look_up(node, equation) if node is symbol else self._gradient(symbol, equation)

        return evaluate(node, self.numbers, look_up)

    def _gradient(self, symbol, equation):
        bare = symbol.index is None and equation.assigns and self.current[THETA] is self.inputs["theta"]
        if symbol.name != THETA or not (bare or symbol.index == self.old[THETA]):
            raise self._wrong(symbol, "is not the point before the step, where g is taken")
        return self.inputs["g"]

    def _look_up(self, symbol, equation):
        name, index = symbol.name, symbol.index
        if equation in self.firsts.values() and index is None and name[-2:] in ("_0", "_1"):
            if name[:-2] in (*self.carried, G):  # in X_1 = ... the indices 1 and 0 are t and t-1
                name, index = name[:-2], int(name[-1]) if self.old.get(name[:-2]) == 0 else int(name[-1]) - 1
        if (name, index) in self.values:
            if self.values[name, index] is None:
                raise self._wrong(symbol, f"has no value before step 1, expected {name}_0 = ... or {name}_1 = ...")
            self._use((name, index))
            return self.values[name, index]
        if index is None and name in self.current:
            if equation.assigns:
                self._use(name)
                return self.current[name]
            raise self._wrong(symbol, "has no index: write an index, or \\leftarrow for =")
        if (name, index) in self.defined:
            raise self._wrong(symbol, "is used before it is defined")
        if index == 0 and name in self.hypers:
            return self.inputs[self.hypers[name]]
        known = [f"{THETA}_{{t-1}}", "g_t", *(f"{state}_{{t-1}}" for state in self.states), *self.hypers]
        raise unknown(f"{self.name}: LaTeX, character {symbol.at + 1}: symbol", str(symbol), known)
