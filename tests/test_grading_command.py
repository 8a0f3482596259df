"""`course grade` from end to end, as a lecturer runs it: killed, started again, interrupted, wrongly called."""

import contextlib
import csv
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from course import exercises
from course.authoring import derive, notebook
from course.grading import command, sandbox, work

LESSON = "00_start_here"
WRONG = {"slope": "return theta", "step": "import os\n    os._exit(1)"}


def usable():
    try:
        return sandbox.tier("auto").name != "none"
    except sandbox.Unavailable:
        return False


needs_sandbox = pytest.mark.skipif(not usable(), reason="no sandbox works on this machine: install bubblewrap")


def submission(*wrong, unwritten=()):
    """A learner's notebook: the solution, but for some blanks."""
    book = notebook.read(exercises.ROOT / "solutions" / f"{LESSON}.ipynb")
    solved = {cell.id: cell.source for cell in book.cells}
    fresh = derive.exercise(book)
    for cell in fresh.cells:
        graded = cell.metadata.get("nbgrader", {})
        if graded.get("solution") and graded["grade_id"] not in unwritten:
            cell.source = "\n".join(line for line in solved[cell.id].split("\n") if "SOLUTION" not in line)
            if graded["grade_id"] in wrong:
                cell.source = re.sub(r"(def .*?:\n).*", rf"\1    {WRONG[graded['grade_id']]}", cell.source, flags=re.S)
    return nbformat.writes(fresh)


@pytest.fixture
def class_folder(tmp_path):
    """Eight learners: four kinds, twice, and a file that is no notebook. {learner: passed blanks}.

    `descend` calls the two others, so a wrong one costs it as well.
    """
    kinds = [(submission(), 3), (submission("slope"), 1), (submission("step"), 1), (submission(unwritten=("descend",)), 2)]
    passed = {}
    for i, (text, count) in enumerate(kinds * 2):
        passed[f"learner{i}"] = count
        (tmp_path / "class" / f"learner{i}").mkdir(parents=True)
        (tmp_path / "class" / f"learner{i}" / f"{LESSON}.ipynb").write_text(text, encoding="utf-8")
    (tmp_path / "class" / "odd").mkdir()
    (tmp_path / "class" / "odd" / f"{LESSON}.ipynb").write_text("{", encoding="utf-8")
    return tmp_path / "class", passed | {"odd": 0}


def grade(*arguments, **keywords):
    command = [sys.executable, "-c", "import sys; from course.grading.command import main; sys.exit(main(sys.argv[1:]))"]
    return subprocess.Popen([*command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            cwd=exercises.ROOT, start_new_session=True, **keywords)  # fmt: skip


def files(folder):
    """The bytes of all reports of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith("journal")}  # fmt: skip


def left_running():
    """Processes that grading started and that still run."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                command = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ")
                parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if b"course.grading.zygote" in command and parent == "1":
                found.append(command)
    return found


@needs_sandbox
def test_a_class_is_graded_killed_and_graded_on(class_folder, tmp_path):
    folder, passed = class_folder
    whole = grade(folder, "--out", tmp_path / "whole", "--workers", 2)
    out, err = whole.communicate(timeout=300)
    assert whole.returncode == 1, err  # one file is no notebook
    rows = list(csv.DictReader((tmp_path / "whole" / "grades.csv").open(encoding="utf-8-sig")))
    assert {row["learner"]: int(row["passed"]) for row in rows} == passed
    assert "8 graded, 1 could not be" in out

    part = tmp_path / "part"
    part.mkdir()
    (part / "secret").write_bytes((tmp_path / "whole" / "secret").read_bytes())
    killed = grade(folder, "--out", part, "--workers", 1)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:  # the journal is locked while it is written: look at its size
        wal = part / "journal.sqlite-wal"
        if wal.is_file() and wal.stat().st_size > 30_000:
            break
        time.sleep(0.02)
    below = psutil.Process(killed.pid).children(recursive=True)
    assert below
    os.kill(killed.pid, signal.SIGKILL)  # the main process alone: its workers and sandboxes must see it
    killed.communicate()
    _, alive = psutil.wait_procs(below, timeout=20)
    assert not alive
    with contextlib.closing(sqlite3.connect(part / "journal.sqlite")) as journal:
        (done,) = journal.execute("SELECT COUNT(*) FROM results").fetchone()
    assert 0 < done < len(passed)
    again = grade(folder, "--out", part, "--workers", 2)
    _, err = again.communicate(timeout=300)
    assert again.returncode == 1, err
    assert files(part) == files(tmp_path / "whole")
    assert not left_running()


@needs_sandbox
def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(class_folder, tmp_path):
    folder, _ = class_folder
    first = grade(folder, "--out", tmp_path / "out", "--workers", 1)
    deadline = time.monotonic() + 200
    while not (tmp_path / "out" / "journal.sqlite").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    os.kill(first.pid, signal.SIGINT)
    _, err = first.communicate(timeout=60)
    assert first.returncode == 130, err
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert not left_running()


