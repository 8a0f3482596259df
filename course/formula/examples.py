"""Numbers on which a rule and a formula are tried: walks from the rule's start, and random inputs of any step."""

import math

from course.inputs import check_hyper

# Which gradients of a walk of four steps are zero: 0/0 in a formula shows only there.
GRADIENTS = ("xxxx", "0000", "00xx", "x00x")
STEP = 6  # a random step is at most 10**6
WIDE = 9  # and a wide input from 10**-9 to 10**9


def walks(hyper, draw):
    """({theta, *hyper}, gradients) of each walk, plain numbers from 0.01 to 2: with zeros, ones and the defaults too."""
    ends = [{name: end} for name in hyper for end in (0.0, 1.0) if allowed(name, end) and (name, end) != ("lr", 0.0)]
    usual = {name: float(value) for name, value in hyper.items() if _is_finite(value)}
    changes = [{}] * len(GRADIENTS) + [usual, {"theta": 0.0}, *ends]
    for k, change in enumerate(changes):
        pattern = GRADIENTS[k] if k < len(GRADIENTS) else GRADIENTS[0]
        values = {"theta": _signed(draw, False)} | {name: _hyper(name, draw, False) for name in hyper} | change
        yield values, [0.0 if sign == "0" else _short(draw) for sign in pattern]


def random_inputs(state, hyper, positive, draw, wide):
    """A step number from 2 on, and {argument: number}; wide: over many powers of ten, else near 1."""
    values = {"theta": _signed(draw, wide), "g": _signed(draw, wide)}
    for name in state:
        values[name] = _size(draw, wide) if name in positive else _signed(draw, wide)
    return 1 + math.ceil(10 ** draw.uniform(0, STEP)), values | {name: _hyper(name, draw, wide) for name in hyper}


def allowed(name, value):
    """Whether a hyper-parameter may have this value."""
    try:
        check_hyper(name, value)
    except (TypeError, ValueError):
        return False
    return True


def _hyper(name, draw, wide):
    for _ in range(1000):
        value = _size(draw, wide, 1)
        if allowed(name, value):
            return value
    raise NotImplementedError(f"{name}: got no positive number that it may be, expected one")


def _signed(draw, wide):
    return draw.choice([-1, 1]) * _size(draw, wide)


def _short(draw):
    """A number of few binary digits: m + (g - m) is g then, where another g leaves a rounding error below a root."""
    return draw.choice([-1, 1]) * draw.randint(1, 128) / 64


def _size(draw, wide, high=WIDE):
    """A positive number; no term hides another where all are near 1."""
    return 10 ** draw.uniform(-WIDE, high) if wide else draw.uniform(0.01, 2)


def _is_finite(value):
    return isinstance(value, int | float) and math.isfinite(value)
