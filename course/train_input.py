"""What `fit`, `evaluate` and `tune` of course.train accept, and the one clear message for what they do not."""

import inspect
import math
import numbers

import torch

from course import device as chosen_device
from course.inputs import check_count, wrong


def is_real(value):
    """Whether it is one real number, and no truth value."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def checked_seed(seed):
    """The seed as an int; raises unless it is a whole number that torch takes."""
    if check_count("seed", seed) >= 2**63:
        raise wrong("seed", seed, "a whole number below 2**63")
    return int(seed)


def checked_device(device):
    """The torch.device that is named, or the course's; raises ValueError where it is not there."""
    try:
        return chosen_device() if device is None else torch.zeros(1, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise wrong("device", device, f"a device that is present ({str(error).splitlines()[0]})") from None


def checked_pair(name, part):
    """x and y of a part. Raises unless they are tensors of one length, which is not 0."""
    try:
        x, y = part
    except (TypeError, ValueError):
        raise wrong(name, part, "a pair of tensors (x, y)", TypeError) from None
    if not (isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor)):
        kinds = type(x).__name__, type(y).__name__
        raise TypeError(f"{name}: got a pair of {' and '.join(kinds)}, expected two tensors (x, y)")
    if not (x.ndim and y.ndim and len(x) == len(y) > 0):
        raise ValueError(f"{name}: got shapes {tuple(x.shape)} and {tuple(y.shape)}, expected a row of y for each of "
                         "one or more rows of x")
    return x, y


def checked_part(data, name, device):
    """x and y of one part of the data, on the device; raises TypeError or ValueError where they are not there."""
    if not hasattr(data, name):
        raise wrong("data", data, "a course.data.Data, or anything with .train and .validation", TypeError)
    return [tensor.to(device) for tensor in checked_pair(f"data.{name}", getattr(data, name))]


def mean_loss(loss, scores, y):
    """The loss as a tensor of one number; raises TypeError or ValueError for a loss that returns anything else."""
    value = loss(scores, y)
    if not (isinstance(value, torch.Tensor) and value.numel() == 1):
        raise wrong("loss", value, "a function (scores, y) -> one number as a tensor, the mean loss", TypeError)
    if torch.is_grad_enabled() and not value.requires_grad:
        raise ValueError("loss: got a number that no parameter of the model moves, expected one that depends on the scores")
    return value


def made_optimizer(make, model):
    """The optimizer of the model's parameters; raises TypeError or ValueError for anything else."""
    expected = "a function of the parameters that returns a torch optimizer, such as lambda p: torch.optim.SGD(p, lr=0.1)"
    if not callable(make):
        raise wrong("optimizer", make, expected, TypeError)
    made = make(model.parameters())
    if not isinstance(made, torch.optim.Optimizer):
        raise wrong("optimizer", made, expected, TypeError)
    own = {id(p) for p in model.parameters()}
    if not any(id(p) in own for group in made.param_groups for p in group["params"]):
        raise ValueError("optimizer: got one that holds no parameter of the model, expected one of those it is given")
    return made


def made_schedule(schedule, opt):
    """(the step -> a rate, None), or (None, torch's scheduler), or (None, None). schedule(1) is asked once."""
    if schedule is None:
        return None, None
    if not callable(schedule):
        raise wrong("schedule", schedule, "a function of the step t, or of the optimizer", TypeError)
    expected, first, failed = "a function t -> rate, or optimizer -> one of torch's schedulers", None, None
    try:
        first = schedule(1)
    except Exception as error:  # torch's schedulers refuse a step for an optimizer
        failed = error
    if is_real(first) or getattr(first, "shape", None) == ():
        return (lambda t: _rate(first if t == 1 else schedule(t), t)), None
    try:
        made = schedule(opt)
    except Exception as error:
        if failed is None:
            raise wrong("schedule", first, f"{expected}; this is its answer at t = 1", TypeError) from error
        for_step, for_opt = (f"{type(e).__name__}: {(str(e).splitlines() or [''])[0]}" for e in (failed, error))
        raise TypeError(f"schedule: failed at t = 1 ({for_step}) and for the optimizer ({for_opt}), expected {expected}") from failed
    if not isinstance(made, torch.optim.lr_scheduler.LRScheduler):
        raise wrong("schedule", made, expected, TypeError)
    return None, made


def _rate(value, t):
    """A rate as a float; raises unless it is a finite number >= 0."""
    if not (is_real(value) or getattr(value, "shape", None) == ()) or not 0 <= float(value) < math.inf:
        raise wrong("schedule", value, f"a rate >= 0 at t = {t}")
    return float(value)


def needs_closure(opt):
    """Whether the optimizer's step cannot be called without a closure, as that of LBFGS."""
    closure = inspect.signature(opt.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty
