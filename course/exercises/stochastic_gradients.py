"""The blanks of 03_stochastic_gradients."""

import math

import numpy as np

from course.exercises.blank import OPTIMIZERS, Blank, cases, log_uniform, telling
from course.exercises.repair import errors_left
from course.mistakes import Mistake

# one_epoch


def _rows(rng):
    """Rows that batches do not divide: two full ones at least, and a short one."""
    batch_size = int(rng.integers(2, 6))
    n = batch_size * int(rng.integers(2, 4)) + int(rng.integers(1, batch_size))
    x = rng.normal(size=(n, 2))
    return {
        "w": rng.normal(size=2),
        "x": x,
        "y": x @ rng.normal(size=2) + rng.normal(size=n),
        "order": rng.permutation(n),
        "batch_size": batch_size,
        "lr": float(rng.uniform(0.05, 0.3)),
    }


def _given(errors, *, factor=1.0, in_order=False, late_loss=False, rows_in=len):
    """The exercise's broken epoch with only these of its four errors left, or with others.

    factor      multiplies the gradient
    in_order    the data's order is taken, not the shuffled one
    late_loss   a batch's loss is taken after its step
    rows_in     rows -> what the gradient's sum is divided by; None: batch_size
    """

    def epoch(w, x, y, order, batch_size, lr):
        order = np.arange(len(x)) if in_order else order
        g, losses, sizes = np.zeros(2), [], []
        end = len(order) - batch_size + 1 if "dropped" in errors else len(order)
        for start in range(0, end, batch_size):
            rows = order[start : start + batch_size]
            labels = y[start : start + batch_size] if "labels" in errors else y[rows]
            error = x[rows] @ w - labels
            new = factor * x[rows].T @ error / (rows_in(rows) if rows_in else batch_size)
            g = g + new if "piled" in errors else new
            w = w - lr * g
            losses.append((((x[rows] @ w - labels) if late_loss else error) ** 2).mean() / 2)
            sizes.append(len(rows))
        return w, np.average(losses, weights=None if "means" in errors else sizes)

    return epoch


_ERRORS = {
    "labels": "the labels are cut from y in its own order, while the rows of x are shuffled: rows learn the labels of "
    "others",
    "piled": "g is never emptied, so each step takes all gradients so far: momentum with beta = 1, which never settles",
    "dropped": "the loop ends before the short batch: with 10 rows in batches of 4, two are never "
    "seen (another error may show once they are)",
    "means": "the loss is the mean of the batches' means: with batches of 4, 4 and 1 the lone row counts four times as "
    "much as another",
}
_LEFT = errors_left(_given, _ERRORS, lambda left: not {"dropped", "means"} <= left)  # without the short batch all count alike


