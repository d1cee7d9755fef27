"""The loop: one for every task. Steps, clips, validates, stops early, checkpoints, and goes on exactly.

What happens at a step depends only on the step's number, the seed and the checkpoint, so a run that was killed
and resumed ends with the same weights, bit for bit (a budget of steps or epochs; a budget of minutes depends on
the clock).
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from undertow.flow.records import NonFinite
from undertow.flow.watch import Watch
from undertow.recurrent.recurrent import listening
from undertow.recurrent.stack import Passage
from undertow.training.budget import Budget, rate
from undertow.training.checkpoints import (
    Bench,
    Position,
    load_weights,
    restore_last,
    save_best,
    save_last,
    weights_to_use,
)
from undertow.training.clipping import clip_by_norm, clip_by_value, gradient_norm
from undertow.training.companion import Companion, Nobody
from undertow.training.display import Display, Moment
from undertow.training.history import HistoryWriter
from undertow.training.optimizer import build_optimizer, set_rate
from undertow.training.options import Training
from undertow.training.penalties import needs_passages, penalty
from undertow.training.run import MADE, Run
from undertow.training.storage import write_array
from undertow.training.watching import watching


@dataclass(frozen=True)
class StepLoss:
    """What a task makes of one batch."""

    loss: Tensor  # mean nats a unit, differentiable
    units: int  # how many characters, frames, ... it was taken over
    carried: list[Tensor] = field(default_factory=list)  # state for the next window; the loop detaches it
    told: Tensor | None = (
        None  # what is shown in its place, where validation is measured otherwise than the loss
    )


@dataclass(frozen=True)
class Judged:
    """What a look at the validation part says."""

    value: float  # lower is better: by it weights are kept, and training stops
    figures: dict[str, float]  # for the history, by their names there
    made: NDArray[Any] | None = None  # what it makes by now, kept as made/STEP.npy
    behind: float = 0.0  # tells two whose value is the same; lower is better
    called: str = ""  # the value, where it is not measured as the loss is


class Task(Protocol):
    """What the loop needs to know of a task."""

    model: nn.Module

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the training data."""

    def batches(self, epoch: int, first: int) -> Iterator[Any]:
        """The batches of one epoch from number `first` on; the same for the same epoch, always."""

    def loss(self, batch: Any, carried: list[Tensor]) -> StepLoss:
        """The loss of one batch, given the state carried from the window before (empty at an epoch's start)."""

    def validate(self) -> Judged:
        """A look at the validation part, model in eval mode; draws nothing from the global generator."""


@dataclass
class _Tally:
    """Sums since the last line of history."""

    loss: float = 0.0
    units: int = 0
    steps: int = 0
    norm: float = 0.0
    clipped: int = 0
    since: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Beside:
    """Who hears of a training while it runs."""

    display: Display
    companion: Companion = field(default_factory=Nobody)


def fit(task: Task, options: Training, budget: Budget, run: Run, beside: Beside) -> Position:
    """Train until the budget is used, patience ends, the loss is no number, or Ctrl-C.

    Goes on from the run's last checkpoint where there is one. Weights, optimizer and history are in the run
    folder afterwards; `finished` of the result says why it ended: budget, patience, diverged, or doctor.

    Raises:
        KeyboardInterrupt: Ctrl-C, or a polite kill; the step at hand was finished and saved.
        StorageError: the run folder cannot be written any more; the last checkpoint is whole.
    """
    try:
        trainer = _Trainer(task, options, budget, run, beside)
        with closing(trainer.history), trainer.watched(), beside.companion, _asked_to_stop() as stop:
            beside.companion.begin(trainer.watch)
            return trainer.train(stop)
    finally:
        beside.display.close()


