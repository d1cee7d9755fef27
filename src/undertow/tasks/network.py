"""Which network is trained: the options every recipe over characters shares, and the module they make."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from undertow.cells import catalog
from undertow.cells.cell import Cell, output_size
from undertow.errors import SettingError
from undertow.recurrent.recurrent import Recurrent
from undertow.shapes import check_share, check_size
from undertow.training.run import memory_bytes
from undertow.wiring.next_token import NextToken

LARGEST = 100_000_000  # size that is looked at at all; its square can still be counted
BYTES_A_PARAMETER = 20  # weights, gradient, Adam's two moments, one copy of the best


@dataclass(frozen=True)
class Layers:
    """A stack of recurrent layers above an embedding."""

    cell: str = "lstm"
    """A cell of `undertow cells`, or one of your own as FILE.py:Class."""
    cell_options: tuple[str, ...] = ()
    """The cell's own settings, as name=value: depth=5 nonlinearity=relu."""
    hidden: int = 256
    """Units a layer."""
    layers: int = 2
    """Layers, one above the other."""
    embedding: int = 64
    """Features a character is given."""
    dropout: float = 0.25
    """Share dropped between layers, and before the readout."""
    variational: float = 0.0
    """Share dropped in time, one mask for all steps."""
    weight_drop: float = 0.0
    """Share of the weights that multiply the state that is dropped, one draw a window."""
    zoneout: float = 0.0
    """Share of units that keep their old state."""

    def check(self) -> None:
        """Refuse settings that are out of range.

        Raises:
            SettingError: names the option.
        """
        for name in ("hidden", "layers", "embedding"):
            check_size(getattr(self, name), f"--{name}", "The network")
        for name in ("dropout", "variational", "weight_drop", "zoneout"):
            check_share(getattr(self, name), f"--{name.replace('_', '-')}", "The network")


@dataclass(frozen=True)
class Network(Layers):
    """A stack of recurrent layers between an embedding and a readout."""

    input_dropout: float | None = None
    """Share of the embedding that is dropped; as --dropout where it is not given."""

    def check(self) -> None:
        """Refuse settings that are out of range.

        Raises:
            SettingError: names the option.
        """
        Layers.check(self)
        check_share(self.input_dropout or 0.0, "--input-dropout", "The network")


def cell_of(options: Layers) -> Cell:
    """The cell that the options name, for the first layer."""
    kind = catalog.find(options.cell)
    settings = catalog.parse_settings(kind, options.cell_options)
    return kind(options.embedding, options.hidden, **settings)


def build_network(options: Network, tokens: int) -> NextToken:
    """Draw a fresh network from torch's global generator.

    Raises:
        SettingError: a setting is out of range, or the network would not fit into this machine's memory.
        CellError: the cell breaks its contract.
    """
    options.check()
    check_fits(options, tokens)
    return NextToken(tokens, recurrent_of(options), options.dropout, options.input_dropout)


def check_fits(options: Layers, tokens: int) -> None:
    """Refuse a network whose training would not fit into memory, before a byte of it is allocated.

    Raises:
        SettingError: says how large it would be.
    """
    check_memory(count_parameters(options, tokens))


def check_memory(parameters: int, remedy: str = "--hidden, --layers or --embedding") -> None:
    """Refuse so many parameters where their training would not fit into memory; `remedy` is what is to be smaller.

    Raises:
        SettingError: says how large it would be.
    """
    memory = memory_bytes()
    if not _fits(parameters):
        raise SettingError(
            f"A network of {parameters:,} parameters needs about {parameters * BYTES_A_PARAMETER / 2**30:,.0f} GiB "
            f"to train, and this machine has {(memory or 0) / 2**30:.0f}. "
            f"Take a smaller {remedy}."
        )


def count_parameters(options: Layers, tokens: int) -> int:
    """How many numbers are trained? Layers beyond the second repeat the second; nothing large is allocated.

    Of sizes that nothing can hold, one matrix [H, H] a layer and the embedding are counted.
    """
    cell = cell_of(options)
    if max(options.hidden, options.embedding) > LARGEST:
        return options.layers * options.hidden**2 + tokens * options.embedding
    width = output_size(cell)
    first, above = _count(cell), _count(_resized(cell, width))
    outer = tokens * options.embedding + tokens * (width + 1)
    return first + (options.layers - 1) * above + outer


def _count(cell: Cell) -> int:
    """Of one layer; where its weights must be drawn to be counted and cannot fit, of one matrix [H, H]."""
    least = cell.hidden_size**2
    total: int = sum(w.numel() for w in weights_of(cell, least)) or least
    return total


def weights_of(cell: Cell, least: int = 0) -> Any:
    """Fresh weights to look at the sizes of, without memory.

    A cell whose start looks at its numbers has to draw them; where `least` numbers do not fit, it gives none.
    """
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return cell.init()
        except (RuntimeError, TypeError, ValueError):
            return cell.init() if _fits(least) else ()


def _fits(parameters: int) -> bool:
    memory = memory_bytes()
    return memory is None or parameters * BYTES_A_PARAMETER <= memory


def describe_cell(options: Layers, directions: int = 1) -> dict[str, Any]:
    """The cell for config.json: name, states, weights and shapes; a user's file by its hash."""
    cell = cell_of(options)
    weights, upper = weights_of(cell), weights_of(_resized(cell, directions * output_size(cell)))
    summary = (type(cell).__doc__ or "").strip().partition("\n")[0]
    return {
        "name": name_of(cell),
        "summary": summary,
        "states": list(cell.State._fields),
        "weights": _shapes(weights),
        "upper_weights": _shapes(upper),
        "directions": directions,
        "file_sha256": hash_of_file(options.cell),
    }


def name_of(cell: Cell) -> str:
    """How a cell is told: a built-in one as it is typed, a user's own by its class."""
    kind = type(cell)
    return catalog.snake(kind.__name__) if kind.__module__.startswith("undertow.") else kind.__name__


def hash_of_file(cell: str) -> str | None:
    """SHA-256 of the file of a cell FILE.py:Class; None for a built-in one, or where the file is gone."""
    file = Path(cell.partition(":")[0])
    return hashlib.sha256(file.read_bytes()).hexdigest() if ".py" in cell and file.is_file() else None


def recurrent_of(options: Layers, bidirectional: bool = False) -> Recurrent:
    """Fresh layers, from torch's global generator."""
    return Recurrent(
        cell_of(options),
        options.layers,
        bidirectional,
        dropout=options.dropout,
        variational=options.variational,
        weight_drop=options.weight_drop,
        zoneout=options.zoneout,
    )


def _shapes(weights: Any) -> list[list[Any]]:
    return [[name, list(tensor.shape)] for name, tensor in zip(weights._fields, weights, strict=True)]


def _resized(cell: Cell, size: int) -> Cell:
    return replace(cell, input_size=size)
