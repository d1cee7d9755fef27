"""One shard of sequences: its memory, and the records that tell the token loop where everything lies.

A kernel reads a layer's states in one buffer and writes them into another; on even steps one is read, on odd steps
the other, so each layer has two calls laid out. Addresses are plain numbers: a shard holds all that they point to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undertow.compiler.generation import DRAWN, Begin, Manner, no_numbers
from undertow.compiler.kernel import Kernel
from undertow.compiler.token_records import FEED, FIELD, LAYER, SHARD

LINE = 8  # whole numbers of a cache line
SIDES = (0, 1)

Records = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Layer:
    """A layer's kernel and what it works on, weights as it wants them."""

    kernel: Kernel
    packed: dict[str, Tensor]
    tables: tuple[Tensor, ...]  # [V, n] a feed, where a row a token is what the kernel gets of x
    zones: tuple[float, ...]  # share of every field of the state that stays, or ()
    projection: Tensor | None  # packed, on the output
    outputs: int  # features that the layer above sees

    @property
    def states(self) -> tuple[int, ...]:
        """Widths of the fields of the state; the first is the output."""
        return self.kernel.plan.states


@dataclass(frozen=True)
class Ready:
    """A network as the token loop wants it."""

    layers: tuple[Layer, ...]
    readout: Tensor  # packed
    bias: Tensor  # [n], -∞ beyond the last token
    tokens: int
    coolest: float  # temperatures below are none, nearly

    @property
    def dtype(self) -> torch.dtype:
        return self.bias.dtype

    @property
    def weight_bytes(self) -> int:
        """What every token reads of weights."""
        maps = [self.readout, *(layer.projection for layer in self.layers if layer.projection is not None)]
        products = sum(layer.kernel.weight_bytes for layer in self.layers)
        return products + sum(m.numel() * m.element_size() for m in maps)


