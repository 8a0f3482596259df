"""The build: exercises from solutions, the same bytes twice, and every kind of drift noticed."""

import fnmatch
import json
import os
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course import exercises
from course.authoring import build, derive, notebook, verify
from course.authoring.build import check, main
from course.exercises.blank import Blank, stream
from course.mistakes import Mistake

STEM = "00_start_here"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A copy of one lesson in a tree of its own, which the build takes for the repository."""
    for folder in build.FOLDERS:
        (tmp_path / folder).mkdir()
        for path in (notebook.ROOT / folder).glob(f"{STEM}.*"):
            shutil.copy(path, tmp_path / folder)
    shutil.copy(notebook.ROOT / "pyproject.toml", tmp_path)
    monkeypatch.setattr(notebook, "ROOT", tmp_path)
    # Made anew: the file in the repository may hold a learner's answers.
    exercise = build._exercise(notebook.read(tmp_path / "solutions" / f"{STEM}.ipynb"), STEM)
    (tmp_path / "exercises" / f"{STEM}.ipynb").write_text(notebook.text(exercise), encoding="utf-8")
    monkeypatch.setattr(exercises, "ROOT", tmp_path)
    only = {STEM: exercises.blanks(STEM)}
    monkeypatch.setattr(exercises, "lessons", lambda: only)
    monkeypatch.setattr(build, "_check_atlas", list)  # the page belongs to no lesson; test_atlas.py has it
    return tmp_path


def edit(path, change):
    """Applies a change to a stored notebook, and writes it back as the build would."""
    book = nbformat.read(path, as_version=4)
    change(book)
    path.write_text(notebook.text(book), encoding="utf-8")


def cell(book, identity):
    return next(cell for cell in book.cells if cell.id == identity)


def solve(tree, old, new, identity="step"):
    """Replaces text in a cell of the stored solution."""

    def change(book):
        assert old in cell(book, identity).source
        cell(book, identity).source = cell(book, identity).source.replace(old, new)

    edit(tree / "solutions" / f"{STEM}.ipynb", change)


def everything(tree):
    return {path.relative_to(tree): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_a_clean_tree_has_no_drift_and_the_check_writes_nothing(tree, capsys):
    before = everything(tree)
    assert main(["--check"]) == 0 and "nothing has drifted" in capsys.readouterr().out
    assert everything(tree) == before


def test_building_twice_changes_no_byte(tree, capsys):
    before = everything(tree)
    assert main(["--no-run"]) == 0 and main(["--no-run", "00"]) == 0
    assert everything(tree) == before and "wrote" not in capsys.readouterr().out


def test_a_changed_solution_reaches_the_exercise_and_its_numbers(tree):
    def change(book):
        cell(book, "step").source = cell(book, "step").source.replace("theta - lr * g", "theta - 2 * lr * g")
        cell(book, "step-task").source += "\n\nA new line."

    edit(tree / "solutions" / f"{STEM}.ipynb", change)
    problems = check()
    assert any(f"exercises/{STEM}.ipynb is not what it derives" in problem for problem in problems)
    assert any(f"exercises/{STEM}.json is not what it returns" in problem for problem in problems)
    old = json.loads((tree / "exercises" / f"{STEM}.json").read_text())
    assert main(["--no-run"]) == 0 and check() == []
    new = json.loads((tree / "exercises" / f"{STEM}.json").read_text())
    assert old[f"{STEM}.step"] != new[f"{STEM}.step"]
    book = nbformat.read(tree / "exercises" / f"{STEM}.ipynb", as_version=4)
    assert "A new line." in cell(book, "step-task").source and "2 * lr" not in notebook.text(book)


DRIFT = {
    "metadata.widgets is stored": lambda book: book.metadata.update(widgets={"state": {}}),
    "stores an error: ValueError": lambda book: cell(book, "step-check").outputs.append(
        new_output("error", ename="ValueError", evalue="no", traceback=[])
    ),
    "stores a warning on stderr: careful": lambda book: cell(book, "step-check").outputs.append(
        new_output("stream", name="stderr", text="careful\n")
    ),
    "cell step-check was never run": lambda book: cell(book, "step-check").update(execution_count=None),
    "not as the build writes it": lambda book: cell(book, "step-check").metadata.update(scrolled=True),
    f"{STEM}.step is defined in course/exercises and never checked": lambda book: cell(book, "step-check").update(
        source="1"
    ),
    "expected one # BEGIN SOLUTION": lambda book: cell(book, "step").update(
        source="def step(theta, g, lr):\n    # BEGIN SOLUTION\n    return theta - lr * g\n"
    ),
    "a blank's cell defines one function": lambda book: cell(book, "step").update(
        source=cell(book, "step").source + "\n\ndef other():\n    pass"
    ),
}


@pytest.mark.parametrize("says", DRIFT)
def test_each_kind_of_drift_is_noticed(says, tree):
    edit(tree / "solutions" / f"{STEM}.ipynb", DRIFT[says])
    assert any(says in problem for problem in check()), check()


def test_a_blank_that_does_not_raise_is_noticed(tree):
    def silent(book):
        cell(book, "step").source = "def step(theta, g, lr):\n    return theta\n    # BEGIN SOLUTION\n    # END SOLUTION"

    for change, says in (
        (silent, "expected NotImplementedError"),
        (lambda book: book.cells.remove(cell(book, "step")), "step"),
    ):
        edit(tree / "solutions" / f"{STEM}.ipynb", change)
        assert main(["--check"]) == 1
        assert any(says in problem for problem in check())


def test_a_blank_that_runs_silently_is_noticed():
    blank = exercises.find(f"{STEM}.step")
    assert list(build._unsolved(blank, lambda theta, g, lr: theta)) == [
        f"{STEM}.step: the blank runs silently in case 1 of 20, expected NotImplementedError"
    ]
    assert "raises TypeError" in next(iter(build._unsolved(blank, lambda: None)))


def test_a_blank_that_raises_for_some_inputs_only_is_noticed(tree):
    last = exercises.find(f"{STEM}.step").public_calls()[-1]["lr"]
    solve(tree, "    # BEGIN SOLUTION\n    ", f"    if lr != {last!r}:\n        # BEGIN SOLUTION\n        ")
    solve(tree, "    # END SOLUTION", "        # END SOLUTION\n    return theta - lr * g")
    assert any("step: the blank runs silently in case 20 of 20" in problem for problem in check()), check()


def test_missing_hints_are_noticed(tree, monkeypatch):
    first, *rest = exercises.blanks(STEM)
    for hints in (("one", "two"), ("one", "", "three"), ()):
        poor = type(first)(**{**vars(first), "hints": hints})
        monkeypatch.setattr(exercises, "lessons", lambda poor=poor: {STEM: (poor, *rest)})
        assert any("expected three hints" in problem for problem in check())


def test_unequal_stems_are_noticed(tree):
    (tree / "exercises" / f"{STEM}.ipynb").unlink()
    shutil.copy(tree / "notebooks" / f"{STEM}.ipynb", tree / "notebooks" / "99_more.ipynb")
    problems = check()
    assert f"exercises/{STEM}.ipynb is missing" in problems
    assert "solutions/99_more.ipynb is missing" in problems and "exercises/99_more.ipynb is missing" in problems
    assert "99_more: no module in course/exercises has its blanks" in problems


def test_an_exercise_edited_by_hand_is_noticed(tree):
    edit(tree / "exercises" / f"{STEM}.ipynb", lambda book: cell(book, "step-task").update(source="other"))
    assert any("is not what it derives" in problem for problem in check())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 1}', "\x00\x01", '{"nbformat": 3}'])
def test_what_is_no_notebook_gets_one_line(content, tree, capsys):
    (tree / "solutions" / f"{STEM}.ipynb").write_text(content)
    assert main(["--check"]) == 1 and main(["--no-run"]) == 1
    out = capsys.readouterr().out
    assert "not a notebook in format 4" in out and "Traceback" not in out


def test_an_unknown_lesson_is_named(tree, capsys):
    assert main(["09"]) == 2 and "lesson: got '09', expected one of 00_start_here" in capsys.readouterr().out


def test_a_solution_that_fails_after_its_checks_leaves_all_files_as_they_were(tree, capsys):
    """Its checks see the new numbers: with the old ones the first would fail, before the last cell does."""
    solve(tree, "theta - lr * g", "theta - 2 * lr * g")
    bad = new_code_cell("1 / 0", id="bad")
    edit(tree / "solutions" / f"{STEM}.ipynb", lambda book: book.cells.append(bad))
    (tree / "notebooks" / f"{STEM}.ipynb").unlink()
    before = everything(tree)
    assert main(["00"]) == 1
    out = capsys.readouterr().out
    assert "ZeroDivisionError" in out and "CheckFailed" not in out
    assert everything(tree) == before


@pytest.mark.skipif(os.name == "nt", reason="no signals")
def test_ctrl_c_ends_the_build_and_leaves_all_files_as_they_were(tree):
    def interrupt(book):  # the kernel's parent is the build
        code = "import os, signal, time\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(30)"
        book.cells.insert(2, new_code_cell(code, id="interrupt"))

    solve(tree, "theta - lr * g", "theta - 2 * lr * g")
    edit(tree / "solutions" / f"{STEM}.ipynb", interrupt)
    before = everything(tree)
    with pytest.raises(KeyboardInterrupt):
        main(["00"])
    assert everything(tree) == before


@pytest.mark.parametrize("error", [SystemExit, TimeoutError])
def test_any_error_of_a_run_gets_one_line(error, tree, monkeypatch):
    def failing(*_):
        raise error

    monkeypatch.setattr(notebook, "run", failing)
    assert build.build([STEM]) == [f"{folder}/{STEM}.ipynb: {error.__name__}" for folder in ("solutions", "notebooks")]


@pytest.mark.parametrize("renamed", range(3))
def test_files_that_belong_together_are_written_all_or_none(renamed, tmp_path, monkeypatch):
    replace, left = os.replace, [None] * renamed

    def interrupted(*paths):
        replace(*paths)
        if not left:
            raise KeyboardInterrupt
        left.pop()

    notebook.write_together({tmp_path / "a": "old a", tmp_path / "b": "old b"})
    before = everything(tmp_path)
    monkeypatch.setattr(notebook.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        notebook.write_together({tmp_path / name: f"new {name}" for name in "abc"})
    assert everything(tmp_path) == before


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    assert notebook.write(path, "old") and not notebook.write(path, "old")
    monkeypatch.setattr(notebook.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError):
        notebook.write(path, "new")
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_build_left_is_noticed_ignored_by_git_and_removed(tree):
    left = notebook._temporary(tree / "exercises" / f"{STEM}.json")
    left.write_text("half")
    assert check() == []  # another build may be writing it
    os.utime(left, (0, 0))
    assert any(left.name in problem and "was killed" in problem for problem in check())
    patterns = (Path(build.__file__).parents[2] / ".gitignore").read_text().split()
    assert any(fnmatch.fnmatch(left.name, pattern) for pattern in patterns)
    assert main(["--no-run", "00"]) == 0 and not left.exists() and check() == []


def test_a_solution_that_is_a_known_mistake_is_refused(tree, capsys):
    solve(tree, "theta - lr * g", "theta + lr * g")
    before = everything(tree)
    for options in (["--check"], ["--no-run"]):
        assert main(options) == 1
        assert f"{STEM}.step: the solution equals the known mistake wrong_sign" in capsys.readouterr().out
    assert everything(tree) == before


def test_a_mistake_in_the_state_alone_does_not_condemn_the_solution():
    def rule(theta, g, t, last=0.0):
        return theta - g, g

    other = Mistake("other_state", lambda theta, g, t, last=0.0: (theta - g, -g), "Your state is wrong.")
    hints, outputs = ("", "", ""), ("theta", "last")
    blank = Blank(f"{STEM}.rule", stream(), hints, mistakes=(other,), outputs=outputs, chained=True)
    assert len(derive._expected(blank, rule)) == 40
    with pytest.raises(ValueError, match="equals the known mistake other_state"):
        derive._expected(blank, other.function)


BROKEN = {
    "cell setup raises NameError: name 'nothing' is not defined": ("setup", "import numpy as np", "nothing"),
    "cell setup raises SystemExit: 3": ("setup", "import numpy as np", "import sys\nsys.exit(3)"),
    "cell step raises SyntaxError": ("step", "return theta", "return return"),
    f"{STEM}.step: the solution raises TypeError": ("step", "theta - lr * g", "theta - lr * g + None"),
    f"{STEM}.step: the solution raises SystemExit": ("step", "return theta - lr * g", "raise SystemExit"),
    f"the notebook defines no function step, which {STEM}.step checks": ("step", "def step(", "def stride("),
    "cell step: its # BEGIN SOLUTION region is not inside step": ("step", "    # BEGIN", "# BEGIN"),
    "cell step: without its solution this is not Python": ("step", "    # BEGIN", "        # BEGIN"),
    "cell step-task: a SOLUTION region in this markdown cell": ("step-task", "Example:", "# BEGIN SOLUTION\n"),
    "cell step: a SOLUTION region in this code cell": ("step", "# BEGIN", "#begin"),
}


@pytest.mark.parametrize("says", BROKEN)
def test_a_broken_solution_gets_one_line_and_the_rest_is_built(says, tree, capsys):
    identity, old, new = BROKEN[says]
    solve(tree, old, new, identity)
    before = everything(tree)
    for options in (["--check"], ["--no-run"]):
        assert main(options) == 1
        out = capsys.readouterr().out
        assert f"solutions/{STEM}.ipynb: {says}" in out and "Traceback" not in out
    assert f"unchanged notebooks/{STEM}.ipynb" in out and everything(tree) == before


def test_an_error_that_nobody_foresaw_gets_one_line(tree, monkeypatch):
    monkeypatch.setattr(derive, "exercise", lambda book: 1 / 0)
    assert check() == [f"solutions/{STEM}.ipynb: ZeroDivisionError: division by zero"] == build.build(rerun=False)


def test_a_page_that_fails_gets_one_line_and_the_next_is_built(monkeypatch, capsys):
    from course.authoring import atlas, picture

    monkeypatch.setattr(picture, "build", lambda: 1 / 0)
    monkeypatch.setattr(atlas, "build", lambda: False)
    assert build._build_pages() == [f"{picture.PICTURE}: ZeroDivisionError: division by zero"]
    assert f"unchanged {atlas.PAGE}" in capsys.readouterr().out


def test_a_region_above_the_def_is_noticed(tree):
    solve(tree, "def step", "# BEGIN SOLUTION\ndef step")
    solve(tree, "    # BEGIN SOLUTION\n", "")
    assert any("region is not inside step" in problem for problem in check()), check()


def one_digit(text):
    """The numbers as another machine may compute them: one of them differs in its last digit."""
    numbers = json.loads(text)
    numbers[f"{STEM}.step"][0][0][0] *= 1 + 2**-52
    return derive.numbers_text(numbers)


def reordered(text):
    return derive.numbers_text(dict(reversed(json.loads(text).items())))


def with_step(result):
    return lambda text: json.dumps({**json.loads(text), f"{STEM}.step": result})


NUMBERS = [
    ("is not JSON", lambda text: text[:-3]),
    *(("is not what it returns", lambda text, new=new: new) for new in ("null", "3", "[1, 2]", '"text"', "{}")),
    *(("is not what it returns", with_step(result)) for result in (None, "text", [1, 2], [["text"]] * 20)),
    ("is not what it returns", reordered),
    ("is not as the build writes it", lambda text: json.dumps(json.loads(text))),
    ("is not as the build writes it", lambda text: text.replace("\n", "\r\n")),
]


@pytest.mark.parametrize(("says", "change"), NUMBERS)
def test_numbers_that_are_not_the_builds_are_noticed_and_made_anew(says, change, tree, capsys):
    path = tree / "exercises" / f"{STEM}.json"
    good = path.read_text()
    path.write_bytes(change(good).encode())
    assert main(["--check"]) == 1
    out = capsys.readouterr().out
    assert f"exercises/{STEM}.json {says}; run: python3 -m course build {STEM}" in out
    assert main(["--no-run"]) == 0 and path.read_bytes() == good.encode()


def test_numbers_that_differ_in_the_last_digit_are_no_drift(tree):
    path = tree / "exercises" / f"{STEM}.json"
    good = path.read_text()
    path.write_text(one_digit(good))
    assert path.read_text() != good and check() == []


def test_missing_numbers_are_noticed(tree, capsys):
    (tree / "exercises" / f"{STEM}.json").unlink()
    assert main(["--check"]) == 1 and verify.main() == 1
    assert capsys.readouterr().out.count(f"{STEM}.json is missing") == 2


@pytest.mark.parametrize("damaged", ["null", "{", f'{{"{STEM}.step": [1, 2]}}'])
def test_verifying_goes_on_after_a_damaged_lesson(damaged, tree, monkeypatch, capsys):
    (tree / "exercises" / f"{STEM}.json").write_text(damaged)
    one = {STEM: exercises.blanks(STEM), "99_more": exercises.blanks(STEM)}
    monkeypatch.setattr(exercises, "lessons", lambda: one)
    assert verify.main() == 1
    out = capsys.readouterr().out
    assert out.count("1 problems") == 2 and "99_more.ipynb: not a notebook" in out


def test_numbers_of_no_solution_are_noticed(tree):
    (tree / "exercises" / "99_more.json").write_text("{}")
    assert check() == ["exercises/99_more.json belongs to no solution"]


@pytest.mark.parametrize("folder", build.FOLDERS)
def test_the_line_ends_of_windows_are_noticed(folder, tree):
    path = tree / folder / f"{STEM}.ipynb"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    says = " is not what it derives" if folder == "exercises" else ": not as the build writes it"
    assert any(f"{folder}/{STEM}.ipynb{says}" in problem for problem in check())
    assert main(["--no-run"]) == 0 and check() == []


def test_the_exercise_keeps_ids_and_carries_nbgraders_metadata(tree):
    solution = nbformat.read(tree / "solutions" / f"{STEM}.ipynb", as_version=4)
    book = nbformat.read(tree / "exercises" / f"{STEM}.ipynb", as_version=4)
    kept = [cell.id for cell in solution.cells if "solution" not in derive.tags(cell)]
    assert [cell.id for cell in book.cells] == kept and len(kept) < len(solution.cells)
    marks = {cell.metadata.nbgrader["grade_id"]: cell for cell in book.cells if "nbgrader" in cell.metadata}
    blank, graded = marks["step"].metadata.nbgrader, marks["check_step"].metadata.nbgrader
    assert blank == {"schema_version": 3, "grade_id": "step", "solution": True, "grade": False, "locked": False, "task": False}
    assert graded["points"] == 1 and graded["grade"] and graded["locked"] and not graded["solution"]
    assert marks["setup"].metadata.nbgrader["locked"]
    assert marks["step"].source.endswith('    raise NotImplementedError("step is not written yet")')
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in book.cells)


def test_normalizing_drops_what_changes_from_run_to_run():
    book = new_notebook(
        cells=[
            new_markdown_cell(
                "# A lesson  \n\ntext\n\n", id="title", metadata={"collapsed": True, "tags": ["formula:adam"]}
            ),
            new_code_cell(
                "print(1)\n",
                id="code",
                execution_count=7,
                metadata={"execution": {"iopub.status.busy": "now"}, "tags": ["setup"]},
                outputs=[new_output("stream", text="1\n"), new_output("stream", text="2\n")],
            ),
        ],
        metadata={"widgets": {}, "kernelspec": {"name": "other", "display_name": "Other"}},
    )
    once = notebook.text(notebook.normalize(book, f"notebooks/{STEM}"))
    assert notebook.text(notebook.normalize(nbformat.reads(once, as_version=4), f"notebooks/{STEM}")) == once
    book = nbformat.reads(once, as_version=4)
    title, colab, code = book.cells
    assert "widgets" not in book.metadata and book.metadata.kernelspec.name == "python3"
    assert title.metadata == {"tags": ["formula:adam"]}
    assert code.metadata == {"tags": ["setup"]} and code.execution_count == 1 and code.outputs[0].text == "1\n2\n"
    assert title.source.startswith("# A lesson\n\ntext\n\n[![Open in Colab](") and title.source.count("colab-badge") == 1
    assert f"notebooks/{STEM}.ipynb)" in title.source and colab.id == "colab" and "google.colab" in colab.source


def answer(tree, source="def step(theta, g, lr):\n    return theta - lr * g"):
    """A learner's answer in the first blank, saved by Jupyter after a run."""

    def change(book):
        cell(book, "step").source = source
        cell(book, "step").execution_count = 3
        book.metadata["language_info"]["version"] = "3.14.0"

    path = tree / "exercises" / f"{STEM}.ipynb"
    edit(path, change)
    return path


def test_a_learners_answers_are_no_drift_and_are_not_overwritten(tree, capsys):
    before = answer(tree).read_bytes()
    assert check() == [] and main(["--check"]) == 0
    assert main(["--no-run"]) == 1
    assert "holds answers (step) and was left as it is; move it away" in capsys.readouterr().out
    assert (tree / "exercises" / f"{STEM}.ipynb").read_bytes() == before
    assert list(verify.verify(STEM)) == []


def test_an_exercise_that_was_only_run_is_no_drift_and_is_made_anew(tree):
    path = tree / "exercises" / f"{STEM}.ipynb"
    before = path.read_bytes()
    edit(path, lambda book: cell(book, "step-check").update(execution_count=2))
    assert check() == [] and main(["--no-run"]) == 0 and path.read_bytes() == before


def test_answers_that_were_committed_are_drift(tree):
    answer(tree)
    git = ["git", "-C", str(tree), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], check=True)
    assert any("is not what it derives" in problem for problem in check())
    assert main(["--no-run"]) == 0 and check() == []
