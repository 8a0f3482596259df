"""Rules that treat a parameter as a matrix, not coordinate by coordinate: Adafactor and Muon."""

from array_api_compat import array_namespace

from course.inputs import rule

NS_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024: the slope at 0 as steep as it can be


def rms(x):
    """The root mean square of all entries of an array, as an array without axes."""
    xp = array_namespace(x)
    return xp.sqrt(xp.mean(x * x))


@rule
def adafactor(
    theta, g, t, R=0.0, C=0.0,
    *, lr=1e-2, beta2_decay=-0.8, eps1=None, eps2=1e-3, d=1.0, weight_decay=0.0,
):
    r"""A mean square for every row and column in place of every entry: n + m numbers, not n m.

    With 1 - \hat\beta_t = t^{\gamma}, for a matrix (for more axes: over the last two):
    R_t = \hat\beta_t R_{t-1} + (1 - \hat\beta_t) mean of g_t^2 over each row
    C_t = \hat\beta_t C_{t-1} + (1 - \hat\beta_t) mean of g_t^2 over each column
    U_t = g_t / \sqrt{R_t C_t / mean(R_t)}
    \alpha_t = \max(\epsilon_2, RMS(\theta_{t-1})) \min(\eta, 1 / \sqrt{t})
    \theta_t = (1 - \eta \lambda) \theta_{t-1} - \alpha_t U_t / \max(1, RMS(U_t) / d)

    theta, g: shape (..., n, m). R: (..., n, 1), C: (..., 1, m), in units of g^2. lr: \eta, largest relative
    step. beta2_decay: \gamma. eps1: least root mean square of g (None: the type's machine epsilon).
    eps2: least scale of theta. d: clipping threshold. weight_decay: \lambda, decoupled.
    torch: Adafactor(lr, beta2_decay, (eps1, eps2), d, weight_decay), which bounds the estimate from
    below by eps1^2, where the paper adds eps1 to g^2. Source: Shazeer and Stern 2018, algorithm 4.
    """
    xp = array_namespace(theta)
    floor = xp.finfo(theta.dtype).eps if eps1 is None else eps1
    R = R + (xp.mean(g * g, axis=-1, keepdims=True) - R) * t**beta2_decay
    C = C + (xp.mean(g * g, axis=-2, keepdims=True) - C) * t**beta2_decay
    V = R * C / xp.clip(xp.mean(R, axis=-2, keepdims=True), min=floor)
    return _relative_step(theta, g, V, floor, t, lr, eps2, d, weight_decay), R, C


@rule
def adafactor_vector(
    theta, g, t, v=0.0,
    *, lr=1e-2, beta2_decay=-0.8, eps1=None, eps2=1e-3, d=1.0, weight_decay=0.0,
):
    r"""`adafactor` for vectors and scalars, whose mean squares are kept entry by entry.

    With 1 - \hat\beta_t = t^{\gamma}:
    v_t = \hat\beta_t v_{t-1} + (1 - \hat\beta_t) g_t^2
    U_t = g_t / \sqrt{v_t}
    \alpha_t = \max(\epsilon_2, RMS(\theta_{t-1})) \min(\eta, 1 / \sqrt{t})
    \theta_t = (1 - \eta \lambda) \theta_{t-1} - \alpha_t U_t / \max(1, RMS(U_t) / d)

    v: mean square, shape of theta. Else as in `adafactor`. torch: Adafactor, for parameters of at most
    one axis. Source: Shazeer and Stern 2018, algorithm 5.
    """
    floor = array_namespace(theta).finfo(theta.dtype).eps if eps1 is None else eps1
    v = v + (g * g - v) * t**beta2_decay
    return _relative_step(theta, g, v, floor, t, lr, eps2, d, weight_decay), v


