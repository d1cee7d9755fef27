"""What one optimizer step was, in numbers and in the order of calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from undertow.doctor.seen.lines import Line
from undertow.doctor.seen.scaled import Scaled


@dataclass(frozen=True)
class Clip:
    """One call that clips gradients."""

    kind: str  # norm or value
    limit: float
    norm: Tensor | float | None  # before; of clipping by value nothing is known
    line: Line
    late: bool  # after the step, and before the next backward pass


@dataclass
class Step:
    """Between two steps of one optimizer. What only some steps are looked at for is None at the others."""

    number: int  # of all steps that any optimizer took
    optimizer: int  # which one, in the order in which they first stepped
    rates: tuple[float, ...] = ()
    losses: list[Tensor] = field(default_factory=list)  # of its backward passes
    clips: list[Clip] = field(default_factory=list)
    scaled: Scaled | None = None  # by hand, between backward and the step
    scaled_late: Scaled | None = None  # by hand, after it
    seconds: float = 0.0
    carried: bool | None = None  # gradients of the step before were still there when backward began
    wiped: bool | None = None  # backward gave gradients, and the step met none
    gradient: float | None = None  # lengths, over its parameters
    weight: float | None = None
    update: float | None = None
    moved: dict[int, float] = field(default_factory=dict)  # update over weight, by id of a parameter
    along: float | None = None  # cosine of the update with the gradient: below zero is downhill
    skipped: bool = False  # by a loss scaler
    line: Line = field(default_factory=Line)

    @property
    def loss(self) -> float | None:
        """The mean over its backward passes."""
        found = [float(t.double().mean()) for t in self.losses]
        return sum(found) / len(found) if found else None

    @property
    def ratio(self) -> float | None:
        """Update over weight."""
        return self.update / self.weight if self.update is not None and self.weight else None
