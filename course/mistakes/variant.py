"""What a mistake is, and how one is registered for a rule."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer.

    name      a short name, unique within its exercise
    function  takes the same arguments as the right answer and returns what the mistake returns
    says      one or two sentences to the learner: what was done, and what it costs
    """

    name: str
    function: Callable
    says: str


MISTAKES: dict[str, tuple[Mistake, ...]] = {}


def of(rule, name, says):
    """Registers a function of (theta, g, t, *state, *hyper) as a mistake with the rule's signature."""

    def register(function):
        def shaped(theta, g, t, *state, **hyper):
            values = [*state, *list(rule.state.values())[len(state) :]]
            return function(theta, g, t, *values, **{**rule.hyper, **hyper})

        shaped.__name__, shaped.__signature__ = name, inspect.signature(rule)
        MISTAKES[rule.__name__] = (*MISTAKES.get(rule.__name__, ()), Mistake(name, shaped, says))
        return function

    return register


def another(rule, right, name, says):
    """Registers a right rule as the mistaken answer where `rule` was asked for."""
    of(rule, name, says)(lambda theta, g, t, *state, **hyper: right.__wrapped__(theta, g, t, *state, **hyper))


UPHILL = "You added the step. The gradient points uphill, so the parameters must move by minus the rate times it."
EPS_INSIDE = (
    "You divided by sqrt({} + eps); eps belongs outside the root. On gradients of 1 nobody sees it; on gradients of "
    "1e-5 {}."
)
NO_ROOT = "You divided by {} and not by its root: the step then has the size of 1/g, longest where the slope is least."
