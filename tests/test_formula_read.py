r"""The reader of `course.formula`: what it reads, what it refuses, and what `check` answers."""

import inspect
import math

import pytest
import sympy

from course.formula import check, formula, symbolic, symbols
from course.formula.evaluate import Update
from course.formula.numbers import Symbolic
from course.formula.read import Apply, Number, read, read_symbol
from course.ops import maximum, sqrt
from course.rules import RULES, adagrad, adam, heavy_ball, momentum, rmsprop, sgd

STEP = r"\theta_t = \theta_{t-1} - "
X = {name: sympy.Symbol(name, positive=True) for name in "abceg"}
A, B, C, EPS, G = X.values()
TIME = sympy.Symbol("t", integer=True, positive=True)


def value(latex):
    """The SymPy value of an expression of a, b, c, \\epsilon (e), g_t and t."""
    update = Update(read(rf"\theta_t = {latex}"), {}, {"a": "a", "b": "b", "c": "c", r"\epsilon": "e"}, "test")
    return update.run({"theta": sympy.Symbol("theta"), **X}, TIME, Symbolic)["theta"]


# SymPy 1.14's parse_latex reads the first five, without a word, as: hat*m, a function m of (1 - b),
# a/(b c), 23 c, and operatorname times s times i times g times n.
@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"a (1 - b)", A * (1 - B)),
        (r"g_t (1 - b) g_t^2", G**3 * (1 - B)),
        (r"\frac{a}{b} c", A / B * C),
        (r"\operatorname{sign}(g_t - a)", sympy.sign(G - A)),
        (r"\mathrm{sgn}\left(g_t - a\right)", sympy.sign(G - A)),
        (r"-a^2 + b", B - A**2),
        (r"a - b - c", A - B - C),
        (r"a - b c", A - B * C),
        (r"a b / c", A * B / C),
        (r"a / b - c / a", A / B - C / A),
        (r"\frac12 a", A / 2),
        (r"\frac a b", A / B),
        (r"\dfrac{a}{b}\cdot\tfrac{1}{c}", A / B / C),
        (r"\frac{1}{2} 0.96^{t a}", sympy.Rational(24, 25) ** (TIME * A) / 2),
        (r"\sqrt a b", sympy.sqrt(A) * B),
        (r"\sqrt{a b}", sympy.sqrt(A * B)),
        (r"\sqrt[2]{a + b}", sympy.sqrt(A + B)),
        (r"\sqrt{a}^2 + 1", A + 1),
        (r"a^t b", A**TIME * B),
        (r"a^{-1} b", B / A),
        (r"a^{t - 1}", A ** (TIME - 1)),
        (r"(a + b)^2", (A + B) ** 2),
        (r"[a + \{b - c\}]\,a", (A + B - C) * A),
        (r"|g_t - a| b", abs(G - A) * B),
        (r"a |g_t - b| + |c - b|", A * abs(G - B) + abs(C - B)),
        (r"||a - b| - c|", abs(abs(A - B) - C)),
        (r"\left|a - b\right| \lvert c - b \rvert", abs(A - B) * abs(C - B)),
        (r"\bigl|a - b\bigr| \Bigl|c - b\Bigr|", abs(A - B) * abs(C - B)),
        (r"\bigl(a \odot b\bigr) \times c", A * B * C),
        (r"\max(a, b + c, 1)", sympy.Max(A, B + C, 1)),
        (r"\min\left\{a, b\right\}^2", sympy.Min(A, B) ** 2),
        (r"g^2_t", G**2),
        (r"b \nabla f(\theta_{t-1})", B * G),
        (r"a_t", A),  # a hyper-parameter's value at this step
        (r"2.50 \epsilon", sympy.Rational(5, 2) * EPS),
    ],
)
def test_reads(latex, expected):
    assert sympy.expand(value(latex) - expected) == 0


