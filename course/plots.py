"""Figures of the course: one look, one color per optimizer, and a text for whoever cannot see them.

A plotting cell makes a figure, draws on its axes, says what the picture shows, and ends with `show`:

    fig, ax = plots.figure()
    plots.contour(problem, ax)
    plots.path(ax, run(momentum, problem.grad, problem.start, 50, lr=0.4, momentum=0.5), "momentum")
    ax.set_title("Momentum crosses the ravine in 20 steps")
    plots.show("Contours of the ravine; the path of momentum swings twice, then follows the floor.")

Every helper that draws takes `ax` and returns the artist it made.  Importing this module applies
`course.mplstyle`.
"""

import base64
import html
import io
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator
from PIL import Image

from course.inputs import unknown, wrong
from course.labels import STAR, arrange, inside, label_line

plt.style.use(Path(__file__).with_name("course.mplstyle"))

# Okabe and Ito's colors (Color Universal Design, 2008), and a purple, a brown and a grey from petroff10
# (Petroff, arXiv:2107.02270).  A family of methods has one hue; its members differ by line style.
_BLACK, _BLUE, _SKY, _GREEN = "#000000", "#0072B2", "#56B4E9", "#009E73"
_ORANGE, _VERMILION, _PINK = "#E69F00", "#D55E00", "#CC79A7"
_PURPLE, _BROWN, _SILVER, _SLATE = "#832DB6", "#A96B59", "#B5BFBD", "#717581"
_SHORT, _LONG, _BROKEN = (0, (3, 1, 1, 1, 1, 1)), (0, (9, 2)), (0, (1, 2.2))

_STYLES = {
    "sgd": (_BLACK, "-"),
    "asgd": (_BLACK, "--"),
    "momentum": (_BLUE, "-"),
    "heavy_ball": (_BLUE, "--"),
    "momentum_ema": (_BLUE, "-."),
    "nesterov": (_SKY, "-"),
    "adagrad": (_PINK, "-"),
    "adagrad_eps_inside": (_PINK, ":"),
    "rmsprop": (_GREEN, "-"),
    "rmsprop_eps_inside": (_GREEN, ":"),
    "adadelta": (_GREEN, "--"),
    "adafactor": (_GREEN, "-."),
    "adam": (_VERMILION, "-"),
    "adam_eps_inside": (_VERMILION, ":"),
    "adamw": (_VERMILION, "--"),
    "amsgrad": (_VERMILION, "-."),
    "nadam": (_ORANGE, "-"),
    "radam": (_ORANGE, "--"),
    "adamax": (_ORANGE, "-."),
    "rprop": (_PURPLE, ":"),
    "muon": (_PURPLE, "-"),
    "lion": (_PURPLE, "--"),
    "theory": (_SLATE, _LONG),
    "wrong": (_BROWN, _SHORT),
    "torch": (_SILVER, "-"),
}
COLORS = {name: color for name, (color, _) in _STYLES.items()}
LINESTYLES = {name: linestyle for name, (_, linestyle) in _STYLES.items()}

_GREYS = LinearSegmentedColormap.from_list("course_greys", ["#FDFDFD", "#BFBFBF"])
_SCREEN_DPI = 120  # so a panel of 6 inches is 720 pixels wide on the page, and its text 17 pixels high
_SHORTEST_ALT = 20  # characters; anything shorter names a figure without describing it


def style(name, **over):
    """Return the keywords that make `ax.plot` draw the method `name`; `over` replaces or adds some.

    torch's line is broad and pale and lies below the others, so that a line on top of it is seen to
    coincide.  Raises ValueError for a name that has no color.
    """
    if name not in COLORS:
        raise unknown("name", name, COLORS)
    broad = {"linewidth": 7, "zorder": 1.9} if name == "torch" else {}
    return {"color": COLORS[name], "linestyle": LINESTYLES[name], **broad, **over}


