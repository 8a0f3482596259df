"""The command line: what each bad case says, its exit status, and how `course test` runs its stages."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbval.plugin import get_sanitize_patterns

from course import __main__ as launcher
from course import environment
from course.authoring import suite

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments, cwd=ROOT, program=("-m", "course")):
    return subprocess.run([sys.executable, *program, *arguments], cwd=cwd, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path):
    """A checkout without `.venv`."""
    shutil.copytree(ROOT / "course", tmp_path / "course", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["__main__.py", "__init__.py"])
def test_old_pythons_can_read_as_far_as_the_message_for_them(name):
    ast.parse((ROOT / "course" / name).read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 13)])
def test_an_old_python_is_told_so_in_one_line(monkeypatch, capsys, version):
    monkeypatch.setattr(sys, "version_info", version)
    assert launcher.main(["lab"]) == 3
    said = capsys.readouterr().err
    assert "Python 3.11 or newer is needed" in said and said.count("\n") == 1


def test_help_lists_every_command(copy):
    done = run("--help", cwd=copy)
    assert done.returncode == 0 and not (copy / ".venv").exists()
    for name, what, _ in launcher.COMMANDS:
        assert re.search(rf"^  {name} +{re.escape(what)}$", done.stdout, re.M)


def test_no_command_is_wrong_usage(copy):
    assert run(cwd=copy).returncode == 2


def test_an_unknown_command_is_answered_with_the_nearest(copy):
    done = run("tset", cwd=copy)
    assert done.returncode == 2 and done.stderr == "course: there is no command 'tset'; did you mean 'test'?\n"
    assert not (copy / ".venv").exists()


def test_every_command_leads_to_a_function():
    for _, _, target in launcher.COMMANDS:
        module, function = target.split(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_options_are_listed_without_an_environment(copy):
    done = run("lab", "--help", cwd=copy)
    assert done.returncode == 0 and "--no-browser" in done.stdout and not (copy / ".venv").exists()


def test_another_folder_with_a_course_of_its_own_does_not_mislead(copy, tmp_path):
    decoy = tmp_path / "elsewhere"
    (decoy / "course").mkdir(parents=True)
    (decoy / "course" / "__init__.py").write_text("raise SystemExit('the wrong course')")
    # -I -S: without the course that is installed where this test runs
    done = run("lab", "--help", cwd=decoy, program=("-I", "-S", str(copy / "course")))
    assert done.returncode == 0 and "--no-browser" in done.stdout


def test_an_installed_copy_asks_for_a_checkout(copy):
    (copy / "pyproject.toml").unlink()
    done = run("test", cwd=copy)
    assert done.returncode == 3 and "needs a checkout" in done.stderr and done.stderr.count("\n") == 1


def test_an_environment_that_cannot_be_made_is_status_3(monkeypatch, capsys):
    def fail(root):
        raise environment.NotReady("no network: connect.")

    monkeypatch.setattr(environment, "ready", fail)
    assert launcher.main(["progress"]) == 3
    assert capsys.readouterr().err == "course: no network: connect.\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no exec")
def test_a_command_runs_in_the_environment_with_its_arguments(monkeypatch):
    def execve(program, command, environ):  # must not return, as the real one does not
        assert Path(program).is_relative_to(ROOT / ".venv") and "PYTHONPATH" not in environ
        assert command == [program, str(ROOT / "course"), "test", "--quick"]
        raise SystemExit("started")

    monkeypatch.setattr(environment, "ready", lambda root: None)
    monkeypatch.setattr(environment, "is_inside", lambda root: False)
    monkeypatch.setattr(environment.os, "execve", execve)
    monkeypatch.setenv("PYTHONPATH", "/old/packages")
    with pytest.raises(SystemExit, match="started"):
        launcher.main(["test", "--quick"])


def names_run(**options):
    return [name for name, _, _, left_out in suite.stages(**options) if not left_out]


def test_options_choose_the_stages():
    assert names_run() == ["ruff", "tests", "browser", "notebooks", "exercises", "build"]
    assert names_run(every=True) == ["ruff", "tests", "long", "browser", "notebooks", "exercises", "build"]
    assert names_run(quick=True) == ["ruff", "tests", "exercises", "build"]
    assert names_run(k="adam") == ["ruff", "tests"]
    tests = next(command for name, command, _, _ in suite.stages(k="adam") if name == "tests")
    assert tests[-2:] == ["-k", "adam"] and "--ignore-glob=*test_e2e_*" in tests
    browser = next(command for name, command, _, _ in suite.stages() if name == "browser")
    assert browser[-1].endswith("test_e2e_site.py") and not any(part.endswith("tests") for part in browser)


def test_a_failing_stage_stops_neither_the_others_nor_the_summary(monkeypatch, capfd):
    python = [sys.executable, "-c"]
    stages = [("first", [*python, "raise SystemExit(3)"], {}, ""), ("second", [*python, "print('ran')"], {}, ""),
              ("third", [], {}, "--quick")]
    monkeypatch.setattr(suite, "stages", lambda quick, k, every: stages)
    assert suite.main([]) == 1
    said = capfd.readouterr().out
    assert "ran" in said
    assert re.findall(r"^(\w+) +(FAILED|ok|left out \(--quick\)) +\d+\.\d s$", said, re.M) == [
        ("first", "FAILED"), ("second", "ok"), ("third", "left out (--quick)"), ("all", "FAILED")]


def test_stages_run_on_one_thread_and_leave_the_learners_progress_alone(monkeypatch, capfd):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    code = "import os; print([os.environ[n] for n in ('OMP_NUM_THREADS', 'COURSE_PROGRESS', 'COURSE_DEVICE')])"
    assert suite.run_stage("look", [sys.executable, "-c", code], {}, "")[1] == "ok"
    assert "['1', '0', 'cpu']" in capfd.readouterr().out


@pytest.mark.parametrize("one, other, same", [
    ("device: cpu", "device: cuda:1", True),
    ("device: mps", "device: cuda", True),
    ('<img src="data:image/png;base64,iVBO+/=" alt="a">', '<img src="data:image/png;base64,QUJD" alt="a">', True),
    ('<img src="data:image/png;base64,iVBO" alt="a">', '<img src="data:image/png;base64,iVBO" alt="b">', False),
    ('"table": "data:application/octet-stream;base64,AAAA"', '"table": "data:application/octet-stream;base64,BB="', True),
    ('"values": ["0.1"], "layout": "data:application/json;base64,e30="',
     '"values": ["0.2"], "layout": "data:application/json;base64,e30="', False),
    ("steps: 12", "steps: 13", False),
])
def test_notebooks_may_differ_in_pictures_and_device_alone(one, other, same):
    for pattern, replacement in get_sanitize_patterns(suite.SANITIZE.read_text()):
        one, other = re.sub(pattern, replacement, one), re.sub(pattern, replacement, other)
    assert (one == other) is same
