"""The blanks of 11_choosing_a_learning_rate."""

import math

import numpy as np

from course.exercises.blank import Blank, cases, log_uniform
from course.exercises.repair import errors_left
from course.mistakes import Mistake


# flattest


def _bowl(rng):
    """A symmetric matrix with positive eigenvalues, and a bound a little above the largest."""
    dim = int(rng.integers(3, 6))
    eigenvalues = np.exp(rng.uniform(np.log(0.1), np.log(10), dim))
    turn, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    H = turn @ np.diag(eigenvalues) @ turn.T
    L = float(eigenvalues.max() * rng.uniform(1.02, 1.3))
    return {"H": (H + H.T) / 2, "v": rng.normal(size=dim), "L": L, "k": int(rng.integers(2, 7))}


def _direction(multiply, v, k):
    for _ in range(k):
        v = multiply(v)
        v = v / np.linalg.norm(v)
    return v


def _flattest(H, v, L, k, *, more=0, rate=lambda mu, L: 2 / (mu + L), multiply=None, read=lambda H, v, L: v @ H @ v):
    mu = read(H, _direction(multiply or (lambda v: L * v - H @ v), v, k + more), L)
    return mu, rate(mu, L)


def _unscaled(H, v, L, k):
    u = _direction(lambda v: L * v - H @ v, v, k - 1)
    u = L * u - H @ u
    return u @ H @ u, 2 / (u @ H @ u + L)


def _never_scaled(H, v, L, k):
    for _ in range(k):
        v = L * v - H @ v
    return v @ H @ v, 2 / (v @ H @ v + L)


# comes_back


def _sizes(rates, curvature):
    return np.cumprod(np.abs(1 - rates * curvature))


def _exponential(lo, hi, n, gaps=None):
    return lo * (hi / lo) ** (np.arange(n) / (gaps or n - 1))


def _first_back(rates, curvature, size=_sizes, count=1, later=0):
    i = int(np.argmax(size(rates, curvature) >= 1))
    return i + count, rates[min(max(i + later, 0), len(rates) - 1)] * curvature


def _without_the_first(rates, curvature):
    return np.append(0, _sizes(rates[1:], curvature))


def _ramp_inputs(rng):
    """Ramps that come back before their end; no size near 1 there and no factor near 0."""
    while True:
        curvature, n = log_uniform(rng, 0.05, 50), int(rng.integers(20, 160))
        call = {
            "lo": log_uniform(rng, 1e-3, 0.3) / curvature,
            "hi": float(rng.uniform(25, 100)) / curvature,
            "n": n,
            "curvature": curvature,
        }
        for gaps in (n - 1, n):
            size = _sizes(_exponential(call["lo"], call["hi"], n, gaps), curvature)
            if not (size[-1] > 2 and np.abs(np.log(size)).min() > 1e-4 and size.min() > 1e-40):
                break
        else:
            return call


def _ramps(rng):
    """Twenty ramps; in each fifth the first step decides."""
    calls = []
    while len(calls) < 20:
        call = _ramp_inputs(rng)
        rates = _exponential(call["lo"], call["hi"], call["n"])
        late = _first_back(rates, call["curvature"], size=_without_the_first)
        if len(calls) % 5 != 4 or late != _first_back(rates, call["curvature"]):
            calls.append(call)
    return calls


# suggest


def _smoothed(loss, keep, corrected=True, start=0.0):
    mean, out = start, []
    for t, value in enumerate(loss, 1):
        mean = keep * mean + (1 - keep) * value
        out.append(mean / (1 - keep**t) if corrected else mean)
    return np.array(out)


def _suggest(errors, *, smooth=None, share=10.0, shift=1, pick=np.argmin, absolute=False, short=0):
    """The exercise's broken finder with only these of its three errors left, or with others."""

    def finder(lr, loss, keep):
        s = smooth(loss, keep) if smooth else _smoothed(loss, keep, "uncorrected" not in errors)
        low = int(s.argmin())
        end = len(s) if "beyond" in errors else low + 1 - short
        axis = lr if "per_rate" in errors else np.log(lr)
        slope = np.diff(s[:end]) if absolute else np.diff(s[:end]) / np.diff(axis[:end])
        return lr[low] / share, lr[int(pick(slope)) + shift]

    return finder


