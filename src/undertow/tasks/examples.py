"""What a generator learns from: images of the user's, or points of a mixture whose modes are known. In three parts.

Images are scaled to -1..1; points of a mixture are divided by one number, so that their mean square is 1.
"""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.data.mixtures import MIXTURES, Mixture
from undertow.data.pictures import Pictures, read_pictures
from undertow.errors import DataError, SettingError
from undertow.tasks import remarks
from undertow.tasks.picture_parts import PictureReading, records_of, split_pictures

POINTS = {"train": 50_000, "validation": 5_000, "test": 5_000}  # drawn of a mixture


@dataclass(frozen=True)
class ExampleFiles(PictureReading):
    """Files of images, or the name of a mixture."""

    data: tuple[str, ...] = ()
    """ring (8 Gaussians on a ring), grid (25 Gaussians); or images: an idx file, a folder with a folder of images for
    each label, a table of pixels."""


@dataclass(frozen=True, eq=False)
class Part:
    """Examples with the class of each: [N, 2] points, or [N, C, Y, X] images from -1 to 1."""

    values: NDArray[np.float32]
    classes: NDArray[np.int64]  # [N]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Examples:
    """Three parts of them.

    Args:
        train, validation, test: disjoint.
        names: of the classes: labels of images, or numbers of modes.
        scale: points were divided by it; 1 of images.
        mixture: that the points are of.
        records: for config.json.
        strange: the test part is another file, and not of the data that the others are of.
    """

    train: Part
    validation: Part
    test: Part
    names: tuple[str, ...]
    scale: float
    mixture: Mixture | None
    records: list[dict[str, Any]]
    strange: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one: (2,) or (C, Y, X)."""
        return self.train.values.shape[1:]

    @property
    def remarks(self) -> list[str]:
        """What was left out."""
        return remarks.of_files(self.records, "images")


def read_examples(files: ExampleFiles) -> Examples:
    """Read and split: 80 / 10 / 10 by a hash of the pixels; points are drawn by a fixed seed.

    Raises:
        SettingError: not one file, folder or mixture, or an option of files for a mixture.
        DataError: images that cannot be used.
    """
    if len(files.data) != 1:
        raise SettingError(
            f"--data takes one file, folder or mixture ({', '.join(MIXTURES)}), got {len(files.data)}."
        )
    [name] = files.data
    if name in MIXTURES:  # also where a folder is called so, as a run of it may be: that one is ./ring
        _check_drawn(name, files)
        return _points(name, MIXTURES[name])
    if not Path(name).exists():
        close = difflib.get_close_matches(name, MIXTURES, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise DataError(
            f"{name} does not exist.{hint} Mixtures: {', '.join(MIXTURES)}; else a file or folder of images."
        )
    return _images(read_pictures(name, files.layout))


def read_whole(files: ExampleFiles, names: tuple[str, ...]) -> Part | None:
    """All images of one file, with the numbers of these classes; None where one has a label that is none of them.

    Raises:
        SettingError: several files.
        DataError: images that cannot be used.
    """
    read = read_pictures(remarks.only_file(files), files.layout)
    numbers = {name: n for n, name in enumerate(names)}
    return _part(read, numbers) if numbers.keys() >= set(read.labels) else None


def inspect_examples(examples: Examples) -> dict[str, Any]:
    """What is understood of them: the shape of one, how many are in each part, and of each class."""
    parts = {"train": examples.train, "validation": examples.validation, "test": examples.test}
    counts = np.bincount(
        np.concatenate([part.classes for part in parts.values()]), minlength=len(examples.names)
    )
    record = examples.records[0]
    left = {key: record[key] for key in ("duplicates", "conflicts", "skipped") if record.get(key)}
    mixture = examples.mixture
    modes = {"deviation": mixture.deviation, "scale": examples.scale} if mixture else {}
    said = {"remarks": examples.remarks} if examples.remarks else {}
    kinds = "modes" if mixture else "classes"
    return {
        "file": record["path"],
        "shape": list(examples.shape),
        "parts": {name: len(part) for name, part in parts.items()},
        **left,
        **modes,
        kinds: dict(zip(examples.names, counts.tolist(), strict=True)),
        **said,
    }


def _check_drawn(name: str, files: ExampleFiles) -> None:
    """Refuse what only files have."""
    given = [of.name for of in fields(PictureReading) if getattr(files, of.name) != of.default]
    if given:
        told = " ".join(f"--{option.replace('_', '-')}" for option in given)
        raise SettingError(f"{name} is a mixture, whose points are drawn and not read: leave {told} out.")


def _points(name: str, mixture: Mixture) -> Examples:
    scale = float(np.sqrt((mixture.means**2).sum(1).mean() / 2 + mixture.deviation**2))
    parts = []
    for number, count in enumerate(POINTS.values()):
        points, modes = mixture.draw(count, np.random.default_rng([0, number]))
        parts.append(Part(points / np.float32(scale), modes))
    digest = hashlib.sha256(parts[0].values.tobytes()).hexdigest()
    records = [{"role": "train", "path": name, "sha256": digest, "rows": sum(POINTS.values())}]
    names = tuple(str(n + 1) for n in range(len(mixture.means)))
    return Examples(*_three(parts), names, scale, mixture, records)


def _images(read: Pictures) -> Examples:
    names = tuple(sorted(set(read.labels)))
    numbers = {name: n for n, name in enumerate(names)}
    parts = [_part(part, numbers) for part in split_pictures(read)]
    return Examples(*_three(parts), names, 1.0, None, records_of("train", read))


def _part(of: Pictures, numbers: dict[str, int]) -> Part:
    classes = np.array([numbers[label] for label in of.labels], dtype=np.int64)
    return Part(of.pixels.astype(np.float32) / 127.5 - 1, classes)


def _three(parts: list[Part]) -> tuple[Part, Part, Part]:
    train, validation, test = parts
    return train, validation, test
