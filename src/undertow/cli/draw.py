"""undertow draw CELL-OR-NET: a recurrent network unrolled in time, shared weights drawn as shared; a deep one, block by
block."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated

import torch
import tyro
from matplotlib.figure import Figure

from undertow.cells import catalog
from undertow.cells.cell import Cell, output_size
from undertow.cli.arguments import parse, say
from undertow.cli.size import check_classes, image
from undertow.cli.size_network import names_net
from undertow.errors import SettingError
from undertow.nets.catalog import NETS, net, shown
from undertow.nets.pieces import pieces
from undertow.report.net_picture import net_picture
from undertow.report.save import figure_png, figure_svg
from undertow.report.unrolled import Unrolled, draw_unrolled
from undertow.report.unrolled_text import text_unrolled
from undertow.tasks.network import LARGEST, weights_of
from undertow.training.storage import write_atomic


@dataclass(frozen=True)
class Arguments:
    """What to draw."""

    what: Annotated[str, tyro.conf.Positional]
    """A cell of `undertow cells`, or one of your own as FILE.py:Class; or a net with its depth, like resnet-20."""
    steps: int = 3
    """Of a cell: steps in time; of many, the middle is left out."""
    layers: int = 1
    """Layers, one above the other."""
    bidirectional: bool = False
    """Also from the end to the beginning."""
    image: str = "32x32x3"
    """Of a net: height x width x channels of what it reads."""
    classes: int = 10
    """Of a net: how many it tells apart."""
    width: int | None = None
    """Of a net: channels of its first stage (of a densenet, of what a layer adds), or units of every layer; without it,
    its own. Large resnets and densenets have none to choose."""
    input_size: int = 64
    """Features of the input."""
    hidden: int = 128
    """Units."""
    cell_options: tuple[str, ...] = ()
    """The cell's own settings, as name=value."""
    out: str | None = None
    """The picture, .png or .svg; without it, CELL.png or NET.png here."""


OF_NETS = ("image", "classes", "width")
OF_CELLS = ("steps", "layers", "bidirectional", "input_size", "hidden", "cell_options")


def run(words: list[str]) -> int:
    """Draw, and print where the picture is."""
    given = parse(Arguments, words, "draw", f"Draw a network. Nets: {', '.join(map(shown, NETS))}.")
    _check_kind(given)
    out = Path(given.out or f"{given.what.rpartition(':')[2]}.png")
    if out.suffix not in (".png", ".svg"):
        raise SettingError(f"--out must end in .png or .svg, got {str(out)!r}.")
    figure, told = _net(given) if names_net(given.what) else _cell(given)
    write_atomic(out, figure_png(figure) if out.suffix == ".png" else figure_svg(figure))
    say(told)
    print(out, file=sys.stdout)
    return 0


def _check_kind(given: Arguments) -> None:
    """Refuse what only the other kind has: nets have no steps, cells no image."""
    is_net = names_net(given.what)
    strange = [
        f"--{of.name.replace('_', '-')}"
        for of in fields(given)
        if of.name in (OF_CELLS if is_net else OF_NETS) and getattr(given, of.name) != of.default
    ]
    if strange:
        kinds = ("net", "cells") if is_net else ("cell", "nets")
        them = "it" if len(strange) == 1 else "them"
        raise SettingError(
            f"{given.what} is a {kinds[0]}; {', '.join(strange)} can be asked of {kinds[1]} only. Leave {them} out."
        )


def _net(given: Arguments) -> tuple[Figure, str]:
    shape = _shape(given.image)
    check_classes(given.classes)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        made = net(given.what, shape, given.classes, given.width)
        found = pieces(made, shape)
    parameters = sum(p.numel() for p in made.parameters())
    rows = [f"{p.times} x {p.name}" if p.times > 1 else p.name for p in found]
    wide = max(map(len, rows))
    lines = [
        f"{row:<{wide}}  {' x '.join(map(str, p.shape)):<16}{p.parameters * p.times:>13,}"
        for row, p in zip(rows, found, strict=True)
    ]
    return net_picture(given.what, shape, found, parameters), "\n".join(lines)


def _shape(told: str) -> tuple[int, int, int]:
    high, wide, channels = image(told, "--image")
    return channels, high, wide


def _cell(given: Arguments) -> tuple[Figure, str]:
    record = unrolled_record(given)
    return draw_unrolled(record), text_unrolled(record)


def unrolled_record(given: Arguments) -> Unrolled:
    """The record that the drawing needs."""
    kind = catalog.find(given.what)
    for name in ("steps", "layers", "input_size", "hidden"):
        if not 1 <= getattr(given, name) <= LARGEST:
            raise SettingError(
                f"--{name.replace('_', '-')} must lie from 1 to {LARGEST:,}, got {getattr(given, name)}."
            )
    cell = kind(given.input_size, given.hidden, **catalog.parse_settings(kind, given.cell_options))
    above = replace(cell, input_size=output_size(cell) * (2 if given.bidirectional else 1))
    return Unrolled(
        given.what.rpartition(":")[2],
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
