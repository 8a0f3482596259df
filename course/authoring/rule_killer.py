"""What notices a change in an update rule: the cases of the tests, each with the path it should take.

A path is compared with the path of the rule as it stands, which the tests hold to torch.optim within
1e-14, and to formulas written another way where torch has no class. So whatever differs from it by
more than 1e-12 turns a test red.
"""

import inspect
from functools import cache

import numpy as np

from course.authoring import by_hand, parity
from course.rules import MATRIX_RULES, RULES
from course.rules.matrix import orthogonalize

TOLERANCE = 1e-12  # of the largest value so far
NOT_ENTRY_BY_ENTRY = ("adafactor_vector", *MATRIX_RULES)


class Path:
    """Where one rule goes with one set of settings on one stream, step by step, state included."""

    def __init__(self, rule, settings, theta0, stream, tolerance=TOLERANCE):
        self.settings, self.theta0, self.stream = settings, theta0, stream
        self.outputs = list(self.follow(rule.__wrapped__))
        self.tolerances, scales = [], []
        for out in self.outputs:
            sizes = [float(np.max(np.abs(x), where=np.isfinite(x), initial=0.0)) for x in out]
            scales = np.maximum(scales, sizes) if len(scales) else np.array([max(1.0, sizes[0]), *sizes[1:]])
            self.tolerances.append(tolerance * scales)

    def follow(self, function):
        """The outputs of a rule, bare of its checks, at every step."""
        theta, state = self.theta0, ()
        for t, g in enumerate(self.stream, 1):
            out = function(theta, g, t, *state, **self.settings)
            shared = [x for x in out for given in (theta, g, *state) if x is given and hasattr(x, "dtype")]
            if shared:  # test_every_value_is_new
                raise ValueError("a rule returned an array that it was given")
            theta, *state = out
            yield out

    def notices(self, function):
        """How the function is told from the rule: "theta", "state", "raises", or "" where it is not."""
        states = False
        try:
            for out, expected, allowed in zip(self.follow(function), self.outputs, self.tolerances, strict=True):
                if not _same(out[0], expected[0], allowed[0]):
                    return "theta"
                states = states or len(out) != len(expected)
                states = states or not all(map(_same, out[1:], expected[1:], allowed[1:]))
        except Exception:
            return "raises"
        return "state" if states else ""


def _same(x, expected, allowed):
    if not hasattr(expected, "dtype"):
        return not hasattr(x, "dtype") and abs(x - expected) <= allowed
    alike = getattr(x, "shape", None) == expected.shape and x.dtype == expected.dtype
    return alike and bool(((x == expected) | (abs(x - expected) <= allowed) | (x != x) & (expected != expected)).all())


@cache
def settings(name):
    """The settings with which the tests run a rule."""
    found = [case[1] for case in (*parity.CASES, *parity.MATRIX_CASES, *by_hand.CASES)]
    named = [case[0].__name__ for case in (*parity.CASES, *parity.MATRIX_CASES, *by_hand.CASES)]
    return [one for one, of in zip(found, named, strict=True) if of == name]


@cache
def paths(name):
    """The reference paths of a rule, on every stream that the tests use for it."""
    if name in MATRIX_RULES:
        streams = [parity.matrices(), parity.matrices(50, (3, 5)), parity.uneven(), parity.uneven(50, (3, 5))]
        streams += [parity.uneven(50, (2, 4, 3))] * (name == "adafactor")
    else:
        streams = [(parity.THETA0, parity.gradients())]
    if name not in NOT_ENTRY_BY_ENTRY:  # test_floats_take_the_same_steps_as_arrays
        streams += [(theta, parity.gradients()[:, i].tolist()) for i, theta in enumerate(parity.THETA0.tolist())]
    if name == "rprop":  # test_rprop_goes_on_after_a_gradient_that_is_no_number
        streams.append((np.array([np.inf, -np.inf, 1.0, 1.0]), parity.broken()))
    single = np.arange(6, dtype=np.float32).reshape((2, 3) if name in MATRIX_RULES else 6)
    kept = Path(RULES[name], {}, single, [(single - 2.5) / 4] * 3, 1e-4)  # test_nothing_is_changed_and_float32_is_kept
    return [kept, *(Path(RULES[name], chosen, *stream) for stream in streams for chosen in settings(name))]


@cache
def torchs_defaults():
    """{rule: {hyper-parameter: default}} of the defaults that test_defaults_are_torchs compares."""
    names = {case[0].__name__ for case in (*parity.CASES, *parity.MATRIX_CASES)}
    return {name: {k: v for k, v in RULES[name].hyper.items() if k != "momentum"} for name in names}


@cache
def _orthogonalized():
    """Matrices, the last one tiny, and what `orthogonalize` makes of them with its own defaults."""
    rng = np.random.default_rng(3)
    given = [rng.normal(size=shape) for shape in ((3, 8), (8, 3), (6, 6))]
    given.append(1e-9 * given[0])
    return [(G, orthogonalize(G)) for G in given]


def notices(name, function):
    """How a changed rule of this name is told from the rule as it stands: a word, or "" where it is not."""
    function, noticed = inspect.unwrap(function), ""
    if name == "orthogonalize":
        try:
            return "" if all(_same(function(G), X, TOLERANCE) for G, X in _orthogonalized()) else "theta"
        except Exception:
            return "raises"
    with np.errstate(all="ignore"):
        for path in paths(name):
            seen = path.notices(function)
            if seen in ("theta", "raises"):
                return seen
            noticed = noticed or seen
    defaults = {p.name: p.default for p in inspect.signature(function).parameters.values()}
    same = all(defaults[k] == v for k, v in torchs_defaults().get(name, {}).items())
    return noticed or ("" if same else "default")


def knows(name):
    """Whether there are cases for a function of this name: helpers are noticed through the rules."""
    return name in RULES or name == "orthogonalize"
