r"""Objectives to minimize: value, gradient, known minima, curvature bounds.

    problem = ravine()
    problem.value(problem.start)   # 10.5
    problem.grad(problem.start)    # array([-1., -8.])

Every problem takes theta of shape (..., dim): the last axis holds the coordinates, all axes
before it are a batch. NumPy and torch (any device) go in, the same kind and floating type come
out. In NumPy, each cell of a batch gets bitwise the value and gradient it gets alone: powers are
written as products and sums are added in an order that depends on dim only.

Sources that serve several problems: starting points from Moré, Garbow and Hillstrom (1981),
"Testing unconstrained optimization software", ACM TOMS 7(1); the meaning of L and mu from
Nesterov (2004), "Introductory Lectures on Convex Optimization", sections 1.2 and 2.1.
"""

import functools
import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj

from course.batch import join, like, log1pexp, stack, times, total
from course.inputs import check_count, wrong


@dataclass(frozen=True, eq=False)
class Problem:
    """An objective of dim coordinates and what is known about it. Nothing here has a unit.

    name, dim      what it is called; how many coordinates theta has
    objective      theta (..., dim) -> (...,), unchecked: call `value`
    gradient       theta (..., dim) -> (..., dim), unchecked: call `grad`
    start          (dim,), where lessons start
    minima         (k, dim), every known global minimizer; k = 0 where there is none
    minimum_value  the objective's value there, or None
    L              every eigenvalue of every Hessian has absolute value at most L; None: no such bound
    mu             every eigenvalue of every Hessian is at least mu > 0; None: no such bound
    box            ((x0, x1), (y0, y1)), what a contour plot shows, or None
    hessian        (dim, dim) where the Hessian is constant, else None
    sigma          standard deviation of each coordinate's gradient noise, where it is given
    noisy          (theta, rng, batch_size) -> an unbiased gradient, where one is defined

    All arrays are float64 and belong to this object: copy them before working in place.
    """

    name: str
    dim: int
    objective: Callable = field(repr=False)
    gradient: Callable = field(repr=False)
    start: np.ndarray = field(repr=False)
    minima: np.ndarray = field(repr=False)
    minimum_value: float | None = None
    L: float | None = None
    mu: float | None = None
    box: tuple | None = field(default=None, repr=False)
    hessian: np.ndarray | None = field(default=None, repr=False)
    sigma: float | None = None
    noisy: Callable | None = field(default=None, repr=False)

    @property
    def minimum(self):
        """The first known minimizer, (dim,), or None."""
        return self.minima[0] if len(self.minima) else None

    def value(self, theta):
        """The objective at theta (..., dim), shape (...,). Raises TypeError or ValueError for a bad theta."""
        return self.objective(_checked(theta, self.dim))

    def grad(self, theta):
        """The gradient at theta, shape (..., dim). Raises TypeError or ValueError for a bad theta."""
        return self.gradient(_checked(theta, self.dim))

    def stochastic(self, rng, *, batch_size=1):
        """A function theta (..., dim) -> (..., dim) whose mean is the gradient.

        rng: np.random.Generator; each call of the returned function draws from it.
        batch_size: samples averaged per call; the noise's standard deviation falls as
        1 / sqrt(batch_size). Raises TypeError where the problem defines no noise.
        """
        if self.noisy is None:
            raise TypeError(f"{self.name} has no stochastic gradient, expected noisy_quadratic "
                            "or logistic_regression")
        if not isinstance(rng, np.random.Generator):
            raise wrong("rng", rng, "a generator such as np.random.default_rng(0)", TypeError)
        batch_size = check_count("batch_size", batch_size, least=1)
        return lambda theta: self.noisy(_checked(theta, self.dim), rng, batch_size)


def quadratic(kappa=10.0, dim=2):
    r"""The bowl f(\theta) = \frac{1}{2} \sum_i \lambda_i \theta_i^2 with condition number kappa.

    The eigenvalues \lambda_i run from 1 to kappa in equal ratios, so mu = 1 and L = kappa.
    Minimum 0 at the origin. Raises ValueError for kappa < 1, for dim < 1, and for dim = 1 with
    kappa > 1, since a single eigenvalue has condition number 1.
    Source: the standard model problem; Nesterov (2004), section 2.1, for what mu and L promise.
    """
    kappa = _number("kappa", kappa, 1)
    dim = check_count("dim", dim, least=1)
    if dim == 1 and kappa > 1:
        raise wrong("dim", dim, f"a whole number >= 2 when kappa > 1 (kappa is {kappa})")
    eigenvalues = np.geomspace(1.0, kappa, dim)

    def objective(theta):
        return 0.5 * total(like(eigenvalues, theta) * theta * theta)

    def gradient(theta):
        return like(eigenvalues, theta) * theta

    return Problem("quadratic", dim, objective, gradient, np.ones(dim), np.zeros((1, dim)), 0.0, L=kappa,
                   mu=1.0, box=_square(1.5) if dim == 2 else None, hessian=np.diag(eigenvalues))


