"""A multi-layer perceptron of any depth: what deep nets were before there were cures for depth.

    x ← a(norm(W x + b)), so many times; then a linear map to the scores

With sigmoids a gradient is multiplied by at most a quarter of the weights a layer, and vanishes; with ReLU and weights
that are too large it explodes. Weights are normal with variance 2 / F for ReLU (He et al. 2015), 1 / F else
(Glorot & Bengio 2010). Axes: B rows, I inputs, F features.
"""

from __future__ import annotations

from torch import Tensor, nn

from undertow.blocks.linear import linear
from undertow.blocks.norms import norm_of
from undertow.errors import SettingError

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


class MLP(nn.Module):
    """Over x [B, ...], laid flat; gives a score a class [B, classes].

    Args:
        inputs: I, numbers of a row.
        width: F, units of a hidden layer.
        depth: hidden layers.
        classes: scores.
        activation: relu, sigmoid or tanh.
        norm: batch, layer or none, before each activation.
        dropout: share dropped behind each.

    Raises:
        SettingError: no such activation or norm, or no layer.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        depth: int,
        classes: int,
        *,
        activation: str = "relu",
        norm: str = "none",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise SettingError(f"MLP: activations are {', '.join(ACTIVATIONS)}; got {activation!r}.")
        if depth < 1:
            raise SettingError(f"MLP: at least 1 hidden layer is needed, got {depth}.")
        parts: list[nn.Module] = []
        for number in range(depth):
            hidden = linear(width if number else inputs, width)
            if activation != "relu":
                nn.init.xavier_normal_(hidden.weight)
            parts += [hidden, norm_of(norm, width), ACTIVATIONS[activation](), nn.Dropout(dropout)]
        self.hidden = nn.Sequential(*parts)
        self.readout = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.readout(self.hidden(x.flatten(1)))
        return scores
