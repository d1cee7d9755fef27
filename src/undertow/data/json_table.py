"""JSON lines: one object a line, decoded as the lines come."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from undertow.data.decode import lines
from undertow.data.table import BLOCK, Form, Pick, Row, Table, Wanted
from undertow.errors import DataError

PEEK = 100  # lines looked at to learn the columns


class Record(NamedTuple):
    """One line: its number, the object's fields, and what is wrong with it."""

    line: int
    fields: dict[str, Any]
    fault: str = ""


def open_json_lines(path: Path, pick: Pick, form: Form) -> Table:
    """Which rows do these fields of the objects hold?

    Args:
        path: of the table; .gz is unpacked.
        pick: of the fields of the first 100 lines, and of those that hold strings, the ones to read.
        form: its encoding is asked.

    Returns:
        The table, counted in lines; blank lines are left out. A field that is missing or null is an
        empty value.

    Raises:
        DataError: no such field, a choice to be made, or no object in the first 100 lines.
    """
    records = _records(path, form.encoding)
    peeked = list(itertools.islice(records, PEEK))
    columns = tuple(dict.fromkeys(name for record in peeked for name in record.fields))
    if not columns:
        told = (
            f", line {peeked[0].line}: {peeked[0].fault or 'an empty object'}" if peeked else " holds no line"
        )
        raise DataError(f'{path}{told}. JSON lines hold one object a line: {{"name": "Anna"}}.')
    strings = tuple(n for n in columns if any(isinstance(record.fields.get(n), str) for record in peeked))
    picked = pick(columns, strings)
    rows = (_row(record, picked) for record in itertools.chain(peeked, records))
    return Table(columns, tuple(wanted.name for wanted in picked), "line", rows)


def _row(record: Record, picked: tuple[Wanted, ...]) -> Row:
    values = [_text(record.fields.get(wanted.name), wanted) for wanted in picked]
    faults = [fault for _, fault in values if fault]
    return Row(record.line, tuple(value for value, _ in values), record.fault or "; ".join(faults))


def _text(value: Any, wanted: Wanted) -> tuple[str | None, str]:
    """The value as text, and what is wrong with it."""
    if value is None or isinstance(value, str):
        return value, ""
    if wanted.numbers and isinstance(value, int | float):
        return _digits(value), ""
    expected = "a string or a number" if wanted.numbers else "a string"
    return None, f"{wanted.name!r} holds {type(value).__name__} {value!r:.40}, not {expected}"


def _digits(value: int | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).removesuffix(".0")  # a column of whole numbers with gaps is often written as 3.0


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
