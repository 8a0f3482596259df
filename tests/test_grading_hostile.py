"""Honest but awkward notebooks get full marks, hostile ones get nothing that they have not earned and leave nothing."""

import contextlib
import functools
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest

from course.bench import attacks, forgeries, thefts, trials
from course.grading import judge, sandbox
from course.grading.grader import Grader
from course.grading.model import PASSED

SHORT, LONG = 0.3, 3.0  # seconds of CPU time: for what is to run into its limit, and for what is not
HOSTILE = (*attacks.HOSTILE, *forgeries.HOSTILE, *thefts.HOSTILE)
SOLVED = trials.HONEST[0]
TORCH = next(trial for trial in trials.HONEST if "torch" in trial.name)  # it runs below another zygote
# What is tried in a tier that is not the strongest here.
SOME = ("loop", "sleep", "memory", "forks", "segmentation", "kill", "closed", "numbers for", "patched b", "files",
        "network", "rights", "limits", "survivor", "solution", "helper", "threads inside", "!ls", "await")  # fmt: skip
FEW = ("the solution", "a helper in the last cell", "a lambda", "threads inside", "!ls", "temporary files")


@functools.cache
def works(tier):
    """Why a tier does not work here, or ""."""
    try:
        return "" if sandbox.tier(tier) else "?"
    except sandbox.Unavailable as error:
        return str(error)


@functools.cache
def strongest():
    return next((tier for tier in sandbox.TIERS[:2] if not works(tier)), None)


def needs(tier):
    if works(tier):
        pytest.skip(works(tier))


@pytest.fixture(scope="module")
def graders():
    """{tier: its Grader}, made when first used."""
    made = {}

    def grader(tier):
        if tier not in made:
            made[tier] = Grader(b"a secret of the tests, 32 bytes.", tier)
            made[tier].grade(trials.submission(SOLVED))
        return made[tier]

    yield grader
    for one in made.values():
        one.close()


def processes():
    """The processes that run learners' code, or would: all below this one, and all of the sandbox's user."""
    below = {process.pid for process in psutil.Process().children(recursive=True)}
    if sandbox.user() is not None:
        for process in psutil.process_iter(["uids"]):
            if process.info["uids"] and process.info["uids"].real == sandbox.user():
                below.add(process.pid)
    return below


def contention():
    """How much longer than its CPU time a computation takes on this machine now."""
    wall, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < 0.1:
        pass
    return 1.5 * max(1.0, (time.perf_counter() - wall) / 0.1)


def statuses(result):
    return {mark.blank.partition(".")[2]: mark.status for mark in result.marks}


def check(grader, trial, monkeypatch):
    """The verdicts of a trial, its time, what it leaves, and the verdict on the next learner."""
    limit = SHORT if trial.hangs else LONG
    monkeypatch.setattr(judge, "FLOOR", limit)
    monkeypatch.setattr(grader.runner, "cell_seconds", limit)
    if grader.runner.tier != "none":
        for trial_ in (SOLVED, TORCH):  # both zygotes are there
            grader.grade(trials.submission(trial_))
    before = processes()
    if trial.twice:
        grader.grade(trials.submission(trial, "an accomplice"))
    began = time.monotonic()
    result = grader.grade(trials.submission(trial))
    seconds = time.monotonic() - began
    wrong = {name: (status, mark.lines) for (name, status), mark in zip(statuses(result).items(), result.marks, strict=True)
             if status not in trial.expected[name]}  # fmt: skip
    assert not wrong
    assert result.sandbox == grader.runner.tier
    assert processes() <= before, "something is left running"
    most = (trial.hangs * (limit + 1) + (1 if trial.hangs else 2.5)) * (10 if grader.runner.tier == "none" else 1)
    assert seconds < most or seconds < most * contention()
    after = grader.grade(trials.submission(SOLVED, "the next one"))
    assert set(statuses(after).values()) == {PASSED}, after
    return result


@pytest.mark.parametrize("trial", trials.HONEST, ids=lambda trial: trial.name)
def test_honest_but_awkward_work_gets_full_marks(trial, graders, monkeypatch):
    if strongest() is None:
        pytest.skip(works("bubblewrap"))
    if strongest() not in trial.tiers:
        pytest.skip(f"cannot pass in the tier {strongest()}")
    result = check(graders(strongest()), trial, monkeypatch)
    told = [note for note in result.notes if "raised" in note or "left out" in note]
    assert bool(told) == ("an added cell that" in trial.name or "added cells that" in trial.name), told


