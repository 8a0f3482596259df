"""Schedules made of schedules: one after the other, or one on top of the other."""

from bisect import bisect_right
from itertools import pairwise

from course.inputs import wrong
from course.schedules.schedule import check_number, schedule


@schedule
def sequential(t, *, schedules, milestones):
    r"""One schedule after the other, each counting its steps from 1.

    \eta_t = \eta^{(i)}_{t - m_i}, \quad m_i \le t - 1 < m_{i+1}, \quad m_0 = 0

    schedules: \eta^{(0)}, \eta^{(1)}, ...: functions t -> rate, such as cosine(lr=0.1, T_max=90).
    milestones: m_1 < m_2 < ..., steps taken before each schedule but the first, whole numbers >= 1.
    With a milestone of 10, step 11 is the first of the second schedule.
    Raises ValueError for milestones that do not rise, or are not one fewer than the schedules.
    torch: SequentialLR. It starts a MultiplicativeLR (which has no closed form) from the rate it finds
    there, times lr_lambda(0); here it starts from its own lr. A SequentialLR or ChainedScheduler as
    second or later raises NotImplementedError in torch; here any function will do.
    Source: torch.optim.lr_scheduler.SequentialLR's documentation.
    """
    if len(schedules) == 0:
        raise wrong("schedules", schedules, "at least one schedule")
    if len(milestones) != len(schedules) - 1:
        raise wrong("milestones", milestones, f"one fewer than the {len(schedules)} schedules")
    starts = [0, *milestones]
    if any(late <= early for early, late in pairwise(starts)):
        raise wrong("milestones", milestones, "whole numbers >= 1 that rise")
    i = bisect_right(milestones, t - 1)
    return check_number(f"schedules[{i}]({t - starts[i]})", schedules[i](t - starts[i]))


@schedule
def chained(t, *, lr, schedules):
    r"""Schedules on top of each other: the factors of all of them multiply.

    \eta_t = \eta \prod_i (\eta^{(i)}_t/\eta)

    schedules: \eta^{(0)}, \eta^{(1)}, ...: functions (t, lr=...) -> rate without a rate of their own,
    such as exponential(gamma=0.9). Each is given the rate of the one before as its lr.
    Raises ValueError where there is none, or where one already has its lr.
    torch: ChainedScheduler, equal to this for schedulers that multiply the last rate: constant, step,
    multistep, linear, exponential, polynomial, multiplicative, and cosine with eta_min = 0 to its
    first minimum. LambdaLR, CosineAnnealingWarmRestarts, CyclicLR and OneCycleLR set the rate
    afresh in torch: what comes before them is lost, what comes after them counts for one step only.
    Source: torch.optim.lr_scheduler.ChainedScheduler's documentation.
    """
    if len(schedules) == 0:
        raise wrong("schedules", schedules, "at least one schedule")
    for i, one in enumerate(schedules):
        if "lr" in getattr(one, "keywords", ()):
            raise wrong(f"schedules[{i}]", one, "a schedule without lr, such as exponential(gamma=0.9)")
        lr = check_number(f"schedules[{i}]({t}, lr={lr})", one(t, lr=lr))
    return lr
