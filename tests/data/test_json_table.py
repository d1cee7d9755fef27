import pytest

from undertow.data.json_table import open_json_lines
from undertow.data.table import Form, Row, Wanted
from undertow.errors import DataError


def table(tmp_path, text, *wanted):
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    return open_json_lines(path, lambda known, strings: wanted or (Wanted(strings[0]),), Form("jsonl"))


def test_one_field_of_the_objects(tmp_path):
    found = table(tmp_path, '{"n": 1, "name": "Anna"}\n\n{"name": null}\n{"n": 2}\n{"name": "B\\u00e9a"}\n')
    assert found.columns == ("n", "name")
    assert found.chosen == ("name",)
    assert list(found.rows) == [Row(1, ("Anna",)), Row(3, (None,)), Row(4, (None,)), Row(5, ("Béa",))]


def test_bad_lines_come_with_number_and_reason(tmp_path):
    found = list(table(tmp_path, '{"name": "Anna"}\n{"name": \n[1]\n{"name": 7}\n', Wanted("name")).rows)
    assert [row.number for row in found] == [1, 2, 3, 4]
    assert [row.fault[:8] for row in found] == ["", "not JSON", "not a JS", "'name' h"]


@pytest.mark.parametrize(
    ("text", "told"), [("nope\n", "line 1: not JSON"), ("\n\n", "holds no line"), ("{}\n", "empty object")]
)
def test_no_object_is_an_error(tmp_path, text, told):
    with pytest.raises(DataError, match=told):
        table(tmp_path, text)


def test_fields_are_learned_from_the_first_hundred_lines_only(tmp_path):
    found = table(tmp_path, '{"a": "x"}\n' * 100 + '{"b": "y"}\n')
    assert found.columns == ("a",)
    assert len(list(found.rows)) == 101


def test_numbers_are_text_where_they_are_wanted(tmp_path):
    text = "".join(f'{{"n": {n}, "s": "x"}}\n' for n in ("3", "2.5", "3.0", "true", '"007"', "null", "[1]"))
    found = list(table(tmp_path, text, Wanted("n", numbers=True), Wanted("s")).rows)
    assert [row.values[0] for row in found] == ["3", "2.5", "3", "true", "007", None, None]
    assert {row.values[1] for row in found} == {"x"}
    assert [row.fault for row in found][-2:] == ["", "'n' holds list [1], not a string or a number"]
