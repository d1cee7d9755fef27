"""Pairs of texts: one table or two files of lines, and what is said where they do not fit."""

import gzip

import pyarrow
import pytest
from pyarrow import parquet

from undertow.data.pairs import PairLayout, read_pairs
from undertow.errors import DataError, SettingError

ENGLISH = ("Go.", "Hi.", "Hi.")
FRENCH = ("Va !", "Salut !", "Salut.")

FRA = "".join(f"{e}\t{f}\tCC-BY 2.0 #{n}\n" for n, (e, f) in enumerate(zip(ENGLISH, FRENCH, strict=True)))


def write(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(tmp_path, content, name="a.tsv", **how):
    return read_pairs((write(tmp_path, content, name),), PairLayout(**how))


def both(tmp_path, left, right, **how):
    paths = write(tmp_path, left, "a.en"), write(tmp_path, right, "a.fr")
    return read_pairs(paths, PairLayout(**how))


def table(names, separator):
    rows = [names, *zip(ENGLISH, FRENCH, strict=True)]
    return "".join(separator.join(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("name", "content", "how"),
    [
        ("fra.txt", FRA, {"source": "1", "target": "2", "header": False, "format": "tsv"}),
        ("a.tsv", table(("en", "fr"), "\t"), {"source": "en", "target": "fr"}),
        ("a.tsv", table(("en", "fr"), "\t"), {"source": "en"}),
        ("a.csv", table(("source", "target"), ","), {}),
        ("a.csv", table(("source", "French"), ","), {}),
        ("a.csv.gz", gzip.compress(table(("src", "tgt"), ",").encode(), mtime=0), {}),
        ("a.tsv", table(("Go.", "Va !"), "\t"), {"header": False}),  # Go. twice: one duplicate
    ],
)
def test_a_table_gives_its_pairs(tmp_path, name, content, how):
    found = read(tmp_path, content, name, **how)
    assert (found.sources, found.targets) == (ENGLISH, FRENCH)
    assert found.rows == 3 + found.duplicates
    assert [file.path for file in found.files] == [str(tmp_path / name)]


def test_tables_that_name_their_columns_are_taken_in_order(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"en": ENGLISH, "fr": FRENCH}), path)
    found = read_pairs((path,))
    assert (found.sources, found.targets, found.chosen) == (ENGLISH, FRENCH, ("en", "fr"))
    lines = '{"target": "Va !", "source": "Go."}\n'
    assert read(tmp_path, lines, "a.jsonl").sources == ("Go.",)


def test_two_files_of_lines_stand_side_by_side(tmp_path):
    found = both(tmp_path, "\ufeffGo.\r\nHi.\r\nHi.\r\n", "Va !\nSalut !\nSalut.")
    assert (found.sources, found.targets) == (ENGLISH, FRENCH)
    assert [file.path[-4:] for file in found.files] == ["a.en", "a.fr"]
    assert (found.rows, found.columns, found.chosen) == (3, (), ())


def test_packed_files(tmp_path):
    left = write(tmp_path, gzip.compress(b"Go.\nHi.\n"), "a.en.gz")
    right = write(tmp_path, gzip.compress(b"Va !\nSalut !\n"), "a.fr.gz")
    found = read_pairs((left, right))
    assert (found.sources, found.targets) == (("Go.", "Hi."), ("Va !", "Salut !"))


def test_what_was_met_adds_up(tmp_path):
    found = both(tmp_path, "a\na\n\nb\n \nc\x07\na\n", "x\nx\ny\n\n\nz\ny\n", skip_bad=True)
    assert (found.sources, found.targets) == (("a", "a"), ("x", "y"))
    assert (found.rows, found.duplicates, found.empty, found.skipped) == (7, 1, 3, 1)


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        ("a\nb\nc\n", "x\ny\n", r"a\.en has 3 lines and .*a\.fr has 2; .* the numbers must be the same"),
        ("a\n" * 2, "x\n" * 2000, "has 2 lines and .* has 2,000"),
        ("a\nb\n", "x\ny\x07\n", r"a\.en and .*a\.fr, line 2: the target: control character U\+0007 at char"),
        ("a" * 10_001, "x", "line 1: the source: longer than 10,000 characters.*--max-length"),
        ("a\n", "x" * 10_000_000, "line 1: the target: longer than 10,000 characters"),
        ("a\n", "", r"a\.fr is empty"),
        ("a\n", b"x\0", "is binary"),
        ("a\n\n", "\nx\n", "no pair is whole; of 2 rows 2 have no text on one side"),
        (
            "a\nb\n",
            "x\nren\xe9\n".encode("cp1252"),
            r"a\.fr, line 2: byte 0xe9 is not utf-8.*--encoding cp1252",
        ),
    ],
)
def test_files_that_do_not_fit_are_told(tmp_path, left, right, told):
    with pytest.raises(DataError, match=told):
        both(tmp_path, left, right)


def test_a_long_line_of_a_pair_is_counted_when_asked(tmp_path):
    found = both(tmp_path, "a\nb\nc\n", f"x\n{'y' * 10_000_000}\nz\n", skip_bad=True)
    assert (found.sources, found.targets, found.skipped) == (("a", "c"), ("x", "z"), 1)


@pytest.mark.parametrize(
    ("name", "content", "how", "told"),
    [
        ("fra.txt", FRA, {}, r"is read as lines, and one file of pairs is a table\. .*--format tsv"),
        (
            "a.tsv",
            FRA,
            {},
            r"seems to have no header: its first row is Go.*--no-header --source 1 --target 2",
        ),
        ("a.tsv", FRA, {"header": False}, r"columns 1, 2, 3; which of them is the source and the target"),
        (
            "a.tsv",
            FRA,
            {"source": "1", "target": "2"},
            "no column '1'; its first row names them Go.*--no-header",
        ),
        ("a.csv", "en,fr\na,b\n", {"source": "fe"}, r"no column 'fe'; it has en, fr"),
        ("a.csv", "source,target\na,b,c\n", {}, "row 2: 3 values where the header has 2"),
        ("a.csv", "source,target\n", {}, "no row below the header"),
        ("a.jsonl", '{"source": "a", "target": 7}\n', {}, "line 1: 'target' holds int 7, not a string"),
    ],
)
def test_a_table_that_does_not_fit_is_told(tmp_path, name, content, how, told):
    with pytest.raises(DataError, match=told):
        read(tmp_path, content, name, **how)


def test_two_files_are_no_tables(tmp_path):
    left, right = write(tmp_path, "a\n", "a.csv"), write(tmp_path, "b\n", "b.csv")
    with pytest.raises(DataError, match=r"a\.csv is read as csv, and two files of pairs are files of lines"):
        read_pairs((left, right))
    assert read_pairs((left, right), PairLayout(format="lines")).sources == ("a",)
    with pytest.raises(SettingError, match="have no columns"):
        read_pairs((left, right), PairLayout(format="lines", source="1"))


def test_settings_are_checked(tmp_path):
    path = write(tmp_path, "a\n", "a.en")
    with pytest.raises(SettingError, match="got 3 files"):
        read_pairs((path, path, path))
    with pytest.raises(SettingError, match="--max-length must be at least 1"):
        read_pairs((path, path), PairLayout(max_length=0))
