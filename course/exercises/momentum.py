"""The blanks of 04_momentum."""

import numpy as np

from course.exercises.blank import OPTIMIZERS, Blank, cases, log_uniform, stream
from course.mistakes import Mistake


def _displacement_inputs(rng):
    return {
        "g": float(rng.normal()),
        "t": int(rng.integers(2, 60)),
        "lr": log_uniform(rng, 1e-3, 1),
        "beta": float(rng.uniform(0.3, 0.97)),
    }


def _rate_inputs(rng):
    old_beta, new_beta = rng.uniform(0.1, 0.99, 2)
    return {"lr": log_uniform(rng, 1e-3, 1), "old_beta": float(old_beta), "new_beta": float(new_beta)}


def _fastest_inputs(rng):
    curvature = log_uniform(rng, 1e-2, 1e3)
    return {"lr": float(rng.uniform(0.01, 0.9)) / curvature, "curvature": curvature}


def _period_inputs(rng):
    return {
        "period": float(rng.uniform(4, 60)),
        "lr": log_uniform(rng, 1e-3, 1),
        "beta": float(rng.uniform(0.3, 0.97)),
    }


def _turned(theta, g, t, delta=0.0, last_lr=1.0, *, lr, momentum):
    delta = momentum * delta * last_lr / lr - lr * g
    return theta + delta, delta, lr


def _plain(theta, g, t, delta=0.0, last_lr=1.0, *, lr, momentum):
    delta = momentum * delta - lr * g
    return theta + delta, delta, lr


def _forgotten(theta, g, t, delta=0.0, last_lr=1.0, *, lr, momentum):
    delta = momentum * delta * lr / last_lr - lr * g
    return theta + delta, delta, last_lr


def _all_scaled(theta, g, t, delta=0.0, last_lr=1.0, *, lr, momentum):
    delta = (momentum * delta - lr * g) * lr / last_lr
    return theta + delta, delta, lr


def _buffer(theta, g, t, delta=0.0, last_lr=1.0, *, lr, momentum):
    delta = momentum * delta + g
    return theta - lr * delta, delta, lr


