r"""Formulas made to mislead `check`: right ones in unusual forms, wrong ones that look right, and huge ones."""


import pytest

from course.formula import check, formula
from course.rules import RULES, sgd

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
        ("7" * 5000, "expected at most 3000"),
        ("7" * 41, "a number of at most 40 digits"),
        ("0." + "7" * 1000, "a number of at most 40 digits"),
    ],
)
def test_what_is_too_large_is_refused(latex, message):
    with pytest.raises(ValueError, match=message) as error:
        check(sgd, f"{STEP} {latex}")
    assert len(str(error.value)) < 250
