"""The loop of a rule: gradient, step, gradient, step, with a look at what comes back every time."""

import numbers

import numpy as np

from course.arguments import is_tensor, like, scheduled
from course.inputs import bare, check_floating, same_shape, shown, wrong
from course.ops import Axis

# What sweep asks of a gradient and of a rule, for messages.
LAST_AXIS = "grad must index the last axis, theta[..., 0], and sum over it"
BY_COORDINATE = "a rule that works coordinate by coordinate; for any other, call run once per setting"


def walk(rule, grad, theta, count, settings, cell, *, grid=False):
    """Yields (theta, g, hyper) after each of `count` steps; hyper is one dict that keeps changing.

    rule       an update rule with `state` and `hyper`
    theta      array (..., *cell.shape), with a last axis of 1 where cell has no axes: NumPy's arrays
               without axes turn into numbers, whose ** rounds differently
    settings   hyper-parameters, schedules and the state before step 1, from `arguments.settings`
    cell       theta0 of a single run, whose shape and type a schedule's arrays must fit
    grid       whether theta has the leading axes of a sweep

    The first step goes through all of the rule's checks; from then on only the schedules change.
    Raises TypeError or ValueError for what grad, the rule or a schedule returns.
    """
    hyper, schedules, state = settings
    scalar, step, theta = cell.ndim == 0, bare(rule), _frozen(theta)
    kind, shape, dtype, size = type(theta), theta.shape, theta.dtype, 1 + len(rule.state)
    for t in range(1, count + 1):
        for name, schedule in schedules.items():
            hyper[name] = scheduled(name, schedule, t, cell)
        g = gradient(grad, theta[..., 0] if scalar else theta, t, grid)
        g = g[..., None] if scalar else g
        new = step(theta, g, t, *state, **hyper) if t > 1 else _first_step(rule, theta, g, state, hyper, grid)
        fits = type(new) is tuple and len(new) == size and type(new[0]) is kind
        if t == 1 or not (fits and new[0].shape == shape and new[0].dtype == dtype):
            new = _returned(rule, new, theta, t)
        theta, *state = new
        theta = _frozen(theta)
        yield theta, g, hyper


def gradient(grad, theta, t, grid=False):
    """grad(theta) as an array of theta's shape, kind, type and device.

    theta      read-only where it is NumPy's; grad gets a copy where it is torch's
    t          the number of the step, for messages
    grid       whether theta has the leading axes of a sweep, for messages

    Raises ValueError for a grad that changes theta or gives another shape, TypeError for another type.
    """
    try:
        if type(theta) is np.ndarray:
            g = grad(theta)
            if type(g) is np.ndarray and g.shape == theta.shape and g.dtype == theta.dtype:
                return g
        else:
            copy = theta.clone()
            before = _version(copy)
            g = grad(copy)
            if _version(copy) != before:
                raise ValueError("the tensor is read-only")
    except StopIteration:
        raise ValueError(f"grad: ran out of values at step {t}, expected a gradient for every step") from None
    except Exception as error:
        if _is_read_only(error):
            raise ValueError(
                f"grad: changes theta in place ({error}), expected a new array: "
                "theta.copy() or theta.clone() gives one"
            ) from error
        if grid and t == 1:
            error.add_note(
                f"A sweep calls grad with all cells at once, shape {tuple(theta.shape)}. {LAST_AXIS}"
            )
        raise
    return _as_gradient(g, theta, t, grid)


def _as_gradient(g, theta, t, grid):
    name = "grad(theta)" if t == 1 else f"grad(theta) at step {t}"
    check_floating(name, g)
    if isinstance(g, np.ma.MaskedArray) or "object" in str(getattr(g, "dtype", "")):
        raise wrong(name, g, "an array of floating-point numbers, without a mask", TypeError)
    try:
        same_shape(name, g, "theta", theta)
    except ValueError as error:
        raise ValueError(f"{error}; {LAST_AXIS}" if grid else str(error)) from None
    if type(g) is type(theta) and g.dtype == theta.dtype and getattr(g, "device", None) == theta.device:
        return g.detach() if is_tensor(g) else g
    return like(name, g, theta)


def _first_step(rule, theta, g, state, hyper, grid):
    before = _version(theta)
    try:
        new = rule(theta, g, 1, *state, **hyper)
        if _version(theta) != before:
            raise ValueError("the tensor is read-only")
        return new
    except (TypeError, ValueError, IndexError) as error:
        if _is_read_only(error):
            raise ValueError(
                f"{rule.__name__}: changes theta in place ({error}), expected new values: theta = theta - ..."
            ) from error
        if grid:
            raise TypeError(
                f"{rule.__name__}: failed on all cells of a sweep at once ({error}), expected {BY_COORDINATE}"
            ) from error
        raise


def _returned(rule, new, theta, t):
    """What the rule returned, theta in its type. Raises TypeError where it is not (theta, *state)."""
    names = ("theta", *rule.state)
    expected = f"expected a tuple of {len(names)}: ({', '.join(names)}{',' * (len(names) == 1)})"
    seen = f"{rule.__name__}: at step {t} returned"
    if not isinstance(new, tuple):
        raise TypeError(f"{seen} {shown(new)}, {expected}")
    if len(new) != len(names):
        raise TypeError(
            f"{seen} {len(new)} value{'s' * (len(new) != 1)}, {expected}. Each positional argument after t is "
            f"state and is returned; a hyper-parameter is keyword-only, after * as in (theta, g, t, *, lr=1e-3)"
        )
    first, *state = new
    if not (isinstance(first, np.ndarray) or is_tensor(first)) or isinstance(theta, np.ndarray) == is_tensor(
        first
    ):
        raise TypeError(f"{seen} {shown(first)} as theta, expected {type(theta).__name__} as it was given")
    if first.shape != theta.shape:
        raise TypeError(f"{seen} theta of shape {tuple(first.shape)}, expected shape {tuple(theta.shape)}")
    check_floating(f"{rule.__name__}'s new theta", first)
    for name, value in zip(rule.state, state, strict=True):
        if not (isinstance(value, numbers.Number | Axis) or hasattr(value, "shape")):
            raise TypeError(f"{seen} {shown(value)} as {name}, expected a number or an array")
    if type(first) is not type(theta) or first.dtype != theta.dtype:
        first = like(f"{rule.__name__}'s new theta", first, theta)
    return first, *state


def _frozen(theta):
    """A view of NumPy's theta that cannot be written to, so that no one changes a point of the path."""
    if type(theta) is np.ndarray:
        theta = theta.view()
        theta.setflags(write=False)
    return theta


def _version(theta):
    """torch's count of the changes to a tensor; 0 for others and where torch keeps no count."""
    return theta._version if is_tensor(theta) and not theta.is_inference() else 0


def _is_read_only(error):
    return isinstance(error, ValueError) and "read-only" in str(error)
