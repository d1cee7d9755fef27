"""inspect and score: files are read as their options say, and a recipe says which it takes."""

import json

import pytest

ROWS = "".join(f"{'spam' if n % 3 else 'ham'}\tmessage {n} of many\n" for n in range(60))


@pytest.fixture
def bare(tmp_path):
    """A table of labels and texts without a header."""
    (tmp_path / "bare.tsv").write_text(ROWS, encoding="utf-8")
    return tmp_path / "bare.tsv"


def test_a_table_without_a_header_is_understood(undertow, bare):
    asked = ("inspect", "classify", bare, "--no-header", "--text", "2", "--label", "1", "--json")
    record = json.loads(undertow(*asked).out)
    assert (record["text"], record["label"], record["kept"]) == ("2", "1", 60)
    assert {one["label"] for one in record["classes"]} == {"ham", "spam"}


def test_what_training_has_of_files_to_hold_out(undertow, bare, tmp_path):
    (tmp_path / "held.tsv").write_text("".join(ROWS.splitlines(keepends=True)[:7]), encoding="utf-8")
    asked = ("inspect", "classify", bare, "--no-header", "--text", "2", "--label", "1")
    record = json.loads(undertow(*asked, "--validation", tmp_path / "held.tsv", "--json").out)
    assert record["leakage"] == {"validation": 7}


def test_two_files_of_lines(undertow, tmp_path):
    (tmp_path / "a.de").write_text("".join(f"wort {n % 4}\n" for n in range(12)))
    (tmp_path / "a.en").write_text("".join(f"word {n}\n" for n in range(12)))
    record = json.loads(undertow("inspect", "translate", "a.de", "a.en", "--json").out)
    assert record["kept"] == 12
    assert sum(record["split"].values()) == 12
    from undertow.tasks.pair_parts import PairFiles, read_pair_parts

    parts = read_pair_parts(PairFiles(data=("a.de", "a.en")))
    assert record["split"]["train"] == len(parts.train.sources)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("names", "x.txt", "--label", "1"), "Files of names have no --label. They take --column"),
        (
            ("classify", "x.csv", "--column", "1"),
            "Files of classify have no --column. They take --text, --label",
        ),
        (("text", "x.txt", "--validation", "y"), "text takes no such file"),
        (("classify", "x.csv", "y.csv"), "One file at a time is looked at; got 2"),
        (("translate", "a", "b", "c"), "two files of lines; got 3"),
        (("classify", "x.csv", "--header", "--no-header"), "Give one of --header and --no-header"),
    ],
)
def test_what_a_recipe_does_not_take_is_said(refused, words, told):
    assert told in refused("inspect", *words)


def test_options_of_reading_go_with_a_file(refused, names_run):
    assert "--data is missing" in refused("score", names_run, "--encoding", "cp1252")
