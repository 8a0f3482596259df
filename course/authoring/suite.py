"""`python3 -m course test`: every stage in turn, a failing one included, and a summary at the end.

Standard library only when imported.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from course.lab import jupyter_environ

ROOT = Path(__file__).resolve().parent.parent.parent
SANITIZE = Path(__file__).with_name("sanitize.cfg")
CELL_SECONDS = 120  # twice what a whole notebook may take on two cores
# Tests that take minutes: hostile notebooks in the sandbox, a class graded and killed, a cluster, compiled kernels.
LONG = ("test_grading_hostile.py", "test_grading_command.py", "test_grading_cluster.py", "test_fast.py")
MOST_WORKERS = 8  # each imports torch, which costs about 300 MB


def main(argv):
    """Run the stages that the options ask for: 0 when all of them passed, else 1."""
    parser = argparse.ArgumentParser(prog="python3 -m course test", description="Run every test of the course.")
    parser.add_argument("--quick", action="store_true", help="leave out the notebooks and the browser")
    parser.add_argument("--all", action="store_true", help="also the long tests, of grading and of compiled kernels")
    parser.add_argument("-k", metavar="EXPR", help="only the tests whose names match, as in pytest -k")
    options = parser.parse_args(argv)
    results = [run_stage(*stage) for stage in stages(options.quick, options.k, options.all)]
    print(summary(results), flush=True)
    return int(any(result == "FAILED" for _, result, _ in results))


def stages(quick=False, k=None, every=False):
    """Each stage as (name, command, extra environment variables, why it is left out or "").

    A copy for a class has no solutions and no tests: only its lessons can be run.
    """
    selected = "-k selects among the tests" if k else ""
    full = "" if (ROOT / "solutions").is_dir() else "in the full repository"
    python, course = sys.executable, str(ROOT / "course")
    pytest = [python, "-m", "pytest", "-q", "-n", str(workers())]
    left = [] if k else [f"--ignore=tests/{name}" for name in LONG]  # for the stage "long"
    tests = [*pytest, "tests", "--ignore-glob=*test_e2e_*", *left, *(["-k", k] if k else [])]
    long = [*pytest, *(f"tests/{name}" for name in LONG)]
    browser = [*pytest, "-rs", "--dist", "loadfile", *map(str, sorted((ROOT / "tests").glob("test_e2e_*.py")))]
    notebooks = [
        *pytest,
        "--dist",
        "loadfile",
        "--nbval",
        "--nbval-current-env",
        "--nbval-sanitize-with",
        str(SANITIZE),
        "--nbval-cell-timeout",
        str(CELL_SECONDS),
        "notebooks",
        *([] if full else ["solutions"]),
    ]
    return [
        ("ruff", [python, "-m", "ruff", "check", "."], {}, full),
        ("tests", tests, {"MPLBACKEND": "Agg"}, full),
        ("long", long, {"MPLBACKEND": "Agg"}, full or selected or ("" if every else "--all runs it")),
        ("browser", browser, {"MPLBACKEND": "Agg"}, full or selected or ("--quick" if quick else "")),
        ("notebooks", notebooks, {} if full else forked(), selected or ("--quick" if quick else "")),
        ("exercises", [python, course, "check"], {}, full or selected),
        ("build", [python, course, "build", "--check"], {}, full or selected),
    ]


def forked():
    """The variable that makes kernels forks of one that has imported torch, where they can be: Linux."""
    from importlib.metadata import entry_points

    known = {point.name for point in entry_points(group="jupyter_client.kernel_provisioners")}
    can = sys.platform == "linux" and "course-fork" in known
    return {"JUPYTER_DEFAULT_PROVISIONER_NAME": "course-fork"} if can else {}


def run_stage(name, command, variables, left_out):
    """Run one stage with its output in view: (name, "ok" or "FAILED" or "left out (why)", seconds)."""
    if left_out:
        return name, f"left out ({left_out})", 0.0
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    status = subprocess.run(command, cwd=ROOT, env=environ() | variables).returncode
    seconds = time.monotonic() - started
    print(f"== {name}: {'ok' if status == 0 else 'FAILED'} after {seconds:.1f} s", flush=True)
    return name, "FAILED" if status else "ok", seconds


def environ():
    """Environment variables of every stage.

    One thread to a worker, or two workers on two cores would hinder each other; and no test or solution
    may count as the learner's progress.
    """
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    return jupyter_environ() | threads | {"COURSE_PROGRESS": "0"}


def workers():
    """How many processes the tests run in: one to a core that this process may use, eight at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def summary(results):
    """The closing table, as text, from the results of the stages."""
    width = max(len(result) for _, result, _ in results)
    rows = [f"{name:<10} {result:<{width}} {seconds:>7.1f} s" for name, result, seconds in results]
    total = sum(seconds for _, _, seconds in results)
    verdict = "FAILED" if any(result == "FAILED" for _, result, _ in results) else "ok"
    return "\n".join(["", *rows, f"{'all':<10} {verdict:<{width}} {total:>7.1f} s"])
