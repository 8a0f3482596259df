"""course.fast beside the eager adapter and torch.optim: the same numbers, one kernel, nothing compiled twice."""

import copy
import io
import operator
import os
import pickle
import re
import subprocess
import sys
import warnings

import pytest
import torch
from torch._inductor.utils import run_and_get_code
from torch.optim import lr_scheduler

from course import fast as module
from course import rules, torch_optim
from course.fast import fast

SHAPES = ((6, 8), (8,), (3, 5, 2), (1,), (), (40, 70))
WITH_KERNEL = 4  # those of two entries or more

CONFIGURATIONS = [
    ("SGD", {"lr": 0.01}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.5, "maximize": True}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adadelta", {}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.1}),
    ("Adamax", {}),
    ("NAdam", {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("RAdam", {}),
    ("Rprop", {}),
    ("ASGD", {"t0": 5}),
]


@pytest.fixture(autouse=True)
def _no_fallback_and_no_recompilation():
    """Unless a test expects it, a warning of ours is a failure, and so is a second look at a kernel by Dynamo."""
    module._warned.clear()
    with warnings.catch_warnings(), torch._dynamo.config.patch(error_on_recompile=True):
        warnings.filterwarnings("error", message="fast:")
        yield


def parameters(dtype=torch.float64, shapes=SHAPES):
    generator = torch.Generator().manual_seed(1)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype))
            for shape in shapes]


def gradients(params, step):
    """Sizes from 1e-6 to 1e2, by entry, another for each step."""
    generator = torch.Generator().manual_seed(100 + step)
    for p in params:
        size = 10.0 ** (8 * torch.rand(p.shape, generator=generator, dtype=torch.float64) - 6)
        sign = torch.randn(p.shape, generator=generator, dtype=torch.float64)
        p.grad = (size * sign).to(p.dtype)


def walk(optimizer, steps=12, first=0, scheduler=None):
    params = [p for group in optimizer.param_groups for p in group["params"]]
    for step in range(first, first + steps):
        gradients(params, step)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return params


def apart(ours, theirs):
    """The largest difference, relative to the larger of 1 and the value."""
    return max(float(((a - b).abs() / b.abs().clamp(min=1)).max().detach()) for a, b in zip(ours, theirs, strict=True))


def kernels_used(monkeypatch):
    """Counts the calls of kernels, so that a silent fall back to the eager rule fails a test."""
    calls, made = [], module._kernel

    def counting(*key):
        kernel = made(*key)
        return None if kernel is None else lambda *arrays: (calls.append(key[1]), kernel(*arrays))

    monkeypatch.setattr(module, "_kernel", counting)
    return calls


@pytest.mark.parametrize("name, settings", CONFIGURATIONS, ids=lambda value: str(value))
def test_the_steps_are_torchs_and_the_eager_rules(name, settings, monkeypatch):
    calls = kernels_used(monkeypatch)
    ends, states = [], []
    for cls, extra in ((getattr(torch.optim, name), {}), (getattr(torch_optim, name), {}),
                       (getattr(torch_optim, name), {"fast": True})):  # fmt: skip
        optimizer = cls(parameters(), **settings, **extra)
        ends.append(walk(optimizer))
        states.append(optimizer.state_dict()["state"])
    assert len(calls) in (11 * WITH_KERNEL, 12 * WITH_KERNEL)  # the first step may have to make the state
    assert apart(ends[2], ends[0]) <= 1e-12 and apart(ends[2], ends[1]) <= 1e-15
    theirs, eager, ours = states
    assert ours.keys() == theirs.keys()
    for i in theirs:
        assert ours[i].keys() == theirs[i].keys()
        for key in theirs[i]:
            assert (ours[i][key].shape, ours[i][key].dtype) == (theirs[i][key].shape, theirs[i][key].dtype)
            assert apart([ours[i][key]], [eager[i][key]]) <= 1e-15
            # torch keeps the weight of ASGD's average in float32
            assert apart([ours[i][key]], [theirs[i][key]]) <= (1e-7 if key == "ax" else 1e-12)


