"""translate: pairs of texts in, a network that writes the other side of each.

    train       an encoder, both ways; a decoder that looks at what was read by attention; nats a token of the target
    score       BLEU, greedy and by beam search
    predict     translations; explain    which words were looked at for each word that was written

Unknown words are copied: where the unknown word is written, the unknown word of the source that was looked at most
stands, or any word where all are known.
Pairs in 80 / 10 / 10 by a hash of the side that repeats more, or files of their own.
Axes: S source steps, T target steps, B pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from undertow.cells import catalog
from undertow.data.batches import PADDING, buckets, count, side_by_side
from undertow.data.inspection import inspect_pairs
from undertow.data.pairs import read_pairs
from undertow.data.tokens import AT_END, Tokens
from undertow.errors import DataError, SettingError
from undertow.recurrent.recurrent import Recurrent
from undertow.report import words
from undertow.tasks.bleu import bleu
from undertow.tasks.explaining import Question, check_method
from undertow.tasks.languages import Languages
from undertow.tasks.network import check_memory, count_parameters, describe_cell
from undertow.tasks.pair_parts import PairParts, read_pair_parts
from undertow.tasks.translate_options import TranslateOptions
from undertow.tasks.translating import READ, Translation, beside, translate
from undertow.training.loop import Judged, StepLoss
from undertow.wiring.attention import Additive, Multiplicative
from undertow.wiring.beam import Beam
from undertow.wiring.unaligned import EncoderDecoder

SHOWN = 10  # translations with their maps, in the score


class Batch(NamedTuple):
    """Pairs side by side."""

    source: Tensor  # [S, B]
    lengths: Tensor  # [B]
    given: Tensor  # [T, B], an end mark and then the target
    wanted: Tensor  # [T, B], the target and then an end mark; PADDING behind


@dataclass(frozen=True)
class Encoded:
    """Pairs as rows of units."""

    sources: list[NDArray[np.int64]]
    targets: list[NDArray[np.int64]]

    def batch(self, members: Sequence[int] | NDArray[Any]) -> Batch:
        """Some of them."""
        source, lengths = side_by_side([self.sources[n] for n in members])
        given, sizes = side_by_side([np.concatenate([[AT_END], self.targets[n]]) for n in members])
        wanted, _ = side_by_side([np.concatenate([self.targets[n], [AT_END]]) for n in members])
        steps = torch.arange(len(wanted))[:, None]
        return Batch(source, lengths, given, wanted.masked_fill(steps >= sizes, PADDING))

    def fitting(self, longest: int) -> Encoded:
        """Those that are not too long on either side."""
        kept = [
            n
            for n, pair in enumerate(zip(self.sources, self.targets, strict=True))
            if max(map(len, pair)) <= longest
        ]
        return Encoded([self.sources[n] for n in kept], [self.targets[n] for n in kept])

    def cut(self, longest: int) -> Encoded:
        """Of longer ones the beginning."""
        return Encoded([row[:longest] for row in self.sources], [row[:longest] for row in self.targets])


@dataclass
class TranslateTask:
    """The training pairs, batch by batch."""

    model: EncoderDecoder
    languages: Languages
    train: Encoded
    held_out: Encoded
    options: TranslateOptions

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass."""
        return count(len(self.train.sources), self.options.batch)

    def batches(self, epoch: int, first: int) -> Iterator[Batch]:
        """The batches of one epoch, pairs of nearly one length together."""
        rng = np.random.default_rng([self.options.seed, epoch])
        lengths = np.array(
            [len(s) + len(t) / 100 for s, t in zip(self.train.sources, self.train.targets, strict=True)]
        )
        for members in buckets(lengths, self.options.batch, rng)[first:]:
            yield self.train.batch(members)

    def loss(self, batch: Batch, carried: list[Tensor]) -> StepLoss:
        """Mean nats a token, smoothed; told without smoothing, as validation is."""
        scores, _ = self.model(batch.source, batch.given, batch.lengths)
        wanted = batch.wanted.flatten()
        there = wanted != PADDING
        log_p = functional.log_softmax(scores.flatten(0, 1), -1)
        told = functional.nll_loss(log_p, wanted, ignore_index=PADDING)
        loss, share = told, self.options.smoothing
        if share:
            loss = (1 - share) * told - share * log_p.mean(-1)[there].mean()
        return StepLoss(loss, int(there.sum()), told=told)

    def validate(self) -> Judged:
        """Nats a token on the validation part, each told the tokens before."""
        value = nats(self.model, self.held_out)
        return Judged(value, {"nats_per_token": value})