@pytest.mark.parametrize("name", [r"\hat m_t", r"\hat{m}_t", r"\hat{m_t}", r"\widehat{m}_{t}"])
def test_one_symbol_written_in_several_ways(name):
    symbol = read_symbol(name)
    assert (symbol.name, symbol.index) == (r"\hat{m}", 0)
    assert read_symbol(r"v^{max}_{t-1}").name == read_symbol(r"v_{t-1}^{\max}").name == "v^{max}"
    assert read_symbol(r"\epsilon'").name != read_symbol(r"\epsilon").name != read_symbol(r"\varepsilon").name
    assert [read_symbol(text).index for text in ("m_{t+1}", "m_1", r"\beta_{12}")] == [1, None, None]


# Each stands for the step in theta_t = theta_{t-1} - ..., and the message must contain the second.
REFUSED = [
    (r"\eta g_t \foo", r"character 36: got .*foo', expected a command"),
    (r"\eta g_t + ", "got the end"),
    (r"\eta / 2 g_t", "character 36: got 'g'.*after a/b"),
    (r"\eta / 2 / g_t", "after a/b"),
    (r"\eta / 2 \cdot g_t", "after a/b"),
    (r"g_t^10", "got '10', expected braces"),
    (r"g_t 2", "before a number"),
    (r"2\,3 g_t", "before a number"),
    (r"2.5.1 g_t", "got '1', expected a symbol"),
    (r"\eta(t) g_t", "an index _t"),
    (r"\eta * g_t", r"got '\*'"),
    (r"\eta \pm g_t", "pm"),
    (r"\eta \sum_t g_t", "sum"),
    (r"\eta g_t % comment", "got '%'"),
    (r"\eta − g_t", "got '−'"),
    (r"\eta - -g_t", "got '-'"),
    (r"\eta + +g_t", r"got '\+'"),
    (r"\eta \cdot -g_t", "got '-'"),
    (r"\sqrt \eta_t g_t", "braces around"),
    (r"\sqrt{\eta}_t", "no index here"),
    (r"\sqrt 10", "braces around"),
    (r"\sqrt[n]{g_t}", "square roots only"),
    (r"\sqrt[3]{g_t^3}", "got '3', expected .2.: square roots only"),
    ("g_t^٣", "got '٣'"),
    (r"2\eta(t) g_t", "an index _t"),
    (r"\eta \cdot |g_t| \eta |g_t|", "where bars follow bars"),
    (r"\frac123 g_t", "got '123'"),
    (r"\frac{\eta} g_t^2", "braces around"),
    (r"\frac{\eta}", "got the end"),
    (r"\eta^{(t)} g_t", "mark of an iterate"),
    (r"\eta^2^2", "one power"),
    (r"\eta_t_t", "one index"),
    (r"g_{t-2}", "got '2'"),
    (r"g_{t,i}", "got ','"),
    (r"g_i", "an index t"),
    (r"g_t^\top", "top"),
    (r"\|g_t\|", r"\\\|"),
    (r"|g_t", "got the end"),
    (r"|g_t| \eta |g_t|", "where bars follow bars"),
    (r"\left( g_t )", "in pairs"),
    (r"( g_t \right)", "in pairs"),
    (r"\left. g_t \right|", r"left"),
    (r"(g_t", "got the end"),
    (r"(g_t]", r"got '\]'"),
    (r"g_t)", r"got '\)'"),
    (r"\max g_t", "a bracket"),
    (r"\max_i(g_t, 1)", "a bracket"),
    (r"\max(g_t)", "a comma"),
    (r"(g_t, 1)", "got ','"),
    (r"\operatorname{clip}(g_t)", "operatorname"),
    (r"\text{step}", "expected a number"),
    (r"\eta g_t \text{ if } t = 1", "an operator"),
    (r"\eta g_t, \text{ as usual}", "a column of its own"),
    (r"\eta g_t & & \text{only at first}", "no condition"),
    (r"\eta g_t = 0", "one = in an equation"),
    (r"\eta g_t > 0", "got '>'"),
    (r"\eta g_t \begin{cases} 1 \end{cases}", "environments"),
    (r"\eta g_t, \theta_t = 1", r"\\theta_t is defined twice"),
    (r"\eta g_t, \theta_{t-1} = 1", "belongs to another step"),
    (r"\eta g_t, \theta_0 = 1", "belongs to another step"),
    (r"\eta g_t, t = 1, 2, 4, \dots", r"\\dots"),
    (r"\eta g_t, t = 5", r"\\dots"),
    (r"\eta g_t, \eta = 0.1", "hyper-parameter lr"),
    (r"\eta g_t, b = 2, g = 1", "has no index"),
    (r"\eta g_t, g_t = 2", "value from the step before"),
    (r"\eta \theta_t", r"\\theta_t is used before it is defined"),
    (r"\eta b_t, b_t = g_t", "b_t is used before it is defined"),
    (r"\eta g", "has no index"),
    (r"\eta g_{t-1}", "symbol: got 'g_{t-1}'"),
    (r"\eta g_{t+1}", "symbol: got"),
    (r"\eta_{t-1} g_t", "symbol: got"),
    (r"\eta\eta_0 g_t", "symbol: got"),
    (r"\epsilon g_t", r"expected one of \\theta_\{t-1\}, g_t, \\eta"),
    (r"\hat{\eta} g_t", "symbol: got"),
    (r"\eta' g_t", "symbol: got"),
    (r"\eta \nabla f(\theta_t)", "where g is taken"),
    (r"\eta \nabla L(\theta_{t-1})", "got 'L'"),
    (r"\eta \nabla f(\theta_{t-1} + 1)", r"got '\+'"),
    (r"\eta g_t \\ \theta_t + 1 = 2", "expected = or"),
    (r"\eta g_t \\ - 1", "a symbol"),
    (r"\eta g_t \\ 2 = 2", "a symbol"),
    (r"\eta g_t \end{aligned}", "environments"),
    (r"\eta g_t \\ \begin{aligned}", r"got the end, expected \\end"),
]


