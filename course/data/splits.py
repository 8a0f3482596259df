"""What a data set is: three parts that share nothing, and where they come from."""

import re
import socket
import warnings
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch

from course.inputs import wrong

SHARES = (0.6, 0.2, 0.2)  # of train, validation and test
PATIENCE = 30  # seconds without a word from a server


class Split(NamedTuple):
    """One part: examples x (n, ...) and answers y (n, ...), a row of y for each row of x."""

    x: torch.Tensor
    y: torch.Tensor

    def to(self, device):
        """The part on another device."""
        return Split(self.x.to(device), self.y.to(device))

    def __len__(self):
        return len(self.x)


@dataclass(frozen=True, eq=False)
class Data:
    """A data set in three parts: fit on train, choose by validation, report test once.

    name        of the set
    train, validation, test    a Split each; no example, and no speaker, stands in two of them
    classes     what the numbers in y stand for, in order
    source      where the examples come from
    digest      text only: SHA-256 of the whole text
    """

    name: str
    train: Split = field(repr=False)
    validation: Split = field(repr=False)
    test: Split = field(repr=False)
    classes: tuple[str, ...] = field(repr=False)
    source: str
    digest: str = field(default="", repr=False)

    def to(self, device):
        """The data set on another device."""
        return self._each(lambda part: part.to(device))

    def copy(self):
        """The same data set in tensors of its own, which may be changed in place."""
        return self._each(lambda part: Split(part.x.clone(), part.y.clone()))

    def _each(self, change):
        return replace(self, **{name: change(getattr(self, name)) for name in ("train", "validation", "test")})


def parts(groups, seed, shares=SHARES):
    """Which rows go where: three arrays of row numbers, shuffled, each group shared out in the same ratio.

    groups: (n,) what must be shared out evenly, the classes for one. seed: whole number.
    """
    groups, rng = np.asarray(groups), np.random.default_rng(seed)
    chosen = [[], [], []]
    for group in np.unique(groups):
        rows = rng.permutation(np.flatnonzero(groups == group))
        ends = np.rint(np.cumsum(shares)[:2] * len(rows)).astype(int)
        for part, some in zip(chosen, np.split(rows, ends), strict=True):
            part.append(some)
    return [rng.permutation(np.concatenate(part)) for part in chosen]


def openml(source, offline):
    """The features (n, k), float32, and labels (n,) of a set of OpenML, as NumPy arrays; fetched once, then kept.

    source: "openml:NAME", or "openml:NAME:VERSION"; the version is 1 where none is named. offline: what
    to name as the choice without a network. The files lie in scikit-learn's data folder (SCIKIT_LEARN_DATA,
    by default scikit_learn_data in the home folder).
    Raises ValueError for another form of source and for a set that is no table of numbers with classes, OSError
    where the set cannot be fetched.
    """
    from sklearn.datasets import fetch_openml

    named = re.fullmatch(r"openml:([^\s:/]+)(?::([1-9][0-9]*))?", source)
    if not named:
        raise wrong("source", source, f"{offline!r}, or 'openml:NAME' for a set that is fetched")
    name, version = named.groups()
    before = socket.getdefaulttimeout()
    try:
        socket.setdefaulttimeout(PATIENCE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one for each of three tries; the error below says it once
            fetched = fetch_openml(name, version=int(version or 1), as_frame=False, parser="liac-arff")
    except Exception as error:  # URLError, OpenMLError, ValueError and more, by what is missing
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise OSError(f"source: got {source!r}, which cannot be fetched ({reason}); without a network use "
                      f"{offline!r}") from None
    finally:
        socket.setdefaulttimeout(before)
    return _table(source, fetched.data, fetched.target, offline)


def _table(source, data, target, offline):
    """Features and labels as arrays; raises ValueError where the parts of such a set would be of no use."""
    expected = f"a set of numbers without gaps and of classes with 5 rows or more; {offline!r} is one"
    try:
        features, labels = np.asarray(data, dtype=np.float32), np.asarray(target)
    except (TypeError, ValueError):  # words among the features, or a sparse matrix
        raise wrong("source", source, expected) from None
    if features.ndim != 2 or labels.shape != features.shape[:1] or not np.isfinite(features).all():
        raise wrong("source", source, expected)
    if len(labels) == 0 or np.unique(labels.astype(str), return_counts=True)[1].min() < 5:
        raise wrong("source", source, expected)
    return features, labels
