"""The distribution of the class's points as a drawing in inline SVG."""

import statistics
from dataclasses import dataclass

from markupsafe import Markup

from course.grading.reports.text import count

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 760, 270, 8, 44, 36


@dataclass(frozen=True)
class Histogram:
    """svg: the drawing; says: what it shows, in a sentence."""

    svg: Markup
    says: str


def number(value):
    """A number with at most one decimal: "7", "7.5"."""
    return f"{value:.1f}".removesuffix(".0")


def histogram(summary):
    """The Histogram of a Summary, or None where there are no points to be had."""
    bars = summary.bars()
    if not bars or not summary.totals:
        return None
    totals = sorted(summary.totals.values())
    median, mean = statistics.median(totals), statistics.fmean(totals)
    says = (
        f"{count(len(totals), 'learner')}: median {number(median)} of {count(summary.out_of, 'point')}, mean "
        f"{number(mean)}; {totals.count(summary.out_of):,} with all points, {totals.count(0):,} with none."
    )
    tallest = max(bar.learners for bar in bars)
    step = (_WIDTH - 2 * _LEFT) / len(bars)
    floor = _HEIGHT - _BOTTOM
    every = -(-len(bars) // 10)
    bodies, numbers = [], []
    for k, bar in enumerate(bars):
        x, height = _LEFT + k * step, (floor - _TOP) * bar.learners / tallest
        middle = x + step / 2
        if bar.learners:
            bodies.append(
                f'<rect class="bar" x="{x + step * 0.08:.1f}" y="{floor - height:.1f}" width="{step * 0.84:.1f}" '
                f'height="{height:.1f}"><title>{_range(bar)}: {count(bar.learners, "learner")}</title></rect>'
            )
            numbers.append(f'<text class="num" x="{middle:.1f}" y="{floor - height - 6:.1f}">{bar.learners:,}</text>')
        if k % every == 0:
            odd = ' class="odd"' if k // every % 2 else ""
            bodies.append(f'<text{odd} x="{middle:.1f}" y="{floor + 22}">{_range(bar)}</text>')
    width = bars[0].high - bars[0].low + 1
    x = _LEFT + (median + 0.5) / width * step
    anchor, aside = ("end", -6) if x > _WIDTH / 2 else ("start", 6)
    line = (
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _LEFT}" y1="{floor}" y2="{floor}"/>'
        f'<line class="median" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{floor}"/>'
        f'<text class="said" style="text-anchor:{anchor}" x="{x + aside:.1f}" y="17">median {number(median)}</text>'
    )
    described = "; ".join(f"{_range(bar)} points: {bar.learners:,}" for bar in bars)
    return Histogram(
        Markup(
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="hist-t hist-d">'
            f'<title id="hist-t">Learners by points</title><desc id="hist-d">{described}</desc>{"".join((*bodies, line, *numbers))}</svg>'
        ),
        says,
    )


def _range(bar):
    return str(bar.low) if bar.low == bar.high else f"{bar.low}–{bar.high}"
