"""The sizes of a network, as records: what each module costs, and what all of them cost together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

# Numbers an optimizer keeps for every number that is trained.
OPTIMIZERS = {"none": 0, "sgd": 0, "momentum": 1, "rmsprop": 1, "adagrad": 1, "adam": 2, "adamw": 2}


@dataclass(frozen=True)
class Row:
    """One module's own part: what it does itself, outside the modules within it. FLOPs: a multiply-add is two."""

    path: str  # "" is the network itself
    kind: str
    output: tuple[tuple[int, ...], ...] = ()  # shapes of what it gave at its last call
    calls: int = 0
    parameters: int = 0
    trained: int = 0
    weight_bytes: int = 0
    forward_flops: int = 0
    backward_flops: int = 0
    kept_bytes: int = 0  # that its part of backward reads, weights and buffers left out

    @property
    def multiply_adds(self) -> int:
        """Of the forward pass."""
        return self.forward_flops // 2

    def __add__(self, other: Row) -> Row:
        numbers = ("parameters", "trained", "weight_bytes", "forward_flops", "backward_flops", "kept_bytes")
        sums = {name: getattr(self, name) + getattr(other, name) for name in numbers}
        return Row(self.path, self.kind, self.output, self.calls, **sums)


@dataclass(frozen=True)
class Sizes:
    """What a network costs at one input: `undertow.size` makes it."""

    rows: tuple[Row, ...]  # in the order of the modules
    inputs: tuple[tuple[int, ...], ...]
    optimizer: str
    buffer_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    peak_bytes: int  # of a training step: weights, optimizer, and what lives at once of the rest
    inference_peak_bytes: int
    notes: tuple[str, ...] = field(default=())

    @property
    def total(self) -> Row:
        """All modules together."""
        whole = Row("", self.rows[0].kind, self.rows[0].output, 1)
        for row in self.rows:
            whole = whole + row
        return whole

    @property
    def flops(self) -> int:
        """Of one training step: forward and backward."""
        return self.total.forward_flops + self.total.backward_flops

    def with_children(self) -> Iterator[Row]:
        """Every module with all that lies within it."""
        for row in self.rows:
            inside = [other for other in self.rows if _within(other.path, row.path) and other is not row]
            whole = row
            for other in inside:
                whole = whole + other
            yield whole


def _within(path: str, outer: str) -> bool:
    return not outer or path == outer or path.startswith(outer + ".")
