"""Labels at the ends of lines, in place of a legend: readable on white, and pushed apart where they overlap."""

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patheffects import withStroke

GAP = 7  # points between the end of a line and its label
STAR = "course-minimum"  # the mark of a contour's minimum, which labels keep clear of
_HALO = [withStroke(linewidth=3, foreground="white", alpha=0.85)]


def label_line(ax, line, text):
    """Write `text` at the end of `line`, in a shade of its color that can be read on white."""
    if not text:
        return
    note = ax.annotate(text, (0, 0), (GAP, 0), textcoords="offset points", va="center", zorder=4,
                        annotation_clip=False, color=ink(line.get_color()), path_effects=_HALO)
    ax.course_labels = [*getattr(ax, "course_labels", ()), (note, line)]
    _spread(ax)


def ink(color):
    """Return `color`, darkened until it has a contrast of 4.5 to white (WCAG 2.2, 1.4.3)."""
    rgb = np.array(to_rgb(color))
    while 1.05 / (luminance(rgb) + 0.05) < 4.5:
        rgb = rgb * 0.97
    return to_hex(rgb)


def luminance(rgb):
    """Return the relative luminance of an sRGB color `(3,)` in [0, 1] (WCAG 2.2)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _spread(ax):
    """Put every label of `ax` at the last visible point of its line, then push apart those that overlap."""
    placed = []
    for label, line in getattr(ax, "course_labels", ()):
        end = _last_visible(ax, line)
        label.set_visible(end is not None and label in ax.texts)
        if label.get_visible():
            label.xy = end
            label.set_position((GAP, 0))
            placed.append(label)
    if placed:
        boxes = np.array([label.get_window_extent().extents for label in placed])
        stars = [line.get_window_extent().extents for line in ax.lines if line.get_gid() == STAR]
        low, high = ax.get_window_extent().extents[[1, 3]]
        for label, up in zip(placed, _pushed(boxes, stars, low, high), strict=True):
            label.set_position((GAP, up * 72 / ax.figure.dpi))


def inside(ax, points):
    """Say which points `(n, 2)` lie in the view."""
    (x0, x1), (y0, y1) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    return (points >= (x0, y0)).all(axis=1) & (points <= (x1, y1)).all(axis=1)


def _last_visible(ax, line):
    """Return the last point of `line` inside the view, its last point if none is, None if it has none."""
    points = np.column_stack([np.asarray(data, dtype=float) for data in line.get_data()])
    points = points[np.isfinite(points).all(axis=1)]
    seen = points[inside(ax, points)]
    return tuple(seen[-1]) if len(seen) else tuple(points[-1]) if len(points) else None


def _pushed(boxes, fixed, low, high):
    """Return how far up to move each box (n, 4) (x0, y0, x1, y1), in pixels, so that none overlap.

    The boxes keep clear of those in `fixed`, which stay, and between `low` and `high` where there is room.
    """
    n, boxes = len(boxes), np.concatenate([boxes, np.reshape(fixed, (-1, 4))])
    up = np.zeros(len(boxes))
    middle = boxes[:, [1, 3]].mean(axis=1).round(1)
    for _ in range(200):
        moved = False
        for i in range(n):
            for j in [*range(i), *range(n, len(boxes))]:
                a, b = boxes[i] + [0, up[i], 0, up[i]], boxes[j] + [0, up[j], 0, up[j]]
                overlap = min(a[3], b[3]) - max(a[1], b[1])
                if overlap > 0.01 and min(a[2], b[2]) > max(a[0], b[0]):
                    # Of two at one height the earlier goes up: labels then stand in the order of the calls.
                    way = 1 if (middle[i], -i) > (middle[j], -j) else -1
                    share = 0.5 if j < n else 1
                    up[i] += way * share * overlap
                    up[j] -= way * (1 - share) * overlap
                    moved = True
        if not moved:
            break
        room = np.minimum(low - boxes[:n, 1], 0), np.maximum(high - boxes[:n, 3], 0)
        up[:n] = np.clip(up[:n], *room)
    return up[:n]


def arrange(fig):
    """Lay the figure out, then spread the labels in the axes' final places, and lay out what they changed."""
    for _ in range(2):
        fig.draw_without_rendering()
        for ax in fig.axes:
            _spread(ax)
