"""Checkpoints: what is needed to use a network, and what is needed to go on as if never stopped.

`STEP.safetensors` holds the weights to use. `STEP.state` holds the rest, as safetensors too (no pickle): the
weights being trained where an average is kept, optimizer, generators, carried state, and numbers as JSON.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from undertow.errors import RunError
from undertow.training.optimizer import optimizer_tensors, restore_optimizer
from undertow.training.run import Run
from undertow.training.storage import write_atomic, writing


@dataclass
class Position:
    """Where training stands: all that the loop knows besides tensors."""

    step: int = 0
    seconds: float = 0.0
    validations: int = 0
    best: float = float("inf")
    best_behind: float = float("inf")  # what tells two that are as good
    best_step: int = 0
    stale: int = 0  # validations since the best
    finished: str = ""  # why it ended, or empty


@dataclass
class Bench:
    """Everything that changes while training."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor]  # empty where no average is kept
    position: Position
    carried: list[Tensor]  # state carried to the next window, empty between strings


def spell(step: int) -> str:
    """A step as checkpoints spell it."""
    return f"{step:09d}"


def weights_to_use(bench: Bench) -> dict[str, Tensor]:
    """The average where one is kept, else the weights themselves."""
    return bench.average or dict(bench.model.state_dict())


def save_best(run: Run, bench: Bench) -> None:
    """Keep the weights to use, and point `best` at them."""
    name = spell(bench.position.step)
    _write(run.path / "checkpoints" / f"{name}.safetensors", weights_to_use(bench))
    run.point("best", name)


def save_last(run: Run, bench: Bench) -> None:
    """Keep everything, point `last` at it, and drop what no pointer needs."""
    name = spell(bench.position.step)
    tensors = {f"optimizer.{key}": value for key, value in optimizer_tensors(bench.optimizer).items()}
    tensors |= {f"carried.{n}": value for n, value in enumerate(bench.carried)}
    if bench.average:
        tensors |= {f"weights.{key}": value for key, value in bench.model.state_dict().items()}
    tensors["generator.torch"] = torch.get_rng_state()
    numbers = {"position": msgspec.json.encode(_numbers(bench.position)).decode()}
    folder = run.path / "checkpoints"
    _write(folder / f"{name}.safetensors", weights_to_use(bench))
    _write(folder / f"{name}.state", tensors, numbers)
    run.point("last", name)
    _tidy(run)


def restore_last(run: Run, bench: Bench) -> bool:
    """Put everything back as it was at `last`; False where there is no checkpoint yet.

    What a kill left half written is cleared first.

    Raises:
        RunError: a file of the checkpoint is missing or damaged.
    """
    for half in run.path.rglob(".*.part"):
        with writing(half):
            half.unlink(missing_ok=True)
    name = run.pointer("last")
    if name is None:
        return False
    state = run.path / "checkpoints" / f"{name}.state"
    tensors, weights = read_tensors(state), read_tensors(state.with_suffix(".safetensors"))
    position = _read_position(state)
    parts: dict[str, dict[str, Tensor]] = {"optimizer": {}, "carried": {}, "weights": {}, "generator": {}}
    for key, value in tensors.items():
        part, _, rest = key.partition(".")
        parts.setdefault(part, {})[rest] = value
    load_weights(bench.model, parts["weights"] or weights, state)
    if parts["weights"]:
        bench.average = weights
    restore_optimizer(bench.optimizer, parts["optimizer"])
    bench.carried = [parts["carried"][str(n)] for n in range(len(parts["carried"]))]
    bench.position = position
    torch.set_rng_state(parts["generator"]["torch"])
    return True


def load_best(run: Run, model: nn.Module) -> None:
    """Put the best weights into the model.

    Raises:
        RunError: nothing was saved yet, or a file is damaged or of another shape.
    """
    name = run.pointer("best") or run.pointer("last")
    if name is None:
        raise RunError(f"{run.path} holds no weights yet. Train it with `undertow resume {run.path}`.")
    path = run.path / "checkpoints" / f"{name}.safetensors"
    load_weights(model, read_tensors(path), path)


def load_weights(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Copy named tensors into the model; every name and shape must fit.

    Raises:
        RunError: a name or shape does not fit.
    """
    wanted = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    got = {key: tuple(value.shape) for key, value in tensors.items()}
    if wanted != got:
        odd = sorted(key for key in wanted.keys() | got.keys() if wanted.get(key) != got.get(key))
        raise RunError(
            f"{path} does not fit the network that config.json describes: {odd[0]} should be "
            f"{wanted.get(odd[0], 'absent')}, is {got.get(odd[0], 'absent')}. The run folder is damaged: "
            "its weights, config.json or vocabulary.json."
        )
    model.load_state_dict(tensors)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read one safetensors file.

    Raises:
        RunError: missing or damaged.
    """
    try:
        return dict(load(path.read_bytes()))
    except FileNotFoundError as error:
        raise RunError(
            f"{path} is missing. Point `last` and `best` at steps that exist, or train again."
        ) from error
    except (SafetensorError, OSError, KeyError) as error:
        raise RunError(f"{path} is damaged ({error}). Restore it from a copy, or train again.") from error


def _read_position(path: Path) -> Position:
    data = path.read_bytes()
    header = msgspec.json.decode(data[8 : 8 + int.from_bytes(data[:8], "little")])
    try:
        numbers: dict[str, Any] = msgspec.json.decode(header["__metadata__"]["position"])
        numbers |= {key: float("inf") for key, value in numbers.items() if value is None}
        return Position(**numbers)
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise RunError(
            f"{path} is damaged (it names no position). Restore it from a copy, or train again."
        ) from error


def _numbers(position: Position) -> dict[str, Any]:
    return {key: None if value == float("inf") else value for key, value in asdict(position).items()}


def _write(path: Path, tensors: dict[str, Tensor], numbers: dict[str, str] | None = None) -> None:
    apart = {k: v.detach().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
    write_atomic(path, save(apart, numbers))  # safetensors takes no two tensors that share memory


def _tidy(run: Run) -> None:
    best, last = run.pointer("best"), run.pointer("last")
    keep = {f"{best}.safetensors", f"{last}.safetensors", f"{last}.state"}
    for file in (run.path / "checkpoints").iterdir():
        if file.name not in keep:
            with writing(file):
                file.unlink(missing_ok=True)
