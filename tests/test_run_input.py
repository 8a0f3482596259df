"""What run, sweep and run_torch refuse, naming the argument, what was seen and what was expected."""

import warnings

import numpy as np
import pytest
import torch

from course import rules
from course.run import run, run_torch, sweep

START = np.array([-5.0, -2.0])


def bowl(theta):
    return theta * 0.5


def same(theta):
    return theta


def in_place(theta):
    theta[0] *= 0.2
    return theta


def first_axis(theta):
    return np.array([0.2 * theta[0], 4 * theta[1]])


def late(bad, step=2):
    """A gradient that is right until the given step, and then returns `bad`."""
    seen = []
    return lambda theta: seen.append(theta) or (bad if len(seen) >= step else theta * 1.0)


def ending(*values):
    """A function of one argument that gives these values, one per call, and then stops."""
    stream = iter(values)
    return lambda _: next(stream)


def forgets(theta, g, t, b=0.0, *, lr=0.1):
    return (theta - lr * g,)


def adds(theta, g, t, *, lr=0.1):
    return theta - lr * g, g


def untupled(theta, g, t, *, lr=0.1):
    return theta - lr * g


def flat(theta, g, t, *, lr=0.1):
    return ((theta - lr * g).sum(),)


def positional(theta, g, t, lr=1e-3):
    return (theta - lr * g,)


def required(theta, g, t, lr):
    return (theta - lr * g,)


def keyword(theta, g, t, *, lr):
    return (theta - lr * g,)


def open_ended(theta, g, t, **hyper):
    return (theta - hyper["lr"] * g,)


def overwrites(theta, g, t, *, lr=0.1):
    theta -= lr * g
    return (theta,)


def by_norm(theta, g, t, *, lr=0.1):
    return (theta - lr * g / (theta * theta).sum() ** 0.5,)


def late_tuple(theta, g, t, *, lr=0.1):
    return (theta - lr * g,) if t < 3 else None


def each(rule=rules.sgd, grad=bowl, theta0=START, steps=3, **hyper):
    return lambda: run(rule, grad, theta0, steps, **hyper)


def many(rule=rules.sgd, grad=bowl, theta0=START, steps=3, **hyper):
    return lambda: sweep(rule, grad, theta0, steps, **(hyper or {"lr": [0.1, 0.2]}))


def theirs(optimizer=torch.optim.SGD, grad=same, theta0=START, steps=3, **settings):
    return lambda: run_torch(optimizer, grad, theta0, steps, **settings)


def step(theta=START, g=START, t=1, **hyper):
    return lambda: rules.adam(theta, g, t, **hyper)


