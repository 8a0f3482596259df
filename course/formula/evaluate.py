"""Equations carried out in order, on SymPy's symbols or on mpmath's numbers."""

from course.formula.read import Apply, Number, Symbol
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
    Raises ValueError for equations that leave theta or a state undefined, define one twice, or
    use what has not been defined.
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
        if left.index == -1 or left.name in (f"{THETA}_0", f"{THETA}_1", f"{G}_0", f"{G}_1"):
            raise self._wrong(left, "belongs to a step before, and cannot be defined")
        if left.index is None and left.name in self.hypers:
            raise self._wrong(left, f"is the hyper-parameter {self.hypers[left.name]} and cannot be redefined")
        if left.index is None and left.name in (*self.carried, G) and not equation.assigns:
            raise self._wrong(left, "has no index: write an index, or \\leftarrow for =")

    def order(self):
        """The outputs in the order in which the equations define them."""
        names = [equation.left.name for equation in self.steps]
        return list(dict.fromkeys(self.carried[name] for name in names if name in self.carried))

    def run(self, inputs, t, numbers, first=False):
        """The outputs {"theta": ..., state: ...} of a step.

        inputs: {argument: value}, with theta, g, states (None: unset, in step 1) and hyper-parameters.
        numbers: the functions of the values' kind. first: whether this is step 1.
        """
        self.inputs, self.numbers, self.first = inputs, numbers, first
        self.values = {(T, None): t, (G, 0): inputs["g"]}
        self.values |= {(symbol, None): inputs[name] for symbol, name in self.hypers.items()}
        self.current = {symbol: inputs[name] for symbol, name in self.carried.items()} | {G: inputs["g"]}
        for symbol in self.carried:
            start = self.starts.get(symbol)
            unset = self.current[symbol] is None
            if first and start is not None and (unset or not isinstance(start.right, Number)):
                self.current[symbol] = self.value(start.right, start)
            self.values[symbol, self.old[symbol]] = self.current[symbol]
        fixed = set(self.values)
        for equation in self.steps:
            self._define(equation, fixed)
        return {name: self.current[symbol] for symbol, name in self.carried.items()}

    def _define(self, equation, fixed):
        left = equation.left
        key = (left.name, left.index)
        right = equation.right
        if key == (G, 0) and not equation.assigns and isinstance(right, Apply) and right.operation == "gradient":
            self.value(right, equation)
            return
        if key in self.values and not equation.assigns:
            raise self._wrong(left, "is defined twice" if key not in fixed else "has its value from the step before")
        if self.first and left.name in self.firsts:
            equation = self.firsts[left.name]
        value = self.value(equation.right, equation)
        self.values[key] = value
        if left.name in self.current:
            self.current[left.name] = value

    def value(self, node, equation):
        """The value of an expression where it stands in an equation."""
        if isinstance(node, Number):
            return self.numbers.number(node.text)
        if isinstance(node, Symbol):
            return self._look_up(node, equation)
        if node.operation == "gradient":
            return self._gradient(node.arguments[0], equation)
        values = [self.value(argument, equation) for argument in node.arguments]
        return self.numbers.apply(node.operation, values)

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
            return self.values[name, index]
        if index is None and name in self.current:
            if equation.assigns:
                return self.current[name]
            raise self._wrong(symbol, "has no index: write an index, or \\leftarrow for =")
        if (name, index) in self.defined:
            raise self._wrong(symbol, "is used before it is defined")
        if index == 0 and name in self.hypers:
            return self.inputs[self.hypers[name]]
        known = [f"{THETA}_{{t-1}}", "g_t", *(f"{state}_{{t-1}}" for state in self.states), *self.hypers]
        raise unknown(f"{self.name}: LaTeX, character {symbol.at + 1}: symbol", str(symbol), known)
