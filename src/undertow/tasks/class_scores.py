"""What a score says of labels: figures, what simple guessers reach, and where the network was surely wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.data.bag import bag_of_words, majority
from undertow.data.class_figures import figures
from undertow.training.loop import Judged

SHOWN = 12  # that were surely wrong


def record(p: NDArray[np.float64], labels: NDArray[np.int64], unit: str = "text") -> dict[str, Any]:
    """The figures of one part; units are counted, and nats are a unit."""
    named = {"nats": f"nats_per_{unit}", "classes": "by_class"}  # in a score there are other classes and nats
    told = figures(p, labels)
    return {f"{unit}s": len(labels), **{named.get(name, name): value for name, value in told.items()}}


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
    """Texts where it was surest of something else."""
    return [{"text": texts[number], **said} for number, said in surely_wrong_at(p, labels, names)]


def surely_wrong_at(
    p: NDArray[np.float64], labels: NDArray[np.int64], names: Sequence[str]
) -> list[tuple[int, dict[str, Any]]]:
    """Which were they, and what was said of them?"""
    said = p.argmax(1)
    wrong = np.flatnonzero(said != labels)
    surest = wrong[np.argsort(-p[wrong, said[wrong]], kind="stable")][:SHOWN]
    return [
        (int(n), {"label": names[labels[n]], "said": names[said[n]], "p": float(p[n, said[n]])})
        for n in surest
    ]


def judged(p: NDArray[np.float64], labels: NDArray[np.int64], keep: str, unit: str = "text") -> Judged:
    """Nats a unit, and how many are right: what the best weights are told by is asked for."""
    nats = float(-np.log(np.maximum(p[np.arange(len(p)), labels], 1e-12)).mean())
    right = float((p.argmax(1) == labels).mean())
    figures = {f"nats_per_{unit}": nats, "accuracy": right}
    return (
        Judged(nats, figures) if keep == "nats" else Judged(1 - right, figures, behind=nats, called="error")
    )
