"""Labelled texts in three parts: by a hash of the text, or from files of their own; nothing stands in two parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from undertow.data.labelled import Labelled, Layout, read_labelled
from undertow.data.split import split_by_hash
from undertow.errors import DataError, SettingError
from undertow.tasks import remarks


@dataclass(frozen=True)
class LabelledFiles:
    """Files of texts and labels, and how they are read."""

    data: tuple[str, ...] = ()
    """Tables with a column of texts and one of labels (CSV, TSV, JSON lines, Parquet), or trees in brackets."""
    text: str | None = None
    """The column of texts; its number, from 1, where there is no header."""
    label: str | None = None
    """The column of labels."""
    no_header: bool = False
    """The first row is data; columns are named 1, 2, 3, ..."""
    format: Literal["csv", "tsv", "jsonl", "parquet", "trees"] | None = None
    """What the files are, where their endings do not say it."""
    validation: str | None = None
    """A file of its own to stop by; then all of --data is trained on."""
    test: str | None = None
    """A file of its own to score once at the end."""
    encoding: str = "utf-8"
    """Of the files."""
    max_length: int = 10_000
    """Longest text in characters; a longer one is an error."""
    skip_bad: bool = False
    """Leave bad rows out, and say how many, in place of stopping."""
    phrases: bool = False
    """Of trees: train on every phrase, too, and not on whole sentences alone. It goes with --validation."""

    def check_files(self) -> None:
        """Refuse what does not go together."""
        remarks.check_held_out(self)
        if self.phrases and not self.validation:
            raise SettingError(
                "--phrases goes with --validation FILE: split by hash, phrases of one sentence would be in two parts."
            )

    @property
    def layout(self) -> Layout:
        """How the files are read."""
        return Layout(
            text=self.text,
            label=self.label,
            header=not self.no_header,
            format=self.format,
            encoding=self.encoding,
            max_length=self.max_length,
            skip_bad=self.skip_bad,
        )


@dataclass(frozen=True)
class Parts:
    """What is trained on, what stops the training, what is scored once at the end."""

    train: Labelled
    validation: Labelled
    test: Labelled | None
    records: list[dict[str, Any]]  # for config.json
    leaked: int  # training texts that were also held out, and are left out

    @property
    def own_files(self) -> bool:
        """Validation is a file of its own."""
        return any(record["role"] == "validation" for record in self.records)

    @property
    def remarks(self) -> list[str]:
        """What was left out, and what stands in two parts."""
        said = remarks.of_files(self.records, "texts")
        test = self.test.texts if self.test else ()
        return said + remarks.of_parts(self.leaked, self.validation.texts, test, "texts")

    @property
    def texts(self) -> tuple[str, ...]:
        """Of all parts, without labels."""
        return (*self.train.texts, *self.validation.texts, *(self.test.texts if self.test else ()))


def read_parts(files: LabelledFiles) -> Parts:
    """Read and split. Trees give all their phrases for training if asked to; held-out ones only whole sentences.

    Raises:
        DataError: a file cannot be used, or every training text is also held out.
    """
    layout, validation = files.layout, files.validation
    read = [read_labelled(path, replace(layout, phrases=files.phrases)) for path in files.data]
    whole, records = _joined(read), [_record("train", one) for one in read]
    if not validation:
        return _by_hash(whole, records)
    layout = replace(layout, repeats=True)  # others are scored on every row of such a file, too
    held = read_labelled(validation, layout)
    records.append(_record("validation", held))
    scored = read_labelled(files.test, layout) if files.test else None
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
