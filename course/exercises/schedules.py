"""The blanks of 10_schedules."""

import math

import numpy as np

from course.exercises.blank import SCHEDULES, Blank, cases, log_uniform
from course.exercises.repair import errors_left
from course.mistakes import Mistake


def _milestone(errors, late=0):
    """The exercise's broken schedule with only these of its three errors left: "floor", "early", "product"."""

    def rate(t, lr, milestones, gamma, rows, batch_size):
        batches = rows // batch_size if "floor" in errors else math.ceil(rows / batch_size)
        epochs = (t if "early" in errors else t - 1) // batches
        falls = sum(epochs >= m + late for m in milestones)
        return lr * gamma * falls if "product" in errors else lr * gamma**falls

    return rate


_ERRORS = {
    "floor": "rows // batch_size forgets the short last batch of an epoch: of 1078 rows in batches of 64 it makes 16 steps "
    "in place of 17, so that after 17 epochs you are a whole epoch early",
    "early": "t // batches counts step t as taken before it is. The last step of an epoch then gets the rate of the next "
    "one",
    "product": "lr * gamma * falls multiplies where a power is meant: before the first milestone the rate is 0",
}


_LEFT = errors_left(_milestone, _ERRORS)


# Where t lies, six times each: what tells one mistake from another must not be left to chance. m is one of the milestones.
_PLACES = {
    "the last step before a fall": lambda rng, m, n: m * n,
    "the first step after it": lambda rng, m, n: m * n + 1,
    "a fall, counted without the short batch": lambda rng, m, n: m * (n - 1) + int(rng.integers(0, 2)),
    "between the two, after a batch less than half": lambda rng, m, n: int(rng.integers(m * (n - 1) + 1, m * n + 1)),
    "anywhere": lambda rng, m, n: int(rng.integers(1, 20 * n)),
    "the last step of whole batches": lambda rng, m, n: m * n,
    "where one batch too many shows": lambda rng, m, n: m * n + int(rng.integers(1, m + 1)),
}


def _milestone_inputs(rng):
    """Forty-two calls; the batches of the last two places divide the rows without a rest."""
    return [_milestone_call(rng, place, "whole" in place or "many" in place) for place in [*_PLACES] * 6]


