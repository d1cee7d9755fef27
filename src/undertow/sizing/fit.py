"""The sizes turned round: what is the largest batch, window or width that fits into so much memory?"""

from __future__ import annotations

import re
from collections.abc import Callable

from undertow.errors import SettingError
from undertow.sizing.sizes import Sizes

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
LARGEST = 1 << 40


def parse_memory(text: str) -> int:
    """Bytes of `8GB`, `512M` or `1.5 GiB`; a unit is 1,024 of the one below.

    Raises:
        SettingError: that is no amount of memory.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if found is None or not float(found[1]):
        raise SettingError(f"--memory is an amount like 8GB or 512M, got {text!r}.")
    return int(float(found[1]) * UNITS[found[2].upper()])


def largest(sizes_at: Callable[[int], Sizes], memory: int, least: int = 1) -> tuple[int, Sizes] | None:
    """The largest whole number at which training peaks within `memory`, and the sizes there; None if not even `least`
    does.

    The peak must not fall as the number rises.
    """
    low, found = least - 1, None
    high = least
    while high < LARGEST and (sizes := sizes_at(high)).peak_bytes <= memory:
        low, found, high = high, sizes, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        sizes = sizes_at(middle)
        if sizes.peak_bytes <= memory:
            low, found = middle, sizes
        else:
            high = middle
    return None if found is None else (low, found)
