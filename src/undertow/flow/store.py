"""Measured steps as files: one JSON document each, readable without torch.

A number that is none is written as the string nan, inf or -inf, for JSON has no such numbers.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec

from undertow.errors import RunError
from undertow.files import replace_file
from undertow.flow.records import Flow

FORMAT = 1
ODD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
NAMES = frozenset({"module", "kind", "cell", "name", "op", "where", "phase", "source"})


def keep(folder: Path, record: Flow) -> Path:
    """Write one record into a folder, which is made where it is missing; gives the file.

    Raises:
        OSError: the system refuses; nothing is half-written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record.step:08d}.json"
    document = {"format": FORMAT, "flow": _plain(msgspec.to_builtins(record))}
    replace_file(path, json.dumps(document, allow_nan=False, ensure_ascii=False).encode() + b"\n")
    return path


def kept(folder: Path) -> list[Flow]:
    """All records of a folder, in order of their steps; none where there is no such folder.

    Raises:
        RunError: a file is damaged, or of a newer version.
    """
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def _read(path: Path) -> Flow:
    try:
        document = json.loads(path.read_bytes())
        if document["format"] > FORMAT:
            raise RunError(
                f"{path} was written by a newer undertow (format {document['format']}). Install that one."
            )
        return msgspec.convert(_numbers(document["flow"]), Flow)
    except (ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise RunError(f"{path} is damaged ({error}). Delete it: the run is whole without it.") from error


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _numbers(value: Any) -> Any:
    if isinstance(value, str):
        return ODD.get(value, value)
    if isinstance(value, dict):
        return {k: v if k in NAMES else _numbers(v) for k, v in value.items()}
    return [_numbers(v) for v in value] if isinstance(value, list) else value
