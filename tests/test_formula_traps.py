r"""Formulas made to mislead `check`: right ones in unusual forms, wrong ones that look right, and huge ones."""

import time

import pytest

from course.formula import check, formula, symbols
from course.ops import maximum, sqrt
from course.rules import RULES, adam, adamw, heavy_ball, lion, momentum, nesterov, rmsprop, sgd

STEP = r"\theta_t = \theta_{t-1} - \eta"
SGD = f"{STEP} g_t"
MOMENTUM = rf"b_t = \beta b_{{t-1}} + g_t, {STEP} b_t"
END = r"\end{aligned}"
dampened, centered = RULES["momentum_dampened"], RULES["rmsprop_centered"]


def changed(rule, old, new):
    """A rule's formula with a change in one place."""
    assert old in formula(rule)
    return formula(rule).replace(old, new, 1)


@pytest.mark.parametrize(
    ("rule", "latex"),
    [
        (momentum, f"b_1 = g_1, {MOMENTUM}"),  # torch's own form
        (momentum, f"b_0 = 0, b_1 = g_1, {MOMENTUM}"),
        (momentum, rf"b_1 = g_1, b_{{t+1}} = \beta b_t + g_t, {STEP} b_{{t+1}}"),
        (momentum, r"b_1 = g_1, b \leftarrow \beta b + g, \theta \leftarrow \theta - \eta b"),
        (nesterov, rf"b_1 = g_1, b_t = \beta b_{{t-1}} + g_t, {STEP} (g_t + \beta b_t)"),
        (adam, rf"m_1 = (1 - \beta_1) g_1 \\ {formula(adam)}"),
        (adam, rf"m_0 = v_0 = 1 - 1 \\ {formula(adam)}"),
        (momentum, f"b_0 = -0, {MOMENTUM}"),
        (momentum, rf"b_0 = 0 \cdot \eta, {MOMENTUM}"),
        (RULES["nadam"], rf"p_0 = \frac{{3}}{{3}} \\ {formula(RULES['nadam'])}"),
        (sgd, rf"g_t = \nabla f(\theta_{{t-1}}), {SGD}"),  # nothing uses it, but it says what g is
        (adam, changed(adam, r"\\", r"& & \text{mean of the gradients, } m_0 = 0 \\")),
        (adam, changed(adam, r"\\", r"& & \text{First moment: Section 3} \\")),
        (adam, changed(adam, r"\sqrt{", r"\sqrt[2]{")),
    ],
)
def test_right_in_an_unusual_form(rule, latex):
    result = check(rule, latex)
    assert result and result.equal is True, result


@pytest.mark.parametrize(
    ("rule", "latex", "where"),
    [
        (momentum, f"b_0 = 3, b_1 = g_1, {MOMENTUM}", "start of b"),
        (momentum, f"b_0 = 1/0, {MOMENTUM}", "start of b"),
        (momentum, f"b_1 = 2 g_1, {MOMENTUM}", "b"),
        (dampened, changed(dampened, "g_1", r"\frac{1 - \tau}{1 - \tau} g_1"), "b"),
        # 0/0 where a start value, a gradient, a parameter or a hyper-parameter is zero
        (momentum, rf"b_t = \beta \frac{{b_{{t-1}}^2}}{{b_{{t-1}}}} + g_t, {STEP} b_t", "b"),
        (rmsprop, changed(rmsprop, "g_t^2", r"\frac{g_t^2}{v_{t-1}} v_{t-1}"), "v"),
        (lion, changed(lion, r"\mathrm{sign}(c_t)", r"\frac{c_t}{|c_t|}"), "theta"),
        (sgd, rf"{STEP} \frac{{g_t^2}}{{g_t}}", "theta"),
        (sgd, r"\theta_t = \frac{\theta_{t-1}^2}{\theta_{t-1}} - \eta g_t", "theta"),
        (adamw, changed(adamw, r"\lambda", r"\frac{\lambda^2}{\lambda}"), "theta"),
        (heavy_ball, changed(heavy_ball, r"\beta", r"\frac{\beta^2}{\beta}"), "delta"),
        (sgd, rf"{STEP} \sqrt{{g_t}} \sqrt{{g_t}}", "theta"),  # no number where g < 0
        # wrong only at some steps, for large gradients, or by little
        (sgd, rf"\eta_t = \frac{{\eta}}{{\max(1, t - 1000)}}, {STEP}_t g_t", "theta"),
        (adam, changed(adam, END, "+ (t-1) (t-2) (t-3) (t-1000)" + END), "theta"),
        (adam, changed(adam, END, r"+ 10^{-45} \theta_{t-1}" + END), "theta"),
        (sgd, rf"{STEP} \max(-10^{{4}}, \min(10^{{4}}, g_t))", "theta"),
        (sgd, rf"{STEP} \max(-10^{{8}}, g_t)", "theta"),
        (sgd, rf"{STEP} g_t \max(1, t - 10^{{5}})", "theta"),
        (adam, changed(adam, r"\hat{m}_t}{\sqrt", r"m_t}{\sqrt"), "theta"),  # told, though nothing uses m-hat now
    ],
)
def test_wrong_but_looks_right(rule, latex, where):
    result = check(rule, latex)
    assert result.equal is False and where in result.where, result


