"""The blanks of 00_start_here."""

import numpy as np

from course.exercises.blank import OPTIMIZERS, Blank, cases
from course.mistakes import Mistake

_SLOPES = np.array([0.2, 4.0])  # of the ravine 0.1 theta_1^2 + 2 theta_2^2


def _descended(theta, lr, steps):
    for _ in range(steps):
        theta = theta - lr * _SLOPES * theta
    return theta


def _point(rng):
    return rng.uniform(-5, 5, 2)


BLANKS = (
    Blank(
        name="00_start_here.step",
        inputs=cases(
            lambda rng: {"theta": rng.normal(size=3), "g": rng.normal(size=3), "lr": float(rng.uniform(0.01, 0.5))}
        ),
        forbidden=OPTIMIZERS,
        hints=(
            "The gradient g points in the direction in which the loss grows fastest.",
            "To lower the loss, move against the gradient, by lr times its length.",
            "Take theta and subtract the product of lr and g.",
        ),
        mistakes=(
            Mistake(
                "wrong_sign",
                lambda theta, g, lr: theta + lr * g,
                "You added the step. The gradient points uphill, so the loss grows; subtract it.",
            ),
            Mistake(
                "no_rate",
                lambda theta, g, lr: theta - g,
                "You left out lr. The step is the gradient itself, 1/lr times too long.",
            ),
            Mistake(
                "no_theta",
                lambda theta, g, lr: -lr * g,
                "You returned the step, not the point it leads to: theta is missing.",
            ),
        ),
    ),
    Blank(
        name="00_start_here.slope",
        inputs=cases(lambda rng: {"theta": _point(rng)}),
        hints=(
            "A gradient has as many entries as theta: one partial derivative for each coordinate.",
            "Differentiate the loss by theta_1 with theta_2 held fixed, then by theta_2 with theta_1 held fixed.",
            "The derivative of c x^2 is 2 c x: c is 0.1 for the first entry and 2 for the second.",
        ),
        mistakes=(
            Mistake(
                "factor_two",
                lambda theta: np.array([0.1, 2.0]) * theta,
                "The factor 2 of the derivative is missing: the slope of c x^2 is 2 c x, and you gave c x.",
            ),
            Mistake(
                "loss",
                lambda theta: np.array([0.1, 2.0]) * theta**2,
                "You returned the two terms of the loss, not their slopes: x^2 must become 2 x.",
            ),
            Mistake(
                "coordinates_swapped",
                lambda theta: _SLOPES[::-1] * theta,
                "You swapped the coordinates: 0.1 belongs to theta_1, the first, and 2 to theta_2, the second.",
            ),
            Mistake(
                "descent_direction",
                lambda theta: -_SLOPES * theta,
                "You returned the direction of descent. The gradient points uphill; the minus sign belongs to the step.",
            ),
        ),
    ),
    Blank(
        name="00_start_here.descend",
        inputs=cases(
            lambda rng: {"theta": _point(rng), "lr": float(rng.uniform(0.05, 0.45)), "steps": int(rng.integers(2, 12))}
        ),
        forbidden=OPTIMIZERS,
        hints=(
            "One step is what `step` does; this is a loop of them.",
            "The gradient changes as theta moves: take it anew, at the present theta, before every step.",
            "Repeat `steps` times: let theta be step of theta, its slope and lr. Return theta after the loop.",
        ),
        points=2,
        mistakes=(
            Mistake(
                "one_step",
                lambda theta, lr, steps: _descended(theta, lr, 1),
                "You returned after one step. Is the return line inside the loop?",
            ),
            Mistake(
                "one_too_many",
                lambda theta, lr, steps: _descended(theta, lr, steps + 1),
                "You took one step too many: range(steps) already has `steps` entries.",
            ),
            Mistake(
                "one_too_few",
                lambda theta, lr, steps: _descended(theta, lr, steps - 1),
                "You took one step too few: range(1, steps) has steps - 1 entries, range(steps) has `steps`.",
            ),
            Mistake(
                "old_gradient",
                lambda theta, lr, steps: theta - steps * lr * _SLOPES * theta,
                "You took the gradient once, at the start, and used it for every step. Take it again at each new theta.",
            ),
        ),
    ),
)
