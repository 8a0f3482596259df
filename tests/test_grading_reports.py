"""The files that grading writes: CSV, JSON, XML, the gradebook, and how they come into their folder."""

import csv
import io
import itertools
import json
import os
import random
import re
import time
import unicodedata
from dataclasses import replace
from xml.etree import ElementTree as ET

import grading_samples as samples
import pytest

from course.grading.model import PASSED, UNREAD, Mark, Result
from course.grading.reports import Options, file_name, into_gradebook, platforms, table, write
from course.grading.reports.gradescope import gradescope
from course.grading.reports.junit import junit
from course.grading.reports.summary import best, summarize
from course.grading.reports.text import clean, lines

FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def rows(data):
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("text", samples.HOSTILE)
def test_hostile_text_becomes_one_harmless_line(text):
    assert not FORBIDDEN.search(clean(text)) and "\n" not in clean(text)
    assert len(clean(text)) < 1100
    clean(text).encode()


def test_a_clean_text_keeps_what_people_write():
    for text in ("Zoë Müller", "李雷", "محمد", "நிலா", "می‌خواهم", "🧑‍🔬", "a\u00a0b", "theta[2] is -1.3e-08, `b^t`"):
        assert clean(text) == text
    assert clean("a\x1b[1;31mb\x1b[0m") == "ab"
    assert clean("a\u202eb\x00") == "a\\u202eb\\x00"
    assert clean("\x1b]everything behind it stays") == "\\x1b]everything behind it stays"
    assert clean("a" + "\u0301" * 50) == "a" + "\u0301" * 4


def test_lines_are_split_and_counted():
    assert lines(["a\nb\r\n\n", "", " c "]) == ["a", "b", " c"]
    assert lines(["x\n" * 50], most=3) == ["x", "x", "x", "... (47 more lines left out)"]


def test_no_two_learners_share_a_file(tmp_path):
    forged = [file_name(name).lower() for name in samples.NAMES] + [file_name(name) for name in samples.NAMES]
    everyone = [*samples.NAMES, *set(forged) - set(samples.NAMES)]
    stems = [file_name(name) for name in everyone]
    assert len({unicodedata.normalize("NFKC", stem).casefold() for stem in stems}) == len(everyone)
    for stem in stems:
        (tmp_path / f".{stem}.html.part").touch()
        assert len(f".{stem}.html.part".encode()) <= 255
        assert (
            re.fullmatch(r"[\w.-]+", stem) and stem[0] not in ".-" and stem.casefold() not in ("con", "nul", "nul.txt")
        )
    assert file_name("jdoe") == "jdoe" and file_name("Jane Doe").startswith("Jane_Doe-")


def test_no_cell_is_a_formula_and_each_can_be_had_back():
    for text in samples.NAMES:
        shown = table.cell(clean(text))
        assert not shown.startswith(FORMULA) or re.fullmatch(r"[-+][0-9.,]*%?", shown)
        assert (shown.removeprefix("'") if clean(text) != shown else shown) == clean(text)
    assert [table.cell(x) for x in ("=1", "-1", "-", "-1+1", "'a", "\uff1dA1", 3)] == [
        "'=1",
        "-1",
        "-",
        "'-1+1",
        "''a",
        "'\uff1dA1",
        "3",
    ]
    assert [table.cell(x) for x in ("\t=1", "\r=1", "@a", "+a")] == ["'\t=1", "'\r=1", "'@a", "'+a"]


def test_grades_and_blanks_hold_every_submission():
    results = samples.few()
    assert table.csv_bytes(table.grades(results)).startswith(b"\xef\xbb\xbf")  # or Excel reads names wrongly
    header, *body = rows(table.csv_bytes(table.grades(results)))
    assert [row[header.index("points")] for row in body] == ["11", "1", "3", "0", "0", "0"]
    assert [row[header.index("percent")] for row in body] == ["100.0", "9.1", "27.3", "", "0.0", ""]
    assert [row[header.index("status")] for row in body] == ["passed", "partly", "partly", "unread", "unread", "unread"]
    assert "torch.optim" in body[1][header.index("flags")]
    header, *body = rows(table.csv_bytes(table.blanks(results)))
    assert len(body) == sum(len(result.marks) for result in results)
    wrong = next(row for row in body if row[0] == "Willi Wrong")
    assert wrong[2:7] == ["adam", "failed", "0", "3", "no_correction"]
    for row in itertools.chain(body, rows(table.csv_bytes(table.grades(results)))):
        assert not any(FORBIDDEN.search(value) for value in row)


