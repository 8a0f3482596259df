"""The objectives: gradients against autograd, minima that are minima, bounds that bound."""

import math

import numpy as np
import pytest
import torch

from course import problems
from course.problems import (
    beale,
    himmelblau,
    logistic_regression,
    noisy_quadratic,
    quadratic,
    rastrigin,
    ravine,
    rosenbrock,
    saddle,
)

DEVICES = ["cpu"]
DEVICES += ["cuda"] if torch.cuda.is_available() else []
DEVICES += ["mps"] if torch.backends.mps.is_available() else []

CASES = {
    "quadratic": quadratic,
    "quadratic of 7": lambda: quadratic(1e3, 7),
    "quadratic of 1": lambda: quadratic(1, 1),
    "ravine": ravine,
    "ravine turned": lambda: ravine(0.5),
    "rosenbrock": rosenbrock,
    "rosenbrock of 5": lambda: rosenbrock(5),
    "beale": beale,
    "himmelblau": himmelblau,
    "saddle": saddle,
    "rastrigin": rastrigin,
    "rastrigin of 9": lambda: rastrigin(9),
    "noisy quadratic": noisy_quadratic,
    "logistic regression": logistic_regression,
}


@pytest.fixture(params=CASES, scope="module")
def problem(request):
    return CASES[request.param]()


def points(problem, *batch, seed=0, scale=2.0):
    return scale * np.random.default_rng(seed).standard_normal((*batch, problem.dim))


def close(seen, expected, tolerance):
    """Equal within the tolerance times the largest expected number (or 1)."""
    seen, expected = np.asarray(seen, dtype=float), np.asarray(expected, dtype=float)
    assert seen.shape == expected.shape
    assert np.abs(seen - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


# Values worked out by hand from the formulas, so that value and grad cannot be wrong together.
@pytest.mark.parametrize("made, theta, value", [
    (quadratic(100, 3), [1, 1, 1], 0.5 * (1 + 10 + 100)),
    (ravine(), [-5, -2], 0.1 * 25 + 2 * 4),
    (ravine(math.pi / 2), [1, 2], 2 * 1 + 0.1 * 4),
    (ravine(math.pi / 4), [1, 1], 0.1 * 2),
    (rosenbrock(), [-1.2, 1.0], 24.2),
    (rosenbrock(3), [0, 1, 2], 100 + 1 + 100),
    (beale(), [1, 1], 1.5**2 + 2.25**2 + 2.625**2),
    (beale(), [1, 2], 2.5**2 + 5.25**2 + 9.625**2),
    (himmelblau(), [0, 0], 170),
    (himmelblau(), [1, 2], 8**2 + 2**2),
    (saddle(), [2, 3], -2.5),
    (rastrigin(), [0.5, 1], 0.25 + 20 + 1),
    (noisy_quadratic(), [1, 2], 0.5 * (1 + 40)),
    (logistic_regression(), [0] * 65, math.log(2)),
])
def test_values_by_hand(made, theta, value):
    assert made.value(np.array(theta, dtype=float)) == pytest.approx(value, rel=1e-13)


def test_logistic_regression_by_hand():
    from sklearn.datasets import load_digits

    digits = load_digits()
    chosen = np.isin(digits.target, [3, 8])
    pixels, is_eight = digits.data[chosen] / 16, digits.target[chosen] == 8
    assert len(pixels) == 357
    theta = points(logistic_regression())
    chance_of_eight = 1 / (1 + np.exp(-(pixels @ theta[:64] + theta[64])))
    loss = -np.log(np.where(is_eight, chance_of_eight, 1 - chance_of_eight)).mean()
    assert logistic_regression(0.25).value(theta) == pytest.approx(loss + 0.125 * theta @ theta, rel=1e-10)


def test_logistic_regression_does_not_overflow():
    theta = np.full(65, 1e4)
    assert np.isfinite(logistic_regression().value(theta))
    assert np.isfinite(logistic_regression().grad(-theta)).all()


@pytest.mark.parametrize("device", DEVICES)
def test_gradient_is_autograds(problem, device):
    kind = torch.float32 if device == "mps" else torch.float64
    theta = torch.tensor(points(problem, 4, 3), dtype=kind, device=device, requires_grad=True)
    value = problem.value(theta)
    (expected,) = torch.autograd.grad(value.sum(), theta)
    grad = problem.grad(theta)
    assert grad.device == value.device == theta.device
    assert value.shape == (4, 3) and grad.dtype == kind
    close(grad.detach().cpu(), expected.cpu(), 1e-5 if device == "mps" else 1e-13)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind, tolerance", [("float64", 1e-13), ("float32", 1e-5)])
def test_numpy_and_torch_agree_and_keep_the_type(problem, device, kind, tolerance):
    if (device, kind) == ("mps", "float64"):
        pytest.skip("Apple's GPUs know no float64")
    theta = points(problem, 2, 3).astype(kind)
    there = torch.tensor(theta, device=device)
    for function in (problem.value, problem.grad):
        seen, expected = function(there), function(theta)
        assert expected.dtype == kind and seen.dtype == there.dtype
        close(seen.cpu(), expected, tolerance)
    assert problem.value(theta[0, 0]).dtype == kind


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray, lambda a: a[::-1, ::2]])
def test_batch_cell_is_bitwise_the_single_evaluation(problem, kind, layout):
    theta = layout(points(problem, 6, 8).astype(kind))
    value, grad = problem.value(theta), problem.grad(theta)
    assert value.shape == theta.shape[:-1] and grad.shape == theta.shape
    for cell in np.ndindex(value.shape):
        alone = theta[cell].copy()
        assert value[cell] == problem.value(alone)
        assert np.array_equal(grad[cell], problem.grad(alone))


