"""The blanks of 08_adam."""

import math

import numpy as np

from course.exercises.blank import OPTIMIZERS, Blank, cases, log_uniform, stream
from course.exercises.repair import errors_left
from course.mistakes import MISTAKES, Mistake


def _given(errors):
    """The exercise's broken Adam with only these of its three errors left: "sum", "constant", "fed_back"."""

    def rule(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        m = beta1 * m + (g if "sum" in errors else (1 - beta1) * g)
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2 ** (1 if "constant" in errors else t))
        theta = theta - lr * m_hat / (np.sqrt(v_hat) + eps)
        return theta, m_hat if "fed_back" in errors else m, v

    return rule


_ERRORS = {
    "sum": "m adds g without the factor (1 - beta1): 10 times too large at beta1 = 0.9",
    "constant": "v is divided by 1 - beta2 at every step: after a long run v_hat is 1000 times too large at "
    "beta2 = 0.999, and steps are 32 times too short",
    "fed_back": "m_hat is returned as the state, so that it is corrected again at the next step",
}
_LEFT = errors_left(_given, _ERRORS, lambda left: left != {"sum"})  # MISTAKES["adam"] knows it, as sum_for_m


def _correction_over(tolerance, beta2):
    return math.ceil(math.log(1 - (1 - tolerance) ** 2) / math.log(beta2))


def _resumed(saved, k, beta1, beta2):
    t = saved + k
    return (1 - beta1**t) / (1 - beta1**k) * math.sqrt((1 - beta2**k) / (1 - beta2**t))


def _spike(lr, beta1, beta2):
    return lr * (1 - beta1) / math.sqrt(1 - beta2)


