r"""The unchanged rule at the speed of torch's fused kernels.

    Lion = fast(rules.lion)                              # an optimizer class from any rule
    optimizer = Lion(model.parameters(), lr=1e-4)
    optimizer = torch_optim.Adam(model.parameters(), fast=True)   # torch's classes, the same way

A rule is recorded once, as a graph of torch.fx. What depends only on t, the hyper-parameters and states
that are one number (1 - beta1**t, a rate that decays) is evaluated in Python's floats, once per step. What
is left of the rule, an arithmetic of arrays, is compiled by torch.compile into one kernel that reads and
writes each array once. The numbers enter the kernel as a small tensor: a schedule compiles nothing anew.

A branch on t or on a hyper-parameter (RAdam's rho_t > 5) is taken in Python at every step; each way
through the rule is recorded when it is first met, and has its own kernel. A branch on an array's entries
belongs in `where`. Rules that look at a parameter as a matrix, parameters with less than two entries, and
the first step, which makes the state, stay eager. So does everything, with one warning that says why, where
there is no C++ compiler or a rule does something that cannot be recorded.

The kernel takes the formula's operations in the formula's order and rounding, without fused multiply-add.
"""

import functools
import inspect
import operator
import warnings

import torch
from torch import fx

from course import arguments, inputs, ops, rules
from course.adapter import FromRule, formula, write
from course.inputs import bare

_MOST_BRANCHES = 8  # ways through one rule, each with a kernel of its own
_LARGE = 2**15  # entries from which a kernel shares its work among torch's threads
_ARRAYS = {ops.sqrt: torch.sqrt, ops.sign: torch.sign, ops.where: torch.where,
           ops.maximum: torch.maximum, ops.minimum: torch.minimum}  # fmt: skip
_MATRIX = (*rules.MATRIX_RULES, "adafactor_vector")
_BOTH_TENSORS = (ops.maximum, ops.minimum)  # torch's own take no plain number


class CannotRecord(TypeError, AttributeError):
    """What a rule does that is no arithmetic coordinate by coordinate; the message names it."""


class _NotYet(Exception):
    """A state turns from a number into an array at this step, or back: the step is eager, later ones may not be."""


class _Value:
    """A number or an array of a rule that is being recorded: a node of a graph of torch.fx.

    number   the value itself, of what depends on t, hyper-parameters and numbers only; None for an array
    """

    __array_ufunc__ = None
    __hash__ = object.__hash__

    def __init__(self, recorder, node, number=None):
        self.recorder, self.node, self.number = recorder, node, number

    def __array_namespace__(self, api_version=None):
        return _Functions

    def __bool__(self):
        if self.number is None:
            raise CannotRecord("branches on the entries of an array, expected where of course.ops")
        self.recorder.branches.append((self.node, bool(self.number)))
        return bool(self.number)

    def __getattr__(self, name):
        raise CannotRecord(f"uses .{name} of an array, expected + - * / ** and the functions of course.ops")

    def _refused(self, *_):
        raise CannotRecord("looks into an array or turns it into a number, expected arithmetic on all its entries")

    __float__ = __int__ = __index__ = __len__ = __iter__ = __getitem__ = __matmul__ = __rmatmul__ = _refused


def _operator(function, swap=False):
    def method(self, *others):
        return _call(function, *reversed((self, *others)) if swap else (self, *others))

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(_Value, f"__{_name}__", _operator(getattr(operator, _name)))
    setattr(_Value, f"__r{_name}__", _operator(getattr(operator, _name), swap=True))
for _name in ("neg", "abs", "gt", "lt", "ge", "le", "eq", "ne"):
    setattr(_Value, f"__{_name}__", _operator(getattr(operator, _name)))


class _Functions:
    """The functions of course.ops for values that are being recorded."""

    sqrt = staticmethod(lambda x: _call(ops.sqrt, x))
    sign = staticmethod(lambda x: _call(ops.sign, x))
    maximum = staticmethod(lambda x, y: _call(ops.maximum, x, y))
    minimum = staticmethod(lambda x, y: _call(ops.minimum, x, y))

    @staticmethod
    def where(condition, x, y):
        if isinstance(condition, bool):
            return x if condition else y
        if condition.number is not None and any(_is_array(value) for value in (x, y)):
            return x if condition else y  # one answer for all entries: a branch
        return _call(ops.where, condition, x, y)


