"""Where a tensor is detached, nothing before it learns."""

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
    """The line that was named detaches nothing any more."""
    place = hand.line

    def kept(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def detach(tensor: Tensor) -> Any:
            if torch.is_grad_enabled() and place and calling_past_us() == place:
                hand.did()
                return tensor
            return original(tensor)

        return detach

    hand.instead(torch.Tensor, "detach", kept)


REMEDY = Remedy("Take out the detach (or .data, .item(), no_grad) between this part and the loss.", apply)
