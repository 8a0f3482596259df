"""JUnit XML, as CI systems read it: a suite for each submission, a case for each blank."""

from xml.etree import ElementTree as ET

from course.grading.model import FAILED, PASSED, UNWRITTEN
from course.grading.reports.text import clean, lines

_FAILURES = (FAILED, UNWRITTEN)  # the answer is wrong or missing; all else is an error of the code that ran


def junit(results):
    """The bytes of junit.xml for the Results, in their order.

    No times are kept, so that the same Results give the same bytes: each case says time="0".
    """
    root = ET.Element("testsuites", name="grading")
    sums = [0, 0, 0]
    for result in results:
        suite = ET.SubElement(
            root, "testsuite", name=f"{clean(result.lesson or 'unknown lesson')}: {clean(result.learner)}"
        )
        numbers = [max(1, len(result.marks)), 0, 0]
        for mark in result.marks:
            numbers[1] += mark.status in _FAILURES
            numbers[2] += mark.status not in (PASSED, *_FAILURES)
            _case(suite, result, mark)
        if not result.marks:
            case = ET.SubElement(suite, "testcase", classname=clean(result.lesson), name="the notebook", time="0")
            if result.problem:
                numbers[2] += 1
                ET.SubElement(case, "error", type="unread", message=clean(result.problem))
        for name, number in zip(("tests", "failures", "errors"), numbers, strict=True):
            suite.set(name, str(number))
        suite.set("time", "0")
        sums = [a + b for a, b in zip(sums, numbers, strict=True)]
    for name, number in zip(("tests", "failures", "errors"), sums, strict=True):
        root.set(name, str(number))
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _case(suite, result, mark):
    lesson, _, function = mark.blank.rpartition(".")
    case = ET.SubElement(suite, "testcase", classname=clean(lesson or result.lesson), name=clean(function), time="0")
    if mark.status == PASSED:
        return
    said = lines((*mark.lines, *([f"Hint: {mark.hint}"] if mark.hint else [])))
    kind = "failure" if mark.status in _FAILURES else "error"
    said = said or lines((result.problem,)) or [mark.status]
    inner = ET.SubElement(case, kind, type=clean(mark.mistake or mark.status), message=said[0])
    inner.text = "\n".join(said)
