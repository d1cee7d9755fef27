"""Floating point operations of one op: those of the matrix products and convolutions in it, a multiply-add is two.

The formulas of most ops are torch's own (`torch.utils.flop_counter`); here stand those that it lacks. Additions of a
bias, pointwise work, norms and pooling are not counted, as is usual: they are bound by memory.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from undertow.cells.cell import Cell
from undertow.compiler.operator import cell_named

aten: Any = torch.ops.aten


def flops_of(op: Any, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> int:
    """Of one call of an op; 0 where no matrix is multiplied."""
    packet = getattr(op, "_overloadpacket", op)
    if packet in OURS:
        return OURS[packet](*arguments, **named)
    formula: Any = flop_registry.get(packet)
    return int(formula(*arguments, **named, out_val=result)) if formula is not None else 0


def _lstm(x: Tensor, w_x: Tensor, w_h: Tensor, *_: Any, **__: Any) -> int:
    return 2 * _rows(x) * (w_x.numel() + w_h.numel())


def _lstm_backward(x: Tensor, w_x: Tensor, w_h: Tensor, *_: Any, **__: Any) -> int:
    return 2 * _lstm(x, w_x, w_h)


def _rows(x: Tensor) -> int:
    """Steps times rows of a sequence [T, B, ·]."""
    return x.shape[0] * x.shape[1]


def _walk(x: Tensor, start: Any, weights: Any, masks: Any, name: str, *_: Any) -> int:
    """Of an undertow kernel: the products of one row's step, times all steps of all rows."""
    return _rows(x) * step_flops(cell_named(name))[0]


def _walk_back(gradients: Any, x: Tensor, start: Any, *rest: Any) -> int:
    wanted, name = rest[3], rest[4]  # after weights, masks and results; wanted: start, x, weights
    return _rows(x) * step_flops(cell_named(name), x_wanted=wanted[len(start)])[1]


@lru_cache(256)
def step_flops(cell: Cell, x_wanted: bool = True) -> tuple[int, int]:
    """Of one row of the batch in one step of a cell, forward and backward; counted on the eager step.

    Every weight and every field of the state get their gradient; x where it is wanted.

    In a thread of its own: where an op is counted, torch records nothing for a backward pass.
    """
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(_counted, cell, x_wanted).result()


def _counted(cell: Cell, x_wanted: bool) -> tuple[int, int]:
    found = []
    with FakeTensorMode(allow_non_fake_inputs=True):
        weights = cell.Weights(*(torch.empty(w.shape, requires_grad=True) for w in cell.init()))
        start = cell.State(*(torch.empty(s.shape, requires_grad=True) for s in cell.start(1)))
        x = torch.empty(1, cell.input_size, requires_grad=x_wanted)
        with FlopCounterMode(display=False) as counter:
            state = cell.step(x, start, weights)
            found.append(counter.get_total_flops())
            torch.autograd.backward(list(state), [torch.empty_like(s) for s in state])
    return found[0], counter.get_total_flops() - found[0]


OURS: dict[Any, Callable[..., int]] = {
    aten.mkldnn_rnn_layer: _lstm,
    aten.mkldnn_rnn_layer_backward: _lstm_backward,
    torch.ops.undertow.infer: _walk,
    torch.ops.undertow.forward: _walk,
    torch.ops.undertow.backward: _walk_back,
    aten.mv: lambda a, x: 2 * a.numel(),
    aten.dot: lambda a, b: 2 * a.numel(),
    aten.addmv: lambda c, a, x, **_: 2 * a.numel(),
    aten.mkldnn_linear: lambda x, w, *_: 2 * x.numel() * w.shape[0],
}
