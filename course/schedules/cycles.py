"""Schedules that rise and fall: cosine, warm restarts, one cycle, triangles; with their momentum."""

import math

from course.inputs import wrong
from course.schedules.schedule import check_choice, schedule


@schedule
def cosine(t, *, lr, T_max, eta_min=0.0):
    r"""A rate that falls along half a cosine to its minimum, then rises again, for ever.

    \eta_t = \eta_{min} + \frac{1}{2} (\eta - \eta_{min}) (1 + \cos(\pi (t - 1)/T_{max}))

    T_max: T_{max} >= 1 steps; step T_max + 1 is at the minimum, step 2 T_max + 1 at the peak.
    eta_min: \eta_{min} >= 0, in units of lr.
    torch: CosineAnnealingLR multiplies the distance to eta_min by a ratio of cosines. At the minimum
    eta_min hides the last digits of that distance, and the rise that follows enlarges their loss: to
    2e-13 of the peak for T_max = 500 from 0.3 to 0.03, where eta_min = 0 keeps 5e-15. The formula
    above is torch's own _get_closed_form_lr, to the last bit; `by_recursion` gives the product's rates.
    Source: Loshchilov and Hutter 2017 (SGDR), eq. 5, without restarts.
    """
    return eta_min + (lr - eta_min) * (1 + math.cos(math.pi * (t - 1) / T_max)) / 2


@schedule
def warm_restarts(t, *, lr, T_0, T_mult=1, eta_min=0.0):
    r"""A rate that falls along half a cosine, jumps back, and falls again, more slowly each time.

    \eta_t = \eta_{min} + \frac{1}{2} (\eta - \eta_{min}) (1 + \cos(\pi T_{cur}/T_i))

    T_i = T_0 T_{mult}^i is the length of the i-th fall, i = 0, 1, ..., and T_{cur} the number of
    steps since its start. The minimum itself is never reached: T_{cur} < T_i.
    T_0: steps >= 1. T_mult: whole number >= 1. eta_min: \eta_{min} >= 0, in units of lr.
    torch: CosineAnnealingWarmRestarts. Its step(epoch) finds i by a rounded logarithm: T_0 = 1,
    T_mult = 3, epoch = 121 gives the minimum where step() rightly gives the peak.
    Source: Loshchilov and Hutter 2017 (SGDR), eq. 5.
    """
    T_cur, T_i = t - 1, T_0
    while T_cur >= T_i:
        T_cur, T_i = T_cur - T_i, T_i * T_mult
    return eta_min + (lr - eta_min) * (1 + math.cos(math.pi * T_cur / T_i)) / 2


@schedule
def one_cycle(
    t,
    *,
    max_lr,
    total_steps,
    pct_start=0.3,
    anneal_strategy="cos",
    div_factor=25.0,
    final_div_factor=1e4,
    three_phase=False,
):
    r"""One rise to a large rate and one long fall to almost nothing.

    \eta_t = b + \frac{1}{2} (a - b) (1 + \cos(\pi p)) \quad \text{or} \quad \eta_t = a + (b - a) p

    p = (t - 1 - s)/(e - s) is the share done of a phase from a to b that lasts from s to e (in steps
    taken). Phases end at e = p_0 T - 1 (max_lr) and T - 1; with three_phase at p_0 T - 1 (max_lr),
    2 p_0 T - 2 (the first rate again) and T - 1.
    max_lr: the peak, >= 0. total_steps: T >= 1. pct_start: p_0 in [0, 1]. anneal_strategy: "cos" or
    "linear". div_factor: max_lr over the first rate. final_div_factor: first rate over the last.
    Raises ValueError for t > T and for p_0 T = 1, a first phase of no length.
    torch: OneCycleLR. It divides by 0 where p_0 T = 1. It allows one step too many, t = T + 1, where
    a linear fall goes on below the last rate, even below 0. Where p_0 T < 1 the first rate is already
    past the peak. With three_phase and 2 p_0 T > T + 1 the run ends in the second phase. It replaces
    the optimizer's lr, and a scheduler made after it takes max_lr/div_factor for its base rate.
    Source: Smith and Topin 2019, section 3.
    """
    first = max_lr / div_factor
    rates = [first, max_lr, *[first] * three_phase, first / final_div_factor]
    return _one_cycle(t, rates, total_steps, pct_start, anneal_strategy)


