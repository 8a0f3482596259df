"""course.torch_optim beside torch.optim: the same training, the same errors, the same checkpoints."""

import copy
import inspect
import io
import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from course import torch_optim
from course.authoring import parity

pytest.importorskip("expecttest")  # torch's own list of configurations imports it
from torch.testing._internal.common_optimizers import optim_db

STEPS = 50
MISSING = ("LBFGS", "SparseAdam")
NO_RULE = ("Optimizer", *MISSING)
OURS = [getattr(torch_optim, name) for name in torch_optim.__all__ if name[0].isupper() and name not in NO_RULE]
CONFIGURATIONS = [
    pytest.param(info.optim_cls.__name__, configuration.kwargs, id=f"{info.optim_cls.__name__}-{configuration.desc}")
    for info in optim_db
    if info.optim_cls.__name__ not in MISSING
    for configuration in info.optim_inputs_func(device="cpu")
]


def pair(name):
    """torch's class and ours."""
    return getattr(torch.optim, name), getattr(torch_optim, name)


def tolerance(name, device="cpu"):
    """Muon's matrix products are bfloat16 in torch; its learning rates here are at most 0.01."""
    return 1e-2 if name == "Muon" else 1e-4 if device == "mps" else 1e-12


def network(name, device="cpu"):
    torch.manual_seed(1)
    bias = name != "Muon"  # which takes matrices only
    layers = torch.nn.Linear(6, 8, bias=bias), torch.nn.Tanh(), torch.nn.Linear(8, 3, bias=bias)
    dtype = torch.float32 if device == "mps" else torch.float64
    return torch.nn.Sequential(*layers).to(device=device, dtype=dtype)


def loss_of(model):
    torch.manual_seed(2)
    first = next(model.parameters())
    x, y = torch.randn(32, 6, dtype=torch.float64), torch.randn(32, 3, dtype=torch.float64)
    x, y = x.to(first), y.to(first)
    return lambda: ((model(x) - y) ** 2).mean()


def train(model, optimizer, steps=STEPS, scheduler=None, set_to_none=True):
    """Trains and returns all parameters as one vector."""
    loss = loss_of(model)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none)
        loss().backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()]).cpu()


def apart(a, b):
    return float((a - b).abs().max())


def both(name, settings, make_scheduler=None, groups=False, device="cpu", set_to_none=True):
    """The largest difference after training with torch's class and with ours."""
    ends = []
    for optimizer_class in pair(name):
        model = network(name, device)
        params = list(model.parameters())
        if groups:
            params = [{"params": params[:1], "lr": 3e-3}, {"params": params[1:], "weight_decay": 0.05}]
        optimizer = optimizer_class(params, **copy.deepcopy(settings))
        scheduler = make_scheduler and make_scheduler(optimizer)
        ends.append(train(model, optimizer, scheduler=scheduler, set_to_none=set_to_none))
    return apart(*ends)


@pytest.mark.parametrize("name, settings", [*CONFIGURATIONS, ("SGD", {"momentum": 0.9, "dampening": 0.5})])
def test_torchs_own_configurations(name, settings, device):
    """With gradients that are summed up in place, which shows any state that is p.grad itself."""
    assert both(name, settings, device=device, set_to_none=False) <= tolerance(name, device)


@pytest.mark.parametrize("name, settings", CONFIGURATIONS)
def test_the_state_is_torchs_and_stays_where_it_is(name, settings):
    states = []
    for optimizer_class in pair(name):
        model = network(name)
        optimizer = optimizer_class(model.parameters(), **copy.deepcopy(settings))
        train(model, optimizer, 2)
        kept = [(values, key, value) for values in optimizer.state.values() for key, value in values.items()]
        train(model, optimizer, 2)
        assert all(values[key] is value for values, key, value in kept)
        states.append(optimizer.state_dict()["state"])
    theirs, ours = states
    assert ours.keys() == theirs.keys() and all(ours[i].keys() == theirs[i].keys() for i in theirs)
    for a, b in ((theirs[i][key], ours[i][key]) for i in theirs for key in theirs[i]):
        assert (a.dtype, a.shape) == (b.dtype, b.shape) and apart(a, b) <= tolerance(name)


def test_shared_memory_stays_shared():
    model = network("Adagrad")
    optimizer = torch_optim.Adagrad(model.parameters())
    optimizer.share_memory()
    train(model, optimizer, 2)
    assert all(kept["sum"].is_shared() for kept in optimizer.state.values())


GROUPS = [
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, {"dampening": 0.5}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}, {"nesterov": True}),
    ("SGD", {"lr": 0.1}, {"momentum": 0.9, "dampening": 0.5, "nesterov": True, "maximize": True}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5}, {"lr": 0.2}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1}, {"decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.1}, {"decoupled_weight_decay": False}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True}, {"decoupled_weight_decay": False}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1}, {"betas": (0.0, 0.999), "decoupled_weight_decay": True}),
    ("Rprop", {}, {"etas": (0.6, 1.1), "step_sizes": (1e-3, 0.02)}),
]


