"""Labelled images in three parts: by a hash of the pixels, or from files of their own; nothing stands in two parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from undertow.data.inspection import class_counts
from undertow.data.pictures import PictureLayout, Pictures, read_pictures
from undertow.data.split import split_by_hash
from undertow.errors import DataError, SettingError
from undertow.tasks import remarks


@dataclass(frozen=True)
class PictureReading:
    """How images are read."""

    label: str | None = None
    """Of a table: the column of labels."""
    no_header: bool = False
    """Of a table: the first row is data; columns are named 1, 2, 3, ..."""
    encoding: str = "utf-8"
    """Of a table."""
    side: int | None = None
    """Of a folder: images are scaled and cut to a square with this side."""
    skip_bad: bool = False
    """Leave bad images out, and say how many, in place of stopping."""

    @property
    def layout(self) -> PictureLayout:
        """For the reader."""
        return PictureLayout(self.label, not self.no_header, self.encoding, self.side, self.skip_bad)


@dataclass(frozen=True)
class PictureFiles(PictureReading):
    """Files of images and labels, and how they are read."""

    data: tuple[str, ...] = ()
    """Images: an idx file (its labels are found beside it), a folder with a folder of images for each label, or a table
    (CSV, TSV, JSON lines, Parquet) with a column of labels and one for each pixel."""
    validation: str | None = None
    """Images of their own to stop by; else a tenth of --data is held out."""
    test: str | None = None
    """Images of their own to score once at the end; else a tenth of --data is held out."""

    def check_files(self) -> None:
        """Refuse what does not go together."""
        if len(self.data) != 1:
            raise SettingError(f"--data takes one file or folder of images, got {len(self.data)}.")


@dataclass(frozen=True, eq=False)
class PictureParts:
    """What is trained on, what stops the training, what is scored once at the end."""

    whole: Pictures  # as --data holds them
    train: Pictures
    validation: Pictures
    test: Pictures
    records: list[dict[str, Any]]  # for config.json
    leaked: int  # training images that were also held out, and are left out

    @property
    def remarks(self) -> list[str]:
        """What was left out, and what stands in two parts."""
        said = remarks.of_files(self.records, "images")
        return said + remarks.of_parts(self.leaked, self.validation.keys, self.test.keys, "images")


def read_picture_parts(files: PictureFiles) -> PictureParts:
    """Read and split.

    Raises:
        DataError: a file cannot be used, sizes differ between files, or every training image is also held out.
    """
    whole = read_pictures(files.data[0], files.layout)
    records, held = records_of("train", whole), {}
    for role, path in (("validation", files.validation), ("test", files.test)):
        if path:
            held[role] = read_pictures(path, replace(files.layout, repeats=True))
            records += records_of(role, held[role])
            _check_alike(whole, held[role])
    out = {key for part in held.values() for key in part.keys}
    left = [n for n, key in enumerate(whole.keys) if key not in out]
    if not left:
        raise DataError(
            "Every training image is also in the validation or test part: nothing is left to train on."
        )
    shares = [0.0 if files.validation else 0.1, 0.0 if files.test else 0.1]
    train, *found = split_pictures(whole.only(left), *shares)
    validation, test = (
        held.get(role, part) for role, part in zip(("validation", "test"), found, strict=True)
    )
    return PictureParts(whole, train, validation, test, records, len(whole) - len(left))


def split_pictures(
    whole: Pictures, validation: float = 0.1, test: float = 0.1
) -> tuple[Pictures, Pictures, Pictures]:
    """To train on, for validation, for the test: by a hash of the pixels, in these shares.

    Raises:
        DataError: too few images.
    """
    try:
        split = split_by_hash(whole.keys, validation, test)
    except DataError as error:
        raise DataError(
            f"{whole.source.path}: {len(whole)} images are too few; they are split into parts."
        ) from error
    place = {key: n for n, key in enumerate(whole.keys)}
    train, stopping, scoring = (
        whole.only([place[key] for key in part]) for part in (split.train, split.validation, split.test)
    )
    return train, stopping, scoring


def _check_alike(whole: Pictures, part: Pictures) -> None:
    if whole.pixels.shape[1:] != part.pixels.shape[1:]:
        sizes = ["x".join(map(str, of.pixels.shape[:0:-1])) for of in (whole, part)]
        raise DataError(
            f"{part.source.path} holds images of {sizes[1]} (width x height x channels), {whole.source.path} of "
            f"{sizes[0]}. All parts must be alike; of folders, --side makes them so."
        )


def records_of(role: str, read: Pictures) -> list[dict[str, Any]]:
    """Of a file, and of the file of labels beside it, for config.json."""
    record: dict[str, Any] = {
        "role": role,
        "path": read.source.path,
        "column": read.source.column,
        "sha256": read.source.sha256,
        "rows": read.rows,
        "kept": len(read),
        "duplicates": read.duplicates,
        "conflicts": read.conflicts,
        "skipped": read.skipped,
    }
    if read.remarks:
        record["remarks"] = list(read.remarks)
    if read.beside is None:
        return [record]
    return [
        record,
        {"role": role, "path": read.beside.path, "sha256": read.beside.sha256, "rows": read.rows},
    ]


def inspect_pictures(parts: PictureParts) -> dict[str, Any]:
    """What would a net of these images be trained on?

    Returns:
        path, format, sha256, bytes; labels (`path`, `sha256`, of an idx file); size (width, height, channels); rows,
        duplicates, conflicts, skipped, kept; mean and deviation of the pixels; classes (`label`, `count`, `share`);
        split; leakage of files of their own; remarks, where there are any.
    """
    whole = parts.whole
    _, channels, high, wide = whole.pixels.shape
    record = parts.records[0]
    return {
        "path": whole.source.path,
        "format": whole.source.format,
        "sha256": whole.source.sha256,
        "bytes": whole.source.bytes,
        **({"labels": {"path": of.path, "sha256": of.sha256}} if (of := whole.beside) else {}),
        "size": {"width": wide, "height": high, "channels": channels},
        **{key: record[key] for key in ("rows", "duplicates", "conflicts", "skipped", "kept")},
        "pixels": {"mean": float(whole.pixels.mean()), "deviation": float(whole.pixels.std())},
        "classes": class_counts(whole.labels),
        "split": {name: len(getattr(parts, name)) for name in ("train", "validation", "test")},
        "leakage": parts.leaked if {of["role"] for of in parts.records} != {"train"} else None,
        **({"remarks": parts.remarks} if parts.remarks else {}),
    }
