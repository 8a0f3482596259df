"""Pictures."""

import functools
import math

import numpy as np
import torch

from course.data.splits import Data, Split, openml, parts
from course.inputs import check_count, wrong


def image(source="digits", *, seed=0):
    """Handwritten digits: 1797 grey pictures of 8 x 8 pixels, or a larger set.

    x: float32 (n, 1, height, width) in [0, 1], 0 is paper. y: int64 (n,), the class. Every class is shared
    out 60 : 20 : 20 to train, validation and test.
    source: "digits", which scikit-learn holds, or "openml:mnist_784" (70,000 pictures of 28 x 28) or any
    other set of OpenML with square pictures, fetched once and kept on disk.
    seed: chooses the parts.
    Raises ValueError for a bad source or a set that is no pictures with classes, OSError where it cannot be fetched; the message names "digits".
    Source: Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits", UCI, by way of scikit-learn.
    """
    if not isinstance(source, str):
        raise wrong("source", source, "'digits', or 'openml:NAME'", TypeError)
    return _image(source, check_count("seed", seed)).copy()


@functools.lru_cache(maxsize=4)
def _image(source, seed):
    if source == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        pixels, labels, origin = digits.data / 16, digits.target, "UCI, by way of scikit-learn"
    else:
        pixels, labels = openml(source, "digits")
        pixels, origin = pixels / max(float(np.abs(pixels).max()), 1e-12), "OpenML"
    side = math.isqrt(pixels.shape[1])
    if side**2 != pixels.shape[1]:
        raise wrong("source", source, f"square pictures, which {pixels.shape[1]} numbers each are not; "
                    "'digits' has 8 x 8")
    classes, y = np.unique(labels, return_inverse=True)
    x = torch.tensor(pixels.reshape(-1, 1, side, side), dtype=torch.float32)
    y = torch.tensor(y.reshape(-1), dtype=torch.int64)
    splits = [Split(x[rows], y[rows]) for rows in parts(y.numpy(), seed)]
    return Data(source, *splits, classes=tuple(str(c) for c in classes), source=origin)
