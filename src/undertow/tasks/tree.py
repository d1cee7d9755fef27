"""tree: sentences as trees in brackets, every phrase with a label; a network that labels phrases from their parts.

    train       words at the leaves → a tree cell, children before parents → a score a class at every node
    score       accuracy and the rest at the roots, accuracy at all nodes; beside them a bag of words
    predict     the label of a tree's root; explain    the label of every phrase, drawn

Whole trees of each level of a batch are computed at once. Exact duplicates are removed, then 80 / 10 / 10 by a hash of
the sentence, or files of their own. Axes: N nodes and L leaves of a batch, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from undertow.data.batches import buckets, count
from undertow.data.tokens import END, STRANGE, UNKNOWN, Tokens, most_frequent
from undertow.data.trees import Tree, rooted, trees_in
from undertow.errors import DataError, SettingError
from undertow.tasks.class_scores import baselines, judged, record, surely_wrong
from undertow.tasks.classes import Reader, check_several, settle
from undertow.tasks.explaining import Question, check_method
from undertow.tasks.explaining_tree import TreeExplanation, explain_tree
from undertow.tasks.network import check_memory
from undertow.tasks.pretrained import give_vectors, knowing, vectors_for
from undertow.tasks.remarks import only_file
from undertow.tasks.tree_options import CELLS, TreeOptions, cell_of
from undertow.tasks.tree_parts import inspect_trees, read_tree_parts, read_trees
from undertow.training.loop import Judged, StepLoss
from undertow.unroll.trees.forest import Forest, forest
from undertow.wiring.tree_labels import TreeLabels

DRAWN = 4  # trees in the report
ROWS = 100  # trees side by side where nothing is learned
NONE = -100  # the class of a node that has none


class Batch(NamedTuple):
    """Trees side by side."""

    words: Tensor  # [L]
    trees: Forest
    labels: Tensor  # [N], NONE where a node has none
    roots: Tensor  # [trees], nodes


@dataclass(frozen=True)
class Grove:
    """Trees as numbers."""

    trees: tuple[Tree, ...]
    words: list[NDArray[np.int64]]  # of each tree's leaves
    labels: list[NDArray[np.int64]]  # of each tree's nodes

    def batch(self, members: Sequence[int] | NDArray[Any]) -> Batch:
        """Some of them."""
        laid = forest([self.trees[n].children for n in members])
        words = np.concatenate([self.words[n] for n in members])
        labels = np.concatenate([self.labels[n] for n in members])
        return Batch(torch.from_numpy(words), laid, torch.from_numpy(labels), laid.roots)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The sentences whose root has a class."""
        return tuple(self.trees[n].text for n in self.rooted)

    @cached_property
    def rooted(self) -> NDArray[np.int64]:
        """Trees whose root has a class."""
        return np.array([n for n, labels in enumerate(self.labels) if labels[-1] != NONE], dtype=np.int64)

    @cached_property
    def root_labels(self) -> NDArray[np.int64]:
        """Of those."""
        return np.array([self.labels[n][-1] for n in self.rooted], dtype=np.int64)


