"""The blanks of 07_rmsprop."""

import math

import numpy as np

from course.exercises.blank import OPTIMIZERS, Blank, cases, log_uniform, stream, telling
from course.exercises.repair import errors_left
from course.mistakes import MISTAKES, Mistake


def _given(errors):
    """The exercise's broken RMSprop with only these of its three errors left: "sum", "inside", "stale"."""

    def rule(theta, g, t, v=0.0, *, lr=1e-2, alpha=0.99, eps=1e-8):
        new = alpha * v + (g**2 if "sum" in errors else (1 - alpha) * g**2)
        used = v if "stale" in errors else new
        below = np.sqrt(used + eps) if "inside" in errors else np.sqrt(used) + eps
        return theta - lr * g / below, new

    return rule


_ERRORS = {
    "stale": "theta moves before v has seen this gradient, so that the first step divides by eps alone",
    "sum": "v adds g^2 without the factor (1 - alpha): 100 times too large at alpha = 0.99",
    "inside": "eps stands inside the root, which cuts steps on gradients below sqrt(eps) = 1e-4",
}
_LEFT = errors_left(_given, _ERRORS, lambda left: len(left) > 1)  # MISTAKES["rmsprop"] knows each of them alone


def _steady(variance, *, sign=-1, inside=False, rooted=True, stale=False):
    """A centered RMSprop whose s comes from `variance(s, m, new_m, g, alpha)`, right but for the given errors."""

    def rule(theta, g, t, s=0.0, m=0.0, *, lr=1e-2, alpha=0.99, eps=1e-8):
        new_m = alpha * m + (1 - alpha) * g
        new_s = variance(s, m, new_m, g, alpha)
        used = s if stale else new_s
        below = np.sqrt(used + eps) if inside else (np.sqrt(used) if rooted else used) + eps
        return theta + sign * lr * g / below, new_s, new_m

    return rule


def _variance(s, m, new_m, g, alpha):
    return alpha * (s + (1 - alpha) * (g - m) ** 2)


def _difference(s, m, new_m, g, alpha):
    return alpha * (s + m**2) + (1 - alpha) * g**2 - new_m**2


def _with_a_constant(**ranges):
    """A stream whose third coordinate is always the same: there v - m^2 is lost in rounding."""
    draw = stream(**ranges)

    def inputs(rng):
        calls = draw(rng)
        for call in calls:
            call["g"][2] = calls[0]["g"][2]
        return calls

    return inputs


def _after_silence(n, alpha, ratio):
    return ratio / math.sqrt(alpha ** (n + 1) + (1 - alpha) * ratio**2)


# alpha_for


def _epochs_inputs(rng):
    """One epoch in three has no smaller batch at its end."""
    epochs, batch = round(log_uniform(rng, 0.2, 5), 2), int(rng.integers(16, 257))
    whole = batch * int(log_uniform(rng, 3, 60))
    rest = int(rng.integers(1, batch)) * int(rng.integers(0, 3) > 0)
    return {"epochs": epochs, "images": whole + rest, "batch_size": batch}


def _alpha(epochs, images, batch_size):
    return 0.25 ** (1 / (epochs * math.ceil(images / batch_size)))


