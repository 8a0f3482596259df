"""The schedule that listens to the training: a smaller rate when a metric stops getting better."""

import math
from collections.abc import Iterable

from course.inputs import wrong
from course.schedules.schedule import check_choice, check_setting


def plateau(
    metrics=None,
    *,
    lr,
    mode="min",
    factor=0.1,
    patience=10,
    threshold=1e-4,
    threshold_mode="rel",
    cooldown=0,
    min_lr=0.0,
    eps=1e-8,
):
    r"""A rate that falls by a factor when a metric has not got better for a while.

    \eta \leftarrow \max(f \eta, \eta_{min}) \quad \text{after more than } n \text{ bad metrics in a row}

    metrics: numbers to go through, one rate each: `list(plateau(losses, lr=0.1))`. Without it, the
    generator is told them one by one, and remembers what it needs:

        rates = plateau(lr=0.1)
        rate = next(rates)            # for the first epoch
        rate = rates.send(loss)       # for the next one

    lr: first rate \eta >= 0. mode: "min" (smaller is better) or "max". factor: f in [0, 1).
    patience: n >= 0 metrics. threshold: a metric is better than the best b so far below b (1 - h)
    ("rel") or b - h ("abs"); for "max" above b (1 + h) or b + h; h >= 0. cooldown: metrics after a fall
    that cannot be bad, >= 0. min_lr: \eta_{min} >= 0. eps: a fall by eps or less is left out.
    Raises TypeError or ValueError for bad settings at once, TypeError for a metric that is no number.
    torch: ReduceLROnPlateau, to the last bit. Its quirks are here too: the fall comes with the
    (patience + 1)-th bad metric; NaN counts as bad; with "rel" and a best value below 0 a slightly
    worse metric passes for better; near 0 eps stops the falls (lr=1e-8 never falls); the best value
    survives a fall, so the new rate must beat it.
    Source: torch.optim.lr_scheduler.ReduceLROnPlateau's documentation.
    """
    check_choice("mode", mode, ("min", "max"))
    check_choice("threshold_mode", threshold_mode, ("rel", "abs"))
    numbers = {"lr": lr, "factor": factor, "threshold": threshold, "min_lr": min_lr, "eps": eps}
    for name, value in (numbers | {"patience": patience, "cooldown": cooldown}).items():
        check_setting(name, value)
    if factor == 1:
        raise wrong("factor", factor, "a number in [0, 1)")
    if metrics is not None and not isinstance(metrics, Iterable):
        raise wrong("metrics", metrics, "numbers to go through, such as a list of losses", TypeError)
    better = _better(mode, threshold, threshold_mode)
    best = math.inf if mode == "min" else -math.inf
    rates = _falling(lr, better, best, factor, patience, cooldown, min_lr, eps)
    return rates if metrics is None else _told(rates, metrics)


def _told(rates, metrics):
    next(rates)
    for metric in metrics:
        yield rates.send(metric)


def _falling(rate, better, best, factor, patience, cooldown, min_lr, eps):
    bad = resting = 0
    while True:
        metric = _number((yield rate))
        if better(metric, best):
            best, bad = metric, 0
        else:
            bad += 1
        if resting > 0:
            resting, bad = resting - 1, 0
        if bad > patience:
            resting, bad = cooldown, 0
            fallen = max(rate * factor, min_lr)
            rate = fallen if rate - fallen > eps else rate


def _better(mode, threshold, threshold_mode):
    """The test (metric, best) -> bool."""
    sign = 1 if mode == "max" else -1
    if threshold_mode == "rel":
        return lambda metric, best: sign * metric > sign * (best * (1 + sign * threshold))
    return lambda metric, best: sign * metric > sign * (best + sign * threshold)


def _number(metric):
    try:
        if not isinstance(metric, str | bytes | bool):
            return float(metric)
    except (TypeError, ValueError, OverflowError):
        pass
    raise wrong("metric", metric, "a number; after next(rates) use rates.send(metric)", TypeError)
