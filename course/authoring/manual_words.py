"""Makes course/data/manual_words.txt, the counts of `course.data.manual_words`, from Python's own manual.

The manual that `help()` shows changes with every version of Python, so the counts are stored and not made
anew. Under the Python whose manual it was, 3.11.7,

    python -m course.authoring.manual_words            makes the file again
    python -m course.authoring.manual_words --check    writes nothing, fails where it would change
"""

import argparse
import collections
import hashlib
import re

from course.authoring import notebook
from course.data.words import DATA_MODEL, FOLDER

FILE = FOLDER / "manual_words.txt"
MANUAL = "6061bdb5"  # the first digits of the SHA-256 of the manual in Python 3.11.7
SYNTAX = (
    "assert assignment atom-identifiers atom-literals attribute-references augassign await binary bitwise booleans "
    "break calls comparisons compound continue conversions del dict exprlists global import lambda lists nonlocal "
    "operator-summary pass power raise return shifting slicings subscriptions unary yield"
).split()
WORD = re.compile(r"_*[a-z][a-z_]+")  # `the`, `__dict__`, `io`
LEAST_WORDS = 10  # shorter paragraphs are headings, links and lines of grammar

HEAD = """\
# Word counts of {paragraphs} paragraphs of Python's manual (the topics of help() in Python 3.11.7).
# The manual is copyright (c) 2001-2023 Python Software Foundation; all rights reserved. See LICENSE.
# The first line below lists the words, number 0 first. Each further line is a paragraph: the topic it comes
# from, then the number of each of its words, with *COUNT where it stands there more than once.
# Made by course/authoring/manual_words.py, read by course/data/words.py.
"""


def manual():
    """The topics of this Python's manual, {topic: text}. Raises RuntimeError where it is not that of 3.11.7."""
    from pydoc_data.topics import topics

    seen = hashlib.sha256(repr(sorted(topics.items())).encode()).hexdigest()
    if not seen.startswith(MANUAL):
        raise RuntimeError(f"the manual of this Python has the SHA-256 {seen[:8]}..., expected {MANUAL}...: "
                           "the file can only be made from that of Python 3.11.7")
    return topics


def paragraphs(topics):
    """{paragraph: the topic where it stands first}; none that stands among both labels, none that is short."""
    found, labels = {}, collections.defaultdict(set)
    for label, names in enumerate((SYNTAX, DATA_MODEL)):
        for name in names:
            for paragraph in topics[name].split("\n\n"):
                text = " ".join(paragraph.lower().split())
                if len(WORD.findall(text)) >= LEAST_WORDS:
                    found.setdefault(text, name)
                    labels[text].add(label)
    return {text: name for text, name in found.items() if len(labels[text]) == 1}


def text(topics):
    """What the file holds for a manual, {topic: text}."""
    chosen = paragraphs(topics)
    bags = [collections.Counter(WORD.findall(paragraph)) for paragraph in chosen]
    words = sorted(set().union(*bags))
    number = {word: str(i) for i, word in enumerate(words)}
    rows = (
        " ".join([topic, *(number[word] + f"*{bag[word]}" * (bag[word] > 1) for word in sorted(bag))])
        for topic, bag in zip(chosen.values(), bags, strict=True)
    )
    return HEAD.format(paragraphs=len(chosen)) + "\n".join([" ".join(words), *rows]) + "\n"


def main(argv=None):
    """Exit status 0 when all is well, 1 where --check finds that the file would change."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail where the file would change")
    options = parser.parse_args(argv)
    content = text(manual())
    if options.check:
        drifted = FILE.read_bytes() != content.encode()
        print(f"{FILE.name} {'has drifted' if drifted else 'has not drifted'}")
        return int(drifted)
    print(f"{'wrote' if notebook.write(FILE, content) else 'unchanged'} {FILE.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
