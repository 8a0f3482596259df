"""Training a network: one loop for every lesson, and tuning under an equal budget.

    data = image()
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    history = fit(model, data, lambda p: torch.optim.Adam(p, lr=1e-2), steps=300)
    history.accuracy[history.best]          # on validation; model now holds that state

Two methods are compared fairly when each gets the same number of trials from a stated space:

    tune(lambda lr: fit(make(), data, lambda p: torch.optim.SGD(p, lr), steps=300).score,
         {"lr": log_uniform(1e-3, 1)}, trials=8)
"""

import contextlib
import copy
import math
import numbers
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional as F
from tqdm import tqdm

from course import device as chosen_device
from course.inputs import check_count, unknown, wrong

DIVERGED = 20  # times the first step's loss


@dataclass(frozen=True, eq=False)
class History:
    """What a training run did. Losses are means over examples, in nats; accuracies are shares of 1.

    loss       (steps,) of the mini-batch, before each step
    lr         (steps,) the rate of the first parameter group at each step
    step       (evaluations,) after how many steps validation was measured: 0, every, 2 every, ...
    validation, accuracy    (evaluations,) loss and accuracy on the validation part
    best       which evaluation has the lowest validation loss; the model is left in its state
    stopped    "done", "diverged" (a loss that is not finite or above 20 times the first), or "patience"
    """

    loss: np.ndarray
    lr: np.ndarray
    step: np.ndarray
    validation: np.ndarray
    accuracy: np.ndarray
    best: int
    stopped: str

    @property
    def score(self):
        """The lowest validation loss; infinity for a run that diverged."""
        return math.inf if self.stopped == "diverged" else float(self.validation[self.best])

    def __repr__(self):
        return (f"History({len(self.loss)} steps, {self.stopped}; validation loss {self.validation[self.best]:.3g}, "
                f"accuracy {self.accuracy[self.best]:.3f} after {self.step[self.best]} steps)")


