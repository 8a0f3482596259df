r"""`check(rule, latex)`: whether a formula and a rule are the same, with a proof or a counterexample."""

import random
from dataclasses import dataclass

from course.formula import symbolic
from course.formula.evaluate import Update
from course.formula.names import checked, symbols
from course.formula.numbers import Numeric, Symbolic
from course.formula.read import Number, read
from course.inputs import check_hyper

# Rules that the reader's dialect cannot say; tests/test_rules.py holds them to torch.optim by numbers.
BY_NUMBERS = {
    "radam": "it branches on its own rho",
    "rprop": "it branches on the signs of two gradients",
    "adafactor": "it takes means over the rows and columns of a matrix",
    "adafactor_vector": "it takes means over all coordinates",
    "muon": "it orthogonalizes a matrix",
    "muon_plain": "it orthogonalizes a matrix",
}
DIGITS = 80
TOLERANCE = 1e-40  # of the larger value; the rest of the digits is for cancellation
STEPS = (1, 2, 3, 1000)
FEW, MANY = 10, 400  # random inputs per step; many where there is no symbolic proof


@dataclass(frozen=True)
class Result:
    """What `check` found. It is true or false in an `if`, as `equal` is.

    equal       whether formula and rule are the same
    difference  largest absolute difference of an output on random inputs, at 80 digits
    proof       "symbolic", "numeric" (SymPy could not decide, many more inputs agree) or "counterexample"
    where       the outputs that differ (theta, a state's name, "start of m"), in the formula's order
    example     for a counterexample, the inputs and both values of the first output that differs
    """

    rule: str
    equal: bool
    difference: float
    proof: str
    where: tuple = ()
    example: str = ""

    def __bool__(self):
        return self.equal

    def __repr__(self):
        if self.equal:
            how = {"symbolic": "proved symbolically", "numeric": "not proved, but equal on many random inputs"}[
                self.proof
            ]
            return f"{self.rule}: equal, {how}; largest difference {self.difference:.1g}"
        more = f" (then {', '.join(self.where[1:])})" if self.where[1:] else ""
        largest = f"largest difference {self.difference:.3g}"
        return f"{self.rule}: different, first in {self.where[0]}{more}; {largest}; {self.example}"


def check(rule, latex, *, given=None, seconds=5.0):
    r"""Whether LaTeX update equations say what a rule computes: a Result.

    rule      an update rule of `course.rules`, or a function of the same shape
    latex     equations for theta_t and each state, as `course.formula.read` describes them
    given     {LaTeX: argument}, symbols other than the docstring's: {r"\alpha": "lr"}
    seconds   time that SymPy may take to prove equality; then many random inputs decide

    The rule and the formula run on symbols, at step 1 and at any later step: theta, g and the
    states are real (positive where the rule takes a root or a maximum of them), hyper-parameters
    are positive. They also run on random numbers at 80 digits, gradients from 1e-9 to 1e3: one
    input on which they differ decides. Raises ValueError for LaTeX that is not read, and
    NotImplementedError for rules with branches or matrices.
    """
    rule = checked(rule)
    if rule.__name__ in BY_NUMBERS:
        reason = BY_NUMBERS[rule.__name__]
        raise NotImplementedError(f"{rule.__name__}: {reason}; it is compared with torch.optim by numbers instead")
    sides = _Sides(rule, Update(read(latex), *symbols(rule, given), rule.__name__))
    for t in symbolic.steps():
        sides.run_symbols(t)  # what the formula lacks or may not use is an error before any comparison
    result = _by_examples(sides, FEW, "symbolic")
    if not result or symbolic.within(seconds, sides.proved):
        return result
    return _by_examples(sides, MANY, "numeric")


def _by_examples(sides, count, proof):
    """The Result after `count` random inputs per step; equal by the given proof where none differs."""
    largest, examples = sides.compare(count)
    order = [*sides.starts(), *sides.update.order()]
    where = tuple(name for name in order if name in examples)
    example = examples[where[0]] if where else ""
    proof = "counterexample" if where else proof
    return Result(sides.rule.__name__, not where, max(largest.values()), proof, where, example)


