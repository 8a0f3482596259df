"""The blanks of 02_gradient_checks."""

import math

import numpy as np

from course.exercises.blank import Blank, cases
from course.exercises.repair import errors_left
from course.mistakes import Mistake


def _four_values(rng):
    """Values of a exp(b x) + c sin(d x) around a point; the slope is never near 0."""
    a, b, c = float(rng.uniform(1, 3)), float(rng.uniform(0.5, 1.2)), float(rng.uniform(-0.2, 0.2))
    d, x, h = float(rng.uniform(0.5, 1.5)), float(rng.uniform(0, 1)), float(rng.uniform(0.2, 1))

    def f(t):
        return a * math.exp(b * t) + c * math.sin(d * t)

    points = {"f_minus": x - h, "f_half_minus": x - h / 2, "f_half_plus": x + h / 2, "f_plus": x + h}
    return {name: f(t) for name, t in points.items()} | {"h": h}


def _mixed(weight_half, weight_whole):
    def answer(f_minus, f_half_minus, f_half_plus, f_plus, h):
        return weight_half * (f_half_plus - f_half_minus) / h + weight_whole * (f_plus - f_minus) / (2 * h)

    return answer


def _loss_size(rng):
    u = float(rng.choice([2.0**-53, 2.0**-24]))
    return {"u": u, "f": float(10 ** rng.uniform(-3, 3)), "f4": float(10 ** rng.uniform(-2, 4))}


def _second_bound(h, u, f, f4, *, rounding=4, truncation=12):
    return h**2 * f4 / truncation + rounding * u * f / h**2


def _second(rounding, truncation):
    """The best step and its bound with these constants in place of 4 and 12."""

    def answer(u, f, f4):
        h = (rounding * truncation * u * f / f4) ** 0.25
        return h, _second_bound(h, u, f, f4, rounding=rounding, truncation=truncation)

    return answer


def _second_at(best):
    """The bound of the second difference at another step."""
    return lambda u, f, f4: (best(u, f, f4), _second_bound(best(u, f, f4), u, f, f4))


def _rounding_over_h(u, f, f4):
    h = (24 * u * f / f4) ** (1 / 3)
    return h, h**2 * f4 / 12 + 4 * u * f / h


def _half_bound(u, f, f4):
    h = (48 * u * f / f4) ** 0.25
    return h, h**2 * f4 / 12


def _residual(rng):
    n = int(rng.integers(5, 9))
    shapes = {"x": (n, 4), "W": (4, 4), "b": 4, "V": (4, 3), "c": 3}
    draws = {name: rng.standard_normal(shape) * (1 if name == "x" else 0.5) for name, shape in shapes.items()}
    return {"x": draws.pop("x"), "y": rng.integers(0, 3, n), **draws}


def _backward(*errors):
    """The residual layer's backward pass with these errors."""

    def answer(x, y, W, b, V, c):
        s = x @ W + b
        t = np.tanh(s)
        a = x + t
        z = a @ V + c
        p = np.exp(z - z.max(axis=1, keepdims=True)) if "axis" not in errors else np.exp(z)
        p = p / p.sum(axis=0 if "axis" in errors else 1, keepdims=True)
        d = p - np.eye(len(c))[y]
        d = d if "sum" in errors else d / len(y)
        slopes = {"slope_at_a": 1 - a**2, "slope_at_s": 1 - s**2, "slope_twice": 1 - np.tanh(t) ** 2}
        slopes |= {"no_slope": 1.0, "skip_added": 2 - t**2}
        e = (d @ V.T) * next((slopes[error] for error in errors if error in slopes), 1 - t**2)
        dW = e.T @ x if "transposed" in errors else x.T @ e
        db, dc = (np.mean if "bias_mean" in errors else np.sum)(e, axis=0), d.sum(axis=0)
        dc = d.mean(axis=0) if "bias_mean" in errors else dc
        return dW, db, (t if "skip_forgotten" in errors else a).T @ d, dc

    return answer


