"""Makes course/data/contest_*.csv, the tables of `course.contest.contest`: some 4000 runs.

    python -m course.authoring.contest             runs the whole contest again, 20 minutes on one core
    python -m course.authoring.contest --check 20  runs 20 trials of the stored table again and compares

1. Each method tries 32 rates on each task, drawn log-uniformly from its range, with seed 0. The draws are
   the same shares of the range for every method.
2. For each budget, and for the time to the target, the best trial's rate is run with ten new seeds.
"""

import argparse
import csv
import functools

import numpy as np

from course.contest import BUDGETS, FOLDER, METHODS, SEEDS, TASKS, TRIALS, contest, rates, score, train
from course.train import time_to_target

SHARE = 0.05  # the part of the way from the start to the lowest loss that may be left at the target


def trials(task):
    """All trials of a task: {method: [(lr, History), ...]}."""
    return {
        method: [(lr, train(task, method, lr, 0, device="cpu")[0]) for lr in map(float, rates(task, method))]
        for method in METHODS
    }


def goal(tried):
    """The loss before the first step, and the loss to reach."""
    start = next(iter(tried.values()))[0][1].validation[0]
    best = min(score(history, BUDGETS[-1]) for some in tried.values() for _, history in some)
    return start, best + SHARE * (start - best)


def trial_rows(tried, target):
    """{method: an array (32, 6) of rate, loss within each budget, steps to the target}."""
    return {
        method: np.array([[lr, *(score(h, b) for b in BUDGETS), time_to_target(h, target)] for lr, h in some])
        for method, some in tried.items()
    }


def choose(rows):
    """The best trial's rate for each budget and for the time; of equal times that with the lower last loss."""
    best = [np.argmin(rows[:, 1 + i]) for i in range(len(BUDGETS))]
    return rows[[*best, np.lexsort((rows[:, -2], rows[:, -1]))[0]], 0]


def run_rows(task, method, rows, target):
    """The rows of the final runs: (question, what, lr, one number for each seed)."""
    run = functools.cache(functools.partial(train, task, method, device="cpu"))
    *rates, last = choose(rows)
    for steps, lr in zip(BUDGETS, rates, strict=True):
        runs = [run(lr, seed, steps) for seed in SEEDS]
        yield str(steps), "validation", f"{lr:.4g}", *(h.score for h, _ in runs)
        yield str(steps), "test", f"{lr:.4g}", *(np.inf if h.stopped == "diverged" else test for h, test in runs)
    times = [time_to_target(run(last, seed, BUDGETS[-1])[0], target) for seed in SEEDS]
    yield "time", "steps", f"{last:.4g}", *times


def write(name, head, rows):
    with (FOLDER / name).open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(head)
        out.writerows([[x if isinstance(x, str) else f"{x:.3g}" for x in row] for row in rows])


def tables(task, histories):
    """The rows of the three tables that belong to a task."""
    start, target = goal(histories)
    rows = trial_rows(histories, target)
    tried = [(task, *np.concatenate([some[k, 1:] for some in rows.values()])) for k in range(TRIALS)]
    runs = [(task, method, *row) for method, some in rows.items() for row in run_rows(task, method, some, target)]
    return [(task, f"{start:.4f}", f"{target:.4f}")], tried, runs


def make():
    """Runs everything and writes the three tables."""
    goals, tried, runs = [], [], []
    for task in TASKS:
        for table, rows in zip((goals, tried, runs), tables(task, trials(task)), strict=True):
            table += rows
        print(task, flush=True)
    write("contest_tasks.csv", ("task", "start", "target"), goals)
    columns = [f"{method} {what}" for method in METHODS for what in (*BUDGETS, "steps")]
    write("contest_trials.csv", ("task", *columns), tried)
    write("contest_runs.csv", ("task", "method", "question", "what", "lr", *SEEDS), runs)


def check(count):
    """Runs some trials again; returns the largest relative difference of a loss from the stored one."""
    stored, rng, worst = contest(), np.random.default_rng(0), 0.0
    for _ in range(count):
        i, j, k = (int(rng.integers(n)) for n in stored.lr.shape)
        history, _ = train(stored.tasks[i], stored.methods[j], stored.lr[i, j, k], 0, device="cpu")
        new, old = np.array([score(history, b) for b in BUDGETS]), stored.loss[i, j, k]
        both = np.isfinite(old)
        worst = max(worst, np.abs(new[both] / old[both] - 1).max(initial=0), float((np.isfinite(new) != both).any()))
    return worst


def main(argv=None):
    """Exit status 0 when all is well, 1 where --check finds that a run comes out otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", type=int, metavar="N", help="run N stored trials again, write nothing")
    options = parser.parse_args(argv)
    if options.check is None:
        make()
        return 0
    worst = check(options.check)
    print(f"largest relative difference: {worst:.2g}")
    return int(worst > 0.01)  # the tables keep three digits


if __name__ == "__main__":
    raise SystemExit(main())