@pytest.mark.parametrize(("arguments", "said", "status"), [
    (["nowhere", "--out", "{out}"], "nowhere", 2),
    (["{folder}", "--out", "{out}", "--lesson", "99_none"], "99_none", 2),
    (["{folder}", "--out", "{out}", "--solutions", "{folder}"], "holds no solutions", 3),
    (["{folder}", "--out", "{out}", "--secret", "{short}"], "16 or more", 2),
    (["{folder}", "--out", "{out}", "--workers", "0"], "1 to 512", 2),
    (["{folder}"], "--out", 2),
])  # fmt: skip
def test_wrong_use_is_told_in_one_line(arguments, said, status, tmp_path):
    (tmp_path / "class").mkdir()
    (tmp_path / "short").write_text("abc")
    names = {"folder": tmp_path / "class", "out": tmp_path / "out", "short": tmp_path / "short"}
    done = grade(*(one.format(**names) for one in arguments))
    _, err = done.communicate(timeout=100)
    if sandbox.is_root() and not usable():
        pytest.skip("no sandbox works on this machine")
    assert done.returncode == status, err
    assert said in err
    assert "Traceback" not in err


@needs_sandbox
def test_a_secret_is_made_once_for_its_owner_alone(tmp_path):
    (tmp_path / "class").mkdir()
    for _ in range(2):
        done = grade(tmp_path / "class", "--out", tmp_path / "out")
        _, err = done.communicate(timeout=100)
        assert done.returncode == 0, err
    secret = tmp_path / "out" / "secret"
    assert secret.stat().st_mode & 0o077 == 0
    assert len(secret.read_text().strip()) == 64


@pytest.fixture
def nobody(tmp_path):
    """A class of two who handed in nothing: graded without a worker. Returns (folder, command.main for it)."""
    for name in ("ada", "eve"):
        (tmp_path / "class" / name).mkdir(parents=True)

    def run(*arguments, out=tmp_path / "out"):
        return command.main([str(tmp_path / "class"), "--out", str(out), *map(str, arguments)])

    return tmp_path / "class", run


def learners(out):
    with (out / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row["learner"] for row in csv.DictReader(file)]


@needs_sandbox
def test_results_among_the_submissions_are_nobodys_work(nobody, capsys):
    folder, run = nobody
    for _ in range(2):
        assert run(out=folder / "results") == 1
        assert learners(folder / "results") == ["ada", "eve"]
    assert "ignored" not in capsys.readouterr().err
    assert run(out=folder) == 2
    assert "that is SUBMISSIONS" in capsys.readouterr().err
    (folder / "ada" / "08_adam.ipynb").write_text("{}")
    assert run(out=folder / "ada") == 2
    assert "lies in SUBMISSIONS and holds 08_adam.ipynb" in capsys.readouterr().err


@needs_sandbox
def test_a_lesson_may_be_given_by_its_number(nobody, tmp_path):
    _, run = nobody
    assert run("--lesson", "08") == 1
    assert "08_adam" in (tmp_path / "out" / "grades.csv").read_text("utf-8-sig")


@needs_sandbox
def test_a_missing_nbgrader_is_told_before_the_class_is_graded(nobody, tmp_path, monkeypatch, capsys):
    _, run = nobody
    monkeypatch.setitem(sys.modules, "nbgrader.api", None)
    assert run("--nbgrader", "sqlite://") == 2
    assert "pip install nbgrader" in capsys.readouterr().err and not (tmp_path / "out").exists()


@needs_sandbox
def test_a_secret_that_is_gone_or_open_to_all_is_told(nobody, tmp_path, capsys):
    _, run = nobody
    run()
    assert "warning" not in capsys.readouterr().err
    (tmp_path / "out" / "secret").unlink()
    run()
    assert "secret is gone: with a new one all is graded again" in capsys.readouterr().err
    (tmp_path / "out" / "secret").chmod(0o640)
    run()
    assert "chmod 600" in capsys.readouterr().err


@needs_sandbox
def test_what_a_lecturer_should_know_stands_on_the_terminal(nobody, tmp_path, capsys):
    folder, run = nobody
    (folder / "notes").mkdir()
    run("--lesson", "08", "--moodle")
    assert "note: moodle/08_adam.csv: 3 rows without an Identifier" in capsys.readouterr().err
    (folder / "notes").rmdir()
    for i in range(12):
        (folder / f".hidden{i}").mkdir()
    run()
    err = capsys.readouterr().err
    assert "not among these: feedback/notes.html, gradescope/notes.json" in err
    assert err.count("a hidden folder") == 10 and f"2 more, in {tmp_path / 'out' / 'ignored.csv'}" in err


