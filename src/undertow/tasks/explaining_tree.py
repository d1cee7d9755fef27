"""Why this label, of a tree? The label of every phrase, and what leaving each word out does at the root."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from undertow.data.trees import Tree
from undertow.report.tree_picture import tree_picture
from undertow.tasks.classes import Reader
from undertow.wiring.tree_labels import TreeLabels


@dataclass(frozen=True)
class Phrase:
    """What is said of one node."""

    text: str
    label: str
    p: float
    children: tuple[int, ...]


@dataclass(frozen=True)
class TreeExplanation:
    """The root's label, and what it rests on."""

    text: str
    label: str
    log_p: float
    classes: tuple[str, ...]
    phrases: tuple[Phrase, ...]  # children before parents, the root last
    units: tuple[str, ...]
    contributions: tuple[float, ...]  # nats that ln p loses without a word

    @property
    def title(self) -> str:
        """What was chosen."""
        return f"{self.label} with p = {math.exp(self.log_p):.3f}"

    @property
    def pieces(self) -> tuple[str, ...]:
        """What the contributions are of."""
        return self.units

    def picture(self) -> Figure:
        """The tree, each phrase with its label."""
        return tree_picture([asdict(phrase) for phrase in self.phrases], self.classes)

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the label turns on the way to the root."""
        turns = [
            f"{phrase.text!r} is read as {phrase.label} (p = {phrase.p:.2f}), made of "
            + " and ".join(f"{self.phrases[c].text!r}: {self.phrases[c].label}" for c in phrase.children)
            for phrase in self.phrases
            if phrase.children and all(self.phrases[c].label != phrase.label for c in phrase.children)
        ]
        return tuple(turns[-3:])


def explain_tree(
    model: TreeLabels, reader: Reader, tree: Tree, batch: Any, label: str | None
) -> TreeExplanation:
    """Label every phrase, and leave out every word once.

    Raises:
        SettingError: no such label.
    """
    names = reader.classes.names
    with torch.no_grad():
        x = model.embedding(batch.words)
        p = torch.log_softmax(_scores(model, x, batch).double(), -1)
        chosen = int(p[-1].argmax()) if label is None else reader.classes.named(label)
        without = []
        for leaf in range(len(x)):
            blank = x.clone()
            blank[leaf] = 0
            left = torch.log_softmax(_scores(model, blank, batch).double(), -1)
            without.append(float(p[-1, chosen] - left[-1, chosen]))
    phrases = tuple(
        Phrase(tree.subtree(n).text, names[int(p[n].argmax())], math.exp(float(p[n].max())), tree.children[n])
        for n in range(len(p))
    )
    units = tuple(tree.words[leaf] for leaf in tree.leaves)
    found = float(p[-1, chosen])
    return TreeExplanation(tree.text, names[chosen], found, names, phrases, units, tuple(without))


def _scores(model: TreeLabels, x: Tensor, batch: Any) -> Tensor:
    scores: Tensor = model.readout(model.read(x, batch.trees).h)
    return scores
