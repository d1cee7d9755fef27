"""undertow plan CELL: what the compiler makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import tyro

from undertow.cells import catalog
from undertow.cli.arguments import parse
from undertow.cli.output import print_json
from undertow.compiler.show import record
from undertow.recurrent.compile import compile


@dataclass(frozen=True)
class Arguments:
    """Which cell, at which sizes."""

    cell: Annotated[str, tyro.conf.Positional]
    """A cell of `undertow cells`, or one of your own as FILE.py:Class."""
    input_size: int = 64
    """Features of the input."""
    hidden: int = 128
    """Units."""
    cell_options: tuple[str, ...] = ()
    """The cell's own settings, as name=value."""
    dtype: Literal["float32", "float64"] = "float32"
    """Of all numbers."""
    graph: bool = False
    """Print the graphs of one step, too."""
    source: bool = False
    """Print the generated source, too."""
    json: bool = False
    """Print as JSON: stages, kept and recomputed values, bytes, operations, sources."""


def run(words: list[str]) -> int:
    """Print the plan."""
    given = parse(
        Arguments, words, "plan", "What the compiler makes of a cell: graph, plan, generated source."
    )
    kind = catalog.find(given.cell)
    cell = kind(given.input_size, given.hidden, **catalog.parse_settings(kind, given.cell_options))
    compiled = compile(cell, dtype=getattr(torch, given.dtype), build=False)
    if given.json:
        print_json({"cell": given.cell, **record(compiled.made), "sources": compiled.sources})
        return 0
    if given.graph:
        print(f"forward graph:\n{compiled.made.plan.forward.graph}\n")
        print(f"backward graph:\n{compiled.made.plan.backward.graph}\n")
    print(compiled)
    if given.source:
        print("\n\n".join(["", compiled.sources["forward"], compiled.sources["backward"]]))
    return 0