@needs_sandbox
def test_what_failed_through_grading_itself_is_tried_again(nobody, monkeypatch):
    folder, run = nobody
    (folder / "ada" / "08_adam.ipynb").write_text("{}")
    given = []

    def graded(setup, submissions, *_):
        for one in submissions:
            given.append(one.learner)
            yield one, work.failed(one, "OSError: no space left")

    monkeypatch.setattr(work, "graded", graded)
    assert [run(), run(), given] == [1, 1, ["ada", "ada"]]


@needs_sandbox
def test_a_roster_is_filled_in(nobody, tmp_path):
    _, run = nobody
    header = "Student,ID,SIS User ID,SIS Login ID,Section,08_adam (4)"
    (tmp_path / "canvas.csv").write_text(f'{header}\n"Lee, Ada",7,,ada,A,\n')
    (tmp_path / "moodle.csv").write_text("Identifier,Full name,Grade\nParticipant 5,eve,\n")
    run("--lesson", "08", "--canvas-roster", tmp_path / "canvas.csv", "--moodle-roster", tmp_path / "moodle.csv")
    assert (tmp_path / "out" / "canvas.csv").read_text().splitlines()[2] == '"Lee, Ada",7,,ada,A,0'
    assert (tmp_path / "out" / "moodle" / "08_adam.csv").read_text().splitlines()[1] == "Participant 5,eve,0"


@needs_sandbox
@pytest.mark.parametrize("option", ["--canvas-roster", "--moodle-roster"])
def test_a_roster_that_is_none_is_told_before_the_class_is_graded(option, nobody, tmp_path, capsys):
    _, run = nobody
    assert run(option, tmp_path / "gone.csv") == 2
    assert f"{tmp_path / 'gone.csv'}: No such file" in capsys.readouterr().err
    (tmp_path / "list.csv").write_text("name,points\nada,1\n")
    assert run(option, tmp_path / "list.csv") == 2
    assert "its first row has name, points; expected the columns" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@needs_sandbox
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_disk_that_is_full_is_told_in_one_line(nobody, tmp_path):
    import resource

    folder, _ = nobody
    done = grade(folder, "--out", tmp_path / "out",
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)))  # fmt: skip
    _, err = done.communicate(timeout=100)
    assert done.returncode == 2 and "Traceback" not in err
    assert f"{tmp_path / 'out' / 'journal.sqlite'} cannot be written" in err


def test_hidden_inputs_differ_between_learners_lessons_and_secrets():
    from course.grading.judge import hidden

    names = [("s" * 16, "08_adam", "ada", "x"), ("t" * 16, "08_adam", "ada", "x"), ("s" * 16, "08_adam", "bob", "x"),
             ("s" * 16, "07_rmsprop", "ada", "x"), ("s" * 16, "08_adam", "ada", "y"),
             ("s" * 16, "08_adam", 'ada", "x', "")]  # fmt: skip
    draws = [hidden(secret.encode(), *rest).random() for secret, *rest in names]
    assert len(set(draws)) == len(draws)
    assert hidden(b"s" * 16, "08_adam", "ada", "x").random() == draws[0]


def test_help_needs_no_sandbox():
    done = subprocess.run([sys.executable, "-m", "course", "grade", "--help"], capture_output=True, text=True, timeout=100,
                          cwd=exercises.ROOT)  # fmt: skip
    assert done.returncode == 0
    assert "exit status" in done.stdout


@pytest.fixture
def unread(tmp_path):
    """A class of one file that is no notebook: no learner's code runs."""
    place = tmp_path / "class" / "odd"
    place.mkdir(parents=True)
    (place / f"{LESSON}.ipynb").write_text("{", encoding="utf-8")
    return tmp_path / "class"


@needs_sandbox
@pytest.mark.parametrize("closed", [0, 1, 2, 3], ids=["a pipe that nobody reads", "no output", "no error output", "neither"])
def test_the_results_are_written_though_nobody_listens(closed, unread, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-c", "import sys; from course.grading.command import main; sys.exit(main(sys.argv[1:]))",
               str(unread), "--out", str(tmp_path / "out")]  # fmt: skip
    close = ["", " >&-", " 2>&-", " >&- 2>&-"][closed]
    done = subprocess.run(["sh", "-c", f'"$@"{close}', "sh", *words], cwd=exercises.ROOT, stdout=writer, timeout=100,
                          stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    os.close(writer)
    assert done.returncode == 1, done.stderr
    assert "Broken pipe" not in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "out" / "report.html").is_file()


@needs_sandbox
@pytest.mark.parametrize("option", ["--out", "--solutions", "--secret"])
def test_what_learners_code_may_read_is_no_place_for_results(option, unread, tmp_path, monkeypatch, capsys):
    place = tmp_path / "system" / "class"
    monkeypatch.setattr(sandbox, "SYSTEM", (*sandbox.SYSTEM, str(tmp_path / "system")))
    arguments = {"--out": tmp_path / "out"} | {option: place}
    assert command.main([str(unread), *(str(word) for pair in arguments.items() for word in pair)]) == 2
    assert "learners' code may read" in capsys.readouterr().err
    assert not place.exists() and not (tmp_path / "out").exists()
