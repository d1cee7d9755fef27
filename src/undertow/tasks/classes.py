"""Which classes there are: the labels of a file as they are, merged, or numbers cut into levels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.data.tokens import Tokens
from undertow.errors import DataError, SettingError

FORMAT = 1
MOST = 1000  # classes


@dataclass(frozen=True)
class Classes:
    """Their names, in order, and how a label finds its class: by its name, by a merge, or by cuts between levels."""

    names: tuple[str, ...]
    merged: tuple[tuple[str, str], ...] = ()  # label → class
    cuts: tuple[float, ...] = ()  # between levels, rising

    def number(self, label: str) -> int:
        """Which class does a label belong to?

        Raises:
            DataError: to none.
        """
        if self.cuts:
            return int(np.searchsorted(self.cuts, _value(label), side="right"))
        name = dict(self.merged).get(label, "") if self.merged else label
        if name not in self.names:
            raise DataError(f"The label {label!r} is none of {', '.join(self.names)}.")
        return self.names.index(name)

    def named(self, name: str) -> int:
        """Which class is called so?

        Raises:
            SettingError: none.
        """
        if name not in self.names:
            raise SettingError(f"There is no label {name!r}. Labels: {', '.join(self.names)}.")
        return self.names.index(name)

    def known(self, labels: Sequence[str]) -> list[bool]:
        """Which labels belong to a class?"""
        if self.cuts:
            return [_is_number(label) for label in labels]
        usable = set(dict(self.merged)) if self.merged else set(self.names)
        return [label in usable for label in labels]


@dataclass(frozen=True)
class Origin:
    """Where vectors of words came from, and what they were multiplied by: a word that is new is looked for there."""

    path: str
    sha256: str
    scale: float


@dataclass(frozen=True)
class Reader:
    """What a classifier must know beside its weights."""

    tokens: Tokens
    classes: Classes
    vectors: Origin | None = None

    def to_json(self) -> dict[str, Any]:
        """As it is kept in vocabulary.json."""
        classes = self.classes
        return {
            "format": FORMAT,
            "tokens": self.tokens.to_json(),
            "classes": list(classes.names),
            "merged": dict(classes.merged),
            "cuts": list(classes.cuts),
            "vectors": asdict(self.vectors) if self.vectors else None,
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Reader:
        """Out of vocabulary.json.

        Raises:
            DataError: a newer format, or no vocabulary of a classifier.
        """
        version, names = record.get("format"), record.get("classes")
        if isinstance(version, int) and version > FORMAT:
            raise DataError(f"format {version}; this undertow reads up to {FORMAT}. Update undertow.")
        if version != FORMAT or not isinstance(names, list) or not isinstance(record.get("tokens"), dict):
            raise DataError('a classifier\'s vocabulary needs "format": 1, "tokens" and a list of "classes".')
        merged = tuple((str(k), str(v)) for k, v in (record.get("merged") or {}).items())
        cuts = tuple(float(cut) for cut in record.get("cuts") or ())
        came = record.get("vectors")
        try:
            vectors = Origin(str(came["path"]), str(came["sha256"]), float(came["scale"])) if came else None
        except (TypeError, KeyError, ValueError) as error:
            raise DataError('its "vectors" need "path", "sha256" and "scale".') from error
        return cls(Tokens.from_json(record["tokens"]), Classes(tuple(map(str, names)), merged, cuts), vectors)


def settle(labels: Sequence[str], merge: Sequence[str] = (), levels: int | None = None) -> Classes:
    """Which classes do these training labels make?

    Args:
        labels: of the training rows.
        merge: CLASS=LABEL,LABEL,... each; none: a class a label.
        levels: so many classes of numbers, cut so that each has as many training rows.

    Raises:
        SettingError: a merge that cannot be read, or names a label that is nowhere.
        DataError: labels that are no numbers where levels are asked for; too many classes.
    """
    if levels:
        return _levels(labels, levels)
    present = set(labels)
    if merge:
        return _merged(present, merge)
    if len(present) > MOST:
        raise DataError(
            f"There are {len(present):,} different labels, such as {sorted(present)[0]!r}; at most {MOST:,} classes "
            f"are told apart. Is --label the right column? Numbers are cut into classes with --levels 5."
        )
    return Classes(tuple(sorted(present, key=_order)))


def _levels(labels: Sequence[str], levels: int) -> Classes:
    strange = next((label for label in labels if not _is_number(label)), None)
    if strange is not None:
        raise DataError(f"--levels needs labels that are numbers; {strange!r} is none.")
    values = np.array([_value(label) for label in labels])
    cuts = np.unique(np.quantile(values, np.arange(1, levels) / levels))
    met = np.bincount(np.searchsorted(cuts, values, side="right"), minlength=levels)
    if len(cuts) < levels - 1 or not met.all():
        raise DataError(
            f"The labels hold too few different numbers for {levels} levels of equal size. Take a smaller --levels, or "
            f"leave it out: every number is a class of its own then."
        )
    ends = ["lowest", *_told_apart(cuts), "highest"]
    names = tuple(f"{low} to {high}" for low, high in itertools.pairwise(ends))
    return Classes(names, cuts=tuple(map(float, cuts)))


def _told_apart(cuts: NDArray[np.float64]) -> list[str]:
    """Numbers with as few digits as tell them apart, three at least."""
    for digits in range(3, 17):
        told = [f"{cut:.{digits}g}" for cut in cuts]
        if len(set(told)) == len(told):
            break
    return told


def _merged(present: set[str], merge: Sequence[str]) -> Classes:
    pairs: list[tuple[str, str]] = []
    for one in merge:
        name, sign, labels = one.partition("=")
        if not sign or not name or not labels:
            raise SettingError(
                f"--merge takes CLASS=LABEL,LABEL,... got {one!r}. Example: --merge negative=0,1 positive=3,4"
            )
        pairs += [(label, name) for label in labels.split(",")]
    missing = [label for label, _ in pairs if label not in present]
    if missing:
        raise SettingError(
            f"--merge: no training row has the label {missing[0]!r}. Labels: {', '.join(sorted(present, key=_order))}."
        )
    twice = {label for n, (label, _) in enumerate(pairs) if label in {other for other, _ in pairs[:n]}}
    if twice:
        raise SettingError(f"--merge: the label {sorted(twice)[0]!r} is given twice.")
    return Classes(tuple(dict.fromkeys(name for _, name in pairs)), merged=tuple(pairs))


def check_several(classes: Classes, unit: str = "text") -> None:
    """Refuse one class alone, of texts or of what else is counted.

    Raises:
        DataError: there is nothing to tell apart.
    """
    if len(classes.names) < 2:
        raise DataError(
            f"Every training {unit} has the label {classes.names[0]!r}: there is nothing to tell apart. Is it the "
            f"right {'column, or the right --merge' if unit == 'text' else 'column or folder'}?"
        )


def _order(label: str) -> tuple[bool, float, str]:
    """Numbers by their value, before words."""
    return (False, _value(label), label) if _is_number(label) else (True, 0.0, label)


def _is_number(label: str) -> bool:
    try:
        return bool(np.isfinite(float(label)))
    except ValueError:
        return False


def _value(label: str) -> float:
    return float(label)
