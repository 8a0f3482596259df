"""The build: exercises from solutions, the same bytes twice, and every kind of drift noticed."""

import json
import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course import exercises
from course.authoring import build, derive, notebook
from course.authoring.build import check, main

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
    only = {STEM: exercises.blanks(STEM)}
    monkeypatch.setattr(exercises, "lessons", lambda: only)
    return tmp_path


def edit(path, change):
    """Applies a change to a stored notebook, and writes it back as the build would."""
    book = nbformat.read(path, as_version=4)
    change(book)
    path.write_text(notebook.text(book), encoding="utf-8")


def cell(book, identity):
    return next(cell for cell in book.cells if cell.id == identity)


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
        f"{STEM}.step: the blank runs silently, expected NotImplementedError"
    ]
    assert "raises TypeError" in next(iter(build._unsolved(blank, lambda: None)))


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


def test_a_failing_cell_writes_nothing(tree, capsys):
    path = tree / "notebooks" / f"{STEM}.ipynb"
    edit(path, lambda book: book.cells.insert(2, new_code_cell("1 / 0", id="bad")))
    before = path.read_bytes()
    assert main(["00"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out and path.read_bytes() == before


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    assert notebook.write(path, "old") and not notebook.write(path, "old")
    monkeypatch.setattr(notebook.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError):
        notebook.write(path, "new")
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["file"]


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
            new_markdown_cell("# A lesson  \n\ntext\n\n", id="title", metadata={"collapsed": True}),
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
    assert code.metadata == {"tags": ["setup"]} and code.execution_count == 1 and code.outputs[0].text == "1\n2\n"
    assert title.source.startswith("# A lesson\n\ntext\n\n[![Open in Colab](") and title.source.count("colab-badge") == 1
    assert f"notebooks/{STEM}.ipynb)" in title.source and colab.id == "colab" and "google.colab" in colab.source
