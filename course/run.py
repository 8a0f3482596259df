"""Run a rule from a starting point: once (`run`), for a whole grid of settings (`sweep`),
or the same with torch's own optimizers (`run_torch`)."""

import math

import numpy as np

import course
from course import arguments, cells
from course.batch import keep_freed_memory
from course.inputs import check_count, shown, wrong
from course.ops import Axis
from course.steps import gradient, walk


def run(rule, grad, theta0, steps, *, allow_nonfinite=False, **hyper):
    """All the points that a rule visits.

    rule            an update rule of `course.rules`, or a function of the same shape
    grad            theta -> gradient, same shape as theta; must leave theta as it is
    theta0          float, list, NumPy array or torch tensor: where to start. Not changed.
    steps           number of steps, >= 0
    allow_nonfinite go on after an overflow, in place of stopping there
    hyper           the rule's hyper-parameters; a callable is a schedule t -> value, t = 1, 2, ...;
                    an array that broadcasts to theta's shape has a value for each coordinate;
                    a state's name (b=..., v=...) sets its value before step 1

    Returns an array (steps + 1, *theta0.shape) of theta0's kind, type and device; row 0 is theta0.
    Gradients, arrays among the settings and new parameters are cast to theta0's type, and CPU
    tensors and NumPy arrays to its kind, so that float32 stays float32.
    Raises TypeError or ValueError for bad input, and for what grad, the rule or a schedule returns
    at any step; FloatingPointError at the first step whose result is infinite or NaN.
    """
    rule, grad, steps = arguments.as_rule(rule), arguments.as_gradient(grad), check_count("steps", steps)
    theta0 = arguments.start(theta0)
    settings = arguments.settings(rule, hyper, theta0)
    scalar, xp = theta0.ndim == 0, _backend(theta0)
    path = [theta0.reshape(1) if scalar else theta0]
    with np.errstate(all="ignore"):
        for theta, _, now in walk(rule, grad, path[0], steps, settings, theta0):
            if not (allow_nonfinite or _is_finite(theta)):
                raise FloatingPointError(_diverged(len(path), theta, path[-1], now))
            path.append(theta)
    path = xp.stack(path)
    return path[:, 0] if scalar else path


def sweep(rule, grad, theta0, steps, *, paths=False, **hyper):
    """Where a rule ends up, for every combination of settings at once.

    rule, grad, theta0, steps   as in `run`; grad is called with all cells at once, so it must
                                accept leading axes: (len(a), len(b), ..., *theta0.shape). The rule
                                must work coordinate by coordinate, unlike adafactor and muon
    paths                       return every step, in place of the last
    hyper                       hyper-parameters; one-dimensional arrays span the grid, in the order
                                in which they are written

    Returns an array (len(a), len(b), ..., *theta0.shape), with a leading axis of steps + 1 where
    paths is true. The type is theta0's (float32 stays float32). In NumPy each cell equals, bit for
    bit, the `run` with that cell's settings, provided that grad gives a cell the same bits alone as
    among others; in torch, whose square root rounds by the place in the array, up to rounding.
    Cells that diverge end in inf or nan; nothing is raised for them.

    After the last step one cell's first two steps are taken again alone, and grad is called once
    more, with theta0 alone; where the sweep had other numbers, TypeError or ValueError says so. A
    gradient that differs from call to call (random, or from a stream) passes: it cannot be compared.
    Raises TypeError or ValueError for other bad input, as `run` does.
    """
    rule, grad, steps = arguments.as_rule(rule), arguments.as_gradient(grad), check_count("steps", steps)
    theta0 = arguments.start(theta0)
    axes = arguments.grid_axes(rule, hyper)
    plain = {name: value for name, value in hyper.items() if name not in axes}
    settings, schedules, state = arguments.settings(rule, plain, theta0, axes)
    scalar, xp = theta0.ndim == 0, _backend(theta0)
    start = theta0.reshape(1) if scalar else theta0
    for i, (name, values) in enumerate(axes.items()):
        settings[name] = Axis(
            values.reshape([-1 if j == i else 1 for j in range(len(axes))] + [1] * start.ndim)
        )
    theta = xp.broadcast_to(start, tuple(map(len, axes.values())) + tuple(start.shape))
    keep_freed_memory()
    path, first = [theta], []
    with np.errstate(all="ignore"):
        for after, g, now in walk(
            rule, grad, theta, steps, (settings, schedules, state), theta0, grid=bool(axes)
        ):
            if len(first) < 2:
                first.append((after, g, dict(now)))
            if not paths:
                path.clear()
            path.append(after)
        if axes and first:
            cells.check_rule(rule, start, state, first)
            grid, g = (x[..., 0] if scalar else x for x in (theta, first[0][1]))
            cells.check_grad(grad, theta0, grid, g)
    result = xp.stack(path) if paths else xp.stack(path)[0]
    return result[..., 0] if scalar else result


def run_torch(optimizer, grad, theta0, steps, *, device=None, **settings):
    """All the points that a class of torch.optim visits: `run` for torch's own code.

    optimizer   a class of torch.optim that takes one dense gradient per step, such as
                torch.optim.Adam; not LBFGS and SparseAdam
    grad        theta -> gradient, for a torch tensor; on the CPU the result may be NumPy's
    theta0      float, list, NumPy array or torch tensor: where to start. Not changed.
    steps       number of steps, >= 0
    device      where torch computes; by default `course.device()`
    settings    torch's own keywords: lr=, betas=, momentum=, ...

    Computes in float64 (float32 on Apple's MPS, which has no float64).
    Returns a NumPy array (steps + 1, *theta0.shape); row 0 is theta0.
    Raises TypeError or ValueError for bad input; unknown keywords are refused by torch itself.
    """
    import torch

    steps, grad = check_count("steps", steps), arguments.as_gradient(grad)
    expected = "a class of torch.optim, such as torch.optim.Adam"
    if not (isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)):
        raise wrong("optimizer", optimizer, expected, TypeError)
    if (
        issubclass(optimizer, torch.optim.LBFGS | torch.optim.SparseAdam)
        or optimizer is torch.optim.Optimizer
    ):
        raise wrong("optimizer", optimizer, f"{expected}, that takes one dense gradient per step", TypeError)
    device = course.device() if device is None else _device(device)
    dtype = torch.float32 if device.type == "mps" else torch.float64
    theta = torch.as_tensor(arguments.start(theta0)).to(device=device, dtype=dtype)
    optimizer = optimizer([theta], **settings)
    path = [theta.clone()]
    for t in range(1, steps + 1):
        theta.grad = gradient(grad, theta, t)
        optimizer.step()
        path.append(theta.clone())
    return torch.stack(path).cpu().double().numpy()


def _device(device):
    import torch

    try:
        torch.zeros(1, device=device).cpu()
        return torch.device(device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise wrong("device", device, f"a device that is present, such as 'cpu' ({reason})") from None


def _backend(theta):
    if isinstance(theta, np.ndarray):
        return np
    import torch

    return torch


def _is_finite(theta):
    # A finite sum of squares means finite entries, and is four times as fast; a large one may overflow.
    if isinstance(theta, np.ndarray):
        return math.isfinite(np.vdot(theta, theta)) or bool(np.isfinite(theta).all())
    return bool(theta.isfinite().all())


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
