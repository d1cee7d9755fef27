"""A state that is detached at every step takes no gradient back; detached once a window it does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy
from undertow.doctor.seen.lines import calling_past_us


def apply(hand: Hand, strength: float) -> None:
    """What was made since the last step keeps its graph."""

    def within(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def detach(tensor: Tensor) -> Any:
            fresh = tensor.grad_fn is not None and tensor.grad_fn._sequence_nr() >= hand.seen.since
            if fresh and tensor.dim() and torch.is_grad_enabled() and calling_past_us():
                hand.did()
                return tensor
            return original(tensor)

        return detach

    hand.instead(torch.Tensor, "detach", within)


REMEDY = Remedy("Detach the state once a window, not at every step.", apply)
