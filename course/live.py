"""A figure whose line is computed while you drag: for what cannot be computed beforehand, such as training in torch.

    fig, ax = plots.figure()
    ax.set(xlabel="step", ylabel="loss", title="Past 1 it bursts", xlim=(0, 40), ylim=(0, 5))
    live.show("What is seen at 0.1.", train, "sgd", "learning rate", rates, at=0.1)       # train(lr) -> (n,) losses

`course.explore` needs no kernel and is ten times as fast; take this where each setting must run.  The figure is kept:
axes, ticks and words are drawn once and copied as pixels (blitting), and only the line is drawn again.
"""

import base64
import html
import io
import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from course import plots
from course.inputs import wrong

VIEW = "application/vnd.jupyter.widget-view+json"


class Kept:
    """A figure that is drawn once, and one line in it that is drawn again and again."""

    def __init__(self, ax, compute, name):
        self.compute = compute
        (self.line,) = ax.plot([], [], animated=True, **plots.style(name))
        self.canvas = FigureCanvasAgg(ax.figure)  # our own: pyplot takes the figure's away when it closes it
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(ax.figure.bbox)

    def draw(self, value):
        """Compute the line of a setting, draw it on the kept background, and return the picture as a PNG."""
        y = np.asarray(self.compute(value), dtype=float)
        if y.ndim != 1:
            raise wrong("compute", y, "an array of shape (n,)")
        self.line.set_data(np.arange(len(y)), y)
        self.canvas.restore_region(self.background)
        self.line.draw(self.canvas.get_renderer())
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB").save(buffer, "png", compress_level=1)
        return buffer.getvalue()


def show(alt, compute, name, setting, values, at):
    """End a plotting cell: display the current figure's only axis with a slider that runs `compute`.

    alt, name   as in `plots.show` and `plots.lines`; alt describes the picture at `at`
    compute     value of the setting -> (n,) array or list, drawn against 0, 1, ..., n - 1
    setting     what the slider is called
    values      (n,) numbers, one of which is `at`
    Returns the slider. What is stored in the notebook is the picture at `at`; the slider lives as long as the kernel.
    Limits of the axis stay as they are set. Raises ValueError for what `plots.show` refuses, and for `at` outside
    `values`.
    """
    import ipywidgets

    plots.require_alt(alt)
    values = [float(value) for value in values]
    start = next((i for i, value in enumerate(values) if math.isclose(value, at, rel_tol=1e-9)), None)
    if start is None:
        raise wrong("at", at, f"one of the values, from {min(values):.4g} to {max(values):.4g}")
    figure = plt.gcf()
    if len(figure.axes) != 1:
        raise ValueError(f"figure: got {len(figure.axes)} panels, expected one")
    plots.arrange_and_check(figure)
    figure.set_layout_engine("none")
    kept = Kept(figure.axes[0], compute, name)
    kept.draw(values[start])
    kept.line.set_animated(False)
    document = plots.as_html(figure, " ".join(alt.split()))
    kept.line.set_animated(True)
    slider = ipywidgets.SelectionSlider(
        options=[(f"{value:.3g}", value) for value in values], value=values[start], description=setting,
        style={"description_width": "initial"}, layout={"width": "420px"},
    )
    picture = ipywidgets.HTML(_img(kept.draw(values[start]), f"{alt} Now at {setting} {slider.label}.", figure))

    def changed(change):
        picture.value = _img(kept.draw(change["new"]), f"{alt} Now at {setting} {slider.label}.", figure)

    slider.observe(changed, "value")
    box = ipywidgets.VBox([picture, slider])
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    plots.publish(figure, document, alt, {VIEW: view})
    return slider


def _img(png, alt, figure):
    width = round(figure.get_figwidth() * figure.dpi)
    data = base64.b64encode(png).decode()
    return (f'<img alt="{html.escape(" ".join(alt.split()))}" width="{width}" style="max-width:100%;background:#fff" '
            f'src="data:image/png;base64,{data}">')
