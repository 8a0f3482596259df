r"""Every learning-rate schedule of torch.optim.lr_scheduler, and three of the literature, as functions.

A schedule gives one rate: `schedule(t, *, lr, ...) -> rate`.

t       the number of the optimizer step whose rate is asked for: 1, 2, 3, ... So t = 1 is the rate of
        the first optimizer.step(), which torch sets before any scheduler.step(). torch counts from 0:
        its last_epoch is t - 1. An array or range of steps gives the array of their rates, each with
        the bits of its single call.
lr      torch's base rate (cyclic and one_cycle take torch's base_lr and max_lr in its place), in the
        units of the rule's lr. The rates are in the same units; \eta stands for it in the formulas.
others  hyper-parameters with torch's names and defaults; counts are in steps, the rest has no unit

Without t, a schedule keeps its settings and waits for the step. The three lines do the same:

    run(adam, grad, theta0, 100, lr=cosine(lr=0.1, T_max=100))
    run(adam, grad, theta0, 100, lr=lambda t: cosine(t, lr=0.1, T_max=100))
    run(adam, grad, theta0, 100, lr=functools.partial(cosine, lr=0.1, T_max=100))

The first is the shortest, reads like torch's constructor, and refuses a bad setting at once: it tries
step 1. `plateau` depends on what it is told about the training, so it is a generator instead.

Nothing is remembered between calls. Most of torch's scheduler objects multiply the last rate by a factor
at each step and so gather rounding; a function of t does not, and equals torch's closed form. What the
objects make, rounding included, is `by_recursion(schedule, steps)`.

Raises (all schedules): TypeError for a missing, unknown or ill-typed argument, ValueError for t < 1, a
value outside its range, or a rate beyond the largest float.
"""

from course.schedules.combinations import chained, sequential
from course.schedules.cycles import cosine, cyclic, cyclic_momentum, one_cycle, one_cycle_momentum, warm_restarts
from course.schedules.decays import constant, exponential, lambda_, linear, multiplicative, multistep, polynomial, step
from course.schedules.feedback import plateau
from course.schedules.recursion import by_recursion
from course.schedules.warmups import warmup_cosine, warmup_inverse_sqrt, warmup_stable_decay

__all__ = [
    "SCHEDULES",
    "by_recursion",
    "chained",
    "constant",
    "cosine",
    "cyclic",
    "cyclic_momentum",
    "exponential",
    "lambda_",
    "linear",
    "multiplicative",
    "multistep",
    "one_cycle",
    "one_cycle_momentum",
    "plateau",
    "polynomial",
    "sequential",
    "step",
    "warm_restarts",
    "warmup_cosine",
    "warmup_inverse_sqrt",
    "warmup_stable_decay",
]

# Every pure function of the step, by name; plateau is a generator, by_recursion takes a schedule.
SCHEDULES = {name: globals()[name] for name in __all__ if name not in ("SCHEDULES", "by_recursion", "plateau")}
