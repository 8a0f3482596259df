"""A learner's notebook -> the cells to run: awkward ones put right, hostile ones refused, nothing honest flagged."""

import itertools
import json
import random
import time

import nbformat
import pytest

from course import exercises
from course.authoring import derive, notebook
from course.exercises.blank import Blank, first_difference, play
from course.grading import answers as module
from course.grading import pieces, reading
from course.grading.answers import answers, unwritten

LESSON = "08_adam"
LESSONS = sorted(exercises.lessons())
HANDED_OUT, SOLVED = {}, {}


def handed_out(lesson=LESSON):
    if lesson not in HANDED_OUT:
        book = notebook.read(notebook.ROOT / "solutions" / f"{lesson}.ipynb")
        HANDED_OUT[lesson] = notebook.normalize(derive.exercise(book), f"exercises/{lesson}")
        sources = {cell.id: cell.source for cell in book.cells}
        SOLVED[lesson] = {
            cell.id: "\n".join(line for line in sources[cell.id].split("\n") if "SOLUTION" not in line)
            for cell in HANDED_OUT[lesson].cells
            if cell.metadata.get("nbgrader", {}).get("solution")
        }
    return HANDED_OUT[lesson]


def exercise(lesson=LESSON):
    """The exercise as plain data, as it is in the file, nothing written yet."""
    book = json.loads(nbformat.writes(handed_out(lesson)))
    for part in book["cells"]:
        part["source"] = "".join(part["source"])
    return book


def solved(lesson=LESSON):
    book = exercise(lesson)
    for cell in book["cells"]:
        cell["source"] = SOLVED[lesson].get(cell["id"], cell["source"])
    return book


def cell(book, identity):
    return next(cell for cell in book["cells"] if cell["id"] == identity)


def at(book, identity):
    return next(i for i, cell in enumerate(book["cells"]) if cell["id"] == identity)


def added(source, kind="code", identity="added"):
    return {"cell_type": kind, "id": identity, "metadata": {}, "source": source}


def read(book, lesson=LESSON):
    data = book if isinstance(book, bytes) else json.dumps(book).encode()
    return answers(data, lesson, handed_out(lesson))


def defined(found, lesson=LESSON):
    """What the cells define when they are run after the release's own cells, as the grader does."""
    namespace = {}
    for part in handed_out(lesson).cells:
        if "setup" in part.metadata.get("tags", ()):
            exec(part.source, namespace)
    for part in found.cells:
        exec(compile(part.source, "cell", "exec"), namespace)
    return namespace


def check_solved(found, lesson=LESSON, names=None):
    """Every blank is answered, and by the solution."""
    assert not found.problem
    namespace = defined(found, lesson)
    for blank in exercises.blanks(lesson):
        if names is None or blank.function in names:
            got = play(blank, namespace[blank.function], blank.public_calls())
            assert first_difference(blank, got, exercises.expected(blank)) is None
            assert blank.function in [part.blank for part in found.cells]
    assert unwritten(found, lesson, handed_out(lesson)) == ()


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_solved_exercise_is_its_blanks_in_order_without_a_word(lesson):
    found = read(solved(lesson), lesson)
    assert [part.blank for part in found.cells] == [blank.function for blank in exercises.blanks(lesson)]
    assert (found.notes, found.flags, found.problem) == ((), (), "")
    assert unwritten(found, lesson, handed_out(lesson)) == ()


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_solution_is_flagged(lesson):
    """With the cells that compute the worked numbers and the open question, which use the course's own rules."""
    found = read((notebook.ROOT / "solutions" / f"{lesson}.ipynb").read_bytes(), lesson)
    assert found.flags == () and found.problem == ""
    assert unwritten(found, lesson, handed_out(lesson)) == ()


@pytest.mark.parametrize("lesson", LESSONS)
def test_an_exercise_as_handed_out_is_unwritten(lesson):
    found = read(exercise(lesson), lesson)
    assert unwritten(found, lesson, handed_out(lesson)) == tuple(blank.function for blank in exercises.blanks(lesson))
    assert (found.notes, found.flags, found.problem) == ((), (), "")


def strip_metadata(book):
    for part in book["cells"]:
        part["metadata"] = {}


def strip_ids(book):
    for part in book["cells"]:
        del part["id"]
    book["nbformat_minor"] = 4


def change_ids(book):
    for i, part in enumerate(book["cells"]):
        part["id"] = f"{i:08x}"


def change_ids_and_strip(book):
    change_ids(book)
    strip_metadata(book)


def swap_two_answers(book):
    a, b = at(book, "adam-blank"), at(book, "over-blank")
    book["cells"][a], book["cells"][b] = book["cells"][b], book["cells"][a]


def shuffle(book):
    random.Random(0).shuffle(book["cells"])


def to_markdown(book):
    cell(book, "adam-blank")["cell_type"] = "markdown"


def to_raw(book):
    cell(book, "eps-blank")["cell_type"] = "raw"


def to_fenced_markdown(book):
    part = cell(book, "adam-blank")
    part.update(cell_type="markdown", source=f"My answer:\n\n```python\n{part['source']}\n```\n\nDone.")


def with_timing(book):
    for identity, magic in (
        ("adam-blank", "%%time"),
        ("eps-blank", "%%timeit -n 3"),
        ("over-blank", "\n%%capture out"),
    ):
        part = cell(book, identity)
        part["source"] = f"{magic}\n{part['source']}"


