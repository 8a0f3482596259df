"""What turns a formula into a schedule: checks, arrays of steps, and settings that wait for a step."""

import functools
import inspect
import math
import numbers
import sys

import numpy as np

from course.inputs import check_count, check_step, unknown, wrong

# Each number's range, in words and as a test.
_RANGES = {
    **dict.fromkeys(("lr", "base_lr", "max_lr", "min_lr", "eta_min"), ("a number >= 0", lambda x: x >= 0)),
    **dict.fromkeys(("gamma", "power", "threshold", "eps"), ("a number >= 0", lambda x: x >= 0)),
    **dict.fromkeys(("div_factor", "final_div_factor"), ("a number > 0", lambda x: x > 0)),
    **dict.fromkeys(("factor", "end_factor", "pct_start"), ("a number in [0, 1]", lambda x: 0 <= x <= 1)),
    **dict.fromkeys(("base_momentum", "max_momentum"), ("a number in [0, 1)", lambda x: 0 <= x < 1)),
    "start_factor": ("a number in (0, 1]", lambda x: 0 < x <= 1),
}
# The least value of each count.
_COUNTS = {
    **dict.fromkeys(("total_iters", "step_size", "T_max", "T_0", "T_mult", "total_steps"), 1),
    **dict.fromkeys(("step_size_up", "step_size_down", "warmup_steps", "decay_steps"), 1),
    **dict.fromkeys(("patience", "cooldown"), 0),
}
_MISSING = object()


def schedule(formula):
    """Marks a schedule: checks what it is called with, and maps the formula over an array of steps.

    formula   a function (t, *, settings) -> rate of one whole number t >= 1

    Returns a function of the same signature in which t may be left out: then it returns the
    functools.partial that waits for t, after a trial at t = 1. lr may be left out with it, for
    `chained`, which gives it; then there is no trial. `.hyper` maps the settings to their defaults.
    """
    parameters = [p for p in inspect.signature(formula).parameters.values() if p.kind is p.KEYWORD_ONLY]
    required = [p.name for p in parameters if p.default is p.empty]
    hyper = {p.name: p.default for p in parameters}

    @functools.wraps(formula)
    def checked(t=_MISSING, **given):
        for name, value in given.items():
            if name not in hyper:
                raise unknown(f"{formula.__name__}'s setting", name, hyper, TypeError)
            if not (value is None and hyper[name] is None):
                check_setting(name, value)
        missing = [name for name in required if name not in given]
        if t is _MISSING and missing in ([], ["lr"]):
            if not missing:
                _rate(formula, 1, given)
            return functools.partial(checked, **given)
        if missing:
            raise TypeError(f"{formula.__name__}: got no {' and no '.join(missing)}, expected a value for each")
        if isinstance(t, np.ndarray | range):
            check_step(np.asarray(t))
            return np.array([_rate(formula, int(k), given) for k in np.ravel(t)], float).reshape(np.shape(t))
        check_step(t)
        if not isinstance(t, numbers.Real):
            raise wrong("t", t, "a step number, 1 or larger, or a NumPy array of them", TypeError)
        return _rate(formula, int(t), given)

    checked.hyper = hyper
    return checked


def _rate(formula, t, given):
    try:
        rate = formula(t, **given)
    except OverflowError:
        rate = math.inf
    if not math.isfinite(rate):
        raise ValueError(f"{formula.__name__}: the rate of step {t} is beyond the largest float ({given})")
    return rate


def check_setting(name, value):
    """Raises TypeError or ValueError unless the value is one that a setting of this name may have."""
    if name in _COUNTS:
        check_count(name, value, _COUNTS[name])
        if value > 2**53:
            raise wrong(name, value, "a whole number of at most 2**53")
    elif name in _RANGES:
        check_number(name, value, *_RANGES[name])
    elif name == "three_phase" and not isinstance(value, bool):
        raise wrong(name, value, "True or False", TypeError)
    elif name == "lr_lambda" and not callable(value):
        raise wrong(name, value, "a function of the number of steps taken, 0, 1, 2, ...", TypeError)
    elif name == "milestones":
        _check_list(name, value, "whole numbers of steps")
        for i, milestone in enumerate(value):
            check_count(f"milestones[{i}]", milestone)
    elif name == "schedules":
        _check_list(name, value, "schedules, such as [cosine(lr=0.1, T_max=100)]")
        for i, one in enumerate(value):
            if not callable(one):
                raise wrong(f"schedules[{i}]", one, "a schedule, such as cosine(lr=0.1, T_max=100)", TypeError)


def check_number(name, value, expected="a finite number", holds=math.isfinite):
    """Raises TypeError unless the value is a real number, ValueError unless it is finite and holds."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise wrong(name, value, expected, TypeError)
    if not (abs(value) <= sys.float_info.max and holds(value)):
        raise wrong(name, value, expected)
    return value


def check_choice(name, value, choices):
    """Raises ValueError, with a "did you mean", unless the value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise unknown(name, value, choices)


def _check_list(name, value, of):
    if not isinstance(value, list | tuple | range) and not (isinstance(value, np.ndarray) and value.ndim == 1):
        raise wrong(name, value, f"a list of {of}", TypeError)
