"""notebooks/convention_atlas.md, written from the sections and the numbers that the rules give today."""

import math

from course.authoring import notebook
from course.authoring.atlas import adagrad, adam, matrix, momentum, nadam
from course.authoring.atlas.entry import STEPS, rule_of

PAGE = "notebooks/convention_atlas.md"
ENTRIES = (*momentum.ENTRIES, *adagrad.ENTRIES, *adam.ENTRIES, *nadam.ENTRIES, *matrix.ENTRIES)

SYMBOLS = {
    "lr": r"\eta", "momentum": r"\beta", "dampening": r"\tau", "lr_decay": r"\zeta", "alpha": r"\alpha", "rho": r"\rho",
    "beta1": r"\beta_1", "beta2": r"\beta_2", "eps": r"\epsilon", "G": "G_0", "momentum_decay": r"\psi",
    "etaminus": r"\eta^-", "etaplus": r"\eta^+", "step_size_min": r"\Delta_{min}", "step_size_max": r"\Delta_{max}",
    "lambd": r"\lambda", "t0": "t_0", "ema_momentum": r"\gamma", "beta2_decay": r"\gamma", "eps1": r"\epsilon_1",
    "eps2": r"\epsilon_2", "d": "d", "weight_decay": r"\lambda", "ns_steps": "k",
}  # fmt: skip
HIDDEN = ("ns_coefficients",)  # the same three numbers everywhere

OPENING = """# The convention atlas

Rules of one name are not one rule: this page sets what torch, Keras, Optax, the papers and the textbooks mean by each name side by side, with a number that tells them apart.

**How to read it.** Each row is one source's form; what all forms of a table share stands above it. The column "own defaults" runs the example with each source's own settings, the column "equal settings" gives every form the same ones, so that only the formula is left to differ.

Symbols: $\\theta$ parameters, $g_t$ gradient, $\\eta$ learning rate, $\\epsilon$ the small constant of a denominator, $\\lambda$ weight decay, $t = 1, 2, 3, \\dots$ the step. A dash means that a setting must be given; the example then takes that of the column "equal settings", and 1 for $\\eta$. "Moved" is $(\\theta_0 - \\theta_T) / \\eta$.

**What is computed and what is quoted.** Every number in the last two columns is computed when this page is built, by the rules of the course and, for forms that are no rule of the course, by the functions in `course/authoring/atlas/conventions.py`. torch's formulas and defaults are those of the rules, which the tests hold beside `torch.optim`. The formulas and defaults in all other rows are quoted, in this page's symbols, from the document named in brackets; [K] and [O] are explained under [Sources](#sources)."""

SOURCES = """- torch: `torch.optim` of torch 2.13.0, and 2.9.0.
- [K]: the source of Keras 3.15.1 (`keras/src/optimizers`, package of 2026-05-04), read on 2026-11-22.
- [O]: the source of Optax 0.2.8 (`optax/_src` and `optax/contrib`, package of 2026-03-20), read on 2026-11-22.
- Papers and textbooks are named in the rows by author, year and place. They were cited from the docstrings of `course/rules` and from memory, and not read again for this page.

The rows [O] and [K] were run by hand on 2026-11-22 beside Optax 0.2.8 (on JAX 0.12.0.1) and Keras 3.15.1 (on torch 2.9.0), in float64, over 20 random gradients of sizes 1e-7 to 10, or normal ones for matrices. The largest difference was 5e-15, except for Adafactor (2e-5 for Optax and 2e-7 for Keras, which compute a part in float32) and Muon (2e-9: both add their small constant to the norm, where the functions here take the larger of the two).

The ports to torch were run in torch 2.9.0 itself beside both libraries on the same day: Adagrad, Adadelta, Adam, AdamW, AMSGrad, NAdam, RAdam and Nesterov to 9e-16, Adafactor to 4e-10, Muon to 3e-5 at a rate of 1e-3 (bfloat16)."""


