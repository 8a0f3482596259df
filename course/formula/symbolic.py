"""A rule run on SymPy's symbols, and what is asked of the expressions that come out."""

import functools
import inspect
import sys
import time


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


def before(function, values, t):
    """The inputs of step t: in step 1, a state whose default is None has no value yet."""
    parameters = inspect.signature(function).parameters
    return {name: None if t == 1 and parameters[name].default is None else value for name, value in values.items()}


@functools.cache
def outputs(function, state, hyper, positive, t):
    """[theta, *state] after step t of a rule's bare function, exact: 0.1 in the code is one tenth.

    Raises NotImplementedError where the function does not run on symbols.
    """
    import sympy

    values = before(function, inputs(state, hyper, positive), t)
    named = {name: values[name] for name in hyper}
    try:
        results = function(values["theta"], values["g"], t, *(values[name] for name in state), **named)
        return [sympy.nsimplify(result, rational=True) for result in results]
    except (TypeError, AttributeError) as error:
        raise NotImplementedError(f"{function.__name__}: it does not run on SymPy's symbols ({error})") from None


@functools.cache
def positive(function, state, hyper):
    """The states under a root, in a maximum or in a minimum: symbolic proofs need their sign."""
    found = set()
    for result in outputs(function, state, hyper, (), steps()[1]):
        for part in result.atoms(*_bounding()):
            if not part.is_Pow or (part.exp.is_integer is False and part.exp.is_number):
                found |= {symbol.name for symbol in part.free_symbols}
    return tuple(name for name in state if name in found)


def _bounding():
    import sympy

    return sympy.Pow, sympy.Max, sympy.Min


@functools.cache
def numeric(function, state, hyper, positive, t):
    """A rule's step t as a function of mpmath's numbers, in the order theta, g, *state, *hyper."""
    import sympy

    results = outputs(function, state, hyper, positive, sympy.Integer(t))
    return sympy.lambdify(list(inputs(state, hyper, positive).values()), results, modules="mpmath")


def is_zero(expression):
    """Whether SymPy can show that an expression is zero."""
    import sympy

    for simpler in (sympy.expand, sympy.cancel, sympy.simplify):
        if expression == 0 or simpler(expression) == 0:
            return True
    return False


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
