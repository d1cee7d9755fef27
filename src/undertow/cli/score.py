"""undertow score RUN: how good is it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from undertow.cli.arguments import parse
from undertow.cli.output import print_json
from undertow.cli.reading import Reading
from undertow.cli.show import show_score
from undertow.errors import SettingError
from undertow.tasks.start import rescore
from undertow.tasks.trained import load


@dataclass(frozen=True)
class Arguments(Reading):
    """What to score, on what."""

    run: Annotated[str, tyro.conf.Positional]
    """The run folder."""
    data: tuple[str, ...] = ()
    """Another file, of translate also two files of lines, read as the training data was unless the options say it;
    without it, the run's own test part is scored again."""
    json: bool = False
    """Print as JSON: recipe, run, data, test, validation, baselines, samples."""


def run(words: list[str]) -> int:
    """Score and print."""
    given = parse(Arguments, words, "score", "How good is a run, on its own test part or on another file?")
    trained = load(given.run)
    asked = given.given(trained.recipe)
    if not given.data and asked:
        raise SettingError("--data is missing: options of reading go with a file.")
    if not given.data:
        document = rescore(trained)
    else:
        figures = trained.score_on(*given.data, **asked)
        named = {"recipe": trained.recipe.name, "run": trained.path.name, "data": ", ".join(given.data)}
        document = {**named, **figures}
    if given.json:
        print_json(document)
    else:
        show_score(document)
    return 0
