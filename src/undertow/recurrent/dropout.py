"""Dropout on the CPU at the speed of memory: torch draws one number at a time there, a fifth of a training step.

    y = x · m / (1 − p),   m = 0 with probability p, else 1        (Srivastava et al. 2014)

Choices are 16 bits each of numpy's SFC64, whose seed is drawn from torch's generator: the same seed gives the same run.
p is rounded to a 65,536th, and the scale goes by what it was rounded to, so the mean is kept exactly.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn import functional

LEVELS = 1 << 16


def dropout(x: Tensor, share: float, training: bool = True) -> Tensor:
    """x with a share of its numbers dropped, in training."""
    if not training or not share:
        return x
    cut = round(share * LEVELS)
    if not 0 < cut < LEVELS or not _plain(x):
        return functional.dropout(x, share)
    count = x.numel()
    seed = int(torch.randint(2**63 - 1, ()))
    bits = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.int16)[:count]
    kept = torch.from_numpy(bits).view(x.shape) >= cut - LEVELS // 2
    return x * kept.to(x.dtype).mul_(LEVELS / (LEVELS - cut))


def _plain(x: Tensor) -> bool:
    """Is it a tensor in this machine's memory, and does no transform of torch look on?"""
    if torch.compiler.is_compiling() or isinstance(x, FakeTensor) or not x.is_cpu:
        return False
    return torch._C._functorch.peek_interpreter_stack() is None
