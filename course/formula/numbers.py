"""The kinds of values that a formula is evaluated on: SymPy's expressions, mpmath's numbers, and none at all."""

import functools
import operator

ARITHMETIC = {"+": operator.add, "*": operator.mul, "/": operator.truediv, "^": operator.pow}
POWER = 1e30  # mpmath's largest power, beyond that of any step
BITS = 10_000  # of SymPy's largest power of a number


class Symbolic:
    """SymPy's expressions; numbers are exact."""

    @staticmethod
    def number(text):
        import sympy

        return sympy.Rational(text)

    @staticmethod
    def apply(operation, values):
        """Raises OverflowError for powers whose digits would fill the memory."""
        import sympy

        if operation in ARITHMETIC:
            if operation == "^" and values[1].is_Rational:
                bits = max(
                    (abs(number.p * number.q).bit_length() for number in values[0].atoms(sympy.Rational)), default=0
                )
                if bits * abs(values[1]) > BITS:
                    raise OverflowError(f"a power of more than {BITS} bits")
            return functools.reduce(ARITHMETIC[operation], values)
        return {"max": sympy.Max, "min": sympy.Min, "sign": sympy.sign, "abs": sympy.Abs}[operation](*values)


class Numeric:
    """mpmath's real numbers, at the precision that is set while they are used.

    Whole numbers stay Python's until they are divided or raised to a power, which is faster.
    """

    @staticmethod
    def number(text):
        import mpmath

        return int(text) if text.lstrip("-").isdigit() else mpmath.mpf(text)

    @staticmethod
    def apply(operation, values):
        """Raises ArithmeticError where there is no real number, as for the root of a negative one."""
        import mpmath

        if operation in ("/", "^"):
            values = [mpmath.mpf(values[0]) if isinstance(values[0], int) else values[0], values[1]]
        if operation == "^" and abs(values[1]) > POWER:
            raise OverflowError(f"a power of more than {POWER:.0e}")
        if operation in ARITHMETIC:
            value = functools.reduce(ARITHMETIC[operation], values)
        else:
            value = {"max": max, "min": min, "sign": mpmath.sign, "abs": abs}[operation](*values)
        if isinstance(value, mpmath.mpc):
            raise ArithmeticError("a complex number")
        return value


class Nothing:
    """No values: what is left is whether every symbol has one."""

    @staticmethod
    def number(text):
        return object()

    @staticmethod
    def apply(operation, values):
        return object()
