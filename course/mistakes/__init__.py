"""The wrong variants of each rule that people are known to write, and what each one means.

A mistake is a rule-shaped function: `check` runs it on the learner's inputs, and where its numbers
equal the learner's, the mistake is named. `MISTAKES[rule name]` is a tuple of them. A test shows
that each is told apart from the right rule and from every other one of that rule.
"""

from course.mistakes import adagrad, adam, adamw, momentum  # noqa: F401  each registers its own
from course.mistakes.variant import MISTAKES, Mistake

__all__ = ["MISTAKES", "Mistake"]
