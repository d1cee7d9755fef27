"""Augmentation: more training strings than were given, by rules that keep most of what makes them names.

Both draw from a numpy generator that is handed in, and from nothing else.
Axes: T steps, B strings side by side.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.errors import SettingError

AUGMENTATIONS = {
    "splice": "the first words of one string joined to the last words of another",
    "noise": "some input characters replaced by random ones; what is to be said stays",
}


def splice(values: Sequence[str], share: float, rng: np.random.Generator) -> list[str]:
    """What else could have been a string of this list?

    With probability `share`, a string of several words becomes its own first words and the last words
    of another such string; both are cut at a space drawn evenly. Strings of one word stay.

    Args:
        values: the training strings.
        share: from 0 to 1.
        rng: the only source of chance.

    Returns:
        As many strings, in the same order.

    Raises:
        SettingError: a share outside 0 to 1.
    """
    _check(share)
    several = [value for value in values if " " in value]
    drawn = rng.random((len(values), 4))
    return [
        _spliced(value, several, row) if " " in value and row[0] < share else value
        for value, row in zip(values, drawn, strict=True)
    ]


def _spliced(value: str, several: list[str], drawn: NDArray[np.float64]) -> str:
    first = value.split(" ")
    last = several[int(drawn[1] * len(several))].split(" ")
    keep = 1 + int(drawn[2] * (len(first) - 1))
    leave = 1 + int(drawn[3] * (len(last) - 1))
    return " ".join(first[:keep] + last[leave:])


def noise(
    inputs: NDArray[Any], lengths: NDArray[Any], share: float, vocabulary_size: int, rng: np.random.Generator
) -> NDArray[Any]:
    """What does a model read when some characters before the one to be said are wrong?

    With probability `share` an input character becomes one drawn evenly from all characters (itself
    among them). The mark at the beginning and the padding stay.

    Args:
        inputs: [T, B], beginning with the mark 0.
        lengths: [B], steps of each string, the mark included.
        share: from 0 to 1.
        vocabulary_size: with the mark.
        rng: the only source of chance.

    Returns:
        A new array [T, B]; `inputs` is left as it is.

    Raises:
        SettingError: a share outside 0 to 1, or a vocabulary without characters.
    """
    _check(share)
    if vocabulary_size < 2:
        raise SettingError(
            f"noise needs a vocabulary with a character beside the mark, got size {vocabulary_size}."
        )
    steps = np.arange(len(inputs))[:, None]
    struck = (rng.random(inputs.shape) < share) & (steps > 0) & (steps < np.asarray(lengths))
    return np.where(struck, rng.integers(1, vocabulary_size, inputs.shape), inputs).astype(inputs.dtype)


def _check(share: float) -> None:
    if not 0 <= share <= 1:
        raise SettingError(f"the share of augmentation must lie between 0 and 1, got {share}.")
