"""Depth: what comes out of every module, and the gradient that comes back to it.

Hooks are laid on modules that hold no others, for the length of one measured step, and taken off again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from undertow.flow.guard import Guard
from undertow.flow.records import Point
from undertow.flow.sampled import few, lengths, measurable, seen

FLAT = 0.03  # as near to a flat end counts as saturated
PLACES = 1 << 17  # numbers that are looked at for dead units, or somewhat more
MODULES = 8_000  # that are watched; of more, evenly chosen ones: torch frees a chain of seen nodes by recursion, and
# a process ends at some fifty thousand (8 MB of stack)
FEW = 8  # rows of a batch are looked at where there are as many
CHANNELS_FIRST = frozenset(
    [f"{kind}{n}d" for kind in ("Conv", "ConvTranspose", "BatchNorm", "InstanceNorm") for n in (1, 2, 3)]
    + ["GroupNorm", "MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d"]
)
RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Threshold)
ENDS: dict[type[nn.Module], tuple[float, float]] = {
    nn.Tanh: (-1.0, 1.0),
    nn.Sigmoid: (0.0, 1.0),
    nn.Hardtanh: (-1.0, 1.0),
    nn.Hardsigmoid: (0.0, 1.0),
    nn.Softsign: (-1.0, 1.0),
}


@dataclass(slots=True)
class _Seen:
    """One call, until its gradient has come."""

    module: str
    kind: str
    call: int
    size: int
    sampled: int
    norm: float
    shares: dict[str, float]  # dead, saturated
    gradient: float | None = None

    def point(self) -> Point:
        """In numbers."""
        dead, saturated = self.shares.get("dead"), self.shares.get("saturated")
        return Point(
            self.module, self.kind, self.call, self.size, self.norm, self.gradient, dead, saturated, self.sampled
        )  # fmt: skip


@dataclass
class Depth:
    """Watches the modules of one model through one step."""

    names: dict[nn.Module, str]
    exact: bool = True  # norms are of all numbers
    guard: Guard = field(default_factory=Guard)
    seen: list[_Seen] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    handles: list[RemovableHandle] = field(default_factory=list)

    def listen(self) -> None:
        """Lay the hooks."""
        every = -(-len(self.names) // MODULES)
        watched = list(self.names)[::every]
        self.handles = [module.register_forward_hook(self.guard(self._came_out)) for module in watched]

    def forget(self) -> None:
        """Let go of all that was seen."""
        self.seen = []

    def leave(self) -> None:
        """Take them off."""
        for handle in self.handles:
            handle.remove()
        self.handles = []

    def points(self) -> tuple[Point, ...]:
        """What was seen, in the order in which it ran."""
        return tuple(one.point() for one in self.seen)

    def _came_out(self, module: nn.Module, _: Any, output: Any) -> None:
        tensor = output if isinstance(output, Tensor) else first_tensor(output)
        if tensor is None or not tensor.is_floating_point() or not tensor.numel():
            return
        name = self.names.get(module)
        if name is None:  # a replica of a module
            return
        plain = tensor.detach()
        (norm,) = lengths([plain], whole=self.exact)
        one = _Seen(
            name,
            type(module).__name__,
            self.calls[name],
            plain.numel(),
            seen(plain, self.exact),
            norm,
            self._shares(module, plain),
        )
        self.calls[name] += 1
        self.seen.append(one)
        if tensor.requires_grad:
            tensor.register_hook(_noter(one, self.exact))  # type: ignore[no-untyped-call]

    def _shares(self, module: nn.Module, output: Tensor) -> dict[str, float]:
        if isinstance(module, RECTIFIERS):
            by_channel = bool(self.seen) and self.seen[-1].kind in CHANNELS_FIRST
            return {"dead": dead_share(output, by_channel)}
        if type(module) in ENDS:
            return {"saturated": saturated_share(few(output), *_ends(module))}
        return {}


def _noter(one: _Seen, exact: bool) -> Callable[[Tensor | None], None]:
    def note(gradient: Tensor | None) -> None:
        if gradient is not None:
            (one.gradient,) = lengths([gradient], whole=exact)

    return note


def _ends(module: nn.Module) -> tuple[float, float]:
    if isinstance(module, nn.Hardtanh):
        return float(module.min_val), float(module.max_val)
    return ENDS[type(module)]


def dead_share(output: Tensor, by_channel: bool) -> float:
    """Share of units that are zero for the whole batch: channels of [B, C, ...] behind convolutions, else features.

    Of large outputs every so many rows are looked at, at least a few.
    """
    shape = output.shape
    channels = by_channel and len(shape) > 2
    units = shape[1] if channels else shape[-1] if shape else 1
    places = math.prod(shape[2:]) if channels else 1
    rows = output.numel() // (units * places)
    step = max(1, min(-(-output.numel() // PLACES), rows // FEW))
    if measurable(output):
        from undertow.compiler.alive import highest

        pitch = step * units * places
        return highest(output.data_ptr(), -(-rows // step), pitch, units, places).count(0.0) / units
    some = output.reshape(rows, units, places)[::step]
    return float((some.amax((0, 2)) <= 0).double().mean())


def saturated_share(some: Tensor, low: float, high: float) -> float:
    """Share of numbers within `FLAT` of an end of the range."""
    border = FLAT * (high - low)
    return float(((some <= low + border) | (some >= high - border)).double().mean())


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
    """Modules that hold no other, by name; the model itself, if it holds none.

    One whose parts are never called, as attention's, or whose weight is computed, counts as one that holds none.
    """
    found: dict[nn.Module, str] = {}
    inside: set[nn.Module] = set()
    for name, module in model.named_modules():
        if module in inside:
            continue
        whole = isinstance(module, nn.MultiheadAttention) or hasattr(module, "parametrizations")
        if whole:
            inside |= set(module.modules()) - {module}
        if whole or next(module.children(), None) is None:
            found[module] = name
    return found
