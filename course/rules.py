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
"""

from course.inputs import rule
from course.ops import sqrt


@rule
def sgd(theta, g, t, *, lr=1e-3):
    r"""Gradient descent; stochastic when g is the gradient of a random mini-batch.

    \theta_t = \theta_{t-1} - \eta g_t

    lr: learning rate \eta. torch: SGD(lr).
    Source: Cauchy 1847; stochastic: Robbins and Monro 1951.
    """
    return (theta - lr * g,)


@rule
def heavy_ball(theta, g, t, delta=0.0, *, lr=1e-3, momentum=0.9):
    r"""Momentum as a memory of the last displacement.

    \Delta_t = \beta \Delta_{t-1} - \eta g_t
    \theta_t = \theta_{t-1} + \Delta_t

    delta: last displacement \Delta, in units of theta. lr: \eta. momentum: \beta.
    Equals `momentum` at a constant learning rate and departs from it as soon as the rate changes:
    here a past step keeps the rate with which it was made.
    Source: Polyak 1964, eq. 9; Sutskever et al. 2013, eq. 1-2. No class of torch.
    """
    delta = momentum * delta - lr * g
    return theta + delta, delta


@rule
def momentum(theta, g, t, b=0.0, *, lr=1e-3, momentum=0.9):
    r"""Momentum as torch computes it: the buffer sums gradients, the rate multiplies the sum.

    b_t = \beta b_{t-1} + g_t
    \theta_t = \theta_{t-1} - \eta b_t

    b: decaying sum of gradients, in units of g. lr: \eta. momentum: \beta.
    A gradient's share in all later steps adds up to \eta/(1 - \beta).
    torch: SGD(lr, momentum); its default momentum of 0 would make this `sgd`, so 0.9 stands here.
    Source: torch.optim.SGD's documentation; Polyak 1964 in other variables (see `heavy_ball`).
    """
    b = momentum * b + g
    return theta - lr * b, b


@rule
def momentum_ema(theta, g, t, b=0.0, *, lr=1e-3, momentum=0.9):
    r"""Momentum with a moving average in place of the sum: 1/(1 - \beta) times shorter steps.

    b_t = \beta b_{t-1} + (1 - \beta) g_t
    \theta_t = \theta_{t-1} - \eta b_t

    b: moving average of gradients, in units of g. lr: \eta. momentum: \beta.
    With lr/(1 - \beta) for lr it equals `momentum`. torch: SGD(lr, momentum, dampening=momentum)
    but for its first step, where torch sets b_1 = g_1.
    Source: the first-moment average of Kingma and Ba 2015, algorithm 1, without its correction.
    """
    b = momentum * b + (1 - momentum) * g
    return theta - lr * b, b


@rule
def nesterov(theta, g, t, b=0.0, *, lr=1e-3, momentum=0.9):
    r"""Nesterov's accelerated gradient in torch's variables: the buffer, looked ahead by one step.

    b_t = \beta b_{t-1} + g_t
    \theta_t = \theta_{t-1} - \eta (g_t + \beta b_t)

    b: decaying sum of gradients, in units of g. lr: \eta. momentum: \beta.
    theta here is the point at which the gradient is taken, the look-ahead point of the paper.
    torch: SGD(lr, momentum, nesterov=True), which refuses a momentum of 0; hence 0.9 here.
    Source: Nesterov 1983; in this form Sutskever et al. 2013, eq. 3-4, after a change of variable.
    """
    b = momentum * b + g
    return theta - lr * (g + momentum * b), b


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


RULES = {
    checked.__name__: checked
    for checked in (
        sgd,
        heavy_ball,
        momentum,
        momentum_ema,
        nesterov,
        adagrad,
        adagrad_eps_inside,
        rmsprop,
        rmsprop_eps_inside,
        adam,
        adam_eps_hat,
        adam_eps_inside,
    )
}