@pytest.mark.parametrize("trial", HOSTILE, ids=lambda trial: trial.name)
def test_a_hostile_notebook_gets_what_it_has_earned_and_leaves_nothing(trial, graders, monkeypatch):
    if strongest() is None:
        pytest.skip(works("bubblewrap"))
    check(graders(strongest()), trial, monkeypatch)


@pytest.mark.parametrize("trial", [t for t in (*trials.HONEST, *HOSTILE) if any(word in t.name for word in SOME)],
                         ids=lambda trial: trial.name)  # fmt: skip
def test_landlock_holds_too(trial, graders, monkeypatch):
    needs("landlock")
    if strongest() == "landlock":
        pytest.skip("tried above")
    if "landlock" not in trial.tiers:
        pytest.skip("cannot pass in the tier landlock")
    check(graders("landlock"), trial, monkeypatch)


@pytest.mark.parametrize("trial", [t for t in trials.HONEST if t.name in FEW], ids=lambda trial: trial.name)
def test_without_a_sandbox_honest_work_is_graded_the_same(trial, graders, monkeypatch):
    needs("none")
    check(graders("none"), trial, monkeypatch)


@pytest.fixture
def others():
    """A folder that anyone may write in, with the files of others."""
    with tempfile.TemporaryDirectory(prefix="course-others-") as place:
        place = Path(place)
        place.chmod(0o777)
        for name in ("secret", "open"):
            (place / name).write_text(name)
            (place / name).chmod(0o666)
        yield place


