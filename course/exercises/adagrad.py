"""The blanks of 06_adagrad."""

import math

import numpy as np

from course.exercises.blank import OPTIMIZERS, Blank, cases, log_uniform, stream
from course.exercises.repair import errors_left
from course.mistakes import MISTAKES, Mistake

# 1. adagrad


def _given(errors):
    """The exercise's broken Adagrad with only these of its three errors left: "rate", "one_sum", "root"."""

    def rule(theta, g, t, G=0.0, *, lr=1e-2, lr_decay=0.0, eps=1e-10):
        lr_t = lr / (1 + lr_decay) ** (t - 1) if "rate" in errors else lr / (1 + (t - 1) * lr_decay)
        G = G + (np.sum(g**2) if "one_sum" in errors else g**2)
        theta = theta - lr_t * g / (np.sqrt(G) + eps)
        return theta, np.sqrt(G) if "root" in errors else G

    return rule


_ERRORS = {
    "rate": "the rate falls like a power of 1 + lr_decay: after 100 steps at lr_decay = 0.1 it is 12,500 times too "
    "small, where torch's is 10.9 times smaller",
    "one_sum": "one sum serves all coordinates, so that they share one rate: at lr = 1 the ravine takes 203 steps in "
    "place of 33",
    "root": "the root of G is returned as the state, so the next step starts from it: on gradients of 1 the steps stay "
    "at 0.62 lr and never shrink",
}
_LEFT = errors_left(_given, _ERRORS)

# 3. steps_to_walk


def _step(k, lr, g, G):
    return lr * g / math.sqrt(G + k * g * g)


def _steps_until(distance, step, first=1):
    walked, k = 0.0, first - 1
    while walked < distance:
        k += 1
        walked += step(k)
    return k - first + 1


def _walk(distance, lr, g, G):
    return _steps_until(distance, lambda k: _step(k, lr, g, G))


def _walk_by_integral(distance, lr, g, G):
    return math.ceil(((distance * g / (2 * lr) + math.sqrt(G)) ** 2 - G) / g**2)


def _walk_inputs(rng):
    """A distance that ends in the middle of a step, so that rounding does not decide."""
    lr, g, steps = log_uniform(rng, 1e-3, 1), log_uniform(rng, 1e-2, 10), int(log_uniform(rng, 2, 1500))
    G = g * g * log_uniform(rng, 0.5, 2000)
    walked = sum(_step(k, lr, g, G) for k in range(1, steps + 1))
    return {"distance": walked - 0.5 * _step(steps, lr, g, G), "lr": lr, "g": g, "G": G}


# 4. best_rate


def _best_rate(gradients, D):
    root = np.sqrt((np.asarray(gradients) ** 2).sum(axis=0))
    return math.sqrt((D**2 * root).sum() / (2 * root.sum()))


def _rate_inputs(rng):
    """As many rounds as coordinates, so that sums over the wrong axis are told by their name."""
    n = int(rng.integers(2, 5))
    sizes = 10 ** rng.uniform(-1, 1, n)
    gradients = sizes * rng.uniform(0.3, 1, (n, n)) * rng.choice([-1, 1], (n, n))
    return {"gradients": gradients, "D": rng.uniform(0.2, 5, n)}


# 5. full_step


def _power(S, power):
    sizes, axes = np.linalg.eigh(S)
    return axes @ np.diag(sizes**power) @ axes.T


def _full_inputs(rng):
    """Two to four coordinates: for two alone eigh's matrix of eigenvectors is symmetric."""
    n = int(rng.integers(2, 5))
    slant = rng.uniform(0.3, 2.0, n) * rng.choice([-1, 1], n)
    past = rng.uniform(0.3, 2, (2 * n, 1)) * slant + rng.uniform(-0.5, 0.5, (2 * n, n))
    g = rng.uniform(0.3, 2, n) * rng.choice([-1, 1], n)
    return {"g": g, "S": past.T @ past + np.outer(g, g), "lr": log_uniform(rng, 1e-3, 1)}


