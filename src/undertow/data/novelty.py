"""Novelty: are sampled strings new, copied or repeated, and how far are they from what was trained on?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from undertow.errors import DataError

BLOCK = 64  # samples compared at a time: 64 rows of distances to every training string

HISTOGRAM = ("0", "1", "2", "3", "4", "5+")


@dataclass(frozen=True)
class Validity:
    """What a string of this list looks like, in three simple rules.

    A string looks valid when its length lies within the range of the training lengths, its first
    character begins and its last ends some training string, and each pair of neighbouring characters
    occurs in training. It is a necessary sign, not a sufficient one: nonsense can pass.
    """

    shortest: int
    longest: int
    firsts: frozenset[str]
    lasts: frozenset[str]
    pairs: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, train: Sequence[str]) -> "Validity":
        """Which rules do these strings set?

        Raises:
            DataError: no string at all.
        """
        full = [value for value in train if value]
        if not full:
            raise DataError("validity is judged against training strings, and there is none.")
        lengths = [len(value) for value in full]
        return cls(
            min(lengths),
            max(lengths),
            frozenset(value[0] for value in full),
            frozenset(value[-1] for value in full),
            frozenset(pair for value in full for pair in pairwise(value)),
        )

    def looks_valid(self, string: str) -> bool:
        """Does this string keep all three rules?"""
        return (
            self.shortest <= len(string) <= self.longest
            and string[0] in self.firsts
            and string[-1] in self.lasts
            and self.pairs.issuperset(pairwise(string))
        )


@dataclass(frozen=True)
class SampleReport:
    """How new and how sound a set of samples is; shares are of all samples, from 0 to 1.

    Args:
        count: samples judged.
        new_share: not among the training strings (repeats among the samples count too).
        copied_share: among the training strings; 1 - new_share.
        duplicate_share: the same as an earlier sample.
        valid_share: keeping the rules of `Validity`.
        nearest_distance: mean edits (Levenshtein) to the nearest training string.
        histogram: samples at each distance, keys "0" to "4" and "5+".
    """

    count: int
    new_share: float
    copied_share: float
    duplicate_share: float
    valid_share: float
    nearest_distance: float
    histogram: dict[str, int]


def nearest(samples: Sequence[str], train: Sequence[str], workers: int = 1) -> list[tuple[str, int]]:
    """Which training string is the nearest to each sample, and how many edits away?

    Distance is Levenshtein's: insertions, deletions and replacements of one character. Of several at
    the same distance, the first in `train` is told.

    Args:
        samples: strings to look up.
        train: strings to look among.
        workers: threads; -1 takes every core.

    Returns:
        The nearest string and its distance, for each sample.

    Raises:
        DataError: no training string.
    """
    if not train:
        raise DataError("the nearest training string is asked for, and there is none.")
    found: list[tuple[str, int]] = []
    for at in range(0, len(samples), BLOCK):
        block = samples[at : at + BLOCK]
        distances = process.cdist(block, train, scorer=Levenshtein.distance, dtype=np.int32, workers=workers)
        found += [(train[int(row.argmin())], int(row.min())) for row in distances]
    return found


def judge(samples: Sequence[str], train: Sequence[str]) -> SampleReport:
    """Are these samples new, distinct and sound?

    Args:
        samples: as the model gave them, repeats included.
        train: what it was trained on.

    Returns:
        The report.

    Raises:
        DataError: no samples, or no training strings.
    """
    if not samples:
        raise DataError("there is no sample to judge.")
    known, rules = frozenset(train), Validity.of(train)
    total = len(samples)
    copied = sum(sample in known for sample in samples)
    distances = [distance for _, distance in nearest(samples, train)]
    bins = np.bincount(np.minimum(distances, len(HISTOGRAM) - 1), minlength=len(HISTOGRAM))
    return SampleReport(
        count=total,
        new_share=(total - copied) / total,
        copied_share=copied / total,
        duplicate_share=(total - len(set(samples))) / total,
        valid_share=sum(map(rules.looks_valid, samples)) / total,
        nearest_distance=sum(distances) / total,
        histogram=dict(zip(HISTOGRAM, bins.tolist(), strict=True)),
    )