@pytest.mark.parametrize("how", ["made", "added", "changed"])
@pytest.mark.parametrize("name, settings, group", GROUPS)
def test_settings_of_one_group(name, settings, group, how):
    ends = []
    for optimizer_class in pair(name):
        model = network(name)
        first, *rest = model.parameters()
        if how == "made":
            optimizer = optimizer_class([{"params": rest}, {"params": [first], **group}], **settings)
        else:
            optimizer = optimizer_class(rest, **settings)
            optimizer.add_param_group({"params": [first], **(group if how == "added" else {})})
        if how == "changed":
            train(model, optimizer, 3)
            optimizer.param_groups[1].update(group)
        ends.append(train(model, optimizer, 12))
    assert apart(*ends) <= 1e-12


def in_half(optimizer_class, settings, stream, dtype):
    path = parity.torch_path(optimizer_class, settings, np.ones(stream[0].shape), stream, dtype=dtype)
    return path / torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name, settings", CONFIGURATIONS)
def test_half_types_take_torchs_steps(name, settings, dtype):
    """Within 10 units in the last place on gradients of size 1, where torch's own are finite."""
    stream = np.random.default_rng(0).normal(size=(20, 4, 5))
    theirs, ours = (in_half(cls, settings, stream, dtype) for cls in pair(name))
    finite = np.isfinite(theirs[-1])
    assert finite.sum() >= 18 and np.isfinite(ours).all()
    assert np.abs(ours - theirs)[:, finite].max() <= (30 if name == "Muon" else 10)


LARGE = ["Adadelta", "Adam", "AdamW", "Adamax", "RAdam", "RMSprop", "Rprop", "SGD"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", LARGE)
def test_large_gradients_in_half_types(name, dtype):
    """Their squares are infinite in float16."""
    theirs, ours = (in_half(cls, {}, np.full((20, 2, 2), 400.0), dtype) for cls in pair(name))
    assert np.abs(ours - theirs).max() <= (0.5 if name == "Rprop" else 5)


def test_muon_of_small_gradients_in_float16():
    theirs, ours = (in_half(cls, {"lr": 0.1}, np.full((20, 2, 2), 1e-3), torch.float16) for cls in pair("Muon"))
    assert np.abs(ours - theirs).max() <= 10


def test_gradients_are_unscaled_once():
    ends = []
    for optimizer_class in pair("Adam"):
        model = network("Adam").float()
        optimizer, scaler = optimizer_class(model.parameters(), fused=True), torch.amp.GradScaler("cpu")
        for _ in range(5):
            optimizer.zero_grad()
            scaler.scale(loss_of(model)()).backward()
            scaler.step(optimizer)
            scaler.update()
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert apart(*ends) <= 1e-6


@pytest.mark.parametrize("name", [cls.__name__ for cls in OURS])
def test_two_groups_with_a_scheduler(name):
    settings = {} if name != "Rprop" else {"etas": (0.6, 1.1)}
    groups = name != "Rprop"  # which has no weight decay

    def cosine(optimizer):
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)

    assert both(name, settings, cosine, groups) <= tolerance(name)


SCHEDULERS = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda t: 0.97),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 7),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [5, 20]),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o, 0.5, 9),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 30, 2.0),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 20),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 5, 2),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 1e-4, 1e-2, step_size_up=8, cycle_momentum=True),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 1e-2, total_steps=60, cycle_momentum=True),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o, 0.1, 5), lr_scheduler.ExponentialLR(o, 0.9)], [5]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o, 0.1, 5), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
}


@pytest.mark.parametrize("scheduler", SCHEDULERS.values(), ids=SCHEDULERS)
@pytest.mark.parametrize("name, settings", [("SGD", {"lr": 0.01, "momentum": 0.8}), ("Adam", {}), ("ASGD", {})])
def test_every_scheduler(name, settings, scheduler):
    if name == "ASGD" and scheduler in (SCHEDULERS["CyclicLR"], SCHEDULERS["OneCycleLR"]):
        pytest.skip("torch's ASGD has no momentum to cycle")
    assert both(name, settings, scheduler) <= 1e-12


def test_plateau_scheduler():
    ends = []
    for optimizer_class in pair("Adam"):
        model = network("Adam")
        optimizer = optimizer_class(model.parameters(), lr=0.1)
        scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=2)
        loss = loss_of(model)
        for _ in range(STEPS):
            optimizer.zero_grad()
            value = loss()
            value.backward()
            optimizer.step()
            scheduler.step(value.detach())
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert apart(*ends) <= 1e-12