def text():
    """The page as it ought to be stored."""
    contents = "\n".join(f"- [{entry.title}](#{_anchor(entry.title)})" for entry in ENTRIES)
    sections = [_section(entry) for entry in ENTRIES]
    return (
        "\n\n".join(
            [OPENING, "## Contents\n\n" + contents + "\n- [Sources](#sources)", *sections, _heading("Sources"), SOURCES]
        )
        + "\n"
    )


def build():
    """Writes the page; returns whether the file changed."""
    return notebook.write(notebook.ROOT / PAGE, text())


def _anchor(title):
    """The name of a section in the page's own links."""
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _heading(title):
    """A heading with an anchor of its own, since JupyterLab and GitHub name headings differently."""
    return f'<a id="{_anchor(title)}" name="{_anchor(title)}"></a>\n\n## {title}'


def _section(entry):
    parts = [_heading(entry.title), entry.lead]
    if entry.shared:
        parts.append("All forms share $" + "$, $".join(entry.shared) + "$.")
    parts += [_table(entry), f"**Example.** {entry.example.text}"]
    parts += [_agreement(entry), f"**How to port.** {entry.port}{_checked(entry)}"]
    return "\n\n".join(parts)


def _table(entry):
    """One row a form; the columns on eps, correction and decay only where a form says something there."""
    extra = {"eps": r"$\epsilon$", "correction": "bias", "decay": "decay"}
    extra = {key: head for key, head in extra.items() if any(getattr(form, key) for form in entry.forms)}
    heads = ["form", "update", "defaults", *extra.values(), "own defaults", "equal settings"]
    rows = [heads, ["---"] * (len(heads) - 2) + ["---:"] * 2]
    for form in entry.forms:
        update = "<br>".join(f"${line}$" for line in form.step)
        words = [getattr(form, key) or "none" for key in extra]
        numbers = [_number(entry.own(form)), _number(entry.equal(form))]
        rows.append([form.who.replace(" [", "<br>["), update, _defaults(form), *words, *numbers])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _defaults(form):
    """The settings of a form, in the page's symbols."""
    rule = rule_of(form.rule)
    shown = {key: value for key, value in (rule.hyper | form.defaults).items() if key not in form.fixed}
    shown = {key: value for key, value in shown.items() if key not in HIDDEN}
    return ",$ $".join(f"{SYMBOLS[key]}{_equals(key, value)}" for key, value in shown.items()).join("$$") or "none"


def _equals(key, value):
    if value is None:
        return r" = \epsilon_{machine}" if key == "eps1" else r"\text{: —}"
    return f" = {_latex(value)}"


def _latex(value, digits=8):
    """1e-08 as 10^{-8}, 2.5e-05 as 2.5 \\cdot 10^{-5}."""
    mantissa, e, power = f"{value:.{digits}g}".partition("e")
    if not e:
        return mantissa
    return ("" if mantissa == "1" else mantissa + r" \cdot ") + f"10^{{{int(power)}}}"


def _number(value):
    """Four digits, on which every machine agrees."""
    if math.isclose(value, 0, abs_tol=1e-12):
        return "0"
    return f"{value:#.4g}" if 1e-3 <= abs(value) < 1e4 else f"${_latex(value, 4)}$"


def _agreement(entry):
    groups = [" = ".join(group) for group in entry.agree]
    said = f"With equal settings {'; '.join(groups)}" if groups else "With equal settings all forms differ"
    if len(entry.agree) == 1 and len(entry.agree[0]) == len(entry.forms):
        return f"{said}: one formula, other defaults (checked to 1e-12 over {STEPS} random steps)."
    said += (
        f" (checked to 1e-12 over {STEPS} random steps, while $\\eta$ falls); all other pairs differ" if groups else ""
    )
    tied = ", ".join(" and ".join(pair) for pair in entry.tied)
    return said + (f" (not on this example: {tied})." if tied else ".")


def _checked(entry):
    """The ports that the tests hold, named."""
    names = list(dict.fromkeys(port.form for port in entry.ports))
    return f" Checked to 1e-12: {', '.join(names)}." if names else ""
