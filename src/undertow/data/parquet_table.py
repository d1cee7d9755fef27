"""Parquet: one column of strings, read by pyarrow in record batches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from undertow.data.table import Row, Table, choose
from undertow.errors import DataError


def open_parquet(path: Path, column: str | None, encoding: str) -> Table:
    """Which rows does this column hold?

    Args:
        path: .parquet.
        column: None takes the only column, or the only one of strings.
        encoding: not asked; Parquet holds UTF-8.

    Returns:
        The table, counted in rows from 1.

    Raises:
        DataError: no such column, a choice to be made, a column of other things than strings, or a
            damaged file.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a Parquet file, or damaged: {error}") from error
    columns = tuple(schema.names)
    strings = tuple(field.name for field in schema if _is_text(field.type))
    chosen = choose(path, columns, strings, column)
    if chosen not in strings:
        others = f"Columns of strings: {', '.join(strings)}." if strings else "No column of it holds strings."
        raise DataError(f"{path}: column {chosen!r} holds {schema.field(chosen).type}, not strings. {others}")
    return Table(columns, chosen, "row", _rows(path, chosen))


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    inner = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(inner) or types.is_large_string(inner))


def _rows(path: Path, column: str) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=[column]):
                for value in batch.column(0).to_pylist():
                    number += 1
                    yield Row(number, value)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read after row {number:,}: {error}") from error
