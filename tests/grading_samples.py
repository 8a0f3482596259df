"""Results to make reports from: right, wrong in known ways, awkward, hostile; and a class of any size."""

import hashlib
import random

from course.grading.model import (
    CRASHED,
    FAILED,
    MEMORY,
    PASSED,
    RAISED,
    TIMEOUT,
    UNREAD,
    UNWRITTEN,
    Mark,
    Result,
)

# lesson: {blank: (points, known mistakes)}
LESSONS = {
    "08_adam": {
        "adam": (3, ["no_correction", "eps_inside", "t_from_zero", "no_root", "betas_swapped", "wrong_sign"]),
        "eps_for_keras": (1, ["no_root", "divided", "unchanged"]),
        "correction_over": (2, ["rounded_down", "no_root", "not_whole"]),
        "resumed_step": (2, ["inverted", "no_root"]),
        "longest_step": (3, ["beta2_forgotten", "sum_not_rooted"]),
    },
    "04_momentum": {
        "displacement": (3, ["ema", "no_memory", "wrong_sign"]),
        "rate_for_new_beta": (1, ["upside_down"]),
        "fastest_beta": (2, ["not_squared", "no_root"]),
    },
    "01_gradient_descent": {
        "descend": (1, ["uphill", "one_step_less"]),
        "largest_stable_rate": (1, ["one_over_L", "best_rate"]),
        "probe": (3, ["sign_lost", "last_point"]),
    },
}
FIRST_WRONG = (
    "First wrong at step t = 1, coordinate 2: your theta[2] is -1.31623, expected -1.1 "
    "(the gradient there is 0.612; lr = 0.1, beta1 = 0.9, beta2 = 0.999, eps = 1e-08)."
)
NO_CORRECTION = (
    "You left out both bias corrections. With beta1 0.9 and beta2 0.999 the first step is 3.16 lr in place of lr."
)
HINT = "The means start at 0. By what factor is each of them too small after `t` steps?"
# What a learner's code may put into an exception, a name or a note.
HOSTILE = [
    "</style><script>alert(1)</script><img src=x onerror=alert(2)>",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 bell\x07 null\x00 back\x08\x08",
    "\u202egnp.exe \u2066isolate \u200fmark \ufeff",
    "lone \ud83d half, \uffff no character, \U000e0041 tag",
    "x" * 100_000,
    "`unclosed code, & < > \" ' {{ 7*7 }} {% raw %} ]]> <!-- -->",
    "Z̵̡̢̛̗̘̙̜̝̞̟̠͇̊̋̌̍̎̏̚a̵l̵g̵o",
    "first line\nsecond line\r\nthird\u2028fourth",
]
# Learners who must not share a file, and whose names no file system takes as they are.
NAMES = [
    *(
        "anna",
        "Anna",
        "ANNA",
        "anna ",
        "Änna",
        "A\u0308nna",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "a:b",
        "a?b",
        "..",
        ".",
        "",
    ),
    *(
        "con",
        "CON",
        "nul.txt",
        "-rf",
        "x" * 255,
        "X" * 255,
        "ж" * 127,
        "Жанна",
        "李雷",
        "\ud800",
        "\ud801",
        "\x00",
        "\n",
        "name\u202e",
    ),
    *(
        "=HYPERLINK(1)",
        "+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "'quoted",
        "Doe, Jane",
        "O'Neil",
        "<b>bold</b>",
        "🧑‍🔬",
    ),
]


def mark(blank, status=PASSED, out_of=3, lines=(), mistake=None, hint=""):
    """A Mark with all of its points or none."""
    return Mark(blank, status, out_of if status == PASSED else 0, out_of, tuple(lines), mistake, hint)


def result(learner, lesson="08_adam", marks=(), **more):
    """A Result in bubblewrap, with a digest of the learner's name."""
    digest = hashlib.sha256(learner.encode("utf-8", "surrogatepass")).hexdigest()
    given = {"source": f"{lesson}/{learner}.ipynb", "digest": digest, "sandbox": "bubblewrap", **more}
    return Result(learner, lesson, marks=tuple(marks), **given)


def right(learner="Ada Right", lesson="08_adam"):
    """Every blank passed."""
    return result(
        learner,
        lesson,
        [
            mark(f"{lesson}.{name}", out_of=points, lines=(f"40 steps, {points} of {points} points",))
            for name, (points, _) in LESSONS[lesson].items()
        ],
    )


