"""What the course's functions accept, and the one clear message for what they do not.

Every message names the argument, what was seen, and what was expected. Symbols, tracers and
values on an accelerator pass unlooked at: looking would wait for the device or fix the symbol.
"""

import difflib
import functools
import inspect
import math
import numbers
import weakref

import numpy as np

# Each hyper-parameter's set of allowed values, in words and as a test.
_RANGES = {
    "lr": ("a number >= 0", lambda x: x >= 0),
    "eps": ("a number >= 0", lambda x: x >= 0),
    "lr_decay": ("a number >= 0", lambda x: x >= 0),
    "momentum": ("a number in [0, 1)", lambda x: (x >= 0) & (x < 1)),
    "alpha": ("a number in [0, 1)", lambda x: (x >= 0) & (x < 1)),
    "rho": ("a number in [0, 1)", lambda x: (x >= 0) & (x < 1)),
    "weight_decay": ("a number >= 0", lambda x: x >= 0),
    "momentum_decay": ("a number >= 0", lambda x: x >= 0),
    "dampening": ("a number in [0, 1]", lambda x: (x >= 0) & (x <= 1)),
    "lambd": ("a number >= 0", lambda x: x >= 0),
    "etaminus": ("a number in (0, 1)", lambda x: (x > 0) & (x < 1)),
    "etaplus": ("a number > 1", lambda x: x > 1),
    "step_size_min": ("a number > 0", lambda x: x > 0),
    "step_size_max": ("a number > 0", lambda x: x > 0),
    "beta2_decay": ("a number <= 0", lambda x: x <= 0),
    "eps2": ("a number >= 0", lambda x: x >= 0),
    "d": ("a number >= 1", lambda x: x >= 1),
    "beta1": ("a number in [0, 1)", lambda x: (x >= 0) & (x < 1)),
    "beta2": ("a number in [0, 1)", lambda x: (x >= 0) & (x < 1)),
}

_LAST_STEP = 2**53  # the last whole number up to which a float counts exactly
_BARE = weakref.WeakKeyDictionary()  # checked rule -> the function it checks


def wrong(argument, seen, expected, error=ValueError):
    """The exception to raise for an argument: `raise wrong("t", 0, "a step number >= 1")`."""
    return error(f"{argument}: got {shown(seen)}, expected {expected}")


