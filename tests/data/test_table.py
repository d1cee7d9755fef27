from pathlib import Path

import pytest

from undertow.data.table import choose
from undertow.errors import DataError

PATH = Path("a.csv")


def test_the_only_column_or_the_only_one_of_strings_is_taken():
    assert choose(PATH, ("n",), (), None) == "n"
    assert choose(PATH, ("n", "s"), ("s",), None) == "s"
    assert choose(PATH, ("n", "s"), ("s",), "n") == "n"


@pytest.mark.parametrize(
    ("columns", "strings", "column", "told"),
    [
        (
            ("a", "b"),
            ("a", "b"),
            None,
            r"columns a, b; 2 of them hold strings \(a, b\)\. Name one with --column",
        ),
        (("a", "b"), (), None, "none holds strings"),
        (
            ("title", "year"),
            ("title",),
            "titel",
            r"no column 'titel'; it has title, year\. Did you mean --column title",
        ),
        (("Title", "year"), ("Title",), "TITLE", r"Did you mean --column Title"),
        (tuple(map(str, range(30))), (), "x", r"it has 0, 1, .*, 19 and 10 more\."),
        (("a", "a"), ("a", "a"), "a", "2 columns named 'a'"),
    ],
)
def test_what_cannot_be_chosen_is_asked(columns, strings, column, told):
    with pytest.raises(DataError, match=told):
        choose(PATH, columns, strings, column)
