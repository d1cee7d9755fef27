"""CSV and TSV: read by pyarrow in blocks; a value stays the text that it is ("007" stays "007").

In CSV a value may be quoted and may then hold separators and line breaks. In TSV a quote is a character
like any other (IANA's text/tab-separated-values): lists of titles and messages are full of them.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from undertow.data.decode import Utf8Stream, lines
from undertow.data.source import format_of
from undertow.data.table import BLOCK, Row, Table, choose
from undertow.errors import DataError


def open_csv(path: Path, column: str | None, encoding: str) -> Table:
    """Which rows does this column hold?

    Args:
        path: .csv or .tsv, or either with .gz; the first row is the header.
        column: None takes the only column, or the only one of strings.
        encoding: of the file.

    Returns:
        The table; rows count the header as 1 and leave out blank ones.

    Raises:
        DataError: no such column, a choice to be made, a row longer than a block, or no table at all.
    """
    import pyarrow

    if next(lines(path, encoding, BLOCK), (1, ""))[1] is None:
        raise _not_a_table(path, "straddling", 0)
    try:
        with _reader(path, encoding, lambda row: "skip") as head:
            schema = head.schema
    except pyarrow.ArrowInvalid as error:
        raise _not_a_table(path, str(error), 0) from error
    columns = tuple(schema.names)
    strings = tuple(field.name for field in schema if pyarrow.types.is_string(field.type))
    chosen = choose(path, columns, strings, column)
    return Table(columns, chosen, "row", _rows(path, chosen, encoding))


def _rows(path: Path, column: str, encoding: str) -> Iterator[Row]:
    import pyarrow

    bad: dict[int, str] = {}

    def note(row: Any) -> str:
        bad[row.number] = f"{row.actual_columns} values where the header has {row.expected_columns}"
        return "skip"

    number = 2  # the header is 1
    convert = {"include_columns": [column], "column_types": {column: pyarrow.string()}}
    try:
        with _reader(path, encoding, note, **convert) as reader:
            for batch in reader:
                for value in batch.column(0).to_pylist():
                    while number in bad:
                        yield Row(number, None, bad.pop(number))
                        number += 1
                    yield Row(number, value)
                    number += 1
    except pyarrow.ArrowInvalid as error:
        raise _not_a_table(path, str(error), number - 1) from error
    for row, fault in bad.items():
        yield Row(row, None, fault)


def _reader(path: Path, encoding: str, handler: Any, **convert: Any) -> Any:
    from pyarrow import csv

    tabs = format_of(path) == "tsv"
    return csv.open_csv(
        io.BufferedReader(Utf8Stream(path, encoding), BLOCK),
        read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK),  # threads lose the row numbers
        parse_options=csv.ParseOptions(
            delimiter="\t" if tabs else ",",
            quote_char=False if tabs else '"',
            newlines_in_values=not tabs,
            invalid_row_handler=handler,
        ),
        convert_options=csv.ConvertOptions(**convert),
    )


def _not_a_table(path: Path, told: str, after: int) -> DataError:
    if "straddling" in told:
        return DataError(
            f"{path}: what follows row {after:,} is one row of more than {BLOCK:,} bytes. "
            "Is a quote opened and never closed, or is it one long text (`undertow train text`)?"
        )
    return DataError(f"{path} cannot be read as {format_of(path).upper()}: {told}")
