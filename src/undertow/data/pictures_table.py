"""Tables of pixels: a row an image, a column of labels, and one for each pixel, row by row, channel by channel."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from undertow.data.columns import Role
from undertow.data.opening import open_table
from undertow.data.pictures import PictureLayout, Raw
from undertow.data.source import check_file, describe, format_of
from undertow.data.table import Form, Row, Wanted, check_column, listed
from undertow.errors import DataError, SettingError

LABEL = Role("label", ("label", "class", "digit", "target", "category", "y"))


def read_table(path: Path, how: PictureLayout) -> Raw:
    """Every row an image.

    Numbers are from 0 to 255; where all are from 0 to 1 and some broken, 1 is white.

    Raises:
        DataError: no such column, a row with something else than numbers, or no square of pixels.
        SettingError: an option of folders is given.
    """
    if how.side is not None:
        raise SettingError(f"{path} is a table of pixels; --side goes with folders of images. Leave it out.")
    check_file(path, encoding=how.encoding)
    format = format_of(path)
    if format == "lines":
        raise DataError(
            f"{path} is neither an idx file nor a table (.csv, .tsv, .jsonl, .parquet), nor a folder with a folder of "
            "images for each label."
        )
    label = ""

    def pick(columns: tuple[str, ...], strings: tuple[str, ...]) -> tuple[Wanted, ...]:
        nonlocal label
        label = _label(path, columns, how.label)
        return Wanted(label, numbers=True), *(Wanted(name, numbers=True) for name in columns if name != label)

    table = open_table(path, pick, Form(format, how.encoding, how.header))
    shape = _shape(path, len(table.chosen) - 1)
    rows: list[NDArray[np.float32]] = []
    labels, skipped = [], 0
    with closing(table.rows):
        for row in table.rows:
            values = _values(row)
            if values is None and not how.skip_bad:
                raise DataError(
                    f"{path}, {table.unit} {row.number:,}: {_fault(row)} Correct it, or leave such rows out with "
                    "--skip-bad."
                )
            if values is None:
                skipped += 1
                continue
            rows.append(values)
            labels.append(str(row.values[0]).strip())
    pixels = _bytes(path, np.array(rows)).reshape(-1, *shape)
    return Raw(pixels, tuple(labels), describe(path, encoding=how.encoding, column=label), skipped)


def _label(path: Path, columns: tuple[str, ...], asked: str | None) -> str:
    if asked is not None:
        return check_column(path, columns, asked, "--label")
    usual = [name for name in columns if LABEL.is_usual(name)]
    if len(usual) != 1:
        raise DataError(
            f"{path} has the columns {listed(columns)}; which of them is the label is not known. Give --label COLUMN"
            " (with --no-header, its number)."
        )
    return usual[0]


def _shape(path: Path, pixels: int) -> tuple[int, int, int]:
    for channels in (1, 3):
        side = math.isqrt(pixels // channels)
        if side and side * side * channels == pixels:
            return channels, side, side
    raise DataError(
        f"{path}: beside the label there are {pixels:,} columns, which are no square of pixels in 1 or 3 channels (784 "
        "are 28x28). Is there a column that is no pixel?"
    )


def _values(row: Row) -> NDArray[np.float32] | None:
    if row.fault or not str(row.values[0] or "").strip():
        return None
    try:
        values = np.array(row.values[1:], dtype=np.float32)
    except (ValueError, TypeError):
        return None
    return values if np.isfinite(values).all() and values.min() >= 0 and values.max() <= 255 else None


def _fault(row: Row) -> str:
    if row.fault:
        return f"{row.fault}."
    if not str(row.values[0] or "").strip():
        return "it has no label."
    for value in row.values[1:]:
        try:
            sound = 0 <= float(value or "nan") <= 255
        except ValueError:
            sound = False
        if not sound:
            return f"a pixel is a number from 0 to 255, got {(value or '')[:40]!r}."
    raise AssertionError(row)


def _bytes(path: Path, values: NDArray[np.float32]) -> NDArray[np.uint8]:
    if len(values) and values.max() <= 1 and (values % 1 != 0).any():
        values = values * 255
    return np.rint(values).astype(np.uint8)
