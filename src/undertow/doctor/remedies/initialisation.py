"""Weights whose scale fits the width pass signals and gradients on at the size they came in.

Biases begin at 0, matrices of a recurrence orthogonal. Sources: Glorot & Bengio 2010 (gain 1); He et al. 2015 (gain √2,
for rectifiers); Saxe, McClelland & Ganguli 2014.
"""

from __future__ import annotations

import torch
from torch import Tensor

from undertow.doctor.hand import Hand
from undertow.doctor.remedies.orthogonal import make_orthogonal
from undertow.doctor.remedy import Remedy


def apply(hand: Hand, strength: float) -> None:
    """Before the first step; `strength` is the square of the gain."""
    hand.at_start(lambda parameters: draw(hand, parameters, strength))


def draw(hand: Hand, parameters: dict[str, Tensor], squared_gain: float) -> None:
    """All matrices anew, and biases at 0; what scales a norm has one axis, and is left."""
    for name, parameter in parameters.items():
        last = name.rpartition(".")[2]
        if last.startswith("weight_hh"):
            make_orthogonal(parameter)
        elif parameter.dim() >= 2:
            parameter.copy_(torch.randn_like(parameter) * _scale(parameter, squared_gain))
        elif "bias" in last or last in ("b", "shift"):
            parameter.zero_()
        else:
            continue
        hand.did()


def _scale(weight: Tensor, squared_gain: float) -> float:
    """√(2 g² / (in + out)), whichever of the two comes first."""
    window = weight[0, 0].numel()
    return float((2 * squared_gain / ((weight.shape[0] + weight.shape[1]) * window)) ** 0.5)


REMEDY = Remedy(
    "A start whose scale fits the width: kaiming_normal_ before rectifiers, else xavier_normal_; biases at 0.",
    apply,
    (1.0, 2.0),
    "gain² {}",
)