def shown(value):
    """A short picture of a value for a message: its type and shape if it is a large array."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and math.prod(shape) > 8:
        return f"{type(value).__name__} of shape {tuple(shape)} and type {value.dtype}"
    try:
        text = repr(value)
    except Exception:  # a number of more than 4300 digits, or a class of one's own that fails
        text = f"a value of type {type(value).__name__}"
    text = " ".join(line.strip() for line in text.splitlines())  # a message is one line
    return text if len(text) <= 80 else text[:77] + "..."


def unknown(argument, seen, known, error=ValueError):
    """As `wrong`, for a name outside a list: adds a "did you mean" where one is near."""
    near = difflib.get_close_matches(str(seen), known, n=1, cutoff=0.5)
    guess = f" (did you mean {near[0]!r}?)" if near else ""
    return error(
        f"{argument}: got {shown(seen)}, expected {'one of ' if known else 'none'}{', '.join(known)}{guess}"
    )


def _looked_at(value):
    """The value as a NumPy array if it is a plain number or an array in main memory, else None."""
    if isinstance(value, numbers.Number | np.ndarray | np.generic):
        return np.asarray(value)
    if type(value).__module__.partition(".")[0] == "torch" and str(getattr(value, "device", "")) == "cpu":
        if type(value).__name__ in ("Tensor", "Parameter"):
            half = (
                value.dtype.is_floating_point and value.dtype.itemsize <= 2
            )  # bfloat16 is no type of NumPy's
            return value.detach().float().numpy() if half else value.detach().numpy()
    return None


def check_hyper(name, value):
    """Raises ValueError or TypeError unless the value is in the range of the hyper-parameter."""
    expected, holds = _RANGES.get(name, ("a finite number", np.isfinite))
    if type(value) is float:  # the common case, and the only one met in a training loop
        if holds(value) and value < math.inf:
            return
        raise wrong(name, value, expected)
    if name in ("ns_coefficients", "ns_steps", "eps1"):
        return _check_matrix_hyper(name, value)
    if value is None or isinstance(value, str | bytes | bool | list | tuple | dict):
        raise wrong(name, value, expected, TypeError)
    array = _looked_at(value)
    if array is None:
        if callable(value) and not hasattr(value, "shape") and not hasattr(value, "free_symbols"):
            raise wrong(
                name, value, expected + "; a schedule t -> value goes to run, not to the rule", TypeError
            )
        if not hasattr(value, "__mul__"):
            raise wrong(name, value, expected, TypeError)
        return
    if array.dtype.kind not in "fiu":
        raise wrong(name, value, expected, TypeError)
    if not np.all(holds(array) & np.isfinite(array)):
        raise wrong(name, value, expected)


def _check_matrix_hyper(name, value):
    """The hyper-parameters of Muon and Adafactor that are no single number."""
    if name == "ns_steps":
        check_count(name, value)
    elif name == "ns_coefficients":
        if not (isinstance(value, tuple | list) and len(value) == 3 and all(_is_number(x) for x in value)):
            raise wrong(name, value, "three numbers")
    elif value is not None and not (_is_number(value) and value >= 0):
        raise wrong(name, value, "None (the type's machine epsilon) or a number >= 0")


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


@functools.cache
def _is_floating(dtype):
    return getattr(dtype, "kind", "") == "f" or any(kind in str(dtype) for kind in ("float", "object"))


def check_floating(name, value):
    """Raises TypeError unless the value is a real floating-point number or array (or unlooked at)."""
    dtype = None if isinstance(value, type) else getattr(value, "dtype", None)
    if type(value) is float or (dtype is not None and _is_floating(dtype)):
        if getattr(dtype, "kind", "") == "O":
            _check_objects(name, value)
        return
    if isinstance(value, bool | int):
        as_float = f" (write {float(value)})" if abs(value) <= 2**53 else ""
        raise wrong(name, value, f"floating-point parameters{as_float}", TypeError)
    if dtype is not None:
        expected = "floating-point parameters, for instance float64"
        raise TypeError(f"{name}: got {shown(value)} of type {dtype}, expected {expected}")
    if isinstance(value, str | bytes | list | tuple | dict | complex | type) or not hasattr(value, "__mul__"):
        raise wrong(name, value, "a float or a floating-point array", TypeError)


def _check_objects(name, array):
    """An array of objects may hold floats and symbols, no others."""
    for entry in array.flat:
        if not (isinstance(entry, float) or hasattr(entry, "free_symbols")):
            raise wrong(name, entry, "floating-point numbers or symbols in an array of objects", TypeError)


def check_step(t):
    """Raises ValueError or TypeError unless t is a step number 1, 2, 3, ... up to 2**53."""
    if type(t) is int and 1 <= t <= _LAST_STEP:
        return
    expected = "a step number, 1 or larger (the first step is t = 1)"
    array = None if isinstance(t, bool) else np.asarray(t) if isinstance(t, int) else _looked_at(t)
    if array is None:
        if isinstance(t, bool | str | bytes | list | tuple) or not hasattr(t, "__mul__"):
            raise wrong("t", t, expected, TypeError)
        return
    if not isinstance(t, int) and array.dtype.kind not in "fiu":
        raise wrong("t", t, expected, TypeError)
    if not np.all((array >= 1) & (array <= _LAST_STEP)) or np.any(array != np.floor(array)):
        raise wrong("t", t, "a step number of at most 2**53" if np.any(array > _LAST_STEP) else expected)


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


def _check_kind(g, theta):
    """Raises TypeError where NumPy meets torch: some operations would convert and others fail."""
    kinds = [type(x).__module__.partition(".")[0] for x in (g, theta)]
    if sorted(kinds) == ["numpy", "torch"]:
        raise TypeError(f"g: got {shown(g)} of {kinds[0]}, expected theta's kind: {kinds[1]}")


def _signature(function):
    """The state and the hyper-parameters in a rule's signature: two dicts from names to defaults."""
    form = "a function of (theta, g, t), then the state with defaults, then * and the hyper-parameters"
    if isinstance(function, type):
        raise wrong("rule", function, f"{form}; classes of torch.optim go to run_torch", TypeError)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # many functions written in C have none
        raise wrong("rule", function, form, TypeError) from None
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    hyper = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    for p in parameters:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise wrong("rule", function, f"{form}, each with its name; {p} leaves them open", TypeError)
    if len(positional) < 3 or any(p.default is not p.empty for p in positional[:3]):
        raise wrong("rule", function, form, TypeError)
    for p in positional[3:]:
        if p.default is p.empty:
            expected = (
                f"a default for {p.name}, its value before step 1, or {p.name} after * as a hyper-parameter"
            )
            raise wrong("rule", function, expected, TypeError)
    return {p.name: p.default for p in positional[3:]}, hyper


def bare(rule):
    """The rule without its checks, for loops that have checked their inputs once.

    A function that someone wrapped around a rule has the rule's attributes, but is not that rule:
    it comes back as it is.
    """
    return _BARE.get(rule, rule)


def rule(function):
    """Marks an update rule and checks what it is called with; the rule itself stays bare formula.

    The bare function is `checked.__wrapped__`: loops that have checked their inputs once use it.
    `checked.state` and `checked.hyper` map the names in the signature to their defaults.
    Raises TypeError for what is no function of (theta, g, t, state=..., *, hyper=...).
    """
    state, hyper = _signature(function)
    name = getattr(function, "__name__", type(function).__name__)

    @functools.wraps(function)
    def checked(theta, g, t, *given, **named):
        check_floating("theta", theta)
        check_floating("g", g)
        same_shape("g", g, "theta", theta)
        if type(g) is not type(theta):
            _check_kind(g, theta)
        check_step(t)
        if len(given) > len(state):
            expected = f"at most {len(state)} ({', '.join(state)})" if state else "none"
            raise TypeError(f"{name}: got {len(given)} state values, expected {expected}")
        for argument, value in named.items():
            if argument in hyper:
                check_hyper(argument, value)
            elif argument not in state:
                raise unknown(f"{name}'s hyper-parameter", argument, list(hyper), TypeError)
        return function(theta, g, t, *given, **named)

    checked.__name__, checked.state, checked.hyper = name, state, hyper
    _BARE[checked] = function
    return checked
