"""classify: a table of texts and labels in, a network that tells the label of a text out.

    train       words, characters or subwords → recurrent layers, both ways → pooling → a score a class
    score       accuracy, macro-F1, confusion, calibration; beside them the largest class, a bag of words, and the same
                texts with their words in random order
    predict     the label of a text, with its probability
    explain     what each word adds, and whether the ending alone decided

Exact duplicates are removed, then 80 / 10 / 10 by a hash of the text, or files of their own.
Axes: T steps of the longest text of a batch, B texts, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from undertow.data.batches import buckets, count, side_by_side
from undertow.data.inspection import inspect_labelled
from undertow.data.labelled import Labelled, read_labelled
from undertow.data.tokens import STRANGE, Tokens, split_words
from undertow.errors import DataError, SettingError
from undertow.recurrent.recurrent import Recurrent
from undertow.report import words
from undertow.tasks.class_scores import baselines, judged, record, surely_wrong
from undertow.tasks.classes import Classes, Reader, check_several, settle
from undertow.tasks.classify_options import ClassifyOptions
from undertow.tasks.explaining import Question
from undertow.tasks.explaining_class import ClassExplanation, explain_class
from undertow.tasks.labelled_parts import Parts, read_parts
from undertow.tasks.network import check_fits, describe_cell, recurrent_of
from undertow.tasks.pretrained import Given, give_vectors, knowing, vectors_for
from undertow.tasks.remarks import of_strangers, only_file
from undertow.training.loop import Judged, StepLoss
from undertow.wiring.many_to_one import ManyToOne
from undertow.wiring.self_attention import SelfAttention

ROWS = 256  # texts read side by side where nothing is learned


class Batch(NamedTuple):
    """Texts side by side."""

    tokens: Tensor  # [T, B]
    lengths: Tensor  # [B]
    labels: Tensor  # [B]


@dataclass(frozen=True)
class Encoded:
    """Texts as rows of units, with the numbers of their classes."""

    texts: tuple[str, ...]
    rows: list[NDArray[np.int64]]
    labels: NDArray[np.int64]
    cut: int  # texts that are longer than what is read of them

    def batch(self, members: Sequence[int] | NDArray[Any]) -> Batch:
        """Some of them."""
        tokens, lengths = side_by_side([self.rows[member] for member in members])
        return Batch(tokens, lengths, torch.from_numpy(self.labels[members]))


@dataclass
class ClassifyTask:
    """The training texts, batch by batch."""

    model: ManyToOne
    reader: Reader
    train: Encoded
    held_out: Encoded
    options: ClassifyOptions
    weights: Tensor | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.options.class_weights == "balanced":
            met = np.bincount(self.train.labels, minlength=len(self.reader.classes.names))
            self.weights = torch.from_numpy(len(self.train.labels) / (len(met) * np.maximum(met, 1))).float()

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass."""
        return count(len(self.train.rows), self.options.batch)

    def batches(self, epoch: int, first: int) -> Iterator[Batch]:
        """The batches of one epoch, texts of nearly one length together."""
        rng = np.random.default_rng([self.options.seed, epoch])
        lengths = np.array([len(row) for row in self.train.rows])
        for members in buckets(lengths, self.options.batch, rng)[first:]:
            yield self.train.batch(members)

    def loss(self, batch: Batch, carried: list[Tensor]) -> StepLoss:
        """Mean nats a text."""
        scores = self.model(self._blurred(batch.tokens), batch.lengths).scores
        return StepLoss(
            functional.cross_entropy(scores, batch.labels, weight=self.weights), len(batch.labels)
        )

    def _blurred(self, tokens: Tensor) -> Tensor:
        share = self.options.word_dropout
        return tokens.masked_fill(torch.rand(tokens.shape) < share, STRANGE) if share else tokens

    def validate(self) -> Judged:
        """Nats a text on the validation part, and how many are right."""
        p = probabilities(self.model, self.held_out.rows)
        return judged(p, self.held_out.labels, self.options.keep)


