"""A gated cell keeps its state until it decides otherwise, and with it the gradient (Cho et al. 2014).

torch's RNN is given a GRU of about as many parameters behind its back, with a chrono start (Tallec & Ollivier 2018);
its states go in and come out by a linear map. An RNNCell becomes a GRUCell of its own size.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy

MORE = 1.25  # of the parameters of what it stands for


class Gated(nn.Module):
    """A GRU in the place of an RNN, from outside like it."""

    def __init__(self, rnn: nn.RNN, lag: float) -> None:
        super().__init__()
        directions = 2 if rnn.bidirectional else 1
        hidden, limit = rnn.hidden_size, MORE * sum(p.numel() for p in rnn.parameters())
        size = next(n for n in range(hidden, 0, -1) if n <= 8 or _numbers(rnn, n) <= limit)
        self.gru = nn.GRU(
            rnn.input_size,
            size,
            rnn.num_layers,
            batch_first=rnn.batch_first,
            dropout=rnn.dropout,
            bidirectional=rnn.bidirectional,
        )
        self.enter = nn.Linear(hidden, size, bias=False)
        self.leave = nn.Linear(size, hidden)
        self.directions = directions
        for name, bias in self.gru.named_parameters():
            if name.startswith("bias_ih"):
                open_gate(bias, lag)

    def forward(self, x: Any, start: Tensor | None = None) -> tuple[Any, Tensor]:
        """As nn.RNN."""
        y, last = self.gru(x, None if start is None else self.enter(start).contiguous())
        if isinstance(y, Tensor):
            return self._out(y), self.leave(last)
        return y._replace(data=self._out(y.data)), self.leave(last)

    def _out(self, y: Tensor) -> Tensor:
        each = y.reshape(*y.shape[:-1], self.directions, -1)
        return cast(Tensor, self.leave(each)).flatten(-2)


def open_gate(bias: Tensor, lag: float) -> None:
    """Of a GRU's three gates the second keeps the state."""
    keep = bias.data.chunk(3)[1]
    keep.copy_(torch.empty_like(keep).uniform_(1, max(lag, 3.0) - 1).log())


def _numbers(rnn: nn.RNN, size: int) -> int:
    directions = 2 if rnn.bidirectional else 1
    layers = [rnn.input_size] + [size * directions] * (rnn.num_layers - 1)
    return sum(3 * size * (n + size + 2) * directions for n in layers) + 2 * size * rnn.hidden_size


def apply(hand: Hand, strength: float) -> None:
    """As each layer is made."""
    told = hand.fault.evidence.get("needed_lag")
    lag = float(told) if isinstance(told, int | float) else 50.0

    def layers(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def made(rnn: Any, *given: Any, **named: Any) -> None:
            original(rnn, *given, **named)
            with hand.apart(), torch.enable_grad():
                rnn.gated = Gated(rnn, lag)
            rnn.forward = rnn.gated.forward
            hand.did()

        return made

    def cells(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def made(cell: Any, *given: Any, **named: Any) -> None:
            original(cell, *given, **named)
            with hand.apart(), torch.enable_grad():
                cell.gated = nn.GRUCell(cell.input_size, cell.hidden_size)
                open_gate(cell.gated.bias_ih, lag)
            cell.forward = cell.gated.forward
            hand.did()

        return made

    hand.instead(nn.RNN, "__init__", layers)
    hand.instead(nn.RNNCell, "__init__", cells)


REMEDY = Remedy("A gated cell (LSTM, GRU) in the place of the plain one.", apply)
