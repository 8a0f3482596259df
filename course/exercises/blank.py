"""A graded blank: one definition that serves the notebook's check, the tested solution and grading."""

import copy
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course.mistakes import Mistake

STREAM_STEPS = 40
# One coordinate for each size that a gradient may have, and one that meets them all.
STREAM_SIZES = np.array([1e-9, 1e-5, 1.0, 1e3, np.nan])
STREAM_START = np.array([0.0, 0.0, -1.0, 2.0, 0.0])  # 0 where a gradient of 1e-9 must show in theta

# What takes the steps of an update rule: what a blank forbids whose task is to write one.
OPTIMIZERS = (
    "torch.optim",
    "torch.ao.optim",
    "torch._fused_adagrad_",
    "torch._fused_adam_",
    "torch._fused_adamw_",
    "torch._fused_sgd_",
    "optax",
    "keras.optimizers",
    "tensorflow.keras.optimizers",
    "jax.example_libraries.optimizers",
    "course.rules",
    "course.torch_optim",
    "course.mistakes",
    "course.run.run_torch",
)
SCHEDULES = ("torch.optim", "optax", "course.schedules")


@dataclass(frozen=True)
class Blank:
    """What a learner writes, and all that is needed to judge it.

    name       "LESSON.FUNCTION", for instance "08_adam.adam"
    inputs     seeded generator -> list of calls; a call is a dict of arguments in the order of the
               function's signature. The public seed serves the notebook, hidden ones serve grading.
    hints      three tiers: a nudge, the idea, nearly the line (in words)
    points     what the blank is worth
    mistakes   known wrong answers
    outputs    the names of the values that the function returns, in order
    chained    the function is an update rule: theta and the state that it returns go into its next
               call, and the calls hold g, t and the hyper-parameters
    tolerance  the largest relative difference that counts as equal
    forbidden  dotted names that an answer may not call, since writing them is the point: ("torch.optim",) stands for
               all that is in it. Grading shows a person where an answer calls one; nothing is failed for it.
    """

    name: str
    inputs: Callable[[np.random.Generator], list[dict]]
    hints: tuple[str, str, str]
    points: int = 1
    mistakes: tuple[Mistake, ...] = ()
    outputs: tuple[str, ...] = ("result",)
    chained: bool = False
    tolerance: float = 1e-9
    forbidden: tuple[str, ...] = ()

    @property
    def lesson(self):
        return self.name.partition(".")[0]

    @property
    def function(self):
        return self.name.partition(".")[2]

    def public_calls(self):
        """The calls that `check` makes; their expected values are stored beside the exercises."""
        return self.inputs(np.random.default_rng(zlib.crc32(self.name.encode())))

    @property
    def calls(self):
        """How many public calls there are."""
        return len(self.public_calls())


class BadAnswer(Exception):
    """What a function returned cannot be compared: the message says why, in words to the learner."""

    def __init__(self, message, call=0):
        super().__init__(message)
        self.call = call


def cases(draw, count=20):
    """Inputs of a plain function: `draw(rng)` makes one call, a dict of arguments in order."""
    return lambda rng: [draw(rng) for _ in range(count)]


def telling(inputs, right, *wrong):
    """Inputs drawn again until each wrong function answers at least one call otherwise than the right one.

    For blanks whose inputs tell a mistake almost always: one learner in a thousand must not get full marks for it.
    """

    def told(rng):
        while True:
            calls = inputs(rng)
            if all(any(_apart(right(*call.values()), other(*call.values())) for call in calls) for other in wrong):
                return calls

    return told


def _apart(a, b):
    """Whether two answers, numbers or tuples of them, differ by more than rounding."""
    pairs = zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)]
    return not all(np.allclose(x, y, rtol=1e-6, atol=0, equal_nan=True) for x, y in pairs)


