"""Generating: draw a token, feed it back, draw the next.

Sources: nucleus (top-p), Holtzman et al. 2020; top-k, Fan et al. 2018.
Axes: B sequences, V tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from undertow.errors import SettingError
from undertow.wiring.next_token import NextToken


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn."""

    temperature: float = 1.0
    """Below 1: safer; above 1: wilder; 0: always the likeliest."""
    top_k: int = 0
    """Draw from the k likeliest only. 0: off."""
    top_p: float = 1.0
    """Draw from the fewest likeliest that hold this much probability."""
    seed: int = 0
    """Same seed, same samples."""

    def check(self) -> None:
        """Refuse what is out of range.

        Raises:
            SettingError: names the option.
        """
        if not 0 <= self.temperature <= 100:
            raise SettingError(f"--temperature must lie from 0 to 100, got {self.temperature}.")
        if self.top_k < 0:
            raise SettingError(f"--top-k must not be negative, got {self.top_k}.")
        if not 0 < self.top_p <= 1:
            raise SettingError(f"--top-p must be above 0 and at most 1, got {self.top_p}.")
        if not 0 <= self.seed < 2**63:
            raise SettingError(f"--seed must be at least 0 and below 2^63, got {self.seed}.")


def draw(scores: Tensor, how: Sampling, generator: torch.Generator) -> Tensor:
    """One token [B] from scores [B, V]; one whose score is no number is drawn only where none has a number."""
    if how.temperature == 0:
        return scores.argmax(dim=-1)
    scores = torch.nan_to_num(scores.double(), nan=-torch.inf, neginf=-torch.inf)
    highest = scores.amax(dim=-1, keepdim=True)
    scores = torch.where(highest == -torch.inf, 0, scores - highest)  # no temperature divides it to +∞
    shares = torch.softmax(narrowed(scores / how.temperature, how), dim=-1)
    return torch.multinomial(shares, 1, generator=generator).squeeze(-1)


def narrowed(scores: Tensor, how: Sampling) -> Tensor:
    """Scores [B, V] with what top-k and top-p leave out at −∞; the likeliest token always stays."""
    if how.top_k and how.top_k < scores.shape[-1]:
        likeliest = scores.topk(how.top_k, dim=-1)  # exactly k, also where several are alike at the border
        scores = torch.full_like(scores, -torch.inf).scatter(-1, likeliest.indices, likeliest.values)
    if how.top_p < 1:
        ordered, order = scores.sort(dim=-1, descending=True)
        shares = ordered.softmax(dim=-1)
        beyond = shares.cumsum(dim=-1) - shares >= how.top_p
        scores = scores.masked_fill(beyond.scatter(-1, order, beyond), -torch.inf)
    return scores


@torch.no_grad()
def generate(
    model: NextToken, prefix: Tensor, count: int, longest: int, how: Sampling, stop: int | None
) -> Tensor:
    """Continue `prefix` [P] in `count` ways by up to `longest` tokens.

    Args:
        model: put into eval mode by the caller.
        prefix: at least one token.
        count: B, how many sequences are drawn side by side.
        longest: tokens drawn at most.
        how: temperature, top-k, top-p, seed.
        stop: the token that ends a sequence, or None. After it, only it is drawn.

    Returns:
        [N, B], N <= longest: what was drawn, the prefix left out.
    """
    generator = torch.Generator().manual_seed(how.seed)
    scores, state = model(prefix[:, None].expand(-1, count))
    ended = torch.zeros(count, dtype=torch.bool)
    drawn: list[Tensor] = []
    while len(drawn) < longest and not bool(ended.all()):
        token = draw(scores[-1], how, generator)
        if stop is not None:
            token = torch.where(ended, stop, token)
            ended = ended | (token == stop)
        drawn.append(token)
        scores, state = model(token[None], start=state)
    return torch.stack(drawn) if drawn else torch.zeros(0, count, dtype=torch.long)