def test_a_schedule_and_groups_compile_nothing_anew(monkeypatch):
    """40 rates for each of two groups, and one kernel; a second optimizer, of other sizes, takes the same one."""
    made, original = [], module.Recording.compile
    monkeypatch.setattr(module.Recording, "compile", lambda *a: made.append(a) or original(*a))
    monkeypatch.setattr(module, "_kernels", {})
    monkeypatch.setattr(module, "_recordings", {})
    ends = []
    for cls, extra in ((torch.optim.Adam, {}), (torch_optim.Adam, {"fast": True})):
        params = parameters()
        groups = [{"params": params[:2], "lr": 3e-3}, {"params": params[2:], "betas": (0.8, 0.99), "eps": 1e-6}]
        optimizer = cls(groups, **extra)
        ends.append(walk(optimizer, 40, scheduler=lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=60)))
    assert apart(*ends) <= 1e-12 and len(made) == 1
    walk(torch_optim.Adam(parameters(shapes=((9,), (1021,), (3, 3))), fast=True))
    assert len(made) == 1


def test_radam_takes_its_branch_in_python(monkeypatch):
    """Two ways, two kernels: rho_t > 5 from step 6 on with beta2 = 0.999, never with 0.5."""
    monkeypatch.setattr(module, "_recordings", {})
    used = []
    original = module._kernel
    monkeypatch.setattr(module, "_kernel", lambda *key: used.append(key[1]) or original(*key))
    for beta2, first in ((0.999, 6), (0.5, 99)):
        used.clear()
        ends = [walk(torch.optim.RAdam(parameters(), betas=(0.9, beta2)), 9)]
        ends.append(walk(torch_optim.RAdam(parameters(), betas=(0.9, beta2), fast=True), 9))
        by_step = [len(recording.outcomes) and recording.outcomes[-1] for recording in used]
        assert by_step == [t >= first for t in range(2, 10)] and apart(*ends) <= 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_other_types_step_as_the_eager_rule(name, dtype):
    settings = {"lr": 0.01} | ({"momentum": 0.9} if name == "SGD" else {})
    ends = [[p.double() for p in walk(getattr(torch_optim, name)(parameters(dtype), **settings, **extra))]
            for extra in ({}, {"fast": True})]  # fmt: skip
    assert apart(*ends) <= 3 * torch.finfo(dtype).eps


def test_any_order_of_the_entries_in_memory():
    """Channels last and transposed arrays, of which the gradient or a state may be laid out in another way."""
    ends = []
    for cls, extra in ((torch.optim.Adam, {}), (torch_optim.Adam, {"fast": True})):
        first = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        params = [torch.nn.Parameter(first.clone().to(memory_format=torch.channels_last)),
                  torch.nn.Parameter(first[0, 0].clone().t()), torch.nn.Parameter(first[1].clone()[:, ::2])]
        optimizer = cls(params, **extra)
        for step in range(6):
            gradients(params, step)
            if step > 2:
                params[0].grad = params[0].grad.contiguous(memory_format=torch.channels_last)
            optimizer.step()
        ends.append(params)
    assert apart(*ends) <= 1e-12


def test_the_kernel_is_one_and_keeps_nothing_between(monkeypatch):
    """One loop over the arrays, with no array of its own; t and the rates are numbers, not powers of arrays."""
    monkeypatch.setattr(module, "_recordings", {})
    walk(torch_optim.NAdam(parameters(torch.float32), fast=True), 2)
    [[recording]] = module._recordings.values()
    targets = [node.target for node in recording.arrays.nodes]
    assert targets.count(operator.pow) == 1 and targets.count("copy_") == 3  # g**2; theta, m, v
    _, codes = run_and_get_code(lambda: recording.compile((torch.float32,) * 4, torch.device("cpu"), 999))
    module._kernels.clear()  # run_and_get_code makes Dynamo forget what it compiled
    [code] = codes
    assert code.count('extern "C"') == 1 and "empty_strided_cpu(" not in code.partition("def call(")[2]


def test_checkpoints_go_between_fast_eager_and_torch():
    classes = [(torch.optim.Adam, {}), (torch_optim.Adam, {}), (torch_optim.Adam, {"fast": True})]
    whole = walk(classes[0][0](parameters()), 12)
    for before, extra in classes:
        for after, more in classes:
            optimizer = before(parameters(), **extra)
            params = walk(optimizer, 6)
            file = io.BytesIO()
            torch.save(optimizer.state_dict(), file)
            later = after(params, **more)
            later.load_state_dict(torch.load(io.BytesIO(file.getvalue())))
            assert apart(walk(later, 6, first=6), whole) <= 1e-12