def ravine(angle=0.0):
    r"""The long valley f(x, y) = 0.1 x^2 + 2 y^2, turned counterclockwise by `angle` radians.

    theta (..., 2). The start (-5, -2) turns with the valley, so a method that does not care about
    the choice of axes takes the same path, turned. Minimum 0 at the origin, mu = 0.2, L = 4,
    condition number 20. Raises TypeError or ValueError unless the angle is a finite number.
    Source: Zhang, Lipton, Li and Smola, "Dive into Deep Learning", section 12.6 (Momentum).
    """
    angle = _number("angle", angle, -math.inf)
    c, s = math.cos(angle), math.sin(angle)
    turn = np.array([[c, -s], [s, c]])

    def along_and_across(theta):
        x, y = theta[..., 0], theta[..., 1]
        return c * x + s * y, c * y - s * x

    def objective(theta):
        u, v = along_and_across(theta)
        return 0.1 * (u * u) + 2 * (v * v)

    def gradient(theta):
        u, v = along_and_across(theta)
        return stack(0.2 * c * u - 4 * s * v, 0.2 * s * u + 4 * c * v)

    corners = np.array([(x, y) for x in (-6.0, 2.0) for y in (-3.0, 3.0)]) @ turn.T
    box = tuple((float(axis.min()), float(axis.max())) for axis in corners.T)
    return Problem("ravine", 2, objective, gradient, turn @ [-5.0, -2.0], np.zeros((1, 2)), 0.0, L=4.0,
                   mu=0.2, box=box, hessian=turn @ np.diag([0.2, 4.0]) @ turn.T)


def rosenbrock(dim=2):
    r"""The curved valley f(\theta) = \sum_{i<n} 100 (\theta_{i+1} - \theta_i^2)^2 + (1 - \theta_i)^2.

    n is dim, 2 or more. Minimum 0 at (1, ..., 1); for dim from 4 to 7 there is one more, local
    minimum near (-1, 1, ..., 1). The curvature is unbounded. Raises ValueError for dim < 2.
    Source: Rosenbrock (1960), "An automatic method for finding the greatest or least value of a
    function", The Computer Journal 3(3); he has dim = 2 and starts at (-1.2, 1).
    """
    dim = check_count("dim", dim, least=2)

    def residuals(theta):
        left = theta[..., :-1]
        return theta[..., 1:] - left * left, 1 - left

    def objective(theta):
        bend, slope = residuals(theta)
        return total(100 * (bend * bend) + slope * slope)

    def gradient(theta):
        bend, slope = residuals(theta)
        as_left, as_right = -400 * theta[..., :-1] * bend - 2 * slope, 200 * bend
        return join(as_left[..., :1], as_left[..., 1:] + as_right[..., :-1], as_right[..., -1:])

    start = np.resize([-1.2, 1.0], dim)
    return Problem("rosenbrock", dim, objective, gradient, start, np.ones((1, dim)), 0.0,
                   box=((-2.0, 2.0), (-1.0, 3.0)) if dim == 2 else None)


def beale():
    r"""Plateaus and a narrow bend: f = (1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2.

    theta (..., 2). Minimum 0 at (3, 0.5). Source: Beale (1958), "On an iterative method for
    finding a local minimum of a function of more than one variable", Princeton University,
    Statistical Techniques Research Group, report 25; start (1, 1) from Moré et al.
    """

    def residuals(x, y):
        return 1.5 - x + x * y, 2.25 - x + x * y * y, 2.625 - x + x * y * y * y

    def objective(theta):
        a, b, c = residuals(theta[..., 0], theta[..., 1])
        return a * a + b * b + c * c

    def gradient(theta):
        x, y = theta[..., 0], theta[..., 1]
        a, b, c = residuals(x, y)
        along_x = a * (y - 1) + b * (y * y - 1) + c * (y * y * y - 1)
        along_y = a * x + b * (2 * x * y) + c * (3 * x * y * y)
        return stack(2 * along_x, 2 * along_y)

    return Problem("beale", 2, objective, gradient, np.array([1.0, 1.0]), np.array([[3.0, 0.5]]), 0.0,
                   box=_square(4.5))