@dataclass
class TreeTask:
    """The training trees, batch by batch."""

    model: TreeLabels
    reader: Reader
    train: Grove
    held_out: Grove
    options: TreeOptions

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass."""
        return count(len(self.train.trees), self.options.batch)

    def batches(self, epoch: int, first: int) -> Iterator[Batch]:
        """The batches of one epoch, trees of nearly one size together."""
        rng = np.random.default_rng([self.options.seed, epoch])
        sizes = np.array([len(tree.labels) for tree in self.train.trees])
        for members in buckets(sizes, self.options.batch, rng)[first:]:
            yield self.train.batch(members)

    def loss(self, batch: Batch, carried: list[Tensor]) -> StepLoss:
        """Mean nats a labelled node; told at the roots, as validation is."""
        share = self.options.word_dropout
        words = batch.words
        if share:
            words = words.masked_fill(torch.rand(words.shape) < share, STRANGE)
        scores, labels = self.model(words, batch.trees), batch.labels
        at_roots = _mean_nats(scores[batch.roots], labels[batch.roots])
        loss = at_roots if self.options.roots_only else _mean_nats(scores, labels)
        return StepLoss(loss, len(batch.roots), told=at_roots)

    def validate(self) -> Judged:
        """Nats a root on the validation part, and how many roots are right."""
        p = at_roots(all_probabilities(self.model, self.held_out), self.held_out)
        return judged(p, self.held_out.root_labels, self.options.keep)


@dataclass
class TreeJob:
    """Trees read and split, with a network for them."""

    task: TreeTask
    data: list[dict[str, Any]]
    remarks: list[str]
    test: Grove | None

    @property
    def model(self) -> TreeLabels:
        return self.task.model

    @property
    def options(self) -> TreeOptions:
        """--embedding as wide as the vectors."""
        return self.task.options

    @property
    def vocabulary(self) -> Reader:
        return self.task.reader

    @property
    def default_epochs(self) -> float:
        """Enough for a file of any size: about 6,000 steps, 18 passes at least. With half as many a network of 8,500
        trees is still learning, and reads seven sentences in a hundred more wrongly."""
        return max(18.0, 6000 / self.task.steps_per_epoch)

    def held_out(self, steps: int, rows: int) -> Tensor:
        """None: a tree has no steps of time.

        Raises:
            SettingError: always.
        """
        raise SettingError(
            "A tree has no steps of time to look back over: `undertow explain` draws its phrases."
        )

    def score(self, seed: int) -> dict[str, Any]:
        """test, validation, baselines, accuracy at all nodes, and the sentences that were surely wrong."""
        task, names = self.task, self.task.reader.classes.names
        scored = self.test or task.held_out
        p = all_probabilities(self.model, scored)
        held = all_probabilities(self.model, task.held_out) if self.test else p
        train = (task.train.texts, task.train.root_labels)
        return {
            "classes": list(names),
            "test": tree_record(p, scored) if self.test else None,
            "validation": tree_record(held, task.held_out),
            "baselines": baselines(train, (scored.texts, scored.root_labels), len(names)),
            "surely_wrong": surely_wrong(at_roots(p, scored), scored.texts, scored.root_labels, names),
            "trees": [self._drawn(scored, n) for n in _even(len(scored.trees))],
        }

    def _drawn(self, of: Grove, number: int) -> list[dict[str, Any]]:
        told = explain_tree(self.model, self.vocabulary, of.trees[number], of.batch([number]), None)
        return [asdict(phrase) for phrase in told.phrases]


def _even(count: int) -> list[int]:
    """Some of so many, evenly."""
    return sorted({n * count // DRAWN for n in range(DRAWN)})


class TreeRecipe:
    """The recipe."""

    name = "tree"
    unit = "text"
    Options = TreeOptions

    def prepare(self, options: TreeOptions) -> TreeJob:
        """Read, split and number the trees; draw a fresh network."""
        options.check()
        parts = read_tree_parts(options, cell_of(options).most)
        used = [label for tree in parts.train for label in tree.labels if label]
        reader = Reader(words_of(parts.train, options), settle(used, options.merge))
        check_several(reader.classes)
        given, said = None, parts.remarks
        if options.vectors is not None:
            words = spellings((tree for part in parts[:3] for tree in part), reader.tokens.lower)
            given = vectors_for(options.vectors, reader.tokens, words)
            reader = replace(reader, tokens=given.tokens, vectors=given.origin)
            options = replace(options, embedding=given.width)
            said.append(given.remark)
        train, validation, test = (grove(part, reader) for part in parts[:3])
        if not len(train.rooted) or not len(validation.rooted):
            raise DataError("No tree of the training or of the validation part has a root with a class.")
        model = self.build(options, reader)
        if given is not None:
            give_vectors(model.embedding, given.table, fixed=options.fixed_vectors)
        task = TreeTask(model, reader, train, validation, options)
        records = [*parts.records, *([given.record] if given else [])]
        return TreeJob(task, records, said, test if test.trees else None)

    def build(self, options: TreeOptions, vocabulary: Reader) -> TreeLabels:
        """A fresh network."""
        options.check()
        cell = cell_of(options)
        # of a cell at most two children, each with 5 gates a place
        check_memory(
            vocabulary.tokens.size * cell.input_size
            + cell.hidden_size * (4 * cell.input_size + 10 * cell.hidden_size)
        )
        classes = len(vocabulary.classes.names)
        model = TreeLabels(vocabulary.tokens.size, cell, classes, options.dropout)
        model.embedding.weight.requires_grad_(not options.fixed_vectors)
        return model

    def known(self, record: dict[str, Any]) -> Reader:
        """Words and classes."""
        return Reader.from_json(record)

    def describe(self, options: TreeOptions) -> dict[str, Any]:
        """The cell, for config.json."""
        kind = CELLS[options.cell]
        summary = (kind.__doc__ or "").strip().partition("\n")[0]
        network = f"{options.hidden} units a node"
        return {"name": options.cell, "summary": summary, "file_sha256": None, "network": network}

    def rows(self, vocabulary: Reader) -> dict[str, tuple[str, ...]]:
        """The embedding has a row a word, the readout one a class."""
        names = vocabulary.classes.names
        return {"embedding.weight": vocabulary.tokens.names, "readout.weight": names, "readout.bias": names}

    def predict(
        self, model: TreeLabels, vocabulary: Reader, texts: list[str], options: TreeOptions
    ) -> list[dict[str, Any]]:
        """The label of each tree's root, its probability, and that of every other."""
        read = _one_tree_each(texts)
        names = vocabulary.classes.names
        model, vocabulary = _knowing(model, vocabulary, read)
        p = all_probabilities(model, grove(read, vocabulary))
        return [
            {
                "text": tree.text,
                "label": names[int(of[-1].argmax())],
                "p": float(of[-1].max()),
                "probabilities": dict(zip(names, map(float, of[-1]), strict=True)),
            }
            for tree, of in zip(read, p, strict=True)
        ]

    def explain(
        self, model: TreeLabels, vocabulary: Reader, asked: Question, options: TreeOptions
    ) -> TreeExplanation:
        """The label of every phrase of a tree, and what each word adds at the root.

        Raises:
            SettingError: a character is asked for, or there is no such label.
            DataError: no tree.
        """
        if asked.next is not None:
            raise SettingError("This run tells labels, not characters: ask for one with --label.")
        check_method(asked, "occlusion")
        [tree] = _one_tree_each([asked.text])
        model, vocabulary = _knowing(model, vocabulary, [tree])
        return explain_tree(model, vocabulary, tree, grove([tree], vocabulary).batch([0]), asked.label)

    def score_file(self, model: TreeLabels, vocabulary: Reader, options: TreeOptions) -> dict[str, Any]:
        """Accuracy and the rest on another file."""
        path = only_file(options)
        read = read_trees(path, options, cell_of(options).most).trees
        model, vocabulary = _knowing(model, vocabulary, read)
        part = grove(read, vocabulary)
        if not len(part.rooted):
            raise DataError(f"{path}: no tree has a root with a class that the run knows.")
        told = tree_record(all_probabilities(model, part), part)
        return {"classes": list(vocabulary.classes.names), "test": told}

    def inspect(self, options: TreeOptions) -> dict[str, Any]:
        """What is understood of a file, and of those to hold out."""
        held = (read_trees(path, options) if path else None for path in (options.validation, options.test))
        return inspect_trees(read_trees(only_file(options), options), *held)