def test_the_name_of_a_formula_stays_text_in_every_csv(tmp_path):
    results = [samples.right(name) for name in samples.NAMES]
    write(results, tmp_path, Options(canvas=True, moodle=True))
    for path in [*tmp_path.glob("*.csv"), *tmp_path.glob("moodle/*.csv")]:
        for row in rows(path.read_bytes()):
            for value in row:
                assert not value.startswith(FORMULA) or re.fullmatch(r"[-+][0-9.,]*%?", value)


# What Canvas' and Moodle's importers ask of a file.
def assert_canvas_takes(table_rows, lessons):
    header, possible = table_rows[:2]
    assert "Student" in header[0] and "ID" in header[1] and header[2:5] == ["SIS User ID", "SIS Login ID", "Section"]
    assert header[-len(lessons) :] == lessons and "Points Possible" in possible[0]
    assert all(len(row) == len(header) for row in table_rows)


def test_canvas_without_a_roster():
    results = [samples.right("jdoe"), samples.right("jdoe", "04_momentum"), samples.wrong("Doe, Jane")]
    data, notes = platforms.canvas(results)
    assert not data.startswith(b"\xef\xbb\xbf") and not notes
    got = rows(data)
    assert_canvas_takes(got, ["04_momentum", "08_adam"])
    assert got[1][5:] == ["6", "11"]
    assert got[2:] == [["Doe, Jane", "", "", "", "", "", "1"], ["jdoe", "", "", "jdoe", "", "6", "11"]]


ROSTER = """\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,08_adam (4711),Other (1),Final Score
    Points Possible,,,,,10,5,(read only)
"Doe, Jane",12345,s1,jdoe,A,7,3,50
"Lee, Bo",222,s2,blee,A,,,
"Twin, Al",301,s3,al1,A,,,
"Twin, Al",302,s4,al2,A,,,
"Year, Anna",2024,s5,+1,A,2,,
"""


@pytest.mark.parametrize(
    "learner", ["doejane_12345", "Jane Doe", "JDOE", "12345", "s1", "Doe, Jane", "doejane_LATE_12345"]
)
def test_canvas_roster_finds_the_learner(learner):
    data, notes = platforms.canvas([samples.right(learner)], ROSTER)
    got = rows(data)
    assert_canvas_takes(got, ["08_adam (4711)"])
    assert [row[-1] for row in got[1:]] == ["11", "11", "", "", "", "2"] and not notes
    assert got[2][:5] == ["Doe, Jane", "12345", "s1", "jdoe", "A"]


def of_platform(learner, number, source="x.ipynb", lesson="08_adam"):
    return replace(samples.right(learner, lesson), platform_id=number, source=source)


def test_the_ids_that_canvas_put_into_the_names_are_given_back():
    """Canvas' importer looks for the ID first; a login that is none, such as doejane, finds nobody."""
    results = [of_platform("doejane (12345)", "12345"), of_platform("doejane (301)", "301"), samples.right("blee")]
    data, _ = platforms.canvas(results)
    assert [row[:4] for row in rows(data)[2:]] == [
        ["blee", "", "", "blee"],
        ["doejane (12345)", "12345", "", ""],
        ["doejane (301)", "301", "", ""],
    ]
    data, notes = platforms.canvas(results, ROSTER)
    assert [row[-1] for row in rows(data)[2:]] == ["11", "11", "11", "", "2"] and not notes
    data, _ = platforms.canvas([of_platform("Jane Doe", "301", "Jane Doe_301_assignsubmission_file_/08_adam.ipynb")])
    assert rows(data)[2][:2] == ["Jane Doe", ""]  # Moodle's number is no id of Canvas


