"""Explorable figures: the table is the rule's own paths, and the page holds all that it needs.

What is drawn from it is tested as pixels, in test_e2e_explore.py.
"""

import base64
import io
import json
import re
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course import explore, plots
from course.problems import ravine, rosenbrock, saddle
from course.rules import momentum, sgd
from course.run import run, sweep

ALT = "Contours of the ravine; at the rate 0.3 the path swings twice, and past 0.5 it leaves the picture."
RATES, BETAS = np.array([0.05, 0.3, 0.6]), np.array([0.0, 0.5])


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture
def published(monkeypatch):
    """What a cell displays in a notebook."""
    shown = []
    monkeypatch.setattr(plots, "_in_notebook", lambda: True)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=lambda data, raw: shown.append(data)))
    return shown


class Page(HTMLParser):
    """Elements of a page as (tag, attributes, text)."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append([tag, dict(attrs), ""])

    def handle_data(self, data):
        self.found[-1][2] += data

    def all(self, tag):
        return [(attributes, text) for name, attributes, text in self.found if name == tag]


def decoded(page):
    """The figure's own description, with its payloads decoded."""
    spec = json.loads(next(text for attributes, text in Page(page).all("script") if "type" in attributes))

    def payload(name):
        return base64.b64decode(spec[name].partition(",")[2])

    layout, table = json.loads(payload("layout")), np.frombuffer(payload("table"), "<f4")
    return spec, layout, table


def figure_of_paths(published, **keywords):
    paths = sweep(momentum, ravine().grad, ravine().start, 20, paths=True, lr=RATES, momentum=BETAS)
    _, ax = plots.figure()
    plots.contour(ravine(), ax)
    explore.path(ax, paths, "momentum")
    ax.set_title("Past 0.5 it leaves")
    settings = {"learning rate": RATES, "momentum": BETAS}
    explore.show(ALT, settings, **({"at": {"learning rate": 0.3}} | keywords))
    return published[-1]["text/html"]


# The table


def test_every_cell_of_the_table_is_the_run_with_its_settings(published):
    _, layout, table = decoded(figure_of_paths(published))
    (line,) = layout["lines"]
    assert line["shape"] == [3, 2] and line["count"] == 21 and line["x"] is None
    cells = table[line["start"] :].reshape(3, 2, 21, 2)
    for i, lr in enumerate(RATES):
        for j, beta in enumerate(BETAS):
            path = run(momentum, ravine().grad, ravine().start, 20, lr=lr, momentum=beta)
            np.testing.assert_array_equal(cells[i, j], path.astype(np.float32))


def test_lines_hold_their_x_and_every_setting(published):
    t, rates = np.arange(1, 31), np.array([0.1, 0.2, 0.3, 0.4])
    _, ax = plots.figure()
    explore.lines(ax, t, rates / t[:, None], "sgd", "1/t")
    ax.set(xlabel="step", ylabel="rate", title="It falls")
    explore.show(ALT, {"peak": rates})
    _, layout, table = decoded(published[0]["text/html"])
    (line,) = layout["lines"]
    np.testing.assert_array_equal(table[line["x"] : line["x"] + 30], t)
    np.testing.assert_allclose(table[line["start"] :].reshape(4, 30), rates[:, None] / t, rtol=1e-6)
    assert layout["panels"][0]["x"]["lim"] == [1, 30]
    low, high = layout["panels"][0]["y"]["lim"]
    assert low <= 0.1 / 30 and high >= 0.4, "the view takes in every setting"


def test_loss_is_the_distance_to_the_minimum_and_stops_where_rounding_decides(published):
    paths = sweep(sgd, ravine().grad, ravine().start, 400, paths=True, lr=RATES)
    _, ax = plots.figure()
    explore.loss(ax, ravine(), paths, "sgd", floor=1e-6)
    ax.set_title("The loss falls")
    explore.show(ALT, {"learning rate": RATES})
    _, layout, table = decoded(published[0]["text/html"])
    (line,) = layout["lines"]
    values = table[line["start"] :].reshape(3, 401)
    assert layout["panels"][0]["y"]["log"]
    np.testing.assert_allclose(values[0], ravine().value(paths[:, 0]), rtol=1e-6)
    gap = ravine().value(paths[:, 1])
    assert np.isnan(values[1][gap < 1e-6]).all() and (gap < 1e-6).any()


def test_a_setting_that_does_not_matter_is_stored_once(published):
    t, rates = np.arange(5), np.array([1.0, 2.0])
    _, ax = plots.figure()
    explore.lines(ax, t, np.ones((5, 1)), "theory", "one")
    explore.lines(ax, t, rates * np.ones((5, 1)), "sgd")
    ax.set(xlabel="step", ylabel="rate", title="Two lines")
    explore.show(ALT, {"rate": rates})
    _, layout, table = decoded(published[0]["text/html"])
    assert [line["shape"] for line in layout["lines"]] == [[1], [2]] and table.size == 5 + 5 + 5 + 10
    low, high = layout["panels"][0]["y"]["lim"]
    assert low < 1 and high > 2, "the view takes in both lines"