def snapshot(place):
    return {p.name: (p.stat().st_mode, p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(place.iterdir())} | {
        ".": (stat.S_IMODE(place.stat().st_mode), place.stat().st_mtime_ns)}  # fmt: skip


@pytest.mark.parametrize("tier", sandbox.TIERS[:2])
def test_files_of_others_are_neither_read_nor_changed(tier, others, graders, monkeypatch):
    needs(tier)
    before = snapshot(others)
    check(graders(tier), thefts.outside(others), monkeypatch)
    assert snapshot(others) == before


@pytest.mark.skipif(len(sandbox.ROOT.parts) < 3, reason="the checkout lies in the root folder")
def test_a_checkout_within_a_folder_of_the_system_is_not_seen(monkeypatch):
    """Such as /usr/src/course in a container."""
    needs("bubblewrap")
    monkeypatch.setattr(sandbox, "SYSTEM", (*sandbox.SYSTEM, str(sandbox.ROOT.parent)))
    seen = "/".join(["solutions", f"{trials.LESSON}.ipynb"])
    look = f"import os\nroot = {str(sandbox.ROOT)!r}\nreturn os.path.exists(f'{{root}}/{seen}') or not os.path.exists(f'{{root}}/course')"
    with Grader(b"a secret of the tests, 32 bytes.", "bubblewrap") as grader:
        check(grader, attacks.heist("the solutions", look), monkeypatch)
    assert sandbox.exposed(sandbox.ROOT / "solutions", "bubblewrap") == ""
    assert sandbox.exposed(sandbox.ROOT / "solutions", "landlock") == str(sandbox.ROOT.parent)
    assert sandbox.exposed(sandbox.ROOT.parent / "class", "bubblewrap") == str(sandbox.ROOT.parent)


def test_the_files_of_others_could_be_read_and_changed_without_a_sandbox(others):
    """The trial above can fail."""
    book = thefts.outside(others).change(trials.solution())
    namespace = {"math": __import__("math")}
    exec(trials.cell(book, trials.TARGET).source, namespace)
    assert namespace["attack"]()
    assert namespace[trials.TARGET](1e-8, 1, 0.96) == pytest.approx(2e-9)


@pytest.mark.parametrize("tier", sandbox.TIERS)
def test_nobodys_code_runs_as_root(tier, graders, monkeypatch):
    needs(tier)
    trial = attacks.heist("who am I", "import os\nreturn os.getuid() == 0 or os.geteuid() == 0 or 0 in os.getgroups()")
    check(graders(tier), trial, monkeypatch)


def test_the_sandbox_is_started_without_anything_secret(graders):
    if strongest() is None:
        pytest.skip(works("bubblewrap"))
    grader = graders(strongest())
    grader.grade(trials.submission(SOLVED))
    for process in psutil.Process(grader.runner.zygotes[False].process.pid).children(recursive=True):
        said = [*process.cmdline(), *map(str, sandbox.environment("/tmp").items())]
        with contextlib.suppress(psutil.AccessDenied):  # in a user namespace nobody may read it, which is better still
            said += map(str, process.environ().items())
        assert not any("secret" in words for words in said)
        assert not any(name in words for name in os.environ if name.endswith(("_TOKEN", "_KEY", "_PASSWORD"))
                       for words in said)  # fmt: skip


def test_a_hang_costs_its_limit_and_another_blank_that_hangs_its_own(graders, monkeypatch):
    if strongest() is None:
        pytest.skip(works("bubblewrap"))
    loop = "while True:\n    pass"
    change = trials.both(*[trials.answer(name, f"def {name}(*given, **named):\n    {loop.replace(chr(10), chr(10) + '    ')}")
                           for name in trials.BLANKS])  # fmt: skip
    trial = trials.Trial("all hang", change, expected={name: {"timeout"} for name in trials.BLANKS}, hangs=5)
    check(graders(strongest()), trial, monkeypatch)


def test_a_zygote_that_dies_costs_nothing(graders):
    if strongest() is None:
        pytest.skip(works("bubblewrap"))
    grader = graders(strongest())
    grader.grade(trials.submission(SOLVED))
    zygote = grader.runner.zygotes[False].process
    for process in psutil.Process(zygote.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it goes with its parent
            process.kill()
    zygote.kill()
    assert set(statuses(grader.grade(trials.submission(SOLVED))).values()) == {PASSED}


def test_the_zygote_with_torch_is_a_child_of_the_other_and_may_die(graders):
    """Its children end with it; the next notebook that names torch gets a new one."""
    if strongest() is None:
        pytest.skip(works("bubblewrap"))
    grader = graders(strongest())
    for trial in (SOLVED, TORCH):
        grader.grade(trials.submission(trial))
    below = psutil.Process(grader.runner.zygotes[False].process.pid).children(recursive=True)
    zygotes = [process for process in below if "python" in process.name()]
    assert len(zygotes) == 2 and zygotes[1].parent() == zygotes[0]
    zygotes[1].kill()
    for trial in (SOLVED, TORCH, SOLVED):
        assert set(statuses(grader.grade(trials.submission(trial))).values()) == {PASSED}


def test_a_child_that_is_killed_from_outside_costs_nothing(graders):
    """As by a system that is out of memory."""
    if strongest() is None:
        pytest.skip(works("bubblewrap"))
    grader = graders(strongest())
    grader.grade(trials.submission(SOLVED))
    zygote, killed = psutil.Process(grader.runner.zygotes[False].process.pid), []
    before = set(zygote.children(recursive=True))

    def kill():
        while not killed:
            for process in set(zygote.children(recursive=True)) - before:
                time.sleep(0.2)
                process.kill()
                killed.append(process)

    thread = threading.Thread(target=kill)
    thread.start()
    slow = trials.Trial("slow", trials.answer(trials.TARGET, "import time\n\n\n" f"def {trials.TARGET}(eps, t, beta2):\n"
                                              f"    time.sleep(0.06)\n    return {trials.RIGHT}"))  # fmt: skip
    result = grader.grade(trials.submission(slow))
    thread.join()
    assert killed and set(statuses(result).values()) == {PASSED}, result


@pytest.mark.parametrize("tier", sandbox.TIERS[:2])
def test_a_grader_that_is_killed_leaves_nothing(tier, tmp_path):
    needs(tier)
    code = (
        "import sys, threading, time\n"
        "from course.bench import attacks, trials\n"
        "from course.grading.grader import Grader\n"
        f"grader = Grader(b'a secret of the tests, 32 bytes.', {tier!r})\n"
        "grader.grade(trials.submission(trials.HONEST[0]))\n"
        "say = lambda: (time.sleep(0.5), print('now', flush=True))\n"
        "threading.Thread(target=say).start()\n"
        "grader.grade(trials.submission(next(t for t in attacks.HOSTILE if t.name == 'a loop in a child')))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(sandbox.PACKAGE.parent), "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as grader:
        assert grader.stdout.readline() == b"now\n"
        left = psutil.Process(grader.pid).children(recursive=True)
        assert len(left) >= 3  # the zygote, its child, and the child of that
        grader.kill()
    _, alive = psutil.wait_procs(left, timeout=10)
    assert not alive
    assert not list(tmp_path.iterdir())
