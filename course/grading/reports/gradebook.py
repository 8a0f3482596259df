"""nbgrader's gradebook, filled through nbgrader's own API."""

import os
import sysconfig
import warnings

from course.grading.reports.summary import best
from course.grading.reports.text import clean, lines


def into_gradebook(results, url):
    """Enters the points of Results in nbgrader's gradebook, such as "sqlite:///gradebook.db". Returns how many.

    A lesson is an assignment with one notebook of the same name; the points of a blank go to its check cell,
    check_FUNCTION, and what is said to the learner to the comment of its answer, FUNCTION, as in the cells'
    metadata. What is missing is created. Entering again replaces what was entered; scores and comments that a
    person gave stay. A submission with a problem or a flag, and a score that a person changed, is listed for
    manual grading. Of several submissions the best counts; one whose lesson is not known is left out.

    Raises ImportError where nbgrader is not installed, ValueError where the database cannot be opened, or where
    its notebook has submissions and lacks a blank's cells.
    """
    entered = 0
    with _open(url) as gradebook, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Object of type .* not in session")  # of nbgrader's own making
        for lesson, of_lesson in best(results).items():
            if lesson:
                _structure(gradebook, lesson, of_lesson.values())
                for learner, result in sorted(of_lesson.items()):
                    _enter(gradebook, lesson, clean(learner), result)
                    entered += 1
    return entered


def refuse(url):
    """Raises as `into_gradebook` would where nbgrader or the gradebook cannot be had, before a class is graded."""
    _open(url).close()


def _open(url):
    """The gradebook, made where it is missing: for that nbgrader starts `alembic`, which lies beside Python."""
    try:
        from nbgrader.api import Gradebook
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:
        raise ImportError("the gradebook needs nbgrader, which is not installed: pip install nbgrader") from None
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), before])
    try:
        return Gradebook(url)
    except SQLAlchemyError as error:
        expected = "expected a database that can be written, such as sqlite:///gradebook.db"
        raise ValueError(f"the gradebook {url} cannot be opened ({lines([error])[0]}); {expected}") from None
    finally:
        os.environ["PATH"] = before


def _structure(gradebook, lesson, results):
    """The assignment, its notebook and the cells of its blanks, where they are not there yet."""
    from nbgrader.api import MissingEntry

    gradebook.update_or_create_assignment(lesson)
    notebook = gradebook.update_or_create_notebook(lesson, lesson)
    blanks = {mark.blank: mark.out_of for result in results for mark in result.marks}
    for blank, out_of in blanks.items():
        function = blank.rpartition(".")[2]
        try:
            gradebook.find_grade_cell(f"check_{function}", lesson, lesson)
            gradebook.find_solution_cell(function, lesson, lesson)
        except MissingEntry:
            if notebook.submissions:
                raise ValueError(
                    f"the gradebook's notebook {lesson} has submissions and no cells {function} and check_{function}; "
                    "expected the notebook of this course, or one without submissions"
                ) from None
            gradebook.update_or_create_grade_cell(
                f"check_{function}", lesson, lesson, max_score=float(out_of), cell_type="code"
            )
            gradebook.update_or_create_solution_cell(function, lesson, lesson)


def _enter(gradebook, lesson, learner, result):
    gradebook.update_or_create_student(learner)
    gradebook.update_or_create_submission(lesson, learner)
    look = bool(result.problem or result.flags)
    said = lines((result.problem, *result.notes))
    for mark in result.marks:
        function = mark.blank.rpartition(".")[2]
        grade = gradebook.find_grade(f"check_{function}", lesson, lesson, learner)
        grade.auto_score = float(mark.points)
        grade.needs_manual_grade = look or grade.manual_score is not None
        comment = gradebook.find_comment(function, lesson, lesson, learner)
        hint = [f"Hint: {mark.hint}"] if mark.hint else []
        comment.auto_comment = "\n".join([*lines((*mark.lines, *hint)), *said]) or None
        said = []  # once, with the first blank
    gradebook.db.commit()
