"""Every rule against torch.optim, step by step; against SymPy; and what each refuses."""

import inspect
import itertools

import numpy as np
import pytest
import sympy
import torch

from course import rules
from course.authoring import by_hand, parity
from course.authoring.parity import CASES, MATRIX_CASES, THETA0, difference
from course.rules import MATRIX_RULES, RULES

BRANCHES = ("adafactor_vector", *MATRIX_RULES)  # not entry by entry
ELEMENTWISE = {name: rule for name, rule in RULES.items() if name not in BRANCHES}
SYMBOLIC = {name: rule for name, rule in ELEMENTWISE.items() if name not in ("rprop",)}


def names(case):
    return "-".join([case[0].__name__, *(f"{k}={v}" for k, v in case[1].items())])


def torch_path(optimizer, settings, stream, later=None):
    return parity.torch_path(optimizer, settings, THETA0, stream, later=later)


def rule_path(rule, settings, stream):
    return parity.rule_path(rule, settings, THETA0, stream)


@pytest.mark.parametrize("case", CASES, ids=names)
def test_numpy_rule_takes_torchs_steps(case, gradients, double_scalars):
    rule, settings, optimizer, torch_settings = case
    theirs = torch_path(optimizer, torch_settings, gradients)
    assert difference(rule_path(rule, settings, gradients), theirs) <= 1e-14


@pytest.mark.parametrize("case", [*CASES, *MATRIX_CASES], ids=names)
def test_torch_rule_takes_torchs_steps_on_every_device(case, device, double_scalars):
    assert parity.compare(case, device) <= parity.bound(case, device)


@pytest.mark.parametrize("case", by_hand.CASES, ids=names)
def test_rules_that_torch_lacks_follow_formulas_written_another_way(case, gradients):
    rule, settings, formula = case
    assert difference(rule_path(rule, settings, gradients), formula(THETA0, gradients, **settings)) <= 1e-13


@pytest.mark.parametrize("case", MATRIX_CASES, ids=names)
def test_matrix_rules_take_the_steps_of_torch_without_bfloat16(case, monkeypatch):
    rule, settings, optimizer, torch_settings, _ = case
    shapes = [(3, 5), (5, 3), (4, 4), *[(2, 4, 3)] * (rule is rules.adafactor)]
    # the one thing of torch's Muon that is not exact; it works in place on what it gets
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda x: x.clone())
    for theta0, stream in [make(50, shape) for shape in shapes for make in (parity.matrices, parity.uneven)]:
        theirs = parity.torch_path(optimizer, torch_settings, theta0, stream)
        assert difference(parity.rule_path(rule, settings, theta0, stream), theirs) <= 1e-13


@pytest.mark.parametrize(
    "rule, settings, optimizer, torch_settings, name, index",
    [
        (*case, name, index)
        for case in CASES
        for rule, name, index in (
            (rules.asgd, "ax", 1),
            (rules.rmsprop_centered, "grad_avg", 2),
            (rules.rmsprop_centered_momentum, "grad_avg", 2),
        )
        if case[0] is rule
    ],
)
def test_state_that_theta_does_not_show_is_torchs(
    rule, settings, optimizer, torch_settings, name, index, gradients, double_scalars
):
    theta = torch.tensor(THETA0)
    optimizer, out = optimizer([theta], **torch_settings), (np.array(THETA0),)
    for t, g in enumerate(gradients, 1):
        theta.grad = torch.tensor(g)
        optimizer.step()
        out = rule(out[0], g, t, *out[1:], **settings)
        theirs = optimizer.state[theta][name].numpy()
        assert np.abs(out[index] - theirs).max() <= 1e-14 * max(1, np.abs(theirs).max())


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
@pytest.mark.parametrize("case", MATRIX_CASES, ids=names)
def test_matrix_rules_take_torchs_steps_in_every_shape(case, shape):
    rule, settings, optimizer, torch_settings, allowed = case
    theta0, stream = parity.matrices(50, shape)
    theirs = parity.torch_path(optimizer, torch_settings, theta0, stream)
    assert difference(parity.rule_path(rule, settings, theta0, stream), theirs) <= allowed


def test_every_rule_of_a_torch_class_is_compared():
    compared = {case[0].__name__ for case in (*CASES, *MATRIX_CASES)}
    no_class = {"momentum_ema", "lion", *(name for name in RULES if "eps_" in name)}
    assert compared | no_class == set(RULES)


