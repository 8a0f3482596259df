"""The blanks of 13_choosing_an_optimizer."""

import math

import numpy as np

from course.exercises.blank import Blank, cases, log_uniform, telling
from course.exercises.repair import errors_left
from course.mistakes import Mistake

# expected_test


def _trials(rng):
    """Up to 8 losses in [0.1, 2], no two alike, whose order on validation is only roughly the order on test."""
    count = int(rng.integers(5, 9))
    validation = 0.1 + 1.9 * (rng.permutation(count) + rng.uniform(0.2, 0.8, count)) / count
    test = validation * np.exp(0.5 * rng.standard_normal(count))
    return {"validation": validation, "test": test, "n": int(rng.integers(2, count - 1))}


def _weights(count, n):
    """For the best, second, ..., worst of count trials: the chance to be the best of n of them."""
    return np.array([math.comb(count - i, n - 1) for i in range(1, count + 1)]) / math.comb(count, n)


def _expected(validation, test, n, *, order=None, weights=_weights):
    order = np.argsort(validation) if order is None else order
    return weights(len(validation), n) @ np.asarray(test)[order]


def _with_replacement(count, n):
    i = np.arange(1, count + 1)
    return ((count - i + 1) / count) ** n - ((count - i) / count) ** n


def _one_late(count, n):
    return np.array([math.comb(count - i - 1, n - 1) for i in range(1, count)] + [0]) / math.comb(count, n)


# fair_report


def _report_inputs(rng):
    """Three methods of 3 to 9 trials with 3 to 5 seeds; where a method made fewer trials the rest is nan."""
    methods, seeds = 3, int(rng.integers(3, 6))
    counts = rng.permutation([int(rng.integers(3, 5)), int(rng.integers(6, 8)), 9])
    level = rng.uniform(0.2, 1.5, (methods, 9, 1))
    validation = level * np.exp(0.6 * rng.standard_normal((methods, 9, seeds)))
    test = level * np.exp(0.6 * rng.standard_normal((methods, 9, seeds)))
    for method, count in enumerate(counts):
        validation[method, count:] = test[method, count:] = np.nan
    return {"validation": validation, "test": test}


def _report(errors=(), *, score=None, reported=None):
    """The exercise's report with only these of its four errors left, or with others.

    score     validation, test, (trials, seeds) each -> what chooses, (trials,)
    reported  validation and test of the chosen trial, (seeds,) each -> its loss
    """

    def report(validation, test):
        made = (~np.isnan(validation[:, :, 0])).sum(axis=1)
        trials, losses = [], []
        for method, count in enumerate(made):
            count = count if "unequal" in errors else made.min()
            v, t = validation[method, :count], test[method, :count]
            if score:
                chooses = score(v, t)
            else:
                seen = t if "peeked" in errors else v
                chooses = seen.min(axis=1) if "lucky_choice" in errors else seen.mean(axis=1)
            trial = int(np.argmin(chooses))
            trials.append(trial)
            if reported:
                losses.append(reported(v[trial], t[trial]))
            else:
                losses.append(t[trial].min() if "best_seed" in errors else t[trial].mean())
        return np.array(trials), np.array(losses)

    return report


def _nan_wins(validation, test):
    trial = np.argmin(validation.mean(axis=2), axis=1)
    return trial, test.mean(axis=2)[np.arange(len(test)), trial]


_SCORES = {
    "median": lambda v, t: np.median(v, axis=1),
    "worst": lambda v, t: v.max(axis=1),
    "both": lambda v, t: (v + t).mean(axis=1),
}
_ERRORS = {
    "unequal": "a method that made more trials may use them all: the best of 9 is lower than the best of 3, without any "
    "merit of the method",
    "peeked": "the trial is chosen on the test part, so the loss reported there is no test any more: it is the lowest of "
    "many, and too low",
    "lucky_choice": "a trial is chosen by its luckiest seed. With three equal seeds the lowest lies 0.85 standard "
    "deviations below the mean, by luck alone",
    "best_seed": "the best seed is reported in place of the mean: with five seeds that flatters by 1.16 standard "
    "deviations",
}

# verdict


