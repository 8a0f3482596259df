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
        Mistake("left_" + "_and_".join(left), given(left), _said(left, errors))
        for count in range(1, len(errors) + 1)
        for left in combinations(errors, count)
        if told(set(left))
    )


def _said(left, errors):
    """How many are left, and what the first of them is: the others are for the learner to find."""
    if len(left) == 1:
        return f"One error is left: {errors[left[0]]}."
    count = f"All {_COUNTS[len(left)].lower()}" if len(left) == len(errors) else _COUNTS[len(left)]
    return f"{count} left. One of them: {errors[left[0]]}."