@dataclass
class ClassifyJob:
    """Texts read and split, with a network for them."""

    task: ClassifyTask
    parts: Parts
    test: Encoded | None
    given: Given | None
    remarks: list[str]

    @property
    def model(self) -> ManyToOne:
        return self.task.model

    @property
    def options(self) -> ClassifyOptions:
        """--embedding as wide as the vectors."""
        return self.task.options

    @property
    def vocabulary(self) -> Reader:
        return self.task.reader

    @property
    def data(self) -> list[dict[str, Any]]:
        return [*self.parts.records, *([self.given.record] if self.given else [])]

    @property
    def default_epochs(self) -> float:
        """Enough for a table of any size: about 3,000 steps, 6 passes at least."""
        return max(6.0, 3000 / self.task.steps_per_epoch)

    def held_out(self, steps: int, rows: int) -> Tensor:
        """The longest texts of the validation part, cut to the shortest of them [T, B]."""
        longest = sorted(self.task.held_out.rows, key=len, reverse=True)[:rows]
        tokens, lengths = side_by_side(longest)
        return tokens[: min(steps, int(lengths.min()))]

    def score(self, seed: int) -> dict[str, Any]:
        """test, validation, baselines, word order, and the texts that were surely wrong."""
        task, names = self.task, self.task.reader.classes.names
        scored = self.test or task.held_out
        p = probabilities(self.model, scored.rows)
        mixed = probabilities(self.model, shuffled(scored.rows, seed))
        held = probabilities(self.model, task.held_out.rows) if self.test else p
        train = (task.train.texts, task.train.labels)
        return {
            "classes": list(names),
            "test": record(p, scored.labels) if self.test else None,
            "validation": record(held, task.held_out.labels),
            "baselines": baselines(train, (scored.texts, scored.labels), len(names)),
            "word_order": record(mixed, scored.labels),
            "surely_wrong": surely_wrong(p, scored.texts, scored.labels, names),
        }


