"""Losses of torch that fit shapes to each other: noted is where the outputs are stretched over a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from undertow.doctor.seen.graph import STRETCHED
from undertow.doctor.seen.patches import Patches

STRETCHING = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


def put_on(patches: Patches) -> None:
    """Begin."""
    for name in STRETCHING:
        patches.hear(torch.nn.functional, name, _stretches)


def _stretches(arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Any], None] | None:
    """A target that is stretched harms none."""
    given = [
        named.get(name, arguments[n] if len(arguments) > n else None)
        for n, name in enumerate(("input", "target"))
    ]
    shapes = [tuple(tensor.shape) for tensor in given if isinstance(tensor, Tensor)]
    if len(shapes) < 2 or shapes[0] == shapes[1]:
        return None

    def after(result: Any) -> None:
        whole = tuple(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]
        if isinstance(result, Tensor) and result.grad_fn is not None and whole != shapes[0]:
            node: Any = result.grad_fn
            node.metadata[STRETCHED] = shapes[0], whole

    return after