def _one_too_many(epochs, images, batch_size):
    return 0.25 ** (1 / (epochs * (images // batch_size + 1)))


BLANKS = (
    Blank(
        name="07_rmsprop.rmsprop",
        inputs=stream(lr=(1e-3, 1.0), alpha=(0.9, 0.99), eps=(1e-9, 1e-7)),
        outputs=("theta", "v"),
        chained=True,
        points=3,
        forbidden=OPTIMIZERS,
        hints=(
            "Hold each line beside RMSprop's two formulas, and look at the order of the lines too.",
            "One error is in the weight of the new square, one in what stands under the root, and one in which v the "
            "step divides by: that of the last step or that of this one.",
            "First v: alpha times the old one plus (1 - alpha) times g squared. Then theta, with the root of this new v, "
            "and eps added to the root.",
        ),
        mistakes=(*MISTAKES["rmsprop"], *_LEFT),
    ),
    Blank(
        name="07_rmsprop.alpha_for",
        inputs=telling(cases(_epochs_inputs), _alpha, _one_too_many),
        points=2,
        hints=(
            "Count first how many steps there are; then say what must have happened to v, so that lr/sqrt(v) is twice "
            "as large.",
            "An epoch has images/batch_size steps, rounded up: the last batch is smaller. The root must halve, so v "
            "must fall to a quarter.",
            "It is one quarter, to the power of one over the number of steps.",
        ),
        mistakes=(
            Mistake(
                "v_halves",
                lambda epochs, images, batch_size: 0.5 ** (1 / (epochs * math.ceil(images / batch_size))),
                "With your alpha v has halved by then. The step divides by its root, which has only fallen to 0.71: "
                "the rate is 1.41 times as large, not twice.",
            ),
            Mistake(
                "time_constant",
                lambda epochs, images, batch_size: 1 - 1 / (epochs * math.ceil(images / batch_size)),
                "You solved 1/(1 - alpha) = steps. After a time constant 0.37 of v is left (for long memories) and 0.61 of its root, so the "
                "rate is 1.65 times as large, not twice.",
            ),
            Mistake(
                "part_of_a_step",
                lambda epochs, images, batch_size: 0.25 ** (batch_size / (epochs * images)),
                "You counted images/batch_size steps an epoch, with a fraction. The last, smaller batch is a step as "
                "well: round up.",
            ),
            Mistake(
                "last_batch_dropped",
                lambda epochs, images, batch_size: 0.25 ** (1 / (epochs * (images // batch_size))),
                "You rounded the steps of an epoch down. The last, smaller batch is a step as well: round up.",
            ),
            Mistake(
                "one_too_many",
                _one_too_many,
                "You added a last batch to every epoch. Where batch_size divides images there is none: round up in place "
                "of adding 1.",
            ),
            Mistake(
                "rounded_at_the_end",
                lambda epochs, images, batch_size: 0.25 ** (1 / math.ceil(epochs * images / batch_size)),
                "You rounded up after multiplying by epochs. Each epoch ends with its smaller batch: round up the steps of "
                "one epoch, then multiply.",
            ),
            Mistake(
                "to_one_e",
                lambda epochs, images, batch_size: math.exp(-1 / (epochs * math.ceil(images / batch_size))),
                "With your alpha v has fallen to 1/e by then, and its root to 0.61: the rate is 1.65 times as large, not "
                "twice.",
            ),
            Mistake(
                "per_epoch",
                lambda epochs, images, batch_size: 0.25 ** (1 / epochs),
                "You gave the share that an epoch keeps. alpha is the share that one step keeps: with 100 steps an epoch "
                "your memory is 100 times too short.",
            ),
            Mistake(
                "root_of_a_half",
                lambda epochs, images, batch_size: 0.5 ** (0.5 / (epochs * math.ceil(images / batch_size))),
                "You took the root where a square belongs: the root of v must halve, so v must fall to a quarter. With "
                "your alpha the rate has grown by 1.19 only.",
            ),
            Mistake(
                "images_for_steps",
                lambda epochs, images, batch_size: 0.25 ** (1 / (epochs * images)),
                "You counted images. v is updated once a batch, so with batches of 64 your memory is 64 times too long.",
            ),
        ),
    ),
    Blank(
        name="07_rmsprop.eps_inside_for",
        inputs=cases(lambda rng: {"eps": log_uniform(rng, 1e-4, 1e-1), "v": log_uniform(rng, 1e-6, 1)}),
        points=1,
        hints=(
            "The two steps are equal when their denominators are.",
            "Set sqrt(v + eps') equal to sqrt(v) + eps, and square both sides.",
            "v cancels; twice eps times the root of v is left, plus the square of eps.",
        ),
        mistakes=(
            Mistake(
                "square",
                lambda eps, v: eps**2,
                "You gave eps^2. That is right where v = 0; at v = 1e-4 and eps = 1e-3 the answer is 21 times as large.",
            ),
            Mistake(
                "first_order",
                lambda eps, v: 2 * eps * math.sqrt(v),
                "You left out eps^2, which is nearly right where eps is far below sqrt(v). At v = 0 yours gives 0, and the step "
                "would divide by zero.",
            ),
            Mistake(
                "not_subtracted",
                lambda eps, v: (math.sqrt(v) + eps) ** 2,
                "You gave the whole of (sqrt(v) + eps)^2. It stands under the root together with v: subtract v.",
            ),
            Mistake(
                "v_subtracted_too_soon",
                lambda eps, v: math.sqrt(v) + eps - v,
                "You subtracted v from sqrt(v) + eps. Square both sides first; only then does v stand alone.",
            ),
            Mistake(
                "other_way",
                lambda eps, v: math.sqrt(v + eps) - math.sqrt(v),
                "You converted the other way: this is the eps outside that takes the step of eps inside.",
            ),
            Mistake(
                "root",
                lambda eps, v: math.sqrt(eps),
                "You gave sqrt(eps). An eps inside the root is added to a square, so it must be smaller than the one "
                "outside, not larger: for v = 0 it is eps^2.",
            ),
            Mistake(
                "unchanged",
                lambda eps, v: eps,
                "You gave eps itself. On a first gradient of 1e-5, with 1e-8 and alpha = 0.99, that step is 99 times too short.",
            ),
            Mistake(
                "root_forgotten",
                lambda eps, v: 2 * eps * v + eps**2,
                "You wrote 2 eps v where 2 eps sqrt(v) belongs: the denominator outside is sqrt(v) + eps, not v + eps.",
            ),
        ),
    ),
    Blank(
        name="07_rmsprop.after_silence",
        inputs=cases(
            lambda rng: {
                "n": int(log_uniform(rng, 1, 1000)),
                "alpha": float(1 - log_uniform(rng, 3e-3, 0.1)),
                "ratio": log_uniform(rng, 0.05, 20),
            }
        ),
        points=2,
        hints=(
            "Follow v: it is 1 at the end of the steady time (in units of the old gradient's square). What is it after n "
            "zeros, and after the next step?",
            "n zeros leave alpha^n. The step that takes the new gradient forgets once more and adds its own share of "
            "ratio squared.",
            "Divide ratio by the root of: alpha to the n + 1, plus one minus alpha times ratio squared.",
        ),
        mistakes=(
            Mistake(
                "one_too_few",
                lambda n, alpha, ratio: ratio / math.sqrt(alpha**n + (1 - alpha) * ratio**2),
                "You wrote alpha^n. The step that brings the new gradient forgets as well: alpha^(n + 1).",
            ),
            Mistake(
                "stale",
                lambda n, alpha, ratio: ratio / math.sqrt(alpha**n),
                "You divided by v from before the new gradient, so your step grows without bound. With its own share in v "
                "it stays below 1/sqrt(1 - alpha): 10 lr at alpha = 0.99.",
            ),
            Mistake(
                "new_alone",
                lambda n, alpha, ratio: 1 / math.sqrt(1 - alpha),
                "You took the memory as empty. That is the limit for n to infinity; after 69 zeros at alpha = 0.99 half of v is "
                "still there, and for ratio = 1 the step is 1.41 lr, not 10 lr.",
            ),
            Mistake(
                "ratio_not_squared",
                lambda n, alpha, ratio: ratio / math.sqrt(alpha ** (n + 1) + (1 - alpha) * ratio),
                "v takes the square of the new gradient; you added (1 - alpha) ratio.",
            ),
            Mistake(
                "no_root",
                lambda n, alpha, ratio: ratio / (alpha ** (n + 1) + (1 - alpha) * ratio**2),
                "You divided by v and not by its root: a step would then have the size of 1/g.",
            ),
            Mistake(
                "sum",
                lambda n, alpha, ratio: ratio / math.sqrt(alpha ** (n + 1) + ratio**2),
                "You added the new square without its weight (1 - alpha). Your step never exceeds 1 lr; after a long silence "
                "it is 10 lr at alpha = 0.99.",
            ),
            Mistake(
                "weights_swapped",
                lambda n, alpha, ratio: ratio / math.sqrt((1 - alpha) * alpha**n + ratio**2),
                "You gave the old mean square the weight (1 - alpha). v = 1 is kept with alpha at every step; it is the new "
                "square that gets (1 - alpha).",
            ),
            Mistake(
                "old_gradient_on_top",
                lambda n, alpha, ratio: 1 / math.sqrt(alpha ** (n + 1) + (1 - alpha) * ratio**2),
                "Your denominator is right. On top stands the new gradient, whose size is ratio, not 1.",
            ),
            Mistake(
                "silence_is_forgotten_by_root",
                lambda n, alpha, ratio: ratio / (math.sqrt(alpha) ** (n + 1) + math.sqrt(1 - alpha) * ratio),
                "You took the root of each term. The root of a sum is less than the sum of the roots: at n = 69, alpha = "
                "0.99 and ratio = 1 you say 1.24 lr, it is 1.41 lr.",
            ),
        ),
    ),
    Blank(
        name="07_rmsprop.centered",
        inputs=_with_a_constant(lr=(1e-3, 1.0), alpha=(0.3, 0.5), eps=(1e-9, 1e-7)),
        outputs=("theta", "s", "m"),
        chained=True,
        points=3,
        forbidden=OPTIMIZERS,
        hints=(
            "Put v_t = alpha v + (1 - alpha) g^2 and m_t = alpha m + (1 - alpha) g into v_t - m_t^2, and write v as s + m^2.",
            "Collect the terms in m^2, in g^2 and in m g. All three carry the factor alpha (1 - alpha): together they are "
            "a square.",
            "The new s is alpha times the sum of the old s and (1 - alpha) (g - m)^2, with m from before this gradient.",
        ),
        mistakes=(
            Mistake(
                "no_alpha",
                _steady(lambda s, m, new_m, g, alpha: alpha * s + (1 - alpha) * (g - m) ** 2),
                "You gave (g - m)^2 the weight (1 - alpha). It is alpha (1 - alpha): from zero, one gradient leaves v - m^2 = alpha "
                "(1 - alpha) g^2.",
            ),
            Mistake(
                "new_mean",
                _steady(lambda s, m, new_m, g, alpha: alpha * (s + (1 - alpha) * (g - new_m) ** 2)),
                "You subtracted the new mean, which already holds a share of g. The difference is then alpha times too "
                "small, and its square alpha^2.",
            ),
            Mistake(
                "new_mean_no_alpha",
                _steady(lambda s, m, new_m, g, alpha: alpha * s + (1 - alpha) * (g - new_m) ** 2),
                "You averaged the squared distance from the new mean, with weight (1 - alpha). With the new mean the square carries "
                "alpha^2; the identity wants alpha.",
            ),
            Mistake(
                "difference",
                _steady(_difference),
                "You rebuilt v as s + m^2 and subtracted m^2 again: two nearly equal numbers, so rounding is back, and with it "
                "a root of less than 0 (or, cut off at 0, a step of lr * g / eps). Cancel m^2 on paper.",
            ),
            Mistake(
                "old_square_forgotten",
                _steady(lambda s, m, new_m, g, alpha: alpha * s + (1 - alpha) * g**2 - new_m**2),
                "You took the old s for the old v. The old v is s + m^2; without its m^2 your s can fall below 0.",
            ),
            Mistake(
                "not_centered",
                _steady(lambda s, m, new_m, g, alpha: alpha * s + (1 - alpha) * g**2),
                "Your s is the mean square, m is not subtracted: this is plain RMSprop.",
            ),
            Mistake(
                "mean_not_squared",
                _steady(lambda s, m, new_m, g, alpha: alpha * (s + (1 - alpha) * abs(g - m))),
                "You averaged the distance |g - m| and not its square, so the root of s has not the units of g.",
            ),
            Mistake(
                "stale",
                _steady(_variance, stale=True),
                "You divided by s from before this gradient. At the first step that is 0: the step is lr * g / eps.",
            ),
            Mistake(
                "eps_inside",
                _steady(_variance, inside=True),
                "You divided by sqrt(s + eps); eps belongs outside the root. On gradients of 1 nobody sees it; on gradients "
                "of 1e-5 with eps = 1e-8 it decides.",
            ),
            Mistake(
                "no_root",
                _steady(_variance, rooted=False),
                "You divided by s and not by its root: the step then has the size of 1/g, longest where the slope is "
                "least.",
            ),
            Mistake(
                "wrong_sign",
                _steady(_variance, sign=1),
                "You added the step. The gradient points uphill, so the parameters must move by minus the rate times it.",
            ),
        ),
    ),
)