def _is_array(value):
    return isinstance(value, _Value) and value.number is None


def _call(function, *values):
    """Record one operation, among the numbers where all its values are numbers, else among the arrays."""
    for value in values:
        if not isinstance(value, _Value | bool | int | float):
            raise CannotRecord(f"computes with {inputs.shown(value)}, expected arrays and plain numbers")
    recorder = next(value.recorder for value in values if isinstance(value, _Value))
    if not any(map(_is_array, values)):
        nodes = tuple(getattr(value, "node", value) for value in values)
        number = function(*(value.number if isinstance(value, _Value) else value for value in values))
        return _Value(recorder, recorder.numbers.call_function(function, nodes), number)
    nodes = tuple(recorder.in_arrays(value, as_tensor=function in _BOTH_TENSORS) for value in values)
    return _Value(recorder, recorder.arrays.call_function(_ARRAYS.get(function, function), nodes))


class Recording:
    """One way through a rule: its numbers, which Python computes, and its arrays, for one kernel.

    step      function of (theta, g, numbers by name, arrays by name) -> (theta, *states)
    numbers   name -> value at this step; their values decide which branches are taken
    arrays    names of the states that are arrays
    states    names of all states, in the rule's order
    dtype     type to compute in

    Raises CannotRecord for what is no arithmetic of arrays, coordinate by coordinate.
    """

    def __init__(self, step, numbers, arrays, states, dtype):
        self.numbers, self.arrays, self.branches, self.slots, self.dtype = fx.Graph(), fx.Graph(), [], {}, dtype
        values = {name: _Value(self, self.numbers.placeholder(f"number_{i}"), value)
                  for i, (name, value) in enumerate(numbers.items())}  # fmt: skip
        self._scalars = self.arrays.placeholder("numbers")
        kept = [self.arrays.placeholder(f"array_{i}") for i in range(2 + len(arrays))]
        inside = [self.arrays.call_method("to", (node, dtype)) for node in kept]  # nothing where it is that type
        theta, g, *old = (_Value(self, node) for node in inside)
        new = step(theta, g, values, dict(zip(arrays, old, strict=True)))
        if not isinstance(new, tuple) or len(new) != 1 + len(states) or not _is_array(new[0]):
            raise CannotRecord(f"returns {inputs.shown(new)}, expected a tuple ({', '.join(('theta', *states))})")
        by_name = dict(zip(states, new[1:], strict=True))
        for name, value in by_name.items():
            if _is_array(value) != (name in arrays):
                raise _NotYet(name)
        ends = [new[0].node, *(by_name[name].node for name in arrays)]
        mine = inside[0], *inside[2:]
        for i, (old, node) in enumerate(zip((kept[0], *kept[2:]), ends, strict=True)):
            if any(node is other for j, other in enumerate(mine) if j != i):  # Inductor writes it before it is read
                raise CannotRecord(f"returns an old array as its new {('theta', *arrays)[i]}")
            self.arrays.call_method("copy_", (old, node))
        self.arrays.output(())
        self.number_states = [name for name in states if name not in arrays]
        ends = tuple(getattr(by_name[name], "node", by_name[name]) for name in self.number_states)
        self.outcomes = tuple(outcome for _, outcome in self.branches)
        self.numbers.output((tuple(self.slots), ends, tuple(node for node, _ in self.branches)))
        self.evaluate = fx.GraphModule(torch.nn.Module(), self.numbers).forward

    def in_arrays(self, value, as_tensor):
        """A value as an argument among the arrays: numbers of the step are read from the tensor of numbers."""
        if _is_array(value):
            return value.node
        if not isinstance(value, _Value):
            if not as_tensor:
                return value
            node = self.numbers.call_function(float, (value,))
        else:
            node = value.node
        slot = self.slots.setdefault(node, len(self.slots))
        return self.arrays.call_function(operator.getitem, (self._scalars, slot))

    def at(self, numbers):
        """(numbers for the kernel, new states that are numbers), or None where a branch goes another way."""
        try:
            slots, ends, outcomes = self.evaluate(*numbers.values())
        except ArithmeticError:  # of a formula for other settings
            return None
        return (slots, ends) if tuple(map(bool, outcomes)) == self.outcomes else None

    def compile(self, stored, device, size):
        """The kernel: a function of (numbers, theta, g, *arrays) that writes theta and the arrays.

        stored   types that theta, g and the arrays are kept in
        size     entries of the arrays that it is compiled for, here: a failure touches no parameter
        """
        kernel = torch.compile(fx.GraphModule(torch.nn.Module(), self.arrays), fullgraph=True, dynamic=True)
        arrays = [torch.ones(size, dtype=dtype, device=device) for dtype in stored]
        kernel(_scalars((1.0,) * len(self.slots), self.dtype, device), *arrays)
        return kernel


