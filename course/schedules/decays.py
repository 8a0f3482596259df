"""Schedules that multiply the rate: by a constant, at milestones, along a line, a power, a function."""

import math

from course.schedules.schedule import check_number, schedule


@schedule
def constant(t, *, lr, factor=1 / 3, total_iters=5):
    r"""A smaller rate for the first steps, then the full one.

    \eta_t = f \eta \quad (t \le n), \qquad \eta_t = \eta \quad (t > n)

    factor: f in [0, 1]. total_iters: n >= 1 steps.
    torch: ConstantLR. With total_iters = 0 it never lifts the factor, against its own closed form, and
    with factor = 0 it divides by 0 at the end; here 0 steps are refused and a factor of 0 works.
    Source: torch.optim.lr_scheduler.ConstantLR's documentation.
    """
    return lr * factor if t <= total_iters else lr


@schedule
def step(t, *, lr, step_size, gamma=0.1):
    r"""A rate that falls by the same factor after every so many steps.

    \eta_t = \eta \gamma^{\lfloor (t - 1)/s \rfloor}

    step_size: s >= 1 steps. gamma: \gamma >= 0.
    torch: StepLR. Source: its documentation; He et al. 2016, section 3.4, divide by 10 at plateaus.
    """
    return lr * gamma ** ((t - 1) // step_size)


@schedule
def multistep(t, *, lr, milestones, gamma=0.1):
    r"""A rate that falls by the same factor after each milestone.

    \eta_t = \eta \gamma^{|\{m \in M : m \le t - 1\}|}

    milestones: M, list of whole numbers of steps taken, >= 0, in any order; one that stands twice
    counts twice. A milestone of 30 first changes the rate of step 31. gamma: \gamma >= 0.
    torch: MultiStepLR. Source: its documentation.
    """
    return lr * gamma ** sum(int(milestone <= t - 1) for milestone in milestones)


@schedule
def linear(t, *, lr, start_factor=1 / 3, end_factor=1.0, total_iters=5):
    r"""A rate on a straight line from one factor to another, constant from then on.

    \eta_t = \eta (a + (b - a) \min(t - 1, n)/n)

    start_factor: a in (0, 1]. end_factor: b in [0, 1]. total_iters: n >= 1 steps; the line ends at
    step n + 1. torch: LinearLR, which with total_iters = 0 stays at start_factor for ever.
    Source: torch.optim.lr_scheduler.LinearLR's documentation.
    """
    return lr * (start_factor + (end_factor - start_factor) * min(t - 1, total_iters) / total_iters)


@schedule
def exponential(t, *, lr, gamma):
    r"""A rate that falls by the same factor at every step.

    \eta_t = \eta \gamma^{t - 1}

    gamma: \gamma >= 0. torch: ExponentialLR. Source: its documentation.
    """
    return lr * gamma ** (t - 1)


@schedule
def polynomial(t, *, lr, total_iters=5, power=1.0):
    r"""A rate that falls to 0 as a power of the share of steps that are left, and stays there.

    \eta_t = \eta (1 - \min(t - 1, n)/n)^p

    total_iters: n >= 1 steps; the rate of step n + 1 is 0. power: p >= 0.
    torch: PolynomialLR. Source: its documentation; Chen et al. 2018 (DeepLab), section 3.2, p = 0.9.
    """
    return lr * (1 - min(t - 1, total_iters) / total_iters) ** power


@schedule
def lambda_(t, *, lr, lr_lambda):
    r"""A rate times a function of the number of steps taken.

    \eta_t = \eta f(t - 1)

    lr_lambda: f, called as torch calls it, with 0 for the first step; returns a number.
    torch: LambdaLR. Source: its documentation.
    """
    return lr * check_number(f"lr_lambda({t - 1})", lr_lambda(t - 1))


@schedule
def multiplicative(t, *, lr, lr_lambda):
    r"""A rate times the product of a function's values so far.

    \eta_t = \eta \prod_{k=1}^{t-1} f(k)

    lr_lambda: f, called with k = 1, ..., t - 1 (never with 0); returns a number. A call costs t - 1
    calls of f. torch: MultiplicativeLR. Source: its documentation.
    """
    return math.prod((check_number(f"lr_lambda({k})", lr_lambda(k)) for k in range(1, t)), start=lr)
