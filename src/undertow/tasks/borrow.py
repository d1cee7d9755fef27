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
from undertow.training.checkpoints import read_tensors
from undertow.training.run import Run, open_run
from undertow.training.storage import read_json
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
    theirs = Vocabulary.from_json(read_json(run.path / "vocabulary.json"))
    tensors = _best(run)
    own = model.state_dict()
    wrong = [
        key for key in own if key not in BY_CHARACTER and _shape(own.get(key)) != _shape(tensors.get(key))
    ]
    if wrong:
        key = wrong[0]
        raise RunError(
            f"--from {run.path}: its network has {key} of {_shape(tensors.get(key)) or 'no such size'}, this one "
            f"{_shape(own[key])}. Give the same --cell, --hidden, --layers and --embedding as that run."
        )
    shared = [c for c in vocabulary.characters if c in set(theirs.characters)]
    ours_at, theirs_at = _rows(vocabulary, shared), _rows(theirs, shared)
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


def _rows(vocabulary: Vocabulary, characters: list[str]) -> Tensor:
    mark = [0] if vocabulary.end else []
    return torch.tensor([*mark, *vocabulary.encode("".join(characters)).tolist()], dtype=torch.long)


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)
