"""course.torch_optim beside torch.optim: the same training, the same errors, the same checkpoints."""

import copy
import inspect
import io
import pickle

import pytest
import torch
from torch.optim import lr_scheduler

from course import torch_optim

pytest.importorskip("expecttest")  # torch's own list of configurations imports it
from torch.testing._internal.common_optimizers import optim_db

STEPS = 50
OURS = [getattr(torch_optim, name) for name in torch_optim.__all__ if name[0].isupper() and name != "Optimizer"]
CONFIGURATIONS = [
    pytest.param(info.optim_cls.__name__, configuration.kwargs, id=f"{info.optim_cls.__name__}-{configuration.desc}")
    for info in optim_db
    if info.optim_cls.__name__ in torch_optim.__all__
    for configuration in info.optim_inputs_func(device="cpu")
]


def pair(name):
    """torch's class and ours."""
    return getattr(torch.optim, name), getattr(torch_optim, name)


def tolerance(name, device="cpu"):
    """Muon's matrix products are bfloat16 in torch."""
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


def train(model, optimizer, steps=STEPS, scheduler=None):
    """Trains and returns all parameters as one vector."""
    loss = loss_of(model)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()]).cpu()


def apart(a, b):
    return float((a - b).abs().max())


def both(name, settings, make_scheduler=None, groups=False, device="cpu"):
    """The largest difference after training with torch's class and with ours."""
    ends = []
    for optimizer_class in pair(name):
        model = network(name, device)
        params = list(model.parameters())
        if groups:
            params = [{"params": params[:1], "lr": 3e-3}, {"params": params[1:], "weight_decay": 0.05}]
        optimizer = optimizer_class(params, **copy.deepcopy(settings))
        ends.append(train(model, optimizer, scheduler=make_scheduler and make_scheduler(optimizer)))
    return apart(*ends)


@pytest.mark.parametrize("name, settings", CONFIGURATIONS)
def test_torchs_own_configurations(name, settings, device):
    assert both(name, settings, device=device) <= tolerance(name, device)


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
    expected = [p for p in inspect.signature(torchs.__init__).parameters if p not in ("self", "params")]
    for keyword in expected:
        assert keyword in cls(model.parameters()).defaults or keyword in ("betas", "etas", "step_sizes")


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


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_what_is_refused(cls):
    names = inspect.signature(cls.__init__ if "lr" in inspect.signature(cls).parameters else cls.__mro__[2]).parameters
    for keyword in {"capturable", "differentiable"} & set(names):
        with pytest.raises(ValueError, match=f"{keyword}: got True, expected False.*torch.optim.{cls.__name__} has"):
            cls([torch.ones(2, 2, requires_grad=True)], **{keyword: True})
    sparse = torch.nn.Parameter(torch.ones(2, 2))
    optimizer = cls([sparse])
    sparse.grad = torch.ones(2, 2).to_sparse()
    with pytest.raises(RuntimeError, match=f"{cls.__name__}: got a sparse gradient.*torch.optim"):
        optimizer.step()
    with pytest.raises(ValueError, match=f"complex parameters.*torch.optim.{cls.__name__}"):
        cls([torch.ones(2, 2, dtype=torch.complex64, requires_grad=True)])
    with pytest.raises(ValueError):
        cls([torch.ones(2, 2, requires_grad=True)], lr=-1.0)


def test_missing_classes_name_torchs_own():
    for name in ("LBFGS", "SparseAdam"):
        with pytest.raises(AttributeError, match=f"use torch.optim.{name}"):
            getattr(torch_optim, name)
    with pytest.raises(AttributeError, match="has no attribute 'Adamm'"):
        torch_optim.Adamm  # noqa: B018
    assert torch_optim.lr_scheduler is lr_scheduler


def test_every_dense_class_of_torch_is_here():
    theirs = {name for name in torch.optim.__all__ if isinstance(getattr(torch.optim, name, None), type)}
    assert theirs - {cls.__name__ for cls in OURS} <= {"Optimizer", "LBFGS", "SparseAdam"}
