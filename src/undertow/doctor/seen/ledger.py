"""Keeps one optimizer's book: what happened between two of its steps, judged by the state of its gradients alone.

However gradients are cleared, by hand or by a call, what counts is whether they are there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer

from undertow.doctor.seen.lines import Line
from undertow.doctor.seen.scaled import Noted, Scaled
from undertow.doctor.seen.step import Clip, Step
from undertow.flow.nested import dense
from undertow.flow.sampled import few, lengths

FIRST, EVERY = 24, 25  # steps that are looked at
MANY = 10_000  # backward passes of one step; an optimizer that is not used any more takes none
MOVED = 8  # steps of which is noted how far each parameter moved


@dataclass
class Ledger:
    """Of one optimizer, or of parameters that are stepped by hand."""

    place: int
    parameters: list[Tensor]
    optimizer: Optimizer | None = None
    taken: int = 0
    open: Step | None = None
    left: list[Tensor] = field(
        default_factory=list
    )  # gradients as the last step left them, some numbers of each
    before: list[Tensor] = field(default_factory=list)
    arrived: bool = False  # a backward pass has given a gradient since the last step
    came: Noted | None = None  # gradients as a backward pass gave them
    stayed: tuple[Step, Noted] | None = None  # as the last step left them
    began: float = field(default_factory=time.perf_counter)

    @property
    def looks(self) -> bool:
        """Is this step looked at?"""
        return self.taken < FIRST or self.taken % EVERY == 0

    def current(self) -> Step:
        """The step that is being made."""
        if self.open is None:
            self.open = Step(0, self.place)
        return self.open

    def backward_begins(self, loss: Tensor | None, adds: bool = True) -> None:
        """Note the loss, and whether gradients of the last step are still there, where new ones are added to them."""
        step = self.current()
        if loss is not None and len(step.losses) < MANY:
            step.losses.append(loss)
        self._scaled_late(step)
        if not self.looks or not adds:
            return
        if step.carried is None and self.left:
            step.carried = self._still_there()
        elif step.carried and not any(bool(few(g).any()) for g in self._gradients()):
            step.carried = False  # another player's pass had come before they were cleared

    def backward_ended(self) -> None:
        """Did a gradient come?"""
        if self.looks and not self.arrived:
            self.arrived = any(bool(few(g).any()) for g in self._gradients())
        self.came = Noted.of(self.parameters) if self.looks else None

    def _scaled_late(self, step: Step) -> None:
        """Has somebody scaled the gradients since the last step, whom no call of torch's told of?"""
        if self.stayed is None:
            return
        (last, noted), self.stayed = self.stayed, None
        factor = noted.since()
        if factor is not None and last.gradient is not None and not any(c.late for c in step.clips):
            last.scaled_late = Scaled(factor, factor * last.gradient)

    def clipped(self, clip: Clip) -> None:
        """Somebody clips."""
        self.current().clips.append(clip)

    def step_begins(self) -> None:
        """Note lengths, while weights are as they were."""
        step = self.current()
        if not self.looks:
            return
        gradients = self._gradients()
        step.gradient = _length(gradients)
        factor = self.came.now() if self.came is not None and not step.clips else None
        if factor is not None:
            step.scaled = Scaled(factor, step.gradient)
        step.wiped = self.arrived and not any(bool(few(g).any()) for g in gradients)
        parameters = [p.detach() for p in self.parameters]
        step.weight = _length(parameters)
        self.before = [few(p).clone() for p in parameters]
        self.left = [few(g).clone() for g in gradients[:8]]

    def step_ended(self, number: int, line: Line) -> Step:
        """Close it."""
        step = self.current()
        step.number, step.line = number, line
        if self.optimizer is not None:
            step.rates = tuple(float(g.get("lr", 0.0)) for g in self.optimizer.param_groups)
        if self.looks and self.before:
            self._note_update(step)
        if not self.looks:
            self.left = []
        elif self.optimizer is not None:  # one may change them, by decay say
            self.left = [few(g).clone() for g in self._gradients()[:8]]
        self.stayed = (step, Noted.of(self.parameters)) if self.looks and self.optimizer is not None else None
        now = time.perf_counter()
        step.seconds, self.began = now - self.began, now
        self.open, self.before, self.arrived, self.came = None, [], False, None
        self.taken += 1
        return step

    def _note_update(self, step: Step) -> None:
        pairs = [(p, b) for p, b in zip(self.parameters, self.before, strict=True)]
        moves = [few(p.detach()) - b for p, b in pairs]
        scales = [p.numel() / max(b.numel(), 1) for p, b in pairs]
        step.update = (
            sum(float(m.double().square().sum()) * s for m, s in zip(moves, scales, strict=True)) ** 0.5
        )
        if self.taken < MOVED:
            step.moved = {
                id(p): float(m.double().norm()) / max(float(b.double().norm()), 1e-12)
                for (p, b), m in zip(pairs, moves, strict=True)
            }
        alike = [
            (m, g)
            for p, m in zip(self.parameters, moves, strict=True)
            if (g := p.grad) is not None and _laid_alike(p, g)
        ]
        known = [(m, few(g.detach())) for m, g in alike]
        along = sum(float((m.double() * g.double()).sum()) for m, g in known)
        sizes = (
            [sum(float(t.double().square().sum()) for t in side) for side in zip(*known, strict=True)]
            if known
            else []
        )
        if sizes and all(0 < s < float("inf") for s in sizes):
            step.along = along / (sizes[0] * sizes[1]) ** 0.5

    def _still_there(self) -> bool:
        now = [few(g) for g in self._gradients()[:8]]
        pairs = [(a, b) for a, b in zip(now, self.left, strict=False) if a.shape == b.shape]
        same = [torch.equal(a.nan_to_num(), b.nan_to_num()) and bool(a.any()) for a, b in pairs]
        return bool(same) and sum(same) * 2 > len(same)

    def _gradients(self) -> list[Tensor]:
        return [dense(p.grad.detach()) for p in self.parameters if p.grad is not None]


def _laid_alike(parameter: Tensor, gradient: Tensor) -> bool:
    """Do the same places of memory hold the same numbers' gradients?"""
    return gradient.layout == parameter.layout == torch.strided and gradient.stride() == parameter.stride()


def _length(tensors: list[Any]) -> float:
    return float(sum(n * n for n in lengths(tensors)) ** 0.5) if tensors else 0.0
