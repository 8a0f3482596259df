"""What a class hands in -> Submissions: every layout, every awkward name, every hostile file; the class goes on."""

import hashlib
import io
import json
import os
import pickle
import random
import socket
import stat
import struct
import time
import unicodedata
import warnings
import zipfile

import pytest

from course import exercises
from course.exercises import ROOT
from course.grading import archive, intake, reading, sources
from course.grading.intake import lesson_of_content, submissions
from course.grading.model import Result, Submission
from course.grading.naming import lesson_in, named_by_platform, owner, shown

ADAM = (ROOT / "exercises" / "08_adam.ipynb").read_bytes()
RMSPROP = (ROOT / "exercises" / "07_rmsprop.ipynb").read_bytes()


def put(folder, files):
    """Writes files below a folder: {name: bytes, or a text for a notebook of that text}."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    """A zip's bytes. files: {name or ZipInfo: bytes}."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as pack, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two entries with one name
        for name, data in files.items() if isinstance(files, dict) else files:
            pack.writestr(name, data)
    return out.getvalue()


def told(found):
    return [(entry.learner, entry.lesson) for entry in found]


def one(found):
    (entry,) = found
    return entry


LAYOUTS = {
    "a folder per learner": {"ada/08_adam.ipynb": ADAM, "ada/07_rmsprop.ipynb": RMSPROP, "bob/08_adam.ipynb": ADAM},
    "flat, learner first": {"ada_08_adam.ipynb": ADAM, "ada-07_rmsprop.ipynb": RMSPROP, "bob 08_adam.ipynb": ADAM},
    "flat, lesson first": {"08_adam_ada.ipynb": ADAM, "07_rmsprop-ada.ipynb": RMSPROP, "08_adam - bob (1).ipynb": ADAM},
    "words apart": {"ada 08-Adam.ipynb": ADAM, "ADA/../ada/07 RMSprop.IPYNB": RMSPROP, "bob.08 adam.ipynb": ADAM},
    "nbgrader": {
        "submitted/ada/08_adam/08_adam.ipynb": ADAM, "submitted/ada/07_rmsprop/work.ipynb": RMSPROP,
        "submitted/bob/08_adam/08_adam.ipynb": ADAM, "submitted/bob/08_adam/timestamp.txt": b"2026",
    },
    "nbgrader in its course": {
        "course/submitted/ada/ps1/08_adam.ipynb": ADAM, "course/submitted/ada/ps1/07_rmsprop.ipynb": RMSPROP,
        "course/submitted/bob/ps1/08_adam.ipynb": ADAM,
    },
    "a folder per lesson": {"08_adam/ada.ipynb": ADAM, "07_rmsprop/ada.ipynb": RMSPROP, "08_adam/bob.ipynb": ADAM},
    "a folder per lesson and learner": {
        "08_adam/ada/x.ipynb": ADAM, "07_rmsprop/ada/x.ipynb": RMSPROP, "08-adam-bob/x.ipynb": ADAM,
    },
    "told by content": {"ada/homework.ipynb": ADAM, "ada/more.ipynb": RMSPROP, "bob.ipynb": ADAM},
    "whole checkouts": {
        **{f"ada/{folder}/{name}": data for folder in ("notebooks", "solutions", "exercises")
           for name, data in (("08_adam.ipynb", ADAM if folder == "exercises" else RMSPROP),)},
        "ada/exercises/07_rmsprop.ipynb": RMSPROP, "bob/exercises/08_adam.ipynb": ADAM, "ada/exercises/08_adam.json": b"{}",
    },
    "a zip per learner": {
        "ada.zip": zipped({"08_adam.ipynb": ADAM, "more/07_rmsprop.ipynb": RMSPROP}), "bob.ZIP": zipped({"x.ipynb": ADAM}),
    },
    "zips in folders": {
        "ada/a.zip": zipped({"08_adam.ipynb": ADAM}), "ada/b.zip": zipped({"07_rmsprop.ipynb": RMSPROP}),
        "bob/w.zip": zipped({"w/08_adam.ipynb": ADAM}),
    },
    "a zip of all": {"submissions.zip": zipped({"ada/08_adam.ipynb": ADAM, "ada/07_rmsprop.ipynb": RMSPROP,
                                                "bob/w.zip": zipped({"08_adam.ipynb": ADAM})})},
    "Canvas": {
        "ada_12345_67890_08_adam.ipynb": ADAM, "ada_LATE_12345_67891_07_rmsprop-2.ipynb": RMSPROP,
        "bob_7_9_08_adam.ipynb": ADAM,
    },
    "Canvas's zip": {"Blatt 3.zip": zipped({"ada_12345_67890_08_adam.ipynb": ADAM, "bob_777_999_08_adam.ipynb": ADAM,
                                            "ada_LATE_12345_67891_07_rmsprop.ipynb": RMSPROP})},
    "Canvas with zips": {
        "ada_12345_67890_work.zip": zipped({"08_adam.ipynb": ADAM, "07_rmsprop.ipynb": RMSPROP}),
        "bob_777_999_08_adam.zip": zipped({"x.ipynb": ADAM}),
    },
    "Moodle": {
        "ada_12_assignsubmission_file_/08_adam.ipynb": ADAM, "ada_12_assignsubmission_file_/07_rmsprop.ipynb": RMSPROP,
        "bob_13_assignsubmission_file_/b.zip": zipped({"08_adam.ipynb": ADAM}),
    },
    "Moodle, flat": {
        "ada_12_assignsubmission_file_08_adam.ipynb": ADAM, "ada_12_assignsubmission_file_07_rmsprop.ipynb": RMSPROP,
        "bob_13_assignsubmission_file_08_adam.ipynb.txt": ADAM,
    },
    "with what systems leave": {
        "ada/08_adam.ipynb": ADAM, "ada/.ipynb_checkpoints/08_adam-checkpoint.ipynb": RMSPROP, "ada/.DS_Store": b"x",
        "ada/07_rmsprop.ipynb": RMSPROP, "__MACOSX/ada/._08_adam.ipynb": b"x", "ada/._08_adam.ipynb": b"x",
        "ada/venv/lib/08_adam.ipynb": RMSPROP, "ada/.git/x.ipynb": RMSPROP, "bob/Thumbs.db": b"", ".DS_Store": b"x",
        "bob/b.zip": zipped({"08_adam.ipynb": ADAM, "__MACOSX/._08_adam.ipynb": b"x", ".DS_Store": b"",
                             ".ipynb_checkpoints/08_adam-checkpoint.ipynb": b""}),
    },
}  # fmt: skip


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_three_submissions(tmp_path, layout, packed):
    files = LAYOUTS[layout]
    if packed and layout == "a zip of all":
        pytest.skip("a zip in a zip in a zip is not opened: see BAD_ZIPS")
    if packed:
        given = (
            put(tmp_path, {"class.zip": zipped({name.replace("ADA/../", ""): files[name] for name in files})})
            / "class.zip"
        )
    else:
        (tmp_path / "ADA").mkdir()
        given = put(tmp_path, files)
        (tmp_path / "ADA").rmdir()
    found = submissions(given)
    assert told(found) == [("ada", "07_rmsprop"), ("ada", "08_adam"), ("bob", "08_adam")]
    assert [entry.data for entry in found] == [RMSPROP, ADAM, ADAM]
    assert not any(entry.problem for entry in found) and len(found) == 3
    platform = layout.startswith(("Canvas", "Moodle"))
    assert all(bool(entry.platform_id) == platform for entry in found)


