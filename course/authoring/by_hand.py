"""The paths of the rules that no class of torch.optim takes, from formulas written another way.

The rules go step by step; here every average is one weighted sum over all gradients so far. What agrees
between the two is not a copy of one in the other. The tests and the mutation check run these cases.
"""

import numpy as np

from course import rules


def averages(stream, beta):
    """(1 - beta) * sum over k <= t of beta**(t - k) * g_k, for every t at once; same shape as the stream."""
    age = np.subtract.outer(np.arange(len(stream)), np.arange(len(stream)))
    return np.where(age >= 0, (1 - beta) * beta ** np.maximum(age, 0.0), 0.0) @ stream


def corrected(stream, beta):
    """The same, divided by the sum of the weights."""
    return averages(stream, beta) / averages(np.ones((len(stream), 1)), beta)


def adagrad_eps_inside(theta0, stream, lr=1e-2, lr_decay=0.0, eps=1e-10):
    rate = lr / (1 + lr_decay * np.arange(len(stream)))[:, None]
    return theta0 - np.cumsum(rate * stream / np.sqrt(np.cumsum(stream**2, axis=0) + eps), axis=0)


def rmsprop_eps_inside(theta0, stream, lr=1e-2, alpha=0.99, eps=1e-8):
    return theta0 - lr * np.cumsum(stream / np.sqrt(averages(stream**2, alpha) + eps), axis=0)


def adam_eps_inside(theta0, stream, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    steps = corrected(stream, beta1) / np.sqrt(corrected(stream**2, beta2) + eps)
    return theta0 - lr * np.cumsum(steps, axis=0)


def adam_eps_hat(theta0, stream, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    root = np.sqrt(averages(np.ones((len(stream), 1)), beta2))
    steps = corrected(stream, beta1) / (np.sqrt(corrected(stream**2, beta2)) + eps / root)
    return theta0 - lr * np.cumsum(steps, axis=0)


def momentum_ema(theta0, stream, lr=1e-3, momentum=0.9):
    return theta0 - lr * np.cumsum(averages(stream, momentum), axis=0)


def lion(theta0, stream, lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0):
    before = np.concatenate([np.zeros((1, *theta0.shape)), averages(stream, beta2)[:-1]])
    steps = np.sign(beta1 * before + (1 - beta1) * stream)
    kept = (1 - lr * weight_decay) ** np.arange(1, len(stream) + 1)[:, None]
    return kept * (theta0 - lr * np.cumsum(steps / kept, axis=0))


# rule, its settings, and the formula; defaults are written out once more above
CASES = [
    (rules.momentum_ema, {}, momentum_ema),
    (rules.momentum_ema, {"lr": 0.1, "momentum": 0.7}, momentum_ema),
    (rules.adagrad_eps_inside, {}, adagrad_eps_inside),
    (rules.adagrad_eps_inside, {"lr": 0.5, "lr_decay": 0.1, "eps": 1e-5}, adagrad_eps_inside),
    (rules.rmsprop_eps_inside, {}, rmsprop_eps_inside),
    (rules.rmsprop_eps_inside, {"lr": 0.1, "alpha": 0.9, "eps": 1e-4}, rmsprop_eps_inside),
    (rules.adam_eps_inside, {}, adam_eps_inside),
    (rules.adam_eps_inside, {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4}, adam_eps_inside),
    (rules.adam_eps_hat, {}, adam_eps_hat),
    (rules.adam_eps_hat, {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4}, adam_eps_hat),
    (rules.lion, {}, lion),
    (rules.lion, {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.3}, lion),
]