def test_the_table_prints_and_fails_where_a_rule_is_wrong(monkeypatch, capsys):
    monkeypatch.setattr(parity, "MATRIX_CASES", [])
    monkeypatch.setattr(parity, "CASES", [case for case in CASES if case[0] is rules.adam])
    assert parity.main([]) == 0 and "adam " in capsys.readouterr().out
    monkeypatch.setattr(parity, "CASES", [(rules.adam_eps_inside, {}, torch.optim.Adam, {})])
    assert parity.main([]) == 1 and "1 of the differences above" in capsys.readouterr().out


def test_orthogonalize_gives_singular_values_near_one():
    for shape in ((3, 8), (8, 3), (6, 6)):
        X = rules.matrix.orthogonalize(np.random.default_rng(0).normal(size=shape))
        values = np.linalg.svd(X, compute_uv=False)
        assert X.shape == shape and values.min() > 0.6 and values.max() < 1.25
    small = np.logspace(-6, -0.01, 9999)  # singular values s / |G|, one at a time
    ends = np.array([rules.matrix.orthogonalize(np.diag([s, (1 - s**2) ** 0.5]))[0, 0] for s in small])
    assert ends[small > 0.0016].min() > 0.68 and ends.max() < 1.203
    assert np.all((ends / small)[small < 0.0015] < 485) and np.all((ends / small)[small < 0.0015] > 450)
    exact = rules.matrix.orthogonalize(np.diag([3.0, 4.0]), (1.5, -0.5, 0.0), 30)
    assert np.abs(exact - np.eye(2)).max() < 1e-12  # the cubic iteration converges to 1


@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (6, 6)])
@pytest.mark.parametrize("size", [1.0, 1e-9])
def test_orthogonalize_is_torchs_with_torchs_defaults(shape, size, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda x: x.clone())
    G = size * np.random.default_rng(0).normal(size=shape)
    muon = {k: p.default for k, p in inspect.signature(torch.optim.Muon).parameters.items()}
    chosen = [muon[name] for name in ("ns_coefficients", "ns_steps", "eps")]
    theirs = torch.optim._muon._zeropower_via_newtonschulz(torch.tensor(G), *chosen).numpy()
    assert np.abs(rules.matrix.orthogonalize(G) - theirs).max() <= 1e-13


def test_lion_by_hand():
    theta, m = rules.lion(2.0, -0.5, 1, 0.04, lr=0.1, beta1=0.9, beta2=0.5, weight_decay=0.2)
    # c = 0.9 * 0.04 - 0.1 * 0.5 = -0.014, so the step is up; m = 0.5 * 0.04 - 0.5 * 0.5
    assert (theta, m) == pytest.approx((2.0 * 0.98 + 0.1, -0.23))


def test_initial_accumulator_is_adagrads_state():
    g = np.array([[1.0, -2.0, 3.0, 1e-4]])
    theirs = torch_path(torch.optim.Adagrad, {"initial_accumulator_value": 0.5}, g)
    ours = rules.adagrad(np.array(THETA0), g[0], 1, 0.5)[0]
    assert np.abs(ours - theirs[0]).max() < 1e-15