@schedule
def one_cycle_momentum(
    t,
    *,
    total_steps,
    pct_start=0.3,
    anneal_strategy="cos",
    base_momentum=0.85,
    max_momentum=0.95,
    three_phase=False,
):
    r"""The momentum that goes with `one_cycle`: small where the rate is large.

    \beta_t: the formula and the phases of `one_cycle`, from max_momentum to base_momentum and back.

    base_momentum, max_momentum: in [0, 1). The others and what is raised: as in `one_cycle`.
    torch: OneCycleLR(cycle_momentum=True), its default, which replaces the optimizer's own momentum,
    or beta1 where there are betas. Source: Smith and Topin 2019, section 3.
    """
    momenta = [max_momentum, base_momentum, max_momentum, *[max_momentum] * three_phase]
    return _one_cycle(t, momenta, total_steps, pct_start, anneal_strategy)


def _one_cycle(t, values, total_steps, pct_start, anneal_strategy):
    """The value at step t on the way through `values`, of which there is one more than phases."""
    check_choice("anneal_strategy", anneal_strategy, ("cos", "linear"))
    if t > total_steps:
        raise wrong("t", t, f"a step number within total_steps = {total_steps}")
    if pct_start * total_steps == 1:
        raise wrong("pct_start", pct_start, "anything but 1/total_steps: the first phase would have no length")
    second = [2 * pct_start * total_steps - 2] * (len(values) - 3)
    ends = [pct_start * total_steps - 1, *second, total_steps - 1]
    phases = zip([0, *ends], ends, values, values[1:], strict=False)
    start, end, a, b = next(phase for phase in phases if t - 1 <= phase[1])
    done = (t - 1 - start) / (end - start)
    if anneal_strategy == "linear":
        return a + (b - a) * done
    return b + (a - b) * (1 + math.cos(math.pi * done)) / 2


@schedule
def cyclic(t, *, base_lr, max_lr, step_size_up=2000, step_size_down=None, mode="triangular", gamma=1.0):
    r"""A rate that goes up and down a straight line between two bounds, for ever.

    \eta_t = \eta_{base} + (\eta_{max} - \eta_{base}) h_t A_t

    h_t: height in the triangle, 0 to 1 in u steps, 1 to 0 in d steps. A_t: amplitude, by mode:
    "triangular" 1; "triangular2" 1/2^{c-1} in the c-th cycle; "exp_range" \gamma^{t-1}.
    base_lr, max_lr: >= 0. step_size_up, step_size_down: u, d >= 1 steps (None: d = u). mode: above.
    gamma: \gamma >= 0, for exp_range only.
    torch: CyclicLR, without its scale_fn. It replaces the optimizer's lr by base_lr.
    Source: Smith 2017, section 3.
    """
    return base_lr + (max_lr - base_lr) * _triangle(t, step_size_up, step_size_down, mode, gamma)


@schedule
def cyclic_momentum(
    t,
    *,
    base_momentum=0.8,
    max_momentum=0.9,
    step_size_up=2000,
    step_size_down=None,
    mode="triangular",
    gamma=1.0,
):
    r"""The momentum that goes with `cyclic`: largest where the rate is smallest.

    \beta_t = \beta_{max} - (\beta_{max} - \beta_{base}) h_t A_t

    base_momentum, max_momentum: in [0, 1). h_t, A_t and the others as in `cyclic`, so that in the
    modes that shrink, the momentum comes down less and less far from \beta_{max}.
    torch: CyclicLR(cycle_momentum=True), its default, which replaces the optimizer's own momentum,
    or beta1 where there are betas. Source: Smith 2017; Smith 2018, section 4.
    """
    height = _triangle(t, step_size_up, step_size_down, mode, gamma)
    return max_momentum - (max_momentum - base_momentum) * height


def _triangle(t, up, down, mode, gamma):
    """Height times amplitude at step t. In torch's order of operations: others differ by 1e-13."""
    check_choice("mode", mode, ("triangular", "triangular2", "exp_range"))
    length = up + (up if down is None else down)
    cycle = math.floor(1 + (t - 1) / length)
    x, peak = 1 + (t - 1) / length - cycle, up / length
    height = x / peak if x <= peak else (x - 1) / (peak - 1)
    return height * {"triangular": 1, "triangular2": 0.5 ** (cycle - 1), "exp_range": gamma ** (t - 1)}[mode]
