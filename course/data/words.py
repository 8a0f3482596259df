"""Word counts of a real text, the same on every machine, in arrays that cannot be written to."""

import functools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
DATA_MODEL = ("objects", "specialnames", "types")  # the topics whose paragraphs have the label 1


@dataclass(frozen=True, eq=False)
class Words:
    """How often which word stands in which paragraph. Nothing here has a unit.

    counts  (paragraphs, words), float64: whole numbers, most of them 0
    labels  (paragraphs,), float64: 1 or -1
    words   (words,): what each column of counts counts, in alphabetical order
    topics  (paragraphs,): the part of the text that a paragraph comes from

    The arrays are read-only.
    """

    counts: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    words: tuple[str, ...] = field(repr=False)
    topics: tuple[str, ...] = field(repr=False)


@functools.cache
def manual_words(path=FOLDER / "manual_words.txt"):
    """The words in 829 paragraphs of Python's manual: 338 on the data model, 491 on syntax.

    A paragraph has the label 1 where it explains the data model (objects, types, special methods) and
    -1 where it explains expressions or statements. counts is (829, 2480); 1 % of it is not 0, and 1006
    of the words stand in one paragraph only. A word is a run of two or more letters and underscores, in
    small letters, such as `the` or `__dict__`.

    path: another file of this form, str or Path. Raises FileNotFoundError where it is missing, and
    ValueError with the line where it is damaged.
    Source: the topics of `help()` in Python 3.11.7, from "The Python Language Reference", copyright the
    Python Software Foundation; how they became counts: `course/authoring/manual_words.py`.
    """
    lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    if len(lines) < 2:
        raise ValueError(f"{path}: got {len(lines)} lines, expected one of words, then one for each paragraph")
    words, rows = tuple(lines[0].split()), lines[1:]
    counts, topics = np.zeros((len(rows), len(words))), []
    for i, row in enumerate(rows):
        topic, *entries = row.split()
        topics.append(topic)
        for entry in entries:
            word, _, count = entry.partition("*")
            if not (word.isdecimal() and int(word) < len(words) and (count or "1").isdecimal()):
                raise ValueError(f"{path}, paragraph {i + 1}: got {entry!r}, expected WORD or WORD*COUNT, "
                                 f"with the number of a word below {len(words)}")
            counts[i, int(word)] = int(count or 1)
    labels = np.where(np.isin(topics, DATA_MODEL), 1.0, -1.0)
    counts.flags.writeable = labels.flags.writeable = False
    return Words(counts, labels, words, tuple(topics))
