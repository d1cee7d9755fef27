"""names: a list of short strings in, a network that invents new ones out.

    train       nats a character, end marks counted, exact duplicates removed, 80 / 10 / 10 by a hash
    score       test nats; 1,000 samples: new, copied, repeated, valid, how far from the nearest training string
    sample      new strings, from a prefix or from nothing

Axes: T steps of the longest string of a batch, B strings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from undertow.data.augment import noise, splice
from undertow.data.batches import PaddedBatch, bucketed, count, ordered, padded
from undertow.data.embedded import resolve
from undertow.data.inspection import inspect_strings
from undertow.data.ngram import ngram_nats
from undertow.data.novelty import judge, nearest
from undertow.data.split import Split, split_by_hash
from undertow.data.strings import Strings, read_strings
from undertow.data.vocabulary import Vocabulary
from undertow.errors import DataError, SettingError
from undertow.tasks.network import Network, build_network
from undertow.tasks.over_characters import OverCharacters, nats_a_character
from undertow.tasks.remarks import check_held_out, of_files, only_file
from undertow.tasks.sampling import Request, sample_strings, samples_to_score
from undertow.training.loop import Judged, StepLoss
from undertow.training.options import Training
from undertow.wiring.generate import Sampling
from undertow.wiring.next_token import NextToken, cross_entropy

ORDERS = {"uniform": 0, "unigram": 1, "bigram": 2, "trigram": 3, "5-gram": 5}
SAMPLES = 1000  # drawn at temperature 1 for the score
SHOWN = 60  # of them, in the score and the report


@dataclass(frozen=True)
class NamesOptions(Training, Network):
    """Train a network on a list of short strings."""

    data: tuple[str, ...] = ("compounds",)
    """Files with a string a line, or tables; or one that comes along: compounds, elements, movies."""
    column: str | None = None
    """The column of a table that holds the strings."""
    validation: str | None = None
    """A file of its own to stop by; then all of --data is trained on."""
    test: str | None = None
    """A file of its own to score once at the end."""
    encoding: str = "utf-8"
    """Of the files."""
    max_length: int = 1000
    """Longest string in characters; a longer one is an error."""
    skip_bad: bool = False
    """Leave bad rows out, and say how many, in place of stopping."""
    augment: Literal["none", "splice", "noise"] = "none"
    """splice joins the first words of one string to the last of another; noise replaces input characters."""
    augment_share: float = 0.2
    """Share of strings spliced, or of characters replaced."""

    def check(self) -> None:
        """Refuse settings that are out of range."""
        Training.check(self)
        Network.check(self)
        check_held_out(self)
        if not 0 <= self.augment_share <= 1:
            raise SettingError(f"--augment-share must lie from 0 to 1, got {self.augment_share}.")
        if self.max_length < 1:
            raise SettingError(f"--max-length must be at least 1, got {self.max_length}.")


@dataclass
class NamesTask:
    """The training strings, batch by batch."""

    model: NextToken
    vocabulary: Vocabulary
    parts: Split
    options: NamesOptions

    def __post_init__(self) -> None:
        self.train = [self.vocabulary.encode(s) for s in self.parts.train]
        self.held_out = [self.vocabulary.encode(s) for s in self.parts.validation]

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass."""
        return count(len(self.train), self.options.batch)

    def batches(self, epoch: int, first: int) -> Iterator[PaddedBatch]:
        """The batches of one epoch, augmented if asked for."""
        options, strings = self.options, self.train
        if options.augment == "splice":
            rng = np.random.default_rng([options.seed, epoch, 1])
            strings = [
                self.vocabulary.encode(s) for s in splice(self.parts.train, options.augment_share, rng)
            ]
        whole = bucketed(strings, options.batch, seed=options.seed, epoch=epoch, start=first)
        for number, batch in enumerate(whole, start=first):
            yield self._noisy(batch, epoch, number) if options.augment == "noise" else batch

    def _noisy(self, batch: PaddedBatch, epoch: int, number: int) -> PaddedBatch:
        rng = np.random.default_rng([self.options.seed, epoch, number, 2])
        inputs, lengths = batch.inputs.numpy(), batch.lengths.numpy()
        changed = noise(inputs, lengths, self.options.augment_share, self.vocabulary.size, rng)
        return PaddedBatch(torch.from_numpy(changed), batch.targets, batch.lengths)

    def loss(self, batch: PaddedBatch, carried: list[Tensor]) -> StepLoss:
        """Mean nats a character; padding comes last, so no state needs to be held."""
        scores, _ = self.model(batch.inputs)
        return StepLoss(cross_entropy(scores, batch.targets), int(batch.lengths.sum()))

    def validate(self) -> Judged:
        """Nats a character on the validation part."""
        return nats_a_character(nats(self.model, self.held_out))