def test_the_ids_that_moodle_put_into_the_names_are_given_back():
    """Moodle's importer goes by the number at the end of the Identifier alone, which is another in each assignment."""
    folder = "Jane Doe_{}_assignsubmission_file_/08_adam.ipynb"
    results = [of_platform("Jane Doe", "77", folder.format(77))]
    results += [of_platform("Jane Doe", "78", folder.format(78), "04_momentum")]
    data, notes = platforms.moodle(results, "08_adam")
    assert rows(data)[1][:2] == ["Participant 77", "Jane Doe"] and not notes
    assert rows(platforms.moodle(results, "04_momentum")[0])[1][0] == "Participant 78"
    _, notes = platforms.moodle([*results, of_platform("bo", "79")], "08_adam")
    assert notes[0].startswith("1 row without an Identifier")
    sheet = "Identifier,Full name,Grade,Maximum grade\n" + "Participant {},Jane Doe,,100.00\n" * 2
    sheet = sheet.format(76, 77)
    data, notes = platforms.moodle(results, "08_adam", sheet)
    assert [row[2] for row in rows(data)[1:]] == ["", "11"]
    assert notes == ["Moodle's maximum grade is 100.00, the lesson has 11 points"]


def test_an_assignment_of_canvas_is_found_by_the_lessons_words_or_told_to_be_missing():
    data, notes = platforms.canvas([samples.right("jdoe")], ROSTER.replace("08_adam (4711)", "08 Adam (4711)"))
    assert rows(data)[0][-1] == "08 Adam (4711)" and not notes
    data, notes = platforms.canvas([samples.right("jdoe")], ROSTER.replace("08_adam (4711)", "Week 8 (4711)"))
    assert rows(data)[0][-1] == "08_adam" and "no assignment 08_adam" in notes[0]


@pytest.mark.parametrize(
    "learner, said", [("anna_2024", "not in"), ("Al Twin", "more than one"), ("doejane_222", "not in")]
)
def test_canvas_roster_never_guesses(learner, said):
    data, notes = platforms.canvas([samples.right(learner)], ROSTER)
    assert [row[-1] for row in rows(data)[2:]] == ["7", "", "", "", "2"]
    assert said in notes[0] and learner in notes[0]


def test_two_learners_never_fill_one_row():
    data, notes = platforms.canvas([samples.right("jdoe"), samples.wrong("Jane Doe")], ROSTER)
    assert rows(data)[2][-1] == "1" and "jdoe" in notes[0]


def test_moodle_with_and_without_a_worksheet(tmp_path):
    data, notes = platforms.moodle([samples.right("Jane Doe"), samples.wrong("a@b.org")], "08_adam")
    got = rows(data)
    assert {"Identifier", "Grade", "Last modified (grade)"} <= set(got[0]) and "Identifier" in notes[0]
    assert got[1][:6] == ["", "Jane Doe", "", "", "11", "11"] and got[2][1:5] == ["a@b.org", "a@b.org", "", "1"]
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        "\ufeffIdentifier,Full name,Email address,Status,Grade,Maximum grade,Last modified (grade)\r\n"
        'Participant 77,Jane Doe,j@x,"Submitted, graded",,11,"Friday, 1 May"\r\nParticipant 78,Bo,b@x,,5,11,-\r\n',
        encoding="utf-8",
    )
    for name in ("Jane Doe_77", "jane doe", "j@x", "Participant 77"):
        write([samples.right(name)], tmp_path, Options(moodle_roster=sheet))
        got = rows((tmp_path / "moodle" / "08_adam.csv").read_bytes())
        assert got[1] == ["Participant 77", "Jane Doe", "j@x", "Submitted, graded", "11", "11", "Friday, 1 May"]
        assert got[2][4] == "5"


def test_who_is_in_no_gradebook_for_want_of_a_lesson_is_told(tmp_path):
    results = [samples.right("ada"), Result("lee", "", "lee/x.pdf", "", (), problem="No notebook was handed in.")]
    assert not write(results, tmp_path).notes
    (note,) = write(results, tmp_path, Options(canvas=True)).notes
    assert note.startswith("1 submission of a lesson") and "lee" in note and "--lesson" in note


@pytest.mark.parametrize("text", ["", "\n", "a,b\n1,2\n", "\x00\x01", '"' + "x" * 200_000])
def test_what_is_no_roster_is_refused_before_anything_is_written(tmp_path, text):
    roster = tmp_path / "roster.csv"
    roster.write_text(text, encoding="utf-8")
    for options in (Options(canvas_roster=roster), Options(moodle_roster=roster)):
        with pytest.raises(ValueError, match="the roster is not"):
            write([samples.right()], tmp_path / "out", options)
    roster.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not UTF-8"):
        write([samples.right()], tmp_path / "out", Options(canvas_roster=roster))
    assert not (tmp_path / "out").exists()


