"""The five functions on every kind of number, and Axis: the arithmetic of floats along a grid."""

import operator

import numpy as np
import pytest
import sympy
import torch

from course import ops
from course.ops import Axis

X, Y = [-2.0, 0.0, 0.25, 3.0], [1.0, 0.0, -0.5, 4.0]
KINDS = {
    "floats": float,
    "numpy": lambda x: np.array([x]),
    "numpy32": lambda x: np.array([x], np.float32),
    "torch": lambda x: torch.tensor([x], dtype=torch.float64),
    "symbols": sympy.Float,
    "axis": lambda x: Axis([x]),
}


def number(x):
    return float(np.ravel(x.values if isinstance(x, Axis) else x)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_five_functions_on_every_kind_of_number(kind):
    make = KINDS[kind]
    for x, y in zip(X, Y, strict=True):
        assert number(ops.sign(make(x))) == np.sign(x)
        assert number(ops.sqrt(make(abs(x)))) == pytest.approx(abs(x) ** 0.5, rel=1e-7)
        assert number(ops.maximum(make(x), make(y))) == number(ops.maximum(make(x), y)) == max(x, y)
        assert number(ops.minimum(make(x), make(y))) == number(ops.minimum(x, make(y))) == min(x, y)
        assert number(ops.where(make(x) > y, make(x), make(y))) == max(x, y)
        assert number(ops.where(make(x) > y, make(x), y)) == max(x, y)


@pytest.mark.parametrize("kind", ["numpy", "numpy32", "torch"])
def test_the_type_stays(kind):
    x = KINDS[kind](0.25)
    axis = Axis([[0.1], [0.2]])
    results = [ops.sqrt(x), ops.sign(x), ops.maximum(x, 1.0), ops.minimum(axis, x), ops.where(x > 0, axis, x)]
    results += [axis * x, x * axis, 1 - axis * x, x / axis, axis**3 * x, ops.where(axis > 0.1, x, 1.0)]
    for result in results:
        assert type(result) is type(x) and result.dtype == x.dtype


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_axis_is_a_float_in_every_cell(operation, dtype):
    """On either side of a number, of another Axis and (but for powers) of an array, to the last bit."""
    values = [0.1, 0.3, 0.999, 2.0]
    axis, theta = Axis(values), np.array([0.7, 1.3, 2.9, 0.01], dtype)
    for i, x in enumerate(values):
        assert operation(axis, 3).values[i] == operation(x, 3)
        assert operation(0.96, axis).values[i] == operation(0.96, x)
        assert operation(axis, Axis(values[::-1])).values[i] == operation(x, values[::-1][i])
        if operation is not operator.pow:
            assert operation(axis, theta)[i] == operation(x, theta)[i]
            assert operation(theta, axis)[i] == operation(theta, x)[i]
    assert (-axis).values.tolist() == [-x for x in values]


def test_axis_computes_in_double_precision_before_it_meets_float32():
    theta = np.ones(2, np.float32)
    alone = theta * (1 - 0.999**3)
    assert np.array_equal(theta * (1 - Axis([0.999]) ** 3), alone)
    single = theta * (1 - np.array([0.999], np.float32) ** 3)
    assert not np.array_equal(single, alone)  # what an array in theta's type would have given


@pytest.mark.parametrize(
    "compare", [lambda x: max(1, x), lambda x: min(x, 1), lambda x: 1 if x > 0 else 2, bool]
)
def test_pythons_own_choices_between_cells_are_refused(compare):
    with pytest.raises(TypeError, match=r"expected where, minimum or maximum of course\.ops"):
        compare(Axis([0.5, 2.0]))


def test_where_takes_a_plain_truth():
    assert ops.where(True, 1.0, 2.0) == 1.0 and ops.where(False, 1.0, Axis([2.0])).values == 2.0


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_axis_meets_arrays_of_every_layout_time_and_again(order, dtype):
    """What it remembers of one meeting, a layout or a number, is not taken for another's: -0.0 is not 0.0."""
    axis = Axis(np.array([0.1, 0.7, 3.0]).reshape(3, 1))
    rng = np.random.default_rng(0)
    shapes = [(3, 4), (3, 4), (3, 4), (1, 4), (1, 4), (1, 4), (2, 3, 4), (2, 3, 4), (3, 4), (3, 1), (3, 1)]
    for step, shape in enumerate(shapes):
        array = np.asarray(rng.standard_normal(shape).astype(dtype), order=order)
        factor = 1 - axis * (step % 3) ** 2
        for met, alone in ((axis * array, axis.values.astype(dtype) * array),
                           (array / factor, array / (1 - axis.values * (step % 3) ** 2).astype(dtype))):  # fmt: skip
            assert met.dtype == dtype and np.array_equal(met, alone, equal_nan=True)
    assert (axis - 0.0).values[0] == (axis - 0).values[0] == 0.1 and (axis**2).values[2] == 9
    assert (axis - 2).values[2] == 1 and (2 - axis).values[2] == -1
    zero = Axis([-0.0])
    assert np.signbit((zero + -0.0).values[0]) and not np.signbit((zero + 0.0).values[0])
