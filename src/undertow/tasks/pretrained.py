"""Vectors of words learned elsewhere, as the start of an embedding."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from undertow.data.source import describe
from undertow.data.tokens import Tokens, most_frequent
from undertow.data.vectors import look_up, read_vectors, where
from undertow.errors import DataError, SettingError
from undertow.tasks.classes import Origin, Reader

M = TypeVar("M", bound=nn.Module)
MARKS = 2  # the first two names of a vocabulary stand for no word
SPREAD = 0.5  # of all numbers of the table together; tables differ in scale by a hundred


@dataclass(frozen=True, eq=False)
class Given:
    """A vocabulary with its vectors."""

    tokens: Tokens
    table: NDArray[np.float32]  # [N, D]
    record: dict[str, Any]  # for config.json; `covered`: the share of the words that a vector was found for
    origin: Origin

    @property
    def width(self) -> int:
        """D."""
        return int(self.table.shape[1])

    @property
    def remark(self) -> str:
        """How many words have a vector."""
        return (
            f"{self.record['path']}: vectors of {self.width} numbers for {self.record['covered']:.1%} of "
            f"{self.tokens.size - MARKS:,} words."
        )


def vectors_for(path: str, tokens: Tokens, words: Iterable[str]) -> Given:
    """The vocabulary, with every one of these words that the vectors know, and its table [N, D].

    A word that was too rare in training, or not there at all, is known after all where a vector says what it means. A
    word that has no vector begins as a draw of the same spread. The whole table is scaled to the same spread.

    Raises:
        SettingError: the vocabulary is not of words.
        DataError: the file cannot be used, or tells no words apart.
    """
    if tokens.units != "words":
        raise SettingError(f"--vectors are of words: leave out --units {tokens.units}.")
    own = set(tokens.names)
    names = (*tokens.names, *(word for word in most_frequent(words, least=1) if word not in own))
    found = read_vectors(path, names)
    kept = found.known.copy()
    kept[: len(tokens.names)] = True
    known, table = found.known[kept], found.table[kept]
    spread = float(table[known].std())
    if not spread:
        raise DataError(f"{path}: all its numbers are the same, so that it tells no word from another.")
    table *= SPREAD / spread
    draws = np.random.default_rng(0).normal(0, SPREAD, (int((~known).sum()), table.shape[1]))
    table[~known] = draws.astype(np.float32)
    table[0] = 0.0
    tokens = replace(tokens, names=tuple(np.array(names, dtype=object)[kept]))
    source = asdict(found.source)
    kept_of = {key: source[key] for key in ("path", "sha256", "format")}
    record = {"role": "vectors", **kept_of, "covered": float(known[MARKS:].mean())}
    return Given(tokens, table, record, Origin(path, source["sha256"], SPREAD / spread))


def give_vectors(embedding: nn.Embedding, table: NDArray[np.float32], *, fixed: bool) -> None:
    """The embedding begins as this table, and stays it where it is fixed."""
    with torch.no_grad():
        embedding.weight.copy_(torch.from_numpy(table))
    embedding.weight.requires_grad_(not fixed)


def knowing(model: M, reader: Reader, words: Iterable[str]) -> tuple[M, Reader]:
    """The network and what it reads, with those of these words that are new and that its vectors know.

    The vectors are looked for where they were in training; where they are gone or have changed, new words stay unknown.

    Args:
        model: with an `embedding`, a row a word; it is not changed.
        reader: what it reads.
        words: as the reader spells them.
    """
    known = set(reader.tokens.names)
    new = [word for word in dict.fromkeys(words) if word not in known]
    file = where(reader.vectors.path) if reader.vectors and new else None
    if (
        reader.vectors is None
        or file is None
        or describe(file, encoding="utf-8").sha256 != reader.vectors.sha256
    ):
        return model, reader
    found = look_up(reader.vectors.path, new)
    if not found:
        return model, reader
    rows = torch.from_numpy(np.stack([found[n] for n in sorted(found)])) * reader.vectors.scale
    names = (*reader.tokens.names, *(new[n] for n in sorted(found)))
    wider = copy.deepcopy(model)
    weight = torch.cat([wider.get_parameter("embedding.weight").detach(), rows])
    size, width = weight.shape
    wider.set_submodule("embedding", nn.Embedding(size, width, _weight=weight))
    return wider, replace(reader, tokens=replace(reader.tokens, names=names))
