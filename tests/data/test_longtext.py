import time
import tracemalloc

import numpy as np
import pytest

from undertow.data import longtext
from undertow.data.longtext import read_text, split_tail
from undertow.data.vocabulary import Vocabulary
from undertow.errors import DataError, SettingError

TEXT = "Zwölf Boxkämpfer jagen\nViktor quer über 😀\n" * 50


def write(tmp_path, content, name="a.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("chunk", [1, 7, 1 << 22])
@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\r"])
def test_text_is_read_back_whatever_the_chunks_and_line_ends(tmp_path, monkeypatch, chunk, breaks):
    monkeypatch.setattr(longtext, "CHUNK", chunk)
    text = read_text(write(tmp_path, TEXT.replace("\n", breaks)))
    assert text.vocabulary == Vocabulary.of([TEXT], end=False)
    assert text.vocabulary.decode(text.ids) == TEXT
    assert text.ids.dtype == np.uint8


def test_more_characters_take_more_bytes(tmp_path):
    text = read_text(write(tmp_path, "".join(map(chr, range(0x4E00, 0x4E00 + 1000)))))
    assert text.ids.dtype == np.uint16
    assert text.ids.tolist() == list(range(1000))


def test_a_given_vocabulary_numbers_the_text(tmp_path):
    given = Vocabulary.of(["abc\n"], end=False)
    text = read_text(write(tmp_path, "cab\n"), vocabulary=given)
    assert text.ids.tolist() == [3, 1, 2, 0]
    assert text.vocabulary is given


def test_unknown_characters_are_told_with_line_and_number(tmp_path, monkeypatch):
    given = Vocabulary.of(["abcé\n"], end=False)
    for chunk in (1, 1 << 22):
        monkeypatch.setattr(longtext, "CHUNK", chunk)
        told = r"line 3: 'ê' \(U\+00EA.*; 3 characters of the text are not\. .*known: é\."
        with pytest.raises(DataError, match=told):
            read_text(write(tmp_path, "abc\nab\nbêaê\nx\n"), vocabulary=given)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", "x" * 999, "has 999 characters; a text needs at least 1,000"),
        ("a.txt", b"x" * 100_000 + b"\0", "is binary"),
        ("a.txt", b"x\n" * 1000 + b"\xe9", "line 1001: byte 0xe9"),
        ("a.csv", TEXT, "is a table"),
    ],
)
def test_unusable_text(tmp_path, name, content, told):
    with pytest.raises(DataError, match=told):
        read_text(write(tmp_path, content, name))


def test_one_line_of_fifty_megabytes_takes_a_byte_a_character(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"all in one line " * (50 << 16))
    start = time.perf_counter()
    tracemalloc.start()
    text = read_text(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(text.ids) == 50 << 20
    assert text.ids.nbytes == 50 << 20
    assert time.perf_counter() - start < 10
    assert peak - text.ids.nbytes < 150_000_000


def test_the_tail_is_validation():
    train, validation = split_tail(np.arange(1_115_394))
    assert (len(train), validation[0]) == (1_003_854, 1_003_854)
    with pytest.raises(SettingError, match="leaves nothing"):
        split_tail(np.arange(5), 0.0)
