"""Why this label? What each word of a text adds to a network's choice, and whether the ending alone decided.

The ending decided alone where the network says of the last sentence what it says of the whole text, and says
something else of what stands before it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from undertow.errors import DataError
from undertow.flow.attribution import Method, attribute
from undertow.report.contributions import contributions
from undertow.tasks.classes import Reader
from undertow.tasks.explaining import Question, share_notes, shares_of_last
from undertow.wiring.many_to_one import ManyToOne

SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
PART = 4  # without sentences, the last so manieth part is the ending


@dataclass(frozen=True)
class Ending:
    """What the network says of the end of a text alone, and of the text without it."""

    text: str
    label: str
    p: float
    label_before: str
    p_before: float
    decided_alone: bool


@dataclass(frozen=True)
class ClassExplanation:
    """A choice and what it rests on: ln p of a label, taken apart over the units of a text."""

    method: Method
    text: str
    label: str
    log_p: float
    without: float  # ln p with every unit absent
    units: tuple[str, ...]
    contributions: tuple[float, ...]  # nats
    pooled: tuple[float, ...]  # each step's share of the pooled vector
    share_of_last: dict[int, float]
    ending: Ending | None
    pooling: str

    @property
    def title(self) -> str:
        """What was chosen."""
        return f"{self.label} with p = {math.exp(self.log_p):.3f}"

    @property
    def pieces(self) -> tuple[str, ...]:
        """What the contributions are of."""
        return self.units

    def picture(self) -> Figure:
        """What each unit adds, by position."""
        return contributions(
            self.units, self.contributions, self.title, "above 0: speaks for it; below: against it"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know beside the table."""
        return (*share_notes(self.share_of_last), *_told(self.ending, self.pooling))


def explain_class(model: ManyToOne, reader: Reader, asked: Question, longest: int) -> ClassExplanation:
    """Take ln p of a label apart.

    Args:
        model: trained.
        reader: its units and classes.
        asked: text, label (None: the likeliest) and method.
        longest: units that are read; of a longer text the last ones.

    Raises:
        SettingError: no such label.
        DataError: no text.
    """
    units = reader.tokens.pieces(asked.text)[-longest:]
    if not units:
        raise DataError("Give a text of at least one word.")
    ids = reader.tokens.encode(asked.text)[-longest:]
    tokens, lengths = torch.from_numpy(ids)[:, None], torch.tensor([len(units)])
    with torch.no_grad():
        read = model(tokens, lengths)
    number = int(read.scores[0].argmax()) if asked.label is None else reader.classes.named(asked.label)

    def score(output: Any) -> Tensor:
        return torch.log_softmax(output.scores[0].double(), -1)[number]

    method = asked.method or "integrated"
    found = attribute(model, tokens, lengths, score=score, method=method)
    return ClassExplanation(
        method,
        asked.text,
        reader.classes.names[number],
        found.score,
        found.without,
        tuple(units),
        found.steps,
        tuple(read.shares[:, 0].tolist()),
        shares_of_last(found, len(units)),
        ending_of(model, reader, asked.text, longest),
        model.pooling.how,
    )


def ending_of(model: ManyToOne, reader: Reader, text: str, longest: int = 10_000) -> Ending | None:
    """The last sentence beside what stands before it; None where a text cannot be parted."""
    parted = _parted(reader, text)
    if parted is None:
        return None
    before, end = parted
    (label, _), (at_end, p), (label_before, p_before) = (
        _said(model, reader, t, longest) for t in (text, end, before)
    )
    return Ending(end, at_end, p, label_before, p_before, at_end == label and label_before != label)


def _parted(reader: Reader, text: str) -> tuple[str, str] | None:
    sentences = [part for part in SENTENCE_END.split(text.strip()) if part.strip()]
    if len(sentences) > 1:
        end = sentences[-1]
        return text.strip()[: -len(end)].strip(), end
    words = text.split()
    if len(words) < 2 * PART:
        return None
    cut = len(words) - len(words) // PART
    return " ".join(words[:cut]), " ".join(words[cut:])


def _said(model: ManyToOne, reader: Reader, text: str, longest: int) -> tuple[str, float]:
    ids = reader.tokens.encode(text)[-longest:]
    with torch.no_grad():
        p = torch.softmax(model(torch.from_numpy(ids)[:, None], torch.tensor([len(ids)])).scores[0], -1)
    return reader.classes.names[int(p.argmax())], float(p.max())


def _told(ending: Ending | None, pooling: str) -> tuple[str, ...]:
    if ending is None:
        return ()
    beside = (
        f"The ending alone, {ending.text!r}, is read as {ending.label} (p = {ending.p:.2f}); what stands before it as "
        f"{ending.label_before} (p = {ending.p_before:.2f})."
    )
    if not ending.decided_alone:
        return (beside,)
    others = " or ".join(f"--pooling {how}" for how in ("mean", "attention") if how != pooling)
    return (
        f"{beside} The ending alone decided. Other pooling may weigh the rest more: train with {others}, compare.",
    )
