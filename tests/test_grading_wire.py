"""What a learner's process may send: frames, and nothing else. Every other byte is a Broken, and costs little."""

import math
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.grading import wire
from course.grading.attempt import Attempt, NotStarted, Question, Stage
from course.grading.wire import BEGIN, END, ERROR, RESULT, Broken, frame

ONE = Question("08_adam.f", "f", ("result",), False, [{"x": 1.0}, {"x": 2.0}], 1.0)
TWO = Question("08_adam.g", "g", ("theta", "m"), True, [{"x": 1.0}], 1.0)
STAGES = [Stage(0, 1.0), Stage(0, 1.0, ONE), Stage(1, 1.0), Stage(1, 1.0, TWO)]
NUMBER = np.float64(1.5)
HONEST = [
    wire.begin(0), wire.begin(1), wire.result(1, 0, [NUMBER]), wire.result(1, 1, [np.ones((2, 3))]), wire.begin(2),
    wire.error(2, "raised", "ValueError: no"), wire.begin(3), wire.result(3, 0, [NUMBER, np.zeros(0)]), frame(END),
]  # fmt: skip


def read(*data):
    reader = wire.Reader()
    return [found for part in data for found in reader.feed(part)]


def follow(data):
    """The Attempt that has taken these bytes."""
    attempt, reader = Attempt(STAGES), wire.Reader()
    for one in reader.feed(data):
        attempt.take(*one)
    return attempt


def body(*shape, data=b"", count=1):
    return frame(RESULT, struct.pack("<IHB", 1, 0, count) + struct.pack(f"<B{len(shape)}I", len(shape), *shape) + data)


def test_an_honest_stream_is_understood():
    attempt = follow(b"".join(HONEST))
    attempt.close({"signal": 0, "code": 0})
    assert attempt.done and attempt.ended is None
    assert attempt.found[1].results[0][0] == 1.5 and attempt.found[1].results[1][0].shape == (2, 3)
    assert attempt.found[2].kind == "raised" and attempt.found[2].cell == 1
    assert attempt.found[3].results[0][1].shape == (0,)


@given(st.integers(1, 40))
def test_it_may_come_in_pieces(size):
    data = b"".join(HONEST)
    whole, parts = read(data), read(*[data[i : i + size] for i in range(0, len(data), size)])
    assert [one[:2] for one in parts] == [one[:2] for one in whole] and len(whole) == len(HONEST)


@pytest.mark.parametrize("array", [
    np.float64(math.nan), np.array([math.inf, -math.inf, -0.0]), np.frombuffer(b"\x01\0\0\0\0\0\xf4\x7f", "<f8"),
    np.zeros((0, 3)), np.zeros((1,) * wire.MOST_AXES), np.array([[1, 2]], dtype=">f4"), np.asfortranarray(np.eye(3))[:, 1],
])  # fmt: skip
def test_numbers_arrive_as_they_are(array):
    ((_, _, (call, (seen,))),) = read(wire.result(1, 7, [array]))
    assert call == 7 and seen.shape == np.shape(array)
    assert seen.tobytes() == np.asarray(array, "<f8").tobytes()


@pytest.mark.parametrize("data", [
    b"X\0\0\0\0", b"\x80\x04\x95aaaa", frame(END, b"x"), frame(BEGIN), frame(BEGIN, b"123"), frame(BEGIN, b"12345"),
    frame(RESULT), frame(RESULT, b"1234567"), frame(ERROR), frame(ERROR, b"123"),
    struct.pack("<cI", RESULT, 2**32 - 1), struct.pack("<cI", RESULT, wire.LARGEST_FRAME + 1),
    frame(ERROR, b"1234" + b"x" * (wire.LONGEST_TEXT + 1)),
    body(2, data=bytes(8)), body(1, data=bytes(16)), body(data=bytes(9)), body(2**32 - 1, data=bytes(8)),
    body(*[2**31] * 4), body(*[2**16] * 4), body(2**32 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 1, 0),
    body(*[1] * 9, data=bytes(8)), frame(RESULT, struct.pack("<IHBB", 1, 0, 1, 255)), body(1, data=bytes(8), count=2),
    body(1, data=bytes(8), count=0), frame(RESULT, struct.pack("<IHB", 1, 0, 255)),
], ids=repr)  # fmt: skip
def test_what_is_no_frame_is_broken(data):
    with pytest.raises(Broken):
        read(data[:80], data[80:])


