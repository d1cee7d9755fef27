"""Tables: one column of a CSV, TSV, JSON lines or Parquet file, as a stream of rows.

Every row comes with its number; a row that cannot be used comes with the reason, and the caller
decides whether that ends the reading.
"""

import difflib
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from undertow.data.decode import Utf8Stream, lines
from undertow.data.source import format_of
from undertow.errors import DataError

BLOCK = 1 << 22  # bytes held of a CSV file, characters of a JSON line: no row may be longer

PEEK = 100  # JSON lines looked at to learn the columns


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


def open_table(path: str | Path, column: str | None, encoding: str) -> Table:
    """Which rows does this column hold?

    Args:
        path: .csv, .tsv, .jsonl, .ndjson or .parquet; .gz of the text ones.
        column: None takes the only column, or the only column of strings.
        encoding: of the text formats.

    Returns:
        The table; its rows are read as they are asked for.

    Raises:
        DataError: no such column, a choice to be made, or a file that is not of its format.
    """
    openers = {"csv": _csv, "tsv": _csv, "jsonl": _json_lines, "parquet": _parquet}
    return openers[format_of(path)](Path(path), column, encoding)


def choose(path: Path, columns: tuple[str, ...], strings: tuple[str, ...], column: str | None) -> str:
    """Which column is meant? See `open_table`."""
    named = ", ".join(columns)
    if column is None:
        if len(columns) == 1:
            return columns[0]
        if len(strings) == 1:
            return strings[0]
        found = f"{len(strings)} of them hold strings ({', '.join(strings)})" if strings else "none holds strings"
        raise DataError(f"{path} has the columns {named}; {found}. Name one with --column.")
    if column not in columns:
        close = difflib.get_close_matches(column, columns, n=1, cutoff=0.5)
        hint = f" Did you mean --column {close[0]}?" if close else ""
        raise DataError(f"{path} has no column {column!r}; it has {named}.{hint}")
    if columns.count(column) > 1:
        raise DataError(f"{path} has {columns.count(column)} columns named {column!r}. Rename all but one.")
    return column


def _csv(path: Path, column: str | None, encoding: str) -> Table:
    import pyarrow
    from pyarrow import csv

    parse: dict[str, Any] = {
        "delimiter": "\t" if format_of(path) == "tsv" else ",",
        "newlines_in_values": True,
    }
    reading = csv.ReadOptions(use_threads=False, block_size=BLOCK)  # in order, so that rows have numbers

    def stream(handler: Any, **convert: Any) -> Any:
        options = csv.ParseOptions(invalid_row_handler=handler, **parse)
        source = io.BufferedReader(Utf8Stream(path, encoding), BLOCK)
        return csv.open_csv(
            source,
            read_options=reading,
            parse_options=options,
            convert_options=csv.ConvertOptions(**convert),
        )

    def rows(chosen: str) -> Iterator[Row]:
        bad: dict[int, str] = {}

        def note(row: Any) -> str:
            bad[row.number] = f"{row.actual_columns} values where the header has {row.expected_columns}"
            return "skip"

        number = 1  # the header's
        try:
            with stream(note, include_columns=[chosen], column_types={chosen: pyarrow.string()}) as reader:
                for batch in reader:
                    for value in batch.column(0).to_pylist():
                        number += 1
                        while number in bad:
                            number += 1
                        yield Row(number, value)
        except pyarrow.ArrowInvalid as error:
            raise _not_csv(path, str(error), number) from error
        for row, fault in bad.items():
            yield Row(row, None, fault)

    try:
        with stream(lambda row: "skip") as head:
            schema = head.schema
    except pyarrow.ArrowInvalid as error:
        raise _not_csv(path, str(error), 0) from error
    columns = tuple(schema.names)
    strings = tuple(field.name for field in schema if pyarrow.types.is_string(field.type))
    chosen = choose(path, columns, strings, column)
    return Table(columns, chosen, "row", rows(chosen))


def _not_csv(path: Path, told: str, after: int) -> DataError:
    if "straddling" in told:
        return DataError(
            f"{path}: a row after row {after} is longer than {BLOCK:,} bytes. "
            "Is a quote opened and never closed, or is it one long text (`undertow train text`)?"
        )
    return DataError(f"{path} cannot be read as a table of {format_of(path).upper()}: {told}")


def _json_lines(path: Path, column: str | None, encoding: str) -> Table:
    decoder = msgspec.json.Decoder()

    def records() -> Iterator[tuple[int, dict[str, Any], str]]:
        for number, line in lines(path, encoding, BLOCK):
            if line is None:
                yield number, {}, f"longer than {BLOCK:,} characters"
            elif line.strip():
                yield number, *_record(decoder, line)

    def rows(chosen: str, records: Iterator[tuple[int, dict[str, Any], str]]) -> Iterator[Row]:
        for number, record, fault in records:
            value = record.get(chosen)
            if value is not None and not isinstance(value, str):
                fault = f"{chosen!r} holds {type(value).__name__} {value!r:.40}, not a string"
            yield Row(number, None, fault) if fault else Row(number, value)

    stream = records()
    peeked = list(itertools.islice(stream, PEEK))
    columns = tuple(dict.fromkeys(name for _, record, _ in peeked for name in record))
    if not columns:
        told = peeked[0][2] if peeked else "no record"
        where = f", line {peeked[0][0]}" if peeked else ""
        raise DataError(f'{path}{where}: {told}. JSON lines hold one object a line: {{"name": "Anna"}}.')
    strings = tuple(name for name in columns if any(isinstance(record.get(name), str) for _, record, _ in peeked))
    chosen = choose(path, columns, strings, column)
    return Table(columns, chosen, "line", rows(chosen, itertools.chain(peeked, stream)))


def _record(decoder: Any, line: str) -> tuple[dict[str, Any], str]:
    try:
        record = decoder.decode(line)
    except msgspec.DecodeError as error:
        return {}, f"not JSON: {error}"
    return (record, "") if isinstance(record, dict) else ({}, "not a JSON object")


def _parquet(path: Path, column: str | None, encoding: str) -> Table:
    import pyarrow
    from pyarrow import parquet

    def is_text(kind: Any) -> bool:
        inner = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
        return bool(pyarrow.types.is_string(inner) or pyarrow.types.is_large_string(inner))

    def rows(chosen: str) -> Iterator[Row]:
        number = 0
        try:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=[chosen]):
                    for value in batch.column(0).to_pylist():
                        number += 1
                        yield Row(number, value)
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{path}: cannot be read after row {number}: {error}") from error

    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a Parquet file, or damaged: {error}") from error
    columns = tuple(schema.names)
    strings = tuple(field.name for field in schema if is_text(field.type))
    chosen = choose(path, columns, strings, column)
    if chosen not in strings:
        kind = schema.field(chosen).type
        others = f" Columns of strings: {', '.join(strings)}." if strings else " No column of it holds strings."
        raise DataError(f"{path}: column {chosen!r} holds {kind}, not strings.{others}")
    return Table(columns, chosen, "row", rows(chosen))
