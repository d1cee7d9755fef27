"""undertow resume RUN: go on where a run was stopped."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Annotated

import tyro

from undertow.cli.arguments import parse, say
from undertow.cli.output import print_json
from undertow.cli.show import show_score
from undertow.tasks.start import resume
from undertow.tasks.trained import load
from undertow.training.display import display_for


@dataclass(frozen=True)
class Arguments:
    """What to go on with."""

    run: Annotated[str, tyro.conf.Positional]
    """The run folder."""
    quiet: bool = False
    """Show no progress."""
    json: bool = False
    """Print the score as JSON."""


def run(words: list[str]) -> int:
    """Resume and print the score."""
    given = parse(Arguments, words, "resume", "Go on where a run was stopped, as if it had not been.")
    with closing(display_for(given.quiet, f"{load(given.run).recipe.unit}s")) as display:
        trained = resume(given.run, display)
    if given.json:
        print_json(trained.score)
    else:
        show_score(trained.score or {})
    say(f"\nThe report: {trained.path / 'report.html'}")
    return 0
