"""Looks at what every operation of a pass gives, and finds the one that made the first number that is none.

An infinity that a mask was filled with is no cause; the operation that first made a NaN of it is.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from undertow.flow.nested import dense, tensors

PACKAGE = Path(__file__).parents[1]
OUTSIDE = (f"{Path(torch.__file__).parent}{os.sep}", f"{PACKAGE}{os.sep}")  # no line of the user's
CELLS = f"{PACKAGE / 'cells'}{os.sep}"
FILLED = ("masked_fill", "full", "fill", "where", "scalar_tensor", "triu", "tril", "copy", "clone")
UNWRITTEN = ("empty", "new_empty", "empty_like", "empty_strided", "empty_permuted")
MODULE = "undertow.module"  # key of a node's own notes
FRAME = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+), in (?P<name>\S+)')
BEGIN = "pass_again"  # the function whose frames, and all further out, are no part of the pass


@dataclass(frozen=True)
class Cause:
    """One operation."""

    op: str
    module: str
    where: str


def finite(tensor: Tensor) -> bool:
    """Is every number one?"""
    plain = dense(tensor)
    return not plain.is_floating_point() or bool(plain.isfinite().all())


class Modules:
    """Which module runs now, and which one made a node of autograd's graph?"""

    def __init__(self, model: nn.Module) -> None:
        self.names = {m: name for name, m in model.named_modules()}
        self.running: list[tuple[str, int]] = []  # and autograd's count when it began

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Follow every call."""
        handles = []
        for module in self.names:
            handles.append(module.register_forward_pre_hook(self._begins))
            handles.append(module.register_forward_hook(self._ended, always_call=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @property
    def now(self) -> str:
        """The innermost that runs."""
        return self.running[-1][0] if self.running else ""

    def _begins(self, module: nn.Module, _: Any) -> None:
        self.running.append((self.names[module], torch._C._autograd._get_sequence_nr()))

    def _ended(self, module: nn.Module, _: Any, output: Any) -> None:
        name, oldest = self.running.pop()
        waiting: list[Any] = [t.grad_fn for t in tensors(output) if t.grad_fn is not None]
        while waiting:
            node = waiting.pop()
            if node._sequence_nr() >= oldest and MODULE not in node.metadata:
                node.metadata[MODULE] = name
                waiting += [after for after, _ in node.next_functions if after is not None]


class Finder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Entered for the length of a pass; `cause` tells afterwards."""

    def __init__(self, modules: Modules, backward: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.modules, self.backward = modules, backward
        self.first: Cause | None = None  # of a NaN
        self.infinite: Any = WeakTensorKeyDictionary()  # where an infinity came from, by tensor

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if self.first is not None:
            return function(*args, **named)
        before = [
            t for t in tensors((args, named)) if not finite(t)
        ]  # looked at before, for it may be written over
        spoilt = any(bool(dense(t).isnan().any()) for t in before)
        result = function(*args, **named)
        name = str(function.overloadpacket.__name__).rstrip("_")
        if name not in UNWRITTEN and not spoilt:  # what came in spoilt was made by no operation of this pass
            for tensor in tensors(result):
                if not finite(tensor):
                    self._spoilt(name, tensor, before)
        return result

    def _spoilt(self, name: str, result: Tensor, before: list[Tensor]) -> None:
        known = next((self.infinite[t] for t in before if t in self.infinite), None)
        if dense(result).isnan().any():
            self.first = known or self._here(name)
        elif known is not None:
            self.infinite[result] = known
        elif not before and not name.startswith(FILLED):
            self.infinite[result] = self._here(name)

    def cause(self, ends: list[Tensor]) -> Cause | None:
        """Of what is wrong with what came out in the end."""
        if all(finite(t) for t in ends):
            return None
        if self.first is not None:
            return self.first
        return next((self.infinite[t] for t in ends if t in self.infinite), None)

    def _here(self, name: str) -> Cause:
        if not self.backward:
            stack = traceback.extract_stack(sys._getframe())
            return Cause(name, self.modules.now, _line_of([(f.filename, f.lineno, f.name) for f in stack]))
        node: Any = torch._C._current_autograd_node()
        if node is None:
            return Cause(name, "", "")
        found = (FRAME.search(line) for line in node.metadata.get("traceback_", ()))
        then: list[tuple[str, int | None, str]] = [(f["file"], int(f["line"]), f["name"]) for f in found if f]
        return Cause(node.name(), node.metadata.get(MODULE, ""), _line_of(then))


def _line_of(stack: list[tuple[str, int | None, str]]) -> str:
    """The innermost line that is the user's own, or a cell's, of what runs within the second pass."""
    begin = max((n for n, (_, _, name) in enumerate(stack) if name == BEGIN), default=-1)
    for file, line, _ in reversed(stack[begin + 1 :]):
        if file.startswith(CELLS) or not file.startswith(OUTSIDE):
            return f"{file}:{line}"
    return ""
