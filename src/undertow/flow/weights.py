"""Parameters at an optimizer step: how long their gradients are, how much clipping left, how far the step went.

What a step changes is seen at some numbers of a large parameter and scaled up, so that nothing the size of the model is
copied. Norms are whole, but where every step is measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from torch import Tensor

from undertow.flow.nested import dense
from undertow.flow.records import Weight
from undertow.flow.sampled import lengths, room, seen


@dataclass
class Weights:
    """Watches the parameters of one model through one step."""

    named: Mapping[str, Tensor]
    exact: bool = True  # norms are of all numbers
    before: list[Tensor] = field(
        default_factory=list
    )  # some numbers of each weight, when the optimizer begins
    arrived: float = 0.0  # length of all gradients, as backward left them
    norms: list[float] = field(default_factory=list)
    gradient_norms: dict[str, float] = field(default_factory=dict)

    def backward_over(self) -> None:
        """Note the length of the gradient, to see later whether it was clipped."""
        self.arrived = math.hypot(*self._gradients().values())

    def optimizer_begins(self) -> float | None:
        """Note norms and some numbers of each weight; gives the share of the gradient that clipping left."""
        self.gradient_norms = self._gradients()
        if self.before:
            self.norms = lengths(self._parameters(), whole=self.exact)
        else:
            self.opened_within()
        left = math.hypot(*self.gradient_norms.values())
        return left / self.arrived if self.arrived > 0 and math.isfinite(self.arrived) else None

    def opened_within(self) -> None:
        """Weights are as they are now when the optimizer begins, or has begun, where it computes the loss itself."""
        parameters = self._parameters()
        self.before = room(parameters)
        some = lengths(parameters, copies=self.before)
        self.norms = lengths(parameters, whole=True) if self.exact else some

    def optimizer_ended(self, held: Set[int] | None = None) -> tuple[Weight, ...]:
        """What the step changed; of parameters that no optimizer held that took it (by id), nothing is said."""
        parameters = self._parameters()
        moved = lengths(parameters, less=self.before) if self.before else None
        norms = self.norms or lengths(parameters, whole=self.exact)
        gradients = self.gradient_norms or self._gradients()
        rows = []
        for number, (name, p) in enumerate(self.named.items()):
            taken = moved is not None and name in gradients and (held is None or id(p) in held)
            update = moved[number] if moved is not None and taken else None
            rows.append(Weight(name, p.numel(), norms[number], gradients.get(name), update, seen(p)))
        return tuple(rows)

    def _parameters(self) -> list[Tensor]:
        return list(self.named.values())

    def _gradients(self) -> dict[str, float]:
        found = {n: dense(g.detach()) for n, p in self.named.items() if (g := p.grad) is not None}
        return dict(zip(found, lengths(list(found.values()), whole=self.exact), strict=True))