_recordings = {}  # (rule and constants) -> its recordings, None where it cannot be recorded
_kernels = {}  # (recording, types, device, large) -> kernel, None where it cannot be compiled
_warned = set()


def _give_up(rule, reason):
    """One warning for a rule and a reason; the eager rule goes on."""
    message = f"fast: {rule.__name__} {reason}. Its steps are eager, as without fast=True"
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, RuntimeWarning, stacklevel=2)


def _plan(batch, dtype):
    """(recording, numbers for the kernel, new states that are numbers) of a step; None where there is none."""
    rule, (maximize, decay, decoupled) = batch.rule, batch.outside
    numbers, constants = {"t": batch.t, "decay outside": decay, **batch.numbers}, {}
    for name, value in batch.hyper.items():
        (numbers if isinstance(value, int | float) and not isinstance(value, bool) else constants)[name] = value
    key = bare(rule), tuple(numbers), repr(constants), maximize, decoupled, batch.present, dtype
    known = _recordings.setdefault(key, [])
    if known is None:
        return None
    for recording in known:
        found = recording.at(numbers)
        if found:
            return recording, *found

    def step(theta, g, values, arrays):
        t, decay = values.pop("t"), values.pop("decay outside")
        state = arrays | {name: values.pop(name) for name in batch.numbers}
        return formula(rule, theta, g, t, state, values | constants, (maximize, decay, decoupled))

    try:
        if len(known) == _MOST_BRANCHES:
            raise CannotRecord(f"takes more than {_MOST_BRANCHES} ways through its branches")
        recording = Recording(step, numbers, batch.present, tuple(rule.state), dtype)
    except _NotYet:
        return None
    except (CannotRecord, TypeError, AttributeError, NotImplementedError) as error:
        _recordings[key] = None
        _give_up(rule, f"cannot be recorded: it {error}" if isinstance(error, CannotRecord) else
                 f"cannot be recorded ({type(error).__name__}: {error})")  # fmt: skip
        return None
    known.append(recording)
    return recording, *recording.at(numbers)


def _kernel(rule, recording, stored, device, large):
    key = recording, stored, device, large
    if key not in _kernels:
        try:
            _kernels[key] = recording.compile(stored, device, 32 * _LARGE + 3 if large else 1021)
        except Exception as error:  # torch.compile raises whatever its parts raise
            _kernels[key] = None
            reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            need = "a C++ compiler (g++, clang++, or the one that CXX names)" if device.type == "cpu" else "Triton"
            _give_up(rule, f"cannot be compiled, which needs {need}: {reason}")
    return _kernels[key]


