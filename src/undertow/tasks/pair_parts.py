"""Pairs in three parts: by a hash of the side that repeats more, or from files of their own; no text is in two parts.

A sentence may have several translations, and all of them belong into one part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from undertow.data.pairs import PairLayout, Pairs, read_pairs, side_to_split_by
from undertow.data.split import split_by_hash
from undertow.errors import DataError, SettingError
from undertow.tasks import remarks


class Part(NamedTuple):
    """Pairs of one part."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class PairFiles:
    """Files of pairs, and how they are read."""

    data: tuple[str, ...] = ()
    """A table with two columns, or two files of lines: what is read, and what is to be written."""
    source: str | None = None
    """The column that is read; its number, from 1, where there is no header."""
    target: str | None = None
    """The column that is written."""
    no_header: bool = False
    """The first row is data; columns are named 1, 2, 3, ..."""
    format: Literal["csv", "tsv", "jsonl", "parquet", "lines"] | None = None
    """What the files are, where their endings do not say it."""
    validation: tuple[str, ...] = ()
    """Files of their own to stop by; then all of --data is trained on."""
    test: tuple[str, ...] = ()
    """Files of their own to score once at the end."""
    encoding: str = "utf-8"
    """Of the files."""
    max_length: int = 10_000
    """Longest text in characters; a longer one is an error."""
    skip_bad: bool = False
    """Leave bad rows out, and say how many, in place of stopping."""

    def check_files(self) -> None:
        """Refuse what does not go together."""
        for name, files in (("data", self.data), ("validation", self.validation), ("test", self.test)):
            if len(files) > 2:
                raise SettingError(
                    f"--{name} takes a table of two columns, or two files of lines; got {len(files)}."
                )
        remarks.check_held_out(self)

    @property
    def layout(self) -> PairLayout:
        """How the files are read."""
        return PairLayout(
            source=self.source,
            target=self.target,
            header=not self.no_header,
            format=self.format,
            encoding=self.encoding,
            max_length=self.max_length,
            skip_bad=self.skip_bad,
        )


@dataclass(frozen=True)
class PairParts:
    """What is trained on, what stops the training, what is scored once at the end."""

    train: Part
    validation: Part
    test: Part | None
    records: list[dict[str, Any]]  # for config.json
    leaked: int  # training pairs with a side that was also held out, left out

    @property
    def remarks(self) -> list[str]:
        """What was left out, and what stands in two parts."""
        test = self.test.sources if self.test else ()
        between = remarks.of_parts(self.leaked, self.validation.sources, test, "sources")
        return remarks.of_files(self.records, "pairs") + between


def read_pair_parts(files: PairFiles) -> PairParts:
    """Read and split.

    Raises:
        DataError: a file cannot be used, or nothing is left to train on.
    """
    layout, validation, test = files.layout, files.validation, files.test
    read = read_pairs(files.data, layout)
    records = _records("train", read)
    whole = list(zip(read.sources, read.targets, strict=True))
    if not validation:
        train, held, scored = _by_hash(whole)
    else:
        held_read = read_pairs(validation, layout)
        records += _records("validation", held_read)
        train, held, scored = whole, list(zip(held_read.sources, held_read.targets, strict=True)), []
        if test:
            test_read = read_pairs(test, layout)
            records += _records("test", test_read)
            scored = list(zip(test_read.sources, test_read.targets, strict=True))
    kept = _apart(train, [*held, *scored])
    if not kept or not held:
        raise DataError(
            "Nothing is left to train on, or to stop by: every pair stands in two parts, or there are too few."
        )
    return PairParts(
        _part(kept), _part(held), _part(scored) if scored else None, records, len(train) - len(kept)
    )


def _by_hash(pairs: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], ...]:
    """All translations of one text go together."""
    side = side_to_split_by(pairs)
    split = split_by_hash(dict.fromkeys(pair[side] for pair in pairs))
    parts = (set(part) for part in (split.train, split.validation, split.test))
    return tuple([pair for pair in pairs if pair[side] in part] for part in parts)


def _apart(train: list[tuple[str, str]], held: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Training pairs of which neither side is held out."""
    sources, targets = {source for source, _ in held}, {target for _, target in held}
    return [(source, target) for source, target in train if source not in sources and target not in targets]


def _part(pairs: list[tuple[str, str]]) -> Part:
    return Part(tuple(source for source, _ in pairs), tuple(target for _, target in pairs))


def _records(role: str, read: Pairs) -> list[dict[str, Any]]:
    return [
        {
            "role": role,
            "path": source.path,
            "column": source.column,
            "sha256": source.sha256,
            "rows": read.rows,
            "kept": len(read.sources),
            "duplicates": read.duplicates,
            "skipped": read.skipped,
        }
        for source in read.files
    ]
