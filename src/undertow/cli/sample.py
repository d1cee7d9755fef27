"""undertow sample RUN: draw new strings, points or images."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import tyro

from undertow.cli.arguments import parse, say
from undertow.cli.output import print_json
from undertow.tasks.keeping_samples import check_place, keep_samples
from undertow.tasks.trained import Trained, load


@dataclass(frozen=True)
class Arguments:
    """What to draw, and how."""

    run: Annotated[str, tyro.conf.Positional]
    """The run folder."""
    count: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 20
    """How many."""
    prefix: str = ""
    """How strings begin."""
    temperature: float = 1.0
    """Of strings. Below 1: safer; above 1: wilder; 0: always the likeliest."""
    top_k: int = 0
    """Of strings: draw from the k likeliest characters only. 0: off."""
    top_p: float = 1.0
    """Of strings: draw from the fewest likeliest that hold this much probability."""
    length: int | None = None
    """Of strings: most characters drawn."""
    seed: int = 0
    """Same seed, same samples."""
    out: str | None = None
    """Of points and images: where they go, .png (a picture, of the first 1,024 images), .npy (their numbers), of points
    .csv. Without it images go to samples.png, or samples-2.png and so on where that is there; points to stdout."""
    json: bool = False
    """Print as JSON: {"run", "samples": [text, ...]}, or {"run", "samples": [[x, y], ...]}; with a file
    {"run", "out"}."""


def run(words: list[str]) -> int:
    """Print strings or points, one a line; or put what was drawn into a file."""
    given = parse(Arguments, words, "sample", "Draw new strings, points or images from a trained run.")
    trained = load(given.run)
    place = check_place(trained.recipe, trained.vocabulary, given.out)
    samples = _drawn(trained, given)
    if place is not None:
        if said := keep_samples(place, samples, trained.vocabulary):
            say(said)
        if given.json:
            print_json({"run": trained.path.name, "out": str(place)})
        else:
            print(place)
    elif given.json:
        told = samples.tolist() if isinstance(samples, np.ndarray) else samples
        print_json({"run": trained.path.name, "samples": told})
    elif isinstance(samples, np.ndarray):
        np.savetxt(sys.stdout, samples, fmt="%.6g", delimiter=",")
    else:
        print("\n".join(samples))
    return 0


def _drawn(trained: Trained, given: Arguments) -> Any:
    return trained.sample(
        given.count,
        prefix=given.prefix,
        temperature=given.temperature,
        top_k=given.top_k,
        top_p=given.top_p,
        length=given.length,
        seed=given.seed,
    )