def test_wrong_options_are_refused(tmp_path):
    with pytest.raises(ValueError, match="visibility: got 'now'"):
        write([], tmp_path / "out", Options(visibility="now"))
    with pytest.raises(ValueError, match="2 lessons"):
        write([samples.right(), samples.right(lesson="04_momentum")], tmp_path / "out", Options(moodle_roster=tmp_path))
    assert not (tmp_path / "out").exists()


def test_gradescope_says_what_gradescope_reads():
    for result in samples.few():
        report = json.loads(gradescope([result], "after_published"))
        assert report["score"] == result.points == sum(test["score"] for test in report["tests"])
        assert report["visibility"] == "after_published" and report["stdout_visibility"] == "hidden"
        for test, mark in zip(report["tests"], result.marks, strict=True):
            assert (test["score"], test["max_score"]) == (mark.points, mark.out_of)
            assert test["status"] == ("passed" if mark.status == PASSED else "failed")
            assert test["output_format"] == "text" and test["visibility"] == "after_published"
            assert not FORBIDDEN.search(test["output"]) and "SECRET" not in test["output"]
    report = json.loads(gradescope([samples.unread(), samples.wrong()]))
    assert report["output"].startswith("Lesson not recognized: This is no notebook") and "SECRET" not in str(report)
    assert report["tests"][0]["number"] == "2.1" and "Hint: The means" in report["tests"][0]["output"]


def test_junit_is_xml_that_counts():
    results = samples.few()
    data = junit(results)
    assert not FORBIDDEN.search(data.decode())
    root = ET.fromstring(data)
    for node in (root, *root):
        cases = list(node.iter("testcase"))
        assert int(node.get("tests")) == len(cases)
        assert int(node.get("failures")) == len(list(node.iter("failure")))
        assert int(node.get("errors")) == len(list(node.iter("error")))
    passed = [case for case in root.iter("testcase") if not len(case)]
    assert len(passed) == sum(mark.status == PASSED for result in results for mark in result.marks)
    assert root[1].find("testcase/failure").get("type") == "no_correction"
    assert root[3].find("testcase/error").get("message").startswith("This is no notebook")


def test_junit_says_why_a_notebook_could_not_be_read():
    marks = (Mark("08_adam.adam", UNREAD, 0, 3), Mark("08_adam.eps_for_keras", UNREAD, 0, 1))
    root = ET.fromstring(junit([Result("ada", "08_adam", "x", "", marks, problem="The file is empty.")]))
    assert [error.get("message") for error in root.iter("error")] == ["The file is empty."] * 2


def test_what_was_passed_over_and_noted_is_in_the_report(tmp_path):
    passed_over = [("a\u202e<b>.txt", "no notebook"), *((f"x{i}", "a link") for i in range(60))]
    written = write([samples.right("Jo Ng")], tmp_path, Options(moodle=True), passed_over)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "a\\u202e&lt;b&gt;.txt" in page and "no notebook" in page and "x38" in page and "x39" not in page
    assert "21 more: all of them" in page and written.notes[0].replace("'", "&#39;") in page
    assert rows((tmp_path / "ignored.csv").read_bytes())[-1] == ["x59", "a link"]


def test_the_best_of_several_submissions_counts():
    first, second = samples.wrong("a"), samples.right("a")
    for given in itertools.permutations([first, second, samples.unread("a")]):
        assert best(given)["08_adam"]["a"] is second
        found = summarize(given)
        assert found.totals == {"a": 11} and sum(bar.learners for bar in found.bars()) == 1
        assert best([replace(second, source="z"), *given])["08_adam"]["a"] is second  # the first by source
        assert any("one of 2" in reason for entry in found.attention for reason in entry.reasons)


def test_the_same_results_give_the_same_bytes(tmp_path):
    results = [*samples.few(), *samples.group(30, tuple(samples.LESSONS))]
    options = Options(canvas=True, moodle=True)
    write(results, tmp_path / "a", options)
    random.Random(1).shuffle(results)
    write(iter(results), tmp_path / "b", options)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_unchanged_files_are_left_alone_and_none_is_deleted(tmp_path):
    first = write(samples.few(), tmp_path)
    assert len(first.new) == len(tree(tmp_path)) and not first.changed and not first.same
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    second = write([*samples.few()[1:], samples.right("Newcomer")], tmp_path)
    gone = file_name("Ada Right")
    assert second.left_over == [f"feedback/{gone}.html", f"gradescope/{gone}.json"]
    assert (
        len(second.new) == 2
        and "grades.csv" in second.changed
        and f"feedback/{file_name('Willi Wrong')}.html" in second.same
    )
    for name in second.same + second.left_over:
        assert (tmp_path / name).stat().st_mtime_ns == before[tmp_path / name]
    assert not list(tmp_path.rglob("*.part"))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    write([samples.right("a")], tmp_path)
    before = tree(tmp_path)

    def full(source, target):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write([samples.wrong("a")], tmp_path)
    assert tree(tmp_path) == before


