"""A rule run on SymPy's symbols, and what is asked of the expressions that come out."""

import contextlib
import functools
import inspect
import math
import numbers
import sys
import time
from fractions import Fraction

from course.inputs import shown

TERMS = 10_000  # the library's formulas have about 1000, and SymPy counts those of a power in a loop that nothing stops


def steps():
    """The steps at which rule and formula are compared symbolically: 1, and any later one."""
    import sympy

    return sympy.Integer(1), sympy.Symbol("n", integer=True, positive=True) + 1


@functools.cache
def inputs(state, hyper, positive):
    """{argument: SymPy symbol}: theta, g and states real, `positive` states and hyper-parameters positive."""
    import sympy

    def symbol(name):
        sure = name in hyper or name in positive
        return sympy.Symbol(name, positive=True) if sure else sympy.Symbol(name, real=True)

    return {name: symbol(name) for name in ("theta", "g", *state, *hyper)}


def starts(function, state):
    """{state: its value before step 1}, an exact Fraction, or None where there is none yet."""
    defaults = {name: inspect.signature(function).parameters[name].default for name in state}
    try:
        return {name: None if value is None else Fraction(str(value)) for name, value in defaults.items()}
    except ValueError:
        seen = ", ".join(f"{name}={shown(value)}" for name, value in defaults.items())
        raise NotImplementedError(f"{function.__name__}: got {seen}, expected numbers or None before step 1") from None


def before(function, values, state, t):
    """The inputs of step t on symbols: in step 1 the states have the values that they start with."""
    import sympy

    if t != 1:
        return values
    begin = starts(function, state)
    return values | {name: None if value is None else sympy.Rational(value) for name, value in begin.items()}


@functools.cache
def outputs(function, state, hyper, positive, t):
    """[theta, *state] after step t of a rule's bare function, exact: 0.1 in the code is one tenth.

    Raises NotImplementedError where the function does not run on symbols.
    """
    import sympy

    values = before(function, inputs(state, hyper, positive), state, t)
    named = {name: values[name] for name in hyper}
    try:
        with _compared_by_value():
            results = function(values["theta"], values["g"], t, *(values[name] for name in state), **named)
        results = [sympy.nsimplify(result, rational=True) for result in results]
    except (TypeError, AttributeError) as error:
        raise NotImplementedError(f"{function.__name__}: it does not run on SymPy's symbols ({error})") from None
    if len(results) != 1 + len(state):
        expected = ", ".join(("theta", *state))
        raise ValueError(f"{function.__name__}: got {len(results)} results, expected {expected}")
    return results


@contextlib.contextmanager
def _compared_by_value():
    """Makes ==, != and `if` on symbols ask for values, and raise TypeError where symbols leave that open.

    SymPy's own == asks whether two expressions are written alike, so that n + 1 == 7 is False and
    n + 1 != 7 is True. SymPy needs that itself: what its own modules ask, they are told as ever.
    """
    import sympy

    kept = {name: vars(sympy.Expr).get(name) for name in ("__eq__", "__ne__", "__bool__", "__hash__")}
    alike, unlike, hashed = sympy.Expr.__eq__, sympy.Expr.__ne__, sympy.Expr.__hash__

    def asks_for_values(other):
        caller = sys._getframe(2).f_globals.get("__name__", "")
        return isinstance(other, sympy.Expr | numbers.Number) and not caller.startswith("sympy")

    def equal(a, b):
        return bool(sympy.Eq(a, b)) if asks_for_values(b) else alike(a, b)

    def unequal(a, b):
        return not bool(sympy.Eq(a, b)) if asks_for_values(b) else unlike(a, b)

    def true(a):
        return not bool(sympy.Eq(a, 0)) if asks_for_values(a) else True

    def key(a):
        if asks_for_values(a):
            raise TypeError(f"{a} is looked up in a set or a dictionary")
        return hashed(a)

    for name, method in zip(kept, (equal, unequal, true, key), strict=True):
        setattr(sympy.Expr, name, method)
    try:
        yield
    finally:
        for name, method in kept.items():
            if method is None:
                delattr(sympy.Expr, name)
            else:
                setattr(sympy.Expr, name, method)


@functools.cache
def positive(function, state, hyper):
    """The states under a root: symbolic proofs need their sign."""
    import sympy

    found = set()
    for result in outputs(function, state, hyper, (), steps()[1]):
        for part in result.atoms(sympy.Pow):
            if part.exp.is_integer is False and part.exp.is_number:
                found |= {symbol.name for symbol in part.free_symbols}
    return tuple(name for name in state if name in found)


@functools.cache
def numeric(function, state, hyper, positive, first):
    """A rule's step as a function of mpmath's numbers t - 1, theta, g, *state, *hyper. first: whether it is step 1."""
    import sympy

    one, later = steps()
    results = outputs(function, state, hyper, positive, one if first else later)
    return sympy.lambdify([later - 1, *inputs(state, hyper, positive).values()], results, modules="mpmath")


def is_zero(expression):
    """Whether SymPy can show, without writing out more than TERMS terms, that an expression is zero."""
    import sympy

    if expression == 0:
        return True
    if _terms(expression) > TERMS:
        return False
    return any(simpler(expression) == 0 for simpler in (sympy.expand, sympy.cancel, sympy.simplify))


def _terms(expression):
    """How many terms an expression has at most when it is multiplied out; above TERMS, only that it is above."""
    counts = [_terms(part) for part in expression.args]
    if expression.is_Add:
        found = sum(counts)
    elif expression.is_Pow and expression.exp.is_Integer and counts[0] > 1:
        power = min(abs(int(expression.exp)), TERMS)
        found = math.comb(counts[0] + power - 1, power)
    else:
        found = math.prod(counts) if expression.is_Mul else max([1, *counts])
    return min(found, TERMS + 1)


class _Late(BaseException):
    """Time is up. No Exception, so that nothing on the way takes it for an error of its own."""


def within(seconds, function):
    """function() if it takes no longer, else None. Works in any thread and on any system.

    The interpreter reports every call to a profile function, and that looks at the clock.
    """
    end, before = time.monotonic() + seconds, sys.getprofile()

    def watch(frame, event, argument):
        if time.monotonic() > end:
            raise _Late

    sys.setprofile(watch)
    try:
        return function()
    except _Late:
        return None
    finally:
        sys.setprofile(before)
