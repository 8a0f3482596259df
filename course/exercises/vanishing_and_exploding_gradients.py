"""The blanks of 12_vanishing_and_exploding_gradients."""

import math

import numpy as np

from course.exercises.blank import Blank, cases, log_uniform, telling
from course.mistakes import Mistake

_LESSON = "12_vanishing_and_exploding_gradients"


# 1. Clipping


def _gradients(rng):
    """Three gradients of unlike sizes; about half of the cases are clipped."""
    grads = [log_uniform(rng, 1e-4, 30) * rng.standard_normal(shape) for shape in ((3, 2), (2,), (4,))]
    norm = math.sqrt(sum(float((g**2).sum()) for g in grads))
    return {**dict(zip(("see", "keep", "say"), grads, strict=True)), "max_norm": norm * log_uniform(rng, 0.05, 8)}


def _clipping(factor, together=True):
    """A clipping: factor(norms, max_norm) for the list of the norms of what is clipped together."""

    def clip(see, keep, say, max_norm):
        norms = [float(np.linalg.norm(g)) for g in (see, keep, say)]
        factors = [factor(norms, max_norm)] * 3 if together else [factor([n], max_norm) for n in norms]
        return tuple(f * g for f, g in zip(factors, (see, keep, say), strict=True))

    return clip


def _norm(norms):
    return math.sqrt(sum(n * n for n in norms))


# 2. A bound


def _bound(square):
    return lambda fan_in, slope, keep: math.sqrt(square(fan_in, slope, keep))


# 3. How many layers


def _lost_inputs(rng):
    """The crossing lies between 0.15 and 0.85 of a layer: no answer hangs on the last digit."""
    width, factor = int(log_uniform(rng, 16, 2048)), float(rng.uniform(0.2, 0.9))
    layers = max(3, int(rng.uniform(2, 10) * math.log(10) / -math.log(factor)))
    size = log_uniform(rng, 1e-3, 10)
    smallest = size * factor ** (layers - rng.uniform(0.15, 0.85))
    return {"width": width, "std": factor * math.sqrt(2 / width), "size": size, "smallest": float(smallest)}


def _layers(width, std, size, smallest):
    return math.log(smallest / size) / math.log(std * math.sqrt(width / 2))


def _wrong_factor(factor):
    return lambda width, std, size, smallest: math.ceil(math.log(smallest / size) / math.log(factor(width, std)))


# 4. A gate


def _logit(f):
    return math.log(f / (1 - f))


def _gate(share, steps):
    return share ** (1 / steps)


# 5. A branch


def _scale(blocks, branch, growth):
    return math.sqrt((growth ** (2 / blocks) - 1) / branch)


