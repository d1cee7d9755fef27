"""May matrix products round their factors to bfloat16? Torch's own switch says so; a tile unit makes it worth it.

    torch.set_float32_matmul_precision("medium")    torch's products and the kernels': bfloat16 factors, float32 sums

Where the processor has no tile unit (AMX), kernels stay with float32: the switch is a leave, not an order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from undertow.compiler.engine import numba_missing
from undertow.compiler.torch_marks import seen_as_constant

PRECISIONS = {"float32": "ieee", "bfloat16": "bf16"}  # undertow's names, and torch's


@seen_as_constant
def products_are_rounded() -> bool:
    """Is it allowed now, and has this machine a unit for it?"""
    return torch.backends.mkldnn.matmul.fp32_precision == "bf16" and has_unit()  # type: ignore[attr-defined]


def has_unit() -> bool:
    """Has this machine a tile unit that kernels can use?"""
    if numba_missing():
        return False
    from undertow.compiler.processor import has_tiles  # LLVM is loaded only where it is used

    return has_tiles()


def resolved(precision: str) -> str:
    """What "auto" means on this machine: bfloat16 where there is a unit for it, else float32."""
    if precision != "auto":
        return precision
    return "bfloat16" if has_unit() else "float32"


def maps_in(precision: str) -> torch.autocast:
    """For a pass of convolutions: where products round to bfloat16, every map does."""
    return torch.autocast("cpu", torch.bfloat16, enabled=resolved(precision) == "bfloat16")


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Set torch's switch for its products and for the kernels', and set it back."""
    switch = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = switch.fp32_precision
    switch.fp32_precision = PRECISIONS[resolved(precision)]
    try:
        yield
    finally:
        switch.fp32_precision = before
