"""Known mistakes in gradient descent and the forms of momentum."""

from course import rules
from course.mistakes.variant import UPHILL, another, of

# sgd


@of(rules.sgd, "wrong_sign", UPHILL)
def _(theta, g, t, lr):
    return (theta + lr * g,)


@of(rules.sgd, "no_rate", "You left out the learning rate: the step is g itself, 1/lr times too long.")
def _(theta, g, t, lr):
    return (theta - g,)


@of(
    rules.sgd,
    "rate_divides",
    "You divided by the learning rate. A larger rate must make a longer step, not a shorter one.",
)
def _(theta, g, t, lr):
    return (theta - g / lr,)


@of(rules.sgd, "decaying_rate", "You divided the rate by t. That is a schedule; sgd itself keeps the rate it is given.")
def _(theta, g, t, lr):
    return (theta - lr / t * g,)


# heavy ball


@of(rules.heavy_ball, "wrong_sign", UPHILL)
def _(theta, g, t, delta, lr, momentum):
    delta = momentum * delta + lr * g
    return theta + delta, delta


@of(
    rules.heavy_ball,
    "minus_displacement",
    "You subtracted the displacement. It already holds -lr * g, so theta must be increased by it; as it stands the "
    "step goes uphill.",
)
def _(theta, g, t, delta, lr, momentum):
    delta = momentum * delta - lr * g
    return theta - delta, delta


@of(
    rules.heavy_ball,
    "lr_outside",
    "You kept a sum of gradients and multiplied it by lr: torch's form. Heavy ball remembers displacements, each made "
    "at the rate of its own step; the two part as soon as the rate changes.",
)
def _(theta, g, t, delta, lr, momentum):
    delta = momentum * delta - g
    return theta + lr * delta, delta


@of(
    rules.heavy_ball,
    "ema",
    "You weighted the gradient by (1 - momentum). Heavy ball does not: with momentum 0.9 your steps are 10 times "
    "too short.",
)
def _(theta, g, t, delta, lr, momentum):
    delta = momentum * delta - (1 - momentum) * lr * g
    return theta + delta, delta


@of(
    rules.heavy_ball,
    "stale_displacement",
    "You moved by the last displacement and updated it afterwards: every step comes one step late, the first is zero.",
)
def _(theta, g, t, delta, lr, momentum):
    return theta + delta, momentum * delta - lr * g


# momentum


@of(rules.momentum, "wrong_sign", UPHILL)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + g
    return theta + lr * b, b


@of(
    rules.momentum,
    "lr_inside",
    "You put lr inside the velocity (b = momentum * b + lr * g). At a constant rate theta is the same, but when the "
    "rate drops by 10 the old velocity coasts on at the old rate; torch multiplies the whole buffer by the new one.",
)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + lr * g
    return theta - b, b


@of(
    rules.momentum,
    "ema",
    "You averaged the gradients (momentum * b + (1 - momentum) * g). torch sums them: with momentum 0.9 your steps are "
    "10 times too short.",
)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + (1 - momentum) * g
    return theta - lr * b, b


@of(
    rules.momentum,
    "momentum_on_gradient",
    "You multiplied the gradient by momentum and the buffer by nothing: the buffer never forgets and grows for ever.",
)
def _(theta, g, t, b, lr, momentum):
    b = b + momentum * g
    return theta - lr * b, b


@of(
    rules.momentum,
    "stale_buffer",
    "You stepped with the buffer from before this gradient: every step comes one step late, the first is zero.",
)
def _(theta, g, t, b, lr, momentum):
    return theta - lr * b, momentum * b + g


@of(rules.momentum, "no_memory", "You stepped with g and not with the buffer: the memory is kept and never used.")
def _(theta, g, t, b, lr, momentum):
    return theta - lr * g, momentum * b + g


another(
    rules.momentum,
    rules.nesterov,
    "nesterov",
    "You added the look-ahead (g + momentum * b): that is Nesterov's step, whose first one is 1.9 lr g at momentum 0.9, "
    "where plain momentum's is lr g.",
)


# momentum as a moving average


@of(rules.momentum_ema, "wrong_sign", UPHILL)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + (1 - momentum) * g
    return theta + lr * b, b


another(
    rules.momentum_ema,
    rules.momentum,
    "sum",
    "You summed the gradients. An average weights the new one by (1 - momentum): with momentum 0.9 your steps are 10 "
    "times too long.",
)


@of(
    rules.momentum_ema,
    "weights_swapped",
    "You kept (1 - momentum) of the average and took momentum of the new gradient: at 0.9 it remembers one step, not ten.",
)
def _(theta, g, t, b, lr, momentum):
    b = (1 - momentum) * b + momentum * g
    return theta - lr * b, b


@of(
    rules.momentum_ema,
    "bias_corrected",
    "You divided by 1 - momentum^t. That is Adam's correction; here the first step stays (1 - momentum) lr g long.",
)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + (1 - momentum) * g
    return theta - lr * b / (1 - momentum**t), b


@of(
    rules.momentum_ema,
    "lr_inside",
    "You put lr inside the average: a rate change then reaches the steps only as fast as the average forgets.",
)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + (1 - momentum) * lr * g
    return theta - b, b


# nesterov


@of(rules.nesterov, "wrong_sign", UPHILL)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + g
    return theta + lr * (g + momentum * b), b


another(
    rules.nesterov,
    rules.momentum,
    "no_look_ahead",
    "You stepped with b alone (or with g + momentum * the old b, which is the same): that is plain momentum. Nesterov's "
    "step is g + momentum * the new b, 1.9 times as long at the first step with momentum 0.9.",
)


@of(
    rules.nesterov,
    "whole_buffer",
    "You added the whole buffer (g + b). The look-ahead is one more step of decay: g + momentum * b.",
)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + g
    return theta - lr * (g + b), b


@of(
    rules.nesterov,
    "scaled_buffer",
    "You stepped with (1 + momentum) * b: that is plain momentum at 1.9 times the rate, with momentum 0.9. The first "
    "step is right, and on a constant slope the steps grow to 19 lr g in place of 10.",
)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + g
    return theta - lr * (1 + momentum) * b, b


@of(
    rules.nesterov,
    "sign_lost",
    "You subtracted lr * g and added lr * momentum * b: a parenthesis is missing. On a constant slope it moves uphill, "
    "by 8 lr g a step at momentum 0.9.",
)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + g
    return theta - lr * g + lr * momentum * b, b


@of(
    rules.nesterov,
    "roles_swapped",
    "You stepped with b + momentum * g. It is the buffer that is looked ahead by one decay: g + momentum * b.",
)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + g
    return theta - lr * (b + momentum * g), b


@of(
    rules.nesterov,
    "ema",
    "You averaged the gradients (momentum * b + (1 - momentum) * g). torch sums them; the buffer's share of your step "
    "is 10 times too small at momentum 0.9.",
)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + (1 - momentum) * g
    return theta - lr * (g + momentum * b), b


@of(
    rules.nesterov,
    "lr_inside",
    "You put lr inside the velocity: theta is the same at a constant rate and wrong as soon as the rate changes.",
)
def _(theta, g, t, b, lr, momentum):
    b = momentum * b + lr * g
    return theta - (lr * g + momentum * b), b
