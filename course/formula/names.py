r"""Which LaTeX symbol stands for which argument of a rule, and the formula in its docstring.

A rule's docstring is a summary, a paragraph with one equation per line, and the arguments:

    m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t
    ...

    m, v: moving averages of g and of g^2. lr: \eta, in units of theta. weight_decay: \lambda.

An argument's symbol is, in this order: the first LaTeX symbol in its own sentence ("lr: \eta, ...");
what the rule named by "as in `adam`" says; its name, if that is a letter, with a number or without
(t0: t_0, beta1: \beta_1). lr and eps are \eta and \epsilon. Any other argument has no symbol.
"""

import inspect
import re

from course.formula.read import read_symbol
from course.formula.tokens import GREEK
from course.inputs import rule as as_rule
from course.inputs import unknown, wrong

USUAL = {"lr": "\\eta", "eps": "\\epsilon"}
PROSE = re.compile(r" ?(?<![\\A-Za-z{])[A-Za-z]{2,}(?:[ -][A-Za-z]+(?![A-Za-z_^]))* ?")


def checked(rule):
    """The rule with `state` and `hyper`; a bare function of the same shape gets them."""
    if hasattr(rule, "hyper"):
        return rule
    if not callable(rule):
        raise wrong("rule", rule, "an update rule such as course.rules.adam", TypeError)
    return as_rule(rule)


def formula(rule):
    r"""The equations of a rule's docstring as one aligned LaTeX block, a string.

    `IPython.display.Math(formula(rule))` displays it; the few words of prose in it are set as text.
    Raises ValueError where the docstring has no equation in its second paragraph.
    """
    rule, rows = checked(rule), []
    for line in _lines(rule):
        line = line.replace(" = ", " &= ", 1) if " = " in line else f"&{line}"
        rows.append(PROSE.sub(lambda words: f"\\text{{{words.group()}}}", line))
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _lines(rule):
    paragraphs = _paragraphs(rule)
    lines = paragraphs[1].splitlines() if len(paragraphs) > 1 else []
    if not any("=" in line for line in lines):
        expected = "expected one per line"
        raise ValueError(f"{rule.__name__}: the docstring's second paragraph has no equation, {expected}")
    return lines


def _paragraphs(rule):
    return re.split(r"\n\s*\n", inspect.getdoc(rule) or "")


def symbols(rule, given=None):
    r"""The names of a rule's symbols: ({symbol: state}, {symbol: hyper-parameter}), {"v": "v"}, {"\eta": "lr"}.

    given: {LaTeX: argument}, symbols that replace the docstring's, such as {r"\alpha": "lr"}.
    A state has an index and a hyper-parameter has none, so that both may have the same letter.
    Raises ValueError where an argument has no symbol, or two have the same.
    """
    rule = checked(rule)
    given = {} if given is None else given
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given.values()):
        raise wrong("given", given, r"a dictionary {LaTeX: argument} such as {'\alpha': 'lr'}", TypeError)
    found = {**{name: _letter(name) for name in (*rule.state, *rule.hyper)}, **_documented(rule, ())}
    for latex, name in given.items():
        if name not in found:
            raise unknown(f"{rule.__name__}'s argument", name, list(found))
        found[name] = read_symbol(latex).name
    missing = [name for name, symbol in found.items() if symbol is None]
    if missing:
        expected = f"expected one in the docstring: `{missing[0]}: ...`"
        raise ValueError(f"{rule.__name__}: no symbol for {missing[0]}, {expected}")
    return _by_symbol(rule, found, rule.state), _by_symbol(rule, found, rule.hyper)


def _by_symbol(rule, found, names):
    turned = {"\\theta": "theta", "g": "g", "t": "t"}
    for name in names:
        symbol = found[name]
        if symbol in turned:
            both = f"{turned[symbol]} and for {name}"
            raise ValueError(f"{rule.__name__}: {symbol} stands for {both}, expected one of them")
        turned[symbol] = name
    return {symbol: name for symbol, name in turned.items() if name in names}


def _letter(name):
    letter, number = re.fullmatch(r"(.*?)(\d?)", name).groups()
    if name in USUAL:
        return USUAL[name]
    if letter in GREEK or len(letter) == 1:
        return ("\\" if letter in GREEK else "") + letter + (f"_{number}" if number else "")
    return None


def _documented(rule, seen):
    """{argument: symbol} for the arguments whose symbol the docstring gives, its own or another rule's."""
    from course.rules import RULES

    text = " ".join(" ".join(_paragraphs(rule)[1:]).split())
    names = [*rule.state, *rule.hyper]
    found = {}
    for other in re.findall(r"\bas in `(\w+)`", text):
        if other in RULES and other not in seen:
            inherited = _documented(RULES[other], (*seen, other))
            found.update({name: symbol for name, symbol in inherited.items() if name in names})
    one = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    entries = list(re.finditer(rf"(?<![\w\\`])((?:{one})(?:, (?:{one}))*): ", text)) if names else []
    for entry, after in zip(entries, [*entries[1:], None], strict=False):
        said = text[entry.end() : after.start() if after else len(text)]
        named = [name for name in entry[1].split(", ") if len(name) > 1]  # a letter is its own symbol
        found.update(zip(named, _symbols_in(re.split(r"[.;](?:\s|$)", said)[0]), strict=False))
    return found


def _symbols_in(sentence):
    r"""The words of a sentence that are LaTeX symbols; \eta_0, a value before step 1, names \eta."""
    for word in sentence.split():
        word = word.rstrip(",.;:")
        if "\\" in word or "^{" in word:
            try:
                yield read_symbol(word).name.removesuffix("_0")
            except ValueError:
                continue
