"""What schedules refuse, each in one line that names the argument, and the bounds that they accept."""

import math

import numpy as np
import pytest
import torch

from course import schedules as S
from course.schedules import plateau

REFUSED = [
    (lambda: S.cosine(0, lr=0.1, T_max=9), ValueError, "t: got 0, expected a step number, 1 or larger"),
    (lambda: S.cosine(1.5, lr=0.1, T_max=9), ValueError, "t: got 1.5"),
    (lambda: S.cosine(np.arange(3), lr=0.1, T_max=9), ValueError, r"t: got array\(\[0, 1, 2\]\)"),
    (lambda: S.cosine(range(3), lr=0.1, T_max=9), ValueError, "t: got "),
    (lambda: S.cosine([1, 2], lr=0.1, T_max=9), TypeError, "t: got"),
    (lambda: S.cosine(None, lr=0.1, T_max=9), TypeError, "t: got None"),
    (lambda: S.cosine(torch.tensor(1), lr=0.1, T_max=9), TypeError, r"t: got tensor\(1\), expected a step number, 1 or larger, or a"),
    (lambda: S.cosine(1, lr=0.1), TypeError, "cosine: got no T_max, expected a value for each"),
    (lambda: S.cosine(1, T_max=9), TypeError, "cosine: got no lr, expected"),
    (lambda: S.cosine(), TypeError, "cosine: got no lr and no T_max, expected"),
    (lambda: S.cosine(lr=0.1), TypeError, "cosine: got no T_max"),
    (lambda: S.cosine(T_max=9)(1), TypeError, "cosine: got no lr"),
    (lambda: S.cosine(1, lr=0.1, Tmax=9), TypeError, r"cosine's setting: got 'Tmax', .*\(did you mean 'T_max'\?\)"),
    (lambda: S.cosine(lr=-0.1, T_max=9), ValueError, "lr: got -0.1, expected a number >= 0"),
    (lambda: S.cosine(lr=math.nan, T_max=9), ValueError, "lr: got nan"),
    (lambda: S.cosine(lr=math.inf, T_max=9), ValueError, "lr: got inf"),
    (lambda: S.cosine(lr="0.1", T_max=9), TypeError, "lr: got '0.1'"),
    (lambda: S.cosine(lr=True, T_max=9), TypeError, "lr: got True"),
    (lambda: S.cosine(lr=None, T_max=9), TypeError, "lr: got None"),
    (lambda: S.cosine(lr=0.1, T_max=0), ValueError, "T_max: got 0, expected a whole number >= 1"),
    (lambda: S.cosine(lr=0.1, T_max=9.0), TypeError, "T_max: got 9.0"),
    (lambda: S.cosine(lr=0.1, T_max=9, eta_min=-1), ValueError, "eta_min: got -1"),
    (lambda: S.constant(lr=0.1, factor=1.1), ValueError, r"factor: got 1.1, expected a number in \[0, 1\]"),
    (lambda: S.constant(lr=0.1, factor=-0.1), ValueError, "factor: got -0.1"),
    (lambda: S.constant(lr=0.1, total_iters=0), ValueError, "total_iters: got 0"),
    (lambda: S.linear(lr=0.1, start_factor=0), ValueError, r"start_factor: got 0, expected a number in \(0, 1\]"),
    (lambda: S.linear(lr=0.1, start_factor=1.1), ValueError, "start_factor: got 1.1"),
    (lambda: S.linear(lr=0.1, end_factor=1.1), ValueError, "end_factor: got 1.1"),
    (lambda: S.step(lr=0.1, step_size=0), ValueError, "step_size: got 0"),
    (lambda: S.step(lr=0.1, step_size=1, gamma=-1), ValueError, "gamma: got -1"),
    (lambda: S.exponential(2000, lr=0.1, gamma=10.0), ValueError, "exponential: the rate of step 2000 is beyond the largest float"),
    (lambda: S.exponential(2, lr=1e308, gamma=10.0), ValueError, "exponential: the rate of step 2 is beyond"),
    (lambda: S.polynomial(lr=0.1, power=-1), ValueError, "power: got -1"),
    (lambda: S.multistep(lr=0.1, milestones=[3, -1]), ValueError, r"milestones\[1\]: got -1, expected a whole number >= 0"),
    (lambda: S.multistep(lr=0.1, milestones=[2.5]), TypeError, r"milestones\[0\]: got 2.5"),
    (lambda: S.multistep(lr=0.1, milestones=30), TypeError, "milestones: got 30, expected a list of whole numbers"),
    (lambda: S.multistep(lr=0.1, milestones=np.ones((3, 3), int)), TypeError, "milestones: got"),
    (lambda: S.lambda_(lr=0.1, lr_lambda=0.9), TypeError, "lr_lambda: got 0.9, expected a function"),
    (lambda: S.lambda_(4, lr=0.1, lr_lambda=lambda k: None), TypeError, r"lr_lambda\(3\): got None, expected a finite number"),
    (lambda: S.multiplicative(4, lr=0.1, lr_lambda=lambda k: math.nan), ValueError, r"lr_lambda\(1\): got nan"),
    (lambda: S.warm_restarts(lr=0.1, T_0=0), ValueError, "T_0: got 0"),
    (lambda: S.warm_restarts(lr=0.1, T_0=1, T_mult=0), ValueError, "T_mult: got 0"),
    (lambda: S.one_cycle(max_lr=-1, total_steps=9), ValueError, "max_lr: got -1"),
    (lambda: S.one_cycle(max_lr=1, total_steps=0), ValueError, "total_steps: got 0"),
    (lambda: S.one_cycle(max_lr=1, total_steps=9, pct_start=1.5), ValueError, "pct_start: got 1.5"),
    (lambda: S.one_cycle(max_lr=1, total_steps=9, div_factor=0), ValueError, "div_factor: got 0, expected a number > 0"),
    (lambda: S.one_cycle(max_lr=1, total_steps=9, final_div_factor=0), ValueError, "final_div_factor: got 0"),
    (lambda: S.one_cycle(max_lr=1, total_steps=9, three_phase=1), TypeError, "three_phase: got 1, expected True or False"),
    (lambda: S.one_cycle(max_lr=1, total_steps=9, anneal_strategy="cosine"), ValueError, r"anneal_strategy: .*\(did you mean 'cos'\?\)"),
    (lambda: S.one_cycle_momentum(total_steps=9, base_momentum=1), ValueError, r"base_momentum: got 1, expected a number in \[0, 1\)"),
    (lambda: S.one_cycle_momentum(total_steps=9, max_momentum=-1), ValueError, "max_momentum: got -1"),
    (lambda: S.cyclic(base_lr=-1, max_lr=1), ValueError, "base_lr: got -1"),
    (lambda: S.cyclic(base_lr=0, max_lr=1, step_size_up=0), ValueError, "step_size_up: got 0"),
    (lambda: S.cyclic(base_lr=0, max_lr=1, step_size_down=0), ValueError, "step_size_down: got 0"),
    (lambda: S.cyclic(base_lr=0, max_lr=1, mode="triangular3"), ValueError, r"mode: .*\(did you mean 'triangular2?'\?\)"),
    (lambda: S.sequential(schedules=[S.constant(lr=1)], milestones=[1]), ValueError, "milestones: got .* one fewer than the 1 schedules"),
    (lambda: S.sequential(schedules=[], milestones=[]), ValueError, r"schedules: got \[\], expected at least one schedule"),
    (lambda: S.cosine(lr=10**400, T_max=9), ValueError, r"lr: got 1000.*\.\.\., expected a number >= 0"),
    (lambda: S.cosine(lr=0.1, T_max=10**400), ValueError, r"T_max: got 1000.*\.\.\., expected a whole number of at most 2\*\*53"),
    (lambda: S.cosine(math.nan, lr=0.1, T_max=9), ValueError, "t: got nan, expected a step number, 1 or larger"),
    (lambda: S.cyclic(1, base_lr=0, max_lr=1, mode=np.array(["triangular", "x"])), ValueError, "mode: got array"),
    (lambda: list(plateau([10**400], lr=1)), TypeError, "metric: got 1000"),
    (lambda: S.sequential(schedules=[S.constant(lr=1)] * 3, milestones=[5, 5]), ValueError, r"milestones: got \[5, 5\], expected whole numbers >= 1 that rise"),
    (lambda: S.sequential(schedules=[S.constant(lr=1)] * 2, milestones=[0]), ValueError, "whole numbers >= 1 that rise"),
    (lambda: S.sequential(schedules=0.1, milestones=[]), TypeError, "schedules: got 0.1, expected a list of schedules"),
    (lambda: S.sequential(schedules=[0.1], milestones=[]), TypeError, r"schedules\[0\]: got 0.1, expected a schedule"),
    (lambda: S.sequential(6, schedules=[S.constant(lr=1), lambda t: None], milestones=[3]), TypeError, r"schedules\[1\]\(3\): got None"),
    (lambda: S.sequential(schedules=[S.cosine(T_max=9)], milestones=[]), TypeError, "cosine: got no lr"),
    (lambda: S.chained(lr=0.1, schedules=[]), ValueError, "schedules: got .* at least one schedule"),
    (lambda: S.chained(lr=0.1, schedules=[S.constant(), S.constant(lr=1)]), ValueError, r"schedules\[1\]: got .* a schedule without lr"),
    (lambda: S.chained(3, lr=0.5, schedules=[lambda t, lr: None]), TypeError, r"schedules\[0\]\(3, lr=0.5\): got None"),
    (lambda: S.warmup_cosine(lr=1, warmup_steps=0, total_steps=9), ValueError, "warmup_steps: got 0"),
    (lambda: S.warmup_cosine(lr=1, warmup_steps=9, total_steps=9), ValueError, "total_steps: got 9, expected more than warmup_steps = 9"),
    (lambda: S.warmup_inverse_sqrt(lr=1, warmup_steps=0), ValueError, "warmup_steps: got 0"),
    (
        lambda: S.warmup_stable_decay(lr=1, warmup_steps=2, decay_steps=3, total_steps=4),
        ValueError,
        r"total_steps: got 4, expected warmup_steps \+ decay_steps = 5 or more",
    ),
    (lambda: S.warmup_stable_decay(lr=1, warmup_steps=2, decay_steps=0, total_steps=4), ValueError, "decay_steps: got 0"),
    (lambda: plateau(lr=-1), ValueError, "lr: got -1"),
    (lambda: plateau(lr=1, mode="minimum"), ValueError, r"mode: got 'minimum', .*\(did you mean 'min'\?\)"),
    (lambda: plateau(lr=1, threshold_mode="real"), ValueError, r"threshold_mode: got 'real', .*\(did you mean 'rel'\?\)"),
    (lambda: plateau(lr=1, factor=1.0), ValueError, r"factor: got 1.0, expected a number in \[0, 1\)"),
    (lambda: plateau(lr=1, factor=1.5), ValueError, "factor: got 1.5"),
    (lambda: plateau(lr=1, patience=-1), ValueError, "patience: got -1, expected a whole number >= 0"),
    (lambda: plateau(lr=1, cooldown=-1), ValueError, "cooldown: got -1"),
    (lambda: plateau(lr=1, threshold=-1), ValueError, "threshold: got -1"),
    (lambda: plateau(lr=1, min_lr=-1), ValueError, "min_lr: got -1"),
    (lambda: plateau(lr=1, eps=-1), ValueError, "eps: got -1"),
    (lambda: plateau(0.1, lr=1), TypeError, "metrics: got 0.1, expected numbers to go through"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_bad_arguments_are_refused_in_one_line(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_bounds_themselves_are_accepted():
    assert S.constant(1, lr=0, factor=0) == 0 and S.constant(1, lr=1, factor=1) == 1
    assert S.linear(1, lr=1, start_factor=1, end_factor=0) == 1
    assert S.step(2, lr=1, step_size=1, gamma=0) == 0 and S.polynomial(5, lr=1, power=0) == 1
    assert S.one_cycle(1, max_lr=1, total_steps=1, pct_start=0) == pytest.approx(4e-6)
    assert S.one_cycle(2, max_lr=1, total_steps=2, pct_start=1) == 1
    assert S.one_cycle_momentum(1, total_steps=5, base_momentum=0, max_momentum=0) == 0
    assert S.cyclic(1, base_lr=0, max_lr=0, step_size_up=1, step_size_down=1) == 0
    assert S.multistep(2, lr=1, milestones=np.array([1]), gamma=0.5) == 0.5
    assert S.step(1, lr=1, step_size=1, gamma=0.5) == 1 and S.polynomial(2, lr=1, total_iters=2, power=0.5) == 0.5**0.5
    assert S.one_cycle(1, max_lr=1, total_steps=9, div_factor=0.5, final_div_factor=0.5) == 2
    assert S.warmup_cosine(2, lr=1, warmup_steps=1, total_steps=2) == 0
    assert S.warmup_stable_decay(2, lr=1, warmup_steps=1, decay_steps=1, total_steps=2) == 0
    assert S.warmup_cosine(1, lr=1, warmup_steps=1, total_steps=2) == 1
    assert S.warmup_stable_decay(1, lr=1, warmup_steps=1, decay_steps=1, total_steps=2) == 1
    assert list(plateau([1], lr=0, factor=0, patience=0, cooldown=0, threshold=0, min_lr=0, eps=0)) == [0]