def test_the_source_says_where_it_was_found(tmp_path):
    put(
        tmp_path,
        {
            "ada/b.zip": zipped({"w/08_adam.ipynb": ADAM}),
            "bob_08_adam.ipynb": ADAM,
            "submissions.zip": zipped({"eve/x.zip": zipped({"08_adam.ipynb": ADAM})}),
        },
    )
    assert [entry.source for entry in submissions(tmp_path)] == [
        "ada/b.zip: w/08_adam.ipynb", "bob_08_adam.ipynb", "submissions.zip: eve/x.zip: 08_adam.ipynb",
    ]  # fmt: skip


def test_the_folder_of_one_learner_and_a_single_notebook(tmp_path):
    put(tmp_path, {"ada/08_adam.ipynb": ADAM, "ada/07_rmsprop.ipynb": RMSPROP})
    assert told(submissions(tmp_path / "ada")) == [("ada", "07_rmsprop"), ("ada", "08_adam")]
    assert told(submissions(tmp_path / "ada" / "08_adam.ipynb")) == [("ada", "08_adam")]


def test_a_bare_notebook_in_a_class_belongs_to_nobody(tmp_path):
    found = submissions(put(tmp_path, {"08_adam.ipynb": ADAM, "ada/08_adam.ipynb": ADAM, "README.txt": b"x"}))
    assert told(found) == [("ada", "08_adam")]
    assert found.ignored == (
        ("08_adam.ipynb", "no learner in its name or folder"),
        ("README.txt", "no notebook, and no learner in its name or folder"),
    )


@pytest.mark.parametrize("given", ["missing", "text.txt", "missing.zip"])
def test_what_cannot_be_a_class_is_refused_clearly(tmp_path, given):
    put(tmp_path, {"text.txt": b"x"})
    with pytest.raises((FileNotFoundError, ValueError), match="expected a folder of submissions, or a zip of them"):
        submissions(tmp_path / given)


def test_a_damaged_zip_as_the_class_is_refused_clearly(tmp_path):
    put(tmp_path, {"class.zip": b"PK\3\4 damaged"})
    with pytest.raises(ValueError, match=r"class\.zip: It is no zip"):
        submissions(tmp_path / "class.zip")


NOTHING = {
    "a system's file": "eve/.DS_Store",
    "a file that iCloud never fetched": "eve/.08_adam.ipynb.icloud",
    "only Jupyter's own copy": "eve/.ipynb_checkpoints/08_adam-checkpoint.ipynb",
    "an empty folder of nbgrader": "submitted/eve/08_adam/",
    "nbgrader's time alone": "submitted/eve/08_adam/timestamp.txt",
    "an empty folder of Moodle": "eve_77_assignsubmission_file_/",
}


@pytest.mark.parametrize("zip_it", [False, True])
@pytest.mark.parametrize("name", NOTHING.values(), ids=NOTHING)
def test_who_handed_in_nothing_that_counts_is_told_and_gets_zero(tmp_path, name, zip_it):
    files = {name: b"x", ("submitted/" if name.startswith("submitted/") else "") + "ada/08_adam.ipynb": ADAM}
    if zip_it:
        (tmp_path / "class.zip").write_bytes(zipped(files))
    else:
        for one, data in files.items():
            (tmp_path / one).mkdir(parents=True) if one.endswith("/") else put(tmp_path, {one: data})
    ada, eve = submissions(tmp_path / "class.zip" if zip_it else tmp_path)
    assert (ada.learner, ada.problem, eve.learner) == ("ada", "", "eve")
    assert "No notebook was handed in: seen nothing" in eve.problem


def test_an_empty_folder_beside_the_work_is_nothing_to_tell(tmp_path):
    put(tmp_path, {"ada/08_adam.ipynb": ADAM, "ada/data/.DS_Store": b"x", "hw/bob/08_adam.ipynb": ADAM})
    (tmp_path / "ada" / "figures").mkdir()
    found = submissions(tmp_path)
    assert told(found) == [("ada", "08_adam"), ("hw", "08_adam")] and not found.ignored


def test_the_results_are_no_submissions(tmp_path):
    put(tmp_path, {"ada/08_adam.ipynb": ADAM, "results/feedback/ada.html": b"x", "results/journal.sqlite": b"x"})
    found = submissions(tmp_path, leave_out=tmp_path / "ada" / ".." / "results")
    assert told(found) == [("ada", "08_adam")] and not found.ignored
    assert len(submissions(tmp_path, leave_out=tmp_path.parent)) == 2


