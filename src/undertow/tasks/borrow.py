"""Starting from another run's weights: pre-training on one list, then training on another.

Tensors of the same name and shape are taken over. Rows that stand for something (a character, a word, a class) are
matched by its name, so the two vocabularies may differ; what is new keeps its fresh start.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from undertow.errors import RunError
from undertow.tasks.recipe import Job, Recipe, find
from undertow.tasks.trained import read_known
from undertow.training.checkpoints import read_tensors
from undertow.training.run import Run, open_run


def borrow(job: Job, recipe: Recipe, source: str | Path) -> str:
    """Take over the best weights of another run.

    Returns:
        One sentence on what was taken.

    Raises:
        RunError: the run cannot be read, or its network has other sizes.
    """
    run = open_run(source)
    theirs = _rows_of(run)
    tensors, own, by_row = _best(run), job.model.state_dict(), recipe.rows(job.vocabulary)
    cells = str((run.config.get("cell") or {}).get("name")), str(recipe.describe(job.options)["name"])
    unlike = _unlike(cells, job, {key: t for key, t in tensors.items() if key not in by_row}, set(by_row))
    if unlike:
        raise RunError(
            f"--from {run.path}: its network has {unlike[0]}, this one {unlike[1]}. "
            f"Give the same {_shaping(job)} as that run."
        )
    for key, tensor in own.items():
        if key not in by_row:
            tensor.copy_(tensors[key])
        elif key in tensors and tensor.shape[1:] == tensors[key].shape[1:]:
            _take_rows(tensor, by_row[key], tensors[key], theirs.get(key, ()))
    job.model.load_state_dict(own)
    if not by_row:
        return f"Starting from {run.path}: all of its weights."
    names = next(iter(by_row.values()))
    known = set(theirs.get(next(iter(by_row)), ()))
    shared = sum(name in known for name in names)
    of = "classes" if all("readout" in key for key in by_row) else "tokens"
    return f"Starting from {run.path}: {shared} {of} known to it, {len(names) - shared} new."


def _shaping(job: Job) -> str:
    """The options that decide on the network's shapes."""
    known = ("cell", "net", "hidden", "width", "layers", "embedding")
    *others, last = [f"--{name}" for name in known if hasattr(job.options, name)]
    return f"{', '.join(others)} and {last}"


def _take_rows(to: Tensor, names: tuple[str, ...], given: Tensor, theirs: tuple[str, ...]) -> None:
    at = {name: row for row, name in enumerate(theirs)}
    pairs = [(row, at[name]) for row, name in enumerate(names) if name in at]
    if pairs:
        ours, others = (torch.tensor(side) for side in zip(*pairs, strict=True))
        to[ours] = given[others]


def _rows_of(run: Run) -> dict[str, tuple[str, ...]]:
    recipe = find(str(run.config.get("recipe")))
    return recipe.rows(read_known(run, recipe))


def _best(run: Run) -> dict[str, Tensor]:
    name = run.pointer("best") or run.pointer("last")
    if name is None:
        raise RunError(f"{run.path} holds no weights yet: finish it with `undertow resume {run.path}`.")
    return read_tensors(run.path / "checkpoints" / f"{name}.safetensors")


def _unlike(
    cells: tuple[str, str], job: Job, tensors: dict[str, Tensor], by_row: set[str]
) -> tuple[str, str] | None:
    """What theirs has and what ours has instead, where the two networks are not the same."""
    if cells[0] != cells[1]:  # two cells may have tensors alike and mean something else by them
        return cells[0], cells[1]
    own = {key: t for key, t in job.model.state_dict().items() if key not in by_row}
    for key in [*own, *tensors]:
        theirs, ours = _shape(tensors.get(key)), _shape(own.get(key))
        if theirs != ours:
            return f"{key} of {theirs}" if theirs else f"no {key}", str(ours) if ours else "has not"
    return None


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)
