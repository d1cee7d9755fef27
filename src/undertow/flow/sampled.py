"""A few numbers in the place of many."""

from __future__ import annotations

from math import gcd

from torch import Tensor


def evenly(tensor: Tensor, most: int) -> Tensor:
    """At most so many numbers of a tensor, evenly spaced [n]; a view where that can be.

    The step has no factor in common with the tensor's size, so that it does not fall on the same column of every row.
    """
    flat = tensor.reshape(-1)
    size = flat.numel()
    if size <= most:
        return flat
    step = -(-size // most)
    while gcd(step, size) > 1:
        step += 1
    return flat[::step]
