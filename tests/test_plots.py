"""Figures: what is drawn where, in which color, and what a reader who cannot see them is told."""

import base64
import io
import itertools
import re
import sys
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from course import labels, plots
from course.problems import himmelblau, quadratic, ravine, saddle

ALT = "Two lines that fall; the second falls faster."
KERNEL = SimpleNamespace(kernel=object())
TOGETHER = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "wrong"]
OPTIMIZERS = (
    "sgd heavy_ball momentum nesterov momentum_ema adagrad rmsprop adadelta adam adamw amsgrad adamax nadam "
    "radam rprop asgd adafactor muon lion"
).split()
# Machado, Oliveira and Fernandes (2009), table 1, severity 1.0; they act on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def zigzag(steps=30):
    """A path (steps + 1, 2) on the ravine that ends near its minimum."""
    t = np.arange(steps + 1)
    return np.column_stack([-5 * 0.92**t, -2 * (-0.6) ** t])


def written(ax):
    return {label.get_text(): label for label, _ in ax.course_labels}


def overlapping(ax):
    """The pairs of visible labels that cover each other by more than half a pixel."""
    labels.arrange(ax.figure)
    boxes = {text: label.get_window_extent() for text, label in written(ax).items() if label.get_visible()}
    return [
        (a, b)
        for a, b in itertools.combinations(boxes, 2)
        if min(boxes[a].y1, boxes[b].y1) - max(boxes[a].y0, boxes[b].y0) > 0.5
        and min(boxes[a].x1, boxes[b].x1) - max(boxes[a].x0, boxes[b].x0) > 0.5
    ]


# Colors


def test_every_optimizer_has_a_style_of_its_own():
    assert {*OPTIMIZERS, "theory", "wrong", "torch"} <= set(plots.COLORS) == set(plots.LINESTYLES)
    styles = [(plots.COLORS[name], plots.LINESTYLES[name]) for name in plots.COLORS]
    assert len(set(styles)) == len(styles)


def test_relatives_share_a_hue():
    for family in (["momentum", "heavy_ball", "momentum_ema"], ["adam", "adamw", "adam_eps_inside"]):
        assert len({plots.COLORS[name] for name in family}) == 1


