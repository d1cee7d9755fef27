"""Sampling from a trained network: a prefix in, new strings out. Shared by the recipes over characters."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch

from undertow.data.vocabulary import Vocabulary
from undertow.errors import DataError, DivergedError, SettingError
from undertow.wiring.generate import Sampling, generate
from undertow.wiring.next_token import NextToken

TOGETHER = 500  # sequences drawn side by side


@dataclass(frozen=True)
class Request:
    """How many strings, how they begin, how long they may get, how they are drawn."""

    count: int = 20
    prefix: str = ""
    longest: int | None = None
    how: Sampling = field(default_factory=Sampling)

    def check(self) -> None:
        """Refuse what is out of range.

        Raises:
            SettingError: names the option.
        """
        if not 1 <= self.count <= 1_000_000:
            raise SettingError(f"-n must lie from 1 to 1,000,000, got {self.count}.")
        if self.longest is not None and self.longest < 1:
            raise SettingError(f"--length must be at least 1, got {self.longest}.")
        self.how.check()


def sample_strings(model: NextToken, vocabulary: Vocabulary, request: Request, longest: int) -> list[str]:
    """Continue the prefix `count` times; the prefix is part of each string.

    With an end mark in the vocabulary, each string begins after one and stops at the next.

    Raises:
        DataError: the prefix holds a character the network never saw, or is empty where one is needed.
        DivergedError: the network's scores are no numbers.
    """
    request.check()
    begin = [0] if vocabulary.end else []
    prefix = torch.tensor([*begin, *vocabulary.encode(request.prefix).tolist()])
    if not len(prefix):
        raise DataError("Give a --prefix of at least one character to go on from.")
    model.eval()
    strings: list[str] = []
    for first in range(0, request.count, TOGETHER):
        count = min(TOGETHER, request.count - first)
        how = replace(request.how, skip=request.how.skip + first)
        drawn = generate(model, prefix, count, request.longest or longest, how, 0 if vocabulary.end else None)
        strings += [request.prefix + vocabulary.decode(row.numpy()) for row in drawn.T]
    return strings


def samples_to_score(
    model: NextToken, vocabulary: Vocabulary, request: Request, longest: int
) -> tuple[list[str], dict[str, str]]:
    """Strings to judge a network by, and {"error": why} where it cannot draw any: it is scored all the same."""
    try:
        return sample_strings(model, vocabulary, request, longest), {}
    except DivergedError as error:
        return [], {"error": str(error)}