def _pairs(rng):
    """Losses of two methods on the same seeds; the mean difference keeps clear of the interval's half-width."""
    n = int(rng.integers(3, 9))
    quantile = {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}[n]
    seed, own = rng.normal(0, 0.1, n), rng.choice([0.01, 0.05, 0.1]) * rng.standard_normal(n) ** 3
    own -= own.mean()
    half = quantile * own.std(ddof=1) / math.sqrt(n)
    ratio = float(rng.choice([0.1, 0.3, 0.6, 0.9, 1.08, 1.15, 1.6, 4])) * float(rng.choice([-1, 1]))
    a = 0.5 + seed
    return {"a": a, "b": a - own - ratio * half, "quantile": quantile}


def _outlier(rng):
    """One seed against four: the majority and the mean name different winners."""
    d = np.append(rng.uniform(0.01, 0.02, 4), -rng.uniform(0.2, 0.3)) * float(rng.choice([-1, 1]))
    a = rng.uniform(0.5, 0.8, 5)
    return {"a": a, "b": a - d, "quantile": 2.776}


def _judged(a, b, quantile, *, half=None, decide=None):
    d = np.asarray(a) - np.asarray(b)
    half = quantile * d.std(ddof=1) / math.sqrt(len(d)) if half is None else half
    decide = decide or (lambda mean, half: 0 if abs(mean) <= half else -1 if mean < 0 else 1)
    return half, decide(d.mean(), half)


def _one_sided(a, b, quantile):
    return _judged(a, b, quantile, decide=lambda mean, half: 0 if mean >= -half else -1)


def _side_by_side(a, b, quantile):
    return quantile * math.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / len(a))


def _two_intervals(a, b, quantile):
    return quantile * (np.std(a, ddof=1) + np.std(b, ddof=1)) / math.sqrt(len(a))


# profile


def _times(rng):
    """Steps of three or four methods on 6 to 12 problems; some are never solved, one of them by nobody."""
    problems, methods = int(rng.integers(6, 13)), int(rng.integers(3, 5))
    hard = rng.lognormal(5, 0.8, (problems, 1))
    times = np.rint(hard * rng.lognormal(0, 0.7, (problems, methods)))
    times[rng.random((problems, methods)) < 0.15] = np.inf
    times[rng.integers(problems)] = np.inf
    row = int(rng.integers(problems))
    while not np.isfinite(times[row]).any():
        row = int(rng.integers(problems))
    times[row, :2] = times[row].min()  # a tie: both are the best
    tau = 1.0 if rng.random() < 0.3 else float(np.round(rng.uniform(1.1, 4), 3)) + 1e-4
    return {"times": times, "tau": tau}


def _shares(times, tau, *, best=None, over=None, within=np.less_equal):
    best = times.min(axis=1, keepdims=True) if best is None else best
    near = np.isfinite(times) & within(times, tau * best)
    return near.sum(axis=0) / (len(times) if over is None else over)


# seeds_needed


def _sizes(rng):
    """What would just do lies between two whole numbers."""
    n = int(log_uniform(rng, 4, 200)) + rng.uniform(0.1, 0.9)
    spread, correlation = log_uniform(rng, 0.007, 1), float(rng.uniform(0.1, 0.9))
    quantile = float(rng.choice([1.645, 1.96, 2.576]))
    difference = quantile * spread * math.sqrt(2 * (1 - correlation) / n)
    return {"difference": difference, "spread": spread, "correlation": correlation, "quantile": quantile}


def _seeds(difference, spread, correlation, quantile):
    return 2 * (1 - correlation) * (quantile * spread / difference) ** 2


