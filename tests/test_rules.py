"""Every rule against torch.optim, step by step; against SymPy; and what each refuses."""

import inspect

import numpy as np
import pytest
import sympy
import torch

from course import rules
from course.rules import RULES

THETA0 = [0.3, -1.2, 2.0, 0.01]

# rule, its settings, and the torch class and settings that do the same
PARITY = [
    (rules.sgd, {}, torch.optim.SGD, {}),
    (rules.sgd, {"lr": 0.3}, torch.optim.SGD, {"lr": 0.3}),
    (rules.momentum, {"lr": 0.1}, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (rules.momentum, {"momentum": 0.5}, torch.optim.SGD, {"momentum": 0.5}),
    (rules.heavy_ball, {"lr": 0.1, "momentum": 0.7}, torch.optim.SGD, {"lr": 0.1, "momentum": 0.7}),
    (rules.nesterov, {"lr": 0.1}, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (rules.adagrad, {}, torch.optim.Adagrad, {}),
    (rules.adagrad, {"lr": 0.5, "lr_decay": 0.1, "eps": 1e-5}, torch.optim.Adagrad, {"lr": 0.5, "lr_decay": 0.1, "eps": 1e-5}),
    (rules.rmsprop, {}, torch.optim.RMSprop, {}),
    (rules.rmsprop, {"lr": 0.1, "alpha": 0.9, "eps": 1e-4}, torch.optim.RMSprop, {"lr": 0.1, "alpha": 0.9, "eps": 1e-4}),
    (rules.adam, {}, torch.optim.Adam, {}),
    (
        rules.adam,
        {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4},
        torch.optim.Adam,
        {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-4},
    ),
]  # fmt: skip


def torch_path(optimizer_class, settings, gradients, later=None, device="cpu", dtype=torch.float64):
    """The points that torch visits on a stream of gradients. later: {step: settings from then on}."""
    later = later or {}
    theta = torch.tensor(THETA0, dtype=dtype, device=device)
    optimizer = optimizer_class([theta], **settings)
    path = []
    for t, g in enumerate(gradients, 1):
        optimizer.param_groups[0].update(later.get(t, {}))
        theta.grad = torch.as_tensor(g, dtype=dtype, device=device)
        optimizer.step()
        path.append(theta.cpu().double().numpy().copy())
    return np.array(path)


def rule_path(rule, settings, gradients, array=np.array):
    theta, state, path = array(THETA0), [], []
    for t, g in enumerate(gradients, 1):
        theta, *state = rule(theta, array(g), t, *state, **settings)
        path.append(theta.double().cpu().numpy() if isinstance(theta, torch.Tensor) else theta)
    return np.array(path)


def names(case):
    rule, settings, _, _ = case
    return rule.__name__ + "".join(f"-{k}={v}" for k, v in settings.items())


def close(a, b, tolerance):
    """Within the tolerance at every step, measured against the largest parameter so far."""
    scale = np.maximum(1, np.maximum.accumulate(np.abs(b).max(axis=1, keepdims=True)))
    return float((np.abs(a - b) / scale).max()) <= tolerance


@pytest.mark.parametrize("case", PARITY, ids=names)
def test_numpy_rule_takes_torchs_steps(case, gradients):
    rule, settings, optimizer, torch_settings = case
    theirs = torch_path(optimizer, torch_settings, gradients)
    assert close(rule_path(rule, settings, gradients), theirs, 1e-14)


@pytest.mark.parametrize("case", PARITY, ids=names)
def test_torch_rule_takes_torchs_steps_on_every_device(case, gradients, device):
    rule, settings, optimizer, torch_settings = case
    dtype, tolerance = (torch.float32, 1e-4) if device == "mps" else (torch.float64, 1e-14)
    theirs = torch_path(optimizer, torch_settings, gradients, device=device, dtype=dtype)
    ours = rule_path(rule, settings, gradients, lambda x: torch.as_tensor(x, dtype=dtype, device=device))
    assert close(ours, theirs, tolerance)


def test_initial_accumulator_is_adagrads_state():
    g = np.array([[1.0, -2.0, 3.0, 1e-4]])
    theirs = torch_path(torch.optim.Adagrad, {"initial_accumulator_value": 0.5}, g)
    ours = rules.adagrad(np.array(THETA0), g[0], 1, 0.5)[0]
    assert np.abs(ours - theirs[0]).max() < 1e-15


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_floats_take_the_same_steps_as_arrays(rule, gradients):
    path = rule_path(rule, {}, gradients)
    for i, theta in enumerate(THETA0):
        state = []
        for t, g in enumerate(gradients, 1):
            theta, *state = rule(theta, float(g[i]), t, *state)
            assert theta == pytest.approx(path[t - 1, i], rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_symbols_give_the_formula_that_numbers_follow(rule):
    theta, g = sympy.symbols("theta g", real=True)
    state = sympy.symbols([f"s_{name}" for name in rule.state], positive=True)
    values = {theta: 1.5, g: -0.25} | dict.fromkeys(state, 0.75)
    out = rule(theta, g, 3, *state)
    expected = rule(1.5, -0.25, 3, *[0.75] * len(state))
    assert [float(sympy.sympify(x).subs(values)) for x in out] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_nothing_is_changed_and_float32_is_kept(rule):
    theta, g = np.array([1.0, 2.0], np.float32), np.array([0.5, -0.5], np.float32)
    state = []
    for t in (1, 2, 3):
        before = [x.copy() for x in (theta, g, *state)]
        new = rule(theta, g, t, *state)
        assert all(np.array_equal(a, b) for a, b in zip(before, (theta, g, *state), strict=True))
        assert [x.dtype for x in new] == [np.float32] * len(new)
        theta, *state = new


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_signature_and_docstring(rule):
    parameters = inspect.signature(rule).parameters
    assert list(parameters)[:3] == ["theta", "g", "t"]
    assert all(p.default == 0.0 for p in parameters.values() if p.name in rule.state)
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values() if p.name in rule.hyper)
    doc = inspect.getdoc(rule)
    assert "\\theta_t = " in doc and "Source: " in doc
    for name in [*rule.state, *rule.hyper]:
        assert name in doc or "Arguments as in" in doc


def test_defaults_are_torchs():
    for rule, _, optimizer, _ in PARITY:
        defaults = {k: p.default for k, p in inspect.signature(optimizer).parameters.items()}
        defaults |= dict(zip(("beta1", "beta2"), defaults.get("betas", ()), strict=False))
        for name, value in rule.hyper.items():
            if name != "momentum":  # torch's 0 would turn every momentum rule into sgd
                assert value == defaults[name], (rule.__name__, name)


def test_heavy_ball_leaves_momentum_when_the_rate_changes():
    g = np.ones((10, 4))
    ball, velocity = [], []
    for rule, out in ((rules.heavy_ball, ball), (rules.momentum, velocity)):
        theta, state = np.array(THETA0), []
        for t in range(1, 11):
            theta, *state = rule(theta, g[t - 1], t, *state, lr=0.1 if t < 6 else 0.01)
            out.append(theta)
    assert np.abs(ball[4] - velocity[4]).max() < 1e-15
    theirs = torch_path(torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}, g, {6: {"lr": 0.01}})
    assert np.abs(velocity - theirs).max() < 1e-15
    # at step 6 heavy ball still carries 0.9 of its last displacement, made at the old rate
    assert (velocity[5] - ball[5])[0] == pytest.approx(0.1 * 0.9 * 4.0951 - 0.01 * 0.9 * 4.0951)


def test_eps_inside_shows_on_gradients_of_1e_5():
    small, plain = 1e-5, 1.0
    for outside, inside, apart in (
        (rules.adam, rules.adam_eps_inside, 0.89),
        (rules.rmsprop, rules.rmsprop_eps_inside, 9.7),
        (rules.adagrad, rules.adagrad_eps_inside, 0.29),
    ):
        assert abs(outside(0.0, small, 1, lr=1.0)[0] - inside(0.0, small, 1, lr=1.0)[0]) > apart
        assert abs(outside(0.0, plain, 1, lr=1.0)[0] - inside(0.0, plain, 1, lr=1.0)[0]) < 1e-5


def test_momentum_ema_is_momentum_at_another_rate(gradients):
    ours = rule_path(rules.momentum_ema, {"lr": 0.5, "momentum": 0.9}, gradients)
    theirs = rule_path(rules.momentum, {"lr": 0.05, "momentum": 0.9}, gradients)
    assert close(ours, theirs, 1e-14)


def test_momentum_ema_is_torchs_dampening_but_for_its_first_step():
    g = np.ones((3, 4))
    theirs = torch_path(torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.9}, g)
    theta = np.array(THETA0)
    assert np.abs(theirs[0] - rules.momentum_ema(theta, g[0], 1, lr=0.1)[0]).max() == pytest.approx(0.09)
    b, steps = 1.0, []  # started as torch starts it, it is the same
    for t in (2, 3):
        _, b = rules.momentum_ema(0.0, 1.0, t, b, lr=0.1)
        steps.append(0.1 * b)
    assert -np.diff(theirs[:, 0]) == pytest.approx(steps)


