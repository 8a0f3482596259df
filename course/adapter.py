"""How a rule takes a step inside an optimizer of torch's kind: `FromRule`, which torch_optim's classes share.

Parameters that share a rule, settings and step number take their step together: small ones on the CPU as
one array of NumPy's, since an operation on a small tensor costs more in the call than in the arithmetic,
others one by one in torch, or, with fast=True, in the kernels of `course.fast`. All three write into the
tensors that torch keeps.
"""

import functools
import inspect
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.autograd.graph import increment_version
from torch.optim.optimizer import _get_scalar_dtype

from course.inputs import bare

_SMALL = 2**13  # entries of a parameter from which torch's operations cost less than copying
_TOGETHER = 2**14  # entries of one array of small parameters, so that it stays in the cache
_PAIRS = {
    "betas": ("beta1", "beta2"),
    "etas": ("etaminus", "etaplus"),
    "step_sizes": ("step_size_min", "step_size_max"),
}


@dataclass(slots=True)
class Batch:
    """What the steps of some parameters share.

    rule, hyper, t   the rule, its hyper-parameters and the number of this step
    numbers          the states that are one number, by the rule's names
    present          the rule's names of the states that are arrays and kept already
    group            the group's settings under torch's names
    dtype            the parameters' type
    members          (parameter, what is kept for it) pairs
    """

    rule: object
    hyper: dict
    t: int
    numbers: dict
    present: tuple
    group: dict
    dtype: torch.dtype
    members: list = field(default_factory=list)

    @property
    def outside(self):
        """The settings that act before the rule: maximize, weight decay, and whether that is decoupled."""
        group = self.group
        decay = 0 if "weight_decay" in self.hyper else group.get("weight_decay", 0)
        return group.get("maximize", False), decay, group.get("decoupled_weight_decay", False)


def formula(rule, theta, g, t, state, hyper, outside):
    """The rule's step with what torch's classes do before it: (theta, *state)."""
    maximize, decay, decoupled = outside
    if maximize:
        g = -g
    if decay:
        if decoupled:
            theta = (1 - hyper["lr"] * decay) * theta
        else:
            g = g + decay * theta
    return bare(rule)(theta, g, t, **state, **hyper)


def write(kept, key, value, dtype):
    """Puts a rule's new state into the tensor that is kept, so that references to it stay good."""
    old = kept.get(key)
    if not isinstance(old, torch.Tensor):  # a copy, since a rule may return the gradient itself
        kept[key] = value.to(dtype, copy=True) if isinstance(value, torch.Tensor) else value
    elif isinstance(value, torch.Tensor):
        old.copy_(value)
    else:
        old.fill_(value)


def with_fast(torchs):
    """The __init__ of a class of torch's, with the keyword `fast` beside its own."""

    @functools.wraps(torchs.__init__)
    def __init__(self, *arguments, fast=False, **settings):
        if not isinstance(fast, bool):
            raise TypeError(f"fast: got {fast!r}, expected True or False")
        self.fast = fast
        torchs.__init__(self, *arguments, **settings)

    signature = inspect.signature(torchs.__init__)
    keyword = inspect.Parameter("fast", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=bool)
    __init__.__signature__ = signature.replace(parameters=[*signature.parameters.values(), keyword])
    return __init__


