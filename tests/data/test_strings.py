import gzip
import json
import time
import tracemalloc

import pyarrow
import pytest
from pyarrow import parquet

from undertow.data.strings import read_strings
from undertow.errors import DataError, SettingError

NAMES = [f"name {i:03}" for i in range(12)]


def write(tmp_path, content, name="a.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_lines_are_stripped_and_distinct_in_the_order_of_the_file(tmp_path):
    text = "\ufeff" + "\r\n".join(["  b ", "a", "", "b", "\t", "é漢", *NAMES])
    found = read_strings(write(tmp_path, text))
    assert found.values == ("b", "a", "é漢", *NAMES)
    assert (found.rows, found.duplicates, found.empty, found.skipped) == (18, 1, 2, 0)
    assert found.columns == ()
    assert (found.source.format, found.source.column, found.source.encoding) == ("lines", None, "utf-8")


def in_csv(names):
    return "name,n\n" + "".join(f"{name},1\n" for name in names)


def in_json(names):
    return "".join(json.dumps({"name": name, "n": 1}) + "\n" for name in names)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", in_csv(NAMES).encode()),
        ("a.tsv", in_csv(NAMES).replace(",", "\t").encode()),
        ("a.csv.gz", gzip.compress(in_csv(NAMES).encode(), mtime=0)),
        ("a.jsonl", in_json(NAMES).encode()),
        ("a.ndjson", in_json(NAMES).encode()),
    ],
)
def test_every_table_gives_the_same_strings(tmp_path, name, content):
    found = read_strings(write(tmp_path, content, name))
    assert found.values == tuple(NAMES)
    assert (found.columns, found.source.column, found.rows) == (("name", "n"), "name", 12)


def test_parquet_gives_the_same_strings(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"name": NAMES, "n": range(12)}), path)
    found = read_strings(path)
    assert found.values == tuple(NAMES)
    assert found.source.format == "parquet"


def test_another_encoding(tmp_path):
    for encoding in ("cp1252", "utf-16"):
        path = write(tmp_path, "\n".join(["rené", *NAMES]).encode(encoding))
        assert read_strings(path, encoding=encoding).values[0] == "rené"


def test_a_line_break_in_a_quoted_value_counts_as_a_space(tmp_path):
    path = write(tmp_path, 'name\n"a\nb"\n' + "\n".join(NAMES), "a.csv")
    assert read_strings(path).values[0] == "a b"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", "one line only\n" * 20, "has 1 string after removing duplicates; .* at least 10"),
        ("a.txt", "anna\n" + "x" * 1001, "line 2: longer than 1,000 characters.*undertow train text"),
        ("a.txt", "anna\nbe\x07rt\n", r"line 2: control character U\+0007 at character 3"),
        ("a.csv", in_csv(["anna", "b,c"]), "row 3: 3 values where the header has 2"),
        ("a.csv", in_csv(["x" * 1001]), "row 2: longer than 1,000 characters"),
        ("a.jsonl", '{"name": "anna"}\n{"name": 1}\n', "line 2: 'name' holds int 1, not a string"),
        ("a.csv", "a,b\n" + "x,y\n" * 20, "Name one with --column"),
    ],
)
def test_bad_file_is_told_with_its_place(tmp_path, name, content, told):
    with pytest.raises(DataError, match=told):
        read_strings(write(tmp_path, content, name))


def test_bad_rows_are_counted_when_asked(tmp_path):
    lines = write(tmp_path, "\n".join(["x" * 2000, "be\x07rt", *NAMES]))
    assert (read_strings(lines, skip_bad=True).skipped, read_strings(lines, skip_bad=True).rows) == (2, 14)
    table = write(tmp_path, in_csv(["b,c", *NAMES, "d,e,f"]), "a.csv")
    assert read_strings(table, skip_bad=True).skipped == 2
    assert read_strings(table, skip_bad=True).values == tuple(NAMES)


def test_no_such_column(tmp_path):
    with pytest.raises(DataError, match=r"no column 'nane'; it has name, n\. Did you mean --column name"):
        read_strings(write(tmp_path, in_csv(NAMES), "a.csv"), column="nane")
    with pytest.raises(DataError, match="have no column 'name'"):
        read_strings(write(tmp_path, "\n".join(NAMES)), column="name")


def test_limits_can_be_moved(tmp_path):
    path = write(tmp_path, "anna\n" + "x" * 1001)
    assert len(read_strings(path, max_length=1001, min_strings=2).values) == 2
    with pytest.raises(SettingError, match="--max-length must be at least 1, got 0"):
        read_strings(path, max_length=0)


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl", "a.txt.gz"])
def test_one_line_of_fifty_megabytes_is_not_held(tmp_path, name):
    path = tmp_path / name
    with gzip.open(path, "wb", 1) if name.endswith(".gz") else path.open("wb") as file:
        for _ in range(50):
            file.write(b"all in one line " * (1 << 16))
    start = time.perf_counter()
    tracemalloc.start()
    with pytest.raises(DataError, match="long"):
        read_strings(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    assert time.perf_counter() - start < 5