def _milestone_call(rng, place, whole):
    batch_size = int(rng.choice([8, 16, 32, 64]))
    batches = int(rng.integers(5, 40))
    rest = batch_size if whole else int(rng.integers(1, batch_size // 2 if "half" in place else batch_size))
    rows = (batches - 1) * batch_size + rest
    milestones = sorted(int(m) for m in rng.choice(np.arange(2, 20), size=3, replace=False))
    return {
        "t": _PLACES[place](rng, int(rng.choice(milestones)), batches),
        "lr": log_uniform(rng, 1e-3, 1),
        "milestones": milestones,
        "gamma": float(rng.uniform(0.1, 0.7)),
        "rows": rows,
        "batch_size": batch_size,
    }


def _milestones_with(batches, begun=0):
    """The rate with so many batches to an epoch; begun=1 counts the epoch under way as over."""

    def rate(t, lr, milestones, gamma, rows, batch_size):
        epochs = (t - 1) // batches(rows, batch_size) + begun
        return lr * gamma ** sum(epochs >= m for m in milestones)

    return rate


def _once(t, lr, milestones, gamma, rows, batch_size):
    batches = math.ceil(rows / batch_size)
    return lr * gamma if (t - 1) // batches >= min(milestones) else lr


def _script(t, lr, start_factor, warmup, T_max):
    k = t - 1
    if k < warmup:
        return lr * (start_factor + (1 - start_factor) * k / warmup)
    return lr * (1 + math.cos(math.pi * (k - warmup) / T_max)) / 2


def _ramp(t, lr, start_factor, warmup, T_max, *, up, down):
    """A variant: up(t) and down(t) are the shares done of the line and of the cosine."""
    if t <= warmup:
        return lr * (start_factor + (1 - start_factor) * up(t))
    return lr * (1 + math.cos(math.pi * down(t))) / 2


def _variant(up=None, down=None, start=None):
    def rate(t, lr, start_factor, warmup, T_max):
        return _ramp(
            t,
            lr,
            start_factor if start is None else start,
            warmup,
            T_max,
            up=lambda t: up(t, warmup) if up else (t - 1) / warmup,
            down=lambda t: down(t, warmup, T_max) if down else (t - 1 - warmup) / T_max,
        )

    return rate


# Where t lies, eight times each, w steps of warm-up before n of the cosine: also at both ends.
_STAGES = (
    lambda rng, w, n: w,
    lambda rng, w, n: w + int(rng.integers(0, 2)),
    lambda rng, w, n: int(rng.integers(1, w + 1)),
    lambda rng, w, n: int(rng.integers(w + 1, w + n + 2)),
    lambda rng, w, n: int(rng.integers(w + 1, w + n + 2)),
)


def _script_inputs(rng):
    """Forty calls."""
    return [_script_call(rng, stage) for stage in _STAGES * 8]


def _script_call(rng, stage):
    warmup, T_max = int(rng.integers(2, 30)), int(rng.integers(20, 200))
    return {
        "t": stage(rng, warmup, T_max),
        "lr": log_uniform(rng, 1e-3, 1),
        "start_factor": float(rng.uniform(0.01, 0.5)),
        "warmup": warmup,
        "T_max": T_max,
    }


def _plateau(losses, lr, factor, patience, *, better=lambda loss, best, last: loss < best, variant=""):
    """The rate of every epoch, and its known variants."""
    rates, rate, best, last, bad = [], lr, math.inf, math.inf, 0
    for loss in losses:
        rates.append(rate)
        if better(loss, best, last):
            bad = bad if variant == "total" else 0
        else:
            bad += 1
        best, last = min(best, loss), loss
        falls = {"reached": bad >= patience, "once": bad == patience + 1}.get(variant, bad > patience)
        if falls:
            rate *= factor
            bad = bad if variant in ("kept", "once") else 0
            best = math.inf if variant == "forgets" else best
        if variant == "after":
            rates[-1] = rate
    return np.array(rates)


def _plateau_cases(rng):
    """160 draws; the last one tells a count that goes on from a best that is forgotten."""
    calls = [_plateau_inputs(rng) for _ in range(159)]
    while True:
        call = _plateau_inputs(rng)
        if not np.array_equal(_plateau(**call, variant="once"), _plateau(**call, variant="forgets")):
            return [*calls, call]


def _plateau_inputs(rng):
    # Eight losses, so that a message shows them; one decimal, so that some are equal.
    losses = 0.5 + 0.5 * np.exp(-np.arange(8) / rng.uniform(1, 3)) + 0.12 * rng.standard_normal(8)
    return {
        "losses": np.round(losses, 1),
        "lr": log_uniform(rng, 1e-2, 1),
        "factor": float(rng.uniform(0.4, 0.8)),
        "patience": int(rng.integers(1, 3)),
    }


def _noise(rates, curvature, sigma, start, *, shrink=lambda a: a**2, kick=lambda rate, sigma: (rate * sigma) ** 2):
    square = start**2
    for rate in rates:
        square = shrink(1 - rate * curvature) * square + kick(rate, sigma)
    return square


def _kick_first(rates, curvature, sigma, start):
    square = start**2
    for rate in rates:
        square = (1 - rate * curvature) ** 2 * (square + (rate * sigma) ** 2)
    return square


def _lengths(rates, curvature, sigma, start):
    length = start
    for rate in rates:
        length = (1 - rate * curvature) * length + rate * sigma
    return length**2


def _noise_inputs(rng):
    curvature, count = log_uniform(rng, 0.1, 10), int(rng.integers(2, 9))
    first, last = rng.uniform(0.1, 0.7) / curvature, rng.uniform(0.02, 0.1) / curvature
    rates = np.geomspace(first, last, count) * rng.uniform(0.7, 1.1, count)
    return {
        "rates": rates,
        "curvature": curvature,
        "sigma": float(rng.uniform(0.3, 3)),
        "start": float(rng.uniform(1, 6)) / curvature,
    }


def _flat(t, lr, beta1):
    return lr * math.sqrt((1 - beta1**t) / (1 + beta1**t))


BLANKS = (
    Blank(
        name="10_schedules.milestone_rate",
        inputs=_milestone_inputs,
        points=3,
        forbidden=SCHEDULES,
        hints=(
            "Go through it for t = 1, and for the last step of an epoch. Which epoch does each line think it is in?",
            "One error is in the number of steps of an epoch, one in the number of epochs that are over before step t, "
            "one in how several falls are put together.",
            "Round the number of batches up; divide t minus 1 by it and drop the remainder; raise gamma to the number "
            "of milestones passed.",
        ),
        mistakes=(
            *_LEFT,
            Mistake(
                "an_epoch_late",
                _milestone((), late=1),
                "Your rate falls an epoch late. A milestone of 30 means after 30 epochs: epoch 31 is the first at the "
                "lower rate, so the comparison is >=.",
            ),
            Mistake(
                "an_epoch_early",
                _milestones_with(lambda rows, batch_size: math.ceil(rows / batch_size), begun=1),
                "Your rate falls an epoch early: you count the epoch that is under way. In epoch 31 there are 30 behind "
                "step t, and a milestone counts those.",
            ),
            Mistake(
                "one_batch_too_many",
                _milestones_with(lambda rows, batch_size: rows // batch_size + 1),
                "You always add a short last batch. Where batch_size divides the rows there is none: 64 rows in batches of "
                "16 are 4 steps, not 5. Round the quotient up.",
            ),
            Mistake(
                "rounded",
                _milestones_with(lambda rows, batch_size: max(round(rows / batch_size), 1)),
                "You rounded the number of batches to the nearest. 487 rows in batches of 16 are 30 full ones and one of 7 "
                "rows: 31 steps. Round up.",
            ),
            Mistake(
                "once",
                _once,
                "You multiply by gamma once, however many milestones are over. After three of them with gamma = 0.1 you "
                "are 100 times too high.",
            ),
            Mistake(
                "steps",
                lambda t, lr, milestones, gamma, rows, batch_size: lr * gamma ** sum(t - 1 >= m for m in milestones),
                "You compared steps with milestones that are epochs. With 17 batches an epoch, the fall meant for the "
                "end of epoch 30 comes in epoch 2.",
            ),
        ),
    ),
    Blank(
        name="10_schedules.script_rate",
        inputs=_script_inputs,
        points=3,
        forbidden=SCHEDULES,
        hints=(
            "Count as torch does: k = t - 1 steps are taken before step t. Which scheduler is in charge at k = 0, at "
            "k = warmup - 1, at k = warmup?",
            "LinearLR goes from start_factor at k = 0 to 1 at k = warmup. The milestone hands over at k = warmup, and "
            "the cosine begins its own count at 0 there.",
            "While t - 1 is below warmup: lr times start_factor plus the rest of the way to 1, times (t - 1)/warmup. "
            "After that half a cosine of (t - 1 - warmup)/T_max.",
        ),
        mistakes=(
            Mistake(
                "one_ahead",
                _variant(up=lambda t, w: t / w, down=lambda t, w, T: (t - w) / T),
                "You counted both parts from 1: your rate of step t is torch's of step t + 1. The peak comes at step "
                "warmup in place of warmup + 1.",
            ),
            Mistake(
                "warmup_one_ahead",
                _variant(up=lambda t, w: t / w),
                "Your cosine is right, your warm-up is a step ahead: it reaches 1 at step warmup, and the peak is "
                "there twice.",
            ),
            Mistake(
                "cosine_one_ahead",
                _variant(down=lambda t, w, T: (t - w) / T),
                "Your warm-up is right, your cosine is a step ahead: step warmup + 1 is its count 0, and the peak is "
                "left out.",
            ),
            Mistake(
                "starts_at_zero",
                _variant(start=0.0),
                "You left out start_factor: your first step has the rate 0, and is wasted. LinearLR begins at "
                "start_factor times lr.",
            ),
            Mistake(
                "cosine_from_the_start",
                _variant(down=lambda t, w, T: (t - 1) / T),
                "Your cosine has counted the warm-up too. SequentialLR lets each scheduler count its own steps from 0, "
                "so the first rate after the warm-up is the full lr.",
            ),
            Mistake(
                "lessons_warmup",
                _variant(up=lambda t, w: t / w, down=lambda t, w, T: (t - w) / T, start=0.0),
                "That is the lesson's warm-up, lr t/w, with its peak at step warmup. LinearLR begins at start_factor times "
                "lr, and its peak is at step warmup + 1.",
            ),
            Mistake(
                "lr_missing",
                lambda t, lr, start_factor, warmup, T_max: (
                    _script(t, 1.0, start_factor, warmup, T_max)
                    if t <= warmup
                    else _script(t, lr, start_factor, warmup, T_max)
                ),
                "Your warm-up goes from start_factor to 1, whatever lr is. These are factors: multiply by lr.",
            ),
            Mistake(
                "cosine_of_the_rest",
                _variant(down=lambda t, w, T: (t - 1 - w) / max(T - w, 1)),
                "You took T_max for the length of the whole run and gave the cosine what the warm-up leaves. T_max is the "
                "cosine's own: it is at 0 after warmup + T_max steps.",
            ),
            Mistake(
                "one_step_less",
                _variant(up=lambda t, w: (t - 1) / max(w - 1, 1)),
                "Your line is full at step warmup. LinearLR needs total_iters calls of scheduler.step(), so it is full at "
                "step warmup + 1.",
            ),
        ),
    ),
    Blank(
        name="10_schedules.plateau_rates",
        inputs=_plateau_cases,
        points=3,
        forbidden=SCHEDULES,
        hints=(
            "Keep three things from epoch to epoch: the rate, the best loss so far, and how many bad epochs came in a "
            "row.",
            "For each loss: note the rate of this epoch first. Then: below the best? New best, count 0. Else one more bad "
            "epoch. More than patience of them? Multiply the rate, count 0.",
            "Append the rate; if the loss is below the best, store it and set the count to zero, else add one; if the "
            "count is above patience, multiply the rate by factor and set the count to zero. The best stays.",
        ),
        mistakes=(
            Mistake(
                "patience_reached",
                lambda losses, lr, factor, patience: _plateau(losses, lr, factor, patience, variant="reached"),
                "Your rate falls with the bad epoch number `patience`. Torch waits for one more: patience = 2 falls "
                "after the third in a row.",
            ),
            Mistake(
                "equal_is_better",
                lambda losses, lr, factor, patience: _plateau(
                    losses, lr, factor, patience, better=lambda loss, best, last: loss <= best
                ),
                "You count a loss that equals the best as good. It must be below: a loss that stays at 0.70 for ever is "
                "a plateau.",
            ),
            Mistake(
                "last_epoch",
                lambda losses, lr, factor, patience: _plateau(
                    losses, lr, factor, patience, better=lambda loss, best, last: loss < last
                ),
                "You compare with the last epoch and not with the best. Losses of 0.7, 0.9, 0.8, 0.9, 0.8 then have no "
                "two bad epochs in a row, and never get below 0.7.",
            ),
            Mistake(
                "in_total",
                lambda losses, lr, factor, patience: _plateau(losses, lr, factor, patience, variant="total"),
                "You count all bad epochs since the last fall. A good epoch must set the count back to 0: they have to "
                "come in a row.",
            ),
            Mistake(
                "count_kept",
                lambda losses, lr, factor, patience: _plateau(losses, lr, factor, patience, variant="kept"),
                "You did not set the count to 0 when the rate fell. Every further bad epoch then lowers it again: five of "
                "them at factor 0.1, and the rate is gone.",
            ),
            Mistake(
                "once_a_row",
                lambda losses, lr, factor, patience: _plateau(losses, lr, factor, patience, variant="once"),
                "Your count goes on after the rate has fallen, and the rate falls only where the count is exactly "
                "patience + 1: in a long row of bad epochs once. Set the count to 0 at each fall.",
            ),
            Mistake(
                "best_forgotten",
                lambda losses, lr, factor, patience: _plateau(losses, lr, factor, patience, variant="forgets"),
                "You forgot the best loss when the rate fell, so that the next epoch is good whatever its loss. In torch "
                "the new rate must beat the old best.",
            ),
            Mistake(
                "after_the_epoch",
                lambda losses, lr, factor, patience: _plateau(losses, lr, factor, patience, variant="after"),
                "You return the rate after each epoch. Wanted is the one that the epoch was trained with: the first is lr, "
                "and the last loss changes nothing any more.",
            ),
        ),
    ),
    Blank(
        name="10_schedules.noise_left",
        inputs=cases(_noise_inputs),
        points=2,
        hints=(
            "Begin with start squared and go through the rates, one step of the boxed formula for each.",
            "A step multiplies the mean square by (1 - rate * curvature) squared, and then adds its own kick, which has "
            "the variance (rate * sigma) squared.",
            "square = (one minus rate times curvature) squared, times square, plus rate squared times sigma squared; "
            "return square after the last rate.",
        ),
        mistakes=(
            Mistake(
                "rate_not_squared",
                lambda rates, curvature, sigma, start: _noise(
                    rates, curvature, sigma, start, kick=lambda rate, sigma: rate * sigma**2
                ),
                "You added rate * sigma^2. The kick is rate * sigma * xi, so its square holds rate^2: at a rate of 0.01 "
                "yours is 100 times too large.",
            ),
            Mistake(
                "sigma_not_squared",
                lambda rates, curvature, sigma, start: _noise(
                    rates, curvature, sigma, start, kick=lambda rate, sigma: rate**2 * sigma
                ),
                "You added rate^2 * sigma. sigma is a standard deviation: a variance has its square.",
            ),
            Mistake(
                "factor_not_squared",
                lambda rates, curvature, sigma, start: _noise(rates, curvature, sigma, start, shrink=lambda a: a),
                "You multiplied the mean square by 1 - rate * curvature. That is the factor of x; its square has the "
                "square of it. At rate * curvature = 0.1 that is 0.81, and you have 0.9.",
            ),
            Mistake(
                "lengths_added",
                _lengths,
                "You added the kick's length to the distance's and squared at the end. Kicks that know nothing of each other "
                "add as squares: two of length 1 make a mean square of 2, not 4.",
            ),
            Mistake(
                "kick_shrunk",
                _kick_first,
                "Your kick is shrunk by the step that makes it. Only later steps shrink it: first multiply, then add.",
            ),
            Mistake(
                "without_start",
                lambda rates, curvature, sigma, start: _noise(rates, curvature, sigma, 0.0),
                "You left out the start. It is forgotten only as far as the product of the factors says.",
            ),
            Mistake(
                "start_not_squared",
                lambda rates, curvature, sigma, start: _noise(rates, curvature, sigma, math.sqrt(start)),
                "You began with start in place of its square. The recursion is about x^2: from x = -5 it begins at 25.",
            ),
            Mistake(
                "last_floor",
                lambda rates, curvature, sigma, start: rates[-1] * sigma**2 / (curvature * (2 - rates[-1] * curvature)),
                "You gave the floor of the last rate. A run gets there only if it stays at that rate for long; here it "
                "has just arrived, with the noise of the larger rates before.",
            ),
            Mistake(
                "the_loss",
                lambda rates, curvature, sigma, start: curvature / 2 * _noise(rates, curvature, sigma, start),
                "You returned the expected loss, curvature/2 times the mean square. Asked for is the mean square itself.",
            ),
            Mistake(
                "root",
                lambda rates, curvature, sigma, start: math.sqrt(_noise(rates, curvature, sigma, start)),
                "You took the root at the end. Asked for is the mean square itself.",
            ),
        ),
    ),
    Blank(
        name="10_schedules.even_warmup",
        inputs=cases(
            lambda rng: {
                "t": int(log_uniform(rng, 1, 60)),
                "lr": log_uniform(rng, 1e-4, 1),
                "beta1": float(rng.uniform(0.5, 0.97)),
            }
        ),
        points=3,
        hints=(
            "The step on noise has the size rate times the root of the lesson's variance of m_hat. Write it for step t "
            "and for the long run, and set the two equal.",
            "(1 - beta1)/(1 + beta1) stands on both sides and cancels. What is left of the variance at step t is "
            "(1 + beta1^t)/(1 - beta1^t).",
            "It is lr times the root of one minus beta1^t over one plus beta1^t.",
        ),
        mistakes=(
            Mistake(
                "no_root",
                lambda t, lr, beta1: lr * (1 - beta1**t) / (1 + beta1**t),
                "You divided by the variance. A step has the size of its root: at step 1 with beta1 = 0.9 yours is 0.053 "
                "lr, where 0.229 lr is right.",
            ),
            Mistake(
                "variance_in_place_of_root",
                lambda t, lr, beta1: lr * (1 + beta1) / (1 - beta1) * (1 - beta1**t) / (1 + beta1**t),
                "You divided by the whole variance of m_hat. A step has the size of its root, and in the long run your "
                "rate must be lr: with beta1 = 0.9 it is 19 lr.",
            ),
            Mistake(
                "inverted",
                lambda t, lr, beta1: lr * math.sqrt((1 + beta1**t) / (1 - beta1**t)),
                "Your ratio is upside down: the first steps are too long already, and yours makes them longer, by 4.36 "
                "at step 1 with beta1 = 0.9.",
            ),
            Mistake(
                "variance_multiplied",
                lambda t, lr, beta1: lr * (1 - beta1) / (1 + beta1) * (1 + beta1**t) / (1 - beta1**t),
                "You multiplied by the variance of m_hat. Where m_hat is large, the rate must be small: divide by its size. "
                "In the long run your rate is 0.053 lr at beta1 = 0.9, and it must be lr.",
            ),
            Mistake(
                "correction_alone",
                lambda t, lr, beta1: lr * (1 - beta1**t),
                "You undid the correction of m. At step 1 with beta1 = 0.9 that leaves 0.1 lr in place of 0.229 lr: "
                "the first steps become shorter than the later ones.",
            ),
            Mistake(
                "correction_root",
                lambda t, lr, beta1: lr * math.sqrt(1 - beta1**t),
                "You took 1 + beta1^t for 1. At step 1 with beta1 = 0.9 yours is 0.316 lr in place of 0.229 lr.",
            ),
            Mistake(
                "always_lr",
                lambda t, lr, beta1: lr * math.sqrt((1 + beta1) / (1 - beta1) * (1 - beta1**t) / (1 + beta1**t)),
                "You made every step as long as the first one, lr. Wanted is the length of the later ones: in the long run "
                "your rate must be lr, and it is 4.36 lr at beta1 = 0.9.",
            ),
            Mistake(
                "t_from_zero",
                lambda t, lr, beta1: _flat(t - 1, lr, beta1),
                "You counted t from 0: your first step has the rate 0 and is wasted.",
            ),
            Mistake(
                "straight",
                lambda t, lr, beta1: lr * min(1, t * (1 - beta1)),
                "That is a straight line over 1/(1 - beta1) steps, a rule of thumb. Here the rate must make the steps "
                "on noise exactly even: solve for it.",
            ),
        ),
    ),
)
