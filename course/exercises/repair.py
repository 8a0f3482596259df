"""Blanks in which a broken function is to be mended: what is left when a learner mends a part of it."""

from itertools import combinations

from course.mistakes import Mistake

_COUNTS = ("", "One error is", "Two errors are", "Three errors are", "Four errors are")


def errors_left(given, errors, told=lambda left: True):
    """The known mistakes of such a blank: one for each set of errors that may be left, up to all of them.

    given     the names of the errors that are left, a tuple -> the function with just these
    errors    {name: what the error is and costs, in words that can follow a colon}
    told      a set of names -> whether it is among these mistakes; leave out what another list names, and
              sets that return the numbers of a smaller one
    """
    return tuple(
        Mistake("left_" + "_and_".join(left), given(left), f"{_said(left, errors)} left: {_what(left, errors)}.")
        for count in range(1, len(errors) + 1)
        for left in combinations(errors, count)
        if told(set(left))
    )


def _said(left, errors):
    every = len(left) == len(errors)
    return f"All {_COUNTS[len(left)].lower()}" if every else _COUNTS[len(left)]


def _what(left, errors):
    return "; ".join(errors[name] for name in left)
