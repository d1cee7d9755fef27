"""How good is what a generator makes? Figures of its samples, and the same of real ones that it never saw.

    samples     count, distance (sliced Wasserstein to the test part), precision, recall; and
                of points     modes, covered, good_share, by_class (good points of each mode)
                of images     classes, covered, by_class (of each class those that lie among real ones), kl (nats, of
                              these classes beside the data's; None where none lies among real ones), confidence
    real        the same of the validation part, as many: what a perfect generator would get
    fair        share of each class or mode that would be fair: `covered` is told by it (`data/mode_figures.py`)
    judge       of images: accuracy on the test part, trained_on: who said the classes (`tasks/judge.py`)

A judge names a class for any image, noise too; so one counts for its class only where it passes the test of precision.

Points are told in their own scale, images from -1 to 1. Axes: N samples, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.data.mode_figures import covered, modes_found
from undertow.data.nearest_sets import NEIGHBOURS, among, precision_recall
from undertow.data.sliced import sliced_wasserstein
from undertow.tasks.examples import Examples, Part
from undertow.tasks.judge import Judge, trained_judge
from undertow.tasks.subject import Subject

Values = NDArray[np.float32]
COUNT = {
    1: 5_000,
    3: 2_000,
}  # made for the score, and real ones beside them, by the axes of one: points, images
SHOWN = {1: 2_000, 3: 64}  # beside real ones in the report
NEIGHBOURLY = 2_000  # of which neighbours are looked for


def score_made(
    draw: Callable[[int], Values], examples: Examples, subject: Subject, seed: int, count: int | None = None
) -> dict[str, Any]:
    """`classes`, `fair`, `samples`, `real`, and of images `judge`.

    Args:
        draw: makes so many, in the network's scale [N, ...].
        examples: what it learned from, in three parts.
        subject: of these examples.
        seed: of the real ones that are taken, and of the judge.
        count: samples that are judged; None: 5,000 points, 2,000 images.
    """
    count = count or COUNT[len(subject.shape)]
    test, other = (some(part, count, seed) for part in (examples.test, examples.validation))
    if subject.modes is not None:
        points = _Points(subject, test)
        return {
            "classes": list(subject.names),
            "fair": [1 / len(subject.names)] * len(subject.names),
            "samples": points.figures(draw(count)),
            "real": points.figures(other),
        }
    judge = trained_judge(examples.train, len(subject.names), seed)
    images = _Images(judge, shares(examples), test)
    return {
        "classes": list(subject.names),
        "fair": images.fair,
        "samples": images.figures(draw(count)),
        "real": images.figures(other),
        "judge": {"accuracy": judge.accuracy(examples.test), "trained_on": judge.trained_on},
    }


def shown(draw: Callable[[int], Values], examples: Examples, subject: Subject) -> dict[str, Any]:
    """`arrays`, for the folder made: some samples, and as many real ones of the test part."""
    count = SHOWN[len(subject.shape)]
    real = some(examples.test, count, 0)
    return {"arrays": {"samples": subject.restored(draw(count)), "real": subject.restored(real)}}


def some(part: Part, count: int, seed: int) -> Values:
    """So many of a part at most, by the seed."""
    return part.values[np.random.default_rng([seed, 2]).permutation(len(part))[:count]]


def shares(examples: Examples) -> list[float]:
    """Of each class among all examples; among those of another file, where samples are judged beside one."""
    own = [] if examples.strange else [examples.train, examples.validation]
    classes = np.concatenate([part.classes for part in (*own, examples.test)])
    counts = np.bincount(classes, minlength=len(examples.names))
    return [float(count) / len(classes) for count in counts]


def divergence(counts: list[int], fair: list[float]) -> float | None:
    """KL of the shares that were counted beside the fair ones, Σ p ln(p / q), in nats; None where nothing was."""
    if not sum(counts):
        return None
    p, q = np.array(counts) / sum(counts), np.array(fair)
    held = p > 0
    return float((p[held] * np.log(p[held] / q[held])).sum())


@dataclass(frozen=True, eq=False)
class _Points:
    subject: Subject
    test: Values

    def figures(self, values: Values) -> dict[str, Any]:
        mixture = self.subject.modes
        assert mixture is not None
        points, test = (self.subject.restored(rows) for rows in (values, self.test))
        found = modes_found(points, mixture)
        return {
            "count": found.points,
            "distance": sliced_wasserstein(points[: len(test)], test),
            **_neighbours(test, points),
            "modes": len(found.by_mode),
            "covered": found.covered,
            "good_share": found.good_share,
            "by_class": list(found.by_mode),
        }


@dataclass(frozen=True, eq=False)
class _Images:
    judge: Judge
    fair: list[float]
    test: Values

    def figures(self, values: Values) -> dict[str, Any]:
        told, beside = self.judge.told(values), self.judge.told(self.test)
        near = _real_looking(beside.features, told.features)
        counts = np.bincount(told.p.argmax(1)[near], minlength=len(self.fair)).tolist()
        return {
            "count": len(values),
            "distance": sliced_wasserstein(values[: len(self.test)], self.test),
            **_neighbours(beside.features, told.features),
            "classes": len(counts),
            "covered": covered(counts, len(values), self.fair),
            "kl": divergence(counts, self.fair),
            "confidence": float(told.p.max(1).mean()),
            "by_class": counts,
        }


def _real_looking(real: NDArray[Any], made: NDArray[Any]) -> NDArray[np.bool_]:
    """Which made rows lie among real ones? None does where that cannot be told."""
    if not _comparable(real, made):
        return np.zeros(len(made), dtype=bool)
    return among(made, real[:NEIGHBOURLY])


def _comparable(real: NDArray[Any], made: NDArray[Any]) -> bool:
    """Not where there are too few, or a network made what is no number."""
    return min(len(real), len(made)) > NEIGHBOURS and bool(np.isfinite(made).all())


def _neighbours(real: NDArray[Any], made: NDArray[Any]) -> dict[str, float | None]:
    if not _comparable(real, made):
        return {"precision": None, "recall": None}
    precision, recall = precision_recall(real[:NEIGHBOURLY], made[:NEIGHBOURLY])
    return {"precision": precision, "recall": recall}
