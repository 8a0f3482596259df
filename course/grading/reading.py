"""A notebook's cells, from bytes that nobody has looked at: the sources only, outputs are never decoded."""

import json
import re
from dataclasses import dataclass

MAX_BYTES = 256 * 2**20  # learners print a lot; a file of this size is read in about 3 s
MAX_SLIM = 32 * 2**20  # without the outputs; as Python's objects it takes up to 30 times that
MAX_DEPTH = 200  # brackets within brackets; charts in outputs reach about 30

# Strings (several with commas between them count as one) and brackets. A string that never closes runs to the end.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+'
_TOKEN = re.compile(_STRING + rb"(?:\s*+,\s*+" + _STRING + rb")*+|[\[\]{}]", re.DOTALL)
_LARGE = (b'"outputs"', b'"attachments"', b'"widgets"')
_CONFLICT = re.compile(rb"^(<{7}|={7}|>{7})( |\r?$)", re.MULTILINE)
_PYTHON = re.compile(r"i?python\d*(\.\d+)*|py|cpython|pypy|xpython|pyodide|micropython", re.IGNORECASE)
TOO_LARGE = "Clear the outputs (Edit > Clear Outputs of All Cells), save, and hand it in again."
_EXPECTED = "expected a Jupyter notebook: the exercise's .ipynb file as Jupyter saves it"


class Unreadable(Exception):
    """Bytes that are no notebook: the message says what was seen and expected, in words to the learner."""


@dataclass(frozen=True)
class PageCell:
    """One cell. number: its place on the page, from 1. kind: "code", "markdown", "raw" or what the file says."""

    number: int
    kind: str
    source: str
    id: str = ""
    grade_id: str = ""


@dataclass(frozen=True)
class Page:
    """A notebook's cells, and the language that it is set to where that is not Python, else ""."""

    cells: tuple[PageCell, ...]
    language: str = ""


def read(data):
    """The Page that a file's bytes hold, of nbformat 2 to 4. Raises Unreadable."""
    if len(data) > MAX_BYTES:
        raise Unreadable(
            f"The file has {len(data) / 2**20:.0f} MB; expected at most {MAX_BYTES // 2**20} MB. {TOO_LARGE}"
        )
    _check_kind(data)
    data = _as_utf8(data)
    slim, foreign = _without_outputs(data), None
    if len(slim) > MAX_SLIM:
        seen = f"{len(slim) / 2**20:.0f} MB besides its outputs"
        raise Unreadable(f"The file has {seen}; expected at most {MAX_SLIM // 2**20} MB. Take large pictures out of the text.")
    try:
        text = slim.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        text, foreign = slim.decode(_guessed(slim), "replace"), error
    try:
        book = json.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(_why(data, foreign or error)) from None
    if foreign and not (isinstance(book, dict) and "nbformat" in book):
        raise Unreadable(_why(data, foreign))
    if not isinstance(book, dict):
        raise Unreadable(f"The file holds JSON, but no notebook (a {type(book).__name__}); {_EXPECTED}.")
    found = book.get("cells")
    if not isinstance(found, list):
        sheets = book.get("worksheets")  # nbformat 2 and 3
        sheets = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if isinstance(sheets, list) else []
        if not sheets:
            raise Unreadable(f'The file holds JSON, but no notebook (it has no "cells"); {_EXPECTED}.')
        found = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
    cells = (_cell(number, cell) for number, cell in enumerate(found, 1) if isinstance(cell, dict) and cell)
    cells = tuple(cell for cell in cells if cell.source)
    return Page(cells, _foreign_language(book, found))


def _check_kind(data):
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not data.strip(b"\xef\xbb\xbf \t\r\n\0"):
        raise Unreadable(f"The file is empty; {_EXPECTED}. Save it in Jupyter, look at its size, and hand it in again.")
    if start[:1] == b"<" and re.match(rb"<(!doctype|html|\?xml)", start, re.IGNORECASE):
        raise Unreadable(f"The file is a web page; {_EXPECTED}. Use File > Download, not the browser's Save Page.")
    for magic, what in ((b"PK\x03\x04", "a zip archive"), (b"%PDF", "a PDF"), (b"\x1f\x8b", "a gzip archive")):
        if start.startswith(magic):
            raise Unreadable(f"The file is {what} under a notebook's name; {_EXPECTED}.")


