"""The convention atlas: what torch, Keras, Optax, the papers and the textbooks mean by the same name.

`entry.py` says what a section of the page is made of and computes its numbers; `conventions.py` holds the
forms that are no rule of the course; `momentum.py`, `adagrad.py`, `adam.py`, `nadam.py` and `matrix.py` are
the sections, and `page.py` writes the page.
"""

from course.authoring.atlas.page import ENTRIES, PAGE, build, text

__all__ = ["ENTRIES", "PAGE", "build", "text"]
