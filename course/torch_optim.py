"""torch.optim's classes, made from the rules: a training script changes one import line.

    from course import torch_optim as optim          # in place of: from torch import optim
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

Each class takes torch's own keywords, checks them as torch does, and is an instance of torch's class,
so that lr_scheduler, state_dict, hooks, parameter groups, closures and pickling work unchanged; a
checkpoint of torch's class loads here and the other way round. What differs is the step: it calls the
rule of `course.rules` for every parameter.

`foreach` and `fused` choose how torch computes, not what; they are accepted and change nothing.
`capturable` and `differentiable` would change what a step is, and are refused. So are sparse gradients
and complex parameters, and the classes LBFGS and SparseAdam, with a message that names torch's own.
"""

import torch
from torch.optim import Optimizer, lr_scheduler, swa_utils
from torch.optim.optimizer import _get_scalar_dtype

from course import rules

__all__ = [
    "ASGD", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Muon", "NAdam", "Optimizer",
    "RAdam", "RMSprop", "Rprop", "lr_scheduler", "swa_utils",
]  # fmt: skip

SCALARS = ("mu_product", "eta")  # state that is one number, kept as torch keeps it: a tensor of its scalar type


class _FromRule:
    """The adapter: torch's class keeps groups, state and checks; the step is the rule's.

    A class says which rule its settings mean (`_rule`), under which of torch's names the rule's state is
    kept (`_state`), and which settings the rule takes (`_hyper`).
    """

    _state = {}  # the rule's name of a state -> torch's

    def __init__(self, params, *arguments, **settings):
        super().__init__(params, *arguments, **settings)
        self._step_supports_amp_scaling = False  # GradScaler unscales the gradients itself, then
        for group in self.param_groups:
            self._accept(group)

    def add_param_group(self, group):
        super().add_param_group(group)
        self._accept(self.param_groups[-1])

    def _accept(self, group):
        ours, theirs = f"course.torch_optim.{type(self).__name__}", f"torch.optim.{type(self).__name__}"
        for keyword in ("capturable", "differentiable"):
            if group.get(keyword):
                raise ValueError(f"{keyword}: got True, expected False; {ours} has no such step, {theirs} has")
        if any(torch.is_complex(p) for p in group["params"]):
            raise ValueError(f"params: got complex parameters, expected real ones; {theirs} may take them")

    def step(self, closure=None):
        """One step for every parameter that has a gradient. Returns the closure's loss, if there is one."""
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
        kept = self.state[p]
        rule = self._rule(p, group)
        hyper = self._hyper(rule, p, group)
        theta, g = p, -p.grad if group.get("maximize") else p.grad
        decay = group.get("weight_decay", 0)
        if decay and "weight_decay" not in hyper:
            if group.get("decoupled_weight_decay"):
                theta = (1 - hyper["lr"] * decay) * theta
            else:
                g = g + decay * theta
        t = self._count(kept)
        state = {name: _read(kept, self._state[name]) for name in rule.state if kept.get(self._state[name]) is not None}
        state = self._rounded(state, kept, t, hyper)
        theta, *state = rule.__wrapped__(theta, g, t, **state, **hyper)
        p.copy_(theta)
        for name, value in zip(rule.state, state, strict=True):
            kept[self._state[name]] = _written(self._state[name], value)

    def _count(self, kept):
        """The number of this step for a parameter, counted where torch counts it."""
        t = int(kept.get("step", 0)) + 1
        kept["step"] = torch.tensor(float(t), dtype=_get_scalar_dtype())
        return t

    def _rounded(self, state, kept, t, hyper):
        """The state as torch has it, where torch rounds a number to its scalar type (float32) in between."""
        return state

    def _hyper(self, rule, p, group):
        """The rule's hyper-parameters, from the group's settings under torch's names."""
        values = {name: group[name] for name in rule.hyper if name in group}
        for pair, parts in _PAIRS.items():
            values |= zip(parts, group.get(pair, ()), strict=False)
        values["lr"] = float(group["lr"])
        return {name: value for name, value in values.items() if name in rule.hyper}


_PAIRS = {
    "betas": ("beta1", "beta2"),
    "etas": ("etaminus", "etaplus"),
    "step_sizes": ("step_size_min", "step_size_max"),
}
_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}


