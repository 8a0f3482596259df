"""The blanks of 05_nesterov."""

import math

import numpy as np

from course.exercises.blank import OPTIMIZERS, Blank, cases, log_uniform, stream
from course.mistakes import Mistake

# 1. Keras's form: theta is the look-ahead point, delta the paper's displacement.


def _runs_away(theta, g, t, delta=0.0, *, lr, momentum):
    delta = momentum * delta - lr * g
    return theta + delta + momentum * delta, delta


def _torch_form(theta, g, t, delta=0.0, *, lr, momentum):
    delta = momentum * delta + g
    return theta - lr * (g + momentum * delta), delta


def _torch_in_displacements(theta, g, t, delta=0.0, *, lr, momentum):
    delta = momentum * delta - g
    return theta + lr * (momentum * delta - g), delta


def _plain(theta, g, t, delta=0.0, *, lr, momentum):
    delta = momentum * delta - lr * g
    return theta + delta, delta


def _point_behind(theta, g, t, delta=0.0, *, lr, momentum):
    return theta - lr * g, momentum * delta - lr * g


def _whole_taken_back(theta, g, t, delta=0.0, *, lr, momentum):
    new = momentum * delta - lr * g
    return theta - delta + new + momentum * new, new


def _whole_shift(theta, g, t, delta=0.0, *, lr, momentum):
    delta = momentum * delta - lr * g
    return theta + delta - lr * g, delta


def _uphill(theta, g, t, delta=0.0, *, lr, momentum):
    delta = momentum * delta + lr * g
    return theta + momentum * delta + lr * g, delta


# 2. A checkpoint in the paper's letters, for torch.


def _checkpoint(rng):
    old_lr = log_uniform(rng, 1e-3, 1)
    return {
        "theta": float(rng.normal()),
        "delta": float(rng.normal() * old_lr),
        "old_lr": old_lr,
        "new_lr": old_lr * float(rng.uniform(0.05, 0.8)),
        "beta": float(rng.uniform(0.5, 0.95)),
    }


# 3. The longest memory for a rate.


def _memory_inputs(rng):
    L = log_uniform(rng, 0.1, 100)
    return {"lr": float(rng.uniform(1.36, 1.95)) / L, "L": L}


# 4. The steps that the promise needs.


def _promised_inputs(rng):
    return {"share": log_uniform(rng, 1e-6, 0.3), "kappa": log_uniform(rng, 3, 1e4)}


# 5. The cycle for other curvatures.


def _cycle(lr, beta, mu, L, push=None, lonely=False):
    trace, push = (0 if lonely else 1) + beta - lr * L, lr * (L - mu) if push is None else push
    return np.linalg.solve([[-trace, 1, beta], [beta, -trace, 1], [1, beta, -trace]], [push, 0, 0])


def _cycle_inputs(rng):
    """Heavy ball's best pair, slightly moved, where the three points lie clearly in their pieces."""
    while True:
        mu, kappa = log_uniform(rng, 0.1, 10), float(rng.uniform(26, 60))
        L, root = mu * kappa, math.sqrt(kappa)
        lr = 4 / (math.sqrt(L) + math.sqrt(mu)) ** 2 * float(rng.uniform(0.98, 1))
        beta = ((root - 1) / (root + 1)) ** 2 * float(rng.uniform(1, 1.03))
        a, b, c = _cycle(lr, beta, mu, L)
        if a > 2.05 and 0.05 < b < 0.95 and c < -0.05:
            return {"lr": lr, "beta": beta, "mu": mu, "L": L}


