"""Lesson 14's stored runs: the table has the rows and columns that the lesson reads; and its exercise."""

import csv
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course.authoring import three_fields as maker
from course.check import CheckFailed, check

FIELDS, METHODS = ("images", "text", "speech"), ("momentum", "rmsprop", "adam", "adamw")
ROWS = list(csv.DictReader(maker.FILE.read_text(encoding="utf-8").splitlines()))


def some(field, method, kind):
    return [row for row in ROWS if (row["field"], row["method"], row["kind"]) == (field, method, kind)]


def score(row):
    return min(float(x) for x in row["validation"].split())


def test_columns_and_counts_are_what_the_lesson_reads():
    assert tuple(ROWS[0]) == maker.COLUMNS
    for field in FIELDS:
        for method in METHODS:
            assert len(some(field, method, "trial")) == maker.TRIALS
            assert tuple(int(row["seed"]) for row in some(field, method, "seed")) == maker.SEEDS
    betas = [(float(row["beta1"]), float(row["beta2"])) for row in some("text", "adam", "why")]
    assert betas == [pair for pair in maker.BETAS for _ in maker.SEEDS]
    decays = [float(row["weight_decay"]) for row in some("speech", "adamw", "long")]
    assert decays == [decay for decay in maker.DECAYS for _ in maker.SEEDS]
    more = (len(maker.BETAS) + len(maker.DECAYS)) * len(maker.SEEDS)
    assert len(ROWS) == len(FIELDS) * len(METHODS) * (maker.TRIALS + len(maker.SEEDS)) + more


def test_a_run_that_is_done_has_a_loss_every_20_steps():
    for row in ROWS:
        steps = maker.LONG["steps"] if row["kind"] == "long" else 300
        losses = [float(x) for x in row["validation"].split()]
        assert row["stopped"] == "diverged" or len(losses) == 1 + steps // 20
        assert all(math.isfinite(x) for x in losses) and 0 < float(row["accuracy"]) <= 1


def test_the_five_seeds_have_the_best_trials_setting_and_only_the_chosen_method_saw_test():
    for field in FIELDS:
        means = {}
        for method in METHODS:
            best = min(some(field, method, "trial"), key=score)
            five = some(field, method, "seed")
            assert {(row["lr"], row["weight_decay"]) for row in five} == {(best["lr"], best["weight_decay"])}
            means[method] = np.mean([score(row) for row in five])
        seen = {row["method"] for row in ROWS if row["field"] == field and row["test_loss"]}
        assert seen == {min(means, key=means.get)}


def test_a_row_goes_through_the_file_and_back():
    history = SimpleNamespace(accuracy=[0.1, 0.5], best=1, stopped="done", validation=np.array([2.3, 0.5]))
    made = maker.row("text", "adam", "why", 1, {"lr": 0.1, "betas": (0.0, 0.99)}, history, (0.25, 0.75))
    back = next(csv.DictReader(maker.text([made]).splitlines()))
    assert back["validation"] == "2.3 0.5" and back["beta2"] == "0.99" and back["weight_decay"] == ""
    assert back["accuracy"] == "0.5" and back["test_loss"] == "0.25" and back["test_accuracy"] == "0.75"


def test_drift_is_told_by_field_and_method():
    first = {(row["field"], row["method"]): score(row) for row in ROWS if row["kind"] == "seed" and row["seed"] == "1"}

    def train(field, method, seed, **settings):
        off = 0.02 if (field, method) == ("speech", "adam") else 0.005
        return None, SimpleNamespace(score=first[field, method] + off)

    assert [line.split(":")[0] for line in maker.drifted({"train": train})] == ["speech adam"]


def test_torchs_own_clipping_passes_the_exercise(capsys):
    def train(w, x, y, x_val, y_val, lrs, clip):
        w, (x, y, x_val, y_val) = torch.tensor(w, requires_grad=True), map(torch.tensor, (x, y, x_val, y_val))
        best, lowest = w.detach().clone(), ((x_val @ w - y_val) ** 2).mean().item() / 2
        for t in range(len(x)):
            w.grad = None
            (((x[t] @ w - y[t]) ** 2).mean() / 2).backward()
            torch.nn.utils.clip_grad_norm_([w], clip)
            with torch.no_grad():
                w -= float(lrs[t]) * w.grad
            loss = ((x_val @ w - y_val) ** 2).mean().item() / 2
            if loss < lowest:
                best, lowest = w.detach().clone(), loss
        return best, lowest

    check("14_image_text_speech.train", train)


def test_a_budget_may_be_used_up(capsys):
    def widest(budget, classes, width):
        hidden = 0
        while classes * width + 3 * (hidden + 1) * (width + hidden + 3) + (hidden + 2) * classes < budget:
            hidden += 1
        return hidden

    with pytest.raises(CheckFailed):
        check("14_image_text_speech.widest", widest)
