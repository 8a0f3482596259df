"""Whether the cells of a sweep are what the single runs would be: one cell computed alone."""

import numpy as np

from course.arguments import is_tensor
from course.inputs import bare, shown
from course.ops import Axis
from course.steps import BY_COORDINATE, LAST_AXIS, gradient


def check_rule(rule, theta0, state, seen):
    """Raises TypeError where a cell's first steps depend on the other cells.

    theta0  where every cell starts, with an axis even for a scalar
    state   the state before step 1
    seen    (theta, g, hyper) after each of the first steps of the sweep, from `steps.walk`
    """
    theta, step = theta0, bare(rule)
    for t, (after, g, hyper) in enumerate(seen, 1):
        # The last cell; `seen` has leading axes of the grid in front of theta0's.
        last = (-1,) * (after.ndim - theta0.ndim)
        alone = {name: float(x.values.flat[-1]) if isinstance(x, Axis) else x for name, x in hyper.items()}
        before, old = theta, state
        theta, *state = step(before, g[last], t, *old, **alone)
        if not _near(after[last], theta, theta - before, theta):
            again = step(before, g[last], t, *old, **alone)[0]
            if not bool((again == theta).all()):  # it draws at random
                return
            raise TypeError(
                f"{rule.__name__}: step {t} of a cell depends on the other cells of the sweep, "
                f"expected {BY_COORDINATE}"
            )


def check_grad(grad, theta0, grid, g):
    """Raises ValueError where grad gives theta0 alone another gradient than it gave all cells at step 1.

    grad is called once more, with theta0, and after a difference a second time, with the whole grid:
    a gradient that draws at random, or from a stream, then gives other values and is left in peace.
    grid: theta of all cells before step 1; g: what grad gave for it.
    """
    try:
        alone = gradient(grad, theta0, 1)
        if _near(g, alone, alone, theta0):
            return
        again = gradient(grad, grid, 1)
    except Exception:  # a stream at its end: the sweep itself went well
        return
    if bool(((again == g) | ((again != again) & (g != g))).all()):
        cells = tuple(grid.shape)
        raise ValueError(
            f"grad: got other gradients when theta0 fills all cells, theta of shape {cells}, than for "
            f"theta0 alone, {shown(alone)}; expected the same in every cell: {LAST_AXIS}"
        )


def _near(many, one, scale, base):
    """Whether all of `many` equal `one` within what another order of summation may change.

    scale: an array as large as what is compared; base: one as large as what it was computed from.
    Infinite and undefined numbers in `one` pass.
    """
    epsilon = {2: 2.0**-8, 4: 2.0**-23}.get(one.dtype.itemsize, 2.0**-52)
    many, one, scale, base = (_doubles(x) for x in (many, one, scale, base))
    with np.errstate(all="ignore"):
        room = epsilon**0.5 * np.abs(scale).max(initial=0) + 256 * epsilon * np.abs(base).max(initial=0)
        return not np.any(np.abs(many - one) > room)


def _doubles(array):
    return array.detach().cpu().double().numpy() if is_tensor(array) else np.asarray(array, dtype=np.float64)
