"""Generating: draw a token, feed it back, draw the next.

Sources: nucleus (top-p), Holtzman et al. 2020; top-k, Fan et al. 2018.
Axes: B sequences, V tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from undertow.compiler.generation import Begin, Net, no_numbers
from undertow.compiler.speak import speak
from undertow.errors import SettingError, ShapeError
from undertow.recurrent.recurrent import Recurrent
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
    skip: int = 0
    """Sequences drawn before these: their random numbers are passed over."""

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

    A kernel draws where the network has one, and the eager loop where it has not or engine="eager"; the distribution
    is the same, the draws of one seed are not. From a kernel, what is drawn for a sequence depends on its number, not
    on how many others there are.

    Args:
        model: put into eval mode by the caller.
        prefix: at least one token.
        count: B, how many sequences are drawn side by side.
        longest: tokens drawn at most.
        how: temperature, top-k, top-p, seed.
        stop: the token that ends a sequence, or None. After it, only it is drawn.

    Returns:
        [N, B], N <= longest: what was drawn, the prefix left out.

    Raises:
        SettingError: the network is bidirectional: what it says of a token depends on what follows.
        ShapeError: the prefix is no row of tokens that the network knows.
        DivergedError: scores are no numbers, because weights or states are none.
    """
    stack = model.recurrent.stack
    if stack.directions > 1:
        raise SettingError(
            "generate: a bidirectional network reads a sequence from its end, too, so it cannot write one. "
            "Build it with bidirectional=False."
        )
    _check_prefix(prefix, model.embedding.num_embeddings)
    if not longest:
        return prefix.new_zeros(0, count)
    net = net_of(model)
    if net is not None:
        tokens = prefix[:, None].expand(-1, count)
        states = [cell.State(*(s.to(net.bias) for s in cell.start(count))) for cell in net.cells]
        drawn = speak(stack.engine, net, Begin(tokens, states, how, stop, how.skip), longest)
        if drawn is not None:
            return drawn.tokens[len(prefix) - 1 :]
    return _step_by_step(model, prefix, count, longest, how, stop)


def _check_prefix(prefix: Tensor, known: int) -> None:
    if prefix.dim() != 1 or not len(prefix) or prefix.is_floating_point():
        shown = f"{tuple(prefix.shape)} of {prefix.dtype}"
        raise ShapeError(f"generate: prefix must be [P], whole numbers, at least one, got {shown}.")
    least, most = int(prefix.min()), int(prefix.max())
    if least < 0 or most >= known:
        raise ShapeError(
            f"generate: prefix must hold tokens from 0 to {known - 1}, got {least if least < 0 else most}."
        )


def net_of(model: NextToken) -> Net | None:
    """The tensors that the network is made of, or None where it is more than they tell: hooks, dropout, a subclass."""
    recurrent = model.recurrent
    kinds: list[tuple[Any, Any]] = [
        (NextToken, model), (nn.Embedding, model.embedding), (Recurrent, recurrent), (nn.Linear, model.readout)
    ]  # fmt: skip
    if any(type(part).forward is not kind.forward for kind, part in kinds):
        return None
    parts = list(model.modules())
    if (
        any(part._forward_hooks or part._forward_pre_hooks for part in parts)
        or recurrent.passages is not None
    ):
        return None
    if any(part.training for part in parts) or model.embedding.max_norm is not None:
        return None
    layers = range(recurrent.stack.layers)
    return Net(
        embedding=model.embedding.weight,
        cells=recurrent.stack.cells,
        weights=tuple(recurrent.weights(layer) for layer in layers),
        projections=tuple(recurrent.projection_of(layer) for layer in layers),
        readout=model.readout.weight,
        bias=model.readout.bias,
        zones=recurrent.stack.zoneout,
    )


def _step_by_step(
    model: NextToken, prefix: Tensor, count: int, longest: int, how: Sampling, stop: int | None
) -> Tensor:
    """The eager loop: the plain twin of the kernel."""
    generator = torch.Generator().manual_seed((how.seed + how.skip) % 2**63)
    scores, state = model(prefix[:, None].expand(-1, count))
    ended = torch.zeros(count, dtype=torch.bool)
    drawn: list[Tensor] = []
    while len(drawn) < longest and not bool(ended.all()):
        wrong = ~(scores[-1].amax(dim=-1) > -torch.inf) & ~ended
        if bool(wrong.any()):
            raise no_numbers(how.skip + int(wrong.nonzero()[0]), len(prefix) - 1 + len(drawn))
        token = draw(scores[-1], how, generator)
        if stop is not None:
            token = torch.where(ended, stop, token)
            ended = ended | (token == stop)
        drawn.append(token)
        scores, state = model(token[None], start=state)
    return torch.stack(drawn)
