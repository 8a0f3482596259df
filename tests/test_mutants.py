"""The mutation check: its generator, what its reference paths rest on, and that no mutant survives."""

import ast
from collections import Counter

import numpy as np
import pytest

from course import schedules
from course.authoring import by_hand, mutants, mutate, parity, rule_killer, schedule_killer
from course.rules import RULES
from course.schedules import SCHEDULES

# All mutants are run, which takes about 25 s of one core; `python3 -m course mutants` prints the table.


@pytest.mark.parametrize("name", mutants.MODULES)
def test_no_mutant_survives_and_every_reason_is_needed(name):
    results = mutants.check([name])
    assert len(results) > 200
    assert [str(mutant) for _, mutant, word in results if word == "survived"] == []
    # What only the state shows must be compared in test_state_that_theta_does_not_show_is_torchs.
    shown = {mutant.function for _, mutant, word in results if word == "state"}
    assert shown <= {"asgd", "rmsprop_centered", "rmsprop_centered_momentum"}
    reasons = {mutants.reason(mutant) for _, mutant, word in results if word == "equivalent"}
    assert reasons == set(mutants.EQUIVALENT[name.rpartition(".")[2]].values())


@pytest.mark.parametrize("name", mutants.MODULES)
def test_the_original_itself_is_not_noticed(name):
    module = mutants.Module(name)
    for function, code in module.codes.items():
        same = mutate.Mutant("", 0, function, "", "", "", code)
        assert module.noticed(same) == "", function


TOY = '''
@decorated(1)
def toy(x, y=0.5, *, n=0):
    """Adds 1 to 2 and - 3."""
    for i in range(n):
        x = x - i * y
    while x < n:
        x += 1
    return -max(x, 1), (y if n >= 2 else "a")
'''


def test_the_generator_makes_every_change_once():
    made = list(mutate.mutants(TOY, "toy.py"))
    assert Counter(mutant.kind for mutant in made) == {
        "constant": 12,
        "operator": 4,
        "operand dropped": 4,
        "variable": 35,
        "argument dropped": 3,
        "call dropped": 2,
        "comparison": 8,
        "function": 1,
        "sign dropped": 1,
        "order": 1,
        "branches swapped": 1,
    }
    assert len({str(mutant) for mutant in made}) == len(made)
    assert "toy.py:6  x = x - i * y -> x = x + i * y" in map(str, made)
    assert "toy.py:3  y=0.5 -> y=1.0" in map(str, made)
    assert {"x -= 1", "x += 2", "y += 1"} <= {mutant.after for mutant in made}


def test_decorators_and_docstrings_are_not_changed():
    assert all(mutant.line >= 3 and "Adds" not in mutant.before for mutant in mutate.mutants(TOY))
    tree = mutate.functions(TOY)["toy"]
    before = ast.dump(tree)
    assert list(mutate.changes(tree)) and ast.dump(tree) == before


def test_code_that_is_the_same_is_made_once():
    source = "def f(x):\n    return x - x\n"
    assert sorted(mutant.after for mutant in mutate.mutants(source)) == ["return x", "return x + x"]


def test_a_loop_that_never_ends_is_stopped():
    source = "def f(n):\n    while n > 0:\n        n = n - 1\n    return n\n"
    endless = next(mutant for mutant in mutate.mutants(source) if mutant.after == "n = n + 1")
    namespace = {"turn": mutate.turns()}
    exec(endless.code, namespace)
    with pytest.raises(RuntimeError, match="turns of a loop"):
        namespace["f"](1)


def test_a_hole_in_the_cases_shows(monkeypatch, capsys):
    ones = [rule_killer.Path(RULES["adamw"], {}, np.zeros(2), np.ones((5, 2)))]
    monkeypatch.setattr(rule_killer, "paths", lambda name: ones)
    monkeypatch.setattr(rule_killer, "torchs_defaults", dict)
    results = mutants.check(["course.rules.adam"], only=["adamw"])
    survived = {mutant.after for _, mutant, word in results if word == "survived"}
    assert "v = beta2 * v + (1 - beta2) * g" in survived  # a gradient of 1 is its own square
    assert not any("m_hat = m / beta1 ** t" in after for after in survived)
    monkeypatch.setattr(mutants, "check", lambda names: results)
    assert mutants.main(["rules.adam"]) == 1
    assert "survived: adam.py:" in capsys.readouterr().out


def test_the_report_counts_and_lists(capsys):
    assert mutants.main(["schedules.warmups", "--equivalent"]) == 0
    said = capsys.readouterr().out
    assert "schedules.warmup_inverse_sqrt" in said and "equivalent: warmups.py" in said
    with pytest.raises(SystemExit):
        mutants.main(["rules.nothing"])


@pytest.mark.parametrize("name", RULES)
def test_every_hyper_parameter_is_chosen_in_one_case_and_left_out_in_another(name):
    cases = rule_killer.settings(name)
    for key, default in RULES[name].hyper.items():
        assert any(case.get(key, default) != default for case in cases), key
        assert any(key not in case for case in cases), key


def test_every_schedule_has_cases():
    assert {case[0] for case in schedule_killer.CASES} == set(SCHEDULES)


@pytest.mark.parametrize("case", schedule_killer.CASES, ids=lambda case: case[0])
def test_the_rates_that_mutants_are_compared_with_are_torchs(case):
    name, settings, count, _ = case
    ours = SCHEDULES[name](np.array(schedule_killer.steps(settings, count)), **settings)
    theirs = schedule_killer.torch_rates(*case)
    assert np.abs(ours - theirs).max() <= 1e-13 * np.abs(theirs).max()


@pytest.mark.parametrize("name", ["warmup_cosine", "warmup_stable_decay"])
def test_warm_ups_stay_at_their_minimum(name):
    for one, settings, count, _ in schedule_killer.CASES:
        if one == name:
            assert SCHEDULES[name](np.array([41, 47, 60]), **settings) == pytest.approx(
                [settings.get("eta_min", 0)] * 3
            )
            assert count >= 40


@pytest.mark.parametrize("metrics", schedule_killer.METRICS)
@pytest.mark.parametrize("settings", schedule_killer.PLATEAUS, ids=str)
def test_the_plateaus_are_torchs(settings, metrics):
    told = schedule_killer.METRICS[metrics]
    assert list(schedules.plateau(told, **settings)) == schedule_killer.torch_plateau(settings, told)


@pytest.mark.parametrize(("name", "settings", "t", "message"), schedule_killer.REFUSED)
def test_what_a_schedule_refuses(name, settings, t, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        SCHEDULES[name](t, **settings)
    start, _, end = message.partition("...")
    assert str(caught.value).startswith(start) and str(caught.value).endswith(end)
    assert end or str(caught.value) == message


@pytest.mark.parametrize(("settings", "metrics", "message"), schedule_killer.NO_PLATEAU)
def test_what_plateau_refuses(settings, metrics, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        list(schedules.plateau(metrics, **{"lr": 0.3} | settings))
    assert str(caught.value) == message


def test_the_table_of_formulas_is_of_rules_without_a_class():
    assert {case[0] for case in by_hand.CASES}.isdisjoint(case[0] for case in parity.CASES)