def himmelblau():
    r"""Four equal minima: f(x, y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2.

    theta (..., 2). Minimum 0 at (3, 2) and near (-2.805, 3.131), (-3.779, -3.283) and
    (3.584, -1.848). Source: Himmelblau (1972), "Applied Nonlinear Programming", McGraw-Hill.
    """

    def residuals(x, y):
        return x * x + y - 11, x + y * y - 7

    def objective(theta):
        a, b = residuals(theta[..., 0], theta[..., 1])
        return a * a + b * b

    def gradient(theta):
        x, y = theta[..., 0], theta[..., 1]
        a, b = residuals(x, y)
        return stack(4 * x * a + 2 * b, 2 * a + 4 * y * b)

    # Newton's method on the two residuals in 40 decimal digits, rounded to double.
    minima = np.array([[3.0, 2.0], [-2.805118086952745, 3.131312518250573],
                       [-3.779310253377747, -3.2831859912861696], [3.5844283403304917, -1.8481265269644036]])
    return Problem("himmelblau", 2, objective, gradient, np.zeros(2), minima, 0.0, box=_square(5.0))


def saddle():
    r"""Down one axis, up the other: f(x, y) = \frac{1}{2} (x^2 - y^2).

    theta (..., 2). The gradient is zero at the origin, yet no minimum exists: f falls without
    bound along y. L = 1. The start (1, 0.001) lies almost on the axis that leads to the saddle.
    Source: a standard example; Nesterov (2004), section 1.2.3, has it with y^4 / 4 added.
    """

    def objective(theta):
        x, y = theta[..., 0], theta[..., 1]
        return 0.5 * (x * x - y * y)

    def gradient(theta):
        return stack(theta[..., 0], -theta[..., 1])

    return Problem("saddle", 2, objective, gradient, np.array([1.0, 1e-3]), np.empty((0, 2)), L=1.0,
                   box=_square(2.0), hessian=np.diag([1.0, -1.0]))


def rastrigin(dim=2):
    r"""A bowl full of dents: f(\theta) = \sum_i \theta_i^2 + 10 (1 - \cos 2 \pi \theta_i).

    Minimum 0 at the origin, local minima near every other point with whole coordinates.
    L = 2 + 40 pi^2, about 397. Raises ValueError for dim < 1.
    Source: Rastrigin (1974), "Systems of Extremal Control", Nauka, for dim = 2; any dim from
    Mühlenbein, Schomisch and Born (1991), Parallel Computing 17.
    """
    dim = check_count("dim", dim, least=1)

    def objective(theta):
        xp = array_namespace(theta)
        return total(theta * theta + 10 * (1 - xp.cos(2 * math.pi * theta)))

    def gradient(theta):
        xp = array_namespace(theta)
        return 2 * theta + 20 * math.pi * xp.sin(2 * math.pi * theta)

    start = np.resize([3.6, -2.4], dim)
    return Problem("rastrigin", dim, objective, gradient, start, np.zeros((1, dim)), 0.0,
                   L=2 + 40 * math.pi**2, box=_square(5.12) if dim == 2 else None)


def noisy_quadratic(kappa=10.0, sigma=1.0, dim=2):
    r"""`quadratic(kappa, dim)` whose `stochastic` gradient is g = \nabla f(\theta) + \sigma \xi / \sqrt{B}.

    \xi is standard normal, drawn afresh for each coordinate of each cell of a batch; B is
    batch_size. `value` and `grad` are exact. With sigma = 0 the noise is zero. Raises ValueError
    for sigma < 0 and as `quadratic` does.
    Source: the noisy quadratic model of Schaul, Zhang and LeCun (2013), "No more pesky learning
    rates", ICML, with noise of one size in every direction.
    """
    exact = quadratic(kappa, dim)
    sigma = _number("sigma", sigma, 0)

    def noisy(theta, rng, batch_size):
        noise = sigma / math.sqrt(batch_size) * rng.standard_normal(tuple(theta.shape))
        return exact.gradient(theta) + like(noise, theta)

    return Problem("noisy_quadratic", exact.dim, exact.objective, noisy=noisy, sigma=sigma,
                   **{name: getattr(exact, name) for name in (
                       "gradient", "start", "minima", "minimum_value", "L", "mu", "box", "hessian")})


