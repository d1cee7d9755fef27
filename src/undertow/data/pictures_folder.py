"""Folders of images: one for each label. All of one size, or scaled and cut to a square; grey if all are grey.

An image is read as it is meant to be seen: turned as its EXIF says, what is transparent in it on white, and 16 bits a
channel scaled to 8.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.data.pictures import PictureLayout, Raw
from undertow.data.source import Source
from undertow.errors import DataError, MissingExtraError, SettingError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
GREY = ("1", "L", "LA", "La")  # Pillow's kinds of images without color
UNBOUNDED = {"I": "32-bit integers", "F": "floats"}  # kinds where no number is known to be white


def read_folder(path: Path, how: PictureLayout) -> Raw:
    """Every image below, labelled by the folder it lies in.

    Raises:
        DataError: no folders of images, an image that cannot be read, or different sizes and no `side`.
        SettingError: an option of tables is given.
        MissingExtraError: no Pillow.
    """
    if how.label is not None:
        raise SettingError(
            f"{path} is a folder: its labels are the names of the folders in it. Leave --label out."
        )
    files = _files(path)
    digest, images, labels, names = hashlib.sha256(), [], [], []
    skipped = size = 0
    for file in files:
        data = file.read_bytes()
        size += len(data)
        digest.update(f"{file.relative_to(path)}\0{len(data)}\0".encode() + data)
        try:
            images.append(open_image(file, (how.side, how.side) if how.side else None))
        except DataError as error:
            if not how.skip_bad:
                raise DataError(f"{error} Take it out, or leave such images out with --skip-bad.") from error
            skipped += 1
            continue
        labels.append(file.parent.name)
        names.append(str(file.relative_to(path)))
    if not images:
        raise DataError(f"{path}: none of {len(files):,} images can be read.")
    pixels = _stacked(path, images, names)
    return Raw(
        pixels,
        tuple(labels),
        Source(str(path), "folder", None, "", digest.hexdigest(), size),
        skipped,
        tuple(names),
        remarks=tuple(_left_out(path, {file.parent for file in files})),
    )


def open_image(file: Path, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """One image [C, Y, X]: one channel if it is grey, else three.

    It is turned as its EXIF says, what is transparent in it lies on white, and 16 bits are scaled to 8.

    Args:
        file: of a kind that Pillow reads.
        size: width and height: scaled to cover them, and cut around its middle; None: as it is.

    Raises:
        DataError: missing, no image, damaged, or of numbers without a known white (32 bits, floats).
        MissingExtraError: no Pillow.
    """
    pillow = _pillow()
    try:
        with pillow.open(file) as opened:
            wide = opened.mode.startswith("I;16") or (opened.mode == "I" and opened.format == "PPM")
            if opened.mode in UNBOUNDED and not wide:
                raise DataError(
                    f"{file}: it has Pillow's mode {opened.mode} ({UNBOUNDED[opened.mode]}), and which number is "
                    "white in it is not known. Save it with 8 or 16 bits a channel."
                )
            upright = _upright(opened)
            image = _narrow(upright, pillow) if wide else _on_white(upright, pillow)
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        missing = isinstance(error, FileNotFoundError)
        said = "there is no such file" if missing else f"no image can be read from it ({error})"
        raise DataError(f"{file}: {said}.") from error
    if size is not None and image.size != size:
        image = _cut(image, size, pillow)
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _narrow(opened: Any, pillow: Any) -> Any:
    """Of 16 bits: 65,535 is white."""
    values = np.asarray(opened).astype(np.int64)
    clear = opened.info.get("transparency")  # of a PNG: the one grey that is transparent
    if clear is not None:
        values = np.where(values == clear, 65_535, values)
    return pillow.fromarray(np.rint(values / 257).astype(np.uint8))


def _on_white(opened: Any, pillow: Any) -> Any:
    kind = "L" if opened.mode in GREY else "RGB"
    if not opened.has_transparency_data:
        return opened.convert(kind)
    colored = opened.convert("RGBA")
    return pillow.alpha_composite(pillow.new("RGBA", colored.size, "white"), colored).convert(kind)


def _upright(opened: Any) -> Any:
    """Turned as its EXIF says; as it lies where that cannot be read."""
    from PIL import ImageOps

    opened.load()
    try:
        return ImageOps.exif_transpose(opened)
    except (SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return opened


def _cut(image: Any, size: tuple[int, int], pillow: Any) -> Any:
    scale = max(wanted / length for wanted, length in zip(size, image.size, strict=True))
    scaled = [max(wanted, round(length * scale)) for wanted, length in zip(size, image.size, strict=True)]
    image = image.resize(tuple(scaled), pillow.Resampling.LANCZOS)
    left, top = ((length - wanted) // 2 for wanted, length in zip(size, scaled, strict=True))
    return image.crop((left, top, left + size[0], top + size[1]))


def _files(path: Path) -> list[Path]:
    found = sorted(_images(path))
    if not found:
        beside = sum(map(_is_image, path.iterdir()))
        told = (
            f" {beside:,} images lie in it directly: move them into a folder for each label."
            if beside
            else ""
        )
        raise DataError(
            f"{path} holds no folders with images in them: one folder for each label is needed, with files that end in "
            f"{', '.join(ENDINGS)}.{told}"
        )
    return found


def _images(path: Path) -> Iterator[Path]:
    for folder in path.iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            yield from filter(_is_image, folder.iterdir())


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in ENDINGS and not file.name.startswith(".") and file.is_file()


def _left_out(path: Path, used: set[Path]) -> Iterator[str]:
    """What lies where no image is looked for."""
    if beside := sum(map(_is_image, path.iterdir())):
        yield f"{path}: {beside:,} images beside its folders are not used; the folder of an image is its label."
    shown = [
        file for file in path.rglob("*") if not any(p.startswith(".") for p in file.relative_to(path).parts)
    ]
    if deeper := sum(_is_image(file) and len(file.relative_to(path).parts) > 2 for file in shown):
        yield f"{path}: {deeper:,} images in folders of its folders are not used; a folder for each label is read."
    empty = sorted(file.name for file in shown if file.is_dir() and file.parent == path and file not in used)
    if empty:
        more = f" and {len(empty) - 5:,} more" if len(empty) > 5 else ""
        yield f"{path}: {', '.join(empty[:5])}{more} hold no images of their own: no labels are made of them."


def _stacked(path: Path, images: list[NDArray[np.uint8]], names: list[str]) -> NDArray[np.uint8]:
    sizes = Counter(image.shape[1:] for image in images)
    if len(sizes) > 1:
        (most, many), *_ = sizes.most_common(1)
        other = next(n for n, image in zip(names, images, strict=True) if image.shape[1:] != most)
        shape = images[names.index(other)].shape
        raise DataError(
            f"{path}: images differ in size: {many:,} of {len(images):,} have {most[1]}x{most[0]}, {other} has "
            f"{shape[2]}x{shape[1]}. Scale and cut all of them to a square with --side 32."
        )
    channels = max(image.shape[0] for image in images)
    return np.stack([np.broadcast_to(image, (channels, *image.shape[1:])) for image in images])


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("Folders of images need Pillow: pip install 'undertow[images]'") from error
    return Image
