"""torch.optim's classes, made from the rules: a training script changes one import line.

    from course import torch_optim as optim          # in place of: from torch import optim
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

Each class takes torch's own keywords, checks them as torch does, and is an instance of torch's class,
so that lr_scheduler, state_dict, hooks, parameter groups, closures and pickling work unchanged; a
checkpoint of torch's class loads here and the other way round. What differs is the step: it calls the
rule of `course.rules`, and writes the new state into the tensors that torch keeps (`adapter.py`).

`fast=True` compiles the rule into one kernel, which takes about the time of torch's fused ones (`fast.py`);
Adafactor and Muon, which look at matrices, say that they stay as they are.

`foreach` and `fused` choose how torch computes, not what; they are accepted and change nothing.
`capturable` and `differentiable` would change what a step is, and are refused. So are sparse gradients
and complex parameters, and the classes LBFGS and SparseAdam when one is made (their import works), with a
message that names torch's own.

float16 and bfloat16 parameters take a step in float32 that is rounded once, state included, where torch
rounds after every operation; Rprop, which looks at signs only, stays in float16. On gradients of size 1
the two are within 10 units in the last place after 20 steps. At the ends of float16's range they part:
for gradients below 5e-3 torch's Adam and its kin divide by 0, as eps = 1e-8 is 0 there, and ours do not;
above 256 torch's Adagrad never moves, as its sum is infinite, and ours takes one step first.
"""

import sys

import torch
from torch.optim import Optimizer, lr_scheduler, swa_utils
from torch.optim.optimizer import _get_scalar_dtype

from course import inputs, rules
from course.adapter import FromRule, with_fast

__all__ = [
    "ASGD", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Muon", "NAdam",
    "Optimizer", "RAdam", "RMSprop", "Rprop", "SparseAdam", "lr_scheduler", "swa_utils",
]  # fmt: skip

for _module in (lr_scheduler, swa_utils):  # so that `from course.torch_optim.lr_scheduler import StepLR` works
    sys.modules[f"{__name__}.{_module.__name__.rpartition('.')[2]}"] = _module


_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}


@inputs.rule
def _nesterov_dampened(theta, g, t, b=0.0, *, lr=1e-3, momentum=0.9, dampening=0.0):
    """What torch's SGD does where a group asks for both, which its constructor refuses."""
    b = momentum * b + (g if t == 1 else (1 - dampening) * g)
    return theta - lr * (g + momentum * b), b


class SGD(FromRule, torch.optim.SGD):
    """Gradient descent, with momentum, dampening or Nesterov's look-ahead."""

    __init__ = with_fast(torch.optim.SGD)
    _state = {"b": "momentum_buffer"}

    def _rule(self, p, group):
        if not group["momentum"]:
            return rules.sgd
        if group["nesterov"]:
            return _nesterov_dampened if group["dampening"] else rules.nesterov
        return rules.momentum_dampened if group["dampening"] else rules.momentum

    def _start(self, p, group):
        return {}

    def _count(self, kept):
        # the rules only ask whether it is the first
        return [1 if state.get("momentum_buffer") is None else 2 for state in kept]


class Adagrad(FromRule, torch.optim.Adagrad):
    """Each coordinate's step over the root of the sum of its squared gradients."""

    __init__ = with_fast(torch.optim.Adagrad)
    _state = {"G": "sum"}

    def _rule(self, p, group):
        return rules.adagrad

    def _start(self, p, group):
        return {**super()._start(p, group), "sum": torch.full_like(p, self.defaults["initial_accumulator_value"])}


class RMSprop(FromRule, torch.optim.RMSprop):
    """Each coordinate's step over the root of a moving mean of its squared gradients."""

    __init__ = with_fast(torch.optim.RMSprop)
    _state = {"v": "square_avg", "m": "grad_avg", "b": "momentum_buffer"}

    def _rule(self, p, group):
        if group["centered"]:
            return rules.rmsprop_centered_momentum if group["momentum"] else rules.rmsprop_centered
        return rules.rmsprop_momentum if group["momentum"] else rules.rmsprop


class Adadelta(FromRule, torch.optim.Adadelta):
    """Steps in the units of the parameters."""

    __init__ = with_fast(torch.optim.Adadelta)
    _state = {"v": "square_avg", "u": "acc_delta"}

    def _rule(self, p, group):
        return rules.adadelta


class Adam(FromRule, torch.optim.Adam):
    """Momentum over the root of the mean square; with amsgrad, over the largest so far."""

    __init__ = with_fast(torch.optim.Adam)
    _state = {**_MOMENTS, "v_max": "max_exp_avg_sq"}

    def _rule(self, p, group):
        return rules.amsgrad if group["amsgrad"] else rules.adam


class AdamW(Adam, torch.optim.AdamW):
    """Adam with weight decay outside the gradient."""

    __init__ = with_fast(torch.optim.AdamW)

    def _rule(self, p, group):
        plain = group["decoupled_weight_decay"] and not group["amsgrad"]
        return rules.adamw if plain else super()._rule(p, group)


class Adamax(FromRule, torch.optim.Adamax):
    """Adam with the largest recent gradient below."""

    __init__ = with_fast(torch.optim.Adamax)
    _state = {"m": "exp_avg", "u": "exp_inf"}

    def _rule(self, p, group):
        return rules.adamax


