"""A rule and a formula side by side: on SymPy's symbols, and on mpmath's numbers."""

import random

from course.formula import examples, symbolic
from course.formula.expression import evaluate, is_constant
from course.formula.numbers import Numeric, Symbolic

DIGITS, MORE = 200, 1000  # what looks different with few digits is computed once more, with many
TOLERANCE = 1e-100  # of the larger value; the rest of the digits is for cancellation
CODE = 1e-6  # how near the rule's own code on floats is to the rule on symbols


class Sides:
    """rule: with `state` and `hyper`. update: the formula's `Update`."""

    def __init__(self, rule, update):
        self.rule, self.update, self.function = rule, update, rule.__wrapped__
        shape = self.function, tuple(rule.state), tuple(rule.hyper)
        self.starts = symbolic.starts(*shape[:2])
        self.update.check_names([name for name, value in self.starts.items() if value is None])
        self.shape = *shape, symbolic.positive(*shape)

    def order(self):
        """The names of all that is compared, in the formula's order."""
        return [*(f"start of {name}" for name in self.rule.state), *self.update.order()]

    def proved(self):
        """Whether SymPy finds every output the same, at step 1 and at any later step."""
        for t in symbolic.steps():
            inputs = symbolic.before(self.function, symbolic.inputs(*self.shape[1:]), self.shape[1], t)
            ours = symbolic.outputs(*self.shape, t)
            try:
                theirs = self.update.run(inputs, t, Symbolic, first=t == 1).values()
                if not all(symbolic.is_zero(a - b) for a, b in zip(ours, theirs, strict=True)):
                    return False
            except (ArithmeticError, RuntimeError, TypeError, ValueError):  # what SymPy cannot do is not proved
                return False
        return True

    def compare(self, count):
        """({output: largest difference}, {output: text of an example}); the second has only what differs.

        count: random inputs, besides the walks from the rule's start.
        """
        import mpmath

        self.largest, self.examples, draw = {}, {}, random.Random(0)
        with mpmath.workdps(DIGITS):
            self._compare_starts()
            for values, gradients in examples.walks(self.rule.hyper, draw):
                self._walk(values, gradients)
            for k in range(count):
                t, values = examples.random_inputs(*self.shape[1:], draw, wide=k % 2)
                self._compare_at(t, {name: mpmath.mpf(value) for name, value in values.items()})
        if "theta" not in self.largest:
            raise ValueError(f"{self.rule.__name__}: at no random input are both rule and formula numbers")
        return self.largest, self.examples

    def _compare_starts(self):
        """The start values that the formula gives as constants."""
        for symbol, equation in self.update.starts.items():
            name = self.update.states[symbol]
            if is_constant(equation.right) and self.starts[name] is not None:
                seen = attempt(lambda right=equation.right: [evaluate(right, Numeric, None)])
                ours = number(self.starts[name])
                self._enter(f"start of {name}", ours, seen and seen[0], "before step 1")

    def _walk(self, values, gradients):
        """Steps from the rule's start; the rule's own code, on floats, has a say in what is a number."""
        import mpmath

        values = {name: mpmath.mpf(value) for name, value in values.items()}
        states = {name: None if value is None else number(value) for name, value in self.starts.items()}
        for t, g in enumerate(gradients, start=1):
            ours = self._compare_at(t, {"theta": values["theta"], "g": mpmath.mpf(g), **states, **values}, walking=True)
            if ours is None:
                return
            values["theta"], *after = ours
            states = dict(zip(states, after, strict=True))

    def _compare_at(self, t, inputs, walking=False):
        """Enters one input's differences; returns the rule's outputs, None where they are no numbers."""
        import mpmath

        ours, theirs = self._outputs(t, inputs, walking)
        if ours is None and not walking:
            return None  # random states may be none that the rule comes to
        names = ["theta", *self.rule.state]
        if ours and theirs and any(self._is_news(*output) for output in zip(names, ours, theirs, strict=True)):
            with mpmath.workdps(MORE):
                ours, theirs = self._outputs(t, inputs, walking)
        if ours or theirs:
            special = {"theta", *self.rule.hyper} & {name for name, value in inputs.items() if value in (0, 1)}
            named = ["g", *(name for name in inputs if name in special)]
            point = f"at t = {t}, " + ", ".join(f"{name} = {_short(inputs[name])}" for name in named)
            for i, name in enumerate(names):
                self._enter(name, ours and ours[i], theirs and theirs[i], point)
        return ours

    def _outputs(self, t, inputs, walking):
        arguments = [inputs[name] for name in ("theta", "g", *self.rule.state, *self.rule.hyper)]
        ours = attempt(symbolic.numeric(*self.shape, t == 1), t - 1, *arguments)
        theirs = attempt(lambda: self.update.run(inputs, t, Numeric, first=t == 1).values())
        return self._confirmed(ours, t, inputs) if walking else ours, theirs

    def _confirmed(self, ours, t, inputs):
        """The rule's outputs, None where its code on floats gives no numbers; raises where it gives others."""
        floats = {name: None if value is None else float(value) for name, value in inputs.items()}
        states = [floats[name] for name in self.rule.state]
        named = {name: floats[name] for name in self.rule.hyper}
        values = attempt(lambda: self.function(floats["theta"], floats["g"], t, *states, **named))
        if values is None:
            return None
        if ours is None or any(abs(a - b) > CODE * (1 + abs(a)) for a, b in zip(ours, values, strict=True)):
            seen = f"{_short(values[0])} on numbers and {_short(ours and ours[0])} on symbols"
            raise NotImplementedError(
                f"{self.rule.__name__}: theta is {seen} at t = {t}, so that nothing can be proved"
            )
        return ours

    def _enter(self, name, ours, theirs, point):
        difference = float("inf") if ours is None or theirs is None else float(abs(ours - theirs))
        self.largest[name] = max(self.largest.get(name, 0.0), difference)
        if self._is_news(name, ours, theirs):
            self.examples[name] = f"{point} the rule gives {_short(ours)}, the formula {_short(theirs)}"

    def _is_news(self, name, ours, theirs):
        """Whether two values of an output differ, and no example of that is known."""
        same = None not in (ours, theirs) and abs(ours - theirs) <= TOLERANCE * max(abs(ours), abs(theirs))
        return name not in self.examples and not same


def attempt(function, *arguments):
    """[real numbers] that a function gives, or None where one of them is none: 0/0, infinite, complex."""
    import mpmath

    try:
        values = list(function(*arguments))
        return values if all(mpmath.isfinite(value) and mpmath.im(value) == 0 for value in values) else None
    except (ArithmeticError, TypeError, ValueError):  # ValueError: math.sqrt(-1); TypeError: a complex number's order
        return None


def number(fraction):
    """A Fraction as mpmath's number."""
    import mpmath

    return mpmath.mpf(fraction.numerator) / fraction.denominator


def _short(value):
    import mpmath

    return "no number" if value is None else mpmath.nstr(mpmath.mpf(value), 3)
