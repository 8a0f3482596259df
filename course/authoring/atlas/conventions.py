"""The forms of the update rules that are no rule of the course: Keras's, Optax's, the papers', textbooks'.

Each is shaped like a rule of `course.rules`: `form(theta, g, t, *state, **hyper) -> (theta, *state)`, with
arguments, units and errors as there. The defaults are those of the document that the docstring names;
where that document gives no learning rate, lr = 1. Written from the formulas, not from anyone's code.
"""

import numpy as np

from course.inputs import rule
from course.ops import maximum, minimum, sign, sqrt, where
from course.rules.matrix import NS_COEFFICIENTS, orthogonalize, rms


@rule
def nesterov_displacement(theta, g, t, delta=0.0, *, lr=1e-2, momentum=0.9):
    """Nesterov's look-ahead with the rate inside the memory. Source: Keras, SGD(nesterov=True)."""
    delta = momentum * delta - lr * g
    return theta + momentum * delta - lr * g, delta


@rule
def rmsprop_momentum_inside(theta, g, t, v=0.0, delta=0.0, *, lr=1e-3, alpha=0.9, eps=1e-7, momentum=0.9):
    """RMSprop with eps inside the root and the rate inside the memory. Source: Keras, RMSprop(momentum=0.9)."""
    v = alpha * v + (1 - alpha) * g**2
    delta = momentum * delta + lr * g / sqrt(v + eps)
    return theta - delta, v, delta


@rule
def rmsprop_centered_inside(theta, g, t, v=0.0, m=0.0, *, lr=1e-3, alpha=0.9, eps=1e-7):
    """Centered RMSprop with eps inside the root. Source: Keras, RMSprop(centered=True)."""
    v = alpha * v + (1 - alpha) * g**2
    m = alpha * m + (1 - alpha) * g
    return theta - lr * g / sqrt(v - m**2 + eps), v, m


@rule
def graves(theta, g, t, v=0.0, m=0.0, delta=0.0, *, lr=1e-4, alpha=0.95, eps=1e-4, momentum=0.9):
    """Centered RMSprop with momentum, eps inside, the rate inside. Source: Graves 2013, eq. 38-41."""
    v = alpha * v + (1 - alpha) * g**2
    m = alpha * m + (1 - alpha) * g
    delta = momentum * delta + lr * g / sqrt(v - m**2 + eps)
    return theta - delta, v, m, delta


def _means(g, m, v, beta1, beta2):
    """The two moving averages that every form of Adam keeps."""
    return beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2


@rule
def adamw_eps_hat(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7, weight_decay=4e-3):
    """Decay times lr, then a step with an uncorrected eps. Source: Keras, AdamW."""
    m, v = _means(g, m, v, beta1, beta2)
    lr_t = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    return (1 - lr * weight_decay) * theta - lr_t * m / (sqrt(v) + eps), m, v


@rule
def adamw_apart(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    """Decay that lr does not touch. Source: Loshchilov and Hutter 2019, algorithm 2, with a schedule of 1."""
    m, v = _means(g, m, v, beta1, beta2)
    adam_step = lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)
    return (1 - weight_decay) * theta - adam_step, m, v


@rule
def adam_l2(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    """Adam on the gradient plus the decay, which is then rescaled. Source: torch, Adam(weight_decay=...)."""
    m, v = _means(g + weight_decay * theta, m, v, beta1, beta2)
    return theta - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps), m, v


@rule
def amsgrad_eps_hat(theta, g, t, m=0.0, v=0.0, v_max=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7):
    """Maximum first, corrections in the rate, eps uncorrected. Source: Keras, Adam(amsgrad=True)."""
    m, v = _means(g, m, v, beta1, beta2)
    v_max = maximum(v_max, v)
    lr_t = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    return theta - lr_t * m / (sqrt(v_max) + eps), m, v, v_max