def test_strange_learners_get_their_files(tmp_path):
    written = write([samples.right(name) for name in samples.NAMES], tmp_path)
    assert len(list((tmp_path / "feedback").iterdir())) == len(samples.NAMES)
    assert not written.left_over and all((tmp_path / name).resolve().is_relative_to(tmp_path) for name in written.new)
    linked = [row[-1] for row in rows((tmp_path / "grades.csv").read_bytes())[1:]]
    assert len(set(linked)) == len(samples.NAMES) and all((tmp_path / name).exists() for name in linked)


def test_no_results_make_empty_files(tmp_path):
    write([], tmp_path, Options(canvas=True, moodle=True))
    assert len(rows((tmp_path / "grades.csv").read_bytes())) == 1
    assert b"no submission" in (tmp_path / "report.html").read_bytes()


def test_the_time_grows_with_the_class_and_no_faster(tmp_path):
    """500 take half a second of CPU time; ten seconds would be another order of growth."""
    results = samples.group(500)
    write(results[:1], tmp_path)
    start = time.process_time()
    write(results, tmp_path)
    assert time.process_time() - start < 10


def test_without_nbgrader_the_gradebook_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nbgrader.api", None)
    with pytest.raises(ImportError, match="pip install nbgrader"):
        into_gradebook([], "sqlite://")


@pytest.fixture
def nbgrader_api():
    return pytest.importorskip("nbgrader.api", reason="nbgrader is not installed: pip install nbgrader")


def test_nbgraders_gradebook(nbgrader_api, tmp_path):
    url = f"sqlite:///{tmp_path}/gradebook.db"
    results = [*samples.few(), samples.right("Ada Right", "04_momentum")]
    results = [replace(one, lesson="99_hostile") if "script" in one.learner else one for one in results]
    assert into_gradebook(results, url) == 6
    with nbgrader_api.Gradebook(url) as book:
        assert {one.name: one.max_score for one in book.assignments} == {
            "04_momentum": 6.0,
            "08_adam": 11.0,
            "99_hostile": 4.0,
        }
        scores = {one.student.id: one.score for one in book.assignment_submissions("08_adam")}
        assert scores["Ada Right"] == 11 and scores["Willi Wrong"] == 1 and scores["Nina Nothing"] == 0
        comment = book.find_comment("adam", "08_adam", "08_adam", "Willi Wrong").comment
        assert "bias corrections" in comment and "Hint:" in comment and "torch.optim" not in comment
        manual = {one.student.id for one in book.assignment_submissions("08_adam") if one.needs_manual_grade}
        assert "Willi Wrong" in manual and "Ada Right" not in manual
        grade = book.find_grade("check_adam", "08_adam", "08_adam", "Willi Wrong")
        grade.manual_score = 2
        book.db.commit()
    assert into_gradebook(results, url) == 6
    with nbgrader_api.Gradebook(url) as book:
        grade = book.find_grade("check_adam", "08_adam", "08_adam", "Willi Wrong")
        assert (grade.auto_score, grade.score, grade.needs_manual_grade) == (0, 2, True)
        assert len(book.students) == 5


def test_a_gradebook_of_another_notebook_is_refused(nbgrader_api, tmp_path):
    url = f"sqlite:///{tmp_path}/gradebook.db"
    into_gradebook([], url)
    with nbgrader_api.Gradebook(url) as book:
        book.add_assignment("08_adam")
        book.add_notebook("08_adam", "08_adam")
        book.add_student("x")
        book.add_submission("08_adam", "x")
    with pytest.raises(ValueError, match="check_adam"):
        into_gradebook([samples.right()], url)


@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/gradebook.db", "nonsense"])
def test_a_gradebook_that_cannot_be_opened(nbgrader_api, url):
    with pytest.raises(ValueError, match="cannot be opened"):
        into_gradebook([samples.right()], url)