BLANKS = (
    Blank(
        name="13_choosing_an_optimizer.expected_test",
        inputs=cases(_trials),
        points=3,
        hints=(
            "Which trial is chosen depends on validation alone. What is reported is that trial's test loss. So: with which "
            "chance is each trial the chosen one?",
            "Order the trials by validation. The i-th of N is chosen if it is among the n and the other n - 1 all come from "
            "the N - i behind it. Count these draws, and divide by the number of all draws.",
            "Sort the test losses by the order of validation (argsort), multiply the i-th, i = 1, 2, ..., by "
            "comb(N - i, n - 1)/comb(N, n), and add up.",
        ),
        mistakes=(
            Mistake(
                "chosen_on_test",
                lambda validation, test, n: _expected(test, test, n),
                "Your test losses are sorted by themselves: you choose on the test part. With 2 of the 3 trials of the "
                "example that gives 0.2 in place of 0.21: too good.",
            ),
            Mistake(
                "expected_validation",
                lambda validation, test, n: _expected(validation, validation, n),
                "You gave the expected validation loss of the winner. It is the lowest of n, and so it flatters; wanted is "
                "what the winner does on test.",
            ),
            Mistake(
                "test_not_sorted",
                lambda validation, test, n: _expected(validation, test, n, order=np.arange(len(test))),
                "Your weights belong to the first, second, ... best trial, and your test losses stand in the order in which "
                "they came. Bring test into the order of validation first.",
            ),
            Mistake(
                "mean_of_all",
                lambda validation, test, n: np.mean(test),
                "That is the mean test loss of all trials: the expected result of a single trial, n = 1. Choosing has no "
                "effect in it.",
            ),
            Mistake(
                "best_of_all",
                lambda validation, test, n: test[int(np.argmin(validation))],
                "That is the test loss of the winner of all N trials. With n of them the winner is often not among the n.",
            ),
            Mistake(
                "first_n",
                lambda validation, test, n: test[int(np.argmin(validation[:n]))],
                "That is the winner of the first n trials: one draw of n out of many. Wanted is the mean over all of them.",
            ),
            Mistake(
                "with_replacement",
                lambda validation, test, n: _expected(validation, test, n, weights=_with_replacement),
                "You drew with replacement: a trial can then be among the n twice. n trials are n different ones: "
                "comb(N - i, n - 1)/comb(N, n).",
            ),
            Mistake(
                "worst_first",
                lambda validation, test, n: _expected(validation, test, n, order=np.argsort(-validation)),
                "You sorted downwards: your largest weight, n/N, falls on the worst trial.",
            ),
            Mistake(
                "not_divided",
                lambda validation, test, n: _expected(validation, test, n) * math.comb(len(test), n),
                "Your weights are counts of draws. Divide by the number of all draws, comb(N, n), so that they add up to 1.",
            ),
            Mistake(
                "count_from_zero",
                lambda validation, test, n: _expected(validation, test, n, weights=_one_late),
                "Your weights are one place too late and do not add up to 1. Python counts from 0: behind the best trial, "
                "index 0, there are N - 1 others.",
            ),
        ),
    ),
    Blank(
        name="13_choosing_an_optimizer.fair_report",
        inputs=telling(
            cases(_report_inputs, count=16),
            _report(),
            *(_report(score=score) for score in _SCORES.values()),
            *(_report((error,)) for error in _ERRORS),
        ),
        outputs=("trial", "loss"),
        points=3,
        hints=(
            "Go through the four questions of a contest: how many trials has each method, which part chooses, what of the "
            "seeds chooses, and what of the seeds is reported?",
            "Every method may use as many trials as the one with the fewest has. Validation chooses, test is reported; both "
            "times it is the mean over the seeds.",
            "Cut all methods to the smallest count of trials. Take the argmin over trials of validation's mean over seeds, "
            "and give the mean of test over the seeds of that trial.",
        ),
        mistakes=(
            *errors_left(_report, _ERRORS),
            Mistake(
                "validation_reported",
                _report(reported=lambda v, t: v.mean()),
                "Your trials are right. The loss you report is validation's: the trial was chosen because this number is low, "
                "so it is too low on average.",
            ),
            Mistake(
                "nan_wins",
                _nan_wins,
                "You chose trials that were never made: their mean is nan, and argmin takes nan for the lowest of all. Cut "
                "all methods to the smallest count of trials first.",
            ),
            Mistake(
                "median_chooses",
                _report(score=_SCORES["median"]),
                "You chose by the median over seeds. That is a rule of its own; asked for is the mean, which a bad seed "
                "counts in.",
            ),
            Mistake(
                "worst_seed_chooses",
                _report(score=_SCORES["worst"]),
                "You chose by the worst seed. Asked for is the mean over seeds.",
            ),
            Mistake(
                "sum_of_both",
                _report(score=_SCORES["both"]),
                "Your choice looks at validation and test together. Whatever has a say in the choice is no test any more.",
            ),
        ),
    ),
    Blank(
        name="13_choosing_an_optimizer.verdict",
        inputs=telling(lambda rng: [*cases(_pairs, count=39)(rng), _outlier(rng)], _judged, _one_sided),
        outputs=("half", "winner"),
        points=2,
        hints=(
            "Both methods ran on the same seeds. Look at one seed: which number says there which method is better, and how "
            "many such numbers have you?",
            "Take the differences, seed by seed. Their mean has the standard error: their standard deviation (with n - 1 "
            "below the sum), divided by the root of n.",
            "half is quantile times that standard error. If the mean difference a - b is no farther from 0 than half, the "
            "winner is 0; else -1 where it is negative, 1 where it is positive.",
        ),
        mistakes=(
            Mistake(
                "unpaired",
                lambda a, b, quantile: _judged(a, b, quantile, half=_side_by_side(a, b, quantile)),
                "You added the variances of a and b. That is right for different seeds. On the same seeds what both share "
                "cancels in the difference: take the differences first.",
            ),
            Mistake(
                "two_intervals",
                lambda a, b, quantile: _judged(a, b, quantile, half=_two_intervals(a, b, quantile)),
                "You asked whether two intervals overlap. For equal spreads that demands a difference 1.41 times as large as "
                "needed for independent runs, and here the runs are paired.",
            ),
            Mistake(
                "population_deviation",
                lambda a, b, quantile: _judged(a, b, quantile, half=quantile * np.std(a - b) / math.sqrt(len(a))),
                "Your deviation divides by n (NumPy's default). The quantile is made for n - 1, ddof=1: at three seeds yours "
                "is 18 % too narrow.",
            ),
            Mistake(
                "no_root",
                lambda a, b, quantile: _judged(a, b, quantile, half=quantile * np.std(a - b, ddof=1)),
                "You took the deviation of one difference. The mean of n is known better: divide by the root of n.",
            ),
            Mistake(
                "divided_by_n",
                lambda a, b, quantile: _judged(a, b, quantile, half=quantile * np.std(a - b, ddof=1) / len(a)),
                "You divided by n. Variances fall as 1/n, deviations as one over the root of n.",
            ),
            Mistake(
                "sign",
                lambda a, b, quantile: _judged(a, b, quantile, decide=lambda m, h: 0 if abs(m) <= h else -int(np.sign(m))),
                "Your half-width is right and your winner is the loser: these are losses, the lower one wins, so a negative "
                "a - b is -1, for a.",
            ),
            Mistake(
                "never_none",
                lambda a, b, quantile: _judged(a, b, quantile, decide=lambda m, h: -1 if m < 0 else 1),
                "You always name a winner. Where the interval of the difference contains 0, the runs do not tell: 0.",
            ),
            Mistake(
                "one_sided",
                _one_sided,
                "You find out when a wins, and never that b does: look at the size of the difference on both sides.",
            ),
            Mistake(
                "majority",
                lambda a, b, quantile: _judged(
                    a, b, quantile, decide=lambda m, h: int(np.sign(np.sum(np.sign(np.asarray(a) - np.asarray(b)))))
                ),
                "Your half-width is right, and your winner is the one of most seeds. How far apart the two are on each seed "
                "has no say in that; compare the mean difference with half.",
            ),
        ),
    ),
    Blank(
        name="13_choosing_an_optimizer.profile",
        inputs=cases(_times, count=24),
        points=2,
        hints=(
            "A profile compares within one problem, never across problems. What is the yardstick of a row of times?",
            "The best time of each row, kept as a column. Count for each method the rows in which its time is finite and at "
            "most tau times that.",
            "Compare times with tau times times.min(axis=1, keepdims=True), and with infinity; take the mean of the result "
            "over axis 0, all rows included.",
        ),
        mistakes=(
            Mistake(
                "nobody_solved_it",
                lambda times, tau: (times <= tau * times.min(axis=1, keepdims=True)).mean(axis=0),
                "A problem that nobody solves has the best time infinity, and infinity <= infinity is true: you count it as a "
                "win for everybody.",
            ),
            Mistake(
                "unsolved_left_out",
                lambda times, tau: _shares(times, tau, over=np.isfinite(times).any(axis=1).sum()),
                "You left out the problems that nobody solves. They belong to the count: a share of all problems, so that the "
                "right end shows what stays unsolved.",
            ),
            Mistake(
                "share_of_its_own",
                lambda times, tau: _shares(times, tau, over=np.isfinite(times).sum(axis=0)),
                "You divided by the problems that the method itself solves. One that solves a single problem, fast, would have "
                "a profile of 1.",
            ),
            Mistake(
                "own_best",
                lambda times, tau: _shares(times, tau, best=times.min(axis=0, keepdims=True)),
                "Your yardstick is each method's own best time over all problems (axis=0). It is each problem's best time over "
                "all methods (axis=1).",
            ),
            Mistake(
                "best_of_everything",
                lambda times, tau: _shares(times, tau, best=times.min()),
                "Your yardstick is the shortest time of the whole table. Then only the easiest problem counts.",
            ),
            Mistake(
                "strictly",
                lambda times, tau: _shares(times, tau, within=np.less),
                "You demand less than tau times the best. At tau = 1 nobody would pass: the best is within a factor 1 of "
                "itself.",
            ),
            Mistake(
                "solved_at_all",
                lambda times, tau: np.isfinite(times).mean(axis=0),
                "You counted the solved problems: that is the profile's right end. Where does tau come in?",
            ),
            Mistake(
                "a_count",
                lambda times, tau: _shares(times, tau, over=1),
                "You gave the number of problems. A profile is the share of them: divide by all problems.",
            ),
            Mistake(
                "median_as_best",
                lambda times, tau: _shares(times, tau, best=np.median(times, axis=1, keepdims=True)),
                "Your yardstick is the median method of each problem. It is the best one.",
            ),
        ),
    ),
    Blank(
        name="13_choosing_an_optimizer.seeds_needed",
        inputs=cases(_sizes, count=30),
        points=2,
        hints=(
            "Write down the variance of a difference of two losses, each with the standard deviation spread, whose correlation "
            "is correlation.",
            "The half-width for n seeds is quantile times the root of (2 (1 - correlation) spread^2/n). It must be at most the "
            "difference: solve for n.",
            "n is 2 (1 - correlation) times the square of quantile times spread over difference, rounded up.",
        ),
        mistakes=(
            Mistake(
                "one_method",
                lambda difference, spread, correlation, quantile: math.ceil((quantile * spread / difference) ** 2),
                "You took the interval of one method's mean. A difference has the variance of two runs, less what they share: "
                "2 (1 - correlation) times spread squared.",
            ),
            Mistake(
                "half",
                lambda difference, spread, correlation, quantile: math.ceil(
                    (1 - correlation) * (quantile * spread / difference) ** 2
                ),
                "A factor 2 is missing: two runs vary, and their variances add up before the common part is taken off.",
            ),
            Mistake(
                "not_paired",
                lambda difference, spread, correlation, quantile: math.ceil(2 * (quantile * spread / difference) ** 2),
                "You left the correlation out. On the same seeds it saves runs: at a correlation of 0.5, half of them.",
            ),
            Mistake(
                "plus",
                lambda difference, spread, correlation, quantile: math.ceil(
                    2 * (1 + correlation) * (quantile * spread / difference) ** 2
                ),
                "That is the variance of a sum, 1 + correlation. In a difference the common part cancels: 1 - correlation.",
            ),
            Mistake(
                "correlation_squared",
                lambda difference, spread, correlation, quantile: math.ceil(
                    2 * (1 - correlation**2) * (quantile * spread / difference) ** 2
                ),
                "You have 1 - correlation^2, the part of a variance that a regression leaves. For a difference it is "
                "1 - correlation.",
            ),
            Mistake(
                "all_squared",
                lambda difference, spread, correlation, quantile: math.ceil(
                    (2 * (1 - correlation) * quantile * spread / difference) ** 2
                ),
                "You squared 2 (1 - correlation) along with the rest. It belongs to a variance, which is a square already.",
            ),
            Mistake(
                "not_squared",
                lambda difference, spread, correlation, quantile: math.ceil(
                    quantile * spread * math.sqrt(2 * (1 - correlation)) / difference
                ),
                "You forgot to square: the half-width falls as one over the root of n, so half the difference needs four times "
                "the seeds.",
            ),
            Mistake(
                "rounded_down",
                lambda difference, spread, correlation, quantile: math.floor(
                    _seeds(difference, spread, correlation, quantile)
                ),
                "You rounded down. With one seed less than needed the interval is still too wide.",
            ),
            Mistake(
                "rounded_to_nearest",
                lambda difference, spread, correlation, quantile: round(_seeds(difference, spread, correlation, quantile)),
                "You rounded to the nearest number. Below the exact one the interval is too wide: round up, always.",
            ),
            Mistake(
                "not_rounded",
                _seeds,
                "Your number is right and not whole. There is no half seed: round up.",
            ),
        ),
    ),
)
