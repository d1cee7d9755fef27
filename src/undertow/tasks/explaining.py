"""Why this character? What each character of a text adds to a network's choice of the next one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undertow.data.vocabulary import Vocabulary
from undertow.errors import DataError, SettingError
from undertow.flow.attribution import Attribution, Method, attribute
from undertow.wiring.next_token import NextToken

BEGIN, END = "(begin)", "(end)"
LASTS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Question:
    """What is to be explained, and how."""

    text: str
    next: str | None = None  # of a network that says characters; None: the likeliest
    label: str | None = None  # of a network that says labels; None: the likeliest
    method: Method | None = None  # None: the recipe's own


def check_method(asked: Question, *known: Method) -> None:
    """Refuse a method that a recipe does not explain by.

    Raises:
        SettingError: says by what it does.
    """
    if asked.method is not None and asked.method not in known:
        able = f"by {' or '.join(known)}" if known else "by what it looked at, without a method"
        raise SettingError(f"--method {asked.method}: this run explains {able}.")


@dataclass(frozen=True)
class Explanation:
    """A choice and what it rests on: ln p of the next character, taken apart over the characters before it."""

    method: Method
    next: str
    log_p: float
    without: float  # ln p with every character absent
    characters: tuple[str, ...]
    contributions: tuple[float, ...]  # nats
    share_of_last: dict[int, float]  # of all that is contributed either way, by so many last characters

    @property
    def title(self) -> str:
        """What was chosen."""
        return f"{shown(self.next)} comes next with p = {math.exp(self.log_p):.3f}"

    @property
    def pieces(self) -> tuple[str, ...]:
        """What the contributions are of."""
        return self.characters

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know beside the table."""
        return share_notes(self.share_of_last)


def explain(
    model: NextToken, vocabulary: Vocabulary, text: str, next: str | None, method: Method
) -> Explanation:
    """Take ln p of the next character apart.

    Args:
        model: trained.
        vocabulary: its characters.
        text: what is read.
        next: the character to be explained, "" for the end; None: the likeliest.
        method: gradient, integrated or occlusion.

    Raises:
        DataError: a character that the network never saw, or no text where one is needed.
    """
    begin = [0] if vocabulary.end else []
    ids = [*begin, *vocabulary.encode(text).tolist()]
    if not ids:
        raise DataError("Give a text of at least one character.")
    tokens = torch.tensor(ids)[:, None]
    chosen = _chosen(model, vocabulary, tokens, next)

    def score(output: Any) -> Tensor:
        scores: Tensor = output[0]
        return torch.log_softmax(scores[-1, 0].double(), -1)[chosen]

    found = attribute(model, tokens, score=score, method=method)
    characters = (*([BEGIN] if begin else []), *text)
    name = vocabulary.decode([chosen]) or END
    return Explanation(
        method,
        name,
        found.score,
        found.without,
        characters,
        found.steps,
        shares_of_last(found, len(characters)),
    )


def shown(piece: str) -> str:
    """As it is, in quotes where it could not be seen."""
    return piece if piece.isprintable() and not piece.isspace() else repr(piece)


def share_notes(shares: dict[int, float]) -> tuple[str, ...]:
    """The shares of the last pieces in words."""
    told = ", ".join(f"the last {n}: {share:.0%}" for n, share in shares.items())
    return (f"Of all that is contributed, either way: {told}.",) if told else ()


def shares_of_last(found: Attribution, steps: int) -> dict[int, float]:
    return {n: found.share(n) for n in LASTS if n < steps}


def _chosen(model: NextToken, vocabulary: Vocabulary, tokens: Tensor, next: str | None) -> int:
    if next is None:
        with torch.no_grad():
            return int(model(tokens)[0][-1, 0].argmax())
    if next == "" and vocabulary.end:
        return 0
    if len(next) != 1:
        raise DataError(f"--next takes one character, got {next!r}.")
    return int(vocabulary.encode(next)[0])
