"""The blanks of 01_gradient_descent."""

import math

import numpy as np

from course.exercises.blank import OPTIMIZERS, Blank, cases
from course.mistakes import Mistake


def _bowl(rng, dim=2):
    """A random symmetric matrix (dim, dim) with eigenvalues between 0.1 and 10, on turned axes."""
    q, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    eigenvalues = np.sort(10 ** rng.uniform(-1, 1, dim))
    hessian = (q * eigenvalues) @ q.T
    return (hessian + hessian.T) / 2, eigenvalues


def _loop(rng):
    hessian, eigenvalues = _bowl(rng)
    lr = float(rng.uniform(0.1, 0.9) * 2 / eigenvalues[-1])
    return {"theta0": rng.normal(size=2), "hessian": hessian, "lr": lr, "steps": int(rng.integers(2, 8))}


def _descend(theta0, hessian, lr, steps):
    theta = theta0
    for _ in range(steps):
        theta = theta - lr * hessian @ theta
    return theta


def _one_after_the_other(theta0, hessian, lr, steps):
    theta = theta0.copy()
    for _ in range(steps):
        for i in range(len(theta)):
            theta[i] -= lr * hessian[i] @ theta
    return theta


def _first_gradient_kept(theta0, hessian, lr, steps):
    return theta0 - steps * lr * hessian @ theta0


def _ends(rng):
    mu = float(10 ** rng.uniform(-2, 0))
    return {"mu": mu, "L": mu * float(10 ** rng.uniform(0.3, 3))}


def _with_decay(rng):
    ends = _ends(rng)
    return {**ends, "l2": float(rng.uniform(0.2, 0.8) * ends["L"])}


def _with_rate(rng):
    """Rates on both sides of the best one, so that either end of the spectrum may be the slow one."""
    ends = _ends(rng)
    best, limit = 2 / (ends["mu"] + ends["L"]), 2 / ends["L"]
    # 2 % short of the limit, where the number of steps would have no bound
    low, high = (0.1 * best, best) if rng.random() < 0.5 else (best, best + 0.98 * (limit - best))
    return {**ends, "lr": float(rng.uniform(low, high)), "tolerance": float(10 ** rng.uniform(-6, -1))}


def _steps(factor, tolerance):
    return math.ceil(math.log(tolerance) / math.log(factor))


def _larger_end(mu, L, lr):
    return max(abs(1 - lr * mu), abs(1 - lr * L))


def _three_points(rng):
    """Three successive points of gradient descent on (curvature / 2) (x - minimum)^2."""
    curvature = float(10 ** rng.uniform(-1, 2))
    minimum = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 8))  # so that differences keep their digits
    side = rng.choice([-1.0, 1.0])
    lr = float((1 + side * rng.uniform(0.1, 0.9)) / curvature)
    factor, error = 1 - lr * curvature, float(rng.uniform(1, 3))
    x0, x1, x2 = (minimum + error * factor**t for t in range(3))
    return {"x0": x0, "x1": x1, "x2": x2, "lr": lr}


def _probe(x0, x1, x2, lr, ratio):
    curvature = (1 - ratio) / lr
    return curvature, x0 + (x1 - x0) / (lr * curvature)


