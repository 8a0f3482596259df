r"""Every update formula that the course shows is the code: docstrings, lessons and solutions.

An author tags the cell of a displayed update equation with the rule that it states: `formula:adam`
where it is right, `formula-wrong:adam` where the lesson shows it as wrong, `formula:momentum_ema:m=b`
where m is the lesson's letter for the rule's b. A cell with several updates has one tag for each, in
the order in which they stand. An update is a display ($$ or \[)
that assigns theta_t, with the displays before it in the same cell that assign a state; other
displays are not read. One that looks like an update and is none goes to NO_UPDATE, with the reason.
"""

import re
from pathlib import Path

import nbformat
import pytest

from course.formula import check, formula
from course.formula.compare import BY_NUMBERS
from course.rules import RULES

ROOT = Path(__file__).resolve().parents[1]
READABLE = [name for name in RULES if name not in BY_NUMBERS]

# (notebook, cell, start of the display): why it is no update of a rule
NO_UPDATE = {
    ("notebooks/01_gradient_descent", "one-direction", r"x_t = (1 - \eta\lambda)"): "the error on a quadratic",
    ("notebooks/01_gradient_descent", "past-one-seen", "e_t = (I - "): "the error on a quadratic, with a matrix",
    ("notebooks/01_gradient_descent", "past-one-seen", "c_{i,t} = "): "the error on a quadratic, by coordinates",
    (
        "notebooks/04_momentum",
        "matrix",
        r"\theta_t = \theta_{t-1} + \beta",
    ): "heavy ball on a quadratic, over two steps",
    ("notebooks/04_momentum", "transient", r"\theta_t = \bigl(1 + "): "the solution of a recursion",
    (
        "notebooks/05_nesterov",
        "roots",
        r"\Delta_t = \beta\,(1-\eta\lambda)\,\Delta_{t-1}",
    ): "Nesterov on a quadratic, in one direction",
}
# (notebook, cell): equations that its display takes as known
TAKEN_AS_KNOWN = {
    ("solutions/08_adam", "eps-task"): (
        r"m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 \\"
    ),
}

DISPLAY = re.compile(
    r"\$\$(.+?)\$\$|(?<!\\)\\\[(.+?)\\\]|(\\begin\{(?:align|gather|equation)\*?\}.+?\\end\{\w+\*?\})", re.S
)
INDEX = r"(?:\s*[_^]\s*(?:\{[^{}]*\}|\w))*"
ASSIGN = r"\s*&?\s*(?::?=|\\leftarrow|\\gets|\\coloneqq)"
THETA = re.compile(rf"\\theta\}}?({INDEX}){ASSIGN}")
MEMORY = re.compile(
    rf"((?:\\[A-Za-z]+\s*\{{?\s*)?[A-Za-z]|\\[A-Za-z]+)\}}?\s*[_^]\s*(\{{[^{{}}]*[tkn][^{{}}]*\}}|[tkn]){ASSIGN}([^=]*)"
)


def assigns(display):
    """What a display assigns: "theta", "state" (a symbol from itself and a gradient or a rate) or None."""
    if any(not re.fullmatch(r"\s*_\s*\{?\d\}?", match[1]) for match in THETA.finditer(display)):
        return "theta"
    for match in MEMORY.finditer(display):
        itself = re.escape(match[1].strip()) + r"\}?\s*[_^]"
        if re.search(r"(?<![A-Za-z\\])" * match[1][0].isalpha() + itself, match[3]) and re.search(
            r"\\nabla|\\eta|(?<![A-Za-z\\])g\b|(?<![A-Za-z\\])g_", match[3]
        ):
            return "state"
    return None


def displays(cell):
    if cell.cell_type != "markdown":
        return []
    text = re.sub(r"```.*?```", "", cell.source, flags=re.S)
    return [next(filter(None, match.groups())) for match in DISPLAY.finditer(text)]


