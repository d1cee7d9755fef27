"""Arguments: dataclasses in, a record out; wrong ones leave with status 2 and a word on what was meant."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TypeVar

import tyro

T = TypeVar("T")


def parse(kind: type[T], words: Sequence[str], verb: str, description: str) -> T:
    """Read a command's arguments into the dataclass `kind`."""
    config: tuple[Any, ...] = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    return tyro.cli(kind, args=list(words), prog=f"undertow {verb}", description=description, config=config)


def say(text: str) -> None:
    """A word to the person, on stderr; stdout is for results."""
    print(text, file=sys.stderr, flush=True)
