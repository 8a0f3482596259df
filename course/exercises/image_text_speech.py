"""The blanks of 14_image_text_speech."""

import itertools
import math
import operator

import numpy as np

from course.exercises.blank import OPTIMIZERS, Blank, cases, log_uniform, telling
from course.mistakes import Mistake


# train


def _batches(rng, useful):
    """Six batches for linear regression, whose rates fall; only those marked 1 in `useful` lead to the right weights.

    With "000000" the start is good, and every step leads away from it.
    """
    truth, elsewhere = rng.normal(size=3), rng.normal(size=3)
    x = rng.normal(size=(6, 4, 3))
    towards = np.array([truth if one == "1" else elsewhere for one in useful])  # what the batches were made with
    x_val, distance = rng.normal(size=(8, 3)), rng.uniform(1, 2, 3) if "1" in useful else 0.05
    return {
        "w": truth + distance * rng.choice([-1, 1], 3),
        "x": x,
        "y": np.einsum("tnd,td->tn", x, towards),
        "x_val": x_val,
        "y_val": x_val @ truth,
        "lrs": float(rng.uniform(0.25, 0.4)) * np.array([0.5, 1.0, 0.9, 0.7, 0.6, 0.3]),
        "clip": float(rng.uniform(0.8, 1.5)),
    }


def _loops(rng):
    """Twelve calls: in three the last weights are the best, in three those of the start, and otherwise neither."""
    calls = []
    while len(calls) < 12:
        kind = _KINDS[len(calls) % 4]
        call = _batches(rng, kind)
        if _tells(kind, *call.values()):
            calls.append(call)
    return calls


_KINDS = ("111100", "110110", "111111", "000000")


def _tells(kind, *arguments):
    """Whether a call shows what it is there for, with whatever other errors."""
    right, away = _given(())(*arguments)[0], 1e-3
    if kind == "110110" and np.abs(_given((), at_best=True)(*arguments)[0] - right).max() <= away:
        return False  # no best comes after a worse one
    if kind == "000000" and np.abs(_given((), start=False)(*arguments)[0] - right).max() <= away:
        return False  # the start is not the best
    if kind == "111111":
        return np.abs(_given(("shared",))(*arguments)[0] - right).max() == 0
    for errors in _WITHOUT_SHARED if kind != "110110" else [()]:  # the last weights are not the best
        best, last = _given(errors)(*arguments)[0], _given((*errors, "shared"))(*arguments)[0]
        if np.abs(best - last).max() <= away:
            return False
    return True


def _given(errors, *, scale=None, before=False, last=False, start=True, at_best=False):
    """The exercise's broken loop with only these of its four errors left, or with others.

    scale       (gradient, clip) -> the clipped gradient
    before      validation is measured before each step, and not after the last
    last        the last weights are returned with the lowest loss
    start       the weights at the start may be the best
    at_best     the gradient is that at the best weights so far
    """

    def clipped(g, clip):
        return scale(g, clip) if scale else g * min(1.0, clip / np.linalg.norm(g))

    def loop(w, x, y, x_val, y_val, lrs, clip):
        def measured(w):
            return ((x_val @ w - y_val) ** 2).mean() / 2

        g = np.zeros_like(w)
        best, lowest = w, measured(w) if start else math.inf
        for t in range(len(x)):
            if before and measured(w) < lowest:
                best, lowest = w, measured(w)
            at = best if at_best else w
            new = x[t].T @ (x[t] @ at - y[t]) / len(y[t])
            g = g + new if "piled" in errors else new
            lr = lrs[min(t + 1, len(lrs) - 1)] if "early" in errors else lrs[t]
            if "late" in errors:
                w = w - lr * g
                g = clipped(g, clip)
            else:
                g = clipped(g, clip)
                w = w - lr * g
            if not before and measured(w) < lowest:
                best, lowest = w, measured(w)
        return w if last or "shared" in errors else best, lowest

    return loop


def _always(g, clip):
    return g * clip / np.linalg.norm(g)


