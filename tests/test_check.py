"""What a learner is told: the right answer, the known mistakes, and every awkward function."""

import json
import threading
import time

import numpy as np
import pytest

from course import check as checking
from course import exercises, progress
from course.check import CheckFailed, check, score, verdict
from course.exercises.blank import Blank, play, stream
from course.mistakes import MISTAKES
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
    seen = inside(**{k: v for k, v in ADAM.public_calls()[0].items()})[0][0]
    expected = adam(**{k: v for k, v in ADAM.public_calls()[0].items()})[0][0]
    assert not found.passed and found.points == 0 and found.mistake == "eps_inside"
    assert "First wrong at step t = 1, coordinate 0: your theta[0]" in found.message
    assert f"is {seen:.6g}, expected {expected:.6g}" in found.message
    assert "eps belongs outside the root" in found.message and "Hint 1 of 3: nudge" in found.message


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


def swallows(theta, g, lr):
    while True:
        try:
            while True:
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


AWKWARD = [
    (loops, "still running after 0.5 seconds and was stopped"),
    (swallows, "still running after 0.5 seconds"),
    (changes, "changed its argument theta in place"),
    (exits, "ended with SystemExit, in its line `raise SystemExit`"),
    (recurses, "raised RecursionError"),
    (divides, "raised ZeroDivisionError: division by zero, in its line `return theta - 1 / 0`"),
    (lambda theta, g, lr: None, "returned None. Is the return line missing?"),
    (lambda theta, g, lr: theta[:2], r"with shape (2,); expected (3,)"),
    (lambda theta, g, lr: 1.0, r"with shape (); expected (3,)"),
    (lambda theta, g, lr: (theta, g), "returned 2 values; expected one value"),
    (lambda theta, g, lr: "theta", "returned a str; expected one value"),
    (lambda theta, g, lr: [object()], "returned result as list; expected a number or an array"),
    (lambda theta, g, lr: theta * 1j, "returned result as ndarray; expected a number"),
    (lambda theta, g, lr: theta * np.nan, "is nan, expected"),
    (lambda theta, g: theta, "It is called as step(theta, g, lr)"),
    (lambda theta, g, lr: unknown, "raised NameError: name 'unknown' is not defined"),  # noqa: F821
    (3.0, "check needs the function itself: check('00_start_here.step', step). It was given 3.0"),
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
    assert found.passed and "Your function prints: 20 lines" in found.message
    assert capsys.readouterr().out == ""


def test_an_unwritten_blank_is_no_failure():
    def step(theta, g, lr):
        raise NotImplementedError("step is not written yet")

    found = verdict(STEP, step)
    assert found.status == "unwritten" and not found.hints and "step is not written yet" in found.message
    with pytest.raises(CheckFailed, match="not written yet"):
        check(STEP, step)
    assert checking._tries(STEP) == 0


def test_a_loop_takes_its_limit_and_leaves_nothing_running():
    before = threading.active_count()
    started = time.monotonic()
    verdict(STEP, loops, time_limit=0.3)
    assert time.monotonic() - started < 5 and threading.active_count() == before
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
    with pytest.raises(ValueError, match="name: got 7"):
        check(7, right)


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
    assert progress.main(["x"]) == 2


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
    with pytest.raises(KeyError, match=r"no numbers for 00_start_here.step"):
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


def test_a_guess_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="guess: got '1', expected a number"):
        score("1", 1.0, "rate")