def logistic_regression(l2=1e-3):
    r"""Handwritten 8 or 3: f(w) = \frac{1}{n} \sum_i \log(1 + e^{-y_i x_i^T w}) + \frac{l2}{2} |w|^2.

    theta is w, (..., 65): 64 pixels divided by 16, then the bias, which is penalized too. n = 357
    images, y = 1 for an 8 and -1 for a 3. mu = l2; L = l2 + \lambda_{max}(X^T X) / (4 n), as the
    logistic function's slope is at most 1/4. The minimum is found by Newton's method to a
    gradient norm below 1e-12, so it is off by at most 1e-12 / l2. `stochastic` draws batch_size
    images with replacement, the same ones for every cell of a batch. Batch cells equal single
    evaluations bitwise in NumPy (one matrix-vector product per cell), not in torch. Raises
    ValueError for l2 <= 0 and TypeError unless it is a number. Needs scikit-learn.
    Source: Alpaydin and Kaynak (1998), "Optical recognition of handwritten digits", UCI.
    """
    l2 = _number("l2", l2, -math.inf)
    if l2 <= 0:
        raise wrong("l2", l2, "a finite number > 0 (without it these images have no finite minimum)")
    rows = _three_against_eight()

    def objective(theta):
        margin = times(theta, like(rows.T, theta))
        return total(log1pexp(-margin)) / len(rows) + 0.5 * l2 * total(theta * theta)

    def gradient(theta, rows=rows):
        margin = times(theta, like(rows.T, theta))
        # 1 / (1 + exp(margin)), the chance given to the wrong class, without overflow
        doubt = array_namespace(theta).exp(-log1pexp(margin))
        return l2 * theta - times(doubt, like(rows, theta)) / len(rows)

    def noisy(theta, rng, batch_size):
        return gradient(theta, rows[rng.integers(len(rows), size=batch_size)])

    L = l2 + float(np.linalg.eigvalsh(rows.T @ rows)[-1]) / (4 * len(rows))
    minimum = np.array(_newton(l2))
    return Problem("logistic_regression", 65, objective, gradient, np.zeros(65), minimum[None],
                   float(objective(minimum)), L=L, mu=l2, noisy=noisy)


@functools.cache
def _three_against_eight():
    """The rows y_i * (pixels / 16, 1) of every 3 (y = -1) and 8 (y = 1), (357, 65), read-only."""
    from sklearn.datasets import load_digits  # takes a second: only those who need it wait

    digits = load_digits()
    chosen = (digits.target == 3) | (digits.target == 8)
    images = np.column_stack([digits.data[chosen] / 16, np.ones(chosen.sum())])
    rows = np.where(digits.target[chosen] == 8, 1.0, -1.0)[:, None] * images
    rows.flags.writeable = False
    return rows


@functools.cache
def _newton(l2):
    """The minimizer for this l2 as a tuple; raises ValueError where rounding keeps it from 1e-12."""
    rows = _three_against_eight()
    w = np.zeros(65)
    for _ in range(100):
        margin = rows @ w
        doubt = np.exp(-np.logaddexp(0, margin))
        g = l2 * w - doubt @ rows / len(rows)
        if np.linalg.norm(g) < 1e-12:
            return tuple(w.tolist())
        curvature = (rows.T * (doubt * (1 - doubt))) @ rows / len(rows) + l2 * np.eye(65)
        w = w - np.linalg.solve(curvature, g)
    raise wrong("l2", l2, "a value for which Newton's method converges, such as 1e-3")


def _checked(theta, dim):
    """theta itself; raises TypeError or ValueError unless it is a real floating array (..., dim)."""
    if type(theta) is np.ndarray and theta.dtype.kind == "f" and theta.shape[-1:] == (dim,):
        return theta
    expected = f"a NumPy array or torch tensor of floats, shape (..., {dim})"
    if not is_array_api_obj(theta):
        raise wrong("theta", theta, expected, TypeError)
    if not array_namespace(theta).isdtype(theta.dtype, "real floating"):
        raise TypeError(f"theta: got type {theta.dtype}, expected {expected}")
    if theta.ndim == 0 or theta.shape[-1] != dim:
        raise ValueError(f"theta: got shape {tuple(theta.shape)}, expected {expected}")
    return theta


def _number(name, value, least):
    """The value as a float; raises unless it is a finite real number >= least."""
    expected = "a finite number" if least == -math.inf else f"a finite number >= {least}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise wrong(name, value, expected, TypeError)
    if not math.isfinite(value) or value < least:
        raise wrong(name, value, expected)
    return float(value)


def _square(half):
    return (-half, half), (-half, half)