def take(optimizer, batch):
    """One step for those members of a batch that a kernel can take; returns the others, untouched.

    optimizer   a FromRule, which knows how states are named and whether the rule works coordinate by coordinate
    batch       an adapter.Batch; what is written is the members' parameters and states
    """
    rule, names, left = batch.rule, optimizer._state, []
    if not optimizer._by_coordinate:
        _give_up(rule, "looks at a parameter as a matrix")
        return batch.members
    if len(batch.present) + len(batch.numbers) < len(rule.state):
        return batch.members  # the first step makes the state
    dtype = torch.promote_types(batch.dtype, optimizer._at_least)
    plan = _plan(batch, dtype) if dtype in (torch.float32, torch.float64) else None
    if plan is None:
        return batch.members
    recording, slots, ends = plan
    scalars, kernels = None, {}
    for p, kept in batch.members:
        arrays = _flat([p, p.grad, *[kept[names[name]] for name in batch.present]])
        if arrays is None:
            left.append((p, kept))
            continue
        key = tuple([array.dtype for array in arrays]), p.numel() >= _LARGE and torch.get_num_threads() > 1
        if key not in kernels:
            kernels[key] = _kernel(rule, recording, key[0], p.device, key[1])
        if kernels[key] is None:
            left.append((p, kept))
            continue
        if scalars is None:
            scalars = _scalars(slots, dtype, p.device)
        kernels[key](scalars, *arrays)
        for name, value in zip(recording.number_states, ends, strict=True):
            write(kept, names[name], value, p.dtype)
    return left


def _scalars(slots, dtype, device):
    scalars = torch.tensor(slots or (0.0,), dtype=dtype, device=device)
    torch._dynamo.mark_static(scalars, 0)  # its length is the recording's; the arrays' differ from it
    return scalars


def _flat(tensors):
    """The tensors as one-dimensional views of their memory, entry beside entry; None where that cannot be."""
    first = tensors[0]
    size = first.numel()
    if size < 2 or any(type(x) is not torch.Tensor for x in tensors[1:]):
        return None
    if type(first) not in (torch.Tensor, torch.nn.Parameter):
        return None
    if all(x.is_contiguous() for x in tensors):
        plain = [x.detach() if x.requires_grad else x for x in tensors]
        return [x if x.ndim == 1 else x.view(-1) for x in plain]
    stride = first.stride()
    if _is_dense(first) and all(x.stride() == stride for x in tensors):
        return [x.detach().as_strided((size,), (1,)) for x in tensors]
    return None


def _is_dense(tensor):
    """Whether the entries fill their stretch of memory, in whatever order."""
    filled = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and stride != filled:
            return False
        filled *= size
    return True


class _Fast(FromRule, torch.optim.Optimizer):
    """What `fast` makes: the keywords and the state are the rule's own."""

    fast = True

    def __init__(self, params, **hyper):
        known = self._made_from.hyper
        for name, value in hyper.items():
            if name not in known:
                raise inputs.unknown(f"{type(self).__name__}'s hyper-parameter", name, list(known), TypeError)
            inputs.check_hyper(name, value)
        super().__init__(params, {**known, **hyper})

    def _rule(self, p, group):
        return self._made_from

    def _hyper(self, rule, p, group):
        return {name: group[name] for name in rule.hyper}

    def _together(self, batch, members):
        return members  # a rule that cannot be recorded may look at a parameter's other entries

    def _numbers(self, kept, t, hyper):
        return {name: kept[name] for name in self._made_from.state if isinstance(kept.get(name), float)}

    def __reduce__(self):  # the class has no name to import
        return _remade, (self._made_from,), self.__getstate__()


def _remade(rule):
    made = fast(rule)
    return made.__new__(made)


@functools.cache
def fast(rule):
    """An optimizer class of torch's kind, made from a rule, whose steps run as one compiled kernel.

    rule   a rule of `course.rules`, or a function of the same shape: (theta, g, t, state=..., *, hyper=...)

    Returns a class `(params, *, hyper=...)` with the rule's own hyper-parameters and defaults; its state is kept
    under the rule's names, and groups, state_dict, hooks and schedulers are those of torch.optim.Optimizer.
    Raises TypeError for what is no rule; the class raises TypeError or ValueError for wrong settings.
    """
    rule = arguments.as_rule(rule)
    name = "".join(part.capitalize() for part in rule.__name__.strip("<>_").split("_"))
    parameters = [inspect.Parameter("params", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for hyper, default in rule.hyper.items():
        parameters.append(inspect.Parameter(hyper, inspect.Parameter.KEYWORD_ONLY, default=default))
    return type(name, (_Fast,), {
        "__doc__": rule.__doc__, "__module__": __name__, "__signature__": inspect.Signature(parameters),
        "_made_from": staticmethod(rule), "_state": {state: state for state in rule.state},
        "_by_coordinate": rule.__name__ not in _MATRIX,
    })  # fmt: skip