BLANKS = (
    Blank(
        name="08_adam.adam",
        inputs=stream(lr=(1e-3, 1.0), beta1=(0.5, 0.95), beta2=(0.9, 0.999), eps=(1e-9, 1e-7)),
        outputs=("theta", "m", "v"),
        chained=True,
        forbidden=OPTIMIZERS,
        points=3,
        hints=(
            "Hold each line beside Adam's four formulas. The line that moves theta is right as it stands.",
            "One error is in a running mean, one in a correction, one in what is returned. A mean's weights add up to "
            "1 - beta^t, and both corrections fade as t grows.",
            "Give g the weight one minus beta1; raise beta2 to the power t in the correction of v; return the means "
            "themselves, not the corrected ones.",
        ),
        mistakes=(*MISTAKES["adam"], *_LEFT),
    ),
    Blank(
        name="08_adam.eps_for_keras",
        inputs=cases(
            lambda rng: {
                "eps": log_uniform(rng, 1e-10, 1e-3),
                "t": int(log_uniform(rng, 1, 5000)),
                "beta2": float(rng.uniform(0.9, 0.9999)),
            }
        ),
        points=1,
        hints=(
            "Write both forms as m over something, and compare what stands below.",
            "In torch's form multiply above and below by the root of 1 - beta2^t. The root of v_hat turns into the "
            "root of v. What does eps turn into?",
            "It is eps times the root of the share that v has reached at step t.",
        ),
        mistakes=(
            Mistake(
                "divided",
                lambda eps, t, beta2: eps / math.sqrt(1 - beta2**t),
                "You converted the other way: eps / sqrt(1 - beta2^t) is the eps that torch would need to take the "
                "step of the Keras form. At step 1 with beta2 = 0.999 you are off by a factor of 1000.",
            ),
            Mistake(
                "no_root",
                lambda eps, t, beta2: eps * (1 - beta2**t),
                "You multiplied by 1 - beta2^t and not by its root. eps joins the root of v, so it scales as the root: "
                "at step 1 with beta2 = 0.999 yours is 32 times too small.",
            ),
            Mistake(
                "first_step_only",
                lambda eps, t, beta2: eps * math.sqrt(1 - beta2),
                "You gave the value of step 1 for every step. After a long run the two forms agree without any "
                "conversion, and yours is still 32 times too small at beta2 = 0.999.",
            ),
            Mistake(
                "t_from_zero",
                lambda eps, t, beta2: eps * math.sqrt(1 - beta2 ** (t - 1)),
                "You used beta2^(t - 1). t is 1 at the first step, where yours gives 0 and the step may divide by "
                "zero.",
            ),
            Mistake(
                "unchanged",
                lambda eps, t, beta2: eps,
                "You gave eps itself. That takes another step until v is full: on gradients of 1e-7 the first step is "
                "0.24 lr in place of torch's 0.91 lr.",
            ),
        ),
    ),
    Blank(
        name="08_adam.correction_over",
        inputs=cases(
            lambda rng: {"tolerance": log_uniform(rng, 1e-4, 0.3), "beta2": 1 - log_uniform(rng, 1e-4, 0.2)}
        ),
        points=2,
        hints=(
            "The root of E[v_t] has reached the share sqrt(1 - beta2^t) of its target.",
            "Square the condition, bring beta2^t alone to one side, and take logarithms. log(beta2) is negative: "
            "dividing by it turns the inequality round.",
            "Take the logarithm of one minus the square of (one minus the tolerance), divide by the logarithm of "
            "beta2, and round up to a whole step.",
        ),
        mistakes=(
            Mistake(
                "no_root",
                lambda tolerance, beta2: math.ceil(math.log(tolerance) / math.log(beta2)),
                "You waited until v itself is near its target; the step has the root of v, which is there sooner. "
                "For 1 % at beta2 = 0.999 you say 4603, the root needs 3916.",
            ),
            Mistake(
                "rounded_down",
                lambda tolerance, beta2: math.floor(math.log(1 - (1 - tolerance) ** 2) / math.log(beta2)),
                "You rounded down, which is one step early: there the error is still above the tolerance.",
            ),
            Mistake(
                "time_constant",
                lambda tolerance, beta2: math.ceil(1 / (1 - beta2)),
                "You gave 1/(1 - beta2), the mean's time constant. By then E[v_t] has reached 63 % of its target, and "
                "its root 80 %, whatever the tolerance.",
            ),
            Mistake(
                "first_order",
                lambda tolerance, beta2: math.ceil(math.log(2 * tolerance) / math.log(beta2)),
                "You replaced 1 - (1 - tolerance)^2 by 2 * tolerance. That is near for small tolerances: for 1 % at "
                "beta2 = 0.999 you say 3911, the exact answer is 3916.",
            ),
            Mistake(
                "not_whole",
                lambda tolerance, beta2: math.log(1 - (1 - tolerance) ** 2) / math.log(beta2),
                "Your number is where the curve crosses the line. A step is whole: round up to the first one that "
                "meets the tolerance.",
            ),
        ),
    ),
    Blank(
        name="08_adam.resumed_step",
        inputs=cases(
            lambda rng: {
                "saved": int(log_uniform(rng, 1, 20_000)),
                "k": int(log_uniform(rng, 1, 500)),
                "beta1": float(rng.uniform(0.5, 0.95)),
                "beta2": float(rng.uniform(0.9, 0.9999)),
            }
        ),
        points=2,
        hints=(
            "m and v are the same in both runs. Only the two corrections differ.",
            "The wrong run corrects for k steps, the right one for saved + k. Write each step as m over the root of v "
            "with its own corrections, and divide: m and v cancel.",
            "It is the right correction of m over the wrong one, times the root of the wrong correction of v over the "
            "right one; a correction here is one minus beta to the power of its step.",
        ),
        mistakes=(
            Mistake(
                "inverted",
                lambda saved, k, beta1, beta2: 1 / _resumed(saved, k, beta1, beta2),
                "You gave right over wrong. The question is how long the wrong step is in units of the right one: "
                "0.316, not 3.16, just after a long run.",
            ),
            Mistake(
                "right_step_is_saved",
                lambda saved, k, beta1, beta2: (
                    (1 - beta1**saved) / (1 - beta1**k) * math.sqrt((1 - beta2**k) / (1 - beta2**saved))
                ),
                "You corrected the right run for `saved` steps. At the k-th step after the break it has made saved + k.",
            ),
            Mistake(
                "long_run",
                lambda saved, k, beta1, beta2: math.sqrt(1 - beta2**k) / (1 - beta1**k),
                "You took the right run's corrections as 1. That holds after a long run only: for saved = 100 and "
                "k = 1 you say 0.316, the answer is 1.02.",
            ),
            Mistake(
                "no_root",
                lambda saved, k, beta1, beta2: (
                    (1 - beta1 ** (saved + k)) / (1 - beta1**k) * (1 - beta2**k) / (1 - beta2 ** (saved + k))
                ),
                "You left out the root over v's correction. Just after a long run you say 0.01 in place of 0.316.",
            ),
            Mistake(
                "v_alone",
                lambda saved, k, beta1, beta2: math.sqrt((1 - beta2**k) / (1 - beta2 ** (saved + k))),
                "You left out m's correction. Just after a long run it makes the wrong step 10 times longer, so that "
                "0.0316 becomes 0.316.",
            ),
        ),
    ),
    Blank(
        name="08_adam.longest_step",
        inputs=cases(
            lambda rng: {
                "lr": log_uniform(rng, 1e-4, 1),
                "beta1": float(rng.uniform(0.5, 0.95)),
                "beta2": float(rng.uniform(0.95, 0.9999)),
            }
        ),
        points=3,
        hints=(
            "Look for the largest m/sqrt(v). Write both as sums over the past, with weights beta1^k and beta2^k.",
            "Split each term of m as (beta1/sqrt(beta2))^k times (sqrt(beta2)^k g) and use the inequality: the second "
            "factors, squared and added, are v/(1 - beta2).",
            "Multiply the step after zeros by one over the root of a geometric series' denominator: one minus beta1 "
            "squared over beta2.",
        ),
        mistakes=(
            Mistake(
                "one_gradient",
                lambda lr, beta1, beta2: _spike(lr, beta1, beta2),
                "You gave the step of one gradient after zeros, 3.16 lr with the defaults. Gradients that grow by "
                "beta2/beta1 at every step reach 7.27 lr.",
            ),
            Mistake(
                "sum_not_rooted",
                lambda lr, beta1, beta2: _spike(lr, beta1, beta2) / (1 - beta1**2 / beta2),
                "The geometric series bounds m^2; take its root for m. With the defaults you say 16.7 lr, the longest "
                "step is 7.27 lr.",
            ),
            Mistake(
                "ratio_not_squared",
                lambda lr, beta1, beta2: _spike(lr, beta1, beta2) / math.sqrt(1 - beta1 / beta2),
                "Your series has the ratio beta1/beta2. The terms are squares of (beta1/sqrt(beta2))^k, so the ratio "
                "is beta1^2/beta2. With the defaults you say 10.0 lr, the longest step is 7.27 lr.",
            ),
            Mistake(
                "beta2_forgotten",
                lambda lr, beta1, beta2: _spike(lr, beta1, beta2) / math.sqrt(1 - beta1**2),
                "Your series has the ratio beta1^2: the weights of v were left out of it. With the defaults that is "
                "7.25 lr in place of 7.27 lr, at beta2 = 0.95 it is 1.03 lr in place of 1.16 lr.",
            ),
            Mistake(
                "sum_of_weights",
                lambda lr, beta1, beta2: lr / math.sqrt(1 - beta2),
                "You bounded every gradient in m by the largest one, with weights that add up to 1. With the defaults "
                "that gives 31.6 lr, which no stream of gradients reaches.",
            ),
        ),
    ),
)
