"""text: one long text in, a network that goes on writing it out.

    train       truncated backpropagation: windows of K steps, state carried from one to the next
    score       the last 10 % read once with carried state, nats a character
    sample      goes on from a prefix

Axes: K steps of a window, B streams of the text side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertow.data.batches import stream_windows, streams
from undertow.data.inspection import inspect_text
from undertow.data.longtext import Text, read_text, split_tail
from undertow.data.ngram import ngram_nats
from undertow.data.vocabulary import Vocabulary
from undertow.errors import DataError, SettingError
from undertow.tasks.network import Network, build_network
from undertow.tasks.over_characters import OverCharacters, nats_a_character
from undertow.tasks.remarks import of_files, only_file
from undertow.tasks.sampling import Request, sample_strings, samples_to_score
from undertow.tasks.text_regimes import LONG, MANY, QUICK, STEPS, filled, passes
from undertow.training.loop import Judged, StepLoss
from undertow.training.options import Training
from undertow.wiring.generate import Sampling
from undertow.wiring.next_token import NextToken, cross_entropy

ORDERS = {"uniform": 0, "unigram": 1, "bigram": 2, "trigram": 3, "5-gram": 5}
QUICK_STREAMS = 32  # while training, the validation part is read in so many streams side by side
WINDOW = 500  # steps at a time when nothing is learned
SAMPLE_LENGTH = 500


@dataclass(frozen=True)
class TextOptions(Training, Network):
    """Train a network on one long text."""

    data: tuple[str, ...] = ()
    """The text file."""
    test: str | None = None
    """A text of its own to score once at the end; without it the validation part is what is reported."""
    encoding: str = "utf-8"
    """Of the files."""
    hidden: int | None = None  # type: ignore[assignment]
    """Units a layer. None: 640; 512 where the budget is many passes (25 or more)."""
    layers: int | None = None  # type: ignore[assignment]
    """Layers, one above the other. None: 1; 2 for many passes."""
    dropout: float | None = None  # type: ignore[assignment]
    """Share dropped between layers, and before the readout. None: 0.2; 0.4 for many passes."""
    weight_drop: float | None = None  # type: ignore[assignment]
    """Share of the weights that multiply the state that is dropped, one draw a window. None: 0.2; 0.4 for many
    passes."""
    weight_decay: float | None = None  # type: ignore[assignment]
    """Decoupled decay of matrices; vectors are left alone. None: 0; 0.2 for many passes."""
    average: float | None = None  # type: ignore[assignment]
    """Validate and keep a running average of the weights with this memory; 0: off. None: 0.998; 0.999 for many
    passes."""
    input_dropout: float | None = 0.0
    """Share of the embedding that is dropped."""
    batch: int = 32
    """Rows a step."""
    learning_rate: float | None = None  # type: ignore[assignment]
    """Peak of the schedule. None: 0.006; 0.003 for many passes."""
    window: int = 64
    """Steps K of truncated backpropagation."""
    patience: int = 0
    """Stop after this many validations without a new best. 0: never; the best weights are kept anyway, and they mostly
    come last, when the learning rate is low."""

    def check(self) -> None:
        """Refuse settings that are out of range."""
        whole = filled(self, QUICK)
        Training.check(whole)
        Network.check(whole)
        if len(self.data) != 1:
            raise SettingError(f"text needs exactly one file: --data FILE. Got {len(self.data)}.")
        if self.window < 1:
            raise SettingError(f"--window must be at least 1, got {self.window}.")


@dataclass
class TextTask:
    """The text as parallel streams, window by window."""

    model: NextToken
    train: NDArray[Any]
    held_out: NDArray[Any]
    options: TextOptions

    def __post_init__(self) -> None:
        if self.steps_per_epoch < 1:
            raise DataError(
                f"A text of {len(self.train):,} training characters is too short for --batch {self.options.batch} "
                f"streams of --window {self.options.window} steps. Make one of them smaller."
            )

    @property
    def usable(self) -> int:
        """Characters of one epoch; the rest lets each epoch begin at a place of its own."""
        return len(self.train) - self.options.window

    @property
    def steps_per_epoch(self) -> int:
        """Windows in one pass."""
        if self.usable <= self.options.batch:
            return 0
        return stream_windows(self.usable, self.options.batch, self.options.window)

    def batches(self, epoch: int, first: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The windows of one epoch, from an offset of its own."""
        offset = int(np.random.default_rng([self.options.seed, epoch]).integers(self.options.window))
        part = self.train[offset : offset + self.usable]
        return streams(part, self.options.batch, self.options.window, start=first)

    def loss(self, batch: tuple[Tensor, Tensor], carried: list[Tensor]) -> StepLoss:
        """Mean nats a character of one window, from the state that the window before left."""
        inputs, targets = batch
        scores, last = self.model(inputs, start=_states(self.model, carried))
        flat = [field for state in last for field in state]
        return StepLoss(cross_entropy(scores, targets), targets.numel(), flat)

    def validate(self) -> Judged:
        """Nats a character on the validation part, read in a few streams."""
        return nats_a_character(nats(self.model, self.held_out, QUICK_STREAMS))


