"""Text of unknown origin, made fit to be shown: a learner's name, an exception's message, a path."""

import re
import unicodedata

from markupsafe import Markup, escape

LONGEST = 1000  # characters of one line; a message of the check needs 500 at most
MOST_LINES = 40  # of one list of lines

_ANSI = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-B]")
_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})"
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_JOINERS = "\u200c\u200d"  # Persian and Hindi are written with them, and so are many emoji


def clean(text, limit=LONGEST):
    """One line that any reader can show: str, UTF-8 and XML 1.0 can hold it, nothing in it acts on a terminal.

    Terminal colors are taken out. Control characters, marks that turn the direction of writing, invisible
    characters and halves of characters show as escapes such as \\x00 and \\u202e. Of more than four accents
    on one letter, four stay. What is longer than `limit` characters is cut, and says so.
    """
    text = str(text)
    left_out = len(text) - limit
    text = text[:limit]
    if not text.isprintable():
        text = "".join(map(_visible, _ANSI.sub("", text)))
    if not text.isascii():
        text = _MARKS.sub(r"\1", text)
    return text if left_out <= 0 else f"{text} ... ({left_out:,} more characters left out)"


def _visible(character):
    if character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs":
        return character
    code = ord(character)
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(
        character, f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )


def lines(texts, limit=LONGEST, most=MOST_LINES):
    """The lines of several texts, each clean, empty ones left out; after `most` of them one that counts the rest."""
    found = [line.rstrip() for text in texts for line in str(text).splitlines() if line.strip()]
    shown, left_out = [clean(line, limit) for line in found[:most]], len(found) - most
    return shown if left_out <= 0 else [*shown, f"... ({count(left_out, 'more line')} left out)"]


def marked(text):
    """A clean text as HTML: escaped, what stands between two backticks in code type."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # the last backtick has no partner
        parts[-2:] = ["`".join(parts[-2:])]
    return Markup("").join(Markup("<code>%s</code>") % part if i % 2 else escape(part) for i, part in enumerate(parts))


def title(lesson):
    """A lesson's stem as a heading: "08_adam" as "08 Adam"; a placeholder where the lesson is not known."""
    number, _, words = clean(lesson, 100).partition("_")
    words = words.replace("_", " ")
    return f"{number} {words[:1].upper()}{words[1:]}".strip() or "Lesson not recognized"


def count(number, one, many=None):
    """A number with its noun: "1 learner", "10,000 learners"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
