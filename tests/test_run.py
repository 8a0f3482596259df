"""run and sweep: what they return, that a cell of a sweep is its single run, and what they refuse."""

import numpy as np
import pytest
import torch

from course import rules
from course.rules import RULES
from course.run import run, sweep

CURVATURE = np.array([0.2, 4.0])


def bowl(theta):
    return theta * (CURVATURE.astype(theta.dtype) if isinstance(theta, np.ndarray) else 0.5)


def test_run_returns_every_point():
    path = run(rules.sgd, bowl, [-5.0, -2.0], 3, lr=0.4)
    factor = np.array([1 - 0.4 * 0.2, 1 - 0.4 * 4.0])
    assert path.shape == (4, 2)
    assert path == pytest.approx(np.array([-5.0, -2.0]) * factor ** np.arange(4)[:, None])


def test_run_counts_steps_from_one_and_carries_the_state(gradients):
    stream = iter(gradients)
    path = run(rules.adam, lambda theta: next(stream), np.zeros(4), 100, lr=0.1)
    theta, state = np.zeros(4), []
    for t, g in enumerate(gradients, 1):
        theta, *state = rules.adam(theta, g, t, *state, lr=0.1)
    assert np.array_equal(path[-1], theta)


def test_run_takes_schedules_state_and_shapes():
    rates = []
    path = run(rules.sgd, lambda theta: theta * 0 + 1, 0.0, 4, lr=lambda t: rates.append(t) or 1.0 / t)
    assert rates == [1, 2, 3, 4]
    assert path.shape == (5,) and -np.diff(path) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    started = run(rules.momentum, lambda theta: theta * 0, 0.0, 1, b=2.0, lr=1.0, momentum=0.5)
    assert started[1] == -1.0
    assert run(rules.adam, lambda theta: theta, np.ones((2, 3, 4)), 5).shape == (6, 2, 3, 4)
    assert run(rules.adam, lambda theta: theta, np.ones(3, np.float32), 5, lr=np.float64(0.1)).dtype == np.float32


def test_run_on_every_device(device):
    dtype = torch.float32 if device == "mps" else torch.float64
    theta0 = torch.tensor([-5.0, -2.0], dtype=dtype, device=device)
    path = run(rules.adam, lambda theta: 0.5 * theta, theta0, 20, lr=0.1)
    ours = run(rules.adam, lambda theta: 0.5 * theta, np.array([-5.0, -2.0]), 20, lr=0.1)
    assert path.device == theta0.device and path.dtype == dtype and path.shape == (21, 2)
    assert path.cpu().numpy() == pytest.approx(ours, rel=1e-5 if device == "mps" else 1e-13)


def test_run_does_not_change_its_start():
    theta0 = np.array([1.0, 2.0])
    path = run(rules.sgd, lambda theta: theta, theta0, 0)
    path[0] = 7
    assert theta0.tolist() == [1.0, 2.0]
    parameter = torch.nn.Parameter(torch.ones(2))
    assert not run(rules.sgd, lambda theta: theta, parameter, 2).requires_grad


def test_run_stops_at_the_first_nonfinite_value():
    with pytest.raises(FloatingPointError, match=r"step 2: theta\[1\] became inf.*one step before.*lr=1e"):
        run(rules.sgd, lambda theta: theta * [0.0, -1e9], np.array([1.0, 1.0]), 9, lr=1e150)
    path = run(rules.sgd, lambda theta: -1e200 * theta, 1.0, 9, lr=1e100, allow_nonfinite=True)
    assert path.shape == (10,) and not np.isfinite(path[-1])


