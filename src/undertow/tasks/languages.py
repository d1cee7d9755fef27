"""What a translator must know beside its weights: the units of both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from undertow.data.tokens import Tokens
from undertow.errors import DataError

FORMAT = 1


@dataclass(frozen=True)
class Languages:
    """What is read and what is written."""

    source: Tokens
    target: Tokens

    def to_json(self) -> dict[str, Any]:
        """As it is kept in vocabulary.json."""
        return {"format": FORMAT, "source": self.source.to_json(), "target": self.target.to_json()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Languages:
        """Out of vocabulary.json.

        Raises:
            DataError: a newer format, or no vocabulary of a translator.
        """
        version = record.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise DataError(f"format {version}; this undertow reads up to {FORMAT}. Update undertow.")
        sides = [record.get(side) for side in ("source", "target")]
        if version != FORMAT or not all(isinstance(side, dict) for side in sides):
            raise DataError('a translator\'s vocabulary needs "format": 1, "source" and "target".')
        return cls(*(Tokens.from_json(side) for side in sides if isinstance(side, dict)))