def _read(kept, name):
    return kept[name].item() if name in SCALARS else kept[name]


def _written(name, value):
    return torch.tensor(value, dtype=_get_scalar_dtype()) if name in SCALARS else value


class SGD(_FromRule, torch.optim.SGD):
    """Gradient descent, with momentum, dampening or Nesterov's look-ahead."""

    _state = {"b": "momentum_buffer"}

    def _rule(self, p, group):
        if not group["momentum"]:
            return rules.sgd
        if group["nesterov"]:
            return rules.nesterov
        return rules.momentum_dampened if group["dampening"] else rules.momentum

    def _count(self, kept):
        return 1 if kept.get("momentum_buffer") is None else 2  # the rules only ask whether it is the first


class Adagrad(_FromRule, torch.optim.Adagrad):
    """Each coordinate's step over the root of the sum of its squared gradients."""

    _state = {"G": "sum"}

    def _rule(self, p, group):
        return rules.adagrad


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


class AdamW(_FromRule, torch.optim.AdamW):
    """Adam with weight decay outside the gradient."""

    _state = {**_MOMENTS, "v_max": "max_exp_avg_sq"}

    def _rule(self, p, group):
        return rules.amsgrad if group["amsgrad"] else rules.adamw


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

    def _rounded(self, state, kept, t, hyper):
        mu = rules.nadam.__wrapped__(0.0, 1.0, t, **hyper)[-1]  # started from a product of 1
        product = kept.get("mu_product", torch.ones((), dtype=_get_scalar_dtype())) * mu
        return {**state, "p": product.item() / mu}


class RAdam(_FromRule, torch.optim.RAdam):
    """Adam that waits with its denominator."""

    _state = _MOMENTS

    def _rule(self, p, group):
        return rules.radam


class Rprop(_FromRule, torch.optim.Rprop):
    """A step size of its own for each coordinate."""

    _state = {"previous": "prev", "size": "step_size"}

    def _rule(self, p, group):
        return rules.rprop


class ASGD(_FromRule, torch.optim.ASGD):
    """Averaged SGD; the average is state[p]["ax"]."""

    _state = {"a": "ax", "eta": "eta"}

    def _rule(self, p, group):
        return rules.asgd

    def _rounded(self, state, kept, t, hyper):
        return {"eta": torch.tensor(hyper["lr"], dtype=_get_scalar_dtype()).item(), **state}

    def _step_one(self, p, group):
        super()._step_one(p, group)
        kept = self.state[p]  # torch keeps the weight of the next average as well
        kept["mu"] = torch.tensor(1 / max(1, int(kept["step"]) - group["t0"]), dtype=_get_scalar_dtype())


class Adafactor(_FromRule, torch.optim.Adafactor):
    """A mean square for every row and column in place of every entry."""

    _state = {"R": "row_var", "C": "col_var", "v": "variance"}

    def _rule(self, p, group):
        return rules.adafactor if p.ndim > 1 else rules.adafactor_vector

    def _hyper(self, rule, p, group):
        eps1, eps2 = group["eps"]
        return {**super()._hyper(rule, p, group), "eps1": eps1, "eps2": eps2}


class Muon(_FromRule, torch.optim.Muon):
    """Momentum made orthogonal, for matrices."""

    _state = {"b": "momentum_buffer"}

    def _rule(self, p, group):
        return rules.muon if group["nesterov"] else rules.muon_plain

    def _count(self, kept):
        return 1  # the rule asks for no number, and torch keeps none

    def _hyper(self, rule, p, group):
        hyper = super()._hyper(rule, p, group)
        if group["adjust_lr_fn"] == "match_rms_adamw":
            n, m = p.shape
            factor = 0.2 * max(n, m) ** 0.5 / max(1, n / m) ** 0.5
            hyper["weight_decay"] /= factor  # the decay keeps the rate before this factor
            hyper["lr"] *= factor
        return hyper


def __getattr__(name):
    if name in ("LBFGS", "SparseAdam"):
        why = {"LBFGS": "it is no update rule of one gradient", "SparseAdam": "the rules here are for dense gradients"}
        raise AttributeError(f"course.torch_optim has no {name} ({why[name]}): use torch.optim.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
