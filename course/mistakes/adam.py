"""Known mistakes in Adam."""

from course import rules
from course.mistakes.variant import EPS_INSIDE, NO_ROOT, UPHILL, another, of
from course.ops import sqrt

# adam


def _means(g, m, v, beta1, beta2):
    return beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2


def _outside(m_hat, v_hat, t, beta2, eps):
    return m_hat / (sqrt(v_hat) + eps)


def _inside(m_hat, v_hat, t, beta2, eps):
    return m_hat / sqrt(v_hat + eps)


def _hat(m_hat, v_hat, t, beta2, eps):
    return m_hat / (sqrt(v_hat) + eps / (1 - beta2**t) ** 0.5)


def _adam_mistakes(rule, divide):
    """The mistakes in the moments, which do not depend on where eps stands."""

    def step(theta, m_hat, v_hat, t, lr, beta2, eps, m, v):
        return theta - lr * divide(m_hat, v_hat, t, beta2, eps), m, v

    @of(rule, "wrong_sign", UPHILL)
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta1, beta2)
        return step(theta, m / (1 - beta1**t), v / (1 - beta2**t), t, -lr, beta2, eps, m, v)

    @of(
        rule,
        "gradient_for_m_hat",
        "You stepped with g in place of m_hat: the first moment is kept and never used, so there is no momentum. That "
        "is RMSprop with a correction.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta1, beta2)
        return step(theta, g, v / (1 - beta2**t), t, lr, beta2, eps, m, v)

    @of(
        rule,
        "no_correction",
        "You left out both bias corrections. With beta1 0.9 and beta2 0.999 the first step is 3.16 lr in place of lr.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta1, beta2)
        return step(theta, m, v, t, lr, beta2, eps, m, v)

    @of(rule, "no_m_correction", "You corrected v and not m: at beta1 0.9 the first step is 10 times too short.")
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta1, beta2)
        return step(theta, m, v / (1 - beta2**t), t, lr, beta2, eps, m, v)

    @of(
        rule,
        "no_v_correction",
        "You corrected m and not v: at beta2 0.999 the first step is 32 times too long, and a thousand more are too long.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta1, beta2)
        return step(theta, m / (1 - beta1**t), v, t, lr, beta2, eps, m, v)

    @of(
        rule,
        "corrected_fed_back",
        "You returned the corrected moments as the state. They are corrected again at every step, and grow without "
        "reason; return m and v, and use m_hat and v_hat for this step alone.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta1, beta2)
        m, v = m / (1 - beta1**t), v / (1 - beta2**t)
        return step(theta, m, v, t, lr, beta2, eps, m, v)

    @of(
        rule,
        "t_from_zero",
        "Your theta is nan from the first step on. A correction that counts t from 0 does this (1 - beta^0 = 0, and 0/0 "
        "is nan), for t starts at 1; so does the root of a negative number.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta1, beta2)
        return step(theta, m / (1 - beta1 ** (t - 1)), v / (1 - beta2 ** (t - 1)), t, lr, beta2, eps, m, v)

    @of(
        rule,
        "t_plus_one",
        "Your correction uses beta^(t + 1). t is 1 at the first step already, so that it is 1 - beta there.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta1, beta2)
        return step(theta, m / (1 - beta1 ** (t + 1)), v / (1 - beta2 ** (t + 1)), t, lr, beta2, eps, m, v)

    @of(
        rule,
        "constant_correction",
        "You corrected by 1 - beta at every step. The correction is 1 - beta^t and fades with t.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta1, beta2)
        return step(theta, m / (1 - beta1), v / (1 - beta2), t, lr, beta2, eps, m, v)

    @of(
        rule,
        "sum_for_mean",
        "You left out (1 - beta2): v is a sum and not a mean, 1000 times too large at beta2 0.999, and steps are 32 "
        "times too short.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + g**2
        return step(theta, m / (1 - beta1**t), v / (1 - beta2**t), t, lr, beta2, eps, m, v)

    @of(
        rule,
        "sum_for_m",
        "You left out (1 - beta1): m is a sum and not a mean, and steps are 10 times too long at beta1 0.9.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = beta1 * m + g, beta2 * v + (1 - beta2) * g**2
        return step(theta, m / (1 - beta1**t), v / (1 - beta2**t), t, lr, beta2, eps, m, v)

    @of(
        rule,
        "square_of_sum",
        "You averaged first and squared then: v = (beta2 * v + (1 - beta2) * g)^2. The mean of squares is wanted.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = beta1 * m + (1 - beta1) * g, (beta2 * v + (1 - beta2) * g) ** 2
        return step(theta, m / (1 - beta1**t), v / (1 - beta2**t), t, lr, beta2, eps, m, v)

    @of(
        rule,
        "no_square",
        "You averaged g in v, not g^2: where the gradient is negative the root is of a negative number.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g
        return step(theta, m / (1 - beta1**t), v / (1 - beta2**t), t, lr, beta2, eps, m, v)

    @of(
        rule,
        "betas_swapped",
        "You swapped beta1 and beta2: m then remembers 1000 steps and v 10, where it should be the other way round.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta2, beta1)
        return step(theta, m / (1 - beta2**t), v / (1 - beta1**t), t, lr, beta1, eps, m, v)

    @of(rule, "no_root", NO_ROOT.format("v_hat"))
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta1, beta2)
        return theta - lr * m / (1 - beta1**t) / (v / (1 - beta2**t) + eps), m, v

    @of(
        rule,
        "published_formula",
        "You followed the formula theta - lr * g / sqrt(v + eps) with corrected moments fed back: it steps with g, has "
        "eps inside the root, and corrects the moments again at every step.",
    )
    def _(theta, g, t, m, v, lr, beta1, beta2, eps):
        m, v = _means(g, m, v, beta1, beta2)
        m, v = m / (1 - beta1**t), v / (1 - beta2**t)
        return theta - lr * g / sqrt(v + eps), m, v


_FIRST_STEP = "the first step shrinks from 0.999 lr to 0.0995 lr with eps 1e-8"
_HAT_STEP = (
    "You added eps to sqrt(v) before the correction (eps-hat). That is adam with an eps 32 times as large at the first "
    "step: on gradients of 1e-7 it is 0.24 lr long in place of 0.91 lr."
)
another(rules.adam, rules.adam_eps_inside, "eps_inside", EPS_INSIDE.format("v_hat", _FIRST_STEP))
another(rules.adam, rules.adam_eps_hat, "eps_hat", _HAT_STEP)
another(
    rules.adam_eps_hat,
    rules.adam,
    "eps_after_correction",
    "You added eps to the corrected root: torch's form. Here eps joins sqrt(v) before any correction.",
)
another(rules.adam_eps_hat, rules.adam_eps_inside, "eps_inside", EPS_INSIDE.format("v_hat", _FIRST_STEP))
another(
    rules.adam_eps_inside,
    rules.adam,
    "eps_outside",
    "You divided by sqrt(v_hat) + eps; this variant has eps inside the root, sqrt(v_hat + eps).",
)
another(
    rules.adam_eps_inside, rules.adam_eps_hat, "eps_hat", "You added eps to sqrt(v); here it stands inside the root."
)
_adam_mistakes(rules.adam, _outside)
_adam_mistakes(rules.adam_eps_hat, _hat)
_adam_mistakes(rules.adam_eps_inside, _inside)
