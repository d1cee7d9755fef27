"""undertow cells: the recurrent cells there are."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from undertow.cells import catalog
from undertow.cells.cell import Cell
from undertow.cli.arguments import parse
from undertow.cli.output import Tables, print_json
from undertow.errors import SettingError
from undertow.report.table import print_table
from undertow.tasks.network import LARGEST, weights_of


@dataclass(frozen=True)
class Arguments:
    """At which sizes the parameters are counted."""

    input_size: int = 64
    """Features of the input."""
    hidden: int = 128
    """Units."""
    json: bool = False
    """Print as JSON: a list of {"cell", "summary", "states", "weights", "parameters", "settings"}."""


def run(words: list[str]) -> int:
    """List the cells."""
    given = parse(Arguments, words, "cells", "The recurrent cells there are.")
    for name in ("input_size", "hidden"):
        if not 1 <= getattr(given, name) <= LARGEST:
            raise SettingError(
                f"--{name.replace('_', '-')} must lie from 1 to {LARGEST:,}, got {getattr(given, name)}."
            )
    rows = [_row(name, kind, given) for name, kind in catalog.built_in().items()]
    if given.json:
        print_json(rows)
        return 0
    for row in rows:
        row["states"], row["weights"] = ", ".join(row["states"]), ", ".join(row["weights"])
        row["parameters"] = f"{row['parameters']:,}"
        row["settings"] = ", ".join(f"{k}={v}" for k, v in row["settings"].items())
    title = f"Cells, parameters at {given.input_size} features and {given.hidden} units"
    print_table(rows, ["cell", "summary", "states", "weights", "parameters", "settings"], title, Tables())
    return 0


def _row(name: str, kind: type[Cell], given: Arguments) -> dict[str, Any]:
    cell = kind(given.input_size, given.hidden)
    weights = weights_of(cell)
    return {
        "cell": name,
        "summary": (inspect.getdoc(kind) or "").partition("\n")[0],
        "states": list(cell.State._fields),
        "weights": list(cell.Weights._fields),
        "parameters": sum(w.numel() for w in weights),
        "settings": catalog.settings_of(kind),
    }
