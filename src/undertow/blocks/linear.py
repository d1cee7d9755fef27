"""A linear map that starts as deep nets need it: with a ReLU behind, what goes up keeps its size (He et al. 2015)."""

from __future__ import annotations

from torch import nn


def linear(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    """Weights normal with variance 2 / inputs; a bias begins at 0.

    Args:
        inputs: features.
        outputs: features.
        bias: a number an output.
    """
    layer = nn.Linear(inputs, outputs, bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if bias:
        nn.init.zeros_(layer.bias)
    return layer
