"""emojibase-data: the name of every emoji in English, French and German."""

import json
from collections.abc import Iterator

from undertow.data.sets.forms import Table
from undertow.data.sets.npm_package import NpmPackage
from undertow.data.sets.record import Set

LANGUAGES = ("en", "fr", "de")


def emoji(*tables: bytes) -> Iterator[tuple[str, ...]]:
    """The emoji, and its name in each language; one that lacks a name is left out."""
    first, *others = (json.loads(table) for table in tables)
    names = [{entry["hexcode"]: entry["label"] for entry in other} for other in others]
    for entry in first:
        if all(entry["hexcode"] in named for named in names):
            yield entry["unicode"], entry["label"], *(named[entry["hexcode"]] for named in names)


SETS = (
    Set(
        name="emoji_names",
        about="emoji names, English, French, German",
        suits="translate",
        options="--source en --target fr",
        rows=1_949,
        licence="MIT",
        place=NpmPackage("emojibase-data"),
        files=tuple(f"{language}/compact.json" for language in LANGUAGES),
        form=Table(("emoji", *LANGUAGES)),
        read=emoji,
    ),
)
