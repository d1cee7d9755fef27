"""What a training tells of time: recurrences, sequences, and how far back the data ask to look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

from undertow.doctor.asked import Laid, laid, needed
from undertow.doctor.evidence import Evidence
from undertow.doctor.needed_lag import NeededLag
from undertow.doctor.seating import batch_axis
from undertow.doctor.seen.batches import Call, by_network, first_tensor, of_head
from undertow.doctor.seen.lines import Line
from undertow.doctor.walks import Walk, walks_in, walks_of_record


class InTime(Evidence):
    """Of one training."""

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


def _within(name: str, network: str) -> bool:
    return name == network or name.startswith(f"{network}.")
