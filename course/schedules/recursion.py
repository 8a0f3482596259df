"""The rates as torch's scheduler objects make them: each from the one before.

A schedule is a formula of the step. Eight scheduler objects of torch keep no formula: they look at the
rate that the optimizer has now and change that. Without rounding both give the same rates. With it
they part, a little more at every step, and `by_recursion` shows by how much:

    formula  = linear(range(1, 1001), lr=0.3, total_iters=900)
    as_torch = by_recursion(linear(lr=0.3, total_iters=900), 1000)

Over 1,000 steps these two differ by 2e-15 of the peak. Other settings reach 3e-14, and cosine 1e-11 once
it has passed its minimum (its docstring says why). `by_recursion` has torch's rates to the last bit.

Each function below makes the rate after k steps from the rate after k - 1 (for k = 0 from the base rate).
"""

import math

import numpy as np

from course.inputs import check_count, unknown, wrong
from course.schedules import cycles, decays
from course.schedules.schedule import check_number


def constant(rate, k, *, lr, factor=1 / 3, total_iters=5):
    if k == 0:
        return rate * factor
    return rate * (1 / factor) if k == total_iters else rate


def step(rate, k, *, lr, step_size, gamma=0.1):
    return rate * gamma if k > 0 and k % step_size == 0 else rate


def multistep(rate, k, *, lr, milestones, gamma=0.1):
    return rate * gamma ** list(milestones).count(k)


def linear(rate, k, *, lr, start_factor=1 / 3, end_factor=1.0, total_iters=5):
    if k == 0:
        return rate * start_factor
    rise = end_factor - start_factor
    return rate * (1 + rise / (total_iters * start_factor + (k - 1) * rise)) if k <= total_iters else rate


def exponential(rate, k, *, lr, gamma):
    return rate * gamma if k > 0 else rate


def polynomial(rate, k, *, lr, total_iters=5, power=1.0):
    if not 0 < k <= total_iters:
        return rate
    return rate * ((1 - k / total_iters) / (1 - (k - 1) / total_iters)) ** power


def cosine(rate, k, *, lr, T_max, eta_min=0.0):
    if k == 0:
        return rate
    if (k - 1) % (2 * T_max) == T_max:  # the step after a minimum, where the ratio would be 0/0
        return rate + (lr - eta_min) * (1 - math.cos(math.pi / T_max)) / 2
    ratio = (1 + math.cos(math.pi * k / T_max)) / (1 + math.cos(math.pi * (k - 1) / T_max))
    return ratio * (rate - eta_min) + eta_min


def multiplicative(rate, k, *, lr, lr_lambda):
    return rate * check_number(f"lr_lambda({k})", lr_lambda(k)) if k > 0 else rate


NEXT = {
    decays.constant: constant,
    decays.step: step,
    decays.multistep: multistep,
    decays.linear: linear,
    decays.exponential: exponential,
    decays.polynomial: polynomial,
    cycles.cosine: cosine,
    decays.multiplicative: multiplicative,
}


def by_recursion(schedule, steps):
    """The rates of the first steps as torch's scheduler object makes them, to the last bit.

    schedule: constant, step, multistep, linear, exponential, polynomial, cosine or multiplicative with
    its settings and its lr, such as linear(lr=0.3). torch's other schedulers make each rate afresh.
    steps: whole number >= 0.

    Returns a float64 array (steps,), in units of lr; entry k is the rate of step k + 1.
    Raises TypeError for what is no function or lacks its settings or lr, ValueError for a function that is
    not in the list, for steps < 0, and for constant with factor = 0, by which torch divides.
    Source: get_lr of the classes in torch/optim/lr_scheduler.py.
    """
    function, settings = getattr(schedule, "func", schedule), getattr(schedule, "keywords", {})
    if not callable(function):
        raise wrong("schedule", schedule, "one with its settings and lr, such as linear(lr=0.3)", TypeError)
    if function not in NEXT:
        known = [one.__name__ for one in NEXT]
        raise unknown("schedule", getattr(function, "__name__", function), known)
    if "lr" not in settings:
        raise wrong("schedule", schedule, "one with its settings and lr, such as linear(lr=0.3)", TypeError)
    if settings.get("factor") == 0:
        raise wrong("factor", 0, "a number > 0: torch divides by it")
    check_count("steps", steps)
    rate, rates = settings["lr"], np.zeros(steps)
    for k in range(steps):
        rates[k] = rate = NEXT[function](rate, k, **settings)
    return rates