class FromRule:
    """The adapter: torch's class keeps groups, state and checks; the step is the rule's.

    A class says which rule its settings mean (`_rule`), under which of torch's names the rule's state is
    kept (`_state`), what torch keeps before the first step (`_start`), and which settings the rule takes
    (`_hyper`).
    """

    fast = False
    _state = {}  # the rule's name of a state -> torch's
    _at_least = torch.float32  # the type to compute in: in float16, squares of gradients above 256 are infinite
    _by_coordinate = True  # whether the rule gives an entry the same in any shape and company

    # torch sets this to True for fused=True; while it is False, GradScaler unscales the gradients itself.
    _step_supports_amp_scaling = property(lambda self: False, lambda self, value: None)

    def add_param_group(self, group):
        super().add_param_group(group)
        try:
            self._accept(self.param_groups[-1])
        except ValueError:
            self.param_groups.pop()
            raise

    def __getstate__(self):
        return super().__getstate__() | {"fast": self.fast}

    def __setstate__(self, state):  # load_state_dict ends here too
        for group in state["param_groups"]:
            self._accept(group)
        super().__setstate__(state)

    def _accept(self, group):
        for keyword in ("capturable", "differentiable"):
            if group.get(keyword):
                name = type(self).__name__
                raise ValueError(f"{keyword}: got True, expected False; course.torch_optim.{name} has no such step, "
                                 f"torch.optim.{name} has")
        for p in group["params"]:
            if p.is_complex():
                name = type(self).__name__
                raise ValueError(f"params: got complex parameters, expected real ones; torch.optim.{name} may take "
                                 "them")

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
                for batch in self._batches(group):
                    self._take(batch)
        return loss

    def _batches(self, group):
        """The group's parameters that have a gradient, by what their steps share."""
        params = [p for p in group["params"] if p.grad is not None]
        if any(p.grad.is_sparse for p in params):
            name = type(self).__name__
            raise RuntimeError(f"{name}: got a sparse gradient, expected a dense one; torch.optim.{name} or "
                               "torch.optim.SparseAdam may take it")
        kept = [self.state.get(p) or self._start(p, group) for p in params]
        batches, hypers, names = {}, {}, self._state
        for p, state, t in zip(params, kept, self._count(kept), strict=True):
            rule = self._rule(p, group)
            kind = p.dtype if self._by_coordinate else p
            hyper = hypers.get(kind)
            if hyper is None:
                hyper = hypers[kind] = self._hyper(rule, p, group)
            numbers = self._numbers(state, t, hyper)
            present = [name for name in rule.state if name not in numbers and state.get(names[name]) is not None]
            key = rule, kind, p.device, t, *present, *numbers.values()
            batch = batches.get(key)
            if batch is None:
                batch = batches[key] = Batch(rule, hyper, t, numbers, tuple(present), group, p.dtype)
            batch.members.append((p, state))
        return batches.values()

    def _take(self, batch):
        """One step for the members of a batch."""
        members = batch.members
        first = len(batch.present) + len(batch.numbers) < len(batch.rule.state) or batch.t == 1
        if self.fast:
            from course import fast  # the compiler is imported where it is asked for

            members = fast.take(self, batch)
        if self._by_coordinate and members and members[0][0].device.type == "cpu":
            members = self._together(batch, members)
        for p, kept in members:
            self._step_one(batch, p, kept)
        if first:
            for p, kept in batch.members:
                if kept:
                    self.state[p] = kept

    def _step_one(self, batch, p, kept):
        rule, dtype = batch.rule, torch.promote_types(p.dtype, self._at_least)
        state = {name: kept[self._state[name]].to(dtype) for name in batch.present} | batch.numbers
        theta, *new = formula(rule, p.to(dtype), p.grad.to(dtype), batch.t, state, batch.hyper, batch.outside)
        p.copy_(theta)
        old = {id(value) for value in state.values() if isinstance(value, torch.Tensor)}
        new = [value.clone() if id(value) in old else value for value in new]  # a state that another one becomes
        for name, value in zip(rule.state, new, strict=True):
            write(kept, self._state[name], value, p.dtype)

    def _together(self, batch, members):
        """One step for the small ones of some members of a batch, as arrays of NumPy's; returns the others."""
        rule, small, others, size = batch.rule, [], [], 0
        if len(batch.present) + len(batch.numbers) < len(rule.state):
            return members  # the first step makes the state
        keys, seen = [self._state[name] for name in batch.present], self.__dict__.setdefault("_seen", {})
        for member in members:
            p, kept = member
            size_of = p.numel()
            views = _views(p, [kept[key] for key in keys], seen) if size_of <= _SMALL else None
            if views is None:
                others.append(member)
                continue
            if size and size + size_of > _TOGETHER:
                self._step_views(batch, small)
                small, size = [], 0
            small.append((p, kept, views))
            size += size_of
        if small:
            self._step_views(batch, small)
        return others

    def _step_views(self, batch, small):
        columns = list(zip(*[views for _, _, views in small], strict=True))
        theta, g, *state = map(np.concatenate, columns) if len(small) > 1 else [column[0] for column in columns]
        state = dict(zip(batch.present, state, strict=True)) | batch.numbers
        with np.errstate(all="ignore"):
            theta, *state = formula(batch.rule, theta, g, batch.t, state, batch.hyper, batch.outside)
        new = dict(zip(batch.rule.state, state, strict=True))
        for column, value in zip((columns[0], *columns[2:]), (theta, *map(new.pop, batch.present)), strict=True):
            start = 0
            for view in column:
                end = start + view.size
                view[...] = value[start:end]
                start = end
        increment_version([p for p, _, _ in small])
        for name, value in new.items():
            for p, kept, _ in small:
                write(kept, self._state[name], value, p.dtype)

    def _start(self, p, group):
        """What torch keeps for a parameter before its first step, where that is not zero."""
        return {"step": torch.zeros((), dtype=_get_scalar_dtype())}

    def _count(self, kept):
        """The number of this step for every parameter, counted where torch counts it."""
        steps = [state["step"] for state in kept]
        if steps:
            torch._foreach_add_(steps, 1)
        return [int(step.item()) for step in steps]

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


def _views(p, states, seen):
    """The memory of p, of its gradient and of its states as one-dimensional arrays; None where that cannot be.

    seen   id of p -> (addresses, arrays) of the last step: an array keeps its memory, so that an address which
           is still the same is still the same memory
    """
    g = p.grad
    if g.dtype is not p.dtype or g.device.type != "cpu" or not (p.is_contiguous() and g.is_contiguous()):
        return None
    where = [p.data_ptr(), p.numel(), *[state.data_ptr() for state in states]]
    known, views = seen.get(id(p), (None, None))
    if known != where:
        tensors = (p, *states)
        fits = p.dtype in (torch.float32, torch.float64) and all(
            x.dtype is p.dtype and x.device.type == "cpu" and x.is_contiguous()
            and type(x) in (torch.Tensor, torch.nn.Parameter) for x in tensors)  # fmt: skip
        views = [x.detach().numpy().reshape(-1) for x in tensors] if fits else None
        seen[id(p)] = where, views
    if views is None or type(g) is not torch.Tensor:
        return None
    g = (g.detach() if g.requires_grad else g).numpy()
    return [views[0], g if g.ndim == 1 else g.reshape(-1), *views[1:]]
