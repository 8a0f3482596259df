"""Known mistakes in Adagrad and RMSprop."""

from course import rules
from course.mistakes.variant import EPS_INSIDE, NO_ROOT, UPHILL, another, of
from course.ops import sqrt

# adagrad


def _adagrad_mistakes(rule, inside):
    divide = (lambda x, s, eps: x / sqrt(s + eps)) if inside else (lambda x, s, eps: x / (sqrt(s) + eps))

    @of(rule, "wrong_sign", UPHILL)
    def _(theta, g, t, G, lr, lr_decay, eps):
        G = G + g**2
        return theta + lr / (1 + (t - 1) * lr_decay) * divide(g, G, eps), G

    @of(rule, "no_root", NO_ROOT.format("G"))
    def _(theta, g, t, G, lr, lr_decay, eps):
        G = G + g**2
        return theta - lr / (1 + (t - 1) * lr_decay) * g / (G + eps), G

    @of(
        rule,
        "square_of_sum",
        "You squared the sum (G + g)^2 in place of adding the square g^2: G no longer has the units of g^2, and large "
        "gradients explode it.",
    )
    def _(theta, g, t, G, lr, lr_decay, eps):
        G = (G + g) ** 2
        return theta - lr / (1 + (t - 1) * lr_decay) * divide(g, G, eps), G

    @of(rule, "no_square", "You summed |g| in place of g^2, so its root has not the units of g.")
    def _(theta, g, t, G, lr, lr_decay, eps):
        G = G + abs(g)
        return theta - lr / (1 + (t - 1) * lr_decay) * divide(g, G, eps), G

    @of(
        rule,
        "mean",
        "You kept the mean of the squares. Adagrad keeps their sum, so its steps shrink like 1/sqrt(t); yours do not: "
        "after 100 steps they are 10 times too long.",
    )
    def _(theta, g, t, G, lr, lr_decay, eps):
        G = G + (g**2 - G) / t
        return theta - lr / (1 + (t - 1) * lr_decay) * divide(g, G, eps), G

    @of(
        rule,
        "t_off_by_one",
        "You decayed the rate by 1 + t * lr_decay. torch counts t - 1: the first step, t = 1, has the full rate.",
    )
    def _(theta, g, t, G, lr, lr_decay, eps):
        G = G + g**2
        return theta - lr / (1 + t * lr_decay) * divide(g, G, eps), G

    @of(rule, "no_lr_decay", "You left out lr_decay: the rate must be lr / (1 + (t - 1) * lr_decay).")
    def _(theta, g, t, G, lr, lr_decay, eps):
        G = G + g**2
        return theta - lr * divide(g, G, eps), G

    @of(
        rule,
        "stale_sum",
        "You divided by the sum from before this gradient. At the first step that is 0, so the step is lr * g / eps.",
    )
    def _(theta, g, t, G, lr, lr_decay, eps):
        return theta - lr / (1 + (t - 1) * lr_decay) * divide(g, G, eps), G + g**2


another(
    rules.adagrad,
    rules.adagrad_eps_inside,
    "eps_inside",
    EPS_INSIDE.format("G", "the first step shrinks to 0.71 of lr with eps = 1e-10 and to 0.1 of it with 1e-8"),
)
another(
    rules.adagrad_eps_inside,
    rules.adagrad,
    "eps_outside",
    "You divided by sqrt(G) + eps; this variant has eps inside the root, sqrt(G + eps).",
)
_adagrad_mistakes(rules.adagrad, inside=False)
_adagrad_mistakes(rules.adagrad_eps_inside, inside=True)


# rmsprop


def _rmsprop_mistakes(rule, inside):
    divide = (lambda x, s, eps: x / sqrt(s + eps)) if inside else (lambda x, s, eps: x / (sqrt(s) + eps))

    @of(rule, "wrong_sign", UPHILL)
    def _(theta, g, t, v, lr, alpha, eps):
        v = alpha * v + (1 - alpha) * g**2
        return theta + lr * divide(g, v, eps), v

    @of(rule, "no_root", NO_ROOT.format("v"))
    def _(theta, g, t, v, lr, alpha, eps):
        v = alpha * v + (1 - alpha) * g**2
        return theta - lr * g / (v + eps), v

    @of(
        rule,
        "sum_for_mean",
        "You left out (1 - alpha): v is a sum and not a mean, 100 times too large at alpha 0.99, and steps are 10 times "
        "too short.",
    )
    def _(theta, g, t, v, lr, alpha, eps):
        v = alpha * v + g**2
        return theta - lr * divide(g, v, eps), v

    @of(rule, "adagrad", "You summed all squares and forgot none: that is Adagrad, whose steps shrink like 1/sqrt(t).")
    def _(theta, g, t, v, lr, alpha, eps):
        v = v + g**2
        return theta - lr * divide(g, v, eps), v

    @of(
        rule,
        "square_of_sum",
        "You averaged first and squared then: (alpha * v + (1 - alpha) * g)^2. The mean of squares is wanted, not the "
        "square of a mean.",
    )
    def _(theta, g, t, v, lr, alpha, eps):
        v = (alpha * v + (1 - alpha) * g) ** 2
        return theta - lr * divide(g, v, eps), v

    @of(
        rule,
        "weights_swapped",
        "You kept (1 - alpha) of v and took alpha of g^2: v then forgets all but the last step.",
    )
    def _(theta, g, t, v, lr, alpha, eps):
        v = (1 - alpha) * v + alpha * g**2
        return theta - lr * divide(g, v, eps), v

    @of(
        rule,
        "bias_corrected",
        "You divided v by 1 - alpha^t. That is Adam's correction; RMSprop has none, and its first step is "
        "lr/sqrt(1 - alpha) = 10 lr at alpha 0.99.",
    )
    def _(theta, g, t, v, lr, alpha, eps):
        v = alpha * v + (1 - alpha) * g**2
        return theta - lr * divide(g, v / (1 - alpha**t), eps), v

    @of(
        rule,
        "stale_mean",
        "You divided by v from before this gradient. At the first step that is 0: the step is lr * g / eps.",
    )
    def _(theta, g, t, v, lr, alpha, eps):
        return theta - lr * divide(g, v, eps), alpha * v + (1 - alpha) * g**2


another(
    rules.rmsprop,
    rules.rmsprop_eps_inside,
    "eps_inside",
    EPS_INSIDE.format("v", "the first step shrinks from 9.9 lr to 0.1 lr, with alpha 0.99 and eps 1e-8"),
)
another(
    rules.rmsprop_eps_inside,
    rules.rmsprop,
    "eps_outside",
    "You divided by sqrt(v) + eps; this variant has eps inside the root, sqrt(v + eps).",
)
_rmsprop_mistakes(rules.rmsprop, inside=False)
_rmsprop_mistakes(rules.rmsprop_eps_inside, inside=True)