@pytest.mark.parametrize("name", [cls.__name__ for cls in OURS])
def test_checkpoints_go_both_ways(name):
    """20 steps with one class, its state_dict through a file, 20 with the other: as 40 with torch's."""
    theirs, ours = pair(name)
    model = network(name)
    whole = train(model, theirs(model.parameters()), 40)
    for first, second in ((theirs, ours), (ours, theirs), (ours, ours)):
        model = network(name)
        before = first(model.parameters())
        train(model, before, 20)
        file = io.BytesIO()
        torch.save(before.state_dict(), file)
        after = second(model.parameters())
        after.load_state_dict(torch.load(io.BytesIO(file.getvalue())))
        assert apart(train(model, after, 20), whole) <= tolerance(name)


@pytest.mark.parametrize("name", [cls.__name__ for cls in OURS])
def test_deepcopy_and_pickle(name):
    model = network(name)
    optimizer = pair(name)[1](model.parameters())
    train(model, optimizer, 5)
    for again in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert type(again) is type(optimizer) and isinstance(again, getattr(torch.optim, name))
        assert repr(again) == repr(optimizer)
        old, new = optimizer.state_dict()["state"], again.state_dict()["state"]
        assert old.keys() == new.keys()
        for key, kept in old.items():
            assert all(torch.equal(torch.as_tensor(v), torch.as_tensor(new[key][k])) for k, v in kept.items())


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_defaults_and_keywords_are_torchs(cls):
    torchs = getattr(torch.optim, cls.__name__)
    model = network(cls.__name__)
    assert cls(model.parameters()).defaults == torchs(model.parameters()).defaults
    for ours, theirs in ((cls, torchs), (cls.__init__, torchs.__init__)):
        signature = inspect.signature(ours)
        *same, fast = signature.parameters.values()
        assert signature.replace(parameters=same) == inspect.signature(theirs)
        assert (fast.name, fast.default, fast.kind) == ("fast", False, fast.KEYWORD_ONLY)
    assert issubclass(cls, torchs) and issubclass(torch_optim.AdamW, torch_optim.Adam)


def test_closure_none_gradient_and_later_groups():
    for name in ("SGD", "Adam"):
        ends = []
        for optimizer_class in pair(name):
            model = network(name)
            first, *rest = model.parameters()
            optimizer = optimizer_class([first], lr=0.01)
            optimizer.add_param_group({"params": rest[:-1], "lr": 0.05})
            unused = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
            optimizer.add_param_group({"params": [unused]})
            loss, values = loss_of(model), []

            def closure(optimizer=optimizer, loss=loss):
                optimizer.zero_grad()
                value = loss()
                value.backward()
                return value

            for _ in range(10):
                values.append(float(optimizer.step(closure).detach()))
            assert unused.tolist() == [1.0, 1.0] and unused not in optimizer.state and optimizer.step() is None
            ends.append(torch.cat([torch.tensor(values), *(p.detach().flatten() for p in model.parameters())]))
        assert apart(*ends) <= 1e-12


def test_hooks_and_tensor_rates_work():
    model = network("Adam")
    optimizer = torch_optim.Adam(model.parameters(), lr=torch.tensor(0.01, dtype=torch.float64))
    seen = []
    optimizer.register_step_post_hook(lambda *_: seen.append(1))
    ours = train(model, optimizer, 10)
    other = network("Adam")
    assert apart(ours, train(other, torch.optim.Adam(other.parameters(), lr=0.01), 10)) <= 1e-12 and len(seen) == 10


def test_implementation_keywords_change_nothing():
    ends = []
    for keywords in ({}, {"foreach": True}, {"foreach": False}, {"fused": True}):
        model = network("Adam")
        ends.append(train(model, torch_optim.Adam(model.parameters(), **keywords), 5))
    assert all(torch.equal(end, ends[0]) for end in ends)


def matrix(dtype=None):
    return torch.nn.Parameter(torch.ones(2, 2, dtype=dtype))


KEYWORDS = itertools.product(OURS, ["capturable", "differentiable"])


