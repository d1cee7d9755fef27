import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.data.decode import lines, text_chunks
from undertow.errors import DataError, SettingError

PIECES = st.text(alphabet="aé漢😀\r\n", max_size=40)


def read(path, encoding="utf-8", size=1 << 20):
    return "".join(text_chunks(path, encoding, size=size))


@given(text=PIECES, size=st.integers(1, 7), encoding=st.sampled_from(["utf-8", "utf-16", "utf-32-le"]))
def test_chunks_agree_with_reading_at_once(tmp_path_factory, text, size, encoding):
    path = tmp_path_factory.getbasetemp() / "text.txt"
    path.write_bytes(text.encode(encoding))
    assert read(path, encoding, size) == text.replace("\r\n", "\n").replace("\r", "\n")


@given(text=PIECES)
def test_lines_agree_with_split(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "lines.txt"
    path.write_bytes(text.encode())
    whole = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    expected = whole.split("\n") if text else []
    assert list(lines(path, "utf-8", 99)) == list(enumerate(expected, start=1))


def test_byte_order_mark_is_dropped(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfanna")
    assert read(path) == "anna"


def test_gzip_is_unpacked(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("größe\r\n".encode()))
    assert read(path) == "größe\n"


def test_cut_gzip_is_an_error(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"anna\n" * 1000)[:-12])
    with pytest.raises(DataError, match="damaged or cut short"):
        read(path)


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_wrong_encoding_names_line_byte_and_remedy(tmp_path, size):
    path = tmp_path / "a.txt"
    path.write_bytes("anna\r\nbert\r\nrené\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"line 3: byte 0xe9 is not utf-8 .*--encoding cp1252"):
        read(path, size=size)


def test_cut_character_at_the_end_is_an_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("anna\né".encode()[:-1])
    with pytest.raises(DataError, match="line 2: byte 0xc3"):
        read(path)


def test_unknown_encoding_is_a_setting(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("anna")
    for encoding in ("utf-88", "base64"):
        with pytest.raises(SettingError, match=f"--encoding {encoding} is unknown"):
            read(path, encoding)


def test_a_longer_line_is_told_once_and_the_next_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("anna\n" + "x" * 3_000_000 + "\nbert")
    assert list(lines(path, "utf-8", 10)) == [(1, "anna"), (2, None), (3, "bert")]
