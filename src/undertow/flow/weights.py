"""Parameters at an optimizer step: how long their gradients are, how much clipping left, how far the step went.

What changes is seen at evenly spaced numbers, at most `MOST` a parameter, so that nothing the size of the model is
copied; norms of weights and gradients are whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undertow.flow.records import Weight

MOST = 4096


@dataclass
class Weights:
    """Watches the parameters of one model through one step."""

    named: Mapping[str, Tensor]
    before: dict[str, Tensor] = field(default_factory=dict)  # sampled weights, when the optimizer begins
    arrived: dict[str, Tensor] = field(default_factory=dict)  # sampled gradients, as backward left them
    norms: dict[str, float] = field(default_factory=dict)
    gradient_norms: dict[str, float] = field(default_factory=dict)

    def gradients_arrived(self, names: Iterable[str]) -> None:
        """Backward is done: note some numbers of each gradient, to see later whether they were clipped."""
        for name in names:
            gradient = self.named[name].grad
            if gradient is not None:
                self.arrived[name] = sample(gradient)

    def opened_within(self) -> None:
        """The optimizer, which computes the loss itself, has begun already: weights are as they are now."""
        self.before = {n: sample(p.detach()) for n, p in self.named.items()}

    def optimizer_begins(self) -> float | None:
        """Note norms and some numbers of each weight; gives the share of the gradient that clipping left."""
        seen = {n: p for n, p in self.named.items() if p.grad is not None}
        with torch.no_grad():
            self._note_norms()
            self.before = {n: sample(p.detach()) for n, p in seen.items()}
            return self._left()

    def _note_norms(self) -> None:
        self.norms = _norms({n: p.detach() for n, p in self.named.items()})
        self.gradient_norms = _norms({n: p.grad for n, p in self.named.items() if p.grad is not None})

    def _left(self) -> float | None:
        """Norm of the sampled gradients now, over what it was when they arrived."""
        pairs = [(self.arrived[n], sample(self.named[n].grad)) for n in self.arrived]  # type: ignore[arg-type]
        if not pairs:
            return None
        was = math.sqrt(sum(float(a.double().square().sum()) for a, _ in pairs))
        now = math.sqrt(sum(float(b.double().square().sum()) for _, b in pairs))
        return now / was if was > 0 and math.isfinite(was) else None

    def optimizer_ended(self) -> tuple[Weight, ...]:
        """What the step changed."""
        if not self.norms:
            self._note_norms()
        rows = []
        for name, parameter in self.named.items():
            before = self.before.get(name)
            moved, looked_at = None, 0
            if before is not None:
                looked_at = before.numel()
                change = sample(parameter.detach()) - before
                share = parameter.numel() / max(looked_at, 1)
                moved = float(torch.linalg.vector_norm(change)) * share**0.5
            norm, gradient = self.norms.get(name, math.nan), self.gradient_norms.get(name)
            rows.append(Weight(name, parameter.numel(), norm, gradient, moved, looked_at))
        return tuple(rows)


def sample(tensor: Tensor) -> Tensor:
    """A copy of at most `MOST` numbers, evenly spaced."""
    if tensor.is_sparse:
        tensor = tensor.coalesce().values()
    flat = tensor.detach().reshape(-1)
    return flat[:: -(-flat.numel() // MOST) or 1].clone()


def _norms(tensors: dict[str, Tensor]) -> dict[str, float]:
    dense = {n: t.coalesce().values() if t.is_sparse else t for n, t in tensors.items()}
    found = torch._foreach_norm(list(dense.values())) if dense else []
    return {name: float(value) for name, value in zip(dense, found, strict=True)}
