"""What a step of training keeps of a batch until its gradients are taken; asked before anything is trained.

A net of images holds few weights and many maps: at 512 x 512 places a batch of 64 fills a machine that its weights
would not. The net runs forward once without memory (on the device `meta`), and what autograd would keep is summed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from undertow.compiler.precision import resolved
from undertow.errors import SettingError
from undertow.training.run import memory_bytes


def kept_bytes(net: nn.Module, *inputs: Tensor) -> int:
    """Of what is kept between forward and backward, without the weights; net and inputs lie on `meta`."""
    return kept_in(lambda: net(*inputs), net)


def kept_in(forward: Callable[[], object], net: nn.Module) -> int:
    """The same of any piece of work with the net."""
    kept: dict[int, Tensor] = {}  # held, so that no storage's number is given twice

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        forward()
    weights = {p.untyped_storage()._cdata for p in net.parameters()}
    return sum(t.untyped_storage().nbytes() for at, t in kept.items() if at not in weights)


def rounded(kept: int, precision: str) -> int:
    """Where maps round, half of it at least."""
    return kept // 2 if resolved(precision) == "bfloat16" else kept


def check_step(kept: int, batch: int, shape: tuple[int, ...]) -> None:
    """Refuse batches of which one step would not fit into memory.

    Raises:
        SettingError: says how large it would be.
    """
    memory = memory_bytes()
    if memory is not None and kept > memory:
        wide = "x".join(map(str, shape[1:]))
        raise SettingError(
            f"A step of {batch} images of {wide} needs about {kept / 2**30:,.0f} GiB for what the net keeps of them, "
            f"and this machine has {memory / 2**30:.0f}. Take a smaller --batch or --width, or smaller images."
        )


def without_memory(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """An input that has a shape only."""
    return torch.empty(shape, dtype=dtype, device="meta")
