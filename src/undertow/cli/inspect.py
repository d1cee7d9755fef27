"""undertow inspect RECIPE FILE: what is understood of a file, before training on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from undertow.cli.arguments import parse
from undertow.cli.output import print_json
from undertow.cli.reading import Reading
from undertow.cli.show import show_inspection
from undertow.errors import SettingError
from undertow.tasks.recipe import Recipe, find
from undertow.tasks.trained import make_options


@dataclass(frozen=True)
class Arguments(Reading):
    """What to look at."""

    recipe: Annotated[str, tyro.conf.Positional]
    """names, text, classify, tree, translate, images, gan or diffusion."""
    files: Annotated[tuple[str, ...], tyro.conf.Positional]
    """The file, or an embedded set; of translate a table, or two files of lines; of gan images, or a mixture."""
    validation: tuple[str, ...] = ()
    """Files to stop by: how large they are, and what training has of them."""
    test: tuple[str, ...] = ()
    """Files to score once at the end."""
    json: bool = False
    """Print as JSON."""


def run(words: list[str]) -> int:
    """Inspect and print."""
    given = parse(Arguments, words, "inspect", "What is understood of a file, before training on it.")
    recipe = find(given.recipe)
    if not given.files:
        raise SettingError("Which file? undertow inspect RECIPE FILE")
    asked = {**given.given(recipe), **_held_out(recipe, given)}
    record = recipe.inspect(make_options(recipe.Options, {"data": given.files, **asked}))
    if given.json:
        print_json(record)
    else:
        show_inspection(record)
    return 0


def _held_out(recipe: Recipe, given: Arguments) -> dict[str, Any]:
    """Files for validation and test, as the recipe takes them: one, or several.

    Raises:
        SettingError: it takes none, or fewer.
    """
    found: dict[str, Any] = {}
    for name in ("validation", "test"):
        files, known = getattr(given, name), recipe.Options.__dataclass_fields__
        if files and (name not in known or (known[name].default is None and len(files) > 1)):
            takes = "one such file" if name in known else "no such file"
            raise SettingError(f"--{name} {' '.join(files)}: {recipe.name} takes {takes}.")
        if files:
            found[name] = files if known[name].default == () else files[0]
    return found
