"""What a learner is told: the right answer, the known mistakes, and every awkward function."""

import io
import json
import math
import sys
import threading
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from course import check as checking
from course import exercises, progress
from course.check import CheckFailed, check, score, verdict
from course.exercises.blank import BadAnswer, Blank, cases, first_difference, named_mistake, play, stream, telling
from course.exercises.repair import errors_left
from course.mistakes import MISTAKES, Mistake
from course.rules import adam

STEP = "00_start_here.step"
ADAM = Blank(
    "00_test.adam",
    stream(lr=(1e-3, 1.0), beta1=(0.6, 0.9), beta2=(0.95, 0.999), eps=1e-8),
    ("nudge", "idea", "line"),
    points=3,
    mistakes=MISTAKES["adam"],
    outputs=("theta", "m", "v"),
    chained=True,
)


def right(theta, g, lr):
    return theta - lr * g


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.jsonl"))
    monkeypatch.setattr(checking, "_failures", {})
    RELEASED.clear()
    before = threading.active_count()
    yield
    RELEASED.set()
    while threading.active_count() > before:
        time.sleep(0.01)


@pytest.fixture
def adam_blank(monkeypatch):
    """An update rule as a blank, with its expected numbers."""
    numbers = [[x.tolist() for x in result] for result in play(ADAM, adam, ADAM.public_calls())]
    monkeypatch.setattr(exercises, "find", lambda name: ADAM)
    monkeypatch.setattr(exercises, "expected", lambda blank: numbers)
    return ADAM.name


def test_the_right_answer_passes():
    found = verdict(STEP, right)
    assert found.passed and found.points == 1
    assert found.message == "00_start_here.step: passed, 20 cases, 1 of 1 points"
    assert len(found.hints) == 3  # they stay visible


def test_a_right_rule_passes(adam_blank):
    assert verdict(adam_blank, adam).message == "00_test.adam: passed, 40 steps, 3 of 3 points"


def test_another_right_way_of_writing_it_passes(adam_blank):
    def other(theta, g, t, m=0, v=0, *, lr, beta1, beta2, eps):
        m = m + (1 - beta1) * (g - m)
        v = v + (1 - beta2) * (np.square(g) - v)
        return [theta - lr / (1 - beta1**t) * m / (np.sqrt(v / (1 - beta2**t)) + eps), m, v]

    assert verdict(adam_blank, other).passed


def test_a_wrong_rule_is_told_where_and_what(adam_blank):
    def inside(theta, g, t, m=0.0, v=0.0, *, lr, beta1, beta2, eps):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        return theta - lr * (m / (1 - beta1**t)) / np.sqrt(v / (1 - beta2**t) + eps), m, v

    found = verdict(adam_blank, inside)
    # Of the wrong coordinates the one of ordinary size is shown, not the first, whose theta is about 1e-10.
    seen = inside(**{k: v for k, v in ADAM.public_calls()[0].items()})[0][4]
    expected = adam(**{k: v for k, v in ADAM.public_calls()[0].items()})[0][4]
    assert not found.passed and found.points == 0 and found.mistake == "eps_inside"
    assert "First wrong at step t = 1, coordinate 4: your theta[4]" in found.message
    assert f"is {seen:.6g}, expected {expected:.6g}" in found.message
    assert "eps belongs outside the root" in found.message and "Hint 1 of 3: nudge" in found.message


def test_a_wrong_state_alone_is_not_blamed_on_a_mistake_of_the_step():
    ball = Blank(
        "00_test.ball",
        stream(lr=(0.1, 1.0)),
        ("a", "b", "c"),
        mistakes=(Mistake("sum", lambda theta, g, t, step=0.0, *, lr: (theta - lr * g, g), "You kept g."),),
        outputs=("theta", "step"),
        chained=True,
    )
    calls = ball.public_calls()
    expected = play(ball, lambda theta, g, t, step=0.0, *, lr: (theta - lr * g, lr * g), calls)
    got = play(ball, lambda theta, g, t, step=0.0, *, lr: (theta - lr * g, 7 * g), calls)
    assert named_mistake(ball, got, calls, expected) is None


