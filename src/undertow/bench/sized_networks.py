"""Networks whose sizes are known from torch's own counters: what `undertow.size` is measured against.

Axes: T steps, B rows, F input features, H hidden units.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

T, B, F, H = 20, 4, 16, 32


class Tagger(nn.Module):
    """Embedding, both directions, a label for every step."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.readout = nn.Embedding(100, F), nn.Linear(2 * H, 5)
        self.layers = nn.LSTM(F, H, bidirectional=True)

    def forward(self, tokens: Tensor) -> Any:
        """Scores."""
        return self.readout(self.layers(self.embedding(tokens))[0])


class CellLoop(nn.Module):
    """A loop over torch.nn.GRUCell."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(F, H)

    def forward(self, x: Tensor) -> Tensor:
        """States."""
        h, outputs = x.new_zeros(x.shape[1], H), []
        for step in x:
            h = self.cell(step, h)
            outputs.append(h)
        return torch.stack(outputs)


class RawLoop(nn.Module):
    """A recurrence of bare parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.u = nn.Parameter(torch.randn(H, H)), nn.Parameter(torch.randn(F, H))

    def forward(self, x: Tensor) -> Tensor:
        """The last state."""
        h = x.new_zeros(x.shape[1], H)
        for step in x:
            h = torch.tanh(step @ self.u + h @ self.w)
        return h


def images() -> nn.Module:
    """Convolutions, norms, pooling."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, stride=2, groups=4), nn.GroupNorm(3, 12), nn.GELU(), nn.Flatten(), nn.Linear(12 * 49, 10),
    )  # fmt: skip


def kept_by_hooks(network: nn.Module, x: Tensor) -> int:
    """Bytes of all memory that autograd keeps in a real run, weights and buffers left out."""
    own = {t.untyped_storage().data_ptr() for t in (*network.parameters(), *network.buffers())}
    held: dict[int, Any] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        network(x)
    return sum(storage.nbytes() for storage in held.values())
