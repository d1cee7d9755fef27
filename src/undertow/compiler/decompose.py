"""Ops that kernels do not keep whole, as the ones that they hold.

A step is traced whole and differentiated with PyTorch's own formulas; only then is it broken up, by ATen's table of
decompositions and, where that keeps an op whole or breaks it up in a way that no kernel likes, by ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._decomp import core_aten_decompositions, get_decompositions

aten = torch.ops.aten
_NOT_OURS: Any = NotImplemented  # the op stays whole


def layer_norm(
    x: Tensor, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> Any:
    """(x − mean) / √(var + ε) · weight + bias, with the mean and 1/√(var + ε) beside it."""
    if len(shape) != 1:
        return _NOT_OURS
    mean = x.mean(-1, keepdim=True)
    centred = x - mean
    scale = torch.rsqrt((centred * centred).mean(-1, keepdim=True) + eps)
    y = centred * scale
    y = y if weight is None else y * weight
    return (y if bias is None else y + bias), mean, scale


def variance(x: Tensor, dim: Any = None, *, correction: float | None = None, keepdim: bool = False) -> Any:
    """The mean squared distance from the mean, over n − correction."""
    if dim is None or list(dim) not in ([-1], [x.dim() - 1]):
        return _NOT_OURS
    size = x.shape[-1]
    centred = x - x.mean(-1, keepdim=True)
    total = (centred * centred).sum(-1, keepdim=keepdim)
    return total / (size - (1 if correction is None else correction))


def variance_and_mean(
    x: Tensor, dim: Any = None, *, correction: float | None = None, keepdim: bool = False
) -> Any:
    """Both."""
    found = variance(x, dim, correction=correction, keepdim=keepdim)
    return (found, x.mean(-1, keepdim=keepdim)) if found is not _NOT_OURS else _NOT_OURS


def softmax(x: Tensor, dim: int, half_to_float: bool) -> Tensor:
    """Shifted by the largest, so that no exponential overflows."""
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


def log_softmax(x: Tensor, dim: int, half_to_float: bool) -> Tensor:
    """The same, as a logarithm."""
    shifted = x - x.amax(dim, keepdim=True)
    return shifted - torch.log(torch.exp(shifted).sum(dim, keepdim=True))


def floor_divided(x: Any, y: Any, *, rounding_mode: str | None = None) -> Any:
    """The quotient that goes with torch.remainder (or fmod), rounded to a whole number as torch does."""
    if rounding_mode is None:
        return x / y
    rest = torch.remainder(x, y) if rounding_mode == "floor" else torch.fmod(x, y)
    whole = torch.floor((x - rest) / y + 0.5)
    if isinstance(y, Tensor):
        return torch.where(y == 0, x / y, whole)  # by nothing, torch gives the quotient itself
    return whole if y else x / y


def scattered_column(x: Tensor, source: Tensor, dim: int, index: int) -> Tensor:
    """One column replaced."""
    index = index % x.shape[dim]
    return torch.slice_scatter(x, source.unsqueeze(dim), dim, index, index + 1)


def copied(x: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    """What an assignment leaves behind, once it is no assignment any more."""
    return source.to(x.dtype).expand(x.shape)


def rolled(x: Tensor, shifts: Sequence[int], dims: Sequence[int] = ()) -> Any:
    """The end comes first."""
    if len(dims) != 1:
        return _NOT_OURS
    size = x.shape[dims[0]]
    cut = size - shifts[0] % size
    if cut == size:
        return x
    return torch.cat([x.narrow(dims[0], cut, size - cut), x.narrow(dims[0], 0, cut)], dims[0])


def padded(x: Tensor, pad: Sequence[int], value: float = 0.0) -> Any:
    """Columns of one number before and behind; fewer columns where the padding is negative."""
    if len(pad) != 2:
        return _NOT_OURS
    before, behind = pad
    x = x.narrow(-1, max(0, -before), x.shape[-1] - max(0, -before) - max(0, -behind))
    parts = [x.new_full((*x.shape[:-1], max(0, n)), value) for n in pad]
    return torch.cat([p for p in (parts[0], x, parts[1]) if p.shape[-1]], -1)


def shrunk(gradient: Tensor, x: Tensor, within: float) -> Tensor:
    """Nothing flows back from inside ±within."""
    return torch.where((x >= -within) & (x <= within), torch.zeros_like(gradient), gradient)


def smallest(x: Tensor, dim: Sequence[int] = (), keepdim: bool = False) -> Tensor:
    """By the largest of the opposite."""
    return -torch.amax(-x, list(dim), keepdim)


WHOLE = {aten.copy.default: copied}  # the one op that must go before the step is differentiated
BROKEN_UP = {
    aten.native_layer_norm.default: layer_norm,
    aten.var.correction: variance,
    aten.var_mean.correction: variance_and_mean,
    aten._softmax.default: softmax,
    aten._log_softmax.default: log_softmax,
    aten.div.Tensor_mode: floor_divided,
    aten.div.Scalar_mode: floor_divided,
    aten.select_scatter.default: scattered_column,
    aten.roll.default: rolled,
    aten.constant_pad_nd.default: padded,
    aten.hardshrink_backward.default: shrunk,
    aten.softshrink_backward.default: shrunk,
    aten.amin.default: smallest,
}
FURTHER = [aten.leaky_relu, aten.gelu, aten.hardtanh, aten.elu, aten.linalg_vector_norm]
KEPT = (
    aten.lerp.Tensor,
    aten.lerp.Scalar,
    aten.detach.default,
    aten.hypot.default,
)  # lerp breaks up into a choice by its weight; without detach a gradient flows on


def table() -> dict[Any, Any]:
    """Which op is broken up how."""
    core: Any = core_aten_decompositions()
    known = dict(core.items()) | get_decompositions(FURTHER)
    return {op: how for op, how in known.items() if op not in KEPT} | BROKEN_UP
