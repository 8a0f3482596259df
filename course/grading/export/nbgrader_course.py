"""A course folder for nbgrader: the instructor's notebooks, the settings, and the class copy for its kernels."""

from course import exercises
from course.authoring import derive, notebook
from course.grading.export import Refused, handout
from course.inputs import unknown

CONFIG = '''"""Settings of nbgrader for this folder. Start nbgrader here: it reads this file."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent

c = get_config()  # noqa: F821  nbgrader provides it
c.CourseDirectory.root = str(HERE)
c.CourseDirectory.course_id = "optimization_course"
c.ExecutePreprocessor.kernel_name = "python3"
c.Execute.timeout = 120  # seconds for one cell; a check stops its function after 10
c.ClearSolutions.begin_solution_delimeter = "# BEGIN SOLUTION"
c.ClearSolutions.end_solution_delimeter = "# END SOLUTION"
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("this is not written yet")'}

# What the kernels inherit: the course is imported from class/, and nothing counts as a learner's progress.
os.environ["PYTHONPATH"] = str(HERE / "class")
os.environ["COURSE_PROGRESS"] = "0"
os.environ["COURSE_DEVICE"] = "cpu"
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a warning on stderr would cost the points of a check
for name in ("OMP", "MKL", "OPENBLAS"):
    os.environ[name + "_NUM_THREADS"] = "1"
'''

README = """# Grading with nbgrader

`source/` holds the solutions: this folder is for lecturers. `class/` is the copy of the course for learners; give it
to them, and leave it here too, since nbgrader's kernels import the course from it (`nbgrader_config.py` says so).

Once, in an environment of its own:

    python3 -m venv .venv
    . .venv/bin/activate                                # Windows: .venv\\Scripts\\activate
    pip install -e "class[bench]" -c class/constraints.txt

Then, in this folder, for each lesson:

    nbgrader generate_assignment {lesson}               # writes release/{lesson}/, for the learners
    nbgrader autograde {lesson}                         # runs submitted/LEARNER/{lesson}/{lesson}.ipynb
    nbgrader generate_feedback {lesson}
    nbgrader export                                     # writes grades.csv

An exercise that was solved in the class copy can be handed in as well: it has the same cells and grade ids.

A check that passes gives all points of its blank, one that does not gives none. nbgrader runs what a learner wrote
in the process that reaches the verdict, with your rights: it is no protection against a forger.

| lesson | blanks | points |
|---|---|---|
{table}
"""


def files(names=()):
    """The files of the folder, {path with slashes: bytes}, sorted. names: lessons such as "08"; none: all.

    Raises Refused for a lesson that does not exist, and where the class copy is refused.
    """
    lessons = [_lesson(name) for name in names] or list(exercises.lessons())
    lessons = sorted(set(lessons))
    found = {f"class/{name}": data for name, data in handout.files().items()}
    for lesson in lessons:
        found[f"source/{lesson}/{lesson}.ipynb"] = notebook.text(instructors(lesson)).encode()
    found["nbgrader_config.py"] = CONFIG.encode()
    found["README.md"] = README.format(lesson=lessons[0], table="\n".join(map(_row, lessons))).encode()
    return dict(sorted(found.items()))


def instructors(lesson):
    """The notebook that nbgrader makes the exercise from: answers between their marks, no cell for authors only."""
    book = handout.solved(lesson)
    book.cells = [cell for cell in book.cells if "solution" not in derive.tags(cell)]
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook.normalize(book, f"exercises/{lesson}")


def _row(lesson):
    blanks = exercises.blanks(lesson)
    return f"| {lesson} | {len(blanks)} | {sum(blank.points for blank in blanks)} |"


def _lesson(name):
    """The stem of a lesson from "08", "8" or "08_adam"."""
    for stem in exercises.lessons():
        if name in (stem, stem.partition("_")[0]) or (name.isdigit() and name.zfill(2) == stem.partition("_")[0]):
            return stem
    raise Refused(str(unknown("lesson", name, list(exercises.lessons()))), status=2)
