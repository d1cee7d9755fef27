"""What a generating recipe makes: the shape of one, and what must be known to say it in the user's own terms.

A network sees images from -1 to 1 and points divided by one number; a user sees bytes, and points as they were given.
Axes: N samples, C channels, Y and X places.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.data.mixtures import MIXTURES, Mixture
from undertow.errors import DataError, SettingError
from undertow.tasks.examples import Examples
from undertow.tasks.sampling import Request

TEXT_ONLY = {"prefix": "--prefix", "longest": "--length"}  # options of samples that are strings
DRAWN_ONLY = {"temperature": "--temperature", "top_k": "--top-k", "top_p": "--top-p"}


@dataclass(frozen=True)
class Subject:
    """What is made.

    Args:
        shape: of one: (2,) of points, (C, Y, X) of images.
        names: of the classes; of a mixture the numbers of its modes.
        scale: points were divided by it.
        mixture: its name, or None of images.
    """

    shape: tuple[int, ...]
    names: tuple[str, ...]
    scale: float = 1.0
    mixture: str | None = None

    @property
    def modes(self) -> Mixture | None:
        """Where they are known."""
        return None if self.mixture is None else MIXTURES[self.mixture]

    def restored(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """What a network made, as it was given: points [N, 2] float32, or images [N, C, Y, X] uint8."""
        if len(self.shape) == 1:
            return values * np.float32(self.scale)
        return ((np.nan_to_num(values).clip(-1, 1) + 1) * 127.5 + 0.5).astype(np.uint8)

    def to_json(self) -> dict[str, Any]:
        """For vocabulary.json."""
        return {"format": 1, **asdict(self)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Subject:
        """Out of vocabulary.json.

        Raises:
            DataError: it is of another format, or names a mixture that there is not.
        """
        try:
            found = cls(
                tuple(map(int, record["shape"])),
                tuple(map(str, record["names"])),
                float(record["scale"]),
                record["mixture"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError("it holds no shape, names, scale and mixture.") from error
        if record.get("format") != 1 or (found.mixture is not None and found.mixture not in MIXTURES):
            raise DataError(f"it is of format {record.get('format')}, of mixture {found.mixture}.")
        return found


def subject_of(examples: Examples, name: str) -> Subject:
    """What these examples, read under this name, are examples of."""
    return Subject(examples.shape, examples.names, examples.scale, name if examples.mixture else None)


def check_request(request: Request) -> None:
    """Refuse what only strings can be asked for.

    Raises:
        SettingError: such an option, or a number of samples out of range.
    """
    plain = Request()
    asked = [flag for name, flag in TEXT_ONLY.items() if getattr(request, name) != getattr(plain, name)]
    asked += [
        flag for name, flag in DRAWN_ONLY.items() if getattr(request.how, name) != getattr(plain.how, name)
    ]
    if asked:
        raise SettingError(
            f"{asked[0]} is of runs whose samples are strings; this one makes points or images: it takes -n, --seed "
            "and --out."
        )
    request.check()