@dataclass
class TranslateJob:
    """Pairs read and split, with a network for them."""

    task: TranslateTask
    parts: PairParts
    remarks: list[str]

    @property
    def model(self) -> EncoderDecoder:
        return self.task.model

    @property
    def options(self) -> TranslateOptions:
        """As they were given."""
        return self.task.options

    @property
    def vocabulary(self) -> Languages:
        return self.task.languages

    @property
    def data(self) -> list[dict[str, Any]]:
        return self.parts.records

    @property
    def default_epochs(self) -> float:
        """Enough for a table of any size: about 5,000 steps, 10 passes at least."""
        return max(10.0, 5000 / self.task.steps_per_epoch)

    def held_out(self, steps: int, rows: int) -> Tensor:
        """The longest sources of the validation part.

        Raises:
            SettingError: always; what is written depends on what was written before.
        """
        raise SettingError(
            "A translator reads one sequence and writes another: `undertow explain` draws what it looks at."
        )

    def score(self, seed: int) -> dict[str, Any]:
        """BLEU on the test part, or on validation where there is none; and some translations."""
        task, parts = self.task, self.parts
        scored = parts.test or parts.validation
        told = scores(self.model, task.languages, scored.sources, scored.targets, self.options)
        figures = told.pop("figures")
        held = {"pairs": len(parts.validation.sources), "nats_per_token": nats(self.model, task.held_out)}
        return {
            "test": figures if parts.test else None,
            "validation": held if parts.test else figures,
            **told,
        }


class Translate:
    """The recipe."""

    name = "translate"
    unit = "token"
    Options = TranslateOptions

    def prepare(self, options: TranslateOptions) -> TranslateJob:
        """Read, split and number the pairs; draw a fresh network."""
        options.check()
        parts = read_pair_parts(options)
        languages = Languages(_tokens(parts.train.sources, options), _tokens(parts.train.targets, options))
        train = encoded(parts.train.sources, parts.train.targets, languages).fitting(options.longest)
        held = encoded(parts.validation.sources, parts.validation.targets, languages).fitting(options.longest)
        if not train.sources or not held.sources:
            raise DataError(
                f"No pair of a part has {options.longest} units or fewer on both sides. Raise --longest."
            )
        model = self.build(options, languages)
        said = [*parts.remarks, *_too_long(parts, train, held, options.longest)]
        return TranslateJob(TranslateTask(model, languages, train, held, options), parts, said)

    def build(self, options: TranslateOptions, vocabulary: Languages) -> EncoderDecoder:
        """A fresh network."""
        options.check()
        wide = 2 * options.hidden
        below = count_parameters(options, vocabulary.source.size + vocabulary.target.size)
        check_memory(below + 6 * wide**2)  # the layers above are twice as wide, with three gates or more
        encoder = _layers(options, options.embedding, options.hidden, bidirectional=True)
        query = _layers(options, options.embedding, wide, layers=1)
        upper = _layers(options, query.output_size + encoder.output_size, wide)
        if options.attention == "additive":
            attention: Additive | Multiplicative = Additive(
                query.output_size, encoder.output_size, options.hidden
            )
        else:
            attention = Multiplicative(query.output_size, encoder.output_size)
        source, target = vocabulary.source.size, vocabulary.target.size
        return EncoderDecoder(source, target, encoder, query, upper, attention, options.dropout)

    def known(self, record: dict[str, Any]) -> Languages:
        """The units of both sides."""
        return Languages.from_json(record)

    def describe(self, options: TranslateOptions) -> dict[str, Any]:
        """The cell and what is made of it, for config.json."""
        cell, size = describe_cell(options, directions=2), options.hidden
        below, above = (words.plural(layers, "layer") for layers in (options.layers, options.layers + 1))
        network = f"{below} both ways, {size} units each; {options.attention} attention; {above} of {2 * size} to write"
        return {**cell, "of": "the encoder", "network": network}

    def rows(self, vocabulary: Languages) -> dict[str, tuple[str, ...]]:
        """Both embeddings have a row a unit; the readout shares the target's."""
        target = vocabulary.target.names
        names = {"source.weight": vocabulary.source.names}
        return names | dict.fromkeys(("target.weight", "readout.weight", "readout.bias"), target)

    def predict(
        self, model: EncoderDecoder, vocabulary: Languages, texts: list[str], options: TranslateOptions
    ) -> list[dict[str, Any]]:
        """A translation of each text."""
        found = translate(model, vocabulary, texts, options.how)
        return [
            {"text": t.source, "translation": t.text, "score": t.score, "copied": t.copied} for t in found
        ]

    def explain(
        self, model: EncoderDecoder, vocabulary: Languages, asked: Question, options: TranslateOptions
    ) -> Translation:
        """What was looked at for each word that is written.

        Raises:
            SettingError: a character or a label is asked for.
        """
        if asked.next is not None or asked.label is not None:
            raise SettingError("A translation is explained whole: leave out --next and --label.")
        check_method(asked)
        return translate(model, vocabulary, [asked.text], options.how)[0]

    def score_file(
        self, model: EncoderDecoder, vocabulary: Languages, options: TranslateOptions
    ) -> dict[str, Any]:
        """BLEU on another table, or on two files."""
        options.check_files()
        pairs = read_pairs(options.data, options.layout)
        told = scores(model, vocabulary, pairs.sources, pairs.targets, options)
        return {"test": told.pop("figures"), **told}

    def inspect(self, options: TranslateOptions) -> dict[str, Any]:
        """What is understood of a table, or of two files, and of those to hold out."""
        options.check_files()
        held = (
            read_pairs(paths, options.layout) if paths else None
            for paths in (options.validation, options.test)
        )
        return inspect_pairs(read_pairs(options.data, options.layout), *held)


