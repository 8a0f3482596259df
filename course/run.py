"""Run a rule from a starting point: once (`run`), for a whole grid of settings (`sweep`),
or the same with torch's own optimizers (`run_torch`)."""

import math

import numpy as np

import course
from course.inputs import check_count, check_floating, check_hyper, rule, same_shape, shown, unknown, wrong
from course.ops import Axis


def run(rule, grad, theta0, steps, *, allow_nonfinite=False, **hyper):
    """All the points that a rule visits.

    rule            an update rule of `course.rules`, or a function of the same shape
    grad            theta -> gradient, same shape as theta
    theta0          float, list, NumPy array or torch tensor: where to start. Not changed.
    steps           number of steps, >= 0
    allow_nonfinite go on after an overflow, in place of stopping there
    hyper           the rule's hyper-parameters; a callable is a schedule t -> value, t = 1, 2, ...;
                    a state's name (b=..., v=...) sets its value before step 1

    Returns an array (steps + 1, *theta0.shape) of theta0's kind, type and device; row 0 is theta0.
    Raises TypeError or ValueError for bad input; FloatingPointError at the first step whose
    result is infinite or NaN.
    """
    rule, grad, steps = _checked(rule), _callable("grad", grad), check_count("steps", steps)
    theta = _start(theta0)
    hyper, schedules, state = _settings(rule, hyper)
    scalar, xp = theta.ndim == 0, _backend(theta)
    path = [theta]
    # A scalar travels as shape (1,): NumPy's 0-d results are numbers, whose ** rounds differently.
    theta = theta.reshape(1) if scalar else theta
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            for name, schedule in schedules.items():
                hyper[name] = schedule(t)
                check_hyper(name, hyper[name])
            g = _gradient(grad, theta.reshape(()) if scalar else theta, t)
            theta, *state = _step(rule, theta, g.reshape(1) if scalar else g, t, state, hyper)
            if not (allow_nonfinite or bool(xp.isfinite(theta).all())):
                raise FloatingPointError(_diverged(t, theta, path[-1], hyper))
            path.append(theta.reshape(()) if scalar else theta)
    return xp.stack(path)


def sweep(rule, grad, theta0, steps, *, paths=False, **hyper):
    """Where a rule ends up, for every combination of settings at once.

    rule, grad, theta0, steps   as in `run`; grad is called with all cells at once, so it must
                                accept leading axes: (len(a), len(b), ..., *theta0.shape)
    paths                       return every step, in place of the last
    hyper                       hyper-parameters; one-dimensional arrays span the grid, in the order
                                in which they are written

    Returns an array (len(a), len(b), ..., *theta0.shape), with a leading axis of steps + 1 where
    paths is true. The type is theta0's (float32 stays float32), and each cell equals, bit for bit,
    the `run` with that cell's settings, provided that grad gives a cell the same bits alone as
    among others. Cells that diverge end in inf or nan; nothing is raised for them.
    Raises TypeError or ValueError for bad input.
    """
    rule, grad, steps = _checked(rule), _callable("grad", grad), check_count("steps", steps)
    theta = _start(theta0)
    arrays = {name: value for name, value in hyper.items() if np.ndim(value) > 0 and name in rule.hyper}
    for name, value in arrays.items():
        if np.ndim(value) != 1 or np.size(value) == 0:
            raise wrong(name, value, "a number or a one-dimensional array of numbers")
        hyper[name] = np.asarray(value)
    hyper, schedules, state = _settings(rule, hyper)
    scalar, xp = theta.ndim == 0, _backend(theta)
    theta = theta.reshape(1) if scalar else theta
    for i, name in enumerate(arrays):
        hyper[name] = Axis(hyper[name].reshape([-1 if j == i else 1 for j in range(len(arrays))] + [1] * theta.ndim))
    grid = tuple(np.size(value) for value in arrays.values())
    theta = xp.broadcast_to(theta, grid + tuple(theta.shape))
    path = [theta]
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            for name, schedule in schedules.items():
                hyper[name] = schedule(t)
                check_hyper(name, hyper[name])
            g = _gradient(grad, theta[..., 0] if scalar else theta, t)
            theta, *state = _step(rule, theta, g[..., None] if scalar else g, t, state, hyper)
            path = [*path, theta] if paths else [theta]
    result = xp.stack(path) if paths else path[0]
    result = result[..., 0] if scalar else result
    return result.copy() if steps == 0 and isinstance(result, np.ndarray) else result


