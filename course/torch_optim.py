"""torch.optim's classes, made from the rules: a training script changes one import line.

    from course import torch_optim as optim          # in place of: from torch import optim
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

Each class takes torch's own keywords, checks them as torch does, and is an instance of torch's class,
so that lr_scheduler, state_dict, hooks, parameter groups, closures and pickling work unchanged; a
checkpoint of torch's class loads here and the other way round. What differs is the step: it calls the
rule of `course.rules` for every parameter, and writes the new state into the tensors that torch keeps.
Every operation of a rule makes a new array: a step of a small network takes 2.0 to 2.6 times as long as
torch's loop over the parameters (foreach=False), Adafactor and RAdam 1.8, plain SGD 3.6.

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

__all__ = [
    "ASGD", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Muon", "NAdam",
    "Optimizer", "RAdam", "RMSprop", "Rprop", "SparseAdam", "lr_scheduler", "swa_utils",
]  # fmt: skip

for _module in (lr_scheduler, swa_utils):  # so that `from course.torch_optim.lr_scheduler import StepLR` works
    sys.modules[f"{__name__}.{_module.__name__.rpartition('.')[2]}"] = _module


class _FromRule:
    """The adapter: torch's class keeps groups, state and checks; the step is the rule's.

    A class says which rule its settings mean (`_rule`), under which of torch's names the rule's state is
    kept (`_state`), what torch keeps before the first step (`_start`), and which settings the rule takes
    (`_hyper`).
    """

    _state = {}  # the rule's name of a state -> torch's
    _at_least = torch.float32  # the type to compute in: in float16, squares of gradients above 256 are infinite

    # torch sets this to True for fused=True; while it is False, GradScaler unscales the gradients itself.
    _step_supports_amp_scaling = property(lambda self: False, lambda self, value: None)

    def add_param_group(self, group):
        super().add_param_group(group)
        try:
            self._accept(self.param_groups[-1])
        except ValueError:
            self.param_groups.pop()
            raise

    def __setstate__(self, state):  # load_state_dict ends here too
        for group in state["param_groups"]:
            self._accept(group)
        super().__setstate__(state)

    def _accept(self, group):
        name = type(self).__name__
        for keyword in ("capturable", "differentiable"):
            if group.get(keyword):
                raise ValueError(f"{keyword}: got True, expected False; course.torch_optim.{name} has no such step, "
                                 f"torch.optim.{name} has")
        if any(p.is_complex() for p in group["params"]):
            raise ValueError(f"params: got complex parameters, expected real ones; torch.optim.{name} may take them")

    def step(self, closure=None):
        """One step for every parameter that has a gradient. Returns the closure's loss, if there is one."""
        for group in self.param_groups:  # its settings may have been changed since
            self._accept(group)
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._step_one(p, group)
        return loss

    def _step_one(self, p, group):
        if p.grad.is_sparse:
            name = type(self).__name__
            raise RuntimeError(f"{name}: got a sparse gradient, expected a dense one; torch.optim.{name} or "
                               "torch.optim.SparseAdam may take it")
        kept = self.state.get(p) or self._start(p, group)
        rule = self._rule(p, group)
        hyper = self._hyper(rule, p, group)
        t = self._count(kept)
        dtype = torch.promote_types(p.dtype, self._at_least)
        theta, g = p.to(dtype), p.grad.to(dtype)
        present = [name for name in rule.state if kept.get(self._state[name]) is not None]
        state = {name: kept[self._state[name]].to(dtype) for name in present} | self._numbers(kept, t, hyper)
        if group.get("maximize"):
            g = -g
        decay = group.get("weight_decay", 0)
        if decay and "weight_decay" not in hyper:
            if group.get("decoupled_weight_decay"):
                theta = (1 - hyper["lr"] * decay) * theta
            else:
                g = g + decay * theta
        theta, *state = rule.__wrapped__(theta, g, t, **state, **hyper)
        p.copy_(theta)
        for name, value in zip(rule.state, state, strict=True):
            _write(kept, self._state[name], value, p.dtype)
        if kept:
            self.state[p] = kept

    def _start(self, p, group):
        """What torch keeps for a parameter before its first step, where that is not zero."""
        return {"step": torch.zeros((), dtype=_get_scalar_dtype())}

    def _count(self, kept):
        """The number of this step for a parameter, counted where torch counts it."""
        kept["step"] += 1
        return int(kept["step"])

    def _numbers(self, kept, t, hyper):
        """The state that is one number, which torch keeps in a tensor of its scalar type (float32)."""
        return {}

    def _hyper(self, rule, p, group):
        """The rule's hyper-parameters, from the group's settings under torch's names."""
        values = {name: group[name] for name in rule.hyper if name in group}
        for pair, parts in _PAIRS.items():
            if pair in group:
                values |= zip(parts, group[pair], strict=True)
        return values | {"lr": float(group["lr"])}


_PAIRS = {
    "betas": ("beta1", "beta2"),
    "etas": ("etaminus", "etaplus"),
    "step_sizes": ("step_size_min", "step_size_max"),
}
_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}


def _write(kept, key, value, dtype):
    """Puts a rule's new state into the tensor that is kept, so that references to it stay good."""
    if kept.get(key) is None:
        kept[key] = value.to(dtype)
    elif isinstance(value, torch.Tensor):
        kept[key].copy_(value)
    else:
        kept[key].fill_(value)


