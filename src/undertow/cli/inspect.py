"""undertow inspect RECIPE FILE: what is understood of a file, before training on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from undertow.cli.arguments import parse
from undertow.cli.output import print_json
from undertow.cli.show import show_inspection
from undertow.tasks.recipe import find


@dataclass(frozen=True)
class Arguments:
    """What to look at."""

    recipe: Annotated[str, tyro.conf.Positional]
    """names, text, classify, tree or translate."""
    file: Annotated[str, tyro.conf.Positional]
    """The file, or an embedded set."""
    column: str | None = None
    """The column of a table that holds the strings."""
    encoding: str = "utf-8"
    """Of the file."""
    skip_bad: bool = False
    """Leave bad rows out, and say how many."""
    json: bool = False
    """Print as JSON."""


def run(words: list[str]) -> int:
    """Inspect and print."""
    given = parse(Arguments, words, "inspect", "What is understood of a file, before training on it.")
    recipe = find(given.recipe)
    known = recipe.Options.__dataclass_fields__
    asked = {
        "data": (given.file,),
        "column": given.column,
        "encoding": given.encoding,
        "skip_bad": given.skip_bad,
    }
    record = recipe.inspect(given.file, recipe.Options(**{k: v for k, v in asked.items() if k in known}))
    if given.json:
        print_json(record)
    else:
        show_inspection(record)
    return 0
