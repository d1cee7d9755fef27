"""Vocabulary: the characters a model knows, each with its number."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.errors import DataError

FORMAT = 1


@dataclass(frozen=True)
class Vocabulary:
    """Characters in the order of their code points, and whether an end mark comes before them.

    Args:
        characters: sorted, each once.
        end: index 0 is a mark that ends a string and stands before its first character; the
            characters begin at 1. Without it they begin at 0.
    """

    characters: tuple[str, ...]
    end: bool

    @classmethod
    def of(cls, strings: Iterable[str], end: bool) -> "Vocabulary":
        """Which characters do these strings use?"""
        return cls(tuple(sorted(set().union(*strings))), end)

    @property
    def size(self) -> int:
        """How many indices are there, the end mark included?"""
        return len(self.characters) + self.end

    def encode(self, string: str) -> NDArray[np.int64]:
        """Which indices are the characters of this string? No end mark is added.

        Raises:
            DataError: a character that is not known.
        """
        codes = code_points(string)
        ids = self._table[np.minimum(codes, len(self._table) - 1)]
        if ids.size and ids.min() < 0:
            raise DataError(self._strange(string, string[int(np.argmax(ids < 0))]))
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Which string do these indices spell? End marks are left out.

        Raises:
            DataError: an index outside 0 to size - 1.
        """
        ids = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), dtype=np.int64)
        if ids.size and (ids.min() < 0 or ids.max() >= self.size):
            wrong = ids[(ids < 0) | (ids >= self.size)][0]
            raise DataError(f"index {wrong} is not of this vocabulary, which has 0 to {self.size - 1}.")
        if self.end:
            ids = ids[ids > 0] - 1
        codes = code_points("".join(self.characters))
        return codes[ids].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")

    def unknown(self, string: str) -> tuple[str, ...]:
        """Which characters of this string are not known? Sorted, each once."""
        return tuple(sorted(set(string).difference(self.characters)))

    def to_json(self) -> dict[str, Any]:
        """What has to be written down to have this vocabulary again?"""
        return {"format": FORMAT, "characters": list(self.characters), "end": self.end}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Vocabulary":
        """Which vocabulary was written down?

        Raises:
            DataError: a newer format, or not a vocabulary.
        """
        version = record.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise DataError(
                f"vocabulary of format {version}: this undertow reads up to {FORMAT}. Update undertow."
            )
        characters, end = record.get("characters"), record.get("end")
        if version != FORMAT or not isinstance(characters, list) or not isinstance(end, bool):
            raise DataError(
                'not a vocabulary: needs "format": 1, a list of "characters" and "end", true or false.'
            )
        if characters != sorted({c for c in characters if isinstance(c, str) and len(c) == 1}):
            raise DataError("not a vocabulary: its characters must be single, distinct and sorted.")
        return cls(tuple(characters), end)

    @cached_property
    def _table(self) -> NDArray[np.int64]:
        codes = code_points("".join(self.characters))
        table = np.full(int(codes.max(initial=0)) + 2, -1, dtype=np.int64)  # the last one: anything beyond
        table[codes] = np.arange(self.end, self.size)
        return table

    def _strange(self, string: str, character: str) -> str:
        count = len(self.unknown(string))
        more = f" ({count} such characters in all)" if count > 1 else ""
        close = self.close(character)
        hint = f" Close to it and known: {' '.join(close)}." if close else ""
        return (
            f"{describe_character(character)} in {string[:60]!r} is not among the {len(self.characters)} "
            f"characters that the model was trained on{more}.{hint}"
        )

    def close(self, character: str) -> tuple[str, ...]:
        """Which known characters are the nearest to this one? The other case, or without its accents."""
        base = _base(character)
        same = {character.lower(), character.upper(), base, base.lower(), base.upper()}
        return tuple(c for c in self.characters if c in same or (not base.isspace() and _base(c) == base))


def code_points(string: str) -> NDArray[np.uint32]:
    """Which code points does this string hold?"""
    return np.frombuffer(string.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def describe_character(character: str) -> str:
    """How is this character told to a person? Itself, its code point and its Unicode name."""
    return f"{character!r} (U+{ord(character):04X}, {unicodedata.name(character, 'no name')})"


def _base(character: str) -> str:
    return unicodedata.normalize("NFKD", character)[0]
