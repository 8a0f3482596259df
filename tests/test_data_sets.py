"""Pictures, text and speech: what they hold, that parts share nothing, and what a bad source is told."""

import gzip
import hashlib
import io
import json
import socket
import sys
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import scipy.sparse
import torch

from course.data import VOWELS, image, speech, text, vowel
from course.data.speech import SPEAKERS, log_mel, mel_bands, resonance
from course.data.text import KNOWN

PARTS = ("train", "validation", "test")


def rows(part):
    return {tuple(row) for row in part.x.flatten(1).tolist()}


def test_digits_are_scikit_learns():
    digits = image()
    assert [tuple(getattr(digits, p).x.shape) for p in PARTS] == [(1078, 1, 8, 8), (360, 1, 8, 8), (359, 1, 8, 8)]
    assert digits.classes == tuple("0123456789") and digits.train.x.dtype == torch.float32
    assert 0 <= digits.train.x.min() and digits.train.x.max() == 1
    for p in PARTS:
        counts = getattr(digits, p).y.bincount()
        assert counts.max() - counts.min() <= 6 and len(counts) == 10
    from sklearn.datasets import load_digits

    whole = {(tuple((row / 16).tolist()), int(y)) for row, y in zip(*load_digits(return_X_y=True), strict=True)}
    mine = {(tuple(x), y) for p in PARTS for x, y in zip(getattr(digits, p).x.flatten(1).tolist(), getattr(digits, p).y.tolist(), strict=True)}
    assert mine == whole


@pytest.mark.parametrize("make", [image, speech], ids=["image", "speech"])
def test_parts_share_no_example_and_seeds_choose_them(make):
    one, same, other = make(), make(seed=0), make(seed=1)
    a, b, c = (rows(getattr(one, p)) for p in PARTS)
    assert not a & b and not a & c and not b & c
    assert torch.equal(one.train.x, same.train.x) and torch.equal(one.test.y, same.test.y)
    assert not torch.equal(one.train.x, other.train.x)


def test_what_is_changed_in_place_stays_ones_own():
    for make in (image, text, speech):
        make().train.x.fill_(7)
        assert make().train.x.unique().numel() > 2


def test_a_data_set_moves_to_a_device():
    moved = image().to("meta")
    assert moved.train.x.device.type == "meta" and moved.test.y.device.type == "meta" and moved.name == "digits"
    assert len(moved.validation) == 360


def test_text_is_the_manual_and_y_is_the_next_character():
    manual = text(length=50)
    from pydoc_data.topics import topics

    whole = "\n".join(topics[name] for name in sorted(topics))
    assert manual.digest == hashlib.sha256(whole.encode()).hexdigest()
    seen = "".join(manual.classes[i] for p in PARTS for i in getattr(manual, p).x.flatten())
    ends = np.cumsum([len(getattr(manual, p)) * 50 for p in PARTS])
    assert seen == whole[: ends[-1]]
    for p in PARTS:
        x, y = getattr(manual, p)
        assert torch.equal(x.flatten()[1:], y.flatten()[:-1]) and x.shape[1] == 50
    assert 0.59 < ends[0] / len(whole) < 0.61 and 0.99 < ends[-1] / len(whole) <= 1


def test_the_manual_of_this_python_is_known_or_is_another():
    assert len(KNOWN) == 3 and all(len(digest) == 64 for digest in KNOWN)
    if sys.version.split()[0] in KNOWN.values():
        assert KNOWN[text().digest] == sys.version.split()[0]


def test_text_of_a_file(tmp_path):
    (tmp_path / "a.txt").write_text("abcde" * 10, encoding="utf-8")
    mine = text(f"file:{tmp_path / 'a.txt'}", length=4)
    assert mine.classes == tuple("abcde") and mine.train.x[0].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="at least 101 characters for windows of 20; it has 50"):
        text(f"file:{tmp_path / 'a.txt'}", length=20)
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OSError, match=r"it is not UTF-8.*'manual' is always there"):
        text(f"file:{tmp_path / 'b.txt'}")
    with pytest.raises(OSError, match="No such file"):
        text(f"file:{tmp_path / 'c.txt'}")
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + b"vwx\r\n" * 10)
    assert text(f"file:{tmp_path / 'a.txt'}", length=4).classes == ("\n", "v", "w", "x")  # as it is now, without the mark