_ERRORS = {
    "piled": "g is never emptied, so each step takes the sum of the gradients so far (zero_grad is missing)",
    "late": "the clipping stands after the step, where it shortens nothing that still moves w",
    "early": "the schedule is moved on before the step: step 0 gets the rate of step 1, and the first rate is never used",
    "shared": "best is the array w itself and no copy, so it moves on with w: you return the last weights beside the "
    "lowest loss",
}


def _left(errors):
    what = "; ".join(_ERRORS[error] for error in errors)
    count = {1: "One error is", 2: "Two errors are", 3: "Three errors are", 4: "All four errors are"}[len(errors)]
    return Mistake("left_" + "_and_".join(errors), _given(errors), f"{count} left: {what}.")


_WITHOUT_SHARED = [some for n in range(4) for some in itertools.combinations(("piled", "late", "early"), n)]
_LEFT = tuple(_left(errors) for count in (1, 2, 3, 4) for errors in itertools.combinations(_ERRORS, count))

# stops


def _losses(rng):
    """Validation losses that fall, rise and fall again, with ties, and a patience that ends most of the runs."""
    n = int(rng.integers(10, 19))
    fall = 2.3 * np.exp(-np.arange(n) / rng.uniform(2, 5)) + 0.02 * np.arange(n) * rng.uniform(0.2, 1.5)
    return {"losses": np.round(fall + rng.uniform(0, 0.4, n), 1), "patience": int(rng.integers(2, 6))}


def _stops(losses, patience, *, better=lambda new, best: new < best, extra=0, against_last=False, whole=False):
    """fit's own rule with one thing changed.

    better          (new loss, lowest so far) -> whether it counts as lower
    extra           evaluations that are waited beyond patience
    against_last    a loss below the one before it begins the waiting anew
    whole           the best is looked for among all losses, also after the stop
    """
    best, waited = 0, 0
    for k in range(1, len(losses)):
        lower = better(losses[k], losses[k - 1 if against_last else best])
        waited = 0 if lower else waited + 1
        if better(losses[k], losses[best]):
            best = k
        if waited >= patience + extra:
            break
    return k, int(np.argmin(losses)) if whole else best


# per_character


def _tokens(rng):
    characters = int(rng.integers(2000, 90_000))
    return {
        "loss": float(rng.uniform(1.5, 4.5)),
        "tokens": int(characters / rng.uniform(2.5, 6)),
        "characters": characters,
    }


def _units(loss, tokens, characters, *, share=lambda loss, t, c: loss * t / c, bits=None, perplexity=math.exp):
    nats = share(loss, tokens, characters)
    return nats, bits(nats) if bits else nats / math.log(2), perplexity(nats)


# layers


def _stack(rng):
    """Three to five layers; some strides leave something over."""
    n = int(rng.integers(3, 6))
    return {
        "length": int(rng.integers(200, 1001)),
        "kernels": [int(k) for k in rng.choice([2, 3, 5, 7], n)],
        "strides": [int(s) for s in [*rng.choice([2, 3], 2), *rng.choice([1, 2], n - 2)]],
        "paddings": [int(p) for p in rng.integers(1, 4, n)],
    }


def _layers(length, kernels, strides, paddings, *, out=None, field="right"):
    seen, jump = 1, 1
    for k, s, p in zip(kernels, strides, paddings, strict=True):
        length = out(length, k, s, p) if out else (length + 2 * p - k) // s + 1
        if field == "own_stride":
            jump *= s
        seen += (k - (field != "whole_kernel")) * {"no_strides": 1, "stride_alone": s}.get(field, jump)
        if field != "own_stride":
            jump *= s
    return length, math.prod(kernels) if field == "product" else seen


# widest


def _count(hidden, classes, width, gates=3, biases=2, embed=True, out=True):
    gru = gates * hidden * (width + hidden + biases)
    return embed * classes * width + gru + out * (hidden + 1) * classes


def _budget(rng):
    """A number of parameters that a whole width does not use up, and that keeps clear of the next."""
    classes, width, hidden = int(rng.integers(60, 400)), int(rng.integers(16, 129)), int(log_uniform(rng, 15, 600))
    low, high = _count(hidden, classes, width), _count(hidden + 1, classes, width)
    return {"budget": int(low + rng.uniform(0.15, 0.85) * (high - low)), "classes": classes, "width": width}


