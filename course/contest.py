"""The contest of lesson 13: eight small tasks, six methods, what each method may try, and the stored results.

    history, test = train("network", "adam", lr=0.01, seed=1)     # one run of the contest
    results = contest()                                           # all of them, as stored

All tasks run on the CPU in less than a second and need no network. `course/authoring/contest.py` runs the whole
contest, which takes 20 minutes on one core, and writes the tables that `contest` reads.
"""

import csv
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

import course
from course.data import Data, Split, image, manual_words, speech
from course.data.splits import parts
from course.inputs import check_count, unknown
from course.train import cross_entropy, evaluate, fit, log_uniform, shares

FOLDER = Path(__file__).parent / "data"
BUDGETS = (50, 100, 200, 400)  # steps
EVERY = 10  # steps between two looks at the validation part
TRIALS = 32  # rates that each method tries on each task, with seed 0
SEEDS = range(1, 11)  # of the runs that are reported
QUESTIONS = (*((str(steps), what) for steps in BUDGETS for what in ("validation", "test")), ("time", "steps"))


@dataclass(frozen=True)
class Task:
    """A data set, a model made anew by each call, and the loss.

    seed          of the rates that are tried
    decades_up    how far up the ranges of all methods are moved
    """

    about: str
    data: Callable[[], Data]
    model: Callable[[], nn.Module]
    seed: int
    loss: Callable = cross_entropy
    decades_up: int = 0


def _words():
    """Which of 2480 words stand in a paragraph of Python's manual: is it on the data model, or on syntax?"""
    words = manual_words()
    x, y = torch.tensor(np.minimum(words.counts, 1)), torch.tensor((words.labels > 0).astype(np.int64))
    return _shared_out("words", x, y, ("syntax", "data model"), parts(y.numpy(), 0))


def _topics():
    """A word's topic (36) -> the word, one of the 400 commonest: a few words are common and most are rare."""
    words = manual_words()
    common = np.argsort(-words.counts.sum(axis=0), kind="stable")[:400]
    counts = words.counts[:, common].astype(int)
    paragraph, word = np.nonzero(counts)
    repeated = counts[paragraph, word]
    topic = np.unique(words.topics, return_inverse=True)[1]
    x, y = np.repeat(topic[paragraph], repeated), np.repeat(word, repeated)
    names = tuple(words.words[i] for i in common)
    return _shared_out("topics", torch.tensor(x), torch.tensor(y), names, parts(np.zeros(len(x)), 0))


def _units():
    """The digits, each pixel in a unit of its own: multiplied by a number from 0.04 to 4."""
    factors = 4 * 10 ** np.random.default_rng(0).uniform(-2, 0, (1, 8, 8))
    return image()._each(lambda part: Split(part.x.double() * torch.tensor(factors), part.y))