@pytest.mark.parametrize(
    "case", [case for case in (*CASES, *by_hand.CASES) if case[0].__name__ in ELEMENTWISE], ids=names
)
def test_floats_take_the_same_steps_as_arrays(case, gradients):
    rule, settings = case[:2]
    path = rule_path(rule, settings, gradients)
    for i, theta in enumerate(THETA0):
        state = []
        for t, g in enumerate(gradients, 1):
            theta, *state = rule(float(theta), float(g[i]), t, *state, **settings)
            assert theta == pytest.approx(path[t - 1, i], rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("rule", SYMBOLIC.values(), ids=SYMBOLIC)
def test_symbols_give_the_formula_that_numbers_follow(rule):
    theta, g = sympy.symbols("theta g", real=True)
    state = sympy.symbols([f"s_{name}" for name in rule.state], positive=True)
    values = {theta: 1.5, g: -0.25} | dict.fromkeys(state, 0.75)
    out = rule(theta, g, 3, *state)
    expected = rule(1.5, -0.25, 3, *[0.75] * len(state))
    assert [float(sympy.sympify(x).subs(values)) for x in out] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_nothing_is_changed_and_float32_is_kept(rule):
    shape = (2, 3) if rule.__name__ in MATRIX_RULES else 6
    theta = np.arange(6, dtype=np.float32).reshape(shape)
    g, state = (theta - 2.5) / 4, []
    for t in (1, 2, 3):
        before = [np.copy(x) for x in (theta, g, *state)]
        new = rule(theta, g, t, *state)
        assert all(np.array_equal(a, b) for a, b in zip(before, (theta, g, *state), strict=True))
        assert {getattr(x, "dtype", np.dtype(np.float32)) for x in new} == {np.dtype(np.float32)}
        assert all(np.isfinite(x).all() for x in new)
        theta, *state = new


@pytest.mark.parametrize("array", [np.array, torch.tensor], ids=["numpy", "torch"])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_value_is_new(rule, array):
    """What is returned shares no memory with what was given, nor with another value."""
    theta, state = array(np.ones((2, 3))), []
    for t in (1, 2, 3):
        g = array(np.full((2, 3), 0.5))
        new = rule(theta, g, t, *state)
        arrays = [np.asarray(x) for x in (theta, g, *state, *new) if hasattr(x, "dtype")]
        assert not any(np.shares_memory(a, b) for a, b in itertools.combinations(arrays, 2))
        theta, *state = new


@pytest.mark.parametrize(
    "array", [np.array, torch.tensor, lambda x: x.astype(np.float32)], ids=["numpy", "torch", "float32"]
)
@pytest.mark.parametrize("case", [case for case in CASES if case[0] is rules.rprop], ids=names)
def test_rprop_goes_on_after_a_gradient_that_is_no_number(case, array):
    rule, settings, optimizer, torch_settings = case
    theta0, g = np.array([np.inf, -np.inf, 1.0, 1.0]), parity.broken()
    theirs = parity.torch_path(optimizer, torch_settings, theta0, g)
    assert np.isfinite(theirs[:, 2:]).all()
    with np.errstate(invalid="ignore"):
        ours = parity.rule_path(rule, settings, theta0, g, array)
    assert np.allclose(ours, theirs, rtol=1e-14 if ours.dtype == np.float64 else 1e-6)
    floats = [parity.rule_path(rule, settings, *one, float) for one in zip(theta0, g.T, strict=True)]
    assert np.allclose(np.transpose(floats), theirs, rtol=1e-14)


@pytest.mark.parametrize("rule", [rules.rmsprop_centered, rules.rmsprop_centered_momentum])
def test_a_constant_gradient_makes_v_less_than_its_mean_square_as_rarely_as_in_torch(rule):
    g = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    settings = {"centered": True, "momentum": 0.9} if "b" in rule.state else {"centered": True}
    theirs = parity.torch_path(torch.optim.RMSprop, settings, 0 * g, [g] * 2000, dtype=torch.float32)
    with np.errstate(invalid="ignore"):
        ours = parity.rule_path(rule, {}, 0 * g, [g] * 2000)
    assert 0 < np.isnan(ours[-1]).sum() <= np.isnan(theirs[-1]).sum() + 5


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_signature_and_docstring(rule):
    parameters = inspect.signature(rule).parameters
    assert list(parameters)[:3] == ["theta", "g", "t"]
    assert all(p.default in (None, 0.0, 1.0) for p in parameters.values() if p.name in rule.state)
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values() if p.name in rule.hyper)
    doc = inspect.getdoc(rule)
    assert "\\theta_t = " in doc and "Source: " in doc
    for name in [*rule.state, *rule.hyper]:
        assert name in doc or "rguments as in" in doc or "Else as in" in doc


def test_defaults_are_torchs():
    for rule, _, optimizer, *_ in (*CASES, *MATRIX_CASES):
        defaults = {k: p.default for k, p in inspect.signature(optimizer).parameters.items()}
        for pair, parts in (
            ("betas", ("beta1", "beta2")),
            ("etas", ("etaminus", "etaplus")),
            ("step_sizes", ("step_size_min", "step_size_max")),
        ):
            defaults |= dict(zip(parts, defaults.get(pair, ()), strict=False))
        if optimizer is torch.optim.Adafactor:
            defaults |= dict(zip(("eps1", "eps2"), defaults["eps"], strict=True))
        for name, value in rule.hyper.items():
            if name != "momentum" or optimizer is torch.optim.Muon:  # torch's 0 would turn every momentum rule into sgd
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
    assert difference(ours, theirs) <= 1e-14


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
