"""Reports: Results -> files for the lecturer, the learners, the learning platforms and CI.

`write(results, out, options)` writes into the folder `out`:

    report.html            for the lecturer: the class at a glance, of bounded size
    grades.csv             a row for each submission: what a lecturer opens in a spreadsheet
    blanks.csv             a row for each blank of each submission
    mistakes.csv           how often each known mistake was made
    attention.csv          the submissions that need a person's eye, all of them
    ignored.csv            what was found among the submissions and passed over, and why
    feedback/NAME.html     one page for each learner
    gradescope/NAME.json   Gradescope's results.json, one for each learner
    junit.xml              for CI systems
    canvas.csv             by option: Canvas' gradebook, to be imported
    moodle/LESSON.csv      by option: Moodle's grading worksheet, to be uploaded

`into_gradebook(results, url)` enters the points in nbgrader's gradebook.

The same Results give the same bytes, in whatever order they come.
"""

from course.grading.reports import gradebook
from course.grading.reports.gradebook import into_gradebook
from course.grading.reports.names import file_name
from course.grading.reports.write import Options, Written, check, write

__all__ = ["Options", "Written", "check", "file_name", "gradebook", "into_gradebook", "write"]