class Shard:
    """Some sequences of a call, in the middle of being drawn.

    Args:
        net: made ready.
        begin: of the whole call.
        rows: first and last sequence of this shard.
        tile: rows are computed in groups of so many.
        last: of the whole call, a State [B, ·] a layer; a sequence that ends leaves its states there.
    """

    def __init__(
        self, net: Ready, begin: Begin, rows: tuple[int, int], tile: int, last: Sequence[Any]
    ) -> None:
        self.net, self.begin, self.last = net, begin, last
        self.rows = -(-(rows[1] - rows[0]) // tile) * tile
        self.held: list[Any] = [begin, net]
        self.numbers = np.arange(*rows)
        self.current = begin.tokens[0, rows[0] : rows[1]].to(torch.int64).numpy().copy()
        self.given = begin.tokens[1:].to(torch.int64).contiguous()
        self.buffers = [
            [self._buffers(field[rows[0] : rows[1]]) for field in state] for state in begin.states
        ]
        self.record = self._record(begin.how, tile)
        self._asked = begin.step

    # ---- at work

    @property
    def alive(self) -> int:
        """Sequences that have not ended."""
        return int(self.record["alive"][0])

    @property
    def done(self) -> int:
        """Tokens drawn since it was asked."""
        return int(self.record["step"][0]) - self._asked

    def ask(self, out: Tensor) -> int:
        """Let the next call draw into `out` [steps, sequences]; gives the address of the record."""
        self._asked = int(self.record["step"][0])
        self.record["steps"], self.record["out"] = len(out), out.data_ptr()
        return int(self.record.ctypes.data)

    def check(self) -> None:
        """Did all go well?

        Raises:
            DivergedError: scores are no numbers.
        """
        if self.record["broken"][0] >= 0:
            raise no_numbers(int(self.record["broken"][0]) + self.begin.skip, int(self.record["step"][0]))

    def leave(self) -> None:
        """The states of the sequences that have not ended, to where those that have left theirs."""
        side, alive = int(self.record["step"][0]) & 1, self.alive
        numbers = torch.from_numpy(self.numbers[:alive])
        for state, buffers in zip(self.last, self.buffers, strict=True):
            for field, pair in zip(state, buffers, strict=True):
                field[numbers] = pair[side][:alive]

    # ---- laid out

    def _buffers(self, start: Tensor) -> tuple[Tensor, Tensor]:
        """Two buffers of a state, the one that the first step reads filled; [rows, width]."""
        even, odd = self._zeros(self.rows, start.shape[1]), self._zeros(self.rows, start.shape[1])
        (odd if self.begin.step & 1 else even)[: len(start)] = start.detach()
        return even, odd

    def _zeros(self, *shape: int) -> Tensor:
        """Memory of the net's dtype that is held as long as the shard."""
        made = torch.zeros(shape, dtype=self.net.dtype)
        self.held.append(made)
        return made

    def _table(self, kind: np.dtype[Any], rows: Sequence[dict[str, Any]]) -> Records:
        """Records from dictionaries."""
        made = np.zeros(max(1, len(rows)), kind)
        for record, row in zip(made, rows, strict=False):
            for name, value in row.items():
                record[name] = value
        self.held.append(made)
        return made

    def _record(self, how: Manner, tile: int) -> Records:
        net, begin = self.net, self.begin
        feeds, layers = self._layers()
        fields = self._fields()
        top, depth = layers[-1], net.layers[-1].outputs
        output = (top["to"],) * 2 if "map" in top else top["output"]
        scores, weights = self._zeros(self.rows, len(net.bias)), self._zeros(len(net.bias))
        return self._table(
            SHARD,
            [
                {
                    "step": begin.step,
                    "alive": len(self.numbers),
                    "broken": -1,
                    "tile": tile,
                    "feeds": len(feeds),
                    "feed_table": self._table(FEED, feeds).ctypes.data,
                    "layers": len(layers),
                    "layer_table": self._table(LAYER, layers).ctypes.data,
                    "fields": len(fields),
                    "field_table": self._table(FIELD, fields).ctypes.data,
                    "output": output,
                    "depth": depth,
                    "readout": net.readout.data_ptr(),
                    "bias": net.bias.data_ptr(),
                    "tokens": net.tokens,
                    "n": len(net.bias),
                    "scores": scores.data_ptr(),
                    "weights": weights.data_ptr(),
                    "temperature": max(how.temperature, net.coolest) if how.temperature else 0.0,
                    "top_k": min(how.top_k, net.tokens),
                    "top_p": how.top_p,
                    "seed": how.seed,
                    "stop": -1 if begin.stop is None else begin.stop,
                    "current": self.current.ctypes.data,
                    "numbers": self.numbers.ctypes.data,
                    "skip": begin.skip,
                    "sequences": begin.tokens.shape[1],
                    "begin": begin.step,
                    "given": self.given.data_ptr(),
                    "given_steps": len(self.given),
                    "quiet_steps": _quiet(self.given),
                }
            ],
        )

    def _fields(self) -> list[dict[str, Any]]:
        """Every field of every layer's state."""
        return [
            {"buffer": [b.data_ptr() for b in pair], "width": pair[0].shape[1], "last": field.data_ptr()}
            for state, buffers in zip(self.last, self.buffers, strict=True)
            for field, pair in zip(state, buffers, strict=True)
        ]

    def _layers(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What the first layer is fed, and the layers."""
        room = self._zeros(max(n.kernel.fixed + n.kernel.per_row * self.rows for n in self.net.layers) + 1)
        tables = self.net.layers[0].tables
        laid = [self._zeros(self.rows, t.shape[1]) for t in tables]
        feeds = [
            {"table": t.data_ptr(), "width": t.shape[1], "to": to.data_ptr()}
            for t, to in zip(tables, laid, strict=True)
        ]
        seen: list[list[Tensor]] = [laid, laid]  # what a layer gets of x on even and odd steps
        layers = []
        for layer, buffers in zip(self.net.layers, self.buffers, strict=True):
            layers.append(self._layer(layer, buffers, seen, room))
            outputs = [buffers[0][1 - side] for side in SIDES]
            if layer.projection is not None:
                mapped = self._zeros(self.rows, layer.outputs)
                layers[-1] |= {
                    "map": layer.projection.data_ptr(), "depth": layer.states[0], "width": layer.outputs,
                    "to": mapped.data_ptr(),
                }  # fmt: skip
                outputs = [mapped, mapped]
            seen = [[output] for output in outputs]
        return feeds, layers

    def _layer(
        self, layer: Layer, buffers: list[tuple[Tensor, Tensor]], seen: list[list[Tensor]], room: Tensor
    ) -> dict[str, Any]:
        zones = [self._zeros(self.rows, w).fill_(z) for w, z in zip(layer.states, layer.zones, strict=False)]
        calls = []
        for side in SIDES:
            values: dict[str, Any] = dict(layer.packed)
            values |= {f"u{n}": x for n, x in enumerate(seen[side])}
            values |= {f"m{n}": zone for n, zone in enumerate(zones)}
            for n, pair in enumerate(buffers):
                values |= {f"start{n}": pair[side], f"a{n}": pair[1 - side], f"slots{n}": 1}
            calls.append(kernel_call(layer.kernel, values, room, self.rows))
            self.held += calls[-1]
        return {
            "kernel": layer.kernel.share.address,
            "call": [call[0].ctypes.data for call in calls],
            "output": [buffers[0][1 - side].data_ptr() for side in SIDES],
        }


def _quiet(given: Tensor) -> int:
    """The first so many rows in which no token is to be drawn."""
    drawn = (given == DRAWN).any(dim=1).nonzero()
    return int(drawn[0]) if len(drawn) else len(given)


def kernel_call(kernel: Kernel, values: dict[str, Any], room: Tensor, rows: int) -> list[Records]:
    """A call of one step over all rows in one shard, as `Kernel.run` lays it out, with what it points to.

    The token loop sets how many rows there are, and the count of shards taken, before every step.
    """
    given = [values[name] for name in kernel.names]
    places = np.array([v.data_ptr() if isinstance(v, Tensor) else v for v in given], np.int64)
    meeting = np.zeros(3 * LINE, np.int64)  # of a team; there is none
    head = [0, 1, places.ctypes.data, 1, rows, 0, 1, meeting.ctypes.data + 8 * LINE]
    return [np.array([*head, room.data_ptr(), 0, rows], np.int64), places, meeting]
