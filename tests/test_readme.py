"""README and lessons: links lead somewhere, counts are right, the code runs, nothing names what it must not."""

import re
import subprocess
import sys
import tomllib

import pytest

from course import __main__ as commands
from course import exercises
from course.authoring import notebook

ROOT = notebook.ROOT
README = (ROOT / "README.md").read_text(encoding="utf-8")
BOOKS = [path for folder in ("notebooks", "solutions", "exercises") for path in sorted((ROOT / folder).glob("*.ipynb"))]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)\)")


def test_every_link_of_the_readme_leads_somewhere():
    links = LINK.findall(README)
    assert len(links) > 8 and [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_link_of_a_notebook_leads_somewhere(path):
    text = "\n".join(cell.source for cell in notebook.read(path).cells if cell.cell_type == "markdown")
    assert [link for link in LINK.findall(text) if not (path.parent / link).exists()] == []


def test_the_table_lists_every_lesson_with_its_blanks():
    for lesson, blanks in exercises.lessons().items():
        assert f"(notebooks/{lesson}.ipynb)" in README
        assert f"[{len(blanks)} blanks](exercises/{lesson}.ipynb)" in README


def test_the_minutes_of_the_table_are_those_of_the_lessons():
    for row in re.findall(r"^\| \[\d\d .*$", README, re.MULTILINE):
        stem = re.search(r"notebooks/(\w+)\.ipynb", row)[1]
        lesson, exercise = re.search(r"(\d+) \+ (\d+) \|$", row).groups()
        title = notebook.read(ROOT / "notebooks" / f"{stem}.ipynb").cells[0].source
        assert f"Minutes: {lesson} for the lesson, {exercise} for the exercise" in title, stem


def test_the_commands_it_names_exist():
    named = set(re.findall(r"python3 -m course (\w+)", README))
    assert {"lab", "test", "progress", "build"} <= named <= {name for name, _, _ in commands.COMMANDS}


def test_its_code_runs():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    shapes = re.findall(r"# (\([\d, ]+\))", code)
    code += f"\nassert (path.shape, ends.shape) == ({', '.join(shapes)})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_every_dependency_says_why():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    needs = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    for need in needs:
        assert re.search(rf'^\s+"{re.escape(need)}",\s+# \w', text, re.MULTILINE), need


def test_constraints_pin_every_dependency():
    pins = {re.split(r"==", line)[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    assert {re.match(r"[\w-]+", need)[0] for need in needs} <= pins
