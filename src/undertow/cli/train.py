"""undertow train RECIPE: read a file, train, score, write the report."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from undertow.cli.arguments import parse, say
from undertow.cli.output import print_json
from undertow.cli.show import show_score
from undertow.tasks.recipe import RECIPES, Recipe, find
from undertow.tasks.start import Place, begin
from undertow.training.display import display_for


@dataclass(frozen=True)
class Common:
    """Where the run goes, and what is shown."""

    out: str | None = None
    """The run folder; without it, the first free one under runs/."""
    start_from: Annotated[str | None, tyro.conf.arg(name="from")] = None
    """Another run, whose weights are the start."""
    quiet: bool = False
    """Show no progress."""
    json: bool = False
    """Print the score as JSON."""


def run(words: list[str]) -> int:
    """Train and print the score."""
    if not words or words[0] in ("-h", "--help"):
        print("usage: undertow train RECIPE [--data FILE ...] [OPTIONS]\n\nRecipes:")
        print("\n".join(f"  {name:<8} {text}" for name, text in RECIPES.items()))
        print("\nundertow train RECIPE --help lists the options of a recipe.")
        return 0
    recipe = find(words[0])
    both = make_dataclass("Arguments", [], bases=(recipe.Options, Common), frozen=True)
    given: Any = parse(both, words[1:], f"train {recipe.name}", RECIPES[recipe.name])
    options = recipe.Options(**{name: getattr(given, name) for name in recipe.Options.__dataclass_fields__})
    with closing(display_for(given.quiet, f"{recipe.unit}s")) as display:
        trained = begin(recipe.name, options, Place(given.out, given.start_from), display)
    if given.json:
        print_json(trained.score)
    else:
        show_score(trained.score or {})
    say(f"\nThe report: {trained.path / 'report.html'}\n{_next(recipe, trained.path)}")
    return 0


def _next(recipe: Recipe, path: Path) -> str:
    """What can be done with the run now."""
    if hasattr(recipe, "sample"):
        return f"More samples: undertow sample {path}"
    asked = "FILE" if recipe.unit == "image" else '"..."'
    return f"Use it: undertow predict {path} {asked}; why: undertow explain {path} {asked}"
