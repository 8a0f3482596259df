"""What a verdict costs beside nbgrader's, on the same submissions, in one interleaved run on one core.

nbgrader (extra: bench) autogrades each submission through its own API, in a process that stays; so its time is
what one more submission costs. Without nbgrader only our own times are printed.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from course import exercises
from course.authoring import derive, notebook
from course.grading import sandbox, work
from course.grading.grader import Grader
from course.grading.model import Submission

LESSONS = ("00_start_here", "01_gradient_descent", "04_momentum", "05_nesterov", "08_adam", "09_adamw")
SECRET = b"the bench keeps no secret"
CLASS = 500  # learners in the class whose reports are timed
KINDS = ("answers", "and torch")  # answers alone; a cell is added that compares with torch.optim, as learners do
TORCH = """import torch

w = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
optimizer = torch.optim.Adam([w], lr=0.1)
for _ in range(20):
    optimizer.zero_grad()
    (w**2).sum().backward()
    optimizer.step()
print(w)
"""
AUTOGRADE = """
import logging, sys, time
logging.disable(logging.CRITICAL)
from nbgrader.apps.nbgraderapp import NbGrader
from nbgrader.apps.api import NbGraderAPI
app = NbGrader()
app.load_config_file()
api = NbGraderAPI(config=app.config)
lessons = sys.argv[1:]
for lesson in lessons:
    api.generate_assignment(lesson)
print("ready", flush=True)
for line in sys.stdin:
    lesson, learner = line.split()
    began = time.perf_counter()
    done = api.autograde(lesson, learner, force=True)
    seconds = time.perf_counter() - began
    points = {s["student"]: s["score"] for s in api.get_submissions(lesson)}[learner] if done["success"] else -1
    print(seconds, points, flush=True)
"""


def solved(lesson, learner, kind="answers"):
    """A learner's notebook with all blanks right, as bytes. No two learners' are the same. kind: one of KINDS."""
    import nbformat

    book = notebook.read(exercises.ROOT / "solutions" / f"{lesson}.ipynb")
    full = {cell.id: cell.source for cell in book.cells}
    fresh = derive.exercise(book)
    for cell in fresh.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            lines = [line for line in full[cell.id].split("\n") if "SOLUTION" not in line]
            cell.source = "\n".join([*lines, f"# {learner}"])
    if kind == "and torch":
        fresh.cells.append(nbformat.v4.new_code_cell(TORCH))
    return nbformat.writes(fresh).encode()


class Peak(threading.Thread):
    """The largest proportional memory of a process and its descendants, in MB, looked at 20 times a second."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        import psutil

        self.root, self.most, self.over = psutil.Process(pid), 0.0, threading.Event()

    def run(self):
        import psutil

        while not self.over.wait(0.05):
            total = 0.0
            for process in [self.root, *_below(self.root)]:
                try:
                    total += process.memory_full_info().pss / 1e6
                except (psutil.Error, AttributeError, OSError):
                    continue
            self.most = max(self.most, total)


def _below(process):
    import psutil

    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


class Nbgrader:
    """nbgrader in a process of its own, with the exported course folder."""

    def __init__(self, python, folder):
        from course.grading.export import nbgrader_course, write

        write(folder, nbgrader_course.files(list(LESSONS)))
        self.folder = folder
        environ = os.environ | {"PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"}
        self.process = subprocess.Popen([python, "-c", AUTOGRADE, *LESSONS], cwd=folder, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ)  # fmt: skip
        self._line()

    def _line(self):
        for line in self.process.stdout:
            if line.strip() == "ready" or (line.count(" ") == 1 and line[0].isdigit()):
                return line
        raise RuntimeError("nbgrader ended")

    def grade(self, lesson, learner, data):
        """(seconds, points)."""
        place = self.folder / "submitted" / learner / lesson
        place.mkdir(parents=True)
        (place / f"{lesson}.ipynb").write_bytes(data)
        self.process.stdin.write(f"{lesson} {learner}\n")
        self.process.stdin.flush()
        seconds, points = self._line().split()
        return float(seconds), float(points)

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