@pytest.mark.parametrize(
    ("rule", "latex"),
    [
        (sgd, rf"{STEP} \max(-10^{{40}}, \min(10^{{40}}, g_t))"),  # beyond every input that is tried
        (sgd, rf"{STEP} g_t + 0^{{|t - 123456|}}"),
        (sgd, rf"{SGD} + \theta_{{t-1}} 10^{{-100}} 10^{{-100}}"),
        (centered, changed(centered, "v_t - m_t^2", r"\max(0, v_t - m_t^2)")),  # right, for v >= m^2 at every step
        (adam, changed(adam, r"\beta_1^t", r"\beta_1^{\min(t, 10^{5})}")),
    ],
)
def test_what_no_input_tells_apart_is_not_called_equal(rule, latex):
    result = check(rule, latex, seconds=1)
    assert not result and result.equal is None and "equal" not in repr(result) and "not proved" in repr(result)


@pytest.mark.parametrize(
    ("rule", "latex", "message"),
    [
        (sgd, rf"{SGD}, \theta_2 = 5", r"\\theta_2 belongs to another step"),
        (sgd, f"{SGD}, g_2 = 5", "g_2 belongs to another step"),
        (momentum, f"b_2 = 0, {MOMENTUM}", "b_2 belongs to another step"),
        (sgd, f"{SGD}, g_{{t+1}} = 5", r"g_\{t\+1\} is not known at step t"),
        (sgd, rf"{SGD}, \eta_t = 5", r"\\eta_t is defined and never used"),
        (sgd, rf"{SGD}, \eta_0 = 5", r"\\eta_0 is defined and never used"),
        (sgd, f"{SGD}, x = 5", "x is defined and never used"),
        (sgd, rf"{SGD}, \hat g_1 = 5", "is defined and never used"),
        (sgd, rf"g \leftarrow 2 g, {SGD}", "g is defined and never used"),
        (sgd, f"{SGD}, x = 5, y = x", "y is defined and never used"),
        (momentum, rf"b_0 = \eta, b_1 = g_1, {MOMENTUM}", "b_0 is defined and never used"),
        (momentum, f"b_0 = g_t - g_t, {MOMENTUM}", "g_t has no value before step 1"),
        (momentum, rf"b_1 = g_1, x_t = 1, {MOMENTUM}", "x_t is defined and never used"),
    ],
)
def test_definitions_that_change_nothing_are_refused(rule, latex, message):
    with pytest.raises(ValueError, match=message):
        check(rule, latex)


@pytest.mark.parametrize(
    "remark",
    [
        "provided t>1", "in case t = 3", "after step 3", "(odd steps)", "section 3 only", "3", "t", "first", "whenever",
        "the first gradient", "large gradients", "no correction", "gradient < 1", "if large", "early", "once", "³",
    ],
)  # fmt: skip
def test_remarks_that_could_restrict_are_refused(remark):
    with pytest.raises(ValueError, match="makes no condition"):
        check(sgd, rf"\begin{{aligned}}\theta_t &= \theta_{{t-1}} - \eta g_t & & \text{{{remark}}}\end{{aligned}}")


def nested(before, inside, after, count):
    return before * count + inside + after * count


