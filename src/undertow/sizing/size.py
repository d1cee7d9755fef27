"""`undertow.size`: run a network once on tensors that have shapes and no memory, and count."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensorMode,
    UnsupportedOperatorException,
)
from torch.func import functional_call
from torch.nn.utils.rnn import PackedSequence
from torch.utils._pytree import tree_leaves, tree_map

from undertow.errors import SettingError, ShapeError
from undertow.sizing.sizes import OPTIMIZERS, Row, Sizes
from undertow.sizing.tally import Tally

Input = Any  # a tensor, a shape, or what the network takes


def size(network: nn.Module, *inputs: Input, optimizer: str = "adam") -> Sizes:
    """What will a network cost, before a step of it is taken?

    It runs once, forward and backward, on tensors that have a shape and no memory, as on a CPU: nothing is allocated,
    whatever its size, weights that lie on the device `meta` included. FLOPs are those of matrix products and
    convolutions, 2 for a multiply-add; biases, pointwise work and norms are not counted, as is usual.

    Args:
        network: in the mode it is to be sized in; without anything to train, only forward is counted.
        inputs: what it takes: tensors, or shapes like (32, 3, 224, 224), floating point unless the network begins
            with an embedding.
        optimizer: none, sgd, momentum, rmsprop, adagrad, adam or adamw.

    Returns:
        A row for each module, with its own part, and what all of them cost together.

    Raises:
        SettingError: no such optimizer; or the network looks at numbers to decide what to do.
        ShapeError: the network refuses an input of this shape.
    """
    if optimizer not in OPTIMIZERS:
        raise SettingError(f"size: no optimizer {optimizer!r}. Known: {', '.join(OPTIMIZERS)}.")
    trained = any(p.requires_grad for p in network.parameters())
    training = _counted(network, inputs, backward=trained)
    inference = _counted(network, inputs, backward=False)
    return _record(network, inputs, optimizer, training, inference)


def _counted(network: nn.Module, inputs: Sequence[Input], backward: bool) -> Tally:
    with FakeTensorMode(allow_non_fake_inputs=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a run would say, a run will say
        tensors = _weights(network)
        given = tuple(_input(network, one) for one in inputs)
        tally = Tally(network, tensors.values())
        for tensor in tree_leaves(given):
            if isinstance(tensor, Tensor):
                tally.memory.see(tensor)
        with tally.listening(), torch.set_grad_enabled(backward):
            result = _run(network, tensors, given)
            if backward:
                _backward(result)
        return tally


def _weights(network: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers without memory; what is shared stays shared."""
    known: dict[int, Tensor] = {}

    def without_memory(tensor: Tensor) -> Tensor:
        if id(tensor) not in known:
            like = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cpu")
            known[id(tensor)] = like.requires_grad_(tensor.requires_grad)
        return known[id(tensor)]

    named = [
        *network.named_parameters(remove_duplicate=False),
        *network.named_buffers(remove_duplicate=False),
    ]
    return {name: without_memory(tensor) for name, tensor in named}


def _input(network: nn.Module, given: Input) -> Any:
    if isinstance(given, tuple | list | torch.Size) and all(isinstance(n, int) for n in given):
        try:
            return torch.empty(tuple(given), dtype=_input_dtype(network))
        except (RuntimeError, TypeError) as error:  # more bytes than can be counted
            raise ShapeError(f"size: an input of shape {tuple(given)} is too large to be counted.") from error

    def without_memory(part: Any) -> Any:
        if not isinstance(part, Tensor) or (
            part.dim() < 2 and part.dtype == torch.int64
        ):  # lengths are looked at
            return part
        like = torch.empty_strided(part.shape, part.stride(), dtype=part.dtype, device="cpu")
        return like.requires_grad_(part.requires_grad)

    if isinstance(given, PackedSequence):
        return given._replace(data=without_memory(given.data))
    return tree_map(without_memory, given)


def _input_dtype(network: nn.Module) -> torch.dtype:
    """Whole numbers for a network that begins with an embedding, else the dtype of its weights."""
    leaves = [m for m in network.modules() if not list(m.children())]
    if leaves and isinstance(leaves[0], nn.Embedding | nn.EmbeddingBag):
        return torch.int64
    return next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.get_default_dtype())


def _run(network: nn.Module, tensors: dict[str, Tensor], given: tuple[Any, ...]) -> Any:
    name = type(network).__name__
    try:
        return functional_call(network, tensors, given)
    except (DataDependentOutputException, UnsupportedOperatorException) as error:
        raise SettingError(
            f"size: {name} looks at numbers while it runs ({str(error).splitlines()[0]}), and without memory there are "
            f"none. Size the part of it that does not."
        ) from error
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        shapes = ", ".join(str(tuple(t.shape)) for t in tree_leaves(given) if isinstance(t, Tensor))
        raise ShapeError(
            f"size: {name} does not take an input of shape {shapes}: {str(error).splitlines()[0]}"
        ) from error


def _backward(result: Any) -> None:
    outputs = [t for t in tree_leaves(result) if isinstance(t, Tensor) and t.requires_grad]
    torch.autograd.backward(outputs, [torch.empty_like(t) for t in outputs])


def _record(
    network: nn.Module, inputs: Sequence[Input], optimizer: str, tally: Tally, inference: Tally
) -> Sizes:
    counts = tally.counts
    seen: set[int] = set()
    rows = []
    for path, module in network.named_modules():
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen |= {id(p) for p in own}
        rows.append(
            Row(
                path, type(module).__name__,
                output=counts.outputs.get(path, ()),
                calls=counts.calls[path],
                parameters=sum(p.numel() for p in own),
                trained=sum(p.numel() for p in own if p.requires_grad),
                weight_bytes=sum(p.numel() * p.element_size() for p in own),
                forward_flops=counts.forward_flops[path],
                backward_flops=counts.backward_flops[path],
                kept_bytes=counts.kept_bytes[path],
            )
        )  # fmt: skip
    weights = sum(row.weight_bytes for row in rows)
    gradients = sum(p.numel() * p.element_size() for p in network.parameters() if p.requires_grad)
    state = gradients * OPTIMIZERS[optimizer]
    buffers = sum(b.numel() * b.element_size() for b in network.buffers())
    given = tuple(tuple(t.shape) for t in tree_leaves(list(inputs)) if isinstance(t, Tensor)) or tuple(
        tuple(i) for i in inputs
    )
    base = weights + buffers
    return Sizes(
        tuple(rows), given, optimizer, buffers, gradients, state,
        base + state + tally.memory.peak, base + inference.memory.peak,
    )  # fmt: skip