def _rotated(dim=50, n=1000, noise=0.1):
    """Linear regression whose 50 curvatures span a factor of 1000, along axes that are no coordinates."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    spread = np.geomspace(1, 1000**-0.5, dim)
    x = rng.standard_normal((n, dim)) * spread @ axes.T * math.sqrt(dim) / 2
    y = x @ axes @ (rng.standard_normal(dim) / spread) / 10 + noise * rng.standard_normal(n)
    return _shared_out("rotated", torch.tensor(x), torch.tensor(y)[:, None], (), parts(np.zeros(n), 0))


def _shared_out(name, x, y, classes, rows):
    return Data(name, *(Split(x[some], y[some]) for some in rows), classes=classes, source="course/contest.py")


def _mean_square(scores, y):
    return ((scores - y) ** 2).mean()


def _conv():
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10))


def _linear():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def _two_layers(inputs, hidden):
    return lambda: nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 10))


TASKS = {
    "linear": Task("digits, one linear layer", image, _linear, 0),
    "network": Task("digits, two layers with ReLU", image, _two_layers(64, 32), 1),
    "conv": Task("digits, a small convolution", image, _conv, 2),
    "vowels": Task("spoken vowels, two layers with ReLU", speech, _two_layers(672, 24), 4),
    "units": Task("digits, each pixel in another unit, one linear layer", _units, _linear, 5),
    "words": Task("which of 2480 mostly rare words are there, one linear layer", _words, lambda: nn.Linear(2480, 2), 6),
    "topics": Task("a word's topic -> which of 400 words, a table", _topics, lambda: nn.Embedding(36, 400), 7),
    "rotated": Task("regression, kappa = 1000, rotated axes", _rotated, lambda: nn.Linear(50, 1), 8, _mean_square),
}
TASKS["topics_wide"] = replace(TASKS["topics"], decades_up=1)

# Where each method looks for its rate: four decades. SGD's middle is the old rule of thumb, 0.1. With momentum 0.9
# a gradient moves the weights by 1/(1 - 0.9) = 10 times the rate, so a tenth of that. The adaptive methods move each
# weight by about the rate, so that the default, 0.001, comes at most 0.4 far in 400 steps; the middle is 0.01. All
# other settings are torch's defaults.
METHODS = {
    "sgd": (lambda optim, p, lr: optim.SGD(p, lr=lr), log_uniform(1e-3, 10)),
    "momentum": (lambda optim, p, lr: optim.SGD(p, lr=lr, momentum=0.9), log_uniform(1e-4, 1)),
    "nesterov": (lambda optim, p, lr: optim.SGD(p, lr=lr, momentum=0.9, nesterov=True), log_uniform(1e-4, 1)),
    "rmsprop": (lambda optim, p, lr: optim.RMSprop(p, lr=lr), log_uniform(1e-4, 1)),
    "adam": (lambda optim, p, lr: optim.Adam(p, lr=lr), log_uniform(1e-4, 1)),
    "adamw": (lambda optim, p, lr: optim.AdamW(p, lr=lr), log_uniform(1e-4, 1)),
}


def space(task, method):
    """The range in which a method looks for its rate on a task."""
    low, high = (end * 10 ** _named(TASKS, "task", task).decades_up for end in _ends(method))
    return log_uniform(low, high)


def rates(task, method):
    """The rates that a method tries on a task, (32,): the same shares of the range for every method."""
    at = shares(1, TRIALS, seed=_named(TASKS, "task", task).seed)[:, 0]
    return np.array([float(f"{space(task, method).at(share):.4g}") for share in at])


def train(task, method, lr, seed, steps=BUDGETS[-1], *, optim=torch.optim, device=None):
    """One run of the contest: its History, and the loss on the test part of the state with the lowest validation loss.

    task, method    names of TASKS and METHODS
    seed            of the first weights and of the order of the examples, the same for every method
    optim           whose classes: torch.optim, or course.torch_optim, which takes the same steps
    device          default: course.device()

    In float64 (float32 on Apple's MPS), so that runs agree between machines. Raises ValueError for an unknown name.
    """
    data, made = _data(task), _named(TASKS, "task", task)
    optimizer = _named(METHODS, "method", method)[0]
    device = torch.device(device or course.device())
    real = torch.float32 if device.type == "mps" else torch.float64
    data = data._each(lambda part: Split(*(x.to(device, real if x.is_floating_point() else None) for x in part)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(check_count("seed", seed))
        model = made.model().to(real)
    history = fit(model, data, lambda p: optimizer(optim, p, lr), steps=steps, every=EVERY, loss=made.loss, seed=seed,
                  device=device, progress=False)
    return history, evaluate(model, data.test, made.loss)[0]


def score(history, steps):
    """The lowest validation loss within the first steps: what `fit` with that many steps calls its score."""
    if history.stopped == "diverged" and len(history.loss) <= steps:
        return math.inf
    return float(history.validation[history.step <= steps].min())


@functools.lru_cache(maxsize=len(TASKS))
def _data(task):
    return _named(TASKS, "task", task).data()


def _ends(method):
    given = _named(METHODS, "method", method)[1]
    return given.low, given.high


def _named(table, what, name):
    if name not in table:
        raise unknown(what, name, list(table))
    return table[name]


@dataclass(frozen=True, eq=False)
class Contest:
    """The stored results. T tasks, M methods, 32 trials with seed 0, 4 budgets, 10 seeds; losses are validation's.

    tasks, methods    (T,) and (M,) names: the order of the axes
    start, target     (T,) the loss before the first step; the loss to reach: 95 % of the way from the start to the
                      lowest loss of any trial
    lr                (T, M, 32) the rates that were tried
    loss              (T, M, 32, 4) of each trial within each budget; infinity where the run diverged
    steps             (T, M, 32) of each trial to the target; infinity where it is not reached
    chosen            (T, M, 5) the best trial's rate for each budget, and for the time to the target
    validation, test  (T, M, 4, 10) the losses of the runs with the chosen rates
    time              (T, M, 10) the steps to the target of the runs with the rate chosen for it

    The arrays are read-only.
    """

    tasks: tuple[str, ...]
    methods: tuple[str, ...]
    start: np.ndarray = field(repr=False)
    target: np.ndarray = field(repr=False)
    lr: np.ndarray = field(repr=False)
    loss: np.ndarray = field(repr=False)
    steps: np.ndarray = field(repr=False)
    chosen: np.ndarray = field(repr=False)
    validation: np.ndarray = field(repr=False)
    test: np.ndarray = field(repr=False)
    time: np.ndarray = field(repr=False)


@functools.cache
def contest(folder=FOLDER):
    """The results of all runs, as stored: a Contest.

    Raises FileNotFoundError where a table is missing, and ValueError where one does not have the rows that it must.
    """
    tasks, methods = tuple(TASKS), tuple(METHODS)
    goals = _read(folder, "contest_tasks.csv", [(task,) for task in tasks])
    trials = _read(folder, "contest_trials.csv", [(task,) for task in tasks for _ in range(TRIALS)])
    runs = _read(folder, "contest_runs.csv", [(t, m, q, what) for t in tasks for m in methods for q, what in QUESTIONS])
    trials = trials.reshape(len(tasks), TRIALS, len(methods), len(BUDGETS) + 1).swapaxes(1, 2)
    runs = runs.reshape(len(tasks), len(methods), len(QUESTIONS), 1 + len(SEEDS))
    lr = np.array([[rates(task, method) for method in methods] for task in tasks])
    arrays = (goals[:, 0], goals[:, 1], lr, trials[..., :-1], trials[..., -1],
              runs[..., ::2, 0], runs[..., :-1:2, 1:], runs[..., 1::2, 1:], runs[..., -1, 1:])
    for array in arrays:
        array.flags.writeable = False
    return Contest(tasks, methods, *arrays)


def _read(folder, name, keys):
    """The numbers of a table, (rows, columns), whose rows begin with these words in this order."""
    path = Path(folder) / name
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    if [tuple(row[: len(keys[0])]) for row in rows] != keys:
        raise ValueError(f"{path}: got {len(rows)} rows, expected {len(keys)} in the order of course/contest.py")
    return np.array([[float(x) for x in row[len(keys[0]) :]] for row in rows])
