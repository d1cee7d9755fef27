import pyarrow
import pytest
from pyarrow import parquet

from undertow.data.parquet_table import open_parquet
from undertow.data.table import Row
from undertow.errors import DataError


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.parquet"
    names = pyarrow.array(["anna", None, "bert"])
    columns = {"name": names, "kind": names.dictionary_encode(), "n": [1, 2, 3]}
    parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
    return path


@pytest.mark.parametrize("column", ["name", "kind"])
def test_strings_plain_and_dictionary(path, column):
    assert list(open_parquet(path, column, "utf-8").rows) == [Row(1, "anna"), Row(2, None), Row(3, "bert")]


def test_a_column_of_numbers_is_refused(path):
    with pytest.raises(DataError, match=r"'n' holds int64, not strings\. Columns of strings: name, kind"):
        open_parquet(path, "n", "utf-8")


def test_a_choice_is_asked_for(path):
    with pytest.raises(DataError, match="Name one with --column"):
        open_parquet(path, None, "utf-8")


def test_a_damaged_file_is_an_error(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="not a Parquet file, or damaged"):
        open_parquet(path, "name", "utf-8")
