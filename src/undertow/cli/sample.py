"""undertow sample RUN: draw new strings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from undertow.cli.arguments import parse
from undertow.cli.output import print_json
from undertow.tasks.trained import load


@dataclass(frozen=True)
class Arguments:
    """What to draw, and how."""

    run: Annotated[str, tyro.conf.Positional]
    """The run folder."""
    count: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 20
    """How many."""
    prefix: str = ""
    """How they begin."""
    temperature: float = 1.0
    """Below 1: safer; above 1: wilder; 0: always the likeliest."""
    top_k: int = 0
    """Draw from the k likeliest characters only. 0: off."""
    top_p: float = 1.0
    """Draw from the fewest likeliest that hold this much probability."""
    length: int | None = None
    """Most characters drawn."""
    seed: int = 0
    """Same seed, same samples."""
    json: bool = False
    """Print as JSON: {"run", "samples": [text, ...]}."""


def run(words: list[str]) -> int:
    """Print samples, one a line."""
    given = parse(Arguments, words, "sample", "Draw new strings from a trained run.")
    trained = load(given.run)
    samples = trained.sample(
        given.count,
        prefix=given.prefix,
        temperature=given.temperature,
        top_k=given.top_k,
        top_p=given.top_p,
        length=given.length,
        seed=given.seed,
    )
    if given.json:
        print_json({"run": trained.path.name, "samples": samples})
    else:
        print("\n".join(samples))
    return 0
