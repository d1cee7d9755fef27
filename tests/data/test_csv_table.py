import csv
import random

import pytest

from undertow.data.csv_table import open_csv
from undertow.data.table import Form, Row, Wanted
from undertow.errors import DataError


def table(tmp_path, text, *columns, name="a.csv", header=True):
    path = tmp_path / name
    path.write_text(text)
    pick = lambda known, strings: tuple(map(Wanted, columns or known[:1]))  # noqa: E731
    return open_csv(path, pick, Form(path.suffix[1:], header=header))


def rows(tmp_path, text, *columns, **how):
    return list(table(tmp_path, text, *columns, **how).rows)


def test_several_columns_come_in_the_order_of_the_choice(tmp_path):
    found = table(tmp_path, 'a,b,c\n1,"2,\n2",3\n4,,6\n7,8\n', "c", "b")
    assert (found.columns, found.chosen, found.unit) == (("a", "b", "c"), ("c", "b"), "row")
    assert list(found.rows) == [
        Row(2, ("3", "2,\n2")),
        Row(3, ("6", "")),
        Row(4, (None, None), "2 values where the header has 3"),
    ]


def test_columns_without_a_header_are_numbered(tmp_path):
    found = table(tmp_path, "ham\t5\n\nspam\t007\nx\n", "2", "1", name="a.tsv", header=False)
    assert found.columns == ("1", "2")
    assert list(found.rows) == [
        Row(1, ("5", "ham")),
        Row(2, ("007", "spam")),
        Row(3, (None, None), "1 values where the first row has 2"),
    ]


def test_columns_of_strings_are_told(tmp_path):
    seen = []
    path = tmp_path / "a.csv"
    path.write_text("a,b\nx,1\ny,2\n")
    open_csv(path, lambda *known: (seen.append(known), (Wanted("a"),))[1], Form("csv"))
    open_csv(path, lambda *known: (seen.append(known), (Wanted("1"),))[1], Form("csv", header=False))
    assert seen == [(("a", "b"), ("a",)), (("1", "2"), ("1", "2"))]


def test_values_stay_the_text_they_are(tmp_path):
    assert rows(tmp_path, "code,n\n007,1\n1e3,2\nNA,3\n", "code") == [
        Row(2, ("007",)),
        Row(3, ("1e3",)),
        Row(4, ("NA",)),
    ]


def test_quoted_separators_and_line_breaks_are_part_of_a_value(tmp_path):
    assert rows(tmp_path, 'name,n\n"a, ""b""",1\n"c\nd",2\n', "name") == [
        Row(2, ('a, "b"',)),
        Row(3, ("c\nd",)),
    ]


def test_tabs_separate_tsv(tmp_path):
    assert rows(tmp_path, "name\tn\na, b\t1\n", name="a.tsv") == [Row(2, ("a, b",))]


def test_quotes_are_characters_in_tsv(tmp_path):
    text = 'name\tn\n"Happy day" I know\t1\n"never closed\t2\nanna\t3\n'
    values = [row.values[0] for row in rows(tmp_path, text, name="a.tsv")]
    assert values == ['"Happy day" I know', '"never closed', "anna"]


def test_malformed_rows_come_in_their_place(tmp_path):
    found = rows(tmp_path, "name,n\na,1\nb,2,3\nc,4\nd\n", "name")
    assert [row.number for row in found] == [2, 3, 4, 5]
    assert [row.values[0] for row in found] == ["a", None, "c", None]
    assert found[1].fault == "3 values where the header has 2"


def test_numbers_hold_across_blocks(tmp_path):
    many = "".join(f"name{i},{i}\n" for i in range(500_000))  # more than one block
    found = rows(tmp_path, "name,n\n" + many + "x,y,z\n" + "last,1\n", "name")
    assert found[-3:] == [
        Row(500_001, ("name499999",)),
        Row(500_002, (None,), "3 values where the header has 2"),
        Row(500_003, ("last",)),
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
        list(open_csv(path, lambda known, strings: (Wanted("name"),), Form("csv")).rows)


def test_a_long_line_in_a_quoted_value_spoils_its_row_alone(tmp_path):
    text = 'name,n\n"a\n' + "x" * 5_000_000 + '\nb",1\nc,2\n'
    assert rows(tmp_path, text, "name") == [
        Row(2, (None,), "a row of more than 4,194,304 characters"),
        Row(3, ("c",)),
    ]


def test_columns_of_dates_and_numbers_are_no_strings(tmp_path):
    path, seen = tmp_path / "a.csv", []
    path.write_text("when,at,how,many,what\n2024-03-01,12:30,true,1e3,x\n,,NA,-2,\n")
    open_csv(path, lambda known, strings: (seen.append(strings), (Wanted("what"),))[1], Form("csv"))
    assert seen == [("what",)]


def test_it_is_read_as_another_library_reads_it(tmp_path):
    """Quotes, empty values, separators and line ends, drawn at random; the csv module writes, another library reads."""
    pyarrow_csv = pytest.importorskip("pyarrow.csv")
    rng = random.Random(0)
    pieces = ["a", "b c", '"', ",", "\n", "", "é", "'", " ", "\t", '""', "x,y"]
    made = [["".join(rng.choices(pieces, k=3)) + "." for _ in range(3)] for _ in range(300)]
    path = tmp_path / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["p", "q", "r"], *made])
    kinds = pyarrow_csv.ConvertOptions(column_types=dict.fromkeys("pqr", "string"))
    quoted = pyarrow_csv.ParseOptions(newlines_in_values=True)
    theirs = pyarrow_csv.read_csv(path, convert_options=kinds, parse_options=quoted).to_pylist()
    pick = lambda known, strings: tuple(map(Wanted, "pqr"))  # noqa: E731
    own = [row.values for row in open_csv(path, pick, Form("csv")).rows]
    assert own == [tuple(row.values()) for row in theirs] == [tuple(row) for row in made]