_ERRORS = {
    "sum": "d is not divided by the number of images: the loss is a mean, so all four gradients are n times too large",
    "slope_at_a": "the slope of tanh is 1 - tanh^2, and a is not the tanh but x + tanh: for |a| > 1 it even gets the "
    "wrong sign",
    "transposed": "the gradient of W is transposed; W is square, so the shape does not tell",
}


def _probabilities(rng):
    n, k = int(rng.integers(2, 4)), int(rng.integers(4, 6))
    p = np.exp(rng.standard_normal((n, k)))
    return {"p": p / p.sum(axis=1, keepdims=True), "q": rng.standard_normal((n, k)) + 0.5}


def _one(tau, rho):
    """The chance that one direction misses the bug."""
    return math.erf(tau / (rho * math.sqrt(2)))


def _bug(rng):
    """A bug whose answer is not close to a whole number, where rounding would decide.

    tau is at or beyond rho often enough that the straight line 0.80 tau/rho, rounded or not, is told by its name.
    """
    while True:
        rho, p = float(10 ** rng.uniform(-5, -1)), float(10 ** rng.uniform(-9, -2))
        tau = rho * float(10 ** rng.uniform(*[(-2, -0.3), (-0.3, 0.4), (0, 0.09)][rng.integers(3)]))
        if 0.01 < math.log(p) / math.log(_one(tau, rho)) % 1 < 0.99:
            return {"rho": rho, "tau": tau, "p": p}


_LINEAR = (
    "You used 0.80 tau/rho for the chance of one direction. That holds for tau far below rho: at tau = rho and "
    "p = 1e-6 it asks for 62 directions, and 37 are enough; at tau = 2 rho it would be 1.6. Take the erf itself."
)


def _directions(chance):
    return lambda rho, tau, p: math.ceil(math.log(p) / math.log(chance(tau, rho)))