class NAdam(FromRule, torch.optim.NAdam):
    """Adam with Nesterov's look-ahead."""

    __init__ = with_fast(torch.optim.NAdam)
    _state = {**_MOMENTS, "p": "mu_product"}

    def _rule(self, p, group):
        return rules.nadam

    def _start(self, p, group):
        return {**super()._start(p, group), "mu_product": torch.ones((), dtype=_get_scalar_dtype())}

    def _numbers(self, kept, t, hyper):
        mu = rules.nadam.__wrapped__(0.0, 1.0, t, **hyper)[-1]  # started from a product of 1
        product = (kept["mu_product"] * mu).item()  # rounded to float32, as torch has it
        return {"p": product / mu if mu else 0.0}


class RAdam(FromRule, torch.optim.RAdam):
    """Adam that waits with its denominator."""

    __init__ = with_fast(torch.optim.RAdam)
    _state = _MOMENTS

    def _rule(self, p, group):
        return rules.radam


class Rprop(FromRule, torch.optim.Rprop):
    """A step size of its own for each coordinate."""

    __init__ = with_fast(torch.optim.Rprop)
    _state = {"previous": "prev", "size": "step_size"}
    _at_least = torch.float16  # torch takes the sign of a product that may be 0 in float16

    def _rule(self, p, group):
        return rules.rprop

    def _start(self, p, group):
        return {**super()._start(p, group), "step_size": torch.full_like(p, float(group["lr"]))}

    def _hyper(self, rule, p, group):
        hyper = super()._hyper(rule, p, group)
        for name in ("etaminus", "etaplus"):  # torch keeps them in a tensor of p's type: 1.203 in bfloat16
            hyper[name] = torch.tensor(hyper[name], dtype=p.dtype).item()
        return hyper


class ASGD(FromRule, torch.optim.ASGD):
    """Averaged SGD; the average is state[p]["ax"]."""

    __init__ = with_fast(torch.optim.ASGD)
    _state = {"a": "ax", "eta": "eta"}

    def _rule(self, p, group):
        return rules.asgd

    def _start(self, p, group):
        dtype = _get_scalar_dtype()
        numbers = {"eta": torch.tensor(float(group["lr"]), dtype=dtype), "mu": torch.ones((), dtype=dtype)}
        return {**super()._start(p, group), **numbers}

    def _numbers(self, kept, t, hyper):
        return {"eta": kept["eta"].item()}

    def _take(self, batch):
        super()._take(batch)
        for _, kept in batch.members:  # torch keeps the weight of the next average as well
            kept["mu"].fill_(1 / max(1, batch.t - batch.group["t0"]))
            for name in ("eta", "mu"):  # torch rounds both, also where a checkpoint has put them into float64
                kept[name].copy_(kept[name].to(_get_scalar_dtype()))


class Adafactor(FromRule, torch.optim.Adafactor):
    """A mean square for every row and column in place of every entry."""

    __init__ = with_fast(torch.optim.Adafactor)
    _by_coordinate = False
    _state = {"R": "row_var", "C": "col_var", "v": "variance"}

    def _rule(self, p, group):
        return rules.adafactor if p.ndim > 1 else rules.adafactor_vector

    def _hyper(self, rule, p, group):
        eps1, eps2 = group["eps"]
        eps1 = torch.finfo(p.dtype).eps if eps1 is None else eps1
        return {**super()._hyper(rule, p, group), "eps1": eps1, "eps2": eps2}


class Muon(FromRule, torch.optim.Muon):
    """Momentum made orthogonal, for matrices."""

    __init__ = with_fast(torch.optim.Muon)
    _by_coordinate = False
    _state = {"b": "momentum_buffer"}

    def _rule(self, p, group):
        return rules.muon if group["nesterov"] else rules.muon_plain

    def _start(self, p, group):
        return {}

    def _count(self, kept):
        return [1] * len(kept)  # the rule asks for no number, and torch keeps none

    def _hyper(self, rule, p, group):
        if p.ndim != 2:
            raise ValueError(f"params: got shape {tuple(p.shape)}, expected a matrix")
        if group["ns_steps"] >= 100:
            raise ValueError(f"ns_steps: got {group['ns_steps']}, expected less than 100, as torch.optim.Muon does")
        hyper = super()._hyper(rule, p, group)
        if group["adjust_lr_fn"] == "match_rms_adamw":
            n, m = p.shape
            factor = 0.2 * max(n, m) ** 0.5 / max(1, n / m) ** 0.5
            hyper["weight_decay"] /= factor  # the decay keeps the rate before this factor
            hyper["lr"] *= factor
        return hyper


class _Missing:
    """A class of torch's that cannot be made from the rules: the import works, making one does not."""

    def __init__(self, *arguments, **settings):
        name = type(self).__name__
        raise NotImplementedError(f"course.torch_optim has no {name} ({self._why}): use torch.optim.{name}")


class LBFGS(_Missing, torch.optim.LBFGS):
    """Refused: use torch.optim.LBFGS."""

    _why = "it is no update rule of one gradient"


class SparseAdam(_Missing, torch.optim.SparseAdam):
    """Refused: use torch.optim.SparseAdam."""

    _why = "the rules here are for dense gradients"
