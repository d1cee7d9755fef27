import pytest

from undertow.data.opening import OPENERS, open_table
from undertow.data.table import Form, Row, Wanted
from undertow.errors import SettingError


@pytest.mark.parametrize(
    ("format", "content"),
    [("csv", "a,b\nx,y\n"), ("tsv", "a\tb\nx\ty\n"), ("jsonl", '{"a": "x", "b": "y"}\n')],
)
def test_the_format_says_how_whatever_the_ending(tmp_path, format, content):
    path = tmp_path / "a.txt"
    path.write_text(content)
    found = open_table(path, lambda known, strings: (Wanted("b"), Wanted("a")), Form(format))
    assert (found.columns, found.chosen) == (("a", "b"), ("b", "a"))
    assert [row.values for row in found.rows] == [("y", "x")]


def test_a_table_in_another_encoding(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("rené\tx\n".encode("cp1252"))
    form = Form("tsv", "cp1252", header=False)
    assert list(open_table(path, lambda known, strings: (Wanted("1"),), form).rows) == [Row(1, ("rené",))]


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_format_that_names_its_columns_has_a_header(tmp_path, format):
    with pytest.raises(SettingError, match=r"names its columns itself\. Leave --no-header out"):
        open_table(tmp_path / "a", lambda known, strings: (), Form(format, header=False))
    assert format in OPENERS