def with_line_magics(book):
    part = cell(book, "adam-blank")
    part["source"] = f"%matplotlib inline\n!pip install nothing\nnp.sqrt?\n{part['source']}\n%time adam(0.0, 3.0, 1)"


def with_prompts(book):
    part = cell(book, "eps-blank")
    lines = part["source"].split("\n")
    part["source"] = "\n".join([f">>> {lines[0]}", *(f"... {line}" for line in lines[1:])])


def indented(book):
    part = cell(book, "eps-blank")
    part["source"] = "\n".join(f"    {line}" for line in part["source"].split("\n"))


def split_at(book, identity, *lines):
    i = at(book, identity)
    whole = book["cells"][i]
    text = whole["source"].split("\n")
    cuts = [0, *lines, len(text)]
    parts = [
        {**whole, "id": f"{identity}{n}" * bool(n) or identity, "source": "\n".join(text[a:b])}
        for n, (a, b) in enumerate(itertools.pairwise(cuts))
    ]
    book["cells"][i : i + 1] = parts


def split_in_two(book):
    split_at(book, "adam-blank", 4)


def split_after_def(book):
    split_at(book, "adam-blank", 1)


def split_in_three(book):
    split_at(book, "adam-blank", 3, 5)


def split_helper_off(book):
    part = cell(book, "adam-blank")
    part["source"] = "def mean(old, new, beta):\n    return beta * old + (1 - beta) * new\n\n\n" + part[
        "source"
    ].replace("beta1 * m + (1 - beta1) * g", "mean(m, g, beta1)")
    split_at(book, "adam-blank", 4)


def merged_answers(book):
    cell(book, "adam-blank")["source"] += "\n\n\n" + cell(book, "eps-blank")["source"]
    del book["cells"][at(book, "eps-blank")]


def merged_with_check(book):
    cell(book, "adam-blank")["source"] += '\n\ncheck("08_adam.adam", adam)'
    del book["cells"][at(book, "adam-check")]


def merged_with_setup(book):
    cell(book, "setup")["source"] += "\n\n" + cell(book, "adam-blank")["source"]
    del book["cells"][at(book, "adam-blank")]


def merged_with_setup_the_other_way(book):
    cell(book, "adam-blank")["source"] = cell(book, "setup")["source"] + "\n\n" + cell(book, "adam-blank")["source"]
    del book["cells"][at(book, "setup")]


def written_below(book):
    book["cells"].insert(at(book, "adam-check"), added(SOLVED[LESSON]["adam-blank"]))
    cell(book, "adam-blank")["source"] = cell(exercise(), "adam-blank")["source"]


def written_above(book):
    book["cells"].insert(at(book, "adam-blank"), added(SOLVED[LESSON]["adam-blank"]))
    cell(book, "adam-blank")["source"] = cell(exercise(), "adam-blank")["source"]


def written_above_with_an_import_below(book):
    written_above(book)
    part = cell(book, "adam-blank")
    part["source"] = "import torch\n" + part["source"]


def written_above_a_fresh_copy_with_another_docstring(book):
    written_above(book)
    part = cell(book, "adam-blank")
    part["source"] = part["source"].replace("One step", "I wrote this above. One step")


def written_in_the_check_cell(book):
    cell(book, "adam-check")["source"] = SOLVED[LESSON]["adam-blank"] + "\n" + cell(book, "adam-check")["source"]
    cell(book, "adam-blank")["source"] = cell(exercise(), "adam-blank")["source"]


def duplicated(book):
    book["cells"].append(dict(cell(book, "adam-blank")))


def duplicated_fresh(book):
    book["cells"].append(dict(cell(exercise(), "adam-blank")))


def answers_in_each_others_cells(book):
    a, b = cell(book, "adam-blank"), cell(book, "eps-blank")
    a["source"], b["source"] = b["source"], a["source"]


def as_lambda(book):
    cell(book, "eps-blank")["source"] = "eps_for_keras = lambda eps, t, beta2: eps * math.sqrt(1 - beta2**t)"


def torch_in_the_setup(book):
    cell(book, "setup")["source"] += "\nimport torch as th"
    part = cell(book, "eps-blank")
    part["source"] = (
        part["source"].replace("math.sqrt(", "float(th.sqrt(th.tensor(").replace("**t)", "**t, dtype=th.float64)))")
    )


def mended_in_the_given_cell(book):
    part = cell(book, "adam-given")
    part["source"] = (
        SOLVED[LESSON]["adam-blank"].replace("def adam", "def given") + "\n" + part["source"].split("\n\n\n")[1]
    )
    cell(book, "adam-blank")["source"] = "adam = given"


def old_format(book):
    for part in book["cells"]:
        if part["cell_type"] == "code":
            part["input"] = part.pop("source").splitlines(keepends=True)
            part.update(language="python", prompt_number=1)
    book["worksheets"] = [{"cells": book.pop("cells"), "metadata": {}}]
    book.update(nbformat=3, nbformat_minor=0)


def windows_lines(book):
    for part in book["cells"]:
        part["source"] = part["source"].replace("\n", "\r\n")


def sources_as_lists(book):
    for part in book["cells"]:
        part["source"] = part["source"].splitlines(keepends=True)


def trailing_spaces(book):
    for part in book["cells"]:
        part["source"] = "\n\n" + part["source"].replace("\n", "  \n") + "\n\n"


