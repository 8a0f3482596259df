"""A control that computes while you drag: the figure is kept, only the line is drawn again."""

import io
import re

import matplotlib

matplotlib.use("Agg")

import IPython.display
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

from course import live, plots
from course.authoring import notebook

ALT = "A line that falls from 1 at the rate 0.5, and rises where the rate is 2."


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture
def published(monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "_in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: shown.append(data))
    return shown


def powers(lr):
    return (1 - lr) ** np.arange(5)


def figure():
    _, ax = plots.figure()
    ax.set(xlabel="step", ylabel="size", title="It falls", xlim=(0, 4), ylim=(-1, 2))
    return ax


def drawn(png):
    return plt.imread(io.BytesIO(png))[..., :3]


def test_the_picture_of_a_setting_is_that_of_the_setting_whatever_came_before():
    ax = figure()
    ax.figure.set_layout_engine("none")
    kept = live.Kept(ax, powers, "sgd")
    first, second, again = (drawn(kept.draw(lr)) for lr in (0.5, 1.5, 0.5))
    assert (first != second).any() and (first == again).all(), "no line of an earlier setting is left"
    np.testing.assert_array_equal(kept.line.get_ydata(), powers(0.5))


def test_the_slider_runs_the_function_and_changes_picture_and_text(published):
    asked = []
    figure()
    slider = live.show(ALT, lambda lr: asked.append(lr) or powers(lr), "sgd", "learning rate", [0.1, 0.5, 2.0], at=0.5)
    assert published[0][live.VIEW]["model_id"]
    asked.clear()
    slider.value = 2.0
    assert asked == [2.0] and not plt.get_fignums()


def test_what_is_stored_is_the_picture_and_no_model(published):
    figure()
    live.show(ALT, powers, "sgd", "learning rate", [0.1, 0.5], at=0.5)
    data = published[0]
    assert data["text/plain"] == ALT and re.match(r'<figure style="margin:0"><img alt="A line that falls', data["text/html"])
    cell = nbformat.v4.new_code_cell("show()", outputs=[nbformat.v4.new_output("display_data", data)])
    book = notebook.normalize(nbformat.v4.new_notebook(cells=[cell]))
    assert set(book.cells[0].outputs[0].data) == {"text/html", "text/plain"}


@pytest.mark.parametrize("arguments, message", [
    (("short", powers, "sgd", "lr", [1, 2], 1), "alt: got"),
    ((ALT, powers, "sgd", "lr", [1, 2], 3), "at: got 3"),
    ((ALT, powers, "sdg", "lr", [1, 2], 1), "did you mean 'sgd'"),
    ((ALT, lambda lr: lr, "sgd", "lr", [1, 2], 1), "compute: got"),
])
def test_bad_input_is_named(arguments, message, published):
    figure()
    with pytest.raises(ValueError, match=message):
        live.show(*arguments)
    assert published == []
