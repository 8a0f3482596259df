"""torch's scheduler objects as recursions: the same bits over 1,000 steps, and what is refused."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler as lrs

from course import schedules
from course.authoring import recursion_killer
from course.authoring.schedule_killer import torch_rates
from course.schedules import by_recursion
from course.schedules.recursion import NEXT

rate, share, count = st.floats(1e-4, 10), st.floats(0, 1), st.integers(1, 1200)
WAVES = [lambda k: 0.95**k, lambda k: 1 / (1 + k), lambda k: 1 + 0.2 * np.sin(k)]

# schedule -> torch's class, random settings without lr
RANDOM = {
    "constant": (lrs.ConstantLR, {"factor": st.floats(1e-3, 1), "total_iters": count}),
    "step": (lrs.StepLR, {"step_size": st.integers(1, 300), "gamma": share}),
    "multistep": (lrs.MultiStepLR, {"milestones": st.lists(st.integers(0, 1100), max_size=6), "gamma": share}),
    "linear": (lrs.LinearLR, {"start_factor": st.floats(1e-3, 1), "end_factor": share, "total_iters": count}),
    "exponential": (lrs.ExponentialLR, {"gamma": st.floats(0.9, 1.01)}),
    "polynomial": (lrs.PolynomialLR, {"total_iters": count, "power": st.floats(0, 4)}),
    "cosine": (lrs.CosineAnnealingLR, {"T_max": count, "eta_min": st.sampled_from([0.0, 1e-4, 0.03])}),
    "multiplicative": (lrs.MultiplicativeLR, {"lr_lambda": st.sampled_from(WAVES)}),
}


@pytest.mark.parametrize("name", RANDOM)
@settings(phases=[Phase.generate], derandomize=True, max_examples=6, deadline=None, database=None)
@given(data=st.data())
def test_recursion_has_the_rates_that_torch_uses(name, data):
    """5e-15 of the peak is asked for; the bits are the same where torch uses the same functions of libm."""
    torch_class, strategies = RANDOM[name]
    theirs = data.draw(st.fixed_dictionaries(strategies))
    lr = data.draw(rate)
    expected = torch_rates(name, {"lr": lr}, 1000, lambda opt: torch_class(opt, **theirs))
    ours = by_recursion(getattr(schedules, name)(lr=lr, **theirs), 1000)
    assert np.abs(ours - expected).max() <= 5e-15 * np.abs(expected).max()


def test_every_scheduler_that_changes_the_last_rate_is_there():
    assert {function.__name__ for function in NEXT} == set(RANDOM) == {case[0] for case in recursion_killer.CASES}


def test_formula_and_recursion_part_as_the_docstrings_say():
    t = range(1, 1001)
    line = {"lr": 0.3, "total_iters": 900}
    apart = np.abs(schedules.linear(t, **line) - by_recursion(schedules.linear(**line), 1000)).max()
    assert 1e-15 < apart / 0.3 < 3e-15  # recursion.py says 2e-15
    for eta_min, low, high in ((0.03, 1e-13, 2e-13), (0.0, 0, 5e-15)):  # cosine says 2e-13 and 5e-15
        fall = schedules.cosine(lr=0.3, T_max=500, eta_min=eta_min)
        assert low <= np.abs(fall(t) - by_recursion(fall, 1000)).max() / 0.3 <= high


def test_no_steps_give_no_rates():
    rates = by_recursion(schedules.linear(lr=0.3), 0)
    assert rates.shape == (0,) and rates.dtype == np.float64


@pytest.mark.parametrize(("schedule", "steps", "message"), recursion_killer.REFUSED)
def test_what_recursion_refuses(schedule, steps, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        by_recursion(schedule, steps)
    start, _, end = message.partition("...")
    said = str(caught.value)
    assert said.startswith(start) and said.endswith(end) and (end or "..." in message or said == message)
