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
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch.nn import functional as F
from tqdm import tqdm

from course.inputs import check_count, unknown, wrong
from course.train_input import (
    checked_device,
    checked_pair,
    checked_part,
    checked_seed,
    is_real,
    made_optimizer,
    made_schedule,
    mean_loss,
    needs_closure,
)

DIVERGED = 20  # times the first loss


@dataclass(frozen=True, eq=False)
class History:
    """What a training run did. Losses are means over examples, in nats; accuracies are shares of 1.

    loss       (steps,) of the mini-batch, before each step
    lr         (steps,) the rate of the first parameter group at each step
    step       (evaluations,) after how many steps validation was measured: 0, every, 2 every, ...
    validation, accuracy    (evaluations,) loss and accuracy on the validation part; NaN where y names no classes
    best       which evaluation has the lowest validation loss; the model is left in its state
    stopped    "done", "patience", or "diverged": a loss that is not finite, or that rose by more than 19 times the
               size of the first one, of the mini-batch or of validation, whichever is larger
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

    model       an nn.Module; x (n, ...) -> scores (n, ..., classes). It is trained in train mode, and is left
                in the mode that it came in
    data        a course.data.Data, or anything with .train and .validation, pairs (x, y)
    optimizer   the parameters -> a torch optimizer, such as lambda p: torch.optim.SGD(p, lr=0.1). One that
                needs a closure (LBFGS) is given the loss and the gradient on the step's batch
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
    steps, batch_size, seed = check_count("steps", steps, 1), check_count("batch_size", batch_size, 1), checked_seed(seed)
    every = max(1, steps // 10) if every is None else check_count("every", every, 1)
    patience = None if patience is None else check_count("patience", patience, 1)
    if clip is not None and not (is_real(clip) and clip > 0):
        raise wrong("clip", clip, "a number > 0, or None")
    if not isinstance(model, torch.nn.Module):
        raise wrong("model", model, "an nn.Module", TypeError)
    device, loss = checked_device(device), cross_entropy if loss is None else loss
    if not callable(loss):
        raise wrong("loss", loss, "a function (scores, y) -> mean loss, or None", TypeError)
    (x, y), validation = (checked_part(data, name, device) for name in ("train", "validation"))
    model.to(device)
    run = _Run()
    with _generators(seed, device), _modes(model), _line(steps, progress) as line:
        opt = made_optimizer(optimizer, model)
        rate, scheduler = made_schedule(schedule, opt)
        waits = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
        closes = needs_closure(opt)
        run.evaluate(0, model, validation, loss)
        rows = _batches(len(x), batch_size, seed)
        model.train()
        for t in range(1, steps + 1):
            if rate:
                for group in opt.param_groups:
                    group["lr"] = rate(t)
            batch = next(rows).to(device)

            def closure(batch=batch):
                opt.zero_grad()
                value = mean_loss(loss, model(x[batch]), y[batch])
                value.backward()
                if clip is not None:
                    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
                return value

            run.record(float(closure().detach()), float(opt.param_groups[0]["lr"]))
            if run.diverged():
                break
            opt.step(closure) if closes else opt.step()
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
        first = max(self.losses[0], self.validation[0])
        highest = first + (DIVERGED - 1) * max(abs(first), 1e-3)
        return not all(math.isfinite(x) and x <= highest for x in (self.losses[-1], self.validation[-1]))

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
    """The mean loss and the accuracy of a model on (x, y), as two floats; on the model's device, in eval mode.

    Each module's mode is afterwards as it was. The accuracy is NaN where y does not hold whole numbers, one for
    each row of scores. Raises ValueError or TypeError for a part that is no pair of tensors of one length.
    """
    x, y = checked_pair("part", part)
    batch_size = check_count("batch_size", batch_size, 1)
    device = next((p.device for p in model.parameters()), x.device)
    total, right, places = 0.0, 0, 0
    with _modes(model):
        model.eval()
        for a in range(0, len(x), batch_size):
            scores, true = model(x[a : a + batch_size].to(device)), y[a : a + batch_size].to(device)
            total += float(mean_loss(loss, scores, true)) * len(true)
            if not y.is_floating_point() and scores.shape[:-1] == true.shape:
                right += int((scores.argmax(dim=-1) == true).sum())
                places += true.numel()
    return total / len(x), right / places if places == y.numel() else math.nan


def time_to_target(history, target):
    """The first evaluated step at which the validation loss is at most `target`; infinity if there is none."""
    hits = np.flatnonzero(history.validation <= target)
    return float(history.step[hits[0]]) if len(hits) else math.inf


def _batches(n, size, seed):
    """Row numbers, batch after batch for ever; the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.randperm(n, generator=generator).split(size)