def stream(**ranges):
    """Inputs of an update rule: 40 steps of five coordinates, whose gradients span 1e-9 to 1e3.

    ranges: for each hyper-parameter a number, or (lowest, highest), drawn log-uniformly where that
    spans more than a factor of 10. From the middle on the learning rate is a tenth, so that forms
    which agree at a constant rate part.
    """

    def inputs(rng):
        hyper = {name: _draw(rng, value) for name, value in ranges.items()}
        sizes = np.broadcast_to(STREAM_SIZES, (STREAM_STEPS, len(STREAM_SIZES))).copy()
        sizes[:, -1] = 10 ** rng.uniform(-9, 3, STREAM_STEPS)
        gradients = sizes * rng.uniform(0.3, 1, sizes.shape) * rng.choice([-1.0, 1.0], sizes.shape)
        later = {**hyper, "lr": hyper["lr"] / 10} if "lr" in hyper else hyper
        return [
            {"theta": STREAM_START.copy(), "g": g, "t": t, **(hyper if t <= STREAM_STEPS // 2 else later)}
            for t, g in enumerate(gradients, 1)
        ]

    return inputs


def _draw(rng, value):
    if not isinstance(value, tuple):
        return value
    low, high = value
    if low > 0 and high > 10 * low:
        return log_uniform(rng, low, high)
    return float(rng.uniform(low, high))


def log_uniform(rng, low, high):
    """A number from low to high whose logarithm is evenly spread."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def play(blank, function, calls):
    """What the function returns for each call: a list of tuples of float64 arrays.

    Raises BadAnswer where a returned value is no number, has the wrong shape or count, or where an
    argument was changed; whatever the function raises passes through.
    """
    return list(_played(blank, function, calls))


def _played(blank, function, calls):
    carried = ()
    for i, call in enumerate(calls):
        if blank.chained:
            theta, *state = carried or (call["theta"],)
            arguments = [theta, call["g"], call["t"], *state]
            named = {name: value for name, value in call.items() if name not in ("theta", "g", "t")}
        else:
            arguments, named = list(call.values()), {}
        given = [x.copy() if isinstance(x, np.ndarray) else copy.deepcopy(x) for x in arguments]
        with np.errstate(all="ignore"):
            try:
                answer = function(*arguments, **named)
            except StopIteration:  # which would end this generator
                raise BadAnswer("Your function raised StopIteration: next() met something empty.", i) from None
        _unchanged(blank, call, given, arguments, i)
        carried = _as_arrays(blank, answer, i)
        if blank.chained:
            _shaped(blank, carried, np.shape(call["g"]), i)
            carried = tuple(x.reshape(np.shape(call["g"])) if x.size > 1 else x for x in carried)
        yield carried


def _unchanged(blank, call, before, after, i):
    names = ["theta", "g", "t", *blank.outputs[1:]] if blank.chained else list(call)
    for name, old, new in zip(names, before, after, strict=False):
        if not isinstance(old, np.ndarray) or old.tobytes() == new.tobytes():
            continue
        if not np.array_equal(old, new, equal_nan=True):
            raise BadAnswer(
                f"Your function changed its argument {name} in place (with -=, += or an assignment into it). Make and "
                f"return a new value in place of it, for instance: new = {name} - ..., then return new.",
                i,
            )


def _as_arrays(blank, answer, i):
    wanted, names = len(blank.outputs), ", ".join(blank.outputs)
    if answer is None:
        raise BadAnswer("Your function returned None. Is the return line missing?", i)
    if isinstance(answer, dict | str | bytes | set):
        raise BadAnswer(f"Your function returned a {type(answer).__name__}; expected {_count(wanted)} ({names}).", i)
    if wanted == 1 and not isinstance(answer, tuple):
        answer = (answer,)
    if hasattr(answer, "shape") and len(answer.shape) == 1 and len(answer) == wanted and not blank.chained:
        answer = tuple(answer)
    if not isinstance(answer, tuple | list):
        raise BadAnswer(f"Your function returned one value; expected {_count(wanted)}: return {names}.", i)
    if len(answer) != wanted:
        meant = " If they belong together, put them in one array: np.array([...])." if wanted == 1 else ""
        ending = "." if wanted == 1 else f": return {names}."
        raise BadAnswer(f"Your function returned {_count(len(answer))}; expected {_count(wanted)}{ending}{meant}", i)
    return tuple(_as_array(name, value, i) for name, value in zip(blank.outputs, answer, strict=True))


def _as_array(name, value, i):
    array = None
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        if array.dtype.kind in "fiub":
            return array.astype(np.float64)
    except Exception:  # whatever a strange object raises when it is asked for its numbers
        array = None
    kind = type(value).__name__
    seen = f"an array of {array.dtype}" if array is not None and kind in ("ndarray", "Tensor") else f"a {kind}"
    raise BadAnswer(f"Your function returned {name} as {seen}; expected a number or an array of them.", i) from None


def _shaped(blank, arrays, shape, i):
    for name, array in zip(blank.outputs, arrays, strict=True):
        if array.shape != shape and not (array.ndim == 0 and name != "theta"):
            raise BadAnswer(f"Your function returned {name} with shape {array.shape}; expected {shape}, g's shape.", i)


def _count(n):
    return "one value" if n == 1 else f"{n} values"


@dataclass(frozen=True)
class Difference:
    """The first place where an answer is not the expected one."""

    call: int
    output: int
    coordinate: tuple[int, ...]
    seen: float
    expected: float


def first_difference(blank, got, expected, outputs=None):
    """The first Difference between two results of `play`, or None where they are equal. Either may be an iterator.

    Numbers are equal when they differ by at most blank.tolerance of the largest expected value: in
    this array, or, for a rule, in this coordinate so far. outputs: compare only these, by index.
    Raises BadAnswer where a shape is not the expected one.
    """
    if outputs is None and isinstance(got, list | tuple) and isinstance(expected, list | tuple):
        if _near_throughout(blank, got, expected):
            return None  # ten times as fast as the search for a first place
    largest = {}
    for i, (mine, theirs) in enumerate(zip(got, expected, strict=True)):
        for k, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            b = np.asarray(b, dtype=np.float64)
            if a.shape != b.shape:
                if not (blank.chained and a.ndim == 0):
                    shape = f"shape {b.shape}" if b.shape else "one number"
                    raise BadAnswer(
                        f"Your function returned {blank.outputs[k]} with shape {a.shape}; expected {shape}.", i
                    )
                a = np.broadcast_to(a, b.shape)
            size = np.where(np.isfinite(b), np.abs(b), 0)
            if blank.chained:
                size = largest[k] = np.maximum(size, largest.get(k, 0))
            else:
                size = np.maximum(size.max(initial=0), 1e-9)
            if outputs is not None and k not in outputs:
                continue
            with np.errstate(invalid="ignore"):
                near = np.abs(a - b) <= blank.tolerance * size
            wrong = ~(near | (a == b) | (np.isnan(a) & np.isnan(b)))
            if wrong.any():
                places = np.argwhere(wrong)
                if blank.chained:  # of several the one of ordinary size: 1e-19 looks like rounding
                    sizes = [abs(math.log10(abs(b[tuple(place)]) or 1e-300)) for place in places]
                    places = places[np.argsort(sizes, kind="stable")]
                where = tuple(int(x) for x in places[0])
                return Difference(i, k, where, float(a[where]), float(b[where]))
    return None


def _near_throughout(blank, got, expected):
    """Whether all calls agree, each output's as one array; False also where shapes differ from call to call."""
    for k in range(len(blank.outputs)):
        mine, theirs = [result[k] for result in got], [np.asarray(result[k], np.float64) for result in expected]
        if len(mine) != len(theirs) or len({x.shape for x in (*mine, *theirs)}) != 1:
            return False
        a, b = np.stack(mine), np.stack(theirs)
        size = np.where(np.isfinite(b), np.abs(b), 0)
        if blank.chained:
            size = np.maximum.accumulate(size)
        else:
            size = size.max(axis=tuple(range(1, size.ndim)), initial=1e-9, keepdims=True)
        with np.errstate(invalid="ignore"):
            near = np.abs(a - b) <= blank.tolerance * size
        if not (near | (a == b) | (np.isnan(a) & np.isnan(b))).all():
            return False
    return True


def named_mistake(blank, got, calls, expected=None):
    """The known mistake that returns these numbers, or None.

    For a rule the parameters alone may decide, unless they are the expected ones and only the state is wrong.
    """
    theta_decides = blank.chained and (expected is None or first_difference(blank, got, expected, {0}) is not None)
    for outputs in (None, {0}) if theta_decides else (None,):
        for mistake in blank.mistakes:
            try:
                if first_difference(blank, got, _played(blank, mistake.function, calls), outputs) is None:
                    return mistake
            except (BadAnswer, ArithmeticError, ValueError, IndexError):
                continue
    return None