@pytest.mark.parametrize("cls, keyword", [(cls, k) for cls, k in KEYWORDS if k in inspect.signature(cls).parameters])
def test_what_a_step_cannot_do_is_refused_however_it_is_asked_for(cls, keyword):
    torchs, p = getattr(torch.optim, cls.__name__), matrix()
    before = torchs([matrix()], **{keyword: True})
    optimizer = cls([p])
    p.grad = torch.ones(2, 2)
    optimizer.step()
    groups, state = optimizer.param_groups, optimizer.state
    with pytest.raises(ValueError, match=f"{keyword}: got True, expected False.*torch.optim.{cls.__name__} has"):
        cls([matrix()], **{keyword: True})
    with pytest.raises(ValueError, match=f"{keyword}: got True"):
        optimizer.load_state_dict(before.state_dict())
    with pytest.raises(ValueError, match=f"{keyword}: got True"):
        optimizer.add_param_group({"params": [matrix()], keyword: True})
    assert optimizer.param_groups is groups and optimizer.state is state and len(groups) == 1
    optimizer.step()
    groups[0][keyword] = True
    with pytest.raises(ValueError, match=f"{keyword}: got True"):
        optimizer.step()


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_what_is_refused(cls):
    sparse, complex_one = matrix(), matrix(torch.complex64)
    optimizer = cls([sparse])
    sparse.grad = torch.ones(2, 2).to_sparse()
    with pytest.raises(RuntimeError, match=f"{cls.__name__}: got a sparse gradient.*torch.optim"):
        optimizer.step()
    message = f"complex parameters.*torch.optim.{cls.__name__}"
    with pytest.raises(ValueError, match=message):
        cls([complex_one])
    for params in (complex_one, [complex_one], iter([matrix(), complex_one])):
        with pytest.raises(ValueError, match=message):
            optimizer.add_param_group({"params": params})
    assert len(optimizer.param_groups) == 1
    with pytest.raises(ValueError):
        cls([matrix()], lr=-1.0)


@pytest.mark.parametrize("shape, settings", [((2, 2), {"ns_steps": 100}), ((2,), {}), ((2, 2, 2), {})], ids=str)
def test_muon_refuses_at_the_step_what_torchs_does(shape, settings):
    for optimizer_class in pair("Muon"):
        optimizer, p = optimizer_class([matrix()]), torch.nn.Parameter(torch.ones(shape))
        optimizer.add_param_group({"params": [p], **settings})
        p.grad = torch.ones(shape)
        with pytest.raises(ValueError):
            optimizer.step()
        assert p.tolist() == torch.ones(shape).tolist()


@pytest.mark.parametrize("name", MISSING)
def test_missing_classes_name_torchs_own(name):
    exec(f"from course.torch_optim import {name}")
    with pytest.raises(NotImplementedError, match=f"course.torch_optim has no {name} .*use torch.optim.{name}"):
        getattr(torch_optim, name)([matrix()], lr=0.1)
    with pytest.raises(AttributeError, match="has no attribute 'Adamm'"):
        torch_optim.Adamm  # noqa: B018


def test_modules_of_torch_optim_are_found():
    code = "import course.torch_optim.swa_utils; from course.torch_optim.lr_scheduler import StepLR as S; print(S)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "torch.optim.lr_scheduler.StepLR" in said
    assert torch_optim.lr_scheduler is lr_scheduler


def test_every_dense_class_of_torch_is_here():
    theirs = {name for name in torch.optim.__all__ if isinstance(getattr(torch.optim, name, None), type)}
    assert theirs - {cls.__name__ for cls in OURS} == set(NO_RULE)


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam"])
def test_small_large_transposed_and_replaced_parameters(name):
    """Small ones step together, in arrays of at most 2**14 entries; memory that was replaced is not written to."""
    shapes = ((100, 90), (80, 100), (90, 90), (7,), (), (3, 5), (1, 1))
    settings = {"lr": 0.01} | ({"momentum": 0.9} if name == "SGD" else {})
    ends = []
    for optimizer_class in pair(name):
        rng = torch.Generator().manual_seed(0)
        params = [torch.nn.Parameter(torch.randn(shape, generator=rng, dtype=torch.float64)) for shape in shapes]
        params.append(torch.nn.Parameter(torch.randn(6, 4, generator=rng, dtype=torch.float64).t()))
        params.append(torch.nn.Parameter(torch.randn(9, generator=rng)))  # float32
        optimizer = optimizer_class(params, **settings)
        for step in range(8):
            if step in (3, 6):
                before = params[3].data, params[5].data
                kept = [data.clone() for data in before]
                params[3].data, params[5].data = (data.clone() for data in before)
            for i, p in enumerate(params):
                p.grad = torch.randn(p.shape, generator=rng, dtype=torch.float64).to(p.dtype)
                if i == 2 and step % 2:
                    p.grad = p.grad.t().contiguous().t()
            versions = [p._version for p in params]
            optimizer.step()
            assert all(p._version > version for p, version in zip(params, versions, strict=True))
            if step >= 3:
                assert all(torch.equal(data, was) for data, was in zip(before, kept, strict=True))
        ends.append(params)
    assert max(apart(a.detach(), b.detach()) for a, b in zip(*ends, strict=True)) <= 1e-6
    assert max(apart(a.detach(), b.detach()) for a, b in zip(*ends, strict=True) if a.dtype == torch.float64) <= 1e-12


def test_autograd_sees_that_a_small_parameter_was_changed():
    p = torch.nn.Parameter(torch.ones(3))
    optimizer, loss = torch_optim.SGD([p], lr=0.1), (p**2).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