BLANKS = (
    Blank(
        name="04_momentum.displacement",
        inputs=cases(_displacement_inputs),
        hints=(
            "Write down the first three steps for g = 1, lr = 1: they are -1, -(1 + beta), -(1 + beta + beta^2).",
            "Step s is -lr g (1 - beta^s) / (1 - beta). Sum the two terms of the numerator over s = 1, ..., t apart: "
            "one gives t, the other is a geometric sum that starts at beta.",
            "The geometric sum beta + beta^2 + ... + beta^t is beta times (1 - beta^t) over (1 - beta). Subtract it "
            "from t, divide by 1 - beta once more, and multiply by -lr g.",
        ),
        points=3,
        mistakes=(
            Mistake(
                "terminal_from_the_start",
                lambda g, t, lr, beta: -lr * g * t / (1 - beta),
                "You took every step at its terminal length. The ball needs time to get there: in the long run it "
                "stays beta/(1 - beta) steps behind, 9 steps at beta = 0.9.",
            ),
            Mistake(
                "no_memory",
                lambda g, t, lr, beta: -lr * g * t,
                "You took t steps of gradient descent: beta does not appear. At beta = 0.9 momentum goes 10 times as far "
                "in the long run.",
            ),
            Mistake(
                "last_step_only",
                lambda g, t, lr, beta: -lr * g * (1 - beta**t) / (1 - beta),
                "You gave step t alone. The displacement is the sum of steps 1 to t; at t = 2 and beta = 0.9 that is "
                "2.9 lr g, and you have 1.9.",
            ),
            Mistake(
                "counted_from_zero",
                lambda g, t, lr, beta: -lr * g / (1 - beta) * (t - (1 - beta**t) / (1 - beta)),
                "You summed the steps 0 to t - 1. The first step already uses one gradient: at t = 1 the displacement "
                "is -lr g, and yours is 0.",
            ),
            Mistake(
                "ema",
                lambda g, t, lr, beta: -lr * g * (t - beta * (1 - beta**t) / (1 - beta)),
                "That is the displacement of the EMA form, which weights the gradient by 1 - beta. torch sums "
                "gradients: at beta = 0.9 it goes 10 times as far.",
            ),
            Mistake(
                "wrong_sign",
                lambda g, t, lr, beta: lr * g / (1 - beta) * (t - beta * (1 - beta**t) / (1 - beta)),
                "The size is right, the sign is not: with a gradient of +1, theta must fall.",
            ),
        ),
    ),
    Blank(
        name="04_momentum.rate_for_new_beta",
        inputs=cases(_rate_inputs),
        hints=(
            "What does one gradient add up to over all later steps? Write it for the old pair and for the new pair.",
            "The terminal step is lr g / (1 - beta). The old and the new one must be equal.",
            "Multiply lr by the new 1 - beta and divide by the old 1 - beta.",
        ),
        points=1,
        mistakes=(
            Mistake(
                "unchanged",
                lambda lr, old_beta, new_beta: lr,
                "You kept the rate. From beta = 0.9 to 0.99 that makes every gradient count 100 times instead of 10.",
            ),
            Mistake(
                "upside_down",
                lambda lr, old_beta, new_beta: lr * (1 - old_beta) / (1 - new_beta),
                "Your ratio is upside down. More memory makes each gradient count more, so the rate must fall; from "
                "beta = 0.9 to 0.99 yours makes the steps 100 times too long.",
            ),
            Mistake(
                "ratio_of_betas",
                lambda lr, old_beta, new_beta: lr * old_beta / new_beta,
                "You scaled by the ratio of the betas. What counts is 1 - beta: from 0.9 to 0.99 the betas differ by "
                "10 %, their distances to 1 by a factor of 10.",
            ),
            Mistake(
                "to_ema",
                lambda lr, old_beta, new_beta: lr / (1 - old_beta),
                "That is the rate of the EMA form. Here both forms are torch's, and the new beta must appear.",
            ),
        ),
    ),
    Blank(
        name="04_momentum.fastest_beta",
        inputs=cases(_fastest_inputs),
        hints=(
            "With too little memory the ball creeps, with too much it rings. The best is where one turns into the other.",
            "There the discriminant (1 + beta - lr lambda)^2 - 4 beta is 0. Solve it for beta and take the smaller of "
            "the two solutions.",
            "The edge of the band is lr lambda = (1 - sqrt(beta))^2. Take the root of both sides, solve for "
            "sqrt(beta), and square.",
        ),
        points=2,
        mistakes=(
            Mistake(
                "not_squared",
                lambda lr, curvature: 1 - np.sqrt(lr * curvature),
                "You gave the error factor sqrt(beta), not beta: square it. With lr * curvature = 0.01 yours is 0.9, "
                "where 0.81 is best.",
            ),
            Mistake(
                "no_root",
                lambda lr, curvature: (1 - lr * curvature) ** 2,
                "You squared 1 - lr * curvature without its root. With lr * curvature = 0.01 that gives 0.98, an error "
                "factor of 0.99 per step; 0.81 gives 0.9.",
            ),
            Mistake(
                "other_edge",
                lambda lr, curvature: (1 + np.sqrt(lr * curvature)) ** 2,
                "You solved for the other edge of the ringing band. Your beta is above 1, and the ball would gain "
                "energy at every step.",
            ),
            Mistake(
                "gradient_descent",
                lambda lr, curvature: 1 - lr * curvature,
                "You gave gradient descent's error factor 1 - lr * curvature. With lr * curvature = 0.01 and beta = 0.99 "
                "the ball rings with the factor 0.995; with 0.81 it has 0.9.",
            ),
        ),
    ),
    Blank(
        name="04_momentum.curvature_from_period",
        inputs=cases(_period_inputs),
        hints=(
            "A period of P steps turns the complex root by 2 pi / P at each step.",
            "The roots are sqrt(beta) e^{+i omega} and sqrt(beta) e^{-i omega}. Their sum is the trace of M.",
            "Set 1 + beta - lr lambda equal to 2 sqrt(beta) cos(2 pi / period) and solve for lambda.",
        ),
        points=3,
        mistakes=(
            Mistake(
                "spring",
                lambda period, lr, beta: (2 * np.pi / period) ** 2 / lr,
                "You used the spring without friction, omega^2 = lr * lambda. It holds for beta near 1 and long "
                "periods; at beta = 0.9 and a period of 13.65 steps it gives 4.24 where the curvature is 4.",
            ),
            Mistake(
                "half_period",
                lambda period, lr, beta: (1 + beta - 2 * np.sqrt(beta) * np.cos(np.pi / period)) / lr,
                "You turned by pi in one period. A full swing, there and back, is 2 pi; pi takes it from one crossing "
                "of 0 to the next.",
            ),
            Mistake(
                "beta_for_its_root",
                lambda period, lr, beta: (1 + beta - 2 * beta * np.cos(2 * np.pi / period)) / lr,
                "You took the roots to have the size beta. Their product is beta, so each has the size sqrt(beta): "
                "0.949 at beta = 0.9.",
            ),
            Mistake(
                "undamped",
                lambda period, lr, beta: (1 + beta - 2 * np.cos(2 * np.pi / period)) / lr,
                "You put the roots on the unit circle. They have the size sqrt(beta), or the swing would never fade; "
                "with beta = 0.9 and long periods yours turns negative.",
            ),
            Mistake(
                "lr_missing",
                lambda period, lr, beta: 1 + beta - 2 * np.sqrt(beta) * np.cos(2 * np.pi / period),
                "You gave the product lr * lambda. Divide by lr to get the curvature; at lr = 0.05 yours is 20 times "
                "too small.",
            ),
        ),
    ),
    Blank(
        name="04_momentum.heavy_ball_braking",
        inputs=stream(lr=(1e-2, 1.0), momentum=(0.5, 0.95)),
        outputs=("theta", "delta", "last_lr"),
        chained=True,
        forbidden=OPTIMIZERS,
        hints=(
            "Torch's memory is the sum b, and delta = -lr b. Which b does the old delta stand for?",
            "The old delta is -last_lr b. What remains of it in torch's next step is -lr * momentum * b.",
            "Multiply the old delta by momentum and by the new rate over the old one, subtract lr g, and return lr "
            "as the rate to remember.",
        ),
        points=3,
        mistakes=(
            Mistake(
                "not_rescaled",
                _plain,
                "That is heavy ball as it was: the old displacement keeps its old rate. When the rate drops by 10 at "
                "momentum 0.9, it coasts on at nearly the old speed.",
            ),
            Mistake(
                "upside_down",
                _turned,
                "You multiplied by old rate over new rate. When the rate drops by 10, your ball is thrown forward 10 "
                "times as fast instead of being slowed.",
            ),
            Mistake(
                "rate_not_kept",
                _forgotten,
                "You returned last_lr as it came in, so it stays 1 and the memory shrinks by the factor lr at every "
                "step. Return the rate of this step.",
            ),
            Mistake(
                "gradient_rescaled",
                _all_scaled,
                "You rescaled the new gradient's share too. It is made at the new rate already; only the old "
                "displacement carries the old one. With lr = 0.1 your first step is 10 times too short.",
            ),
            Mistake(
                "torch_form",
                _buffer,
                "Your theta is right, but delta is not the displacement of this step. Does it hold torch's sum of "
                "gradients? Keep displacements, as heavy ball does.",
            ),
        ),
    ),
)
