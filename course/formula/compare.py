r"""`check(rule, latex)`: whether a formula and a rule are the same, with a proof or a counterexample."""

import numbers
from dataclasses import dataclass

from course.formula import symbolic
from course.formula.evaluate import Update
from course.formula.names import checked, symbols
from course.formula.read import read
from course.formula.sides import Sides
from course.inputs import wrong

# Rules that the reader's dialect cannot say; tests/test_rules.py holds them to torch.optim by numbers.
BY_NUMBERS = {
    "radam": "it branches on its own rho",
    "rprop": "it branches on the signs of two gradients",
    "adafactor": "it takes means over the rows and columns of a matrix",
    "adafactor_vector": "it takes means over all coordinates",
    "muon": "it orthogonalizes a matrix",
    "muon_plain": "it orthogonalizes a matrix",
}
FEW, MANY = 30, 300  # random inputs; many where there is no symbolic proof


@dataclass(frozen=True)
class Result:
    """What `check` found. It is true in an `if` where equality is proved.

    equal       True (proved), False (an input tells formula and rule apart), or None (neither)
    difference  largest absolute difference of an output on the inputs that were tried, at 200 digits
    proof       "symbolic", "counterexample" or "none"
    where       the outputs that differ (theta, a state's name, "start of m"), in the formula's order
    example     for a counterexample, the inputs and both values of the first output that differs
    """

    rule: str
    equal: bool | None
    difference: float
    proof: str
    where: tuple = ()
    example: str = ""

    def __bool__(self):
        return self.equal is True

    def __repr__(self):
        largest = f"largest difference {self.difference:.3g}"
        if self.equal:
            return f"{self.rule}: equal, proved symbolically; {largest}"
        if self.equal is None:
            return f"{self.rule}: not proved; SymPy found no proof, and random inputs no difference; {largest}"
        more = f" (then {', '.join(self.where[1:])})" if self.where[1:] else ""
        return f"{self.rule}: different, first in {self.where[0]}{more}; {largest}; {self.example}"


def check(rule, latex, *, given=None, seconds=5.0):
    r"""Whether LaTeX update equations say what a rule computes: a Result.

    rule      an update rule of `course.rules`, or a function of the same shape
    latex     equations for theta_t and each state, as `course.formula.read` describes them
    given     {LaTeX: argument}, symbols other than the docstring's: {r"\alpha": "lr"}
    seconds   time that SymPy may take to prove equality

    The rule and the formula run on numbers at 200 digits: from the rule's start values for a few
    steps, also with zeros among the inputs, and on random inputs at random steps up to 10**6. One
    input on which they differ, or on which one of them is no real number, decides. Otherwise they
    run on symbols, at step 1 and at any later step: theta, g and the states are real (positive
    where the rule takes a root of them), hyper-parameters are positive; terms cancel as in algebra,
    so that x/x is 1. Only that proof makes them equal: without it the result says
    "not proved".

    Raises ValueError for LaTeX that is not read or has an equation that nothing uses, and
    NotImplementedError for rules with branches or matrices.
    """
    rule = checked(rule)
    if isinstance(seconds, bool) or not isinstance(seconds, numbers.Real):
        raise wrong("seconds", seconds, "a number >= 0", TypeError)
    if not seconds >= 0:
        raise wrong("seconds", seconds, "a number >= 0")
    if rule.__name__ in BY_NUMBERS:
        reason = BY_NUMBERS[rule.__name__]
        raise NotImplementedError(f"{rule.__name__}: {reason}; it is compared with torch.optim by numbers instead")
    sides = Sides(rule, Update(read(latex), *symbols(rule, given), rule.__name__))
    result = _tried(sides, FEW)
    if result.equal is False:
        return result
    sides.update.check_used()  # of a formula that differs, the difference says more
    if symbolic.within(seconds, sides.proved):
        return Result(rule.__name__, True, result.difference, "symbolic")
    return _tried(sides, MANY)


def _tried(sides, count):
    """The Result after `count` random inputs, without a proof."""
    largest, examples = sides.compare(count)
    where = tuple(name for name in sides.order() if name in examples)
    name, worst = sides.rule.__name__, max(largest.values())
    if where:
        return Result(name, False, worst, "counterexample", where, examples[where[0]])
    return Result(name, None, worst, "none")
