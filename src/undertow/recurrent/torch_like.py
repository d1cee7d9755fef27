"""RNN, LSTM and GRU with torch.nn's signatures, results and state_dicts, on our own engines.

Each is a torch.nn module in name, parameters and start values (a state_dict goes both ways, isinstance holds);
only the walk over time is ours. Axes: T time steps, B batch rows, I input features, H hidden units, D directions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from undertow import cells
from undertow.cells.cell import Cell
from undertow.compiler.engine import check_engine
from undertow.errors import ShapeError
from undertow.recurrent.packed import pack_like, unpack
from undertow.recurrent.stack import Call, Stack, Watcher, run
from undertow.shapes import check_sequence


class _OnEngines:
    """Which engine walks, and who is told of it."""

    engine: str = "auto"
    watcher: Watcher | None = None

    def set_engine(self, engine: str) -> None:
        """Change which engine walks: auto, numba or eager.

        Raises:
            SettingError: no such engine.
        """
        check_engine(engine)
        self.engine = engine


class RNN(_OnEngines, nn.RNN):
    """torch.nn.RNN's arguments, results and state_dict; tanh or ReLU."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As torch.nn.RNN: output [T, B, D·H] and h_n [D·layers, B, H]."""
        output, last = _walk(self, input, None if hx is None else (hx,))
        return output, last[0]


class GRU(_OnEngines, nn.GRU):
    """torch.nn.GRU's arguments, results and state_dict; reset after the product."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As torch.nn.GRU: output [T, B, D·H] and h_n [D·layers, B, H]."""
        output, last = _walk(self, input, None if hx is None else (hx,))
        return output, last[0]


class LSTM(_OnEngines, nn.LSTM):
    """torch.nn.LSTM's arguments, results and state_dict, projections included."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As torch.nn.LSTM: output [T, B, D·H] and (h_n, c_n), each [D·layers, B, ·]."""
        output, last = _walk(self, input, hx)
        return output, last


def _walk(module: nn.RNNBase, x: Any, hx: Any) -> tuple[Any, tuple[Tensor, ...]]:
    _check_states(module, hx)
    if isinstance(x, PackedSequence):
        padded, lengths = unpack(x)
        y, last = _padded(module, padded, hx, lengths)
        return pack_like(y, lengths, x), last
    where = f"undertow.{type(module).__name__}"
    if x.dim() not in (2, 3):
        raise ShapeError(f"{where}: input must have 2 axes [T, I] or 3, got shape {tuple(x.shape)}.")
    single = x.dim() == 2
    if single:
        x, hx = x.unsqueeze(1), None if hx is None else tuple(state.unsqueeze(1) for state in hx)
    swap = module.batch_first and not single
    y, last = _padded(module, x.transpose(0, 1) if swap else x, hx, None)
    if single:
        return y.squeeze(1), tuple(state.squeeze(1) for state in last)
    return y.transpose(0, 1) if swap else y, last


def _check_states(module: nn.RNNBase, hx: Any) -> None:
    count = 2 if isinstance(module, nn.LSTM) else 1
    if hx is None or (isinstance(hx, tuple | list) and [isinstance(s, Tensor) for s in hx] == [True] * count):
        return
    wanted = "a pair of tensors, (h_0, c_0)" if count == 2 else "one tensor, h_0"
    raise ShapeError(
        f"undertow.{type(module).__name__}: hx must be {wanted}. Hand back what an earlier call gave."
    )


def _padded(
    module: nn.RNNBase, x: Tensor, hx: Any, lengths: Tensor | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    check_sequence(x, module.input_size, f"undertow.{type(module).__name__}")
    stack, weights, start = parts(module, x, hx)
    call = Call(start, lengths, module.training, watcher=getattr(module, "watcher", None))
    outcome = run(stack, weights, [None] * stack.layers, x, call)
    return outcome.y, tuple(torch.stack(field) for field in zip(*outcome.last, strict=True))


def parts(module: nn.RNNBase, x: Tensor, hx: Any) -> tuple[Stack, list[Any], list[Any]]:
    """Cells, weights and start states of one of torch's layers, as our own engines want them; x is [T, B, I]."""
    stack = _stack(module)
    weights = [_weights(module, cell, layer) for cell, layer in zip(stack.cells, _names(module), strict=True)]
    return stack, weights, _start(module, stack, x, hx)


def _stack(module: nn.RNNBase) -> Stack:
    directions = 2 if module.bidirectional else 1
    out = module.proj_size or module.hidden_size
    sizes = [module.input_size] + [directions * out] * (module.num_layers - 1)
    return Stack(
        cells=tuple(_cell(module, size) for size in sizes for _ in range(directions)),
        directions=directions,
        dropout=module.dropout,
        engine=getattr(module, "engine", "auto"),
    )


def _cell(module: nn.RNNBase, size: int) -> Cell:
    if isinstance(module, nn.LSTM):
        if module.proj_size:
            return cells.ProjectedLSTM(size, module.hidden_size, projection=module.proj_size)
        return cells.LSTM(size, module.hidden_size)
    if isinstance(module, nn.GRU):
        return cells.GRU(size, module.hidden_size)
    return cells.RNN(size, module.hidden_size, nonlinearity=str(module.nonlinearity))


def _names(module: nn.RNNBase) -> list[list[str]]:
    names: list[list[str]] = module._all_weights
    return names


def _weights(module: nn.RNNBase, cell: Cell, names: list[str]) -> Any:
    """torch's two biases become our one; only GRU's candidate keeps its recurrent bias apart."""
    tensors = {name.split("_l")[0]: getattr(module, name) for name in names}
    x, h = tensors["weight_ih"], tensors["weight_hh"]
    b_x = tensors.get("bias_ih", x.new_zeros(x.shape[0]))
    b_h = tensors.get("bias_hh", x.new_zeros(x.shape[0]))
    if isinstance(cell, cells.GRU):
        gates = 2 * cell.hidden_size
        return cell.Weights(x, h, torch.cat([b_x[:gates] + b_h[:gates], b_x[gates:]]), b_h[gates:])
    if isinstance(cell, cells.ProjectedLSTM):
        return cell.Weights(x, h, b_x + b_h, tensors["weight_hr"])
    return cell.Weights(x, h, b_x + b_h)


def _start(module: nn.RNNBase, stack: Stack, x: Tensor, hx: Any) -> list[Any]:
    batch, count = x.shape[1], len(stack.cells)
    fresh = [cell.State(*(s.to(x) for s in cell.start(batch))) for cell in stack.cells]
    if hx is None:
        return fresh
    for field, wanted, got in zip(fresh[0]._fields, fresh[0], hx, strict=True):
        if tuple(got.shape) != (count, *wanted.shape):
            raise ShapeError(
                f"undertow.{type(module).__name__}: start state {field} must be {(count, *wanted.shape)}, "
                f"got {tuple(got.shape)}."
            )
    return [cell.State(*(field[n] for field in hx)) for n, cell in enumerate(stack.cells)]
