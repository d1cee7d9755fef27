"""Recurrences, found in the graph alone: a parameter that is used again and again, each use reading what the last gave.

However the loop was written. What the end of a chain feels of its past is measured as for a walk: random directions go
into the last use's result, and their lengths at the earlier ones are the gains.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from undertow.doctor.seen.gates import NEAR, memory_gate
from undertow.doctor.seen.graph import Graph, Op, below, reaches
from undertow.doctor.seen.lines import Line


@dataclass(frozen=True)
class Chain:
    """One recurrence of one step of training. Every list has a number a step of it, the first step first."""

    parameter: int  # id of the weight that its steps share
    steps: int
    line: Line
    module: str
    gain: tuple[float, ...]  # by lag: what the end feels of so many steps before
    forget: tuple[float, ...] = ()  # how open the gate on the cell's own memory is in the mean
    linear: bool = False  # no nonlinearity between one step and the next
    saturated: float | None = None  # share of gates that are shut or open for good


def chains_of(graph: Graph, generator: torch.Generator) -> list[Chain]:
    """One a place in the code: of weights that walk together, as those of all gates, the first."""
    first: dict[tuple[int, str], tuple[int, list[Op]]] = {}
    for parameter, ops in graph.recurrences():
        first.setdefault((len(ops), ops[-1].module), (parameter, ops))
    return [_chain(parameter, ops, generator) for parameter, ops in first.values()]


def _chain(parameter: int, ops: Sequence[Op], generator: torch.Generator) -> Chain:
    forget, saturated = _gates(ops)
    return Chain(
        parameter,
        len(ops),
        ops[-1].line,
        ops[-1].module,
        _gains(ops, generator),
        forget,
        _linear(ops),
        saturated,
    )


def _gains(ops: Sequence[Op], generator: torch.Generator) -> tuple[float, ...]:
    """‖vᵀ ∂z_T/∂z_{T-k}‖, the mean over rows and two directions."""
    last = ops[-1]
    total = torch.zeros(len(ops), dtype=torch.float64)
    for _ in range(2):
        like = last.node._input_metadata[0]
        direction = torch.randn(last.shape, generator=generator).to(device=like.device, dtype=like.dtype)
        ends = [GradientEdge(op.node, 0) for op in ops[:-1]]
        found = torch.autograd.grad(
            [GradientEdge(last.node, 0)], ends, [direction], retain_graph=True, allow_unused=True
        )
        squares = [0.0 if g is None else float(g.double().square().sum()) for g in found]
        total += torch.tensor([*squares, float(direction.double().square().sum())], dtype=torch.float64)
    gain = (total / total[-1]).sqrt().flip(0)
    return tuple(gain.tolist())


def _linear(ops: Sequence[Op]) -> bool:
    """Is the way from one step to the next without a nonlinearity?"""
    bent = {
        "Tanh",
        "Sigmoid",
        "Relu",
        "LeakyRelu",
        "Elu",
        "Gelu",
        "Silu",
        "Softplus",
        "Hardtanh",
        "Threshold",
        "Softmax",
    }
    start, end = ops[-2], ops[-1]
    between = [op for op in below(end, NEAR) if op.place > start.place and reaches(op, start)]
    return not any(op.kind in bent for op in between)


def _gates(ops: Sequence[Op]) -> tuple[tuple[float, ...], float | None]:
    """Of every step: the mean of what multiplies its own memory; of the last, the share of gates at an end."""
    forget = []
    for start, end in itertools.pairwise(ops):
        gate = memory_gate([op for op in below(end, NEAR) if op.place > start.place])
        if gate is None:  # the first step's memory is no result
            continue
        forget.append(float(gate.value.double().mean()))
    sigmoids = [
        op.saved("result") for op in below(ops[-1], NEAR) if op.kind == "Sigmoid" and op.place > ops[-2].place
    ]
    flat = [s.detach().flatten() for s in sigmoids if isinstance(s, Tensor)]
    if not flat:
        return tuple(forget), None
    gates = torch.cat(flat)
    return tuple(forget), float(((gates < 0.02) | (gates > 0.98)).double().mean())