@dataclass
class NamesJob:
    """A list of names read and split, with a network for it."""

    task: NamesTask
    data: list[dict[str, Any]]

    @property
    def model(self) -> NextToken:
        return self.task.model

    @property
    def options(self) -> NamesOptions:
        """As they were given."""
        return self.task.options

    @property
    def vocabulary(self) -> Vocabulary:
        return self.task.vocabulary

    @property
    def remarks(self) -> list[str]:
        """What was left out of the files."""
        return of_files(self.data, "strings")

    @property
    def default_epochs(self) -> float:
        """Enough for a list of any size: about 6,000 steps, 10 passes at least."""
        return max(10.0, 6000 / self.task.steps_per_epoch)

    def held_out(self, steps: int, rows: int) -> Tensor:
        """The longest strings of the validation part, cut to the shortest of them [T, B]."""
        longest = sorted(self.task.held_out, key=len, reverse=True)[:rows]
        whole = padded(longest)
        return whole.inputs[: min(steps, int(whole.lengths.min()))]

    def score(self, seed: int) -> dict[str, Any]:
        """test, validation, baselines and samples."""
        parts, model = self.task.parts, self.model
        encoded = [self.vocabulary.encode(s) for s in parts.test]
        held = self.task.held_out
        train, size = self.task.train, self.vocabulary.size
        return {
            "test": {**_nats_record(model, encoded), **_likeness(parts.test, parts.train)}
            if encoded
            else None,
            "validation": _nats_record(model, held),
            "baselines": {
                name: {"nats_per_char": ngram_nats(train, encoded or held, order, size, end=True)}
                for name, order in ORDERS.items()
            },
            "samples": self._samples(seed),
        }

    def _samples(self, seed: int) -> dict[str, Any]:
        train = self.task.parts.train
        request = Request(SAMPLES, how=Sampling(seed=seed))
        strings, wrong = samples_to_score(
            self.model, self.vocabulary, request, longest_of(self.vocabulary, train)
        )
        drawn = [text for text in strings if text]
        shown = drawn[:SHOWN]
        known = set(train)
        return {
            **(asdict(judge(drawn, train)) if drawn else {"count": 0, **wrong}),
            "temperature": request.how.temperature,
            "lengths": {"samples": _lengths(drawn), "training": _lengths(train)},
            "examples": [
                {"text": text, "new": text not in known, "nearest": close, "distance": distance}
                for text, (close, distance) in zip(shown, nearest(shown, train), strict=True)
            ],
        }


