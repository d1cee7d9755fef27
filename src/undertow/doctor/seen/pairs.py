"""Puts the target of a loss beside what the network was called with, for the questions that are asked afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from undertow.doctor.seen.batches import Call, Calls, apart, by_network, first_tensor
from undertow.doctor.seen.graph import Graph
from undertow.doctor.seen.lines import Line, calling
from undertow.doctor.seen.loops import asked_by_hand, read_by_steps
from undertow.doctor.seen.losses import HEADS, Loss, targets_of
from undertow.doctor.seen.now import Now
from undertow.doctor.seen.ward import Ward

LEAST = 8  # steps of a loop over raw tensors


class Pairs:
    """Calls of whole networks, and the targets of the losses that read what they gave."""

    def __init__(self, now: Now, ward: Ward) -> None:
        self._now, self._ward = now, ward
        self.calls = Calls()
        self.called: tuple[Any, Line] | None = None  # what a network was called with last
        self._open: list[Call] = []  # since the last backward pass

    def add(self, module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        """A network was called in training."""
        wanted = self.calls.wanted
        self.called = (arguments, named), calling() if wanted else Line()
        if wanted:
            name, step = self._ward.names[module], self._now.number
            call = Call(module, name, step, arguments, named, output, calling())
            self._open.append(call)
            self.calls.add(call)

    def forget(self) -> None:
        """A backward pass whose targets are not wanted."""
        self._open.clear()

    def join(self, graph: Graph, losses: Sequence[Loss]) -> None:
        """What was called since the last backward pass, with the targets of this one."""
        targets = targets_of(losses)
        target = targets[0] if targets else None
        target = next((loss.laid_out for loss in losses if loss.laid_out is not None), target)
        if not self._ward.names and self.calls.wanted:
            self._of_loop(graph, target)
            return
        asked, self._open = self._open, []
        if not asked:
            return
        if target is None:
            target = _of_difference(losses, first_tensor(asked[-1].output))
        if target is None:
            return
        others = targets[1:] if len(targets) <= HEADS else []
        for *_, call in by_network(asked):  # an encoder before its head; the last of several windows
            call.target, call.others = apart(target), tuple(map(apart, others))

    def _of_loop(self, graph: Graph, target: Tensor | None) -> None:
        """Of a loop over raw tensors the graph knows the inputs, and the target of a loss that is written by hand."""
        read = read_by_steps(graph, LEAST)
        target = asked_by_hand(graph) if target is None and read is not None else target
        if read is not None and target is not None:
            call = Call(self._ward, "the loop", self._now.number, (read[0],), {}, None, calling())
            self.calls.add_raw(call, read[1])
            call.target = target.detach().clone()


def _of_difference(losses: Sequence[Loss], output: Tensor | None) -> Tensor | None:
    """Where a loss knows only how far the output was from it."""
    difference = next((loss.difference for loss in losses if loss.difference is not None), None)
    if difference is None or output is None or output.numel() != difference.numel():
        return None
    return output.detach().reshape(difference.shape) - difference.detach()
