"""A few numbers in the place of many."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

LINE = 16  # numbers that are taken together: a cache line, which is read as a whole anyway


def few(tensor: Tensor, most: int, copy: bool = False) -> Tensor:
    """The numbers of a tensor, or of a large one so many, in groups drawn once and for all for its size.

    A copy of a large one, a view of a small one, or a `copy` of that, too; in the order they lie in memory.
    """
    flat = _flat(tensor)
    if flat.numel() <= most:
        return flat.clone() if copy else flat
    lines = flat.numel() // LINE
    groups = flat[: lines * LINE].view(lines, LINE)
    return groups.index_select(0, _drawn(lines, most // LINE, str(flat.device))).view(-1)


@lru_cache(1024)
def _drawn(lines: int, count: int, device: str) -> Tensor:
    """Some lines, in order, by a generator of its own."""
    generator = torch.Generator().manual_seed(lines)
    return torch.randint(lines, (count,), generator=generator).sort().values.to(device)


def _flat(tensor: Tensor) -> Tensor:
    """[n]: a view where the numbers lie without gaps, in whatever order."""
    if not tensor.is_contiguous():
        strides = tensor.stride()
        tensor = tensor.permute(sorted(range(tensor.dim()), key=lambda axis: -strides[axis]))
    return tensor.reshape(-1)
