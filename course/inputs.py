"""What the course's functions accept, and the one clear message for what they do not.

Every message names the argument, what was seen, and what was expected. Symbols, tracers and
values on an accelerator pass unlooked at: looking would wait for the device or fix the symbol.
"""

import difflib
import functools
import inspect
import math
import numbers

import numpy as np

# Each hyper-parameter's set of allowed values, in words and as a test.
_RANGES = {
    "lr": ("a number >= 0", lambda x: x >= 0),
    "eps": ("a number >= 0", lambda x: x >= 0),
    "lr_decay": ("a number >= 0", lambda x: x >= 0),
    "momentum": ("a number in [0, 1)", lambda x: (x >= 0) & (x < 1)),
    "alpha": ("a number in [0, 1)", lambda x: (x >= 0) & (x < 1)),
    "beta1": ("a number in [0, 1)", lambda x: (x >= 0) & (x < 1)),
    "beta2": ("a number in [0, 1)", lambda x: (x >= 0) & (x < 1)),
}


def wrong(argument, seen, expected, error=ValueError):
    """The exception to raise for an argument: `raise wrong("t", 0, "a step number >= 1")`."""
    return error(f"{argument}: got {shown(seen)}, expected {expected}")


def shown(value):
    """A short picture of a value for a message: its type and shape if it is a large array."""
    shape = getattr(value, "shape", None)
    if shape is not None and math.prod(shape) > 8:
        return f"{type(value).__name__} of shape {tuple(shape)} and type {value.dtype}"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def unknown(argument, seen, known, error=ValueError):
    """As `wrong`, for a name outside a list: adds a "did you mean" where one is near."""
    near = difflib.get_close_matches(str(seen), known, n=1, cutoff=0.5)
    guess = f" (did you mean {near[0]!r}?)" if near else ""
    return error(f"{argument}: got {seen!r}, expected one of {', '.join(known)}{guess}")


def _looked_at(value):
    """The value as a NumPy array if it is a plain number or an array in main memory, else None."""
    if isinstance(value, numbers.Number | np.ndarray | np.generic):
        return np.asarray(value)
    if type(value).__module__.partition(".")[0] == "torch" and str(getattr(value, "device", "")) == "cpu":
        if type(value).__name__ in ("Tensor", "Parameter"):
            return value.detach().numpy() if value.dtype.itemsize > 2 else value.detach().float().numpy()
    return None


def check_hyper(name, value):
    """Raises ValueError or TypeError unless the value is in the range of the hyper-parameter."""
    expected, holds = _RANGES.get(name, ("a finite number", np.isfinite))
    if type(value) is float:  # the common case, and the only one met in a training loop
        if holds(value) and value < math.inf:
            return
        raise wrong(name, value, expected)
    if value is None or isinstance(value, str | bytes | bool | list | tuple | dict):
        raise wrong(name, value, expected, TypeError)
    array = _looked_at(value)
    if array is None:
        if callable(value) and not hasattr(value, "shape") and not hasattr(value, "free_symbols"):
            raise wrong(name, value, expected + "; a schedule t -> value goes to run, not to the rule", TypeError)
        return
    if array.dtype.kind not in "fiu":
        raise wrong(name, value, expected, TypeError)
    if not np.all(holds(array) & np.isfinite(array)):
        raise wrong(name, value, expected)


@functools.cache
def _is_floating(dtype):
    return any(kind in str(dtype) for kind in ("float", "object"))


def check_floating(name, value):
    """Raises TypeError unless the value is a real floating-point number or array (or unlooked at)."""
    dtype = getattr(value, "dtype", None)
    if type(value) is float or (dtype is not None and _is_floating(dtype)):
        return
    if isinstance(value, bool | int):
        raise wrong(name, value, f"floating-point parameters (write {float(value)})", TypeError)
    if value is None or isinstance(value, str | bytes | list | tuple | dict | complex):
        raise wrong(name, value, "a float or a floating-point array", TypeError)
    if dtype is not None:
        expected = "floating-point parameters, for instance float64"
        raise TypeError(f"{name}: got {shown(value)} of type {dtype}, expected {expected}")


def check_step(t):
    """Raises ValueError or TypeError unless t is a step number 1, 2, 3, ..."""
    if type(t) is int:
        if t >= 1:
            return
        raise wrong("t", t, "a step number, 1 or larger (the first step is t = 1)")
    if isinstance(t, bool | str | bytes | list | tuple) or t is None:
        raise wrong("t", t, "a step number, 1 or larger", TypeError)
    array = _looked_at(t)
    if array is not None and not np.all((array >= 1) & (array == np.floor(array))):
        raise wrong("t", t, "a step number, 1 or larger (the first step is t = 1)")


def check_count(name, value, least=0):
    """Raises unless the value is a whole number >= least; returns it as an int."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise wrong(name, value, f"a whole number >= {least}", TypeError)
    if value < least:
        raise wrong(name, value, f"a whole number >= {least}")
    return int(value)


def same_shape(name, value, other_name, other):
    """Raises ValueError unless both have the same shape; numbers count as shape ()."""
    seen, expected = getattr(value, "shape", ()), getattr(other, "shape", ())
    if tuple(seen) != tuple(expected):
        raise ValueError(f"{name}: got shape {tuple(seen)}, expected {other_name}'s shape {tuple(expected)}")


def rule(function):
    """Marks an update rule and checks what it is called with; the rule itself stays bare formula.

    The bare function is `checked.__wrapped__`: loops that have checked their inputs once use it.
    `checked.state` and `checked.hyper` map the names in the signature to their defaults.
    """
    parameters = inspect.signature(function).parameters.values()
    state = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    state = {name: default for name, default in state.items() if name not in ("theta", "g", "t")}
    hyper = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    @functools.wraps(function)
    def checked(theta, g, t, *given, **named):
        check_floating("theta", theta)
        check_floating("g", g)
        same_shape("g", g, "theta", theta)
        check_step(t)
        if len(given) > len(state):
            expected = f"at most {len(state)} ({', '.join(state)})" if state else "none"
            raise TypeError(f"{function.__name__}: got {len(given)} state values, expected {expected}")
        for name, value in named.items():
            if name in hyper:
                check_hyper(name, value)
            elif name not in state:
                raise unknown(f"{function.__name__}'s hyper-parameter", name, list(hyper), TypeError)
        return function(theta, g, t, *given, **named)

    checked.state, checked.hyper = state, hyper
    return checked
