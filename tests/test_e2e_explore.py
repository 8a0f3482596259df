"""Explorable figures in a real browser: a page that nbconvert wrote, no kernel, no network, a slider moved by keyboard.

Needs the extra `e2e` and a Chromium of the system: see browser.py.
"""

import base64
import itertools
import statistics

import matplotlib

matplotlib.use("Agg")

import nbformat
import numpy as np
import pytest
from browser import needs_browser
from nbconvert import HTMLExporter

from course import explore, plots
from course.problems import ravine
from course.rules import momentum
from course.run import run, sweep

pytestmark = needs_browser

RATES, BETAS = np.linspace(0.02, 0.6, 59), np.linspace(0, 0.9, 10)
STEPS, LIMIT = 30, 16  # the limit is in milliseconds: one frame of a screen
BLUE = np.array([0x00, 0x72, 0xB2])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A lesson's page in HTML: a path against two sliders, a loss, and a map."""
    outputs = []

    def keep(fig, document, alt):
        outputs.append(nbformat.v4.new_output("display_data", {"text/html": document, "text/plain": alt}))
        plots.plt.close(fig)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "publish", keep)
        settings = {"learning rate": RATES, "momentum": BETAS}
        paths = sweep(momentum, ravine().grad, ravine().start, STEPS, paths=True, lr=RATES, momentum=BETAS)
        count = explore.arrivals(ravine(), paths, 1e-3)
        _, axes = plots.figure(ncols=2)
        plots.contour(ravine(), axes[0])
        explore.path(axes[0], paths, "momentum", "", every=1)
        axes[0].set_title("The path")
        explore.loss(axes[1], ravine(), paths, "momentum", "")
        axes[1].set(title="Its loss", ylim=(1e-8, 1e4))
        alt = "Left: contours and a path. Right: its loss."
        explore.show(alt, settings, {"learning rate": 0.1}, note=lambda i, j: f"steps: {count[i, j]}")
        _, ax = plots.figure()
        ax.set(xlabel="learning rate", ylabel="momentum", title="A map")
        explore.plane(ax, RATES, BETAS, np.log10(ravine().value(paths[-1]).clip(1e-8, 1e3)), "log10 of the loss")
        explore.show("A map of the last loss.", settings, note=lambda i, j: f"{RATES[i]:.2f} {BETAS[j]:.1f}")
    cell = nbformat.v4.new_code_cell("show()", outputs=outputs)
    page, _ = HTMLExporter(mathjax_url="", require_js_url="").from_notebook_node(
        nbformat.v4.new_notebook(cells=[cell])
    )
    path = tmp_path_factory.mktemp("site") / "lesson.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def lesson(tab, exported):
    """The page, open, with its figures live; an error of its script, or a request to anybody, fails the test."""
    asked = []
    tab.set_default_timeout(10_000)
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(exported)
    tab.wait_for_function("document.querySelectorAll('figure[data-ready]').length === 2")
    yield tab
    assert tab.errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def pixels(page, figure=0):
    """The canvas of a figure, as the browser holds it: (height, width, 3)."""
    shape, data = page.evaluate(
        """n => { const c = document.querySelectorAll("figure canvas")[n];
        const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let s = "";
        for (let i = 0; i < d.length; i += 32768) s += String.fromCharCode(...d.subarray(i, i + 32768));
        return [[c.height, c.width, 4], btoa(s)]; }""",
        figure,
    )
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(shape)[..., :3].astype(int)


def blue(picture):
    return np.abs(picture - BLUE).max(axis=-1) < 40


def expected(page, i, j):
    """The pixels (n, 2) near which the path of a setting lies, from `run` itself, a point every half pixel."""
    panel = page.evaluate(
        """() => { const s = JSON.parse(document.querySelector("figure script[type='application/json']").textContent);
        return JSON.parse(atob(s.layout.split(",")[1])).panels[0]; }"""
    )
    path = run(momentum, ravine().grad, ravine().start, STEPS, lr=RATES[i], momentum=BETAS[j])
    ends = [np.interp(path[:, k], panel[axis]["lim"], panel[axis]["span"]) for k, axis in enumerate("xy")]
    inside = [(path[:, k] >= panel[a]["lim"][0]) & (path[:, k] <= panel[a]["lim"][1]) for k, a in enumerate("xy")]
    assert np.all(inside), "a setting whose whole path is in view"
    share = np.linspace(0, 1, 1000)[:, None, None]
    points = np.stack(ends, axis=-1)
    return ((1 - share) * points[:-1] + share * points[1:]).reshape(-1, 2), panel


def is_the_path_of(page, picture, i, j):
    """Whether the blue pixels of the first panel are the path of a setting: all of it, and nothing else."""
    points, panel = expected(page, i, j)
    drawn = blue(picture)
    drawn[:, round(panel["x"]["span"][1]) + 2 :] = False
    near = np.zeros_like(drawn)
    for k, (x, y) in enumerate(points.round().astype(int)):
        far = 13 if k == 0 else 7  # the ring of the start, the dots of the steps, in pixels
        near[y - far : y + far + 1, x - far : x + far + 1] = True
    seen = drawn[points[:, 1].astype(int), points[:, 0].astype(int)]
    return drawn.sum() > 500 and not (drawn & ~near).any() and seen.mean() > 0.85