def _other_loss(w, x, y, order, batch_size, lr, loss):
    """The right w, and loss((w before the last step, w after it), x, y, rows of the last batch)."""
    last = order[(len(x) - 1) // batch_size * batch_size :]
    before = _given(())(w, x, y, order[: -len(last)], batch_size, lr)[0]
    after = _given(())(w, x, y, order, batch_size, lr)[0]
    return after, loss((before, after), x, y, last)


# batch_for_noise


def _noise_inputs(rng):
    """A noise that a batch of b rows would just have, b not whole."""
    n = int(log_uniform(rng, 50, 5000))
    b = float(int(rng.uniform(0.2, 0.7) * n) + rng.uniform(0.02, 0.98))
    sigma = log_uniform(rng, 0.1, 10)
    return {"noise": sigma * math.sqrt((n - b) / (b * (n - 1))), "sigma": sigma, "n": n}


def _batch(noise, sigma, n):
    return sigma**2 * n / (sigma**2 + noise**2 * (n - 1))


def _smallest(noise, sigma, n):
    return math.ceil(_batch(noise, sigma, n))


def _with_n(noise, sigma, n):
    return math.ceil(sigma**2 * n / (sigma**2 + noise**2 * n))


# same_floor_rate


def _scaling_inputs(rng):
    curvature, batch = log_uniform(rng, 0.1, 100), int(rng.integers(1, 65))
    new_batch = batch * int(rng.choice([2, 3, 4, 8, 10, 50])) if rng.random() < 0.7 else max(1, batch // 3)
    return {
        "lr": float(rng.uniform(0.05, 1.5)) / curvature,
        "batch": batch,
        "new_batch": new_batch if new_batch != batch else 2 * batch,
        "curvature": curvature,
    }


def _same(lr, k, curvature):
    c = k * lr / (2 - lr * curvature)
    return 2 * c / (1 + c * curvature)


# steps_to_floor


def _floor(lr, curvature, sigma):
    return lr * sigma**2 / (curvature * (2 - lr * curvature))


def _settle(lr, curvature, sigma, x0, share):
    """Where the curve crosses its line, a step or between two."""
    v = _floor(lr, curvature, sigma)
    return math.log(share * v / (x0**2 - v)) / (2 * math.log(abs(1 - lr * curvature)))


def _settle_inputs(rng):
    """Rates on both sides of 1/curvature, and slow ones from nearby, where x0^2 in place of x0^2 - v costs a step.

    The crossing keeps clear of whole steps.
    """
    while True:
        curvature, sigma = log_uniform(rng, 0.1, 10), log_uniform(rng, 0.1, 3)
        low, high, far = [(0.02, 0.04, 4), (0.04, 0.6, 30), (1.4, 1.9, 30)][rng.integers(3)]
        lr, share = float(rng.uniform(low, high) / curvature), float(rng.uniform(0.05, 1))
        x0 = float(log_uniform(rng, 3, far) * math.sqrt(_floor(lr, curvature, sigma)))
        call = {"lr": lr, "curvature": curvature, "sigma": sigma, "x0": x0, "share": share}
        t = _settle(**call)
        if t > 3 and 0.1 < t % 1 < 0.9:
            return call


def _first_order(lr, curvature, sigma, x0, share):
    v = _floor(lr, curvature, sigma)
    return math.ceil(math.log((x0**2 - v) / (share * v)) / (2 * lr * curvature))


def _steps(left, floor=_floor):
    """The steps until left(v, x0, share), a share of something at the start, is left of it."""

    def steps(lr, curvature, sigma, x0, share):
        part = left(floor(lr, curvature, sigma), x0, share)
        return math.ceil(math.log(part) / (2 * math.log(abs(1 - lr * curvature))))

    return steps


def _above(v, x0, share):
    return share * v / (x0**2 - v)


def _all(v, x0, share):
    return share * v / x0**2


# read_off


def _floors_inputs(rng):
    curvature, sigma = log_uniform(rng, 0.1, 100), log_uniform(rng, 0.1, 10)
    low, high = rng.uniform(0.1, 0.8), rng.uniform(0.9, 1.8)
    lr1, lr2 = float(low / curvature), float(high / curvature)
    if rng.random() < 0.5:
        lr1, lr2 = lr2, lr1
    return {"lr1": lr1, "v1": _floor(lr1, curvature, sigma), "lr2": lr2, "v2": _floor(lr2, curvature, sigma)}


def _curvature(lr1, v1, lr2, v2):
    y1, y2 = lr1 / v1, lr2 / v2
    slope = (y2 - y1) / (lr2 - lr1)
    return -2 * slope / (y1 - slope * lr1)


def _sigma(lr1, v1, curvature):
    return math.sqrt(v1 * curvature * (2 - lr1 * curvature) / lr1)


def _read(lr1, v1, lr2, v2, change=lambda curvature, sigma: (curvature, sigma)):
    curvature = _curvature(lr1, v1, lr2, v2)
    return change(curvature, _sigma(lr1, v1, curvature))


def _of_the_loss(lr1, v1, lr2, v2):
    curvature = _curvature(lr1, v1, lr2, v2)
    return curvature, math.sqrt(2 * v1 * (2 - lr1 * curvature) / lr1)


def _upside_down(lr1, v1, lr2, v2):
    """lr/v taken for v/lr: a line through the reciprocals."""
    y1, y2 = v1 / lr1, v2 / lr2
    slope = (y2 - y1) / (lr2 - lr1)
    curvature = abs(2 * slope / (y1 - slope * lr1))
    return curvature, math.sqrt(abs(v1 * curvature * (2 - lr1 * curvature) / lr1))


BLANKS = (
    Blank(
        name="03_stochastic_gradients.one_epoch",
        inputs=cases(_rows, count=12),
        outputs=("w", "loss"),
        points=3,
        forbidden=OPTIMIZERS,
        hints=(
            "Follow the tiny example on paper: three rows in batches of two. Which rows, which labels and which gradient "
            "does each step use, and how many steps are there?",
            "One error is in the range of the loop, one in which labels are taken, one in what g holds, and one in the "
            "last line. A step knows one batch; a loss of an epoch is a mean over rows.",
            "Let the range end at the number of rows; index y by the same rows as x; set g to this batch's gradient "
            "alone; weight each batch's loss by its number of rows and divide by the number of all rows.",
        ),
        mistakes=(
            *_LEFT,
            Mistake(
                "unshuffled",
                _given((), in_order=True),
                "Your batches are cut in the order of the data; `order` is not used. Sorted rows left a gap 29 times as "
                "high as drawing with replacement in the lesson.",
            ),
            Mistake(
                "summed",
                _given((), rows_in=lambda rows: 1),
                "You summed the gradient over the batch. Divide by its number of rows: your rate is batch_size times too "
                "large, and the short batch takes a shorter step than the others.",
            ),
            Mistake(
                "divided_by_batch_size",
                _given((), rows_in=None),
                "You divided the short batch by batch_size as well. It has fewer rows: its gradient is then no mean, and "
                "the step is too short, 5/32 of what it should be for 5 rows in place of 32.",
            ),
            Mistake(
                "loss_of_the_last_batch",
                lambda *call: _other_loss(*call, lambda w, x, y, last: np.mean((x[last] @ w[0] - y[last]) ** 2) / 2),
                "Your w is right. Your loss is the last batch's alone: the variable of the loop, after the loop.",
            ),
            Mistake(
                "loss_after_the_epoch",
                lambda *call: _other_loss(*call, lambda w, x, y, last: np.mean((x @ w[1] - y) ** 2) / 2),
                "Your w is right. Your loss was measured once more over all rows, after the last step. The epoch's loss is "
                "collected on the way, and needs no second pass over the data.",
            ),
            Mistake(
                "factor_two",
                _given((), factor=2.0),
                "Your gradient is twice too large. The loss is half the squared error, and the 2 of the square cancels "
                "the half.",
            ),
            Mistake(
                "uphill",
                _given((), factor=-1.0),
                "You added the step. The gradient points uphill, so w must move by minus the rate times it.",
            ),
            Mistake(
                "loss_after_the_step",
                _given((), late_loss=True),
                "Your w is right. Your loss was measured after each step, on the batch that has just been learned; "
                "measure it before, with the weights that made the gradient.",
            ),
        ),
    ),
    Blank(
        name="03_stochastic_gradients.batch_for_noise",
        inputs=telling(cases(_noise_inputs, count=30), _smallest, _with_n),
        points=2,
        hints=(
            "Write down the mean square error of a batch of B rows drawn without replacement (lesson, section 2), and "
            "what it may be at most.",
            "Multiply by B and by n - 1. What you get is linear in B: collect B on one side.",
            "B is at least sigma squared times n, divided by the sum of sigma squared and n - 1 times the noise squared. "
            "Round up.",
        ),
        mistakes=(
            Mistake(
                "with_replacement",
                lambda noise, sigma, n: math.ceil(sigma**2 / noise**2),
                "That is enough rows with replacement. Without it, the batch uses up the data and its noise falls faster: "
                "for a tenth of the noise of 357 rows, 79 are enough in place of 100.",
            ),
            Mistake(
                "noise_halves",
                lambda noise, sigma, n: math.ceil(sigma / noise),
                "You took sigma over noise, as if twice the batch had half the noise. It has 0.71 of it with "
                "replacement: in the example you say 4, and a batch of 4 has a noise of 0.98 where 0.5 is allowed.",
            ),
            Mistake(
                "not_squared",
                lambda noise, sigma, n: math.ceil(sigma * n / (sigma + noise * (n - 1))),
                "You let the error fall as 1/B. The mean square does; the root of it falls as 1/sqrt(B), so that a tenth "
                "of the noise needs a hundred rows and not ten.",
            ),
            Mistake(
                "rounded_down",
                lambda noise, sigma, n: math.floor(_batch(noise, sigma, n)),
                "You rounded down. That batch is one row short: its error is still above the noise that was allowed.",
            ),
            Mistake(
                "rounded_to_nearest",
                lambda noise, sigma, n: round(_batch(noise, sigma, n)),
                "You rounded to the nearest number. Below the exact size the error is still above the noise that was "
                "allowed: round up, always.",
            ),
            Mistake(
                "not_rounded",
                _batch,
                "Your number is right and not whole. A batch has whole rows: round up to the first size that is good "
                "enough.",
            ),
            Mistake(
                "noise_not_squared",
                lambda noise, sigma, n: math.ceil(sigma**2 * n / (sigma**2 + noise * (n - 1))),
                "You compared a mean square with the noise itself. The noise is a root mean square: square it before you "
                "compare.",
            ),
            Mistake(
                "n_for_n_minus_1",
                _with_n,
                "Your factor for the draw is (n - B)/n. It is (n - B)/(n - 1): a batch of one row must have all of its "
                "noise, sigma.",
            ),
        ),
    ),
    Blank(
        name="03_stochastic_gradients.same_floor_rate",
        inputs=cases(_scaling_inputs),
        points=2,
        hints=(
            "What must be equal for the old and the new pair? Write the floor for both; sigma and one curvature cancel.",
            "Let k be new_batch/batch. Then new_lr/(2 - new_lr * curvature) must be k times lr/(2 - lr * curvature). "
            "Give the right side a name and solve for new_lr.",
            "With c for k times lr over (2 minus lr times curvature), the new rate is twice c, divided by one plus c "
            "times the curvature.",
        ),
        mistakes=(
            Mistake(
                "linear",
                lambda lr, batch, new_batch, curvature: lr * new_batch / batch,
                "You gave the linear rule. It holds while lr * curvature is small. From lr * curvature = 1, twice the batch "
                "would lead it to 2, where no run converges; exact is 4/3.",
            ),
            Mistake(
                "root",
                lambda lr, batch, new_batch, curvature: lr * math.sqrt(new_batch / batch),
                "You multiplied by the root. That keeps the noise of one step, and not the floor: for small rates the "
                "floor falls by the root of k, to a quarter at k = 16.",
            ),
            Mistake(
                "upside_down",
                lambda lr, batch, new_batch, curvature: _same(lr, batch / new_batch, curvature),
                "Your k is upside down: you divided by new_batch. A larger batch has less noise and allows a larger rate.",
            ),
            Mistake(
                "capped",
                lambda lr, batch, new_batch, curvature: min(lr * new_batch / batch, 2 / curvature),
                "You took the linear rule and cut it off at 2/curvature. The floor has no bound there, so the exact rate "
                "bends away long before and stays below.",
            ),
            Mistake(
                "old_rate_not_corrected",
                lambda lr, batch, new_batch, curvature: lr * new_batch / (batch + new_batch * lr * curvature / 2),
                "You took the old floor as lr sigma^2/(2 batch curvature), without its lr * curvature. With an unchanged "
                "batch your rate would change: at lr * curvature = 1 to two thirds.",
            ),
            Mistake(
                "factor_two_lost",
                lambda lr, batch, new_batch, curvature: _same(lr, new_batch / batch, curvature) / 2,
                "You lost a factor of 2 when you solved for the new rate. With an unchanged batch yours would be lr/2.",
            ),
        ),
    ),
    Blank(
        name="03_stochastic_gradients.steps_to_floor",
        inputs=telling(cases(_settle_inputs), _steps(_above), _steps(_all)),
        points=2,
        hints=(
            "Write E[x_t^2] as the floor plus what is left of the start (lesson, section 3). What may be left at most?",
            "What is left is (1 - lr * curvature)^(2t) (x0^2 - v), and it may be share * v. Take logarithms; that of the "
            "factor is negative and turns the inequality round. Beyond 1/curvature 1 - lr * curvature is negative and has "
            "no logarithm; its square has one.",
            "Divide the logarithm of share times v over (x0 squared minus v) by twice the logarithm of the size of "
            "1 - lr * curvature, and round up.",
        ),
        mistakes=(
            Mistake(
                "not_squared",
                lambda *call: math.ceil(2 * _settle(*call)),
                "You let the mean square shrink by 1 - lr * curvature per step. That is how the distance shrinks; its "
                "square goes twice as fast on the log axis, so you wait twice too long.",
            ),
            Mistake(
                "of_the_distance",
                lambda lr, curvature, sigma, x0, share: math.ceil(
                    math.log(share * math.sqrt(_floor(lr, curvature, sigma)) / x0) / math.log(abs(1 - lr * curvature))
                ),
                "You compared distances, x0 with the root of v. Here mean squares add up: v plus what is left of x0^2 - v.",
            ),
            Mistake(
                "floor_not_subtracted",
                _steps(lambda v, x0, share: (1 + share) * v / x0**2),
                "You let all of x0^2 shrink down to (1 + share) v. Only the part above the floor shrinks; yours arrives "
                "too early, since it would fall on to 0.",
            ),
            Mistake(
                "start_above_0",
                _steps(_all),
                "You let all of x0^2 stand above the floor; only x0^2 - v does. From x0^2 = 9 v, at lr * curvature = 0.03 "
                "and share = 1, you say 37 steps, and 35 are enough.",
            ),
            Mistake(
                "one_plus_share_left",
                _steps(lambda v, x0, share: (1 + share) * v / (x0**2 - v)),
                "You let (1 + share) v be left above the floor. The floor itself is one v of these, so only share * v may "
                "be left: in the example you say 19, where E[x^2] is still 2.4 v and not 1.5 v.",
            ),
            Mistake(
                "small_rate_floor",
                _steps(
                    lambda v, x0, share: share * v / (x0**2 - v),
                    floor=lambda lr, curvature, sigma: lr * sigma**2 / (2 * curvature),
                ),
                "You used v = lr sigma^2/(2 curvature), the floor of small rates. The floor is 2/(2 - lr * curvature) times "
                "as high, 20 times at lr * curvature = 1.9, where you wait about 14 steps too long.",
            ),
            Mistake(
                "rounded_down",
                lambda *call: math.floor(_settle(*call)),
                "You rounded down. At that step E[x^2] is still above the line; the first one below is the next.",
            ),
            Mistake(
                "rounded_to_nearest",
                lambda *call: round(_settle(*call)),
                "You rounded to the nearest step. Before the crossing E[x^2] is still above the line: round up, always.",
            ),
            Mistake(
                "not_rounded",
                _settle,
                "Your number is where the curve crosses the line. A step is whole: round up to the first one that meets "
                "the condition.",
            ),
            Mistake(
                "first_order",
                _first_order,
                "You used exp(-2 lr curvature t) for (1 - lr * curvature)^(2t). That is near for small rates; at "
                "lr * curvature = 0.5 it counts 39 % too many, and beyond 1 it is far off.",
            ),
        ),
    ),
    Blank(
        name="03_stochastic_gradients.read_off",
        inputs=cases(_floors_inputs),
        outputs=("curvature", "sigma"),
        points=3,
        hints=(
            "Two floors, two unknowns. Divide the two formulas, or turn each upside down: what is lr/v?",
            "lr/v = 2 curvature/sigma^2 - (curvature^2/sigma^2) lr is a straight line in lr. Two points give its slope "
            "and its value at lr = 0.",
            "The curvature is minus twice the slope over the value at 0. Then sigma is the root of v1 times curvature "
            "times (2 minus lr1 times curvature) over lr1.",
        ),
        mistakes=(
            Mistake(
                "variance",
                lambda *call: _read(*call, change=lambda curvature, sigma: (curvature, sigma**2)),
                "Your curvature is right. For sigma you gave its square: take the root.",
            ),
            Mistake(
                "small_rate",
                lambda lr1, v1, lr2, v2: (
                    _curvature(lr1, v1, lr2, v2),
                    math.sqrt(2 * v1 * _curvature(lr1, v1, lr2, v2) / lr1),
                ),
                "Your curvature is right. For sigma you used v = lr sigma^2/(2 curvature), which holds for small rates; "
                "at lr * curvature = 1 it is 41 % too large.",
            ),
            Mistake(
                "half_the_curvature",
                lambda lr1, v1, lr2, v2: (
                    _curvature(lr1, v1, lr2, v2) / 2,
                    _sigma(lr1, v1, _curvature(lr1, v1, lr2, v2) / 2),
                ),
                "Your curvature is half of what it should be: the line's value at lr = 0 is 2 curvature/sigma^2, with a "
                "2. Its slope has none.",
            ),
            Mistake(
                "of_the_loss",
                _of_the_loss,
                "Your curvature is right. For sigma you took v as the floor of the loss, lr sigma^2/(2 (2 - lr "
                "curvature)); it is the mean square of x, with a curvature below.",
            ),
            Mistake(
                "line_through_v_over_lr",
                _upside_down,
                "You drew the line through v/lr. It is lr/v that is a straight line in lr; v/lr is a hyperbola, with its "
                "pole at 2/curvature.",
            ),
            Mistake(
                "swapped",
                lambda *call: _read(*call, change=lambda curvature, sigma: (sigma, curvature)),
                "Both numbers are right, in the wrong order: return the curvature first.",
            ),
        ),
    ),
)
