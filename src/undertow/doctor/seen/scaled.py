"""Gradients that a script scales by hand: clipping that no call of torch's tells of.

Some numbers of every gradient are noted as the backward pass left them, and as the step left them. Where they are all
the same multiple of that later, less than 1, somebody has scaled them: before the step, or after it, when it is too
late. Whether that was clipping shows over many steps: what is clipped has the same length afterwards, however long it
was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import torch
from torch import Tensor

from undertow.flow.sampled import few

LEAST, AT_ONCE = 1e-3, 1e-4  # what is taken away, at least; how far numbers may stray from one multiple
SMALLEST = 4  # gradients that are held until the next backward pass
SAME, OTHER = 1.02, 1.05  # lengths afterwards, and before: the largest over the smallest, most of them
TIMES = 3


@dataclass(frozen=True)
class Scaled:
    """Of one step."""

    factor: float
    length: float  # of all gradients afterwards


@dataclass
class Noted:
    """Gradients at one moment: whose they are, which they are, and some of their numbers."""

    parameters: list[Tensor] = field(default_factory=list)
    gradients: list[Tensor] = field(default_factory=list)
    numbers: list[Tensor] = field(default_factory=list)

    @classmethod
    def of(cls, parameters: Sequence[Tensor]) -> Noted:
        """The smallest ones: to hold them costs nothing."""
        known = [(p, g) for p in parameters if (g := _gradient(p)) is not None]
        own = sorted(known, key=lambda pair: pair[1].numel())[:SMALLEST]
        return cls([p for p, _ in own], [g for _, g in own], [few(g).clone() for _, g in own])

    def now(self) -> float | None:
        """What the gradients that their parameters have now are of these; None where that is no multiple below 1."""
        return self._factor([g for p in self.parameters if (g := _gradient(p)) is not None])

    def since(self) -> float | None:
        """The same of these very gradients, which the parameters may have lost."""
        return self._factor(self.gradients)

    def _factor(self, gradients: Sequence[Tensor]) -> float | None:
        if not gradients or len(gradients) != len(self.numbers):
            return None
        before = torch.cat([n.double().flatten() for n in self.numbers])
        after = torch.cat([few(g).double().flatten() for g in gradients])
        if before.shape != after.shape or not bool(before.any()) or not bool(after.any()):
            return None
        found = float(before @ after) / float(before @ before)
        stray = float((after - found * before).norm()) / float(after.norm())
        return found if 0 < found < 1 - LEAST and stray < AT_ONCE else None


def _gradient(parameter: Tensor) -> Tensor | None:
    found = parameter.grad
    return None if found is None or found.layout != torch.strided or not found.numel() else found.detach()


def clips(found: Sequence[Scaled]) -> list[Scaled]:
    """Those that were clipping: of one length afterwards, of different ones before. A loss scaler, or a mean over
    accumulated passes, divides by one number."""
    if len(found) < TIMES:
        return []
    usual = median(s.length for s in found)
    own = [s for s in found if usual / SAME < s.length < usual * SAME]
    factors = [s.factor for s in own]
    return own if len(own) > len(found) / 2 and max(factors) > OTHER * min(factors) else []
