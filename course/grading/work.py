"""Grading on many workers, through `concurrent.futures.Executor`: local processes, or a Dask cluster.

Nothing is lost when a worker dies: what it had not finished is given to another one.
"""

import atexit
import concurrent.futures as futures
import contextlib
import hashlib
import itertools
import logging
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass

from course import exercises
from course.grading.model import UNREAD, Mark, Result
from course.grading.sandbox import THREADS

TRIES = 3  # of one submission whose worker dies
FAILURE = "grading itself failed"
AHEAD = 6  # submissions that wait for each worker


@dataclass(frozen=True)
class Setup:
    """What a worker needs: the secret, the sandbox's tier, the folder with the solutions (None: the course's own)."""

    secret: bytes
    tier: str = "auto"
    solutions: str | None = None


_grader, _made_for = None, None


def work(setup, submission):
    """The Result of one submission, in a worker, which keeps its sandbox for the next one."""
    global _grader, _made_for
    from course.grading.grader import Grader

    if _made_for != setup:
        if _grader is not None:
            _grader.close()
        _grader, _made_for = Grader(setup.secret, setup.tier, setup.solutions), setup
        atexit.register(_grader.close)
    try:
        return _grader.grade(submission)
    except (MemoryError, RecursionError, ValueError, RuntimeError, OSError, EOFError) as error:
        _grader.close()  # the next submission gets a new sandbox
        return failed(submission, f"{type(error).__name__}: {error}")


def failed(submission, why):
    """The Result of a submission that could not be graded through no fault of its learner's that is known."""
    known = exercises.lessons().get(submission.lesson, ())
    marks = tuple(Mark(blank.name, UNREAD, 0, blank.points) for blank in known)
    return Result(
        submission.learner, submission.lesson, submission.source, hashlib.sha256(submission.data).hexdigest(), marks,
        flags=(f"{FAILURE}: {why}; the same command tries it again",),
        problem="This notebook could not be graded. Your lecturer has been told.",
        platform_id=submission.platform_id,
    )  # fmt: skip


def _done(waiting, executor):
    """Those of the futures that are done, at least one of them. Raises what the executor's `check` raises."""
    while True:
        done = futures.wait(waiting, timeout=2, return_when=futures.FIRST_COMPLETED).done
        if done:
            return done
        getattr(executor, "check", bool)()


def has_failed(result):
    """Whether a Result says that grading itself failed: then the next run tries again."""
    return any(flag.startswith(f"{FAILURE}:") for flag in result.flags)


def graded(setup, submissions, open_executor, workers):
    """Yields (submission, Result) as they are reached, in no order.

    submissions    an iterable; only a few of them are in memory at a time
    open_executor  makes a concurrent.futures.Executor; called again when its workers have died
    workers        how many of them there are

    When a worker dies, all that were under way are run again, one at a time, until it is known which of them
    it dies of: that one is given up after TRIES. An executor may have a method `check`, which is called now and
    then and raises where there will be no more Results.
    """
    waiting, suspects, tries, todo = {}, [], {}, iter(submissions)
    executor = open_executor()
    try:
        while True:
            new = suspects[:1] if not waiting else []
            if not suspects:
                new = list(itertools.islice(todo, max(0, AHEAD * workers - len(waiting))))
            del suspects[: len(new)]
            lost = []
            for submission in new:
                try:
                    waiting[executor.submit(work, setup, submission)] = submission
                except futures.BrokenExecutor:  # known before the others are
                    lost.append(submission)
            if not waiting and not lost:
                return
            alone = len(waiting) + len(lost) == 1
            for future in _done(waiting, executor) if waiting else ():
                submission = waiting.pop(future)
                try:
                    yield submission, future.result()
                except (futures.BrokenExecutor, futures.CancelledError, ConnectionError, EOFError):
                    lost.append(submission)
                except Exception as error:  # such as Dask's KilledWorker
                    yield submission, failed(submission, f"{type(error).__name__}: {error}")
            if lost:
                lost += waiting.values()
                waiting.clear()
                _close(executor)
                if alone:
                    key = lost[0].learner, lost[0].lesson, lost[0].source
                    tries[key] = tries.get(key, 0) + 1
                    if tries[key] == TRIES:
                        given_up = lost.pop()
                        yield given_up, failed(given_up, f"its worker died {TRIES} times")
                suspects = lost + suspects
                executor = open_executor()
    finally:
        _close(executor)


def _close(executor):
    processes = list((getattr(executor, "_processes", None) or {}).values())
    with contextlib.suppress(Exception):
        executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        with contextlib.suppress(Exception):
            process.terminate()


def local(workers):
    """An Executor of local processes, each on one thread."""
    os.environ.update(THREADS)  # what they inherit
    return futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_quiet)


def _quiet():
    """A worker leaves Ctrl-C to the main process, and does not outlive it, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_with_parent, daemon=True).start()


def _with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)


def cluster(address):
    """(a function that gives the Executor of a Dask cluster's workers, how many there are).

    Raises ImportError without the extra `cluster`, OSError where nobody answers at the address or has a worker.
    """
    from dask.distributed import Client

    logging.getLogger("tornado.application").disabled = True  # its tracebacks of a connection that ends, and Dask's own
    logging.getLogger("distributed").setLevel(logging.ERROR)  # below: `check` says it in one line
    client = Client(address, timeout=10)
    try:
        client.wait_for_workers(1, timeout=30)
    except TimeoutError:
        raise ConnectionError(f"{address}: no worker came to this scheduler within 30 s; start one first") from None

    def check():
        if client.status in ("closing", "closed"):
            raise ConnectionError(f"{address}: the cluster's scheduler is gone")

    def open_executor():
        check()
        executor = client.get_executor(retries=TRIES)
        executor.check = check  # nothing ends the futures of a scheduler that is gone
        return executor

    return open_executor, sum(client.nthreads().values())
