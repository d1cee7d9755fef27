"""Loops over cells: one module called again and again, each call reading what the call before gave.

Seen by hooks on every module with parameters: a call belongs to the loop of the call before it if its output depends on
that call's output, by autograd's own graph. The outermost such module counts; what it holds is called as often.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from undertow.cells.catalog import snake
from undertow.flow.depth import MODULES
from undertow.flow.guard import Guard
from undertow.flow.nested import tensors
from undertow.flow.records import Time
from undertow.recurrent.recurrent import Recurrent

LEAST = 3  # calls that make a loop
FAR = 500  # nodes of autograd's graph that are looked through for one call's dependence


@dataclass
class Loop:
    """One chain of calls."""

    module: str
    kind: nn.Module
    states: list[tuple[Tensor, ...]]  # what each call gave, with its graph
    fed: set[int] = field(default_factory=set)  # which of that the next call was seen to read
    gradients: dict[tuple[int, int], Tensor] = field(default_factory=dict)  # norms, by call and place

    @property
    def places(self) -> list[int]:
        """Which outputs are state: those handed on, or all where something stands between the calls."""
        return sorted(self.fed) or list(range(len(self.states[0])))

    def fields(self) -> dict[str, list[Tensor]]:
        """Every field of the state, call by call."""
        return {
            name: [s[place] for s in self.states]
            for name, place in zip(self._names(), self.places, strict=True)
        }

    def _names(self) -> list[str]:
        if len(self.places) == 1:
            return ["h"]
        if len(self.places) == 2 and isinstance(self.kind, nn.LSTMCell):
            return ["h", "c"]
        return [f"output {place}" for place in self.places]

    def time(self) -> Time:
        """In numbers."""
        fields = self.fields()
        first = self.states[0][0]
        places = zip(fields, self.places, strict=True)
        return Time(
            module=self.module,
            layer=0,
            direction=0,
            cell=self.cell,
            steps=len(self.states),
            batch=first.shape[0] if first.dim() > 1 else 1,
            gradient={
                name: [float(self.gradients.get((n, place), 0.0)) for n in range(len(self.states))]
                for name, place in places
            },
            state={
                name: [float(torch.linalg.vector_norm(s.detach())) for s in states]
                for name, states in fields.items()
            },
            source="calls",
        )

    @property
    def cell(self) -> str:
        """The module's class, as names of cells are written."""
        return snake(type(self.kind).__name__)


@dataclass
class Loops:
    """Watches a model for loops over its modules through one step."""

    names: dict[nn.Module, str]
    guard: Guard = field(default_factory=Guard)
    chains: dict[nn.Module, list[Loop]] = field(default_factory=dict)
    last: dict[nn.Module, _Last] = field(default_factory=dict)
    handles: list[RemovableHandle] = field(default_factory=list)
    noting: bool = True  # norms of gradients, as they come back

    def listen(self) -> None:
        """Lay the hooks."""
        self.handles = [m.register_forward_hook(self.guard(self._gave), with_kwargs=True) for m in self.names]

    def forget(self) -> None:
        """Let go of all that was seen."""
        self.chains, self.last = {}, {}

    def leave(self) -> None:
        """Take them off."""
        for handle in self.handles:
            handle.remove()
        self.handles = []

    def found(self) -> list[Loop]:
        """The outermost loops; of those side by side with as many calls, the ones that are handed their own output."""
        long = [loop for chain in self.chains.values() for loop in chain if len(loop.states) >= LEAST]
        outer = {loop.module for loop in long}
        long = [loop for loop in long if not any(_within(loop.module, other) for other in outer)]
        handed = {len(loop.states) - seen for loop in long if loop.fed for seen in (0, 1)}
        return [loop for loop in long if loop.fed or len(loop.states) not in handed]

    def backward_over(self) -> None:
        """The graph is gone: no later call depends on what was before it."""
        self.last.clear()

    def times(self) -> tuple[Time, ...]:
        """Loops whose gradient came back."""
        return tuple(loop.time() for loop in self.found() if loop.gradients)

    def _gave(self, module: nn.Module, arguments: Any, named: Any, output: Any) -> Any:
        """Notes the call. An LSTM's h and c are handed on as views: what comes to c through h of the same call is no
        part of c's own gradient then, as in our walks.
        """
        if module not in self.names:  # a replica
            return None
        apart = type(module).forward is nn.LSTMCell.forward
        if apart:
            output = tuple(t.view_as(t) for t in output)
        self._note_call(
            module, (arguments, named), tuple(t for t in tensors(output) if t.grad_fn is not None)
        )
        return output if apart else None

    def _note_call(self, module: nn.Module, read_here: Any, given: tuple[Tensor, ...]) -> None:
        if not given:
            return
        chain, last = self.chains.setdefault(module, []), self.last.get(module)
        self.last[module] = _Last([weakref.ref(t) for t in given], [t.grad_fn for t in given])
        if last is None or len(last.nodes) != len(given):
            return
        read = {id(t) for t in tensors(read_here)}
        before = [ref() for ref in last.tensors]
        fed = {n for n, t in enumerate(before) if t is not None and id(t) in read}
        if not fed and not depends(given, last.nodes):
            return
        if not chain or not last.linked:
            first = tuple(t for t in before if t is not None)
            if len(first) < len(given):  # nobody holds it any more: the loop is seen from here on
                first = ()
            chain.append(Loop(self.names[module], module, [first] if first else []))
            if first and self.noting:
                _note(chain[-1], 0)
        self.last[module].linked = True
        loop = chain[-1]
        loop.fed |= fed
        loop.states.append(given)
        if self.noting:
            _note(loop, len(loop.states) - 1)


@dataclass
class _Last:
    """A module's last call: what it gave, not held, and where that is in autograd's graph."""

    tensors: list[weakref.ref[Tensor]]
    nodes: list[Any]
    linked: bool = False  # to the call before it


def loopable(model: nn.Module) -> dict[nn.Module, str]:
    """Modules with parameters that are no whole walk themselves, by name; none of a net of very many: see `Depth`."""
    if sum(1 for _ in model.modules()) > MODULES:
        return {}
    walks = (Recurrent, nn.RNNBase)
    inside = {inner for m in model.modules() if isinstance(m, walks) for inner in m.modules()}
    return {
        m: name
        for name, m in model.named_modules()
        if m not in inside and next(m.parameters(), None) is not None
    }


def _within(module: str, other: str) -> bool:
    return module != other and (other == "" or module.startswith(other + "."))


def _note(loop: Loop, call: int) -> None:
    gradients = loop.gradients  # not the loop itself, whose states hold the hooks: that would be a cycle
    for place, tensor in enumerate(loop.states[call]):

        def keep(gradient: Tensor | None, key: tuple[int, int] = (call, place)) -> None:
            if gradient is not None:
                gradients[key] = torch.linalg.vector_norm(gradient.detach())

        tensor.register_hook(keep)  # type: ignore[no-untyped-call]


def depends(later: tuple[Tensor, ...], earlier: list[Any]) -> bool:
    """Does autograd's graph lead from what came later to these nodes, of what came earlier?"""
    goals = set(earlier)
    oldest = min(node._sequence_nr() for node in earlier)
    waiting: list[Any] = [t.grad_fn for t in later]
    seen = set(waiting)
    while waiting and len(seen) < FAR:
        node = waiting.pop()
        if node in goals:
            return True
        for after, _ in node.next_functions:
            if after is not None and after not in seen and after._sequence_nr() >= oldest:
                seen.add(after)
                waiting.append(after)
    return False
