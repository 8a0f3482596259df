"""Figures that answer while you drag: the table of all settings is computed here, the page only draws.

    rates = np.linspace(0.05, 0.6, 56)
    paths = sweep(sgd, ravine.grad, ravine.start, 40, lr=rates, paths=True)     # (41, 56, 2)
    fig, ax = plots.figure()
    plots.contour(ravine, ax)
    explore.path(ax, paths, "sgd")
    ax.set_title("Past 0.5 it bounces out")
    explore.show("Contours of the ravine ... says what is seen at 0.25, and what changes.",
                 {"learning rate": rates}, {"learning rate": 0.25})

`path`, `lines`, `loss` and `plane` lay a table on an axis; `show` ends the cell.  A table's axes are those of
`course.run.sweep`: steps first, then one axis for each slider, then the coordinates.  An axis of length 1 holds for
every setting.  What is drawn on the axes by other means stays as it is.

The output is one `text/html` figure.  Its `<img>` is the static picture, with a text alternative, and is all that
remains where scripts are removed (GitHub, an untrusted notebook, a mail).  The script (`explore.js`) puts a canvas and
native sliders in its place: no kernel, no network.  Payloads are base64, which `authoring/sanitize.cfg` reads past.
"""

import base64
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from course import labels, plots
from course.inputs import unknown, wrong

SCRIPT = Path(__file__).with_name("explore.js").read_text(encoding="utf-8").strip()
LARGEST = 600_000  # bytes of one figure's table: two of them, and the notebook stays below 1.5 MB
_DASHES = {"-": (), "--": (3.7, 1.6), "-.": (6.4, 1.6, 1, 1.6), ":": (1, 1.65)}  # Matplotlib's, in line widths


