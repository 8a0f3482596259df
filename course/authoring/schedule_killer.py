"""What notices a change in a schedule: a table of settings, each with torch's scheduler or the formula.

Rates are compared with those of the schedule as it stands, to 1e-12 of the largest; the tests hold
these to torch within 1e-13. Where a schedule refuses its settings, the message is compared.
"""

import inspect
import math
from functools import cache, partial

import numpy as np
import torch
from torch.optim import lr_scheduler as lrs

from course import schedules

TOLERANCE = 1e-12  # of the largest rate


def wave(k):
    return 1 + 0.2 * math.sin(k)


def table(name, torch_class, *settings, **fixed):
    """Cases of one schedule and one class of torch with the same settings: see CASES."""
    for given in settings:
        theirs = {key: value for key, value in given.items() if key != "lr"}
        yield name, given, min(60, given.get("total_steps", 60)), partial(torch_class, **fixed, **theirs)


def chain(torch_parts, milestones=None):
    """A function optimizer -> torch's scheduler of several: in sequence, or on top of each other."""

    def make(opt):
        parts = [part(opt) for part in torch_parts]
        return lrs.ChainedScheduler(parts) if milestones is None else lrs.SequentialLR(opt, parts, milestones)

    return make


def warm(steps):
    return partial(lrs.LinearLR, start_factor=1 / steps, total_iters=steps - 1)


LINE = {"lr": 0.3, "start_factor": 0.5, "end_factor": 0.2, "total_iters": 7}
ONE = {"max_lr": 0.7, "total_steps": 50}
SHARES = {"pct_start": 0.4, "three_phase": True}
TRIANGLE = {"step_size_up": 3, "step_size_down": 5}
RATES = {"base_lr": 0.1, "max_lr": 0.7}
WARM = {"lr": 0.3, "warmup_steps": 5, "total_steps": 40}