@dataclass
class TextJob:
    """A text read and split, with a network for it."""

    task: TextTask
    vocabulary: Vocabulary
    data: list[dict[str, Any]]
    test: NDArray[Any] | None

    @property
    def model(self) -> NextToken:
        return self.task.model

    @property
    def options(self) -> TextOptions:
        """Those that were left open are chosen."""
        return self.task.options

    @property
    def remarks(self) -> list[str]:
        """What was left out of the files."""
        return of_files(self.data, "characters")

    @property
    def default_epochs(self) -> float:
        """About 3,000 windows, 4 passes at least."""
        return max(4.0, STEPS / self.task.steps_per_epoch)

    def held_out(self, steps: int, rows: int) -> Tensor:
        """Pieces of the validation part, one after another [T, B]; fewer where it is short."""
        ids = self.task.held_out
        steps = min(steps, len(ids))
        rows = min(rows, len(ids) // steps)
        return torch.from_numpy(ids[: rows * steps].astype(np.int64).reshape(rows, steps).T.copy())

    def score(self, seed: int) -> dict[str, Any]:
        """validation (and test, where given), baselines and samples."""
        task = self.task
        scored = task.held_out if self.test is None else self.test
        return {
            "test": None if self.test is None else _nats_record(self.model, self.test),
            "validation": _nats_record(self.model, task.held_out),
            "baselines": {
                name: {
                    "nats_per_char": ngram_nats(task.train, scored, order, self.vocabulary.size, end=False)
                }
                for name, order in ORDERS.items()
            },
            "samples": self._samples(seed),
        }

    def _samples(self, seed: int) -> dict[str, Any]:
        prefix = self.vocabulary.decode(self.task.held_out[:1])
        request = Request(4, prefix=prefix, how=Sampling(seed=seed))
        drawn, wrong = samples_to_score(self.model, self.vocabulary, request, SAMPLE_LENGTH)
        train = self.vocabulary.decode(self.task.train)
        words, held = set(_words(train)), _words(self.vocabulary.decode(self.task.held_out))
        written = [word for text in drawn for word in _words(text)]
        return {
            "count": len(drawn),
            **wrong,
            "characters": sum(map(len, drawn)),
            "temperature": request.how.temperature,
            "known_word_share": _share(written, words),
            "known_word_share_validation": _share(held, words),
            "longest_copy": max((longest_copy(text, train) for text in drawn), default=0),
            "examples": [{"text": text} for text in drawn],
        }


class TextRecipe(OverCharacters):
    """The recipe."""

    name = "text"
    Options = TextOptions

    def prepare(self, options: TextOptions) -> TextJob:
        """Read the text; draw a fresh network."""
        options.check()
        text = read_text(options.data[0], encoding=options.encoding)
        test = (
            read_text(options.test, encoding=options.encoding, vocabulary=text.vocabulary)
            if options.test
            else None
        )
        train, held_out = split_tail(text.ids)
        many = passes(options, options.batch * options.window, len(train)) >= MANY
        options = filled(options, LONG if many else QUICK)
        task = TextTask(build_network(options, text.vocabulary.size), train, held_out, options)
        data = [_record("train", text)] + ([_record("test", test)] if test else [])
        return TextJob(task, text.vocabulary, data, None if test is None else test.ids)

    def sample(
        self, model: NextToken, vocabulary: Vocabulary, request: Request, options: TextOptions
    ) -> list[str]:
        """Goes on from the prefix; without one, from a line break or the first character there is."""
        if not request.prefix:
            begin = "\n" if "\n" in vocabulary.characters else vocabulary.characters[0]
            request = Request(request.count, begin, request.longest, request.how)
        return sample_strings(model, vocabulary, request, SAMPLE_LENGTH)

    def score_file(self, model: NextToken, vocabulary: Vocabulary, options: TextOptions) -> dict[str, Any]:
        """Nats a character on another text, read once with carried state."""
        text = read_text(only_file(options), encoding=options.encoding, vocabulary=vocabulary)
        return {"test": _nats_record(model, text.ids)}

    def inspect(self, options: TextOptions) -> dict[str, Any]:
        """What is understood of a file."""
        return inspect_text(read_text(only_file(options), encoding=options.encoding))


RECIPE = TextRecipe()


def nats(model: NextToken, ids: NDArray[Any], side_by_side: int = 1) -> float:
    """Nats a character of a text read once, state carried all along, in so many streams."""
    total, units, state = 0.0, 0, None
    width = min(side_by_side, max(1, len(ids) // 100))
    with torch.no_grad():
        for inputs, targets in streams(ids, width, WINDOW):
            scores, state = model(inputs, start=state)
            total += float(cross_entropy(scores, targets, reduction="sum"))
            units += targets.numel()
    return total / units


def longest_copy(text: str, source: str) -> int:
    """How many characters in a row does `text` share with `source`?"""
    best, begin = 0, 0
    while begin + best < len(text):
        if text[begin : begin + best + 1] in source:
            best += 1
        else:
            begin += 1
    return best


def _states(model: NextToken, carried: Sequence[Tensor]) -> list[Any] | None:
    if not carried:
        return None
    tensors = iter(carried)
    return [cell.State(*(next(tensors) for _ in cell.State._fields)) for cell in model.recurrent.stack.cells]


def _nats_record(model: NextToken, ids: NDArray[Any]) -> dict[str, Any]:
    model.eval()
    value = nats(model, ids)
    return {"nats_per_char": value, "bits_per_char": value / float(np.log(2)), "characters": len(ids) - 1}


def _record(role: str, text: Text) -> dict[str, Any]:
    source = text.source
    return {"role": role, "path": source.path, "sha256": source.sha256, "rows": len(text.ids)}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _share(written: list[str], words: set[str]) -> float:
    return sum(word in words for word in written) / max(1, len(written))