RECIPE = TreeRecipe()


def grove(trees: Sequence[Tree], reader: Reader) -> Grove:
    """Trees as numbers: 1 where a word is not known, NONE where a label has no class."""
    numbers = {name: n for n, name in enumerate(reader.tokens.names)}
    lower, classes = reader.tokens.lower, reader.classes
    known = {label: classes.number(label) for label in _labels_of(trees) if classes.known([label])[0]}
    words = [
        np.array([numbers.get(_spelled(tree.words[n], lower), STRANGE) for n in tree.leaves])
        for tree in trees
    ]
    labels = [np.array([known.get(label, NONE) for label in tree.labels]) for tree in trees]
    return Grove(tuple(trees), words, labels)


def all_probabilities(model: TreeLabels, part: Grove) -> list[NDArray[np.float64]]:
    """p of every class at every node [nodes, C] of each tree, in the mode that the model is in."""
    order = np.argsort([len(tree.labels) for tree in part.trees], kind="stable")
    found: dict[int, NDArray[np.float64]] = {}
    with torch.no_grad():
        for at in range(0, len(order), ROWS):
            members = order[at : at + ROWS]
            batch = part.batch(members)
            p = torch.softmax(model(batch.words, batch.trees).double(), -1).numpy()
            ends = np.cumsum([len(part.trees[n].labels) for n in members])[:-1]
            found |= dict(zip(members.tolist(), np.split(p, ends), strict=True))
    return [found[n] for n in range(len(part.trees))]