def test_the_first_wrong_step_is_the_first(adam_blank):
    def late(theta, g, t, *state, **hyper):
        theta, m, v = adam(theta, g, t, *state, **hyper)
        return theta, m, v + (t >= 7) * np.array([0, 0, 1.0, 0, 0])

    found = verdict(adam_blank, late)
    assert "First wrong at step t = 7, coordinate 2: your v[2]" in found.message and found.mistake is None


def test_hints_open_one_by_one():
    wrong = lambda theta, g, lr: theta  # noqa: E731
    tiers = [verdict(STEP, wrong, failures=n).hints for n in range(5)]
    assert [len(hints) for hints in tiers] == [1, 2, 3, 3, 3]
    for n in (1, 2, 3):
        with pytest.raises(CheckFailed):
            check(STEP, wrong)
        assert checking._tries(STEP) == n


def loops(theta, g, lr):
    while True:
        pass


RELEASED = threading.Event()  # lets go what a check could not stop, or it would slow all later tests


def swallows(theta, g, lr):
    while not RELEASED.is_set():
        try:
            while not RELEASED.is_set():
                pass
        except BaseException:
            pass


def changes(theta, g, lr):
    theta -= lr * g
    return theta


def prints(theta, g, lr):
    print("theta is", theta)
    return theta - lr * g


def exits(theta, g, lr):
    raise SystemExit


def recurses(theta, g, lr):
    return recurses(theta, g, lr)


def divides(theta, g, lr):
    return theta - 1 / 0


class Silent(Exception):
    def __str__(self):
        raise RuntimeError


class Unshown:
    def __repr__(self):
        raise RuntimeError


def silent():
    raise Silent


def noisy():
    raise ValueError("\na long story, of which only the beginning is worth showing" + "." * 10**5)


AWKWARD = [
    (loops, "still running after 0.5 seconds and was stopped"),
    (swallows, "still running after 0.5 seconds"),
    (changes, "changed its argument theta in place"),
    (exits, "ended with SystemExit, in its line `raise SystemExit`"),
    (recurses, "raised RecursionError"),
    (divides, "raised ZeroDivisionError: division by zero, in its line `return theta - 1 / 0`"),
    (lambda theta, g, lr: None, "returned None. Is the return line missing?"),
    (lambda theta, g, lr: theta[:2], "with shape (2,); expected shape (3,)"),
    (lambda theta, g, lr: 1.0, "with shape (); expected shape (3,)"),
    (lambda theta, g, lr: (theta, g), "returned 2 values; expected one value"),
    (lambda theta, g, lr: "theta", "returned a str; expected one value"),
    (lambda theta, g, lr: [object()], "returned result as a list; expected a number or an array"),
    (lambda theta, g, lr: theta * 1j, "returned result as an array of complex128; expected a number"),
    (lambda theta, g, lr: theta * np.nan, "is nan, expected"),
    (lambda theta, g: theta, "It is called as step(theta, g, lr)"),
    (lambda theta, g, lr: unknown, "raised NameError: name 'unknown' is not defined"),  # noqa: F821
    (3.0, "check needs the function itself: check('00_start_here.step', step). It was given 3.0"),
    (lambda theta, g, lr: next(iter([])), "raised StopIteration"),
    (lambda theta, g, lr: silent(), "raised Silent"),
    (lambda theta, g, lr: noisy(), "raised ValueError: a long story, of which only"),
    (Unshown(), "check needs the function itself"),
    (lambda theta, g, lr: (theta - lr * g).astype(np.float32), "agree to six digits or more: is something"),
    (lambda theta, g, lr: theta + lr * g, "You added the step"),
    (lambda theta, g, lr: theta - lr * g * (1 + 1e-7), "First wrong in case 1 of 20: for theta = ["),
]


@pytest.mark.parametrize("function, says", AWKWARD)
def test_an_awkward_function_has_its_own_plain_message(function, says):
    found = verdict(STEP, function, time_limit=0.5)
    assert found.status == "failed" and says in found.message
    assert "Traceback" not in found.message and "theta - lr * g" not in found.message


