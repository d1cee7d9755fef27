"""Table: one column of a file of rows, as a stream; the readers of each format hand it out.

Every row comes with its number; a row that cannot be used comes with the reason, and the caller
decides whether that ends the reading.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from undertow.errors import DataError

BLOCK = 1 << 22  # bytes held of a CSV file, characters of a JSON line: no row may be longer

NAMED = 20  # columns named in an error


@dataclass(frozen=True)
class Row:
    """One row: its number as the file counts, the value (None: nothing there), and what is wrong."""

    number: int
    value: str | None
    fault: str = ""


@dataclass(frozen=True)
class Table:
    """A table opened at one column; `unit` is what its numbers count: "row" or "line"."""

    columns: tuple[str, ...]
    column: str
    unit: str
    rows: Iterator[Row]


def choose(path: Path, columns: tuple[str, ...], strings: tuple[str, ...], column: str | None) -> str:
    """Which column is meant?

    Args:
        path: of the table, for the error.
        columns: all of them.
        strings: those that hold strings.
        column: as asked for; None takes the only column, or the only one of strings.

    Returns:
        The column's name.

    Raises:
        DataError: a choice has to be made, or there is no such column.
    """
    named = _listed(columns)
    if column is None and len(columns) == 1:
        return columns[0]
    if column is None and len(strings) == 1:
        return strings[0]
    if column is None:
        held = (
            f"{len(strings)} of them hold strings ({_listed(strings)})" if strings else "none holds strings"
        )
        raise DataError(f"{path} has the columns {named}; {held}. Name one with --column.")
    if column not in columns:
        close = difflib.get_close_matches(column, columns, n=1, cutoff=0.5)
        hint = f" Did you mean --column {close[0]}?" if close else ""
        raise DataError(f"{path} has no column {column!r}; it has {named}.{hint}")
    if columns.count(column) > 1:
        raise DataError(f"{path} has {columns.count(column)} columns named {column!r}. Rename all but one.")
    return column


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(name if len(name) <= 40 else name[:40] + "…" for name in names[:NAMED]) + more
