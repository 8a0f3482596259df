"""run and sweep: what they return, that a cell of a sweep is its single run, and what they refuse."""

import functools
import warnings

import numpy as np
import pytest
import torch

from course import rules
from course.rules import MATRIX_RULES, RULES
from course.run import run, run_torch, sweep

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
    assert (
        run(rules.adam, lambda theta: theta, np.ones(3, np.float32), 5, lr=np.float64(0.1)).dtype
        == np.float32
    )


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


VALUES = {
    "lr": [0.003, 0.1, 1], "lr_decay": [0, 0.1, 2], "weight_decay": [0, 0.1, 1], "lambd": [0, 1e-4, 0.1],
    "momentum": [0, 0.5, 0.99], "dampening": [0, 0.3, 1], "beta1": [0, 0.5, 0.97], "beta2": [0.5, 0.9, 0.999],
    "alpha": [0.1, 0.75, 0.9], "rho": [0.1, 0.9, 0.99], "eps": [1e-10, 1e-4, 0.5],
    "momentum_decay": [0, 4e-3, 0.5],
    "etaminus": [0.3, 0.5, 0.9], "etaplus": [1.1, 1.5, 3], "step_size_min": [1e-6, 1e-2, 0.1],
    "step_size_max": [0.2, 1, 50], "t0": [0, 5, 1e6],
}  # fmt: skip
BY_COORDINATE = [name for name in RULES if name not in (*MATRIX_RULES, "adafactor_vector")]
GRIDS = [{hyper: VALUES[hyper]} for hyper in VALUES]
GRIDS += [
    {"lr": [0.01, 1], "eps": [0.0001, 0.1], "beta1": [0.0, 0.9, 0.97]},
    {"momentum": [0.0, 0.5, 0.99], "lr": [1, 2]},
    {"lr": lambda t: 0.3 / t, "beta2": [0.9, 0.999], "momentum": [0.0, 0.9]},
    {"eps": lambda t: 10.0**-t, "lr": [0.01, 1]},
]


def assert_cells_are_runs(rule, theta0, grid):
    axes = {k: v for k, v in grid.items() if isinstance(v, list)}
    paths = sweep(rule, bowl, theta0, 20, paths=True, **grid)
    assert paths.shape == (21, *map(len, axes.values()), 2) and paths.dtype == theta0.dtype
    assert np.array_equal(paths[-1], sweep(rule, bowl, theta0, 20, **grid), equal_nan=True)
    for index in np.ndindex(paths.shape[1:-1]):
        cell = {k: v[i] for (k, v), i in zip(axes.items(), index, strict=True)}
        single = run(rule, bowl, theta0, 20, allow_nonfinite=True, **{**grid, **cell})
        assert np.array_equal(paths[(slice(None), *index)], single, equal_nan=True), cell


def test_the_grids_cover_every_hyper_parameter():
    assert {hyper for name in BY_COORDINATE for hyper in RULES[name].hyper} == set(VALUES)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", BY_COORDINATE)