def test_a_zip_that_is_not_opened_is_named_and_many_are_counted(tmp_path):
    nested = zipped({"c.zip": zipped({"08_adam.ipynb": ADAM})})
    put(tmp_path, {"ada/hw.zip": zipped({"b.zip": nested}), "bo_1234_567_hw.zip": b"PK"})
    put(tmp_path, {f"eve/{i}.zip": b"PK" for i in range(40)})
    ada, bo, eve = submissions(tmp_path)
    assert ada.problem == "c.zip: A zip in a zip in a zip is not opened."
    assert bo.problem.startswith("hw.zip: It is no zip")
    assert eve.problem.startswith("0.zip: It is no zip") and eve.problem.endswith("35 more files cannot be read.")


def test_an_empty_class_is_empty(tmp_path):
    assert list(submissions(tmp_path)) == [] and submissions(tmp_path).ignored == ()


def test_one_lesson_of_many(tmp_path):
    put(
        tmp_path,
        {
            "ada/08_adam.ipynb": ADAM,
            "ada/07_rmsprop.ipynb": RMSPROP,
            "bob/work.ipynb": ADAM,
            "carl/07_rmsprop.ipynb": RMSPROP,
            "dora/work.ipynb": b"{}",
            "eve/x.ipynb": RMSPROP,
            "ada/n.ipynb": b"{}",
        },
    )
    found = submissions(tmp_path, "08_adam")
    assert told(found) == [("ada", "08_adam"), ("bob", "08_adam"), ("dora", "08_adam")]
    assert ("carl/07_rmsprop.ipynb", "it is of 07_rmsprop; graded is 08_adam") in found.ignored
    assert ("eve/x.ipynb", "it is of 07_rmsprop; graded is 08_adam") in found.ignored
    assert any(source == "ada/n.ipynb" for source, _ in found.ignored)
    with pytest.raises(ValueError, match="did you mean '08_adam'"):
        submissions(tmp_path, "08_adma")


def test_what_was_handed_in_without_a_notebook_is_answered(tmp_path):
    put(tmp_path, {"ada/adam.py": b"x", "ada/report.pdf": b"x", "bob/08_adam/work.rar": b"x"})
    (tmp_path / "eve").mkdir()
    ada, bob, eve = submissions(tmp_path)
    assert ada.problem == (
        "No notebook was handed in: seen adam.py, report.pdf, expected 08_adam.ipynb, as Jupyter saves it."
    )
    assert (bob.lesson, bob.problem) == (
        "08_adam", "work.rar: It is an archive of another kind; expected a zip, or the notebook itself.",
    )  # fmt: skip
    assert "seen nothing" in eve.problem and (eve.learner, eve.lesson) == ("eve", "")


def test_many_files_that_are_no_notebooks_are_counted(tmp_path):
    put(tmp_path, {"ada/08_adam.ipynb": ADAM, **{f"ada/plots/{i:03}.png": b"" for i in range(200)}})
    assert len(submissions(tmp_path).ignored) == 6
    assert ("ada/plots", "holds 195 more files that are no notebooks") in submissions(tmp_path).ignored


def test_a_scratch_notebook_beside_the_exercise_is_passed_over(tmp_path):
    found = submissions(put(tmp_path, {"ada/08_adam.ipynb": ADAM, "ada/scratch.ipynb": b'{"cells": []}'}))
    assert told(found) == [("ada", "08_adam")]
    assert found.ignored == (("ada/scratch.ipynb", "it holds no exercise of the course"),)


def test_a_notebook_of_no_lesson_is_a_problem_that_says_what_to_do(tmp_path):
    put(tmp_path, {"ada/scratch.ipynb": b'{"cells": []}', "bob/broken.ipynb": b"", "ada/other.ipynb": b"[]"})
    ada, bob = submissions(tmp_path)
    assert "other.ipynb: The file holds JSON, but no notebook" in ada.problem
    assert "scratch.ipynb: it holds no exercise of the course." in ada.problem and "08_adam.ipynb" in ada.problem
    assert "broken.ipynb: The file is empty" in bob.problem and (ada.lesson, ada.data) == ("", b"")


# Two for one learner and lesson


def test_two_different_notebooks_are_named_to_learner_and_lecturer(tmp_path):
    put(tmp_path, {"ada/08_adam.ipynb": ADAM, "ada/08_adam-Copy1.ipynb": RMSPROP, "bob/08_adam.ipynb": ADAM})
    found = submissions(tmp_path)
    ada, bob = found
    assert "2 notebooks for 08_adam: 08_adam-Copy1.ipynb, 08_adam.ipynb" in ada.problem and ada.data == b""
    assert bob.data == ADAM
    assert found.ignored == (
        ("ada/08_adam-Copy1.ipynb",
         "one of 2 notebooks of one learner for 08_adam: ada/08_adam-Copy1.ipynb, ada/08_adam.ipynb"),
    )  # fmt: skip


def test_two_of_one_name_in_two_folders_are_named_with_their_folders(tmp_path):
    ada = one(submissions(put(tmp_path, {"ada/a/08_adam.ipynb": ADAM, "ada/b/08_adam.ipynb": RMSPROP})))
    assert "ada/a/08_adam.ipynb, ada/b/08_adam.ipynb" in ada.problem


def test_copies_with_the_same_bytes_are_one(tmp_path):
    assert one(submissions(put(tmp_path, {"ada/08_adam.ipynb": ADAM, "ada/old/08_adam.ipynb": ADAM}))).data == ADAM


@pytest.mark.parametrize("names", [
    ("ada_1234_100_08_adam.ipynb", "ada_LATE_1234_101_08_adam-1.ipynb", "ada_1234_102_08_adam-10.ipynb"),
    ("ada_1234_300_08_adam.ipynb", "ada_1234_200_08_adam-1.ipynb", "ada_1234_100_08_adam-2.ipynb"),
    ("ada_1234_100_08_adam.zip", "ada_1234_101_08_adam-1.zip", "ada_1234_102_08_adam-2.zip"),
    ("ada_1234_100_08_adam.ipynb", "ada_1234_101_08_adam.ipynb", "ada_1234_110_08_adam.ipynb"),
])  # fmt: skip
def test_canvas_newest_wins(tmp_path, names):
    for name, data in zip(names, (b"old", b"older", ADAM), strict=True):
        put(tmp_path, {name: zipped({"08_adam.ipynb": data}) if name.endswith("zip") else data})
    found = submissions(tmp_path)
    assert one(found).data == ADAM
    assert [why for _, why in found.ignored] == ["handed in again since, for 08_adam"] * 2


