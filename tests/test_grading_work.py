"""Workers that die lose nothing: what they had is given to others, and only the submission they die of is given up."""

import concurrent.futures as futures
import threading

import pytest

from course.grading import work
from course.grading.model import Submission

SETUP = work.Setup(b"secret")


class Flaky(futures.Executor):
    """Runs what it is given at once; breaks, as a pool does, when it meets one of `poison`, and after `life` tasks."""

    made = 0

    def __init__(self, poison=(), life=10**9):
        type(self).made += 1
        self.poison, self.life, self.broken = set(poison), life, False

    def submit(self, function, setup, submission):
        if self.broken:
            raise futures.BrokenExecutor("broken")
        future = futures.Future()
        self.life -= 1
        if submission.learner in self.poison or self.life < 0:
            self.broken = True
            future.set_exception(futures.BrokenExecutor("a worker died"))
        else:
            future.set_result(work.failed(submission, "ok"))
        return future


@pytest.fixture(autouse=True)
def fresh():
    Flaky.made = 0


def learners(*names):
    return [Submission(name, "08_adam", f"{name}.ipynb", b"{}") for name in names]


def flags(open_executor, submissions, workers=2):
    return {s.learner: r.flags[0] for s, r in work.graded(SETUP, submissions, open_executor, workers)}


def test_each_submission_is_graded_once_and_read_late():
    read = []

    def submissions():
        for one in learners(*map(str, range(100))):
            read.append(one)
            yield one

    pairs = work.graded(SETUP, submissions(), Flaky, 2)
    next(pairs)
    assert len(read) <= 2 * work.AHEAD
    assert len({s.learner for s, _ in pairs}) == 99


def test_nothing_to_grade_is_no_error():
    assert flags(Flaky, []) == {}


def test_workers_that_die_now_and_then_lose_nothing():
    names = list(map(str, range(40)))
    assert set(flags(lambda: Flaky(life=7), learners(*names))) == set(names)
    assert Flaky.made > 4


def test_only_the_submission_that_workers_die_of_is_given_up():
    names = list(map(str, range(40)))
    seen = flags(lambda: Flaky(poison={"17"}), learners(*names))
    assert set(seen) == set(names)
    assert {name for name, flag in seen.items() if "died" in flag} == {"17"}
    assert f"died {work.TRIES} times" in seen["17"]


def test_two_of_them_and_they_are_all_there_is():
    seen = flags(lambda: Flaky(poison={"a", "b"}), learners("a", "b"))
    assert all("died" in flag for flag in seen.values())
    assert len(seen) == 2


def test_another_error_of_a_worker_costs_that_submission_alone():
    class Odd(Flaky):
        def submit(self, function, setup, submission):
            future = super().submit(function, setup, submission)
            if submission.learner == "3":
                future = futures.Future()
                future.set_exception(KeyError("killed"))
            return future

    seen = flags(Odd, learners(*"12345"))
    assert "KeyError" in seen["3"]
    assert len(seen) == 5


def test_a_cluster_that_is_gone_is_not_waited_for():
    """Its futures never end; here they end after ten seconds, so that this test does."""

    class Gone(futures.Executor):
        def submit(self, function, setup, submission):
            future = futures.Future()
            timer = threading.Timer(10, future.set_result, [work.failed(submission, "late")])
            timer.daemon = True
            timer.start()
            return future

        def check(self):
            raise ConnectionError("tcp://host:1: gone")

    with pytest.raises(ConnectionError, match="gone"):
        flags(Gone, learners("ada"))


def test_a_submission_that_could_not_be_graded_says_so_to_both(monkeypatch):
    (one,) = learners("ada")
    result = work.failed(one, "OSError: no space left")
    assert result.points == 0
    assert result.out_of == 11
    assert "could not be graded" in result.problem
    assert "no space left" not in result.problem
    assert "no space left" in result.flags[0]
