"""Calls of detach that detach nothing: what two remedies share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from undertow.doctor.hand import Hand


def keep_where(hand: Hand, kept: Callable[[Tensor], bool]) -> None:
    """A tensor that `kept` says yes to keeps its graph, while gradients are on."""

    def undone(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def detach(tensor: Tensor) -> Any:
            if not torch.is_grad_enabled() or not kept(tensor):
                return original(tensor)
            hand.did()
            return tensor

        return detach

    hand.instead(torch.Tensor, "detach", undone)
