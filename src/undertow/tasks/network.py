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

BYTES_A_PARAMETER = 20  # weights, gradient, Adam's two moments, one copy of the best


@dataclass(frozen=True)
class Network:
    """A stack of recurrent layers between an embedding and a readout."""

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
    zoneout: float = 0.0
    """Share of units that keep their old state."""

    def check(self) -> None:
        """Refuse settings that are out of range.

        Raises:
            SettingError: names the option.
        """
        for name in ("hidden", "layers", "embedding"):
            check_size(getattr(self, name), f"--{name}", "The network")
        for name in ("dropout", "variational", "zoneout"):
            check_share(getattr(self, name), f"--{name}", "The network")


def cell_of(options: Network) -> Cell:
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
    return _network(options, tokens)


def check_fits(options: Network, tokens: int) -> None:
    """Refuse a network whose training would not fit into memory, before a byte of it is allocated.

    Raises:
        SettingError: says how large it would be.
    """
    parameters, memory = count_parameters(options, tokens), memory_bytes()
    if not _fits(parameters):
        raise SettingError(
            f"A network of {parameters:,} parameters needs about {parameters * BYTES_A_PARAMETER / 2**30:,.0f} GiB "
            f"to train, and this machine has {(memory or 0) / 2**30:.0f}. "
            f"Take a smaller --hidden, --layers or --embedding."
        )


def count_parameters(options: Network, tokens: int) -> int:
    """How many numbers are trained? Layers beyond the second repeat the second; nothing large is allocated.

    Of a cell whose start looks at the numbers it draws, and so cannot be counted without drawing them, no more than
    one matrix [H, H] a layer is counted where even that does not fit.
    """
    cell = cell_of(options)
    least = options.layers * options.hidden**2
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                first, above, width = _counted(cell)
        except (RuntimeError, TypeError, ValueError, OverflowError):
            if not _fits(least):
                return least
            first, above, width = _counted(cell)
    outer = tokens * options.embedding + tokens * (width + 1)
    return first + (options.layers - 1) * above + outer


def _counted(cell: Cell) -> tuple[int, int, int]:
    """Parameters of the first layer, of one above it, and features of the output."""
    width = output_size(cell)
    first, above = (sum(w.numel() for w in kind.init()) for kind in (cell, _resized(cell, width)))
    return first, above, width


def _fits(parameters: int) -> bool:
    memory = memory_bytes()
    return memory is None or parameters * BYTES_A_PARAMETER <= memory


def describe_cell(options: Network) -> dict[str, Any]:
    """The cell for config.json: name, states, weights and shapes; a user's file by its hash."""
    cell = cell_of(options)
    with torch.random.fork_rng(devices=[]):
        weights, upper = cell.init(), _resized(cell, output_size(cell)).init()
    summary = (type(cell).__doc__ or "").strip().partition("\n")[0]
    return {
        "name": name_of(cell),
        "summary": summary,
        "states": list(cell.State._fields),
        "weights": _shapes(weights),
        "upper_weights": _shapes(upper),
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


def _network(options: Network, tokens: int) -> NextToken:
    recurrent = Recurrent(
        cell_of(options),
        options.layers,
        dropout=options.dropout,
        variational=options.variational,
        zoneout=options.zoneout,
    )
    return NextToken(tokens, recurrent, dropout=options.dropout)


def _shapes(weights: Any) -> list[list[Any]]:
    return [[name, list(tensor.shape)] for name, tensor in zip(weights._fields, weights, strict=True)]


def _resized(cell: Cell, size: int) -> Cell:
    return replace(cell, input_size=size)