def updates(book, name, used=None):
    """(cell id, tag or None, LaTeX) for every displayed update of a notebook."""
    for cell in book.cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if tag.startswith("formula")]
        found, before = [], ""
        for display in displays(cell):
            reasons = [key for key in NO_UPDATE if key[:2] == (name, cell.id) and display.strip().startswith(key[2])]
            kind = None if reasons else assigns(display)
            if used is not None:
                used.update(reasons)
            if kind == "theta":
                found, before = [*found, before + display], ""
            elif kind == "state":
                before += display + r" \\ "
        if before:
            found.append(before)
        if len(found) != len(tags) and tags:
            found, tags = [*found, *[""] * (len(tags) - len(found))], [*tags, *[None] * (len(found) - len(tags))]
        yield from ((cell.id, tag, latex) for tag, latex in zip(tags or [None] * len(found), found, strict=True))


def wrong_with(update, name):
    """What is wrong with one displayed update, in words, or None."""
    cell, tag, latex = update
    if not (tag and latex):
        return f"{name}, cell {cell}: " + (
            f"tag {tag} has no update equation" if tag else f"no formula: tag for {latex.strip()}"
        )
    match = re.fullmatch(r"formula(-wrong)?:(\w+)((?::[^:=]+=\w+)*)", tag)
    if not match or match[2] not in RULES:
        return f"{name}, cell {cell}: tag {tag}, expected formula:RULE or formula-wrong:RULE"
    given = dict(renamed.split("=") for renamed in match[3].split(":")[1:])
    result = check(RULES[match[2]], TAKEN_AS_KNOWN.get((name, cell), "") + latex, given=given)
    right = not match[1]
    return None if result.equal is right else f"{name}, cell {cell}, tag {tag}: {result}"


def notebooks():
    return [
        f"{folder}/{path.stem}"
        for folder in ("notebooks", "solutions")
        for path in sorted((ROOT / folder).glob("*.ipynb"))
    ]


@pytest.mark.parametrize("name", READABLE)
def test_docstring_is_the_code(name):
    result = check(RULES[name], formula(RULES[name]))
    assert result.equal, result


@pytest.mark.parametrize("name", [name for name in RULES if name in BY_NUMBERS])
def test_rules_with_branches_or_matrices_say_so(name):
    assert "=" in formula(RULES[name])
    with pytest.raises(NotImplementedError, match=f"^{name}: .*by numbers instead"):
        check(RULES[name], r"\theta_t = \theta_{t-1}")


@pytest.mark.parametrize("name", notebooks())
def test_displayed_updates_are_tagged_and_true(name):
    book = nbformat.read(ROOT / f"{name}.ipynb", as_version=4)
    assert list(filter(None, (wrong_with(update, name) for update in updates(book, name)))) == []


def test_exemptions_are_needed():
    used, seen = set(), set()
    for name in notebooks():
        book = nbformat.read(ROOT / f"{name}.ipynb", as_version=4)
        seen |= {(name, cell) for cell, _, _ in updates(book, name, used)}
    assert used == set(NO_UPDATE) and set(TAKEN_AS_KNOWN) <= seen
    assert [key for key in NO_UPDATE if assigns(key[2] + r" \eta x_{t-1} e_{t-1} c_{i,t-1}") is None] == []


RIGHT = r"\theta_t = \theta_{t-1} - \eta g_t"
WRONG = r"\theta_t = \theta_{t-1} + \eta g_t"


