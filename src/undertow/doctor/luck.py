"""Another draw of the same script: every seed that it sets is moved by a number.

Draw 0 is the script as it stands. What is generated from a torch.Generator of its own is left as it is: mostly data.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from undertow.doctor.seen.patches import Patches

FAR = 100_003  # between two draws
LARGEST = 2**32


@contextmanager
def draw(number: int) -> Iterator[None]:
    """While it lasts, seeds are moved; a script that sets none begins from the draw's own."""
    moved = number * FAR
    patches = Patches()
    for owner, name in (
        (torch, "manual_seed"),
        (torch.random, "manual_seed"),
        (np.random, "seed"),
        (np.random, "default_rng"),
        (random, "seed"),
    ):
        patches.replace(owner, name, _moving(moved))
    try:
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        yield
    finally:
        patches.undo()


def _moving(by: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def seeded(seed: Any = None, *given: Any, **named: Any) -> Any:
            if isinstance(seed, int) and by:
                seed = (seed + by) % LARGEST
            return original(seed, *given, **named) if seed is not None else original(*given, **named)

        return seeded

    return make
