"""An orthogonal matrix neither shrinks nor stretches what passes it, however often.

It is the one nearest to the script's own start (U Vᵀ of its singular value decomposition, Schönemann 1966), so that a
multiple of the identity becomes the identity, and a random start a random rotation.

Sources: Saxe, McClelland & Ganguli 2014; Le, Jaitly & Hinton 2015 (the identity, for rectifiers).
"""

from __future__ import annotations

import torch
from torch import Tensor

from undertow.doctor.hand import Hand
from undertow.doctor.remedy import Remedy

FLAT = 1e-6  # a smallest singular value of so little of the largest says no direction


def apply(hand: Hand, strength: float) -> None:
    """The recurrent matrices, before the first step."""

    def at_start(parameters: dict[str, Tensor]) -> None:
        for parameter in hand.recurrent(parameters):
            make_orthogonal(parameter, near=True)
            hand.did()

    hand.at_start(at_start)


def make_orthogonal(weight: Tensor, *, near: bool = False) -> None:
    """Every square block, drawn anew or near to what it is; gates stand one after another along the longer axis.

    A vector of rates is left at 1.
    """
    if weight.dim() < 2:
        weight.fill_(1.0)
        return
    axis = 0 if weight.shape[0] >= weight.shape[1] else 1
    for block in torch.split(weight, min(weight.shape[:2]), dim=axis):
        found = _nearest(block) if near else None
        block.copy_(torch.nn.init.orthogonal_(torch.empty_like(block)) if found is None else found)


def _nearest(block: Tensor) -> Tensor | None:
    if not torch.isfinite(block).all():
        return None
    left, sizes, right = torch.linalg.svd(block, full_matrices=False)
    return left @ right if sizes[-1] > FLAT * sizes[0] else None


REMEDY = Remedy(
    "An orthogonal start of the recurrent weights: nn.init.orthogonal_(weight), "
    "or the orthogonal matrix nearest to what they are.",
    apply,
)
