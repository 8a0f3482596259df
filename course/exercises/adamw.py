"""The blanks of 09_adamw."""

import math

import numpy as np

from course.exercises.blank import OPTIMIZERS, Blank, cases, log_uniform, stream
from course.exercises.repair import errors_left
from course.mistakes import MISTAKES, Mistake


def _given(errors):
    """The exercise's broken AdamW with only these of its three errors left: "in_m", "no_rate", "new_theta"."""

    def rule(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
        m = beta1 * m + (1 - beta1) * (g + weight_decay * theta if "in_m" in errors else g)
        v = beta2 * v + (1 - beta2) * g**2
        step = lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        share = weight_decay if "no_rate" in errors else lr * weight_decay
        old = theta - step if "new_theta" in errors else theta
        return theta - step - share * old, m, v

    return rule


def _only_in_m(theta, g, t, m=0.0, v=0.0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    m = beta1 * m + (1 - beta1) * (g + weight_decay * theta)
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


_ERRORS = {
    "in_m": "m still averages weight_decay * theta along with g, so the weight is decayed once more, through the root",
    "no_rate": "the decay is not multiplied by lr, so at lr = 1e-3 it is 1000 times too strong",
    "new_theta": "the decay is taken of theta after the step, so the step is decayed too",
}
_LEFT = errors_left(_given, _ERRORS, lambda left: "in_m" in left)  # MISTAKES["adamw"] knows the others


def _same_decay_inputs(rng):
    lr, steps = log_uniform(rng, 1e-3, 0.1), int(log_uniform(rng, 20, 2000))
    return {
        "lr": lr,
        "weight_decay": log_uniform(rng, 0.05, 1.0),
        "steps": steps,
        "new_lr": lr * log_uniform(rng, 0.3, 3.0),
        "new_steps": int(steps * log_uniform(rng, 1.2, 5.0) ** rng.choice([-1, 1])),
    }


def _same_decay(lr, weight_decay, steps, new_lr, new_steps):
    return (1 - (1 - lr * weight_decay) ** (steps / new_steps)) / new_lr


def _pushed_inputs(rng):
    return {
        "theta0": float(rng.normal()),
        "g": log_uniform(rng, 1e-3, 1e3) * float(rng.choice([-1, 1])),
        "t": int(rng.integers(2, 400)),
        "lr": log_uniform(rng, 1e-3, 0.1),
        "weight_decay": log_uniform(rng, 0.05, 2.0),
    }


def _pushed(theta0, g, t, lr, weight_decay, push=None):
    push = math.copysign(1.0, g) if push is None else push
    left = (1 - lr * weight_decay) ** t
    return left * theta0 - push * (1 - left) / weight_decay


def _squares(C, beta2):
    """The running mean square after the gradient C, after the first -1 and after the second, in the long run."""
    whole = (1 - beta2) / (1 - beta2**3)
    return (
        whole * (C**2 + beta2 + beta2**2),
        whole * (1 + beta2 * C**2 + beta2**2),
        whole * (1 + beta2 + beta2**2 * C**2),
    )


def _moved(lr, C, squares):
    a, b, c = squares
    return lr * (1 / math.sqrt(b) + 1 / math.sqrt(c) - C / math.sqrt(a))


def _first_cycle(C, beta2):
    a = (1 - beta2) * C**2
    b = beta2 * a + 1 - beta2
    return a, b, beta2 * b + 1 - beta2


def _one_late(C, beta2):
    a, b, c = _squares(C, beta2)
    return c, a, b


BLANKS = (
    Blank(
        name="09_adamw.adamw",
        inputs=stream(
            lr=(0.03, 1.0), beta1=(0.5, 0.95), beta2=(0.9, 0.999), eps=(1e-9, 1e-7), weight_decay=(0.05, 0.5)
        ),
        outputs=("theta", "m", "v"),
        chained=True,
        forbidden=OPTIMIZERS,
        points=3,
        hints=(
            "Follow weight_decay through the rule: where may it stand in AdamW, and what must it multiply there?",
            "The running means know nothing of the decay. It takes a share of the theta that came in, and that share "
            "follows the learning rate.",
            "Average g alone in m; multiply the old theta by one minus lr times weight_decay, and subtract Adam's step "
            "from that.",
        ),
        mistakes=(
            *MISTAKES["adamw"],
            *_LEFT,
            Mistake(
                "only_in_m",
                _only_in_m,
                "You took the decay out of the parameters and left it in m: now it is divided by the root of v_hat. "
                "With gradients of size 100 a weight is decayed 100 times too little.",
            ),
        ),
    ),
    Blank(
        name="09_adamw.amsgrad",
        inputs=stream(lr=(1e-3, 1.0), beta1=(0.5, 0.95), beta2=(0.9, 0.999), eps=(1e-9, 1e-7)),
        outputs=("theta", "m", "v", "v_max"),
        chained=True,
        forbidden=OPTIMIZERS,
        points=2,
        hints=(
            "It is Adam with one line more. Which of the four states may fall, and which may not?",
            "v stays Adam's running mean. v_max is the larger of the old v_max and this step's v, and the correction "
            "comes after the maximum.",
            "Update m and v as in Adam; set v_max to np.maximum of v_max and v; correct m and v_max, and step with "
            "these two; return theta, m, v, v_max.",
        ),
        mistakes=MISTAKES["amsgrad"],
    ),
    Blank(
        name="09_adamw.same_decay",
        inputs=cases(_same_decay_inputs),
        points=2,
        hints=(
            "What share of a weight is left after one step without gradient? After an epoch of that many steps?",
            "Set the two shares equal and solve for the new weight_decay. The share of one new step is the old epoch's "
            "share to the power of one over new_steps.",
            "One minus lr times weight_decay, to the power steps over new_steps, is the new step's share. Subtract it "
            "from one and divide by new_lr.",
        ),
        mistakes=(
            Mistake(
                "first_order",
                lambda lr, weight_decay, steps, new_lr, new_steps: lr * weight_decay * steps / (new_lr * new_steps),
                "You kept the product lr * weight_decay * steps. That is near for small products, not exact: with "
                "lr = 0.1, weight_decay = 1 and 10 steps turned into 5 you say 2, the answer is 1.9.",
            ),
            Mistake(
                "unchanged",
                lambda lr, weight_decay, steps, new_lr, new_steps: weight_decay,
                "You kept weight_decay. In torch the decay of a step is lr * weight_decay: with a third of the rate, a "
                "weight is decayed a third as fast.",
            ),
            Mistake(
                "same_per_step",
                lambda lr, weight_decay, steps, new_lr, new_steps: lr * weight_decay / new_lr,
                "You kept the decay of one step. The epoch has another number of steps now: with twice as many, the "
                "weights decay twice as much in an epoch.",
            ),
            Mistake(
                "rate_forgotten",
                lambda lr, weight_decay, steps, new_lr, new_steps: 1 - (1 - lr * weight_decay) ** (steps / new_steps),
                "You gave the share that a new step takes. torch multiplies weight_decay by lr, so divide the share by "
                "new_lr: as it stands, at new_lr = 0.01 your decay is 100 times too weak.",
            ),
            Mistake(
                "share_left",
                lambda lr, weight_decay, steps, new_lr, new_steps: (
                    (1 - lr * weight_decay) ** (steps / new_steps) / new_lr
                ),
                "You turned the share that a new step leaves into the decay; it is one minus that share that the step "
                "takes.",
            ),
            Mistake(
                "old_rate",
                lambda lr, weight_decay, steps, new_lr, new_steps: (
                    (1 - (1 - lr * weight_decay) ** (steps / new_steps)) / lr
                ),
                "You divided by the old rate. The new run multiplies your weight_decay by new_lr.",
            ),
            Mistake(
                "steps_upside_down",
                lambda lr, weight_decay, steps, new_lr, new_steps: (
                    (1 - (1 - lr * weight_decay) ** (new_steps / steps)) / new_lr
                ),
                "Your ratio of steps is upside down. More steps must each take less: with twice the steps yours takes "
                "twice as much per step, and so four times as much per epoch.",
            ),
        ),
    ),
    Blank(
        name="09_adamw.pushed",
        inputs=cases(_pushed_inputs),
        points=3,
        hints=(
            "What are m_hat and v_hat when every gradient is the same? How long, then, is Adam's part of the step?",
            "Every step is theta -> q theta - lr sign(g) with q = 1 - lr weight_decay. Find the theta that this leaves as "
            "it is; the distance to it shrinks by q in every step.",
            "The resting point is minus the sign of g over weight_decay. Add to it q to the power t times the distance "
            "from it to theta0.",
        ),
        mistakes=(
            Mistake(
                "size_of_gradient",
                lambda theta0, g, t, lr, weight_decay: _pushed(theta0, g, t, lr, weight_decay, push=g),
                "You pushed with g itself: that is gradient descent with decay. Under Adam a constant gradient pushes by "
                "lr times its sign, whatever its size, so the limit is 1/weight_decay and not |g|/weight_decay.",
            ),
            Mistake(
                "limit_at_once",
                lambda theta0, g, t, lr, weight_decay: -math.copysign(1.0, g) / weight_decay,
                "You gave the limit. It takes about 1/(lr weight_decay) steps to come near it: 1000 steps at lr = 0.01 "
                "and weight_decay = 0.1 cover 63 % of the way.",
            ),
            Mistake(
                "wrong_sign",
                lambda theta0, g, t, lr, weight_decay: _pushed(
                    theta0, g, t, lr, weight_decay, push=-math.copysign(1.0, g)
                ),
                "You were pushed uphill: with a gradient of +1, theta must fall.",
            ),
            Mistake(
                "sign_forgotten",
                lambda theta0, g, t, lr, weight_decay: _pushed(theta0, g, t, lr, weight_decay, push=1.0),
                "You pushed downward whatever the sign of g. A negative gradient pushes up: in the example you say 0.7075, "
                "and the weight is at 1.0975.",
            ),
            Mistake(
                "start_kept",
                lambda theta0, g, t, lr, weight_decay: theta0 + _pushed(0.0, g, t, lr, weight_decay),
                "You added the push to theta0 itself. The start decays too: after t steps only (1 - lr weight_decay)^t "
                "of it is left.",
            ),
            Mistake(
                "start_forgotten",
                lambda theta0, g, t, lr, weight_decay: _pushed(0.0, g, t, lr, weight_decay),
                "You began at 0. (1 - lr weight_decay)^t of theta0 is still there after t steps.",
            ),
            Mistake(
                "exponential",
                lambda theta0, g, t, lr, weight_decay: _pushed(
                    theta0, g, 1, -math.expm1(-lr * weight_decay * t) / weight_decay, weight_decay
                ),
                "You replaced (1 - lr weight_decay)^t by exp(-lr weight_decay t). That is near for small steps only: "
                "for lr weight_decay = 0.1 and t = 10 it says 0.368, where the steps leave 0.349.",
            ),
            Mistake(
                "no_decay",
                lambda theta0, g, t, lr, weight_decay: theta0 - lr * t * math.copysign(1.0, g),
                "You left the decay out: that is Adam, which goes on at lr per step for ever.",
            ),
            Mistake(
                "pushes_kept",
                lambda theta0, g, t, lr, weight_decay: (
                    (1 - lr * weight_decay) ** t * theta0 - lr * t * math.copysign(1.0, g)
                ),
                "You decayed the start and kept all t pushes whole. Old pushes decay as well, which is why the weight "
                "comes to rest at 1/weight_decay and does not go on for ever.",
            ),
            Mistake(
                "decay_after_step",
                lambda theta0, g, t, lr, weight_decay: _pushed(
                    theta0, g, t, lr, weight_decay, push=math.copysign(1.0, g) * (1 - lr * weight_decay)
                ),
                "You decayed theta after the step, so each push is decayed at once. AdamW decays the old theta, and the "
                "newest push is whole.",
            ),
            Mistake(
                "one_step_late",
                lambda theta0, g, t, lr, weight_decay: _pushed(theta0, g, t - 1, lr, weight_decay),
                "You took t - 1 steps. Step 1 already decays and pushes.",
            ),
        ),
    ),
    Blank(
        name="09_adamw.moved",
        inputs=cases(
            lambda rng: {
                "lr": log_uniform(rng, 0.01, 1.0),
                "C": float(rng.uniform(2.2, 8.0)),
                "beta2": float(rng.uniform(0.05, 0.9)),
            }
        ),
        points=3,
        hints=(
            "In the long run v repeats itself every three steps. Call its values a (after the gradient C), b and c.",
            "Write the three updates: b from a, c from b, and a from c. Insert one into the other; one linear equation in "
            "a is left.",
            "a is (1 - beta2) times (C^2 + beta2 + beta2^2) over (1 - beta2^3). The steps of -1 move by plus lr over the "
            "roots of b and of c, the step of C by minus lr C over the root of a.",
        ),
        mistakes=(
            Mistake(
                "one_mean_square",
                lambda lr, C, beta2: lr * (2 - C) / math.sqrt((C**2 + 2) / 3),
                "You divided all three steps by the same mean square, which is what v becomes as beta2 goes to 1. There "
                "Adam moves the right way; at C = 3 and beta2 = 0.1 you say -0.522 lr, Adam moves +0.681 lr.",
            ),
            Mistake(
                "amsgrad",
                lambda lr, C, beta2: lr * (2 - C) / math.sqrt(_squares(C, beta2)[0]),
                "You divided all three steps by the root of the largest v: that is AMSGrad. Adam's v falls between two "
                "gradients of C, and its steps grow.",
            ),
            Mistake(
                "own_size",
                lambda lr, C, beta2: lr,
                "You divided every gradient by its own size, so that two steps of lr forward and one back leave lr. That "
                "is beta2 = 0; at beta2 = 0.1 and C = 3 it is 0.681 lr.",
            ),
            Mistake(
                "opposite",
                lambda lr, C, beta2: -_moved(lr, C, _squares(C, beta2)),
                "The size is right, the sign is not: a gradient of -1 moves x up, the gradient C moves it down.",
            ),
            Mistake(
                "v_before",
                lambda lr, C, beta2: _moved(lr, C, _one_late(C, beta2)),
                "You divided each gradient by the v from before it. Adam updates v first, so the large gradient already "
                "stands in its own denominator: that is what makes its step small.",
            ),
            Mistake(
                "weight_forgotten",
                lambda lr, C, beta2: math.sqrt(1 - beta2) * _moved(lr, C, _squares(C, beta2)),
                "You added the whole square to v, without the factor 1 - beta2: your v is a sum and no mean. At C = 3 and "
                "beta2 = 0.1 you say 0.646 lr, it is 0.681 lr; at beta2 = 0.9 yours is 0.316 of what it should be.",
            ),
            Mistake(
                "first_cycle",
                lambda lr, C, beta2: _moved(lr, C, _first_cycle(C, beta2)),
                "You gave the first cycle, which starts from v = 0. In the long run v before the gradient C is not 0 but "
                "what the cycle before has left.",
            ),
            Mistake(
                "ones_above",
                lambda lr, C, beta2: (
                    _moved(lr, C, _squares(C, beta2)) + lr * (C - 1) / math.sqrt(_squares(C, beta2)[0])
                ),
                "You put 1 above the root in the step back, too. The large gradient is C: at C = 3 and beta2 = 0.1 its step "
                "is 1.05 lr, yours 0.35 lr.",
            ),
            Mistake(
                "no_root",
                lambda lr, C, beta2: (
                    lr * (1 / _squares(C, beta2)[1] + 1 / _squares(C, beta2)[2] - C / _squares(C, beta2)[0])
                ),
                "You divided by v and not by its root.",
            ),
        ),
    ),
)
