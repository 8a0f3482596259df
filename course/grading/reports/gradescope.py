"""Gradescope's results.json: what an autograder there hands back for one submission."""

import json

from course.grading.model import PASSED
from course.grading.reports.text import clean, lines, title

VISIBILITIES = ("visible", "after_due_date", "after_published", "hidden")


def gradescope(results, visibility="visible"):
    """The bytes of results.json for the Results of one learner, a test for each blank.

    The score is the sum of the points. Every text is plain ("text"): Gradescope shows it as it is. What
    was printed while grading stays hidden.
    visibility: when the learner sees the tests; one of VISIBILITIES
    """
    tests = [
        {
            "name": clean(mark.blank),
            "number": f"{i}.{k}",
            "score": mark.points,
            "max_score": mark.out_of,
            "status": "passed" if mark.status == PASSED else "failed",
            "output": "\n".join(lines((*mark.lines, *([f"Hint: {mark.hint}"] if mark.hint else [])))),
            "output_format": "text",
            "visibility": visibility,
        }
        for i, result in enumerate(results, 1)
        for k, mark in enumerate(result.marks, 1)
    ]
    said = [
        f"{title(result.lesson)}: {line}" if len(results) > 1 else line
        for result in results
        for line in lines((result.problem, *result.notes))
    ]
    report = {
        "score": sum(result.points for result in results),
        "output": "\n".join(said),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    return (json.dumps(report, ensure_ascii=False) + "\n").encode()