@inputs.rule
def _nesterov_dampened(theta, g, t, b=0.0, *, lr=1e-3, momentum=0.9, dampening=0.0):
    """What torch's SGD does where a group asks for both, which its constructor refuses."""
    b = momentum * b + (g if t == 1 else (1 - dampening) * g)
    return theta - lr * (g + momentum * b), b


class SGD(_FromRule, torch.optim.SGD):
    """Gradient descent, with momentum, dampening or Nesterov's look-ahead."""

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
        return 1 if kept.get("momentum_buffer") is None else 2  # the rules only ask whether it is the first


class Adagrad(_FromRule, torch.optim.Adagrad):
    """Each coordinate's step over the root of the sum of its squared gradients."""

    _state = {"G": "sum"}

    def _rule(self, p, group):
        return rules.adagrad

    def _start(self, p, group):
        return {**super()._start(p, group), "sum": torch.full_like(p, self.defaults["initial_accumulator_value"])}


class RMSprop(_FromRule, torch.optim.RMSprop):
    """Each coordinate's step over the root of a moving mean of its squared gradients."""

    _state = {"v": "square_avg", "m": "grad_avg", "b": "momentum_buffer"}

    def _rule(self, p, group):
        if group["centered"]:
            return rules.rmsprop_centered_momentum if group["momentum"] else rules.rmsprop_centered
        return rules.rmsprop_momentum if group["momentum"] else rules.rmsprop


class Adadelta(_FromRule, torch.optim.Adadelta):
    """Steps in the units of the parameters."""

    _state = {"v": "square_avg", "u": "acc_delta"}

    def _rule(self, p, group):
        return rules.adadelta


class Adam(_FromRule, torch.optim.Adam):
    """Momentum over the root of the mean square; with amsgrad, over the largest so far."""

    _state = {**_MOMENTS, "v_max": "max_exp_avg_sq"}

    def _rule(self, p, group):
        return rules.amsgrad if group["amsgrad"] else rules.adam


class AdamW(Adam, torch.optim.AdamW):
    """Adam with weight decay outside the gradient."""

    def _rule(self, p, group):
        plain = group["decoupled_weight_decay"] and not group["amsgrad"]
        return rules.adamw if plain else super()._rule(p, group)


class Adamax(_FromRule, torch.optim.Adamax):
    """Adam with the largest recent gradient below."""

    _state = {"m": "exp_avg", "u": "exp_inf"}

    def _rule(self, p, group):
        return rules.adamax


class NAdam(_FromRule, torch.optim.NAdam):
    """Adam with Nesterov's look-ahead."""

    _state = {**_MOMENTS, "p": "mu_product"}

    def _rule(self, p, group):
        return rules.nadam

    def _start(self, p, group):
        return {**super()._start(p, group), "mu_product": torch.ones((), dtype=_get_scalar_dtype())}

    def _numbers(self, kept, t, hyper):
        mu = rules.nadam.__wrapped__(0.0, 1.0, t, **hyper)[-1]  # started from a product of 1
        product = (kept["mu_product"] * mu).item()  # rounded to float32, as torch has it
        return {"p": product / mu if mu else 0.0}


class RAdam(_FromRule, torch.optim.RAdam):
    """Adam that waits with its denominator."""

    _state = _MOMENTS

    def _rule(self, p, group):
        return rules.radam


class Rprop(_FromRule, torch.optim.Rprop):
    """A step size of its own for each coordinate."""

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


class ASGD(_FromRule, torch.optim.ASGD):
    """Averaged SGD; the average is state[p]["ax"]."""

    _state = {"a": "ax", "eta": "eta"}

    def _rule(self, p, group):
        return rules.asgd

    def _start(self, p, group):
        dtype = _get_scalar_dtype()
        numbers = {"eta": torch.tensor(float(group["lr"]), dtype=dtype), "mu": torch.ones((), dtype=dtype)}
        return {**super()._start(p, group), **numbers}

    def _numbers(self, kept, t, hyper):
        return {"eta": kept["eta"].item()}

    def _step_one(self, p, group):
        super()._step_one(p, group)
        kept = self.state[p]  # torch keeps the weight of the next average as well
        kept["mu"].fill_(1 / max(1, int(kept["step"]) - group["t0"]))
        for name in ("eta", "mu"):  # torch rounds both, also where a checkpoint has put them into float64
            kept[name].copy_(kept[name].to(_get_scalar_dtype()))


class Adafactor(_FromRule, torch.optim.Adafactor):
    """A mean square for every row and column in place of every entry."""

    _state = {"R": "row_var", "C": "col_var", "v": "variance"}

    def _rule(self, p, group):
        return rules.adafactor if p.ndim > 1 else rules.adafactor_vector

    def _hyper(self, rule, p, group):
        eps1, eps2 = group["eps"]
        eps1 = torch.finfo(p.dtype).eps if eps1 is None else eps1
        return {**super()._hyper(rule, p, group), "eps1": eps1, "eps2": eps2}


class Muon(_FromRule, torch.optim.Muon):
    """Momentum made orthogonal, for matrices."""

    _state = {"b": "momentum_buffer"}

    def _rule(self, p, group):
        return rules.muon if group["nesterov"] else rules.muon_plain

    def _start(self, p, group):
        return {}

    def _count(self, kept):
        return 1  # the rule asks for no number, and torch keeps none

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
