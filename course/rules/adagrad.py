"""Adagrad and its kin: each coordinate's step divided by the size of its past gradients."""

from course.inputs import rule
from course.ops import maximum, minimum, sign, sqrt, where


@rule
def adagrad(theta, g, t, G=0.0, *, lr=1e-2, lr_decay=0.0, eps=1e-10):
    r"""Each coordinate's step divided by the root of the sum of its squared gradients so far.

    \eta_t = \frac{\eta}{1 + (t - 1) \lambda}
    G_t = G_{t-1} + g_t^2
    \theta_t = \theta_{t-1} - \eta_t \frac{g_t}{\sqrt{G_t} + \epsilon}

    G: sum of squares, in units of g^2 (torch's initial_accumulator_value is its value before step
    1). lr: \eta, in units of theta. lr_decay: \lambda, per step. eps: \epsilon, in units of g.
    torch: Adagrad(lr, lr_decay, eps). Source: Duchi, Hazan and Singer 2011, figure 1 (diagonal).
    """
    lr_t = lr / (1 + (t - 1) * lr_decay)
    G = G + g**2
    return theta - lr_t * g / (sqrt(G) + eps), G


@rule
def adagrad_eps_inside(theta, g, t, G=0.0, *, lr=1e-2, lr_decay=0.0, eps=1e-10):
    r"""`adagrad` with \epsilon inside the root, as several textbooks print it.

    \eta_t = \frac{\eta}{1 + (t - 1) \lambda}
    G_t = G_{t-1} + g_t^2
    \theta_t = \theta_{t-1} - \eta_t \frac{g_t}{\sqrt{G_t + \epsilon}}

    Arguments as in `adagrad`, but eps is in units of g^2: a gradient of 1e-5 has the square 1e-10,
    so the first step is shortened to 0.71 of lr, where torch's form makes it lr.
    Source: Ruder 2016, section 4.3; Zhang et al., Dive into Deep Learning, section 12.7.2.
    """
    lr_t = lr / (1 + (t - 1) * lr_decay)
    G = G + g**2
    return theta - lr_t * g / sqrt(G + eps), G


@rule
def rmsprop(theta, g, t, v=0.0, *, lr=1e-2, alpha=0.99, eps=1e-8):
    r"""Each coordinate's step divided by the root of a moving average of its squared gradients.

    v_t = \alpha v_{t-1} + (1 - \alpha) g_t^2
    \theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{v_t} + \epsilon}

    v: mean square, in units of g^2. lr: \eta, in units of theta. alpha: \alpha, the share of v
    that a step keeps. eps: \epsilon, in units of g. The first step is \eta/\sqrt{1 - \alpha} long.
    torch: RMSprop(lr, alpha, eps). Source: Hinton, Srivastava and Swersky 2012, lecture 6e, slide 29.
    """
    v = alpha * v + (1 - alpha) * g**2
    return theta - lr * g / (sqrt(v) + eps), v


@rule
def rmsprop_eps_inside(theta, g, t, v=0.0, *, lr=1e-2, alpha=0.99, eps=1e-8):
    r"""`rmsprop` with \epsilon inside the root, as several textbooks print it.

    v_t = \alpha v_{t-1} + (1 - \alpha) g_t^2
    \theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{v_t + \epsilon}}

    Arguments as in `rmsprop`, but eps is in units of g^2: with gradients of 1e-5 and eps = 1e-8
    the first step is 0.1 lr, where torch's form makes it 9.9 lr.
    Source: Goodfellow et al. 2016, algorithm 8.5; Zhang et al., Dive into Deep Learning, section 12.8.1.
    """
    v = alpha * v + (1 - alpha) * g**2
    return theta - lr * g / sqrt(v + eps), v


@rule
def rmsprop_momentum(theta, g, t, v=0.0, b=0.0, *, lr=1e-2, alpha=0.99, eps=1e-8, momentum=0.9):
    r"""`rmsprop` whose scaled gradients are summed up by momentum.

    v_t = \alpha v_{t-1} + (1 - \alpha) g_t^2
    b_t = \beta b_{t-1} + \frac{g_t}{\sqrt{v_t} + \epsilon}
    \theta_t = \theta_{t-1} - \eta b_t

    v: mean square, in units of g^2. b: decaying sum, without unit. momentum: \beta (torch's default of 0
    is `rmsprop`). Else as in `rmsprop`; lr: \eta, alpha: \alpha, eps: \epsilon.
    torch: RMSprop(lr, alpha, eps, momentum=momentum). Source: Graves 2013, eq. 38-41, but for \epsilon.
    """
    v = alpha * v + (1 - alpha) * g**2
    b = momentum * b + g / (sqrt(v) + eps)
    return theta - lr * b, v, b