BLANKS = (
    Blank(
        name="02_gradient_checks.fourth_order",
        inputs=cases(_four_values),
        points=2,
        hints=(
            "Write down D(h) and D(h/2), both with their term in c. By what factor is the second one's error smaller?",
            "Take a multiple of D(h/2), minus D(h), so that c cancels. Then divide, so that f'(x) stands there once.",
            "It is four times D(h/2) minus D(h), all over three. The two inner points are h apart, the outer ones 2 h.",
        ),
        mistakes=(
            Mistake(
                "half_step_only",
                _mixed(1, 0),
                "You gave D(h/2). Its error is a quarter of that of D(h), and still of order 2: for e^x at 0 with h = 1 "
                "it is 0.042, the combination's is 0.0021.",
            ),
            Mistake(
                "mean",
                _mixed(1 / 2, 1 / 2),
                "You took the mean of D(h) and D(h/2). Both errors have the same sign, so a mean cannot cancel them: "
                "5/8 of c h^2 is left.",
            ),
            Mistake(
                "weights_of_order_one",
                _mixed(2, -1),
                "2 D(h/2) - D(h) cancels an error that halves with h. This one falls to a quarter: half of c h^2 is "
                "left, with the other sign.",
            ),
            Mistake(
                "swapped",
                _mixed(-1 / 3, 4 / 3),
                "You exchanged the two: the weight 4/3 belongs to D(h/2), whose error is the smaller one. As it stands "
                "the error of D(h) becomes 5/4 of itself.",
            ),
            Mistake(
                "both_added",
                _mixed(4 / 5, 1 / 5),
                "You added D(h) where it must be subtracted. The weights add up to 1, but 2/5 of c h^2 is left.",
            ),
            Mistake(
                "half_the_gap",
                _mixed(3 / 2, -1 / 2),
                "You corrected D(h/2) by half of its distance from D(h). That distance is 3/4 of c h^2, and 1/4 of c h^2 "
                "is to be removed: a third of it.",
            ),
            Mistake(
                "not_normalized",
                _mixed(4, -1),
                "c is gone, but f'(x) stands there three times: divide by 3.",
            ),
            Mistake(
                "half_over_2h",
                _mixed(2 / 3, -1 / 3),
                "You divided both differences by 2 h. The inner points x - h/2 and x + h/2 are only h apart, so D(h/2) "
                "came out half as large, and your result is near a third of the slope.",
            ),
            Mistake(
                "textbook_12h",
                _mixed(2 / 3, -1 / 6),
                "This is the textbook formula over 12 h, in which h is the distance to the inner points. Here it is h/2, "
                "so the denominator is 6 h: your slope is half of the right one.",
            ),
        ),
    ),
    Blank(
        name="02_gradient_checks.best_second",
        inputs=cases(_loss_size),
        outputs=("h", "E"),
        points=3,
        hints=(
            "Add the Taylor formulas of f(x + h) and f(x - h) up to h^4. What is left after f, and after f''?",
            "Truncation: h^2/12 times |f''''|. Rounding: f(x) counts twice, so the three values can be wrong by 4 u |f| "
            "together, over h^2. Set the derivative of the sum to zero.",
            "h is the fourth root of 48 u |f| over |f''''|. E is the sum of both terms at that h, where they are equal.",
        ),
        mistakes=(
            Mistake(
                "middle_counted_once",
                _second(3, 12),
                "You bounded the rounding by 3 u |f|. The middle value is doubled, and so is its error: 1 + 2 + 1 = 4. "
                "Your E is 0.87 times the bound.",
            ),
            Mistake(
                "two_values",
                _second(2, 12),
                "You bounded the rounding by 2 u |f|, as for a forward difference. Here three values enter, with the "
                "weights 1, 2 and 1. Your E is 0.71 times the bound.",
            ),
            Mistake(
                "one_value",
                _second(1, 12),
                "You bounded the rounding by u |f|, as for a central difference, whose 2 u |f| is divided by 2 h. Here the "
                "three values add up to 4 u |f|. Your E is half of the bound.",
            ),
            Mistake(
                "one_side_only",
                _second(4, 24),
                "Your truncation error is h^2/24 times |f''''|, that of one side. f(x + h) and f(x - h) both contribute "
                "h^4/24: together h^2/12 after the division. Your h is 1.19 times too long.",
            ),
            Mistake(
                "first_derivative",
                lambda u, f, f4: (h := (3 * u * f / f4) ** (1 / 3), 1.5 * u * f / h),
                "That is the best step of the central difference for f'. Here rounding is divided by h^2, so a longer "
                "step is needed: with |f| = |f''''| = 1 in float64, yours leaves an error up to 9e-6 in place of 1.2e-8.",
            ),
            Mistake(
                "first_derivative_step",
                _second_at(lambda u, f, f4: (3 * u * f / f4) ** (1 / 3)),
                "Your h is the best step of the central difference for f'. For f'' rounding is divided by h^2: the "
                "minimum of the sum lies at a fourth root, and there the error is 760 times smaller for "
                "|f| = |f''''| = 1 in float64.",
            ),
            Mistake(
                "square_root",
                _second_at(lambda u, f, f4: math.sqrt(48 * u * f / f4)),
                "Your h is the square root of 48 u |f| / |f''''|. Setting the derivative to zero gives that ratio for h^4: "
                "take the root twice.",
            ),
            Mistake(
                "rounding_over_h",
                _rounding_over_h,
                "You divided the rounding error by h. The second difference is divided by h^2, and its rounding with "
                "it: at your h the true bound is 34 times as large as you say for |f| = |f''''| = 1 in float64.",
            ),
            Mistake(
                "one_term",
                _half_bound,
                "Your h is right. Your E is one of the two terms; at the best h they are equal, and E is their sum: "
                "twice as much.",
            ),
        ),
    ),
    Blank(
        name="02_gradient_checks.backward",
        inputs=cases(_residual, count=8),
        outputs=("dW", "db", "dV", "dc"),
        forbidden=("torch", "jax", "autograd"),
        points=3,
        hints=(
            "Check the four tensors of `given` one by one. All four fail: what do they share? Mend that first, and check "
            "again.",
            "One error is in d, one in the slope of tanh, one in how dW is put together. An entry of dW belongs to one "
            "input (row) and one unit (column).",
            "Divide d by the number of rows; take one minus the square of tanh alone, without x; multiply the transpose "
            "of x by e.",
        ),
        mistakes=(
            *errors_left(lambda left: _backward(*left), _ERRORS),
            Mistake(
                "bias_mean",
                _backward("bias_mean"),
                "Your bias gradients are means over the images. d already holds the 1/n of the loss; with a mean it is "
                "divided a second time, so db and dc are n times too small.",
            ),
            Mistake(
                "softmax_over_images",
                _backward("axis"),
                "Your probabilities add up to 1 over the images. Each row of the scores has a softmax of its own: sum "
                "along axis=1.",
            ),
            Mistake(
                "skip_forgotten",
                _backward("skip_forgotten"),
                "Your dV uses the tanh alone. V multiplies a = x + tanh, so the input belongs in it as well.",
            ),
            Mistake(
                "skip_added",
                _backward("skip_added"),
                "You let the skip connection into dW and db: your e has the factor 2 - t^2. The path around the tanh "
                "does not depend on W or b; it would count for the gradient of x.",
            ),
            Mistake(
                "slope_at_s",
                _backward("slope_at_s"),
                "You squared the sum x @ W + b. The slope of tanh is one minus the square of its value, tanh(x @ W + b).",
            ),
            Mistake(
                "slope_twice",
                _backward("slope_twice"),
                "You took the tanh of the tanh: the lesson's planted bug. The value t is already the tanh; its slope is "
                "1 - t^2.",
            ),
            Mistake(
                "no_slope",
                _backward("no_slope"),
                "You sent the error back without the slope of tanh. dW and db then are too large, most of all for units "
                "near -1 or 1, whose slope is near 0.",
            ),
        ),
    ),
    Blank(
        name="02_gradient_checks.softmax_backward",
        inputs=cases(_probabilities),
        forbidden=("torch", "jax", "autograd"),
        points=2,
        hints=(
            "By the chain rule the entry k is a sum over l of q_l times the derivative of p_l by z_k.",
            "The delta picks the term l = k. What is left of the sum is the mean of q with the weights p, one number a "
            "row.",
            "It is p times (q minus the row's sum of p times q); keep the summed axis, so that it is taken from each entry "
            "of its own row.",
        ),
        mistakes=(
            Mistake(
                "diagonal_only",
                lambda p, q: p * (1 - p) * q,
                "You used each score's effect on its own probability only. A score also lowers all others of its row: "
                "in the example you say (0.25, 0.42, 0.64), as if adding 1 to all scores changed f.",
            ),
            Mistake(
                "delta_only",
                lambda p, q: p * q,
                "You kept the delta and dropped the -p_k: the part in which raising one score lowers the other "
                "probabilities is missing. Each row of the answer must add up to 0.",
            ),
            Mistake(
                "sum_over_all",
                lambda p, q: p * (q - (p * q).sum()),
                "You summed over all rows at once. Each row has a softmax of its own: sum along axis=1.",
            ),
            Mistake(
                "sum_over_rows",
                lambda p, q: p * (q - (p * q).sum(axis=0)),
                "You summed along axis=0, over the images. The probabilities that share a softmax stand in one row.",
            ),
            Mistake(
                "mean",
                lambda p, q: p * (q - (p * q).mean(axis=1, keepdims=True)),
                "You took the mean of p times q. The p are the weights already and add up to 1; the mean divides by the "
                "number of classes once more.",
            ),
            Mistake(
                "plain_mean",
                lambda p, q: p * (q - q.mean(axis=1, keepdims=True)),
                "You subtracted the plain mean of q. The mean has the weights p: only then does each row of the answer "
                "add up to 0.",
            ),
            Mistake(
                "plain_sum",
                lambda p, q: p * (q - q.sum(axis=1, keepdims=True)),
                "You subtracted the plain sum of q. It needs the weights p: in the example your row adds up to -5.1, and "
                "it must add up to 0.",
            ),
            Mistake(
                "divided_by_n",
                lambda p, q: p * (q - (p * q).sum(axis=1, keepdims=True)) / len(p),
                "You divided by the number of rows. The lesson's 1/n came from the loss, a mean over images; here q holds "
                "whatever the loss brings, and with 3 rows your gradient is a third of the right one.",
            ),
            Mistake(
                "p_outside_the_sum",
                lambda p, q: p * (q - p * q.sum(axis=1, keepdims=True)),
                "In the second term you have p_k twice and the plain sum of q. One of the two factors is p_l: it belongs "
                "to its q_l, under the sum.",
            ),
            Mistake(
                "no_outer_p",
                lambda p, q: q - (p * q).sum(axis=1, keepdims=True),
                "The factor p in front is missing: a class with a probability near 0 hardly moves, whatever its q.",
            ),
            Mistake(
                "sign",
                lambda p, q: p * ((p * q).sum(axis=1, keepdims=True) - q),
                "Your sign is the opposite one. Raising the score with the largest q raises f: its entry is positive.",
            ),
        ),
    ),
    Blank(
        name="02_gradient_checks.directions_needed",
        inputs=cases(_bug),
        points=2,
        hints=(
            "What is the chance that one direction misses the bug? The lesson has it, for any size of the bug.",
            "Independent chances multiply: with k directions it is the single chance to the power k. Ask when that is "
            "at most p, and mind the sign of the logarithms.",
            "Take the logarithm of p, divide by the logarithm of erf(tau / (rho times the root of 2)), and round up.",
        ),
        mistakes=(
            Mistake("linear", _directions(lambda tau, rho: math.sqrt(2 / math.pi) * tau / rho), _LINEAR),
            Mistake("linear_rounded", _directions(lambda tau, rho: 0.8 * tau / rho), _LINEAR),
            Mistake(
                "no_root",
                _directions(lambda tau, rho: math.erf(tau / rho)),
                "You left out the root of 2 inside erf. It comes from the 2 in the normal density's exponent; without it "
                "the chance for tau = 0.1 rho is 0.112 in place of 0.080.",
            ),
            Mistake(
                "rounded_down",
                lambda rho, tau, p: math.floor(math.log(p) / math.log(_one(tau, rho))),
                "You rounded down. With that many directions the chance is still above p; one more is needed.",
            ),
            Mistake(
                "not_whole",
                lambda rho, tau, p: math.log(p) / math.log(_one(tau, rho)),
                "Your number is where the chance equals p. There is no part of a direction: round up.",
            ),
            Mistake(
                "chance_to_catch",
                _directions(lambda tau, rho: 1 - _one(tau, rho)),
                "You used the chance that one direction sees the bug. All directions must miss it for the gradient to be "
                "accepted: the chances of missing it multiply.",
            ),
            Mistake(
                "one_over_k",
                lambda rho, tau, p: math.ceil(_one(tau, rho) / p),
                "You let the chance fall as 1/k. Independent chances multiply, so it falls as a power of k: 6 directions "
                "do in the example what you would give 80,000 to.",
            ),
            Mistake(
                "one_sided",
                _directions(lambda tau, rho: (1 + _one(tau, rho)) / 2),
                "You took the chance that the difference is below tau. Its size must be below tau, on both sides: a large "
                "negative difference is seen as well.",
            ),
        ),
    ),
)