def test_a_rule_with_wrong_count_or_shape(adam_blank):
    cases = {
        "returned one value; expected 3 values: return theta, m, v": lambda theta, g, t, *s, **h: theta,
        "returned 2 values; expected 3 values": lambda theta, g, t, *s, **h: (theta, g),
        "returned m with shape (2,); expected (5,), g's shape": lambda theta, g, t, *s, **h: (theta, g[:2], g),
        "It is called as adam(theta, g, t, m, v, lr=..., beta1=...": lambda theta, g: theta,
    }
    for says, function in cases.items():
        assert says in verdict(adam_blank, function).message


def test_a_printing_function_passes_and_is_told(capsys):
    found = verdict(STEP, prints)
    assert found.passed and "Your function prints 20 lines" in found.message
    assert capsys.readouterr().out == ""


def test_a_printing_loop_keeps_memory_and_does_harm():
    def shouts(theta, g, lr):
        while True:
            print("y" * 20000)

    found = verdict(STEP, shouts, time_limit=0.3)
    assert "was still running" in found.message and "does no harm" not in found.message
    assert len(found.message) < 500


def test_closing_stdout_closes_only_its_own(capsys):
    def closes(theta, g, lr):
        sys.stdout.close()
        return theta - lr * g

    assert verdict(STEP, closes).passed
    print("still here")
    assert "still here" in capsys.readouterr().out


