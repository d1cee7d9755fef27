"""What a score says of labels: figures, what simple guessers reach, and where the network was surely wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.data.bag import bag_of_words, majority
from undertow.data.class_figures import figures
from undertow.training.loop import Judged

NAMED = {"nats": "nats_per_text", "classes": "by_class"}  # in a score there are other classes, and other nats
SHOWN = 12  # texts that were surely wrong


def record(p: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, Any]:
    """The figures of one part."""
    told = figures(p, labels)
    return {"texts": len(labels), **{NAMED.get(name, name): value for name, value in told.items()}}


def baselines(
    train: tuple[Sequence[str], NDArray[np.int64]], on: tuple[Sequence[str], NDArray[np.int64]], classes: int
) -> dict[str, Any]:
    """Of texts and the numbers of their classes: always the largest class, and a bag of words and pairs of words."""
    guessed = {
        "majority": majority(train[1], len(on[0]), classes),
        "bag of words": bag_of_words(*train, on[0], classes),
    }
    return {name: record(p, on[1]) for name, p in guessed.items()}


def surely_wrong(
    p: NDArray[np.float64], texts: Sequence[str], labels: NDArray[np.int64], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Where it was surest of something else."""
    said = p.argmax(1)
    wrong = np.flatnonzero(said != labels)
    surest = wrong[np.argsort(-p[wrong, said[wrong]], kind="stable")][:SHOWN]
    return [
        {"text": texts[n], "label": names[labels[n]], "said": names[said[n]], "p": float(p[n, said[n]])}
        for n in surest
    ]


def judged(p: NDArray[np.float64], labels: NDArray[np.int64], keep: str) -> Judged:
    """Nats a text, and how many are right: what the best weights are told by is asked for."""
    nats = -np.log(np.maximum(p[np.arange(len(p)), labels], 1e-12)).mean()
    told = {"nats_per_text": float(nats), "accuracy": float((p.argmax(1) == labels).mean())}
    return Judged(told["nats_per_text"] if keep == "nats" else 1 - told["accuracy"], told)