class Classify:
    """The recipe."""

    name = "classify"
    unit = "text"
    Options = ClassifyOptions

    def prepare(self, options: ClassifyOptions) -> ClassifyJob:
        """Read, split and encode the texts; draw a fresh network."""
        options.check()
        options = options.settled()
        parts = read_parts(options)
        classes = settle(parts.train.labels, options.merge, options.levels)
        strangers = _strangers(parts, classes, options)
        reader, given = _reader(options, classes, parts)
        if given:
            options = replace(options, embedding=given.width)
        train, validation = (_encoded(part, reader, options) for part in (parts.train, parts.validation))
        test = _encoded(parts.test, reader, options) if parts.test else None
        _check(train, validation, classes)
        model = self.build(options, reader)
        if given is not None:
            give_vectors(model.embedding, given.table, fixed=options.fixed_vectors)
        said = [
            *parts.remarks,
            *strangers,
            *([given.remark] if given else []),
            *_cut((train, validation, test), options.longest),
        ]
        return ClassifyJob(ClassifyTask(model, reader, train, validation, options), parts, test, given, said)

    def build(self, options: ClassifyOptions, vocabulary: Reader) -> ManyToOne:
        """A fresh network."""
        options.check()
        options = options.settled()
        check_fits(options, vocabulary.tokens.size)
        attending = options.encoder == "self-attention"
        layers: Recurrent | SelfAttention = (
            SelfAttention(options.embedding, options.layers, options.heads, options.dropout / 2)
            if attending
            else recurrent_of(options, bidirectional=options.directions == 2)
        )
        model = ManyToOne(
            vocabulary.tokens.size,
            layers,
            len(vocabulary.classes.names),
            options.pooling or "max",
            options.dropout,
            options.positions or ("sines" if attending else "none"),
        )
        model.embedding.weight.requires_grad_(not options.fixed_vectors)
        return model

    def known(self, record: dict[str, Any]) -> Reader:
        """Units and classes."""
        return Reader.from_json(record)

    def describe(self, options: ClassifyOptions) -> dict[str, Any]:
        """The cell and what is made of it, for config.json."""
        if options.encoder == "self-attention":
            network = (
                f"{words.plural(options.layers, 'block')} of {options.heads} heads, {options.pooling} pooling"
            )
            summary = (SelfAttention.__doc__ or "").strip().partition("\n")[0]
            return {"name": "self-attention", "summary": summary, "file_sha256": None, "network": network}
        layers = words.plural(options.layers, "layer") + " both ways" * (options.directions == 2)
        network = f"{layers}, {options.hidden} units each, {options.pooling} pooling"
        return {**describe_cell(options, options.directions), "network": network}

    def rows(self, vocabulary: Reader) -> dict[str, tuple[str, ...]]:
        """The embedding has a row a unit, the readout one a class."""
        names = vocabulary.classes.names
        return {"embedding.weight": vocabulary.tokens.names, "readout.weight": names, "readout.bias": names}

    def predict(
        self, model: ManyToOne, vocabulary: Reader, texts: list[str], options: ClassifyOptions
    ) -> list[dict[str, Any]]:
        """The label of each text, its probability, and that of every other."""
        model, vocabulary = _knowing(model, vocabulary, texts)
        rows = [units_of(text, vocabulary, options) for text in texts]
        p, names = probabilities(model, rows), vocabulary.classes.names
        return [
            {
                "text": text,
                "label": names[int(of.argmax())],
                "p": float(of.max()),
                "unknown": int((row == STRANGE).sum()),
                "probabilities": dict(zip(names, map(float, of), strict=True)),
            }
            for text, row, of in zip(texts, rows, p, strict=True)
        ]

    def explain(
        self, model: ManyToOne, vocabulary: Reader, asked: Question, options: ClassifyOptions
    ) -> ClassExplanation:
        """What each unit adds to ln p of a label, and whether the ending alone decided.

        Raises:
            SettingError: a character is asked for, or there is no such label.
            DataError: no text.
        """
        if asked.next is not None:
            raise SettingError("This run tells labels, not characters: ask for one with --label.")
        return explain_class(*_knowing(model, vocabulary, [asked.text]), asked, options.longest)

    def score_file(self, model: ManyToOne, vocabulary: Reader, options: ClassifyOptions) -> dict[str, Any]:
        """Accuracy and the rest on another file.

        Raises:
            DataError: a label that the run never saw (unless --skip-bad).
        """
        path = only_file(options)
        read = read_labelled(path, options.layout)
        strange = _unknown(read.labels, vocabulary.classes)
        if strange and not (options.skip_bad or options.merge):
            raise DataError(_strange_labels(path, strange, vocabulary.classes))
        model, vocabulary = _knowing(model, vocabulary, read.texts)
        part = _encoded(read, vocabulary, options)
        if not part.rows:
            raise DataError(f"{path}: no row has a label that the run knows.")
        told = record(probabilities(model, part.rows), part.labels)
        return {"classes": list(vocabulary.classes.names), "test": {**told, "skipped": len(strange)}}

    def inspect(self, options: ClassifyOptions) -> dict[str, Any]:
        """What is understood of a file, and of those to hold out."""
        held = (
            read_labelled(path, options.layout) if path else None
            for path in (options.validation, options.test)
        )
        return inspect_labelled(read_labelled(only_file(options), options.layout), *held)


RECIPE = Classify()


def units_of(text: str, reader: Reader, options: ClassifyOptions) -> NDArray[np.int64]:
    """A text as the network reads it: the last units; one unknown unit where there is none."""
    return reader.tokens.row(text)[-options.longest :]