def main(argv):
    """Print the table: 0 where the targets are met."""
    parser = argparse.ArgumentParser(prog="python3 -m course bench grading", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="submissions of each lesson (default 3)")
    parser.add_argument("--ours", type=int, default=10, metavar="N", help="of ours for each of nbgrader's (default 10)")
    parser.add_argument("--nbgrader", metavar="PYTHON", default=sys.executable, help="a Python that has nbgrader")
    parser.add_argument("--trials", action="store_true", help="also grade the honest and hostile notebooks")
    parser.add_argument("--sandbox", choices=("auto", *sandbox.TIERS), default="auto")
    options = parser.parse_args(list(argv))
    if shutil.which(options.nbgrader) is None:
        parser.error(f"--nbgrader: got {options.nbgrader}, expected a Python that can be run")
    os.environ.update(sandbox.THREADS)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core for both
    has = subprocess.run([options.nbgrader, "-c", "import nbgrader"], capture_output=True).returncode == 0
    folder = Path(tempfile.mkdtemp(prefix="bench_grading_"))
    theirs = Nbgrader(options.nbgrader, folder / "nbgrader") if has else None
    try:
        with Grader(SECRET, options.sandbox) as grader:
            return _measured(options, grader, theirs)
    finally:
        if theirs:
            theirs.close()
        shutil.rmtree(folder, ignore_errors=True)


def _measured(options, grader, theirs):
    ours, other, wrong, first = {kind: [] for kind in KINDS}, {kind: [] for kind in KINDS}, [], {}
    for lesson in LESSONS:  # the first of a lesson runs its set-up
        began = time.perf_counter()
        for kind in KINDS:
            grader.grade(Submission("first", lesson, "first", solved(lesson, "first", kind)))
        first[lesson] = time.perf_counter() - began
    for round_ in range(options.rounds):
        for lesson in LESSONS:
            out_of = sum(blank.points for blank in exercises.blanks(lesson))
            for kind in KINDS:
                for i in range(options.ours):
                    learner = f"ours{round_}x{i}"
                    data = solved(lesson, learner, kind)
                    began = time.perf_counter()
                    result = grader.grade(Submission(learner, lesson, learner, data))
                    ours[kind].append(time.perf_counter() - began)
                    if result.points != out_of:
                        wrong.append(f"ours: {lesson} {result.points} of {out_of}")
                if theirs:
                    learner = f"theirs{round_}{kind.replace(' ', '')}"
                    seconds, points = theirs.grade(lesson, learner, solved(lesson, learner, kind))
                    other[kind].append(seconds)
                    if points != out_of:
                        wrong.append(f"nbgrader: {lesson} {points} of {out_of}")
    status = _table(grader.runner.tier, first, ours, other, _memory(grader.runner.tier, theirs), wrong)
    _parts(grader)
    if not options.trials:
        return status
    count, wrong = _tried(grader)
    print(f"{count} honest and hostile notebooks: {len(wrong)} wrong verdicts (target 0)", *wrong, sep="\n  ")
    return int(status or bool(wrong))


def _parts(grader):
    """Prints what is not a verdict: reading a notebook, and writing the reports of a class."""
    from course.grading import reports
    from course.grading.answers import answers

    reading, results = [], []
    for lesson in LESSONS:
        data, handed_out = solved(lesson, "someone"), grader.reference(lesson).handed_out
        reading += _seconds(lambda data=data, lesson=lesson, book=handed_out: answers(data, lesson, book), 20)
        results.append(grader.grade(Submission("someone", lesson, "x", data)))
    group = [replace(result, learner=f"learner {i}") for i in range(CLASS) for result in results]
    with tempfile.TemporaryDirectory() as out:
        (writing,) = _seconds(lambda: reports.write(group, out), 1)
    print(f"reading a notebook: {1e3 * statistics.median(reading):.1f} ms")
    print(f"reports of {CLASS} learners with {len(LESSONS)} notebooks each: {writing:.1f} s")


def _seconds(call, times):
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return found


