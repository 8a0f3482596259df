"""The two kinds of values that a formula is evaluated on: SymPy's expressions and mpmath's numbers."""

import operator

ARITHMETIC = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "abs": abs,
}


class Symbolic:
    """SymPy's expressions; numbers are exact."""

    @staticmethod
    def number(text):
        import sympy

        return sympy.Rational(text)

    @staticmethod
    def apply(operation, values):
        import sympy

        if operation in ARITHMETIC:
            return ARITHMETIC[operation](*values)
        return {"max": sympy.Max, "min": sympy.Min, "sign": sympy.sign}[operation](*values)


class Numeric:
    """mpmath's numbers, real or complex, at the precision that is set while they are used.

    Whole numbers stay Python's until they are divided or raised to a power, which is faster.
    """

    @staticmethod
    def number(text):
        import mpmath

        return int(text) if text.lstrip("-").isdigit() else mpmath.mpf(text)

    @staticmethod
    def apply(operation, values):
        import mpmath

        if operation in ("/", "^"):
            values = [mpmath.mpf(values[0]) if isinstance(values[0], int) else values[0], values[1]]
        if operation in ARITHMETIC:
            return ARITHMETIC[operation](*values)
        return {"max": max, "min": min, "sign": mpmath.sign}[operation](*values)