def test_namesakes_are_told_apart_by_their_number(tmp_path):
    put(
        tmp_path,
        {
            "li_1234_5_08_adam.ipynb": ADAM,
            "li_1235_6_08_adam.ipynb": ADAM,
            "bo_1236_7_08_adam.ipynb": ADAM,
            "Participant_12_assignsubmission_file_/08_adam.ipynb": ADAM,
            "Participant_13_assignsubmission_file_/08_adam.ipynb": ADAM,
        },
    )
    found = list(submissions(tmp_path))
    assert [entry.learner for entry in found] == [
        "Participant (12)",
        "Participant (13)",
        "bo",
        "li (1234)",
        "li (1235)",
    ]
    assert [entry.platform_id for entry in found] == ["12", "13", "1236", "1234", "1235"]


def moodle(folder, zips):
    """Zips as Moodle gives them. zips: {name: [(learner, number, lesson, bytes)]}."""
    return put(folder, {f"{name}.zip": zipped({f"{learner}_{number}_assignsubmission_file_/{lesson}.ipynb": data
                                               for learner, number, lesson, data in of_zip})
                        for name, of_zip in zips.items()})  # fmt: skip


def test_moodle_numbers_a_learner_anew_in_each_assignment(tmp_path):
    of_adam = [("Jane Doe", 200, "08_adam", ADAM), ("Bo", 201, "08_adam", ADAM), ("Al", 202, "08_adam", ADAM)]
    of_rmsprop = [("Bo", 300, "07_rmsprop", RMSPROP), ("Jane Doe", 301, "07_rmsprop", RMSPROP)]
    of_rmsprop += [("Al", 302, "07_rmsprop", RMSPROP), ("Al", 303, "07_rmsprop", RMSPROP)]  # two people
    found = submissions(moodle(tmp_path, {"CS-08 Adam-55": of_adam, "CS-07 RMSprop-56": of_rmsprop}))
    assert [(entry.learner, entry.lesson, entry.platform_id) for entry in found] == [
        ("Al (202)", "08_adam", "202"),
        ("Al (302)", "07_rmsprop", "302"),
        ("Al (303)", "07_rmsprop", "303"),
        ("Bo", "07_rmsprop", "300"),
        ("Bo", "08_adam", "201"),
        ("Jane Doe", "07_rmsprop", "301"),
        ("Jane Doe", "08_adam", "200"),
    ]


NAMES = ("ada", "bob", "eve")
WHOLE_CLASS = {
    "a folder per learner in a folder": {f"Homework 8/{name}/08_adam.ipynb": ADAM for name in NAMES},
    "flat files in two folders": {f"term/hw8/{name}_08_adam.ipynb": ADAM for name in NAMES},
    "a zip in a folder": {"hw8.zip": zipped({f"{name}/08_adam.ipynb": ADAM for name in NAMES})},
    "a zip that holds a folder": {"a.zip": zipped({f"hw8/{name}/w/08_adam.ipynb": ADAM for name in NAMES})},
    "Canvas's files, unpacked": {f"hw8/{name}_1234{i}_5678_hw.ipynb": ADAM for i, name in enumerate(NAMES)},
}


@pytest.mark.parametrize("files", WHOLE_CLASS.values(), ids=WHOLE_CLASS)
def test_a_folder_that_holds_the_whole_class_is_no_learner(tmp_path, files):
    (tmp_path / "read me.txt").write_bytes(b"x")
    found = submissions(put(tmp_path, files))
    assert told(found) == [(name, "08_adam") for name in NAMES]
    assert "taken for the folder of the whole class" in [why for _, why in found.ignored]


def test_a_learner_who_hands_in_a_whole_course_is_one_learner(tmp_path):
    files = {f"ada/week{i}/{stem}.ipynb": ADAM for i, stem in enumerate(exercises.lessons())}
    files |= {f"ada/{name}/08_adam.ipynb": ADAM + name.encode() for name in ("a", "exercises", "notebooks")}
    assert {entry.learner for entry in submissions(put(tmp_path, files))} == {"ada"}
    jane = {f"Jane_77_assignsubmission_file_/try{i}/08_adam.ipynb": ADAM + b" " * i for i in range(4)}
    assert one(submissions(put(tmp_path / "moodle", jane))).learner == "Jane"


def test_several_zips_of_canvas_in_a_folder(tmp_path):
    """Each holds names that alone would not be known for Canvas's: no lesson stands in them."""
    one = {"doejane_12345_678910_08_adam.ipynb": ADAM, "lee_12352_678925_homework.pdf": b"%PDF",
           "wang_12355_678928_work.zip": zipped({"work/08_adam.ipynb": ADAM}), "bo_12356_678929_08_adam.ipynb": ADAM,
           "pete_12357_678930_Untitled.ipynb": ADAM}  # fmt: skip
    other = {"doejane_12345_678990_07_rmsprop.ipynb": RMSPROP, "bo_12356_678991_07_rmsprop.ipynb": RMSPROP}
    found = submissions(put(tmp_path, {"hw8 submissions.zip": zipped(one), "hw7 submissions.zip": zipped(other)}))
    assert [(entry.learner, entry.platform_id, entry.lesson) for entry in found] == [
        ("bo", "12356", "07_rmsprop"),
        ("bo", "12356", "08_adam"),
        ("doejane", "12345", "07_rmsprop"),
        ("doejane", "12345", "08_adam"),
        ("lee", "12352", ""),
        ("pete", "12357", "08_adam"),
        ("wang", "12355", "08_adam"),
    ]


def test_canvas_names_nobody_where_grading_is_anonymous(tmp_path):
    put(
        tmp_path,
        {
            "anon_aB3dE_678910_08_adam.ipynb": ADAM,
            "anon_aB3dE_678911_notes.pdf": b"%PDF",
            "LATE_anon_xY7zQ_678912_Untitled.ipynb": RMSPROP,
            "anon_12345_678913_08_adam-1.ipynb": ADAM,
        },
    )
    (tmp_path / "of another week.zip").write_bytes(zipped({"anon_aB3dE_678920_07_rmsprop.ipynb": RMSPROP}))
    assert told(submissions(tmp_path)) == [
        ("anon_12345", "08_adam"),
        ("anon_aB3dE", "07_rmsprop"),
        ("anon_aB3dE", "08_adam"),
        ("anon_xY7zQ", "07_rmsprop"),
    ]