def wrong(learner="Willi Wrong"):
    """One known mistake, one unknown, one error, one blank not written, one passed; with a note and a flag."""
    said = "Your function raised TypeError: unsupported operand type(s) for ^: 'float' and 'int', in its line `b^t`."
    return result(
        learner,
        marks=[
            mark("08_adam.adam", FAILED, 3, (FIRST_WRONG, NO_CORRECTION), "no_correction", HINT),
            mark("08_adam.eps_for_keras", PASSED, 1, ("20 cases, 1 of 1 points",)),
            mark("08_adam.correction_over", RAISED, 2, (said,), None, "A power is written `**` in Python."),
            mark("08_adam.resumed_step", UNWRITTEN, 2, ("resumed_step is not written yet.",)),
            mark(
                "08_adam.longest_step", FAILED, 3, ("First wrong in case 2 of 20: your result is 3.2, expected 3.16.",)
            ),
        ],
        notes=("The cell of `adam` stood twice in your notebook; the last one was graded.",),
        flags=("adam uses torch.optim, which this exercise asks to write",),
    )


def stopped(learner="Stefan Stopped"):
    """A crash, a hang, a memory bomb, and a blank that could not be read; not sandboxed."""
    return result(
        learner,
        marks=[
            mark("08_adam.adam", CRASHED, 3, ("Your code ended the process (signal 11).",)),
            mark("08_adam.eps_for_keras", TIMEOUT, 1, ("Your function was still running after 10 seconds.",)),
            mark("08_adam.correction_over", MEMORY, 2, ("Your function wanted more than 2 GB of memory.",)),
            mark("08_adam.resumed_step", UNREAD, 2, ("This cell cannot be read.",)),
            mark("08_adam.longest_step", PASSED, 3),
        ],
        sandbox="none",
    )


def unread(learner="Ursula Unread", lesson=""):
    """A file that is no notebook."""
    return result(learner, lesson, problem="This is no notebook: expected JSON, found a picture (PNG).", sandbox="")


def hostile(learner="</title><script>alert('name')</script>"):
    """Every text of a Result as hostile code would have it."""
    return result(
        learner,
        marks=[
            mark("08_adam.adam", RAISED, 3, HOSTILE, "</b>mistake\x00", HOSTILE[5]),
            mark("08_adam.<i>blank", FAILED, 1, ["a\n" * 5000], None, "</style>"),
        ],
        notes=tuple(HOSTILE),
        flags=("SECRET FLAG", *HOSTILE),
        problem="</p>\x1b[2Jproblem",
        source="../\x00<b>source",
        digest="</code>",
        sandbox="<tier>",
    )


def few():
    """One of each."""
    return [right(), wrong(), stopped(), unread(), hostile(), result("Nina Nothing", problem="The file is empty.")]


def group(size, lessons=("08_adam",), seed=0):
    """A class whose learners pass, fail in known ways and crash, at rates that differ from blank to blank."""
    rng = random.Random(seed)
    results = []
    for k in range(size):
        skill = rng.betavariate(3, 1.6)
        for lesson in lessons:
            marks = []
            for i, (name, (points, mistakes)) in enumerate(LESSONS[lesson].items()):
                marks.append(_random_mark(rng, f"{lesson}.{name}", points, mistakes, skill - 0.06 * i))
            results.append(result(f"Learner {k:05}", lesson, marks))
    return results


def _random_mark(rng, blank, points, mistakes, skill):
    if rng.random() < skill:
        return mark(blank, PASSED, points, (f"40 steps, {points} of {points} points",))
    status = rng.choices((FAILED, UNWRITTEN, RAISED, TIMEOUT, CRASHED, MEMORY), (65, 20, 12, 1.5, 0.8, 0.7))[0]
    mistake = rng.choice([*mistakes[:1] * 3, *mistakes, None]) if status == FAILED else None
    lines = {
        FAILED: (FIRST_WRONG, *([NO_CORRECTION] if mistake else [])),
        UNWRITTEN: (f"{blank.rpartition('.')[2]} is not written yet.",),
        RAISED: ("Your function raised NameError: name 'sqrt' is not defined, in its line `sqrt(v)`.",),
    }.get(status, (f"Your function was stopped ({status}).",))
    return mark(blank, status, points, lines, mistake, HINT if status in (FAILED, RAISED) else "")
