"""JSON lines: one object a line, decoded as the lines come."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from undertow.data.decode import lines
from undertow.data.table import BLOCK, Row, Table, choose
from undertow.errors import DataError

PEEK = 100  # lines looked at to learn the columns


class Record(NamedTuple):
    """One line: its number, the object's fields, and what is wrong with it."""

    line: int
    fields: dict[str, Any]
    fault: str = ""


def open_json_lines(path: Path, column: str | None, encoding: str) -> Table:
    """Which rows does this field of the objects hold?

    Args:
        path: .jsonl or .ndjson, or either with .gz.
        column: None takes the only field, or the only one of strings, of the first 100 lines.
        encoding: of the file.

    Returns:
        The table, counted in lines; blank lines are left out. A field that is missing or null is an
        empty row.

    Raises:
        DataError: no such field, a choice to be made, or no object in the first 100 lines.
    """
    records = _records(path, encoding)
    peeked = list(itertools.islice(records, PEEK))
    columns = tuple(dict.fromkeys(name for record in peeked for name in record.fields))
    if not columns:
        told = (
            f", line {peeked[0].line}: {peeked[0].fault or 'an empty object'}" if peeked else " holds no line"
        )
        raise DataError(f'{path}{told}. JSON lines hold one object a line: {{"name": "Anna"}}.')
    strings = tuple(n for n in columns if any(isinstance(record.fields.get(n), str) for record in peeked))
    chosen = choose(path, columns, strings, column)
    return Table(columns, chosen, "line", _rows(chosen, itertools.chain(peeked, records)))


def _rows(column: str, records: Iterator[Record]) -> Iterator[Row]:
    for line, fields, fault in records:
        value = fields.get(column)
        if isinstance(value, str) or value is None:
            yield Row(line, value, fault)
        else:
            yield Row(line, None, f"{column!r} holds {type(value).__name__} {value!r:.40}, not a string")


def _records(path: Path, encoding: str) -> Iterator[Record]:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
    for number, line in lines(path, encoding, BLOCK):
        if line is None:
            yield Record(number, {}, f"longer than {BLOCK:,} characters")
        elif line.strip():
            yield _record(decoder, number, line)


def _record(decoder: "msgspec.json.Decoder[Any]", number: int, line: str) -> Record:
    try:
        fields = decoder.decode(line)
    except msgspec.DecodeError as error:
        return Record(number, {}, f"not JSON: {error}")
    if not isinstance(fields, dict):
        return Record(number, {}, "not a JSON object")
    return Record(number, fields)