BLANKS = (
    Blank(
        name=f"{_LESSON}.clip_together",
        inputs=telling(
            cases(_gradients),
            _clipping(lambda n, c: min(1, c / (_norm(n) + 1e-6))),
            _clipping(lambda n, c: c / (_norm(n) + 1e-6)),
        ),
        outputs=("see", "keep", "say"),
        points=3,
        forbidden=("torch.nn.utils", "optax"),
        hints=(
            "Clipping must keep the direction of all parameters together. Which numbers may differ from array to "
            "array?",
            "There is one norm, over every entry of all three arrays, and one factor, which multiplies all three. It "
            "is never larger than 1.",
            "Add the sums of the squares of the three arrays and take the root. The factor is the smaller one of 1 "
            "and max_norm over (that root plus 1e-6); multiply each array by it.",
        ),
        mistakes=(
            Mistake(
                "given_unchanged",
                _clipping(lambda n, c: c / n[0], together=False),
                "This is `given` as it stands: every array is set to the norm max_norm by itself, short ones too. A "
                "gradient of 0.001 becomes 1000 times as long at max_norm = 1.",
            ),
            Mistake(
                "per_array",
                _clipping(lambda n, c: min(1, c / (n[0] + 1e-6)), together=False),
                "You clip each array by its own norm. That changes the direction, and the whole is still too long: "
                "norms of 3 and 4 with max_norm = 1 leave a common norm of 1.41.",
            ),
            Mistake(
                "stretched",
                _clipping(lambda n, c: c / (_norm(n) + 1e-6)),
                "Your factor may exceed 1, so short gradients are made longer: a norm of 0.001 becomes 1 at max_norm "
                "= 1. Clipping only shortens.",
            ),
            Mistake(
                "no_eps",
                _clipping(lambda n, c: min(1, c / _norm(n))),
                "You left out torch's 1e-6 beside the norm. Your factor is too large by the share 1e-6/norm: nothing "
                "at a norm of 1, but at a norm of 1e-6 with max_norm = 1e-6 torch halves the gradient and you keep "
                "it.",
            ),
            Mistake(
                "no_root",
                _clipping(lambda n, c: min(1, c / (_norm(n) ** 2 + 1e-6))),
                "You divide by the squared norm. A gradient of norm 10 with max_norm = 1 then ends at the norm 0.1, "
                "and one of norm 0.1 with max_norm = 0.05 is not clipped at all.",
            ),
            Mistake(
                "norms_added",
                _clipping(lambda n, c: min(1, c / (sum(n) + 1e-6))),
                "You added the norms of the arrays. Norms of 3 and 4 make a common norm of 5, not 7: with max_norm = "
                "1 yours ends at 0.71.",
            ),
            Mistake(
                "largest_norm",
                _clipping(lambda n, c: min(1, c / (max(n) + 1e-6))),
                "You took the largest of the three norms for the common one. Norms of 3 and 4 with max_norm = 1 then "
                "end at a common norm of 1.25.",
            ),
            Mistake(
                "larger_factor",
                _clipping(lambda n, c: max(1, c / (_norm(n) + 1e-6))),
                "You took the larger of 1 and the factor. Then no gradient is shortened: a norm of 4 with max_norm = 1 "
                "stays 4, and a norm of 0.001 becomes 1.",
            ),
            Mistake(
                "eps_inside_the_root",
                _clipping(lambda n, c: min(1, c / math.sqrt(_norm(n) ** 2 + 1e-6))),
                "You put the 1e-6 under the root. torch adds it to the norm: a norm of 1e-6 with max_norm = 1e-6 "
                "becomes 5e-7 there, and 1e-9 with yours.",
            ),
            Mistake(
                "adams_eps",
                _clipping(lambda n, c: min(1, c / (_norm(n) + 1e-8))),
                "You added Adam's 1e-8. Clipping has 1e-6: a norm of 1e-6 with max_norm = 1e-6 is halved there, and "
                "keeps 0.99 with yours.",
            ),
            Mistake(
                "root_mean_square",
                _clipping(lambda n, c: min(1, c / (_norm(n) / math.sqrt(12) + 1e-6))),
                "You divided by the root mean square of all entries. The norm is the root of their sum: with 12 "
                "entries yours leaves gradients that are 3.46 times as long as max_norm.",
            ),
            Mistake(
                "by_value",
                lambda see, keep, say, max_norm: tuple(np.clip(g, -max_norm, max_norm) for g in (see, keep, say)),
                "You cut every entry to [-max_norm, max_norm]. That is clipping by value, which turns the gradient: "
                "(-1, -8) cut at 1 is (-1, -1), at a cosine of 0.79.",
            ),
        ),
    ),
    Blank(
        name=f"{_LESSON}.uniform_bound",
        inputs=cases(
            lambda rng: {
                "fan_in": int(log_uniform(rng, 8, 4096)),
                "slope": float(rng.uniform(0.05, 0.5)),
                "keep": float(rng.uniform(0.5, 0.95)),
            }
        ),
        points=2,
        hints=(
            "What is the mean square of x, in units of z's, after the leaky ReLU and after the dropout?",
            "The ReLU's half z > 0 keeps its square, the other half has slope squared times it. Dropout keeps a share "
            "of the entries, and each survivor's square is divided by keep squared.",
            "The variance is two times keep over ((one plus slope squared) times fan_in). The bound of a uniform "
            "distribution is the root of three times its variance.",
        ),
        mistakes=(
            Mistake(
                "deviation",
                _bound(lambda n, s, p: 2 * p / ((1 + s * s) * n)),
                "That is the standard deviation. Uniform numbers on [-b, b] have the standard deviation b/sqrt(3): "
                "with yours as the bound, signals lose a factor of 1.73 per layer.",
            ),
            Mistake(
                "no_root",
                lambda fan_in, slope, keep: 6 * keep / ((1 + slope * slope) * fan_in),
                "That is b^2. Take its root: for the example you say 0.04, it is 0.2.",
            ),
            Mistake(
                "divided_by_root_three",
                _bound(lambda n, s, p: 2 * p / (3 * (1 + s * s) * n)),
                "You divided the standard deviation by sqrt(3). It is b that is larger, b = sqrt(3) times the standard "
                "deviation: with yours, signals lose a factor of 3 per layer.",
            ),
            Mistake(
                "full_width",
                _bound(lambda n, s, p: 24 * p / ((1 + s * s) * n)),
                "You used the variance width^2/12 with b as the width. The width of [-b, b] is 2b: your bound is "
                "twice too large, and signals double with every layer.",
            ),
            Mistake(
                "dropout_forgotten",
                _bound(lambda n, s, p: 6 / ((1 + s * s) * n)),
                "You left the dropout out. It divides the survivors by keep, so the mean square grows by 1/keep: at "
                "keep = 0.5 signals grow by 1.41 per layer.",
            ),
            Mistake(
                "keep_inverted",
                _bound(lambda n, s, p: 6 / ((1 + s * s) * n * p)),
                "You divided by keep. That is right for a dropout that does not rescale its survivors; torch's "
                "divides them by keep, and the mean square grows. At keep = 0.5 signals double with every layer.",
            ),
            Mistake(
                "keep_squared",
                _bound(lambda n, s, p: 6 * p * p / ((1 + s * s) * n)),
                "You counted the survivors' squares, larger by 1/keep^2, but not that only a share `keep` of the "
                "entries survives. Together the mean square grows by 1/keep. At keep = 0.5 signals lose a factor of "
                "1.41 per layer.",
            ),
            Mistake(
                "slope_not_squared",
                _bound(lambda n, s, p: 6 * p / ((1 + s) * n)),
                "You have 1 + slope. The negative half is multiplied by the slope and then squared: 1 + slope^2. At a "
                "slope of 0.5 your weights are too small by a factor of 0.91 per layer.",
            ),
            Mistake(
                "slope_forgotten",
                _bound(lambda n, s, p: 6 * p / n),
                "You took the leaky ReLU for a ReLU. Its negative half passes slope times z: at a slope of 0.5 your "
                "signals grow by 1.12 per layer.",
            ),
            Mistake(
                "half_forgotten",
                _bound(lambda n, s, p: 3 * p / ((1 + s * s) * n)),
                "You took the mean square after the leaky ReLU as 1 + slope^2. It is half of that, since each half of "
                "z counts half. Signals lose a factor of 1.41 per layer.",
            ),
        ),
    ),
    Blank(
        name=f"{_LESSON}.lost_after",
        inputs=cases(_lost_inputs),
        points=2,
        hints=(
            "By which number does one ReLU layer multiply the size (not the mean square) of the gradient?",
            "The factor is a = std times the root of width/2, and after k layers the size is size * a^k. For which k "
            "is it first below smallest? log(a) is negative.",
            "Divide the logarithm of (smallest over size) by the logarithm of the factor, and round up.",
        ),
        mistakes=(
            Mistake(
                "mean_square",
                _wrong_factor(lambda width, std: width * std**2 / 2),
                "Your factor is the mean square's. The size is its root and falls half as fast in the logarithm: for "
                "the example you say 7 layers, it is 14.",
            ),
            Mistake(
                "no_relu",
                _wrong_factor(lambda width, std: std * math.sqrt(width)),
                "You left out that the ReLU's slope is 0 for half of the entries, which is the 1/2 in width * std^2 / "
                "2. For the example you say 22 layers, it is 14.",
            ),
            Mistake(
                "half_outside_the_root",
                _wrong_factor(lambda width, std: std * math.sqrt(width) / 2),
                "You halved the size. Half of the entries are zero, so the mean square is halved, and the size is "
                "divided by the root of 2. For the example you say 10 layers, it is 14.",
            ),
            Mistake(
                "std_as_variance",
                _wrong_factor(lambda width, std: math.sqrt(std * width / 2)),
                "You took std for the variance. In the example the factor would be 1.52 in place of 0.41, and nothing "
                "would ever be lost.",
            ),
            Mistake(
                "rounded_down",
                lambda width, std, size, smallest: math.floor(_layers(width, std, size, smallest)),
                "You rounded down. That many layers leave the gradient still above `smallest`: 13 in the example, "
                "where the size is 8.8e-8.",
            ),
            Mistake(
                "rounded_to_nearest",
                lambda width, std, size, smallest: round(_layers(width, std, size, smallest)),
                "You rounded to the nearest whole number. Where the line crosses at 13.4, as in the example, 13 layers "
                "leave 8.8e-8, which is still above `smallest`: round up.",
            ),
            Mistake(
                "not_whole",
                _layers,
                "Your number is where the line crosses `smallest`. Layers are whole: round up to the first one below "
                "it, 14 in the example and not 13.4.",
            ),
            Mistake(
                "ratio_inverted",
                lambda width, std, size, smallest: math.ceil(-_layers(width, std, size, smallest)),
                "You have size over smallest. Its logarithm is positive and the factor's is negative, so your count "
                "of layers is negative: -13 in the example.",
            ),
            Mistake(
                "size_forgotten",
                lambda width, std, size, smallest: math.ceil(math.log(smallest) / math.log(std * math.sqrt(width / 2))),
                "You let the gradient start at 1. It starts at `size`; for the example, which starts at 0.01, you say "
                "19 layers, it is 14.",
            ),
        ),
    ),
    Blank(
        name=f"{_LESSON}.forget_bias",
        inputs=cases(lambda rng: {"share": float(rng.uniform(0.05, 0.95)), "steps": int(log_uniform(rng, 3, 1000))}),
        points=2,
        hints=(
            "Which f must the gate have, if a gradient is multiplied by f at each of the steps and `share` is to be "
            "left?",
            "f is the root of share of the order `steps`. Then solve f = 1/(1 + exp(-b)) for b.",
            "b is the logarithm of f over (one minus f), with f = share to the power one over steps.",
        ),
        mistakes=(
            Mistake(
                "gate_itself",
                _gate,
                "That is the gate f, not the bias: f = sig(b). For a share of 0.5 after 100 steps f = 0.993, and a "
                "bias of 0.993 gives the gate 0.73, which leaves 2e-14.",
            ),
            Mistake(
                "no_logarithm",
                lambda share, steps: _gate(share, steps) / (1 - _gate(share, steps)),
                "You have f/(1 - f), which is exp(b). Take its logarithm: for a share of 0.5 after 100 steps you say "
                "144, it is 4.97.",
            ),
            Mistake(
                "steps_forgotten",
                lambda share, steps: _logit(share),
                "You solved for the gate of one step, f = share. After 100 steps at f = 0.5 the share that is left is "
                "8e-31, not 0.5.",
            ),
            Mistake(
                "share_over_steps",
                lambda share, steps: _logit(share / steps),
                "You divided the share by the steps. The gate must pass nearly everything at each step, f = "
                "share^(1/steps): for a share of 0.5 after 100 steps f is 0.993, and yours 0.005.",
            ),
            Mistake(
                "sign",
                lambda share, steps: -_logit(_gate(share, steps)),
                "You have the wrong sign, as for (1 - f)/f. A negative bias closes the gate: for a share of 0.5 after "
                "100 steps yours is 0.007 in place of 0.993.",
            ),
            Mistake(
                "straight_line",
                lambda share, steps: _logit(1 - (1 - share) / steps),
                "You let each step lose the same amount, (1 - share)/steps. It loses the same share of what is left. "
                "For a share of 0.5 after 100 steps you say 5.29 and keep 0.61; it is 4.97.",
            ),
            Mistake(
                "time_constant",
                lambda share, steps: _logit(1 - 1 / steps),
                "You set f = 1 - 1/steps, which leaves about 1/e = 0.37 whatever is asked for. For a share of 0.5 "
                "after 100 steps you say 4.60, it is 4.97.",
            ),
            Mistake(
                "tanh_gate",
                lambda share, steps: math.atanh(_gate(share, steps)),
                "You inverted tanh. The gate is sig(b) = 1/(1 + exp(-b)): for a share of 0.5 after 100 steps you say "
                "2.83, where the gate is 0.944 and leaves 0.003.",
            ),
            Mistake(
                "logarithm_of_f",
                lambda share, steps: math.log(_gate(share, steps)),
                "You inverted the exponential function. f = sig(b) = 1/(1 + exp(-b)) needs log(f/(1 - f)). For a "
                "share of 0.5 after 100 steps you say -0.007, where the gate is 0.498.",
            ),
        ),
    ),
    Blank(
        name=f"{_LESSON}.branch_scale",
        inputs=cases(
            lambda rng: {
                "blocks": int(log_uniform(rng, 3, 200)),
                "branch": log_uniform(rng, 0.1, 3),
                "growth": float(rng.uniform(1.2, 8)),
            }
        ),
        points=2,
        hints=(
            "By which factor does one block multiply the mean square of the signal?",
            "Each block multiplies the mean square by 1 + s^2 * branch. After all blocks the mean square may have "
            "grown by growth squared.",
            "Take growth to the power two over blocks, subtract one, divide by branch, and take the root.",
        ),
        mistakes=(
            Mistake(
                "mean_square_for_size",
                lambda blocks, branch, growth: math.sqrt((growth ** (1 / blocks) - 1) / branch),
                "You let the mean square grow by `growth`; it is the size that may. For 30 blocks, branch 1 and "
                "growth 2 you say 0.153, and the size grows by 1.41 only; it is 0.217.",
            ),
            Mistake(
                "no_root",
                lambda blocks, branch, growth: (growth ** (2 / blocks) - 1) / branch,
                "You have s^2. Take its root. For 30 blocks, branch 1 and growth 2 you say 0.047, it is 0.217.",
            ),
            Mistake(
                "branch_forgotten",
                lambda blocks, branch, growth: math.sqrt(growth ** (2 / blocks) - 1),
                "You took branch as 1, which is He's. With torch's default weights, 1/6, the scale may be 2.45 times "
                "as large.",
            ),
            Mistake(
                "branch_not_rooted",
                lambda blocks, branch, growth: math.sqrt(growth ** (2 / blocks) - 1) / branch,
                "You divided s by branch and not by its root. branch multiplies mean squares. At branch = 1/6 your "
                "scale is 2.45 times too large.",
            ),
            Mistake(
                "branch_multiplied",
                lambda blocks, branch, growth: math.sqrt((growth ** (2 / blocks) - 1) * branch),
                "You multiplied by branch. A branch that makes little may be scaled up: at branch = 1/6 your scale is 6 "
                "times too small.",
            ),
            Mistake(
                "path_forgotten",
                lambda blocks, branch, growth: math.sqrt(growth ** (2 / blocks) / branch),
                "You left out the path around, the 1 in 1 + s^2 * branch. For 30 blocks, branch 1 and growth 2 you say "
                "1.023, and the size grows by 47,000.",
            ),
            Mistake(
                "sizes_added",
                lambda blocks, branch, growth: (growth ** (1 / blocks) - 1) / math.sqrt(branch),
                "You added the sizes of the two paths. They are uncorrelated, so their squares add. For 30 blocks, "
                "branch 1 and growth 2 you say 0.023, and the size grows by 1.008 only.",
            ),
            Mistake(
                "first_order",
                lambda blocks, branch, growth: math.sqrt(2 * math.log(growth) / (blocks * branch)),
                "You replaced log(1 + x) by x. That is near for many blocks: for 30 blocks, branch 1 and growth 2 you "
                "say 0.215, the exact scale is 0.217.",
            ),
            Mistake(
                "lessons_scale",
                lambda blocks, branch, growth: 1 / math.sqrt(2 * blocks),
                "You gave the lesson's 1/sqrt(2L), which is one choice: with He's weights the size then grows by 1.28 "
                "at most. Solve for the growth that is asked for; with 30 blocks, branch 1 and growth 2 it is 0.217, "
                "not 0.129.",
            ),
            Mistake(
                "shared_evenly",
                lambda blocks, branch, growth: math.sqrt((growth**2 - 1) / (blocks * branch)),
                "You shared the growth of the mean square evenly among the blocks. Growth multiplies: for 30 blocks, "
                "branch 1 and growth 2 your scale of 0.316 makes the size grow by 4.18.",
            ),
        ),
    ),
)
