"""How weights start: what decides whether the first gradients live.

Every function draws from torch's global generator. Stacked gates are blocks of H rows.
Axes: I input features, H hidden units, G gates.

Sources: orthogonal, Saxe et al. 2014; identity for ReLU, Le, Jaitly & Hinton 2015; forget bias, Gers et
al. 2000 and Jozefowicz et al. 2015; chrono, Tallec & Ollivier 2018; glorot, Glorot & Bengio 2010.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from undertow.errors import SettingError


def orthogonal(hidden: int, gates: int = 1) -> Tensor:
    """[G·H, H]: each gate's block is orthogonal, so a linear step keeps every length."""
    blocks = [torch.nn.init.orthogonal_(torch.empty(hidden, hidden)) for _ in range(gates)]
    return torch.cat(blocks)


def identity(hidden: int, gates: int = 1) -> Tensor:
    """[G·H, H]: each gate's block is the identity; with ReLU, the IRNN."""
    return torch.eye(hidden).repeat(gates, 1)


def uniform(hidden: int, gates: int = 1) -> Tensor:
    """[G·H, H], uniform in ±1/√H, as torch.nn's recurrent layers start."""
    bound = 1 / math.sqrt(hidden)
    return torch.empty(gates * hidden, hidden).uniform_(-bound, bound)


RECURRENT: dict[str, Callable[[int, int], Tensor]] = {
    "orthogonal": orthogonal,
    "identity": identity,
    "uniform": uniform,
}


def recurrent(how: str, hidden: int, gates: int = 1) -> Tensor:
    """[G·H, H] by name: orthogonal, identity or uniform.

    Raises:
        SettingError: no such start.
    """
    if how not in RECURRENT:
        raise SettingError(f"init_recurrent must be one of {', '.join(RECURRENT)}, got {how!r}.")
    return RECURRENT[how](hidden, gates)


def glorot(rows: int, columns: int, gates: int = 1) -> Tensor:
    """[G·rows, columns]: each gate's block uniform in ±√(6 / (rows + columns))."""
    bound = math.sqrt(6 / (rows + columns))
    return torch.empty(gates * rows, columns).uniform_(-bound, bound)


def gate_bias(hidden: int, gates: int, values: Mapping[int, float]) -> Tensor:
    """[G·H] of zeros, but for the gates named by index in `values`."""
    bias = torch.zeros(gates, hidden)
    for gate, value in values.items():
        bias[gate] = value
    return bias.flatten()


def chrono(hidden: int, longest: int) -> Tensor:
    """[H] forget biases log(U(1, longest − 1)): units that remember from 1 to `longest` steps.

    The input gate's bias is its negative where input and forget gates are separate.

    Raises:
        SettingError: `longest` is below 3 steps.
    """
    if longest < 3:
        raise SettingError(f"chrono needs the longest dependency in steps, at least 3, got {longest}.")
    return torch.empty(hidden).uniform_(1, longest - 1).log()
