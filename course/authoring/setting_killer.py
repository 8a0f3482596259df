"""What notices a change in `course.schedules.schedule`: what schedules made by it return and refuse.

Each case is called twice: through the decorator as it stands, which the tests hold to torch and to
the messages that are promised, and through the changed one. Rates, their types and messages must agree.
"""

import inspect
import math
import sys
from functools import partial

import numpy as np
import torch

from course import schedules
from course.schedules.schedule import check_choice, check_number, schedule

_NUMBERS = (True, "0.1", None, math.nan, math.inf, 10**400, -1, 0, 0.5, 1, 1.5)
_COUNTS = (True, "3", None, 2.0, -1, 0, 1, 2, 2**53, 2**53 + 1)
# schedule, the settings with which it runs, the setting that is changed, what it is changed to
_SETTINGS = [
    ("constant", {"lr": 0.3}, {"lr": _NUMBERS, "factor": _NUMBERS, "total_iters": _COUNTS}),
    ("step", {"lr": 0.3, "step_size": 2}, {"gamma": _NUMBERS, "step_size": _COUNTS}),
    ("linear", {"lr": 0.3}, {"start_factor": _NUMBERS, "end_factor": _NUMBERS}),
    ("polynomial", {"lr": 0.3}, {"power": _NUMBERS}),
    ("cosine", {"lr": 0.3, "T_max": 9}, {"eta_min": _NUMBERS, "T_max": _COUNTS}),
    ("warm_restarts", {"lr": 0.3, "T_0": 2}, {"T_0": _COUNTS, "T_mult": _COUNTS}),
    ("cyclic", {"base_lr": 0.1, "max_lr": 0.3}, {"base_lr": _NUMBERS, "max_lr": _NUMBERS, "step_size_up": _COUNTS, "step_size_down": _COUNTS}),
    ("one_cycle", {"max_lr": 0.3, "total_steps": 9}, {"div_factor": _NUMBERS, "final_div_factor": _NUMBERS, "pct_start": _NUMBERS, "total_steps": _COUNTS, "three_phase": (0, 1, None, True, False)}),
    ("one_cycle_momentum", {"total_steps": 9}, {"base_momentum": _NUMBERS, "max_momentum": _NUMBERS}),
    ("multistep", {"lr": 0.3, "milestones": [2]}, {"milestones": ([], [3, -1], [2.5], (1, 2), range(3), np.array([1, 2]), np.ones((2, 2), int), np.array(3), 30, None, "12", [True], {1, 2})}),
    ("lambda_", {"lr": 0.3, "lr_lambda": math.cos}, {"lr_lambda": (0.9, None, str, lambda k: None, lambda k: True, lambda k: math.inf, lambda k: np.float64(0.5))}),
    ("sequential", {"schedules": [schedules.constant(lr=1.0)], "milestones": []}, {"schedules": ([], 0.1, [0.1], [None], [schedules.constant(lr=1.0), 3], (schedules.constant(lr=2.0),), schedules.constant)}),
    ("warmup_cosine", {"lr": 0.3, "warmup_steps": 2, "total_steps": 9}, {"warmup_steps": _COUNTS}),
    ("warmup_stable_decay", {"lr": 0.3, "warmup_steps": 2, "decay_steps": 3, "total_steps": 9}, {"decay_steps": _COUNTS}),
]  # fmt: skip
_COS = {"lr": 0.3, "T_max": 9}
_STEPS = (1, 3, 2.0, 1.5, 0, -1, True, np.int64(2), np.float64(2), math.nan, 2**53 + 1, "1", None, [1, 2], (1, 2), range(1, 4), range(3), np.array(2), np.arange(3), np.arange(1, 7).reshape(2, 3), np.array([1.0, 2.0]), np.array([]), torch.tensor(1), torch.tensor([1.0]))  # fmt: skip

# schedule, the steps it is called with (at most one), settings
CASES = [
    *((name, (2,), given | {key: value}) for name, given, tried in _SETTINGS for key in tried for value in tried[key]),
    *((name, (), given | {key: value}) for name, given, tried in _SETTINGS for key in tried for value in tried[key]),
    *(("cosine", (t,), _COS) for t in _STEPS),
    *(("cosine", where, given) for where in ((), (2,)) for given in ({}, {"lr": 0.3}, {"T_max": 9}, _COS, _COS | {"Tmax": 3}, _COS | {"lr": -1})),
    *(("lambda_", where, {"lr": lr, "lr_lambda": f}) for where in ((), (3,)) for lr, f in ((1e308, lambda k: 10.0), (1.0, lambda k: 10.0 ** (200 * (k + 1))))),
    *(("lambda_", (t,), {"lr": 1, "lr_lambda": f}) for t in (np.array([1, 2]), 2.0, np.int64(2)) for f in (lambda k: 2, lambda k: float(type(k) is int))),
    *(("one_cycle", where, {"max_lr": 0.3, "total_steps": 9, "anneal_strategy": way}) for where in ((), (2,)) for way in ("linear", "sine", 3, np.array(["cos", "linear"]))),
    *(("exponential", (t,), {"lr": 1.0, "gamma": 10.0}) for t in (2, 300, 2000, np.array([1, 2000]))),
]  # fmt: skip
_CHOICES = [("cos", ("cos", "linear")), ("linear", ("cos", "linear")), ("cosine", ("cos", "linear")), (3, ("cos",)), (np.array(["cos", "x"]), ("cos", "linear"))]


def knows(name):
    """Whether there are cases for a function of this name; helpers are noticed through `schedule`."""
    return name in ("schedule", "check_choice", "check_number")


def notices(name, function):
    """How a changed function is told from it as it stands: "raises", "rates", or "" where it is not."""
    for call in CALLS[name]:
        seen, expected = _outcome(call, function), _outcome(call, ORIGINAL[name])
        if seen != expected:
            return "raises" if "Error" in seen[0] + expected[0] else "rates"
    return ""


def _scheduled(decorate, name, where, given):
    """What one call of a schedule comes to, as something that can be compared."""
    made = decorate(inspect.unwrap(getattr(schedules, name)))
    result = made(*where, **given)
    if isinstance(result, partial):
        result = [result.func is made, sorted(result.keywords), *(_tried(result, t) for t in (1, 2, 5))]
    shape = result.shape if isinstance(result, np.ndarray) else None
    return type(result).__name__, shape, str(getattr(result, "dtype", "")), repr(result), repr(made.hyper), made.__name__


def _tried(waiting, t):
    try:
        return waiting(t)
    except TypeError as error:  # what waits for lr as well
        return str(error)


def _outcome(call, function):
    try:
        return call(function)
    except Exception as error:
        return f"{type(error).__name__}Error", str(error)


ORIGINAL = {"schedule": schedule, "check_choice": check_choice, "check_number": check_number}
CALLS = {
    "schedule": [partial(_scheduled, name=name, where=where, given=given) for name, where, given in CASES],
    "check_choice": [lambda check, v=v, c=c: (repr(check("mode", v, c)),) for v, c in _CHOICES],
    "check_number": [lambda check, v=v: (repr(check("rate", v)),) for v in (*_NUMBERS, -math.inf, -(10**400), sys.float_info.max)],
}
