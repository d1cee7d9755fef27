"""Clipping: the gradient that is too long is shortened, by element or as a whole.

By element changes its direction; by norm keeps it, g·C/‖g‖.
Sources: by element, Mikolov 2012; by norm, Pascanu, Mikolov & Bengio 2013.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gradient_norm(parameters: Sequence[Tensor]) -> Tensor:
    """‖g‖₂ over all parameters that have a gradient, joined."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.zeros(())
    norms = torch._foreach_norm(gradients)
    total: Tensor = torch.linalg.vector_norm(torch.stack(list(norms)))
    return total


def clip_by_norm(parameters: Sequence[Tensor], limit: float, norm: Tensor) -> None:
    """Scale every gradient by limit / norm where norm is above limit."""
    if norm > limit:
        torch._foreach_mul_([p.grad for p in parameters if p.grad is not None], limit / float(norm))


def clip_by_value(parameters: Sequence[Tensor], limit: float) -> None:
    """Cut every element of every gradient to ±limit."""
    for p in parameters:
        if p.grad is not None:
            p.grad.clamp_(-limit, limit)
