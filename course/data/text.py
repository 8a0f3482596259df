"""Text, one character at a time."""

import functools
import hashlib
from itertools import pairwise
from pathlib import Path

import torch

from course.data.splits import SHARES, Data, Split
from course.inputs import check_count, wrong

# SHA-256 of the manual -> the Python whose help() shows it. Another Python has another text: a number that
# a lesson measured on one of them is not the number of the next.
KNOWN = {
    "2a95af4ac93f5b719944030ce3769070ddf827d847cba42192afa8da989e5dc4": "3.11.7",
    "b5bb57d637a700f50d8c7309e7340f40a333fdf2cba89d3f1da81c1b74ee8952": "3.12.1",
    "4b7ff11aae42ee979a50edb5d279a88ae9d80d7216e9ba99add988136ded5fb2": "3.13.0",
}


def text(source="manual", *, length=64):
    """The manual inside Python: 465,000 characters on its syntax and data model, cut into windows.

    x: int64 (n, length), the numbers of the characters. y: int64 (n, length), the next character at each
    place. classes[k] is character k. The first 60 % of the text are train, then 20 % validation, then
    20 % test, so no x reaches into two parts (the last y of a part is the next one's first character); whole
    topics of the test part were never seen.
    source: "manual", the topics of help() in alphabetical order, or "file:PATH", any text in UTF-8.
    length: of a window, characters >= 1.
    `digest` is the SHA-256 of the text: the manual is not the same in every Python (see KNOWN).
    Raises ValueError for a bad source or a text that is too short, OSError for a file that cannot be read;
    the message names "manual".
    Source: pydoc_data.topics of the standard library, from "The Python Language Reference" (PSF licence).
    """
    if not isinstance(source, str):
        raise wrong("source", source, "'manual', or 'file:PATH'", TypeError)
    characters, origin = _read(source)  # each time: a file may have changed
    return _windows(source, characters, origin, check_count("length", length, 1)).copy()


@functools.lru_cache(maxsize=4)
def _windows(source, characters, origin, length):
    classes = tuple(sorted(set(characters)))
    number = {character: i for i, character in enumerate(classes)}
    codes = torch.tensor([number[character] for character in characters], dtype=torch.int64)
    windows = (len(codes) - 1) // length
    counts = [int(share * windows) for share in SHARES]
    if min(counts) < 1:
        raise wrong("source", source, f"at least {5 * length + 1} characters for windows of {length}; it has {len(codes)}")
    ends = [sum(counts[:k]) * length for k in range(4)]
    splits = [
        Split(codes[a:b].view(-1, length), codes[a + 1 : b + 1].view(-1, length))
        for a, b in pairwise(ends)
    ]
    digest = hashlib.sha256(characters.encode("utf-8", "surrogatepass")).hexdigest()
    return Data(source, *splits, classes=classes, source=origin, digest=digest)


def _read(source):
    kind, _, path = source.partition(":")
    if source == "manual":
        try:
            from pydoc_data.topics import topics
        except ImportError:  # some systems cut it out
            raise OSError(f"source: got {source!r}, but this Python comes without its manual; "
                          "'file:PATH' reads any text") from None
        return "\n".join(topics[name] for name in sorted(topics)), "Python's standard library, pydoc_data.topics"
    if kind != "file" or not path:
        raise wrong("source", source, "'manual', or 'file:PATH'")
    try:
        return Path(path).read_text(encoding="utf-8-sig"), path  # without the mark that editors of Windows put first
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path with a zero character
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8" if isinstance(
            error, UnicodeDecodeError) else str(error)
        raise OSError(f"source: got {source!r}, which cannot be read ({reason}); 'manual' is always there") from None
