"""Inputs of mean 0 and deviation 1 leave the first layer's units where they have a slope (LeCun et al. 1998).

Statistics are those of the first batch, feature by feature. A network is handed normalised inputs; where there is none,
what is multiplied with the weights that read data. Where what a network is handed are no measurements (tokens, whose
vectors are too large), the layer that the fault is in is handed inputs that are normalised as a whole.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from undertow.doctor.hand import Arguments, Hand
from undertow.doctor.remedy import Remedy
from undertow.doctor.seen.graph import Graph, operand

Scale = tuple[Tensor, Tensor]


@dataclass
class _Doors:
    """Where inputs come in, and what they are brought to there: the first of these that has any."""

    hand: Hand
    networks: dict[tuple[nn.Module, int], Scale] = field(default_factory=dict)
    layer: Scale | None = None
    weights: dict[int, Scale] = field(default_factory=dict)

    def at_call(self, network: nn.Module, given: Arguments) -> Arguments | None:
        """Of a whole network."""
        arguments, named = given
        if not arguments or not _data(arguments[0]):
            return None
        x = arguments[0]
        key = network, x.shape[-1]
        if key not in self.networks:
            self.networks[key] = scale_of(x)
        return (self._scaled(x, self.networks[key]), *arguments[1:]), named

    def at_layer(self, layer: nn.Module, given: Arguments) -> Arguments | None:
        """Of the layer that the fault is in."""
        arguments, named = given
        x = arguments[0] if arguments else None
        rows = x.data if isinstance(x, PackedSequence) else x
        if self.networks or not isinstance(rows, Tensor) or not rows.is_floating_point() or rows.dim() < 2:
            return None
        if self.layer is None:
            self.layer = _as_a_whole(rows)
        rows = self._scaled(rows, self.layer)
        return (x._replace(data=rows) if isinstance(x, PackedSequence) else rows, *arguments[1:]), named

    def at_loss(self, root: Tensor) -> Tensor:
        """Which raw weights read data?"""
        if not self.networks and self.layer is None and not self.weights:
            self.weights.update(_readers(Graph(root)))
        return root

    def product(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """With such a weight."""

        @functools.wraps(original)
        def multiplied(x: Any, weight: Any, *given: Any, **named: Any) -> Any:
            if id(weight) in self.weights and _data(x):
                x = self._scaled(x, self.weights[id(weight)])
            return original(x, weight, *given, **named)

        return multiplied

    def _scaled(self, x: Tensor, scale: Scale) -> Tensor:
        self.hand.did()
        return (x - scale[0]) / scale[1]


def apply(hand: Hand, strength: float) -> None:
    """At the door of whole networks, of a layer, or of raw weights."""
    doors = _Doors(hand)
    hand.at_call(doors.at_call)
    hand.at_layer(doors.at_layer)
    hand.at_loss(doors.at_loss)
    for owner, name in (
        (torch.Tensor, "__matmul__"),
        (torch, "matmul"),
        (torch, "mm"),
        (functional, "linear"),
    ):
        hand.instead(owner, name, doors.product)


def scale_of(x: Tensor) -> Scale:
    """Mean and deviation of each feature; a feature that does not change is left at its size."""
    rows = x.detach().reshape(-1, x.shape[-1])
    if x.dim() > 3:  # pictures have no features on their last axis
        rows = rows.reshape(-1, 1)
    width = rows.std(0)
    return rows.mean(0), torch.where(width > 0, width, torch.ones_like(width))


def _as_a_whole(x: Tensor) -> Scale:
    """One mean and one deviation: the vectors of a first token are the same in every row, feature by feature."""
    return x.detach().mean(), x.detach().std().clamp(min=1e-12)


def _data(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point() and x.dim() >= 2 and x.grad_fn is None


def _readers(graph: Graph) -> dict[int, Scale]:
    """Weights all of whose products are with data; a penalty that scales them row by row is none."""
    found = {}
    for key, uses in graph.uses.items():
        given = [operand(op) for op, _ in uses if op.kind != "Mul"]
        values = [v for v, data in given if data and v is not None and v.dim() == 2]
        if len(values) == len(given) and any(bool(v.any()) for v in values):
            found[key] = scale_of(torch.cat(values))
    return found


REMEDY = Remedy("Inputs with mean 0 and standard deviation 1, by the statistics of the training part.", apply)