def _turned(before, after):
    """-lr times `after` of the eigenvectors times (`before` of them times g, over the roots of the eigenvalues)."""

    def step(g, S, lr):
        sizes, axes = np.linalg.eigh(S)
        return -lr * after(axes) @ (before(axes) @ g / np.sqrt(sizes))

    return step


BLANKS = (
    Blank(
        name="06_adagrad.adagrad",
        inputs=stream(lr=(1e-3, 1.0), lr_decay=(0.01, 0.3), eps=(1e-9, 1e-7)),
        outputs=("theta", "G"),
        chained=True,
        forbidden=OPTIMIZERS,
        points=3,
        hints=(
            "Hold each line beside Adagrad's three formulas. The line that moves theta is right as it stands.",
            "One error is in the rate, one in the sum, one in what is returned. Two coordinates with gradients of "
            "different size must have different sums, and the sum must never forget.",
            "Divide lr by one plus (t - 1) times lr_decay; add the squares coordinate by coordinate; return the sum "
            "itself and not its root.",
        ),
        mistakes=(*MISTAKES["adagrad"], *_LEFT),
    ),
    Blank(
        name="06_adagrad.start_of_G",
        inputs=cases(
            lambda rng: {
                "g": log_uniform(rng, 1e-4, 10) * float(rng.choice([-1, 1])),
                "lr": (lr := log_uniform(rng, 1e-3, 1)),
                "length": lr * float(rng.uniform(0.05, 0.9)),
            }
        ),
        points=1,
        hints=(
            "The first step is as long as lr times |g| over a root. What stands under that root?",
            "Under the root stands the initial accumulator plus g squared. Square the equation and solve for the "
            "initial accumulator.",
            "It is the square of lr times g over the length, less the square of g.",
        ),
        mistakes=(
            Mistake(
                "g_forgotten",
                lambda g, lr, length: (lr * g / length) ** 2,
                "You left out that the first gradient's own square is added before the step. For a length of half lr on "
                "a gradient of 1 you say 4; with 4 the step is 0.447 lr.",
            ),
            Mistake(
                "no_square",
                lambda g, lr, length: abs(lr * g / length) - abs(g),
                "You did not square: G is a sum of squares, in units of g squared. For a length of half lr on a gradient "
                "of 1 you say 1, and the step is then 0.707 lr.",
            ),
            Mistake(
                "ratio_not_squared",
                lambda g, lr, length: g * g * (lr / length - 1),
                "You squared g and not lr over the length. For a length of a third of lr on a gradient of 1 you say 2, and "
                "the step is then 0.577 lr.",
            ),
            Mistake(
                "root_of_G",
                lambda g, lr, length: abs(g) * math.sqrt((lr / length) ** 2 - 1),
                "You gave the root of the answer. torch's initial_accumulator_value is added to squares, not to their "
                "root.",
            ),
            Mistake(
                "units_of_g",
                lambda g, lr, length: (lr / length) ** 2 - 1,
                "Your answer does not depend on g: it is right for a gradient of 1 alone. Multiply by the square of g.",
            ),
            Mistake(
                "upside_down",
                lambda g, lr, length: (g * length / lr) ** 2 - g * g,
                "Your fraction is upside down, and your sum of squares is negative. The shorter the step, the larger the "
                "sum must be.",
            ),
        ),
    ),
    Blank(
        name="06_adagrad.steps_to_walk",
        inputs=cases(_walk_inputs),
        points=2,
        hints=(
            "How long is the k-th step from now on? Its square root holds G and k times the square of g.",
            "Add up the steps one by one until their sum reaches the distance. A loop is good enough; a formula with "
            "2 sqrt(t) is only near.",
            "Count k up from 1, add lr times g over the root of (G plus k times g squared), and return the first k at "
            "which the total is not below the distance.",
        ),
        mistakes=(
            Mistake(
                "by_integral",
                _walk_by_integral,
                "You put an integral in place of the sum. It is near where G is large, and a step or more early where G "
                "is small: from G = 0 it says 2500 steps for 100 lr, and 2574 are needed.",
            ),
            Mistake(
                "formula_from_zero",
                lambda distance, lr, g, G: math.ceil((distance / (2 * lr)) ** 2),
                "You used the square of distance/(2 lr), which counts from G = 0 and is only near there. The past counts: "
                "after one gradient of 1000, 1 lr takes 1001 steps of gradients of 1, and you say 1.",
            ),
            Mistake(
                "past_forgotten",
                lambda distance, lr, g, G: _walk(distance, lr, g, 0.0),
                "You started from G = 0. The past counts: after one gradient of 1000, 1 lr takes 1001 steps of gradients "
                "of 1, and you say 1.",
            ),
            Mistake(
                "one_step_early",
                lambda distance, lr, g, G: _walk(distance, lr, g, G) - 1,
                "You stopped one step early: after so many steps the sum is still below the distance.",
            ),
            Mistake(
                "stale",
                lambda distance, lr, g, G: _steps_until(distance, lambda k: _step(k - 1, lr, g, G)),
                "You divided by the sum from before each gradient. Adagrad adds the gradient first: the first step has "
                "G + g squared under its root.",
            ),
            Mistake(
                "rate_frozen",
                lambda distance, lr, g, G: math.ceil(distance / _step(1, lr, g, G)),
                "You let every step be as long as the first. G grows by g squared at each one, and the steps shrink.",
            ),
            Mistake(
                "g_not_squared",
                lambda distance, lr, g, G: _steps_until(distance, lambda k: lr * g / math.sqrt(G + k * g)),
                "You added k times g under the root. G grows by the square of g at each step.",
            ),
        ),
    ),
    Blank(
        name="06_adagrad.best_rate",
        inputs=cases(_rate_inputs),
        points=3,
        hints=(
            "Only the numbers s_i = sqrt(G_i) and D_i matter. First get the s_i: squares, summed over the rounds, then "
            "the root; one for each column.",
            "The bound has the form A/(2 lr) + B lr. Its derivative is zero where the two terms are equal.",
            "It is the root of: the sum of D squared times s, over twice the sum of s.",
        ),
        mistakes=(
            Mistake(
                "wrong_axis",
                lambda gradients, D: _best_rate(gradients.T, D),
                "You summed each row, a round over its coordinates. G_i belongs to a coordinate: sum each column, over "
                "the rounds (axis 0).",
            ),
            Mistake(
                "no_root",
                lambda gradients, D: math.sqrt((D**2 * (s := (gradients**2).sum(axis=0))).sum() / (2 * s.sum())),
                "You weighted with G_i and not with its root. The bound has sqrt(G_i): a coordinate with gradients 10 "
                "times as large counts 10 times, not 100 times.",
            ),
            Mistake(
                "last_root_forgotten",
                lambda gradients, D: _best_rate(gradients, D) ** 2,
                "You gave the square of the best rate: the last root is missing. With D twice as large in the worked "
                "example, 1.93 is best and you say 3.71, where the bound is 22 % above its least value.",
            ),
            Mistake(
                "two_forgotten",
                lambda gradients, D: math.sqrt(2) * _best_rate(gradients, D),
                "You lost the 2: the first term is D squared over 2 lr. Your rate is 1.41 times too large, and the bound "
                "6 % above its least value.",
            ),
            Mistake(
                "largest_D",
                lambda gradients, D: float(np.max(D)) / math.sqrt(2),
                "You took the largest D for all coordinates, as the paper's theorem does. Here each has its own, and the "
                "best rate lies lower.",
            ),
            Mistake(
                "D_not_squared",
                lambda gradients, D: (D * (s := np.sqrt((gradients**2).sum(axis=0)))).sum() / (math.sqrt(2) * s.sum()),
                "You averaged D. The bound holds D squared: average the squares and take the root at the end.",
            ),
            Mistake(
                "upside_down",
                lambda gradients, D: 1 / (2 * _best_rate(gradients, D)),
                "Your fraction is upside down. The rate is a length, as D is: twice the distances, twice the rate.",
            ),
            Mistake(
                "mean_of_D",
                lambda gradients, D: float(np.mean(D)) / math.sqrt(2),
                "You gave every coordinate the same weight. In the bound each counts by its sqrt(G_i), and its D is squared.",
            ),
            Mistake(
                "bound_itself",
                lambda gradients, D: math.sqrt(
                    2 * (D**2 * (s := np.sqrt((gradients**2).sum(axis=0)))).sum() * s.sum()
                ),
                "You returned the least value of the bound, 13.5 in the worked example. Wanted is the lr at which it is "
                "reached.",
            ),
            Mistake(
                "absolute_sum",
                lambda gradients, D: math.sqrt(
                    (D**2 * (s := np.abs(gradients).sum(axis=0))).sum() / (2 * s.sum())
                ),
                "You summed |g|. sqrt(G_i) is the root of the sum of squares, which is smaller: 2 and not 4 for four "
                "gradients of 1.",
            ),
        ),
    ),
    Blank(
        name="06_adagrad.full_step",
        inputs=cases(_full_inputs),
        points=2,
        hints=(
            "The step is minus lr times a matrix times g. The matrix is S to the power of minus one half, as a matrix: "
            "not entry by entry.",
            "np.linalg.eigh(S) gives eigenvalues and, as columns, eigenvectors. A power of S has the same eigenvectors; "
            "only the eigenvalues are raised to it.",
            "Turn g into the eigenvectors' axes with the transpose, divide by the roots of the eigenvalues, turn back, "
            "and multiply by minus lr.",
        ),
        mistakes=(
            Mistake(
                "entry_by_entry",
                lambda g, S, lr: -lr * S**-0.5 @ g,
                "You took the power entry by entry, S**-0.5, which is also nan wherever an entry is negative. A matrix "
                "has a root of its own: the matrix whose product with itself is S.",
            ),
            Mistake(
                "diagonal_only",
                lambda g, S, lr: -lr * g / np.sqrt(np.diag(S)),
                "You used the diagonal of S alone. That is plain Adagrad, which needs 127 steps on the ravine turned by "
                "45 degrees; the full matrix needs 25.",
            ),
            Mistake(
                "no_root",
                lambda g, S, lr: -lr * np.linalg.solve(S, g),
                "You divided by S and not by its root. The step then has the size of 1/g, and grows where the slope "
                "falls.",
            ),
            Mistake(
                "no_inverse",
                lambda g, S, lr: -lr * _power(S, 0.5) @ g,
                "You multiplied by the root of S. Dividing by it is what makes steps long where gradients were small.",
            ),
            Mistake(
                "cholesky",
                lambda g, S, lr: -lr * np.linalg.solve(np.linalg.cholesky(S), g),
                "You divided by the Cholesky factor. Its product with its own transpose is S, but it is not the symmetric "
                "root: it depends on the order of the coordinates. In the worked example it gives (-1.34, 1.79).",
            ),
            Mistake(
                "not_turned",
                lambda g, S, lr: -lr * g / np.sqrt(np.linalg.eigvalsh(S)),
                "You divided g by the roots of the eigenvalues as if they belonged to g's own axes. They belong to the "
                "eigenvectors: turn g into their axes first, and back afterwards.",
            ),
            Mistake(
                "exchanged",
                _turned(lambda axes: axes, lambda axes: axes.T),
                "You exchanged the eigenvectors and their transpose. For two coordinates numpy's V is its own transpose, "
                "and nobody sees it; for three your error is typically 1.5 times as long as the right step. The transpose "
                "comes first: it takes g into the eigenvectors' axes.",
            ),
            Mistake(
                "no_transpose",
                _turned(lambda axes: axes, lambda axes: axes),
                "You multiplied by the eigenvectors twice and never by their transpose. For two coordinates numpy's V is "
                "its own transpose, and nobody sees it; for three about 30 % of your steps go uphill.",
            ),
            Mistake(
                "wrong_sign",
                lambda g, S, lr: lr * _power(S, -0.5) @ g,
                "The size is right, the sign is not: the step goes against the gradient.",
            ),
        ),
    ),
)

