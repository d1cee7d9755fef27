from pathlib import Path

import pytest

from undertow.data.columns import Role, Search
from undertow.data.table import Form
from undertow.errors import DataError

TEXT = Role("text", ("text", "title", "review"), longest=True)
LABEL = Role("label", ("label", "score", "stars"))


def search(*columns, asked=(None, None), form=None):
    return Search(Path("a.csv"), columns, form or Form("csv"), (TEXT, LABEL), asked).found()


@pytest.mark.parametrize(
    ("columns", "asked", "expected"),
    [
        (("id", "review", "stars"), (None, None), ("review", "stars")),
        (("Stars", " TITLE "), (None, None), (" TITLE ", "Stars")),
        (("title", "text", "score", "label"), (None, None), ("text", "label")),  # the first name wins
        (("utterance", "label"), (None, None), ("utterance", "label")),  # the only other one
        (("review", "mood"), (None, None), ("review", "mood")),
        (("utterance", "mood"), ("utterance", None), ("utterance", "mood")),
        (("utterance", "mood"), (None, "mood"), ("utterance", "mood")),
        (("text", "stars", "utterance"), ("utterance", None), ("utterance", "stars")),
        (("1", "2", "3"), ("3", "2"), ("3", "2")),
    ],
)
def test_two_columns_are_found(columns, asked, expected):
    assert search(*columns, asked=asked) == expected


@pytest.mark.parametrize(
    ("columns", "asked", "told"),
    [
        (
            ("title", "review", "label"),
            (None, None),
            r"columns title, review may be the text\. .*--text COLUMN",
        ),
        (
            ("a", "b", "label"),
            (None, None),
            r"the columns a, b, label; .* the text is not known\. Give --text COL",
        ),
        (("text", "title"), (None, None), r"which of them is the label is not known\. Give --label COLUMN"),
        (("text", "b", "c"), ("txet", None), r"no column 'txet'.* Did you mean --text text\?"),
        (("a", "b"), ("a", "a"), "--text and --label name the same column, 'a'"),
        (
            ("ham", "Go there"),
            ("2", "1"),
            r"no column '2'; its first row names them ham, Go there.*--no-header",
        ),
        (
            ("text;label",),
            (None, None),
            r"one column, text;label, where a text and a label are .*--format tsv",
        ),
    ],
)
def test_what_is_not_known_is_asked(columns, asked, told):
    with pytest.raises(DataError, match=told):
        search(*columns, asked=asked)


def test_a_first_row_without_a_usual_name_may_be_data():
    with pytest.raises(DataError, match=r"seems to have no header.* --no-header --text 2 --label 1; if it"):
        search("ham", "Go until jurong point")
    with pytest.raises(DataError, match=r"--no-header --text 3 --label NUMBER \(1 to 3\)"):
        search("1_1", "-0.9", "the longest of them")


@pytest.mark.parametrize("form", [Form("csv", header=False), Form("jsonl"), Form("parquet")])
def test_names_that_are_no_row_are_not_taken_for_one(form):
    with pytest.raises(DataError, match=r"the columns 1, 2; which of them is the text and the label"):
        search("1", "2", form=form)