BLANKS = (
    Blank(
        name="05_nesterov.ahead_of_itself",
        inputs=stream(lr=(1e-2, 1.0), momentum=(0.5, 0.95)),
        outputs=("theta", "delta"),
        chained=True,
        points=3,
        forbidden=OPTIMIZERS,
        hints=(
            "theta is the look-ahead point. Where was the point behind it, before this step?",
            "The point behind moves by the new delta. Take the old look-ahead back, make that step, then look ahead "
            "anew: three terms with delta, two with the new one and one with the old.",
            "Subtract momentum times the old delta, add (1 + momentum) times the new one. The old one cancels: what is "
            "left is momentum times the new delta, minus lr times g.",
        ),
        mistakes=(
            Mistake(
                "runs_away",
                _runs_away,
                "That is the rule as it was given: each step looks ahead anew and never takes the last look-ahead back. "
                "On a constant slope at momentum 0.9 it goes 19 lr g a step in place of 10.",
            ),
            Mistake(
                "torch_form",
                _torch_form,
                "That is torch's form: delta holds a sum of gradients, and the rate of today multiplies all of it. The "
                "paper keeps displacements, each made at the rate of its own step; the two part when the rate drops.",
            ),
            Mistake(
                "rate_outside",
                _torch_in_displacements,
                "Your delta has no rate in it: it is minus torch's sum of gradients, and your path is torch's. The "
                "paper's displacement keeps the rate of the step that made it.",
            ),
            Mistake(
                "heavy_ball",
                _plain,
                "You moved theta by delta: that is heavy ball, whose gradient is taken where the ball stands. Here theta "
                "must be the next look-ahead point.",
            ),
            Mistake(
                "point_behind",
                _point_behind,
                "theta - lr * g is the paper's point, not the look-ahead point in front of it. The next gradient would "
                "be taken there, and as delta never reaches theta, the path is plain gradient descent.",
            ),
            Mistake(
                "whole_displacement_taken_back",
                _whole_taken_back,
                "You took back the whole old displacement. Only momentum times it had been looked ahead: the point "
                "behind is theta - momentum * delta. On a constant slope at 0.9 your steps end 9 lr g long, not 10.",
            ),
            Mistake(
                "whole_displacement_ahead",
                _whole_shift,
                "You looked ahead by a whole displacement, where momentum times it is right: the first step is 2 lr g "
                "in place of 1.9 lr g at momentum 0.9.",
            ),
            Mistake(
                "wrong_sign",
                _uphill,
                "Your displacement points uphill: delta must be momentum * delta - lr * g.",
            ),
        ),
    ),
    Blank(
        name="05_nesterov.carry_into_torch",
        inputs=cases(_checkpoint),
        outputs=("parameter", "buffer"),
        points=2,
        hints=(
            "Which point does torch store? And what is delta in torch's letters?",
            "Torch stores the look-ahead point. Its displacement is minus the rate times the buffer, and the rate is "
            "that of the step it takes now, for all of the buffer.",
            "The parameter is theta plus beta times delta; the buffer is minus delta over the new rate.",
        ),
        mistakes=(
            Mistake(
                "old_rate",
                lambda theta, delta, old_lr, new_lr, beta: (theta + beta * delta, -delta / old_lr),
                "You divided by the old rate. Torch multiplies the whole buffer by the rate of the day: after a drop by "
                "10 your buffer pays out a tenth of the displacement, and torch brakes where the paper rolls on.",
            ),
            Mistake(
                "not_shifted",
                lambda theta, delta, old_lr, new_lr, beta: (theta, -delta / new_lr),
                "You loaded the paper's point as it is. Torch takes its gradient at the stored parameter, so this must "
                "be the look-ahead point.",
            ),
            Mistake(
                "not_shifted_old_rate",
                lambda theta, delta, old_lr, new_lr, beta: (theta, -delta / old_lr),
                "Two things are off. Torch's parameter must be the look-ahead point, and its buffer is multiplied by the "
                "rate of the step to come, not by the rate with which delta was made.",
            ),
            Mistake(
                "whole_shift",
                lambda theta, delta, old_lr, new_lr, beta: (theta + delta, -delta / new_lr),
                "You looked ahead by the whole displacement; the look-ahead is beta times it.",
            ),
            Mistake(
                "shifted_back",
                lambda theta, delta, old_lr, new_lr, beta: (theta - beta * delta, -delta / new_lr),
                "You shifted backward: theta - beta * delta lies behind the paper's point. That shift leads from torch's "
                "parameter to the paper's point, and here you go the other way.",
            ),
            Mistake(
                "sign_of_buffer",
                lambda theta, delta, old_lr, new_lr, beta: (theta + beta * delta, delta / new_lr),
                "The buffer sums gradients, which point uphill, and the displacement goes downhill: they have opposite "
                "signs. Yours would throw the run back the way it came.",
            ),
            Mistake(
                "delta_as_buffer",
                lambda theta, delta, old_lr, new_lr, beta: (theta + beta * delta, delta),
                "You handed delta itself over as the buffer. Torch subtracts the rate times its buffer: in the example, on "
                "a gradient of 0, torch then moves by +0.016 where the look-ahead point must move by -0.32.",
            ),
            Mistake(
                "pair_as_it_is",
                lambda theta, delta, old_lr, new_lr, beta: (theta, delta),
                "You handed the paper's pair over as it is. Torch's parameter must be the look-ahead point, and its buffer "
                "a sum of gradients: in the example yours is -0.5 in place of 10.",
            ),
            Mistake(
                "not_divided",
                lambda theta, delta, old_lr, new_lr, beta: (theta + beta * delta, -delta),
                "You loaded minus the displacement as it is. Torch multiplies its buffer by the rate, so at lr = 0.01 "
                "the memory would be 100 times too small.",
            ),
        ),
    ),
    Blank(
        name="05_nesterov.longest_memory",
        inputs=cases(_memory_inputs),
        points=2,
        hints=(
            "Which of the lesson's three conditions for both roots fails first when lr * L is above 4/3?",
            "It is p(-1) > 0: one root reaches -1. Set lr L equal to 2 (1 + beta) / (1 + 2 beta) and solve for beta.",
            "With x = lr * L, multiply out: x + 2 x beta = 2 + 2 beta. Bring beta to one side: two minus x, over twice "
            "x minus one.",
        ),
        mistakes=(
            Mistake(
                "heavy_ball",
                lambda lr, L: lr * L / 2 - 1,
                "You solved heavy ball's limit, lr L = 2 (1 + beta). It is negative here: below 2/L heavy ball converges "
                "with any memory. Nesterov's limit is 2 (1 + beta) / (1 + 2 beta).",
            ),
            Mistake(
                "product_only",
                lambda lr, L: 1 / (lr * L - 1),
                "You asked only that the product of the roots, beta (1 - lr L), stays above -1. One root passes -1 long "
                "before: at lr L = 1.5 you say 2, and the limit is 0.5.",
            ),
            Mistake(
                "two_lost",
                lambda lr, L: (2 - lr * L) / (lr * L - 1),
                "You are off by a factor of 2. In p(-1) both (1 + beta) s and beta s are added, so s = 1 - lr L has the "
                "factor 1 + 2 beta.",
            ),
            Mistake(
                "without_L",
                lambda lr, L: (2 - lr) / (2 * (lr - 1)),
                "You used lr alone. What counts is its product with the largest curvature, lr * L.",
            ),
            Mistake(
                "upside_down",
                lambda lr, L: 2 * (lr * L - 1) / (2 - lr * L),
                "Your fraction is upside down: a larger rate must leave room for less memory, and yours grows.",
            ),
        ),
    ),
    Blank(
        name="05_nesterov.promised_steps",
        inputs=cases(_promised_inputs),
        points=2,
        hints=(
            "How large can the bracket of the promise be, in units of f(theta_0) - f*?",
            "Curvature of at least mu gives f(theta_0) - f* >= mu/2 |theta_0 - theta*|^2, so the bracket is at most "
            "twice the gap. Find the first t with 2 (1 - 1/sqrt(kappa))^t <= share.",
            "Take the logarithm of half the share, divide by the logarithm of one minus one over the root of kappa, and "
            "round up.",
        ),
        mistakes=(
            Mistake(
                "second_term_forgotten",
                lambda share, kappa: math.ceil(math.log(share) / math.log(1 - 1 / math.sqrt(kappa))),
                "You left out the second term of the bracket. It can be as large as the first, so the promise starts at "
                "twice the gap: for share = 0.001 and kappa = 100 it needs 73 steps, you say 66.",
            ),
            Mistake(
                "no_root",
                lambda share, kappa: math.ceil(math.log(share / 2) / math.log(1 - 1 / kappa)),
                "You used 1 - 1/kappa, which is gradient descent's order. The promise has the root of kappa: 73 steps "
                "for share = 0.001 and kappa = 100, you say 757.",
            ),
            Mistake(
                "rounded_down",
                lambda share, kappa: math.floor(math.log(share / 2) / math.log(1 - 1 / math.sqrt(kappa))),
                "You rounded down, one step early: there the bound is still above the share.",
            ),
            Mistake(
                "rounded_to_nearest",
                lambda share, kappa: round(math.log(share / 2) / math.log(1 - 1 / math.sqrt(kappa))),
                "You rounded to the nearest step. Where that goes down, the bound is still above the share: round up.",
            ),
            Mistake(
                "not_whole",
                lambda share, kappa: math.log(share / 2) / math.log(1 - 1 / math.sqrt(kappa)),
                "Your number is where the curve crosses the line. Steps are whole: round up to the first that is below.",
            ),
            Mistake(
                "heavy_ball_factor",
                lambda share, kappa: math.ceil(
                    math.log(share / 2) / math.log((math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1))
                ),
                "You used heavy ball's factor (sqrt(kappa) - 1)/(sqrt(kappa) + 1). It holds for quadratics only, and "
                "nothing is promised with it.",
            ),
            Mistake(
                "first_order",
                lambda share, kappa: math.ceil(math.sqrt(kappa) * math.log(2 / share)),
                "You replaced log(1 - 1/sqrt(kappa)) by -1/sqrt(kappa). That is near for large kappa, and too careful: "
                "for share = 0.001 and kappa = 100 you say 77, and 73 are enough.",
            ),
        ),
    ),
    Blank(
        name="05_nesterov.cycle",
        inputs=cases(_cycle_inputs),
        outputs=("A", "B", "C"),
        points=3,
        hints=(
            "Write the lesson's step with letters: what stands for -4/3, for 4/9 and for 8/3?",
            "From a point and the one before, the step leads to (1 + beta - lr L) times the point minus beta times the "
            "one before; after A, lr (L - mu) is added. Each point comes from the two before it, going round.",
            "B is made from A and C, with the addition; C from B and A; A from C and B. Put the three equations into a "
            "matrix for (A, B, C) and let np.linalg.solve do the rest.",
        ),
        mistakes=(
            Mistake(
                "other_way_round",
                lambda lr, beta, mu, L: _cycle(lr, beta, mu, L)[[0, 2, 1]],
                "You went round the other way. After A the ball comes to the point between 0 and 1, then to the one "
                "below 0.",
            ),
            Mistake(
                "whole_L",
                lambda lr, beta, mu, L: _cycle(lr, beta, mu, L, push=lr * L),
                "You added lr * L after A. The gradient beyond 2 is L theta - (L - mu): on the gentle piece it rose by "
                "mu, not by nothing. In the lesson that is 24, not 25.",
            ),
            Mistake(
                "rate_missing",
                lambda lr, beta, mu, L: _cycle(lr, beta, mu, L, push=L - mu),
                "You added L - mu without the rate. It is part of the gradient, so the step holds lr times it: 24/9 in "
                "the lesson, not 24.",
            ),
            Mistake(
                "wrong_sign",
                lambda lr, beta, mu, L: _cycle(lr, beta, mu, L, push=-lr * (L - mu)),
                "Your points have the wrong sign. The gradient beyond 2 has minus (L - mu), and the step is minus lr "
                "times the gradient: lr (L - mu) is added.",
            ),
            Mistake(
                "standing_lost",
                lambda lr, beta, mu, L: _cycle(lr, beta, mu, L, lonely=True),
                "You lost the point itself: the step leads to (1 + beta - lr L) times it, and you have beta - lr L.",
            ),
            Mistake(
                "lowest_first",
                lambda lr, beta, mu, L: _cycle(lr, beta, mu, L)[[2, 0, 1]],
                "Your cycle is right and starts at the wrong point: A, the one beyond 2, comes first.",
            ),
        ),
    ),
)
