"""One number that is none makes none of all weights. Batches whose loss is none are left out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from undertow.doctor.hand import Arguments, Hand, Stepped
from undertow.doctor.remedy import Remedy
from undertow.flow.nested import mapped, tensors


def apply(hand: Hand, strength: float) -> None:
    """No backward pass and no step for them; where nothing is trained, 0 stands in their place.

    What a network keeps beside its weights (the running statistics of batch norm) is as it was before them, too.
    """
    skipped = [False]
    before: list[tuple[Tensor, Tensor]] = []  # buffers, and what stood in them

    def at_loss(root: Tensor) -> Tensor | None:
        skipped[0] = not bool(root.detach().isfinite().all())
        if skipped[0]:
            hand.did()
            for buffer, old in before:
                buffer.copy_(old)
        before.clear()
        return None if skipped[0] else root

    def before_step(stepped: Stepped) -> None:
        if skipped[0]:
            for parameter in stepped.parameters:  # a script that steps by hand counts on there being one
                parameter.grad = None if stepped.optimizer else torch.zeros_like(parameter)

    def at_call(network: nn.Module, given: Arguments) -> Arguments | None:
        arguments, named = given
        if torch.is_grad_enabled():
            if not all(bool(t.isfinite().all()) for t in tensors(given) if t.is_floating_point()):
                before.extend((b, b.clone()) for b in network.buffers())
            return None
        return mapped(arguments, _filled), mapped(named, _filled)

    hand.at_loss(at_loss)
    hand.before_step(before_step)
    hand.at_call(at_call)


def _filled(tensor: Tensor) -> Tensor:
    return tensor.nan_to_num(0.0, 0.0, 0.0) if tensor.is_floating_point() else tensor


REMEDY = Remedy("Leave these rows out of the data, or fill what is missing in them.", apply)
