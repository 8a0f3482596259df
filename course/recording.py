r"""One way through a rule, recorded as a graph of torch.fx and compiled: what `course.fast` steps with.

A rule is called once with values that write down what is done to them. Those that depend only on t, the
hyper-parameters and states that are one number make a graph that Python evaluates at every step; those that
depend on arrays make a second one, which torch.compile turns into one kernel.
"""

import operator

import torch
from torch import fx
from torch._dynamo import lookup_backend

from course import inputs, ops

_MOST_DIRECT = 2**31  # entries from which a GPU's kernel may count in integers that are too short
_ARRAYS = {ops.sqrt: torch.sqrt, ops.sign: torch.sign, ops.where: torch.where,
           ops.maximum: torch.maximum, ops.minimum: torch.minimum}  # fmt: skip
_BOTH_TENSORS = (ops.maximum, ops.minimum)  # torch's own take no plain number


class CannotRecord(TypeError, AttributeError):
    """What a rule does that is no arithmetic coordinate by coordinate; the message names it."""


class NotYet(Exception):
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
                raise NotYet(name)
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
        """The kernel: a function of (entries, numbers, theta, g, *arrays) that writes theta and the arrays.

        stored   types that theta, g and the arrays are kept in
        size     entries of the arrays that it is compiled for, here: a failure touches no parameter

        Before each call torch.compile would ask whether it compiled for such arguments, which takes longer than
        a small array's step. The caller has seen to that: arrays of one size, each in one piece, of the types and
        on the device given here. So what the compiler made is called directly, and asserts no sizes.
        """
        order, made = [], []

        def inductor(graph, examples):
            compiled = lookup_backend("inductor")(graph, examples, config_patches={"size_asserts": False})

            def first(*given):
                if not made:
                    made.append(compiled)
                    order.extend(_place(value, arguments) for value in given)
                return compiled(*given)

            return first

        guarded = torch.compile(fx.GraphModule(torch.nn.Module(), self.arrays), fullgraph=True, dynamic=True,
                                backend=inductor)  # fmt: skip
        arguments = [scalars((1.0,) * len(self.slots), self.dtype, device)]
        torch._dynamo.mark_static(arguments[0], 0)  # its length is the recording's; the arrays' differ from it
        arguments += [torch.ones(size, dtype=dtype, device=device) for dtype in stored]
        guarded(*arguments)
        direct, pick = made[0], operator.itemgetter(*order)

        def kernel(entries, *values):
            if entries < _MOST_DIRECT:
                direct(*pick((entries, *values)))
            else:
                guarded(*values)

        return kernel


def _place(value, arguments):
    """Where a value that the compiler passes on stands among (entries, *arguments)."""
    return next((i for i, argument in enumerate(arguments, 1) if value is argument), 0)


def scalars(slots, dtype, device):
    """The numbers of a step as the tensor that a kernel reads them from."""
    return torch.tensor(slots or (0.0,), dtype=dtype, device=device)
