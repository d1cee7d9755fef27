"""A row that is not the next piece of the one before it must not begin with that one's state."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from undertow.doctor.hand import Arguments, Hand
from undertow.doctor.remedy import Remedy
from undertow.doctor.seen.lines import calling_past_us
from undertow.flow.nested import mapped, tensors


def apply(hand: Hand, strength: float) -> None:
    """What a network gave before is 0 when it is handed back, and so is state that the script detaches."""
    gave: dict[nn.Module, list[Tensor]] = {}

    def at_call(network: nn.Module, given: Arguments) -> Arguments | None:
        if not torch.is_grad_enabled():
            return None
        if network not in gave:
            gave[network] = []
            network.register_forward_hook(lambda _, __, output: gave.update({network: _floats(output)}))

        def fresh(tensor: Tensor) -> Tensor:
            within = tensor.grad_fn is not None and tensor.grad_fn._sequence_nr() >= hand.seen.books.since
            if within or not any(tensor.shape == t.shape and torch.equal(tensor, t) for t in gave[network]):
                return tensor
            hand.did()
            return torch.zeros_like(tensor)

        arguments, named = given
        return mapped(arguments, fresh), mapped(named, fresh)

    def forgetting(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def detach(tensor: Tensor) -> Any:
            found = original(tensor)
            if (
                tensor.grad_fn is None
                or tensor.dim() < 2
                or not torch.is_grad_enabled()
                or not calling_past_us()
            ):
                return found
            hand.did()
            return torch.zeros_like(found)

        return detach

    hand.at_call(at_call)
    hand.instead(torch.Tensor, "detach", forgetting)


def _floats(output: Any) -> list[Tensor]:
    return [t.detach() for t in tensors(output) if t.is_floating_point() and t.numel() > 1]


REMEDY = Remedy("Begin every batch with fresh state.", apply)
