"""Batch norm inside a recurrence: what the gates read is normalised over the batch, with statistics of each step.

    i, f, g, o = BN_t(W h) + BN_t(U x) + b      c' = σ(f)·c + σ(i)·tanh(g)      h' = σ(o)·tanh(BN_t(c') + b_c)

BN_t(z) = γ (z - μ) / √(σ² + ε), over the batch at step t; γ begins at 0.1, where a tanh does not yet saturate. The
first steps of a sequence are unlike the later ones, so running means are kept for each of the first `steps`; whatever
comes later uses those of the last. A row depends on the rows beside it, so this is no cell whose step stands alone:
it runs on its own loop, and no kernel is made of it. Layer norm (`layer_norm_lstm`) has neither trouble.
Source: Cooijmans, Ballas, Laurent, Gülçehre & Courville 2017. Axes: T steps, B batch, I input features, H hidden units.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn, sigmoid, tanh
from torch.nn.functional import batch_norm, linear

from undertow.cells.lstm import LSTM
from undertow.errors import ShapeError
from undertow.shapes import check_size

EPSILON = 1e-5
GAIN = 0.1


class BatchNormLSTM(nn.Module):
    """An LSTM with batch norm inside, over x [T, B, I]; gives every output [T, B, H] and the last h and c [B, H].

    Args:
        input_size: I.
        hidden_size: H.
        steps: of which running means are kept, one by one.
        momentum: of running means.

    Raises:
        SettingError: a size below 1.
    """

    def __init__(self, input_size: int, hidden_size: int, steps: int = 100, momentum: float = 0.1) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("steps", steps)):
            check_size(size, name, type(self).__name__)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.steps, self.momentum = steps, momentum
        weights = LSTM(input_size, hidden_size).init()
        self.weight_x, self.weight_h, self.bias = (nn.Parameter(w) for w in weights)
        self.bias_c = nn.Parameter(torch.zeros(hidden_size))
        self.gain_x, self.gain_h = (nn.Parameter(torch.full((4 * hidden_size,), GAIN)) for _ in range(2))
        self.gain_c = nn.Parameter(torch.full((hidden_size,), GAIN))
        for name, size in (("x", 4 * hidden_size), ("h", 4 * hidden_size), ("c", hidden_size)):
            self.register_buffer(f"mean_{name}", torch.zeros(steps, size))
            self.register_buffer(f"variance_{name}", torch.ones(steps, size))

    def forward(
        self, x: Tensor, start: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Outputs [T, B, H], and the last h and c [B, H].

        Raises:
            ShapeError: x is not [T, B, I], or one row alone is trained on.
        """
        if x.dim() != 3 or x.shape[-1] != self.input_size or not len(x):
            raise ShapeError(f"BatchNormLSTM: x must be [T, B, {self.input_size}], got {tuple(x.shape)}.")
        if self.training and x.shape[1] < 2:
            raise ShapeError(
                "BatchNormLSTM: a batch of 1 has no variance to train on. Take more rows, or layer_norm_lstm."
            )
        h, c = start or (x.new_zeros(x.shape[1], self.hidden_size) for _ in range(2))
        outputs = []
        for step, at in enumerate(x):
            gates = self._normed("x", linear(at, self.weight_x), step) + self._normed(
                "h", linear(h, self.weight_h), step
            )
            i, f, g, o = (gates + self.bias).chunk(4, dim=-1)
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            h = sigmoid(o) * tanh(self._normed("c", c, step) + self.bias_c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)

    def _normed(self, name: str, z: Tensor, step: int) -> Tensor:
        means, variances = getattr(self, f"mean_{name}"), getattr(self, f"variance_{name}")
        at = min(step, len(means) - 1)
        gain = getattr(self, f"gain_{name}")
        return batch_norm(z, means[at], variances[at], gain, None, self.training, self.momentum, EPSILON)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, steps={self.steps}"
