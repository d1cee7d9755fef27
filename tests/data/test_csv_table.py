import pytest

from undertow.data.csv_table import open_csv
from undertow.data.table import Row
from undertow.errors import DataError


def rows(tmp_path, text, column=None, name="a.csv"):
    path = tmp_path / name
    path.write_text(text)
    return list(open_csv(path, column, "utf-8").rows)


def test_values_stay_the_text_they_are(tmp_path):
    assert rows(tmp_path, "code,n\n007,1\n1e3,2\nNA,3\n", "code") == [
        Row(2, "007"),
        Row(3, "1e3"),
        Row(4, "NA"),
    ]


def test_quoted_separators_and_line_breaks_are_part_of_a_value(tmp_path):
    assert rows(tmp_path, 'name,n\n"a, ""b""",1\n"c\nd",2\n', "name") == [Row(2, 'a, "b"'), Row(3, "c\nd")]


def test_tabs_separate_tsv(tmp_path):
    assert rows(tmp_path, "name\tn\na, b\t1\n", name="a.tsv") == [Row(2, "a, b")]


def test_quotes_are_characters_in_tsv(tmp_path):
    text = 'name\tn\n"Happy day" I know\t1\n"never closed\t2\nanna\t3\n'
    values = [row.value for row in rows(tmp_path, text, name="a.tsv")]
    assert values == ['"Happy day" I know', '"never closed', "anna"]


def test_malformed_rows_come_in_their_place(tmp_path):
    found = rows(tmp_path, "name,n\na,1\nb,2,3\nc,4\nd\n", "name")
    assert [row.number for row in found] == [2, 3, 4, 5]
    assert [row.value for row in found] == ["a", None, "c", None]
    assert found[1].fault == "3 values where the header has 2"


def test_numbers_hold_across_blocks(tmp_path):
    many = "".join(f"name{i},{i}\n" for i in range(500_000))  # more than one block
    found = rows(tmp_path, "name,n\n" + many + "x,y,z\n" + "last,1\n", "name")
    assert found[-3:] == [
        Row(500_001, "name499999"),
        Row(500_002, None, "3 values where the header has 2"),
        Row(500_003, "last"),
    ]


def test_a_quote_never_closed_is_not_read_to_its_end(tmp_path):
    with pytest.raises(DataError, match="Is a quote opened and never closed"):
        rows(tmp_path, 'name\nanna\n"bert\n' + "carl\n" * 2_000_000)


def test_no_table_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read as CSV"):
        rows(tmp_path, "\n\n")


def test_wrong_encoding_is_told_with_its_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"name\nanna\nren\xe9\n")
    with pytest.raises(DataError, match="line 3: byte 0xe9"):
        list(open_csv(path, None, "utf-8").rows)
