"""The case: all that was seen of one training, put so that rules can ask it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from undertow.doctor.asked import Laid, laid, needed
from undertow.doctor.baseline import asked_for, baseline, of_numbers, silence
from undertow.doctor.needed_lag import NeededLag
from undertow.doctor.seating import batch_axis
from undertow.doctor.seen.batches import Call, by_network, first_tensor, of_head
from undertow.doctor.seen.bedside import Bedside
from undertow.doctor.seen.lines import Line
from undertow.doctor.seen.scaled import clips
from undertow.doctor.seen.step import Clip, Step
from undertow.doctor.seen.study import Layer, Study
from undertow.doctor.verdict import Where
from undertow.doctor.walks import Walk, walks_in, walks_of_record
from undertow.flow.records import Flow, NonFinite, Time

MANY = 100  # steps, after which an optimizer is not waiting for its turn any more
LEFT = 0.1  # of the baseline, where nearly all was learned


@dataclass(frozen=True)
class Crash:
    """What the script died of."""

    kind: str
    message: str
    line: Line

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


@dataclass
class Case:
    """Asked by rules; what takes long is worked out once, when it is first asked for."""

    seen: Bedside
    crash: Crash | None = None
    stopped: bool = False  # by Ctrl-C
    notes: dict[str, Any] = field(default_factory=dict)
    probing: bool = True  # may the data be asked how far back one must look? It takes seconds

    # ---- what was seen

    @property
    def steps(self) -> list[Step]:
        """Every optimizer step."""
        return self.seen.steps

    @property
    def studies(self) -> list[Study]:
        """Backward passes that were looked at closely."""
        return self.seen.studies

    @property
    def calls(self) -> list[Call]:
        """Calls of whole networks that were kept."""
        return self.seen.calls.kept

    @property
    def network(self) -> nn.Module:
        """All networks, by the names the script gives them."""
        return self.seen.ward

    @cached_property
    def records(self) -> list[Flow]:
        """Of the networks' own watch."""
        return self.seen.flow.records if self.seen.flow is not None else []

    def sharpness(self, parameter: str) -> float | None:
        """By what share of itself the loss changes with a step of one weight, to first order: the largest of the
        first."""
        key = next((k for k, name in self.seen.books.names().items() if name == parameter), None)
        found = [
            study.weighs[key] * step.moved[key]
            for study, step in zip(self.studies, self.steps, strict=False)
            if key is not None and study.step == step.number and key in study.weighs and key in step.moved
        ]
        return max((f for f in found if math.isfinite(f)), default=None)

    @property
    def batch_sizes(self) -> list[int]:
        """Of the loaders that were seen."""
        return [size for size, _ in self.seen.looks.loaders.values() if size is not None]

    @cached_property
    def times(self) -> list[Time]:
        """Every recurrent walk that was measured."""
        return [time for record in self.records for time in record.time]

    @cached_property
    def non_finite(self) -> NonFinite | None:
        """The first number that was none."""
        return next((r.non_finite for r in self.records if r.non_finite is not None), None)

    @cached_property
    def parameters(self) -> dict[str, Tensor]:
        """All that is known to be trained, or could be."""
        return self.seen.books.parameters()

    # ---- back in time

    @cached_property
    def walks(self) -> list[Walk]:
        """Every recurrence that was measured, in the order of steps."""
        names = self.seen.books.names()
        graph = [walk for study in self.studies for walk in walks_in(study, names)]
        fused = [walk for record in self.records for walk in walks_of_record(record) if record.time]
        by_graph = {name.rpartition(".")[0] for name in (w.name for w in graph)}
        both = graph + [w for w in fused if w.name not in by_graph]
        return sorted((w for w in both if all(map(math.isfinite, w.gain))), key=lambda w: w.step)

    @cached_property
    def feels(self) -> Walk | None:
        """The recurrence that feels furthest back, as it was in the middle of all the times that it was looked at."""
        of_layer: dict[str, list[Walk]] = {}
        for walk in self.walks:
            of_layer.setdefault(walk.name, []).append(walk)
        middles = [
            sorted(walks, key=lambda w: w.horizon)[(len(walks) - 1) // 2] for walks in of_layer.values()
        ]
        return max(middles, key=lambda walk: (walk.horizon, walk.steps), default=None)

    @cached_property
    def walking(self) -> list[Call]:
        """Calls of the first network that a recurrence was seen in, with its input; of all where none was."""
        walked = {walk.name for walk in self.walks} | {time.module for time in self.times}
        networks = by_network([c for c in self.calls if first_tensor(c.arguments) is not None])
        own = [calls for calls in networks if any(_within(name, calls[0].name) for name in walked)]
        return own[0] if own else self.calls

    @cached_property
    def sequences(self) -> Laid | None:
        """Inputs with their targets, time first, where the network walks over its inputs."""
        return self._laid(self.walking)

    def _laid(self, calls: Sequence[Call]) -> Laid | None:
        lengths = {walk.steps for walk in self.walks} | {time.steps for time in self.times}
        return laid(calls, sorted(lengths), batch_axis(calls, self.batch_sizes) if self.recurring else None)

    @cached_property
    def recurring(self) -> set[Line]:
        """Lines that detach what a recurrence gave: more than once in a backward pass, or what reached several steps
        back."""
        return {
            at
            for at, reached in self.seen.detached.items()
            if len(reached) >= 2 * len(self.studies) or max(reached) > 2
        }

    @cached_property
    def needed(self) -> NeededLag | None:
        """How far back the data ask to look; None where nothing can be said."""
        if not self.probing or self.sequences is None:
            return None
        heads = [self.sequences, *self._of_other_heads()]
        found = [need for head in heads if (need := needed(head)) is not None]
        return max(found, key=lambda need: -1 if need.steps is None else need.steps, default=None)

    def _of_other_heads(self) -> list[Laid]:
        heads = max((len(c.others) for c in self.walking), default=0)
        return [
            data for head in range(heads) if (data := self._laid(of_head(self.walking, head))) is not None
        ]

    # ---- how training went

    @cached_property
    def players(self) -> int:
        """Optimizers that take steps: the loss of one among several need not fall."""
        return len({s.optimizer for s in self.steps})

    @cached_property
    def first_bad(self) -> int | None:
        """The first step whose loss or gradient was no number."""
        gradients = [s.number for s in self.steps if s.gradient is not None and not math.isfinite(s.gradient)]
        return min(
            [*gradients[:1], *([self.seen.spoilt] if self.seen.spoilt is not None else [])], default=None
        )

    @cached_property
    def losses(self) -> list[float]:
        """Step by step; not a number where it was none."""
        return [loss for step in self.steps if (loss := step.loss) is not None]

    @cached_property
    def looked_at(self) -> list[Step]:
        """Steps whose lengths were measured."""
        return [s for s in self.steps if s.update is not None]

    @cached_property
    def diverged(self) -> bool:
        """Did the loss leave all bounds?"""
        losses = self.losses
        if len(losses) < 3:
            return False
        if not all(map(math.isfinite, losses[-3:])):
            return True
        return late(losses) > 10 * max(abs(early(losses)), 1e-12) and late(losses) > 0

    @cached_property
    def silence(self) -> float | None:
        """The loss of always saying 0."""
        return silence(self.studies)

    @cached_property
    def clips(self) -> list[Clip]:
        """Calls that clip gradients, and what was scaled by hand to one length."""
        found = [clip for step in self.steps for clip in step.clips]
        for late, scaled in (
            (False, [s.scaled for s in self.steps if s.scaled is not None]),
            (True, [s.scaled_late for s in self.steps if s.scaled_late is not None]),
        ):
            own = clips(scaled)
            limit = median(s.length for s in own) if own else 0.0
            found += [Clip("norm", limit, s.length / s.factor, self.step_line, late) for s in own]
        return found

    @cached_property
    def baseline(self) -> float | None:
        """The loss of the best that says the same of everything, from the targets that were seen; None where
        unknown."""
        told = baseline(self.studies)
        by_hand = any(
            loss.kind == "squared error" and loss.difference is not None
            for s in self.studies
            for loss in s.losses
        )
        masked = any(loss.weights is not None for s in self.studies for loss in s.losses)
        if told is not None or not by_hand or masked:
            return told
        numbers = [c.target for c in self.calls if c.target is not None and c.target.is_floating_point()]
        return of_numbers(numbers) if numbers else None

    @cached_property
    def commonest(self) -> float | None:
        """The share of the commonest class among the targets that were seen."""
        classes = [
            asked_for(t, loss.ignored)
            for s in self.studies
            for loss in s.losses
            if (t := loss.target) is not None and not t.is_floating_point()
        ]
        if not sum(map(len, classes)):
            return None
        _, counts = torch.cat(classes).unique(return_counts=True)  # type: ignore[no-untyped-call]
        return float(counts.max() / counts.sum())

    @cached_property
    def fallen(self) -> float:
        """The share of the loss that training took away: 1 all of it, 0 nothing, below 0 it rose."""
        losses = [x for x in self.losses if math.isfinite(x)]
        if len(losses) < 4:
            return 0.0
        first = early(losses)
        return (first - late(losses)) / max(abs(first), 1e-12)

    @cached_property
    def stuck(self) -> bool:
        """Is the end no better than always saying the same, or hardly better than the beginning?"""
        losses = [x for x in self.losses if math.isfinite(x)]
        if len(losses) < 4:
            return False
        if self.baseline is not None and self.baseline > 0:
            return late(losses) > 0.85 * self.baseline
        return self.fallen < 0.15

    @property
    def rate(self) -> float | None:
        """The largest learning rate that was seen."""
        return max((r for s in self.looked_at for r in s.rates), default=None)

    @property
    def step_line(self) -> Line:
        """Where the script takes its steps."""
        return next((s.line for s in self.steps if s.line), Line())

    @property
    def crash_place(self) -> Where:
        """Where the script died."""
        line = self.crash.line if self.crash is not None else Line()
        return Where(file=line.file, line=line.line)

    @cached_property
    def spoilt(self) -> bool:
        """Did a loss or a parameter end as no number?"""
        losses = [loss for loss in self.losses if not math.isfinite(loss)]
        weights = (p for p in self.parameters.values() if p.is_floating_point())
        return bool(losses) or any(not bool(p.detach().isfinite().all()) for p in weights)

    @cached_property
    def gradient_grew(self) -> bool:
        """Was the gradient a thousand times its usual size at some step?"""
        found = [s.gradient for s in self.looked_at if s.gradient is not None and math.isfinite(s.gradient)]
        return len(found) > 3 and max(found) > 1e3 * max(median(found), 1e-12)

    @cached_property
    def reached(self) -> set[int]:
        """Parameters, by id, that some loss depends on."""
        return set().union(*(s.reached for s in self.studies)) if self.studies else set()

    @cached_property
    def unreached(self) -> list[str]:
        """Parameters that an optimizer steps and a module that ran holds, and that no loss depends on."""
        ran = {id(p) for m in self.seen.ran for p in m.parameters(recurse=False)}
        raw = set(self.seen.books.raw)
        seen_twice = self.seen.studied_ids
        return [
            name
            for name, p in self.parameters.items()
            if p.requires_grad
            and id(p) in seen_twice
            and id(p) not in self.reached
            and (p.grad is None or not bool(p.grad.any()))  # a part of the loss that joined later reaches it
            and (id(p) in ran or id(p) in raw)
        ]

    @cached_property
    def unheld(self) -> list[str]:
        """Parameters of a module that gradients come to, and that no optimizer holds, or one that takes no step."""
        held = set(self.seen.books.held) - self._idle
        if not held or len(self.studies) < 2:
            return []
        of_networks = {id(p) for p in self.network.parameters()}
        if of_networks and not of_networks & held:
            return []  # something else is trained than a network: what goes into it
        always = set.intersection(*(set(s.reached) for s in self.studies))
        return [n for n, p in self.parameters.items() if id(p) in always and id(p) not in held and p.is_leaf]

    @property
    def _idle(self) -> set[int]:
        """What optimizers hold that never took a step, while another one took many."""
        ledgers = [ledger for ledger in self.seen.books.all if ledger.optimizer is not None]
        idle = [ledger for ledger in ledgers if ledger.taken == 0]
        busy = [ledger for ledger in ledgers if ledger.taken >= MANY]
        own = {id(p) for ledger in idle for p in ledger.parameters} if busy else set()
        return own - {id(p) for ledger in busy for p in ledger.parameters}

    @cached_property
    def learned(self) -> bool:
        """Is next to nothing left of the loss of always saying the same?"""
        losses = [x for x in self.losses if math.isfinite(x)]
        return bool(losses) and bool(self.baseline) and late(losses) < LEFT * float(self.baseline or 0.0)

    @cached_property
    def stuck_in_time(self) -> bool:
        """Is there something left to learn that lies in the past?"""
        if self.stuck or self.baseline is None:
            return self.stuck
        return late([x for x in self.losses if math.isfinite(x)] or [0.0]) > 0.3 * self.baseline

    @cached_property
    def rough(self) -> bool:
        """Does the loss jump: is a step in twenty above three times the median of its surroundings?"""
        losses = [abs(x) if math.isfinite(x) else math.inf for x in self.losses]
        if len(losses) < 20:
            return False
        jumps = sum(losses[n] > 3 * median(losses[n - 10 : n]) for n in range(10, len(losses)))
        return jumps > 0.05 * (len(losses) - 10)

    @cached_property
    def finite_studies(self) -> list[Study]:
        """Those before anything was no number."""
        return [s for s in self.studies if math.isfinite(s.loss) and all(_sound(layer) for layer in s.layers)]

    def layer_of(self, study: Study, parameter: str) -> Layer | None:
        """By name."""
        return next((layer for layer in study.layers if layer.parameter == parameter), None)


def _within(name: str, network: str) -> bool:
    return name == network or name.startswith(f"{network}.")


def _sound(layer: Layer) -> bool:
    return layer.gradient is None or math.isfinite(layer.gradient)


def early(losses: Sequence[float]) -> float:
    """The level of the first steps."""
    return median(losses[: max(3, len(losses) // 50)])


def late(losses: Sequence[float]) -> float:
    """The level of the last tenth."""
    return median(losses[-max(3, len(losses) // 10) :])
