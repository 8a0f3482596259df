"""The lowest level of the reader: a place among the tokens, and the symbols that stand there."""

from contextlib import contextmanager
from dataclasses import dataclass

from course.formula.tokens import ACCENTS, GREEK, error, tokens

GREEK_COMMANDS = {f"\\{name}" for name in GREEK}
DEPTH = 20  # an update equation needs about 5, and Python's own recursion allows about 100


@dataclass(frozen=True)
class Symbol:
    r"""A letter with all that belongs to its name. index: 0 for _t, -1 for _{t-1}, 1 for _{t+1}, else None."""

    name: str
    index: int | None
    at: int

    def __str__(self):
        if self.index is None:
            return self.name
        return self.name + {0: "_t", -1: "_{t-1}", 1: "_{t+1}"}[self.index]


class SymbolReader:
    """Reads symbols; what it reads moves `next` on. Its subclass reads the powers."""

    def __init__(self, latex):
        if not isinstance(latex, str):
            raise TypeError(f"latex: got {type(latex).__name__}, expected a string")
        for fence in ("$$", "$"):
            if (
                len(latex.strip()) > 2 * len(fence)
                and latex.strip().startswith(fence)
                and latex.strip().endswith(fence)
            ):
                latex = latex.strip()[len(fence) : -len(fence)]
        self.latex, self.tokens, self.i, self.depth = latex, tokens(latex), 0, 0

    @property
    def next(self):
        return self.tokens[self.i]

    def wrong(self, expected, token=None):
        token = token or self.next
        return error(self.latex, token.at, token.text, expected)

    @contextmanager
    def nested(self):
        """One level deeper, in a bracket, a fraction or an accent."""
        self.depth += 1
        if self.depth > DEPTH:
            raise self.wrong(f"at most {DEPTH} levels of brackets, fractions and accents")
        yield
        self.depth -= 1

    def sees(self, *texts):
        return self.next.kind != "text" and self.next.text in texts

    def take(self, *texts):
        """The next token if it is one of these, else None."""
        if not self.sees(*texts):
            return None
        self.i += 1
        return self.tokens[self.i - 1]

    def need(self, text, expected=None):
        token = self.take(text)
        if token is None:
            raise self.wrong(expected or repr(text))
        return token

    def is_letter(self):
        return self.next.kind == "plain" and self.next.text.isalpha()

    def symbol(self):
        """A Symbol, and its power or None."""
        at = self.next.at
        name, index = self.letter()
        label = number = power = None
        while self.sees("'", "^", "_"):
            if self.take("'"):
                if label or number or power is not None:
                    raise self.wrong("a prime right after its letter")
                name += "'"
            elif self.take("^"):
                if power is not None or label:
                    raise self.wrong("one power")
                label = self.label()
                power = None if label else self.raised()
            else:
                if index is not None or number:
                    raise self.wrong("one index")
                self.need("_")
                index, number = self.index()
        return Symbol(name + (label or "") + (number or ""), index, at), power

    def letter(self):
        """A letter with its accents, and the index if it stands below the accent."""
        for accent, canonical in ACCENTS.items():
            if self.take(f"\\{accent}"):
                with self.nested():
                    name, index = self.accented()
                return f"\\{canonical}{{{name}}}", index
        if not (self.is_letter() or self.sees(*GREEK_COMMANDS)):
            raise self.wrong("a symbol")
        self.i += 1
        return self.tokens[self.i - 1].text, None

    def accented(self):
        """What an accent stands on: a symbol in braces, or the next letter."""
        if not self.take("{"):
            return self.letter()[0], None
        inner, power = self.symbol()
        if power is not None:
            raise self.wrong("a power outside the accent")
        self.need("}")
        return inner.name, inner.index

    def label(self):
        for label in ("{\\max}", "{max}"):
            if self.latex.startswith(label, self.next.at):
                while not self.take("}"):
                    self.i += 1
                return "^{max}"
        return None

    def index(self):
        """What stands after _: an index as a distance from t, or a number that belongs to the name."""
        braces = self.take("{")
        token = self.next
        if token.kind == "number" and (braces or len(token.text) == 1) and token.text.isdigit():
            self.i += 1
            found = (None, f"_{token.text}")
        elif self.take("t"):
            found = (self.shift() if braces else 0), None
        else:
            raise self.wrong("an index t, t-1, t+1 or a number")
        if braces:
            self.need("}", "t, t-1 or t+1")
        return found

    def shift(self):
        sign = self.take("+", "-")
        if sign is None:
            return 0
        self.need("1", "t-1 or t+1")
        return 1 if sign.text == "+" else -1
