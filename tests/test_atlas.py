"""The convention atlas: the page is current, its numbers are computed, and what it says of any two forms holds."""

import inspect
import itertools

import numpy as np
import pytest
import torch

from course import rules
from course.authoring import atlas, build, notebook
from course.authoring.atlas import page
from course.inputs import rule

ENTRIES = pytest.mark.parametrize("entry", atlas.ENTRIES, ids=lambda entry: entry.title)


def together(entry, one, other):
    return any(one in group and other in group for group in entry.agree)


def test_the_stored_page_is_what_the_rules_give():
    assert (notebook.ROOT / atlas.PAGE).read_text(encoding="utf-8") == atlas.text()


def test_the_check_names_a_page_that_has_drifted_or_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(notebook, "ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    assert "convention_atlas.md is missing" in "".join(build._check_atlas())
    assert atlas.build() and not atlas.build() and build._check_atlas() == []
    stored = tmp_path / atlas.PAGE
    stored.write_text(stored.read_text(encoding="utf-8").replace("0.7597", "0.7598"), encoding="utf-8")
    assert "not what the rules give" in "".join(build._check_atlas())


USED = sorted({form.rule for entry in atlas.ENTRIES for form in entry.forms})


@pytest.mark.parametrize("name", USED)
def test_every_number_follows_its_rule(name, monkeypatch):
    """A rule that goes 0.01 too far changes both numbers of its rows, and no other row of the section."""
    used = [entry for entry in atlas.ENTRIES if any(form.rule == name for form in entry.forms)]
    rows = [(entry, form) for entry in used for form in entry.forms]
    before = [(entry.own(form), entry.equal(form)) for entry, form in rows]
    good = page.rule_of(name)

    def further(*given, **hyper):
        return tuple(end + 0.01 for end in good.__wrapped__(*given, **hyper))

    further.__signature__ = inspect.signature(good)
    monkeypatch.setitem(rules.RULES, name, rule(further))
    for (entry, form), (own, equal) in zip(rows, before, strict=True):
        assert (entry.own(form) != own) == (entry.equal(form) != equal) == (form.rule == name), (entry.title, form.who)


def test_a_broken_rule_changes_the_page(monkeypatch):
    monkeypatch.setitem(rules.RULES, "adam", rules.RULES["adam_eps_inside"])
    assert atlas.text() != (notebook.ROOT / atlas.PAGE).read_text(encoding="utf-8")


@ENTRIES
def test_forms_differ_on_the_example_or_agree_everywhere(entry):
    paths = {form.name: entry.path(form) for form in entry.forms}
    for one, other in itertools.combinations(entry.forms, 2):
        pair = (one.name, other.name)
        numbers = [page._number(entry.equal(form)) for form in (one, other)]
        if together(entry, *pair):
            np.testing.assert_allclose(paths[one.name], paths[other.name], rtol=1e-12, atol=1e-12, err_msg=str(pair))
            assert numbers[0] == numbers[1], pair
        elif pair in entry.tied or pair[::-1] in entry.tied:
            assert numbers[0] == numbers[1] and np.abs(paths[one.name] - paths[other.name]).max() > 1e-6, pair
        else:
            assert numbers[0] != numbers[1], pair


PORTS = [(entry, port) for entry in atlas.ENTRIES for port in entry.ports]


@pytest.mark.parametrize(("entry", "port"), PORTS, ids=lambda part: getattr(part, "title", getattr(part, "form", "")))
def test_a_port_takes_the_steps_of_the_form(entry, port):
    own, ported = entry.ported(port)
    assert np.abs(own[-1] - own[0]).max() > 1e-6
    np.testing.assert_allclose(own, ported, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("one", "other"), [("amsgrad", "adam"), ("momentum", "heavy_ball"), ("muon", "muon_plain")])
def test_a_port_that_does_not_hold_is_noticed(one, other, monkeypatch):
    """What the ports claim is false for another rule of the same family."""
    monkeypatch.setitem(rules.RULES, one, rules.RULES[other])
    claims = [pair for pair in PORTS if pair[1].rule == one and pair[1].settings.get("lr") is None]
    assert claims and not all(np.allclose(*entry.ported(port), rtol=1e-12, atol=1e-12) for entry, port in claims)


NAMES = {
    "SGD with momentum": ("SGD", {}),
    "Nesterov's momentum": ("SGD", {"momentum": None}),
    "RMSprop, centered": ("RMSprop", {}),
    "RMSprop with momentum": ("RMSprop", {"momentum": None}),
    "AMSGrad": ("Adam", {}),
}


@pytest.mark.parametrize("entry", [e for e in atlas.ENTRIES if e.forms[0].name == "torch"], ids=lambda e: e.title)
def test_the_row_of_torch_shows_torchs_defaults(entry):
    name, given = NAMES.get(entry.title, (entry.title, {}))
    parameters = inspect.signature(getattr(torch.optim, name)).parameters
    torchs = {key: parameter.default for key, parameter in parameters.items()}
    pairs = {
        "betas": ("beta1", "beta2"),
        "etas": ("etaminus", "etaplus"),
        "step_sizes": ("step_size_min", "step_size_max"),
    }
    pairs |= {"eps": ("eps1", "eps2")} if name == "Adafactor" else {}
    for key, parts in pairs.items():
        torchs |= dict(zip(parts, torchs.pop(key, ()), strict=False))
    torchs["G"] = torchs.get("initial_accumulator_value")
    form = entry.forms[0]
    shown = page.rule_of(form.rule).hyper | form.defaults
    for key, value in shown.items():
        assert value == (torchs | given)[key], key


def test_the_contents_lead_to_every_heading():
    text = atlas.text()
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")][1:]
    assert [f"- [{title}](#{page._anchor(title)})" in text for title in headings] == [True] * len(headings)
    assert len({page._anchor(title) for title in headings}) == len(headings) == len(atlas.ENTRIES) + 1


def test_no_table_cell_holds_a_bar_of_its_own():
    for table in atlas.text().split("| form |")[1:]:
        rows = [line for line in ("| form |" + table).splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) == 1
