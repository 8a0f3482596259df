"""Known mistakes in AdamW and AMSGrad."""

from course import rules
from course.mistakes.variant import EPS_INSIDE, NO_ROOT, UPHILL, of
from course.ops import maximum, minimum, sqrt

_FIRST_STEP = "the first step shrinks from 0.999 lr to 0.0995 lr with eps 1e-8"


def _means(g, m, v, beta1, beta2):
    return beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2


def _hats(m, v, t, beta1, beta2):
    return m / (1 - beta1**t), v / (1 - beta2**t)


def _step(g, t, m, v, beta1, beta2, eps):
    """Adam's step in units of lr, and the new means."""
    m, v = _means(g, m, v, beta1, beta2)
    m_hat, v_hat = _hats(m, v, t, beta1, beta2)
    return m_hat / (sqrt(v_hat) + eps), m, v


# adamw


@of(rules.adamw, "wrong_sign", UPHILL)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    step, m, v = _step(g, t, m, v, beta1, beta2, eps)
    return (1 - lr * weight_decay) * theta + lr * step, m, v


@of(
    rules.adamw,
    "l2",
    "You added weight_decay * theta to the gradient. That is L2, torch's Adam(weight_decay=...): the decay is divided by "
    "sqrt(v_hat) like everything else, so a weight with gradients of size 100 is decayed 100 times too little.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    step, m, v = _step(g + weight_decay * theta, t, m, v, beta1, beta2, eps)
    return theta - lr * step, m, v


@of(
    rules.adamw,
    "twice",
    "You decayed twice: in the gradient, and in the parameters. With gradients of size 1 that is double the decay.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    step, m, v = _step(g + weight_decay * theta, t, m, v, beta1, beta2, eps)
    return (1 - lr * weight_decay) * theta - lr * step, m, v


@of(
    rules.adamw,
    "no_rate",
    "You did not multiply the decay by lr. With torch's defaults a weight then loses 1 % in every step, not 0.001 %.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    step, m, v = _step(g, t, m, v, beta1, beta2, eps)
    return (1 - weight_decay) * theta - lr * step, m, v


@of(
    rules.adamw,
    "rate_twice",
    "You multiplied the decay by lr twice. At lr = 1e-3 it is 1000 times too weak: nothing decays.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    step, m, v = _step(g, t, m, v, beta1, beta2, eps)
    return (1 - lr**2 * weight_decay) * theta - lr * step, m, v


@of(
    rules.adamw,
    "decay_after_step",
    "You decayed the parameters after the step, so the step is decayed too. It changes little (lr * weight_decay of a "
    "step), but it is not AdamW: the old theta is decayed.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    step, m, v = _step(g, t, m, v, beta1, beta2, eps)
    return (1 - lr * weight_decay) * (theta - lr * step), m, v


@of(
    rules.adamw,
    "no_rate_after_step",
    "You decayed after the step, and without lr: with torch's defaults a weight loses 1 % in every step, not 0.001 %.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    step, m, v = _step(g, t, m, v, beta1, beta2, eps)
    return (1 - weight_decay) * (theta - lr * step), m, v


@of(
    rules.adamw,
    "decay_in_m_hat",
    "You added the decay to m_hat, above sqrt(v_hat). It is out of the running means, but still divided by "
    "sqrt(v_hat): with gradients of size 100 it is 100 times too small.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    m, v = _means(g, m, v, beta1, beta2)
    m_hat, v_hat = _hats(m, v, t, beta1, beta2)
    return theta - lr * (m_hat + weight_decay * theta) / (sqrt(v_hat) + eps), m, v


@of(
    rules.adamw,
    "grows",
    "Your decay has the wrong sign: 1 + lr * weight_decay makes every weight grow. Decay multiplies by one minus that.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    step, m, v = _step(g, t, m, v, beta1, beta2, eps)
    return (1 + lr * weight_decay) * theta - lr * step, m, v


@of(rules.adamw, "no_decay", "weight_decay changes nothing in your rule: this is Adam.")
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    step, m, v = _step(g, t, m, v, beta1, beta2, eps)
    return theta - lr * step, m, v


@of(
    rules.adamw,
    "no_correction",
    "You left out both bias corrections. With beta1 0.9 and beta2 0.999 the first step is 3.16 lr in place of lr.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    m, v = _means(g, m, v, beta1, beta2)
    return (1 - lr * weight_decay) * theta - lr * m / (sqrt(v) + eps), m, v


@of(
    rules.adamw,
    "corrected_fed_back",
    "You returned the corrected moments as the state. They are corrected again at every step; return m and v.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    m, v = _hats(*_means(g, m, v, beta1, beta2), t, beta1, beta2)
    return (1 - lr * weight_decay) * theta - lr * m / (sqrt(v) + eps), m, v


@of(
    rules.adamw,
    "gradient_for_m_hat",
    "You stepped with g in place of m_hat: the first moment is kept and never used, so there is no momentum.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    m, v = _means(g, m, v, beta1, beta2)
    _, v_hat = _hats(m, v, t, beta1, beta2)
    return (1 - lr * weight_decay) * theta - lr * g / (sqrt(v_hat) + eps), m, v


@of(rules.adamw, "eps_inside", EPS_INSIDE.format("v_hat", _FIRST_STEP))
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    m, v = _means(g, m, v, beta1, beta2)
    m_hat, v_hat = _hats(m, v, t, beta1, beta2)
    return (1 - lr * weight_decay) * theta - lr * m_hat / sqrt(v_hat + eps), m, v


@of(rules.adamw, "no_root", NO_ROOT.format("v_hat"))
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    m, v = _means(g, m, v, beta1, beta2)
    m_hat, v_hat = _hats(m, v, t, beta1, beta2)
    return (1 - lr * weight_decay) * theta - lr * m_hat / (v_hat + eps), m, v


@of(
    rules.adamw,
    "published_card",
    "You followed the printed card: weight_decay * theta in the gradient and once more in the step, and eps inside the "
    "root. A weight of 1 without gradient keeps about a quarter after 1000 steps at torch's defaults, not 0.99.",
)
def _(theta, g, t, m, v, lr, beta1, beta2, eps, weight_decay):
    m, v = _means(g + weight_decay * theta, m, v, beta1, beta2)
    m_hat, v_hat = _hats(m, v, t, beta1, beta2)
    return (1 - lr * weight_decay) * theta - lr * m_hat / sqrt(v_hat + eps), m, v


# amsgrad


@of(rules.amsgrad, "wrong_sign", UPHILL)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, v = _means(g, m, v, beta1, beta2)
    v_max = maximum(v_max, v)
    m_hat, v_hat = _hats(m, v_max, t, beta1, beta2)
    return theta + lr * m_hat / (sqrt(v_hat) + eps), m, v, v_max


@of(
    rules.amsgrad,
    "no_maximum",
    "You divided by the root of v_hat and not of the largest v: v_max is kept and never used, and this is Adam.",
)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    step, m, v = _step(g, t, m, v, beta1, beta2, eps)
    return theta - lr * step, m, v, maximum(v_max, v)


@of(
    rules.amsgrad,
    "maximum_of_corrected",
    "You took the maximum of the corrected v_hat (Optax's form). torch takes it of v and corrects it afterwards: after "
    "one gradient of size 1 and 1000 zeros its v_hat is 0.0016, and yours still 1.",
)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, v = _means(g, m, v, beta1, beta2)
    m_hat, v_hat = _hats(m, v, t, beta1, beta2)
    v_max = maximum(v_max, v_hat)
    return theta - lr * m_hat / (sqrt(v_max) + eps), m, v, v_max


@of(
    rules.amsgrad,
    "maximum_fed_back",
    "You wrote the maximum into v itself, so the running mean averages its own maximum. Keep two states: v may fall, "
    "v_max may not.",
)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, new = _means(g, m, v, beta1, beta2)
    v = v_max = maximum(v, new)
    m_hat, v_hat = _hats(m, v_max, t, beta1, beta2)
    return theta - lr * m_hat / (sqrt(v_hat) + eps), m, v, v_max


@of(
    rules.amsgrad,
    "largest_gradient",
    "You kept the largest g^2, not the largest running mean of g^2. A single gradient then counts in full, 1000 times "
    "as much as in v at beta2 0.999.",
)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, v = _means(g, m, v, beta1, beta2)
    v_max = maximum(v_max, g**2)
    m_hat, v_hat = _hats(m, v_max, t, beta1, beta2)
    return theta - lr * m_hat / (sqrt(v_hat) + eps), m, v, v_max


@of(
    rules.amsgrad,
    "minimum",
    "You took the minimum. The start is v_max = 0, so it stays 0 for ever and the steps explode as 1/eps.",
)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, v = _means(g, m, v, beta1, beta2)
    v_max = minimum(v_max, v)
    m_hat, v_hat = _hats(m, v_max, t, beta1, beta2)
    return theta - lr * m_hat / (sqrt(v_hat) + eps), m, v, v_max


@of(
    rules.amsgrad,
    "no_correction",
    "You left out both bias corrections, as the paper does. torch corrects: its first step is lr, yours 3.16 lr with the "
    "defaults.",
)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, v = _means(g, m, v, beta1, beta2)
    v_max = maximum(v_max, v)
    return theta - lr * m / (sqrt(v_max) + eps), m, v, v_max


@of(
    rules.amsgrad,
    "no_v_correction",
    "You corrected m and not v_max: at beta2 0.999 the first step is 32 times too long.",
)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, v = _means(g, m, v, beta1, beta2)
    v_max = maximum(v_max, v)
    return theta - lr * m / (1 - beta1**t) / (sqrt(v_max) + eps), m, v, v_max


@of(
    rules.amsgrad,
    "no_m_correction",
    "You corrected v_max and not m: at beta1 0.9 the first step is 0.1 lr in place of lr.",
)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, v = _means(g, m, v, beta1, beta2)
    v_max = maximum(v_max, v)
    return theta - lr * m / (sqrt(v_max / (1 - beta2**t)) + eps), m, v, v_max


@of(
    rules.amsgrad,
    "corrected_fed_back",
    "You returned the corrected v_max as the state, so it is corrected again at every step. On gradients of 1, with the "
    "defaults, the second step is 0.045 lr and the third 0.0024 lr in place of lr.",
)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, v = _means(g, m, v, beta1, beta2)
    m_hat, v_max = _hats(m, maximum(v_max, v), t, beta1, beta2)
    return theta - lr * m_hat / (sqrt(v_max) + eps), m, v, v_max


@of(
    rules.amsgrad,
    "stale_maximum",
    "You divided by the maximum from before this step, which knows nothing of the gradient at hand: at the first step it "
    "is 0, and the step is divided by eps alone.",
)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, v = _means(g, m, v, beta1, beta2)
    m_hat, v_hat = _hats(m, v_max, t, beta1, beta2)
    return theta - lr * m_hat / (sqrt(v_hat) + eps), m, v, maximum(v_max, v)


@of(
    rules.amsgrad,
    "gradient_for_m_hat",
    "You stepped with g in place of m_hat: the first moment is kept and never used, so there is no momentum.",
)
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, v = _means(g, m, v, beta1, beta2)
    v_max = maximum(v_max, v)
    _, v_hat = _hats(m, v_max, t, beta1, beta2)
    return theta - lr * g / (sqrt(v_hat) + eps), m, v, v_max


@of(rules.amsgrad, "eps_inside", EPS_INSIDE.format("v_hat", _FIRST_STEP))
def _(theta, g, t, m, v, v_max, lr, beta1, beta2, eps):
    m, v = _means(g, m, v, beta1, beta2)
    v_max = maximum(v_max, v)
    m_hat, v_hat = _hats(m, v_max, t, beta1, beta2)
    return theta - lr * m_hat / sqrt(v_hat + eps), m, v, v_max