def figure(width=1, height=1, ncols=1, nrows=1, **subplots):
    """Return `(fig, ax)`, or `(fig, axes)` with an array of axes where there are several panels.

    `width` and `height` scale the size of a panel: 6 x 3.7 inches alone, 5 x 3.7 beside others.
    `subplots` goes to `plt.subplots` (sharey=True, for one).
    """
    for argument, value in {"width": width, "height": height, "ncols": ncols, "nrows": nrows}.items():
        if not value > 0:
            raise wrong(argument, value, "a number above 0")
    panel = 6 if ncols == 1 else 5
    return plt.subplots(nrows, ncols, figsize=(panel * width * ncols, 3.7 * height * nrows), **subplots)


def contour(problem, ax, box=None, levels=12, points=201, cmap=_GREYS):
    """Draw `problem` over `box` (its own by default) and return the filled contours.

    The levels are evenly spaced in the logarithm of value - minimum_value; without a minimum, as on a
    saddle, they mirror each other about 0.  Stars mark the minimizers inside the box.  The view is fixed:
    what is drawn later never widens it.  Raises ValueError unless the problem has two parameters and a box.
    """
    box = problem.box if box is None else box
    if box is None:
        raise wrong("box", None, f"((x0, x1), (y0, y1)), since {problem.name} has no box")
    if getattr(problem, "dim", 2) != 2:
        raise wrong("problem", f"{problem.name} of {problem.dim} parameters", "a problem of 2")
    (x0, x1), (y0, y1) = box
    x, y = np.meshgrid(np.linspace(x0, x1, points), np.linspace(y0, y1, points))
    value = np.asarray(problem.value(np.stack([x, y], axis=-1)), dtype=float)
    edges = _levels(value, problem.minimum_value, levels)
    norm = BoundaryNorm(edges, plt.get_cmap(cmap).N, extend="both")
    filled = ax.contourf(x, y, value, edges, norm=norm, cmap=cmap, extend="both")
    ax.contour(x, y, value, edges, colors="white", linewidths=0.9, linestyles="solid")
    for star in np.reshape(problem.minima, (-1, 2)):
        if x0 <= star[0] <= x1 and y0 <= star[1] <= y1:
            ax.plot(*star, "*", color="#222222", mec="white", markersize=13, zorder=2.6, gid=STAR)
    ax.set(xlim=(x0, x1), ylim=(y0, y1), xlabel=r"$\theta_1$", ylabel=r"$\theta_2$")
    ax.grid(False)
    if 0.5 <= (x1 - x0) / (y1 - y0) <= 2:
        ax.set_aspect("equal", anchor="N")  # beside another panel, their titles stand in one row
    return filled


