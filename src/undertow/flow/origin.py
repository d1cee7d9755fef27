"""The first number that was none: which operation made it, in which module, and from which line.

Every step's calls are remembered by reference. When a gradient is no number, the step's forward pass is made again
with every operation looked at, then its backward pass from the same gradients; both with the same random numbers, the
eager loop instead of kernels, and buffers put back afterwards. An infinity that a mask was filled with is no cause; the
operation that first made a NaN of it is.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from undertow.flow.loops import tensors
from undertow.flow.records import NonFinite
from undertow.recurrent.recurrent import Recurrent

MOST = 64  # calls of a step that are remembered
OUTSIDE = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))  # no line of the user's
CELLS = str(Path(__file__).parents[1] / "cells")
FILLED = ("masked_fill", "full", "fill", "where", "scalar_tensor", "triu", "tril", "copy", "clone")
MODULE = "undertow.module"  # key of a node's own notes
FRAME = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+), in (?P<name>\S+)')
UNWRITTEN = ("empty", "new_empty", "empty_like", "empty_strided", "empty_permuted")


@dataclass
class _Call:
    """One call of the model."""

    arguments: tuple[Any, ...]
    named: dict[str, Any]
    draws: Tensor
    training: bool
    outputs: list[Tensor] = field(default_factory=list)
    gradients: dict[int, Tensor] = field(default_factory=dict)


@dataclass
class Origin:
    """Remembers one step's calls, so that it can be looked at again."""

    model: nn.Module
    calls: list[_Call] = field(default_factory=list)

    def begins(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """A call of the model begins."""
        if len(self.calls) < MOST:
            self.calls.append(_Call(arguments, named, torch.get_rng_state(), self.model.training))

    def ended(self, output: Any) -> None:
        """It gave this."""
        if not self.calls:
            return
        call = self.calls[-1]
        call.outputs = [t for t in tensors(output) if t.requires_grad]
        for place, tensor in enumerate(call.outputs):

            def keep(gradient: Tensor | None, place: int = place) -> None:
                if gradient is not None:  # an operator of its own may leave out what it does not need
                    call.gradients[place] = gradient.detach()

            tensor.register_hook(keep)  # type: ignore[no-untyped-call]

    def forget(self) -> None:
        """The step is over."""
        self.calls.clear()

    def look(self, step: int) -> NonFinite:
        """Which operation was it?"""
        spoilt = next((n for n, p in self.model.named_parameters() if not p.isfinite().all()), None)
        if spoilt is not None:
            return NonFinite("optimizer", spoilt, "", "update", step)
        for call in self.calls:
            with _as_it_was(self.model, call):
                found = _again(self.model, call, step)
            if found is not None:
                return found
        gradients = [g for call in self.calls for g in call.gradients.values()]
        if not gradients or any(
            not g.isfinite().all() for g in gradients
        ):  # all that the model gave was finite
            return NonFinite("loss", "", "", "loss", step)
        return NonFinite("unknown", "", "", "backward", step)


@contextmanager
def _as_it_was(model: nn.Module, call: _Call) -> Iterator[None]:
    """The model's mode and torch's generator as at the call, the eager loop; all put back, buffers too."""
    buffers = {name: b.clone() for name, b in model.named_buffers()}
    training = {m: m.training for m in model.modules()}
    engines = {m: m.stack.engine for m in model.modules() if isinstance(m, Recurrent)}
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.set_rng_state(call.draws)
            for layer in engines:
                layer.set_engine("eager")
            yield
    finally:
        for layer, engine in engines.items():
            layer.set_engine(engine)
        for module, mode in training.items():
            module.training = mode
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])