def _central(lr, loss, keep):
    s = _smoothed(loss, keep)
    low = int(s.argmin())
    return lr[low] / 10, lr[int(np.gradient(s[: low + 1], np.log(lr[: low + 1])).argmin())]


_ERRORS = {
    "uncorrected": "the running mean starts at 0 and is not corrected, so the smoothed loss is lowest at the very first "
    "step, a tenth of the true loss at keep = 0.9, and the tenth is a tenth of the lowest rate",
    "per_rate": "the slope is taken per unit of the rate; a step from 0.001 to 0.0012 then counts 1000 times as much as "
    "the same fall from 1 to 1.2, and the flat beginning wins by its noise",
    "beyond": "the steepest fall is sought in the whole curve; once a run is thrown about, its loss also falls steeply, at "
    "rates that nobody wants",
}


# Where the mean alone is left uncorrected, nothing lies before the minimum, and argmin raises.
_LEFT = errors_left(_suggest, _ERRORS, lambda left: "uncorrected" not in left or "beyond" in left)
_OTHERS = (
    Mistake(
        "the_minimum",
        _suggest((), share=1.0),
        "You returned the rate of the minimum itself. After a quick ramp it let none of six networks learn; return a "
        "tenth of it.",
    ),
    Mistake(
        "not_smoothed",
        _suggest((), smooth=lambda loss, keep: loss),
        "You looked at the losses as they are. Each is one batch's: the lowest of them is the luckiest batch, and the "
        "steepest step is noise.",
    ),
    Mistake(
        "starts_at_the_first_loss",
        _suggest((), smooth=lambda loss, keep: _smoothed(loss, keep, corrected=False, start=loss[0])),
        "Your mean starts at the first loss in place of 0. That loss then weighs keep^t for ever, where the correction "
        "gives every loss its due share: with keep = 0.95 it has more than a third of the weight after 20 steps.",
    ),
    Mistake(
        "central_differences",
        _central,
        "Your tenth is right. np.gradient takes the slope over two steps, from the one before to the one after; asked is "
        "the slope from the step before, which np.diff gives.",
    ),
    Mistake(
        "step_before",
        _suggest((), shift=0),
        "Your tenth is right. The steepest difference lies between two steps and you gave the earlier one's rate: np.diff "
        "is one shorter than its argument, so add 1 to the index.",
    ),
    Mistake(
        "largest_slope",
        _suggest((), pick=np.argmax),
        "Your tenth is right. You took the largest slope, where the loss rises most; the steepest fall is the smallest, "
        "the most negative one.",
    ),
    Mistake(
        "steepest_either_way",
        _suggest((), pick=lambda slope: np.abs(slope).argmax()),
        "Your tenth is right. You took the slope of the largest size, and it goes up: a noisy curve rises here and there "
        "before its minimum. The steepest fall is the smallest slope, the most negative one.",
    ),
    Mistake(
        "last_step_left_out",
        _suggest((), short=1),
        "Your tenth is right. The steepest fall is the step into the minimum itself, and you did not look there: "
        "smooth[:low] ends before `low`, so cut at low + 1.",
    ),
    Mistake(
        "plain_differences",
        _suggest((), absolute=True),
        "Your tenth is right. You took the difference of the losses and not the slope: these rates are not evenly spaced, "
        "so divide by the differences of their logarithms.",
    ),
)