def test_canvas_numbers_a_learner_once(tmp_path):
    """Two numbers of one name are two learners there, also where they handed in different lessons."""
    put(tmp_path, {"li_1234_500_08_adam.ipynb": ADAM, "li_1235_600_07_rmsprop.ipynb": RMSPROP})
    assert [entry.learner for entry in submissions(tmp_path)] == ["li (1234)", "li (1235)"]


def test_no_two_submissions_have_one_learner_and_lesson(tmp_path):
    put(tmp_path, {"li_1234_5_08_adam.ipynb": ADAM, "li_1235_6_08_adam.ipynb": ADAM, "li (1234)/08_adam.ipynb": ADAM})
    found = list(submissions(tmp_path))
    assert len({(entry.learner, entry.lesson) for entry in found}) == len(found) == 2
    assert "li (1234)/08_adam.ipynb and li_1234_5_08_adam.ipynb" in found[0].problem


# Names

NAMED = {
    "lovelaceada_12345_67890_08_adam.ipynb": ("lovelaceada", "12345", "08_adam.ipynb"),
    "lovelaceada_LATE_12345_67890_08_adam-1.ipynb": ("lovelaceada", "12345", "08_adam-1.ipynb"),
    "Ada Lovelace_12345_assignsubmission_file_": ("Ada Lovelace", "12345", ""),
    "Ada Lovelace_12345_assignsubmission_file": ("Ada Lovelace", "12345", ""),
    "Ada Lovelace_12345_assignsubmission_file_08_adam.ipynb": ("Ada Lovelace", "12345", "08_adam.ipynb"),
    "O_Neil_7_12345_assignsubmission_file_": ("O_Neil_7", "12345", ""),
    "X_1_assignsubmission_onlinetext_": ("X", "1", ""),
}


@pytest.mark.parametrize("name", NAMED)
def test_platform_names(name):
    named = named_by_platform(name)
    assert (named.name, named.id, named.rest) == NAMED[name]


@pytest.mark.parametrize("name", [
    "08_adam.ipynb", "ada_08_adam.ipynb", "08_adam_2026_11_24.ipynb", "ada_5_08_adam.ipynb", "ada", "", "_1_2_", "a_1_2_",
    "a_" + "1" * 4000 + "_2_x", "a_1_" + "9" * 10_000 + "_x",
])  # fmt: skip
def test_names_that_are_no_platform_s(name):
    assert named_by_platform(name) is None


def test_a_learners_own_numbers_make_no_other_learner():
    assert owner(("ada", "plots_10_20_run.ipynb")).learner == "ada"
    assert owner(("ada", "plots_2026_11_08_adam.ipynb")).learner == "ada"


@pytest.mark.parametrize(("name", "lesson"), [
    ("08_adam", "08_adam"), ("x08_adam", ""), ("108_adam", ""), ("08_adamw", ""), ("09_adamw", "09_adamw"),
    ("08_adam_09_adamw", ""), ("08 ADAM", "08_adam"), ("08_adam-08-adam", "08_adam"), ("adam", ""),
    ("12_Vanishing and-exploding.gradients", "12_vanishing_and_exploding_gradients"), ("08_adam1", ""),
])  # fmt: skip
def test_lessons_in_names(name, lesson):
    assert lesson_in(name) == lesson


@pytest.mark.parametrize("lesson", sorted(exercises.lessons()))
def test_every_lesson_is_told_by_name_and_by_content(lesson):
    data = (ROOT / "exercises" / f"{lesson}.ipynb").read_bytes()
    assert lesson_in(f"ada_{lesson} (1).ipynb") == lesson and lesson_of_content(data) == lesson
    book = json.loads(data)
    book["cells"] = [cell for cell in book["cells"] if not "".join(cell["source"]).startswith("check(")]
    assert lesson_of_content(json.dumps(book).encode()) == lesson, "by the blanks alone"


STRANGE = [
    "a\nb", "a\tb", "\u202egro.elpmaxe", "a\u200bb", "=cmd()|' C calc'!A0", "+1", "-1", "@SUM(1)", "..", "...", "a b ", "~",
    "CON", "x" * 255, "é" * 127, "\udcff\udcfe", "💥", "<script>", "a;b", "a,b", '"a"', "a\\b", "$(id)", "`id`", "%s", "{}",
    "a\x1b[31m", "\x7f", "אבג", "دنیا\u200c", "submitted", "None", "a\u2028b",
]  # fmt: skip


def test_strange_names_are_learners_like_any_other_in_one_line(tmp_path):
    folders = [name for name in STRANGE if name not in ("..", "...", "submitted") and "/" not in name]
    for name in folders:
        os.makedirs(os.path.join(tmp_path, name))
        with open(os.path.join(tmp_path, name, "08_adam.ipynb"), "wb") as file:
            file.write(ADAM)
    found = list(submissions(tmp_path))
    learners = {entry.learner for entry in found}
    assert all(entry.data == ADAM and not entry.problem for entry in found)
    assert len(learners) == len(found) == len(folders)
    for learner in learners:
        assert learner.encode() and len(learner.splitlines()) == 1 and "\x1b" not in learner and "\u202e" not in learner
    assert "a\\nb" in learners and "=cmd()|' C calc'!A0" in learners and "\\u202egro.elpmaxe" in learners


def test_the_same_names_in_flat_files(tmp_path):
    names = [
        name
        for name in STRANGE
        if len(os.fsencode(name)) < 200 and name.strip(" _-.,+&") == name and name[0] != "." and "/" not in name
    ]
    for name in names:
        with open(os.path.join(tmp_path, f"{name}_08_adam.ipynb"), "wb") as file:
            file.write(ADAM)
    assert len(list(submissions(tmp_path))) == len(names)


