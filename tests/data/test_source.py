import gzip
import hashlib

import pytest

from undertow.data.source import Source, check_file, describe, format_meant, format_of
from undertow.errors import DataError, SettingError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("names.txt", "lines"),
        ("names", "lines"),
        ("a.b.CSV", "csv"),
        ("a.tsv.gz", "tsv"),
        ("a.ndjson", "jsonl"),
        ("a.jsonl.gz", "jsonl"),
        ("a.parquet", "parquet"),
        ("csv", "lines"),
        (".gz", "lines"),
    ],
)
def test_the_ending_says_the_format(name, expected):
    assert format_of(name) == expected


@pytest.mark.parametrize(
    ("name", "asked", "expected"),
    [
        ("a.txt", None, "lines"),
        ("a.txt", "tsv", "tsv"),
        ("a.csv", "trees", "trees"),
        ("a.ptb", None, "trees"),
        ("a.MRG.gz", None, "trees"),
        ("a.csv.gz", None, "csv"),
    ],
)
def test_a_format_asked_for_wins_over_the_ending(name, asked, expected):
    assert format_meant(name, asked) == expected


def test_an_unknown_format_is_a_setting():
    with pytest.raises(
        SettingError, match=r"--format xlsx is unknown\. Take one of csv, tsv, jsonl, parquet"
    ):
        format_meant("a.txt", "xlsx")


def test_a_format_asked_for_is_checked(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"PAR1....")
    assert check_file(path, format="parquet") == path
    with pytest.raises(DataError, match="it looks like a Parquet file"):
        check_file(path, format="csv")
    path.write_bytes(b"anna")
    with pytest.raises(DataError, match="is to be read as Parquet but is not Parquet"):
        check_file(path, format="parquet")


def test_describe_tells_the_bytes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"name\nanna\n")
    digest = hashlib.sha256(b"name\nanna\n").hexdigest()
    assert describe(path, encoding="utf-8", column="name") == Source(
        str(path), "csv", "name", "utf-8", digest, 10
    )
    assert describe(path, encoding="utf-8", format="tsv").format == "tsv"


def test_missing_file_names_close_ones(tmp_path):
    (tmp_path / "names.txt").write_text("anna")
    with pytest.raises(DataError, match=r"nmaes\.txt does not exist\. Close to it: names\.txt\."):
        check_file(tmp_path / "nmaes.txt")


def test_missing_folder_is_said(tmp_path):
    with pytest.raises(DataError, match=r"Its folder .* does not exist either"):
        check_file(tmp_path / "nowhere" / "names.txt")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", b"", "is empty"),
        ("a.txt", b"anna\n\0\1\2", "is binary: byte 5 is zero"),
        ("a.txt", b"\xff\xfea\0n\0", "--encoding utf-16"),
        ("a.txt", b"PAR1....", r"ending \.parquet"),
        ("a.xlsx", b"PK\x03\x04....", "save the sheet as CSV"),
        ("a.txt", gzip.compress(b"anna", mtime=0), r"ending \.gz"),
        ("a.gz", b"anna", "not compressed"),
        ("a.gz", gzip.compress(b"\0\1\2", mtime=0), "is binary: byte 0"),
        ("a.gz", gzip.compress(b"anna" * 9, mtime=0)[:12], "cut short"),
        ("a.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.parquet", b"anna", "but is not Parquet"),
    ],
)
def test_unusable_file_is_turned_away(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=told):
        check_file(tmp_path / name)


def test_folder_is_turned_away(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        check_file(tmp_path)


def test_unreadable_file_is_turned_away(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("anna")

    def refuse(*args, **settings):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        check_file(path)
