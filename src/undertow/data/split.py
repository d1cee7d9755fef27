"""Split: each string's part is decided by a hash of the string, so a longer list never moves one."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from undertow.errors import DataError, SettingError


@dataclass(frozen=True)
class Split:
    """Three disjoint parts of a list of strings, each in the order of the list."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def unit_hash(string: str) -> float:
    """Where in [0, 1) does this string fall? The same on every machine, in every file, forever.

    Definition: BLAKE2b of 8 bytes of the UTF-8 string, read big-endian, divided by 2**64.
    """
    digest = hashlib.blake2b(string.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def split_by_hash(values: Iterable[str], validation: float = 0.1, test: float = 0.1) -> Split:
    """Which strings are trained on, which stop the training, which are scored once at the end?

    With u the `unit_hash`: train below 1 - validation - test, validation below 1 - test, test above.
    Where a short list leaves a part empty, the largest part gives up its string of smallest hash.

    Args:
        values: distinct strings, in any order.
        validation: share, from 0 (no such part).
        test: share, from 0 (no such part).

    Returns:
        The parts; the same sets for any order of the same strings.

    Raises:
        SettingError: shares below 0, or nothing left to train on.
        DataError: fewer strings than parts.
    """
    if validation < 0 or test < 0 or validation + test >= 1:
        raise SettingError(
            f"the shares of validation ({validation}) and test ({test}) must be 0 or more, "
            "and below 1 together, so that something is left to train on."
        )
    values = tuple(values)
    hashes = {value: unit_hash(value) for value in values}
    asked = [0] + [1] * (validation > 0) + [2] * (test > 0)
    if len(hashes) < len(asked):
        raise DataError(
            f"{len(hashes)} strings cannot be split into {len(asked)} parts; more strings are needed."
        )
    first, second = round(1 - validation - test, 12), round(1 - test, 12)
    part = {value: (u >= first) + (u >= second) for value, u in hashes.items()}
    for wanted in asked:
        _fill(part, hashes, wanted)
    train, stopping, scoring = (tuple(v for v in values if part[v] == number) for number in range(3))
    return Split(train, stopping, scoring)


def _fill(part: dict[str, int], hashes: dict[str, float], wanted: int) -> None:
    members = list(part.values())
    if wanted in members:
        return
    largest = max(range(3), key=members.count)
    moved = min((value for value in part if part[value] == largest), key=lambda value: (hashes[value], value))
    part[moved] = wanted
