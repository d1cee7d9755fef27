"""What a net is put together from: its blocks in the order that a row passes them, equal neighbours counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from undertow.blocks.binary import BinaryConv2d, BinaryLinear
from undertow.blocks.convolution import Convolved
from undertow.blocks.dense import DenseBlock, Transition
from undertow.blocks.highway import Highway
from undertow.blocks.norms import BatchNorm, GroupNorm, InstanceNorm, LayerNorm
from undertow.blocks.residual import Residual
from undertow.nets.deep import Normed, Orthogonal, Plain, ResidualLayer

NORMS = (BatchNorm, LayerNorm, InstanceNorm, GroupNorm)
Way = Literal["through", "past", "projected", "gated", "joined"]

WHOLE = (
    Convolved,
    Residual,
    DenseBlock,
    Transition,
    Highway,
    ResidualLayer,
    Plain,
    Normed,
    Orthogonal,
    BinaryConv2d,
    BinaryLinear,
    nn.Conv2d,
    nn.Linear,
    nn.MaxPool2d,
    *NORMS,
)  # are drawn as one; what is in none of them and has no weights is left out


@dataclass(frozen=True)
class Piece:
    """A block, or several alike one after another.

    Args:
        name: what it is, in words.
        shape: of what leaves it, without the batch.
        parameters: of one.
        times: so many in a row.
        way: how what enters reaches what leaves: through the block alone, past it as well, past it by a projection,
            past it as far as a gate says, or joined to all that was before.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    times: int = 1
    way: Way = "through"


def pieces(net: nn.Module, shape: tuple[int, ...]) -> list[Piece]:
    """The blocks of a net of the catalogue, from the input to the scores.

    Args:
        net: whose blocks are asked for; it is run once, in eval mode, on zeros.
        shape: of an input, without the batch.
    """
    leaving: list[tuple[nn.Module, Tensor]] = []
    hooks = [
        block.register_forward_hook(lambda block, _, y: leaving.append((block, y))) for block in _blocks(net)
    ]
    was = net.training
    try:
        with torch.no_grad():
            net.eval()(torch.zeros(1, *shape, device=next(net.parameters()).device))
    finally:
        net.train(was)
        for hook in hooks:
            hook.remove()
    found: list[Piece] = []
    for piece in _in_order(leaving):
        same = found and replace(found[-1], times=1) == piece
        found[-1:] = [replace(found[-1], times=found[-1].times + 1)] if same else [*found[-1:], piece]
    return found


def _in_order(leaving: list[tuple[nn.Module, Tensor]]) -> list[Piece]:
    """A norm that stands alone belongs to the block before it; a mean over places is no module."""
    found: list[Piece] = []
    for block, y in leaving:
        piece, before = _piece(block, tuple(y.shape[1:])), found[-1] if found else None
        if before is not None and isinstance(block, NORMS):
            found[-1] = replace(
                before, name=f"{before.name}, norm", parameters=before.parameters + piece.parameters
            )
            continue
        if before is not None and isinstance(block, nn.Linear) and _is_mean(before.shape, block.in_features):
            found.append(Piece("mean", before.shape[:1], 0))
        found.append(piece)
    return found


def _is_mean(shape: tuple[int, ...], inputs: int) -> bool:
    return len(shape) == 3 and shape[0] == inputs and shape[1] * shape[2] > 1


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        if isinstance(child, WHOLE):
            yield child
        else:
            yield from _blocks(child)


def _piece(block: nn.Module, shape: tuple[int, ...]) -> Piece:
    return Piece(_name(block), shape, sum(p.numel() for p in block.parameters()), 1, _way(block))


def _way(block: nn.Module) -> Way:
    if isinstance(block, Residual):
        return "past" if isinstance(block.shortcut, nn.Identity) else "projected"
    if isinstance(block, ResidualLayer):
        return "past"
    if isinstance(block, Highway):
        return "gated"
    return "joined" if isinstance(block, DenseBlock) else "through"


def _name(block: nn.Module) -> str:
    if isinstance(block, Residual):
        kernels = ", ".join(f"{c.kernel_size[0]}x{c.kernel_size[1]}" for c in _convolutions(block))
        return f"residual {kernels}"
    if isinstance(block, DenseBlock):
        return f"dense, {len(block.layers)} layers"
    if isinstance(block, Convolved):
        return _kernel(block.convolution)
    if isinstance(block, BinaryConv2d):
        return f"binary {_kernel(block)}"
    if isinstance(block, nn.Conv2d):
        return _kernel(block)
    if isinstance(block, NORMS):
        return "norm"
    if isinstance(block, nn.MaxPool2d):
        return f"max {block.kernel_size}x{block.kernel_size}"
    names: dict[type[nn.Module], str] = {
        Transition: "transition",
        Highway: "highway",
        ResidualLayer: "residual",
        Plain: "plain",
        Normed: "normed",
        Orthogonal: "orthogonal",
        BinaryLinear: "binary linear",
        nn.Linear: "linear",
    }
    return names[type(block)]


def _convolutions(block: Residual) -> list[nn.Conv2d]:
    return [c for c in block.convolutions if isinstance(c, nn.Conv2d)]


def _kernel(of: nn.Conv2d) -> str:
    return f"{of.kernel_size[0]}x{of.kernel_size[1]}"
