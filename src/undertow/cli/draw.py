"""undertow draw CELL: the network unrolled in time, shared weights drawn as shared."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from undertow.cells import catalog
from undertow.cells.cell import Cell, output_size
from undertow.cli.arguments import parse, say
from undertow.errors import SettingError
from undertow.report.save import figure_png, figure_svg
from undertow.report.unrolled import Unrolled, draw_unrolled
from undertow.report.unrolled_text import text_unrolled
from undertow.tasks.network import LARGEST, weights_of
from undertow.training.storage import write_atomic


@dataclass(frozen=True)
class Arguments:
    """What to draw."""

    cell: Annotated[str, tyro.conf.Positional]
    """A cell of `undertow cells`, or one of your own as FILE.py:Class."""
    steps: int = 3
    """Steps in time; of many, the middle is left out."""
    layers: int = 1
    """Layers, one above the other."""
    bidirectional: bool = False
    """Also from the end to the beginning."""
    input_size: int = 64
    """Features of the input."""
    hidden: int = 128
    """Units."""
    cell_options: tuple[str, ...] = ()
    """The cell's own settings, as name=value."""
    out: str | None = None
    """The picture, .png or .svg; without it, CELL.png here."""


def run(words: list[str]) -> int:
    """Draw, and print where the picture is."""
    given = parse(Arguments, words, "draw", "Draw a network unrolled in time.")
    out = Path(given.out or f"{given.cell.rpartition(':')[2]}.png")
    if out.suffix not in (".png", ".svg"):
        raise SettingError(f"--out must end in .png or .svg, got {str(out)!r}.")
    record = unrolled_record(given)
    figure = draw_unrolled(record)
    write_atomic(out, figure_png(figure) if out.suffix == ".png" else figure_svg(figure))
    say(text_unrolled(record))
    print(out, file=sys.stdout)
    return 0


def unrolled_record(given: Arguments) -> Unrolled:
    """The record that the drawing needs."""
    kind = catalog.find(given.cell)
    for name in ("steps", "layers", "input_size", "hidden"):
        if not 1 <= getattr(given, name) <= LARGEST:
            raise SettingError(
                f"--{name.replace('_', '-')} must lie from 1 to {LARGEST:,}, got {getattr(given, name)}."
            )
    cell = kind(given.input_size, given.hidden, **catalog.parse_settings(kind, given.cell_options))
    above = replace(cell, input_size=output_size(cell) * (2 if given.bidirectional else 1))
    return Unrolled(
        given.cell.rpartition(":")[2],
        tuple(cell.State._fields),
        _shapes(cell),
        given.steps,
        given.layers,
        given.bidirectional,
        upper_weights=_shapes(above),
    )


def _shapes(cell: Cell) -> tuple[tuple[str, tuple[int, ...]], ...]:
    weights = weights_of(cell)
    return tuple((name, tuple(tensor.shape)) for name, tensor in zip(weights._fields, weights, strict=True))
