r"""The formula is the code: a rule's LaTeX for display, and a proof that some LaTeX is the rule.

    from IPython.display import Math
    Math(formula(adam))                                       # the docstring's formula, aligned
    check(momentum, r"b_t = \beta b_{t-1} + g_t, \quad \theta_t = \theta_{t-1} - \eta b_t")

`check` reads one dialect, that of update equations, and raises ValueError for anything else: it
never guesses. `course.formula.read` says what it reads, `course.formula.names` which symbol
stands for which argument. SymPy is needed for `check` only; torch installs it.
"""

from course.formula.compare import Result, check
from course.formula.names import formula, symbols

__all__ = ["Result", "check", "formula", "symbols"]
