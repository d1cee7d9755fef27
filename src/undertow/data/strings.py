"""Strings: a list of strings out of a file of the user's: lines, CSV, TSV, JSON lines or Parquet."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from undertow.data.decode import lines
from undertow.data.opening import open_table
from undertow.data.source import Source, check_file, describe, format_of
from undertow.data.table import Form, Row, Wanted, choose
from undertow.data.value import ROOM, cleaned, fault_of, remedy_of, too_long
from undertow.errors import DataError, SettingError


@dataclass(frozen=True)
class Strings:
    """Distinct strings, and what was met on the way to them.

    Args:
        values: in the order of the file, each once.
        source: the file.
        rows: rows or lines read, the header not counted.
        duplicates: strings met again and dropped.
        empty: rows without a string.
        skipped: rows that could not be used, dropped with `skip_bad`.
        columns: of a table, all of them; () for lines.
    """

    values: tuple[str, ...]
    source: Source
    rows: int
    duplicates: int
    empty: int
    skipped: int
    columns: tuple[str, ...]


def read_strings(
    path: str | Path,
    *,
    column: str | None = None,
    encoding: str = "utf-8",
    max_length: int = 1000,
    skip_bad: bool = False,
    min_strings: int = 10,
) -> Strings:
    """Which strings does this file hold?

    The ending says the format: .csv, .tsv, .jsonl, .ndjson, .parquet, also .gz of the text ones; any
    other file is read as one string a line. Space around a string is dropped; a line break inside a
    quoted value counts as a space. A CSV or TSV file begins with a header. Nothing is ever held but the
    distinct strings and one block of the file, however long its lines.

    Args:
        path: of the file.
        column: of a table; None takes the only column, or the only one of strings.
        encoding: of the text formats; a UTF-8 byte order mark is dropped.
        max_length: characters a string may have.
        skip_bad: count rows that cannot be used (too long, a control character, a wrong number of
            values, not JSON) instead of stopping at the first.
        min_strings: distinct strings asked for.

    Returns:
        The strings in the order of the file, exact duplicates removed.

    Raises:
        DataError: the file, a column or a row cannot be used, or there are too few strings.
        SettingError: an unknown encoding, or a limit below 1.
    """
    if max_length < 1:
        raise SettingError(f"--max-length must be at least 1, got {max_length}.")
    check_file(path, encoding=encoding)
    columns, chosen, unit, rows = _open(path, column, encoding, max_length)
    seen: dict[str, None] = {}
    count = empty = skipped = full = 0
    with closing(rows):
        for row in rows:
            count += 1
            value = cleaned(row.values[0])
            fault = row.fault or fault_of(value, max_length)
            if fault and not skip_bad:
                raise DataError(f"{path}, {unit} {row.number:,}: {fault}. {_remedy(fault, path, unit)}")
            if fault:
                skipped += 1
            elif not value:
                empty += 1
            else:
                full += 1
                seen[value] = None
    if len(seen) < min_strings:
        raise DataError(_too_few(path, len(seen), skipped, min_strings))
    source = describe(path, encoding=encoding if format_of(path) != "parquet" else "utf-8", column=chosen)
    return Strings(tuple(seen), source, count, full - len(seen), empty, skipped, columns)


def _open(
    path: str | Path, column: str | None, encoding: str, max_length: int
) -> tuple[tuple[str, ...], str | None, str, Generator[Row, None, None]]:
    def pick(columns: tuple[str, ...], strings: tuple[str, ...]) -> tuple[Wanted, ...]:
        return (Wanted(choose(Path(path), columns, strings, column)),)

    if format_of(path) != "lines":
        table = open_table(path, pick, Form(format_of(path), encoding))
        return table.columns, table.chosen[0], table.unit, table.rows
    if column is not None:
        raise DataError(
            f"{path} is read as lines of text, which have no column {column!r}. "
            "Leave --column out, or give a table its ending: .csv, .tsv, .jsonl or .parquet."
        )
    return (), None, "line", _rows_of_lines(path, encoding, max_length)


def _rows_of_lines(path: str | Path, encoding: str, max_length: int) -> Generator[Row, None, None]:
    for number, line in lines(path, encoding, max_length + ROOM):
        yield Row(number, (line,), too_long(max_length) if line is None else "")


def _remedy(fault: str, path: str | Path, unit: str) -> str:
    if fault.startswith("longer than"):
        quote = " (or is a quote never closed?)" if unit == "row" else ""
        return (
            f"It looks like one long text, not a list of strings{quote}: train it with "
            f"`undertow train text --data {path}`, or allow longer strings with --max-length."
        )
    return remedy_of(fault)


def _too_few(path: str | Path, count: int, skipped: int, least: int) -> str:
    strings = "1 string" if count == 1 else f"{count} strings"
    left = f" ({skipped} bad rows were skipped)" if skipped else ""
    return (
        f"{path} has {strings} after removing duplicates{left}; a list of names needs at least {least}, "
        "one a line; one long text is trained with `undertow train text`."
    )