def test_two_checks_at_once_leave_stdout_and_warnings_alone():
    def slow(seconds):
        return lambda theta, g, lr: time.sleep(seconds) or theta - lr * g

    before, filters, found = sys.stdout, warnings.filters[:], []
    threads = [threading.Thread(target=lambda s=s: found.append(verdict(STEP, slow(s)))) for s in (0.003, 0.005)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [x.passed for x in found] == [True, True]
    assert sys.stdout is before and warnings.filters == filters


def test_an_interrupt_ends_the_function_as_well(monkeypatch):
    """Ctrl-C reaches the thread that waits; the one that works must not go on."""
    before, filters = threading.active_count(), warnings.filters[:]
    join, calls = threading.Thread.join, []

    def interrupted(thread, timeout=None):
        calls.append(timeout)
        if len(calls) == 1:
            raise KeyboardInterrupt
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        verdict(STEP, loops)
    assert threading.active_count() == before and warnings.filters == filters


def test_a_check_inside_a_check_ends():
    nested = lambda theta, g, lr: verdict(STEP, right) and theta  # noqa: E731
    assert "still running after 0.5 seconds" in verdict(STEP, nested, time_limit=0.5).message
    assert verdict(STEP, right).passed


def test_all_nan_is_not_blamed_on_one_cause(adam_blank):
    def negative_root(theta, g, t, m=0.0, v=0.0, *, lr, beta1, beta2, eps):
        _, m, v = adam(theta, g, t, m, v, lr=lr, beta1=beta1, beta2=beta2, eps=eps)
        return theta - lr * m / np.sqrt(-v), m, v

    assert "so does the root of a negative number" in verdict(adam_blank, negative_root).message


def test_an_unwritten_helper_is_named():
    def step(theta, g, lr):
        raise NotImplementedError("step is not written yet")

    def descend(theta, lr, steps):
        return step(theta, theta, lr)

    found = verdict("00_start_here.descend", descend)
    assert found.status == "unwritten" and "step, which descend calls, is not written yet" in found.message


@pytest.mark.parametrize("chained", [True, False])
@pytest.mark.parametrize("seed", range(300))
def test_the_fast_look_and_the_search_for_a_first_place_agree(seed, chained):
    """Numbers a little off, not finite, of other shapes; asked for some outputs, the search goes step by step."""
    rng = np.random.default_rng(seed)
    steps, shape = rng.integers(1, 6), [(), (3,), (2, 2)][seed % 3]
    expected = [tuple(rng.normal(size=shape) * 10.0 ** rng.integers(-9, 9) for _ in range(3)) for _ in range(steps)]
    got = [[x * (1 + rng.choice([0, 1e-13, 1e-9], p=[0.6, 0.3, 0.1])) for x in step] for step in expected]
    for special in (np.nan, np.inf, -np.inf):
        if rng.random() < 0.2:
            got[rng.integers(steps)][rng.integers(3)] = np.full(shape, special)
    if rng.random() < 0.3:
        both = rng.integers(steps), rng.integers(3), rng.choice([np.nan, np.inf])
        got[both[0]][both[1]] = np.full(shape, both[2])
        expected[both[0]] = tuple(np.full(shape, both[2]) if k == both[1] else x for k, x in enumerate(expected[both[0]]))
    if rng.random() < 0.2:
        got[rng.integers(steps)][rng.integers(1, 3)] = np.asarray(rng.normal())
    if seed % 5 == 0:
        got[0][1] = np.full(shape, 1e-20)
        expected[0] = (expected[0][0], np.zeros(shape), expected[0][2])
    got = [tuple(map(np.asarray, step)) for step in got]
    blank = ADAM if chained else replace(ADAM, chained=False)

    def said(**how):
        try:
            return first_difference(blank, got, expected, **how)
        except BadAnswer as bad:
            return str(bad)

    assert repr(said()) == repr(said(outputs=range(3)))  # nan is not equal to itself


def test_several_values_in_one_array_are_taken_apart():
    two = Blank("00_test.two", cases(lambda rng: {"x": rng.normal()}), ("a", "b", "c"), outputs=("double", "half"))
    calls = two.public_calls()
    expected = play(two, lambda x: (2 * x, x / 2), calls)
    for function in (lambda x: np.array([2 * x, x / 2]), lambda x: [2 * x, x / 2]):
        assert first_difference(two, play(two, function, calls), expected) is None
    with pytest.raises(BadAnswer, match="returned 3 values; expected 2 values: return double, half"):
        play(two, lambda x: (x, x, x), calls)
    one = Blank("00_test.one", cases(lambda rng: {"x": rng.normal()}), ("a", "b", "c"))
    with pytest.raises(BadAnswer, match=r"put them in one array: np.array"):
        play(one, lambda x: (x, x), calls)
    with pytest.raises(BadAnswer, match=r"shape \(1,\); expected one number"):
        first_difference(one, play(one, lambda x: [x], calls), play(one, lambda x: x, calls))


def test_a_right_answer_stays_right_on_other_seeds(adam_blank):
    """The state of a small first gradient must not drown in a theta of size 1."""
    momentum = Blank("00_test.ball", stream(lr=(1e-3, 1.0)), ("a", "b", "c"), outputs=("theta", "step"), chained=True)

    def direct(theta, g, t, step=0.0, *, lr):
        step = 0.9 * step - lr * g
        return theta + step, step

    def by_difference(theta, g, t, step=0.0, *, lr):
        new = theta + 0.9 * step - lr * g
        return new, new - theta

    for seed in range(40):
        calls = momentum.inputs(np.random.default_rng(seed))
        assert first_difference(momentum, play(momentum, by_difference, calls), play(momentum, direct, calls)) is None


def test_an_unwritten_blank_is_no_failure():
    def step(theta, g, lr):
        raise NotImplementedError("step is not written yet")

    found = verdict(STEP, step)
    assert found.status == "unwritten" and not found.hints and "step is not written yet" in found.message
    with pytest.raises(CheckFailed, match="not written yet"):
        check(STEP, step)
    assert checking._tries(STEP) == 0


def test_a_loop_takes_its_limit_and_leaves_nothing_running():
    before, interval = threading.active_count(), sys.getswitchinterval()
    verdict(STEP, loops, time_limit=0.3)
    assert threading.active_count() == before and sys.getswitchinterval() == interval


def test_a_stop_on_the_way_out_of_a_thread_is_silent(monkeypatch):
    said = []
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)  # pytest has one of its own
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # where Python writes what ends a thread
    before = threading.active_count()
    for _ in range(20):
        thread = threading.Thread(target=loops, args=(1.0, 1.0, 1.0), daemon=True)
        thread.start()
        checking._end(thread, [])  # nothing in the thread catches it
    assert threading.active_count() == before and not said and sys.stderr.getvalue() == ""


def test_no_stop_is_sent_to_a_thread_that_has_caught_one():
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait, args=(0.2,), daemon=True)
    thread.start()
    checking._end(thread, [SystemExit()])
    assert not thread.is_alive()


def test_what_cannot_be_stopped_is_said():
    ended = threading.Event()  # waits outside Python's reach until the test lets it go

    def waits(theta, g, lr):
        ended.wait(60)
        return theta

    found = verdict(STEP, waits, time_limit=0.1)
    ended.set()
    assert "cannot be stopped: restart the kernel" in found.message