@contextlib.contextmanager
def _generators(seed, device):
    """The generators of torch that a run on the device draws from seeded inside, and as they were after."""
    module = getattr(torch, device.type) if device.type in ("cuda", "mps") else None
    on_it = (device,) if device.type == "cuda" else ()
    state = module.get_rng_state(*on_it) if module else None
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the other devices too
            if module:
                with torch.cuda.device(device) if on_it else contextlib.nullcontext():
                    module.manual_seed(seed)
            yield
    finally:
        if module:
            module.set_rng_state(state, *on_it)


@contextlib.contextmanager
def _modes(model):
    """The mode of each module, train or eval, afterwards as it was: some may be frozen."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _line(steps, progress):
    """A progress line in text, silent where nobody reads it: in a notebook's file and in a log."""
    silent = not progress or os.environ.get("COURSE_PROGRESS") == "0" or not (sys.stderr and sys.stderr.isatty())
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
    border      the settings whose best value lies in the outer tenth of its range: search further out there;
                none where no trial has a finite score
    """

    settings: list[dict] = field(repr=False)
    scores: np.ndarray
    border: tuple[str, ...]

    @property
    def best(self):
        """The settings with the lowest score. Raises ValueError where no trial has a finite one."""
        if not np.isfinite(self.scores).any():
            raise ValueError(f"best: got {len(self.scores)} trials without a finite score, expected one at least: "
                             "search another range")
        return self.settings[int(np.argmin(self.scores))]


def tune(train: Callable[..., float], space, trials, *, method="random", seed=0):
    """Try `trials` settings from a space: a Trials.

    train     called with one setting for each name of the space; returns the score, lower is better
    space     {name: log_uniform(low, high), uniform(low, high) or a list of choices}
    trials    the budget, >= 1: give every method the same
    method    "random"; "quasi", a scrambled Sobol sequence, which leaves fewer holes; "grid", whose sides
              are the equal whole roots of trials, so that it may use fewer
    seed      of the choice

    NaN counts as infinity. Raises ValueError for an empty space, an unknown method or trials < 1, TypeError
    where `train` returns no number. Random against grid: Bergstra and Bengio 2012.
    """
    trials, seed = check_count("trials", trials, 1), checked_seed(seed)
    if not callable(train):
        raise wrong("train", train, "a function of the settings that returns the score", TypeError)
    if not isinstance(space, dict):
        raise wrong("space", space, "a dict from names to ranges", TypeError)
    for name, values in space.items():
        if not isinstance(values, Range) and not (isinstance(values, list | tuple) and len(values)):
            raise wrong(f"space[{name!r}]", values, "log_uniform(low, high), uniform(low, high) or a list of choices")
    if not space:
        raise wrong("space", space, "at least one name with its range")
    settings = [
        {name: _at(values, share) for (name, values), share in zip(space.items(), row, strict=True)}
        for row in shares(len(space), trials, method=method, seed=seed)
    ]
    scores = np.array([_score(train(**one)) for one in settings])
    tried = Trials(settings, scores, ())
    if not np.isfinite(scores).any():
        return tried
    border = tuple(
        name
        for name, values in space.items()
        if isinstance(values, Range) and not 0.1 <= values.share(tried.best[name]) <= 0.9
    )
    return replace(tried, border=border)


def _score(value):
    """A trial's score as a float, NaN as infinity; raises TypeError for what is no number."""
    if isinstance(value, History):
        raise wrong("train", value, "a function that returns the score, such as fit(...).score", TypeError)
    try:
        score = float(value)
    except (TypeError, ValueError):
        raise wrong("train", value, "a function that returns the score, one number", TypeError) from None
    return math.inf if math.isnan(score) else score


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
