"""The middle level of the reader: expressions, one method per construct (recursive descent)."""

from dataclasses import dataclass

from course.formula.numbers import Numeric
from course.formula.symbol import GREEK_COMMANDS, Symbol, SymbolReader
from course.formula.tokens import ACCENTS, FRACTIONS, PRODUCTS

CLOSING = {"(": ")", "[": "]", "\\{": "\\}"}
POWER = 100  # the largest power that is a number; SymPy writes out all digits of 9^{9^9}


@dataclass(frozen=True)
class Number:
    """A number as it is written, so that 0.1 stays one tenth."""

    text: str


@dataclass(frozen=True)
class Apply:
    """An operation (+ * / ^ abs sign max min, or gradient) and what it is applied to."""

    operation: str
    arguments: tuple


def is_constant(node):
    """Whether an expression has no symbol."""
    return not isinstance(node, Symbol) and all(map(is_constant, getattr(node, "arguments", ())))


def evaluate(node, numbers, look_up):
    """The value of an expression. look_up: gives that of a Symbol and of a gradient."""
    if isinstance(node, Number):
        return numbers.number(node.text)
    if isinstance(node, Symbol) or node.operation == "gradient":
        return look_up(node)
    return numbers.apply(node.operation, [evaluate(argument, numbers, look_up) for argument in node.arguments])


def _applied(operation, values):
    return values[0] if len(values) == 1 else Apply(operation, tuple(values))