def _spent(rng):
    """A budget that a whole width uses up to the last parameter."""
    classes, width, hidden = int(rng.integers(60, 400)), int(rng.integers(16, 129)), int(log_uniform(rng, 15, 600))
    return {"budget": _count(hidden, classes, width), "classes": classes, "width": width}


def _widest(budget, classes, width, *, within=operator.le, **changed):
    hidden = 0
    while within(_count(hidden + 1, classes, width, **changed), budget):
        hidden += 1
    return hidden


def _one_bias(budget, classes, width):
    return _widest(budget, classes, width, biases=1)


def _not_rounded(budget, classes, width):
    b = 3 * width + 6 + classes
    return (math.sqrt(b**2 + 12 * (budget - classes * (width + 1))) - b) / 6


BLANKS = (
    Blank(
        name="14_image_text_speech.train",
        inputs=telling(_loops, _given(()), _given((), scale=_always)),
        outputs=("w", "loss"),
        points=3,
        tolerance=1e-5,  # torch's clip_grad_norm_ adds 1e-6 to the norm
        forbidden=OPTIMIZERS,
        hints=(
            "Say aloud what each line of torch's loop does: zero_grad, backward, clip, step, scheduler. Then put a finger "
            "on the line of this loop that does it, and ask whether it stands in its place.",
            "One error is in what g holds, one in where the clipping stands, one in which rate a step takes, and one in "
            "what `best` is: another name for w, or the numbers that w had.",
            "Set g to this batch's gradient alone; shorten it before w moves; take lrs[t]; and keep a copy of w whenever "
            "validation is lower than ever.",
        ),
        mistakes=(
            *_LEFT,
            Mistake(
                "clipped_by_coordinate",
                _given((), scale=lambda g, clip: np.clip(g, -clip, clip)),
                "You clipped each coordinate on its own. That turns the gradient: at clip = 1, (3, 0.4) becomes (1, 0.4). "
                "Multiply the whole vector by one factor, so that its norm is at most clip.",
            ),
            Mistake(
                "always_scaled",
                _given((), scale=_always),
                "You gave every gradient the norm clip. One that is shorter stays as it is: the factor is at most 1.",
            ),
            Mistake(
                "norm_squared",
                _given((), scale=lambda g, clip: g * min(1.0, clip / (g @ g))),
                "You divided by the squared norm. At clip = 1 a gradient of norm 2 becomes 0.5 long, and not 1.",
            ),
            Mistake(
                "before_the_step",
                _given((), before=True),
                "You measured validation before each step. So the weights after the last step are never looked at.",
            ),
            Mistake(
                "start_forgotten",
                _given((), start=False),
                "You left out the weights at the start. If no step leads to a lower loss, they are the best.",
            ),
        ),
    ),
    Blank(
        name="14_image_text_speech.stops",
        inputs=cases(_losses, count=40),
        outputs=("stop", "best"),
        points=2,
        hints=(
            "Go through a row of losses with your finger. After each one ask two questions: is it the lowest so far, and "
            "how many evaluations ago was the lowest?",
            "Keep the index of the lowest loss. A loss that only equals it is not lower. Stop as soon as the index now, "
            "less that of the lowest, has reached the patience.",
            "Loop over the indices from 1; set best to k where losses[k] is below losses[best]; return k and best as soon "
            "as k minus best equals patience; after the loop return the last index and best.",
        ),
        mistakes=(
            Mistake(
                "one_more",
                lambda losses, patience: _stops(losses, patience, extra=1),
                "You waited one evaluation too long. With patience 2 the run ends at the second evaluation in a row that "
                "is not lower than the lowest.",
            ),
            Mistake(
                "tie_is_lower",
                lambda losses, patience: _stops(losses, patience, better=lambda new, best: new <= best),
                "You let an equal loss count as lower. Then a run that has come to rest is never stopped.",
            ),
            Mistake(
                "against_the_last",
                lambda losses, patience: _stops(losses, patience, against_last=True),
                "You compared each loss with the one before it. A loss that goes up by 0.2 and down by 0.1, again and "
                "again, would begin the waiting anew each time; compare with the lowest so far.",
            ),
            Mistake(
                "best_of_all",
                lambda losses, patience: _stops(losses, patience, whole=True),
                "Your best looks at losses after the stop. The run has ended: nobody has measured them.",
            ),
            Mistake(
                "highest",
                lambda losses, patience: _stops(-np.asarray(losses), patience),
                "You waited for a higher number. For a loss, lower is better.",
            ),
            Mistake(
                "never",
                lambda losses, patience: (len(losses) - 1, int(np.argmin(losses))),
                "Your run never stops: the patience is not used.",
            ),
            Mistake(
                "swapped",
                lambda losses, patience: _stops(losses, patience)[::-1],
                "Both numbers are right, in the wrong order: return where the run stops first, then the best.",
            ),
        ),
    ),
    Blank(
        name="14_image_text_speech.per_character",
        inputs=cases(_tokens),
        outputs=("nats", "bits", "perplexity"),
        points=1,
        hints=(
            "One thing is the same however the text is cut: the loss of the whole text. How large is it?",
            "The whole text costs loss times tokens. Share it out among the characters. A bit is log 2 nats, and a "
            "perplexity is the exponential of the nats that it belongs to.",
            "nats is loss times tokens over characters; bits is nats over the logarithm of 2; perplexity is exp of nats, "
            "not of loss.",
        ),
        mistakes=(
            Mistake(
                "wrong_way",
                lambda *call: _units(*call, share=lambda loss, t, c: loss * c / t),
                "You multiplied by the characters in a token. A token is several characters, so a character's share is "
                "smaller than a token's loss.",
            ),
            Mistake(
                "not_shared_out",
                lambda *call: _units(*call, share=lambda loss, t, c: loss),
                "You gave the loss of a token as that of a character. With 4 characters in a token it is 4 times too large.",
            ),
            Mistake(
                "bits_times_log2",
                lambda *call: _units(*call, bits=lambda nats: nats * math.log(2)),
                "You multiplied by log 2. A bit is the smaller unit, 0.693 nats, so there are more bits than nats: divide.",
            ),
            Mistake(
                "perplexity_of_the_token",
                lambda loss, t, c: (*_units(loss, t, c)[:2], math.exp(loss)),
                "Your perplexity is that of a token. That of a character is the exponential of a character's nats.",
            ),
            Mistake(
                "perplexity_shared_out",
                lambda loss, t, c: (*_units(loss, t, c)[:2], math.exp(loss) * t / c),
                "You divided the token's perplexity by the characters in a token. Losses are shared out so, perplexities "
                "are their exponentials: share out first.",
            ),
            Mistake(
                "two_to_the_nats",
                lambda *call: _units(*call, perplexity=lambda nats: 2**nats),
                "You took 2 to the power of the nats. It is e to the nats, or 2 to the bits; these two are equal.",
            ),
            Mistake(
                "e_to_the_bits",
                lambda *call: _units(*call, perplexity=lambda nats: math.exp(nats / math.log(2))),
                "You took e to the power of the bits. It is e to the nats, or 2 to the bits; these two are equal.",
            ),
        ),
    ),
    Blank(
        name="14_image_text_speech.layers",
        inputs=cases(_stack),
        outputs=("out", "field"),
        points=2,
        hints=(
            "For the length: at how many places can a window of k stand in the padded row, if it moves s at a time? For the "
            "field: two neighbors in a layer's input are how far apart in the first row?",
            "The length is the number of moves, a whole one, plus the first place. For the field keep a second number, the "
            "jump: the k - 1 further places of a window are one jump apart each, and the layer's stride multiplies the jump "
            "of the layers above it.",
            "Length: length plus twice the padding, less k, divided by s and rounded down, plus one. Field: add k minus one "
            "times the jump, and only then multiply the jump by s.",
        ),
        mistakes=(
            Mistake(
                "padding_once",
                lambda *call: _layers(*call, out=lambda n, k, s, p: (n + p - k) // s + 1),
                "You counted the padding once. It stands at both ends.",
            ),
            Mistake(
                "first_place_forgotten",
                lambda *call: _layers(*call, out=lambda n, k, s, p: (n + 2 * p - k) // s),
                "You counted the moves of the window, and not the place where it begins: add 1 in each layer.",
            ),
            Mistake(
                "rounded_up",
                lambda *call: _layers(*call, out=lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1),
                "You rounded up. A window that would reach over the end does not count: round down.",
            ),
            Mistake(
                "kernel_forgotten",
                lambda *call: _layers(*call, out=lambda n, k, s, p: (n + 2 * p - 1) // s + 1),
                "Your length does not shrink with the kernel. A window of k has n - k + 1 places in a row of n, not n.",
            ),
            Mistake(
                "strides_forgotten",
                lambda *call: _layers(*call, field="no_strides"),
                "Your field is right for strides of 1. After a stride of 2 the next layer's neighbors stand 2 apart in the "
                "input, after another one 4.",
            ),
            Mistake(
                "own_stride",
                lambda *call: _layers(*call, field="own_stride"),
                "You let a layer's own stride widen its own window. The window stands on the layer below; the stride only "
                "moves apart what comes above: multiply the jump last.",
            ),
            Mistake(
                "stride_alone",
                lambda *call: _layers(*call, field="stride_alone"),
                "You multiplied each window by its layer's own stride. What counts is the product of all strides below it.",
            ),
            Mistake(
                "whole_kernel",
                lambda *call: _layers(*call, field="whole_kernel"),
                "You added k places in each layer. One of them was there already: a kernel of 1 sees no more than before.",
            ),
            Mistake(
                "product_of_kernels",
                lambda *call: _layers(*call, field="product"),
                "You multiplied the kernels. Fields add up: two kernels of 3 see 5 places, and not 9.",
            ),
        ),
    ),
    Blank(
        name="14_image_text_speech.widest",
        inputs=telling(lambda rng: [*cases(_budget, count=36)(rng), *cases(_spent, count=4)(rng)], _widest, _one_bias),
        points=3,
        hints=(
            "Write the number of parameters as a function of hidden: the embedding, three gates, and the output. Check it "
            "with the lesson's network: classes 103, width 32 and hidden 64 make 28,807.",
            "What grows with hidden is 3 hidden squared plus (3 width + 6 + classes) hidden. The rest is classes times "
            "(width + 1). Solve for the largest whole hidden, by the formula or by counting up.",
            "With b = 3 width + 6 + classes and c = budget less classes (width + 1): hidden is minus b plus the root of b "
            "squared plus 12 c, divided by 6 and rounded down.",
        ),
        mistakes=(
            Mistake(
                "one_bias",
                _one_bias,
                "You gave each gate one bias. torch's GRU has two, one beside each of its matrices: 3 hidden parameters "
                "more.",
            ),
            Mistake(
                "no_bias",
                lambda *call: _widest(*call, biases=0),
                "You gave the gates no bias. torch's GRU has two for each: 6 hidden parameters more.",
            ),
            Mistake(
                "four_gates",
                lambda *call: _widest(*call, gates=4),
                "You counted four gates. That is an LSTM; a GRU has three.",
            ),
            Mistake(
                "one_gate",
                lambda *call: _widest(*call, gates=1),
                "You counted one gate. That is a plain recurrent layer; a GRU has three.",
            ),
            Mistake(
                "no_embedding",
                lambda *call: _widest(*call, embed=False),
                "You left out the embedding: classes times width parameters, 3296 of the 28,807 in the lesson's network.",
            ),
            Mistake(
                "no_output",
                lambda *call: _widest(*call, out=False),
                "You left out the last layer: hidden + 1 parameters for each class, 6695 of the 28,807 in the lesson's "
                "network.",
            ),
            Mistake(
                "too_wide",
                lambda *call: _widest(*call) + 1,
                "One too many: at your width the network has more parameters than the budget. Round down.",
            ),
            Mistake(
                "strictly",
                lambda *call: _widest(*call, within=operator.lt),
                "One too few where the budget is used up to the last parameter: 28,807 parameters are within a budget of "
                "28,807. (If you round down a formula, the root may have come out as 63.9999999 by rounding.)",
            ),
            Mistake(
                "not_whole",
                _not_rounded,
                "Your number is where the curve crosses the budget. A width is whole: round down.",
            ),
        ),
    ),
)