def test_shown_tells_names_apart():
    rng = random.Random(0)
    signs = "ab\\\n\r\t\x00nxu0\u202e\udcffé"
    names = {"".join(rng.choices(signs, k=rng.randint(0, 6))) for _ in range(20_000)}
    assert len({shown(name) for name in names}) == len(names)
    assert shown(unicodedata.normalize("NFD", "José")) == "José"


# Files that are none


def test_links_are_never_followed(tmp_path):
    outside = put(tmp_path / "outside", {"08_adam.ipynb": ADAM})
    root = put(tmp_path / "class", {"bob/08_adam.ipynb": ADAM})
    (root / "ada").mkdir()
    (root / "ada" / "08_adam.ipynb").symlink_to(outside / "08_adam.ipynb")
    (root / "eve").symlink_to(outside)
    (root / "bob" / "loop").symlink_to(root)
    (root / "bob" / "07_rmsprop.ipynb").symlink_to("/dev/zero")
    (root / "zoe.zip").symlink_to("/dev/zero")
    found = submissions(root)
    assert told(found) == [("ada", "08_adam"), ("bob", "07_rmsprop"), ("bob", "08_adam")]
    ada, other, bob = found
    assert (
        ada.problem
        == other.problem.replace("07_rmsprop", "08_adam")
        == ("08_adam.ipynb: It is a link; expected the file itself.")
    )
    assert bob.data == ADAM
    assert {source for source, _ in found.ignored} == {"eve", "bob/loop", "zoe.zip"}


def test_a_link_put_in_place_of_a_file_after_the_walk_is_not_followed(tmp_path):
    put(tmp_path, {"class/ada/08_adam.ipynb": ADAM, "secret.ipynb": b"secret"})
    found = submissions(tmp_path / "class")
    (tmp_path / "class/ada/08_adam.ipynb").unlink()
    (tmp_path / "class/ada/08_adam.ipynb").symlink_to(tmp_path / "secret.ipynb")
    assert "could not be read" in one(found).problem and one(found).data == b""


def test_pipes_devices_and_sockets_are_never_opened(tmp_path):
    put(tmp_path, {"bob/08_adam.ipynb": ADAM})
    (tmp_path / "ada").mkdir()
    os.mkfifo(tmp_path / "ada" / "08_adam.ipynb")
    os.mkfifo(tmp_path / "ada" / "more.zip")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s_08_adam.ipynb"))
        started = time.monotonic()
        ada, bob, s = submissions(tmp_path)
        assert time.monotonic() - started < 5
    assert "It is no ordinary file" in ada.problem and "It is no ordinary file" in s.problem and bob.data == ADAM


@pytest.mark.skipif(not hasattr(os, "mknod") or os.getuid() != 0, reason="only root makes devices")
def test_a_device_is_never_opened(tmp_path):
    (tmp_path / "ada").mkdir()
    try:
        os.mknod(tmp_path / "ada" / "08_adam.ipynb", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("no devices in this container")
    assert "no ordinary file" in one(submissions(tmp_path)).problem


def test_a_pipe_put_in_place_of_a_file_after_the_walk_does_not_hang(tmp_path):
    put(tmp_path, {"ada/08_adam.ipynb": ADAM})
    found = submissions(tmp_path)
    (tmp_path / "ada/08_adam.ipynb").unlink()
    os.mkfifo(tmp_path / "ada/08_adam.ipynb")
    assert "no ordinary file" in one(found).problem


def test_files_that_vanish_or_forbid_reading_cost_only_themselves(tmp_path, monkeypatch):
    put(tmp_path, {"ada/08_adam.ipynb": ADAM, "bob/08_adam.ipynb": ADAM, "eve/08_adam.ipynb": ADAM})
    found = submissions(tmp_path)
    (tmp_path / "ada/08_adam.ipynb").unlink()
    real = os.open

    def opened(path, *args, **kwargs):
        if "bob" in str(path):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", opened)
    ada, bob, eve = found
    assert ada.problem == "08_adam.ipynb: It could not be read (No such file or directory)."
    assert bob.problem == "08_adam.ipynb: It could not be read (Permission denied)." and eve.data == ADAM


def test_a_folder_that_cannot_be_listed_is_its_learners_problem(tmp_path, monkeypatch):
    put(tmp_path, {"ada/08_adam.ipynb": ADAM, "bob/08_adam.ipynb": ADAM})
    real = os.scandir

    def listed(path):
        if str(path).endswith("ada"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", listed)
    ada, bob = submissions(tmp_path)
    assert "The folder cannot be read (Permission denied)" in ada.problem and bob.data == ADAM


def test_folders_without_end_end(tmp_path):
    put(tmp_path, {"/".join(["ada", *["d"] * 60, "08_adam.ipynb"]): ADAM, "bob/08_adam.ipynb": ADAM})
    found = submissions(tmp_path)
    assert told(found) == [("bob", "08_adam")] or "ada" in told(found)[0]
    assert any("deep" in why for _, why in found.ignored)


def test_a_file_over_the_limit_is_a_problem_and_is_not_read(tmp_path, monkeypatch):
    put(
        tmp_path,
        {
            "ada/08_adam.ipynb": b"x" * 2000,
            "bob/08_adam.ipynb": b"x" * 1000,
            "eve.zip": zipped({"08_adam.ipynb": ADAM}),
        },
    )
    monkeypatch.setattr(sources, "MAX_BYTES", 1000)
    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
    ada, bob, eve = submissions(tmp_path)
    assert "It has more than" in ada.problem and "Clear the outputs" in ada.problem and bob.data
    assert "expected at most" in eve.problem


def test_200_mb_are_read(tmp_path):
    assert reading.MAX_BYTES >= 200 * 2**20
    path = put(tmp_path, {"ada/08_adam.ipynb": b""}) / "ada/08_adam.ipynb"
    with open(path, "wb") as file:
        file.truncate(200 * 2**20)
    assert len(one(submissions(tmp_path)).data) == 200 * 2**20


# Zips


def entry(name, **fields):
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def encrypted():
    """A zip whose entry is marked as encrypted."""
    data = bytearray(zipped({"08_adam.ipynb": ADAM}))
    data[6] |= 1
    data[data.rindex(b"PK\1\2") + 8] |= 1
    return bytes(data)


def lying(size):
    """A zip whose entry says that it has another size than it has."""
    data = bytearray(zipped({"08_adam.ipynb": ADAM}))
    struct.pack_into("<L", data, data.rindex(b"PK\1\2") + 24, size)
    return bytes(data)


def flipped(where):
    data = bytearray(zipped({"08_adam.ipynb": ADAM}))
    data[where] ^= 0xFF
    return bytes(data)


def wide_directory(many):
    """A zip whose list of entries says that it has so many bytes, which follow."""
    name = b"08_adam.ipynb"
    head = (
        struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0) + name
    )
    count = many // len(head)
    return head * count + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, count * len(head), 0, 0)