@pytest.mark.parametrize(
    ("latex", "message"),
    [
        (nested("(", "g_t", ")", 200), "at most 20 levels"),
        (nested(r"\frac{", "g_t", "}{1}", 200), "at most 20 levels"),
        (nested(r"\frac{", "g_t", "}{1}", 500), "got .* characters, expected at most 3000"),
        (nested(r"\hat{", "g", "}", 200), "at most 20 levels"),
        (nested(r"\hat", " g_t", "", 200), "at most 20 levels"),
        (nested(r"\hat{", "g", "}", 2000), "expected at most 3000"),
        (nested(r"\lvert ", "g_t", r"\rvert", 100), "at most 20 levels"),
        (nested("|", "g_t", "|", 100), "at most 20 levels"),
        (nested("g_t^{", "2", "}", 100), "at most 20 levels"),
        ("g_t" + "+0" * 2000, "expected at most 3000"),
        ("g_t" + r"\cdot1" * 2000, "expected at most 3000"),
        (r"g_t \cdot 1^{10^{10^{10}}}", "a number of at most 100 as a power"),
        (r"g_t + 0 \cdot 9^{9^{9}}", "at most 100 as a power"),
        (r"g_t + 2^{1/0}", "at most 100 as a power"),
        (r"g_t + 2^{\sqrt{-1}}", "at most 100 as a power"),
        ("7" * 5000, "expected at most 3000"),
        ("7" * 41, "a number of at most 40 digits"),
        ("0." + "7" * 1000, "a number of at most 40 digits"),
    ],
)
def test_what_is_too_large_is_refused(latex, message):
    with pytest.raises(ValueError, match=message) as error:
        check(sgd, f"{STEP} {latex}")
    assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    ("latex", "equal"),
    [
        ("g_t" + "+0" * 1200, True),
        ("g_t" + r"\cdot1" * 400, True),
        (r"g_t \cdot" + nested(r"\frac{\sqrt{", "1", "}}{1}", 9), True),
        (r"g_t + 0 \cdot t^{t^{t}}", False),  # a power beyond all numbers
        (r"g_t + 0 \cdot (9 t)^{(9 t)^{(9 t)^{9 t}}}", False),
        (r"g_t + 0 \cdot (((((2 \eta)^{99})^{99})^{99})^{99})^{99}", None),
        (r"g_t + (g_t^2 + \theta_{t-1}^2 + \eta^2 + 2 g_t \theta_{t-1} + 2 g_t \eta + 2 \theta_{t-1} \eta)^{50} "
         r"- (g_t + \theta_{t-1} + \eta)^{100}", None),
    ],
)  # fmt: skip
def test_what_is_large_takes_no_longer_than_it_may(latex, equal):
    start = time.perf_counter()
    assert check(sgd, f"{STEP} {latex}", seconds=2).equal is equal
    assert time.perf_counter() - start < 20  # once minutes


@pytest.mark.parametrize(
    "holds",
    [
        lambda t, g: t != 7,
        lambda t, g: not t == 7,
        lambda t, g: t not in (7, 1234),
        lambda t, g: t not in {7},
        lambda t, g: {7: False}.get(t, True),
        lambda t, g: t % 7,
        lambda t, g: t % 7 != 0,
        lambda t, g: g != 0,
        lambda t, g: g,
    ],
)
def test_a_rule_that_branches_on_a_value_is_not_proved(holds):
    def branching(theta, g, t, *, lr=0.1):
        return (theta - lr * g if holds(t, g) else theta,)

    with pytest.raises(NotImplementedError, match="branching: it does not run on SymPy's symbols"):
        check(branching, SGD)


def test_a_rule_that_asks_what_is_known_is_proved():
    def asking(theta, g, t, b=None, *, lr=0.1):
        b = g if b is None or t == 1 else b + g
        return (theta - lr * b, b) if t != 0 and t != t + 1 and b != "x" else None

    assert check(asking, f"b_1 = g_1, b_t = b_{{t-1}} + g_t, {STEP} b_t")


def test_a_rules_own_code_on_floats_has_a_say():
    def rooted(theta, g, t, *, lr=0.1):
        return (theta - lr * sqrt(g) * sqrt(g),)

    def clipped(theta, g, t, m=0.0, *, lr=0.1):
        return theta - lr * maximum(m, 0), m + g

    def assumed(theta, g, t, m=0.0, *, lr=0.1):
        return theta - lr * maximum(m, 0) - lr * sqrt(maximum(m, 0)), m + g  # sqrt(m): SymPy is told that m > 0

    def short(theta, g, t, m=0.0, *, lr=0.1):
        return (theta - lr * g,)

    def worded(theta, g, t, m="none", *, lr=0.1):
        return theta, m

    m = ", m_t = m_{t-1} + g_t"
    assert "the rule gives no number" in repr(check(rooted, SGD))
    assert check(clipped, rf"{STEP} \max(m_{{t-1}}, 0){m}")
    assert check(clipped, rf"{STEP} m_{{t-1}}{m}").equal is False
    with pytest.raises(NotImplementedError, match=r"on numbers and .* on symbols"):
        check(assumed, rf"{STEP} m_{{t-1}} - \eta \sqrt{{m_{{t-1}}}}{m}")
    with pytest.raises(ValueError, match="got 1 results, expected theta, m"):
        check(short, f"{SGD}{m}")
    with pytest.raises(NotImplementedError, match="got m='none', expected numbers or None"):
        check(worded, f"{SGD}{m}")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check(sgd, SGD, given=5), TypeError, "given: got 5, expected a dictionary"),
        (lambda: check(sgd, SGD, given={r"\eta": 5}), TypeError, "given: got .*, expected a dictionary"),
        (lambda: check(sgd, SGD, seconds=None), TypeError, "seconds: got None, expected a number >= 0"),
        (lambda: check(sgd, SGD, seconds=float("nan")), ValueError, "seconds: got nan, expected a number >= 0"),
        (lambda: check(sgd, SGD, seconds=-1), ValueError, "seconds: got -1, expected"),
        (lambda: formula(None), TypeError, "rule: got None, expected an update rule"),
        (lambda: symbols(None), TypeError, "rule: got None, expected an update rule"),
    ],
)
def test_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
