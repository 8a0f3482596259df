r"""Update equations in LaTeX, read strictly: `read(latex)` gives equations or raises ValueError.

What is read:
    equations      X_t = ..., X_t \leftarrow ..., separated by , . ; \\ & \quad, alone or in `aligned`
    symbols        one letter or Greek letter; \hat \bar \tilde, primes, ^{max}, number _1 or index _t _{t-1} _{t+1}
    operations     + - / products (side by side, \cdot \odot \times), \frac, \sqrt, powers,
                   | |, \max( , ) \min( , ), \operatorname{sign}( ), \nabla f(\theta_{t-1}) for the gradient
    and around     t = 1, 2, 3, \dots; a remark \text{...} of REMARKS' words in an aligned column of its own

Refused, for it can be read in two ways: a/b c, \sqrt v_t, x^10, \eta(t), |a|b|c|, x^{(t)}, a 2, and all else.
"""

import re
from dataclasses import dataclass

from course.formula.expression import Apply, ExpressionReader, Number, evaluate, is_constant
from course.formula.symbol import Symbol

__all__ = ["Apply", "Equation", "Number", "Symbol", "evaluate", "is_constant", "read", "read_symbol"]

ENVIRONMENTS = ("aligned", "align", "align*", "gathered", "gather", "gather*", "split", "equation", "equation*")
# What a remark may say, so that none makes a condition: no number of a step, no size, no preposition of time.
REMARKS = set(
    "a an the of and its their remark note mean means average averages moving running decaying exponential "
    "gradient gradients square squares size sizes moment moments momentum velocity buffer memory sum state "
    "bias correction corrections corrected weight decay decoupled learning rate parameter parameters update".split()
)
PLACES = re.compile(r"\b(?:(?:section|equation|algorithm) [0-9]+|(?:first|second) moments?)\b", re.I)


@dataclass(frozen=True)
class Equation:
    r"""left: a Symbol. assigns: written with \leftarrow, not =. right: Number, Symbol or Apply."""

    left: Symbol
    assigns: bool
    right: object


def read(latex):
    """The equations of a LaTeX string, in order. Raises ValueError that says which token, and where."""
    return _Reader(latex).equations()


def read_symbol(latex):
    """The one symbol that a LaTeX string consists of. Raises ValueError."""
    reader = _Reader(latex)
    symbol, power = reader.symbol()
    if power is not None or reader.next.kind != "end":
        raise reader.wrong("nothing after the symbol")
    return symbol


class _Reader(ExpressionReader):
    """Reads equations and what may stand between them."""

    def equations(self):
        found, open_environments = [], []
        while True:
            columns = self.separators(open_environments)
            if self.next.kind == "end":
                break
            if self.next.kind == "text":
                self.remark(columns)
                continue
            found += self.equation()
            ends = self.next.kind in ("end", "row", "environment") or self.sees(",", ".", ";", "&", "\\quad", "\\qquad")
            if not ends:
                raise self.wrong("an operator, a separator or the end of the equation")
        if open_environments:
            raise self.wrong(f"\\end{{{open_environments[-1]}}}")
        if not found:
            raise self.wrong("an equation")
        return found

    def separators(self, open_environments):
        """Skips to the next equation; returns how many & stand before it in its row."""
        columns = 0
        while True:
            if self.next.kind == "environment":
                self.environment(open_environments)
            elif self.next.kind == "row":
                self.i += 1
                columns = 0
            elif token := self.take(",", ".", ";", "&", "\\quad", "\\qquad"):
                columns += token.text == "&"
            else:
                return columns

    def environment(self, open_environments):
        verb, name = self.next.text[1:-1].split("{")
        if verb == "begin" and name in ENVIRONMENTS:
            open_environments.append(name)
        elif verb == "end" and open_environments[-1:] == [name]:
            open_environments.pop()
        else:
            raise self.wrong("one of the environments " + ", ".join(ENVIRONMENTS) + ", closed in order")
        self.i += 1

    def remark(self, columns):
        if columns < 2:
            raise self.wrong("mathematics (a remark stands in a column of its own, after & &)")
        words = re.findall(r"[^\s,.:;()]+", PLACES.sub("", self.next.text[len("\\text{") : -1]))
        for word in words:
            if word.lower() not in REMARKS:
                raise self.wrong(f"a remark that makes no condition ({word!r} is not in course.formula.read.REMARKS)")
        self.i += 1

    def equation(self):
        left = self.left()
        if left.name == "t" and left.index is None:
            return self.counting()
        lefts, assigns = [left], None
        while True:
            self.take("&")
            token = self.take("=", ":=", "\\leftarrow", "\\gets")
            if token is None:
                raise self.wrong("= or \\leftarrow")
            assigns = token.text in ("\\leftarrow", "\\gets")
            self.take("&")
            right = self.expression()
            if not self.sees("="):
                return [Equation(left, assigns, right) for left in lefts]
            if not (isinstance(right, Symbol) and right.name.endswith("_0") and lefts[-1].name.endswith("_0")):
                raise self.wrong("one = in an equation (only start values are chained: m_0 = v_0 = 0)")
            lefts.append(right)

    def left(self):
        symbol, power = self.symbol()
        if power is not None:
            raise self.wrong("= or \\leftarrow after a symbol without a power")
        return symbol

    def counting(self):
        """t = 1, 2, 3, \\dots"""
        self.take("&")
        self.need("=")
        self.take("&")
        count = 0
        while self.next.text == str(count + 1):
            self.i += 1
            self.need(",")
            count += 1
        if count < 1 or not self.take("\\dots", "\\ldots"):
            raise self.wrong("t = 1, 2, 3, \\dots")
        return []