@pytest.mark.parametrize("made", [torch_optim.Adam, fast(rules.lion)], ids=lambda cls: cls.__name__)
def test_copies_stay_fast(made):
    optimizer = made(parameters(), **({"fast": True} if made is torch_optim.Adam else {}))
    walk(optimizer, 3)
    for again in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert type(again) is type(optimizer) and again.fast and repr(again) == repr(optimizer)
        kept, copied = optimizer.state_dict()["state"], again.state_dict()["state"]
        assert all(torch.equal(kept[i][key], copied[i][key]) for i in kept for key in kept[i])
        walk(again, 2)
    assert not pickle.loads(pickle.dumps(torch_optim.Adam(parameters()))).fast


def test_references_stay_good_and_autograd_sees_the_change():
    optimizer = torch_optim.Adam(parameters(), fast=True)
    walk(optimizer, 2)
    kept = [(values, key, value) for values in optimizer.state.values() for key, value in values.items()]
    params = optimizer.param_groups[0]["params"]
    before = [p._version for p in params]
    walk(optimizer, 2)
    assert all(values[key] is value for values, key, value in kept)
    assert all(p._version > version for p, version in zip(params, before, strict=True))


def test_parameters_gradients_and_states_that_are_replaced_on_the_way(monkeypatch):
    """What is remembered of a small parameter's memory is not written to once the memory is another."""
    ends = []
    calls = kernels_used(monkeypatch)
    for cls, extra in ((torch.optim.Adam, {}), (torch_optim.Adam, {"fast": True})):
        params = parameters(shapes=((6, 8), (9,)))
        optimizer = cls(params, **extra)
        walk(optimizer, 3)
        old = [p.data for p in params]
        for p in params:
            p.data = 2 * p.data
        kept = [value.clone() for value in old]
        walk(optimizer, 2, first=3)
        assert all(torch.equal(*pair) for pair in zip(old, kept, strict=True))
        for p in params:
            optimizer.state[p]["exp_avg"] = 0.5 * optimizer.state[p]["exp_avg"]
        walk(optimizer, 2, first=5)
        params[0].data = params[0].data.t().contiguous().t()
        walk(optimizer, 2, first=7)
        params[1].data, optimizer.state[params[1]] = params[1].data[:5], {  # the same address, fewer entries
            key: value[:5] if value.ndim else value for key, value in optimizer.state[params[1]].items()}  # fmt: skip
        walk(optimizer, 2, first=9)
        ends.append(params)
    assert apart(*ends) <= 1e-12 and len(calls) >= 16


@pytest.mark.parametrize("key", ["exp_avg", "exp_avg_sq"])
@pytest.mark.parametrize("entries", [20, 80])
def test_a_state_of_another_size_never_reaches_the_kernel(key, entries):
    """The kernel counts to the parameter's size, without a look at the others'."""
    optimizer = torch_optim.Adam(parameters(shapes=((40,),)), fast=True)
    [p] = walk(optimizer, 3)
    before = p.detach().clone()
    optimizer.state[p][key] = torch.ones(entries, dtype=p.dtype)
    with pytest.raises((RuntimeError, ValueError)):
        optimizer.step()
    assert torch.equal(p.detach(), before)


@pytest.mark.parametrize("name", sorted(rules.RULES))
def test_a_class_from_any_rule(name):
    """30 steps as the bare rule takes them; rules that look at matrices say so, once, and step all the same."""
    rule = rules.RULES[name]
    matrix = name in (*rules.MATRIX_RULES, "adafactor_vector")
    params = parameters(shapes=((4, 6),) if name in rules.MATRIX_RULES else ((7,), (3,)))
    optimizer = fast(rule)(params)
    theta, states = [p.detach().clone() for p in params], [() for _ in params]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for step in range(30):
            gradients(params, step)
            for i, p in enumerate(params):
                theta[i], *states[i] = rule(theta[i], p.grad, step + 1, *states[i])
            optimizer.step()
    assert apart(params, theta) <= 1e-14
    said = [str(warning.message) for warning in seen if "fast:" in str(warning.message)]
    assert len(said) == matrix and all(f"fast: {name} looks at a parameter as a matrix" in text for text in said)