class _Trainer:
    def __init__(self, task: Task, options: Training, budget: Budget, run: Run, beside: Beside) -> None:
        self.task, self.options, self.budget, self.run = task, options, budget, run
        self.display, self.companion = beside.display, beside.companion
        model = task.model
        average = {k: v.clone() for k, v in model.state_dict().items()} if options.average else {}
        self.bench = Bench(model, build_optimizer(options, model), average, Position(), [])
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.resumed = restore_last(run, self.bench)
        self.history = HistoryWriter(run.path / "history.jsonl")
        self.tally = _Tally()
        self.validation: float | None = None
        self.called = ""
        self.watch: Watch | None = None
        self.origin: NonFinite | None = None  # of the first number that was none
        self.clock = time.monotonic() - self.bench.position.seconds
        self.saved = time.monotonic()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Gradients are measured on the way, if asked for."""
        position = self.bench.position

        def progress() -> float:
            return self.budget.progress(position.step, position.seconds)

        model, options = self.bench.model, self.options
        with watching(model, self.run.path, options.watch, position.step, progress) as self.watch:
            yield

    def train(self, stop: threading.Event) -> Position:
        position = self.bench.position
        self.history.add("resume" if self.resumed else "start", position.step)
        if not position.step:
            save_last(self.run, self.bench)
        while not position.finished:
            epoch, first = divmod(position.step, self.task.steps_per_epoch)
            if first == 0:
                self.bench.carried = []
            for batch in self.task.batches(epoch, first):
                self.step(batch)
                if self.over(stop):
                    break
        self.finish()
        return position

    def step(self, batch: Any) -> None:
        bench, options = self.bench, self.options
        bench.model.train()
        position = bench.position
        pace = rate(options, self.budget.progress(position.step, position.seconds))
        set_rate(bench.optimizer, pace)
        bench.optimizer.zero_grad(set_to_none=True)
        with self.listener() as passages:
            outcome = self.task.loss(batch, bench.carried)
            value = float(outcome.loss.detach())
            if not math.isfinite(value):
                self.diverged()
                return
            (outcome.loss + penalty(options, bench.model, outcome.loss, passages)).backward()  # type: ignore[no-untyped-call]
        norm = gradient_norm(self.parameters)
        if not math.isfinite(float(norm)):
            self.diverged()
            return
        if options.clip_norm:
            clip_by_norm(self.parameters, options.clip_norm, norm)
        if options.clip_value:
            clip_by_value(self.parameters, options.clip_value)
        bench.optimizer.step()
        self.take_average()
        bench.carried = [state.detach() for state in outcome.carried]
        position.step += 1
        position.seconds = time.monotonic() - self.clock
        told = value if outcome.told is None else float(outcome.told.detach())
        self.count(outcome, told, float(norm), pace)

    def diverged(self) -> None:
        """This step is not taken; what made the first number that is none is looked for."""
        self.bench.position.finished = "diverged"
        self.origin = self.watch.look_for_origin() if self.watch else None

    def listener(self) -> AbstractContextManager[list[Passage]]:
        """Single steps are kept only where a penalty looks at them."""
        return listening(self.bench.model) if needs_passages(self.options) else nullcontext([])

    def take_average(self) -> None:
        """Average with a memory that starts short, so that early weights are soon forgotten."""
        if not self.bench.average:
            return
        memory = min(self.options.average, (1 + self.bench.position.step) / (10 + self.bench.position.step))
        for name, value in self.bench.model.state_dict().items():
            self.bench.average[name].lerp_(value, 1 - memory)

    def count(self, outcome: StepLoss, value: float, norm: float, pace: float) -> None:
        tally = self.tally
        tally.loss += value * outcome.units
        tally.units += outcome.units
        tally.steps += 1
        tally.norm += norm
        tally.clipped += bool(self.options.clip_norm and norm > self.options.clip_norm)
        elapsed = time.monotonic() - tally.since
        if elapsed >= 1.0 or self.bench.position.step == 1:
            self.log(pace, elapsed)

    def log(self, pace: float, elapsed: float) -> None:
        position, tally = self.bench.position, self.tally
        loss, speed = tally.loss / tally.units, tally.units / max(elapsed, 1e-9)
        self.history.add(
            "step",
            position.step,
            epoch=position.step / self.task.steps_per_epoch,
            seconds=position.seconds,
            loss=loss,
            learning_rate=pace,
            gradient_norm=tally.norm / tally.steps,
            clipped=tally.clipped / tally.steps,
            per_second=speed,
        )
        best = None if math.isinf(position.best) else position.best
        progress = self.budget.progress(position.step, position.seconds)
        self.display.show(
            Moment(progress, position.step, position.seconds, loss, speed, self.validation, best, self.called)
        )
        self.tally = _Tally()

    def over(self, stop: threading.Event) -> bool:
        """After a step: validate, checkpoint, and say whether this epoch's loop should be left."""
        position = self.bench.position
        if position.finished:
            return True
        progress = self.budget.progress(position.step, position.seconds)
        due = math.floor(progress * self.options.validations + 1e-9)
        looked = due > position.validations
        if looked:
            position.validations = due
            self.look()
            if self.options.patience and position.stale >= self.options.patience:
                position.finished = "patience"
            if self.companion.looked(position.step):
                position.finished = "doctor"
        if progress >= 1:
            position.finished = "budget"
        if looked:  # after it is known whether this was the end: a kill must not lead past it
            self.save()
        if stop.is_set() and not position.finished:
            save_last(self.run, self.bench)
            self.display.say(f"Saved at step {position.step}. Go on with: undertow resume {self.run.path}")
            raise KeyboardInterrupt
        if time.monotonic() - self.saved > self.options.checkpoint_seconds:
            self.save()
        return bool(position.finished)

    def look(self) -> None:
        """Look at validation; keep the weights if they are the best so far."""
        position, began = self.bench.position, time.monotonic()
        with self.weights_in_use():
            judged = self.task.validate()
        self.validation, self.called = judged.value, judged.called
        better = (judged.value, judged.behind) < (position.best, position.best_behind)
        if better:
            position.best, position.best_behind = judged.value, judged.behind
            position.best_step, position.stale = position.step, 0
            save_best(self.run, self.bench)
        else:
            position.stale += 1
        if judged.made is not None:
            write_array(self.run.path / MADE / f"{position.step:08d}.npy", judged.made)
        position.seconds = time.monotonic() - self.clock
        self.history.add(
            "validation",
            position.step,
            epoch=position.step / self.task.steps_per_epoch,
            seconds=position.seconds,
            **judged.figures,
            best=better,
        )
        self.tally.since += time.monotonic() - began

    @contextmanager
    def weights_in_use(self) -> Iterator[None]:
        """Let the model hold the weights that would be kept (the average, where there is one)."""
        model = self.bench.model
        model.eval()
        own = {k: v.clone() for k, v in model.state_dict().items()} if self.bench.average else {}
        if own:
            load_weights(model, weights_to_use(self.bench), self.run.path)
        try:
            with torch.no_grad():
                yield
        finally:
            if own:
                load_weights(model, own, self.run.path)

    def save(self) -> None:
        save_last(self.run, self.bench)
        self.saved = time.monotonic()

    def finish(self) -> None:
        position = self.bench.position
        if position.finished == "diverged":
            self.display.say(
                f"The loss is no number any more at step {position.step}: stopped. The best weights so far are kept. "
                f"{_told(self.origin)}Try a lower --learning-rate or --clip-norm."
            )
        else:
            self.save()
        self.history.add("end", position.step, seconds=position.seconds, reason=position.finished)


def _told(origin: NonFinite | None) -> str:
    if origin is None or (origin.phase in ("loss", "backward") and not origin.where):
        return ""
    place = ", ".join(part for part in (origin.module and f"module {origin.module}", origin.where) if part)
    return f"The first number that was none came from {origin.op} ({origin.phase}{', ' if place else ''}{place}). "


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """Ctrl-C (or a polite kill) asks; the step at hand is finished first. A second Ctrl-C is not asked twice."""
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