def run_torch(optimizer, grad, theta0, steps, *, device=None, **settings):
    """All the points that a class of torch.optim visits: `run` for torch's own code.

    optimizer   a class of torch.optim, such as torch.optim.Adam
    grad        theta -> gradient, for a torch tensor
    theta0      float, list or NumPy array: where to start
    steps       number of steps, >= 0
    device      where torch computes; by default `course.device()`
    settings    torch's own keywords: lr=, betas=, momentum=, ...

    Computes in float64 (float32 on Apple's MPS, which has no float64).
    Returns a NumPy array (steps + 1, *theta0.shape); row 0 is theta0.
    Raises TypeError or ValueError for bad input; unknown keywords are refused by torch itself.
    """
    import torch

    steps, grad = check_count("steps", steps), _callable("grad", grad)
    if not (isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)):
        raise wrong("optimizer", optimizer, "a class of torch.optim, such as torch.optim.Adam", TypeError)
    device = torch.device(device) if device is not None else course.device()
    dtype = torch.float32 if device.type == "mps" else torch.float64
    theta = torch.tensor(_start(theta0), dtype=dtype, device=device)
    optimizer = optimizer([theta], **settings)
    path = [theta.clone()]
    for t in range(1, steps + 1):
        theta.grad = _gradient(grad, theta, t)
        optimizer.step()
        path.append(theta.clone())
    return torch.stack(path).cpu().double().numpy()


def _checked(function):
    if hasattr(function, "hyper"):
        return function
    if not callable(function):
        raise wrong("rule", function, "an update rule such as course.rules.adam", TypeError)
    return rule(function)


def _callable(name, value):
    if callable(value):
        return value
    raise wrong(name, value, "a function theta -> gradient", TypeError)


def _backend(theta):
    if isinstance(theta, np.ndarray):
        return np
    import torch

    return torch


def _start(theta0):
    if type(theta0).__module__.partition(".")[0] == "torch":
        check_floating("theta0", theta0)
        return theta0.detach().clone()
    if isinstance(theta0, int):
        check_floating("theta0", theta0)
    try:
        theta = np.array(theta0)
    except ValueError:
        raise wrong("theta0", theta0, "a number or a rectangular array of numbers") from None
    if theta.dtype.kind not in "fiu":
        raise wrong("theta0", theta0, "a floating-point number or array", TypeError)
    check_floating("theta0", theta)
    if not np.all(np.isfinite(theta)):
        raise wrong("theta0", theta0, "finite numbers")
    return theta


def _settings(rule, given):
    """Splits what the caller named into hyper-parameters, schedules and the state before step 1."""
    hyper, schedules, state = {}, {}, dict(rule.state)
    for name, value in given.items():
        if name in state:
            state[name] = value
        elif name not in rule.hyper:
            raise unknown(f"{rule.__name__}'s hyper-parameter", name, list(rule.hyper), TypeError)
        elif callable(value) and not hasattr(value, "shape"):
            schedules[name] = value
        else:
            check_hyper(name, value)
            hyper[name] = value
    return hyper, schedules, list(state.values())


def _gradient(grad, theta, t):
    g = grad(theta)
    if t == 1:
        check_floating("grad(theta)", g)
        same_shape("grad(theta)", g, "theta", theta)
    return g if hasattr(g, "shape") else np.asarray(g)


def _step(rule, theta, g, t, state, hyper):
    if t > 1:  # the first call checks everything; from then on only the schedules change
        rule = getattr(rule, "__wrapped__", rule)
    return rule(theta, g, t, *state, **{name: _plain(value) for name, value in hyper.items()})


def _plain(value):
    """NumPy's own numbers as Python's, which do not turn float32 into float64."""
    return value.item() if isinstance(value, np.ndarray | np.generic) and value.ndim == 0 else value


def _diverged(t, theta, last, hyper):
    flat = theta.reshape(-1)
    bad = next(i for i, x in enumerate(flat) if not math.isfinite(x))
    where = np.unravel_index(bad, tuple(last.shape)) if last.ndim else ()
    where = f"[{', '.join(str(int(i)) for i in where)}]"
    settings = ", ".join(f"{name}={shown(value)}" for name, value in hyper.items()) or "default settings"
    return (
        f"step {t}: theta{where} became {float(flat[bad])}; one step before, theta was {shown(last)} "
        f"({settings}). A smaller lr may help; allow_nonfinite=True goes on past this step."
    )
