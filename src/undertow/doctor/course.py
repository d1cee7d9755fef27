"""How a training went: its losses beside what says the same of everything, its steps, its clips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from statistics import median

import torch

from undertow.doctor.baseline import asked_for, baseline, counts_of, of_numbers, silence
from undertow.doctor.evidence import Evidence
from undertow.doctor.seen.scaled import clips
from undertow.doctor.seen.step import Clip, Step

LEFT = 0.1  # of the baseline, where nearly all was learned


class Course(Evidence):
    """Of one training."""

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
        counts = counts_of(torch.cat(classes))
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


def early(losses: Sequence[float]) -> float:
    """The level of the first steps."""
    return median(losses[: max(3, len(losses) // 50)])


def late(losses: Sequence[float]) -> float:
    """The level of the last tenth."""
    return median(losses[-max(3, len(losses) // 10) :])
