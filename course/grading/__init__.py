"""Grading: submissions -> verdicts that cannot be forged -> reports.

A learner's code runs in a sandboxed process that returns plain numbers for hidden inputs. What they are
worth is decided outside of it.
"""
