"""The training loop step by step against a loop written out, its ends, and tuning."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from course import schedules
from course.data import Split, image, text
from course.train import cross_entropy, evaluate, fit, log_uniform, shares, time_to_target, tune, uniform

DATA = image()


def make(*extra):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), *extra, nn.Linear(16, 10))


def sgd(lr=0.1):
    return lambda parameters: torch.optim.SGD(parameters, lr=lr)


def test_the_loop_is_the_one_that_one_would_write():
    history = fit(model := make(), DATA, sgd(), steps=30, batch_size=100, every=10, clip=0.5, device="cpu")
    other, (x, y) = make(), DATA.train
    opt, generator = sgd()(other.parameters()), torch.Generator().manual_seed(0)
    order = torch.cat([torch.randperm(len(x), generator=generator) for _ in range(3)])
    sizes = ([100] * 10 + [78]) * 3
    states = [{k: v.clone() for k, v in other.state_dict().items()}]
    for t, batch in enumerate(order.split(sizes)[:30], 1):
        loss = nn.functional.cross_entropy(other(x[batch]), y[batch])
        assert float(loss.detach()) == history.loss[t - 1]
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(other.parameters(), 0.5)
        opt.step()
        if t % 10 == 0:
            states.append({k: v.clone() for k, v in other.state_dict().items()})
    assert history.step.tolist() == [0, 10, 20, 30] and history.stopped == "done"
    assert all(torch.equal(value, states[history.best][key]) for key, value in model.state_dict().items())
    assert evaluate(model, DATA.validation) == (history.validation[history.best], history.accuracy[history.best])


def test_it_runs_on_every_device(device):
    history = fit(model := make(), DATA, sgd(), steps=40, device=device)
    assert next(model.parameters()).device.type == torch.device(device).type
    assert history.accuracy[history.best] > 0.5 and history.best > 0
    on_cpu = fit(make(), DATA, sgd(), steps=40, device="cpu")
    assert np.abs(history.loss - on_cpu.loss).max() < 1e-4


def test_the_same_seed_gives_the_same_run_and_leaves_torchs_generator_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    runs = [fit(nn.Sequential(make(), nn.Dropout(0.3)), DATA, sgd(), steps=20, seed=seed) for seed in (1, 1, 2)]
    torch.manual_seed(0)
    assert np.array_equal(runs[0].loss, runs[1].loss) and not np.array_equal(runs[0].loss, runs[2].loss)
    torch.random.set_rng_state(before)
    model = make()
    state = torch.random.get_rng_state()
    fit(model, DATA, sgd(), steps=2)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_schedule_of_either_kind():
    ours = fit(make(), DATA, sgd(), steps=30, schedule=schedules.cosine(lr=0.3, T_max=30))
    theirs = fit(make(), DATA, sgd(0.3), steps=30, schedule=lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 30))
    assert np.abs(ours.lr - theirs.lr).max() < 1e-12 and np.abs(ours.loss - theirs.loss).max() < 1e-5
    assert fit(make(), DATA, sgd(), steps=3, schedule=lambda t: 0.1 / t).lr == pytest.approx([0.1, 0.05, 0.1 / 3])
    assert (fit(make(), DATA, sgd(), steps=3).lr == 0.1).all()


def test_plateau_is_told_the_validation_loss():
    def falls(opt):
        return torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.1, patience=0, threshold=10.0)

    history = fit(make(), DATA, sgd(), steps=8, every=2, schedule=falls)  # no loss falls by a factor of -9
    assert history.lr == pytest.approx([0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3, 1e-4, 1e-4])


def test_a_run_that_diverges_ends_early_in_its_best_state():
    history = fit(model := make(), DATA, sgd(1e4), steps=300)
    assert history.stopped == "diverged" and len(history.loss) < 30 and history.score == math.inf
    assert all(value.isfinite().all() for value in model.state_dict().values()) and history.best == 0
    assert "diverged" in repr(history)


def test_patience_ends_a_run():
    history = fit(make(), DATA, sgd(0.0), steps=100, every=10, patience=2)
    assert history.stopped == "patience" and history.step.tolist() == [0, 10, 20]


def test_evaluate_counts_every_place_and_restores_the_mode():
    model = make(nn.Dropout(0.5)).train()
    whole, parts = evaluate(model, DATA.test), evaluate(model, DATA.test, batch_size=7)
    assert model.training and whole == pytest.approx(parts)
    manual = text(length=16)
    scores = nn.Embedding(len(manual.classes), len(manual.classes))
    x, y = (part[:50] for part in manual.test)
    loss, accuracy = evaluate(scores, (x, y))
    with torch.no_grad():
        expected = scores(x)
    assert loss == pytest.approx(float(nn.functional.cross_entropy(expected.transpose(1, 2), y)))
    assert accuracy == pytest.approx(float((expected.argmax(-1) == y).float().mean()))
    assert cross_entropy(torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.long)) == pytest.approx(math.log(4))


def test_modes_are_as_they_were_also_of_frozen_modules_and_after_an_error():
    model = make(nn.BatchNorm1d(16), nn.Dropout(0.5))
    model[3].eval()
    evaluate(model, DATA.validation)
    assert model.training and model[4].training and not model[3].training
    with pytest.raises(IndexError):
        evaluate(model, (DATA.test.x, DATA.test.y + 100))
    assert model.training and not model[3].training
    fit(model.eval(), DATA, sgd(), steps=2)
    assert not any(module.training for module in model.modules())


def test_the_best_state_holds_the_buffers_too():
    history = fit(model := make(nn.BatchNorm1d(16)), DATA, sgd(2.0), steps=40, every=4)
    assert 0 < history.best < 10 and model[3].num_batches_tracked == history.step[history.best]
    assert evaluate(model, DATA.validation)[0] == history.validation[history.best]


def test_evaluate_takes_the_part_to_the_model(monkeypatch):
    asked, to = [], torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *where: asked.append(where) or to(self, *where))
    model = make()
    evaluate(model, DATA.test, batch_size=200)
    assert asked == [(next(model.parameters()).device,)] * 4


def test_where_y_names_no_classes_there_is_no_accuracy():
    x = torch.linspace(-1, 1, 50)[:, None]
    line = replace(DATA, train=Split(x, 3 * x), validation=Split(x, 3 * x))
    history = fit(nn.Linear(1, 1), line, sgd(0.3), steps=60, loss=nn.functional.mse_loss)
    assert np.isnan(history.accuracy).all() and history.score < 1e-3


def test_a_run_draws_from_no_generator_but_its_own(monkeypatch):
    class Noisy(nn.Linear):  # in eval mode too
        def forward(self, x):
            return super().forward(x.flatten(1) + torch.randn(len(x), 64))

    everywhere, runs = [], []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", everywhere.append)
    for outside in (3, 4):
        torch.manual_seed(0)
        model = Noisy(64, 10)
        torch.default_generator.manual_seed(outside)
        state, everywhere[:] = torch.random.get_rng_state(), []
        runs.append(fit(model, DATA, sgd(), steps=4, device="cpu"))
        assert torch.equal(torch.random.get_rng_state(), state) and not everywhere
    assert np.array_equal(runs[0].loss, runs[1].loss) and np.array_equal(runs[0].validation, runs[1].validation)


def test_an_optimizer_that_needs_a_closure_gets_the_clipped_gradient_of_the_step():
    lbfgs = fit(make(), DATA, lambda p: torch.optim.LBFGS(p, lr=0.5, max_iter=5), steps=20, batch_size=2000)
    assert lbfgs.stopped == "done" and lbfgs.score < fit(make(), DATA, sgd(), steps=20, batch_size=2000).score / 2

    class Once(torch.optim.SGD):
        def step(self, closure):
            closure()
            lengths.append(math.hypot(*(float(p.grad.norm()) for p in self.param_groups[0]["params"])))
            super().step()

    lengths = []
    once = fit(make(), DATA, lambda p: Once(p, lr=0.1), steps=5, clip=0.1)
    assert lengths == pytest.approx([0.1] * 5, rel=1e-3)
    assert np.array_equal(once.loss, fit(make(), DATA, sgd(), steps=5, clip=0.1).loss)


def test_a_schedule_is_asked_once_for_each_step():
    asked = []
    history = fit(make(), DATA, sgd(), steps=4, schedule=lambda t: asked.append(t) or 0.1 / len(asked))
    assert asked == [1, 2, 3, 4] and history.lr == pytest.approx([0.1, 0.05, 0.1 / 3, 0.025])
    assert (fit(make(), DATA, sgd(), steps=2, schedule=lambda t: torch.tensor(0.25)).lr == 0.25).all()


def test_only_a_rise_counts_as_divergence():
    falls = fit(make(), DATA, sgd(), steps=30, loss=lambda scores, y: -scores.gather(1, y[:, None]).mean())
    assert falls.stopped == "done" and falls.loss[-1] < -1  # a loss may be negative
    known = replace(DATA, train=Split(DATA.train.x[:60], DATA.train.y[:60]))
    fit(model := make(), known, lambda p: torch.optim.Adam(p, lr=0.02), steps=300, every=300)
    again = fit(model, known, sgd(0.0), steps=20)  # learned by heart: 0.002 on train, 0.9 on validation
    assert again.validation[0] > 20 * again.loss[0] and again.stopped == "done"
    for bad in (math.nan, math.inf):
        history = fit(make(), DATA, sgd(), steps=9, loss=lambda scores, y, bad=bad: scores.sum() * 0 + bad)
        assert history.stopped == "diverged" and history.score == math.inf and len(history.loss) == 1


def test_time_to_target():
    history = fit(make(), DATA, sgd(0.5), steps=100, every=10)
    reached = history.step[history.validation <= 1.0]
    assert time_to_target(history, 1.0) == reached[0] and time_to_target(history, 0.0) == math.inf


# Tuning


def test_random_trials_fill_a_logarithmic_range():
    tried = tune(lambda lr: abs(math.log10(lr) + 2), {"lr": log_uniform(1e-4, 1)}, 400)
    logs = np.log10([one["lr"] for one in tried.settings])
    counts = np.histogram(logs, bins=4, range=(-4, 0))[0]
    assert len(tried.scores) == 400 and counts.min() > 70
    assert tried.best["lr"] == pytest.approx(1e-2, rel=0.1) and tried.border == ()
    even = tune(lambda b: b, {"b": uniform(0, 10)}, 400)
    assert np.histogram([one["b"] for one in even.settings], bins=4, range=(0, 10))[0].min() > 70


def test_the_border_is_named():
    space = {"lr": log_uniform(1e-4, 1), "momentum": uniform(0, 1), "rule": ["sgd", "adam"]}
    tried = tune(lambda lr, momentum, rule: -lr + (momentum - 0.5) ** 2 / 1e3, space, 300)
    assert tried.border == ("lr",) and set(tried.best) == set(space)
    assert {one["rule"] for one in tried.settings} == {"sgd", "adam"}


def test_quasi_random_points_leave_smaller_holes_and_a_grid_has_few_values():
    random, quasi, grid = (shares(2, 64, method=method) for method in ("random", "quasi", "grid"))
    assert all(points.shape == (64, 2) and 0 <= points.min() and points.max() <= 1 for points in (random, quasi, grid))
    boxes = [len({tuple(box) for box in (points * 8 * (1 - 1e-12)).astype(int)}) for points in (random, quasi)]
    assert boxes[1] == 64 > boxes[0]  # one point in each of 64 boxes
    assert len(np.unique(grid[:, 0])) == 8 and len(shares(2, 70, method="grid")) == 64
    assert shares(1, 1, method="grid").tolist() == [[0.5]]
    assert np.array_equal(shares(2, 9), shares(2, 9)) and not np.array_equal(shares(2, 9), shares(2, 9, seed=1))


def test_a_score_that_is_no_number_is_never_the_best():
    tried = tune(lambda lr: math.nan if lr < 0.5 else lr, {"lr": uniform(0, 1)}, 20)
    assert tried.best["lr"] >= 0.5 and np.isinf(tried.scores).any()


def test_where_every_trial_diverges_there_is_no_best_and_no_border():
    tried = tune(lambda lr: math.inf if lr < 0.5 else math.nan, {"lr": uniform(0, 1)}, 5)
    assert np.isinf(tried.scores).all() and tried.border == ()
    with pytest.raises(ValueError, match="best: got 5 trials without a finite score"):
        _ = tried.best


REFUSED = [
    (lambda: fit(make(), DATA, sgd(), steps=5, clip=math.nan), ValueError, "clip: got nan"),
    (lambda: fit(make(), DATA, sgd(), steps=5, clip="1"), ValueError, "clip: got '1'"),
    (lambda: fit(make(), DATA, sgd(), steps=5, seed=None), TypeError, "seed: got None"),
    (lambda: fit(make(), DATA, sgd(), steps=5, seed=2**63), ValueError, "seed: got 9223372036854775808, expected a whole number below"),
    (lambda: fit(make(), DATA, sgd(), steps=5, device="gpu"), ValueError, "device: got 'gpu', expected a device that is present"),
    (lambda: fit(make(), DATA, sgd(), steps=5, device=99), ValueError, "device: got 99, expected a device that is present"),
    (lambda: fit(make(), DATA, sgd(), steps=5, loss="mse"), TypeError, "loss: got 'mse', expected a function"),
    (lambda: fit(make(), DATA, sgd(), steps=5, loss=nn.CrossEntropyLoss(reduction="none")), TypeError, "loss: got Tensor of shape"),
    (lambda: fit(make(), DATA, sgd(), steps=5, loss=lambda s, y: torch.tensor(1.0)), ValueError, "loss: got a number that no parameter"),
    (lambda: fit(make(), DATA, sgd()(make().parameters()), steps=5), TypeError, r"optimizer: got SGD \(.*expected a function of the parameters"),
    (lambda: fit(make(), DATA, lambda p: None, steps=5), TypeError, "optimizer: got None, expected a function of the parameters"),
    (lambda: fit(make(), DATA, lambda p: sgd()(make().parameters()), steps=5), ValueError, "optimizer: got one that holds no parameter"),
    (lambda: fit(make(), (DATA.train, DATA.test), sgd(), steps=5), TypeError, "data: got .* expected a course.data.Data"),
    (lambda: fit(make(), replace(DATA, train=DATA.train.x), sgd(), steps=5), TypeError, "data.train: got .* expected a pair"),
    (lambda: fit(make(), replace(DATA, train=(np.ones(3), np.ones(3))), sgd(), steps=5), TypeError, "data.train: got a pair of ndarray"),
    (lambda: fit(make(), replace(DATA, validation=[p[:0] for p in DATA.test]), sgd(), steps=5), ValueError, r"data.validation: got shapes \(0,"),
    (lambda: fit(make(), replace(DATA, train=(DATA.train.x, DATA.test.y)), sgd(), steps=5), ValueError, r"data.train: got shapes .* \(359,\)"),
    (lambda: evaluate(make(), DATA.test, batch_size=-5), ValueError, "batch_size: got -5"),
    (lambda: fit(make(), DATA, sgd(), steps=5, schedule=lambda t: math.nan), ValueError, "schedule: got nan, expected a rate >= 0 at t = 1"),
    (lambda: fit(make(), DATA, sgd(), steps=5, schedule=lambda t: 0.2 - 0.1 * t), ValueError, "schedule: got -0.1.* at t = 3"),
    (lambda: fit(make(), DATA, sgd(), steps=5, schedule=lambda t: 1 / (t - 1)), TypeError, "failed at t = 1 .ZeroDivisionError: division by zero"),
    (lambda: tune(lambda lr: None, {"lr": uniform(0, 1)}, 3), TypeError, "train: got None, expected a function that returns the score, one"),
    (lambda: tune(lambda lr: fit(make(), DATA, sgd(lr), steps=1), {"lr": uniform(0, 1)}, 3), TypeError, r"train: got History.*fit\(...\).score"),
    (lambda: tune(0.1, {"lr": uniform(0, 1)}, 3), TypeError, "train: got 0.1"),
    (lambda: tune(len, [0.1], 3), TypeError, r"space: got \[0.1\], expected a dict"),
    (lambda: fit(make(), DATA, sgd(), steps=0), ValueError, "steps: got 0, expected a whole number >= 1"),
    (lambda: fit(make(), DATA, sgd(), steps=5, batch_size=0), ValueError, "batch_size: got 0"),
    (lambda: fit(make(), DATA, sgd(), steps=5, every=0), ValueError, "every: got 0"),
    (lambda: fit(make(), DATA, sgd(), steps=5, patience=0), ValueError, "patience: got 0"),
    (lambda: fit(make(), DATA, sgd(), steps=5, clip=0), ValueError, "clip: got 0, expected a number > 0"),
    (lambda: fit(make(), DATA, sgd(), steps=5, seed=-1), ValueError, "seed: got -1"),
    (lambda: fit(len, DATA, sgd(), steps=5), TypeError, "model: got .* expected an nn.Module"),
    (lambda: fit(make(), DATA, sgd(), steps=5, schedule=0.1), TypeError, "schedule: got 0.1, expected a function"),
    (lambda: fit(make(), DATA, sgd(), steps=5, schedule=lambda t: "x"), TypeError, "schedule: got .* expected a function t"),
    (lambda: tune(len, {}, 3), ValueError, "space: got {}, expected at least one name"),
    (lambda: tune(len, {"lr": 0.1}, 3), ValueError, r"space\['lr'\]: got 0.1, expected log_uniform"),
    (lambda: tune(len, {"lr": []}, 3), ValueError, r"space\['lr'\]: got \[\]"),
    (lambda: tune(len, {"lr": uniform(0, 1)}, 0), ValueError, "trials: got 0"),
    (lambda: tune(len, {"lr": uniform(0, 1)}, 3, method="sobol"), ValueError, "method: got 'sobol', expected one of random, quasi, grid"),
    (lambda: log_uniform(0, 1), ValueError, r"low, high: got \(0, 1\), expected 0 < low < high"),
    (lambda: uniform(1, 1), ValueError, r"low, high: got \(1, 1\), expected low < high"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_bad_arguments_are_refused_in_one_line(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