BLANKS = (
    Blank(
        name="01_gradient_descent.descend",
        inputs=cases(_loop),
        forbidden=OPTIMIZERS,
        hints=(
            "Follow one step of the broken loop on paper. Which theta does the second coordinate's gradient see?",
            "All coordinates of one step must use the gradient at the same point, and theta0 must stay as it was.",
            "Compute the whole vector hessian @ theta first; then make a new theta from the old one and that vector.",
        ),
        mistakes=(
            Mistake(
                "one_after_the_other",
                _one_after_the_other,
                "The second coordinate's gradient was taken after the first coordinate had moved. That is coordinate "
                "descent, another method: its limit is 2 over the largest diagonal entry, not 2/L.",
            ),
            Mistake(
                "gradient_kept",
                _first_gradient_kept,
                "You used the gradient at theta0 for every step. From step 2 on it belongs to a point that was left: "
                "the error becomes 1 - steps * lr * curvature instead of (1 - lr * curvature)^steps.",
            ),
            Mistake(
                "uphill",
                lambda theta0, hessian, lr, steps: _descend(theta0, hessian, -lr, steps),
                "You added the step. The gradient points uphill: each direction now grows by 1 + lr * curvature.",
            ),
            Mistake(
                "one_step_less",
                lambda theta0, hessian, lr, steps: _descend(theta0, hessian, lr, steps - 1),
                "You took one step fewer than asked. `range(1, steps)` has steps - 1 members.",
            ),
            Mistake(
                "one_step_more",
                lambda theta0, hessian, lr, steps: _descend(theta0, hessian, lr, steps + 1),
                "You took one step more than asked. `range(steps + 1)` has steps + 1 members.",
            ),
            Mistake(
                "factor_two",
                lambda theta0, hessian, lr, steps: _descend(theta0, hessian, 2 * lr, steps),
                "Your gradient is 2 * hessian @ theta. The half in the function cancels the 2 of the square; with it "
                "the loop diverges from lr = 1/L on.",
            ),
            Mistake(
                "half_gradient",
                lambda theta0, hessian, lr, steps: _descend(theta0, hessian, lr / 2, steps),
                "Your gradient is hessian @ theta / 2. The half in the function is used up by the 2 of the square; "
                "your steps are half as long as asked.",
            ),
        ),
    ),
    Blank(
        name="01_gradient_descent.largest_stable_rate",
        inputs=cases(lambda rng: {"hessian": _bowl(rng)[0]}),
        hints=(
            "Which of the directions is the first to diverge when the rate grows?",
            "The curvatures are the eigenvalues of the matrix. Its entries are curvatures along the axes only.",
            "Two divided by the largest of the eigenvalues, which `np.linalg.eigvalsh` returns in rising order.",
        ),
        mistakes=(
            Mistake(
                "one_over_L",
                lambda hessian: 1 / np.linalg.eigvalsh(hessian)[-1],
                "You gave 1/L, where a step's guaranteed gain is largest. Up to 2/L the steep direction crosses over "
                "and still converges: you gave half the limit.",
            ),
            Mistake(
                "diagonal",
                lambda hessian: 2 / np.max(np.diag(hessian)),
                "You took the largest entry on the diagonal for L. That is the curvature along an axis; in between it "
                "is larger, so at your rate the loop diverges.",
            ),
            Mistake(
                "row_sum",
                lambda hessian: 2 / np.max(np.sum(np.abs(hessian), axis=1)),
                "You took the largest row sum for L. It is an upper bound on the eigenvalues (Gershgorin), so your "
                "rate is safe, but it is not the largest one.",
            ),
            Mistake(
                "frobenius",
                lambda hessian: 2 / np.linalg.norm(hessian),
                "You took `np.linalg.norm(hessian)` for L. On a matrix that is the Frobenius norm, the root of the sum "
                "of all squared eigenvalues: up to 1.41 times too large for 2 parameters.",
            ),
            Mistake(
                "flattest",
                lambda hessian: 2 / np.linalg.eigvalsh(hessian)[0],
                "You divided by the smallest eigenvalue. The steepest direction diverges first: with your rate it is "
                "multiplied by 1 - 2 * kappa at each step.",
            ),
            Mistake(
                "best_rate",
                lambda hessian: 2 / np.linalg.eigvalsh(hessian)[[0, -1]].sum(),
                "You divided by the sum of the eigenvalues (the trace). 2/(mu + L) is the fastest rate; the largest "
                "stable one is 2/L, 1 + 1/kappa times as large.",
            ),
        ),
    ),
    Blank(
        name="01_gradient_descent.best_with_decay",
        inputs=cases(_with_decay),
        outputs=("lr", "factor"),
        points=2,
        hints=(
            "What is the second derivative of (l2 / 2) times the square of a parameter?",
            "The new term adds l2 to every curvature. Only then apply the formulas of the lesson.",
            "Shift both ends of the spectrum up by l2. In the factor the shift cancels above the bar and counts twice "
            "below it.",
        ),
        mistakes=(
            Mistake(
                "decay_ignored",
                lambda mu, L, l2: (2 / (mu + L), (L - mu) / (L + mu)),
                "You left l2 out. It adds l2 to every curvature, so your rate is too large: for l2 > mu it diverges.",
            ),
            Mistake(
                "only_flat_end",
                lambda mu, L, l2: (2 / (mu + l2 + L), abs(L - mu - l2) / (L + mu + l2)),
                "You added l2 to mu and not to L. The new term bends every direction alike, the steep one too. Your rate "
                "lies just below the limit 2/(L + l2), where the steep end hardly shrinks.",
            ),
            Mistake(
                "twice_the_curvature",
                lambda mu, L, l2: (2 / (mu + L + 4 * l2), (L - mu) / (L + mu + 4 * l2)),
                "You added 2 * l2 to each curvature. The term is (l2 / 2) times the square: its second derivative is "
                "l2.",
            ),
            Mistake(
                "half_the_curvature",
                lambda mu, L, l2: (2 / (mu + L + l2), (L - mu) / (L + mu + l2)),
                "You added l2 once to mu + L. Both ends of the spectrum move up by l2, so their sum grows by 2 * l2.",
            ),
            Mistake(
                "factor_of_the_value",
                lambda mu, L, l2: (2 / (mu + L + 2 * l2), ((L - mu) / (L + mu + 2 * l2)) ** 2),
                "Your rate is right. Your factor is the square of the one asked for: it is how the value shrinks. The "
                "distance shrinks by its root.",
            ),
            Mistake(
                "factor_at_one_over_L",
                lambda mu, L, l2: (1 / (L + l2), (L - mu) / (L + l2)),
                "You gave 1/L and its factor 1 - 1/kappa (with the shifted curvatures). Balancing both ends allows "
                "nearly twice that rate and saves up to half of the steps.",
            ),
            Mistake(
                "one_over_the_mean",
                lambda mu, L, l2: (1 / (mu + L + 2 * l2), (L - mu) / (L + mu + 2 * l2)),
                "Your factor is right; your rate is half the best one. 1 - lr * mu = lr * L - 1 leaves 2 on one side.",
            ),
        ),
    ),
    Blank(
        name="01_gradient_descent.steps_needed",
        inputs=cases(_with_rate, count=30),
        outputs=("steps",),
        points=2,
        hints=(
            "By what does one step multiply the distance, in the direction that shrinks most slowly?",
            "Which end of the spectrum is slow depends on the rate: take the larger of the two factors, in size.",
            "Divide the logarithm of the tolerance by the logarithm of the factor, and round up to a whole number.",
        ),
        mistakes=(
            Mistake(
                "only_flat_end",
                lambda mu, L, lr, tolerance: _steps(abs(1 - lr * mu), tolerance),
                "You looked at the flat end only. Beyond lr = 2/(mu + L) the steep end is the slow one; there 1 - lr * L "
                "is negative, and without `abs` its size, up to 1, goes unseen.",
            ),
            Mistake(
                "only_steep_end",
                lambda mu, L, lr, tolerance: _steps(abs(1 - lr * L), tolerance),
                "You looked at the steep end only. Below lr = 2/(mu + L) the flat end is the slow one, by a factor of "
                "up to kappa.",
            ),
            Mistake(
                "best_rate_assumed",
                lambda mu, L, lr, tolerance: _steps((L - mu) / (L + mu), tolerance),
                "You used (kappa - 1)/(kappa + 1), the factor at the best rate. At this lr the factor is worse.",
            ),
            Mistake(
                "rounded_down",
                lambda mu, L, lr, tolerance: _steps(_larger_end(mu, L, lr), tolerance) - 1,
                "You rounded down. After that many steps the distance is still above the tolerance; one more is "
                "needed.",
            ),
            Mistake(
                "not_rounded",
                lambda mu, L, lr, tolerance: math.log(tolerance) / math.log(_larger_end(mu, L, lr)),
                "You did not round. There is no half step: the answer is the next whole number.",
            ),
            Mistake(
                "of_the_value",
                lambda mu, L, lr, tolerance: _steps(_larger_end(mu, L, lr) ** 2, tolerance),
                "You squared the factor: that is how the value shrinks. The distance shrinks half as fast on the log "
                "axis and needs twice as many steps.",
            ),
            Mistake(
                "first_order",
                lambda mu, L, lr, tolerance: math.ceil(-math.log(tolerance) / (1 - _larger_end(mu, L, lr))),
                "You used ln(1/tolerance) / (1 - factor), which holds for factors close to 1. It counts too many steps "
                "when the factor is small: at 0.5, 39 % too many.",
            ),
        ),
    ),
    Blank(
        name="01_gradient_descent.probe",
        inputs=cases(_three_points),
        outputs=("curvature", "minimum"),
        points=3,
        hints=(
            "The minimum is unknown, so x1 / x0 tells nothing. What do differences of successive points shrink by?",
            "Each displacement is 1 - lr * curvature times the one before. For the minimum, add up all displacements, "
            "or ask which point has slope 0.",
            "The curvature is one minus the ratio of the displacements, over lr. The minimum is x0 plus the first "
            "displacement, divided by lr times the curvature.",
        ),
        mistakes=(
            Mistake(
                "minimum_at_zero",
                lambda x0, x1, x2, lr: ((1 - x1 / x0) / lr, 0.0),
                "You took the ratio x1 / x0, which supposes that the minimum is at 0. Here it is anywhere; only the "
                "differences of points do not depend on where.",
            ),
            Mistake(
                "ratio_upside_down",
                lambda x0, x1, x2, lr: _probe(x0, x1, x2, lr, (x1 - x0) / (x2 - x1)),
                "Your ratio is upside down: the later displacement belongs on top. Wherever the run converges, your "
                "ratio is above 1 in size.",
            ),
            Mistake(
                "sign_lost",
                lambda x0, x1, x2, lr: _probe(x0, x1, x2, lr, abs((x2 - x1) / (x1 - x0))),
                "You took the size of the ratio. When the path crosses the minimum the ratio is negative: that says "
                "lr * curvature lies between 1 and 2, and your value lies below 1.",
            ),
            Mistake(
                "two_displacements",
                lambda x0, x1, x2, lr: _probe(x0, x1, x2, lr, (x2 - x0) / (x1 - x0)),
                "You compared x2 - x0 with x1 - x0. That is the way after two steps over the way after one, 2 - lr * "
                "curvature, not the ratio of successive displacements.",
            ),
            Mistake(
                "last_point",
                lambda x0, x1, x2, lr: ((1 - (x2 - x1) / (x1 - x0)) / lr, x2),
                "Your curvature is right. For the minimum you gave the last point seen; the rest of the way is still "
                "to come. Where would the displacements, added up for ever, end?",
            ),
            Mistake(
                "rate_left_out",
                lambda x0, x1, x2, lr: (1 - (x2 - x1) / (x1 - x0), x0 + (x1 - x0) / (1 - (x2 - x1) / (x1 - x0))),
                "Your minimum is right. For the curvature you gave lr * curvature: divide by lr.",
            ),
            Mistake(
                "one_displacement_twice",
                lambda x0, x1, x2, lr: (
                    (1 - (x2 - x1) / (x1 - x0)) / lr,
                    x2 + (x2 - x1) / (1 - (x2 - x1) / (x1 - x0)),
                ),
                "Your curvature is right. For the minimum you went on from x2 by a sum that begins with x2 - x1, a way "
                "already made: you land x2 - x1 too far.",
            ),
        ),
    ),
)