def path(ax, path, name, label=None, every=None):
    """Draw a path `(steps + 1, 2)`: a ring at its start, a dot every `every` steps, its label at the end.

    By default the dots are as many as fit (at most 50).  The line stops before the first value that is not
    finite, and where it leaves the view of `contour` for good.  Returns the line.
    """
    path = _floats("path", path)
    if path.ndim != 2 or path.shape[1] != 2 or not len(path):
        raise wrong("path", path, "an array of shape (steps + 1, 2)")
    every = max(1, -(-len(path) // 50)) if every is None else every
    if every != int(every) or every < 1:
        raise wrong("every", every, "a whole number of steps, 1 or more")
    points = path[: _first(~np.isfinite(path).all(axis=1), len(path))]
    seen = np.flatnonzero(inside(ax, points))
    if len(seen) and not ax.get_autoscale_on():
        points = points[: seen[-1] + 2]
    # Points far away are drawn in their direction at 1e6: beyond 1e30 the renderer's arithmetic overflows.
    points = points * np.minimum(1, 1e6 / np.maximum(np.abs(points).max(axis=1, keepdims=True), 1e-300))
    (line,) = ax.plot(*points.T, marker="o", markevery=int(every), **style(name, linewidth=1.4))
    ax.plot(*points[:1].T, "o", color=line.get_color(), markerfacecolor="white", markersize=8, zorder=2.5)
    label_line(ax, line, name if label is None else label)
    return line


def loss(ax, problem_or_values, path, name, label=None, floor=1e-16):
    """Draw value - minimum_value against the step on a log axis, labeled at the line's end.

    `problem_or_values` is a problem, with `path` `(steps + 1, dim)`; or it is the array `(steps + 1,)` of
    differences itself, with `path` None.  Where the difference is below `floor` rounding decides what it
    is, and nothing is drawn.  Returns the line.
    """
    gap = _gap(problem_or_values, path)
    with np.errstate(invalid="ignore"):
        gap = np.where(np.isfinite(gap) & (gap >= floor), gap, np.nan)
    ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(ax.get_xlabel() or "step")
    ax.set_ylabel(ax.get_ylabel() or "value − minimum")
    return lines(ax, np.arange(len(gap)), gap, name, label)


def lines(ax, x, y, name, label=None):
    """Draw `y` against `x`, both `(n,)`, in the style of `name`, labeled at its end; return the line."""
    x, y = _floats("x", x), _floats("y", y)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y: got shapes {x.shape} and {y.shape}, expected two arrays of one length")
    (line,) = ax.plot(x, y, **style(name))
    ax.margins(x=0)
    label_line(ax, line, name if label is None else label)
    return line


def steps_to(problem, path, tolerance):
    """Return the first step at which value - minimum_value <= tolerance, or None if `path` never gets there.

    Step 0 is the start.  Not a number is never close enough.
    """
    if not tolerance >= 0:
        raise wrong("tolerance", tolerance, "a number >= 0")
    return _first(_gap(problem, path) <= tolerance, None)


def show(alt):
    """End a plotting cell: display the current figure with `alt` as its text alternative, and close it.

    In a notebook the output is one piece of HTML that holds the picture as a PNG; elsewhere this is
    `plt.show()`.  Raises ValueError if `alt` does not describe the figure, or if an axis lacks its labels
    or a title that states the finding (`ax.set_axis_off()` waives the labels).
    """
    require_alt(alt)
    if not plt.get_fignums():
        raise ValueError("show: there is no figure; draw one first, in the same cell")
    fig = plt.gcf()
    arrange_and_check(fig)
    publish(fig, as_html(fig, " ".join(alt.split())), alt)


def require_alt(alt):
    """Raise ValueError unless `alt` is a text that can describe a figure."""
    if not isinstance(alt, str) or len(alt.strip()) < _SHORTEST_ALT:
        raise wrong("alt", alt, "a sentence that says what the figure shows")


def arrange_and_check(fig):
    """Lay out a figure; raise ValueError where an axis lacks words or a title does not fit."""
    _require_words(fig)
    arrange(fig)
    _require_room(fig)


def publish(fig, document, alt, more=None):
    """Display the HTML `document` of a figure in a notebook, or `plt.show()` elsewhere; then close the figure.

    more: other forms of the same output, {MIME type: data}.
    """
    if _in_notebook():
        from IPython.display import display

        display({"text/html": document, "text/plain": " ".join(alt.split()), **(more or {})}, raw=True)
    else:
        plt.show()
    plt.close(fig)


def as_html(fig, alt):
    """Return `fig` as an HTML figure: the PNG inside, `alt` as its text, on white in a dark theme too."""
    data = base64.b64encode(as_png(fig)).decode()
    width = round(fig.get_figwidth() * _SCREEN_DPI)
    # JupyterLab removes most styles from an untrusted notebook, and leaves the attribute `width`.
    return (
        f'<figure style="margin:0"><img alt="{html.escape(alt)}" '
        f'src="data:image/png;base64,{data}" width="{width}" '
        f'style="width:{width}px;max-width:100%;height:auto;background:#fff"></figure>'
    )


def as_png(fig):
    """Return `fig` as the bytes of a PNG, the same for the same figure: no date and no version inside.

    The picture keeps its 128 commonest colors, which hold every flat area, and rounds the blends at edges to
    the nearest of them: less than half the size, and the same to the eye.
    """
    full, small = io.BytesIO(), io.BytesIO()
    fig.savefig(full, format="png")
    rgb = np.asarray(Image.open(full).convert("RGB")).astype(np.int32)
    codes, inverse, counts = np.unique(rgb @ [65536, 256, 1], return_inverse=True, return_counts=True)
    colors = codes[:, None] // [65536, 256, 1] % 256
    palette = colors[np.argsort(-counts, kind="stable")[:128]]
    # |a - b|^2 less |a|^2, which is the same for every b: the nearest color without a large array.
    nearest = np.argmin((palette**2).sum(axis=1) - 2 * colors @ palette.T, axis=1)
    picture = Image.fromarray(nearest.astype(np.uint8)[inverse].reshape(rgb.shape[:2]))
    picture.putpalette(palette.astype(np.uint8).tobytes())
    picture.save(small, format="png", optimize=True)
    return small.getvalue()


def _in_notebook():
    """Say whether a Jupyter kernel runs this code (a terminal's IPython shows no HTML)."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


def _floats(argument, values):
    """Return `values` as an array of floats; a TypeError names the argument that is no such thing."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise wrong(argument, values, "an array of numbers", TypeError) from error


def _first(hits, default):
    """Return the first index at which `hits` is true, or `default`."""
    return int(np.argmax(hits)) if np.any(hits) else default


def _gap(problem_or_values, path):
    """Return value - minimum_value along the path, `(steps + 1,)`."""
    if not hasattr(problem_or_values, "value"):
        gap = _floats("problem_or_values", problem_or_values)
        if path is not None or gap.ndim != 1:
            raise wrong("problem_or_values", problem_or_values, "a problem and a path (steps + 1, dim), "
                        "or an array (steps + 1,) and None for the path")
        return gap
    if problem_or_values.minimum_value is None:
        raise wrong("problem", problem_or_values.name, "one that has a minimum_value to measure from")
    path = _floats("path", path)
    if path.ndim != 2:
        raise wrong("path", path, "an array of shape (steps + 1, dim)")
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(problem_or_values.value(path), dtype=float) - problem_or_values.minimum_value


def _levels(value, minimum, n):
    """Return rising contour levels: log-spaced above `minimum`, mirrored about 0 where it is None."""
    if minimum is None:
        half = np.abs(value).max() * np.geomspace(1 / 40, 0.9, n // 2)
        return np.concatenate([-half[::-1], [0.0], half])
    gap = value - minimum
    lowest = max(np.quantile(gap, 0.005), gap.max() * 1e-5)
    return minimum + np.geomspace(lowest, gap.max() * 0.9, n)


def _require_words(fig):
    """Raise ValueError for a figure in which an axis has no label or a panel has no title."""
    titled = fig.get_suptitle()
    for number, ax in enumerate((ax for ax in fig.axes if ax.get_visible()), 1):
        if hasattr(ax, "_colorbar"):
            continue
        missing = [] if titled or any(ax.get_title(loc) for loc in ("left", "center", "right")) else ["title"]
        if ax.axison:
            missing += [f"{axis}label" for axis in "xy" if not _axis_words(ax, axis)]
        if missing:
            raise ValueError(f"figure: panel {number} has no {' and no '.join(missing)}; "
                             "name the axes, and let the title state what is seen")


def _require_room(fig):
    """Raise ValueError for a title that runs out of the figure or into the next one."""
    panels = [ax for ax in fig.axes if ax.get_visible() and not hasattr(ax, "_colorbar")]
    titles = [text for ax in panels for text in (ax.title, ax._left_title, ax._right_title)]
    titles = [text for text in titles if text.get_text()]
    boxes = [text.get_window_extent() for text in titles]
    for i, (title, box) in enumerate(zip(titles, boxes, strict=True)):
        cut = box.x0 < 0 or box.x1 > fig.bbox.x1
        if cut or any(box.overlaps(other) for other in boxes[i + 1 :]):
            raise ValueError(f"title: {title.get_text()!r} is too long for its panel; shorten it, "
                             "or break the line with \\n")


def _axis_words(ax, axis):
    """Return the label of an axis, or of one that it shares its scale with."""
    shared = getattr(ax, f"get_shared_{axis}_axes")().get_siblings(ax)
    return "".join(getattr(sibling, f"get_{axis}label")() for sibling in shared)
