"""Steps nobody wrote: ops put together at random, by kernel and by the eager loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import undertow as ut
from undertow.compiler.function import fused
from undertow.unroll.chain import Course, chain

Value = Callable[[dict[str, Tensor]], Tensor]
UNARY = (
    torch.tanh,
    torch.sigmoid,
    torch.sin,
    F.softplus,
    lambda z: z * 0.5 + 0.1,
    lambda z: torch.exp(-z * z),
)
ROWWISE = (
    lambda z: z.sum(-1, keepdim=True) / z.shape[-1],
    lambda z: z.mean(dim=1, keepdim=True),
    lambda z: torch.logsumexp(z, -1, keepdim=True) / 4,
    lambda z: z.norm(dim=-1, keepdim=True) / 8,
)
WHOLE = (lambda z: torch.softmax(z, -1), lambda z: F.layer_norm(z, z.shape[-1:]), lambda z: z.roll(1, -1))
BINARY = (torch.add, torch.sub, torch.mul, lambda a, b: a / (b * b + 1))


class Wheel(NamedTuple):
    h: Tensor
    c: Tensor


@dataclass(frozen=True)
class Anything(ut.Cell):
    """Twenty ops drawn by a seed, over x, two states, a vector and two matrices."""

    seed: int = 0

    State = Wheel

    class Weights(NamedTuple):
        b: Tensor
        inward: Tensor
        across: Tensor

    def init(self) -> Any:
        h = self.hidden_size
        return self.Weights(torch.zeros(h), torch.randn(h, self.input_size) / 4, torch.randn(h, h) / 4)

    def step(self, x: Tensor, state: Wheel, w: Weights) -> Wheel:
        pick = Random(self.seed)
        values = [x, state.h, state.c, F.linear(x, w.inward), F.linear(state.h, w.across, w.b)]
        for _ in range(20):
            values.append(drawn(pick, values, w))
        rows = [v for v in reversed(values) if v.shape[-1] > 1]
        return Wheel(
            *(
                torch.tanh(as_wide(v, self.hidden_size))
                for v in (rows[0] * values[-1].mean(-1, True), rows[1])
            )
        )


def drawn(pick: Random, values: list[Tensor], w: Any) -> Tensor:
    """One more value, of the ones there are."""
    a, b = pick.choice(values), pick.choice(values)
    kind, width = pick.randrange(7), a.shape[-1]
    if kind == 0:
        return pick.choice(UNARY)(a)
    if kind == 1:
        return pick.choice(BINARY)(a, b if 1 in (width, b.shape[-1]) else as_wide(b, width))
    if kind == 2 and width > 1:
        return pick.choice(ROWWISE)(a)
    if kind == 3 and width > 1:
        return pick.choice(WHOLE)(a)
    if kind == 4 and width > 2:
        first = pick.randrange(width - 1)
        return a[:, first : pick.randrange(first + 1, width) + 1]
    if kind == 5 and width + b.shape[-1] < 40:
        return torch.cat([a, b, a[:, :1]], -1)
    return F.linear(as_wide(a, w.across.shape[1]), w.across)


def as_wide(z: Tensor, width: int) -> Tensor:
    """The first columns, or zeros after them."""
    return z[:, :width] if z.shape[-1] >= width else F.pad(z, (0, width - z.shape[-1]))


@pytest.mark.parametrize("seed", range(60))
def test_a_random_step_can_be_planned(seed):
    """Planning checks that every loop reads what is finished; that takes no machine code."""
    ut.compile(Anything(5, 9, seed=seed), build=False)


@pytest.mark.parametrize("seed", range(1000, 1008))
def test_a_random_step_is_as_the_eager_loop(seed):
    cell = Anything(5, 9, seed=seed)
    torch.manual_seed(seed)
    x = torch.randn(3, 4, 5, dtype=torch.float64)
    start = Wheel(*(torch.randn(2, 4, 9, dtype=torch.float64)))
    w = cell.Weights(*(t.double() for t in cell.init()))
    leaves = [t.requires_grad_() for t in (x, *start, *w)]
    results = []
    for walk in (fused, chain):
        states, last = walk(cell, x, start, w, Course())
        outputs = [*states, last.c]
        loss = sum(
            (o * torch.sin(torch.arange(o.numel(), dtype=o.dtype)).view(o.shape)).sum() for o in outputs
        )
        results.append(
            [*outputs, *torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)]
        )
    for ours, theirs in zip(*results, strict=True):
        assert (ours - theirs).abs().max() <= 1e-10 * theirs.abs().max().clamp(min=1)