def test_adam_eps_hat_is_adam_with_a_corrected_eps():
    for t in (1, 10, 1000):
        hat = rules.adam_eps_hat(0.0, 1e-7, t, 0.01, 1e-12, eps=1e-8)[0]
        assert hat == pytest.approx(rules.adam(0.0, 1e-7, t, 0.01, 1e-12, eps=1e-8 / np.sqrt(1 - 0.999**t))[0])


ARRAY = np.ones(2)
BAD = [
    (lambda: rules.adam(ARRAY, ARRAY, 0), ValueError, "t: got 0, expected a step number"),
    (lambda: rules.adam(ARRAY, ARRAY, 1.5), ValueError, "t: got 1.5"),
    (lambda: rules.adam(ARRAY, ARRAY, "1"), TypeError, "t: got '1'"),
    (lambda: rules.adam(1, 1.0, 1), TypeError, r"theta: got 1, .*write 1.0"),
    (lambda: rules.adam(np.array([1, 2]), ARRAY, 1), TypeError, "theta: .*int64, expected floating-point"),
    (lambda: rules.adam(torch.tensor([1, 2]), torch.ones(2), 1), TypeError, "theta: .*int64, expected floating"),
    (lambda: rules.adam([1.0, 2.0], ARRAY, 1), TypeError, "theta: got .*expected a float or"),
    (lambda: rules.adam(ARRAY, np.ones(3), 1), ValueError, r"g: got shape \(3,\), expected theta's shape \(2,\)"),
    (lambda: rules.adam(ARRAY, 1.0, 1), ValueError, r"g: got shape \(\)"),
    (lambda: rules.adam(ARRAY, ARRAY, 1, lrr=1), TypeError, "'lrr'.*did you mean 'lr'"),
    (lambda: rules.adam(ARRAY, ARRAY, 1, alpha=0.5), TypeError, "adam's hyper-parameter: got 'alpha'"),
    (lambda: rules.adam(ARRAY, ARRAY, 1, lr=-0.1), ValueError, "lr: got -0.1, expected a number >= 0"),
    (lambda: rules.adam(ARRAY, ARRAY, 1, lr=float("nan")), ValueError, "lr: got nan"),
    (lambda: rules.adam(ARRAY, ARRAY, 1, lr="0.1"), TypeError, "lr: got '0.1'"),
    (lambda: rules.adam(ARRAY, ARRAY, 1, lr=lambda t: 1.0), TypeError, "a schedule .* goes to run"),
    (lambda: rules.adam(ARRAY, ARRAY, 1, lr=torch.tensor(-1.0)), ValueError, "lr: got tensor"),
    (lambda: rules.adam(ARRAY, ARRAY, 1, beta1=1.0), ValueError, r"beta1: got 1.0, expected a number in \[0, 1\)"),
    (lambda: rules.adam(ARRAY, ARRAY, 1, beta2=np.array([0.9, 1.1])), ValueError, "beta2: got array"),
    (lambda: rules.momentum(ARRAY, ARRAY, 1, momentum=-0.1), ValueError, "momentum: got -0.1"),
    (lambda: rules.rmsprop(ARRAY, ARRAY, 1, alpha=1), ValueError, "alpha: got 1"),
    (lambda: rules.adam(ARRAY, ARRAY, 1, eps=-1e-8), ValueError, "eps: got -1e-08"),
    (lambda: rules.sgd(ARRAY, ARRAY, 1, ARRAY), TypeError, "sgd: got 1 state values, expected none"),
]


@pytest.mark.parametrize("call, error, message", BAD)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
