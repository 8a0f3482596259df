"""Adam and its variants."""

from course.inputs import rule
from course.ops import maximum, sqrt, where


@rule
def adam(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""Momentum, scaled by the recent size of each coordinate's gradient.

    m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t
    v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2
    \hat{m}_t = \frac{m_t}{1 - \beta_1^t}
    \hat{v}_t = \frac{v_t}{1 - \beta_2^t}
    \theta_t = \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}

    m, v: moving averages of g and of g^2. lr: \eta, in units of theta. beta1, beta2: what a step
    keeps of m and of v. eps: \epsilon, in units of g. The first step is \eta long, whatever g.
    torch: Adam(lr, betas, eps). Source: Kingma and Ba 2015, algorithm 1.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * m_hat / (sqrt(v_hat) + eps), m, v


@rule
def adam_eps_hat(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""`adam` with both corrections moved into the rate, which leaves \epsilon uncorrected.

    m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t
    v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2
    \eta_t = \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}
    \theta_t = \theta_{t-1} - \eta_t \frac{m_t}{\sqrt{v_t} + \epsilon}

    Arguments as in `adam`. It equals `adam` with the larger \epsilon/\sqrt{1 - \beta_2^t}: 32 times
    as large at step 1 with the defaults, the same in the long run.
    Source: Kingma and Ba 2015, end of section 2 (their \hat\epsilon); Keras and TensorFlow use it.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    lr_t = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    return theta - lr_t * m / (sqrt(v) + eps), m, v


@rule
def adam_eps_inside(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""`adam` with \epsilon inside the root.

    m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t
    v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2
    \hat{m}_t = \frac{m_t}{1 - \beta_1^t}
    \hat{v}_t = \frac{v_t}{1 - \beta_2^t}
    \theta_t = \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{\hat{v}_t + \epsilon}}

    Arguments as in `adam`, but eps is in units of g^2: with gradients of 1e-5 and eps = 1e-8 the
    first step is 0.0995 lr, where torch's form makes it 0.999 lr.
    Source: Optax's eps_root, with eps = 0.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * m_hat / sqrt(v_hat + eps), m, v


