"""What notices a change in `course.schedules.recursion`: torch's own rates, bit by bit."""

import inspect
from functools import cache, partial
from operator import itemgetter

import numpy as np
from torch.optim import lr_scheduler as lrs

from course import schedules
from course.authoring.schedule_killer import outcome, torch_rates, wave

STEPS = 60

# schedule, torch's class, settings
CASES = [
    ("constant", lrs.ConstantLR, {"lr": 0.3, "factor": 0.7, "total_iters": 7}),
    ("constant", lrs.ConstantLR, {"lr": 0.3}),
    ("step", lrs.StepLR, {"lr": 0.3, "step_size": 7, "gamma": 0.6}),
    ("step", lrs.StepLR, {"lr": 0.3, "step_size": 1}),
    ("multistep", lrs.MultiStepLR, {"lr": 0.3, "milestones": [9, 3, 3]}),
    ("multistep", lrs.MultiStepLR, {"lr": 0.3, "milestones": np.array([0, 4]), "gamma": 0.6}),
    ("linear", lrs.LinearLR, {"lr": 0.3}),
    ("linear", lrs.LinearLR, {"lr": 0.3, "start_factor": 0.5, "end_factor": 0.2, "total_iters": 40}),
    ("exponential", lrs.ExponentialLR, {"lr": 0.3, "gamma": 0.9}),
    ("polynomial", lrs.PolynomialLR, {"lr": 0.3}),
    ("polynomial", lrs.PolynomialLR, {"lr": 0.3, "total_iters": 7, "power": 1.7}),
    ("cosine", lrs.CosineAnnealingLR, {"lr": 0.3, "T_max": 13}),
    ("cosine", lrs.CosineAnnealingLR, {"lr": 0.3, "T_max": 7, "eta_min": 0.03}),
    ("cosine", lrs.CosineAnnealingLR, {"lr": 0.3, "T_max": 1, "eta_min": 0.03}),
    ("multiplicative", lrs.MultiplicativeLR, {"lr": 0.3, "lr_lambda": wave}),
    ("multiplicative", lrs.MultiplicativeLR, {"lr": 0.3, "lr_lambda": lambda k: wave(k + 1)}),
]

_LINE = schedules.linear(lr=0.3)
_NEEDED = "expected one with its settings and lr, such as linear(lr=0.3)"
# schedule, steps, the message; three dots stand for anything
REFUSED = [
    (0.3, 3, f"schedule: got 0.3, {_NEEDED}"),
    (None, 3, f"schedule: got None, {_NEEDED}"),
    (schedules.linear, 3, f"schedule: got <function linear ... {_NEEDED}"),
    (schedules.linear(total_iters=3), 3, f"schedule: got functools.partial(... {_NEEDED}"),
    (schedules.one_cycle(max_lr=1.0, total_steps=4), 3, "schedule: got 'one_cycle', expected one of constant, ..."),
    (wave, 3, "schedule: got 'wave', expected one of constant, step, ..."),
    (partial(itemgetter(1), 3), 3, "schedule: got operator.itemgetter(1), expected one of constant, ..."),
    (partial(wave, 3), 3, "schedule: got 'wave', expected one of constant, step, ..."),
    (schedules.constant(lr=0.3, factor=0), 3, "factor: got 0, expected a number > 0: torch divides by it"),
    (_LINE, -1, "steps: got -1, expected a whole number >= 0"),
    (_LINE, 2.5, "steps: got 2.5, expected a whole number >= 0"),
    (schedules.multiplicative(lr=0.3, lr_lambda=str), 4, "lr_lambda(1): got '1', expected a finite number"),
]
BAD_FACTOR = "lr_lambda(4): got 'word', expected a finite number"


def knows(name):
    """Whether there are cases for a function of this name."""
    return name == "by_recursion" or any(name == case[0] for case in CASES)


@cache
def expected(index):
    """torch's rates for one case."""
    name, torch_class, settings = CASES[index]
    theirs = {key: value for key, value in settings.items() if key != "lr"}
    return torch_rates(name, settings, STEPS, partial(torch_class, **theirs))


def notices(name, function):
    """How a changed function of this name is told from it as it stands: a word, or "" where it is not."""
    follow = _followed if name == "by_recursion" else _stepped
    for index, (one, _, settings) in enumerate(CASES):
        if name in ("by_recursion", one):
            seen = outcome(partial(follow, name=one, settings=settings), function)
            if isinstance(seen, tuple):
                return "raises"
            if not np.array_equal(seen, expected(index)):
                return "rates"
    if name == "by_recursion":
        calls = [lambda f, s=schedule, n=steps: f(s, n) for schedule, steps, _ in REFUSED] + [lambda f: f(_LINE, 0)]
        same = all(_equal(outcome(call, function), outcome(call, schedules.by_recursion)) for call in calls)
        return "" if same else "raises"
    if name == "multiplicative":
        bad = {"lr": 0.3, "lr_lambda": lambda k: "word" if k == 4 else 0.5}
        if outcome(partial(_stepped, name=name, settings=bad), function) != ("TypeError", BAD_FACTOR):
            return "raises"
    return "default" if _defaults(function) != _defaults(getattr(schedules, name)) else ""


def _followed(function, name, settings):
    return function(getattr(schedules, name)(**settings), STEPS)


def _stepped(function, name, settings):
    rate, rates = settings["lr"], []
    for k in range(STEPS):
        rate = function(rate, k, **settings)
        rates.append(rate)
    return rates


def _equal(one, other):
    if isinstance(one, tuple) or isinstance(other, tuple):
        return isinstance(one, tuple) and isinstance(other, tuple) and one == other
    return one.dtype == other.dtype and np.array_equal(one, other)


def _defaults(function):
    """The default values of the settings."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}