def test_each_cell_is_its_single_run_to_the_last_bit(name, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for grid in GRIDS:
            if all(hyper in RULES[name].hyper for hyper in grid):
                assert_cells_are_runs(RULES[name], np.array([-5.0, -2.0], dtype), grid)


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


START = np.array([-5.0, -2.0])
SINGLE = START.astype(np.float32)


def same(theta):
    return theta


def drawn(seed):
    """A gradient with noise of its own for every cell."""
    rng = np.random.default_rng(seed)
    return lambda theta: theta + rng.normal(size=theta.shape)


def test_the_type_is_theta0s_whatever_the_others_are():
    schedule = lambda t: np.array([0.1, 0.2]) / t  # noqa: E731
    for rule, hyper in (
        (rules.sgd, {}),
        (rules.sgd, {"lr": np.array([0.1])}),
        (rules.sgd, {"lr": schedule}),
        (rules.sgd, {"lr": torch.tensor([0.1, 0.2])}),
        (rules.momentum, {"b": np.array([1.0, 2.0])}),
        (rules.momentum, {"b": np.float64(1)}),
        (rules.momentum, {"b": torch.ones(2)}),
        (lambda theta, g, t, *, lr=0.1: (theta - np.float64(0.1) * g,), {}),
    ):
        for theta0 in (SINGLE, torch.tensor(SINGLE)):
            path = run(rule, lambda theta: theta * 0.5, theta0, 3, **hyper)
            assert path.dtype == theta0.dtype and path.shape == (4, 2)
    assert run(rules.adam, lambda theta: CURVATURE * theta, SINGLE, 3).dtype == np.float32
    assert sweep(rules.adam, lambda theta: CURVATURE * theta, SINGLE, 3, lr=[0.1, 0.2]).dtype == np.float32
    assert sweep(rules.sgd, bowl, SINGLE, 3, lr=schedule).dtype == np.float32
    swapped = run(rules.adam, bowl, START.astype(">f8"), 5, lr=0.1)
    assert swapped.dtype == np.float64 and np.array_equal(swapped, run(rules.adam, bowl, START, 5, lr=0.1))


def test_an_array_of_rates_is_one_rate_per_coordinate():
    path = run(rules.adam, bowl, START, 20, lr=np.array([0.1, 0.3]))
    for i, lr in enumerate((0.1, 0.3)):
        assert path[:, i] == pytest.approx(run(rules.adam, bowl, START, 20, lr=lr)[:, i], rel=1e-15)


def test_what_torch_and_numpy_hand_each_other():
    ours = run(rules.adam, bowl, START, 20, lr=0.1)
    curvature = torch.tensor(CURVATURE)
    assert np.array_equal(run(rules.adam, lambda x: curvature * torch.tensor(x), START, 20, lr=0.1), ours)
    assert np.array_equal(run(rules.adam, bowl, START, 20, lr=torch.tensor(0.1, dtype=torch.float64)), ours)
    handed = run(rules.adam, lambda x: CURVATURE * x.numpy(), torch.tensor(START), 20, lr=0.1)
    assert handed.numpy() == pytest.approx(ours, rel=1e-14)
    rates = torch.tensor([0.1, 0.2], dtype=torch.float64)
    assert np.array_equal(
        sweep(rules.sgd, bowl, START, 9, lr=rates), sweep(rules.sgd, bowl, START, 9, lr=[0.1, 0.2])
    )


def value(theta):
    return 0.5 * (torch.tensor(CURVATURE) * theta * theta).sum()


def test_gradients_by_autograd_leave_no_trace():
    def backward(theta):
        value(theta.requires_grad_()).backward()
        return theta.grad

    attached = lambda theta: torch.tensor(CURVATURE) * theta.requires_grad_()  # noqa: E731
    expected = run(rules.sgd, bowl, START, 9, lr=0.1)
    for grad in (backward, attached):
        path = run(rules.sgd, grad, torch.tensor(START), 9, lr=0.1)
        assert not path.requires_grad and path.numpy() == pytest.approx(expected, rel=1e-14)
        theirs = run_torch(torch.optim.SGD, grad, START, 9, device="cpu", lr=0.1)
        assert theirs == pytest.approx(expected, rel=1e-14)


def test_run_torch_takes_any_start_and_gradient():
    expected = run(rules.sgd, bowl, START, 9, lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for theta0 in (START, list(START), torch.tensor(START), torch.nn.Parameter(torch.tensor(START))):
            for dtype in (np.float32, np.float64):
                path = run_torch(
                    torch.optim.SGD,
                    lambda x, d=dtype: (CURVATURE * x.numpy()).astype(d),
                    theta0,
                    9,
                    device="cpu",
                    lr=0.1,
                )
                assert path.dtype == np.float64 and path == pytest.approx(expected, rel=1e-6)
    assert run_torch(torch.optim.SGD, same, 1.0, 3, lr=0.1) == pytest.approx(0.9 ** np.arange(4))


def test_a_rule_wrapped_around_a_rule_is_called_at_every_step():
    @functools.wraps(rules.sgd)
    def clipped(theta, g, t, **hyper):
        return rules.sgd(theta, np.clip(g, -1, 1), t, **hyper)

    assert np.diff(run(clipped, lambda x: 9 * x, 5.0, 3, lr=0.5)).tolist() == [-0.5] * 3
    half = functools.partial(rules.sgd, lr=0.5)
    assert run(half, same, 1.0, 3).tolist() == [1.0, 0.5, 0.25, 0.125]


def test_a_sweep_leaves_random_gradients_and_streams_in_peace():
    table = sweep(rules.sgd, drawn(0), START, 5, lr=[0.1, 0.2])
    assert table.shape == (2, 2) and len(set(table.ravel())) == 4
    noise = np.random.default_rng(0)

    def langevin(theta, g, t, *, lr=0.1):
        return (theta - lr * g + lr * noise.normal(size=theta.shape),)

    assert sweep(langevin, bowl, START, 5, lr=[0.1, 0.2]).shape == (2, 2)
    stream = iter(np.linspace(1, 2, 7))
    shared = sweep(rules.sgd, lambda x: np.full_like(x, next(stream)), 0.0, 7, lr=[0.1, 0.2])
    assert shared == pytest.approx([-1.05, -2.1])


@pytest.mark.parametrize("theta0", [START, torch.tensor(START)], ids=["numpy", "torch"])
def test_a_sweep_of_no_steps_is_a_copy(theta0):
    cells = sweep(rules.sgd, bowl, theta0, 0, lr=[0.1, 0.2, 0.3])
    cells[0, 0] = 7.0
    assert cells[:, 0].tolist() == [7.0, -5.0, -5.0]