def other_cell_languages(book):
    book["cells"] += [added("%%bash\nrm -rf /"), added("%%html\n<b>x</b>")]


def half_characters(book):
    cell(book, "adam-blank")["source"] += "\nname = '\ud83d'"


def byte_order_mark(book):
    return b"\xef\xbb\xbf" + json.dumps(book).encode()


def sixteen_bits(book):
    return json.dumps(book).encode("utf-16")


AWKWARD = [
    strip_metadata, strip_ids, change_ids, change_ids_and_strip, swap_two_answers, shuffle, to_markdown, to_raw,
    to_fenced_markdown, with_timing, with_line_magics, with_prompts, indented, split_in_two, split_after_def,
    split_in_three, split_helper_off, merged_answers, merged_with_check, merged_with_setup,
    merged_with_setup_the_other_way, written_below, written_above, written_above_with_an_import_below,
    written_above_a_fresh_copy_with_another_docstring, written_in_the_check_cell, duplicated, duplicated_fresh,
    answers_in_each_others_cells, as_lambda, torch_in_the_setup, mended_in_the_given_cell, old_format, windows_lines,
    sources_as_lists, trailing_spaces, other_cell_languages, half_characters, byte_order_mark, sixteen_bits,
]  # fmt: skip
SILENT = [strip_metadata, strip_ids, change_ids, change_ids_and_strip, swap_two_answers, shuffle, old_format,
          windows_lines, sources_as_lists, trailing_spaces, byte_order_mark, sixteen_bits, merged_with_check,
          split_helper_off, as_lambda, indented, with_prompts, with_line_magics, merged_answers, half_characters,
          answers_in_each_others_cells, merged_with_setup_the_other_way]  # fmt: skip
FLAGGED = [merged_with_setup, written_in_the_check_cell, torch_in_the_setup]


@pytest.mark.parametrize("change", AWKWARD, ids=lambda change: change.__name__)
def test_awkward_but_honest_work_is_found_whole(change):
    book = solved()
    found = read(change(book) or book)
    check_solved(found)
    assert bool(found.notes) == (change not in SILENT), found.notes
    assert bool(found.flags) == (change in FLAGGED), found.flags


@pytest.mark.parametrize("change", [strip_metadata, strip_ids, change_ids_and_strip, windows_lines, old_format])
@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_survives_what_editors_do(lesson, change):
    book = solved(lesson)
    change(book)
    found = read(book, lesson)
    assert [part.blank for part in found.cells] == [blank.function for blank in exercises.blanks(lesson)]
    assert found.flags == ()


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_fresh_copy_never_hides_an_answer(lesson):
    """Each blank copied once before and once behind its answer, in text, raw and code cells."""
    for kind in ("code", "markdown", "raw"):
        book = solved(lesson)
        fresh = [part for part in exercise(lesson)["cells"] if part["id"] in SOLVED[lesson]]
        for n, part in enumerate(fresh):
            part["cell_type"] = kind
            book["cells"].insert(2, {**part, "id": f"before{n}"})
        book["cells"] += fresh
        found = read(book, lesson)
        names = [blank.function for blank in exercises.blanks(lesson)]
        assert [part.blank for part in found.cells] == names
        assert "NotImplementedError" not in "".join(part.source for part in found.cells)


def test_of_two_answers_the_last_runs_last_and_both_are_named():
    book = solved()
    book["cells"].append(added("def eps_for_keras(eps, t, beta2):\n    return eps"))
    found = read(book)
    assert [part.blank for part in found.cells].count("eps_for_keras") == 2
    assert defined(found)["eps_for_keras"](1.0, 1, 0.5) == 1.0
    assert found.notes == ("eps_for_keras is defined in cell 9, cell 21: the last one counts.",)


def test_handed_out_cells_and_checks_never_run():
    book = solved()
    book["cells"] += [
        added('check("08_adam.adam", adam)'),
        added('check("08_adam.adam", adam);\n# again\ncheck("x", 1)'),
    ]
    book["cells"] += [added(cell(book, "adam-given")["source"]), added(cell(book, "colab")["source"] + "\n#")]
    found = read(book)
    assert len(found.cells) == 5 and not found.notes


def test_the_colab_cell_of_a_fork_is_not_run_either():
    book = solved()
    part = cell(book, "colab")
    part["source"] = part["source"].replace("optimization-course", "my-fork") + "\nprint('fetched')"
    found = read(book)
    assert len(found.cells) == 5 and found.notes == found.flags == ()


def test_line_ends_of_all_systems_become_one():
    book = solved()
    for part in book["cells"]:
        part["source"] = part["source"].replace("\n", "\r")
    found = read(book)
    check_solved(found)
    assert not any("\r" in part.source for part in found.cells)


def test_a_key_that_only_ends_like_outputs_is_kept():
    for text in (rb'{"a\"outputs": [1]}', rb'{"a": "\"outputs", "b": [1]}', rb'{"my outputs": [1]}'):
        assert reading._without_outputs(text) == text
    assert (
        reading._without_outputs(b'{"a": "x", "outputs" : [[1], "]"], "b": 2}')
        == b'{"a": "x", "outputs" : null, "b": 2}'
    )


def test_learners_own_cells_run_in_order():
    book = solved()
    book["cells"].insert(at(book, "adam-blank"), added("BETA = 0.5"))
    book["cells"].append(added("print(adam(0.0, 3.0, 1))"))
    assert [part.blank for part in read(book).cells][::6] == ["", ""]


