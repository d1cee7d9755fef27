"""What the network was called with and what it gave, a few times, kept apart from the training that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from undertow.doctor.seen.lines import Line
from undertow.flow.nested import mapped, tensors

CALLS = 48  # that are kept
LARGEST = 1 << 22  # numbers of one call; what is larger is not kept
ALL = 1 << 25  # numbers of all together


@dataclass
class Call:
    """One call of a whole network in training."""

    module: nn.Module
    name: str
    step: int  # optimizer steps before
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    output: Any
    line: Line
    target: Tensor | None = None  # of the loss that read what it gave
    others: tuple[Tensor, ...] = ()  # of further losses, where there are several heads
    fed: int | None = None  # an earlier call, whose result, or a part of it, it was handed


@dataclass
class Calls:
    """Those that are kept, in order."""

    kept: list[Call] = field(default_factory=list)
    numbers: int = 0

    @property
    def wanted(self) -> bool:
        """Is there room for more?"""
        return len(self.kept) < CALLS and self.numbers < ALL

    def add(self, call: Call) -> None:
        """Keep it, without graph and in memory of its own."""
        size = sum(t.numel() for t in tensors((call.arguments, call.named, call.output)))
        if not self.wanted or size > LARGEST:
            return
        self.numbers += size
        call.fed = self._fed(call)
        call.arguments, call.named, call.output = (
            mapped(part, apart) for part in (call.arguments, call.named, call.output)
        )
        self.kept.append(call)

    def add_raw(self, call: Call, carried: bool) -> None:
        """Of a loop over raw tensors, which went on with a state from before if it was carried."""
        call.arguments = mapped(call.arguments, apart)
        call.fed = len(self.kept) - 1 if carried and self.kept else None
        self.kept.append(call)
        self.numbers += sum(t.numel() for t in tensors(call.arguments))

    def _fed(self, call: Call) -> int | None:
        """The last earlier call of the same network whose state this one goes on from."""
        for place in range(len(self.kept) - 1, max(-1, len(self.kept) - 4), -1):
            earlier = self.kept[place]
            if earlier.module is call.module:
                return place if is_state_of((call.arguments, call.named), earlier.output) else None
        return None


def of_head(calls: Sequence[Call], head: int) -> list[Call]:
    """The same calls, with the target of a further loss."""
    return [replace(c, target=c.others[head]) for c in calls if head < len(c.others)]


def one_a_row(call: Call) -> bool:
    """Is there a target for every row, and not for every step? Then the row ends with the call."""
    x, target = first_tensor(call.arguments), call.target
    if x is None or x.dim() < 2 or target is None or target.dim() < 1:
        return False
    return target.numel() < x.shape[0] * x.shape[1] and target.shape[0] in x.shape[:2]


def by_network(calls: Sequence[Call]) -> list[list[Call]]:
    """In the order in which they were first asked."""
    found: dict[int, list[Call]] = {}
    for call in calls:
        found.setdefault(id(call.module), []).append(call)
    return list(found.values())


def apart(tensor: Tensor) -> Tensor:
    """The same numbers, for good."""
    return tensor.detach().clone()


def first_tensor(value: Any) -> Tensor | None:
    """Of what a network was given, or gave."""
    return next(iter(tensors(value)), None)


def is_state_of(given: Any, earlier: Any) -> bool:
    """Was a call handed, number by number, a part of what the call before gave?"""
    before = [t for t in tensors(earlier) if t.is_floating_point() and t.numel() > 1]
    own = [t for t in tensors(given) if t.is_floating_point()]
    return any(a.shape == b.shape and torch.equal(a, b) and bool(a.any()) for a in own for b in before)