def _as_utf8(data):
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    encoding = json.detect_encoding(data)
    if encoding in ("utf-8", "utf-8-sig"):
        return data
    try:
        return data.decode(encoding).encode("utf-8", "replace")  # PowerShell writes UTF-16
    except UnicodeDecodeError:
        raise Unreadable(f"The file is binary, not text; {_EXPECTED}.") from None


def _guessed(data):
    """The encoding of a notebook that is not all UTF-8: that with bytes lost, or what Windows calls ANSI."""
    return "utf-8" if re.search(rb"[\xc3-\xf4][\x80-\xbf]", data) else "cp1252"


def _without_outputs(data):
    """The JSON with outputs, attachments and widgets' state emptied, which may be most of it.

    Raises Unreadable where brackets are nested too deep.
    """
    kept, done = [], 0  # what is kept of data[:done]
    depth, skipped = 0, None  # skipped: the depth at which an emptied value began
    for token in _TOKEN.finditer(data):
        start, end = token.span()
        if data[start] in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Unreadable(f"The file holds more than {MAX_DEPTH} brackets within brackets; {_EXPECTED}.")
        elif data[start] in b"]}":
            depth -= 1
            if depth == skipped:
                kept.append(b"null")
                done, skipped = end, None
        elif skipped is None and depth <= 5 and data.endswith(_LARGE, start, end):
            value = _VALUE.match(data, end)
            opening = data.rindex(b'"', start, end - 1)
            if value and (opening == start or data[opening - 1] != _BACKSLASH):
                kept.append(data[done : value.end() - 1])
                done, skipped = value.end() - 1, depth
    kept.append(data[done:] if skipped is None else b"")
    return b"".join(kept)


_BACKSLASH = ord("\\")
_VALUE = re.compile(rb"\s*:\s*[\[{]")


def _why(data, error):
    conflict = _CONFLICT.search(data)
    if conflict:
        line = data.count(b"\n", 0, conflict.start()) + 1
        return (
            f"The file holds the marks of a merge conflict (line {line}: {conflict[1].decode()}); {_EXPECTED}. "
            "Take one of the two versions (git checkout --ours or --theirs), run it, and hand it in again."
        )
    if b"\0" in data[:4096] or isinstance(error, UnicodeDecodeError):
        return f"The file is binary, not text; {_EXPECTED}."
    if data.lstrip()[:1] in (b"{", b"[") and not data.rstrip().endswith((b"}", b"]")):
        return f"The file breaks off after {len(data):,} bytes; {_EXPECTED}. Save it and hand it in again."
    reason = str(error).splitlines()[0] if isinstance(error, ValueError) and str(error) else type(error).__name__
    return f"The file is not JSON ({reason[:120]}); {_EXPECTED}."


def _cell(number, cell):
    kind = str(cell.get("cell_type"))[:20]
    source = cell.get("source", cell.get("input", ""))  # nbformat 2 and 3 call a code cell's source its input
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    if not isinstance(source, str):
        source = ""
    metadata = cell.get("metadata")
    graded = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = graded.get("grade_id") if isinstance(graded, dict) else None
    return PageCell(number, kind, _clean(source), _text(cell.get("id")), _text(grade_id))


def _text(value):
    return value if isinstance(value, str) else ""


def _clean(source):
    """With one kind of line end, and without halves of characters, which no program can print."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    try:
        source.encode()
    except UnicodeEncodeError:
        return source.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return source


def _foreign_language(book, cells):
    """The language that the notebook names, "" if that is Python or if it names none."""
    metadata = book.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    kernel, info = (x if isinstance(x, dict) else {} for x in map(metadata.get, ("kernelspec", "language_info")))
    named = [kernel.get("language"), info.get("name"), *(cell.get("language") for cell in cells[:20] if _is_code(cell))]
    named = [name for name in named if isinstance(name, str) and name]
    if not named and isinstance(kernel.get("name"), str):
        named = [word for word in ("ir", "julia", "octave", "xcpp", "scala") if re.match(rf"{word}\b", kernel["name"])]
    if any(_PYTHON.fullmatch(name) for name in named):
        return ""
    return "".join(sign for sign in next(iter(named), "")[:40] if sign.isprintable())


def _is_code(cell):
    return isinstance(cell, dict) and cell.get("cell_type") == "code"