@pytest.mark.parametrize(("latex", "message"), REFUSED)
def test_refuses(latex, message):
    with pytest.raises(ValueError, match=message):
        check(sgd, STEP + latex)


def test_refuses_what_is_no_formula():
    for latex, message in [("", "an equation"), (r"m_t = g_t", r"does not define \\theta_t"), ("$$", "got")]:
        with pytest.raises(ValueError, match=message):
            check(sgd, latex)
    with pytest.raises(ValueError, match=r"does not define b_t \(b\)"):
        check(momentum, STEP + r"\eta g_t")
    with pytest.raises(ValueError, match="b_0 is defined twice"):
        check(momentum, rf"b_0 = 0, b_0 = 1, {formula(momentum)}")
    with pytest.raises(TypeError):
        check(sgd, None)
    with pytest.raises(TypeError):
        check("sgd", STEP + r"\eta g_t")


@pytest.mark.parametrize(
    ("rule", "latex"),
    [
        (sgd, r"$$\theta_{t+1} = \theta_t - \eta g_t$$"),
        (sgd, r"$\theta \leftarrow \theta - \eta g.$"),
        (sgd, r"\theta &\gets \theta - \eta\,\nabla f(\theta)"),
        (sgd, r"g_t = \nabla f(\theta_{t-1}), \quad \theta_t := \theta_{t-1} - \eta_t g_t, \qquad t = 1, 2, \dots"),
        (momentum, r"b_{t+1} = \beta b_t + g_t \\[2pt] \theta_{t+1} = \theta_t - \eta b_{t+1}"),
        (momentum, r"b_0 = 0; b_1 = g_1 + \beta b_0, b_t = \beta b_{t-1} + g_t, \theta_t = \theta_{t-1} - \eta b_t"),
        (heavy_ball, r"\theta_t = \theta_{t-1} + \beta \Delta_{t-1} - \eta g_t, \Delta_t = \theta_t - \theta_{t-1}"),
        (adam, r"m_0 = v_0 = 0 \\ " + formula(adam)),
        (adam, formula(adam).replace(r"\\", r"& &\text{a remark}\\")),
        (
            rmsprop,
            r"x_t = \alpha v_{t-1}, v_t = x_t + (1-\alpha)g_t^2, " + STEP + r"\frac{\eta g_t}{\epsilon + \sqrt{v_t}}",
        ),
    ],
)
def test_equal(rule, latex):
    result = check(rule, latex)
    assert result and result.equal and result.difference < 1e-30 and result.where == ()
    assert repr(result).startswith(f"{rule.__name__}: equal")