RECIPE = Translate()


def scores(
    model: EncoderDecoder,
    languages: Languages,
    sources: Sequence[str],
    targets: Sequence[str],
    options: TranslateOptions,
) -> dict[str, Any]:
    """BLEU, greedy and by beam, and some translations with what was looked at."""
    best = translate(model, languages, sources, options.how)
    first = translate(model, languages, sources, Beam(1, options.length_norm, options.longest + 1))
    figures = {
        "pairs": len(sources),
        "nats_per_token": nats(model, encoded(sources, targets, languages).cut(READ)),
        "greedy": bleu([t.text for t in first], targets),
        "beam": bleu([t.text for t in best], targets),
        "beam_width": options.beam,
        "copied": sum(t.copied for t in best),
    }
    at = sorted({n * len(sources) // SHOWN for n in range(SHOWN)})
    return {"figures": figures, "translations": [{"reference": targets[n], **best[n].record()} for n in at]}


def _too_long(parts: PairParts, train: Encoded, held: Encoded, longest: int) -> list[str]:
    left = len(parts.train.sources) - len(train.sources) + len(parts.validation.sources) - len(held.sources)
    return [f"{left:,} pairs of more than {longest} units are neither trained on nor stopped by."] * bool(
        left
    )


def encoded(sources: Sequence[str], targets: Sequence[str], languages: Languages) -> Encoded:
    """Pairs as rows of units; an empty source as one unknown unit."""
    read, written = languages.source, languages.target
    return Encoded([read.row(text) for text in sources], [written.encode(text) for text in targets])


def nats(model: EncoderDecoder, pairs: Encoded) -> float:
    """Nats a token of the targets, end marks counted, in the mode that the model is in."""
    total, units = 0.0, 0
    lengths = [max(map(len, pair)) for pair in zip(pairs.sources, pairs.targets, strict=True)]
    with torch.no_grad():
        for members in beside(lengths):
            part = pairs.batch(members)
            said, _ = model(part.source, part.given, part.lengths)
            flat = part.wanted.flatten()
            total += float(
                functional.cross_entropy(said.flatten(0, 1), flat, ignore_index=PADDING, reduction="sum")
            )
            units += int((flat != PADDING).sum())
    return total / units


def _tokens(texts: Sequence[str], options: TranslateOptions) -> Tokens:
    most = min(options.most_tokens, 8192) if options.units == "subwords" else options.most_tokens
    return Tokens.of(texts, options.units, options.lower, options.least, most)


def _layers(
    options: TranslateOptions, size: int, hidden: int, *, bidirectional: bool = False, layers: int = 0
) -> Recurrent:
    kind = catalog.find(options.cell)
    cell = kind(size, hidden, **catalog.parse_settings(kind, options.cell_options))
    return Recurrent(
        cell,
        layers or options.layers,
        bidirectional,
        dropout=options.dropout,
        variational=options.variational,
        weight_drop=options.weight_drop,
        zoneout=options.zoneout,
    )
