"""Images as a net knows them: of one size, with the numbers of their classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertow.data.pictures import Pictures
from undertow.data.pictures_folder import open_image
from undertow.errors import DataError
from undertow.tasks.classes import Classes

FORMAT = 1
BRIGHTNESS = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


@dataclass(frozen=True)
class Seen:
    """What a net of images must know beside its weights."""

    shape: tuple[int, int, int]  # C, Y, X
    classes: Classes

    def to_json(self) -> dict[str, Any]:
        """As it is kept in vocabulary.json."""
        return {"format": FORMAT, "shape": list(self.shape), "classes": list(self.classes.names)}

    @classmethod
    def from_json(cls, of: dict[str, Any]) -> Seen:
        """Out of vocabulary.json.

        Raises:
            DataError: a newer format, or no such vocabulary.
        """
        version, shape, names = of.get("format"), of.get("shape"), of.get("classes")
        if isinstance(version, int) and version > FORMAT:
            raise DataError(f"format {version}; this undertow reads up to {FORMAT}. Update undertow.")
        if version != FORMAT or not isinstance(names, list) or not names:
            raise DataError(
                'a net of images needs "format": 1, a "shape" of three sizes and a list of "classes".'
            )
        return cls(_shape(shape), Classes(tuple(map(str, names))))


def _shape(told: Any) -> tuple[int, int, int]:
    sound = isinstance(told, list) and len(told) == 3
    if not sound or any(type(length) is not int or length < 1 for length in told):
        raise DataError(
            f'its "shape" is channels, height and width, three whole numbers above 0; got {told!r}.'
        )
    return told[0], told[1], told[2]


@dataclass(frozen=True, eq=False)
class Numbered:
    """Images with the numbers of their classes."""

    pictures: Pictures
    labels: NDArray[np.int64]

    @cached_property
    def pixels(self) -> Tensor:
        """[N, C, Y, X] of bytes."""
        return torch.from_numpy(np.ascontiguousarray(self.pictures.pixels))


def numbered(part: Pictures, seen: Seen, skip_bad: bool) -> Numbered:
    """With the numbers of classes; labels that training lacks are refused, or left out if that is asked for.

    Raises:
        DataError: another size, a strange label, or nothing is left.
    """
    if part.pixels.shape[1:] != seen.shape:
        sizes_ = ["x".join(map(str, shape[::-1])) for shape in (part.pixels.shape[1:], seen.shape)]
        raise DataError(
            f"{part.source.path} holds images of {sizes_[0]} (width x height x channels); the net reads {sizes_[1]}."
        )
    known = seen.classes.known(part.labels)
    strange = sorted({label for label, is_known in zip(part.labels, known, strict=True) if not is_known})
    if strange and not skip_bad:
        raise DataError(
            f"{part.source.path}: {len(part) - sum(known):,} images have labels that no training image has, such as "
            f"{strange[0]!r}. There are {', '.join(seen.classes.names)}. Leave them out with --skip-bad."
        )
    if not any(known):
        raise DataError(f"{part.source.path}: no image has a label that the net knows.")
    kept = part.only(np.flatnonzero(known)) if strange else part
    numbers = {name: n for n, name in enumerate(seen.classes.names)}
    return Numbered(kept, np.array([numbers[label] for label in kept.labels], dtype=np.int64))


def fitting(path: str, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """An image file [C, Y, X] as the net reads it: of its size, grey or in color.

    Raises:
        DataError: no image.
    """
    channels, high, wide = shape
    image = open_image(Path(path), (wide, high))
    if channels == 1 and len(image) == 3:
        return np.rint(np.tensordot(np.array(BRIGHTNESS), image, 1))[None].astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(image, (channels, high, wide)))