def test_what_diverges_ends_there_and_never_wraps(published):
    paths = np.zeros((4, 2, 2))
    paths[:, 0] = [[0, 0], [1e200, -1e300], [np.nan, 0], [0, 0]]
    _, ax = plots.figure()
    plots.contour(ravine(), ax)
    explore.path(ax, paths, "wrong")
    ax.set_title("It leaves")
    explore.show(ALT, {"rate": [1, 2]}, {"rate": 1})
    _, layout, table = decoded(published[0]["text/html"])
    cells = table[layout["lines"][0]["start"] :].reshape(2, 4, 2)
    np.testing.assert_array_equal(cells[0, :2], np.array([[0, 0], [1e30, -1e30]], np.float32))
    assert np.isnan(cells[0, 2:]).all() and (cells[1] == 0).all()


def test_plane_outlines_cells_where_they_lie(published):
    x, y = np.array([0.01, 0.1, 1.0]), np.array([0.0, 0.5])
    _, ax = plots.figure()
    ax.set(xscale="log", xlabel="rate", ylabel="momentum", title="A map")
    mesh = explore.plane(ax, x, y, np.array([[1, 2], [3, 4], [5, np.inf]]), "loss")
    np.testing.assert_array_equal(mesh.get_array().filled(-1), [[1, 3, 5], [2, 4, -1]])
    explore.show(ALT, {"rate": x, "momentum": y}, note=lambda i, j: f"cell {i} {j}")
    _, layout, _ = decoded(published[0]["text/html"])
    across, up = layout["lines"][0]["edges"]
    assert np.allclose(np.diff(across), np.diff(across)[0], atol=0.05) and len(across) == 4, "equal ratios, equal widths"
    assert len(up) == 3 and up[0] > up[1] > up[2], "pixels count downward"
    assert layout["notes"] == ["cell 0 0", "cell 0 1", "cell 1 0", "cell 1 1", "cell 2 0", "cell 2 1"]


def test_a_point_lies_where_matplotlib_draws_it(published):
    _, ax = plots.figure(ncols=2)
    ax = ax[0]
    plots.contour(ravine(), ax)
    explore.path(ax, np.zeros((3, 2, 2)), "sgd")
    ax.set_title("Still")
    ax.figure.axes[1].set(xlabel="a", ylabel="b", title="c")
    explore.show(ALT, {"rate": [1, 2]})
    _, layout, _ = decoded(published[0]["text/html"])
    span = layout["panels"][0]["x"]["span"], layout["panels"][0]["y"]["span"]
    scale = plt.rcParams["savefig.dpi"] / ax.figure.dpi
    height = ax.figure.get_figheight() * plt.rcParams["savefig.dpi"]
    box = ax.get_window_extent().extents * scale
    np.testing.assert_allclose(span, [[box[0], box[2]], [height - box[1], height - box[3]]], atol=1)


def test_arrivals():
    paths = np.array([[[3.0, 0], [3, 0]], [[0.01, 0], [np.nan, 0]], [[0, 0], [9, 9]]])
    assert explore.arrivals(ravine(), paths, 1e-3).tolist() == [1, None]


# The page


def test_without_its_scripts_a_picture_with_its_text_remains(published):
    page = figure_of_paths(published)
    assert published[0]["text/plain"] == ALT
    bare = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    elements = Page(bare).found
    assert [tag for tag, _, _ in elements] == ["figure", "img"]
    assert elements[1][1]["alt"] == ALT and elements[1][1]["src"].startswith("data:image/png;base64,")
    assert not "".join(text for _, _, text in elements).strip(), "no control and no word is left over"


def test_the_page_asks_nobody(published):
    page = figure_of_paths(published)
    outside = re.compile(r"https?:|//\w|src=\"(?!data:)|@import|fetch\(|XMLHttpRequest|import\(|WebSocket")
    assert not outside.search(re.sub(r"base64,[\w+/=]+", "", page))
    assert page.count("</script>") == 2


def test_sliders_have_names_values_and_their_start(published):
    spec, _, _ = decoded(figure_of_paths(published))
    assert spec["sliders"] == [
        {"name": "learning rate", "at": 1, "values": ["0.05", "0.3", "0.6"]},
        {"name": "momentum", "at": 1, "values": ["0", "0.5"]},
    ]
    assert "aria-label" in explore.SCRIPT and "lmSuppressShortcuts" in explore.SCRIPT


