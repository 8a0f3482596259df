"""The picture at the head of README.md: five rules on one ravine."""

import matplotlib.pyplot as plt

from course import plots, problems, rules
from course.authoring import notebook
from course.run import run

PICTURE = "notebooks/five_rules.png"
RUNS = {
    "SGD": (rules.sgd, {"lr": 0.45}),
    "momentum": (rules.momentum, {"lr": 0.1, "momentum": 0.8}),
    "Adagrad": (rules.adagrad, {"lr": 1.2}),
    "RMSprop": (rules.rmsprop, {"lr": 0.15, "alpha": 0.9}),
    "Adam": (rules.adam, {"lr": 0.5}),
}


def draw():
    """The figure: paths over contours, and the loss of each."""
    ravine = problems.ravine()
    fig, (left, right) = plots.figure(ncols=2)
    plots.contour(ravine, ax=left)
    for label, (rule, settings) in RUNS.items():
        path = run(rule, ravine.grad, ravine.start, 50, **settings)
        plots.path(left, path, rule.__name__, label="")
        plots.loss(right, ravine, path, rule.__name__, label=label)
    left.set(title="Five rules, one ravine", xlabel="x", ylabel="y")
    right.set(title="How far down each has come", ylabel="loss", ylim=(1e-7, 30))
    return fig


def build():
    """Draws the picture again; returns whether the file changed."""
    fig = draw()
    try:
        return notebook.write(notebook.ROOT / PICTURE, plots.as_png(fig))
    finally:
        plt.close(fig)