def test_the_input_is_left_alone(problem):
    theta = points(problem, 3)
    before = theta.copy()
    problem.value(theta), problem.grad(theta)
    assert np.array_equal(theta, before)


def test_minima_are_minima(problem):
    if problem.minimum is None:
        assert problem.minima.shape == (0, problem.dim) and problem.minimum_value is None
        return
    assert np.array_equal(problem.minimum, problem.minima[0])
    for minimum in problem.minima:
        # relative to the size of the gradient a step of 1 away
        size = np.linalg.norm(problem.grad(minimum + 1 / math.sqrt(problem.dim)))
        assert np.linalg.norm(problem.grad(minimum)) <= 1e-12 * max(size, 1)
        assert problem.value(minimum) == pytest.approx(problem.minimum_value, rel=1e-15, abs=1e-28)
        for radius in (1e-4, 1e-2, 1, 100):
            nearby = minimum + points(problem, 300, scale=radius)
            assert (problem.value(nearby) > problem.minimum_value).all()


def test_where_the_minima_are():
    assert himmelblau().minima.shape == (4, 2)
    assert len(np.unique(himmelblau().minima.round(3), axis=0)) == 4
    assert np.array_equal(rosenbrock(4).minimum, np.ones(4))
    assert np.array_equal(beale().minimum, [3, 0.5])
    for made in (quadratic(5, 4), ravine(1.0), rastrigin(3)):
        assert np.array_equal(made.minimum, np.zeros(made.dim))


def test_minimum_of_logistic_regression_follows_l2():
    for l2 in (1e-3, 0.1, 10.0):
        made = logistic_regression(l2)
        assert np.linalg.norm(made.grad(made.minimum)) < 1e-12
    assert np.linalg.norm(logistic_regression(10.0).minimum) < 0.1
    weights = logistic_regression().minimum.copy()
    logistic_regression().minimum[:] = 0  # a caller's slip must not reach the next caller
    assert np.array_equal(logistic_regression().minimum, weights)


def eigenvalues(problem):
    """Of the Hessians that autograd finds at 10 random points near and far, and at the origin."""
    some = np.concatenate([points(problem, 5), points(problem, 5, scale=0.1), np.zeros((1, problem.dim))])
    hessian = torch.func.hessian(problem.value)
    return np.array([torch.linalg.eigvalsh(hessian(torch.tensor(theta))).numpy() for theta in some])


def test_curvature_bounds_hold(problem):
    found = eigenvalues(problem)
    if problem.L is not None:
        assert np.abs(found).max() <= problem.L * (1 + 1e-12)
    if problem.mu is not None:
        assert 0 < problem.mu * (1 - 1e-12) <= found.min()
    if problem.hessian is not None:
        close(problem.hessian, torch.func.hessian(problem.value)(torch.tensor(points(problem))), 1e-14)


