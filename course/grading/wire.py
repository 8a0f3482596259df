"""Frames between the grader and a learner's process: a letter, a length, that many bytes.

What comes from the learner's process is never unpickled, evaluated or imported: numbers are little-endian
float64 with their shapes, the rest is UTF-8 text of bounded length. Whatever else arrives is a Broken.
"""

import base64
import io
import json
import pickle
import re
import struct

import numpy as np

HEAD = struct.Struct("<cI")
BEGIN, RESULT, ERROR, END = b"B", b"R", b"E", b"D"  # from the learner's process
LONGEST_TEXT = 4000  # bytes
LARGEST_FRAME = 1 << 22
MOST_BYTES = 1 << 25  # of one process
MOST_AXES = 8
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")


class Broken(Exception):
    """The bytes are no frame of this protocol."""


def frame(letter, payload=b""):
    """One frame as bytes."""
    return HEAD.pack(letter, len(payload)) + payload


def begin(stage):
    """Stage number `stage` (a cell or a blank) begins now."""
    return frame(BEGIN, struct.pack("<I", stage))


def result(stage, call, arrays):
    """What the function of this stage returned for this call: a tuple of float64 arrays."""
    parts = [struct.pack("<IHB", stage, call, len(arrays))]
    for array in arrays:
        array = np.asarray(array, dtype="<f8")
        parts += [struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape), array.tobytes()]
    return frame(RESULT, b"".join(parts))


def error(stage, kind, text):
    """A stage ended with an error. kind: "raised", "unwritten", "memory" or "answer"."""
    body = f"{kind}\n{text[:LONGEST_TEXT]}".encode("utf-8", "replace")[:LONGEST_TEXT]
    return frame(ERROR, struct.pack("<I", stage) + body)


class Reader:
    """Takes bytes as they come and gives whole frames: `feed(bytes)` yields (letter, stage, what).

    what is None for BEGIN and END, (call, arrays) for RESULT, (kind, text) for ERROR. Raises Broken.
    """

    def __init__(self):
        self.rest, self.seen = bytearray(), 0

    def feed(self, data):
        self.seen += len(data)
        if self.seen > MOST_BYTES:
            raise Broken(f"more than {MOST_BYTES} bytes")
        self.rest += data
        while len(self.rest) >= HEAD.size:
            letter, length = HEAD.unpack_from(self.rest)
            if letter not in (BEGIN, RESULT, ERROR, END) or length > LARGEST_FRAME:
                raise Broken(f"a frame {letter!r} of {length} bytes")
            if len(self.rest) < HEAD.size + length:
                return
            payload = bytes(self.rest[HEAD.size : HEAD.size + length])
            del self.rest[: HEAD.size + length]
            yield _parsed(letter, payload)


def _parsed(letter, payload):
    try:
        if letter == END:
            if payload:
                raise Broken("an end with a payload")
            return letter, None, None
        (stage,) = struct.unpack_from("<I", payload)
        if letter == BEGIN:
            if len(payload) != 4:
                raise Broken("a beginning of another length")
            return letter, stage, None
        if letter == ERROR:
            if len(payload) > 4 + LONGEST_TEXT:
                raise Broken(f"a text of {len(payload)} bytes")
            kind, _, text = payload[4:].decode("utf-8", "replace").partition("\n")
            return letter, stage, (kind, _printable(text))
        return letter, stage, _numbers(payload)
    except struct.error:
        raise Broken(f"a frame {letter!r} that ends too early") from None


def _printable(text):
    """The text without what could act where it is shown, and without addresses, which differ in every run."""
    return ADDRESS.sub("0x...", "".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in text))


def _numbers(payload):
    _, call, count = struct.unpack_from("<IHB", payload)
    at, arrays = 7, []
    for _ in range(count):
        (ndim,) = struct.unpack_from("<B", payload, at)
        if ndim > MOST_AXES:
            raise Broken(f"an array with {ndim} axes")
        shape = struct.unpack_from(f"<{ndim}I", payload, at + 1)
        at += 1 + 4 * ndim
        size = 1
        for n in shape:  # Python's integers do not overflow
            size *= n
        if 8 * size > len(payload) - at:
            raise Broken("an array that is longer than its frame")
        array = np.frombuffer(payload, "<f8", size, at) if size else np.empty(0)
        try:
            arrays.append(array.reshape(shape))
        except ValueError:  # such as an empty array of 2**200 rows
            raise Broken("an array of an impossible shape") from None
        at += 8 * size
    if at != len(payload):
        raise Broken("bytes behind the last array")
    return call, tuple(arrays)


_OF_ARRAYS = (np.ndarray, np.dtype, np.empty(0).__reduce__()[0])


class _Arguments(pickle.Pickler):
    """Takes numbers, text, lists and NumPy arrays: the learner's process may not know another class."""

    def reducer_override(self, value):
        if isinstance(value, np.generic):
            return type(value.item()), (value.item(),)
        if isinstance(value, np.ndarray | np.dtype) or any(value is known for known in _OF_ARRAYS):
            return NotImplemented
        if value in (int, float, bool, str):  # of the numbers above
            return NotImplemented
        kind = type(value).__name__
        raise TypeError(f"an argument of a blank: got a {kind}, expected numbers, text, lists or arrays")


def pack(calls):
    """A blank's calls, a list of dicts of arguments, as text for a message. Only the learner's process unpacks it."""
    data = io.BytesIO()
    _Arguments(data, 4).dump(calls)
    return base64.b64encode(data.getbuffer()).decode()


def unpack(text):
    """The calls that `pack` packed."""
    return pickle.loads(base64.b64decode(text))


def dumps(job):
    """A message from the grader, as bytes with their length in front."""
    body = json.dumps(job).encode()
    return struct.pack("<I", len(body)) + body


def read(receive):
    """The next message of `dumps`; receive(n) gives at most n bytes, b"" at the end. None at the end."""
    head = _exactly(receive, 4)
    if head is None:
        return None
    body = _exactly(receive, struct.unpack("<I", head)[0])
    return None if body is None else json.loads(body)


def _exactly(receive, n):
    parts = []
    while n:
        data = receive(min(n, 1 << 20))
        if not data:
            return None
        parts.append(data)
        n -= len(data)
    return b"".join(parts)