def _relative_step(theta, g, V, floor, t, lr, eps2, d, weight_decay):
    """The step that both forms of Adafactor take with their estimate V of the mean of g^2."""
    xp = array_namespace(theta)
    alpha = xp.clip(rms(theta), min=eps2) * min(lr, 1 / t**0.5)
    theta = (1 - lr * weight_decay) * theta
    U = g / xp.sqrt(xp.clip(V, min=floor * floor))
    return theta - alpha / xp.clip(rms(U) / d, min=1.0) * U


def orthogonalize(G, coefficients=NS_COEFFICIENTS, steps=5, eps=1e-7):
    r"""A matrix with the singular vectors of G and singular values near 1, by Newton and Schulz.

    X_0 = G / \max(|G|, \epsilon), then `steps` times: A = X X^T, X = a X + (b A + c A^2) X.

    G: shape (n, m). coefficients: (a, b, c). With the default three and 5 steps the singular values
    end between 0.68 and 1.21, not at 1, if they are above 0.0016 |G|; smaller ones grow about 480
    times: of a square Gaussian matrix of 32 rows or more one in a hundred stays below 0.68.
    Source: Jordan et al. 2024, "Muon".
    """
    a, b, c = coefficients
    xp = array_namespace(G)
    tall = G.shape[0] > G.shape[1]
    X = G.T if tall else G
    X = X / xp.clip(xp.sqrt(xp.sum(X * X)), min=eps)
    for _ in range(steps):
        A = X @ X.T
        X = a * X + (b * A + c * (A @ A)) @ X
    return X.T if tall else X


@rule
def muon(
    theta, g, t, b=0.0,
    *, lr=1e-3, momentum=0.95, weight_decay=0.1, ns_coefficients=NS_COEFFICIENTS, eps=1e-7, ns_steps=5,
):
    r"""Momentum whose step is made orthogonal: every direction of the matrix moves by about lr.

    b_t = \beta b_{t-1} + (1 - \beta) g_t
    O_t = orthogonalize((1 - \beta) g_t + \beta b_t)
    \theta_t = (1 - \eta \lambda) \theta_{t-1} - \eta \sqrt{\max(1, n / m)} O_t

    theta, g, b: shape (n, m). lr: \eta. momentum: \beta. weight_decay: \lambda, decoupled, before the factor of
    the shape. ns_coefficients, ns_steps, eps: of `orthogonalize`. torch: Muon, whose documentation
    prints b_t = \beta b_{t-1} + g_t while its code averages as above; the direction is the same, and with it
    the step, as long as |b| exceeds eps. torch computes O_t in bfloat16, here in theta's type: on the
    same 100 gradients theta differs by 0.3 lr. Where the gradients answer, as in 50 steps of training a
    small network, by 1e-2 for lr <= 0.02, but by 0.05 for lr = 0.05 and by 0.4 for lr = 0.1.
    Source: Jordan et al. 2024; torch.optim.Muon.
    """
    b = momentum * b + (1 - momentum) * g
    O = orthogonalize((1 - momentum) * g + momentum * b, ns_coefficients, ns_steps, eps)
    n, m = theta.shape
    return (1 - lr * weight_decay) * theta - lr * max(1, n / m) ** 0.5 * O, b


@rule
def muon_plain(
    theta, g, t, b=0.0,
    *, lr=1e-3, momentum=0.95, weight_decay=0.1, ns_coefficients=NS_COEFFICIENTS, eps=1e-7, ns_steps=5,
):
    r"""`muon` without Nesterov's look-ahead.

    b_t = \beta b_{t-1} + (1 - \beta) g_t
    O_t = orthogonalize(b_t)
    \theta_t = (1 - \eta \lambda) \theta_{t-1} - \eta \sqrt{\max(1, n / m)} O_t

    Arguments as in `muon`. torch: Muon(nesterov=False). Source: Jordan et al. 2024.
    """
    b = momentum * b + (1 - momentum) * g
    O = orthogonalize(b, ns_coefficients, ns_steps, eps)
    n, m = theta.shape
    return (1 - lr * weight_decay) * theta - lr * max(1, n / m) ** 0.5 * O, b