def _tried(grader):
    """(how many honest and hostile notebooks were tried, the wrong verdicts in words)."""
    from course.bench import attacks, forgeries, thefts, trials
    from course.grading import judge

    tried = [trial for trial in (*trials.HONEST, *attacks.HOSTILE, *forgeries.HOSTILE, *thefts.HOSTILE)
             if grader.runner.tier in trial.tiers]  # fmt: skip
    wrong, floor, cell = [], judge.FLOOR, grader.runner.cell_seconds
    for trial in tried:
        judge.FLOOR = grader.runner.cell_seconds = 0.5 if trial.hangs else 3.0  # CPU seconds
        if trial.twice:
            grader.grade(trials.submission(trial, "an accomplice"))
        for mark in grader.grade(trials.submission(trial)).marks:
            if mark.status not in trial.expected[mark.blank.partition(".")[2]]:
                wrong.append(f"{trial.name}: {mark.blank} {mark.status}")
        after = grader.grade(trials.submission(trials.HONEST[0], "the next one"))
        if after.points != after.out_of:
            wrong.append(f"{trial.name}: it cost the next learner {after.out_of - after.points} points")
    judge.FLOOR, grader.runner.cell_seconds = floor, cell
    return len(tried), wrong


def _memory(tier, theirs):
    """The peak memory in MB of one worker with its sandbox and, where it is there, of nbgrader's process and kernels.

    Both grade submissions of all LESSONS, of both KINDS.
    """
    handed_in = [(lesson, f"memory{i}", solved(lesson, f"memory{i}", kind))
                 for i, kind in enumerate(KINDS) for lesson in LESSONS]  # fmt: skip
    setup, executor = work.Setup(SECRET, tier), work.local(1)
    try:
        ours = Peak(executor.submit(os.getpid).result())
        ours.start()
        for lesson, learner, data in handed_in * 2:
            executor.submit(work.work, setup, Submission(learner, lesson, learner, data)).result()
        ours.over.set()
    finally:
        executor.shutdown()
    if not theirs:
        return ours.most, None
    other = Peak(theirs.process.pid)
    other.start()
    for lesson, learner, data in handed_in[-2:]:
        theirs.grade(lesson, learner, data)
    other.over.set()
    return ours.most, other.most


def _table(tier, first, ours, theirs, memory, wrong):
    print(f"{platform.machine()}, {os.cpu_count()} cores, one used; Python {platform.python_version()}; sandbox {tier}")
    print(f"the first two submissions of a lesson cost up to {max(first.values()):.1f} s\n")
    print(f"{'seconds for one more':28} {'count':>5} {'min':>8} {'median':>8} {'95 %':>8} {'max':>8}")
    for who, times in ("ours", ours), ("nbgrader", theirs):
        for kind in KINDS:
            if times[kind]:
                ends = min(times[kind]), statistics.median(times[kind]), _late(times[kind]), max(times[kind])
                print(f"{f'{who}, {kind}':28} {len(times[kind]):5} " + " ".join(f"{x:8.3f}" for x in ends))
    every = [seconds for kind in KINDS for seconds in ours[kind]]
    minutes = 10_000 * statistics.fmean(every) / 2 / 60
    met = _late(every) <= 0.1 and minutes <= 5
    print(f"\n95th percentile of a warm verdict: {1e3 * _late(every):.0f} ms (target 100)")
    print(f"10,000 submissions on 2 cores at this rate: {minutes:.1f} minutes (target 5)")
    if memory[1]:
        for kind in KINDS:
            ratio = statistics.median(theirs[kind]) / statistics.median(ours[kind])
            met &= ratio >= 100
            print(f"nbgrader's median over ours, {kind}: {ratio:.0f} (target 100)")
        met &= memory[0] <= memory[1]
        print(f"peak memory: ours {memory[0]:.0f} MB, nbgrader {memory[1]:.0f} MB (target: not more)")
    else:
        print(f'peak memory: {memory[0]:.0f} MB. nbgrader is not installed: pip install -e ".[bench]" -c constraints.txt')
    for line in wrong:
        print(line)
    return int(bool(wrong) or not met)


def _late(times):
    """The 95th percentile."""
    return sorted(times)[int(0.95 * (len(times) - 1))]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
