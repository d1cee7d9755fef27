"""Labelled texts in three parts: by a hash of the text, or from files of their own; nothing stands in two parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from undertow.data.labelled import Labelled, Layout, read_labelled
from undertow.data.split import split_by_hash
from undertow.errors import DataError


@dataclass(frozen=True)
class Parts:
    """What is trained on, what stops the training, what is scored once at the end."""

    train: Labelled
    validation: Labelled
    test: Labelled | None
    records: list[dict[str, Any]]  # for config.json
    leaked: int  # training texts that were also held out, and are left out

    @property
    def texts(self) -> tuple[str, ...]:
        """Of all parts, without labels."""
        return (*self.train.texts, *self.validation.texts, *(self.test.texts if self.test else ()))


def read_parts(
    data: tuple[str, ...], validation: str | None, test: str | None, layout: Layout, phrases: bool
) -> Parts:
    """Read and split.

    Args:
        data: files to train on; all of them are split by hash where there is no validation file.
        validation: a file of its own.
        test: a file of its own.
        layout: how files are read.
        phrases: trees give all their phrases for training; held-out ones only whole sentences.

    Raises:
        DataError: a file cannot be used, or every training text is also held out.
    """
    read = [read_labelled(path, replace(layout, phrases=phrases and bool(validation))) for path in data]
    whole, records = _joined(read), [_record("train", one) for one in read]
    if not validation:
        return _by_hash(whole, records)
    layout = replace(layout, repeats=True)  # others are scored on every row of such a file, too
    held = read_labelled(validation, layout)
    records.append(_record("validation", held))
    scored = read_labelled(test, layout) if test else None
    if scored is not None:
        records.append(_record("test", scored))
    out = set(held.texts) | set(scored.texts if scored else ())
    train = _only(whole, (text for text in whole.texts if text not in out))
    if not train.texts:
        raise DataError(
            "Every training text is also in the validation or test file: nothing is left to train on."
        )
    return Parts(train, held, scored, records, len(whole.texts) - len(train.texts))


def _by_hash(whole: Labelled, records: list[dict[str, Any]]) -> Parts:
    split = split_by_hash(whole.texts)
    train, validation, test = (_only(whole, part) for part in (split.train, split.validation, split.test))
    return Parts(train, validation, test, records, 0)


def _joined(read: list[Labelled]) -> Labelled:
    """Files one after another; a text that was met before is dropped."""
    labels: dict[str, str] = {}
    for one in read:
        for text, label in zip(one.texts, one.labels, strict=True):
            labels.setdefault(text, label)
    return replace(read[0], texts=tuple(labels), labels=tuple(labels.values()))


def _only(whole: Labelled, texts: Iterable[str]) -> Labelled:
    labels = dict(zip(whole.texts, whole.labels, strict=True))
    kept = tuple(texts)
    return replace(whole, texts=kept, labels=tuple(labels[text] for text in kept))


def _record(role: str, read: Labelled) -> dict[str, Any]:
    source = read.source
    return {
        "role": role,
        "path": source.path,
        "column": source.column,
        "sha256": source.sha256,
        "rows": read.rows,
        "kept": len(read.texts),
        "duplicates": read.duplicates,
        "conflicts": read.conflicts,
        "skipped": read.skipped,
    }