def _curve(rng):
    """Recorded rates and losses of a range test: flat, falling, thrown about."""
    n, keep = int(rng.integers(40, 80)), float(rng.uniform(0.7, 0.95))
    lr = np.exp(np.cumsum(rng.uniform(0.05, 0.25, n))) * log_uniform(rng, 1e-5, 1e-3)
    x, turn = np.linspace(0, 1, n), rng.uniform(0.55, 0.7)
    loss = 2.3 - rng.uniform(0.8, 1.5) / (1 + np.exp(-(x - rng.uniform(0.3, 0.45)) / 0.05))
    loss = loss + rng.choice([0.04, 0.002]) * rng.normal(size=n)
    thrown = np.maximum(x - turn, 0) / (1 - turn)
    return {"lr": lr, "loss": loss + thrown * rng.uniform(0.2, 1, n) * log_uniform(rng, 5, 1e5), "keep": keep}


def _is_clear(lr, loss, keep):
    """Whether no answer hangs on rounding."""
    s = _smoothed(loss, keep)
    low = int(s.argmin())
    slopes = np.sort(np.diff(s[: low + 1]) / np.diff(np.log(lr[: low + 1])))
    return low >= 8 and np.sort(s)[1] - s.min() > 1e-4 and slopes[1] - slopes[0] > 1e-4


def _curves(rng):
    """Twelve tests; all show the exercise's three errors, and each in turn one that seldom shows."""
    calls, right = [], _suggest(())
    late = _suggest(("per_rate", "beyond")), _suggest(("per_rate",))
    names = ("starts_at_the_first_loss", "central_differences", "plain_differences")
    names = (*names, "steepest_either_way", "last_step_left_out")
    seldom = (late, *((mistake.function, right) for mistake in _OTHERS if mistake.name in names))
    while len(calls) < 12:
        call = _curve(rng)
        if not _is_clear(**call):
            continue
        one, other = seldom[len(calls) % len(seldom)]
        wrong = (_suggest(("uncorrected", "beyond")), _suggest(("per_rate",)), _suggest(("beyond",)))
        if one(**call) != other(**call) and all(finder(**call) != right(**call) for finder in wrong):
            calls.append(call)
    return calls


# trials_needed


def _window(low, high, best, factor, *, clipped=True, upper=True):
    left, right = best / factor, best * factor if upper else best
    if clipped:
        left, right = max(left, low), min(right, high)
    return math.log(right / left) / math.log(high / low)


def _trials(share, chance):
    return math.log(1 - chance) / math.log(1 - share)


def _search_inputs(rng):
    """Half of the windows run over an end of the range; the number of trials keeps clear of whole ones."""
    while True:
        low = log_uniform(rng, 1e-6, 1e-2)
        high = low * log_uniform(rng, 100, 1e6)
        factor, chance = float(rng.uniform(1.3, 4)), float(rng.uniform(0.5, 0.99))
        span = math.log(high / low)
        edge = math.log(factor) * rng.uniform(0.05, 0.95)  # how far from an end the best is
        where = rng.choice([edge, span - edge, rng.uniform(0.2, 0.8) * span], p=[0.25, 0.25, 0.5])
        call = {"low": low, "high": high, "best": float(low * math.exp(where)), "factor": factor, "chance": chance}
        exact = _trials(_window(low, high, call["best"], factor), chance)
        if exact > 2 and 0.1 < exact % 1 < 0.9:
            return call


def _on_a_plain_scale(low, high, best, factor, chance):
    share = (min(best * factor, high) - max(best / factor, low)) / (high - low)
    return math.ceil(_trials(share, chance))


# plateau


def _spread(scores, ddof=1, root=True):
    return scores.std(axis=1, ddof=ddof) / (math.sqrt(scores.shape[1]) if root else 1)


def _plateau(rates, scores, *, error=_spread, own=False, ends=lambda on: (on.min(), math.sqrt(on.min() * on.max()))):
    mean = scores.mean(axis=1)
    bound = mean.min() + error(scores)[mean.argmin()]
    on = rates[mean - error(scores) <= mean.min()] if own else rates[mean <= bound]
    return ends(on)


def _divided_by_k(rates, scores):
    return _plateau(rates, scores, error=lambda scores: _spread(scores, ddof=0))


def _own_error(rates, scores):
    return _plateau(rates, scores, own=True)


