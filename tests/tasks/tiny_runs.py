"""Runs that take less than a second."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

import undertow as ut
from undertow.tasks.trained import Trained

TINY = {"hidden": 8, "layers": 1, "embedding": 5, "steps": 24, "validations": 4, "learning_rate": 0.02}
WORDS = [
    "the",
    "sea",
    "has",
    "a",
    "slow",
    "hand",
    "and",
    "it",
    "takes",
    "what",
    "stands",
    "near",
    "its",
    "edge",
    "back",
    "under,",
    "grain",
    "by",
    "grain",
]


def trained(recipe: str, out: Path, **options: Any) -> Trained:
    """A run, tiny unless told otherwise."""
    return ut.train(recipe, out=out, **{**TINY, **options})


def prose(characters: int, seed: int = 0) -> str:
    """Words in a random order, some lines."""
    drawn = np.random.default_rng(seed).choice(WORDS, characters)
    return (" ".join(drawn).replace("grain the", "grain.\nThe"))[:characters]


@contextmanager
def one_thread() -> Iterator[None]:
    """Nets this small only wait for a second one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
