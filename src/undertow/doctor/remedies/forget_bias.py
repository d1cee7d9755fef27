"""A forget gate that begins open lets the state, and its gradient, pass until something better is learned.

Sources: a bias of 1, Gers, Schmidhuber & Cummins 2000, Jozefowicz, Zaremba & Sutskever 2015; log(uniform(1, T)), Tallec
& Ollivier 2018 (chrono start), where T is the needed lag.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from undertow.doctor.hand import Hand, Stepped
from undertow.doctor.remedy import Remedy
from undertow.doctor.seen.gates import forget_biases
from undertow.doctor.seen.graph import Graph

CHRONO = 0.0  # the strength that stands for it


def apply(hand: Hand, strength: float) -> None:
    """Of torch's LSTM before the first step; of a cell written out, whose gate the first graph shows, at it."""
    lag = hand.fault.evidence.get("needed_lag")
    longest = max(float(lag), 3.0) if isinstance(lag, int | float) else 50.0
    found: list[tuple[list[Tensor], int]] = []

    def wanted(like: Tensor) -> Tensor:
        if strength != CHRONO:
            return torch.full_like(like, strength)
        return torch.empty_like(like).uniform_(1, longest - 1).log()

    def at_start(parameters: dict[str, Tensor]) -> None:
        for network in hand.seen.ward.names:
            for module in network.modules():
                if isinstance(module, nn.LSTM | nn.LSTMCell):
                    _of_torch(module, wanted)
                    hand.did()

    def at_loss(root: Tensor) -> Tensor:
        if not hand.changed and not found:
            found.extend(forget_biases(Graph(root)))
        return root

    def before_step(stepped: Stepped) -> None:
        while found:  # weights may be changed once the backward pass has used them
            (first, *others), sign = found.pop()
            with hand.apart():
                first.copy_(sign * wanted(first) - sum(others, torch.zeros(())))
            hand.did()

    hand.at_start(at_start)
    hand.at_loss(at_loss)
    hand.before_step(before_step)


def _of_torch(module: nn.Module, wanted: Callable[[Tensor], Tensor]) -> None:
    """Gates stand in the order i, f, g, o; of the two biases one is 0."""
    for name, bias in module.named_parameters(recurse=False):
        if name.startswith("bias"):
            forget = bias.chunk(4)[1]
            forget.copy_(wanted(forget) if name.startswith("bias_ih") else torch.zeros_like(forget))


REMEDY = Remedy(
    "Start the forget gate open: a bias of 1, or for long lags log(uniform(1, T)) (chrono start).",
    apply,
    (1.0, CHRONO),
    "{} (0: chrono start)",
)