def test_what_a_made_class_says_and_refuses():
    made = fast(rules.lion)
    assert made is fast(rules.lion) and made.__name__ == "Lion" and made.__doc__ == rules.lion.__doc__
    optimizer = made(parameters(), lr=0.01)
    assert optimizer.defaults == {**rules.lion.hyper, "lr": 0.01} and isinstance(optimizer, torch.optim.Optimizer)
    with pytest.raises(TypeError, match=r"Lion's hyper-parameter: got 'beta3', expected one of .*did you mean"):
        made(parameters(), beta3=0.9)
    with pytest.raises(ValueError, match=r"lr: got -1\.0, expected a number >= 0"):
        made(parameters(), lr=-1.0)
    with pytest.raises(TypeError, match="rule: got 3"):
        fast(3)
    with pytest.raises(TypeError, match="fast: got 'yes', expected True or False"):
        torch_optim.Adam(parameters(), fast="yes")


def branches_on_entries(theta, g, t, m=0.0, *, lr=0.1):
    m = 0.5 * m + g
    return (theta - lr * m if float(abs(g).max()) > 1 else theta - lr * g), m


def takes_the_mean(theta, g, t, m=0.0, *, lr=0.1):
    m = 0.5 * m + g
    return theta - lr * (m - m.mean()), m


def goes_another_way_each_step(theta, g, t, m=0.0, *, lr=0.1):
    for step in range(2, 14):
        lr = 0.9 * lr if t > step else lr
    m = 0.5 * m + g
    return theta - lr * m, m


def keeps_two_gradients(theta, g, t, old=0.0, older=0.0, *, lr=0.1):
    return theta - lr * (g + 0.1 * old - 0.2 * older), g, old


def branches_on_t(theta, g, t, old=0.0, m=None, *, lr=0.1, cycle=3):
    lr = lr if t % cycle == 1 else 0.5 * lr
    m = 0.5 * g if m is None else m + 0.1 * (g - m)
    return theta - lr * (m + 0.1 * old), g, m


REASONS = {
    branches_on_entries: "cannot be recorded: it uses .max of an array",
    takes_the_mean: "cannot be recorded: it uses .mean of an array",
    goes_another_way_each_step: "cannot be recorded: it takes more than 8 ways through its branches",
    keeps_two_gradients: "cannot be recorded: it returns an old array as its new older",
}


@pytest.mark.parametrize("rule", [*REASONS, branches_on_t], ids=lambda rule: rule.__name__)
def test_what_cannot_be_recorded_goes_on_eagerly_with_one_warning(rule):
    params = parameters(shapes=((7,), (3, 4)))
    theta, states = [p.detach().clone() for p in params], [(), ()]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        optimizer = fast(rule)(params)
        for step in range(14):
            gradients(params, step)
            for i, p in enumerate(params):
                theta[i], *states[i] = rule(theta[i], p.grad.clone(), step + 1, *states[i])
            optimizer.step()
    assert apart(params, theta) <= 1e-14
    said = [str(warning.message) for warning in seen if "fast:" in str(warning.message)]
    assert len(said) == (rule in REASONS)
    if said:
        assert re.search(f"{rule.__name__} {REASONS[rule]}.*Its steps are eager", said[0])


NO_COMPILER = """
import warnings, torch
from course import torch_optim
p, q = (torch.nn.Parameter(torch.ones(50)) for _ in range(2))
ours, theirs = torch_optim.Adam([p], fast=True), torch.optim.Adam([q])
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    for step in range(5):
        p.grad, q.grad = (torch.full((50,), 1.0 + step) for _ in range(2))
        ours.step(), theirs.step()
said = [str(w.message) for w in seen if "fast:" in str(w.message)]
assert len(said) == 1, said
print(float((p - q).abs().max()) < 1e-6, said[0])
"""


def test_without_a_compiler_the_rule_goes_on_eagerly(tmp_path):
    environment = {**os.environ, "CXX": "/no/such/compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", NO_COMPILER], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True fast: adam cannot be compiled, which needs a C++ compiler")
