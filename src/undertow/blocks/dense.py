"""Dense blocks: every layer reads all that came before it in its block.

    x_l = F([x_0, x_1, ..., x_{l-1}])        F: norm, ReLU, 1x1 to 4k channels, norm, ReLU, 3x3 to k channels

Layer l reads k_0 + (l - 1) k channels. Between blocks a transition: norm, ReLU, 1x1 to a share of the channels, and
the mean of each 2x2. Laid side by side anew in every layer, what is read takes memory that grows with the square of the
depth; `sharing` keeps none of it: what lies before each 3x3 is computed anew on the way back, with the same gradients.
Sources: Huang, Liu, van der Maaten & Weinberger 2017; memory, Pleiss et al. 2017.
Axes: B rows, C channels, Y and X places; k is the growth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from undertow.blocks.convolution import convolution
from undertow.blocks.norms import BatchNorm, norm_of

NARROW = 4  # channels between 1x1 and 3x3, times the growth


class DenseLayer(nn.Module):
    """One layer: k new channels, out of all that there are.

    Args:
        inputs: channels that are read.
        growth: k.
        narrow: a 1x1 to 4k channels stands before the 3x3 (the B of DenseNet-BC).
        norm: batch, layer, instance, group or none.
    """

    def __init__(self, inputs: int, growth: int, narrow: bool = True, norm: str = "batch") -> None:
        super().__init__()
        between = NARROW * growth if narrow else inputs
        self.first_norm = norm_of(norm, inputs)
        self.first = convolution(inputs, between, 1) if narrow else None
        self.second_norm = norm_of(norm, between) if narrow else None
        self.second = convolution(between, growth, 3)

    def forward(self, *features: Tensor) -> Tensor:
        """[B, k, Y, X], of what each layer before gave."""
        x = self.first_norm(torch.cat(features, 1)).relu()
        if self.first is not None and self.second_norm is not None:
            x = self.second_norm(self.first(x)).relu()
        y: Tensor = self.second(x)
        return y


class DenseBlock(nn.Module):
    """So many dense layers over x [B, C, Y, X]; gives all channels, x in front.

    Args:
        inputs: k_0, channels of x.
        layers: how many.
        growth: k.
        narrow: as of DenseLayer.
        norm: as of DenseLayer.
        sharing: compute anew on the way back what is read, and keep only what each layer gives.
    """

    def __init__(
        self,
        inputs: int,
        layers: int,
        growth: int,
        *,
        narrow: bool = True,
        norm: str = "batch",
        sharing: bool = False,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DenseLayer(inputs + number * growth, growth, narrow, norm) for number in range(layers)
        )
        self.outputs, self.sharing = inputs + layers * growth, sharing

    def forward(self, x: Tensor) -> Tensor:
        features, again = [x], self.sharing and self.training and torch.is_grad_enabled()
        for layer in self.layers:
            features.append(_shared(layer, features) if again else layer(*features))
        return torch.cat(features, 1)


class Transition(nn.Module):
    """Between blocks: fewer channels, half as many places a side.

    Args:
        inputs: channels.
        share: of the channels that go on (the C of DenseNet-BC: one half).
        norm: as of DenseLayer.
    """

    def __init__(self, inputs: int, share: float = 0.5, norm: str = "batch") -> None:
        super().__init__()
        self.outputs = int(inputs * share)
        self.norm, self.narrow = norm_of(norm, inputs), convolution(inputs, self.outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        narrowed: Tensor = self.narrow(self.norm(x).relu())
        return nn.functional.avg_pool2d(narrowed, 2)


def _shared(layer: nn.Module, features: list[Tensor]) -> Tensor:
    """What the layer gives; all that lies before is computed anew on the way back."""
    calls = iter((nullcontext(),))

    def run(*given: Tensor) -> Tensor:
        with next(calls, standing_still(layer)):
            y: Tensor = layer(*given)
        return y

    y: Tensor = checkpoint(run, *features, use_reentrant=False)
    return y


@contextmanager
def standing_still(net: nn.Module) -> Iterator[None]:
    """Running means do not move while it computes what it has computed before."""
    norms = [module for module in net.modules() if isinstance(module, BatchNorm)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
