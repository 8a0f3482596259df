"""Arithmetic over leading batch axes, in which no cell's digits depend on the other cells.

NumPy and torch arrays on any device; results have the kind and type of the arguments.
"""

import numpy as np
from array_api_compat import array_namespace, to_device


def like(constant, theta):
    """A NumPy array as an array of theta's kind, type and device."""
    if isinstance(theta, np.ndarray | np.generic):
        return constant.astype(theta.dtype, copy=False)
    # The type changes before the device does: Apple's GPUs know no float64.
    # The copy keeps torch from warning about read-only memory.
    array = array_namespace(theta).asarray(constant.copy(), dtype=theta.dtype)
    return array if array.device == theta.device else to_device(array, theta.device)


def total(terms):
    """The sum over the last axis, by folding it in half, so that the batch cannot change the order."""
    while terms.shape[-1] > 1:
        half = terms.shape[-1] // 2
        folded = terms[..., :half] + terms[..., half:2 * half]
        terms = join(folded, terms[..., -1:]) if terms.shape[-1] % 2 else folded
    return terms[..., 0]


def times(vectors, matrix):
    """vectors (..., k) times matrix (k, n), one product per cell whatever the batch."""
    return (vectors[..., None, :] @ matrix)[..., 0, :]


def log1pexp(x):
    """log(1 + exp(x)) without overflow."""
    xp = array_namespace(x)
    return xp.logaddexp(xp.zeros_like(x), x)


def stack(x, y):
    """Two coordinates (...,) as points (..., 2), each coordinate's values side by side in memory."""
    xp = array_namespace(x)
    return xp.moveaxis(xp.stack([x, y]), 0, -1) if x.ndim else xp.stack([x, y])


def join(*parts):
    """Arrays joined along the last axis, whose slices lie each in one piece in memory.

    A sweep's operations then run over its cells, some hundred at a time, not over the two coordinates of one.
    """
    if parts[0].ndim == 1:
        return array_namespace(parts[0]).concat(parts)
    if type(parts[0]) is np.ndarray:  # the same, without what moveaxis checks at every step of a sweep
        last = np.concatenate([part.transpose(-1, *range(part.ndim - 1)) for part in parts])
        return last.transpose(*range(1, last.ndim), 0)
    xp = array_namespace(parts[0])
    return xp.moveaxis(xp.concat([xp.moveaxis(part, -1, 0) for part in parts]), 0, -1)


def keep_freed_memory():
    """Has the C library keep what is freed, where it is glibc's, from now on and for arrays below 16 MB.

    It would return arrays above 128 KB to the system at once, and the system clears the pages of the next one
    anew, which may take longer than the arithmetic. Freeing one large block raises that limit (man mallopt,
    M_MMAP_THRESHOLD); other C libraries take no notice.
    """
    np.empty(2**24, np.uint8)