def test_a_python_without_its_manual(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(OSError, match="this Python comes without its manual; 'file:PATH' reads any text"):
        text()


def test_vowels_by_speakers_who_stand_in_one_part():
    vowels = speech()
    assert [tuple(getattr(vowels, p).x.shape) for p in PARTS] == [(900, 21, 32), (300, 21, 32), (300, 21, 32)]
    assert vowels.classes == tuple(VOWELS) and vowels.train.x.dtype == torch.float32
    assert abs(float(vowels.train.x.mean())) < 1e-6 and abs(float(vowels.train.x.std()) - 1) < 1e-3
    for p in PARTS:
        assert len(set(getattr(vowels, p).y.bincount().tolist())) == 1


@pytest.mark.parametrize("speaker", SPEAKERS)
@pytest.mark.parametrize("word", VOWELS)
def test_a_vowel_has_its_pitch_and_its_formants(word, speaker):
    """The strongest periodicity is the pitch; the spectral envelope peaks near the first formant."""
    f0, f1 = VOWELS[word][SPEAKERS.index(speaker)][:2]
    found = []
    for seed in range(5):
        wave = vowel(word, speaker, np.random.default_rng(seed))
        assert wave.shape == (2000,) and wave.dtype == np.float64 and 0.2 < np.sqrt(np.mean(wave**2)) < 1.2
        power = np.abs(np.fft.rfft(wave * np.hanning(2000), 16000)) ** 2
        lags = np.fft.irfft(power)[:400]
        near = np.arange(round(8000 / f0 * 0.8), round(8000 / f0 * 1.25))
        found.append(8000 / near[lags[near].argmax()])
    assert 0.9 < np.median(found) / f0 < 1.1
    f = np.linspace(50, 3990, 800)
    envelope = resonance(f, [*VOWELS[word][SPEAKERS.index(speaker)][1:], 3500.0])
    assert abs(f[:400][envelope[:400].argmax()] - f1) < 0.25 * f1


def test_resonance_at_rest_and_at_a_formant():
    assert resonance([0.0], [500, 1500, 2500, 3500]) == pytest.approx(1)
    alone = resonance([500.0], [500, 1e6, 1e6, 1e6])  # at its formant a resonance gives F/B
    assert alone == pytest.approx(500 / 60, rel=1e-4)


def test_mel_bands_peak_at_equal_distances_in_mel():
    bands = mel_bands(4001).numpy()
    peaks = 2595 * np.log10(1 + bands.argmax(axis=1) / 700)
    assert bands.shape == (32, 4001) and np.ptp(np.diff(peaks)) < 3 and bands.min() == 0 and bands.max() <= 1
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(2000) / 8000)
    assert log_mel(tone[None])[0, 10].argmax() == bands[:, 1000].argmax()
    assert torch.isfinite(log_mel(torch.zeros(1, 2000))).all()