@pytest.mark.parametrize(
    ("rule", "latex", "where"),
    [
        (sgd, STEP + r"\eta |g_t|", ("theta",)),
        (sgd, STEP + r"1.0000001 \eta g_t", ("theta",)),
        (sgd, STEP + r"\eta g_t + 0.0001^{t + 8}", ("theta",)),
        (momentum, r"b_1 = 2 g_1, b_t = \beta b_{t-1} + g_t, \theta_t = \theta_{t-1} - \eta b_t", ("b", "theta")),
        (momentum, r"b_t = \beta b_{t-1} + g_t, \theta_t = \theta_{t-1} - \eta b_{t-1}", ("theta",)),
        (momentum, r"b_t = \beta b_{t-1} + g_t, \theta_t = \theta_{t-1} - \eta b_t, b_{t+1} = 2 b_t", ("b",)),
        (momentum, r"b_0 = 1 \\" + formula(momentum), ("start of b",)),
        (momentum, r"b_0 = \eta \\" + formula(momentum), ("b", "theta")),
        (adam, r"m_0 = v_0 = 1 \\ " + formula(adam), ("start of m", "start of v")),
        (heavy_ball, r"\theta_t = \theta_{t-1} - \eta g_t, \Delta_t = \theta_t - \theta_{t-1}", ("theta", "delta")),
    ],
)
def test_different(rule, latex, where):
    result = check(rule, latex)
    assert not result and result.where == where and result.difference > 0 and result.proof == "counterexample"
    assert f"different, first in {where[0]}" in repr(result) and "the rule" in repr(result)


def test_difference_is_that_of_the_worst_input():
    assert check(sgd, STEP + r"\eta g_t + 3").difference == 3
    assert check(sgd, STEP + r"\eta g_t + \frac{0}{g_t}").difference == math.inf  # where g is 0, no number


def test_without_a_proof_it_is_not_called_equal():
    slow = formula(rmsprop).replace(
        r"\frac{g_t}{\sqrt{v_t} + \epsilon}", r"\frac{g_t (\sqrt{v_t} - \epsilon)}{v_t - \epsilon^2}"
    )
    assert check(rmsprop, slow, seconds=60).proof == "symbolic"
    result = check(rmsprop, slow, seconds=0)
    assert not result and (result.equal, result.proof, result.where) == (None, "none", ())
    assert repr(result).startswith("rmsprop: not proved") and "equal" not in repr(result)
    assert not symbolic.within(0, lambda: sympy.simplify(1))


def test_time_limit_stops_a_function_and_leaves_the_profiler():
    def endless():
        while True:
            abs(sgd.hyper.get("lr"))

    assert symbolic.within(0.05, endless) is None
    assert symbolic.within(60, lambda: 7) == 7
    with pytest.raises(KeyError):
        symbolic.within(60, lambda: {}["x"])


def test_rules_of_ones_own():
    def signed(theta, g, t, b=0.0, u=0.0, *, lr=0.1, beta1=0.9, pull=0.0, t0=4.0):
        r"""A rule.

        None.

        pull: \lambda, toward zero. b: mean.
        """
        b = lr if t == 1 else b
        u = maximum(u, b) / maximum(1, t - t0) + 0.1
        return (1 - lr * pull) * theta - sqrt(u) * g, beta1 * b, u

    latex = r"""b_0 = \eta \\ u_t = \frac{\max(u_{t-1}, b_{t-1})}{\max(1, t - t_0)} + 0.1 \\
        b_t = \beta_1 b_{t-1} \\ \theta_t = (1 - \eta \lambda) \theta_{t-1} - g_t \sqrt{u_t}"""
    assert check(signed, latex)
    assert check(signed, latex.replace(r"b_0 = \eta", "")).where == ("u", "b", "theta")
    assert check(signed, latex.replace("t - t_0", "t + 1 - t_0")).where == ("u", "theta")
    assert check(signed, latex.replace(r"\lambda", r"\gamma"), given={r"\gamma": "pull"})
    with pytest.raises(ValueError, match="second paragraph has no equation"):
        formula(signed)
    with pytest.raises(ValueError, match=r"argument: got 'pul'.*did you mean 'pull'"):
        check(signed, latex, given={r"\gamma": "pul"})
    with pytest.raises(ValueError, match="stands for"):
        symbols(signed, {r"\eta": "pull"})


