"""The contest of lesson 13: its tasks and runs, and that the stored tables are what the runs give."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from course import contest as rules_of_contest
from course import torch_optim
from course.authoring import contest as maker
from course.contest import BUDGETS, METHODS, SEEDS, TASKS, TRIALS, contest, rates, score, space, train
from course.train import fit, time_to_target


def test_shapes_and_that_nobody_can_write_to_them():
    stored = contest()
    assert stored.tasks == tuple(TASKS) and stored.methods == tuple(METHODS)
    T, M, B, S = len(TASKS), len(METHODS), len(BUDGETS), len(SEEDS)
    shapes = {"start": (T,), "target": (T,), "lr": (T, M, TRIALS), "loss": (T, M, TRIALS, B), "steps": (T, M, TRIALS),
              "chosen": (T, M, B + 1), "validation": (T, M, B, S), "test": (T, M, B, S), "time": (T, M, S)}
    for name, shape in shapes.items():
        array = getattr(stored, name)
        assert array.shape == shape and array.dtype == np.float64 and not np.isnan(array).any()
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert contest() is stored


def test_longer_budgets_are_never_worse_and_targets_are_met_only_by_low_losses():
    stored = contest()
    short, long = stored.loss[..., :-1], stored.loss[..., 1:]
    assert ((long <= short) | np.isinf(long)).all()  # a run may diverge later
    kept, reached = np.isfinite(stored.loss[..., -1]), np.isfinite(stored.steps)
    low = stored.loss[..., -1] <= stored.target[:, None, None] * 1.005  # stored with three digits
    assert (low >= reached)[kept].all() and (stored.steps[reached] <= BUDGETS[-1]).all()
    best = stored.loss[..., -1].min(axis=(1, 2))
    assert stored.target == pytest.approx(best + maker.SHARE * (stored.start - best), rel=0.01)


def test_the_chosen_rate_is_that_of_the_best_trial():
    stored = contest()
    for (i, j, k), lr in np.ndenumerate(stored.chosen[..., :-1]):
        of_it = stored.loss[i, j, stored.lr[i, j] == lr, k]
        assert len(of_it) == 1 and of_it[0] == stored.loss[i, j, :, k].min()


def test_the_rates_lie_in_the_space_and_are_the_same_shares_for_all():
    for task in TASKS:
        shares = [[space(task, method).share(lr) for lr in rates(task, method)] for method in METHODS]
        assert np.ptp(shares, axis=0).max() < 1e-3 and 0 < np.min(shares) and np.max(shares) < 1
    assert space("topics_wide", "adam").low == pytest.approx(10 * space("topics", "adam").low)


@pytest.mark.parametrize(("task", "method"), [("linear", "nesterov"), ("words", "adam"), ("rotated", "adamw")])
def test_runs_are_those_of_the_tables(task, method):
    stored = contest()
    i, j = stored.tasks.index(task), stored.methods.index(method)
    k = int(np.argmin(stored.loss[i, j, :, -1]))
    history, _ = train(task, method, stored.lr[i, j, k], 0, device="cpu")
    assert [score(history, b) for b in BUDGETS] == pytest.approx(stored.loss[i, j, k].tolist(), rel=0.006)
    assert time_to_target(history, stored.target[i]) == stored.steps[i, j, k]
    assert history.validation[0] == pytest.approx(stored.start[i], rel=1e-4)
    history, test = train(task, method, stored.chosen[i, j, 0], 3, BUDGETS[0], device="cpu")
    assert (history.score, test) == pytest.approx((stored.validation[i, j, 0, 2], stored.test[i, j, 0, 2]), rel=0.006)


def test_the_score_within_a_budget_is_that_of_a_run_of_so_many_steps():
    long = train("linear", "sgd", 0.5, 0, 100, device="cpu")[0]
    assert score(long, 50) == train("linear", "sgd", 0.5, 0, 50, device="cpu")[0].score
    wild = train("rotated", "sgd", 5.0, 0, 100, device="cpu")[0]
    assert wild.stopped == "diverged" and score(wild, 100) == math.inf


@pytest.mark.parametrize("method", METHODS)
def test_the_rules_take_torchs_steps_through_a_whole_run(method):
    theirs, ours = (
        train("linear", method, 0.01, 0, 30, optim=optim, device="cpu")[0] for optim in (torch.optim, torch_optim)
    )
    assert np.abs(theirs.loss - ours.loss).max() <= 1e-12


def test_a_run_is_fits_and_leaves_torchs_generator_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    history, _ = train("network", "adam", 0.01, 2, 20, device="cpu")
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    model, data = TASKS["network"].model().double(), TASKS["network"].data()
    data = data._each(lambda part: type(part)(part.x.double(), part.y))
    again = fit(model, data, lambda p: torch.optim.Adam(p, lr=0.01), steps=20, every=10, seed=2, device="cpu")
    assert np.array_equal(history.loss, again.loss)


def test_it_runs_on_every_device(device):
    history, test = train("linear", "adam", 0.01, 0, 20, device=device)
    on_cpu, expected = train("linear", "adam", 0.01, 0, 20, device="cpu")
    assert np.abs(history.loss - on_cpu.loss).max() < 1e-4 and abs(test - expected) < 1e-4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("nothing", "adam", 0.1, 0), "task: got 'nothing'"), (("linear", "adm", 0.1, 0), "method: got 'adm'")],
)
def test_unknown_names_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        train(*arguments)


def test_a_damaged_table_is_refused(tmp_path):
    for name in ("contest_tasks.csv", "contest_trials.csv", "contest_runs.csv"):
        lines = (rules_of_contest.FOLDER / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (tmp_path / name).write_text("".join(lines[:-1] if "runs" in name else lines), encoding="utf-8")
    with pytest.raises(ValueError, match=r"contest_runs\.csv: got \d+ rows, expected \d+"):
        contest(tmp_path)
    (tmp_path / "contest_tasks.csv").unlink()
    with pytest.raises(FileNotFoundError):
        contest.__wrapped__(tmp_path)


def test_the_winner_of_the_time_is_the_faster_and_of_equals_the_lower():
    rows = np.array([[0.1, 1, 1, 1, 0.5, 100], [0.2, 1, 1, 1, 0.4, 100], [0.3, 1, 1, 1, 0.1, np.inf]])
    assert maker.choose(rows)[-1] == 0.2 and maker.choose(rows)[3] == 0.3


@pytest.mark.parametrize(("worst", "status"), [(np.float64(0.004), 0), (np.float64(0.2), 1)])
def test_check_ends_with_0_when_all_is_well(monkeypatch, capsys, worst, status):
    monkeypatch.setattr(maker, "check", lambda count: worst)
    assert maker.main(["--check", "3"]) is status
    assert "largest relative difference" in capsys.readouterr().out


def test_check_runs_stored_trials_again():
    assert maker.check(2) < 0.01


def test_check_sees_a_table_that_does_not_fit(monkeypatch):
    stored = contest()
    monkeypatch.setattr(maker, "contest", lambda: replace(stored, loss=stored.loss * 1.1))
    assert maker.check(1) > 0.05