@rule
def amsgrad_corrected_first(theta, g, t, m=0.0, v=0.0, v_max=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """The maximum of the corrected mean squares. Source: Optax, amsgrad."""
    m, v = _means(g, m, v, beta1, beta2)
    v_max = maximum(v_max, v / (1 - beta2**t))
    return theta - lr * (m / (1 - beta1**t)) / (sqrt(v_max) + eps), m, v, v_max


@rule
def amsgrad_uncorrected(theta, g, t, m=0.0, v=0.0, v_max=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """No bias correction. Source: Ruder 2016, web edition of 2018 (the paper has no eps and a rate of lr / sqrt(t))."""
    m, v = _means(g, m, v, beta1, beta2)
    v_max = maximum(v_max, v)
    return theta - lr * m / (sqrt(v_max) + eps), m, v, v_max


@rule
def amsgrad_paper(theta, g, t, m=0.0, v=0.0, v_max=0.0, *, lr=1.0, beta1=0.9, beta2=0.999):
    """No correction, no eps, a falling rate. Source: Reddi, Kale and Kumar 2018, algorithm 2 and theorem 4."""
    return amsgrad_uncorrected.__wrapped__(theta, g, t, m, v, v_max, lr=lr / t**0.5, beta1=beta1, beta2=beta2, eps=0.0)


@rule
def adamax_eps_after(theta, g, t, m=0.0, u=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7):
    """eps joins the maximum, and is not remembered. Source: Keras, Adamax."""
    m = beta1 * m + (1 - beta1) * g
    u = maximum(beta2 * u, abs(g))
    return theta - lr / (1 - beta1**t) * m / (u + eps), m, u


@rule
def nadam_constant(theta, g, t, m=0.0, v=0.0, *, lr=1.0, beta1=0.9, beta2=0.999, eps=1e-8):
    """A momentum that does not warm up. Source: Optax, nadam."""
    m, v = _means(g, m, v, beta1, beta2)
    m_hat = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
    return theta - lr * m_hat / (sqrt(v / (1 - beta2**t)) + eps), m, v


@rule
def nadam_same_correction(theta, g, t, m=0.0, v=0.0, *, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Both parts divided by the correction of step t. Source: Ruder 2016, section 4.8."""
    m, v = _means(g, m, v, beta1, beta2)
    m_hat = (beta1 * m + (1 - beta1) * g) / (1 - beta1**t)
    return theta - lr * m_hat / (sqrt(v / (1 - beta2**t)) + eps), m, v


@rule
def nadam_paper(theta, g, t, m=0.0, v=0.0, p=1.0, *, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, momentum_decay=4e-3):
    """The mean itself averaged with the momentum of the step. Source: Dozat 2016, algorithm 2."""
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    m, v = mu * m + (1 - mu) * g, beta2 * v + (1 - beta2) * g**2
    p = p * mu
    m_hat = mu_next * m / (1 - p * mu_next) + (1 - mu) * g / (1 - p)
    return theta - lr * m_hat / (sqrt(v / (1 - beta2**t)) + eps), m, v, p


def _rectifier(t, beta2):
    """Length of the mean square's memory at step t, and the factor r, real from a length of 4 on."""
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    a, b = max(rho, 4.0), max(rho_inf, 5.0)
    return rho, sqrt((a - 4) * (a - 2) * b / ((b - 4) * (b - 2) * a))


@rule
def radam_eps_outside(theta, g, t, m=0.0, v=0.0, *, lr=1.0, beta1=0.9, beta2=0.999, eps=1e-8):
    """eps joins the corrected root; turns at a length of 5. Source: Optax, radam."""
    m, v = _means(g, m, v, beta1, beta2)
    rho, r = _rectifier(t, beta2)
    scale = r / (sqrt(v / (1 - beta2**t)) + eps) if rho >= 5 else 1.0
    return theta - lr * m / (1 - beta1**t) * scale, m, v


@rule
def radam_paper(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999):
    """No eps; turns at a length of 4. Source: Liu et al. 2020, algorithm 2."""
    m, v = _means(g, m, v, beta1, beta2)
    rho, r = _rectifier(t, beta2)
    scale = r / sqrt(v / (1 - beta2**t)) if rho > 4 else 1.0
    return theta - lr * m / (1 - beta1**t) * scale, m, v


def _resized(size, turn, etaminus, etaplus, step_size_min, step_size_max):
    """Rprop's step sizes after a gradient whose product with the last one is turn."""
    size = where(turn > 0, size * etaplus, where(turn < 0, size * etaminus, size))
    return minimum(maximum(size, step_size_min), step_size_max)


@rule
def rprop_back(
    theta,
    g,
    t,
    previous=0.0,
    size=None,
    last=0.0,
    *,
    lr=0.1,
    etaminus=0.5,
    etaplus=1.2,
    step_size_min=1e-6,
    step_size_max=50.0,
):
    """A change of sign takes the last step back. Source: Riedmiller and Braun 1993."""
    turn = g * previous
    size = _resized(lr + 0 * theta if size is None else size, turn, etaminus, etaplus, step_size_min, step_size_max)
    step = where(turn < 0, -last, -size * sign(g))
    return theta + step, where(turn < 0, 0 * g, g), size, step


@rule
def rprop_onward(
    theta,
    g,
    t,
    previous=0.0,
    size=None,
    *,
    lr=0.1,
    etaminus=0.5,
    etaplus=1.2,
    step_size_min=1e-6,
    step_size_max=50.0,
):
    """A change of sign makes the step smaller, and it is taken. Source: Igel and Husken 2003 (Rprop-)."""
    turn = g * previous
    size = _resized(lr + 0 * theta if size is None else size, turn, etaminus, etaplus, step_size_min, step_size_max)
    return theta - size * sign(g), g, size


@rule
def rprop_late(
    theta,
    g,
    t,
    previous=0.0,
    size=None,
    *,
    lr=1.0,
    etaminus=0.5,
    etaplus=1.2,
    step_size_min=1e-6,
    step_size_max=50.0,
):
    """Every step is taken one call later, and dropped if the sign has changed by then. Source: Optax 0.2.8, rprop."""
    turn = g * previous
    size = _resized(lr + 0 * theta if size is None else size, turn, etaminus, etaplus, step_size_min, step_size_max)
    theta = theta - where(turn < 0, 0 * g, previous)
    return theta, where(turn < 0, 0 * g, size * sign(g)), size


@rule
def sgd_mean(theta, g, t, a=0.0, *, lr=1e-2):
    """SGD and the mean of all points visited. Source: Polyak and Juditsky 1992, eq. 2, with a constant rate."""
    theta = theta - lr * g
    return theta, a + (theta - a) / t


@rule
def sgd_fading_mean(theta, g, t, a=0.0, *, lr=1e-2, ema_momentum=0.99):
    """SGD and a moving average of the points, begun at the first. Source: Keras, SGD(use_ema=True)."""
    theta = theta - lr * g
    return theta, theta if t == 1 else ema_momentum * a + (1 - ema_momentum) * theta


def _adafactor(theta, g, t, R, C, beta2_decay, eps1, eps2, d):
    """Adafactor's averages and its step but for the rate; eps1 is added to the squares, as in the paper."""
    square, share = g * g + eps1, t**beta2_decay
    R = (1 - share) * R + share * np.mean(square, axis=-1, keepdims=True)
    C = (1 - share) * C + share * np.mean(square, axis=-2, keepdims=True)
    U = g / np.sqrt(R * C / np.mean(R, axis=-2, keepdims=True))
    return max(eps2, rms(theta)) * U / max(1.0, rms(U) / d), R, C


@rule
def adafactor_paper(
    theta, g, t, R=0.0, C=0.0, *, lr=1e-2, beta2_decay=-0.8, eps1=1e-30, eps2=1e-3, d=1.0, weight_decay=0.0
):
    """eps1 added to the squares. Source: Shazeer and Stern 2018, algorithm 4."""
    step, R, C = _adafactor(theta, g, t, R, C, beta2_decay, eps1, eps2, d)
    return (1 - lr * weight_decay) * theta - min(lr, 1 / t**0.5) * step, R, C


@rule
def adafactor_decayed_first(
    theta, g, t, R=0.0, C=0.0, *, lr=1e-3, beta2_decay=-0.8, eps1=1e-30, eps2=1e-3, d=1.0, weight_decay=0.0
):
    """Decay before the size of theta is taken, else as the paper. Source: Keras, Adafactor."""
    theta = (1 - lr * weight_decay) * theta
    step, R, C = _adafactor(theta, g, t, R, C, beta2_decay, eps1, eps2, d)
    return theta - min(lr, 1 / t**0.5) * step, R, C


@rule
def adafactor_rate(
    theta, g, t, R=0.0, C=0.0, *, lr=1.0, beta2_decay=-0.8, eps1=1e-30, eps2=1e-3, d=1.0, weight_decay=0.0
):
    """The rate itself for its bound 1 / sqrt(t), decay without lr. Source: Optax, adafactor(min_dim_size_to_factor=1)."""
    step, R, C = _adafactor(theta, g, t, R, C, beta2_decay, eps1, eps2, d)
    return (1 - weight_decay) * theta - lr * step, R, C


@rule
def muon_sum(theta, g, t, b=0.0, *, lr=2e-2, momentum=0.95, weight_decay=0.0, ns_steps=5):
    """A sum in place of the average. Source: Jordan et al. 2024."""
    b = momentum * b + g
    O = orthogonalize(g + momentum * b, NS_COEFFICIENTS, ns_steps)
    return (1 - lr * weight_decay) * theta - lr * max(1, theta.shape[0] / theta.shape[1]) ** 0.5 * O, b


@rule
def muon_rms(theta, g, t, b=0.0, *, lr=1e-3, momentum=0.95, weight_decay=4e-3, ns_steps=5):
    """A sum, and steps with a root mean square of about 0.2 lr. Source: Keras, Muon; Liu et al. 2025."""
    b = momentum * b + g
    O = orthogonalize(g + momentum * b, NS_COEFFICIENTS, ns_steps)
    return (1 - lr * weight_decay) * theta - lr * 0.2 * max(theta.shape) ** 0.5 * O, b


@rule
def muon_corrected(theta, g, t, b=0.0, *, lr=1.0, momentum=0.95, weight_decay=0.0, ns_steps=5):
    """Averages with bias correction; theta has the inputs as rows. Source: Optax, contrib.muon."""
    b = momentum * b + (1 - momentum) * g
    mixed = momentum * b / (1 - momentum ** (t + 1)) + (1 - momentum) * g / (1 - momentum**t)
    O = orthogonalize(mixed, NS_COEFFICIENTS, ns_steps)
    return (1 - lr * weight_decay) * theta - lr * max(1, theta.shape[1] / theta.shape[0]) ** 0.5 * O, b


@rule
def signum(theta, g, t, m=0.0, *, lr=1e-4, beta1=0.9):
    """The sign of one plain average. Source: Bernstein et al. 2018 (Signum)."""
    m = beta1 * m + (1 - beta1) * g
    return theta - lr * sign(m), m
