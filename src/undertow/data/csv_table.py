"""CSV and TSV, a row at a time; a value stays the text that it is ("007" stays "007").

In CSV a value may be quoted and may then hold separators and line breaks (RFC 4180). In TSV a quote is a character
like any other (IANA's text/tab-separated-values): lists of titles and messages are full of them.
"""

import csv
from collections.abc import Callable, Generator, Iterator
from datetime import datetime, time
from itertools import chain, islice
from pathlib import Path

from undertow.data.decode import lines
from undertow.data.table import BLOCK, Form, Pick, Row, Table
from undertow.errors import DataError

LOOKED_AT = 1000  # rows, to tell columns of strings from columns of numbers
TOO_LONG = f"a row of more than {BLOCK:,} characters"
PLAIN = ("", "true", "false", "nan", "na", "n/a", "null", "none")  # in lower case; no strings

DATES = (datetime.fromisoformat, time.fromisoformat)

Record = tuple[str, ...] | None  # the values of a row; None: it is too long


def open_csv(path: Path, pick: Pick, form: Form) -> Table:
    """Which rows do these columns hold?

    Args:
        path: of the table; .gz is unpacked.
        pick: of the columns, and of those that hold strings, the ones to read.
        form: "csv" or "tsv"; without a header the columns are named by their numbers, from "1".

    Returns:
        The table; rows count the header as 1 and leave out blank ones.

    Raises:
        DataError: no such column, a choice to be made, a first row or a quoted value that does not end, or no table.
    """
    records = _records(path, form)
    first = next(records, ())
    if not first:
        raise _no_table(path, form, first)
    columns = first if form.header else tuple(str(n + 1) for n in range(len(first)))
    ahead = list(islice(records, LOOKED_AT))
    shown = [row for row in ahead if row and len(row) == len(columns)]
    if not form.header:
        shown, ahead = [first, *shown], [first, *ahead]
    strings = tuple(name for n, name in enumerate(columns) if any(_is_string(row[n]) for row in shown))
    chosen = tuple(wanted.name for wanted in pick(columns, strings))
    return Table(columns, chosen, "row", _rows(chain(ahead, records), form, columns, chosen))


def _rows(
    records: Iterator[Record], form: Form, columns: tuple[str, ...], chosen: tuple[str, ...]
) -> Generator[Row, None, None]:
    places = [columns.index(name) for name in chosen]
    nothing, first = (None,) * len(chosen), "header" if form.header else "first row"
    for number, values in enumerate(records, start=2 if form.header else 1):
        if values is None:
            yield Row(number, nothing, TOO_LONG)
        elif len(values) != len(columns):
            yield Row(number, nothing, f"{len(values)} values where the {first} has {len(columns)}")
        else:
            yield Row(number, tuple(values[place] for place in places))


def _records(path: Path, form: Form) -> Iterator[Record]:
    """Rows that are not blank."""
    if form.format == "csv":
        yield from _quoted(path, form)
        return
    for _, text in lines(path, form.encoding, BLOCK):
        if text != "":
            yield None if text is None else tuple(text.split("\t"))


def _quoted(path: Path, form: Form) -> Iterator[Record]:
    csv.field_size_limit(max(csv.field_size_limit(), BLOCK))  # the module's own would refuse 128 KiB
    fed = _Fed()
    for values in csv.reader(fed.lines(path, form)):
        long, fed.held, fed.long = fed.long, 0, False
        if long:
            yield None
        elif values:
            yield tuple(values)


class _Fed:
    """The lines that a row was made of so far."""

    held = 0  # characters
    long = False  # one of them was left out

    def lines(self, path: Path, form: Form) -> Iterator[str]:
        """The lines of a file; of one that is too long nothing.

        Raises:
            DataError: a row of many lines that does not end.
        """
        for number, text in lines(path, form.encoding, BLOCK):
            self.long = self.long or text is None
            self.held += len(text or "") + 1
            if self.held > BLOCK + 1:
                raise DataError(
                    f"{path}, line {number:,}: one row of more than {BLOCK:,} characters ends here or goes on. "
                    "Is a quote opened and never closed, or is it one long text (`undertow train text`)?"
                )
            yield (text or "") + "\n"


def _is_string(value: str) -> bool:
    """Neither a number nor a date or time, and not a word for either that is missing."""
    value = value.strip().lower()
    return value not in PLAIN and not any(_is_a(kind, value) for kind in (float, *DATES))


def _is_a(kind: Callable[[str], object], value: str) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True


def _no_table(path: Path, form: Form, first: Record) -> DataError:
    if first is None:
        return DataError(
            f"{path}: its first row has more than {BLOCK:,} characters. Is it one long text (`undertow train text`)?"
        )
    return DataError(f"{path} cannot be read as {form.format.upper()}: it holds no row.")