@rule
def adamw(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    r"""`adam` with weight decay taken out of the gradient: theta shrinks by itself.

    m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t
    v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2
    \hat{m}_t = \frac{m_t}{1 - \beta_1^t}
    \hat{v}_t = \frac{v_t}{1 - \beta_2^t}
    \theta_t = (1 - \eta \lambda) \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}

    Arguments as in `adam`; weight_decay: \lambda, the share of theta lost per step and per unit of lr.
    torch: AdamW(lr, betas, eps, weight_decay), whose decay is multiplied by lr; the paper's is not.
    Source: Loshchilov and Hutter 2019, algorithm 2.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return (1 - lr * weight_decay) * theta - lr * m_hat / (sqrt(v_hat) + eps), m, v


@rule
def amsgrad(theta, g, t, m=0.0, v=0.0, v_max=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""`adam` that divides by the largest mean square so far, so that no step size grows again.

    m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t
    v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2
    v^{max}_t = \max(v^{max}_{t-1}, v_t)
    \hat{m}_t = \frac{m_t}{1 - \beta_1^t}
    \hat{v}_t = \frac{v^{max}_t}{1 - \beta_2^t}
    \theta_t = \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}

    Arguments as in `adam`; v_max: v^{max}, the largest v so far. The paper corrects no bias; torch does,
    after the maximum: its first step is \eta, the paper's 3.16 \eta. torch: Adam(amsgrad=True).
    Source: Reddi, Kale and Kumar 2018, algorithm 2.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    v_max = maximum(v_max, v)
    m_hat = m / (1 - beta1**t)
    v_hat = v_max / (1 - beta2**t)
    return theta - lr * m_hat / (sqrt(v_hat) + eps), m, v, v_max


@rule
def adamax(theta, g, t, m=0.0, u=0.0, *, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""`adam` with the largest recent gradient in place of the root mean square.

    m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t
    u_t = \max(\beta_2 u_{t-1}, |g_t| + \epsilon)
    \theta_t = \theta_{t-1} - \frac{\eta}{1 - \beta_1^t} \frac{m_t}{u_t}

    m: moving average of g. u: fading maximum of |g|. lr: \eta, beta1: \beta_1, beta2: \beta_2. eps: \epsilon,
    added to |g|, where the paper has none: on gradients of 1e-8 it halves the first step.
    torch: Adamax(lr, betas, eps). Source: Kingma and Ba 2015, algorithm 2.
    """
    m = beta1 * m + (1 - beta1) * g
    u = maximum(beta2 * u, abs(g) + eps)
    return theta - lr / (1 - beta1**t) * m / u, m, u


@rule
def nadam(
    theta, g, t, m=0.0, v=0.0, p=1.0,
    *, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, momentum_decay=4e-3,
):
    r"""`adam` with Nesterov's look-ahead, and a momentum that warms up.

    m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t
    v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2
    \mu_t = \beta_1 (1 - 0.5 \cdot 0.96^{t \psi})
    \mu_{t+1} = \beta_1 (1 - 0.5 \cdot 0.96^{(t + 1) \psi})
    p_t = p_{t-1} \mu_t
    \hat{m}_t = \frac{\mu_{t+1} m_t}{1 - p_t \mu_{t+1}} + \frac{(1 - \mu_t) g_t}{1 - p_t}
    \hat{v}_t = \frac{v_t}{1 - \beta_2^t}
    \theta_t = \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}

    Arguments as in `adam`; p: product of all \mu so far. momentum_decay: \psi, how fast \mu rises from
    0.5 \beta_1 to \beta_1. m itself is averaged with \beta_1, where the paper has \mu_t: the first step is 1.06
    lr in place of 1.31 lr. torch: NAdam(lr, betas, eps, momentum_decay=momentum_decay).
    Source: Dozat 2016, algorithm 2.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    p = p * mu
    m_hat = mu_next * m / (1 - p * mu_next) + (1 - mu) * g / (1 - p)
    v_hat = v / (1 - beta2**t)
    return theta - lr * m_hat / (sqrt(v_hat) + eps), m, v, p


@rule
def radam(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""`adam` that waits with its denominator until the mean square is known well enough.

    m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t
    v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2
    \hat{m}_t = \frac{m_t}{1 - \beta_1^t}
    \rho_\infty = \frac{2}{1 - \beta_2} - 1
    \rho_t = \rho_\infty - \frac{2 t \beta_2^t}{1 - \beta_2^t}
    r_t = \sqrt{\frac{(\rho_t - 4) (\rho_t - 2) \rho_\infty}{(\rho_\infty - 4) (\rho_\infty - 2) \rho_t}}
    \theta_t = \theta_{t-1} - \eta \hat{m}_t r_t \frac{\sqrt{1 - \beta_2^t}}{\sqrt{v_t} + \epsilon} if \rho_t > 5, else \theta_{t-1} - \eta \hat{m}_t

    Arguments as in `adam`, but eps joins \sqrt{v_t} before the correction (see `adam_eps_hat`). torch and
    the authors' code turn at \rho_t > 5, the paper at 4: with beta2 = 0.999 at step 6 in place of 5.
    torch: RAdam(lr, betas, eps). Source: Liu et al. 2020, algorithm 2.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    rho_inf = 2 / (1 - beta2) - 1
    rho_t = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    # Below 5 the root is not used; the bounds only keep it real.
    a, b = maximum(rho_t, 5.0), maximum(rho_inf, 5.0)
    r = sqrt((a - 4) * (a - 2) * b / ((b - 4) * (b - 2) * a))
    scale = where(rho_t > 5, r * sqrt(1 - beta2**t) / (sqrt(v) + eps), 1.0)
    return theta - lr * m_hat * scale, m, v