def test_the_limit_is_ten_seconds():
    assert checking.TIME_LIMIT == 10


def test_check_shows_stops_and_records(capsys):
    check(STEP, right)
    assert "passed, 20 cases" in capsys.readouterr().out
    with pytest.raises(CheckFailed, match="not yet") as error:
        check(STEP, loops.__class__)  # a class is callable, and no answer
    assert error.value._render_traceback_() == [str(error.value)]
    check(STEP, lambda theta, g, lr: theta, stop=False)
    assert [status for _, status in progress.history()] == ["passed", "failed", "failed"]
    with pytest.raises(ValueError, match=r"name: got '00_start_here.stepp'.*did you mean '00_start_here.step'"):
        check("00_start_here.stepp", right)
    for name in (7, [1], None):
        with pytest.raises(ValueError, match="name: got"):
            check(name, right)


def test_the_card_escapes_and_folds():
    found = verdict(STEP, lambda theta, g, lr: "<script>", failures=1)
    page = verdict(STEP, divides, failures=1)._repr_html_()
    assert "<script>" not in found._repr_html_()
    assert page.count("<details") == 2 and page.count("<details open") == 1 and "<code>return theta - 1 / 0</code>" in page
    assert verdict(STEP, right)._repr_html_().count("<details>") == 3


def test_progress_survives_a_broken_file_and_prints_a_table(tmp_path, capsys):
    check(STEP, right)
    with open(progress.path(), "a") as file:
        file.write('{"blank": "00_start_here.slope", "status": "failed"}\nnot json\n[]\n{"blank": ')
    assert progress.main([]) == 0
    table = capsys.readouterr().out
    assert "00_start_here.step" in table and "1 of 1" in table and "tried" in table
    assert "01_" not in progress.table("00_start_here")
    with pytest.raises(SystemExit):
        progress.main(["x"])


def test_a_torn_last_line_swallows_nothing(tmp_path):
    progress.path().write_text('{"blank": "00_start_here.step", "stat')
    progress.record("00_start_here.step", "passed")
    assert progress.history() == [("00_start_here.step", "passed")]


