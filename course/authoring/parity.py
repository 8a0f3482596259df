"""python3 -m course parity: every rule beside torch's class, with the largest difference seen.

The table of cases is also what tests/test_rules.py and the mutation check run.
"""

import argparse

import numpy as np
import torch

from course import rules
from course.rules import MATRIX_RULES

STEPS = 100
THETA0 = np.array([0.3, -1.2, 2.0, 0.01])

# rule, its settings, and the torch class and settings that do the same
CASES = [
    (rules.sgd, {}, torch.optim.SGD, {}),
    (rules.sgd, {"lr": 0.3}, torch.optim.SGD, {"lr": 0.3}),
    (rules.momentum, {"lr": 0.1}, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (rules.momentum, {"momentum": 0.5}, torch.optim.SGD, {"momentum": 0.5}),
    (rules.heavy_ball, {"lr": 0.1, "momentum": 0.7}, torch.optim.SGD, {"lr": 0.1, "momentum": 0.7}),
    (rules.heavy_ball, {}, torch.optim.SGD, {"momentum": 0.9}),
    (rules.nesterov, {"lr": 0.1}, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (rules.nesterov, {"momentum": 0.5}, torch.optim.SGD, {"momentum": 0.5, "nesterov": True}),
    (rules.adagrad, {}, torch.optim.Adagrad, {}),
    (rules.adagrad, {"lr": 0.5, "lr_decay": 0.1, "eps": 1e-5}, torch.optim.Adagrad, {"lr": 0.5, "lr_decay": 0.1, "eps": 1e-5}),
    (rules.rmsprop, {}, torch.optim.RMSprop, {}),
    (rules.rmsprop, {"lr": 0.1, "alpha": 0.9, "eps": 1e-4}, torch.optim.RMSprop, {"lr": 0.1, "alpha": 0.9, "eps": 1e-4}),
    (rules.adam, {}, torch.optim.Adam, {}),
    (
        rules.adam,
        {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4},
        torch.optim.Adam,
        {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-4},
    ),
    (rules.momentum_dampened, {"lr": 0.1, "dampening": 0.3}, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    (rules.momentum_dampened, {"momentum": 0.5}, torch.optim.SGD, {"momentum": 0.5}),
    (rules.asgd, {}, torch.optim.ASGD, {}),
    (rules.asgd, {"lr": 0.3, "lambd": 0.01, "alpha": 0.5, "t0": 20}, torch.optim.ASGD, {"lr": 0.3, "lambd": 0.01, "alpha": 0.5, "t0": 20}),
    (rules.rmsprop_momentum, {"momentum": 0.7}, torch.optim.RMSprop, {"momentum": 0.7}),
    (rules.rmsprop_momentum, {"lr": 0.1, "alpha": 0.9, "eps": 1e-4}, torch.optim.RMSprop, {"lr": 0.1, "alpha": 0.9, "eps": 1e-4, "momentum": 0.9}),
    (rules.rmsprop_centered, {}, torch.optim.RMSprop, {"centered": True}),
    (rules.rmsprop_centered, {"lr": 0.1, "alpha": 0.9, "eps": 1e-4}, torch.optim.RMSprop, {"lr": 0.1, "alpha": 0.9, "eps": 1e-4, "centered": True}),
    (rules.rmsprop_centered_momentum, {"lr": 0.1}, torch.optim.RMSprop, {"lr": 0.1, "momentum": 0.9, "centered": True}),
    (rules.rmsprop_centered_momentum, {"alpha": 0.9, "eps": 1e-4, "momentum": 0.7}, torch.optim.RMSprop, {"alpha": 0.9, "eps": 1e-4, "momentum": 0.7, "centered": True}),
    (rules.adadelta, {}, torch.optim.Adadelta, {}),
    (rules.adadelta, {"lr": 0.5, "rho": 0.7, "eps": 1e-4}, torch.optim.Adadelta, {"lr": 0.5, "rho": 0.7, "eps": 1e-4}),
    (rules.rprop, {}, torch.optim.Rprop, {}),
    (rules.rprop, {"lr": 0.1, "etaminus": 0.7, "etaplus": 1.5, "step_size_min": 0.05, "step_size_max": 0.3}, torch.optim.Rprop, {"lr": 0.1, "etas": (0.7, 1.5), "step_sizes": (0.05, 0.3)}),
    (rules.adamw, {}, torch.optim.AdamW, {}),
    (rules.adamw, {"lr": 0.1, "weight_decay": 0.3}, torch.optim.AdamW, {"lr": 0.1, "weight_decay": 0.3}),
    (rules.adamw, {"beta1": 0.8, "beta2": 0.95, "eps": 1e-4}, torch.optim.AdamW, {"betas": (0.8, 0.95), "eps": 1e-4}),
    (rules.amsgrad, {}, torch.optim.Adam, {"amsgrad": True}),
    (rules.amsgrad, {"beta1": 0.8, "eps": 1e-4}, torch.optim.Adam, {"betas": (0.8, 0.999), "eps": 1e-4, "amsgrad": True}),
    (rules.amsgrad, {"lr": 0.1, "beta2": 0.9}, torch.optim.Adam, {"lr": 0.1, "betas": (0.9, 0.9), "amsgrad": True}),
    (rules.adamax, {}, torch.optim.Adamax, {}),
    (rules.adamax, {"lr": 0.1, "beta1": 0.8, "beta2": 0.9, "eps": 1e-4}, torch.optim.Adamax, {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-4}),
    (rules.nadam, {}, torch.optim.NAdam, {}),
    (rules.nadam, {"lr": 0.1, "beta1": 0.8, "beta2": 0.9, "eps": 1e-4, "momentum_decay": 0.1}, torch.optim.NAdam, {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-4, "momentum_decay": 0.1}),
    (rules.radam, {}, torch.optim.RAdam, {}),
    (rules.radam, {"lr": 0.1, "beta1": 0.8, "beta2": 0.9, "eps": 1e-4}, torch.optim.RAdam, {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-4}),
    (rules.radam, {"beta2": 0.75}, torch.optim.RAdam, {"betas": (0.9, 0.75)}),
    (rules.radam, {"beta2": 0.6}, torch.optim.RAdam, {"betas": (0.9, 0.6)}),
    (rules.radam, {"beta2": 0.3}, torch.optim.RAdam, {"betas": (0.9, 0.3)}),
    (rules.adafactor_vector, {}, torch.optim.Adafactor, {}),
    (rules.adafactor_vector, {"lr": 0.5, "beta2_decay": -0.5, "eps1": 1e-6, "eps2": 2.0, "d": 1.5, "weight_decay": 0.1}, torch.optim.Adafactor, {"lr": 0.5, "beta2_decay": -0.5, "eps": (1e-6, 2.0), "d": 1.5, "weight_decay": 0.1}),
]  # fmt: skip

# The same for rules of matrices, with the difference allowed: torch's Muon computes in bfloat16.
MATRIX_CASES = [
    (rules.adafactor, {}, torch.optim.Adafactor, {}, 1e-13),
    (
        rules.adafactor,
        {"lr": 0.5, "beta2_decay": -0.5, "eps1": 1e-6, "eps2": 2.0, "d": 1.5, "weight_decay": 0.1},
        torch.optim.Adafactor,
        {"lr": 0.5, "beta2_decay": -0.5, "eps": (1e-6, 2.0), "d": 1.5, "weight_decay": 0.1},
        1e-13,
    ),
    (rules.muon, {"lr": 0.02}, torch.optim.Muon, {"lr": 0.02}, 1e-2),
    (rules.muon, {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.5, "ns_steps": 3}, torch.optim.Muon,
     {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.5, "ns_steps": 3}, 1e-2),
    (rules.muon, {"eps": 2.0, "ns_coefficients": (3.0, -4.0, 2.0)}, torch.optim.Muon,
     {"eps": 2.0, "ns_coefficients": (3.0, -4.0, 2.0)}, 1e-2),
    (rules.muon_plain, {"lr": 0.02}, torch.optim.Muon, {"lr": 0.02, "nesterov": False}, 1e-2),
    (rules.muon_plain, {"momentum": 0.5, "weight_decay": 0.5, "eps": 2.0, "ns_coefficients": (3.0, -4.0, 2.0), "ns_steps": 3}, torch.optim.Muon,
     {"momentum": 0.5, "weight_decay": 0.5, "eps": 2.0, "ns_coefficients": (3.0, -4.0, 2.0), "ns_steps": 3, "nesterov": False}, 1e-2),
]  # fmt: skip


def gradients(steps=STEPS):
    """A fixed stream, float64, (steps, 4): sizes from 1e-9 to 1e3, both signs, some zeros.

    Feedback through a loss would amplify rounding; a fixed stream does not, and its sizes show every
    misplaced eps.
    """
    rng = np.random.default_rng(0)
    g = 10 ** rng.uniform(-9, 3, (steps, 4)) * rng.choice([-1, 1], (steps, 4))
    g[:, 3] = 10 ** rng.uniform(-6, -4, steps)
    g[rng.random((steps, 4)) < 0.05] = 0
    return g


def broken():
    """Gradients (6, 4), float64, of which some are no numbers or are infinite, of either sign and at any step."""
    nan, inf = np.nan, np.inf
    return np.array([[1, -1, nan, 1], [1, -1, 2, -inf], [nan, 1, 2, 3], [1, 1, -inf, 3], [1, 2, inf, nan], [-1, 2, 1, 3]])


def matrices(steps=STEPS, shape=(5, 3)):
    """A start (5, 3) and a stream of gradients (steps, 5, 3), float64, of size 1."""
    rng = np.random.default_rng(1)
    return rng.normal(size=shape), rng.normal(size=(steps, *shape))


def uneven(steps=STEPS, shape=(5, 3)):
    """As `matrices`, but sizes from 1e-20 to 1e3, both in a matrix and from step to step, and some zeros.

    Some gradients lie below every least size that Adafactor and Muon divide by.
    """
    rng = np.random.default_rng(2)
    theta0, g = rng.normal(size=shape), rng.normal(size=(steps, *shape))
    g *= 10 ** rng.uniform(-10, 1, (steps, *[1] * len(shape))) * 10 ** rng.uniform(-10, 2, (steps, *shape))
    g[::7] = 0
    g[::5, ..., 0] = 0
    return theta0, g


def torch_path(optimizer, settings, theta0, stream, *, later=None, device="cpu", dtype=torch.float64):
    """The points that a class of torch.optim visits on a stream, (steps, *theta0.shape), float64.

    later: {step: settings of the group from that step on}.
    """
    theta = torch.tensor(theta0, dtype=dtype, device=device)
    optimizer, path = optimizer([theta], **settings), []
    for t, g in enumerate(stream, 1):
        optimizer.param_groups[0].update((later or {}).get(t, {}))
        theta.grad = torch.as_tensor(g, dtype=dtype, device=device)
        optimizer.step()
        path.append(theta.cpu().double().numpy().copy())
    return np.array(path)


def rule_path(rule, settings, theta0, stream, array=np.array):
    """The points that a rule visits on the same stream; array makes the kind of array it computes with."""
    theta, state, path = array(theta0), [], []
    for t, g in enumerate(stream, 1):
        theta, *state = rule(theta, array(g), t, *state, **settings)
        path.append(theta.cpu().double().numpy() if isinstance(theta, torch.Tensor) else theta)
    return np.array(path)


def difference(ours, theirs):
    """The largest difference at any step, relative to the largest parameter so far (at least 1)."""
    axes = tuple(range(1, theirs.ndim))
    scale = np.maximum(1, np.maximum.accumulate(np.abs(theirs).max(axis=axes, keepdims=True)))
    return float((np.abs(ours - theirs) / scale).max())


def devices():
    """Every device that this machine has."""
    return ["cpu"] + ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()


def compare(case, device):
    """The difference of one case on one device, the rule computing with torch's arrays there."""
    rule, settings, optimizer, torch_settings = case[:4]
    dtype = torch.float32 if device == "mps" else torch.float64
    theta0, stream = matrices() if rule.__name__ in MATRIX_RULES else (THETA0, gradients())
    theirs = torch_path(optimizer, torch_settings, theta0, stream, device=device, dtype=dtype)
    ours = rule_path(rule, settings, theta0, stream, lambda x: torch.as_tensor(x, dtype=dtype, device=device))
    return difference(ours, theirs)


def bound(case, device):
    """The difference allowed: rounding, except for Muon, and on Apple's MPS, which has no float64."""
    allowed = case[4] if len(case) > 4 else 1e-14
    return max(allowed, 1e-4) if device == "mps" else allowed


def main(argv=()):
    """Prints the table; exit status 1 where a difference is larger than it may be."""
    parser = argparse.ArgumentParser(prog="python3 -m course parity", description=__doc__.splitlines()[0])
    parser.parse_args(list(argv))
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # torch keeps some of its scalars in the default type
    failed = 0
    try:
        print(f"{'rule':<26} {'torch.optim':<10} {'settings':<44} {'device':<6} {'difference':>10} {'allowed':>8}")
        for case in (*CASES, *MATRIX_CASES):
            for device in devices():
                seen, allowed = compare(case, device), bound(case, device)
                failed += not seen <= allowed
                settings = ", ".join(f"{k}={v}" for k, v in case[3].items()) or "defaults"
                settings = settings if len(settings) <= 44 else settings[:41] + "..."
                print(f"{case[0].__name__:<26} {case[2].__name__:<10} {settings:<44} {device:<6} {seen:>10.1e} {allowed:>8.0e}")
    finally:
        torch.set_default_dtype(before)
    print(f"{STEPS} steps each, {failed} of the differences above what is allowed")
    return 1 if failed else 0
