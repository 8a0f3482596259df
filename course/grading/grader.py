"""One submission to its Result: what a worker does."""

import hashlib

from course import exercises
from course.grading import judge
from course.grading.answers import answers, first
from course.grading.model import PASSED, UNREAD, Mark, Result
from course.grading.runner import Outcome, Runner


class Grader:
    """Grades submissions one after the other. secret: bytes; solutions: the folder with the solutions.

    The learner's code runs in `self.runner`, a sandbox; the secret and the solutions stay here.
    """

    def __init__(self, secret, tier="auto", solutions=None):
        self.secret, self.solutions = secret, solutions
        self.runner, self.references = Runner(tier), {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.runner.close()

    def reference(self, lesson):
        """The Reference of a lesson; its set-up cells are now known to the sandbox."""
        if lesson not in self.references:
            found = judge.reference(lesson, self.solutions)
            self.runner.lesson(lesson, found.setup)
            self.references[lesson] = found
        return self.references[lesson]

    def grade(self, submission):
        """The Result of a Submission."""
        if submission.problem:
            return unread(submission, submission.problem)
        lesson = self.reference(submission.lesson)
        found = answers(submission.data, submission.lesson, lesson.handed_out)
        if found.problem:
            return unread(submission, found.problem, found)
        asked = [judge.ask(lesson, blank, submission.learner, self.secret) for blank in lesson.blanks]

        passed = {}

        def right(index, outcome):
            mark = judge.mark(asked[index], outcome)
            if mark.status == PASSED:
                passed[index] = mark
            return index in passed

        questions = [one.question for one in asked]
        outcomes, broken = self.runner.run(submission.lesson, found.cells, questions, right)
        marks = tuple(
            passed.get(i) or judge.mark(one, self._blame(one, outcome, found.cells, broken))
            for i, (one, outcome) in enumerate(zip(asked, outcomes, strict=True))
        )
        digest = hashlib.sha256(submission.data).hexdigest()
        notes = (*found.notes, *first(list(self._notes(found.cells, broken))))
        return Result(submission.learner, submission.lesson, submission.source, digest, marks, notes, found.flags,
                      sandbox=self.runner.tier, platform_id=submission.platform_id)  # fmt: skip

    @staticmethod
    def _blame(asked, outcome, cells, broken):
        """A function that is missing or unwritten because its cell failed is told what failed."""
        if outcome.kind in ("missing", "unwritten"):
            for stage, cell in enumerate(cells):
                if cell.blank == asked.blank.function and stage in broken:
                    return Outcome(broken[stage].kind, text=broken[stage].text, cell=stage)
        return outcome

    @staticmethod
    def _notes(cells, broken):
        for stage, outcome in sorted(broken.items()):
            if not cells[stage].blank:
                what = {"timeout": "took too long", "crashed": "ended the whole process"}.get(outcome.kind)
                first = next((line for line in cells[stage].source.splitlines() if line.strip()), "")[:60]
                says = f"and was left out: it {what}" if what else f"raised {outcome.text}"
                yield f"The cell that you added and that begins with {first!r} {says}."


def unread(submission, problem, found=None):
    """The Result of a submission that holds nothing to run, and why."""
    known = exercises.lessons().get(submission.lesson, ())
    marks = tuple(Mark(blank.name, UNREAD, 0, blank.points) for blank in known)
    digest = hashlib.sha256(submission.data).hexdigest() if submission.data else ""
    notes, flags = (found.notes, found.flags) if found else ((), ())
    return Result(submission.learner, submission.lesson, submission.source, digest, marks, notes, flags, problem,
                  platform_id=submission.platform_id)  # fmt: skip