@pytest.mark.parametrize(
    ("tags", "source", "problems"),
    [
        ([], f"$${RIGHT}$$", 1),  # no tag
        (["formula:sgd"], f"$${RIGHT}$$", 0),
        (["formula:sgd"], rf"\[{RIGHT}\]", 0),
        (["formula:sgd"], f"$${WRONG}$$", 1),
        (["formula-wrong:sgd"], f"$${WRONG}$$", 0),
        (["formula-wrong:sgd"], f"$${RIGHT}$$", 1),
        (["formula:sgdd"], f"$${RIGHT}$$", 1),  # no such rule
        (["formulas:sgd"], f"$${RIGHT}$$", 1),
        (["formula:sgd:a=lr"], r"$$\theta_t = \theta_{t-1} - a g_t$$", 0),
        (["formula:sgd"], "No display.", 1),
        (["formula:sgd"], f"$${RIGHT}$$ and $${RIGHT}$$", 1),  # one tag for two
        (["formula:sgd", "formula-wrong:sgd"], f"$${RIGHT}$$ and $${WRONG}$$", 0),
        (
            ["formula:momentum"],
            r"$$b_t = \beta b_{t-1} + g_t$$ and, with $$E = mc^2,$$ $$\theta_t = \theta_{t-1} - \eta b_t.$$",
            0,
        ),
        (["formula:sgd"], rf"$${RIGHT}$$ $$b_t = \beta b_{{t-1}} + g_t$$", 1),  # what is it for?
        ([], rf"```latex$${RIGHT}$$```", 0),  # code
    ],
)
def test_what_an_author_is_told(tags, source, problems):
    cell = nbformat.v4.new_markdown_cell(source, metadata={"tags": tags})
    found = [wrong_with(update, "x") for update in updates(nbformat.v4.new_notebook(cells=[cell]), "x")]
    assert len(list(filter(None, found))) == problems, found


@pytest.mark.parametrize(
    ("display", "kind"),
    [
        (r"\theta_{t+1} = \theta_t - \eta g_t", "theta"),
        (r"\theta_{k+1} &= \theta_k - \eta g_k", "theta"),
        (r"\theta^{(t)} := \theta^{(t-1)} - \eta g", "theta"),
        (r"\boldsymbol{\theta}_t = 0", "theta"),
        (r"\theta \leftarrow \theta - \eta g", "theta"),
        (r"x_{k+1} = x_k - \eta \nabla f(x_k)", "state"),
        (r"\mathbf{w}_{t} = \mathbf{w}_{t-1} - \alpha g_t", "state"),
        (r"v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2", "state"),
        (r"f(\theta) = 0.1\,\theta_1^2", None),
        (r"\theta_1 = -5", None),
        (r"m_t = (1-\beta) \sum_{i=1}^{t} \beta^{t-i} g_i", None),
        (r"\eta^\star = \frac{4}{(\sqrt L + \sqrt\mu)^2}", None),
    ],
)
def test_what_counts_as_an_update(display, kind):
    assert assigns(display) == kind


def mutants(rule):
    """(what was done, LaTeX) for every small mistake in a rule's formula that this knows."""
    text = formula(rule)
    edits = [
        (r"\{t-1\}", "t"),
        (r"(?<![{(]t) - (?=\S)", " + "),
        (r" \+ ", " - "),
        (r"\\hat\{(\w)\}(?=_t\}|_t \}| r_t)", r"\1"),
        (r"\^2", ""),
        (r"\^t", ""),
        (r"\\sqrt\{([^{}]*(?:\{\w\}[^{}]*)*)\}(?! \+)", r"\1"),
        (r"\\sqrt\{([^{}]*(?:\{\w\}[^{}]*)*)\} \+ \\epsilon", r"\\sqrt{\1 + \\epsilon}"),
        (r"\\sqrt\{([^{}]*(?:\{\w\}[^{}]*)*) \+ \\epsilon\}", r"\\sqrt{\1} + \\epsilon"),
        (r"\\beta_1", r"\\beta_2"),
        (r"\\beta_2", r"\\beta_1"),
        (r"\\max", r"\\min"),
        (r"\|(\S+)\|", r"\1"),
        (r"\\mathrm\{sign\}", ""),
    ]
    for pattern, by in edits:
        for match in re.finditer(pattern, text):
            yield f"{match.group()} at {match.start()}", text[: match.start()] + match.expand(by) + text[match.end() :]


@pytest.mark.parametrize("name", READABLE)
def test_small_mistakes_are_told(name):
    missed, count = [], 0
    for what, latex in mutants(RULES[name]):
        count += 1
        try:
            result = check(RULES[name], latex)
        except ValueError as error:
            assert r"{t-1}" in what, error  # only a step that needs its own result cannot be read
            assert "before it is defined" in str(error)
            continue
        if result.equal is not False:
            missed.append((what, result))
    assert count >= 2 and missed == []
