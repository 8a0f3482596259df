r"""Every update rule of the course, one pure function each.

A rule takes one step: `rule(theta, g, t, *state, **hyper) -> (theta, *state)`.

theta   the parameters, a float or an array of any shape
g       the gradient of the loss at theta, same shape
t       the number of the step: 1, 2, 3, ...
state   what the rule remembers from step to step: the positional arguments with a default, which
        is their value before step 1
hyper   the hyper-parameters: the keyword-only arguments, with torch's names and defaults. Each may
        be an array that broadcasts against theta.

No argument is changed; new values are returned, the parameters first. A rule runs on floats, NumPy
and torch (any device), JAX, CuPy and SymPy. Units: with the loss in units of l and theta in units
of x, g is in l/x, so the learning rate of sgd is in x^2/l and that of adam in x.

Raises (all rules): TypeError for integer parameters, an unknown hyper-parameter or too many state
values; ValueError for a gradient of another shape than theta, t < 1, lr < 0, eps < 0, or a decay
factor outside [0, 1).

The families: `momentum.py`, `adagrad.py`, `adam.py`, and `matrix.py` for the rules that look at a
parameter as a matrix. `RULES` holds every rule by name.
"""

from course.rules.adagrad import (
    adadelta,
    adagrad,
    adagrad_eps_inside,
    rmsprop,
    rmsprop_centered,
    rmsprop_centered_momentum,
    rmsprop_eps_inside,
    rmsprop_momentum,
    rprop,
)
from course.rules.adam import (
    adam,
    adam_eps_hat,
    adam_eps_inside,
    adamax,
    adamw,
    amsgrad,
    nadam,
    radam,
)
from course.rules.matrix import (
    adafactor,
    adafactor_vector,
    muon,
    muon_plain,
)
from course.rules.momentum import (
    asgd,
    heavy_ball,
    lion,
    momentum,
    momentum_dampened,
    momentum_ema,
    nesterov,
    sgd,
)

RULES = {
    checked.__name__: checked
    for checked in (
        sgd,
        heavy_ball,
        momentum,
        momentum_ema,
        momentum_dampened,
        nesterov,
        asgd,
        lion,
        adagrad,
        adagrad_eps_inside,
        rmsprop,
        rmsprop_eps_inside,
        rmsprop_momentum,
        rmsprop_centered,
        rmsprop_centered_momentum,
        adadelta,
        rprop,
        adam,
        adam_eps_hat,
        adam_eps_inside,
        adamw,
        amsgrad,
        adamax,
        nadam,
        radam,
        adafactor,
        adafactor_vector,
        muon,
        muon_plain,
    )
}

MATRIX_RULES = ("adafactor", "muon", "muon_plain")  # theta has two axes (adafactor: at least two)

__all__ = ["RULES", *RULES]