# name, settings, the number of steps looked at, optimizer -> torch's scheduler
CASES = [
    *table("constant", lrs.ConstantLR, {"lr": 0.3}, {"lr": 0.3, "factor": 0.6, "total_iters": 7}),
    *table("step", lrs.StepLR, {"lr": 0.3, "step_size": 7}, {"lr": 0.3, "step_size": 7, "gamma": 0.6}),
    *table("multistep", lrs.MultiStepLR, {"lr": 0.3, "milestones": [9, 3, 3]}, {"lr": 0.3, "milestones": [0, 4], "gamma": 0.6}),
    *table("linear", lrs.LinearLR, {"lr": 0.3}, LINE),
    *table("exponential", lrs.ExponentialLR, {"lr": 0.3, "gamma": 0.9}),
    *table("polynomial", lrs.PolynomialLR, {"lr": 0.3}, {"lr": 0.3, "total_iters": 7, "power": 1.7}),
    *table("cosine", lrs.CosineAnnealingLR, {"lr": 0.3, "T_max": 13}, {"lr": 0.3, "T_max": 13, "eta_min": 0.03}),
    *table("lambda_", lrs.LambdaLR, {"lr": 0.3, "lr_lambda": wave}),
    *table("multiplicative", lrs.MultiplicativeLR, {"lr": 0.3, "lr_lambda": wave}),
    *table("warm_restarts", lrs.CosineAnnealingWarmRestarts, {"lr": 0.3, "T_0": 7}, {"lr": 0.3, "T_0": 3, "T_mult": 2, "eta_min": 0.03}),
    *table("one_cycle", lrs.OneCycleLR, ONE, ONE | SHARES, ONE | {"anneal_strategy": "linear", "div_factor": 5.0, "final_div_factor": 30.0}, ONE | {"total_steps": 10, "pct_start": 0.0}),
    *table("one_cycle", lrs.OneCycleLR, ONE | SHARES | {"anneal_strategy": "linear"}),
    *table("one_cycle_momentum", lrs.OneCycleLR, {"total_steps": 50}, {"total_steps": 50, **SHARES, "base_momentum": 0.6, "max_momentum": 0.9}, max_lr=1.0),
    *table("one_cycle_momentum", lrs.OneCycleLR, {"total_steps": 50, "anneal_strategy": "linear"}, max_lr=1.0),
    *table("cyclic", lrs.CyclicLR, RATES | {"step_size_up": 3}, RATES | TRIANGLE, *(RATES | TRIANGLE | {"mode": mode, "gamma": 0.9} for mode in ("triangular2", "exp_range"))),
    *table("cyclic", lrs.CyclicLR, RATES, RATES | TRIANGLE | {"mode": "exp_range"}),
    *table("cyclic_momentum", lrs.CyclicLR, {"step_size_up": 3}, *({**TRIANGLE, "mode": mode, "gamma": 0.9, "base_momentum": 0.6, "max_momentum": 0.95} for mode in ("triangular2", "exp_range")), **RATES),
    *table("cyclic_momentum", lrs.CyclicLR, {}, TRIANGLE | {"mode": "exp_range"}, **RATES),
    ("sequential",
     {"schedules": [schedules.linear(lr=0.3), schedules.cosine(lr=0.3, T_max=9), schedules.step(lr=0.3, step_size=4)], "milestones": [4, 20]}, 60,
     chain([lrs.LinearLR, partial(lrs.CosineAnnealingLR, T_max=9), partial(lrs.StepLR, step_size=4)], [4, 20])),
    ("sequential", {"schedules": [schedules.linear(lr=0.3), schedules.step(lr=0.3, step_size=4)], "milestones": [1]}, 60,
     chain([lrs.LinearLR, partial(lrs.StepLR, step_size=4)], [1])),
    ("chained", {"lr": 0.3, "schedules": [schedules.linear(total_iters=4), schedules.exponential(gamma=0.9)]}, 60,
     chain([partial(lrs.LinearLR, total_iters=4), partial(lrs.ExponentialLR, gamma=0.9)])),
    ("chained", {"lr": 0.3, "schedules": [schedules.exponential(gamma=0.9)]}, 60, chain([partial(lrs.ExponentialLR, gamma=0.9)])),
    ("warmup_cosine", WARM, 40, chain([warm(5), partial(lrs.CosineAnnealingLR, T_max=35)], [4])),
    ("warmup_cosine", WARM | {"eta_min": 0.03}, 40, chain([warm(5), partial(lrs.CosineAnnealingLR, T_max=35, eta_min=0.03)], [4])),
    ("warmup_inverse_sqrt", {"lr": 0.3, "warmup_steps": 5}, 60,
     partial(lrs.LambdaLR, lr_lambda=lambda k: min((k + 1) / 5, (5 / (k + 1)) ** 0.5))),
    ("warmup_stable_decay", WARM | {"decay_steps": 10}, 60,
     chain([warm(5), partial(lrs.ConstantLR, factor=1.0), partial(lrs.PolynomialLR, total_iters=10)], [4, 29])),
    ("warmup_stable_decay", WARM | {"decay_steps": 10, "eta_min": 0.03}, 60,
     chain([warm(5), partial(lrs.ConstantLR, factor=1.0), partial(lrs.LinearLR, start_factor=1.0, end_factor=0.1, total_iters=10)], [4, 29])),
    ("warmup_stable_decay", WARM | {"decay_steps": 35}, 60, chain([warm(5), partial(lrs.PolynomialLR, total_iters=35)], [4])),
]  # fmt: skip
LONG = [1, 2, 1000, 1999, 2000, 2001, 2002, 3000, 4001, 4500, 6000]  # cyclic's default cycle is 4,000 steps
PARTS = [schedules.constant(lr=1.0), schedules.constant(lr=2.0)]

