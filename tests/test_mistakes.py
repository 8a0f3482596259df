"""Every known mistake is told apart from the right rule and from every other mistake of that rule."""

import functools
import inspect

import pytest

from course.exercises.blank import Blank, first_difference, named_mistake, play, stream
from course.mistakes import MISTAKES
from course.rules import RULES

RANGES = {
    "lr": (1e-3, 1.0),
    "momentum": (0.5, 0.95),
    "lr_decay": (0.01, 0.3),
    "alpha": (0.9, 0.99),
    "beta1": (0.6, 0.9),
    "beta2": (0.95, 0.999),
    "eps": 1e-8,
    "weight_decay": (0.01, 0.3),
}


def blank(rule):
    ranges = {name: RANGES[name] for name in rule.hyper}
    outputs = ("theta", *rule.state)
    hints = ("one", "two", "three")
    mistakes = MISTAKES[rule.__name__]
    return Blank("00_test.rule", stream(**ranges), hints, mistakes=mistakes, outputs=outputs, chained=True)


@functools.cache
def played(rule):
    """The blank of a rule, its calls, what the rule returns, and what each of its mistakes returns."""
    it = blank(rule)
    calls = it.public_calls()
    return it, calls, play(it, rule, calls), {m.name: play(it, m.function, calls) for m in it.mistakes}


def test_every_rule_has_known_mistakes():
    assert MISTAKES.keys() <= RULES.keys() and len(MISTAKES) >= 12
    for name, mistakes in MISTAKES.items():
        names = [mistake.name for mistake in mistakes]
        assert "wrong_sign" in names and len(names) == len(set(names)) >= 4, name


@pytest.mark.parametrize("rule", [RULES[name] for name in MISTAKES], ids=MISTAKES)
def test_the_right_rule_is_no_mistake(rule):
    it, calls, right, _ = played(rule)
    assert first_difference(it, right, right) is None
    assert named_mistake(it, right, calls) is None


@pytest.mark.parametrize(
    "rule, mistake",
    [(RULES[name], mistake) for name, mistakes in MISTAKES.items() for mistake in mistakes],
    ids=lambda x: getattr(x, "__name__", getattr(x, "name", "")),
)
def test_each_mistake_is_told_by_its_own_name(rule, mistake):
    it, calls, right, wrong = played(rule)
    got = wrong[mistake.name]
    assert first_difference(it, got, right) is not None
    assert named_mistake(it, got, calls).name == mistake.name
    # and no other one returns these numbers, in whichever order they are tried
    same = [name for name, other in wrong.items() if first_difference(it, other, got) is None]
    assert same == [mistake.name]
    assert inspect.signature(mistake.function) == inspect.signature(rule)
    assert mistake.says.endswith(".") and 30 < len(mistake.says) < 300


@pytest.mark.parametrize("rule", [RULES[name] for name in MISTAKES], ids=MISTAKES)
def test_parameters_alone_tell_most_mistakes(rule):
    """A learner may keep another state; a mistake that moves the parameters is then still named."""
    it, calls, right, wrong = played(rule)
    for name, got in wrong.items():
        other_state = [(theta, *(2 * x for x in state)) for theta, *state in got]
        if state_matters := first_difference(it, got, right, {0}):
            assert named_mistake(it, other_state, calls) is not None, (name, state_matters)