def test_state_without_value_before_step_1():
    def damped(theta, g, t, b=None, *, lr=0.1, momentum=0.9):
        b = g if b is None else momentum * b
        return theta - lr * b, b

    def remembered(theta, g, t, rate=None, *, lr=0.1):
        r"""Returns the rate.

        rate: \eta, lr before step 1.
        """
        rate = lr if rate is None else rate
        return theta - rate * g, 2 * rate

    step = r"b_t = \beta b_{t-1}, \theta_t = \theta_{t-1} - \eta b_t"
    given = {r"\beta": "momentum"}
    assert check(damped, "b_1 = g_1, " + step, given=given)
    assert check(damped, "b_1 = 2 g_1, " + step, given=given).where == ("b", "theta")
    assert check(damped, "b_0 = 1, " + step, given=given).where == ("b", "theta")
    with pytest.raises(ValueError, match=r"b_\{t-1\} has no value before step 1"):
        check(damped, step, given=given)
    step = r"\eta_t = 2 \eta_{t-1}, \theta_t = \theta_{t-1} - \eta_{t-1} g_t"
    assert check(remembered, r"\eta_0 = \eta, " + step)
    assert not check(remembered, r"\eta_0 = 2 \eta, " + step) and not check(remembered, r"\eta_0 = 1, " + step)


def test_rules_that_cannot_be_compared():
    def branching(theta, g, t, *, lr=0.1):
        return (theta - lr * g if g > 0 else theta,)

    def nameless(theta, g, t, *, pull=0.1):
        return (theta - pull * g,)

    with pytest.raises(NotImplementedError, match="branching: it does not run on SymPy's symbols"):
        check(branching, STEP + r"\eta g_t")
    with pytest.raises(ValueError, match="no symbol for pull"):
        check(nameless, STEP + r"\eta g_t")
    with pytest.raises(ValueError, match="second paragraph has no equation"):
        formula(nameless)


def test_symbols_of_the_docstrings():
    assert symbols(adagrad) == ({"G": "G"}, {r"\eta": "lr", r"\lambda": "lr_decay", r"\epsilon": "eps"})
    assert symbols(heavy_ball) == ({r"\Delta": "delta"}, {r"\eta": "lr", r"\beta": "momentum"})
    assert symbols(RULES["amsgrad"])[0] == {"m": "m", "v": "v", "v^{max}": "v_max"}
    assert symbols(RULES["adagrad_eps_inside"])[1][r"\lambda"] == "lr_decay"  # "as in `adagrad`"
    assert symbols(RULES["asgd"])[0][r"\eta"] == "eta" and symbols(RULES["asgd"])[1][r"\eta"] == "lr"


def test_formula_is_one_aligned_block():
    text = formula(momentum)
    assert text.splitlines() == [
        r"\begin{aligned}",
        r"b_t &= \beta b_{t-1} + g_t \\",
        r"\theta_t &= \theta_{t-1} - \eta b_t",
        r"\end{aligned}",
    ]
    assert r"\text{" not in text and r"\text{ over each row}" in formula(RULES["adafactor"])


def test_numbers_are_exact():
    assert read("x = 0.1 y")[0].right == Apply("*", (Number("0.1"), read("x = 0.1 y")[0].right.arguments[1]))

    def tenth(theta, g, t):
        return (theta - 0.1 * g,)

    assert (
        check(tenth, STEP + "0.1 g_t")
        and check(tenth, STEP + r"\frac{1}{10} g_t")
        and check(tenth, STEP + "10^{-1} g_t")
    )
    assert not check(tenth, STEP + "0.1000000000000000001 g_t")
    assert inspect.signature(check).parameters["seconds"].default == 5.0
