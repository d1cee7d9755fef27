"""Depth: what comes out of every module, and the gradient that comes back to it.

Hooks are laid on modules that hold no others, for the length of one measured step, and taken off again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from undertow.flow.records import Point

FLAT = 0.03  # as near to a flat end counts as saturated
MOST = 1 << 16  # numbers that are looked at for saturation
RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Threshold)
ENDS: dict[type[nn.Module], tuple[float, float]] = {
    nn.Tanh: (-1.0, 1.0),
    nn.Sigmoid: (0.0, 1.0),
    nn.Hardtanh: (-1.0, 1.0),
    nn.Hardsigmoid: (0.0, 1.0),
    nn.Softsign: (-1.0, 1.0),
}


@dataclass
class _Seen:
    """One call, until its gradient has come."""

    module: str
    kind: str
    call: int
    size: int
    norm: Tensor
    dead: Tensor | None
    saturated: Tensor | None
    gradient: Tensor | None = None

    def point(self) -> Point:
        numbers = (None if t is None else float(t) for t in (self.gradient, self.dead, self.saturated))
        return Point(self.module, self.kind, self.call, self.size, float(self.norm), *numbers)


@dataclass
class Depth:
    """Watches the modules of one model through one step."""

    names: dict[nn.Module, str]
    seen: list[_Seen] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    handles: list[RemovableHandle] = field(default_factory=list)

    def listen(self) -> None:
        """Lay the hooks."""
        self.handles = [module.register_forward_hook(self._came_out) for module in self.names]

    def leave(self) -> None:
        """Take them off."""
        for handle in self.handles:
            handle.remove()
        self.handles = []

    def points(self) -> tuple[Point, ...]:
        """What was seen, in the order in which it ran."""
        return tuple(one.point() for one in self.seen)

    def _came_out(self, module: nn.Module, _: Any, output: Any) -> None:
        tensor = first_tensor(output)
        if tensor is None or not tensor.is_floating_point() or not tensor.numel():
            return
        name = self.names[module]
        with torch.no_grad():
            plain = tensor.detach()
            one = _Seen(
                name,
                type(module).__name__,
                self.calls[name],
                plain.numel(),
                torch.linalg.vector_norm(plain),
                dead_share(plain) if isinstance(module, RECTIFIERS) else None,
                saturated_share(plain, *_ends(module)) if type(module) in ENDS else None,
            )
        self.calls[name] += 1
        self.seen.append(one)
        if tensor.requires_grad:
            tensor.register_hook(_noter(one))  # type: ignore[no-untyped-call]


def _noter(one: _Seen) -> Callable[[Tensor], None]:
    def note(gradient: Tensor) -> None:
        one.gradient = torch.linalg.vector_norm(gradient.detach())

    return note


def _ends(module: nn.Module) -> tuple[float, float]:
    if isinstance(module, nn.Hardtanh):
        return float(module.min_val), float(module.max_val)
    return ENDS[type(module)]


def dead_share(output: Tensor) -> Tensor:
    """Share of units that are zero for the whole batch: channels of [B, C, ...], features of [..., F] else."""
    axes = [n for n in range(output.dim()) if n != (1 if output.dim() > 3 else output.dim() - 1)]
    largest = output.amax(axes) if axes else output
    return (largest <= 0).double().mean()


def saturated_share(output: Tensor, low: float, high: float) -> Tensor:
    """Share of numbers within `FLAT` of an end of the range, seen at evenly spaced ones."""
    flat = output.reshape(-1)
    some = flat[:: -(-flat.numel() // MOST)]
    border = FLAT * (high - low)
    return ((some <= low + border) | (some >= high - border)).double().mean()


def first_tensor(output: Any) -> Tensor | None:
    """The first tensor of what a module gave."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, dict):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        return next((t for part in output if (t := first_tensor(part)) is not None), None)
    return None


def leaves(model: nn.Module) -> dict[nn.Module, str]:
    """Modules that hold no other, by name; the model itself, if it holds none."""
    return {m: name for name, m in model.named_modules() if not any(True for _ in m.children())}
