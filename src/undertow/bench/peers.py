"""What a cell is compared with: one row a peer, each an action that walks a batch, forward or with backward."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from undertow import cells
from undertow.cells.cell import Cell
from undertow.errors import MissingExtraError
from undertow.recurrent.recurrent import Recurrent

Action = Callable[[], object]
TORCH: dict[type[Cell], Any] = {cells.LSTM: nn.LSTM, cells.GRU: nn.GRU, cells.RNN: nn.RNN}


@dataclass(frozen=True)
class Shape:
    """Sizes of one walk."""

    steps: int
    batch: int
    inputs: int
    hidden: int

    def __str__(self) -> str:
        return f"({self.steps}, {self.batch}, {self.inputs}, {self.hidden})"


@dataclass(frozen=True)
class Pair:
    """Forward in inference; forward with backward of input and weights."""

    infer: Action
    train: Action
    answer: Callable[[], Tensor]


def ours(layer: Recurrent, x: Tensor, along: Tensor) -> Pair:
    """A Recurrent, whatever its engine."""
    return _pair(lambda: layer(x)[0], layer, x, along)


def torch_layer(layer: Recurrent, x: Tensor, along: Tensor) -> Pair:
    """torch.nn's layer of the same cell with the same weights."""
    cell = layer.cell
    peer: Any = TORCH[type(cell)](cell.input_size, cell.hidden_size)
    weights = layer.weights(0)
    with torch.no_grad():
        peer.weight_ih_l0.copy_(weights.x)
        peer.weight_hh_l0.copy_(weights.h)
        peer.bias_ih_l0.copy_(weights.b)
        peer.bias_hh_l0.zero_()
        if isinstance(cell, cells.GRU):
            peer.bias_hh_l0[2 * cell.hidden_size :] = weights.q
    return _pair(lambda: peer(x)[0], peer, x, along)


def eager_loop(layer: Recurrent, x: Tensor, along: Tensor) -> Pair:
    """The same cell on the plain loop."""
    plain = Recurrent(layer.cell, engine="eager")
    plain.load_state_dict(layer.state_dict())
    return _pair(lambda: plain(x)[0], plain, x, along)


def compiled_loop(layer: Recurrent, x: Tensor, along: Tensor) -> Pair:
    """torch.compile of the plain loop; it unrolls time, so compiling takes minutes."""
    plain = Recurrent(layer.cell, engine="eager")
    plain.load_state_dict(layer.state_dict())
    quick = torch.compile(lambda x: plain(x)[0])
    return _pair(lambda: quick(x), plain, x, along)


def jax_scan(layer: Recurrent, x: Tensor, along: Tensor) -> Pair:
    """jax.lax.scan of an LSTM, jitted, forward and gradient."""
    if importlib.util.find_spec("jax") is None:
        raise MissingExtraError("--against jax needs JAX. Install it with: pip install jax")
    from undertow.bench.jax_lstm import pair

    return pair(layer, x, along)


PEERS: dict[str, Callable[[Recurrent, Tensor, Tensor], Pair]] = {
    "torch": torch_layer,
    "eager": eager_loop,
    "torch-compile": compiled_loop,
    "jax": jax_scan,
}


def _pair(forward: Callable[[], Tensor], module: nn.Module, x: Tensor, along: Tensor) -> Pair:
    def infer() -> object:
        with torch.no_grad():
            return forward()

    def train() -> object:
        x.grad = None
        module.zero_grad(set_to_none=True)
        forward().backward(along)  # type: ignore[no-untyped-call]
        return x.grad

    return Pair(infer, train, forward)
