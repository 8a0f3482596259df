"""Grading on a real Dask cluster over loopback: a scheduler, two workers, one of which is killed at work."""

import csv
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
from test_grading_command import LESSON, files, grade, needs_sandbox, submission

from course import exercises
from course.grading import sandbox

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")


def start(*words):
    """A process of dask, and its lines on standard error."""
    environ = os.environ | sandbox.THREADS | {"PYTHONPATH": str(exercises.ROOT)}
    return subprocess.Popen([sys.executable, "-m", "dask", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            text=True, env=environ)  # fmt: skip


def end(process):
    """Ends a process and all that it started."""
    below = []
    if process.poll() is None:
        below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    for one in below:
        if one.is_running():
            one.kill()
    psutil.wait_procs(below, timeout=20)


@pytest.fixture
def cluster(tmp_path):
    """(address of a scheduler, its two workers, the scheduler)."""
    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    processes = [scheduler]
    try:
        for line in scheduler.stderr:
            found = re.search(r"Scheduler at:\s+(tcp://[\d.:]+)", line)
            if found:
                break
        address = found[1]
        for i in range(2):
            processes.append(start("worker", address, "--nworkers", "1", "--nthreads", "1", "--no-nanny", "--no-dashboard",
                                   "--local-directory", str(tmp_path / f"worker{i}")))  # fmt: skip
        yield address, processes[1:], scheduler
    finally:
        for process in reversed(processes):
            end(process)


@needs_sandbox
def test_a_cluster_gives_the_verdicts_of_local_workers_though_a_worker_is_killed(cluster, tmp_path):
    address, workers, _ = cluster
    for i in range(24):
        (tmp_path / "class" / f"learner{i:02}").mkdir(parents=True)
        text = submission(*(["slope"] if i % 3 == 1 else []), unwritten=["step"] if i % 3 == 2 else [])
        (tmp_path / "class" / f"learner{i:02}" / f"{LESSON}.ipynb").write_text(text, encoding="utf-8")
    (tmp_path / "secret").write_text("s" * 32)
    common = (tmp_path / "class", "--secret", tmp_path / "secret")
    run = grade(*common, "--out", tmp_path / "cluster", "--cluster", address)
    wal, deadline = tmp_path / "cluster" / "journal.sqlite-wal", time.monotonic() + 200
    while not (wal.is_file() and wal.stat().st_size > 30_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(workers[0].pid, signal.SIGKILL)
    _, err = run.communicate(timeout=300)
    assert run.returncode == 0, err
    rows = list(csv.DictReader((tmp_path / "cluster" / "grades.csv").open(encoding="utf-8-sig")))
    assert len(rows) == 24
    assert {int(row["passed"]) for row in rows[0::3]} == {3}
    local = grade(*common, "--out", tmp_path / "local", "--workers", 1)
    _, err = local.communicate(timeout=300)
    assert local.returncode == 0, err
    assert files(tmp_path / "local") == files(tmp_path / "cluster")


@needs_sandbox
def test_a_scheduler_that_is_gone_ends_the_run_and_the_same_command_goes_on(cluster, tmp_path):
    address, _, scheduler = cluster
    for i in range(80):
        (tmp_path / "class").mkdir(exist_ok=True)
        (tmp_path / "class" / f"learner{i:02}_{LESSON}.ipynb").write_text(submission(), encoding="utf-8")
    run = grade(tmp_path / "class", "--out", tmp_path / "out", "--cluster", address)
    wal, deadline = tmp_path / "out" / "journal.sqlite-wal", time.monotonic() + 200
    while not (wal.is_file() and wal.stat().st_size > 20_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    scheduler.kill()
    _, err = run.communicate(timeout=120)
    assert run.returncode == 2 and "Traceback" not in err, err
    assert f"{address}: the cluster's scheduler is gone" in err
    again = grade(tmp_path / "class", "--out", tmp_path / "out", "--workers", 1)
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0 and "80 graded" in out, err


@needs_sandbox
def test_an_address_where_nobody_answers_is_told(tmp_path):
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / f"ada_{LESSON}.ipynb").write_text(submission(), encoding="utf-8")
    run = grade(tmp_path / "class", "--out", tmp_path / "out", "--cluster", "tcp://127.0.0.1:9")
    _, err = run.communicate(timeout=120)
    assert run.returncode == 2
    assert "tcp://127.0.0.1:9" in err
    assert "Traceback" not in err
