"""What the data ask for, put to the probe of needed lag: inputs and targets of the calls that were kept, time first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undertow.doctor.carried import continues, one_each
from undertow.doctor.needed_lag import NeededLag, needed_lag
from undertow.doctor.seen.batches import Call, first_tensor
from undertow.errors import UndertowError

LEAST = 8  # steps, below which nobody asks for a lag


@dataclass(frozen=True)
class Laid:
    """Calls as sequences: x [T, B, ...] and y [T, B, ...] or [B, ...] of each."""

    pairs: tuple[tuple[Tensor, Tensor], ...]
    batch_first: bool


def laid(calls: Sequence[Call], steps: Sequence[int], rows: int | None = None) -> Laid | None:
    """Inputs with their targets, if they are sequences of as many steps as the network walks, or rows are known."""
    with_target = [
        c
        for c in calls
        if c.target is not None and (x := first_tensor(c.arguments)) is not None and x.dim() >= 2
    ]
    if not with_target:
        return None
    sample = first_tensor(with_target[0].arguments)
    assert sample is not None
    axis = _time_axis(sample, steps, with_target[0].target)
    axis = 1 - rows if axis is None and rows is not None and sample.shape[1 - rows] >= LEAST else axis
    if axis is None:
        return None
    pairs = [_pair(first_tensor(c.arguments), c.target, axis) for c in with_target]
    fitting = [p for p in pairs if p is not None]
    return Laid(tuple(fitting), axis == 1) if fitting else None


def _time_axis(x: Tensor, steps: Sequence[int], target: Tensor | None) -> int | None:
    """Which of the first two axes is time? The one as long as the walks; if both are, rows are as many as targets."""
    fits = [
        axis
        for axis in (0, 1)
        if x.shape[axis] >= LEAST and (x.shape[axis] in steps or x.shape[axis] - 1 in steps)
    ]
    if len(fits) == 2 and target is not None:
        fits = [axis for axis in fits if target.shape[:1] == (x.shape[1 - axis],)] or fits
    return fits[0] if fits else None


def _pair(x: Tensor | None, target: Tensor | None, axis: int) -> tuple[Tensor, Tensor] | None:
    assert x is not None
    assert target is not None
    x = _numbers(x.detach().cpu() if axis == 0 else x.detach().cpu().transpose(0, 1))
    y, (steps, rows) = target.detach().cpu(), x.shape[:2]
    if y.is_floating_point():
        y = y.float()
    flat = y.shape[0] == steps * rows
    if flat and steps * rows != rows:
        y = (
            y.reshape(steps, rows, *y.shape[1:])
            if axis == 0
            else y.reshape(rows, steps, *y.shape[1:]).transpose(0, 1)
        )
        return x, y
    if y.dim() >= 2 and y.shape[:2] == ((rows, steps) if axis == 1 else (steps, rows)) and steps != 1:
        return x, (y.transpose(0, 1) if axis == 1 else y)
    if y.shape[0] == rows and y.dim() <= 2:
        return x, y if y.dim() == 1 and not y.is_floating_point() else y.reshape(rows, -1)
    return None


def needed(data: Laid) -> NeededLag | None:
    """Asked of the pairs; None where it cannot be."""
    sound = [(x, y) for x, y in data.pairs if bool(x.isfinite().all()) and bool(y.isfinite().all())]
    if not sound:
        return None
    try:
        return needed_lag(sound)
    except UndertowError:  # inputs of another kind: pictures, pairs of sequences
        return None


def joined_windows(calls: Sequence[Call], steps: set[int]) -> tuple[int, Laid, Call] | None:
    """Calls that were handed the state of the same rows before, put end to end; and how long one window is."""
    chains: list[list[Call]] = []
    each = one_each(calls)
    where: dict[int, list[Call]] = {}
    for place, call in enumerate(calls):
        chain = (
            where.get(call.fed) if call.fed is not None and _goes_on(calls[call.fed], call, each) else None
        )
        if chain is None:
            chain = []
            chains.append(chain)
        chain.append(call)
        where[place] = chain
    long = [chain for chain in chains if len(chain) > 1]
    sample = first_tensor(long[0][0].arguments) if long else None
    if sample is None or sample.dim() < 2:
        return None
    axis = next((axis for axis in (0, 1) if sample.shape[axis] in steps), None)
    if axis is None:
        return None
    pairs = [pair for chain in long if (pair := _end_to_end(chain, axis)) is not None]
    return (int(sample.shape[axis]), Laid(tuple(pairs), axis == 1), long[0][-1]) if pairs else None


def _goes_on(earlier: Call, later: Call, each: bool) -> bool:
    """Within a step a state is handed on for the same rows; from step to step it may be handed to others."""
    return earlier.step == later.step or continues(earlier, later, each) is not False


def _end_to_end(chain: Sequence[Call], axis: int) -> tuple[Tensor, Tensor] | None:
    inputs = [x for c in chain if (x := first_tensor(c.arguments)) is not None]
    if len({(x.shape[1 - axis], x.shape[2:]) for x in inputs}) != 1:
        return None
    parts = [
        _pair(x, c.target, axis) if c.target is not None else None for x, c in zip(inputs, chain, strict=True)
    ]
    known = [p for p in parts if p is not None]
    if not known:
        return None
    if all(y.shape[:2] == x.shape[:2] for x, y in known):  # one a step
        if len(known) < len(parts) and known[0][1].is_floating_point():
            return None
        none = torch.full_like(known[0][1], -1)  # windows that were not asked
        return _laid_out(inputs, axis), torch.cat([none if p is None else p[1] for p in parts])
    last = max(n for n, p in enumerate(parts) if p is not None)
    return _pair(torch.cat(inputs[: last + 1], axis), chain[last].target, axis)


def _laid_out(inputs: Sequence[Tensor], axis: int) -> Tensor:
    whole = torch.cat(list(inputs), axis).detach().cpu()
    return _numbers(whole.transpose(0, 1) if axis else whole)


def _numbers(x: Tensor) -> Tensor:
    """[T, B, I] numbers, or [T, B] tokens."""
    if x.dim() == 2:
        return x.unsqueeze(-1) if x.is_floating_point() else x
    x = x.flatten(2)
    return x if x.is_floating_point() else x.float()
