"""How long is a tensor? Of a large one, some of its numbers are looked at, in groups drawn once for its size.

One kernel looks at many tensors in one call, for a call of torch costs more than the numbers of a small one; where it
cannot, torch does the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from undertow.compiler.engine import numba_missing

LINE = 16  # numbers of a cache line, which is read as a whole anyway
GROUP = 4  # lines that are taken together: the first costs a miss, the others come along
MOST = 1 << 14  # numbers of a tensor that are looked at


def lengths(
    tensors: Sequence[Tensor],
    less: Sequence[Tensor] = (),
    copies: Sequence[Tensor] = (),
    *,
    whole: bool = False,
) -> list[float]:
    """Euclidean lengths, by some numbers of each and scaled up to all.

    Args:
        tensors: dense ones.
        less: numbers of each that were looked at before, to be taken off: what is measured then is the change.
        copies: filled with the numbers that are looked at; `room` makes them.
        whole: look at every number instead.
    """
    if not tensors:
        return []
    counts = tuple([t.numel() for t in tensors])
    call, shares = _laid(counts, whole) if measurable(*tensors) else (None, _shares(counts, whole))
    squares = call.squares(tensors, less, copies) if call else _by_torch(tensors, less, copies, whole)
    return [(s / share) ** 0.5 for s, share in zip(squares, shares, strict=True)]


@lru_cache(1024)
def _laid(counts: tuple[int, ...], whole: bool) -> tuple[Any, list[float]]:
    """How the kernel is called for tensors of so many numbers, and which share of each is looked at."""
    from undertow.compiler.lengths import Laid

    lines = [None if whole or n <= MOST else _drawn(n // LINE) for n in counts]
    return Laid(counts, lines), _shares(counts, whole)


def _shares(counts: Sequence[int], whole: bool) -> list[float]:
    return [1.0 if whole or n <= MOST else MOST / n for n in counts]


def seen(tensor: Tensor, whole: bool = False) -> int:
    """How many of its numbers are looked at?"""
    return tensor.numel() if whole else min(tensor.numel(), MOST)


def room(tensors: Sequence[Tensor]) -> list[Tensor]:
    """For copies of what is looked at of each."""
    return [torch.empty(seen(t), dtype=t.dtype, device=t.device) for t in tensors]


def few(tensor: Tensor) -> Tensor:
    """The numbers of a tensor that are looked at; of a small one a view, in the order they lie in memory."""
    flat = _flat(tensor)
    if flat.numel() <= MOST:
        return flat
    lines = flat.numel() // LINE
    return flat[: lines * LINE].view(lines, LINE).index_select(0, _drawn(lines).to(flat.device)).view(-1)


def measurable(*tensors: Tensor) -> bool:
    """Can kernels measure them?"""
    if numba_missing():
        return False
    return all(t.dtype == torch.float32 and t.is_cpu and t.is_contiguous() for t in tensors)


def _by_torch(
    tensors: Sequence[Tensor], less: Sequence[Tensor], copies: Sequence[Tensor], whole: bool
) -> list[float]:
    with torch.no_grad():
        some = [_flat(t.detach()) if whole else few(t.detach()) for t in tensors]
        for copy, numbers in zip(copies, some, strict=False):
            copy.copy_(numbers)
        changed = [a - b for a, b in zip(some, less, strict=True)] if less else some
        found = [
            torch.linalg.vector_norm(c.float() if c.element_size() < 4 else c).double().cpu() for c in changed
        ]
        squares: list[float] = torch.stack(found).square().tolist()
        return squares


@lru_cache(1024)
def _drawn(lines: int) -> Tensor:
    """Some lines, in groups and in order, by a generator of its own."""
    generator = torch.Generator().manual_seed(lines)
    groups = torch.randint(lines // GROUP, (MOST // LINE // GROUP, 1), generator=generator).sort(0).values
    return (GROUP * groups + torch.arange(GROUP)).view(-1)


def _flat(tensor: Tensor) -> Tensor:
    """[n]: a view where the numbers lie without gaps, in whatever order."""
    if not tensor.is_contiguous():
        strides = tensor.stride()
        tensor = tensor.permute(sorted(range(tensor.dim()), key=lambda axis: -strides[axis]))
    return tensor.reshape(-1)
