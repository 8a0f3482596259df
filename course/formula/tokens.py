r"""LaTeX cut into tokens; a command or a sign that update equations do not use is an error."""

import re
from dataclasses import dataclass

GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi varphi "
    "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
).split()
ACCENTS = {"hat": "hat", "widehat": "hat", "bar": "bar", "overline": "bar", "tilde": "tilde", "widetilde": "tilde"}
FRACTIONS = ("frac", "dfrac", "tfrac")
PRODUCTS = ("cdot", "odot", "times")
OTHERS = "sqrt max min nabla leftarrow gets quad qquad dots ldots lvert rvert".split()
COMMANDS = {f"\\{name}" for name in (*GREEK, *ACCENTS, *FRACTIONS, *PRODUCTS, *OTHERS)}

PATTERN = re.compile(
    r"""(?P<space>(?:\s|~|\\[,;:!\s])+)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<text>\\text\{[^{}\\$]*\})
    | (?P<sign>\\(?:operatorname|mathrm)\{(?:sign|sgn)\})
    | (?P<environment>\\(?:begin|end)\{[A-Za-z]+\*?\})
    | (?P<bracket>\\(?P<size>left|right|[bB]igg?[lr]?)\s*(?P<shape>[()\[\]|]|\\[{}]|\\[lr]vert(?![A-Za-z])))
    | (?P<row>\\\\(?:\[\d+(?:\.\d+)?(?:pt|em|ex|mm)\])?)
    | (?P<command>\\[A-Za-z]+)
    | (?P<plain>\\[{}]|:=|[A-Za-z+\-/=()\[\]|,.;'^_{}&])""",
    re.VERBOSE | re.ASCII,  # a digit is 0 to 9, and a space none of Unicode's
)
LENGTH, DIGITS = 3000, 40  # a page of equations, and more digits than any number in them has


@dataclass(frozen=True)
class Token:
    r"""kind: number, text, sign, environment, row, command, plain or end. at: where it starts, from 0.

    text: as written, but brackets without their size, and \left| as \lvert. paired: after \left or \right.
    """

    kind: str
    text: str
    at: int
    paired: bool = False


def error(latex, at, seen, expected):
    """The exception for a place in the LaTeX: what was seen there, and what could have stood there."""
    seen = repr(seen if len(seen) <= 40 else seen[:37] + "...") if seen else "the end"
    return ValueError(
        f"LaTeX, character {at + 1}: got {seen}, expected {expected}; after {latex[max(0, at - 30) : at]!r}"
    )


def tokens(latex):
    """The tokens of a LaTeX string without its spaces; the last one is of kind "end".

    Raises ValueError at the first character or command that is not known, and where a limit is passed.
    """
    if len(latex) > LENGTH:
        raise ValueError(f"LaTeX: got {len(latex)} characters, expected at most {LENGTH}")
    found, at = [], 0
    while at < len(latex):
        match = PATTERN.match(latex, at)
        if match is None:
            seen = re.match(r"\\?.", latex[at:], re.DOTALL).group()
            raise error(latex, at, seen, "a sign that update equations use")
        if match.lastgroup == "command" and match.group() not in COMMANDS:
            raise error(latex, at, match.group(), "a command that update equations use")
        if match.lastgroup == "number" and len(match.group()) > DIGITS:
            raise error(latex, at, match.group(), f"a number of at most {DIGITS} digits")
        if match["bracket"]:
            found.append(_bracket(match))
        elif match.lastgroup != "space":
            found.append(Token(match.lastgroup, match.group(), at))
        at = match.end()
    return [*found, Token("end", "", len(latex))]


def _bracket(match):
    size, shape = match["size"], match["shape"]
    if shape == "|" and size[-1] in "lrt":  # \bigl| \bigr| \left| \right| say which side they are
        shape = "\\lvert" if size == "left" or size[-1] == "l" else "\\rvert"
    kind = "command" if shape.endswith("vert") else "plain"
    return Token(kind, shape, match.start(), paired=size in ("left", "right"))
