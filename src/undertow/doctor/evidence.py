"""All that was seen of one training, as it was kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from undertow.doctor.seen.batches import Call
from undertow.doctor.seen.bedside import Bedside
from undertow.doctor.seen.lines import Line
from undertow.doctor.seen.step import Step
from undertow.doctor.seen.study import Layer, Study
from undertow.doctor.verdict import Where
from undertow.flow.records import Flow, NonFinite, Time


@dataclass(frozen=True)
class Crash:
    """What the script died of."""

    kind: str
    message: str
    line: Line

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


@dataclass
class Evidence:
    """Of one training; what takes long is worked out once, when it is first asked for."""

    seen: Bedside
    crash: Crash | None = None
    stopped: bool = False  # by Ctrl-C
    notes: dict[str, Any] = field(default_factory=dict)
    probing: bool = True  # may the data be asked how far back one must look? It takes seconds

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

    @cached_property
    def finite_studies(self) -> list[Study]:
        """Those before anything was no number."""
        return [s for s in self.studies if math.isfinite(s.loss) and all(_sound(layer) for layer in s.layers)]

    def layer_of(self, study: Study, parameter: str) -> Layer | None:
        """By name."""
        return next((layer for layer in study.layers if layer.parameter == parameter), None)

    @property
    def crash_place(self) -> Where:
        """Where the script died."""
        line = self.crash.line if self.crash is not None else Line()
        return Where(file=line.file, line=line.line)

    @property
    def step_line(self) -> Line:
        """Where the script takes its steps."""
        return next((s.line for s in self.steps if s.line), Line())


def _sound(layer: Layer) -> bool:
    return layer.gradient is None or math.isfinite(layer.gradient)