REFUSED = [
    (lambda: image("mnist"), ValueError, "source: got 'mnist', expected 'digits', or 'openml:NAME'"),
    (lambda: image("openml:"), ValueError, "source: got 'openml:', expected 'digits'"),
    (lambda: image("openml:a:b"), ValueError, "source: got 'openml:a:b'"),
    (lambda: image("openml: "), ValueError, "source: got 'openml: ', expected 'digits'"),
    (lambda: image("openml:mnist_784:0"), ValueError, "source: got 'openml:mnist_784:0', expected 'digits'"),
    (lambda: speech("openml:a/b"), ValueError, "source: got 'openml:a/b', expected 'vowels'"),
    (lambda: text("file:a\0b"), OSError, "which cannot be read .*null.*'manual' is always there"),
    (lambda: image(None), TypeError, "source: got None, expected 'digits', or 'openml:NAME'"),
    (lambda: image(seed=-1), ValueError, "seed: got -1"),
    (lambda: text("openml:mnist_784"), ValueError, "expected 'manual', or 'file:PATH'"),
    (lambda: text("file:"), ValueError, "expected 'manual', or 'file:PATH'"),
    (lambda: text(3), TypeError, "source: got 3, expected 'manual'"),
    (lambda: text(length=0), ValueError, "length: got 0"),
    (lambda: speech("isolet"), ValueError, "source: got 'isolet', expected 'vowels', or 'openml:NAME'"),
    (lambda: speech(speakers=16), ValueError, "speakers: got 16, expected a multiple of 3"),
    (lambda: speech(speakers=12), ValueError, "speakers: got 12, expected a whole number >= 15"),
    (lambda: speech(repetitions=0), ValueError, "repetitions: got 0"),
    (lambda: speech(0), TypeError, "source: got 0"),
    (lambda: vowel("hide", "man", np.random.default_rng(0)), ValueError, r"word: got 'hide', .*\(did you mean 'hid'\?\)"),
    (lambda: vowel("hid", "men", np.random.default_rng(0)), ValueError, r"speaker: got 'men', .*\(did you mean 'man'\?\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_bad_arguments_are_refused_in_one_line(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def forget():
    """As in a new process."""
    sys.modules["course.data.image"]._image.cache_clear()
    sys.modules["course.data.speech"]._openml.cache_clear()


@pytest.fixture
def openml(monkeypatch):
    """Stands for the fetch: what is put into the list is returned, or raised, one after the other."""
    from sklearn import datasets

    answers, asked = [], []

    def fetch(name, version, **settings):
        asked.append((name, version))
        assert socket.getdefaulttimeout() == 30  # a network that swallows everything must not hang us
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(data=answer[0], target=answer[1])

    monkeypatch.setattr(datasets, "fetch_openml", fetch)
    forget()
    return answers, asked


def test_an_unreachable_source_names_the_offline_choice(openml):
    for call, choice in ((lambda: image("openml:mnist_784"), "digits"), (lambda: speech("openml:isolet"), "vowels")):
        openml[0].append(ConnectionError("no route\nto host"))
        with pytest.raises(OSError, match=rf"cannot be fetched \(no route\); without a network use '{choice}'"):
            call()


def test_larger_sets_of_openml(openml):
    rng = np.random.default_rng(0)
    openml[0].append((rng.integers(0, 256, (50, 784)), np.array(list("3141592653") * 5, dtype=object)))
    pictures = image("openml:mnist_784")
    assert pictures.train.x.shape[1:] == (1, 28, 28) and pictures.train.x.max() <= 1 and pictures.classes == tuple("1234569")
    openml[0].append((rng.normal(size=(60, 617)), np.repeat([f"'{k}'" for k in (1, 2, 26)], 20)))
    letters = speech("openml:isolet:2")
    assert letters.classes == ("A", "B", "Z") and letters.train.x.shape == (36, 1, 617)
    openml[0].append((rng.normal(size=(60, 617)), np.repeat(["1", "2"], 30)))
    with pytest.raises(ValueError, match="square pictures, which 617 numbers each are not"):
        image("openml:isolet")
    assert openml[1] == [("mnist_784", 1), ("isolet", 2), ("isolet", 1)]


BAD_SETS = {
    "words": (np.array([["a", "b"]] * 20, dtype=object), np.repeat([0, 1], 10)),
    "gaps": (np.full((20, 4), np.nan), np.repeat([0, 1], 10)),
    "sparse": (scipy.sparse.eye(20, format="csr"), np.repeat([0, 1], 10)),
    "no labels": (np.ones((20, 4)), None),
    "two labels a row": (np.ones((20, 4)), np.ones((20, 2))),
    "measured labels": (np.ones((20, 4)), np.arange(20) / 7),
    "a class of one": (np.ones((20, 4)), np.array(["a"] * 19 + ["b"])),
    "empty": (np.ones((0, 4)), np.ones(0)),
}


@pytest.mark.parametrize("bad", BAD_SETS)
def test_a_set_whose_parts_would_be_of_no_use_is_refused(openml, bad):
    for call, choice in ((lambda: image("openml:other"), "digits"), (lambda: speech("openml:other"), "vowels")):
        openml[0].append(BAD_SETS[bad])
        with pytest.raises(ValueError, match=f"source: got 'openml:other', expected a set of numbers .* '{choice}' is one"):
            call()
    assert socket.getdefaulttimeout() is None


@pytest.fixture
def server(monkeypatch, tmp_path):
    """OpenML itself, as scikit-learn sees it: one set of 25 pictures of 2 x 2 pixels; `up` says whether it answers."""
    from sklearn.datasets import _openml

    lines = [*("@RELATION tiny", *(f"@ATTRIBUTE p{k} NUMERIC" for k in range(4)), "@ATTRIBUTE class {0,1}", "@DATA"),
             *(f"{k},{k % 7},{k % 3},1,{k % 2}" for k in range(25))]
    arff = "\n".join(lines).encode()
    features = [{"index": str(k), "name": n, "data_type": t, "is_target": str(n == "class").lower(), "is_ignore": "false",
                 "is_row_identifier": "false", "number_of_missing_values": "0"}
                for k, (n, t) in enumerate([*((f"p{k}", "numeric") for k in range(4)), ("class", "nominal")])]
    answers = {
        "data/list": {"data": {"dataset": [{"did": 1, "name": "tiny", "version": 1, "status": "active"}]}},
        "data/features": {"data_features": {"feature": features}},
        "data/qualities": {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "25"}]}},
        "json/data/1": {"data_set_description": {
            "id": "1", "name": "tiny", "version": "1", "format": "ARFF", "file_id": "1", "status": "active", "description": "",
            "url": "https://api.openml.org/data/v1/download/1", "md5_checksum": hashlib.md5(arff).hexdigest()}},
    }
    state = SimpleNamespace(up=True, asked=0, folder=tmp_path)

    def urlopen(request, *_, **__):
        state.asked += 1
        if not state.up:
            raise URLError("no network")
        body = next((json.dumps(a).encode() for key, a in answers.items() if key in request.full_url), arff)
        answer = io.BytesIO(gzip.compress(body))
        answer.info = lambda: {"Content-Encoding": "gzip"}
        return answer

    monkeypatch.setattr(_openml, "urlopen", urlopen)
    monkeypatch.setattr(_openml.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    forget()
    yield state
    forget()


def test_a_set_that_was_fetched_is_there_without_a_network_until_its_file_breaks(server):
    first = image("openml:tiny")
    assert first.train.x.shape == (15, 1, 2, 2) and first.classes == ("0", "1")
    server.up, server.asked = False, 0
    forget()
    again = image("openml:tiny")
    assert server.asked == 0 and torch.equal(again.train.x, first.train.x)
    for file in server.folder.rglob("*.gz"):
        file.write_bytes(file.read_bytes()[:20])
    forget()
    with pytest.raises(OSError, match=r"cannot be fetched \(.*no network.*; without a network use 'digits'") as caught:
        image("openml:tiny")
    assert "\n" not in str(caught.value)
    server.up = True
    assert torch.equal(image("openml:tiny").train.x, first.train.x)  # and mends itself