def _again(model: nn.Module, call: _Call, step: int) -> NonFinite | None:
    modules = _Modules(model)
    finder = _Finder(modules)
    arguments, named = _detached(call.arguments), _detached(call.named)
    with modules.listening(), torch.autograd.set_detect_anomaly(True, check_nan=False), finder:
        output = model(*arguments, **named)
    outputs = [t for t in tensors(output) if t.requires_grad]
    cause = finder.cause([t for t in tensors(output) if t.is_floating_point()])
    if cause is not None:
        return NonFinite(cause.op, cause.module, cause.where, "forward", step)
    if any(not t.isfinite().all() for t in tensors((arguments, named)) if t.is_floating_point()):
        return NonFinite("input", "", "", "input", step)
    sent = [(o, call.gradients[n]) for n, o in enumerate(outputs) if n in call.gradients]
    if not sent or any(not g.isfinite().all() for _, g in sent):
        return None
    parameters = [p for p in model.parameters() if p.requires_grad]
    finder = _Finder(modules, backward=True)
    with finder:
        found = torch.autograd.grad([o for o, _ in sent], parameters, [g for _, g in sent], allow_unused=True)
    cause = finder.cause([g for g in found if g is not None])
    return None if cause is None else NonFinite(cause.op, cause.module, cause.where, "backward", step)


def _detached(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {k: _detached(v) for k, v in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_detached(v) for v in value)
    return value


@dataclass(frozen=True)
class _Cause:
    op: str
    module: str
    where: str


class _Modules:
    """Which module runs now, and which one made a node of autograd's graph?"""

    def __init__(self, model: nn.Module) -> None:
        self.names = {m: name for name, m in model.named_modules()}
        self.running: list[tuple[str, int]] = []  # and autograd's count when it began

    @contextmanager
    def listening(self) -> Iterator[None]:
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


class _Finder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Looks at what every operation gives."""

    def __init__(self, modules: _Modules, backward: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.modules, self.backward = modules, backward
        self.first: _Cause | None = None  # of a NaN
        self.infinite: Any = WeakTensorKeyDictionary()  # where an infinity came from, by tensor

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        name = str(function.overloadpacket.__name__).rstrip("_")
        if self.first is None and name not in UNWRITTEN:
            for tensor in tensors(result):
                if tensor.is_floating_point() and not tensor.isfinite().all():
                    self._spoilt(name, tensor, (args, kwargs or {}))
        return result

    def _spoilt(self, name: str, result: Tensor, inputs: Any) -> None:
        before = [t for t in tensors(inputs) if t is not result and t.is_floating_point()]
        if any(t.isnan().any() for t in before):
            return  # came in from outside: no operation of this pass made it
        known = next((self.infinite[t] for t in before if t in self.infinite), None)
        if result.isnan().any():
            self.first = known or self._here(name)
        elif known is None and not name.startswith(FILLED) and all(t.isfinite().all() for t in before):
            self.infinite[result] = self._here(name)
        elif known is not None:
            self.infinite[result] = known

    def cause(self, ends: list[Tensor]) -> _Cause | None:
        """Of what is wrong with what came out in the end."""
        if all(t.isfinite().all() for t in ends):
            return None
        if self.first is not None:
            return self.first
        return next((self.infinite[t] for t in ends if t in self.infinite), None)

    def _here(self, name: str) -> _Cause:
        if not self.backward:
            stack = traceback.extract_stack(sys._getframe())
            return _Cause(name, self.modules.now, _line_of([(f.filename, f.lineno, f.name) for f in stack]))
        node: Any = torch._C._current_autograd_node()
        if node is None:
            return _Cause(name, "", "")
        found = (FRAME.search(line) for line in node.metadata.get("traceback_", ()))
        then: list[tuple[str, int | None, str]] = [(f["file"], int(f["line"]), f["name"]) for f in found if f]
        return _Cause(node.name(), node.metadata.get(MODULE, ""), _line_of(then))


def _line_of(stack: list[tuple[str, int | None, str]]) -> str:
    """The innermost line that is the user's own, or a cell's, of what runs within the second pass."""
    begin = max(
        (n for n, (file, _, name) in enumerate(stack) if (file, name) == (__file__, "_again")), default=-1
    )
    for file, line, _ in reversed(stack[begin + 1 :]):
        if file.startswith(CELLS) or not file.startswith(OUTSIDE):
            return f"{file}:{line}"
    return ""
