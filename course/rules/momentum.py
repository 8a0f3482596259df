"""Gradient descent, the forms of momentum, averaged SGD and Lion."""

from course.inputs import rule
from course.ops import maximum, sign


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
def momentum_dampened(theta, g, t, b=0.0, *, lr=1e-3, momentum=0.9, dampening=0.0):
    r"""Momentum with dampening: from the second step on, a share of each gradient is left out.

    b_1 = g_1
    b_t = \beta b_{t-1} + (1 - \tau) g_t
    \theta_t = \theta_{t-1} - \eta b_t

    b: decaying sum of gradients, in units of g. lr: \eta. momentum: \beta. dampening: \tau.
    At the first step torch sets b_1 = g_1, undampened: with \tau = \beta = 0.9 that step is 10 times as
    long as in `momentum_ema`. torch: SGD(lr, momentum, dampening).
    Source: torch.optim.SGD's documentation.
    """
    b = 1 * g if t == 1 else momentum * b + (1 - dampening) * g  # 1 * g: a new array, not g itself
    return theta - lr * b, b


@rule
def asgd(theta, g, t, a=0.0, eta=None, *, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6):
    r"""Averaged SGD: a slowly falling rate, a pull toward zero, and the mean of the points visited.

    \eta_0 = \eta
    \theta_t = (1 - \lambda \eta_{t-1}) \theta_{t-1} - \eta_{t-1} g_t
    a_t = a_{t-1} + \frac{\theta_t - a_{t-1}}{\max(1, t - 1 - t_0)}
    \eta_t = \frac{\eta}{(1 + \lambda \eta t)^\alpha}

    a: mean of the points since step t0, in units of theta. eta: this step's rate, None for \eta_0 = \eta.
    lr: \eta. lambd: \lambda, the pull toward zero. alpha: \alpha, the power of the decay. t0: t_0, the
    step after which points are averaged. The rate of a step is fixed one step before, so that a
    schedule reaches theta one step late. torch: ASGD(lr, lambd, alpha, t0).
    Source: Polyak and Juditsky 1992; Bottou 2010 for the rate.
    """
    eta = lr if eta is None else eta
    theta = (1 - lambd * eta) * theta - eta * g
    a = a + (theta - a) / maximum(1, t - 1 - t0)
    return theta, a, lr / (1 + lambd * lr * t) ** alpha


@rule
def lion(theta, g, t, m=0.0, *, lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0):
    r"""The sign of a mean of gradients, so that every coordinate moves by lr.

    c_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t
    \theta_t = (1 - \eta \lambda) \theta_{t-1} - \eta \mathrm{sign}(c_t)
    m_t = \beta_2 m_{t-1} + (1 - \beta_2) g_t

    m: moving average of g. lr: \eta, in units of theta. beta1: \beta_1, what the step keeps of m.
    beta2: \beta_2, what m keeps of itself. weight_decay: \lambda, decoupled. No class of torch.
    Source: Chen et al. 2023, algorithm 2.
    """
    c = beta1 * m + (1 - beta1) * g
    return (1 - lr * weight_decay) * theta - lr * sign(c), beta2 * m + (1 - beta2) * g