GRIDS = {
    "sgd": {"lr": [0.01, 0.1, 0.7]},
    "heavy_ball": {"momentum": [0.0, 0.5, 0.99], "lr": [0.01, 0.3]},
    "adagrad": {"lr": [0.3, 3.0], "lr_decay": [0.0, 0.1, 1.0], "eps": [1e-10, 1e-2]},
    "rmsprop": {"alpha": [0.3, 0.9], "eps": [1e-8, 1e-3]},
    "adam": {"lr": [0.001, 0.1], "beta1": [0.0, 0.9, 0.97], "beta2": [0.9, 0.999]},
    "adam_eps_hat": {"beta1": [0.5, 0.9], "beta2": [0.9, 0.999], "lr": 0.2},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", GRIDS)
def test_each_cell_is_its_single_run_to_the_last_bit(name, dtype):
    grid, theta0 = GRIDS[name], np.array([-5.0, -2.0], dtype)
    axes = {k: np.array(v) for k, v in grid.items() if isinstance(v, list)}
    table = sweep(RULES[name], bowl, theta0, 40, **{**grid, **axes})
    paths = sweep(RULES[name], bowl, theta0, 40, paths=True, **{**grid, **axes})
    assert table.shape == (*map(len, axes.values()), 2) and table.dtype == dtype
    assert paths.shape == (41, *table.shape) and np.array_equal(paths[-1], table)
    for index in np.ndindex(table.shape[:-1]):
        cell = {k: float(v[i]) for (k, v), i in zip(axes.items(), index, strict=True)}
        single = run(RULES[name], bowl, theta0, 40, **{**grid, **cell})
        assert np.array_equal(paths[(slice(None), *index)], single)


def test_a_sweep_of_a_scalar_and_of_torch():
    rates = np.linspace(0.1, 1.9, 7)
    table = sweep(rules.sgd, lambda theta: theta, 1.0, 30, lr=rates)
    assert table.shape == (7,)
    assert [run(rules.sgd, lambda theta: theta, 1.0, 30, lr=float(r))[-1] for r in rates] == table.tolist()
    theta0 = torch.tensor([1.0, -3.0])
    ours = sweep(rules.adam, lambda theta: theta, theta0, 10, lr=rates, beta2=[0.9, 0.99])
    assert ours.shape == (7, 2, 2) and ours.dtype == torch.float32
    for i, lr in enumerate(rates.tolist()):
        for j, beta2 in enumerate((0.9, 0.99)):
            single = run(rules.adam, lambda theta: theta, theta0, 10, lr=lr, beta2=beta2)[-1]
            assert torch.equal(ours[i, j], single)


def test_a_sweep_lets_cells_diverge_and_without_arrays_is_one_run():
    table = sweep(rules.sgd, lambda theta: 1e9 * theta, [1.0], 60, lr=[1e-10, 1.0])
    assert np.isfinite(table[0]).all() and not np.isfinite(table[1]).any()
    assert np.array_equal(sweep(rules.sgd, bowl, [1.0, 2.0], 5), run(rules.sgd, bowl, [1.0, 2.0], 5)[-1])


BAD = [
    (lambda: run(rules.sgd, bowl, [1.0, 2.0], -1), ValueError, "steps: got -1, expected a whole number >= 0"),
    (lambda: run(rules.sgd, bowl, [1.0, 2.0], 2.5), TypeError, "steps: got 2.5"),
    (lambda: run(rules.sgd, bowl, [1, 2], 2), TypeError, "theta0: .*int64"),
    (lambda: run(rules.sgd, bowl, 3, 2), TypeError, "theta0: got 3.*write 3.0"),
    (lambda: run(rules.sgd, bowl, torch.tensor([1, 2]), 2), TypeError, "theta0: .*int64"),
    (lambda: run(rules.sgd, bowl, "start", 2), TypeError, "theta0: got 'start'"),
    (lambda: run(rules.sgd, bowl, [[1.0], [1.0, 2.0]], 2), ValueError, "theta0: .*rectangular"),
    (lambda: run(rules.sgd, bowl, [np.nan, 1.0], 2), ValueError, "theta0: .*finite"),
    (lambda: run(rules.sgd, None, [1.0, 2.0], 2), TypeError, "grad: got None, expected a function"),
    (lambda: run("sgd", bowl, [1.0, 2.0], 2), TypeError, "rule: got 'sgd', expected an update rule"),
    (lambda: run(rules.sgd, lambda x: np.ones(3), [1.0, 2.0], 2), ValueError, r"grad\(theta\): got shape \(3,\)"),
    (lambda: run(rules.sgd, lambda x: None, [1.0, 2.0], 2), TypeError, r"grad\(theta\): got None"),
    (lambda: run(rules.sgd, bowl, [1.0, 2.0], 2, learning_rate=1), TypeError, "'learning_rate', expected one of lr"),
    (lambda: run(rules.momentum, bowl, [1.0, 2.0], 2, momentun=1), TypeError, "did you mean 'momentum'"),
    (lambda: run(rules.sgd, bowl, [1.0, 2.0], 2, lr=-1.0), ValueError, "lr: got -1.0"),
    (lambda: run(rules.sgd, bowl, [1.0, 2.0], 2, lr=lambda t: 1 - t), ValueError, "lr: got -1"),
    (lambda: sweep(rules.sgd, bowl, [1.0, 2.0], 2, lr=[[0.1], [0.2]]), ValueError, "lr: .*one-dimensional"),
    (lambda: sweep(rules.sgd, bowl, [1.0, 2.0], 2, lr=[]), ValueError, "lr: .*one-dimensional"),
    (lambda: sweep(rules.sgd, bowl, [1.0, 2.0], 2, lr=[0.1, -0.2]), ValueError, "lr: got array"),
    (lambda: sweep(rules.sgd, lambda x: x[0], [1.0, 2.0], 2, lr=[0.1, 0.2]), ValueError, r"grad\(theta\): got shape"),
]


@pytest.mark.parametrize("call, error, message", BAD)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
