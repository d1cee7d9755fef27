"""undertow score RUN: how good is it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from undertow.cli.arguments import parse
from undertow.cli.output import print_json
from undertow.cli.show import show_score
from undertow.tasks.start import rescore
from undertow.tasks.trained import load


@dataclass(frozen=True)
class Arguments:
    """What to score, on what."""

    run: Annotated[str, tyro.conf.Positional]
    """The run folder."""
    data: str | None = None
    """Another file; without it, the run's own test part is scored again."""
    column: str | None = None
    """The column of a table that holds the strings."""
    encoding: str | None = None
    """Of that file; without it, that of the training data."""
    skip_bad: bool = False
    """Leave out rows with characters that the run never saw, and say how many."""
    json: bool = False
    """Print as JSON: recipe, run, data, test, validation, baselines, samples."""


def run(words: list[str]) -> int:
    """Score and print."""
    given = parse(Arguments, words, "score", "How good is a run, on its own test part or on another file?")
    trained = load(given.run)
    if given.data is None:
        document = rescore(trained)
    else:
        figures = trained.score_on(
            given.data, column=given.column, encoding=given.encoding, skip_bad=given.skip_bad
        )
        document = {"recipe": trained.recipe.name, "run": trained.path.name, "data": given.data, **figures}
    if given.json:
        print_json(document)
    else:
        show_score(document)
    return 0