@pytest.mark.parametrize("name, data", [
    ("an end at once", [frame(END)]),
    ("an end after the first", [*HONEST[:1], frame(END)]),
    ("an end within answers", [*HONEST[:3], frame(END)]),
    ("an end before the last", [*HONEST[:6], frame(END)]),
    ("a stage left out", [wire.begin(1)]),
    ("a far stage", [wire.begin(2**32 - 1)]),
    ("a stage twice", [wire.begin(0), wire.begin(0)]),
    ("a stage before", [wire.begin(0), wire.begin(1), wire.begin(0)]),
    ("a stage too many", [*HONEST[:-1], wire.begin(4)]),
    ("the next before all is answered", [*HONEST[:3], wire.begin(2)]),
    ("numbers before anything", [wire.result(1, 0, [NUMBER])]),
    ("numbers of a cell", [wire.begin(0), wire.result(0, 0, [NUMBER])]),
    ("numbers of another stage", [*HONEST[:2], wire.result(3, 0, [NUMBER, NUMBER])]),
    ("numbers of a later call", [*HONEST[:2], wire.result(1, 1, [NUMBER])]),
    ("numbers twice", [*HONEST[:3], wire.result(1, 0, [NUMBER])]),
    ("numbers of a call too many", [*HONEST[:4], wire.result(1, 2, [NUMBER])]),
    ("too many values", [*HONEST[:2], wire.result(1, 0, [NUMBER, NUMBER])]),
    ("no values", [*HONEST[:2], wire.result(1, 0, [])]),
    ("numbers after an error", [*HONEST[:2], wire.error(1, "raised", "x"), wire.result(1, 0, [NUMBER])]),
    ("two errors", [*HONEST[:2], wire.error(1, "raised", "x"), wire.error(1, "raised", "x")]),
    ("an error of another stage", [*HONEST[:2], wire.error(0, "raised", "x")]),
    ("an error of its own kind", [*HONEST[:2], wire.error(1, "passed", "x")]),
    ("an error without a kind", [*HONEST[:2], frame(ERROR, struct.pack("<I", 1))]),
    ("a frame after the end", [*HONEST, frame(END)]),
    ("a stage after the end", [*HONEST, wire.begin(4)]),
    ("numbers after the end", [*HONEST, wire.result(3, 0, [NUMBER, NUMBER])]),
])  # fmt: skip
def test_what_may_not_be_said_now_is_broken(name, data):
    with pytest.raises(Broken):
        follow(b"".join(data))


@given(st.binary(max_size=400))
def test_random_bytes_are_broken_or_wait(data):
    try:
        follow(data)
    except Broken:
        pass


@given(st.data())
def test_a_changed_stream_is_broken_or_still_numbers(data):
    stream = bytearray(b"".join(HONEST))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(stream)))
    try:
        attempt = follow(bytes(stream[:cut]))
    except Broken:
        return
    for outcome in attempt.found.values():
        assert all(array.dtype == np.float64 for arrays in outcome.results for array in arrays)


@pytest.mark.parametrize("cut", range(len(b"".join(HONEST))))
def test_a_stream_that_stops_ends_its_stage(cut):
    attempt = follow(b"".join(HONEST)[:cut])
    if attempt.stage < 0:
        with pytest.raises(NotStarted):
            attempt.close({"signal": 9, "code": 0})
        return
    attempt.close({"signal": 9, "code": 0})
    assert attempt.ended == (attempt.stage, "crashed")
    assert attempt.stage not in attempt.found


def test_a_flood_is_cut_off_and_takes_little_memory():
    reader = wire.Reader()
    tracemalloc.start()
    with pytest.raises(Broken, match="more than"):
        for _ in range(1000):
            for _ in reader.feed(wire.error(1, "raised", "x" * 4000) * 50):
                pass
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    waiting = wire.Reader()
    with pytest.raises(Broken):
        for _ in range(1000):
            assert not list(waiting.feed(b"" if waiting.rest else struct.pack("<cI", RESULT, wire.LARGEST_FRAME)))
            list(waiting.feed(bytes(1 << 16)))
    assert tracemalloc.get_traced_memory()[1] < 4 * wire.LARGEST_FRAME
    tracemalloc.stop()


def test_text_is_cut_and_made_harmless():
    says = "a\x1b[31m\x00\u202eb\ud800 at 0x7f54bb90dbc0 " + "é" * 10_000
    ((_, _, (kind, text)),) = read(wire.error(3, "raised", says))
    assert kind == "raised" and len(text.encode()) < wire.LONGEST_TEXT + 10
    assert text.startswith("a\ufffd[31m\ufffd\ufffdb? at 0x... é")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner)))  # fmt: skip
def test_arguments_come_back_as_they_were(value):
    def same(a, b):
        if isinstance(a, float) and math.isnan(a):
            return isinstance(b, float) and math.isnan(b)
        if isinstance(a, list | tuple):
            return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
        return type(a) is type(b) and a == b

    packed = wire.pack(value)
    parts = iter([wire.dumps(packed)[:4], wire.dumps(packed)[4:]])
    assert same(value, wire.unpack(wire.read(lambda n: next(parts, b""))))


def test_arrays_are_arguments_and_nothing_else_is():
    array = np.arange(6.0).reshape(2, 3)[:, ::2]
    back = wire.unpack(wire.pack({"g": array, "n": np.int64(3)}))
    assert back["n"] == 3 and np.array_equal(back["g"], array) and back["g"].flags.writeable
    with pytest.raises(TypeError, match="complex"):
        wire.pack(1j)


@pytest.mark.parametrize("data", [b"", b"\1", b"\5\0\0\0ab"])
def test_a_message_that_stops_is_none(data):
    parts = iter([data[:4], data[4:]])
    assert wire.read(lambda n: next(parts, b"")[:n]) is None
