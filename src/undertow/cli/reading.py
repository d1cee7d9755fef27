"""How a file is read: the options that `inspect` and `score` share. A recipe takes those that its training takes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from undertow.errors import SettingError
from undertow.tasks.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What holds the texts, and how."""

    column: str | None = None
    """The column of a table that holds the strings."""
    text: str | None = None
    """The column of texts; its number, from 1, where there is no header."""
    label: str | None = None
    """The column of labels."""
    source: str | None = None
    """The column that a translator reads."""
    target: str | None = None
    """The column that it is to write."""
    no_header: bool = False
    """The first row is data; columns are named 1, 2, 3, ..."""
    header: bool = False
    """The first row names the columns, though it did not in the run's training."""
    format: Literal["csv", "tsv", "jsonl", "parquet", "trees", "lines"] | None = None
    """What the file is, where its ending does not say it."""
    encoding: str | None = None
    """Of the file."""
    max_length: int | None = None
    """Longest text in characters; a longer one is an error."""
    side: int | None = None
    """Of a folder of images: they are scaled and cut to a square with this side."""
    skip_bad: bool = False
    """Leave bad rows out, and say how many."""

    def given(self, recipe: Recipe) -> dict[str, Any]:
        """Those that were given, as options of the recipe.

        Raises:
            SettingError: the recipe's files have no such thing; or header and no_header.
        """
        asked = {f.name: value for f in fields(Reading) if (value := getattr(self, f.name))}
        if self.header and self.no_header:
            raise SettingError("Give one of --header and --no-header.")
        if self.header:
            del asked["header"]
            asked["no_header"] = False
        known = recipe.Options.__dataclass_fields__
        strange = [name for name in asked if name not in known]
        if strange:
            able = ", ".join(f"--{f.name.replace('_', '-')}" for f in fields(Reading) if f.name in known)
            raise SettingError(
                f"Files of {recipe.name} have no --{strange[0].replace('_', '-')}. They take {able}."
            )
        return asked
