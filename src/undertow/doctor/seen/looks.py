"""What a script looks at without learning from it: losses that were taken without gradients, classes that were counted
right; and the loaders it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler

from undertow.doctor.seen.lines import Line, calling
from undertow.doctor.seen.now import Now
from undertow.doctor.seen.patches import Patches

PLAIN_LOSSES = (
    "cross_entropy",
    "nll_loss",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
)


class HeldOut(NamedTuple):
    """A loss that was taken without gradients."""

    step: int  # optimizer steps before
    value: Tensor
    line: Line
    loader: int  # which loader's batches were asked for last


class Looks:
    """The script's own looks at how it does."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self.held_out: list[HeldOut] = []
        self.right: list[tuple[int, float]] = []  # shares of equal classes, after so many steps
        self.loaders: dict[int, tuple[int | None, bool]] = {}  # batch size, and whether rows are shuffled
        self.asking = False  # the last call of a network was made without gradients
        self._loader = 0  # the last that was asked for batches

    def put_on(self, patches: Patches) -> None:
        """Begin."""
        patches.hear(DataLoader, "__iter__", self._loads)
        for owner, name in ((torch.Tensor, "__eq__"), (torch.Tensor, "eq"), (torch, "eq")):
            patches.hear(owner, name, self._compared)
        for name in PLAIN_LOSSES:
            patches.hear(torch.nn.functional, name, self._plain_loss)

    def _loads(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        loader = arguments[0]
        self._loader = id(loader)
        self.loaders[id(loader)] = loader.batch_size, isinstance(loader.sampler, RandomSampler)

    def _compared(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None] | None:
        """Classes told, against those that are right, while nothing is trained."""
        if not self.asking or torch.is_grad_enabled() or self._now.ours or len(arguments) < 2:
            return None
        if not _classes(*arguments[:2]):
            return None
        step = self._now.number

        def after(result: Any) -> None:
            if isinstance(result, Tensor):
                self.right.append((step, float(result.double().mean())))

        return after

    def _plain_loss(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None] | None:
        if self._now.ours or torch.is_grad_enabled():
            return None
        line, step = calling(), self._now.number
        target = named.get("target", arguments[1] if len(arguments) > 1 else None)
        summed = named.get("reduction") == "sum" and isinstance(target, Tensor)
        count = max(target.numel(), 1) if summed and isinstance(target, Tensor) else 1

        def after(result: Any) -> None:
            if isinstance(result, Tensor):
                self.held_out.append(HeldOut(step, result.detach().mean() / count, line, self._loader))

        return after


def _classes(one: Any, other: Any) -> bool:
    """Two rows of whole numbers?"""
    if not (isinstance(one, Tensor) and isinstance(other, Tensor)):
        return False
    if one.shape != other.shape or one.dim() != 1 or one.numel() < 2:
        return False
    return not (one.is_floating_point() or other.is_floating_point())