@rule
def rmsprop_centered(theta, g, t, v=0.0, m=0.0, *, lr=1e-2, alpha=0.99, eps=1e-8):
    r"""`rmsprop` that divides by the standard deviation of the gradient in place of its root mean square.

    v_t = \alpha v_{t-1} + (1 - \alpha) g_t^2
    m_t = m_{t-1} + (1 - \alpha) (g_t - m_{t-1})
    \theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{v_t - m_t^2} + \epsilon}

    v, m: moving averages of g^2 and of g. lr: \eta, alpha: \alpha, eps: \epsilon, as in `rmsprop`.
    A gradient that stays the same drives the root to 0, and the step to g/\epsilon. Rounding may even make
    v_t - m_t^2 negative, and the step NaN: in float32 within 2000 steps for 29 of 1000 gradients from a
    normal distribution (torch: 28), and for 331 if m_t is written \alpha m_{t-1} + (1 - \alpha) g_t.
    torch: RMSprop(lr, alpha, eps, centered=True). Source: Graves 2013, eq. 38-41, with \epsilon outside.
    """
    v = alpha * v + (1 - alpha) * g**2
    m = m + (1 - alpha) * (g - m)
    return theta - lr * g / (sqrt(v - m**2) + eps), v, m


@rule
def rmsprop_centered_momentum(
    theta, g, t, v=0.0, m=0.0, b=0.0, *, lr=1e-2, alpha=0.99, eps=1e-8, momentum=0.9
):
    r"""`rmsprop_centered` with the momentum of `rmsprop_momentum`.

    v_t = \alpha v_{t-1} + (1 - \alpha) g_t^2
    m_t = m_{t-1} + (1 - \alpha) (g_t - m_{t-1})
    b_t = \beta b_{t-1} + \frac{g_t}{\sqrt{v_t - m_t^2} + \epsilon}
    \theta_t = \theta_{t-1} - \eta b_t

    v, m: moving averages of g^2 and of g. b: decaying sum of scaled gradients. lr: \eta, alpha: \alpha,
    eps: \epsilon, momentum: \beta. torch: RMSprop(lr, alpha, eps, momentum=momentum, centered=True).
    Source: Graves 2013, eq. 38-41, with \epsilon outside the root.
    """
    v = alpha * v + (1 - alpha) * g**2
    m = m + (1 - alpha) * (g - m)
    b = momentum * b + g / (sqrt(v - m**2) + eps)
    return theta - lr * b, v, m, b


@rule
def adadelta(theta, g, t, v=0.0, u=0.0, *, lr=1.0, rho=0.9, eps=1e-6):
    r"""Steps in the units of theta: the root mean square of past steps over that of gradients.

    v_t = \rho v_{t-1} + (1 - \rho) g_t^2
    \Delta_t = \frac{\sqrt{u_{t-1} + \epsilon}}{\sqrt{v_t + \epsilon}} g_t
    u_t = \rho u_{t-1} + (1 - \rho) \Delta_t^2
    \theta_t = \theta_{t-1} - \eta \Delta_t

    v, u: moving averages of g^2 and of \Delta^2. lr: \eta, a plain factor (1 in the paper). rho: \rho, the
    share that a step keeps. eps: \epsilon, inside both roots. torch: Adadelta(lr, rho, eps).
    Source: Zeiler 2012, algorithm 1.
    """
    v = rho * v + (1 - rho) * g**2
    delta = sqrt(u + eps) / sqrt(v + eps) * g
    u = rho * u + (1 - rho) * delta**2
    return theta - lr * delta, v, u


@rule
def rprop(
    theta, g, t, previous=0.0, size=None,
    *, lr=1e-2, etaminus=0.5, etaplus=1.2, step_size_min=1e-6, step_size_max=50.0,
):
    r"""A step size of its own for each coordinate, grown while the gradient keeps its sign.

    \Delta_1 = \eta
    \Delta_t = \Delta_{t-1} \eta^+ if g_t g_{t-1} > 0, \Delta_{t-1} \eta^- if g_t g_{t-1} < 0
    \theta_t = \theta_{t-1} - \Delta_t \mathrm{sign}(g_t), and where the sign changed g_t counts as 0

    previous: last gradient, 0 where its sign had changed. size: step sizes, in units of theta, None for lr.
    lr: the first size; later changes of lr are ignored, so schedules do nothing. etaminus, etaplus: factors.
    step_size_min, step_size_max: bounds of size. torch: Rprop(lr, etas, step_sizes).
    Source: Riedmiller and Braun 1993; without its step back, Igel and Husken 2003 (iRprop-).
    """
    size = lr + 0 * sign(theta) if size is None else size
    turn = g * previous
    size = where(turn > 0, size * etaplus, where(turn < 0, size * etaminus, size))
    size = minimum(maximum(size, step_size_min), step_size_max)
    g = where(turn < 0, 0.0, g)
    return theta - size * where(g == g, sign(g), 0.0), g, size
