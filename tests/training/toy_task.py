"""A task that takes a millisecond: a linear map to be found from noisy pairs, four batches an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from undertow.training import loop
from undertow.training.budget import Budget
from undertow.training.checkpoints import Position
from undertow.training.display import Moment
from undertow.training.loop import Judged, StepLoss
from undertow.training.options import Training
from undertow.training.run import Run, create_run, open_run

BATCHES = 4


@dataclass
class Toy:
    """Learns y = M x. `trouble` is called with the number of each loss computed, from 1; it may return a loss."""

    model: nn.Module
    trouble: Any = None
    verdicts: list[float] = field(default_factory=list)  # what validation is to say; empty: the truth
    computed: int = 0
    validated: int = 0
    carried_in: list[float] = field(default_factory=list)
    steps_per_epoch: int = BATCHES

    def batches(self, epoch: int, first: int) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(100 + epoch)
        x = torch.randn(BATCHES, 8, 3, generator=generator)
        yield from list(zip(x, x @ TRUTH.T, strict=True))[first:]

    def loss(self, batch: tuple[Tensor, Tensor], carried: list[Tensor]) -> StepLoss:
        self.computed += 1
        self.carried_in.append(float(carried[0]) if carried else 0.0)
        said = self.trouble(self.computed) if self.trouble else None
        x, y = batch
        noise = torch.randn(8, 2)  # from the global generator, as dropout draws
        loss = (self.model(x) + 0.1 * noise - y).square().mean()
        state = torch.tensor(self.carried_in[-1] + 1)
        return StepLoss(loss if said is None else loss * said, 8, [state])

    def validate(self) -> Judged:
        assert not self.model.training
        self.validated += 1
        if self.verdicts:
            return judged(self.verdicts[min(self.validated, len(self.verdicts)) - 1])
        x = torch.eye(3)
        return judged(float((self.model(x) - x @ TRUTH.T).square().mean()))


def judged(value: float) -> Judged:
    return Judged(value, {"nats_per_char": value})


TRUTH = torch.tensor([[1.0, -2.0, 0.5], [0.0, 1.0, 3.0]])


class Log:
    """A display that keeps what it was told."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self.said: list[str] = []
        self.closed = 0

    def show(self, moment: Moment) -> None:
        self.moments.append(moment)

    def say(self, text: str) -> None:
        self.said.append(text)

    def close(self) -> None:
        self.closed += 1


def toy(**settings: Any) -> Toy:
    torch.manual_seed(7)
    return Toy(nn.Linear(3, 2), **settings)


def options(**settings: Any) -> Training:
    return Training(**{"learning_rate": 0.05, "validations": 5, "patience": 0, **settings})


def fit(path: Any, task: Toy, steps: int | None = 20, **settings: Any) -> tuple[Position, Run]:
    """Train in `path`, going on where a run is there already."""
    run = open_run(path) if path.exists() else create_run(path, {})
    budget = settings.pop("budget", None) or Budget(steps=steps)
    display = settings.pop("display", None) or Log()
    return loop.fit(task, options(**settings), budget, run, loop.Beside(display)), run


def weights(run: Run) -> dict[str, tuple[str, bytes]]:
    """Names and bytes of the last and the best weights, and of all that is needed to go on but the clock."""
    found = {}
    for pointer in ("last", "best"):
        step = run.pointer(pointer)
        if step is not None:
            found[pointer] = (step, (run.path / "checkpoints" / f"{step}.safetensors").read_bytes())
    return found
