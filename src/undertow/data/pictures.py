"""Pictures: images of one size with the label of each, out of idx files, folders of images or tables of pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.data.source import Source
from undertow.errors import DataError, SettingError

Pixels = NDArray[np.uint8]  # [N, C, Y, X]


@dataclass(frozen=True)
class PictureLayout:
    """How pictures are held.

    Args:
        label: column of the labels, of a table; None looks for a usual name.
        header: the first row of CSV or TSV names the columns; else they are "1", "2", "3" and so on.
        encoding: of a table.
        side: places a side, of a folder: other images are scaled and cut to it; None takes them as they are.
        skip_bad: count images that cannot be used instead of stopping at the first.
        repeats: an image that is met again stays, as in a test part that others are scored on as well.
    """

    label: str | None = None
    header: bool = True
    encoding: str = "utf-8"
    side: int | None = None
    skip_bad: bool = False
    repeats: bool = False


class Raw(NamedTuple):
    """Images as a reader finds them."""

    pixels: Pixels
    labels: tuple[str, ...]
    source: Source
    skipped: int
    names: tuple[str, ...] = ()  # of the files, where each has one
    beside: Source | None = None  # the file of labels, where it is one of its own
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Pictures:
    """Distinct images with their labels, and what was met on the way to them.

    Args:
        pixels: [N, C, Y, X] from 0 to 255; C is 1 (grey) or 3 (red, green, blue).
        labels: one each.
        keys: a hash of the pixels of each: equal images have equal keys, in every file.
        source: the file or folder.
        rows: images met: the sum of those kept and of all below.
        duplicates: met again, pixel for pixel, with the same label; dropped.
        conflicts: met again with another label; dropped, the first label stays.
        skipped: could not be used, dropped with `skip_bad`.
        beside: the file of labels, where it is one of its own.
        remarks: of images that lie where none is looked for.
    """

    pixels: Pixels
    labels: tuple[str, ...]
    keys: tuple[str, ...]
    source: Source
    rows: int
    duplicates: int = 0
    conflicts: int = 0
    skipped: int = 0
    beside: Source | None = None
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def only(self, members: NDArray[np.int64] | list[int]) -> Pictures:
        """Some of them."""
        labels, keys = (tuple(of[n] for n in members) for of in (self.labels, self.keys))
        return Pictures(self.pixels[members], labels, keys, self.source, self.rows)


def read_pictures(path: str | Path, how: PictureLayout | None = None) -> Pictures:
    """Which images are there, and what is the label of each?

    Args:
        path: a folder with a folder of images for each label; an idx file of images, its labels beside it under the
            name that goes with it (train-images-idx3-ubyte and train-labels-idx1-ubyte); or a table (.csv, .tsv,
            .jsonl, .parquet) with a column of labels and one for each pixel. idx files and text may be .gz.
        how: they are laid out.

    Returns:
        The images in their order, each once.

    Raises:
        DataError: a file, a column or an image cannot be used, or images differ in size.
        SettingError: an option that does not go with what is read.
        MissingExtraError: a folder, and no Pillow is installed.
    """
    how, path = how or PictureLayout(), Path(path)
    if how.side is not None and not 1 <= how.side <= 4096:
        raise SettingError(f"--side must lie from 1 to 4096, got {how.side}.")
    raw = _reader(path)(path, how)
    if not len(raw.pixels):
        raise DataError(f"{path} holds no image that can be used.")
    return _distinct(raw, how.repeats)


def keys_of(pixels: Pixels) -> tuple[str, ...]:
    """A hash of each image."""
    flat = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    return tuple(hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest() for row in flat)


def marks_of(keys: Iterable[str]) -> NDArray[np.uint64]:
    """Half of each key, as a number [N]: enough to know an image again. Of a million of them two are hardly alike."""
    return np.array([int(key[:16], 16) for key in keys], dtype=np.uint64)


def _reader(path: Path) -> Any:
    from undertow.data.pictures_folder import read_folder
    from undertow.data.pictures_idx import is_idx, read_idx
    from undertow.data.pictures_table import read_table

    if path.is_dir():
        return read_folder
    return read_idx if is_idx(path) else read_table


def _distinct(raw: Raw, repeats: bool) -> Pictures:
    first: dict[str, str] = {}
    met = keys_of(raw.pixels)
    kept, duplicates, conflicts = [], 0, 0
    for number, (key, label) in enumerate(zip(met, raw.labels, strict=True)):
        if repeats or key not in first:
            first.setdefault(key, label)
            kept.append(number)
        elif first[key] == label:
            duplicates += 1
        else:
            conflicts += 1
    labels, keys = (tuple(of[n] for n in kept) for of in (raw.labels, met))
    rows = len(raw.pixels) + raw.skipped
    counts = (rows, duplicates, conflicts, raw.skipped)
    return Pictures(raw.pixels[kept], labels, keys, raw.source, *counts, raw.beside, raw.remarks)