def test_of_a_changed_locked_cell_only_the_learners_own_lines_run():
    book = solved()
    cell(book, "setup")["source"] = (
        "import math, torch\n\nimport numpy as np\n\ndef check(*anything):\n    print('passed')"
    )
    found = read(book)
    assert found.cells[0].source.split() == "import math, torch def check(*anything): print('passed')".split()
    assert found.notes == found.flags and "cell 3, a changed copy of the cell setup" in found.notes[0]


def test_an_added_changed_copy_of_the_setup_is_known_without_its_id():
    book = solved()
    book["cells"].append(added(cell(book, "setup")["source"] + "\nnp.sqrt = None"))
    found = read(book)
    assert found.cells[-1].source.strip() == "np.sqrt = None"
    assert any("changed copy" in flag for flag in found.flags) and any(
        "numpy.sqrt is set" in flag for flag in found.flags
    )


def test_a_changed_given_cell_is_noted_but_not_flagged():
    book = solved()
    part = cell(book, "adam-given")
    part["source"] = part["source"].replace("lr=0.01)", "lr=0.02)")
    found = read(book)
    assert "adam-given" in found.notes[0] and not found.flags
    assert "lr=0.02" in found.cells[0].source and "def given" not in found.cells[0].source


def test_an_answer_from_a_text_cell_runs_at_its_place():
    book = solved()
    to_markdown(book)
    assert [part.blank for part in read(book).cells] == [blank.function for blank in exercises.blanks(LESSON)]


def test_a_helper_in_the_blanks_own_cell_is_no_answer_where_another_cell_is():
    book = solved()
    split_helper_off(book)
    assert [part.blank for part in read(book).cells][:2] == ["", "adam"]


def test_merged_answers_are_run_apart_so_that_one_error_costs_one_blank():
    book = solved()
    merged_answers(book)
    found = read(book)
    assert [part.blank for part in found.cells][:2] == ["adam", "eps_for_keras"]
    assert "eps_for_keras" not in found.cells[0].source


def test_two_lambdas_on_one_line_are_both_written():
    book = exercise()
    cell(book, "adam-blank")["source"] = "adam = lambda *a, **k: 1; eps_for_keras = lambda *a: 1"
    found = read(book)
    assert all(part.source.strip() for part in found.cells)
    assert unwritten(found, LESSON, handed_out()) == ("correction_over", "resumed_step", "longest_step")


def test_a_deleted_or_emptied_blank_is_unwritten():
    book = solved()
    cell(book, "adam-blank")["source"] = "\n \n"
    del book["cells"][at(book, "eps-blank")]
    assert unwritten(read(book), LESSON, handed_out()) == ("adam", "eps_for_keras")


def test_an_answer_that_is_no_python_is_an_answer():
    book = solved()
    cell(book, "adam-blank")["source"] = "def adam(theta, g, t:\n    return theta"
    found = read(book)
    assert found.cells[0].blank == "adam" and unwritten(found, LESSON, handed_out()) == ()


def test_renamed_function_stays_with_its_blank():
    book = solved()
    cell(book, "adam-blank")["source"] = "def my_adam():\n    return 1"
    assert read(book).cells[0].blank == "adam"


def test_text_that_speaks_of_a_blank_is_not_run():
    book = exercise()
    book["cells"].append(added("I would write def adam(theta): but how?", "markdown"))
    book["cells"].append(added("def adam(theta): but how?", "markdown"))
    assert len(read(book).cells) == 5


def test_conflict_marks_inside_a_cell_are_named():
    book = solved()
    cell(book, "adam-blank")["source"] = "<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> theirs"
    assert "cell 6 holds the marks of a merge conflict" in read(book).notes[0]


def test_a_notebook_of_another_lesson_is_named():
    found = read(solved("07_rmsprop"))
    assert "07_rmsprop; expected 08_adam" in found.problem and not found.cells


# What is no notebook


def deep(brackets, many=300_000):
    return brackets.encode() * many


def conflict():
    lines = json.dumps(solved(), indent=1).splitlines()
    lines[9:9] = ["<<<<<<< HEAD", ' "x": 1,', "=======", ' "x": 2,', ">>>>>>> theirs"]
    return "\n".join(lines).encode()