def wide_directory_64(many):
    data = wide_directory(many)
    body, end = data[:-22], bytearray(data[-22:])
    struct.pack_into("<L", end, 12, 2**32 - 1)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(body), 0)
    return body + record + struct.pack("<4sLQL", b"PK\6\7", 0, len(body), 1) + bytes(end)


def as_zip64(data):
    """The same zip with its end written as large zips have it."""
    body, end = data[:-22], bytearray(data[-22:])
    count, size, start = struct.unpack_from("<HLL", end, 10)
    struct.pack_into("<HLL", end, 10, 65535, 2**32 - 1, 2**32 - 1)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    return body + record + struct.pack("<4sLQL", b"PK\6\7", 0, len(body), 1) + bytes(end)


def test_a_large_class_in_zip64_is_read(tmp_path):
    put(tmp_path, {"class.zip": as_zip64(zipped({"ada/08_adam.ipynb": ADAM}))})
    assert one(submissions(tmp_path / "class.zip")).data == ADAM


BOMB = zipped({"08_adam.ipynb": bytes(200 * 2**20)})
BAD_ZIPS = {
    "empty file": (b"", "no zip"),
    "no zip": (b"hello", "no zip"),
    "truncated": (zipped({"08_adam.ipynb": ADAM})[:-30], "no zip, or breaks off"),
    "nothing in it": (zipped({}), "The zip is empty"),
    "encrypted": (encrypted(), "It is encrypted"),
    "damaged data": (flipped(200), "damaged"),
    "says less": (lying(10), "damaged"),
    "says much more": (lying(2**31), "expected at most"),
    "bomb": (BOMB, "a zip bomb"),
    "bomb in bzip2": (zipped({"08_adam.ipynb": bytes(2**24)}, zipfile.ZIP_BZIP2), "packed by method 12"),
    "bomb in lzma": (zipped({"08_adam.ipynb": bytes(2**20)}, zipfile.ZIP_LZMA), "packed by method 14"),
    "endless list": (wide_directory(2**25), "of names"),
    "endless list 64": (wide_directory_64(2**25), "of names"),
    "zip in zip in zip": (zipped({"b.zip": zipped({"c.zip": zipped({"08_adam.ipynb": ADAM})})}), "is not opened"),
    "a link": (zipped({entry("08_adam.ipynb", external_attr=0o120777 << 16): b"/etc/passwd"}), "It is a link"),
    "leads out": (zipped({"../../08_adam.ipynb": ADAM}), "leads out of the zip"),
    "absolute": (zipped({"/etc/08_adam.ipynb": ADAM}), "leads out of the zip"),
    "a drive": (zipped({"C:\\temp\\08_adam.ipynb": ADAM}), "leads out of the zip"),
    "backslashes out": (zipped({"..\\..\\08_adam.ipynb": ADAM}), "leads out of the zip"),
    "no notebook": (zipped({"adam.py": b"x"}), "No notebook was handed in: seen adam.py"),
    "only folders": (zipped({"a/": b"", "b\\": b""}), "The zip is empty"),
}


@pytest.mark.parametrize("name", BAD_ZIPS)
def test_a_bad_zip_is_its_learners_problem_and_the_class_goes_on(tmp_path, name):
    data, message = BAD_ZIPS[name]
    put(tmp_path, {"ada/08_adam.zip": data, "bob/08_adam.ipynb": ADAM})
    started = time.process_time()
    ada, bob = submissions(tmp_path)
    assert message in ada.problem and ada.data == b"" and "\n" not in ada.problem, ada.problem
    assert (ada.learner, ada.lesson) == ("ada", "08_adam") and bob.data == ADAM
    assert time.process_time() - started < 5
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["08_adam.ipynb", "08_adam.zip", "ada", "bob"]


def test_a_zip_bomb_costs_no_memory(tmp_path):
    import tracemalloc

    put(
        tmp_path,
        {
            "ada/08_adam.zip": BOMB,
            "bob/x.zip": zipped({f"{i}.zip": BOMB for i in range(20)}),
            "eve.zip": wide_directory(2**25),
        },
    )
    tracemalloc.start()
    assert all(entry.problem for entry in submissions(tmp_path))
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


def test_all_entries_of_one_learners_zip_together_have_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_TOTAL", 3 * len(ADAM))
    names = [f"{lesson}.ipynb" for lesson in list(exercises.lessons())[:6]]
    put(tmp_path, {"ada.zip": zipped(dict.fromkeys(names, ADAM))})
    assert [bool(entry.problem) for entry in submissions(tmp_path)] == [False] * 3 + [True] * 3
    put(tmp_path, {"class.zip": zipped({f"{i}/08_adam.ipynb": ADAM for i in range(9)})})
    assert not any(entry.problem for entry in submissions(tmp_path / "class.zip")), "a class has no such limit"


def test_an_honest_notebook_that_shrinks_well_is_read(tmp_path):
    rng = random.Random(0)
    lines = b"".join(b"epoch %d, loss %.3f, lr 0.1\n" % (i, rng.random()) for i in range(1_000_000))
    put(tmp_path, {"ada.zip": zipped({"08_adam.ipynb": lines})})
    assert one(submissions(tmp_path)).data == lines