class _Sides:
    """A rule and a formula, side by side on symbols and on numbers."""

    def __init__(self, rule, update):
        self.rule, self.update = rule, update
        shape = rule.__wrapped__, tuple(rule.state), tuple(rule.hyper)
        self.shape = *shape, symbolic.positive(*shape)

    def starts(self):
        """{"start of m": difference} for the start values that the formula gives as numbers."""
        found = {}
        for symbol, equation in self.update.starts.items():
            name = self.update.states[symbol]
            if isinstance(equation.right, Number) and self.rule.state[name] is not None:
                found[f"start of {name}"] = abs(float(equation.right.text) - self.rule.state[name])
        return found

    def run_symbols(self, t):
        """The formula's outputs on symbols."""
        inputs = symbolic.before(self.rule.__wrapped__, symbolic.inputs(*self.shape[1:]), t)
        return self.update.run(inputs, t, Symbolic, first=t == 1)

    def proved(self):
        """Whether SymPy finds every output the same, at step 1 and at any later step."""
        for t in symbolic.steps():
            ours = dict(zip(["theta", *self.rule.state], symbolic.outputs(*self.shape, t), strict=True))
            theirs = self.run_symbols(t)
            if not all(symbolic.is_zero(ours[name] - theirs[name]) for name in ours):
                return False
        return True

    def compare(self, count):
        """({output: largest difference}, {output: text of an example}); the second has only what differs."""
        import mpmath

        draw = random.Random(0)
        largest, examples = self.starts(), {}
        for name in [name for name, difference in largest.items() if difference]:
            examples[name] = "the formula and the rule's default differ"
        with mpmath.workdps(DIGITS):
            for t in STEPS:
                for k in range(count):
                    inputs = symbolic.before(self.rule.__wrapped__, self._draw(draw, k, count), t)
                    ours = _attempt(symbolic.numeric(*self.shape, t), *inputs.values())
                    theirs = _attempt(self.update.run, inputs, t, Numeric, t == 1)
                    self._hold(ours, theirs, inputs, t, largest, examples)
        if "theta" not in largest:
            raise ValueError(f"{self.rule.__name__}: at no random input are both rule and formula numbers")
        return largest, examples

    def _hold(self, ours, theirs, inputs, t, largest, examples):
        """Enters one input's differences."""
        if ours is None and theirs is None:
            return
        for i, name in enumerate(["theta", *self.rule.state]):
            a, b = ours[i] if ours else None, theirs[name] if theirs else None
            difference = abs(a - b) if ours and theirs else float("inf")
            largest[name] = max(largest.get(name, 0.0), float(difference))
            if name not in examples and not difference <= TOLERANCE * max(abs(a or 0), abs(b or 0)):
                point = f"at t = {t}, g = {_short(inputs['g'])}"
                examples[name] = f"{point} the rule gives {_short(a)}, the formula {_short(b)}"

    def _draw(self, draw, k, count):
        """Random inputs: every other time all near 1, so that no term hides another, and g = 0 in the end."""
        import mpmath

        near, sign = k % 2 == 0, lambda: draw.choice([-1, 1])
        values = {"theta": sign() * _size(draw, near, -3, 1), "g": sign() * _size(draw, near, -9, 3)}
        if k == count - 1:
            values["g"] = 0.0
        for name in self.rule.state:
            values[name] = _size(draw, near, -12, 4) * (1 if name in self.shape[-1] else sign())
        for name in self.rule.hyper:
            values[name] = _size(draw, near, -9, 1)
            while not _allowed(name, values[name]):
                values[name] = _size(draw, near, -9, 1)
        return {name: mpmath.mpf(value) for name, value in values.items()}


def _size(draw, near, low, high):
    """A positive number: from 0.01 to 2, or from 10**low to 10**high."""
    return draw.uniform(0.01, 2) if near else 10 ** draw.uniform(low, high)


def _allowed(name, value):
    try:
        check_hyper(name, value)
    except ValueError:
        return False
    return True


def _attempt(function, *arguments):
    """A function's value, or None where it divides by zero or meets a complex number."""
    try:
        return function(*arguments)
    except (ArithmeticError, TypeError):
        return None


def _short(number):
    import mpmath

    return "no number" if number is None else mpmath.nstr(number, 3)