# name, settings, step, the message; three dots stand for anything
REFUSED = [
    ("sequential", {"schedules": [], "milestones": [3]}, 1, "schedules: got [], expected at least one schedule"),
    ("sequential", {"schedules": PARTS, "milestones": []}, 1, "milestones: got [], expected one fewer than the 2 schedules"),
    ("sequential", {"schedules": PARTS[:1], "milestones": [3, 4]}, 1, "milestones: got [3, 4], expected one fewer than the 1 schedules"),
    ("sequential", {"schedules": [*PARTS, PARTS[0]], "milestones": [4, 4]}, 1, "milestones: got [4, 4], expected whole numbers >= 1 that rise"),
    ("sequential", {"schedules": [*PARTS, PARTS[0]], "milestones": [20, 4]}, 1, "milestones: got [20, 4], expected whole numbers >= 1 that rise"),
    ("sequential", {"schedules": PARTS, "milestones": [0]}, 1, "milestones: got [0], expected whole numbers >= 1 that rise"),
    ("sequential", {"schedules": [PARTS[0], str], "milestones": [2]}, 5, "schedules[1](3): got '3', expected a finite number"),
    ("chained", {"lr": 0.3, "schedules": []}, 1, "schedules: got [], expected at least one schedule"),
    ("chained", {"lr": 0.3, "schedules": [schedules.constant(), PARTS[0]]}, 4, "schedules[1]: got functools.partial(... expected a schedule without lr, such as exponential(gamma=0.9)"),
    ("chained", {"lr": 0.3, "schedules": [schedules.constant(factor=1.0), lambda t, lr: str(t)]}, 4, "schedules[1](4, lr=0.3): got '4', expected a finite number"),
    ("cyclic", RATES | {"mode": "exprange"}, 1, "mode: got 'exprange', expected one of triangular, triangular2, exp_range (did you mean 'exp_range'?)"),
    ("one_cycle", ONE | {"anneal_strategy": "sin"}, 1, "anneal_strategy: got 'sin', expected one of cos, linear"),
    ("one_cycle", ONE, 51, "t: got 51, expected a step number within total_steps = 50"),
    ("one_cycle", ONE | {"total_steps": 10, "pct_start": 0.1}, 1, "pct_start: got 0.1, expected anything but 1/total_steps: the first phase would have no length"),
    ("lambda_", {"lr": 0.3, "lr_lambda": str}, 4, "lr_lambda(3): got '3', expected a finite number"),
    ("multiplicative", {"lr": 0.3, "lr_lambda": str}, 4, "lr_lambda(1): got '1', expected a finite number"),
    ("warmup_cosine", WARM | {"total_steps": 5}, 1, "total_steps: got 5, expected more than warmup_steps = 5"),
    ("warmup_cosine", WARM | {"total_steps": 3}, 1, "total_steps: got 3, expected more than warmup_steps = 5"),
    ("warmup_stable_decay", WARM | {"decay_steps": 36}, 1, "total_steps: got 40, expected warmup_steps + decay_steps = 41 or more"),
]  # fmt: skip

_RNG = np.random.default_rng(0)
METRICS = {
    "noise": [*_RNG.normal(0, 0.3, 60).round(1).tolist(), math.nan, math.inf, -math.inf, *_RNG.normal(0, 0.3, 40).round(1).tolist()],
    "fall": [*(5 * 0.7 ** np.arange(12)).tolist(), *(0.1 - 1e-5 * np.arange(50)).tolist(), 0.05, *[0.05] * 60],
    "rise": [1 + 1.5e-4 * k for k in range(30)],
    "blank": [math.nan, 1.0, 2.0, 3.0],
    "large": [100 - 0.5 * k for k in range(30)],
    "steps": [1.0, 1.0, 0.9999, 1.0, 0.99985, 1.1, 0.99, 1.0, 1.0, 0.985, 0.9849, 0.9849, 0.9749, 0.98, 0.98, 0.7] * 4,
}  # fmt: skip
PLATEAUS = [
    {"lr": 0.3},
    {"lr": 0.3, "patience": 1, "factor": 0.5},
    {"lr": 0.3, "patience": 0, "mode": "max"},
    {"lr": 0.3, "patience": 1, "cooldown": 1, "threshold": 0.01, "factor": 0.7},
    {"lr": 0.3, "patience": 1, "cooldown": 3, "threshold": 0.01, "threshold_mode": "abs", "factor": 0.7},
    {"lr": 0.3, "patience": 2, "threshold": 0.01, "threshold_mode": "abs", "mode": "max", "factor": 0.7},
    {"lr": 0.3, "patience": 1, "threshold": 0.0, "factor": 0.7, "min_lr": 0.05},
    {"lr": 0.3, "patience": 1, "threshold": 0.1, "threshold_mode": "abs", "factor": 0.7},
    {"lr": 0.25, "patience": 1, "factor": 0.5, "eps": 0.03125},
    {"lr": 0.25, "patience": 1, "factor": 0.5, "eps": 0.02},
    {"lr": 3e-8, "patience": 0, "factor": 0.5},
]
NO_PLATEAU = [
    ({"mode": "mix"}, [1.0], "mode: got 'mix', expected one of min, max (did you mean 'min'?)"),
    ({"threshold_mode": "relative"}, [1.0], "threshold_mode: got 'relative', expected one of rel, abs (did you mean 'rel'?)"),
    *[({key: -1.0}, [1.0], f"{key}: got -1.0, expected a number >= 0") for key in ("lr", "threshold", "min_lr", "eps")],
    ({"factor": 1.5}, [1.0], "factor: got 1.5, expected a number in [0, 1]"),
    ({"factor": 1.0}, [1.0], "factor: got 1.0, expected a number in [0, 1)"),
    ({"patience": -1}, [1.0], "patience: got -1, expected a whole number >= 0"),
    ({"cooldown": 0.5}, [1.0], "cooldown: got 0.5, expected a whole number >= 0"),
    ({}, 3.0, "metrics: got 3.0, expected numbers to go through, such as a list of losses"),
    *[({}, [1.0, bad], f"metric: got {bad!r}, expected a number; after next(rates) use rates.send(metric)") for bad in ("1", b"1", True, None, [1.0])],
]  # fmt: skip


