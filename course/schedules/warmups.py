"""Schedules that begin with a linear warm-up: the three that language models are trained with.

In all of them step t of the warm-up has the rate lr t/w: the first step already moves (lr/w), and step
w is the first at the peak. Libraries that count from 0 waste their first step at rate 0.
"""

import math

from course.inputs import wrong
from course.schedules.schedule import schedule


@schedule
def warmup_cosine(t, *, lr, warmup_steps, total_steps, eta_min=0.0):
    r"""A straight rise to the peak, then half a cosine down to the minimum, constant from then on.

    \eta_t = \eta t/w \quad (t \le w)
    \eta_t = \eta_{min} + \frac{1}{2} (\eta - \eta_{min}) (1 + \cos(\pi (t - w)/(T - w))) \quad (w < t \le T)

    lr: the peak \eta, reached at step w. warmup_steps: w >= 1; 1 is none. total_steps: T > w, the step
    that reaches eta_min, \eta_{min} >= 0, in units of lr. Raises ValueError unless T > w.
    torch: SequentialLR of LinearLR(1/w, total_iters=w-1) and CosineAnnealingLR(T-w), milestone w-1.
    Source: Goyal et al. 2017, section 2.2 (warm-up); Loshchilov and Hutter 2017, eq. 5 (cosine).
    """
    if total_steps <= warmup_steps:
        raise wrong("total_steps", total_steps, f"more than warmup_steps = {warmup_steps}")
    if t <= warmup_steps:
        return lr * (t / warmup_steps)
    done = (min(t, total_steps) - warmup_steps) / (total_steps - warmup_steps)
    return eta_min + (lr - eta_min) * (1 + math.cos(math.pi * done)) / 2


@schedule
def warmup_inverse_sqrt(t, *, lr, warmup_steps):
    r"""A straight rise to the peak, then a fall with the root of the step; needs no end.

    \eta_t = \eta \min(t/w, \sqrt{w/t})

    lr: the peak \eta, reached at step w. warmup_steps: w >= 1.
    The paper writes d^{-1/2} \min(t^{-1/2}, t w^{-3/2}): its peak is lr = (d w)^{-1/2}, 7.0e-4 for the
    width d = 512 and w = 4000. torch: LambdaLR. Source: Vaswani et al. 2017, eq. 3.
    """
    return lr * min(t / warmup_steps, math.sqrt(warmup_steps / t))


@schedule
def warmup_stable_decay(t, *, lr, warmup_steps, decay_steps, total_steps, eta_min=0.0):
    r"""A straight rise, a long constant rate, and a straight fall at the very end.

    \eta_t = \eta t/w \quad (t \le w), \qquad \eta_t = \eta \quad (w < t \le T - D)
    \eta_t = \eta_{min} + (\eta - \eta_{min}) (T - t)/D \quad (T - D < t \le T)

    lr: the peak \eta. warmup_steps: w >= 1; 1 is none. decay_steps: D >= 1. total_steps: T >= w + D, the
    step that reaches eta_min, \eta_{min} >= 0, in units of lr; constant from then on.
    Raises ValueError unless T >= w + D.
    torch: SequentialLR of LinearLR, ConstantLR(1) and LinearLR.
    Source: Hu et al. 2024 (MiniCPM), section 4.2, with the straight fall of Haegele et al. 2024.
    """
    if total_steps < warmup_steps + decay_steps:
        raise wrong("total_steps", total_steps, f"warmup_steps + decay_steps = {warmup_steps + decay_steps} or more")
    if t <= total_steps - decay_steps:
        return lr * min(1, t / warmup_steps)
    return eta_min + (lr - eta_min) * max(0, total_steps - t) / decay_steps