def _scores(rng):
    """Validation losses of 6 to 12 rates, in any order; a fold is hard or easy for all of them."""
    k, folds = int(rng.integers(6, 13)), int(rng.integers(4, 9))
    rates = np.exp(rng.uniform(np.log(1e-3), np.log(10), k))
    depth = np.abs(np.log(rates / log_uniform(rng, 0.03, 0.5))) ** 1.5 * rng.uniform(0.02, 0.06)
    noise = 0.05 * rng.normal(size=(k, folds)) * rng.uniform(0.3, 1.5, (k, 1))
    return {"rates": rates, "scores": 0.4 + depth[:, None] + 0.1 * rng.normal(size=folds) + noise}


def _plateau_inputs(rng):
    """Sixteen searches without a mean at the plateau's edge; each shows one of the two mistakes that seldom show."""
    calls = []
    while len(calls) < 16:
        call = _scores(rng)
        rates, mean = call["rates"], call["scores"].mean(axis=1)
        above = mean - mean.min() - _spread(call["scores"])[mean.argmin()]
        if (
            np.sort(mean)[1] - mean.min() < 1e-3
            or np.abs(above).min() < 1e-4
            or not 2 < np.sum(above <= 0) < len(rates)
        ):
            continue
        if (_divided_by_k, _own_error)[len(calls) % 2](**call) != _plateau(**call):
            calls.append(call)
    return calls


