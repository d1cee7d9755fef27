"""A state that is never detached drags the graphs of all windows along."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from undertow.doctor.hand import Arguments, Hand, Stepped
from undertow.doctor.remedy import Remedy
from undertow.doctor.seen.lines import names_of_caller
from undertow.flow.nested import mapped, tensors


def apply(hand: Hand, strength: float) -> None:
    """After a step, what the script's variables hold is detached; what a network is handed from before, too."""

    def after_step(stepped: Stepped) -> None:
        for names in names_of_caller():
            for value in list(names.values()):
                for tensor in tensors(_plain(value)):
                    if tensor.grad_fn is not None and not tensor._is_view():
                        tensor.detach_()
                        hand.did()

    def at_call(network: nn.Module, given: Arguments) -> Arguments:
        def fresh(tensor: Tensor) -> Tensor:
            if tensor.grad_fn is None or tensor.grad_fn._sequence_nr() >= hand.seen.books.since:
                return tensor
            hand.did()
            return tensor.detach()

        arguments, named = given
        return mapped(arguments, fresh), mapped(named, fresh)

    hand.after_step(after_step)
    hand.at_call(at_call)


def _plain(value: Any) -> Any:
    """A tensor, or a list, tuple or dict of them; or what a network keeps as plain attributes."""
    if isinstance(value, nn.Module):
        return [v for m in value.modules() for v in vars(m).values() if isinstance(v, Tensor | list | tuple)]
    return value if isinstance(value, Tensor | list | tuple | dict) else ()


REMEDY = Remedy("Detach the state between windows: state = state.detach().", apply)
