"""The data sets: their shapes, sums and known entries, and that the stored files are what makes them."""

import numpy as np
import pytest

from course.authoring import manual_words as maker
from course.data import manual_words
from course.data.words import DATA_MODEL


def test_shapes_types_and_sums():
    text = manual_words()
    assert text.counts.shape == (829, 2480) == (len(text.topics), len(text.words))
    assert text.counts.dtype == text.labels.dtype == np.float64
    assert text.counts.sum() == 28988 and (text.counts > 0).sum() == 20937 and text.counts.max() == 26
    assert (text.counts >= 0).all() and (text.counts == np.round(text.counts)).all()
    assert (text.counts.sum(axis=1) >= maker.LEAST_WORDS).all() and text.counts.any(axis=0).all()
    assert ((text.counts > 0).sum(axis=0) == 1).sum() == 1006


def test_labels_are_those_of_the_topics():
    text = manual_words()
    assert (text.labels == 1).sum() == 338 and (text.labels == -1).sum() == 491
    for label, topic in zip(text.labels, text.topics, strict=True):
        assert topic in (DATA_MODEL if label == 1 else maker.SYNTAX)
    assert not set(DATA_MODEL) & set(maker.SYNTAX)


@pytest.mark.parametrize(
    ("word", "count", "paragraphs", "with_label_1"),
    [("the", 2323, 660, 274), ("__dict__", 24, 22, 21), ("metaclass", 34, 22, 22), ("targets", 12, 9, 0)],
)
def test_known_words(word, count, paragraphs, with_label_1):
    text = manual_words()
    column = text.counts[:, text.words.index(word)]
    assert column.sum() == count and (column > 0).sum() == paragraphs
    assert (column[text.labels == 1] > 0).sum() == with_label_1


def test_words_are_sorted_and_what_the_docstring_says():
    words = manual_words().words
    assert list(words) == sorted(set(words))
    assert [word for word in words if not maker.WORD.fullmatch(word)] == []


def test_nobody_can_write_to_them():
    text = manual_words()
    for array in (text.counts, text.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert manual_words() is text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# nothing\n", "got 0 lines"),
        ("a b\n", "got 1 lines"),
        ("a b\ntypes 2\n", "paragraph 1: got '2', expected WORD"),
        ("a b\ntypes 0\ntypes 1*x\n", "paragraph 2: got '1\\*x'"),
        ("a b\ntypes one\n", "paragraph 1: got 'one'"),
    ],
)
def test_a_damaged_file_is_told(tmp_path, content, message):
    path = tmp_path / "words.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        manual_words(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        manual_words(tmp_path / "words.txt")


def test_a_small_file_is_read(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# a comment\nan be\ntypes 0*3 1\ndel 1\n")
    text = manual_words(str(path))
    assert text.counts.tolist() == [[3, 1], [0, 1]] and text.labels.tolist() == [1, -1]
    assert text.words == ("an", "be") and text.topics == ("types", "del")


def test_the_license_names_the_source():
    license = (maker.notebook.ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "course/data/manual_words.txt" in license and "Python Software Foundation" in license


def test_paragraphs_of_both_labels_and_short_ones_are_left_out():
    long, both = "some words " * 6, "other words " * 6
    topics = dict.fromkeys((*maker.SYNTAX, *DATA_MODEL), both)
    topics |= {"types": f"{long}\n\nToo short\n\n{both}", "del": both}
    assert maker.paragraphs(topics) == {" ".join(long.split()): "types"}
    assert maker.text(topics).endswith("\nsome words\ntypes 0*6 1*6\n")


def test_the_file_is_what_its_maker_makes():
    try:
        topics = maker.manual()
    except RuntimeError as error:
        pytest.skip(str(error))
    assert maker.FILE.read_bytes().decode() == maker.text(topics)
    assert maker.main(["--check"]) == 0


def test_another_manual_is_refused(monkeypatch):
    monkeypatch.setattr("pydoc_data.topics.topics", {"types": "Another manual."})
    with pytest.raises(RuntimeError, match=r"expected 6061bdb5.*Python 3\.11\.7"):
        maker.manual()