BLANKS = (
    Blank(
        name="11_choosing_a_learning_rate.flattest",
        inputs=cases(_bowl),
        outputs=("mu", "lr"),
        points=2,
        hints=(
            "Which eigenvalues has the matrix L I - H, if H has the eigenvalues lambda_i? Which of them is the largest?",
            "Power iteration with v -> L v - H v turns v towards the flattest direction. The matrix L I - H need not be "
            "built.",
            "Repeat k times: multiply, then divide by the length. Then mu is v times H v, with H itself, and lr is 2 "
            "over the sum of mu and L.",
        ),
        mistakes=(
            Mistake(
                "steepest",
                lambda *call: _flattest(*call, multiply=lambda v: call[0] @ v),
                "You multiplied by H. That finds the steepest direction, as in the lesson; the flattest one is the "
                "largest of L I - H.",
            ),
            Mistake(
                "of_the_shifted",
                lambda *call: _flattest(*call, read=lambda H, v, L: L - v @ H @ v),
                "Your direction is right. You read off the eigenvalue of L I - H, which is L - mu: on the ravine 3.8 in "
                "place of 0.2.",
            ),
            Mistake(
                "one_product_more",
                lambda *call: _flattest(*call, more=1),
                "You made k + 1 products. v is multiplied and scaled exactly k times; then mu is read off with H.",
            ),
            Mistake(
                "one_product_fewer",
                lambda *call: _flattest(*call, more=-1),
                "You made k - 1 products: v is multiplied and scaled exactly k times before mu is read off.",
            ),
            Mistake(
                "not_scaled",
                _unscaled,
                "Your last product was not scaled to length 1. Without that v H v is mu times the square of v's length.",
            ),
            Mistake(
                "never_scaled",
                _never_scaled,
                "You never scaled v to length 1. Then v H v is mu times the square of v's length, which grows with every "
                "product.",
            ),
            Mistake(
                "two_over_L",
                lambda *call: _flattest(*call, rate=lambda mu, L: 2 / L),
                "Your mu is right. Your rate is 2/L, the edge: there the steepest direction bounces for ever and never "
                "shrinks.",
            ),
            Mistake(
                "one_over_L",
                lambda *call: _flattest(*call, rate=lambda mu, L: 1 / L),
                "Your mu is right. Your rate is 1/L, which gains most in one step; in the long run 2/(mu + L) is the best, "
                "on the ravine 47 steps in place of 77.",
            ),
            Mistake(
                "one_over_the_sum",
                lambda *call: _flattest(*call, rate=lambda mu, L: 1 / (mu + L)),
                "Your mu is right. Your rate lacks the 2: it balances 1 - lr * mu with lr * L - 1, which gives 2/(mu + L).",
            ),
            Mistake(
                "inverse",
                lambda *call: _flattest(*call, multiply=lambda v: np.linalg.solve(call[0], v)),
                "You solved with H: inverse iteration. It converges faster, and needs the whole matrix, 12 million "
                "entries for the lesson's network. Use products only.",
            ),
            Mistake(
                "all_eigenvalues",
                lambda H, v, L, k: _flattest(H, v, L, k, read=lambda H, v, L: np.linalg.eigvalsh(H)[0]),
                "You computed all eigenvalues of H. Of a network you have no H, only products with it: return what k of "
                "them give.",
            ),
        ),
    ),
    Blank(
        name="11_choosing_a_learning_rate.comes_back",
        inputs=_ramps,
        outputs=("step", "product"),
        points=2,
        hints=(
            "Write down the rate of each step first. Step 1 has lo, step n has hi: how many factors lie between?",
            "The size of the error after step t is the product of the sizes of 1 - lr_s * curvature over all steps s up to "
            "t (np.cumprod). Where is it 1 or more for the first time?",
            "The rates are lo times hi/lo to the power i/(n - 1) for i = 0 to n - 1. Take the cumulative product of the "
            "absolute values; argmax of the comparison with 1 gives the index, and the step is one more.",
        ),
        mistakes=(
            Mistake(
                "n_gaps",
                lambda lo, hi, n, curvature: _first_back(_exponential(lo, hi, n, n), curvature),
                "Your factor is (hi/lo)^(1/n). n rates have n - 1 gaps: yours never reaches hi, and the last rate is too "
                "small by one factor.",
            ),
            Mistake(
                "counted_from_0",
                lambda lo, hi, n, curvature: _first_back(_exponential(lo, hi, n), curvature, count=0),
                "Your product is right. You counted the step from 0; the first step, with the rate lo, is t = 1.",
            ),
            Mistake(
                "straight_ramp",
                lambda lo, hi, n, curvature: _first_back(np.linspace(lo, hi, n), curvature),
                "Your rates rise by the same amount at each step. They rise by the same factor: a straight ramp from 0.001 "
                "to 10 in 150 steps has 0.068 at its second step already.",
            ),
            Mistake(
                "turns",
                lambda lo, hi, n, curvature: _first_back(
                    _exponential(lo, hi, n), curvature, size=lambda rates, curvature: rates * curvature / 2
                ),
                "You found the step at which lr * curvature passes 2. There the error begins to grow, from the smallest "
                "size it ever had; asked is when it is back at its start.",
            ),
            Mistake(
                "with_its_sign",
                lambda lo, hi, n, curvature: _first_back(
                    _exponential(lo, hi, n), curvature, size=lambda rates, curvature: np.cumprod(1 - rates * curvature)
                ),
                "You compared the product with its sign. Beyond 1/curvature the error changes sides at each step, and every "
                "second one is negative: take absolute values.",
            ),
            Mistake(
                "rate_after",
                lambda lo, hi, n, curvature: _first_back(_exponential(lo, hi, n), curvature, later=1),
                "Your step is right. Your product has the rate of the step after it; a step's own rate made its error.",
            ),
            Mistake(
                "rate_before",
                lambda lo, hi, n, curvature: _first_back(_exponential(lo, hi, n), curvature, later=-1),
                "Your step is right. Your product has the rate of the step before it; a step's own rate made its error. In a "
                "list that counts from 0, step t stands at t - 1.",
            ),
            Mistake(
                "first_step_left_out",
                lambda lo, hi, n, curvature: _first_back(_exponential(lo, hi, n), curvature, size=_without_the_first),
                "You left the first step out of the product: yours compares with the error after step 1. Asked is when it "
                "is back at what it was before step 1.",
            ),
            Mistake(
                "rate_itself",
                lambda lo, hi, n, curvature: (
                    _first_back(_exponential(lo, hi, n), curvature)[0],
                    _first_back(_exponential(lo, hi, n), curvature)[1] / curvature,
                ),
                "Your step is right. You returned its rate; asked is the rate times the curvature, the number that is "
                "near 12.6 for every slow ramp.",
            ),
            Mistake(
                "slow_limit",
                lambda lo, hi, n, curvature: _first_back(
                    _exponential(lo, hi, n),
                    curvature,
                    size=lambda rates, curvature: rates * curvature / 12.595170369845,
                ),
                "You used the limit of slow ramps, 12.6. These are quick: of the lesson's ravine, 75 steps came back at "
                "11.5. Multiply the factors.",
            ),
        ),
    ),
    Blank(
        name="11_choosing_a_learning_rate.suggest",
        inputs=_curves,
        outputs=("tenth", "steepest"),
        points=3,
        hints=(
            "Print the smoothed losses of `given` for a loss that is 2 at every step. What should they be? Then look at "
            "where it searches, and on which axis.",
            "One error is in the running mean's beginning, one in what the slope is divided by, one in which steps are "
            "searched for the steepest fall.",
            "Divide the mean after step t by 1 minus keep to the power t. Cut the smoothed losses off after their minimum, "
            "then divide their differences by the differences of the logarithms of the rates.",
        ),
        mistakes=(*_LEFT, *_OTHERS),
    ),
    Blank(
        name="11_choosing_a_learning_rate.trials_needed",
        inputs=cases(_search_inputs, count=30),
        points=2,
        hints=(
            "On the axis of ln lr the trials are uniform. How long is the range there, how long the window around the best?",
            "A part of the window may lie outside the range, where no trial goes. With the share p inside, n trials all "
            "miss with the chance (1 - p)^n.",
            "Cut the window at low and high, divide its length in logarithms by that of the range, and round up the "
            "logarithm of 1 - chance over that of 1 - p.",
        ),
        mistakes=(
            Mistake(
                "plain_scale",
                _on_a_plain_scale,
                "Your share is that of uniform trials. In the logarithm the window is 2 ln(factor) wide: for a factor of 3 "
                "on (0.0001, 1) that is 24 %, and not 0.27 % as for uniform trials around 0.001.",
            ),
            Mistake(
                "over_the_end",
                lambda low, high, best, factor, chance: math.ceil(
                    _trials(min(_window(low, high, best, factor, clipped=False), 1 - 1e-12), chance)
                ),
                "Your window runs over an end of the range. No trial goes there: a best right on the border has half a "
                "window, and needs about twice the trials.",
            ),
            Mistake(
                "half_a_window",
                lambda low, high, best, factor, chance: math.ceil(
                    _trials(_window(low, high, best, factor, upper=False), chance)
                ),
                "Your window ends at the best rate. Within a factor means on both sides, from best/factor to best*factor.",
            ),
            Mistake(
                "rounded_down",
                lambda low, high, best, factor, chance: math.floor(_trials(_window(low, high, best, factor), chance)),
                "You rounded down. With one trial less the chance is still below what was asked for: round up.",
            ),
            Mistake(
                "rounded_to_nearest",
                lambda low, high, best, factor, chance: round(_trials(_window(low, high, best, factor), chance)),
                "You rounded to the nearest number. Where that goes down, the chance is still too small: round up, always.",
            ),
            Mistake(
                "not_rounded",
                lambda low, high, best, factor, chance: _trials(_window(low, high, best, factor), chance),
                "Your number is right and not whole. Trials are counted: round up to the first number that is enough.",
            ),
            Mistake(
                "two_logarithms",
                lambda low, high, best, factor, chance: math.ceil(
                    _trials(_window(low, high, best, factor) / math.log(10), chance)
                ),
                "You measured the window with log10 and the range with ln (math.log). Take the same logarithm for both; "
                "which one does not matter.",
            ),
            Mistake(
                "chances_added",
                lambda low, high, best, factor, chance: math.ceil(chance / _window(low, high, best, factor)),
                "You added the chances of the trials. Two of them may hit at once: with p = 0.24, four trials have 67 % and "
                "not 96 %. The chance that all miss is (1 - p)^n.",
            ),
            Mistake(
                "all_hit",
                lambda low, high, best, factor, chance: math.ceil(
                    math.log(chance) / math.log(1 - _window(low, high, best, factor))
                ),
                "You solved (1 - p)^n = chance. That is the chance that all miss; it may be at most 1 - chance.",
            ),
        ),
    ),
    Blank(
        name="11_choosing_a_learning_rate.plateau",
        inputs=_plateau_inputs,
        outputs=("smallest", "middle"),
        points=3,
        hints=(
            "One row of scores belongs to one rate. Which rate has the lowest mean, and how sure is that mean?",
            "The bound is the lowest mean plus the standard error of that same row: its standard deviation with k - 1, "
            "over the root of k. The rates are in no order.",
            "Keep the rates whose mean is at most the bound. Return the smallest of them, and the root of the smallest "
            "times the largest.",
        ),
        mistakes=(
            Mistake(
                "divided_by_k",
                _divided_by_k,
                "Your standard deviation is divided by k and not by k - 1 (np.std does so by default; ddof=1). With five "
                "folds your standard error is 11 % too small.",
            ),
            Mistake(
                "standard_deviation",
                lambda rates, scores: _plateau(rates, scores, error=lambda s: _spread(s, root=False)),
                "You used the standard deviation of the folds. The mean of k folds is surer than one of them: divide by the "
                "root of k.",
            ),
            Mistake(
                "error_of_all",
                lambda rates, scores: _plateau(
                    rates, scores, error=lambda s: np.full(len(s), s.std(ddof=1) / math.sqrt(s.size))
                ),
                "Your standard error is taken over the scores of all rates together. Its size then tells how different the "
                "rates are; take the k scores of the best rate.",
            ),
            Mistake(
                "only_rates_sorted",
                lambda rates, scores: _plateau(np.sort(rates), scores),
                "You sorted the rates and left the scores as they were: row i then belongs to another rate. Nothing needs "
                "to be sorted here.",
            ),
            Mistake(
                "own_error",
                _own_error,
                "You gave each rate its own standard error. The bound is one number: the best mean plus the best one's "
                "error. Else a rate is let in because it is noisy.",
            ),
            Mistake(
                "arithmetic_middle",
                lambda rates, scores: _plateau(rates, scores, ends=lambda on: (on.min(), (on.min() + on.max()) / 2)),
                "Your smallest is right. Your middle is the arithmetic one, on the wrong scale: from 0.01 to 1 it is 0.5, "
                "nearly at the upper end; in the logarithm it is 0.1.",
            ),
            Mistake(
                "middle_of_the_list",
                lambda rates, scores: _plateau(rates, scores, ends=lambda on: (on.min(), np.median(on))),
                "Your smallest is right. Your middle is the median of the rates that were tried; it depends on where the "
                "trials happened to fall. Take the root of smallest times largest.",
            ),
            Mistake(
                "order_as_given",
                lambda rates, scores: _plateau(rates, scores, ends=lambda on: (on[0], math.sqrt(on[0] * on[-1]))),
                "You took the first and the last rate of the plateau as they come. The rates are in no order, as after a "
                "random search: take the smallest and the largest.",
            ),
            Mistake(
                "best_itself",
                lambda rates, scores: (
                    rates[scores.mean(axis=1).argmin()],
                    _plateau(rates, scores)[1],
                ),
                "Your middle is right. Your first value is the rate with the best mean; the one-standard-error rule takes "
                "the smallest on the plateau.",
            ),
            Mistake(
                "largest",
                lambda rates, scores: _plateau(
                    rates, scores, ends=lambda on: (on.max(), math.sqrt(on.min() * on.max()))
                ),
                "Your middle is right. Your first value is the largest on the plateau, next to the cliff; the cautious one "
                "is the smallest.",
            ),
        ),
    ),
)
