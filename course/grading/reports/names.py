"""A learner's name as a file's name: safe on every system, and no two learners' the same."""

import hashlib
import re
import unicodedata

LONGEST = 80  # bytes of the readable part; file systems take 255 for the whole name
_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,60}[a-z0-9])?")
_DIGEST = re.compile(r"-[0-9a-f]{16}$")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin|conout|clock|com[0-9]|lpt[0-9])(?:\..*)?")  # Windows' devices


def file_name(learner):
    """The stem of a learner's files, from the learner's name alone: whoever else is in the class, it stays.

    A plain name ("jdoe", "anna.b-2") is its own stem. Any other keeps its letters and digits and gets 16
    hexadecimal digits of its SHA-256, so that names which differ only in case, in accents or in characters
    that a file name cannot hold stay apart, also on disks that take A for a.
    """
    if _PLAIN.fullmatch(learner) and not _DIGEST.search(learner) and not _RESERVED.fullmatch(learner):
        return learner
    digest = hashlib.sha256(learner.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    readable = unicodedata.normalize("NFC", learner[:200])
    readable = re.sub(r"_+", "_", "".join(x if x.isalnum() else "_" for x in readable)).strip("_")
    readable = readable.encode()[:LONGEST].decode(errors="ignore")
    return f"{readable or 'learner'}-{digest}"