@pytest.mark.parametrize("made, mu, L", [
    (quadratic(), 1, 10), (quadratic(1e3, 7), 1, 1e3), (quadratic(1, 1), 1, 1), (ravine(), 0.2, 4),
    (ravine(2.0), 0.2, 4), (noisy_quadratic(50.0), 1, 50),
])
def test_curvature_bounds_are_attained(made, mu, L):
    assert (made.mu, made.L) == (mu, L)
    found = np.linalg.eigvalsh(made.hessian)
    assert found[0] == pytest.approx(mu, rel=1e-12) and found[-1] == pytest.approx(L, rel=1e-12)


def test_curvature_bounds_of_the_others():
    assert eigenvalues(rastrigin()).max() == pytest.approx(rastrigin().L, rel=1e-12)  # attained at 0
    assert eigenvalues(logistic_regression()).max() == pytest.approx(logistic_regression().L, rel=1e-9)
    assert logistic_regression(0.3).mu == 0.3  # attained: some pixels are blank in every image
    assert (saddle().L, saddle().mu) == (1, None)
    for made in (rosenbrock(), beale(), himmelblau()):
        assert made.L is None and made.mu is None and made.hessian is None


def test_start_and_box(problem):
    assert problem.start.shape == (problem.dim,) and problem.start.dtype == np.float64
    assert np.linalg.norm(problem.grad(problem.start)) > 0
    assert (problem.box is None) == (problem.dim != 2)
    if problem.box is not None:
        for x, (low, high) in zip(np.vstack([problem.start, problem.minima]).T, problem.box, strict=True):
            assert low < x.min() and x.max() < high


def test_turned_ravine_is_the_ravine_turned():
    straight, turned = ravine(), ravine(0.7)
    turn = np.array([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]])
    assert np.array_equal(straight.start, [-5, -2])
    close(turned.start, turn @ straight.start, 1e-15)
    theta = points(straight, 20)
    close(turned.value(theta @ turn.T), straight.value(theta), 1e-14)
    close(turned.grad(theta @ turn.T), straight.grad(theta) @ turn.T, 1e-14)


@pytest.mark.parametrize("made, batch_size", [
    (noisy_quadratic(sigma=3.0), 1), (noisy_quadratic(sigma=3.0), 9), (logistic_regression(), 1),
    (logistic_regression(), 16)])
def test_stochastic_gradient_is_unbiased(made, batch_size):
    draws = 4000
    theta = points(made, scale=0.3)
    noisy = made.stochastic(np.random.default_rng(0), batch_size=batch_size)
    errors = np.array([noisy(theta) for _ in range(draws)]) - made.grad(theta)
    standard_error = errors.std(axis=0, ddof=1) / math.sqrt(draws)
    # Blank pixels have no noise, only rounding.
    assert (np.abs(errors.mean(axis=0)) <= 5 * standard_error + 1e-15).all()
    assert errors.std() > 0.01
    if made.sigma:
        close(errors.std(axis=0), np.full(made.dim, made.sigma / math.sqrt(batch_size)), 0.05)


def test_noise_of_a_batch_of_images():
    """With replacement, the variance of a mini-batch is the variance of one image over batch_size."""
    made = logistic_regression()
    theta = points(made, scale=0.3)
    spread = {}
    for size in (1, 357):
        noisy = made.stochastic(np.random.default_rng(1), batch_size=size)
        spread[size] = np.square([noisy(theta) - made.grad(theta) for _ in range(2000)]).sum(axis=1).mean()
    assert spread[1] / spread[357] == pytest.approx(357, rel=0.2)


@pytest.mark.parametrize("made", [noisy_quadratic(), logistic_regression()])
def test_stochastic_gradient_is_seeded_and_keeps_kind_and_type(made):
    theta = points(made, 3, 2).astype("float32")
    first, again, other = (made.stochastic(np.random.default_rng(seed))(theta) for seed in (0, 0, 1))
    assert first.dtype == np.float32 and first.shape == theta.shape
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    for device in DEVICES:
        seen = made.stochastic(np.random.default_rng(0))(torch.tensor(theta, device=device))
        assert seen.dtype == torch.float32 and seen.device.type == device
        close(seen.cpu(), first, 1e-5)
    draw = made.stochastic(np.random.default_rng(0))
    assert not np.array_equal(draw(theta), draw(theta))


def test_noise_differs_from_cell_to_cell_and_images_do_not():
    noise = noisy_quadratic().stochastic(np.random.default_rng(0))(np.zeros((5, 2)))
    assert len(np.unique(noise)) == 10
    same = logistic_regression().stochastic(np.random.default_rng(0))(np.ones((5, 65)))
    assert np.array_equal(same, np.broadcast_to(same[0], same.shape))


