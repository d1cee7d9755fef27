"""A model's parameters from outside: which there are, whether a gradient is none, whether somebody changed them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from undertow.flow.finder import finite
from undertow.flow.sampled import MOST, lengths


def trained(model: nn.Module) -> dict[str, Tensor]:
    """Those that are trained, by name; ones without a size yet are left out."""
    return {
        name: p
        for name, p in model.named_parameters()
        if p.requires_grad and not isinstance(p, UninitializedParameter)
    }


def spoilt(named: Mapping[str, Tensor]) -> bool:
    """Is a number of a small parameter's gradient none?

    What forward spoils is in the loss, and so in the gradients of what stands behind it; what backward spoils, in
    those of what stands before it. Somewhere among them is a small parameter, as a bias.
    """
    gradients = [g for p in named.values() if (g := p.grad) is not None and g.layout == torch.strided]
    small = [g for g in gradients if g.numel() <= MOST] or gradients[:1]
    if not small:
        return False
    if all(map(math.isfinite, lengths([g.detach() for g in small]))):
        return False
    return not all(finite(g) for g in small)  # a length may overflow where no number does


@dataclass
class ByHand:
    """Notices optimizer steps that are no torch optimizer's: weights changed since the last call of the model."""

    named: Mapping[str, Tensor]
    possible: bool = True  # until a torch optimizer was seen
    noted: Tensor | None = None

    def look_at(self, named: Mapping[str, Tensor]) -> None:
        """At these from now on."""
        if list(named) != list(self.named):
            self.noted = None
        self.named = named

    def stepped(self) -> bool:
        """Did a parameter change since this was asked last?"""
        if not self.possible or not self.named:
            return False
        some = [_real(p.detach().reshape(-1)[:4]).double().cpu() for p in self.named.values()]
        before, self.noted = self.noted, torch.cat(some)
        return before is not None and not torch.equal(before, self.noted)


def _real(numbers: Tensor) -> Tensor:
    """Complex ones side by side."""
    return torch.view_as_real(numbers).flatten() if numbers.is_complex() else numbers
