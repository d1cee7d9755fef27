"""Parameters at an optimizer step: how long their gradients are, how much clipping left, how far the step went.

What changes is seen at evenly spaced numbers, at most `MOST` a parameter, so that nothing the size of the model is
copied; norms of weights and gradients are whole. All parameters go through each operation together, for a call of torch
costs more than the numbers of a small one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undertow.flow.records import Weight
from undertow.flow.sampled import evenly

MOST = 4096


@dataclass
class Weights:
    """Watches the parameters of one model through one step."""

    named: Mapping[str, Tensor]
    before: list[Tensor] = field(default_factory=list)  # sampled weights of each, when the optimizer begins
    arrived: Tensor | None = None  # length of the sampled gradients, as backward left them
    norms: dict[str, float] = field(default_factory=dict)
    gradient_norms: dict[str, float] = field(default_factory=dict)

    def backward_over(self) -> None:
        """Note the length of the gradients, to see later whether they were clipped."""
        self.arrived = self._length()

    def optimizer_begins(self) -> float | None:
        """Note norms and some numbers of each weight; gives the share of the gradient that clipping left."""
        self._note_norms()
        self.before = self.before or self._samples()
        return self._left()

    def opened_within(self) -> None:
        """The optimizer, which computes the loss itself, has begun already: weights are as they are now."""
        self.before = self._samples()

    def optimizer_ended(self, held: Set[int] | None = None) -> tuple[Weight, ...]:
        """What the step changed; of parameters that no optimizer held that took it (by id), nothing is said."""
        if not self.norms:
            self._note_norms()
        moved: dict[str, tuple[float, int]] = {}
        if self.before:
            changes = torch._foreach_sub(self._samples(), self.before)
            lengths = _numbers(torch._foreach_norm(changes))
            for (name, p), change, length in zip(self.named.items(), changes, lengths, strict=True):
                share = p.numel() / max(change.numel(), 1)
                moved[name] = (length * share**0.5, change.numel())
        rows = []
        for name, parameter in self.named.items():
            gradient = self.gradient_norms.get(name)
            taken = gradient is not None and (held is None or id(parameter) in held)
            update, seen = moved.get(name, (None, 0)) if taken else (None, 0)
            rows.append(Weight(name, parameter.numel(), self.norms[name], gradient, update, seen))
        return tuple(rows)

    def _note_norms(self) -> None:
        seen = {n: g for n, p in self.named.items() if (g := p.grad) is not None}
        with torch.no_grad():
            self.norms = _norms({n: p.detach() for n, p in self.named.items()})
            self.gradient_norms = _norms(seen)

    def _samples(self) -> list[Tensor]:
        """A copy of some numbers of each weight."""
        with torch.no_grad():
            views = [evenly(_dense(p.detach()), MOST) for p in self.named.values()]
            if len({(v.dtype, v.device) for v in views}) == 1:
                return list(torch.split(torch.cat(views), [v.numel() for v in views]))
            return [v.clone() for v in views]

    def _length(self) -> Tensor | None:
        gradients = [evenly(_dense(g), MOST) for p in self.named.values() if (g := p.grad) is not None]
        if not gradients:
            return None
        lengths = torch.stack([n.double().cpu() for n in torch._foreach_norm(gradients)])
        found: Tensor = torch.linalg.vector_norm(lengths)
        return found

    def _left(self) -> float | None:
        """Length of the sampled gradients now, over what it was when they arrived."""
        now = self._length()
        if now is None or self.arrived is None:
            return None
        was = float(self.arrived)
        return float(now) / was if was > 0 and math.isfinite(was) else None


def _dense(tensor: Tensor) -> Tensor:
    return tensor.coalesce().values() if tensor.is_sparse else tensor


def _norms(tensors: dict[str, Tensor]) -> dict[str, float]:
    dense = [_dense(t) for t in tensors.values()]
    found = torch._foreach_norm(dense) if dense else []
    return dict(zip(tensors, _numbers(found), strict=True))


def _numbers(scalars: Sequence[Tensor]) -> list[float]:
    """All at once."""
    found: list[float] = torch.stack([s.double().cpu() for s in scalars]).tolist() if scalars else []
    return found
