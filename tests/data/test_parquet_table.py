import pyarrow
import pytest
from pyarrow import parquet

from undertow.data.parquet_table import open_parquet
from undertow.data.table import Form, Row, Wanted
from undertow.errors import DataError


def opened(path, *wanted):
    return open_parquet(path, lambda known, strings: wanted, Form("parquet"))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.parquet"
    names = pyarrow.array(["anna", None, "bert"])
    columns = {"name": names, "kind": names.dictionary_encode(), "n": [1, 2, 3]}
    parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
    return path


@pytest.mark.parametrize("column", ["name", "kind"])
def test_strings_plain_and_dictionary(path, column):
    rows = opened(path, Wanted(column)).rows
    assert list(rows) == [Row(1, ("anna",)), Row(2, (None,)), Row(3, ("bert",))]


def test_a_column_of_numbers_is_refused(path):
    with pytest.raises(DataError, match=r"'n' holds int64, not strings\. Columns of strings: name, kind"):
        opened(path, Wanted("n"))


def test_several_columns_come_in_the_order_of_the_choice(path):
    found = opened(path, Wanted("n", numbers=True), Wanted("name"))
    assert (found.columns, found.chosen) == (("name", "kind", "n"), ("n", "name"))
    assert [row.values for row in found.rows] == [("1", "anna"), ("2", None), ("3", "bert")]


def test_numbers_are_text_where_they_are_wanted(tmp_path):
    path = tmp_path / "numbers.parquet"
    columns = {
        "whole": pyarrow.array([3.0, None, float("nan")]),
        "narrow": pyarrow.array([0.1, 2.5, -1.0], pyarrow.float32()),
        "yes": [True, False, None],
        "kind": pyarrow.array([1, 2, 1]).dictionary_encode(),
        "list": [[1], [2], []],
    }
    parquet.write_table(pyarrow.table(columns), path)
    names = ("whole", "narrow", "yes", "kind")
    found = opened(path, *(Wanted(name, numbers=True) for name in names)).rows
    assert [row.values for row in found] == [
        ("3", "0.1", "true", "1"),
        (None, "2.5", "false", "2"),
        (None, "-1", None, "1"),
    ]
    with pytest.raises(DataError, match=r"'list' holds list.*not strings or numbers"):
        opened(path, Wanted("list", numbers=True))


def test_a_damaged_file_is_an_error(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="not a Parquet file, or damaged"):
        opened(path, Wanted("name"))