def steps(settings, count):
    """The steps at which rates are looked at."""
    default_cycle = "step_size_up" not in settings and not settings.keys() - {"base_lr", "max_lr"}
    return LONG if default_cycle else range(1, count + 1)


def torch_rates(name, settings, count, make):
    """What torch uses at the same steps: the momentum for momentum schedules, else the rate."""
    opt = torch.optim.SGD([torch.zeros(1)], lr=settings.get("lr", 0.3), momentum=0.5)
    scheduler, key = make(opt), "momentum" if name.endswith("momentum") else "lr"
    where, values = steps(settings, count), {}
    for t in range(1, max(where) + 1):
        values[t] = float(opt.param_groups[0][key])
        if t < max(where):
            opt.step()
            scheduler.step()
    return np.array([values[t] for t in where])


def torch_plateau(settings, metrics):
    """torch's rate after each metric."""
    opt = torch.optim.SGD([torch.zeros(1)], lr=settings["lr"])
    scheduler, rates = lrs.ReduceLROnPlateau(opt, **{k: v for k, v in settings.items() if k != "lr"}), []
    for metric in metrics:
        scheduler.step(metric)
        rates.append(opt.param_groups[0]["lr"])
    return rates


def runs(name):
    """What is done with a schedule: functions of it that return rates, or raise."""
    if name == "plateau":
        told = [(chosen, metrics) for chosen in PLATEAUS for metrics in METRICS.values()]
        told += [({"lr": 0.3} | chosen, metrics) for chosen, metrics, _ in NO_PLATEAU]
        yield from (partial(_listed, settings=chosen, metrics=metrics) for chosen, metrics in told)
        yield partial(_sent, metrics=METRICS["noise"])
        yield lambda plateau: plateau(lr=-1.0) and []  # refused before the first metric
    for one, settings, count, _ in CASES:
        if one == name:
            after = [count + 1, count + 7] * ("warmup_cosine" in name)
            yield partial(_rates, settings=settings, where=[*steps(settings, count), *after])
    for one, settings, t, _ in REFUSED:
        if one == name:
            yield partial(_rates, settings=settings, where=[t])


def _rates(schedule, settings, where):
    return [schedule(t, **settings) for t in where]


def _listed(plateau, settings, metrics):
    return list(plateau(metrics, **settings))


def _sent(plateau, metrics):
    rates = plateau(lr=0.3, patience=1)
    return [next(rates), *map(rates.send, metrics)]


def outcome(run, schedule):
    """The rates as an array, or the type and the text of what was raised."""
    try:
        return np.array(run(schedule), float)
    except Exception as error:
        return type(error).__name__, str(error)


@cache
def reference(name):
    schedule = inspect.unwrap(getattr(schedules, name))
    return [(run, outcome(run, schedule)) for run in runs(name)]


def knows(name):
    """Whether there are cases for a function of this name: helpers are noticed through the schedules."""
    return name in schedules.__all__


def notices(name, function):
    """How a changed schedule of this name is told from it as it stands: a word, or "" where it is not."""
    for run, expected in reference(name):
        seen = outcome(run, inspect.unwrap(function))
        if isinstance(seen, tuple) or isinstance(expected, tuple):
            if isinstance(seen, np.ndarray) or isinstance(expected, np.ndarray) or seen != expected:
                return "raises"
        elif seen.shape != expected.shape or not np.abs(seen - expected).max() <= TOLERANCE * np.abs(expected).max():
            return "rates"
    return "default" if _defaults(function) != _defaults(getattr(schedules, name)) and "warmup" not in name else ""


def _defaults(function):
    """The default values, which test_defaults_are_torchs compares."""
    return {p.name: p.default for p in inspect.signature(function).parameters.values()}
