"""Idx files: an array of bytes with its sizes in front, as the sets of handwritten digits are kept.

    0 0 type axes, then a size an axis (four bytes, the large end first), then the numbers

Images are [N, Y, X] or [N, Y, X, C] of unsigned bytes (type 8), labels [N].
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.data.pictures import PictureLayout, Raw
from undertow.data.source import check_exists, describe, format_of
from undertow.errors import DataError, SettingError

TYPES = {
    8: "unsigned bytes",
    9: "signed bytes",
    11: "short integers",
    12: "integers",
    13: "floats",
    14: "doubles",
}
NAMES = (("images", "labels"), ("idx3", "idx1"), ("idx4", "idx1"))  # of images, of their labels


def is_idx(path: Path) -> bool:
    """Does it begin as such a file does? A name with idx in it counts, so that a damaged one is told as what it is.

    The ending of a table wins.
    """
    if format_of(path) != "lines":
        return False
    if not path.is_file():
        return "idx" in path.name
    return "idx" in path.name or _head(path)[:2] == b"\0\0"


def read_idx(path: Path, how: PictureLayout) -> Raw:
    """The images of one file, the labels of the file beside it.

    Raises:
        DataError: either is missing, damaged, or does not fit the other.
        SettingError: an option of tables or folders is given.
    """
    for name, given in (("label", how.label), ("side", how.side)):
        if given is not None:
            raise SettingError(f"{path} is an idx file, which has no --{name}. Leave it out.")
    images = read_array(path)
    if images.ndim not in (3, 4):
        raise DataError(
            f"{path} holds an array of {images.ndim} axes, {'x'.join(map(str, images.shape))}; images have 3 (count, "
            "height, width) or 4 with channels. Give the file of images: its labels are found beside it."
        )
    pixels = images[:, None] if images.ndim == 3 else np.moveaxis(images, -1, 1)
    if pixels.shape[1] not in (1, 3):
        raise DataError(f"{path}: images have 1 or 3 channels, got {pixels.shape[1]}.")
    beside = labels_of(path)
    labels = read_array(beside)
    if labels.shape != (len(pixels),):
        raise DataError(
            f"{path} holds {len(pixels):,} images, but {beside} an array of {'x'.join(map(str, labels.shape))}: a "
            "label for each is needed."
        )
    source, named = (describe(file, encoding="", format="idx") for file in (path, beside))
    return Raw(np.ascontiguousarray(pixels), tuple(map(str, labels.tolist())), source, 0, beside=named)


def labels_of(path: Path) -> Path:
    """The file of labels that goes with a file of images; either may be compressed.

    Raises:
        DataError: there is none.
    """
    name = path.name.removesuffix(".gz")
    for images, labels in NAMES:
        name = name.replace(images, labels)
    looked = [path.with_name(name), path.with_name(name + ".gz")]
    found = next((file for file in looked if file.is_file() and file != path), None)
    if found is None:
        raise DataError(
            f"{path}: its labels are looked for in {looked[0].name} (or {looked[1].name}) beside it, and there is no "
            "such file."
        )
    return found


def read_array(path: Path) -> NDArray[np.uint8]:
    """The array of an idx file.

    Raises:
        DataError: missing, no such file, damaged, or cut short.
    """
    check_exists(path)
    data = _bytes(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in TYPES:
        raise DataError(
            f"{path} is no idx file: it begins with {data[:4]!r}, where 0 0, a type and a count stand."
        )
    if data[2] != 8:
        raise DataError(f"{path} holds {TYPES[data[2]]}; unsigned bytes (type 8) are read.")
    axes, start = data[3], 4 + 4 * data[3]
    if not 1 <= axes <= 4:
        raise DataError(f"{path} says that it holds an array of {axes} axes; labels have 1, images 3 or 4.")
    if len(data) < start:
        raise DataError(
            f"{path} is cut short: its sizes alone, of {axes} axes, take {start} bytes, and it has {len(data)}."
        )
    sizes = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4))
    expected, got = math.prod(sizes), len(data) - start
    if got != expected:
        raise DataError(
            f"{path} is damaged: {'x'.join(map(str, sizes))} are {expected:,} bytes, and {got:,} follow."
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(sizes)


def _bytes(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip data are damaged or cut short ({error}).") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from error


def _head(path: Path) -> bytes:
    opened: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            head: bytes = file.read(4)
            return head
    except (OSError, EOFError, zlib.error):  # the reader of tables says what is wrong with it
        return b""
