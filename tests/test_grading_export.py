"""What a class is given: no answer in it, whatever lies about in the lecturer's copy, and it works by itself."""

import ast
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import venv
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from course import exercises
from course.authoring import build, derive, notebook
from course.exercises import stored
from course.exercises.blank import named_mistake, play
from course.grading import export
from course.grading.export import Refused, frozen, handout, leaks, nbgrader_course

ROOT = notebook.ROOT
LESSONS = list(exercises.lessons())
REGION = re.compile(r"# BEGIN SOLUTION\n(.*?)# END SOLUTION", re.DOTALL)


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory):
    """A class copy, written by the command itself."""
    folder = tmp_path_factory.mktemp("given") / "my class"
    assert export.main(["class", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def files(handed_out):
    """{path: bytes} of the class copy, as it lies on the disk."""
    return {
        path.relative_to(handed_out).as_posix(): path.read_bytes()
        for path in sorted(handed_out.rglob("*"))
        if path.is_file() and not {".venv", "__pycache__"} & set(path.relative_to(handed_out).parts)
    }


@pytest.fixture(scope="module")
def answers():
    return [x for lesson in LESSONS for x in leaks.answers(lesson, handout.solved(lesson), handout.fresh(lesson))]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of the repository's files, which the export takes for the repository."""
    root = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for folder in ("course", "notebooks", "exercises", "solutions", ".devcontainer"):
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    for name in ("README.md", "LICENSE", "pyproject.toml", "constraints.txt", ".gitignore"):
        shutil.copy(ROOT / name, root)
    monkeypatch.setattr(notebook, "ROOT", root)
    monkeypatch.setattr(exercises, "ROOT", root)
    return root


def python(folder, *arguments, program=sys.executable, **variables):
    """Run a Python in a class copy, whose course is the only one that it can find by the way it is started."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COURSE"))}
    command = [str(program), *arguments]
    return subprocess.run(command, cwd=folder, env=environ | variables, capture_output=True, text=True)


def solution(lesson):
    """{cell id: source} of a stored solution."""
    return {cell.id: cell.source for cell in notebook.read(ROOT / "solutions" / f"{lesson}.ipynb").cells}


def blanks_of(book):
    return [cell for cell in book.cells if cell.metadata.get("nbgrader", {}).get("solution")]


# No answer in it


def test_only_what_learners_need_is_in_it(files):
    assert {name.partition("/")[0] for name in files} == {
        "README.md", "LICENSE", "pyproject.toml", "constraints.txt", ".gitignore", ".devcontainer", "course",
        "notebooks", "exercises",
    }  # fmt: skip
    assert {name for name in files if name.startswith("exercises/")} == {
        f"exercises/{lesson}.{kind}" for lesson in LESSONS for kind in ("ipynb", "json")
    }
    assert not [name for name in files if re.match(r"course/(grading|bench)/|course/authoring/(?!suite|sanitize|__)", name)]
    assert {name.rpartition(".")[2] for name in files if name.startswith("course/")} == {
        "py", "json", "mplstyle", "csv", "txt", "cfg", "js",
    }  # fmt: skip
    modules = {name for name in files if name.startswith("course/exercises/") and name.endswith(".py")}
    assert modules == {f"course/exercises/{name}.py" for name in ("__init__", "blank", "stored")}


def test_no_answer_is_in_any_file(files, answers):
    assert len(answers) > 100 and leaks.find(files, answers) == []
    assert sum(len(answer.lines) for answer in answers) > 350 and sum(bool(answer.codes) for answer in answers) > 70


def test_no_whole_answer_is_in_any_file_by_a_plain_look(files):
    """Without the search that the command itself makes."""
    text = {name: re.sub(r"\\n|\s|\"", "", data.decode(errors="replace")) for name, data in files.items()}
    for lesson in LESSONS:
        for cell in notebook.read(ROOT / "solutions" / f"{lesson}.ipynb").cells:
            found = REGION.search(cell.source)
            secret = cell.source if "solution" in derive.tags(cell) else found[1] if found else ""
            secret = re.sub(r"\s|\"|\\n", "", secret)
            where = {name for name in text if len(secret) > 40 and secret in text[name]}
            name = f"{lesson}.{cell.metadata.get('nbgrader', {}).get('grade_id')}"
            assert where <= leaks.TAUGHT.get(name, set()), (name, where)


def test_what_lessons_teach_in_full_is_still_taught_there(files, answers):
    """An exception that is not needed would hide a leak."""
    for blank, names in leaks.TAUGHT.items():
        untold = [answer for answer in answers if answer.where == blank]
        assert len(untold) == 1
        for name in names:
            moved = {f"exercises/{Path(name).name}": files[name]}  # where one line is too much
            bare = [leaks.Answer("another", untold[0].lines, untold[0].codes)]
            assert leaks.find(moved, bare), (blank, name)


def leaked(name, data):
    return lambda files: files | {name: data.encode()}


def in_an_output(files):
    book = nbformat.reads(files["notebooks/08_adam.ipynb"].decode(), as_version=4)
    cell = next(cell for cell in book.cells if cell.cell_type == "code")
    cell.outputs = [new_output("stream", text=solution("08_adam")["resume-blank"])]
    return files | {"notebooks/08_adam.ipynb": nbformat.writes(book).encode()}


def in_a_cell(files):
    book = nbformat.reads(files["exercises/08_adam.ipynb"].decode(), as_version=4)
    book.cells.append(new_code_cell(solution("08_adam")["over-blank"]))
    return files | {"exercises/08_adam.ipynb": nbformat.writes(book).encode()}


RESUMED = "def f(a, n, x, y):\n    s = a + n\n    return (1 - x**s) / (1 - x**n) * math.sqrt((1 - y**n) / (1 - y**s))\n"
ONE_LINE = "return lr * (1 - beta1) / math.sqrt((1 - beta2) * (1 - beta1**2 / beta2))"
LEAKS = {
    "a line in the README": leaked("README.md", f"Hint: `{ONE_LINE}`"),
    "a line with other spaces": leaked("course/exercises/more.py", ONE_LINE.replace(" ", "  ").replace("(", "( ")),
    "an answer in a JSON file": leaked("exercises/x.json", json.dumps({"note": [ONE_LINE]})),
    "a function with other names": leaked("course/more.py", f"import math\n\n\n{RESUMED}"),
    "a function inside another": leaked("course/more.py", "def g():\n" + textwrap.indent(RESUMED, "    ")),
    "a function with a docstring of its own": leaked("course/more.py", RESUMED.replace(":\n", ':\n    "mine"\n', 1)),
    "an answer in a lesson's output": in_an_output,
    "an answer in an exercise": in_a_cell,
    "a model answer": leaked("course/data/note.txt", solution("08_adam")["open-answer"]),
    "one line of a model answer": leaked("README.md", solution("08_adam")["open-answer"].splitlines()[0]),
}


@pytest.mark.parametrize("how", LEAKS)
def test_a_leak_is_found(how, files, answers):
    changed = {name: data for name, data in LEAKS[how](files).items() if files.get(name) != data}
    found = leaks.find(changed, answers)
    assert len(changed) == 1 and found and all("08_adam" in line for line in found), found


def test_a_lesson_may_share_a_line_with_an_answer_but_not_all_of_them(answers):
    lines = REGION.search(solution("09_adamw")["amsgrad-blank"])[1]
    name, some = "notebooks/10_schedules.ipynb", lines.strip().split("\n")
    book = nbformat.v4.new_notebook(cells=[new_code_cell("\n".join(some[:-1]))])
    assert leaks.find({name: nbformat.writes(book).encode()}, answers) == []
    book = nbformat.v4.new_notebook(cells=[new_code_cell("\n".join(some))])
    assert any("09_adamw.amsgrad" in line for line in leaks.find({name: nbformat.writes(book).encode()}, answers))


def test_what_lies_about_in_the_lecturers_copy_stays_there(checkout, files):
    lesson = "08_adam"
    book = notebook.read(checkout / "exercises" / f"{lesson}.ipynb")
    for cell in blanks_of(book):
        cell.source = solution(lesson)[cell.id]
    book.cells[2].outputs = [new_output("stream", text="mine\n")]
    (checkout / "exercises" / f"{lesson}.ipynb").write_text(nbformat.writes(book))
    (checkout / "exercises" / "01_gradient_descent.ipynb").write_text("no notebook")
    (checkout / "exercises" / "grades.csv").write_text("ann,3\n")
    for name in (".progress.jsonl", ".secret", "secret.key", ".env", "course/secret.txt", "course/notes.md"):
        (checkout / name).write_text("secret\n")
    for name in (".git", ".venv", "course/__pycache__", "notebooks/.ipynb_checkpoints", "course/.ipynb_checkpoints",
                 "submitted", "course/grading", "course/bench", "tests"):  # fmt: skip
        (checkout / name).mkdir(exist_ok=True)
        (checkout / name / "solved.py").write_text(solution(lesson)["adam-blank"])
        shutil.copy(ROOT / "solutions" / f"{lesson}.ipynb", checkout / name / f"{lesson}-checkpoint.ipynb")
    assert handout.files() == files  # from another folder as well, so every run gives the same bytes


def test_exercises_are_as_the_build_makes_them_and_nobody_ran_them(files):
    for lesson in LESSONS:
        assert files[f"exercises/{lesson}.ipynb"] == notebook.text(build._exercise(handout.solved(lesson), lesson)).encode()
        book = nbformat.reads(files[f"exercises/{lesson}.ipynb"].decode(), as_version=4)
        code = [cell for cell in book.cells if cell.cell_type == "code"]
        assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
        assert {cell.metadata.nbgrader.grade_id for cell in blanks_of(book)} == {
            blank.function for blank in exercises.blanks(lesson)
        }


def test_lessons_that_have_drifted_are_refused(checkout, tmp_path, capsys):
    for name, old, new in (
        ("notebooks/08_adam.ipynb", '"execution_count": 3', '"execution_count": 7'),  # somebody ran it
        ("solutions/07_rmsprop.ipynb", r"return ratio / math", "return 2 * ratio / math"),  # and did not build
        ("exercises/09_adamw.json", '"09_adamw.adamw"', '"09_adamw.other"'),
    ):
        text, count = re.subn(old, new, (checkout / name).read_text(encoding="utf-8"), count=1)
        assert count == 1
        (checkout / name).write_text(text, encoding="utf-8")
    assert export.main(["class", str(tmp_path / "out")]) == 1 and not (tmp_path / "out").exists()
    said = capsys.readouterr().err
    assert said.startswith("course: what is to be handed out is not as the build writes it:\n")
    assert "notebooks/08_adam.ipynb: not as the build writes it" in said
    assert "exercises/07_rmsprop.json is not what it returns" in said
    assert "exercises/09_adamw.json is not what it returns" in said


def test_an_answer_and_a_folder_of_this_machine_in_the_package_are_refused(checkout, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "check", list)
    (checkout / "course" / "mine.py").write_text(f"import math\n\nHERE = {str(checkout)!r}\n\n{RESUMED}")
    assert export.main(["class", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "course/mine.py holds 08_adam.resumed_step" in said
    assert f"course/mine.py names a folder of this machine, {checkout}" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkout"]


# Numbers in place of code


@pytest.mark.parametrize("lesson", LESSONS)
def test_stored_blanks_are_the_lessons_own_and_name_its_mistakes(lesson, files):
    read = stored.blanks(files[f"course/exercises/numbers/{lesson}.json"].decode())
    for blank, other in zip(exercises.blanks(lesson), read, strict=True):
        expected = exercises.expected(blank)
        for field in ("name", "hints", "points", "outputs", "chained", "tolerance", "calls"):
            assert getattr(blank, field) == getattr(other, field)
        assert [(m.name, m.says) for m in blank.mistakes] == [(m.name, m.says) for m in other.mistakes]
        calls = blank.public_calls()
        for mistake in blank.mistakes:
            found = named_mistake(other, play(blank, mistake.function, calls), other.public_calls(), expected)
            assert found is not None and found.name == mistake.name


def test_a_stored_mistake_that_fails_is_passed_over():
    blank = exercises.find("08_adam.eps_for_keras")
    calls = blank.public_calls()

    def fails(eps, t, beta2):
        if eps == calls[3]["eps"]:
            raise ZeroDivisionError
        return eps

    bad = type(blank.mistakes[0])("fails", fails, "It fails.")
    results = frozen._results(blank, bad, calls)
    assert len(results) == 3
    again = stored.Recorded(calls, results, False)
    assert again(*calls[2].values())[0] == calls[2]["eps"]
    for unknown in (list(calls[3].values()), [1.0, 2, 0.5], []):
        with pytest.raises(ValueError, match="public calls"):
            again(*unknown)


@pytest.mark.parametrize("value", [{1, 2}, print, "text", {"a": 1}, (1, 2)])
def test_a_blank_that_is_no_numbers_is_refused(value, monkeypatch):
    blank = type(exercises.find("00_start_here.step"))(
        "00_start_here.step", lambda rng: [{"x": value}], ("a", "b", "c")
    )
    monkeypatch.setattr(exercises, "blanks", lambda lesson: (blank,))
    if value == "text":
        assert "text" in frozen.text("00_start_here")
        return
    with pytest.raises(Refused, match=r"00_start_here\.step"):
        frozen.text("00_start_here")


# The copy works by itself


@pytest.fixture(scope="module")
def own_venv(handed_out):
    """The Python of a `.venv` in the class copy, made by hand, with the packages of this one."""
    venv.create(handed_out / ".venv", with_pip=False, symlinks=os.name != "nt")
    folder = "Scripts" if os.name == "nt" else "bin"
    program = handed_out / ".venv" / folder / ("python.exe" if os.name == "nt" else "python")
    site = Path(python(handed_out, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", program=program).stdout.strip())
    # Read by the second Python as it starts: no .pth of these packages leads it to this checkout.
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return program


def test_every_module_that_is_imported_is_there(files):
    sources = {name: data.decode() for name, data in files.items() if name.endswith(".py")}
    for name in files:
        if name.endswith(".ipynb"):
            book = nbformat.reads(files[name].decode(), as_version=4)
            cells = [re.sub(r"^\s*[%!].*$", "", cell.source, flags=re.M) for cell in book.cells if cell.cell_type == "code"]
            sources[name] = "\n".join(cell if '"google.colab"' not in cell else "" for cell in cells)
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in files}
    full = {target.partition(":")[0] for _, _, target in __import__("course.__main__").__main__.COMMANDS}
    for name, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            wanted = [node.module] if isinstance(node, ast.ImportFrom) else []
            wanted += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            missing = {x for x in wanted if x and x.partition(".")[0] == "course"} - modules - full
            assert not missing, (name, missing)


def test_its_page_leads_nowhere_else_and_names_commands_that_it_has(handed_out, files):
    page = files["README.md"].decode()
    assert "<!--" not in page and "-->" not in page and not re.search(r"solutions/|nbgrader|parity|Contributing", page)
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)\)", page)
    assert len(links) > 30 and [link for link in links if link not in files] == []
    shown = python(handed_out, "-m", "course", "--help").stdout
    has = set(re.findall(r"^  (\w+) ", shown, re.M))
    assert has == {"lab", "test", "progress"}
    assert set(re.findall(r"python3 -m course (\w+)", page)) == has
    for name in files:
        if name.endswith(".ipynb"):
            book = nbformat.reads(files[name].decode(), as_version=4)
            text = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
            for link in re.findall(r"\]\((?!https?:)([^)#\s]+)\)", text):
                assert (handed_out / name).parent.joinpath(link).exists(), (name, link)


@pytest.mark.parametrize("command", ["build", "check", "parity", "mutants", "export"])
def test_a_command_of_the_full_repository_says_so(handed_out, command):
    done = python(handed_out, "-m", "course", command, "--quick")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"{command} belongs to the full repository" in done.stderr and "lab, test, progress" in done.stderr


def test_lab_and_test_offer_what_they_have(handed_out):
    assert "--no-browser" in python(handed_out, "-m", "course", "lab", "--help").stdout
    code = "from course.authoring import suite; print([(s[0], s[1][-1]) for s in suite.stages() if not s[3]])"
    assert python(handed_out, "-c", code).stdout == "[('notebooks', 'notebooks')]\n"


CHECKS = """
import course, json, sys
from course import environment, exercises, progress
from course.check import check, verdict

assert course.__file__.startswith(sys.argv[1]) and environment.is_checkout(sys.argv[1]), course.__file__
step = lambda theta, g, lr: theta - lr * g
said = [verdict("00_start_here.step", f).message for f in (step, lambda theta, g, lr: theta + lr * g)]
check("00_start_here.step", step)
print(json.dumps([said, len(exercises.lessons()), str(progress.path())]))
"""


def test_checks_and_progress_work_in_it(handed_out, own_venv):
    done = python(handed_out, "-c", CHECKS, str(handed_out), program=own_venv)
    assert done.returncode == 0, done.stderr
    (right, wrong), count, path = json.loads(done.stdout.splitlines()[-1])
    mistake = exercises.find("00_start_here.step").mistakes[0]
    assert right.startswith("00_start_here.step: passed") and mistake.says in wrong and "Hint 1 of 3" in wrong
    assert count == len(LESSONS) and Path(path) == handed_out / ".progress.jsonl"
    done = python(handed_out, "-m", "course", "progress", program=own_venv)
    (handed_out / ".progress.jsonl").unlink()
    assert re.search(r"^00_start_here\.step +passed +1 of 1$", done.stdout, re.M), done.stderr
    assert sum("passed" in line for line in done.stdout.splitlines()) == 1


def test_an_exercise_runs_in_it(handed_out, files, monkeypatch):
    """As a notebook, in a kernel of its own: one right answer, one known mistake, the rest unwritten."""
    monkeypatch.setenv("PYTHONPATH", str(handed_out))
    book = nbformat.reads(files["exercises/08_adam.ipynb"].decode(), as_version=4)
    for cell in book.cells:
        cell.source = re.sub(r"^check\((.*)\)$", r"check(\1, stop=False)", cell.source)
        if cell.id == "adam-blank":
            cell.source = solution("08_adam")["adam-blank"]
        if cell.id == "eps-blank":
            cell.source = solution("08_adam")["eps-blank"].replace("eps * math", "eps / math")
    book.cells.append(new_code_cell("import course\nprint(course.__file__)"))
    notebook.run(book, handed_out / "exercises")
    shown = [output.data["text/plain"] for cell in book.cells if cell.cell_type == "code" for output in cell.outputs if "data" in output]
    assert len(shown) == 5 and shown[0] == "08_adam.adam: passed, 40 steps, 3 of 3 points"
    assert "You converted the other way" in shown[1] and all("is not written yet" in text for text in shown[2:])
    assert book.cells[-1].outputs[0].text.startswith(str(handed_out))


def test_missing_numbers_are_asked_for_where_they_came_from(handed_out, tmp_path):
    other = shutil.copytree(handed_out, tmp_path / "other", ignore=shutil.ignore_patterns(".venv"))
    (other / "exercises" / "00_start_here.json").unlink()
    code = "from course import exercises; exercises.expected(exercises.find('00_start_here.step'))"
    assert python(other, "-c", code).stderr.endswith("00_start_here.json is missing: take it from the copy you were given\n")


# The folder


def test_help_needs_no_package():
    for arguments in (["--help"], ["class", "--help"], ["nbgrader", "--help"]):
        done = python(ROOT, "-I", "-S", "course", "export", *arguments)
        assert done.returncode == 0 and ("class" in done.stdout if len(arguments) == 1 else "DIR" in done.stdout)


def a_file(path):
    path.write_text("mine")


def a_folder_with_a_file(path):
    path.mkdir()
    (path / "mine").write_text("mine")


def a_link(path):
    (path.parent / "elsewhere").mkdir()
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("make, says", [
    (a_file, "is a file"),
    (a_folder_with_a_file, "is not empty (mine is in it)"),
    (a_link, "is a link"),
    (lambda path: path.symlink_to(path.parent / "nowhere"), "is a link"),
])  # fmt: skip
@pytest.mark.parametrize("what", ["class", "nbgrader"])
def test_a_place_that_is_taken_is_refused_and_left_alone(what, make, says, tmp_path, capsys):
    make(tmp_path / "out")
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    assert export.main([what, str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert says in said and "does not exist or is empty" in said and said.count("\n") == 1
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before


def test_other_places_that_cannot_be_written_to_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for place, says in ((tmp_path / "no" / "out", "there is no folder"), (".", "in which this command runs"),
                        (ROOT / "course" / "out", "among the course's own files")):  # fmt: skip
        assert export.main(["class", str(place)]) == 2 and says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [] and not (ROOT / "course" / "out").exists()


@pytest.mark.parametrize("exists", [False, True])
def test_a_disk_that_fills_up_leaves_nothing(exists, tmp_path, monkeypatch, capsys):
    target = tmp_path / "out"
    if exists:
        target.mkdir()
    real, written = Path.write_bytes, []

    def write_bytes(self, data):
        written.append(self)
        if len(written) == 3:
            raise OSError(28, "No space left on device", str(self))
        return real(self, data)

    monkeypatch.setattr(handout, "files", lambda: dict.fromkeys("abcd", b"x"))
    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    assert export.main(["class", str(target)]) == 1 and "No space left on device" in capsys.readouterr().err
    assert len(written) == 3 and list(tmp_path.rglob("*")) == ([target] if exists else [])


def test_an_empty_folder_is_filled(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(handout, "files", lambda: {"a/b": b"x"})
    assert export.main(["class", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "a" / "b").read_bytes() == b"x" and len(list(tmp_path.iterdir())) == 1


# nbgrader


def test_an_unknown_lesson_is_refused(tmp_path, capsys):
    assert export.main(["nbgrader", str(tmp_path / "out"), "8", "08_adm"]) == 2
    said = capsys.readouterr().err
    assert "got '08_adm'" in said and "did you mean '08_adam'?" in said and list(tmp_path.iterdir()) == []


@pytest.fixture
def cheap(monkeypatch, files):
    monkeypatch.setattr(handout, "files", lambda: files)


def test_the_lessons_that_are_named_are_written_beside_the_class_copy(cheap, files):
    found = nbgrader_course.files(["8", "00", "08_adam"])
    names = ("00_start_here", "08_adam")
    assert set(found) == {"README.md", "nbgrader_config.py"} | {f"source/{x}/{x}.ipynb" for x in names} | {
        f"class/{name}" for name in files
    }
    assert list(found) == sorted(found) and nbgrader_course.files(["00", "08"]) == found
    assert "| 08_adam | 5 | 11 |" in found["README.md"].decode() and "{" not in found["README.md"].decode()
    compile(found["nbgrader_config.py"], "nbgrader_config.py", "exec")


def test_instructors_notebooks_have_what_nbgrader_asks_for(cheap):
    found = nbgrader_course.files()
    for lesson in LESSONS:
        book = nbformat.reads(found[f"source/{lesson}/{lesson}.ipynb"].decode(), as_version=4)
        marks = [cell.metadata.nbgrader for cell in book.cells if "nbgrader" in cell.metadata]
        blanks = exercises.blanks(lesson)
        assert len({mark.grade_id for mark in marks}) == len(marks)
        assert all(set(mark) - {"points"} == {"schema_version", "grade_id", "solution", "grade", "locked", "task"} for mark in marks)
        assert {mark.grade_id: mark.points for mark in marks if mark.grade} == {
            f"check_{blank.function}": blank.points for blank in blanks
        }
        solved = {cell.metadata.nbgrader.grade_id: cell.source for cell in blanks_of(book)}
        assert set(solved) == {blank.function for blank in blanks}
        assert all("# BEGIN SOLUTION" in source and "# END SOLUTION" in source for source in solved.values())
        assert not any("solution" in derive.tags(cell) or cell.get("outputs") for cell in book.cells)


def nbgrader():
    """How to start nbgrader, or None where it is not installed."""
    return shutil.which("nbgrader", path=str(Path(sys.executable).parent)) or shutil.which("nbgrader")


@pytest.mark.skipif(nbgrader() is None, reason='nbgrader is not installed: pip install -e ".[bench]" -c constraints.txt')
def test_nbgrader_generates_autogrades_and_exports(cheap, tmp_path, files):
    lesson, folder = "08_adam", tmp_path / "a course"
    export.write(folder, nbgrader_course.files([lesson]))
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COURSE", "JUPYTER"))}
    environ |= {f"JUPYTER_{x}_DIR": str(tmp_path / x) for x in ("CONFIG", "DATA", "RUNTIME")}
    environ |= {"IPYTHONDIR": str(tmp_path / "ipython"), "OMP_NUM_THREADS": "1"}

    def call(*arguments):
        done = subprocess.run([nbgrader(), *arguments], cwd=folder, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not re.search(r"ERROR|\| WARNING", done.stderr), done.stderr

    call("generate_assignment", lesson)
    released = nbformat.read(folder / "release" / lesson / f"{lesson}.ipynb", as_version=4)
    exercise = nbformat.reads(files[f"exercises/{lesson}.ipynb"].decode(), as_version=4)
    assert [cell.id for cell in released.cells] == [cell.id for cell in exercise.cells]
    for mine, theirs in zip(exercise.cells, released.cells, strict=True):
        assert re.sub(r'Error\(".* is not', 'Error("this is not', mine.source) == theirs.source

    right, wrong = copy.deepcopy(exercise), copy.deepcopy(released)  # one was solved in the class copy
    for book in (right, wrong):
        for cell in blanks_of(book):
            cell.source = solution(lesson)[cell.id]
    first = blanks_of(wrong)[0]
    first.source = first.source.replace("beta2**t", "beta2")
    assert first.source != blanks_of(right)[0].source
    for learner, book in {"right": right, "wrong": wrong, "unwritten": released}.items():
        path = folder / "submitted" / learner / lesson / f"{lesson}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(book, path)
    call("autograde", lesson)
    call("export")
    rows = [line.split(",") for line in (folder / "grades.csv").read_text().splitlines()]
    scores = {row[rows[0].index("student_id")]: float(row[rows[0].index("score")]) for row in rows[1:]}
    points = [blank.points for blank in exercises.blanks(lesson)]
    assert scores == {"right": sum(points), "wrong": sum(points[1:]), "unwritten": 0}
    assert {float(row[rows[0].index("max_score")]) for row in rows[1:]} == {sum(points)}
    assert not list(folder.rglob(".progress.jsonl"))