def path(ax, paths, name, label=None, every=None, linestyle=None):
    """Draw the path of the present setting, as `plots.path` does; `linestyle` replaces that of `name`.

    paths: (steps + 1, *settings, 2), as from `sweep(..., paths=True)`.  It is drawn up to the first point that is not
    finite; what leaves the view is clipped at its edge.  Raises ValueError for another shape, TypeError for no numbers.
    """
    paths = _floats("paths", paths)
    if paths.ndim < 3 or paths.shape[-1] != 2 or not paths.size:
        raise ValueError(f"paths: got shape {paths.shape}, expected (steps + 1, one length for each slider, 2)")
    every = max(1, -(-len(paths) // 50)) if every is None else every
    _add(ax, kind="path", table=np.moveaxis(paths, 0, -2), name=name, label=label, every=every,
         linestyle=linestyle)


def lines(ax, x, y, name, label=None, linestyle=None):
    """Draw `y` of the present setting against `x` (n,), as `plots.lines` does; y: (n, *settings).

    Where a value is not finite the line is interrupted.  Limits that are not set take in every setting.
    """
    x, y = _floats("x", x), _floats("y", y)
    if x.ndim != 1 or y.ndim < 2 or len(x) != len(y) or not y.size:
        raise ValueError(f"x and y: got shapes {x.shape} and {y.shape}, expected (n,) and (n, one length for each slider)")
    _add(ax, kind="lines", x=x, table=np.moveaxis(y, 0, -1), name=name, label=label, linestyle=linestyle)


def loss(ax, problem_or_values, paths, name, label=None, floor=1e-16, linestyle=None):
    """Draw value - minimum_value against the step on a log axis, as `plots.loss` does.

    `problem_or_values` is a problem, with `paths` (steps + 1, *settings, dim); or it is the array (steps + 1,
    *settings) of differences itself, with `paths` None.  Below `floor` nothing is drawn.
    """
    values = problem_or_values
    if hasattr(values, "value"):
        if values.minimum_value is None:
            raise wrong("problem", values.name, "one that has a minimum_value to measure from")
        with np.errstate(over="ignore", invalid="ignore"):
            values = values.value(_floats("paths", paths)) - values.minimum_value
    elif paths is not None:
        raise wrong("paths", paths, "None, where the first argument holds values")
    values = _floats("problem_or_values", values)
    with np.errstate(invalid="ignore"):
        values = np.where(np.isfinite(values) & (values >= floor), values, np.nan)
    ax.set_yscale("log")
    ax.set_xlabel(ax.get_xlabel() or "step")
    ax.set_ylabel(ax.get_ylabel() or "value − minimum")
    lines(ax, np.arange(len(values)), values, name, label, linestyle)


def plane(ax, x, y, values, label, **mesh):
    """Draw a heat map of `values` (len(x), len(y)) in which the present setting's cell is outlined.

    The first slider runs along `x`, the second along `y`; a click or a drag on the map moves both.  Name the axes
    and set log scales before.  `label` names the color bar; `mesh` goes to `ax.pcolormesh`.  Cells that are not
    finite stay grey.  Returns the mesh.
    """
    x, y, values = _floats("x", x), _floats("y", y), _floats("values", values)
    if values.shape != (len(x), len(y)) or min(values.shape) < 2:
        raise ValueError(f"values: got shape {values.shape}, expected (len(x), len(y)) = ({len(x)}, {len(y)}), 2 or more each")
    edges = [_edges(grid, getattr(ax, f"get_{axis}scale")() == "log") for axis, grid in (("x", x), ("y", y))]
    drawn = ax.pcolormesh(*edges, np.ma.masked_invalid(values).T, **mesh)
    ax.set_facecolor("#d0d0d0")
    ax.grid(False)
    ax.figure.colorbar(drawn, ax=ax, label=label)
    _add(ax, kind="plane", table=values, edges=edges)
    return drawn


def arrivals(problem, paths, tolerance):
    """The first step at which value - minimum_value <= tolerance: (*settings,) of int, None where there is none."""
    with np.errstate(over="ignore", invalid="ignore"):
        near = problem.value(_floats("paths", paths)) - problem.minimum_value <= tolerance
    return np.where(near.any(axis=0), near.argmax(axis=0), None)


def show(alt, settings, at=None, note=None):
    """End a plotting cell: display the current figure with a slider for each setting, and close it.

    alt: the text alternative; it says what the static picture shows and what the sliders change
    settings: {name: (n,) numbers or texts}, in the order of the tables' axes; the names are read out and shown
    at: {name: value} of the static picture; a setting that is not named starts in its middle
    note: a function of the settings' indices that returns the line of text below, such as the steps that it takes
    Raises ValueError for what `plots.show` refuses, tables that do not fit the settings, and too large a figure.
    """
    figure = _figure()
    plots.require_alt(alt)
    sliders, shape = _sliders(settings, at or {})
    for entry in figure.course_explore:
        _check_shape(entry, shape)
    index = tuple(slider["at"] for slider in sliders)
    notes = None if note is None else [str(note(*i)) for i in np.ndindex(*shape)]
    for entry in figure.course_explore:
        _widen(entry)
    for ax in {entry["ax"] for entry in figure.course_explore}:
        ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())  # what is drawn from here on changes no limit
    with_lines = [artist for entry in figure.course_explore for artist in _draw(entry, index)]
    plots.arrange_and_check(figure)
    figure.set_layout_engine("none")  # the same places in the picture and in the background
    picture = plots.as_html(figure, " ".join(alt.split()))
    for artist in with_lines:
        artist.set_visible(False)
    document = _document(figure, picture, sliders, notes)
    for artist in with_lines:
        artist.set_visible(True)
    plots.publish(figure, document, alt)


def _document(figure, picture, sliders, notes):
    """The HTML figure: static picture, payloads, script."""
    background = plots.as_png(figure)
    width, height = np.round(figure.get_size_inches() * plt.rcParams["savefig.dpi"]).tolist()
    axes = list(dict.fromkeys(entry["ax"] for entry in figure.course_explore))
    panels = [{axis: _axis(ax, axis, width, height) for axis in "xy"} for ax in axes]
    table, drawn = [], []
    for entry in figure.course_explore:
        drawn.append(_line(entry, axes.index(entry["ax"]), panels, table))
    packed = np.concatenate([part.ravel() for part in table] or [[]]).astype("<f4").tobytes()
    if len(packed) > LARGEST:
        raise ValueError(f"figure: its tables take {len(packed):,} bytes, expected at most {LARGEST:,}; "
                         "take fewer settings or fewer steps")
    layout = {"pixel": plt.rcParams["savefig.dpi"] / 72, "panels": panels, "lines": drawn, "notes": notes}
    spec = {
        "sliders": sliders,
        "layout": _uri("application/json", json.dumps(layout).encode()),
        "table": _uri("application/octet-stream", packed),
        "background": _uri("image/png", background),
    }
    spec = json.dumps(spec, ensure_ascii=False).replace("<", "\\u003c")
    inside = f'<script type="application/json">{spec}</script><script>{SCRIPT}</script>'
    return picture.replace("<figure ", "<figure data-explore ", 1).replace("</figure>", f"{inside}</figure>")


def _line(entry, panel, panels, table):
    """What the script needs to draw an entry; appends its numbers to `table`."""
    if entry["kind"] == "plane":
        return {"panel": panel, "edges": [_places(panels[panel][axis], edges)
                                          for axis, edges in zip("xy", entry["edges"], strict=True)]}
    start, values = sum(part.size for part in table), entry["table"]
    x = None
    if entry["kind"] == "lines":
        table.append(entry["x"])
        x, start = start, start + entry["x"].size
    else:
        values = _finite_path(values)
    table.append(_float32(values))
    look, pixel = plots.style(entry["name"]), plt.rcParams["savefig.dpi"] / 72
    width = 1.4 if entry["kind"] == "path" else look.get("linewidth", plt.rcParams["lines.linewidth"])
    dash = entry["linestyle"] or look["linestyle"]
    dash = _DASHES[dash] if isinstance(dash, str) else dash[1]
    label = entry["name"] if entry["label"] is None else entry["label"]
    shape = values.shape[:-2] if entry["kind"] == "path" else values.shape[:-1]
    return {
        "panel": panel, "x": x, "start": start, "shape": shape, "label": label, "every": entry.get("every"),
        "count": values.shape[-2] if entry["kind"] == "path" else values.shape[-1],
        "color": look["color"], "ink": labels.ink(look["color"]), "width": width * pixel,
        "dash": [part * width * pixel for part in dash],
    }


def _draw(entry, index):
    """Draw an entry as it stands at a setting; return the artists, which the background leaves out."""
    ax = entry["ax"]
    before = {*ax.lines, *ax.texts, *ax.patches}
    if entry["kind"] == "plane":
        (x0, x1), (y0, y1) = (edges[i : i + 2] for edges, i in zip(entry["edges"], index, strict=True))
        for color, width in ("white", 4), ("black", 1.6):
            ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=color, linewidth=width, zorder=3))
    else:
        values, name, label = entry["table"], entry["name"], entry["label"]
        depth = 2 if entry["kind"] == "path" else 1
        own = values[tuple(i if n > 1 else 0 for i, n in zip(index, values.shape[:-depth], strict=True))]
        if entry["kind"] == "path":
            line = plots.path(ax, own, name, label, entry["every"])
        else:
            view = ax.get_xlim(), ax.get_ylim()
            line = plots.lines(ax, entry["x"], own, name, label)
            ax.set(xlim=view[0], ylim=view[1])
        line.set_linestyle(entry["linestyle"] or line.get_linestyle())
    return [artist for artist in (*ax.lines, *ax.texts, *ax.patches) if artist not in before]


