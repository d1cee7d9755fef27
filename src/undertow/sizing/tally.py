"""Counts what passes by while a network runs on fake tensors: operations, kept values, memory in use, module by module.

Forward work belongs to the innermost module that is running. Backward work belongs to the module during whose run the
autograd node was made: nodes are numbered as they are made, and the numbers at which modules begin and end are noted.
"""

from __future__ import annotations

import weakref
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.autograd import _get_sequence_nr  # type: ignore[attr-defined]
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from undertow.sizing.flops import flops_of
from undertow.sizing.onednn import lstm_workspace

aten: Any = torch.ops.aten


@dataclass
class Counts:
    """What was counted, by the path of a module."""

    forward_flops: Counter[str] = field(default_factory=Counter)
    backward_flops: Counter[str] = field(default_factory=Counter)
    kept_bytes: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    outputs: dict[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    order: dict[str, None] = field(default_factory=dict)


class Memory:
    """Bytes that live at once, by the life of their storages."""

    def __init__(self) -> None:
        self.now = self.peak = 0
        self._known: dict[int, Any] = {}

    def see(self, tensor: Tensor) -> None:
        """A tensor was made: its memory is new, or it is a view of known memory."""
        storage = tensor.untyped_storage()
        key = id(storage)
        known = self._known.get(key)
        if known is not None and known() is storage:
            return
        size = storage.nbytes()
        self._known[key] = weakref.ref(storage, self._leaver(key, size))
        self.now += size
        self.peak = max(self.peak, self.now)

    def _leaver(self, key: int, size: int) -> Callable[[Any], None]:
        def leave(_: Any) -> None:
            self._known.pop(key, None)
            self.now -= size

        return leave


class Tally(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts while it is entered; `counts` and `memory` hold what was found."""

    def __init__(self, network: nn.Module, own: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts, self.memory = Counts(), Memory()
        self._paths = {id(module): path for path, module in network.named_modules()}
        self._own = {id(s): s for s in (t.untyped_storage() for t in own)}  # of weights and buffers
        self._kept: dict[int, Any] = {}
        self._stack = [""]
        self._numbers, self._modules = [0], [""]

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        given = [t for t in tree_leaves((args, named)) if isinstance(t, Tensor)]
        if given and not any(isinstance(t, FakeTensor) for t in given):  # lengths, which are looked at
            with unset_fake_temporarily():
                return op(*args, **named)
        result = op(*args, **named)
        if op is aten.mkldnn_rnn_layer.default:
            result = _with_workspace(args, result)
        node = torch._C._current_autograd_node()
        count = flops_of(op, args, named, result)
        if node is None:
            self.counts.forward_flops[self._stack[-1]] += count
        else:
            self.counts.backward_flops[self._module_of(node)] += count
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and id(tensor.untyped_storage()) not in self._own:
                self.memory.see(tensor)
        return result

    def _module_of(self, node: Any) -> str:
        """During which module's run was this autograd node made?"""
        return self._modules[bisect_right(self._numbers, node._sequence_nr()) - 1]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Follow modules and saved values."""
        before = register_module_forward_pre_hook(self._enter)
        after = register_module_forward_hook(self._leave, always_call=True)
        try:
            with self, saved_tensors_hooks(self._pack, lambda tensor: tensor):
                yield
        finally:
            before.remove()
            after.remove()

    def _enter(self, module: nn.Module, _: Any) -> None:
        self._go(self._paths.get(id(module), self._stack[-1]), deeper=True)
        self.counts.order.setdefault(self._stack[-1])
        self.counts.calls[self._stack[-1]] += 1

    def _leave(self, module: nn.Module, _: Any, output: Any) -> None:
        shapes = tuple(tuple(t.shape) for t in tree_leaves(output) if isinstance(t, Tensor))
        self.counts.outputs[self._stack[-1]] = shapes
        self._go("", deeper=False)

    def _go(self, path: str, deeper: bool) -> None:
        if deeper:
            self._stack.append(path)
        else:
            self._stack.pop()
        self._numbers.append(_get_sequence_nr())
        self._modules.append(self._stack[-1])

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in self._kept and id(storage) not in self._own:
            self._kept[id(storage)] = storage
            self.counts.kept_bytes[self._stack[-1]] += storage.nbytes()
        return tensor


def _with_workspace(args: Any, result: Any) -> Any:
    """oneDNN's LSTM with the workspace that it has in a real run; in training only."""
    x, _, w_h = args[:3]
    training = args[-1]
    if not training:
        return result
    steps, batch, inputs = x.shape
    size = lstm_workspace(steps, batch, inputs, w_h.shape[1])
    return (*result[:3], result[3].new_empty(size, dtype=torch.uint8))
