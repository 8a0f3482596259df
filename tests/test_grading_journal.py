"""The journal: what was graded stays graded, and counts only as long as nothing that matters has changed."""

import sqlite3
from dataclasses import replace

import pytest

from course.grading.journal import Busy, Journal, measure_of, print_of
from course.grading.model import Mark, Result, Submission

SECRET = b"a secret of the tests"


def result(learner="ada", source="ada.ipynb"):
    marks = (Mark("08_adam.adam", "failed", 0, 3, ("a line", "‮another"), "no_root", "a hint"),)
    return Result(learner, "08_adam", source, "00", marks, ("a note",), ("a flag",), sandbox="bubblewrap")


def submission(learner="ada", source="ada.ipynb", data=b"{}", problem=""):
    return Submission(learner, "08_adam", source, data, problem)


def test_a_result_comes_back_as_it_was(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.put(result(), "p")
    with Journal(tmp_path / "j") as journal:
        assert journal.get(submission(), "p") == result()
        assert journal.get(submission(), "q") is None
        assert journal.get(submission(learner="bob"), "p") is None


def test_a_later_result_replaces_an_earlier_one(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.put(result(), "p")
        journal.put(result(), "q")
        assert journal.get(submission(), "p") is None
        assert journal.get(submission(), "q") == result()


@pytest.mark.parametrize("name", ["\udcff\udc80", "a\x00b", "O'Brien; DROP TABLE results;--", "‮evil", "😀" * 60])
def test_any_name_can_be_kept(tmp_path, name):
    with Journal(tmp_path / "j") as journal:
        journal.put(result(name, name), "p")
        assert journal.get(submission(name, name), "p") == result(name, name)
        assert journal.get(submission(), "p") is None


def test_two_names_that_look_alike_in_utf_8_are_two(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.put(result("\udcff", "x"), "p")
        assert journal.get(submission("\\xff", "x"), "p") is None


def test_a_second_run_is_told_that_one_is_at_work(tmp_path):
    with Journal(tmp_path / "j"), pytest.raises(Busy, match="another run"):
        Journal(tmp_path / "j")


def test_another_file_is_no_journal(tmp_path):
    (tmp_path / "j").write_text("name,points\n" * 200)
    with pytest.raises(ValueError, match="not a journal"):
        Journal(tmp_path / "j")
    assert (tmp_path / "j").read_text().startswith("name")


def test_a_journal_that_was_cut_off_in_the_middle_of_a_write_still_opens(tmp_path):
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.put(result(), "p")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("INSERT OR REPLACE INTO results VALUES (x'00', x'00', x'00', 'p', '{}')")
    other.close()
    with Journal(path) as journal:
        assert journal.get(submission(), "p") == result()
        assert journal.get(submission("bob", "x"), "p") is None


def test_a_print_changes_with_all_that_a_verdict_depends_on():
    first = print_of(submission(), SECRET, "m")
    assert first == print_of(submission(learner="bob"), SECRET, "m")  # who it is, is the key
    assert len({first, print_of(submission(data=b"[]"), SECRET, "m"), print_of(submission(), SECRET + b"!", "m"),
                print_of(submission(), SECRET, "n"), print_of(submission(problem="x"), SECRET, "m"),
                print_of(replace(submission(), platform_id="7"), SECRET, "m"),
                print_of(submission(), SECRET, "m", "none")}) == 7  # fmt: skip


def test_a_measure_changes_with_the_solution(tmp_path):
    (tmp_path / "08_adam.ipynb").write_text("one")
    one = measure_of("08_adam", tmp_path)
    (tmp_path / "08_adam.ipynb").write_text("two")
    assert measure_of("08_adam", tmp_path) != one


def test_all_of_a_long_secret_counts():
    assert print_of(submission(), b"s" * 64 + b"1", "m") != print_of(submission(), b"s" * 64 + b"2", "m")
