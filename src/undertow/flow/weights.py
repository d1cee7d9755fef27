"""Parameters at an optimizer step: how long their gradients are, how much clipping left, how far the step went.

A large parameter is seen at evenly spaced numbers, and what is measured is scaled up, so that nothing the size of the
model is copied or read. All parameters go through each operation together, for a call of torch costs more than the
numbers of a small one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undertow.flow.records import Weight
from undertow.flow.sampled import few

MOST = 1 << 14  # numbers of a parameter that are looked at


@dataclass
class Weights:
    """Watches the parameters of one model through one step."""

    named: Mapping[str, Tensor]
    before: list[Tensor] = field(
        default_factory=list
    )  # some numbers of each weight, when the optimizer begins
    arrived: list[Tensor] = field(default_factory=list)  # lengths of the gradients, as backward left them
    norms: dict[str, float] = field(default_factory=dict)
    gradient_norms: dict[str, float] = field(default_factory=dict)

    def backward_over(self) -> None:
        """Note the lengths of the gradients, to see later whether they were clipped."""
        self.arrived = self._lengths(self._gradients())

    def optimizer_begins(self) -> float | None:
        """Note norms and some numbers of each weight; gives the share of the gradient that clipping left."""
        now = self._copies()
        self._note_norms(now)
        self.before = self.before or now
        was = math.sqrt(sum(n * n for n in _numbers(self.arrived)))
        left = math.sqrt(sum(n * n for n in self.gradient_norms.values()))
        return left / was if was > 0 and math.isfinite(was) else None

    def opened_within(self) -> None:
        """The optimizer, which computes the loss itself, has begun already: weights are as they are now."""
        self.before = self._copies()

    def optimizer_ended(self, held: Set[int] | None = None) -> tuple[Weight, ...]:
        """What the step changed; of parameters that no optimizer held that took it (by id), nothing is said."""
        now = self._copies()
        if not self.norms:
            self._note_norms(now)
        moved = _numbers(_norms(torch._foreach_sub(now, self.before))) if self.before else []
        rows = []
        for number, (name, p) in enumerate(self.named.items()):
            gradient, seen = self.gradient_norms.get(name), now[number].numel()
            taken = moved and gradient is not None and (held is None or id(p) in held)
            update = moved[number] * _scale(p, seen) if taken else None
            rows.append(Weight(name, p.numel(), self.norms[name], gradient, update, seen))
        return tuple(rows)

    def _note_norms(self, now: list[Tensor]) -> None:
        gradients = self._gradients()
        found = _numbers([*_norms(now), *self._lengths(gradients)])
        own = zip(self.named.items(), found, now, strict=False)
        self.norms = {name: value * _scale(p, seen.numel()) for (name, p), value, seen in own}
        self.gradient_norms = dict(zip(gradients, found[len(now) :], strict=True))

    def _copies(self) -> list[Tensor]:
        """Of some numbers of each weight."""
        with torch.no_grad():
            return [few(p.detach(), MOST, copy=True) for p in self.named.values()]

    def _gradients(self) -> dict[str, Tensor]:
        return {n: g.detach() for n, p in self.named.items() if (g := p.grad) is not None}

    def _lengths(self, gradients: dict[str, Tensor]) -> list[Tensor]:
        """Of whole gradients, by some of their numbers."""
        dense = [_dense(g) for g in gradients.values()]
        views = [few(g, MOST) for g in dense]
        return [n * _scale(g, v.numel()) for n, g, v in zip(_norms(views), dense, views, strict=True)]


def _scale(whole: Tensor, seen: int) -> float:
    """From the length of some numbers to that of all."""
    return float((whole.numel() / max(seen, 1)) ** 0.5)


def _norms(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    return torch._foreach_norm(list(tensors)) if tensors else []


def _dense(tensor: Tensor) -> Tensor:
    return tensor.coalesce().values() if tensor.is_sparse else tensor


def _numbers(scalars: Sequence[Tensor]) -> list[float]:
    """All at once."""
    found: list[float] = torch.stack([s.double().cpu() for s in scalars]).tolist() if scalars else []
    return found
