"""Writing a translation: beam search over a batch, unknown words copied, and what was looked at for each word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from undertow.data.batches import side_by_side
from undertow.data.tokens import AT_END, END, START, STRANGE, Tokens
from undertow.report.attention_map import attention_map
from undertow.tasks.languages import Languages
from undertow.wiring.beam import Beam, Found, search
from undertow.wiring.unaligned import EncoderDecoder, Progress, rows_of

ROWS = 100  # texts side by side
UNITS = 20_000  # most units side by side, so that a long text does not fill the memory
ROOM = 10  # written beyond twice what was read; what is longer goes round in circles
READ = 1000  # units that are read of a text
BEFORE = re.compile(r" ([,.;:!?…)\]}%»”])")  # no space stands before these
BEHIND = re.compile(r"([(\[{«“„]) ")


@dataclass(frozen=True)
class Translation:
    """What was written, and what was looked at."""

    source: str
    text: str
    score: float  # ln p, by the length's norm
    copied: int  # unknown words that were copied
    left: int  # units at the end that were not read
    read: tuple[str, ...]
    written: tuple[str, ...]  # with the end mark
    shares: tuple[tuple[float, ...], ...]  # of the words read, a row a word written; rows sum to 1

    def record(self) -> dict[str, Any]:
        """As plain data."""
        shares = [[round(share, 4) for share in row] for row in self.shares]
        return {
            "source": self.source,
            "text": self.text,
            "read": list(self.read),
            "written": list(self.written),
            "shares": shares,
        }

    measure = "looked at"

    def picture(self) -> Figure:
        """What was looked at for each word."""
        return attention_map(self.record())

    @property
    def title(self) -> str:
        """What was written."""
        return self.text

    @property
    def pieces(self) -> tuple[str, ...]:
        """What was written, each with the words that were looked at most."""
        return tuple(
            f"{word}  ←  {self._looked(row)}" for word, row in zip(self.written, self.shares, strict=True)
        )

    @property
    def contributions(self) -> tuple[float, ...]:
        """The largest share of each row."""
        return tuple(max(row) for row in self.shares)

    @property
    def notes(self) -> tuple[str, ...]:
        """How many words were copied, and how many were not read."""
        copied = (f"{self.copied} unknown words were copied.",) if self.copied else ()
        return (*copied, f"The last {self.left:,} units were not read.") if self.left else copied

    def _looked(self, row: Sequence[float]) -> str:
        most = sorted(range(len(row)), key=lambda n: -row[n])[:2]
        return ", ".join(f"{self.read[n]} {row[n]:.2f}" for n in most if row[n] >= 0.1)


def translate(
    model: EncoderDecoder, languages: Languages, texts: Sequence[str], how: Beam
) -> list[Translation]:
    """The best translation that is found of each text, the model in the mode it is in."""
    rows = [languages.source.row(text)[:READ] for text in texts]
    found: dict[int, Translation] = {}
    for members in beside([len(row) for row in rows]):
        source, lengths = side_by_side([rows[n] for n in members])
        best = _searched(
            model, source, lengths, replace(how, longest=min(how.longest, 2 * len(source) + ROOM))
        )
        shares = _looked_at(model, source, lengths, best)
        for column, (n, one) in enumerate(zip(members, best, strict=True)):
            looked = shares[: len(one.tokens) + 1, column, : len(rows[n])]
            found[n] = _told(languages, (texts[n], rows[n]), one, looked)
    return [found[n] for n in range(len(texts))]


def beside(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Which texts are taken at once: those of nearly one length, no more than memory holds."""
    members: list[int] = []
    for n in np.argsort(lengths, kind="stable").tolist():
        if members and (len(members) == ROWS or (len(members) + 1) * lengths[n] > UNITS):
            yield members
            members = []
        members.append(n)
    if members:
        yield members


def _searched(model: EncoderDecoder, source: Tensor, lengths: Tensor, how: Beam) -> list[Found]:
    def step(tokens: Tensor, progress: Progress) -> tuple[Tensor, Progress]:
        written = model.write(tokens[None], progress)
        return torch.log_softmax(written.scores[0], -1), written.progress

    with torch.no_grad():
        begun = model.encode(source, lengths)
    first = torch.full((source.shape[1],), AT_END)
    return [found[0] for found in search(step, rows_of, begun, first, AT_END, how)]


def _looked_at(model: EncoderDecoder, source: Tensor, lengths: Tensor, found: Sequence[Found]) -> Tensor:
    """[T, B, S] for the whole of what was written."""
    given, _ = side_by_side([np.array([AT_END, *one.tokens]) for one in found])
    with torch.no_grad():
        return model(source, given, lengths)[1]  # type: ignore[no-any-return]


def _told(
    languages: Languages, source: tuple[str, NDArray[np.int64]], found: Found, shares: Tensor
) -> Translation:
    text, row = source
    whole = languages.source.pieces(text) or [text]
    read = whole[:READ]
    names = languages.target.names
    copied = [token == STRANGE for token in found.tokens]
    strange = torch.from_numpy(row == STRANGE)
    words = [
        read[_copied(shares[n], strange)] if copied[n] else names[token]
        for n, token in enumerate(found.tokens)
    ]
    return Translation(
        text,
        spelled(languages.target, words),
        found.score,
        sum(copied),
        len(whole) - len(read),
        tuple(read),
        (*words, END),
        tuple(tuple(row) for row in shares.tolist()),
    )


def _copied(shares: Tensor, strange: Tensor) -> int:
    """Which word stands for the unknown one: of the unknown words that were read the one that was looked at most."""
    if not bool(strange.any()):
        return int(shares.argmax())
    return int(shares.masked_fill(~strange, -1.0).argmax())


def spelled(tokens: Tokens, words: Sequence[str]) -> str:
    """Units as a text."""
    if tokens.units == "characters":
        return "".join(words)
    if tokens.units == "subwords":
        return "".join(words).replace(START, " ").strip()
    return BEHIND.sub(r"\1", BEFORE.sub(r"\1", " ".join(words)))
