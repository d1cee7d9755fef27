"""Starting from another run's weights: pre-training on one list, then training on another.

Tensors of the same name and shape are taken over. Rows that stand for characters (embedding and readout) are
matched by character, so the two vocabularies may differ; what is new keeps its fresh start.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from undertow.data.vocabulary import Vocabulary
from undertow.errors import RunError
from undertow.tasks.network import name_of
from undertow.tasks.trained import read_vocabulary
from undertow.training.checkpoints import read_tensors
from undertow.training.run import Run, open_run
from undertow.wiring.next_token import NextToken

BY_CHARACTER = ("embedding.weight", "readout.weight", "readout.bias")


def borrow(model: NextToken, vocabulary: Vocabulary, source: str | Path) -> str:
    """Take over the best weights of another run.

    Returns:
        One sentence on what was taken.

    Raises:
        RunError: the run cannot be read, or its network has other sizes.
    """
    run = open_run(source)
    theirs = read_vocabulary(run)
    tensors = _best(run)
    own = model.state_dict()
    unlike = _unlike(run, model, tensors)
    if unlike:
        raise RunError(
            f"--from {run.path}: its network has {unlike[0]}, this one {unlike[1]}. "
            f"Give the same --cell, --hidden, --layers and --embedding as that run."
        )
    shared = [c for c in vocabulary.characters if c in set(theirs.characters)]
    mark = [0] if vocabulary.end and theirs.end else []
    ours_at, theirs_at = _rows(vocabulary, mark, shared), _rows(theirs, mark, shared)
    for key, tensor in own.items():
        if key not in BY_CHARACTER:
            tensor.copy_(tensors[key])
        elif tensor.shape[1:] == tensors[key].shape[1:]:
            tensor[ours_at] = tensors[key][theirs_at]
    model.load_state_dict(own)
    new = vocabulary.size - len(ours_at)
    return f"Starting from {run.path}: {len(ours_at)} tokens known to it, {new} new."


def _best(run: Run) -> dict[str, Tensor]:
    name = run.pointer("best") or run.pointer("last")
    if name is None:
        raise RunError(f"{run.path} holds no weights yet: finish it with `undertow resume {run.path}`.")
    return read_tensors(run.path / "checkpoints" / f"{name}.safetensors")


def _unlike(run: Run, model: NextToken, tensors: dict[str, Tensor]) -> tuple[str, str] | None:
    """What theirs has and what ours has instead, where the two networks are not the same."""
    cells = str((run.config.get("cell") or {}).get("name")), name_of(model.recurrent.cell)
    if cells[0] != cells[1]:  # two cells may have tensors alike and mean something else by them
        return cells[0], cells[1]
    own = model.state_dict()
    for key in [*own, *tensors]:
        theirs, ours = _shape(tensors.get(key)), _shape(own.get(key))
        if key not in BY_CHARACTER and theirs != ours:
            return f"{key} of {theirs}" if theirs else f"no {key}", str(ours) if ours else "has not"
    return None


def _rows(vocabulary: Vocabulary, mark: list[int], characters: list[str]) -> Tensor:
    return torch.tensor([*mark, *vocabulary.encode("".join(characters)).tolist()], dtype=torch.long)


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)