def fit(model, data, optimizer, *, steps, batch_size=64, schedule=None, every=None, loss=None, clip=None,
        patience=None, seed=0, device=None, progress=True):
    """Train a model on data.train, measure it on data.validation, and leave it in its best state: a History.

    model       an nn.Module; x (n, ...) -> scores (n, ..., classes)
    data        a course.data.Data, or anything with .train and .validation, pairs (x, y)
    optimizer   the parameters -> a torch optimizer, such as lambda p: torch.optim.SGD(p, lr=0.1)
    steps       how many, >= 1. batch_size: examples a step; each epoch is shuffled anew, its short last
                batch is used
    schedule    t = 1, 2, ... -> the rate of step t (course.schedules), for all groups; or the optimizer ->
                one of torch's schedulers, such as lambda opt: StepLR(opt, 100); ReduceLROnPlateau is told
                the validation loss at each evaluation
    every       steps between two evaluations, by default a tenth of steps
    loss        (scores, y) -> mean loss; default: cross-entropy over the last axis
    clip        the largest norm of all gradients together, or None
    patience    stop after so many evaluations without a lower validation loss, or None
    seed        of the order of the examples and of dropout. The first weights are made before: seed them there.
    device      default: course.device(); model and data are moved to it
    progress    a line of text on stderr while it runs, where stderr is a terminal

    Raises ValueError or TypeError for a bad argument; a run that diverges ends early and says so in `stopped`.
    """
    steps, batch_size = check_count("steps", steps, 1), check_count("batch_size", batch_size, 1)
    every = max(1, steps // 10) if every is None else check_count("every", every, 1)
    patience = None if patience is None else check_count("patience", patience, 1)
    if clip is not None and not clip > 0:
        raise wrong("clip", clip, "a number > 0, or None")
    if not isinstance(model, torch.nn.Module):
        raise wrong("model", model, "an nn.Module", TypeError)
    device, loss = torch.device(device or chosen_device()), loss or cross_entropy
    model.to(device)
    x, y = (part.to(device) for part in data.train)
    validation = [part.to(device) for part in data.validation]
    opt = optimizer(model.parameters())
    scheduler = _scheduler(schedule, opt)
    waits = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
    run = _Run()
    run.evaluate(0, model, validation, loss)
    with _generators(seed, device), _line(steps, progress) as line:
        rows = _batches(len(x), batch_size, seed)
        model.train()
        for t in range(1, steps + 1):
            if schedule and not scheduler:
                for group in opt.param_groups:
                    group["lr"] = schedule(t)
            batch = next(rows).to(device)
            opt.zero_grad()
            value = loss(model(x[batch]), y[batch])
            run.record(float(value.detach()), float(opt.param_groups[0]["lr"]))
            if run.diverged():
                break
            value.backward()
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            opt.step()
            if scheduler and not waits:
                scheduler.step()
            line.update()
            if t % every == 0 or t == steps:
                run.evaluate(t, model, validation, loss)
                if waits:
                    scheduler.step(run.validation[-1])
                if run.diverged() or (patience and run.waited() >= patience):
                    break
    model.load_state_dict(run.state)
    return run.history(steps)


class _Run:
    """What is known while a run goes on."""

    def __init__(self):
        self.losses, self.rates, self.steps, self.validation, self.accuracy = [], [], [], [], []
        self.best, self.state = 0, None

    def record(self, loss, lr):
        self.losses.append(loss)
        self.rates.append(lr)

    def evaluate(self, t, model, part, loss):
        value, accuracy = evaluate(model, part, loss)
        self.steps.append(t)
        self.validation.append(value)
        self.accuracy.append(accuracy)
        if self.state is None or value < self.validation[self.best]:
            self.best, self.state = len(self.validation) - 1, copy.deepcopy(model.state_dict())

    def diverged(self):
        last = [*self.losses[-1:], self.validation[-1]]
        return not all(math.isfinite(x) and x <= DIVERGED * max(self.losses[0], 1e-3) for x in last)

    def waited(self):
        return len(self.validation) - 1 - self.best

    def history(self, steps):
        stopped = "diverged" if self.diverged() else "done" if self.steps[-1] == steps else "patience"
        arrays = (np.array(x) for x in (self.losses, self.rates, self.steps, self.validation, self.accuracy))
        return History(*arrays, self.best, stopped)


def cross_entropy(scores, y):
    """The mean over all examples and places of -log(share of the right class): scores (n, ..., c), y (n, ...)."""
    return F.cross_entropy(scores.flatten(0, -2), y.flatten())


@torch.no_grad()
def evaluate(model, part, loss=cross_entropy, batch_size=1024):
    """The mean loss and the accuracy of a model on (x, y), as two floats; in eval mode, which is undone."""
    x, y = part
    training, total, right = model.training, 0.0, 0
    model.eval()
    for a in range(0, len(x), batch_size):
        scores, true = model(x[a : a + batch_size]), y[a : a + batch_size]
        total += float(loss(scores, true)) * len(true)
        right += int((scores.argmax(dim=-1) == true).sum())
    model.train(training)
    return total / len(x), right / y.numel()


def time_to_target(history, target):
    """The first evaluated step at which the validation loss is at most `target`; infinity if there is none."""
    hits = np.flatnonzero(history.validation <= target)
    return float(history.step[hits[0]]) if len(hits) else math.inf


def _scheduler(schedule, opt):
    """torch's scheduler, or None where the schedule is a function of the step."""
    if schedule is None:
        return None
    if not callable(schedule):
        raise wrong("schedule", schedule, "a function of the step t, or of the optimizer", TypeError)
    with contextlib.suppress(Exception):  # torch's schedulers refuse a step for an optimizer
        if isinstance(schedule(1), numbers.Real):
            return None
    made = schedule(opt)
    if not isinstance(made, torch.optim.lr_scheduler.LRScheduler):
        raise wrong("schedule", schedule, "a function t -> rate, or optimizer -> one of torch's schedulers", TypeError)
    return made


def _batches(n, size, seed):
    """Row numbers, batch after batch for ever; the same on every device."""
    generator = torch.Generator().manual_seed(check_count("seed", seed))
    while True:
        yield from torch.randperm(n, generator=generator).split(size)


@contextlib.contextmanager
def _generators(seed, device):
    """torch's own generators seeded inside, and as they were after."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _line(steps, progress):
    """A progress line in text, silent where nobody reads it: in a notebook's file and in a log."""
    silent = not progress or os.environ.get("COURSE_PROGRESS") == "0" or not sys.stderr.isatty()
    return tqdm(total=steps, disable=silent, leave=False, ascii=True, unit="step", delay=1)


# Tuning


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, evenly spread themselves or in their logarithm."""

    low: float
    high: float
    log: bool

    def at(self, share):
        """The number at a share of the way, 0 to 1."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return float(self.low + (self.high - self.low) * share)

    def share(self, value):
        """How far on the way a number stands, 0 to 1."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def log_uniform(low, high):
    """The range for a rate: as many trials from 0.001 to 0.01 as from 0.1 to 1. Raises ValueError unless 0 < low < high."""
    if not 0 < low < high < math.inf:
        raise wrong("low, high", (low, high), "0 < low < high")
    return Range(low, high, True)


def uniform(low, high):
    """An evenly spread range. Raises ValueError unless low < high."""
    if not -math.inf < low < high < math.inf:
        raise wrong("low, high", (low, high), "low < high")
    return Range(low, high, False)


@dataclass(frozen=True, eq=False)
class Trials:
    """What was tried.

    settings    one dict per trial
    scores      (trials,) lower is better; a trial that diverged has infinity
    border      the settings whose best value lies in the outer tenth of its range: search further out there
    """

    settings: list[dict] = field(repr=False)
    scores: np.ndarray
    border: tuple[str, ...]

    @property
    def best(self):
        """The settings with the lowest score."""
        return self.settings[int(np.argmin(self.scores))]


def tune(train: Callable[..., float], space, trials, *, method="random", seed=0):
    """Try `trials` settings from a space: a Trials.

    train     called with one setting for each name of the space; returns the score, lower is better
    space     {name: log_uniform(low, high), uniform(low, high) or a list of choices}
    trials    the budget, >= 1: give every method the same
    method    "random"; "quasi", a scrambled Sobol sequence, which leaves fewer holes; "grid", whose sides
              are the equal whole roots of trials, so that it may use fewer
    seed      of the choice

    A score that is not a number counts as infinity. Raises ValueError for an empty space, an unknown method
    or trials < 1. Random against grid: Bergstra and Bengio 2012.
    """
    trials = check_count("trials", trials, 1)
    for name, values in space.items():
        if not isinstance(values, Range) and not (isinstance(values, list | tuple) and len(values)):
            raise wrong(f"space[{name!r}]", values, "log_uniform(low, high), uniform(low, high) or a list of choices")
    if not space:
        raise wrong("space", space, "at least one name with its range")
    settings = [
        {name: _at(values, share) for (name, values), share in zip(space.items(), row, strict=True)}
        for row in shares(len(space), trials, method=method, seed=seed)
    ]
    scores = np.array([float(train(**one)) for one in settings])
    scores[np.isnan(scores)] = math.inf
    best = settings[int(np.argmin(scores))]
    border = tuple(
        name
        for name, values in space.items()
        if isinstance(values, Range) and not 0.1 <= values.share(best[name]) <= 0.9
    )
    return Trials(settings, scores, border)


def shares(names, trials, *, method="random", seed=0):
    """Points in the unit cube, (trials or fewer, names), float64 in [0, 1]: see `tune` for the methods."""
    if method == "random":
        return np.random.default_rng(seed).uniform(size=(trials, names))
    if method == "quasi":
        engine = torch.quasirandom.SobolEngine(names, scramble=True, seed=seed)
        return engine.draw(trials, dtype=torch.float64).numpy()
    if method == "grid":
        side = max(1, math.floor(trials ** (1 / names) + 1e-9))
        ticks = np.linspace(0, 1, side) if side > 1 else np.array([0.5])
        return np.stack(np.meshgrid(*[ticks] * names, indexing="ij"), axis=-1).reshape(-1, names)
    raise unknown("method", method, ("random", "quasi", "grid"))


def _at(values, share):
    return values.at(share) if isinstance(values, Range) else values[min(int(share * len(values)), len(values) - 1)]
