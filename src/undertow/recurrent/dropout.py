"""Dropout on the CPU at the speed of memory: torch draws one number at a time there, a fifth of a training step.

    y = x · m / (1 − p),   m = 0 with probability p, else 1        (Srivastava et al. 2014)

Choices are 16 bits each of numpy's SFC64, whose seed is drawn from torch's generator: the same seed gives the same run.
p is rounded to a 65,536th, and the scale goes by what it was rounded to, so the mean is kept exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn import functional

from undertow.compiler.engine import numba_missing

LEVELS = 1 << 16


def dropout(x: Tensor, share: float, training: bool = True) -> Tensor:
    """x with a share of its numbers dropped, in training."""
    if not training or not share:
        return x
    cut = round(share * LEVELS)
    if not 0 < cut < LEVELS or not _plain(x):
        return functional.dropout(x, share)
    least, scale = cut - LEVELS // 2, LEVELS / (LEVELS - cut)
    bits = _random_bits(x)
    if x.dtype == torch.float32 and not numba_missing():
        return _Drop.apply(x, bits, least, scale)  # type: ignore[no-any-return, no-untyped-call]
    return x * (bits >= least).to(x.dtype).mul_(scale)


class _Drop(torch.autograd.Function):
    """By a kernel, which reads and writes once; backward does to the gradient what forward did to x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bits: Tensor, least: int, scale: float) -> Tensor:
        ctx.save_for_backward(bits)
        ctx.least, ctx.scale = least, scale
        from undertow.compiler.drop import drop  # Numba is loaded only where it is used

        return drop(x.contiguous(), bits, least, scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (bits,) = ctx.saved_tensors
        return _Drop.apply(gradient, bits, ctx.least, ctx.scale), None, None, None  # type: ignore[no-untyped-call]


def _random_bits(x: Tensor) -> Tensor:
    """16 for each number of x, as int16 of its shape."""
    count = x.numel()
    seed = int(torch.randint(2**63 - 1, ()))
    bits = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.int16)[:count]
    return torch.from_numpy(bits).view(x.shape)


def _plain(x: Tensor) -> bool:
    """Is it a tensor in this machine's memory, and does no transform of torch look on?"""
    if torch.compiler.is_compiling() or isinstance(x, FakeTensor) or not x.is_cpu:
        return False
    return torch._C._functorch.peek_interpreter_stack() is None
