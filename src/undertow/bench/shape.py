"""Which sizes are measured? T time steps, B batch rows, I input features, H hidden units."""

from __future__ import annotations

import re
from dataclasses import dataclass

from undertow.errors import SettingError


@dataclass(frozen=True)
class Shape:
    """Sizes of one walk."""

    steps: int
    batch: int
    inputs: int
    hidden: int

    def __str__(self) -> str:
        return f"({self.steps}, {self.batch}, {self.inputs}, {self.hidden})"


GRID = tuple(
    Shape(*sizes)
    for sizes in (
        (100, 1, 64, 64),
        (100, 4, 64, 64),
        (100, 16, 64, 128),
        (100, 32, 128, 128),
        (100, 32, 256, 256),
        (50, 64, 500, 500),
        (100, 64, 512, 512),
        (35, 20, 650, 650),
        (25, 32, 100, 100),
        (500, 8, 32, 32),
        (1000, 1, 16, 63),
        (100, 128, 1024, 1024),
    )
)

MIXED = tuple(  # sequences of mixed lengths, T/4 to T
    Shape(*sizes) for sizes in ((200, 16, 64, 128), (300, 32, 128, 256), (500, 8, 32, 32), (1000, 16, 40, 64))
)


def parse_shape(text: str) -> Shape:
    """Read "100,16,64,128" (brackets and spaces do no harm).

    Raises:
        SettingError: not four whole numbers above zero.
    """
    parts = [part.strip() for part in text.strip("() ").split(",")]
    if len(parts) != 4 or not all(re.fullmatch(r"[0-9]{1,9}", part) and int(part) for part in parts):
        raise SettingError(
            f"--shape takes four whole numbers T,B,I,H above zero, as in 100,16,64,128; got {text!r}."
        )
    return Shape(*map(int, parts))