def test_windows_zips_with_backslashes_and_old_names(tmp_path):
    names = ["müller\\08_adam.ipynb", "Ødegård\\08_adam.ipynb"]
    old = zipped({entry("mueller\\08_adam.ipynb"): ADAM}).replace(b"mueller", "mülle".encode("cp437") + b"r1")
    put(tmp_path, {"submissions.zip": zipped(dict.fromkeys(names, ADAM))})
    put(tmp_path, {"old/submissions.zip": old, "old/submitted/x.zip": old})
    assert told(submissions(tmp_path / "submissions.zip")) == [("müller", "08_adam"), ("Ødegård", "08_adam")]
    assert told(submissions(tmp_path / "old" / "submissions.zip")) == [("müller1", "08_adam")]


def test_names_in_utf8_without_the_mark_as_macos_writes_them(tmp_path):
    name = unicodedata.normalize("NFD", "José")
    data = zipped({f"{'x' * len(name.encode())}/08_adam.ipynb": ADAM}).replace(b"x" * len(name.encode()), name.encode())
    put(tmp_path, {"class.zip": data})
    assert told(submissions(tmp_path / "class.zip")) == [("José", "08_adam")]


def test_names_with_a_nul_in_a_zip(tmp_path):
    put(tmp_path, {"class.zip": zipped({"adaX08_adam.ipynb": ADAM}).replace(b"adaX08", b"ada\x0008")})
    assert len(submissions(tmp_path / "class.zip")) <= 1


def test_a_zip_that_says_more_than_it_holds_is_read_since_its_checksum_is_right(tmp_path):
    assert one(submissions(put(tmp_path, {"ada/08_adam.zip": lying(2**20)}))).data == ADAM


def test_a_hidden_folder_is_named_to_the_lecturer(tmp_path):
    found = submissions(put(tmp_path, {"...x/08_adam.ipynb": ADAM, ".git/08_adam.ipynb": ADAM}))
    assert len(found) == 0 and found.ignored == (("...x", "a hidden folder"),)


def test_of_two_entries_of_one_name_the_last_counts_as_in_any_unzip(tmp_path):
    put(tmp_path, {"ada.zip": zipped([("08_adam.ipynb", b"first"), ("08_adam.ipynb", ADAM)])})
    assert one(submissions(tmp_path)).data == ADAM


@pytest.mark.parametrize("n", range(150))
def test_a_zip_broken_at_random_never_raises(tmp_path, n):
    rng = random.Random(n)
    data = bytearray(
        zipped({"08_adam.ipynb": ADAM, "b/c.zip": zipped({"07_rmsprop.ipynb": RMSPROP}), "x.txt": b"x" * 999})
    )
    ends = [i for i in range(len(data) - 4) if data[i : i + 2] == b"PK"]
    for _ in range(rng.randint(1, 6)):
        i = min(len(data) - 1, rng.choice([rng.randrange(len(data)), rng.choice(ends) + rng.randrange(46)]))
        data[i : i + rng.choice([0, 1, 1, 1, 4])] = rng.randbytes(rng.choice([0, 1, 1, 1, 4]))
    put(tmp_path, {"ada.zip": bytes(data), "bob/08_adam.ipynb": ADAM})
    found = list(submissions(tmp_path))
    assert found[-1].data == ADAM and all(entry.data or entry.problem for entry in found)


def test_a_class_zip_that_is_replaced_while_it_is_read_costs_its_entries(tmp_path):
    path = put(tmp_path, {"class.zip": zipped({f"{i}/08_adam.ipynb": ADAM for i in range(5)})}) / "class.zip"
    found = submissions(path)
    put(tmp_path, {"class.zip": zipped({"x.txt": b""})})
    assert all("08_adam.ipynb: " in entry.problem for entry in found) and len(list(found)) == 5


# The whole


def test_order_and_bytes_do_not_depend_on_the_file_systems_order(tmp_path, monkeypatch):
    for layout in LAYOUTS.values():
        put(tmp_path, {name: data for name, data in layout.items() if ".." not in name})
    expected = list(submissions(tmp_path)), submissions(tmp_path).ignored
    real = os.scandir

    class Shuffled(list):
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    for seed in range(5):

        def shuffled(path, seed=seed):
            with real(path) as entries:
                found = list(entries)
            random.Random(seed).shuffle(found)
            return Shuffled(found)

        monkeypatch.setattr(os, "scandir", shuffled)
        found = submissions(tmp_path)
        assert (list(found), found.ignored) == expected


def test_entries_travel_to_workers(tmp_path):
    put(tmp_path, {"ada.zip": zipped({"a/b.zip": zipped({"08_adam.ipynb": ADAM})}), "bob/08_adam.ipynb": ADAM})
    found = submissions(tmp_path)
    assert [pickle.loads(pickle.dumps(entry)).read() for entry in found.entries] == list(found)
    assert list(found) == list(found), "it can be iterated again"


def test_no_file_is_left_open(tmp_path):
    put(tmp_path, {f"{i}.zip": zipped({"a.zip": zipped({"08_adam.ipynb": ADAM})}) for i in range(20)})
    put(tmp_path, {f"bad{i}.zip": data for i, (data, _) in enumerate(BAD_ZIPS.values())})
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for _ in submissions(tmp_path):
            pass
    assert (len(os.listdir("/proc/self/fd")) if before else 0) <= before


def test_ten_thousand_in_one_zip_take_seconds(tmp_path):
    small = json.dumps({"cells": []}).encode()
    names = [f"learner{i}_{10_000 + i}_{20_000 + i}_08_adam.ipynb" for i in range(10_000)]
    put(tmp_path, {"class.zip": zipped(dict.fromkeys(names, small))})
    started = time.process_time()
    assert sum(entry.data == small for entry in submissions(tmp_path / "class.zip")) == 10_000
    assert time.process_time() - started < 20


def test_the_platforms_number_goes_through_a_result():
    assert Submission("ada", "08_adam", "x").platform_id == ""
    result = Result("ada", "08_adam", "x", hashlib.sha256(ADAM).hexdigest(), (), platform_id="12345")
    assert Result.from_dict(json.loads(json.dumps(result.to_dict()))).platform_id == "12345"
    assert intake.Entry("ada", "08_adam", "x", problem="p", platform_id="1").read() == Submission(
        "ada", "08_adam", "x", b"", "p", "1"
    )