TENSOR = torch.tensor(START)
BAD = [
    (lambda: run(rules.sgd, bowl, [1.0, 2.0], -1), ValueError, "steps: got -1, expected a whole number >= 0"),
    (lambda: run(rules.sgd, bowl, [1.0, 2.0], 2.5), TypeError, "steps: got 2.5"),
    (lambda: run(rules.sgd, bowl, [1, 2], 2), TypeError, "theta0: .*int64"),
    (lambda: run(rules.sgd, bowl, 3, 2), TypeError, "theta0: got 3.*write 3.0"),
    (lambda: run(rules.sgd, bowl, torch.tensor([1, 2]), 2), TypeError, "theta0: .*int64"),
    (lambda: run(rules.sgd, bowl, "start", 2), TypeError, "theta0: got 'start'"),
    (lambda: run(rules.sgd, bowl, [[1.0], [1.0, 2.0]], 2), ValueError, "theta0: .*rectangular"),
    (lambda: run(rules.sgd, bowl, [np.nan, 1.0], 2), ValueError, "theta0: .*finite"),
    (lambda: run(rules.sgd, None, [1.0, 2.0], 2), TypeError, "grad: got None, expected a function"),
    (lambda: run("sgd", bowl, [1.0, 2.0], 2), TypeError, "rule: got 'sgd', expected an update rule"),
    (
        lambda: run(rules.sgd, lambda x: np.ones(3), [1.0, 2.0], 2),
        ValueError,
        r"grad\(theta\): got shape \(3,\)",
    ),
    (lambda: run(rules.sgd, lambda x: None, [1.0, 2.0], 2), TypeError, r"grad\(theta\): got None"),
    (
        lambda: run(rules.sgd, bowl, [1.0, 2.0], 2, learning_rate=1),
        TypeError,
        "'learning_rate', expected one of lr",
    ),
    (lambda: run(rules.momentum, bowl, [1.0, 2.0], 2, momentun=1), TypeError, "did you mean 'momentum'"),
    (lambda: run(rules.sgd, bowl, [1.0, 2.0], 2, lr=-1.0), ValueError, "lr: got -1.0"),
    (lambda: run(rules.sgd, bowl, [1.0, 2.0], 2, lr=lambda t: 1 - t), ValueError, "lr: got -1"),
    (lambda: sweep(rules.sgd, bowl, [1.0, 2.0], 2, lr=[[0.1], [0.2]]), ValueError, "lr: .*one-dimensional"),
    (lambda: sweep(rules.sgd, bowl, [1.0, 2.0], 2, lr=[]), ValueError, "lr: .*one-dimensional"),
    (lambda: sweep(rules.sgd, bowl, [1.0, 2.0], 2, lr=[0.1, -0.2]), ValueError, "lr: got array"),
    (
        lambda: sweep(rules.sgd, lambda x: x[0], [1.0, 2.0], 2, lr=[0.1, 0.2]),
        ValueError,
        r"grad\(theta\): got shape",
    ),
    # a gradient that changes theta, or is none
    (each(grad=in_place), ValueError, "grad: changes theta in place"),
    (each(grad=in_place, theta0=TENSOR), ValueError, "grad: changes theta in place"),
    (many(grad=in_place), ValueError, "grad: changes theta in place"),
    (many(grad=in_place, theta0=TENSOR), ValueError, "grad: changes theta in place"),
    (theirs(grad=in_place), ValueError, "grad: changes theta in place"),
    (each(grad=late(None)), TypeError, r"grad\(theta\) at step 2: got None"),
    (
        each(grad=late(np.ones(3), 3)),
        ValueError,
        r"grad\(theta\) at step 3: got shape \(3,\), expected theta's",
    ),
    (each(grad=late(np.ones(2, int))), TypeError, r"grad\(theta\) at step 2: .*int64"),
    (each(grad=late(torch.ones(3)), theta0=TENSOR), ValueError, r"grad\(theta\) at step 2: got shape \(3,\)"),
    (each(grad=lambda x: [1.0, 2.0]), TypeError, r"grad\(theta\): got \[1.0, 2.0\]"),
    (each(grad=lambda x: x * 1j), TypeError, r"grad\(theta\): .*complex128"),
    (each(grad=lambda x: x.astype(object)), TypeError, r"grad\(theta\): got array.*floating-point"),
    (each(grad=lambda x: np.ma.array(x, mask=[0, 1])), TypeError, r"grad\(theta\): got masked_array"),
    (each(grad=ending(np.ones(2))), ValueError, "grad: ran out of values at step 2"),
    (each(grad=float), TypeError, "grad: got <class 'float'>, expected a function"),
    (theirs(grad=lambda x: None), TypeError, r"grad\(theta\): got None"),
    (theirs(grad=late(torch.ones(3))), ValueError, r"grad\(theta\) at step 2: got shape \(3,\)"),
    (many(grad=first_axis), ValueError, r"grad: got other gradients .* index the last axis, theta\[..., 0\]"),
    (many(grad=lambda x: x / np.linalg.norm(x)), ValueError, r"grad: .*last axis"),
    (many(grad=lambda x: np.array([[2.0, 1], [1, 2]]) @ x), ValueError, r"grad: .*last axis"),
    (
        many(grad=first_axis, lr=[0.1]),
        IndexError,
        r"out of bounds[\s\S]*index the last axis, theta\[..., 0\]",
    ),
    (
        many(grad=first_axis, lr=[0.1] * 3),
        ValueError,
        r"grad\(theta\): got shape .* last axis, theta\[..., 0\]",
    ),
    # a rule that is none
    (each(forgets), TypeError, r"forgets: at step 1 returned 1 value, expected a tuple of 2: \(theta, b\)"),
    (each(adds), TypeError, r"adds: at step 1 returned 2 values, expected a tuple of 1: \(theta,\)"),
    (each(untupled), TypeError, "untupled: at step 1 returned array.*expected a tuple"),
    (each(untupled, same, 1.0), TypeError, "untupled: at step 1 returned array.*expected a tuple"),
    (each(late_tuple), TypeError, "late_tuple: at step 3 returned None"),
    (each(flat), TypeError, "flat: at step 1 returned .* as theta"),
    (
        each(lambda theta, g, t, m=0.0: (theta, "m")),
        TypeError,
        "at step 1 returned 'm' as m, expected a number or",
    ),
    (each(positional), TypeError, r"positional: .*1 value, .*hyper-parameter is keyword-only, after \*"),
    (each(positional, lr=0.5), TypeError, r"positional: .*hyper-parameter is keyword-only"),
    (each(required), TypeError, r"rule: got <function required.*expected a default for lr.*after \*"),
    (each(keyword), TypeError, "keyword: got no lr, expected lr=..."),
    (each(open_ended, lr=0.1), TypeError, r"rule: got <function open_ended.*\*\*hyper leaves them open"),
    (each(lambda theta: theta), TypeError, r"rule: got .*expected a function of \(theta, g, t\)"),
    (each(max), TypeError, "rule: got <built-in function max>, expected a function of"),
    (each(torch.optim.Adam), TypeError, "rule: got <class .*Adam'>.*go to run_torch"),
    (each(overwrites), ValueError, "overwrites: changes theta in place"),
    (each(overwrites, theta0=TENSOR), ValueError, "overwrites: changes theta in place"),
    (
        many(by_norm),
        TypeError,
        "by_norm: step 1 of a cell depends on the other cells .*call run once per setting",
    ),
    (
        many(rules.muon, theta0=np.ones((2, 2))),
        TypeError,
        "muon: failed on all cells .*call run once per setting",
    ),
    (many(rules.adafactor_vector), TypeError, "adafactor_vector: failed on all cells .*course.ops"),
    (
        many(rules.adafactor_vector, weight_decay=[0, 1.0]),
        TypeError,
        "adafactor_vector: step 2 .*other cells",
    ),
    # a start that is none
    (
        each(theta0=np.ma.array([1.0, 2.0], mask=[0, 1])),
        TypeError,
        r"theta0: got masked_array[\s\S]*without a mask",
    ),
    (
        each(theta0=(x for x in START)),
        TypeError,
        "theta0: got <generator.*expected a floating-point number or array",
    ),
    (each(theta0=np.array([1.0, None])), TypeError, "theta0: got array.*floating-point"),
    (each(theta0=torch.tensor([np.nan, 1.0])), ValueError, "theta0: got tensor.*finite"),
    (theirs(theta0=torch.tensor([np.nan, 1.0])), ValueError, "theta0: got tensor.*finite"),
    # settings
    (each(lr=np.ones(3)), ValueError, r"lr: got shape \(3,\), .* broadcasts to theta's shape \(2,\)"),
    (each(lr=np.ones((2, 2))), ValueError, r"lr: got shape \(2, 2\)"),
    (each(lr=torch.ones(3)), ValueError, r"lr: got shape \(3,\)"),
    (each(lr=torch.tensor(-1.0)), ValueError, "lr: got -1.0"),
    (
        each(lr=lambda t: np.ones(3)),
        ValueError,
        r"lr: got shape \(3,\)[\s\S]*schedule lr=... gave this at step 1",
    ),
    (many(lr=lambda t: np.ones(3)), ValueError, r"lr: got shape \(3,\)[\s\S]*schedule"),
    (each(lr=lambda t: None), TypeError, r"lr: got None[\s\S]*schedule"),
    (each(lr=lambda t: "0.1"), TypeError, r"lr: got '0.1'[\s\S]*schedule"),
    (each(lr=ending(0.1)), ValueError, "lr: the schedule gave no value at step 2"),
    (each(lr=float), TypeError, "lr: got <class 'float'>.*a class is no schedule"),
    (each(lr=iter([0.1])), TypeError, "lr: got <list_iterator"),
    (each(lr=object()), TypeError, "lr: got <object"),
    (each(lr=1j), TypeError, "lr: got 1j"),
    (each(lr=10**5000), TypeError, "lr: got a value of type int"),
    (each(lr=np.array([0.1, None])), TypeError, "lr: got array"),
    (many(lr=torch.tensor([0.1, -0.2])), ValueError, "lr: got array"),
    (many(lr=[[0.1], [0.2, 0.3]]), ValueError, "lr: .*one-dimensional"),
    (many(lr=["a", "b"]), TypeError, "lr: got array"),
    (many(lr=[0.1], beta=[0.1]), TypeError, "sgd's hyper-parameter: got 'beta'"),
    # the state before step 1
    *(
        (
            each(rules.momentum, b=bad),
            TypeError,
            "b: got .*expected a number or an array that broadcasts to theta's",
        )
        for bad in (
            "0",
            [1.0, 2.0],
            None,
            1j,
            True,
            same,
            np.array([True, False]),
            START * 1j,
            START.astype(object),
        )
    ),
    *(
        (each(rules.momentum, b=bad), ValueError, rf"b: got shape \({len(bad)}, *\S*\), expected a number")
        for bad in (np.ones(3), torch.ones(3), np.ones((2, 2)))
    ),
    *(
        (each(rules.momentum, b=bad), ValueError, "b: got .*expected finite numbers")
        for bad in (np.nan, 10**400, np.array([1.0, np.inf]), torch.tensor([1.0, np.inf]))
    ),
    # a rule called by itself
    *(
        (step(t=bad), TypeError, "t: got .*expected a step number, 1 or larger")
        for bad in (
            1j,
            object(),
            None,
            "1",
            True,
            np.array([True]),
            torch.tensor(True),
            same,
            np.array([1], object),
        )
    ),
    *(
        (step(t=bad), ValueError, "t: got .*expected a step number of at most 2")
        for bad in (10**400, 10**5000, np.inf, torch.tensor(np.inf), 2**53 + 1)
    ),
    *(
        (step(t=bad), ValueError, "t: got .*expected a step number, 1 or larger")
        for bad in (-(10**400), 0, 1.5, -np.inf)
    ),
    *(
        (step(theta=bad), TypeError, "theta: got .*expected")
        for bad in (
            object(),
            same,
            np.float64,
            10**400,
            np.array([1.0, None]),
            np.array([1.0, 2]).astype(int).astype(object),
        )
    ),
    (step(g=TENSOR), TypeError, "g: got tensor.*of torch, expected theta's kind: numpy"),
    (step(theta=TENSOR), TypeError, "g: got array.*of numpy, expected theta's kind: torch"),
    (step(lr=object()), TypeError, "lr: got <object"),
    (step(lr=iter([0.1])), TypeError, "lr: got <list_iterator"),
    # torch's own
    (theirs(torch.optim.LBFGS), TypeError, "optimizer: got <class .*LBFGS.*one dense gradient per step"),
    (theirs(torch.optim.SparseAdam), TypeError, "optimizer: got <class .*one dense gradient per step"),
    (theirs(torch.optim.Optimizer), TypeError, "optimizer: got <class"),
    (theirs(rules.adam), TypeError, "optimizer: got <function adam.*a class of torch.optim"),
    (theirs(device="foo"), ValueError, "device: got 'foo', expected a device that is present"),
    (theirs(device="cuda:99"), ValueError, "device: got 'cuda:99', expected a device that is present"),
    (theirs(device=1.5), ValueError, "device: got 1.5"),
]


@pytest.mark.parametrize("call, error, message", BAD)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message), warnings.catch_warnings():
        warnings.simplefilter("error")
        call()