def at_roots(p: Sequence[NDArray[np.float64]], part: Grove) -> NDArray[np.float64]:
    """Of the probabilities of all nodes those of the roots that have a class [trees, C]."""
    return np.stack([p[n][-1] for n in part.rooted])


def tree_record(p: Sequence[NDArray[np.float64]], part: Grove) -> dict[str, Any]:
    """The figures of one part at its roots, and how many of all nodes are right."""
    said, truth = np.concatenate([own.argmax(1) for own in p]), np.concatenate(part.labels)
    known = truth != NONE
    return {
        **record(at_roots(p, part), part.root_labels),
        "nodes": int(known.sum()),
        "node_accuracy": float((said == truth)[known].mean()),
    }


def _one_tree_each(texts: Sequence[str]) -> list[Tree]:
    """The trees of these inputs.

    Raises:
        DataError: one holds none, or several.
    """
    found = [list(trees_in(text)) for text in texts]
    several = next((n for n, own in enumerate(found) if len(own) > 1), None)
    if several is not None:
        raise DataError(f"input {several + 1} holds {len(found[several])} trees; give one an input.")
    return [rooted(tree) for [tree] in found]


def _knowing(model: TreeLabels, reader: Reader, trees: Sequence[Tree]) -> tuple[TreeLabels, Reader]:
    """With words of these trees that training lacked, where there are vectors of them."""
    return knowing(model, reader, spellings(trees, reader.tokens.lower))


def spellings(trees: Iterable[Tree], lower: bool) -> Iterator[str]:
    """The words of their leaves."""
    return (_spelled(tree.words[n], lower) for tree in trees for n in tree.leaves)


def _mean_nats(scores: Tensor, labels: Tensor) -> Tensor:
    """Of the nodes that have a class; 0 where none has."""
    summed = functional.cross_entropy(scores, labels, ignore_index=NONE, reduction="sum")
    return summed / (labels != NONE).sum().clamp(min=1)


def _labels_of(trees: Sequence[Tree]) -> set[str]:
    return {label for tree in trees for label in tree.labels}


def words_of(train: Sequence[Tree], options: TreeOptions) -> Tokens:
    lower = not options.keep_case
    often = most_frequent(spellings(train, lower), options.least)
    return Tokens("words", lower, (END, UNKNOWN, *often))


def _spelled(word: str, lower: bool) -> str:
    return word.lower() if lower else word
