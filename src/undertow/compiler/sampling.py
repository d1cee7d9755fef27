"""Drawing sequences from a network: embedding, stacked cells, readout and draw in one kernel, many sequences at once.

    sample     until all have ended, or for so many tokens
    Speech     the same, a few tokens at a time: for whoever shows them as they come

The first layer gets its part of x from a table, one row a token, where that is not too large; in the layers above, the
whole step is the kernel's. Axes: B sequences, N tokens of each.
"""

from __future__ import annotations

import time
from array import array
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from undertow.compiler.draw import COOLEST
from undertow.compiler.generation import DRAWN, Begin, Drawn, Net
from undertow.compiler.panels import ROWS
from undertow.compiler.recurrence import BITS, Recurrence, compile_step
from undertow.compiler.shards import Share
from undertow.compiler.token_loop import token_loop
from undertow.compiler.token_shard import Layer, Ready, Shard
from undertow.compiler.variation import Variation

TABLE_BYTES = 1 << 26  # what the first layer makes of every token may take so much memory
SHARD_ROWS = 64  # more shards than threads: nobody waits for those whose sequences end late
BREATH = 0.1  # seconds after which Python may look up: at Ctrl-C, at whoever shows tokens as they come


def sample(net: Net, begin: Begin, longest: int) -> Drawn:
    """Draw up to `longest` tokens of every sequence after those that are given, fewer where all end before.

    Raises:
        NoRowError: a cell's step holds what no kernel can.
        DivergedError: scores are no numbers, because weights or states are none.
    """
    ready = make_ready(net)
    given = begin.tokens[1:]
    if len(given) and _alike(begin):
        begin = _read_once(ready, begin)
        drawn = _drawn(Speech(ready, begin), longest)
        return Drawn(torch.cat([given, drawn.tokens]), drawn.states)
    return _drawn(Speech(ready, begin), len(given) + longest)


def _drawn(speech: Speech, steps: int) -> Drawn:
    """Step by step for as long as a breath lasts, and again."""
    parts: list[Tensor] = []
    stride = 1
    while steps and speech.goes_on:
        clock = time.perf_counter()
        parts.append(speech.say(min(stride, steps)))
        steps -= len(parts[-1])
        seconds = time.perf_counter() - clock
        stride = 2 * stride if seconds < BREATH / 2 else max(1, stride // 2) if seconds > BREATH else stride
    tokens = torch.cat(parts) if parts else torch.zeros(0, speech.count, dtype=torch.int64)
    return Drawn(tokens, speech.states)


def _alike(begin: Begin) -> bool:
    """Do all sequences read the same before they part?"""
    tensors = [begin.tokens.T, *(field for state in begin.states for field in state)]
    return bool((begin.tokens != DRAWN).all()) and all(bool((t == t[:1]).all()) for t in tensors)


def _read_once(ready: Ready, begin: Begin) -> Begin:
    """What all sequences read alike is read by one of them for all."""
    first = tuple(type(state)(*(field[:1] for field in state)) for state in begin.states)
    steps, count = len(begin.tokens) - 1, begin.tokens.shape[1]
    states = _drawn(Speech(ready, replace(begin, tokens=begin.tokens[:, :1], states=first)), steps).states
    spread = tuple(type(state)(*(field.expand(count, -1) for field in state)) for state in states)
    return replace(begin, tokens=begin.tokens[-1:], states=spread, step=begin.step + steps)


class Speech:
    """Sequences in the middle of being drawn."""

    def __init__(self, ready: Ready, begin: Begin) -> None:
        self.count, self.stop = begin.tokens.shape[1], begin.stop
        self._last = tuple(type(state)(*(s.detach().clone() for s in state)) for state in begin.states)
        tile = 1 if self.count == 1 else ROWS[0]
        rows = shards_of(self.count, torch.get_num_threads(), tile)
        self._shards = [Shard(ready, begin, part, tile, self._last) for part in rows]
        self._loop = Share(token_loop(BITS[ready.dtype]).address)

    @property
    def goes_on(self) -> bool:
        """Is there a sequence that has not ended?"""
        return any(shard.alive for shard in self._shards)

    @property
    def states(self) -> tuple[Any, ...]:
        """The states before the last token of each sequence is read, a State [B, ·] a layer."""
        for shard in self._shards:
            shard.leave()
        return self._last

    def say(self, steps: int) -> Tensor:
        """The next tokens, [N, B]; N is `steps`, or less where all sequences end.

        Raises:
            DivergedError: scores are no numbers.
        """
        out = torch.full((steps, self.count), 0 if self.stop is None else self.stop)
        awake = [shard for shard in self._shards if shard.alive]
        call = array("q", [0, len(awake), *(shard.ask(out) for shard in awake)])
        self._loop.run(call, min(torch.get_num_threads(), len(awake)))
        for shard in awake:
            shard.check()
        return out[: max((shard.done for shard in awake), default=0)]


def shards_of(count: int, threads: int, tile: int) -> list[tuple[int, int]]:
    """First and last sequence of each shard: whole tiles, one shard a thread at least where there are so many."""
    tiles = -(-count // tile)
    shards = max(-(-count // SHARD_ROWS), min(threads, tiles))
    bounds = [min(count, tiles * n // shards * tile) for n in range(shards + 1)]
    return list(pairwise(bounds))


@torch.no_grad()
def make_ready(net: Net) -> Ready:
    """Kernels built, weights packed, the first layer's table made.

    Raises:
        NoRowError: a cell's step holds what no kernel can.
    """
    bits, tokens = BITS[net.readout.dtype], len(net.readout)
    lanes = 512 // bits
    bias = net.readout.new_full((-(-tokens // lanes) * lanes,), -torch.inf)
    bias[:tokens] = net.bias
    layers = tuple(_layer(net, number) for number in range(len(net.cells)))
    return Ready(
        layers=layers,
        readout=layers[-1].kernel.pack(net.readout, True),
        bias=bias,
        tokens=tokens,
        coolest=COOLEST[bits],
    )


def _layer(net: Net, number: int) -> Layer:
    weights, projection = net.weights[number], net.projections[number]
    made = _compiled(net, number)
    derived = made.around.derive(weights)
    tables = made.around.feed(net.embedding, derived) if number == 0 else ()
    kernel = made.kernel("infer")
    return Layer(
        kernel=kernel,
        packed=kernel.packed(derived),
        tables=tuple(tables),
        zones=net.zones if any(net.zones) else (),
        projection=None if projection is None else kernel.pack(projection, True),
        outputs=made.plan.states[0] if projection is None else len(projection),
    )


def _compiled(net: Net, number: int) -> Recurrence:
    """A layer's step; with x in the kernel above the first layer, and where the first layer's table is too large."""
    dtype = net.readout.dtype
    shapes = tuple(tuple(w.shape) for w in net.weights[number])

    def compiled(inline: bool) -> Recurrence:
        how = Variation(zoneout=any(net.zones), inline=inline)
        return compile_step(net.cells[number], shapes, BITS[dtype], how)

    made = compiled(inline=number > 0)
    table = sum(made.plan.sequences) * len(net.embedding) * dtype.itemsize
    return compiled(inline=True) if number == 0 and table > TABLE_BYTES else made
