"""A model called once more, without a trace: buffers, modes and random generators are put back."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Afterwards the model's buffers and modes, and the generators of torch, numpy and Python, are as before.

    What a forward pass keeps in attributes of its own is not seen.
    """
    buffers = [(m, dict(m._buffers)) for m in model.modules() if not isinstance(m, torch.jit.ScriptModule)]
    modes = {m: m.training for m in model.modules()}
    try:
        for module, held in buffers:
            module._buffers.update({n: b.clone() for n, b in held.items() if b is not None})
        with draws_kept(devices_of(model)):
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for module, held in buffers:
            module._buffers.clear()
            module._buffers.update(held)


@contextmanager
def draws_kept(devices: Sequence[int] = ()) -> Iterator[None]:
    """Afterwards the generators of torch, numpy and Python stand where they stood."""
    python, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)


def devices_of(model: nn.Module) -> list[int]:
    """The numbers of the CUDA devices that hold its parameters."""
    return sorted({p.device.index for p in model.parameters() if p.device.type == "cuda"})


def draws_now(devices: list[int]) -> tuple[Tensor, dict[int, Tensor]]:
    """Where torch's generators stand."""
    return torch.get_rng_state(), {d: torch.cuda.get_rng_state(d) for d in devices}


def draw_from(draws: tuple[Tensor, dict[int, Tensor]]) -> None:
    """Let them stand there again."""
    torch.set_rng_state(draws[0])
    for device, state in draws[1].items():
        torch.cuda.set_rng_state(state, device)
