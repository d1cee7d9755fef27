"""One arm of a trial: a script from its start in a process of its own, with a remedy laid on, or with none.

Run as `python -m undertow.doctor.arm JOB RESULT`, both JSON files. What the script prints is left on stdout.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from undertow.doctor.course import late
from undertow.doctor.examine import examine
from undertow.doctor.hand import Hand
from undertow.doctor.luck import draw
from undertow.doctor.remedy import every_remedy
from undertow.doctor.script import run
from undertow.doctor.seen.bedside import Bedside
from undertow.doctor.seen.looks import PLAIN_LOSSES
from undertow.doctor.seen.patches import Patches
from undertow.doctor.verdict import Verdict, Where
from undertow.files import replace_file

SHOWN = 400  # points of a curve


@dataclass(frozen=True)
class Job:
    """What to run."""

    script: str
    arguments: tuple[str, ...]
    steps: int  # 0: to its end
    draw: int = 0
    remedy: str = ""  # none: the control
    strength: float = 1.0
    fault: dict[str, Any] = field(default_factory=dict)
    judged: bool = False  # say what is wrong, too
    closely: tuple[int, ...] = ()  # steps that are looked at closely, beside those that always are


@dataclass(frozen=True)
class Result:
    """What came of it."""

    seconds: float
    steps: int
    training: float | None  # the loss function's own value over the last tenth of the steps
    held_out: float | None  # the last time that it was taken without gradients
    curve: tuple[tuple[int, float], ...]
    changed: int  # how often the remedy changed something
    crash: str
    verdicts: tuple[dict[str, Any], ...] = ()
    stopped: bool = False


def main(words: list[str]) -> int:
    """From one file to the other."""
    told = json.loads(Path(words[0]).read_text(encoding="utf-8"))
    result = run_arm(
        Job(**{**told, "arguments": tuple(told["arguments"]), "closely": tuple(told["closely"])})
    )
    replace_file(Path(words[1]), json.dumps(asdict(result)).encode())
    return 130 if result.stopped else 0


def run_arm(job: Job) -> Result:
    """Run it here."""
    hands: list[Hand] = []
    meter = Meter()

    @contextmanager
    def beside(seen: Bedside) -> Iterator[None]:
        seen.now.also = frozenset(job.closely)
        with meter.on():
            if not job.remedy:
                yield
                return
            hand = Hand(seen, fault_of(job.fault))
            hands.append(hand)
            with hand:
                apply = every_remedy()[job.remedy].apply
                assert apply is not None, f"{job.remedy} is an edit"
                apply(hand, job.strength)
                yield

    def enough(seen: Bedside) -> bool:
        return bool(job.steps) and len(seen.steps) >= job.steps

    with draw(job.draw):
        case = run(Path(job.script), job.arguments, enough, beside)
    losses = meter.losses or case.losses
    every = max(1, len(losses) // SHOWN)
    return Result(
        case.seen.seconds,
        len(case.steps),
        late(losses) if losses else None,
        _held_out(case.seen),
        tuple((n, x) for n, x in enumerate(losses) if n % every == 0),
        sum(hand.changed for hand in hands),
        str(case.crash or ""),
        tuple(v.document() for v in examine(case)) if job.judged else (),
        case.stopped,
    )


def fault_of(document: dict[str, Any]) -> Verdict:
    """As it was written."""
    where = dict(document["where"])
    where["steps"] = tuple(where["steps"]) if where["steps"] else None
    tuples = {key: tuple(document[key]) for key in ("remedies", "because_of")}
    return Verdict(**{**document, **tuples, "where": Where(**where)})


class Meter:
    """Values of loss functions as they are computed: a remedy may change the sign of what is minimised, not these."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    @contextmanager
    def on(self) -> Iterator[None]:
        """While it lasts."""
        patches = Patches()
        for name in PLAIN_LOSSES:
            patches.replace(torch.nn.functional, name, self._measured)
        try:
            yield
        finally:
            patches.undo()

    def _measured(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def loss(*given: Any, **named: Any) -> Any:
            found = original(*given, **named)
            if torch.is_grad_enabled() and found.requires_grad and not torch.compiler.is_compiling():
                self.losses.append(float(found.detach().mean()))
            return found

        return loss


def _held_out(seen: Bedside) -> float | None:
    """The mean over the last time that a loss was taken without gradients; None where it never was."""
    last = max((held.step for held in seen.looks.held_out), default=None)
    found = [float(held.value) for held in seen.looks.held_out if held.step == last]
    return sum(found) / len(found) if found else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