def lab(color, blindness):
    """CIE L*a*b* (D65) of an sRGB color as seen with a kind of color blindness."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(BLINDNESS[blindness]) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    f = np.cbrt(to_xyz @ linear / [0.9505, 1.0, 1.089])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_methods_plotted_together_differ_to_every_eye(blindness):
    for a, b in itertools.combinations(TOGETHER, 2):
        distance = np.linalg.norm(lab(plots.COLORS[a], blindness) - lab(plots.COLORS[b], blindness))
        assert distance > 15 or plots.LINESTYLES[a] != plots.LINESTYLES[b], (a, b, distance)


@pytest.mark.parametrize("name", plots.COLORS)
def test_labels_can_be_read_on_white(name):
    contrast = 1.05 / (labels.luminance(np.array(to_rgb(labels.ink(plots.COLORS[name])))) + 0.05)
    assert contrast >= 4.5


def test_style():
    assert plots.style("adam", alpha=0.5) == {"color": "#D55E00", "linestyle": "-", "alpha": 0.5}
    assert plots.style("adam", color="red")["color"] == "red"
    with pytest.raises(ValueError, match=r"name: got 'nestrov'.*did you mean 'nesterov'"):
        plots.style("nestrov")


# Drawing


def test_figure_sizes():
    assert plots.figure()[0].get_size_inches() == pytest.approx([6, 3.7])
    fig, axes = plots.figure(height=0.5, ncols=2)
    assert axes.shape == (2,) and fig.get_size_inches() == pytest.approx([10, 1.85])
    with pytest.raises(ValueError, match="ncols: got 0"):
        plots.figure(ncols=0)


def test_contour_levels_rise_by_one_factor_above_the_minimum():
    problem = ravine()
    _, ax = plots.figure()
    levels = plots.contour(problem, ax).levels - problem.minimum_value
    assert np.ptp(np.diff(np.log(levels))) < 1e-9 and levels[0] > 0
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    assert [tuple(star.get_xydata()[0]) for star in stars] == [tuple(problem.minimum)]


def test_contour_marks_every_minimum():
    _, ax = plots.figure()
    plots.contour(himmelblau(), ax)
    assert sum(line.get_marker() == "*" for line in ax.lines) == 4
    assert ax.get_aspect() == 1


def test_contour_of_a_saddle_mirrors_its_levels():
    _, ax = plots.figure()
    levels = plots.contour(saddle(), ax).levels
    np.testing.assert_allclose(levels, -levels[::-1])
    assert not [line for line in ax.lines if line.get_marker() == "*"]


def test_contour_refuses_what_it_cannot_draw():
    _, ax = plots.figure()
    with pytest.raises(ValueError, match=r"problem: got .*3 parameters"):
        plots.contour(quadratic(dim=3), ax, box=((-1, 1), (-1, 1)))
    with pytest.raises(ValueError, match="box: got None"):
        plots.contour(quadratic(dim=3), ax)


def test_path_never_widens_the_contour():
    _, ax = plots.figure()
    plots.contour(ravine(), ax)
    view = ax.get_xlim(), ax.get_ylim()
    line = plots.path(ax, zigzag(), "sgd")
    np.testing.assert_array_equal(line.get_xydata(), zigzag())
    plots.path(ax, [[0, 1], [1e200, -1e250], [np.nan, 0], [0, 0]], "wrong", "diverges")
    labels.arrange(ax.figure)
    assert (ax.get_xlim(), ax.get_ylim()) == view
    assert written(ax)["diverges"].xy == (0, 1)
    assert np.abs(np.concatenate([line.get_xydata() for line in ax.lines])).max() <= 1e6


def test_path_that_leaves_the_view_is_drawn_up_to_its_exit():
    _, ax = plots.figure()
    plots.contour(ravine(), ax)
    line = plots.path(ax, [[0, 0], [50, 0], [1, 0], [60, 0], [-70, 0]], "wrong")
    np.testing.assert_array_equal(line.get_xydata()[:, 0], [0, 50, 1, 60])


def test_path_marks_its_start_and_at_most_fifty_steps():
    _, ax = plots.figure()
    line = plots.path(ax, zigzag(1000), "sgd")
    start = ax.lines[-1]
    assert line.get_markevery() == 21 and start.get_markerfacecolor() == "white"
    np.testing.assert_array_equal(start.get_xydata(), [[-5, -2]])
    assert plots.path(ax, zigzag(), "adam", every=4).get_markevery() == 4


def test_loss_is_the_distance_to_the_minimum():
    problem = ravine()
    _, ax = plots.figure()
    line = plots.loss(ax, problem, zigzag(), "sgd", "gradient descent")
    np.testing.assert_allclose(line.get_ydata(), problem.value(zigzag()) - problem.minimum_value)
    assert ax.get_yscale() == "log" and ax.get_xlabel() and ax.get_ylabel()
    assert set(written(ax)) == {"gradient descent"}
    assert ax.get_xlim() == (0, 30)


def test_loss_leaves_out_what_rounding_decides():
    _, ax = plots.figure()
    line = plots.loss(ax, [1.0, 1e-3, 1e-17, 0.0, -1e-18, np.inf, np.nan], None, "adam")
    np.testing.assert_array_equal(line.get_ydata(), [1.0, 1e-3] + [np.nan] * 5)
    labels.arrange(ax.figure)
    assert written(ax)["adam"].xy == (1, 1e-3)


def test_labels_of_lines_that_end_at_one_place_are_spread():
    _, ax = plots.figure()
    t = np.arange(50)
    for name in OPTIMIZERS[:8]:
        plots.loss(ax, 0.9**t, None, name)
    assert overlapping(ax) == []
    low, high = ax.get_window_extent().extents[[1, 3]]
    boxes = [label.get_window_extent() for label in written(ax).values()]
    assert min(box.y0 for box in boxes) >= low - 1 and max(box.y1 for box in boxes) <= high + 1
    heights = [box.y0 + box.y1 for box in boxes]
    assert heights == sorted(heights, reverse=True)


def test_labels_of_paths_keep_clear_of_the_minimum():
    _, ax = plots.figure()
    plots.contour(ravine(), ax)
    for name in ("sgd", "momentum", "adam"):
        plots.path(ax, zigzag(60), name)
    assert overlapping(ax) == []
    star = next(line for line in ax.lines if line.get_marker() == "*").get_window_extent()
    assert not any(label.get_window_extent().padded(-1).overlaps(star) for label in written(ax).values())


def test_a_label_that_stands_alone_stays_at_the_end_of_its_line():
    _, ax = plots.figure()
    plots.lines(ax, [0, 1, 2], [0, 1, 4], "theory", "$t^2$")
    ax.set_ylim(0, 2)
    labels.arrange(ax.figure)
    label = written(ax)["$t^2$"]
    assert label.xy == (1, 1) and label.get_position() == (labels.GAP, 0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda ax: plots.path(ax, np.zeros((3, 3)), "sgd"), "path: got .*expected .*steps \\+ 1, 2"),
        (lambda ax: plots.path(ax, zigzag(), "sgd", every=0), "every: got 0"),
        (lambda ax: plots.path(ax, zigzag(), "sdg"), "did you mean 'sgd'"),
        (lambda ax: plots.loss(ax, saddle(), zigzag(), "sgd"), "problem: got 'saddle'"),
        (lambda ax: plots.loss(ax, ravine(), np.zeros(2), "sgd"), "path: got"),
        (lambda ax: plots.loss(ax, [1.0, 2.0], zigzag(), "sgd"), "problem_or_values: got"),
        (lambda ax: plots.lines(ax, [1, 2], [1, 2, 3], "sgd"), "x and y: got"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(plots.figure()[1])


def test_words_are_no_path():
    with pytest.raises(TypeError, match="path: got 'somewhere'"):
        plots.path(plots.figure()[1], "somewhere", "sgd")


def test_steps_to():
    path = np.array([[3.0, 0], [np.nan, 0], [1.0, 0], [0.1, 0], [2.0, 0]])
    problem = quadratic(kappa=1.0)
    assert plots.steps_to(problem, path[[0, 2, 3, 4]], 0.5) == 1
    assert plots.steps_to(problem, path[[0, 2, 3, 4]], 4.5) == 0
    assert plots.steps_to(problem, path[[0, 2, 3, 4]], 1e-9) is None
    assert plots.steps_to(problem, path, 0.5) == 2
    with pytest.raises(ValueError, match="tolerance: got -1"):
        plots.steps_to(problem, path, -1)
    with pytest.raises(ValueError, match="problem: got 'saddle'"):
        plots.steps_to(saddle(), path, 0.1)


# Showing


def drawn():
    """A figure that `show` accepts."""
    fig, ax = plots.figure()
    plots.lines(ax, [0, 1], [0, 1], "sgd")
    ax.set(xlabel="step", ylabel="size", title="It grows")
    return fig, ax


@pytest.fixture
def published(monkeypatch):
    """What `show` sends to the notebook, as a list of outputs."""
    outputs = []
    monkeypatch.setattr(plots, "_in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda data, raw: outputs.append(data))
    return outputs


def picture(html):
    """The bytes of the one PNG in a piece of HTML."""
    (data,) = re.findall(r'src="data:image/png;base64,([A-Za-z0-9+/=]+)"', html)
    return base64.b64decode(data)


def test_show_sends_one_figure_with_its_text(published):
    drawn()
    plots.show(' A "steep" line\n  & it keeps rising <to 1>. ')
    (output,) = published
    assert output["text/plain"] == 'A "steep" line & it keeps rising <to 1>.'
    assert set(output) == {"text/html", "text/plain"}
    html = output["text/html"]
    assert html.startswith("<figure") and html.endswith("</figure>") and html.count("<img ") == 1
    assert 'alt="A &quot;steep&quot; line &amp; it keeps rising &lt;to 1&gt;."' in html
    assert 'width="720"' in html and "max-width:100%" in html and "background:#fff" in html
    assert not plt.get_fignums()


def test_the_same_figure_gives_the_same_bytes(published):
    for _ in range(2):
        drawn()
        plots.show(ALT)
    assert published[0] == published[1]
    png = picture(published[0]["text/html"])
    image = Image.open(io.BytesIO(png))
    assert image.info == {} and image.size == (1080, 666)
    colors = {color for _, color in image.convert("RGB").getcolors()}
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert {(0xE6, 0xE6, 0xE6), (0, 0, 0)} <= colors


def test_a_contour_with_paths_stays_small(published):
    _, ax = plots.figure()
    plots.contour(himmelblau(), ax)
    for name in ("sgd", "momentum", "adam"):
        plots.path(ax, zigzag(), name)
    ax.set_title("Three paths")
    plots.show(ALT)
    png = picture(published[0]["text/html"])
    assert len(png) < 80_000
    colors = Image.open(io.BytesIO(png)).convert("RGB").getcolors()
    assert to_rgb(plots.COLORS["adam"]) in {tuple(c / 255 for c in color) for _, color in colors}


@pytest.mark.parametrize("alt", ["", "   ", "A figure.", None])
def test_show_wants_a_description(alt):
    drawn()
    with pytest.raises(ValueError, match="alt: got"):
        plots.show(alt)


@pytest.mark.parametrize("what", ["title", "xlabel", "ylabel"])
def test_show_wants_labels_and_a_title(what, published):
    _, ax = drawn()
    ax.set(**{what: ""})
    with pytest.raises(ValueError, match=f"panel 1 has no {what}"):
        plots.show(ALT)
    assert published == []


def test_labels_may_be_shared_or_switched_off(published):
    _, axes = plots.figure(ncols=2, sharey=True)
    axes[0].set(xlabel="step", ylabel="loss", title="First")
    axes[1].set(xlabel="step", title="Second")
    plots.show(ALT)
    _, ax = plots.figure()
    ax.set_axis_off()
    ax.set_title("No axes")
    plots.show(ALT)
    assert len(published) == 2


@pytest.mark.parametrize("titles", [("", "cut off " * 9), ("runs into the next " * 3, "b")])
def test_show_refuses_a_title_that_does_not_fit(titles, published):
    fig, axes = plots.figure(ncols=2)
    fig.suptitle("Both")
    for ax, title in zip(axes, titles, strict=True):
        ax.set(xlabel="x", ylabel="y", title=title)
    with pytest.raises(ValueError, match="too long"):
        plots.show(ALT)


def test_show_needs_a_figure():
    with pytest.raises(ValueError, match="there is no figure"):
        plots.show(ALT)


def test_outside_a_notebook_matplotlib_shows(monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.get_fignums()))
    drawn()
    plots.show(ALT)
    assert len(shown) == 1 and len(shown[0]) == 1 and not plt.get_fignums()


@pytest.mark.parametrize("shell, expected", [(None, False), (object(), False), (KERNEL, True)])
def test_only_a_kernel_is_a_notebook(shell, expected, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert plots._in_notebook() is expected
    monkeypatch.delitem(sys.modules, "IPython")
    assert plots._in_notebook() is False
