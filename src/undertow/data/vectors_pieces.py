"""Vectors as the token table of a transformer: safetensors, and its WordPiece vocabulary beside it.

Sources: WordPiece and the way its words are cut, Devlin et al. 2019.
"""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from undertow.data.decode import text_chunks
from undertow.data.source import check_file
from undertow.data.tokens import is_word
from undertow.errors import DataError

BLOCK = 4096  # rows of a table read at a time
TOKEN_TABLE = "embeddings.word_embeddings.weight"
TYPES = ("F16", "BF16", "F32", "F64")
VOCABULARIES = ("vocab.txt", "tokenizer.json")


@dataclass(frozen=True)
class PieceTable:
    """One row for each token of a WordPiece vocabulary: the file, the tensor's name, the tokens' rows."""

    file: Path
    tensor: str
    tokens: dict[str, int]

    def rows(self, unit: str) -> list[int]:
        """Which rows stand for this unit? Its own, else those of its pieces; none where a part has none."""
        for spelling in (unit, unit.lower()):
            if spelling in self.tokens:
                return [self.tokens[spelling]]
        parts = [self._pieces(word) for word in _bert_words(self._plain(unit))]
        return [row for part in parts for row in part] if all(parts) else []

    def _pieces(self, word: str) -> list[int]:
        """The longest token that the word begins with, then again for what is left of it."""
        rows: list[int] = []
        start, end = 0, len(word)
        while start < end:
            row = self.tokens.get(("##" if start else "") + word[start:end])
            if row is None:
                end -= 1
            else:
                rows.append(row)
                start, end = end, len(word)
        return rows if start == len(word) else []

    def _plain(self, unit: str) -> str:
        unit = "".join(c for c in unit if c.isspace() or unicodedata.category(c)[0] != "C")
        unit = _unaccented(unit) if self._without_accents else unit
        return unit.lower() if self._uncased else unit

    @cached_property
    def _uncased(self) -> bool:
        return all(token == token.lower() for token in self.tokens if token[:1] != "[")

    @cached_property
    def _without_accents(self) -> bool:
        return self._uncased and all(token == _unaccented(token) for token in self.tokens)


def piece_table(*files: Path) -> PieceTable:
    """The first of these files, of one folder, that has a row for each token of the vocabulary beside it."""
    tokens = _vocabulary(files[0])
    size = max(tokens.values()) + 1
    for file in files:
        try:
            with safe_open(file, framework="numpy") as tensors:
                slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
                shapes = {
                    name: part.get_shape() for name, part in slices.items() if part.get_dtype() in TYPES
                }
        except (SafetensorError, OSError) as error:
            raise DataError(f"{file} cannot be read as safetensors ({error}).") from error
        name = _token_table({name: shape[0] for name, shape in shapes.items() if len(shape) == 2}, size)
        if name is not None:
            return PieceTable(file, name, tokens)
    raise DataError(
        f"{files[0]} has no token table: a tensor of {size} rows, one for each token of the vocabulary "
        f"beside it, of type {', '.join(TYPES)}. Do the two belong together?"
    )


def _token_table(rows: dict[str, int], size: int) -> str | None:
    named = [name for name in rows if name.endswith(TOKEN_TABLE) and rows[name] >= size]  # it may be padded
    exact = [name for name in rows if rows[name] == size]
    embedding = [name for name in exact if "embed" in name.lower()]
    return next(iter(named or embedding or exact), None)


def _vocabulary(file: Path) -> dict[str, int]:
    """Each token's row, from the vocabulary beside the file."""
    listed, described = (file.parent / name for name in VOCABULARIES)
    if listed.is_file():
        text = "".join(text_chunks(check_file(listed)))
        return {token: row for row, token in enumerate(text.removesuffix("\n").split("\n"))}
    if not described.is_file():
        raise DataError(
            f"{file} needs its vocabulary beside it: {' or '.join(VOCABULARIES)}, to name its rows."
        )
    try:
        record: dict[str, Any] = json.loads("".join(text_chunks(check_file(described))))
        kind, pieces = record["model"].get("type", "WordPiece"), record["model"].get("vocab")
        added = {token["content"]: token["id"] for token in record.get("added_tokens", [])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{described} is not the description of a tokenizer ({error!r}).") from error
    if kind != "WordPiece":
        raise DataError(f"{described} holds a vocabulary of type {kind}; WordPiece alone is read.")
    if not isinstance(pieces, dict) or not pieces or any(type(row) is not int for row in pieces.values()):
        raise DataError(f"{described} holds no vocabulary: its model needs a row for each token.")
    tokens: dict[str, int] = added | pieces
    return tokens


def read_table(table: PieceTable, wanted: Sequence[str]) -> dict[int, NDArray[np.float32]]:
    parts = {index: table.rows(unit) for index, unit in enumerate(wanted) if is_word(unit)}
    needed = np.array(sorted({row for rows in parts.values() for row in rows}), dtype=np.int64)
    if not len(needed):
        return {}
    kept = np.concatenate(list(_blocks(table, needed)))
    if not np.isfinite(kept).all():
        raise DataError(f"{table.file}: the tensor {table.tensor} holds values that are not finite numbers.")
    places = {index: np.searchsorted(needed, rows) for index, rows in parts.items() if rows}
    return {index: kept[place].mean(axis=0) for index, place in places.items()}


def _blocks(table: PieceTable, needed: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    """The needed rows, in their order; NumPy has no BF16, so torch reads it."""
    with safe_open(table.file, framework="numpy") as tensors:
        brief = tensors.get_slice(table.tensor).get_dtype() == "BF16"
    with safe_open(table.file, framework="pt" if brief else "numpy") as tensors:
        rows = tensors.get_slice(table.tensor)
        end = rows.get_shape()[0]
        for start in np.unique(needed // BLOCK) * BLOCK:
            block = rows[start : min(start + BLOCK, end)]
            with np.errstate(over="ignore"):
                block = block.float().numpy() if brief else block.astype(np.float32)
            yield block[needed[(needed >= start) & (needed < start + BLOCK)] - start]


def _unaccented(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def _bert_words(text: str) -> list[str]:
    """BERT's own words: every punctuation mark and every Chinese character stands alone."""
    return "".join(f" {c} " if _stands_alone(c) else c for c in text).split()


def _stands_alone(character: str) -> bool:
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    name = unicodedata.name(character, "")
    return unicodedata.category(character)[0] == "P" or name.startswith("CJK UNIFIED IDEOGRAPH")