def test_no_noise_with_sigma_zero():
    theta = np.ones((3, 2))
    made = noisy_quadratic(sigma=0)
    assert np.array_equal(made.stochastic(np.random.default_rng(0))(theta), made.grad(theta))


@pytest.mark.filterwarnings("error")
def test_no_warnings(problem):
    torch.set_warn_always(True)  # or torch gives each warning once per process, perhaps in another test
    try:
        problem.grad(torch.tensor(problem.start))
        problem.grad(problem.start)
    finally:
        torch.set_warn_always(False)


@pytest.mark.parametrize("call, error, words", [
    (lambda: quadratic(0.5), ValueError, ["kappa", "0.5", ">= 1"]),
    (lambda: quadratic(math.inf), ValueError, ["kappa", "inf", "finite"]),
    (lambda: quadratic("10"), TypeError, ["kappa", "'10'", "number"]),
    (lambda: quadratic(True), TypeError, ["kappa", "True", "number"]),
    (lambda: quadratic(dim=0), ValueError, ["dim", "0", ">= 1"]),
    (lambda: quadratic(dim=2.0), TypeError, ["dim", "2.0", "whole number"]),
    (lambda: quadratic(dim=1), ValueError, ["dim", "1", ">= 2"]),
    (lambda: ravine(math.nan), ValueError, ["angle", "nan", "finite"]),
    (lambda: ravine("45"), TypeError, ["angle", "'45'", "number"]),
    (lambda: rosenbrock(1), ValueError, ["dim", "1", ">= 2"]),
    (lambda: rastrigin(0), ValueError, ["dim", "0", ">= 1"]),
    (lambda: noisy_quadratic(sigma=-1), ValueError, ["sigma", "-1", ">= 0"]),
    (lambda: noisy_quadratic(sigma=None), TypeError, ["sigma", "None", "number"]),
    (lambda: noisy_quadratic(0.1), ValueError, ["kappa", "0.1", ">= 1"]),
    (lambda: noisy_quadratic(dim=-2), ValueError, ["dim", "-2", ">= 1"]),
    (lambda: logistic_regression(0), ValueError, ["l2", "0", "> 0"]),
    (lambda: logistic_regression(-1e-3), ValueError, ["l2", "-0.001", "> 0"]),
    (lambda: logistic_regression("a"), TypeError, ["l2", "'a'", "number"]),
    (lambda: beale().stochastic(np.random.default_rng(0)), TypeError, ["beale", "noisy_quadratic"]),
    (lambda: noisy_quadratic().stochastic(0), TypeError, ["rng", "0", "default_rng"]),
    (lambda: noisy_quadratic().stochastic(np.random.default_rng(0), batch_size=0), ValueError,
     ["batch_size", "0", ">= 1"]),
    (lambda: logistic_regression().stochastic(np.random.default_rng(0), batch_size=1.5), TypeError,
     ["batch_size", "1.5", "whole number"]),
    (lambda: noisy_quadratic().stochastic(np.random.default_rng(0))(np.zeros(3)), ValueError,
     ["theta", "(3,)", "(..., 2)"]),
])
def test_bad_settings(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_bad_theta(problem):
    wanted = f"(..., {problem.dim})"
    longer = (2, problem.dim + 1)
    bad = [
        ([1.0] * problem.dim, TypeError, "[1.0"),
        (None, TypeError, "None"),
        (np.ones(problem.dim, dtype=np.int64), TypeError, "int64"),
        (np.ones(problem.dim, dtype=complex), TypeError, "complex128"),
        (np.ones(problem.dim, dtype=object), TypeError, "object"),
        (torch.ones(problem.dim, dtype=torch.int32), TypeError, "int32"),
        (np.ones(longer), ValueError, str(longer)),
        (torch.ones(longer), ValueError, str(longer)),
        (np.array(1.0), ValueError, "()"),
    ]
    for function in (problem.value, problem.grad):
        for theta, error, seen in bad:
            with pytest.raises(error) as caught:
                function(theta)
            assert all(word in str(caught.value) for word in ("theta", seen, wanted)), str(caught.value)


def test_every_factory_says_its_formula_and_source():
    for made in (quadratic, ravine, rosenbrock, beale, himmelblau, saddle, rastrigin, noisy_quadratic,
                 logistic_regression):
        assert made.__module__ == problems.__name__
        assert "Source: " in made.__doc__ and "f" in made.__doc__ and "=" in made.__doc__