def test_progress_that_cannot_be_written_is_said(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROGRESS", "/dev/null/progress")
    check(STEP, right)
    assert "Progress is not kept" in capsys.readouterr().out


def test_solutions_do_not_count(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_PROGRESS")
    (tmp_path / "solutions").mkdir()
    monkeypatch.chdir(tmp_path / "solutions")
    assert progress.path() is None
    monkeypatch.chdir(tmp_path)
    assert progress.path() == exercises.ROOT / ".progress.jsonl"


def test_missing_numbers_are_named(tmp_path):
    blank = exercises.find(STEP)
    with pytest.raises(FileNotFoundError, match="course build 00_start_here makes it"):
        exercises.expected(blank, tmp_path)
    (tmp_path / "00_start_here.json").write_text("{}")
    for damaged in ("", "{}", "[]", "null", '{"00_start_here.step": [[1]]}', '{"00_start_here.step": 3}', '{"00_start_here.step": [1]}'):
        (tmp_path / "00_start_here.json").write_text(damaged)
        with pytest.raises(ValueError, match=r"(is damaged|does not hold the numbers).*course build 00_start_here"):
            exercises.expected(blank, tmp_path)


def test_stored_numbers_are_small_and_only_numbers():
    for path in (exercises.ROOT / "exercises").glob("*.json"):
        stored = json.loads(path.read_text())
        assert path.stat().st_size < 100_000

        def numbers(x):
            return all(map(numbers, x)) if isinstance(x, list) else isinstance(x, int | float)

        assert all(numbers(results) for results in stored.values())


@pytest.mark.parametrize(
    "guess, truth, says",
    [
        (0.5, 0.5, "rate: you said 0.5, it is 0.5 (right)"),
        (1.0, 0.5, "rate: you said 1, it is 0.5 (too large by a factor of 2)"),
        (0.1, 0.5, "rate: you said 0.1, it is 0.5 (too small by a factor of 5)"),
        (0, 0.5, "rate: you said 0, it is 0.5 (off by 0.5)"),
    ],
)
def test_a_guess_is_scored(guess, truth, says, capsys):
    score(guess, truth, "rate")
    assert capsys.readouterr().out.strip() == says


def test_a_guess_that_is_no_number_is_refused(capsys):
    for guess in ("1", True, None, [1.0], np.ones(2), 1j, np.complex128(1)):
        with pytest.raises(TypeError, match=r"guess: got .*, expected a number"):
            score(guess, 1.0, "rate")
    for guess in (math.inf, math.nan, 10**400):
        with pytest.raises(ValueError, match=r"guess: got .*, expected a finite number"):
            score(guess, 1.0, "rate")
    with pytest.raises(ValueError, match="truth: got inf"):
        score(5, math.inf, "rate")
    score(np.float32(1), torch.tensor(1.0), "rate")
    score(1e-300, 1e300, "rate")
    assert "right" in capsys.readouterr().out


def _batches_plus_one(t, lr, milestones, gamma, rows, batch_size):
    epochs = (t - 1) // (rows // batch_size + 1)
    return lr * gamma ** sum(epochs >= m for m in milestones)


def _falls_once(losses, lr, factor, patience):
    rates, best, bad = [], math.inf, 0
    for loss in losses:
        rates.append(lr)
        best, bad = (loss, 0) if loss < best else (best, bad + 1)
        lr = lr * factor if bad == patience + 1 else lr
    return rates


def _from_step_2(lo, hi, n, curvature):
    rates = np.geomspace(lo, hi, n)
    i = np.argmax(np.cumprod(abs(1 - rates[1:] * curvature)) >= 1) + 1
    return i + 1, rates[i] * curvature


def _finder(end, pick):
    def suggest(lr, loss, keep):
        smooth = np.array([sum(keep**k * loss[t - k] for k in range(t + 1)) for t in range(len(loss))])
        smooth /= np.cumsum(keep ** np.arange(len(loss)))
        low = smooth.argmin()
        slope = np.diff(smooth[: low + end]) / np.diff(np.log(lr[: low + end]))
        return lr[low] / 10, lr[pick(slope) + 1]

    return suggest


def test_a_right_finder_passes_in_other_words():
    assert verdict("11_choosing_a_learning_rate.suggest", _finder(1, np.argmin)).passed


@pytest.mark.parametrize(
    ("name", "function", "mistake"),
    [
        ("10_schedules.milestone_rate", _batches_plus_one, "one_batch_too_many"),
        ("10_schedules.plateau_rates", _falls_once, "once_a_row"),
        ("11_choosing_a_learning_rate.comes_back", _from_step_2, "first_step_left_out"),
        ("11_choosing_a_learning_rate.suggest", _finder(1, lambda s: abs(s).argmax()), "steepest_either_way"),
        ("11_choosing_a_learning_rate.suggest", _finder(0, np.argmin), "last_step_left_out"),
    ],
)
def test_what_seldom_differs_from_the_right_answer_is_told(name, function, mistake):
    """Each of these passed, or was told as another mistake, as long as no input was made for it."""
    assert verdict(name, function).mistake == mistake


def test_a_repair_tells_how_many_errors_are_left_and_names_one():
    errors = {"a": "first thing", "b": "second thing", "c": "third thing"}
    left = errors_left(lambda names: lambda x: names, errors, lambda names: names != {"b"})
    assert [mistake.name for mistake in left] == [
        "left_a", "left_c", "left_a_and_b", "left_a_and_c", "left_b_and_c", "left_a_and_b_and_c",
    ]  # fmt: skip
    assert left[1].says == "One error is left: third thing."
    assert left[4].says == "Two errors are left. One of them: second thing."
    assert left[5].says == "All three errors are left. One of them: first thing." and left[5].function(0) == ("a", "b", "c")


def test_telling_draws_until_each_wrong_function_shows():
    rare = lambda rng: [{"x": float(rng.random() < 0.05)} for _ in range(3)]  # noqa: E731
    inputs = telling(rare, lambda x: x, lambda x: 0.0)
    assert all(any(call["x"] for call in inputs(np.random.default_rng(seed))) for seed in range(50))
    assert not all(any(call["x"] for call in rare(np.random.default_rng(seed))) for seed in range(50))