def test_the_background_is_the_picture_without_the_path(published):
    page = figure_of_paths(published)
    pictures = [plt.imread(io.BytesIO(base64.b64decode(data)))[..., :3]
                for data in re.findall(r"data:image/png;base64,([\w+/=]+)", page)]
    picture, background = pictures
    assert picture.shape == background.shape
    blue = np.array([0, 0x72, 0xB2]) / 255
    near = [(np.abs(one - blue).max(axis=-1) < 0.1).sum() for one in pictures]
    assert near[0] > 1000 and near[1] == 0
    assert (picture == background).all(axis=-1).mean() > 0.9


def test_a_page_is_the_same_twice(published):
    assert figure_of_paths(published) == figure_of_paths(published)


def test_text_that_looks_like_html_stays_text(published):
    t = np.arange(3)
    _, ax = plots.figure()
    explore.lines(ax, t, np.ones((3, 2)), "sgd", "</script>")
    ax.set(xlabel="step", ylabel="rate", title="A line")
    explore.show('A line named "</script>" and nothing else', {"</script><b>": ["<i>", "b"]}, {"</script><b>": "b"})
    page = published[0]["text/html"]
    assert page.count("</script>") == 2
    assert decoded(page)[0]["sliders"] == [{"name": "</script><b>", "at": 1, "values": ["<i>", "b"]}]


# Bad input


@pytest.mark.parametrize("call, error, message", [
    (lambda ax: explore.path(ax, np.zeros((3, 2)), "sgd"), ValueError, r"paths: got shape \(3, 2\)"),
    (lambda ax: explore.path(ax, np.zeros((3, 2, 3)), "sgd"), ValueError, "paths: got shape"),
    (lambda ax: explore.path(ax, "far", "sgd"), TypeError, "paths: got 'far'"),
    (lambda ax: explore.path(ax, np.zeros((3, 2, 2)), "sdg"), ValueError, "did you mean 'sgd'"),
    (lambda ax: explore.lines(ax, [1, 2], np.zeros((3, 2)), "sgd"), ValueError, "x and y: got shapes"),
    (lambda ax: explore.lines(ax, [1, 2], np.zeros(2), "sgd"), ValueError, "x and y: got shapes"),
    (lambda ax: explore.lines(ax, [1, 2], np.zeros((2, 2)), "sgd", "$x$"), ValueError, "label: got"),
    (lambda ax: explore.loss(ax, saddle(), np.zeros((3, 2, 2)), "sgd"), ValueError, "problem: got 'saddle'"),
    (lambda ax: explore.loss(ax, np.zeros((3, 2)), np.zeros(2), "sgd"), ValueError, "paths: got"),
    (lambda ax: explore.plane(ax, [1, 2], [1, 2, 3], np.zeros((3, 2)), "loss"), ValueError, "values: got shape"),
])
def test_bad_tables_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(plots.figure()[1])


@pytest.mark.parametrize("arguments, message", [
    (("short", {"rate": [1, 2]}), "alt: got 'short'"),
    ((ALT, {"rate": [1, 2, 3]}), r"settings: got lengths \(3,\), expected .* sgd, \(2,\)"),
    ((ALT, {"rate": [1, 2], "beta": [1, 2]}), "settings: got lengths"),
    ((ALT, {"rate": [1]}), "rate: got"),
    ((ALT, {}), "settings: got"),
    ((ALT, {"rate": [1, 2]}, {"rat": 1}), "did you mean 'rate'"),
    ((ALT, {"rate": [1, 2]}, {"rate": 1.5}), r"at\['rate'\]: got 1.5"),
])
def test_bad_settings_are_named(arguments, message, published):
    _, ax = plots.figure()
    explore.lines(ax, [1, 2], np.zeros((2, 2)), "sgd")
    ax.set(xlabel="step", ylabel="rate", title="A line")
    with pytest.raises(ValueError, match=message):
        explore.show(*arguments)
    assert published == []


def test_show_needs_a_table_and_one_that_is_not_too_large(published):
    plots.figure()
    with pytest.raises(ValueError, match="there is no table"):
        explore.show(ALT, {"rate": [1, 2]})
    _, ax = plots.figure()
    plots.contour(rosenbrock(), ax)
    explore.path(ax, np.zeros((1000, 100, 2)), "sgd")
    ax.set_title("Too much")
    with pytest.raises(ValueError, match="its tables take 800,000 bytes, expected at most 600,000"):
        explore.show(ALT, {"rate": np.arange(100)})


def test_outside_a_notebook_matplotlib_shows_the_picture(monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append([len(ax.lines) for ax in plt.gcf().axes]))
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    _, ax = plots.figure()
    explore.lines(ax, [1, 2], np.ones((2, 2)), "sgd")
    ax.set(xlabel="step", ylabel="rate", title="A line")
    explore.show(ALT, {"rate": [1, 2]})
    assert shown == [[1]] and not plt.get_fignums()
