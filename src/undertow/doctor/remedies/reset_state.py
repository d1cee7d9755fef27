"""A row that is not the next piece of the one before it must not begin with that one's state."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from undertow.doctor.hand import Arguments, Hand
from undertow.doctor.remedy import Remedy
from undertow.doctor.seen.lines import Line, calling_past_us
from undertow.flow.nested import mapped, tensors


def apply(hand: Hand, strength: float) -> None:
    """What a network gave before is 0 when it is handed back, and so is state that the script detaches.

    While it is measured, too, for a network that has learned from fresh state was never shown another: there the calls
    that look like those of training, and the lines that detached then. A string that is drawn step by step keeps its
    state.
    """
    gave: dict[nn.Module, list[Tensor]] = {}
    shapes: dict[nn.Module, set[tuple[int, ...]]] = {}
    lines: set[Line] = set()

    def at_call(network: nn.Module, given: Arguments) -> Arguments | None:
        arguments, named = given
        shape = _shape(arguments)
        if torch.is_grad_enabled():
            shapes.setdefault(network, set()).add(shape)
        elif not any(_alike(shape, known) for known in shapes.get(network, ())):
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

        return mapped(arguments, fresh), mapped(named, fresh)

    def forgetting(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def detach(tensor: Tensor) -> Any:
            found, line = original(tensor), calling_past_us()
            learning = torch.is_grad_enabled()
            if tensor.dim() < 2 or not line or (tensor.grad_fn is None if learning else line not in lines):
                return found
            if learning:
                lines.add(line)
            hand.did()
            return torch.zeros_like(found)

        return detach

    hand.at_call(at_call)
    hand.instead(torch.Tensor, "detach", forgetting)


def _shape(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(arguments[0].shape) if arguments and isinstance(arguments[0], Tensor) else ()


def _alike(shape: tuple[int, ...], known: tuple[int, ...]) -> bool:
    """But for one size, of the batch, that is not 1."""
    if len(shape) != len(known):
        return False
    other = [n for n, m in zip(shape, known, strict=True) if n != m]
    return len(other) <= 1 and 1 not in other


def _floats(output: Any) -> list[Tensor]:
    return [t.detach() for t in tensors(output) if t.is_floating_point() and t.numel() > 1]


REMEDY = Remedy("Begin every batch with fresh state.", apply)