class ExpressionReader(SymbolReader):
    """Reads sums, terms and factors. in_bars: whether a bare bar ends the expression that is read."""

    in_bars = False

    def expression(self):
        with self.nested():
            terms = [self.signed(self.take("-"))]
            while sign := self.take("+", "-"):
                terms.append(self.signed(sign))
        return _applied("+", terms)

    def signed(self, sign):
        """The next term, negative after a minus."""
        value = self.term()
        return Apply("*", (Number("-1"), value)) if sign and sign.text == "-" else value

    def term(self):
        bars, factors = self.sees("|"), [self.factor()]
        while self.starts_factor() or self.is_product():
            if self.take("/"):
                value = Apply("/", (_applied("*", factors), self.factor()))
                if self.starts_factor() or self.is_product():
                    raise self.wrong("the end of a term after a/b (write \\frac{a}{b})")
                return value
            if not self.take(*(f"\\{name}" for name in PRODUCTS)):
                self.check_beside(factors[-1], bars)
            bars = bars or self.sees("|")
            factors.append(self.factor())
        return _applied("*", factors)

    def check_beside(self, value, bars):
        """Refuses a factor beside another that could be read in two ways. bars: whether there were | | before."""
        if self.next.text == "|" and bars:
            raise self.wrong("\\left| \\right| where bars follow bars")
        if self.next.kind == "number" and self.tokens[self.i - 1].text not in (")", "}", "]", "\\}"):
            raise self.wrong("\\cdot before a number")
        if isinstance(value, Symbol) and "".join(token.text for token in self.tokens[self.i : self.i + 3]) == "(t)":
            raise self.wrong("an index _t, or \\cdot before (t)")

    def is_product(self):
        return self.sees("/", *(f"\\{name}" for name in PRODUCTS))

    def starts_factor(self):
        """Whether a factor can begin here; inside bars a bare bar ends them."""
        if self.sees("|"):
            return not self.in_bars
        starts = ("(", "[", "\\{", "\\lvert", "\\sqrt", "\\max", "\\min", "\\nabla")
        starts = (*starts, *(f"\\{name}" for name in (*ACCENTS, *FRACTIONS)), *GREEK_COMMANDS)
        return self.next.kind in ("number", "sign") or self.is_letter() or self.sees(*starts)

    def factor(self):
        if self.is_letter() or self.sees(*GREEK_COMMANDS, *(f"\\{name}" for name in ACCENTS)):
            value, power = self.symbol()
        else:
            value, power = self.atom(), None
            if self.sees("_", "'"):
                raise self.wrong("no index here: it belongs to a letter (braces help: \\sqrt{v_t})")
            if self.take("^"):
                power = self.raised()
        if power is not None and self.sees("^"):
            raise self.wrong("one power")
        return value if power is None else Apply("^", (value, power))

    def check_size(self, power, token):
        if is_constant(power):
            try:
                size = abs(evaluate(power, Numeric, None))
            except ArithmeticError:  # 1/0, or the root of a negative number
                size = None
            if size is None or not size <= POWER:
                raise self.wrong(f"a number of at most {POWER} as a power", token)

    def atom(self):
        token = self.next
        if token.kind == "number":
            self.i += 1
            return Number(token.text)
        if token.kind == "sign":
            self.i += 1
            return Apply("sign", tuple(self.bracketed(1)))
        if self.take("\\max", "\\min"):
            return Apply(token.text[1:], tuple(self.bracketed(2)))
        if self.take(*(f"\\{name}" for name in FRACTIONS)):
            return Apply("/", (self.argument(split=True), self.argument()))
        if self.take("\\sqrt"):
            return self.root()
        if self.take("\\nabla"):
            return self.gradient()
        if self.sees("|", "\\lvert"):
            return self.absolute()
        if self.sees(*CLOSING):
            return self.bracketed(1)[0]
        raise self.wrong("a number, a symbol, a bracket or a function")

    def bracketed(self, count):
        """What stands in the bracket that opens here: `count` expressions, or more where count is 2."""
        opening = self.take(*CLOSING)
        if opening is None:
            raise self.wrong("a bracket ( [ or \\{")
        outside, self.in_bars = self.in_bars, False
        values = [self.expression()]
        while count > 1 and self.take(","):
            values.append(self.expression())
        self.in_bars = outside
        if len(values) < count:
            raise self.wrong("a comma and another value")
        self.close(opening, CLOSING[opening.text])
        return values

    def close(self, opening, text):
        token = self.need(text)
        if token.paired != opening.paired:
            raise self.wrong("\\left and \\right in pairs", token)

    def absolute(self):
        opening = self.take("|", "\\lvert")
        outside, self.in_bars = self.in_bars, opening.text == "|"
        value = self.expression()
        self.in_bars = outside
        self.close(opening, "|" if opening.text == "|" else "\\rvert")
        return Apply("abs", (value,))

    def root(self):
        if self.take("["):  # no other root: torch has none of a negative number, SymPy a complex one
            self.need("2", "[2]: square roots only")
            self.need("]")
        return Apply("^", (self.argument(), Number("0.5")))

    def gradient(self):
        self.need("f", "f, as in \\nabla f(\\theta_{t-1})")
        opening = self.need("(")
        symbol, power = self.symbol()
        if power is not None:
            raise self.wrong("a symbol alone")
        self.close(opening, ")")
        return Apply("gradient", (symbol,))

    def argument(self, split=False):
        r"""What \frac and \sqrt apply to: a group in braces, or a single digit or letter. split: \frac12."""
        if self.take("{"):
            outside, self.in_bars = self.in_bars, False
            value = self.expression()
            self.in_bars = outside
            self.need("}")
            return value
        token = self.next
        if token.kind == "number" and split and token.text.isdigit() and len(token.text) == 2:
            self.tokens[self.i] = type(token)("number", token.text[1], token.at + 1)
            return Number(token.text[0])
        value = self.single()
        if self.sees("_", "^", "'"):
            raise self.wrong("braces around what \\frac or \\sqrt applies to")
        return value

    def single(self):
        token = self.next
        if token.kind == "number":
            if len(token.text) > 1 or self.tokens[self.i + 1].kind == "number":
                raise self.wrong("braces around more than one digit")
            self.i += 1
            return Number(token.text)
        if self.is_letter() or self.sees(*GREEK_COMMANDS):
            self.i += 1
            return Symbol(token.text, None, token.at)
        raise self.wrong("braces { }, one digit or one letter")

    def raised(self):
        """The power after ^."""
        token = self.next
        if token.text == "{" and self.tokens[self.i + 1].text in CLOSING and self.whole_bracket():
            raise self.wrong("a power; ^{( )} is the mark of an iterate")
        power = self.argument() if token.text == "{" else self.single()
        self.check_size(power, token)
        return power

    def whole_bracket(self):
        """Whether the braces that open here hold one bracket and nothing else."""
        depth = 0
        for token, after in zip(self.tokens[self.i + 1 :], self.tokens[self.i + 2 :], strict=False):
            depth += (token.text in CLOSING) - (token.text in CLOSING.values())
            if depth == 0:
                return after.text == "}"
        return False
