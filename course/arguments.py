"""What run, sweep and run_torch are given: checked, and brought to theta's kind, type and device."""

import inspect
import sys

import numpy as np

from course.inputs import check_floating, check_hyper, rule, unknown, wrong


def is_tensor(value):
    """Whether a value is a torch tensor; does not import torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def as_rule(function):
    """The rule with its state and hyper-parameters known. Raises TypeError for what is no rule."""
    if isinstance(getattr(function, "state", None), dict) and isinstance(
        getattr(function, "hyper", None), dict
    ):
        return function
    if not callable(function):
        raise wrong("rule", function, "an update rule such as course.rules.adam", TypeError)
    return rule(function)


def as_gradient(grad):
    """grad itself. Raises TypeError for what cannot be called."""
    if callable(grad) and not isinstance(grad, type):
        return grad
    raise wrong("grad", grad, "a function theta -> gradient", TypeError)


def start(theta0):
    """A copy of theta0 as an array or tensor of finite floats, in this machine's byte order."""
    if is_tensor(theta0):
        check_floating("theta0", theta0)
        if not bool(theta0.isfinite().all()):
            raise wrong("theta0", theta0, "finite numbers")
        return theta0.detach().clone()
    if isinstance(theta0, int):
        check_floating("theta0", theta0)
    if isinstance(theta0, np.ma.MaskedArray):
        raise wrong("theta0", theta0, "an array without a mask", TypeError)
    try:
        theta = np.array(theta0)
    except (ValueError, TypeError, RuntimeError):
        raise wrong("theta0", theta0, "a number or a rectangular array of numbers") from None
    if theta.dtype.kind not in "fiu":
        raise wrong("theta0", theta0, "a floating-point number or array", TypeError)
    check_floating("theta0", theta)
    if not np.all(np.isfinite(theta)):
        raise wrong("theta0", theta0, "finite numbers")
    return theta.astype(theta.dtype.newbyteorder("="), copy=False)


def like(name, value, theta):
    """A copy of an array or tensor with theta's kind, type and device. Raises TypeError between devices."""
    if isinstance(theta, np.ndarray):
        if is_tensor(value):
            if value.device.type != "cpu":
                raise wrong(name, value, "a NumPy array, or a torch tensor on the CPU", TypeError)
            value = value.detach().double().numpy()
        with np.errstate(over="ignore"):
            return np.array(value, dtype=theta.dtype)
    if not is_tensor(value):
        if theta.device.type != "cpu":
            raise wrong(name, value, f"a torch tensor on {theta.device}", TypeError)
        import torch

        value = torch.from_numpy(np.array(value, dtype=np.float64))
    if value.device != theta.device:
        raise wrong(name, value, f"a torch tensor on {theta.device}", TypeError)
    return value.detach().to(theta.dtype, copy=True)


def grid_axes(rule, given):
    """The hyper-parameters that span the grid of a sweep: {name: array (n,)}, in the order given."""
    axes = {}
    for name, value in given.items():
        # Not every sequence is an axis: a rule whose default is a tuple takes one per cell.
        if name not in rule.hyper or isinstance(rule.hyper[name], tuple) or callable(value):
            continue
        expected = "a number or a one-dimensional array of numbers"
        try:
            array = np.asarray(value.detach().cpu().double() if is_tensor(value) else value)
        except (ValueError, TypeError, RuntimeError):
            raise wrong(name, value, expected) from None
        if array.ndim > 0:
            if array.ndim != 1 or array.size == 0 or isinstance(value, np.ma.MaskedArray):
                raise wrong(name, value, expected)
            check_hyper(name, array)
            axes[name] = array
    return axes


def settings(rule, given, theta, elsewhere=()):
    """Splits what the caller named into hyper-parameters, schedules and the state before step 1.

    elsewhere: names of the hyper-parameters that the caller has taken care of.
    """
    hyper, schedules, state = {}, {}, dict(rule.state)
    for name, value in given.items():
        if name in state:
            state[name] = _state(name, value, theta, rule.state[name])
        elif name not in rule.hyper:
            raise unknown(f"{rule.__name__}'s hyper-parameter", name, list(rule.hyper), TypeError)
        elif isinstance(value, type):
            raise wrong(name, value, "a number, or a schedule t -> value; a class is no schedule", TypeError)
        elif callable(value) and not hasattr(value, "shape"):
            schedules[name] = value
        else:
            hyper[name] = _hyper(name, value, theta)
    for name, default in rule.hyper.items():
        if default is inspect.Parameter.empty and name not in (*given, *elsewhere):
            raise TypeError(
                f"{rule.__name__}: got no {name}, expected {name}=..., since the rule has no default for it"
            )
    return hyper, schedules, list(state.values())


def scheduled(name, schedule, t, theta):
    """The schedule's value at step t, checked as a constant would be."""
    try:
        value = schedule(t)
        if type(value) is float:
            check_hyper(name, value)
            return value
        return _hyper(name, value, theta)
    except StopIteration:
        raise ValueError(f"{name}: the schedule gave no value at step {t}, expected one per step") from None
    except (TypeError, ValueError) as error:
        error.add_note(f"The schedule {name}=... gave this at step {t}.")
        raise


def _number(value):
    """NumPy's and torch's own numbers as Python's, which do not turn float32 into float64."""
    single = isinstance(value, np.ndarray | np.generic) or is_tensor(value)
    return value.item() if single and value.ndim == 0 else value


def _hyper(name, value, theta):
    value = _number(value)
    check_hyper(name, value)
    if not (isinstance(value, np.ndarray) or is_tensor(value)):
        return value
    _check_broadcasts(name, value, theta)
    return like(name, value, theta)


def _state(name, value, theta, default):
    expected = f"a number or an array that broadcasts to theta's shape {tuple(theta.shape)}"
    value = _number(value)
    if value is None and default is None:
        return None
    if isinstance(value, np.ndarray) or is_tensor(value):
        if isinstance(value, np.ma.MaskedArray) or not _is_real(value):
            raise wrong(name, value, expected, TypeError)
        _check_broadcasts(name, value, theta)
        value = like(name, value, theta)
        finite = bool((value.isfinite() if is_tensor(value) else np.isfinite(value)).all())
    elif isinstance(value, int | float) and not isinstance(value, bool):
        finite = -sys.float_info.max <= value <= sys.float_info.max
    else:
        raise wrong(name, value, expected, TypeError)
    if not finite:
        raise wrong(name, value, "finite numbers")
    return value


def _is_real(array):
    if is_tensor(array):
        return not array.dtype.is_complex and "bool" not in str(array.dtype)
    return array.dtype.kind in "fiu"


def _check_broadcasts(name, value, theta):
    seen, shape = tuple(value.shape), tuple(theta.shape)
    try:
        fits = np.broadcast_shapes(seen, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name}: got shape {seen}, expected a number or an array that broadcasts to "
            f"theta's shape {shape}"
        )
