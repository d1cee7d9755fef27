"""Table: some columns of a file of rows, as a stream; the readers of each format hand it out.

Every row comes with its number; a row that cannot be used comes with the reason, and the caller
decides whether that ends the reading.
"""

import difflib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from undertow.errors import DataError

BLOCK = 1 << 22  # bytes held of a CSV file, characters of a JSON line: no row may be longer

NAMED = 20  # columns named in an error


@dataclass(frozen=True)
class Row:
    """One row: its number as the file counts, the values (None: nothing there), and what is wrong."""

    number: int
    values: tuple[str | None, ...]
    fault: str = ""


@dataclass(frozen=True)
class Form:
    """How the bytes of a table are taken.

    Args:
        format: csv, tsv, jsonl or parquet.
        encoding: of the text formats; Parquet holds UTF-8.
        header: the first row of CSV or TSV names the columns; without it they are "1", "2", "3" and so
            on, and the first row is data.
    """

    format: str
    encoding: str = "utf-8"
    header: bool = True

    @property
    def named_by_row(self) -> bool:
        """Are the columns named by the first row, which may be data by mistake?"""
        return self.header and self.format in ("csv", "tsv")


@dataclass(frozen=True)
class Wanted:
    """A column that is read; with `numbers` its numbers count as their text, without as a fault."""

    name: str
    numbers: bool = False


Pick = Callable[[tuple[str, ...], tuple[str, ...]], tuple[Wanted, ...]]  # of the columns, those of strings


@dataclass(frozen=True)
class Table:
    """A table opened at the chosen columns; `unit` is what its numbers count: "row" or "line"."""

    columns: tuple[str, ...]
    chosen: tuple[str, ...]
    unit: str
    rows: Generator[Row, None, None]


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
    if column is not None:
        return check_column(path, columns, column)
    if len(columns) == 1:
        return columns[0]
    if len(strings) == 1:
        return strings[0]
    held = f"{len(strings)} of them hold strings ({listed(strings)})" if strings else "none holds strings"
    raise DataError(f"{path} has the columns {listed(columns)}; {held}. Name one with --column.")


def check_column(path: Path, columns: tuple[str, ...], column: str, option: str = "--column") -> str:
    """Is there exactly one column of this name?

    Args:
        path: of the table, for the error.
        columns: all of them.
        column: as asked for.
        option: that it was asked for with.

    Returns:
        The column's name.

    Raises:
        DataError: there is none, with a close one in the message, or there are several.
    """
    if column not in columns:
        lower = {name.lower(): name for name in columns}
        close = difflib.get_close_matches(column.lower(), lower, n=1, cutoff=0.5)
        hint = f" Did you mean {option} {lower[close[0]]}?" if close else ""
        raise DataError(f"{path} has no column {column!r}; it has {listed(columns)}.{hint}")
    if columns.count(column) > 1:
        raise DataError(f"{path} has {columns.count(column)} columns named {column!r}. Rename all but one.")
    return column


def listed(names: tuple[str, ...]) -> str:
    """How are these columns told in a message? The first 20 of them, long names cut."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(name if len(name) <= 40 else name[:40] + "…" for name in names[:NAMED]) + more