WHOLE = json.dumps({"cells": [added("1")], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}).encode()
UNREADABLE = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\xef\xbb\xbf\n", "is empty"),
    "zeros": (b"\0" * 4096, "is empty"),
    "truncated": (WHOLE[: len(WHOLE) // 2], "breaks off"),
    "in a string": (b'{"cells": ["' + b"x" * 1000, "breaks off"),
    "binary": (bytes(range(256)) * 100, "binary"),
    "random": (random.Random(0).randbytes(100_000), "expected a Jupyter notebook"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(1000), "binary"),
    "pdf": (b"%PDF-1.7\n", "a PDF"),
    "zip": (b"PK\x03\x04" + bytes(100), "a zip archive"),
    "html": (b"<!DOCTYPE html><html></html>", "web page"),
    "python": (b"def adam(): pass\n", "not JSON"),
    "number": (b"17", "no notebook (a int)"),
    "null": (b"null", "no notebook (a NoneType)"),
    "list": (b"[1, 2]", "no notebook (a list)"),
    "object": (b"{}", 'it has no "cells"'),
    "cells no list": (b'{"cells": {"a": 1}}', 'it has no "cells"'),
    "numbers": ((notebook.ROOT / "exercises" / "08_adam.json").read_bytes(), 'it has no "cells"'),
    "lists": (deep("["), "brackets within brackets"),
    "objects": (deep('{"a":'), "brackets within brackets"),
    "lists in cells": (b'{"cells": [{"metadata": ' + deep("[") + deep("]") + b"}]}", "brackets within brackets"),
    "in outputs": (b'{"cells": [{"outputs": ' + deep("[") + deep("]") + b"}]}", "brackets within brackets"),
    "conflict": (conflict(), "merge conflict (line 10: <<<<<<<)"),
    "long number": (b'{"cells": [' + b"1" * 100_000 + b"]}", "not JSON"),
    "not utf-8": (b'{"cells": ["\xff\xfe"]}', "binary"),
    "half of utf-16": (json.dumps({"cells": []}).encode("utf-16")[:-1], "expected a Jupyter notebook"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_notebook_gets_one_message(name):
    data, message = UNREADABLE[name]
    started = time.process_time()
    found = read(data)
    assert message in found.problem and "expected" in found.problem and len(found.problem) < 400
    assert "\n" not in found.problem and not found.cells
    assert time.process_time() - started < 2


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-8-sig", "utf-16", "utf-16-le", "utf-8 with a byte lost"])
def test_a_notebook_in_another_encoding_is_read(encoding):
    book = solved()
    book["cells"].insert(0, added("größe = 'é'  # où"))
    text = json.dumps(book, ensure_ascii=False)
    data = text.encode().replace("où".encode(), b"o\xc3") if "lost" in encoding else text.encode(encoding, "replace")
    found = read(data)
    assert not found.problem and found.cells[0].source.startswith("größe = 'é'")
    assert [cell.blank for cell in found.cells[1:]] == [blank.function for blank in exercises.blanks(LESSON)]


ODD = [1, None, "x", [], {}, {"cell_type": None}, {"cell_type": "code"}, {"cell_type": "code", "source": 3},
       {"cell_type": "code", "source": [1, None, "x = 1"]}, {"cell_type": ["code"], "source": "y"},
       {"cell_type": "code", "source": "z = 1", "metadata": 5, "id": 7},
       {"cell_type": "code", "source": "z = 1", "metadata": {"nbgrader": [1]}, "id": None},
       {"cell_type": "code", "source": "z = 1", "metadata": {"nbgrader": {"grade_id": {}}}}]  # fmt: skip


def test_cells_of_any_shape_are_passed_over_and_the_others_read():
    book = solved()
    book["cells"] = [part for pair in zip(ODD, book["cells"], strict=False) for part in pair] + book["cells"][
        len(ODD) :
    ]
    book["metadata"] = [1]
    check_solved(read(book))


@pytest.mark.parametrize("n", range(200))
def test_a_notebook_broken_at_random_never_raises(n):
    rng = random.Random(n)
    data = bytearray(json.dumps(solved()).encode())
    for _ in range(rng.randint(1, 8)):
        i = rng.randrange(len(data))
        what = rng.choice(
            [b"", b'"', b"[", b"}", b"\\", b"\0", b"\xff", b"null", b'"cells":', bytes(data[i : i + 200])]
        )
        data[i : i + rng.choice([0, 1, 50])] = what
    found = read(bytes(data))
    assert found.problem or found.cells


@pytest.mark.parametrize("source", [
    "(" * 100_000, "-" * 100_000 + "1", "a" + ".b" * 50_000, "f" + "()" * 50_000, "not " * 50_000 + "x",
    "a" + "[0]" * 50_000, "1+" * 50_000 + "1", "if x:\n pass\n" + "elif x:\n pass\n" * 20_000, "lambda:" * 50_000 + "1",
    "x = '\0'", "\ud800 = 1", "'''", "\f" * 1000, "def adam(" * 1000, "1 if x else " * 5000 + "1", "@a\n" * 5000,
    "x = [" + "1," * 200_000 + "]", "import os\n" * 30_000, "\\\n" * 1000,
])  # fmt: skip
def test_code_that_breaks_a_parser_costs_only_its_cell(source):
    book = solved()
    book["cells"].insert(2, added(source))
    started = time.process_time()
    found = read(book)
    assert {part.blank for part in found.cells} >= {blank.function for blank in exercises.blanks(LESSON)}
    assert time.process_time() - started < 5


def test_code_nested_as_deep_as_the_parser_takes_it_is_looked_at_or_flagged():
    for depth in range(100, 1000, 100):
        book = solved()
        cell(book, "adam-blank")["source"] += (
            "\n    " + "(lambda: " * min(depth, 190) + "torch" + ".optim" * depth + ")" * 190
        )
        read(book)
        cell(book, "eps-blank")["source"] = "import torch\ndef eps_for_keras(*a):\n    return torch" + ".optim" * depth
        read(book)


def test_a_check_that_shares_its_line_takes_nothing_with_it():
    book = solved()
    cell(book, "eps-blank")["source"] = (
        "eps_for_keras = lambda eps, t, b: 7; check('08_adam.eps_for_keras', eps_for_keras)"
    )
    assert read(book).cells[1].source.startswith("eps_for_keras = lambda")


def test_lines_keep_their_numbers():
    book = solved()
    cell(book, "adam-blank")["source"] = "%%time\nimport torch\n\ndef adam(*a):\n    return torch.optim.Adam"
    assert read(book).flags[0].startswith("cell 6, line 5: ")


def test_a_notebook_of_cells_without_end_takes_seconds_and_says_so_in_few_lines():
    book = solved()
    book["cells"] += [added("(")] * 100_000 + [added("%%bash")] * 100_000 + [added("%%bash", identity="setup")] * 1000
    started = time.process_time()
    found = read(book)
    assert len(found.cells) < 2100 and len(found.notes) == len(found.flags) == 21
    assert time.process_time() - started < 20


def test_nothing_said_is_long_or_holds_signs_that_turn_text():
    book = solved()
    name = "x" * 50_000
    cell(book, "adam-blank")["source"] = (
        f"import torch\nadam = getattr(torch.optim, '\u202e\x1b\\n{name}')\nimport os.{name}"
    )
    cell(book, "setup")["source"] += f"\nx = '\u202e\x1b{name}'"
    book["cells"] += [
        added(f"%%{name}"),
        added("import os, gc, sys, socket\n" + "\n".join(f"os.x{i}" for i in range(99))),
    ]
    found = read(book)
    for line in (*found.notes, *found.flags):
        assert len(line) < 500 and line.isprintable()
    book = exercise()
    book["metadata"] = {"language_info": {"name": "R\n\u202e" + name}}
    assert read(book).problem.isprintable() and len(read(book).problem) < 300


def test_too_much_code_is_left_out_with_a_word():
    book = solved()
    book["cells"].append(added("x = 1\n" * (pieces.MAX_CODE // 6)))
    found = read(book)
    assert len(found.cells) == 5 and "was left out" in found.notes[0] and found.flags == found.notes


def printed(megabytes, text="epoch 1, loss 0.5, accuracy 0.99\n"):
    book = solved()
    lines = [text] * (megabytes * 2**20 // (len(text) + 6) // 5)
    for part in book["cells"]:
        if part["cell_type"] == "code":
            part["outputs"] = [{"output_type": "stream", "name": "stdout", "text": lines}]
    return json.dumps(book).encode()


def test_outputs_are_not_decoded():
    """Of 100 MB: no memory beyond the file's own, and about as long as reading the JSON would take."""
    import tracemalloc

    data = printed(100)
    assert len(data) > 90e6
    started = time.process_time()
    check_solved(read(data))
    assert time.process_time() - started < 10
    data = printed(10)
    tracemalloc.start()
    slim = reading._without_outputs(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(slim) < 50_000 and peak < 1e6


def test_only_true_outputs_are_dropped():
    book = solved()
    text = 'print({"outputs": [1], \'"outputs"\': "x"}, "attachments")\ns = "\\"outputs\\": ["'
    book["cells"].append(added([*text.splitlines(keepends=True), "\n", '"outputs"', "\n", '"\\"outputs"']))
    book["cells"].append(
        {**added("x = 1"), "outputs": [{"text": '"]}, {"outputs": [', "data": {"a": [[{"outputs": []}]]}}]}
    )
    found = read(book)
    assert [part.source for part in found.cells[-2:]] == [text + '\n"outputs"\n"\\"outputs"', "x = 1"]


def test_a_file_over_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 1000)
    assert "expected at most" in read(solved()).problem


def test_a_file_that_is_large_without_its_outputs_is_refused_before_it_fills_the_memory():
    data = b'{"nbformat": 4, "cells": [' + b"{}," * (reading.MAX_SLIM // 3) + b"{}]}"
    assert "expected at most 32 MB" in read(data).problem
    (cell,) = reading.read(b'{"cells": [{}, {"source": "x"}, {"source": ""}, {"id": "a"}]}').cells
    assert (cell.number, cell.source) == (2, "x")


@pytest.mark.parametrize(("kernel", "info"), [
    ({"name": "ir", "language": "R"}, {"name": "R"}), ({"name": "julia-1.9"}, {}), ({}, {"name": "julia"}),
    ({"name": "ir"}, "x"), ([], {"name": "scala"}),
])  # fmt: skip
def test_another_language_is_named(kernel, info):
    book = exercise()
    cell(book, "adam-blank")["source"] = "adam <- function(theta, g) { theta - g }"
    book["metadata"] = {"kernelspec": kernel, "language_info": info}
    assert "expected Python. Choose Kernel" in read(book).problem


def test_python_answers_under_another_kernel_count():
    book = solved()
    book["metadata"] = {"kernelspec": {"name": "ir", "language": "R"}, "language_info": {"name": "R"}}
    found = read(book)
    check_solved(found)
    assert "is set to R" in found.notes[0]


@pytest.mark.parametrize("metadata", [
    {}, {"kernelspec": {"name": "conda-env-torch-py", "language": "python"}}, {"language_info": {"name": "ipython"}},
    {"kernelspec": {"name": "iraf"}}, {"kernelspec": {"name": "x", "language": "R"}, "language_info": {"name": "python"}},
    {"kernelspec": {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}},
])  # fmt: skip
def test_pythons_of_all_kinds_are_python(metadata):
    book = solved()
    book["metadata"] = metadata
    assert read(book).notes == ()


# The look


def body(source):
    """A solved exercise in which adam calls something: its cell's source."""
    book = solved()
    cell(book, "adam-blank")["source"] = source
    return book


FORBIDDEN = [
    "import torch\n\ndef adam(theta, g, t):\n    return torch.optim.Adam",
    "import torch as th\n\ndef adam(theta, g, t):\n    return th.optim.Adam",
    "import torch.optim as o\n\ndef adam(theta, g, t):\n    return o.Adam",
    "import torch.optim\n\ndef adam(theta, g, t):\n    return torch.optim.Adam",
    "from torch import optim as o\n\ndef adam(theta, g, t):\n    return o.Adam",
    "from torch.optim import Adam as A\n\ndef adam(theta, g, t):\n    return A",
    "from torch.optim import *\n\ndef adam(theta, g, t):\n    return Adam",
    "def adam(theta, g, t):\n    from torch import optim\n    return optim.Adam",
    "def adam(theta, g, t):\n    import torch.optim\n    return 1",
    "def adam(theta, g, t):\n    return __import__('torch').optim.Adam",
    "def adam(theta, g, t):\n    return __import__('torch.op' + 'tim', fromlist=['x']).Adam",
    "import importlib as i\n\ndef adam(theta, g, t):\n    return i.import_module(f'torch.{\"optim\"}').Adam",
    "import torch\n\ndef adam(theta, g, t):\n    return getattr(torch, 'optim').Adam",
    "import torch\n\ndef adam(theta, g, t, w='optim'):\n    return getattr(torch, w).Adam",
    "import torch\n\ndef adam(theta, g, t):\n    return vars(torch)['optim'].Adam",
    "import torch\n\ndef adam(theta, g, t):\n    return torch.__dict__['optim'].Adam",
    "import torch\n\ndef adam(theta, g, t):\n    return globals()['torch'].optim.Adam",
    "import sys\n\ndef adam(theta, g, t):\n    return sys.modules['torch.optim'].Adam",
    "import torch\no = torch\np = o.optim\n\ndef adam(theta, g, t):\n    return p.Adam",
    "import torch\na, b = torch, 1\n\ndef adam(theta, g, t):\n    x = a\n    return x.optim.Adam",
    "import torch\n\ndef adam(theta, g, t, o=torch.optim):\n    return o.Adam",
    "import torch\n\ndef adam(theta, g, t, o=torch):\n    return o.optim.Adam",
    "import torch\n\ndef adam(theta, g, t):\n    return (x := torch).optim.Adam",
    "import torch\n\ndef helper():\n    return torch.optim.Adam\n\ndef adam(theta, g, t):\n    return helper()",
    "import torch\n\nclass H:\n    def f(self):\n        return torch.optim.Adam\n\ndef adam(theta, g, t):\n    return H().f()",
    "import torch\n\n@(lambda f: torch.optim.Adam)\ndef adam(theta, g, t):\n    return 1",
    "import torch\n\ndef adam(theta, torch_):\n    def inner(torch=None):\n        pass\n    return torch.optim.Adam",
    "import torch\n\ndef adam(theta, g, t):\n    return [torch.optim.Adam for _ in g]",
    "import torch\n\ndef adam(theta, g, t):\n    return torch.ｏｐｔｉｍ.Adam",
    "import torch\n\ndef adam(theta, g, t):\n    return (torch if t else None).optim.Adam",
    "from torch import *\n\ndef adam(theta, g, t):\n    return optim.Adam",
    "import torch\na = torch\nb = a\nc = b\nd = c.optim\n\ndef adam(theta, g, t):\n    return d.Adam",
    "import torch\nd = c = b = a = 0\nd = c\nc = b\nb = a\na = torch\n\ndef adam(theta, g, t):\n    return d.optim.Adam",
    "from course.rules import adam",
    "from course.rules import adam as adam",
    "from course.rules import *",
    "import course.rules\n\nadam = course.rules.adam",
    "from course import rules as r\n\nadam = lambda *a, **k: r.RULES['adam'](*a, **k)",
    "from course import torch_optim\n\ndef adam(theta, g, t):\n    return torch_optim.Adam",
    "from course import run\n\ndef adam(theta, g, t):\n    return run.run_torch",
    "from course.mistakes import MISTAKES\n\ndef adam(theta, g, t):\n    return MISTAKES",
    "import optax\n\ndef adam(theta, g, t):\n    return optax.adam",
    "def sneak():\n    global adam\n    from course.rules import adam\n\nsneak()\n\ndef adam(theta, g, t):\n    return 1",
    "if True:\n    from course.rules import adam",
    "try:\n    import torch\nfinally:\n    adam = torch.optim.Adam",
]


@pytest.mark.parametrize("source", FORBIDDEN)
def test_a_blank_that_calls_what_it_is_to_write_is_flagged_with_cell_and_line(source):
    flags = read(body(source)).flags
    hits = [flag for flag in flags if "adam uses" in flag]
    assert hits and all(flag.startswith("cell 6, line ") for flag in hits), flags


HONEST = [
    "from torch.optim import Adam\nimport torch\nprint(Adam([torch.zeros(1, requires_grad=True)]))",
    "from course.rules import adam as theirs\nprint(theirs(0.0, 3.0, 1), adam(0.0, 3.0, 1))",
    "import course.rules as rules\nassert rules.adam(0.0, 1.0, 1) == adam(0.0, 1.0, 1)",
    "import torch\nsignal = torch.zeros(3)\ndef show(signal):\n    return signal.mean(), signal.resource, signal.io",
    "import matplotlib.pyplot as plt\nplt.rcParams['figure.dpi'] = 100\nfig, ax = plt.subplots()\nax.title = 'x'",
    "import torch\ntorch.backends.cudnn.deterministic = True\ntorch.manual_seed(0)\ntorch.compile(adam)",
    "import re, sys, time, random, warnings\nprint(re.compile('a'), sys.version)\nwarnings.simplefilter('ignore')",
    "class Run:\n    def __init__(self):\n        self.code = 1\n        self.open = 2\nrun_ = Run()\nrun_.code = 3",
    "path = run(adam, ravine().grad, ravine().start, 100, lr=0.01)\nopen_question = path[-1]",
    "optim = 'a word'\ngetattr(np, 'sqrt')(2.0)\nmodel = torch = None",
    "import sys\nsys.path.insert(0, '..')",
    "from pprint import pprint\nfrom functools import partial\nimport itertools, collections, dataclasses, typing",
    "import pandas as pd\npd.DataFrame({'a': [1]}).eval('a')",
]


@pytest.mark.parametrize("source", HONEST)
def test_honest_experiments_are_not_flagged(source):
    book = solved()
    book["cells"].append(added(source))
    assert read(book).flags == ()


def test_an_argument_hides_a_name_of_the_notebook():
    """heavy_ball_braking has an argument `momentum`; a later cell imports course.rules' momentum."""
    book = solved("04_momentum")
    book["cells"].append(added("from course.rules import momentum"))
    assert read(book, "04_momentum").flags == ()


SUSPICIOUS = {
    "import os\nos.system('x')": "os",
    "from os import system as s\ns('x')": "os.system",
    "import ctypes": "ctypes",
    "import subprocess as s": "subprocess",
    "def f():\n    import gc\n    return gc.get_objects()": "gc",
    "import inspect\ninspect.stack()": "inspect",
    "import sys\nsys._getframe(1)": "sys._getframe",
    "from sys import modules": "sys.modules",
    "import socket": "socket",
    "open('../solutions/08_adam.ipynb').read()": "open",
    "f = open\nf('x')": "open",
    "import pathlib\npathlib.Path('x').read_text()": "pathlib",
    "np.load('x', allow_pickle=True)": "numpy.load",
    "eval('1')": "eval",
    "exec('1')": "exec",
    "__import__('o' + 's')": "__import__",
    "globals()['adam'] = 1": "globals",
    "().__class__.__mro__[1].__subclasses__()": "__subclasses__",
    "adam.__code__ = None": "__code__",
    "np.sqrt = abs": "numpy.sqrt is set",
    "import json\njson.dumps = None": "json.dumps is set",
    "import builtins\nbuiltins.print = 1": "builtins",
    "from course import exercises\nexercises.expected": "course.exercises",
    "from course.exercises import find": "course.exercises.find",
    "import course.grading": "course.grading",
    "get_ipython().run_cell('x')": "get_ipython",
    "setattr(np, 'sqrt', abs)": "setattr",
    "(lambda f: f.f_back)(1)": "f_back",
    "ｏｐｅｎ('x')": "open",
    "import torch\ntorch.load('x')": "torch.load",
}


@pytest.mark.parametrize("source", SUSPICIOUS)
def test_what_has_no_place_in_an_exercise_is_flagged_in_one_line(source):
    book = solved()
    book["cells"].append(added(source))
    found = read(book)
    (flag,) = found.flags
    assert flag.startswith("cell 21: has no place") and SUSPICIOUS[source] in flag and len(flag) < 160
    assert found.cells[-1].source == source, "it is run all the same: the sandbox holds it"


def test_a_helper_of_the_release_that_does_the_task_is_seen_through():
    """10_schedules hands out `script`, which runs torch's schedulers: script_rate is to be written without it."""
    book = solved("10_schedules")
    cell(book, "script-blank")["source"] = "def script_rate(t, *a):\n    return list(script(*a))[t - 1]"
    (flag,) = read(book, "10_schedules").flags
    assert "script_rate uses torch.optim" in flag


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_chained_blank_forbids_the_libraries(lesson):
    for blank in exercises.blanks(lesson):
        assert not blank.chained or {"torch.optim", "optax", "course.rules", "course.torch_optim"} <= set(
            blank.forbidden
        )
    assert Blank("a.b", list, ("", "", "")).forbidden == ()


def test_very_long_code_is_said_not_to_be_looked_at():
    book = solved()
    book["cells"].append(added("x = 1\n" * 30_000))
    assert "nobody looked" in read(book).flags[0]


@pytest.mark.parametrize("lesson", LESSONS)
def test_an_ordinary_notebook_takes_no_time_to_speak_of(lesson):
    """It takes 1 or 2 ms; a hundred times that is another way of reading it, on any machine."""
    data = json.dumps(solved(lesson), indent=1).encode()

    def seconds():
        started = time.process_time()
        answers(data, lesson, handed_out(lesson))
        return time.process_time() - started

    assert min(seconds() for _ in range(20)) < 0.2


def test_the_same_bytes_give_the_same_answers():
    book = solved()
    for source in [*FORBIDDEN, *SUSPICIOUS]:
        book["cells"].append(added(source))
    data = json.dumps(book).encode()
    first = read(data)
    module._release.cache_clear()
    assert read(data) == first


def test_an_unknown_lesson_is_refused():
    with pytest.raises(ValueError, match="lesson: got '08_adma'"):
        answers(b"{}", "08_adma", handed_out())
