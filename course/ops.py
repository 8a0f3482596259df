"""The five functions that update rules need beyond + - * / **, for every kind of number they meet.

Floats, NumPy, torch (any device), JAX, CuPy and SymPy go through the same names, so that a rule
is written once and runs unchanged on each.
"""

import math
import operator
import sys

import numpy as np
from array_api_compat import array_namespace


class _Floats:
    """Python's own numbers."""

    sqrt = staticmethod(math.sqrt)
    maximum = staticmethod(max)
    minimum = staticmethod(min)

    @staticmethod
    def sign(x):
        return float((x > 0) - (x < 0))

    @staticmethod
    def where(condition, x, y):
        return x if condition else y


class _Symbols:
    """SymPy's expressions."""

    @staticmethod
    def sqrt(x):
        return sys.modules["sympy"].sqrt(x)

    @staticmethod
    def sign(x):
        return sys.modules["sympy"].sign(x)

    @staticmethod
    def maximum(x, y):
        return sys.modules["sympy"].Max(x, y)

    @staticmethod
    def minimum(x, y):
        return sys.modules["sympy"].Min(x, y)

    @staticmethod
    def where(condition, x, y):
        return sys.modules["sympy"].Piecewise((x, condition), (y, True))


class Axis:
    """Values of a hyper-parameter along an axis of a grid, with the arithmetic of Python's floats.

    `0.1 * theta` keeps theta's float32, and `0.9**t` is computed in double precision before it
    meets theta. An array of learning rates would do neither, and a sweep would differ in its last
    digits from the single runs it stands for. An Axis does both: among themselves and with
    numbers its values are doubles, and on meeting an array they take the array's type.

    values: float64 array, shaped so that it broadcasts against the grid.
    """

    __array_ufunc__ = None  # NumPy's arrays leave `array * axis` to __rmul__ below

    def __init__(self, values):
        self.values = np.asarray(values, dtype=np.float64)
        self._known = {}  # operation -> (number, result): a rule asks for 1 - beta1 at every step
        self._met = self._spread = None

    def __array_namespace__(self, api_version=None):
        return _Axes

    def like(self, array):
        """The values as an array of the same kind, type and device as `array`.

        A second one of NumPy's, of the same layout, gets them spread over its shape, and so do all that follow:
        an operation on two arrays of one layout runs over them in one piece.
        """
        if type(array) is np.ndarray:
            layout = array.dtype, array.shape, array.strides
            if self._met != layout:
                self._met, self._spread = layout, None
                return self.values.astype(array.dtype)
            if self._spread is None:
                fits = np.broadcast_shapes(self.values.shape, array.shape) == array.shape
                self._spread = np.empty_like(array) if fits else np.empty_like(self.values, array.dtype)
                self._spread[...] = self.values
            return self._spread
        if isinstance(array, np.generic):
            return self.values.astype(array.dtype)
        namespace = array_namespace(array)
        if str(array.device) == "cpu":
            return namespace.asarray(self.values, dtype=array.dtype)
        return namespace.asarray(self.values, dtype=array.dtype, device=array.device)

    def _meet(self, other, function):
        if isinstance(other, Axis):
            return Axis(function(self.values, other.values))
        if isinstance(other, int | float):
            number, result = self._known.get(function, (None, None))
            if number is not other:
                result = Axis(function(self.values, other))
                self._known[function] = other, result
            return result
        return function(self.like(other), other)

    def _met_by(self, other, function):
        if isinstance(other, int | float):
            number, result = self._known.get((function,), (None, None))
            if number is not other:
                result = Axis(function(other, self.values))
                self._known[(function,)] = other, result
            return result
        return function(other, self.like(other))

    def __add__(self, other):
        return self._meet(other, operator.add)

    def __radd__(self, other):
        return self._met_by(other, operator.add)

    def __sub__(self, other):
        return self._meet(other, operator.sub)

    def __rsub__(self, other):
        return self._met_by(other, operator.sub)

    def __mul__(self, other):
        return self._meet(other, operator.mul)

    def __rmul__(self, other):
        return self._met_by(other, operator.mul)

    def __truediv__(self, other):
        return self._meet(other, operator.truediv)

    def __rtruediv__(self, other):
        return self._met_by(other, operator.truediv)

    def __pow__(self, other):
        return self._meet(other, _power)

    def __rpow__(self, other):
        return self._met_by(other, _power)

    def __neg__(self):
        return Axis(-self.values)

    def __bool__(self):
        # Without this, Python's max and min and `if` would take every comparison for true.
        raise TypeError("a rule's if, min or max met the values of a sweep, which differ from cell to cell: "
                        "expected where, minimum or maximum of course.ops")

    def __gt__(self, other):
        return self._meet(other, operator.gt)

    def __lt__(self, other):
        return self._meet(other, operator.lt)


def _power(base, exponent):
    """Python's power in every entry: NumPy's vectorized one differs in the last digit."""
    return np.asarray(np.power(base, exponent, dtype=object), np.float64)


class _Axes:
    """Axis values that have met no array yet."""

    @staticmethod
    def sqrt(x):
        return Axis(np.sqrt(x.values))

    @staticmethod
    def sign(x):
        return Axis(np.sign(x.values))

    @staticmethod
    def maximum(x, y):
        return Axis(np.maximum(_values(x), _values(y)))

    @staticmethod
    def minimum(x, y):
        return Axis(np.minimum(_values(x), _values(y)))

    @staticmethod
    def where(condition, x, y):
        return Axis(np.where(_values(condition), _values(x), _values(y)))


def _values(x):
    return x.values if isinstance(x, Axis) else x


def namespace(*xs):
    """The module whose functions fit all of xs: math for floats, numpy, torch, SymPy and so on."""
    if all(type(x) is np.ndarray for x in xs):
        return np
    kinds = {type(x).__module__.partition(".")[0] for x in xs}
    if "sympy" in kinds:
        return _Symbols
    if kinds == {"numpy"}:
        return np
    arrays = [x for x in xs if not isinstance(x, bool | int | float | Axis)]
    if arrays:
        return array_namespace(*arrays)
    return _Axes if "course" in kinds else _Floats


def _apply(name, *xs):
    if any(isinstance(x, Axis) for x in xs):
        arrays = [x for x in xs if hasattr(x, "dtype") and "bool" not in str(x.dtype)]
        if arrays:
            xs = [x.like(arrays[0]) if isinstance(x, Axis) else x for x in xs]
    return getattr(namespace(*xs), name)(*xs)


def sqrt(x):
    """The square root of x, entry by entry; same shape and type as x. SymPy: `sympy.sqrt`."""
    return namespace(x).sqrt(x)


def sign(x):
    """-1, 0 or 1 with the sign of x, entry by entry; same shape and type as x."""
    return namespace(x).sign(x)


def maximum(x, y):
    """The larger of x and y, entry by entry; either may be a plain number. NaN wins in arrays."""
    return _apply("maximum", x, y)


def minimum(x, y):
    """The smaller of x and y, entry by entry; either may be a plain number. NaN wins in arrays."""
    return _apply("minimum", x, y)


def where(condition, x, y):
    """x where the condition holds, else y, entry by entry; x and y may be plain numbers."""
    if isinstance(condition, bool):
        return x if condition else y
    if isinstance(condition, Axis):  # what was found true along an axis, as zeros and ones
        array = next((a for a in (x, y) if hasattr(a, "dtype")), None)
        if array is None:
            return _Axes.where(condition, x, y)
        condition = condition.like(array) != 0
    return _apply("where", condition, x, y)