def _widen(entry):
    """Let the limits of an entry's axes, where nobody has set them, take in all of its settings."""
    ax, values = entry["ax"], entry["table"]
    if entry["kind"] != "plane":
        columns = {"x": entry["x"] if entry["kind"] == "lines" else values[..., 0],
                   "y": values if entry["kind"] == "lines" else values[..., 1]}
        for axis, column in columns.items():
            if getattr(ax, f"get_autoscale{axis}_on")():
                log = getattr(ax, f"get_{axis}scale")() == "log"
                kept = column[np.isfinite(column) & ((column > 0) | (not log))]
                ax.update_datalim(np.column_stack([kept, kept]), updatex=axis == "x", updatey=axis == "y")
                ax.autoscale_view(scalex=axis == "x", scaley=axis == "y")
    if entry["kind"] == "lines":
        ax.margins(x=0)


def _sliders(settings, at):
    """The sliders as the script reads them, and the shape of the grid of settings."""
    if not isinstance(settings, dict) or not settings:
        raise wrong("settings", settings, "a dict such as {'learning rate': rates}")
    for name in at:
        if name not in settings:
            raise unknown("at", name, settings)
    found = []
    for name, values in settings.items():
        values = list(np.asarray(values).tolist())
        if len(values) < 2:
            raise wrong(name, values, "two settings or more")
        index = len(values) // 2
        if name in at:
            index = next((i for i, value in enumerate(values) if value == at[name] or _close(value, at[name])), None)
            if index is None:
                raise wrong(f"at[{name!r}]", at[name], f"one of the settings, from {values[0]} to {values[-1]}")
        found.append({"name": name, "at": index, "values": [_text(value) for value in values]})
    return found, tuple(len(slider["values"]) for slider in found)