def probabilities(model: ManyToOne, rows: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """p of every class [N, C], in the mode that the model is in."""
    order = np.argsort([len(row) for row in rows], kind="stable")
    found = np.zeros((len(rows), model.readout.out_features))
    with torch.no_grad():
        for at in range(0, len(order), ROWS):
            members = order[at : at + ROWS]
            tokens, lengths = side_by_side([rows[n] for n in members])
            found[members] = torch.softmax(model(tokens, lengths).scores.double(), -1).numpy()
    return found


def shuffled(rows: Sequence[NDArray[Any]], seed: int) -> list[NDArray[Any]]:
    """The units of each row in random order."""
    rng = np.random.default_rng([seed, 3])
    return [rng.permutation(row) for row in rows]


def _reader(options: ClassifyOptions, classes: Classes, parts: Parts) -> tuple[Reader, Given | None]:
    """Units out of the training texts; with vectors, every word that they know as well."""
    train = parts.train.texts
    tokens = Tokens.of(
        train, options.units, not options.keep_case, options.least, options.most_tokens, shapes=True
    )
    if options.vectors is None:
        return Reader(tokens, classes), None
    given = vectors_for(options.vectors, tokens, _words(parts.texts, tokens.lower))
    return Reader(given.tokens, classes, given.origin), given


def _strangers(parts: Parts, classes: Classes, options: ClassifyOptions) -> list[str]:
    """What is said of held-out rows whose label is none of the classes; --merge leaves such out on purpose.

    Raises:
        DataError: they come from a file of their own (unless --skip-bad).
    """
    left = []
    for name, part in (("validation", parts.validation), ("test", parts.test)):
        strange = _unknown(part.labels, classes) if part and not options.merge else []
        if part and strange and parts.own_files and not options.skip_bad:
            raise DataError(_strange_labels(part.source.path, strange, classes))
        if strange:
            left.append((name, len(strange), strange[0]))
    return of_strangers(left)


def _knowing(model: ManyToOne, reader: Reader, texts: Sequence[str]) -> tuple[ManyToOne, Reader]:
    """With words of these texts that training lacked, where there are vectors of them."""
    if reader.vectors is None:
        return model, reader
    return knowing(model, reader, _words(texts, reader.tokens.lower))


def _words(texts: Iterable[str], lower: bool) -> Iterator[str]:
    return (word for text in texts for word in split_words(text, lower))


def _unknown(labels: Sequence[str], classes: Classes) -> list[str]:
    known = classes.known(labels)
    return sorted(label for label, is_known in zip(labels, known, strict=True) if not is_known)


def _strange_labels(path: str, strange: Sequence[str], classes: Classes) -> str:
    return (
        f"{path}: {len(strange):,} rows have labels that no training row has, such as {strange[0]!r}. There are "
        f"{', '.join(classes.names)}. Leave them out with --skip-bad, or correct the file."
    )


def _cut(parts: Sequence[Encoded | None], longest: int) -> list[str]:
    """How many texts are longer than what is read of them."""
    cut = sum(part.cut for part in parts if part)
    return [
        f"{cut:,} texts have more than {longest} units: their last {longest} are read (--longest)."
    ] * bool(cut)


def _encoded(part: Labelled, reader: Reader, options: ClassifyOptions) -> Encoded:
    known = reader.classes.known(part.labels)
    pairs = [(t, la) for t, la, is_known in zip(part.texts, part.labels, known, strict=True) if is_known]
    texts = tuple(text for text, _ in pairs)
    whole = [reader.tokens.row(text) for text in texts]
    rows, cut = [row[-options.longest :] for row in whole], sum(len(row) > options.longest for row in whole)
    labels = np.array([reader.classes.number(label) for _, label in pairs], dtype=np.int64)
    return Encoded(texts, shuffled(rows, options.seed) if options.shuffle_words else rows, labels, cut)


def _check(train: Encoded, validation: Encoded, classes: Classes) -> None:
    if not train.rows or not validation.rows:
        raise DataError("No row of the training or of the validation part has one of the classes asked for.")
    check_several(classes)
