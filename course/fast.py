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
from torch._inductor import config

from course import arguments, inputs, rules
from course.adapter import FromRule, formula, write
from course.inputs import bare
from course.recording import CannotRecord, NotYet, Recording, scalars

_MOST_BRANCHES = 8  # ways through one rule, each with a kernel of its own
_LARGE = 2**15  # entries from which a kernel shares its work among torch's threads
_MATRIX = (*rules.MATRIX_RULES, "adafactor_vector")

_recordings = {}  # (rule and constants) -> its recordings, None where it cannot be recorded
_kernels = {}  # (recording, types, device, threads) -> kernel, None where it cannot be compiled
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
    except NotYet:
        return None
    except (CannotRecord, TypeError, AttributeError, NotImplementedError) as error:
        _recordings[key] = None
        _give_up(rule, f"cannot be recorded: it {error}" if isinstance(error, CannotRecord) else
                 f"cannot be recorded ({type(error).__name__}: {error})")  # fmt: skip
        return None
    known.append(recording)
    return recording, *recording.at(numbers)


def _kernel(rule, recording, stored, device, threads):
    key = recording, stored, device, threads
    if key not in _kernels:
        known = {"cpp.vec_isa_ok": True} if config.cpp.vec_isa_ok is None else {}
        try:
            with config.patch(known):  # every compiler that reads torch's headers knows AVX2 and AVX-512
                _kernels[key] = recording.compile(stored, device, 32 * _LARGE + 3 if threads > 1 else 1021)
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
    keys, known, kernels = [names[name] for name in batch.present], optimizer.__dict__.setdefault("_flats", {}), {}
    values, threads, calls = None, torch.get_num_threads(), []
    for p, kept in batch.members:
        size, types, arrays = _arrays(p, [kept[key] for key in keys], known)
        key = types, threads if size >= _LARGE else 1
        if arrays and key not in kernels:
            kernels[key] = _kernel(rule, recording, types, p.device, key[1])
        if not arrays or kernels[key] is None:
            left.append((p, kept))
            continue
        if values is None:
            values = scalars(slots, dtype, p.device)
        calls.append((size, kernels[key], arrays))
        for name, value in zip(recording.number_states, ends, strict=True):
            write(kept, names[name], value, p.dtype)
    calls.sort(key=operator.itemgetter(0))  # after a large array, Python's own memory is no longer in the cache
    for size, kernel, arrays in calls:
        kernel(size, values, *arrays)
    return left


def _arrays(p, states, known):
    """(entries, types, arrays) of theta, g and the states as one-dimensional views; no arrays where that cannot be.

    known   id of a small p -> (entries and addresses, types, views) of the last step: a view keeps its memory, so
            that an address which is still the same is still the same memory
    """
    g, size, seen = p.grad, p.numel(), known.get(id(p))
    if seen and type(g) is torch.Tensor and g.numel() == size and g.is_contiguous() and p.is_contiguous():
        where, types, views = seen
        if where == [size, p.data_ptr(), *[state.data_ptr() for state in states]] and g.dtype is types[1]:
            g = g.detach() if g.requires_grad else g
            return size, types, (views[0], g if g.ndim == 1 else g.view(-1), *views[1:])
    arrays = _flat([p, g, *states])
    if arrays is None:
        return size, None, None
    types = tuple([array.dtype for array in arrays])
    if size < _LARGE and p.is_contiguous():  # large ones may be moved elsewhere to make room
        where = [size, p.data_ptr(), *[state.data_ptr() for state in states]]
        known[id(p)] = where, types, (arrays[0], *arrays[2:])
    return size, types, arrays


def _flat(tensors):
    """The tensors as one-dimensional views of their memory, entry beside entry; None where that cannot be."""
    first = tensors[0]
    size = first.numel()
    if size < 2 or any(type(x) is not torch.Tensor or x.numel() != size for x in tensors[1:]):
        return None  # the kernel trusts that all are of one size
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
