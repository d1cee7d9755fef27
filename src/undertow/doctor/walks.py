"""Every recurrent walk that was seen, by whichever eye: the graph's chains, and the watch on torch's own fused
layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean

from undertow.doctor.seen.lines import Line
from undertow.doctor.seen.study import Study
from undertow.flow.fit import fitted_rate, steps_felt
from undertow.flow.records import Flow

FLOOR = 0.01  # of what the end feels of itself


@dataclass(frozen=True)
class Walk:
    """One layer's recurrence in one step of training."""

    step: int
    name: str
    steps: int
    gain: tuple[float, ...]
    forget: float | None  # how open the gate on its memory is in the mean
    saturated: float | None
    linear: bool
    line: Line

    @property
    def horizon(self) -> int:
        """Steps back that the end feels."""
        return steps_felt(self.gain, FLOOR)

    @property
    def beyond(self) -> bool:
        """Is all that was walked felt?"""
        return self.horizon >= len(self.gain) - 1

    @property
    def rate(self) -> float:
        """The factor a step."""
        return fitted_rate(self.gain)


def walks_in(study: Study, names: dict[int, str]) -> Iterator[Walk]:
    """Of the graph."""
    for chain in study.chains:
        forget = mean(chain.forget) if chain.forget else None
        name = names.get(chain.parameter, "a weight")
        yield Walk(
            study.step, name, chain.steps, chain.gain, forget, chain.saturated, chain.linear, chain.line
        )


def walks_of_record(record: Flow) -> Iterator[Walk]:
    """Of torch's own layers, whose steps the graph does not show."""
    for time in record.time:
        if not time.gain:
            continue
        gate = time.gates.get("f") or time.gates.get("forget")
        yield Walk(
            record.step,
            time.module,
            time.steps,
            tuple(time.gain),
            mean(gate) if gate else None,
            None,
            False,
            Line(),
        )
