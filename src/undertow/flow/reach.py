"""horizon: how many steps back does the last state of a recurrence still feel?

    gain(k) = ‖∂h_T / ∂state_{T-k}‖_F / √H      horizon = the last k with gain(k) ≥ floor

h is the first field of the state, what the layer above sees; state is all its fields side by side. The norm is measured
with random directions v of length 1 sent into h_T: the mean of ‖vᵀ ∂h_T/∂state‖² over directions and rows is gain². One
backward walk sends a direction a row of the batch, through a kernel where the cell has one.

A network's horizon says what it can feel, not what the data asks for; that is its needed lag.
Sources: Hochreiter 1991; Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from undertow.cells.catalog import snake
from undertow.compiler.engine import walk
from undertow.errors import SettingError, ShapeError
from undertow.flow.walks import Walk, walks_of
from undertow.unroll.chain import Course

FLOOR = 0.01
PROBES = 4  # backward walks, each with a direction of its own for every row


@dataclass(frozen=True)
class Horizon:
    """What one layer and direction feels of its past, seen from its last state.

    `gain[k]` belongs to a lag of k steps. `steps` is the horizon; where even the longest lag that was walked is felt,
    `beyond` is true, and the horizon lies at `steps` or further back. `rate` is the factor a step that fits the gains
    best from where they are highest on (least squares of their logarithms): 1 neither shrinks nor grows.
    """

    module: str
    layer: int
    direction: int
    cell: str
    floor: float
    gain: tuple[float, ...]
    steps: int
    beyond: bool
    rate: float

    @property
    def expected(self) -> float:
        """The horizon that the rate leads to, where the walk was too short to see it; ∞ where nothing fades."""
        if not self.beyond:
            return float(self.steps)
        if self.rate >= 1:
            return math.inf
        return self.steps + max(0.0, math.log(self.floor / self.gain[-1]) / math.log(self.rate))


def horizon(
    model: nn.Module, *inputs: Any, floor: float = FLOOR, probes: int = PROBES, seed: int = 0
) -> list[Horizon]:
    """How far back does each recurrent layer of a model feel, on these inputs?

    Args:
        model: undertow's recurrent layers or torch.nn's, or any module that calls them.
        inputs: what the model is called with; every recurrent walk on the way is measured by itself.
        floor: the gain below which a step counts as forgotten; at its own step the gain of h is 1.
        probes: random directions a row.
        seed: of the directions; torch's own generator is left as it is.

    Returns:
        A `Horizon` for every layer and direction that walked, in the order of the walks.

    Raises:
        SettingError: floor or probes is out of range, or no recurrent layer walked.
        ShapeError: a walk had fewer than two steps.
    """
    if not 0 < floor < 1:
        raise SettingError(f"horizon: floor must lie between 0 and 1, got {floor}.")
    if probes < 1:
        raise SettingError(f"horizon: probes must be at least 1, got {probes}.")
    generator = torch.Generator().manual_seed(seed)
    found = [_measure(one, floor, probes, generator) for one in walks_of(model, inputs)]
    if not found:
        raise SettingError(
            f"horizon: no recurrent layer of {type(model).__name__} walked. It looks at undertow.Recurrent, RNN, LSTM "
            f"and GRU, and at torch.nn's."
        )
    return found


def _measure(one: Walk, floor: float, probes: int, generator: torch.Generator) -> Horizon:
    steps = one.x.shape[0]
    if steps < 2:
        raise ShapeError(f"horizon: a walk of {steps} step has no past. Give a longer sequence.")
    squares = torch.stack([_sent_back(one, generator) for _ in range(probes)]).mean(0)
    gain = tuple(_by_lag(squares, one.course).sqrt().tolist())
    felt = max((k for k, value in enumerate(gain) if value >= floor or math.isnan(value)), default=0)
    return Horizon(
        module=one.module,
        layer=one.layer,
        direction=one.direction,
        cell=snake(type(one.cell).__name__),
        floor=floor,
        gain=gain,
        steps=felt,
        beyond=felt == len(gain) - 1,
        rate=fitted_rate(gain),
    )


def _sent_back(one: Walk, generator: torch.Generator) -> Tensor:
    """‖vᵀ ∂h_T/∂state_t‖² [T, B], one random direction v of length 1 a row."""
    x = one.x.detach().requires_grad_()
    start = [s.detach() for s in one.start]
    gauges = tuple(x.new_full(x.shape[:2], torch.nan) for _ in start)
    weights = type(one.weights)(*(w.detach() for w in one.weights))
    course = replace(one.course, gauges=gauges)
    with torch.enable_grad():
        _, last = walk("auto", one.cell, x, one.cell.State(*start), weights, course)
        direction = torch.randn(last[0].shape, generator=generator).to(last[0])
        direction = direction / direction.flatten(1).norm(dim=1).view(-1, *[1] * (direction.dim() - 1))
        if last[0].requires_grad:
            torch.autograd.grad(last[0], x, direction, allow_unused=True)
    return torch.stack([g.nan_to_num(0.0, torch.inf, torch.inf) for g in gauges]).sum(0).double()


def _by_lag(squares: Tensor, course: Course) -> Tensor:
    """The mean over rows for each lag, counted from every row's own last step; shorter rows are left out."""
    if course.lengths is not None:
        return _from_ends(squares, course.lengths, course.reverse)
    return (squares if course.reverse else squares.flip(0)).mean(1)


def _from_ends(squares: Tensor, lengths: Tensor, reverse: bool) -> Tensor:
    totals = []
    for lag in range(int(lengths.max())):
        rows = (lengths > lag).nonzero().flatten()
        at = torch.full_like(rows, lag) if reverse else lengths[rows] - 1 - lag
        totals.append(squares[at, rows].mean())
    return torch.stack(totals)


def fitted_rate(gain: Sequence[float]) -> float:
    """The factor a step that fits best from the highest gain on, or over all where nothing follows that.

    nan where fewer than two gains are numbers above 0.
    """
    points = [(k, math.log(g)) for k, g in enumerate(gain) if 0 < g < math.inf]
    first = max(points, key=lambda p: p[1], default=(0, 0.0))[0]
    falling = [p for p in points if p[0] >= first]
    points = falling if len(falling) > 1 else points
    if len(points) < 2:
        return math.nan
    mean_k = sum(k for k, _ in points) / len(points)
    mean_g = sum(g for _, g in points) / len(points)
    spread = sum((k - mean_k) ** 2 for k, _ in points)
    return math.exp(sum((k - mean_k) * (g - mean_g) for k, g in points) / spread)
