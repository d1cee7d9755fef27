"""Parquet: columns of strings, or of numbers where they are wanted, read by pyarrow in record batches."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from undertow.data.table import Form, Pick, Row, Table, Wanted
from undertow.errors import DataError


def open_parquet(path: Path, pick: Pick, form: Form) -> Table:
    """Which rows do these columns hold?

    Args:
        path: of the table.
        pick: of the columns, and of those that hold strings, the ones to read.
        form: not asked; Parquet holds UTF-8 and names its columns.

    Returns:
        The table, counted in rows from 1. A number that is not one (NaN) is an empty value.

    Raises:
        DataError: no such column, a choice to be made, a column of other things than strings (or
            numbers, where they are wanted), or a damaged file.
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
    picked = pick(columns, strings)
    for wanted in picked:
        _check_type(path, wanted, schema.field(wanted.name).type, strings)
    chosen = tuple(wanted.name for wanted in picked)
    return Table(columns, chosen, "row", _rows(path, chosen))


def _check_type(path: Path, wanted: Wanted, kind: Any, strings: tuple[str, ...]) -> None:
    if wanted.name in strings or (wanted.numbers and _is_number(kind)):
        return
    expected = "strings or numbers" if wanted.numbers else "strings"
    others = f"Columns of strings: {', '.join(strings)}." if strings else "No column of it holds strings."
    raise DataError(f"{path}: column {wanted.name!r} holds {kind}, not {expected}. {others}")


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    inner = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(inner) or types.is_large_string(inner))


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    inner = kind.value_type if types.is_dictionary(kind) else kind
    return any(
        is_such(inner)
        for is_such in (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    )


def _rows(path: Path, chosen: tuple[str, ...]) -> Generator[Row, None, None]:
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=list(chosen)):
                for values in zip(*(_values(batch.column(name)) for name in chosen), strict=True):
                    number += 1
                    yield Row(number, values)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read after row {number:,}: {error}") from error


def _values(column: Any) -> list[str | None]:
    import pyarrow

    if _is_text(column.type):
        return column.to_pylist()  # type: ignore[no-any-return]
    texts = column.cast(pyarrow.string()).to_pylist()
    return [None if text == "nan" else text for text in texts]