def slider(page, name, figure=0):
    return page.locator("figure").nth(figure).get_by_role("slider", name=name, exact=True)


def test_keys_move_the_slider_and_the_path_is_that_of_the_setting(lesson):
    before = pixels(lesson)
    assert is_the_path_of(lesson, before, 8, 5)
    slider(lesson, "learning rate").focus()
    for _ in range(7):
        lesson.keyboard.press("ArrowRight")
    after = pixels(lesson)
    assert is_the_path_of(lesson, after, 15, 5) and not is_the_path_of(lesson, after, 8, 5)
    slider(lesson, "momentum").focus()
    lesson.keyboard.press("ArrowLeft")
    assert is_the_path_of(lesson, pixels(lesson), 15, 4)
    path = run(momentum, ravine().grad, ravine().start, STEPS, lr=RATES[15], momentum=BETAS[4])
    assert lesson.locator("figure output").first.inner_text() == f"steps: {plots.steps_to(ravine(), path, 1e-3)}"


def test_the_loss_beside_it_changes_too(lesson):
    half = pixels(lesson).shape[1] // 2
    before = blue(pixels(lesson))[:, half:]
    slider(lesson, "learning rate").press("Home")
    assert (before != blue(pixels(lesson))[:, half:]).sum() > 300


def test_a_path_that_leaves_stays_inside_its_panel(lesson):
    slider(lesson, "momentum").press("Home")
    slider(lesson, "learning rate").press("End")
    drawn, (_, panel) = blue(pixels(lesson)), expected(lesson, 8, 5)
    left, right = panel["x"]["span"]
    bottom, top = panel["y"]["span"]
    drawn[:, round(right) + 2 :] = False
    rows, columns = np.nonzero(drawn)
    assert len(rows) > 500 and columns.min() >= left - 2 and rows.min() >= top - 2 and rows.max() <= bottom + 2


def test_forty_presses_are_all_drawn_in_a_frame_each(lesson):
    slider(lesson, "learning rate").press("Home")
    lesson.evaluate(
        """() => { const c = document.querySelector("figure canvas"), context = c.getContext("2d");
        const look = () => { const d = context.getImageData(0, 0, c.width, c.height).data; let h = 0;
          for (let i = 0; i < d.length; i += 4) h = (h * 31 + d[i]) | 0; return h; };
        window.seen = [look()]; window.waits = [];
        addEventListener("keydown", event => { window.pressed = event.timeStamp; }, true);
        document.querySelector("figure input").addEventListener("input", () => {
          context.getImageData(0, 0, 1, 1); // waits until the canvas is drawn
          window.waits.push(performance.now() - window.pressed); window.seen.push(look()); }); }"""
    )
    for _ in range(40):
        lesson.keyboard.press("ArrowRight")
    waits, seen = lesson.evaluate("[window.waits, window.seen]")
    print(f"key press to changed pixels: median {statistics.median(waits):.1f} ms, max {max(waits):.1f} ms")
    assert len(waits) == 40 and all(a != b for a, b in itertools.pairwise(seen)), "every press is drawn"
    assert statistics.median(waits) <= LIMIT


def test_a_click_on_the_map_chooses_its_cell(lesson):
    figure = lesson.locator("figure").nth(1)
    before = pixels(lesson, 1)
    canvas = figure.locator("canvas")
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 0.2, "y": box["height"] * 0.2})
    i, j = map(int, figure.get_attribute("data-at").split())
    assert i < 20 and j > 6
    assert figure.locator("output").inner_text() == f"{RATES[i]:.2f} {BETAS[j]:.1f}"
    assert slider(lesson, "momentum", 1).get_attribute("aria-valuetext") == f"{BETAS[j]:.4g}"
    assert (before != pixels(lesson, 1)).any()


def test_names_text_and_shortcuts(lesson):
    figure = lesson.locator("figure").first
    for name in "learning rate", "momentum":
        assert slider(lesson, name).get_attribute("data-lm-suppress-shortcuts") == "true"
    assert figure.get_by_role("img", name="Left: contours and a path.").is_visible()
    assert not figure.locator("img").is_visible()
    assert slider(lesson, "learning rate").get_attribute("aria-valuetext") == "0.1"


@pytest.mark.parametrize("color, dark", [("rgb(17, 17, 17)", True), ("white", False)])
def test_the_canvas_follows_what_is_behind_it(lesson, color, dark):
    lesson.evaluate("color => { document.querySelectorAll('main, body').forEach(e => e.style.background = color); }", color)
    lesson.wait_for_timeout(700)
    filters = lesson.evaluate("[...document.querySelectorAll('figure canvas')].map(c => c.style.filter)")
    assert all(("invert" in one) is dark for one in filters)


def test_without_scripts_the_picture_stands_alone(chromium, exported):
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(exported)
        assert page.locator("figure img").first.is_visible()
        assert page.locator("figure input, figure canvas").count() == 0
        assert page.locator("figure").first.inner_text().strip() == ""


def test_a_narrow_window_shows_the_whole_figure(lesson):
    lesson.set_viewport_size({"width": 420, "height": 800})
    box = lesson.locator("figure canvas").first.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 420
    assert slider(lesson, "momentum").bounding_box()["x"] + 200 <= 420