class Names(OverCharacters):
    """The recipe."""

    name = "names"
    Options = NamesOptions

    def prepare(self, options: NamesOptions) -> NamesJob:
        """Read and split the strings; draw a fresh network."""
        options.check()
        parts, data = read_parts(options)
        vocabulary = Vocabulary.of([*parts.train, *parts.validation, *parts.test], end=True)
        return NamesJob(NamesTask(build_network(options, vocabulary.size), vocabulary, parts, options), data)

    def sample(
        self, model: NextToken, vocabulary: Vocabulary, request: Request, options: NamesOptions
    ) -> list[str]:
        """New strings."""
        return sample_strings(model, vocabulary, request, longest=200)

    def score_file(self, model: NextToken, vocabulary: Vocabulary, options: NamesOptions) -> dict[str, Any]:
        """Nats a character on every string of a file.

        Raises:
            DataError: a string holds characters that the network does not know (unless --skip-bad).
        """
        path = only_file(options)
        strings = _read(path, options, least=1)
        odd = [s for s in strings.values if vocabulary.unknown(s)]
        if odd and not options.skip_bad:
            raise DataError(
                f"{path}: {len(odd):,} of {len(strings.values):,} strings hold characters the run never saw, such as "
                f"{odd[0]!r} ({' '.join(vocabulary.unknown(odd[0]))}). Leave them out with --skip-bad, or train again."
            )
        known = [vocabulary.encode(s) for s in strings.values if not vocabulary.unknown(s)]
        if not known:
            raise DataError(f"{path}: every string holds characters the run never saw.")
        return {"test": {**_nats_record(model, known), "skipped": len(odd)}}

    def inspect(self, options: NamesOptions) -> dict[str, Any]:
        """What is understood of a file."""
        return inspect_strings(_read(only_file(options), options))


RECIPE = Names()


def nats(model: NextToken, encoded: list[Any], batch: int = 512) -> float:
    """Nats a character of these strings, end marks counted, model in the mode it is in."""
    total, units = 0.0, 0
    with torch.no_grad():
        for part in ordered(encoded, batch):
            scores, _ = model(part.inputs)
            total += float(cross_entropy(scores, part.targets, reduction="sum"))
            units += int(part.lengths.sum())
    return total / units


def read_parts(options: NamesOptions) -> tuple[Split, list[dict[str, Any]]]:
    """The strings of each part: by hash, or from the files given; and where they came from."""
    read = [_read(path, options) for path in options.data]
    values = tuple(dict.fromkeys(value for strings in read for value in strings.values))
    records = [_record("train", strings, path) for strings, path in zip(read, options.data, strict=True)]
    if not options.validation:
        return split_by_hash(values), records
    validation = _read(options.validation, options, least=1)
    test = _read(options.test, options, least=1) if options.test else None
    records.append(_record("validation", validation, options.validation))
    if test:
        records.append(_record("test", test, options.test))
    held = set(validation.values) | set(test.values if test else ())
    train = tuple(value for value in values if value not in held)
    if not train:
        raise DataError(
            "Every training string is also in the validation or test file: nothing is left to train on."
        )
    scored = tuple(v for v in test.values if v not in set(validation.values)) if test else ()
    return Split(train, validation.values, scored), records


def longest_of(vocabulary: Vocabulary, train: tuple[str, ...]) -> int:
    """Twice the longest training string: a sample that long has lost its end."""
    return 2 * max(map(len, train)) + vocabulary.end


def _read(path: str, options: NamesOptions, least: int = 10) -> Strings:
    file, column = resolve(path)
    return read_strings(
        file,
        column=options.column or column,
        encoding=options.encoding,
        max_length=options.max_length,
        skip_bad=options.skip_bad,
        min_strings=least,
    )


def _record(role: str, strings: Strings, path: str | None) -> dict[str, Any]:
    source = strings.source
    return {
        "role": role,
        "path": path,  # as it was given: an embedded set keeps its name
        "column": source.column,
        "sha256": source.sha256,
        "rows": strings.rows,
        "kept": len(strings.values),
        "duplicates": strings.duplicates,
        "skipped": strings.skipped,
    }


def _nats_record(model: NextToken, encoded: list[Any]) -> dict[str, Any]:
    model.eval()
    value = nats(model, encoded)
    return {
        "nats_per_char": value,
        "bits_per_char": value / float(np.log(2)),
        "strings": len(encoded),
        "characters": sum(len(ids) + 1 for ids in encoded),
    }


def _likeness(strings: tuple[str, ...], train: tuple[str, ...]) -> dict[str, float]:
    """The same figures as for samples, on strings that are real: what a perfect network would reach."""
    report = judge(strings[:SAMPLES], train)
    return {
        "new_share": report.new_share,
        "valid_share": report.valid_share,
        "nearest_distance": report.nearest_distance,
    }


def _lengths(strings: Any) -> dict[str, int]:
    return {str(length): number for length, number in sorted(Counter(map(len, strings)).items())}