def _check_shape(entry, shape):
    values = entry["table"]
    own = values.shape if entry["kind"] == "plane" else values.shape[: {"path": -2, "lines": -1}[entry["kind"]]]
    if len(own) != len(shape) or any(n not in (1, m) for n, m in zip(own, shape, strict=True)):
        raise ValueError(f"settings: got lengths {shape}, expected those of the table of {entry.get('name', 'the plane')}, {own}")


def _axis(ax, axis, width, height):
    """Limits, scale and place in the picture, in pixels, of one axis."""
    box = ax.get_position()
    span = (box.x0 * width, box.x1 * width) if axis == "x" else ((1 - box.y0) * height, (1 - box.y1) * height)
    return {
        "lim": list(map(float, getattr(ax, f"get_{axis}lim")())),
        "log": getattr(ax, f"get_{axis}scale")() == "log",
        "span": [round(float(end), 2) for end in span],
    }


def _places(axis, values):
    """Where `values` lie, in pixels."""
    (low, high), (start, end) = axis["lim"], axis["span"]
    share = np.log(values / low) / math.log(high / low) if axis["log"] else (values - low) / (high - low)
    return np.round(start + share * (end - start), 2).tolist()


def _edges(grid, log):
    """The edges of cells around the points of a grid (n,), in equal ratios where the axis is logarithmic."""
    grid = np.log(grid) if log else grid
    middle = (grid[1:] + grid[:-1]) / 2
    edges = np.concatenate([[2 * grid[0] - middle[0]], middle, [2 * grid[-1] - middle[-1]]])
    return np.exp(edges) if log else edges


def _finite_path(values):
    """Paths (..., n, 2) that end before their first point that is not finite."""
    return np.where(np.logical_and.accumulate(np.isfinite(values).all(axis=-1), axis=-1)[..., None], values, np.nan)


def _float32(values):
    """float32 values; what is larger in size than 1e30 is drawn as 1e30, and never wraps to another sign."""
    return np.clip(values, -1e30, 1e30).astype(np.float32)


def _add(ax, **entry):
    if "name" in entry:
        plots.style(entry["name"])  # raises for a name that has no color
        if "$" in (entry["label"] or ""):
            raise wrong("label", entry["label"], "plain text: the page draws it without TeX")
    figure = ax.figure
    figure.course_explore = [*getattr(figure, "course_explore", ()), {"ax": ax, **entry}]


def _figure():
    if not plt.get_fignums() or not getattr(plt.gcf(), "course_explore", None):
        raise ValueError("show: there is no table to explore; call explore.path, lines, loss or plane first, in this cell")
    return plt.gcf()


def _floats(argument, values):
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise wrong(argument, values, "an array of numbers", TypeError) from error


def _close(a, b):
    return not isinstance(a, str) and not isinstance(b, str) and math.isclose(a, b, rel_tol=1e-9)


def _text(value):
    return value if isinstance(value, str) else f"{value:.4g}"


def _uri(kind, data):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
