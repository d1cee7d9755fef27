"""CSV and TSV: read by pyarrow in blocks; a value stays the text that it is ("007" stays "007").

In CSV a value may be quoted and may then hold separators and line breaks. In TSV a quote is a character
like any other (IANA's text/tab-separated-values): lists of titles and messages are full of them.
"""

import io
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from undertow.data.decode import Utf8Stream, lines
from undertow.data.table import BLOCK, Form, Pick, Row, Table
from undertow.errors import DataError

REST = 0.02  # seconds without a read, after which nobody reads ahead any more


def open_csv(path: Path, pick: Pick, form: Form) -> Table:
    """Which rows do these columns hold?

    Args:
        path: of the table; .gz is unpacked.
        pick: of the columns, and of those that hold strings, the ones to read.
        form: "csv" or "tsv"; without a header the columns are named by their numbers, from "1".

    Returns:
        The table; rows count the header as 1 and leave out blank ones.

    Raises:
        DataError: no such column, a choice to be made, a row longer than a block, or no table at all.
    """
    import pyarrow

    if next(lines(path, form.encoding, BLOCK), (1, ""))[1] is None:
        raise _not_a_table(path, form, "straddling", 0)
    try:
        with _reader(path, form, (), lambda row: "skip") as head:
            schema = head.schema
    except pyarrow.ArrowInvalid as error:
        raise _not_a_table(path, form, str(error), 0) from error
    columns = tuple(schema.names) if form.header else tuple(str(n + 1) for n in range(len(schema)))
    kinds = zip(columns, schema.types, strict=True)
    strings = tuple(name for name, kind in kinds if pyarrow.types.is_string(kind))
    chosen = tuple(wanted.name for wanted in pick(columns, strings))
    return Table(columns, chosen, "row", _rows(path, form, columns, chosen))


def _rows(
    path: Path, form: Form, columns: tuple[str, ...], chosen: tuple[str, ...]
) -> Generator[Row, None, None]:
    import pyarrow

    bad: dict[int, str] = {}
    first = "header" if form.header else "first row"

    def note(row: Any) -> str:
        bad[row.number] = f"{row.actual_columns} values where the {first} has {row.expected_columns}"
        return "skip"

    nothing = (None,) * len(chosen)
    number = 2 if form.header else 1
    convert = {"include_columns": chosen, "column_types": dict.fromkeys(chosen, pyarrow.string())}
    try:
        with _reader(path, form, columns, note, **convert) as reader:
            for batch in reader:
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    while number in bad:
                        yield Row(number, nothing, bad.pop(number))
                        number += 1
                    yield Row(number, values)
                    number += 1
    except pyarrow.ArrowInvalid as error:
        raise _not_a_table(path, form, str(error), number - 1) from error
    for row, fault in bad.items():
        yield Row(row, nothing, fault)


@contextmanager
def _reader(path: Path, form: Form, columns: tuple[str, ...], handler: Any, **convert: Any) -> Iterator[Any]:
    """Blocks of the table, as long as they are wanted."""
    from pyarrow import csv

    tabs = form.format == "tsv"
    stream = _Counted(Utf8Stream(path, form.encoding), BLOCK)
    reader = csv.open_csv(
        stream,
        read_options=csv.ReadOptions(
            use_threads=False,  # threads lose the row numbers
            block_size=BLOCK,
            column_names=None if form.header else columns,
            autogenerate_column_names=not form.header and not columns,
        ),
        parse_options=csv.ParseOptions(
            delimiter="\t" if tabs else ",",
            quote_char=False if tabs else '"',
            newlines_in_values=not tabs,
            invalid_row_handler=handler,
        ),
        convert_options=csv.ConvertOptions(**convert),
    )
    try:
        yield reader
    finally:
        reader.close()
        stream.settle()


class _Counted(io.BufferedReader):
    """A stream that pyarrow reads ahead from threads of its own; they must not still do so when Python ends, or
    they take it down with them."""

    calls = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.calls += 1
        return super().read(size)

    def settle(self) -> None:
        """Wait until nobody has read for a while."""
        seen = -1
        while seen != self.calls:
            seen = self.calls
            time.sleep(REST)


def _not_a_table(path: Path, form: Form, told: str, after: int) -> DataError:
    if "straddling" in told:
        return DataError(
            f"{path}: what follows row {after:,} is one row of more than {BLOCK:,} bytes. "
            "Is a quote opened and never closed, or is it one long text (`undertow train text`)?"
        )
    return DataError(f"{path} cannot be read as {form.format.upper()}: {told}")
