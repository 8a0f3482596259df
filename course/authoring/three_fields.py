"""Makes course/data/three_fields.csv, the runs that lesson 14 compares: 277 of them.

Networks, methods and search spaces are those of the lesson's own cells, tagged `contest`, which are run
here. Every method gets 16 trials with seed 0; its best setting is run with five other seeds. The method
with the lowest mean validation loss is chosen, and its five runs alone see the test part.

The text is the manual of Python, which changes with its version, so the file can only be made under 3.11.7:

    python -m course.authoring.three_fields            makes the file again, in ten minutes
    python -m course.authoring.three_fields --check    writes nothing; repeats a run of every method, in one minute

Columns: `kind` is trial, seed, why (text: Adam with other betas, at its best rate) or long (speech: five times
as many steps, with and without decay); a setting that is empty is torch's default; `validation` holds the
losses after 0, 20, 40, ... steps; `test_loss` and `test_accuracy` are empty but for what was chosen.
"""

import argparse
import csv
import io
import sys

import numpy as np

from course.authoring import notebook
from course.data.text import KNOWN
from course.data.words import FOLDER
from course.train import tune

FILE = FOLDER / "three_fields.csv"
LESSON = "14_image_text_speech"
TRIALS, SEEDS = 16, (1, 2, 3, 4, 5)
BETAS = ((0.0, 0.999), (0.9, 0.99), (0.0, 0.99))
LONG = {"lr": 0.02, "steps": 1500}
DECAYS = (0.0, 0.3)
SETTINGS = ("lr", "weight_decay", "beta1", "beta2")
COLUMNS = ("field", "method", "kind", "seed", *SETTINGS, "stopped", "accuracy", "test_loss", "test_accuracy", "validation")
SLACK = 0.01  # of a validation loss, between two machines


def lesson():
    """What the lesson's cells tagged `contest` define. Raises RuntimeError under another manual."""
    book, names = notebook.read(notebook.ROOT / "notebooks" / f"{LESSON}.ipynb"), {}
    for cell in book.cells:
        if "contest" in cell.metadata.get("tags", []):
            exec(compile(cell.source, f"<{cell.id}>", "exec"), names)
    if KNOWN.get(names["manual"].digest) != "3.11.7":
        raise RuntimeError("the manual of this Python is another: the file can only be made under Python 3.11.7")
    return names


def row(field, method, kind, seed, settings, history, test=None):
    """One run as a row of the file."""
    beta1, beta2 = settings.get("betas", ("", ""))
    loss, accuracy = (f"{x:.5g}" for x in test) if test else ("", "")
    return {
        "field": field,
        "method": method,
        "kind": kind,
        "seed": seed,
        "lr": settings["lr"],
        "weight_decay": settings.get("weight_decay", ""),
        "beta1": beta1,
        "beta2": beta2,
        "stopped": history.stopped,
        "accuracy": f"{history.accuracy[history.best]:.5g}",
        "test_loss": loss,
        "test_accuracy": accuracy,
        "validation": " ".join(f"{x:.4g}" for x in history.validation),
    }


def contest(names):
    """All rows, field after field."""
    train, finals = names["train"], {}
    for field in names["FIELDS"]:
        for method, space in names["SPACES"].items():
            best, rows = tuned(train, field, method, space)
            yield from rows
            finals[method] = [(seed, best, *train(field, method, seed, **best)) for seed in SEEDS]
            print(f"{field} {method}: {best}, mean validation loss {mean(finals[method]):.4f}", file=sys.stderr, flush=True)
        chosen = min(finals, key=lambda method: mean(finals[method]))
        for method, runs in finals.items():
            for seed, best, model, history in runs:
                part = names["FIELDS"][field][1].test.to(names["device"])
                test = names["evaluate"](model, part) if method == chosen else None
                yield row(field, method, "seed", seed, best, history, test)
        if field == "text":
            for settings in ({**finals["adam"][0][1], "betas": betas} for betas in BETAS):
                for seed in SEEDS:
                    yield row(field, "adam", "why", seed, settings, train(field, "adam", seed, **settings)[1])
    for settings in ({**LONG, "weight_decay": decay} for decay in DECAYS):
        for seed in SEEDS:
            yield row("speech", "adamw", "long", seed, settings, train("speech", "adamw", seed, **settings)[1])


def mean(runs):
    """The mean of the lowest validation losses of some runs."""
    return np.mean([history.score for *_, history in runs])


def tuned(train, field, method, space):
    """The best settings of TRIALS, and the trials as rows. Settings have three digits."""
    tried = []

    def trial(**settings):
        settings = {name: float(f"{value:.3g}") for name, value in settings.items()}
        tried.append((settings, train(field, method, 0, **settings)[1]))
        return tried[-1][1].score

    trials = tune(trial, space, TRIALS, method="quasi")
    if trials.border:
        print(f"{field} {method}: {trials.border} is at its border", file=sys.stderr, flush=True)
    best = tried[int(np.argmin(trials.scores))][0]
    return best, [row(field, method, "trial", 0, settings, history) for settings, history in tried]


def text(rows):
    """The rows as the text of the file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def drifted(names):
    """The runs that come out otherwise, in words: the first seed of every method in every field is repeated."""
    for one in csv.DictReader(FILE.read_text(encoding="utf-8").splitlines()):
        if one["kind"] == "seed" and int(one["seed"]) == SEEDS[0]:
            settings = {name: float(one[name]) for name in ("lr", "weight_decay") if one[name]}
            seen = names["train"](one["field"], one["method"], SEEDS[0], **settings)[1].score
            kept = min(float(x) for x in one["validation"].split())
            if abs(seen - kept) > SLACK:
                yield f"{one['field']} {one['method']}: {kept:.4f} is stored, {seen:.4f} comes out"


def main(argv=None):
    """Exit status 0 when all is well, 1 where --check finds that a run comes out otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, repeat a few runs")
    options = parser.parse_args(argv)
    names = lesson()
    if options.check:
        problems = list(drifted(names))
        print("\n".join(problems) or f"{FILE.name} has not drifted")
        return int(bool(problems))
    print(f"{'wrote' if notebook.write(FILE, text(contest(names))) else 'unchanged'} {FILE.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
