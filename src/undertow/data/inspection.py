"""Inspection: what was understood of a file, as plain records ready for JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.data.longtext import Text, split_tail
from undertow.data.split import split_by_hash
from undertow.data.strings import Strings
from undertow.data.vocabulary import Vocabulary

BINS = 10

EXAMPLES = 5

EXCERPT = 60  # characters of an example out of a long text


def inspect_strings(strings: Strings) -> dict[str, Any]:
    """What would a model of this list be trained on?

    Args:
        strings: as read.

    Returns:
        The keys of `Source`; columns, rows, duplicates, empty, skipped, kept; characters (`count`, and
        `known` as one string); length (of the strings, in characters: min, median, mean, max,
        histogram); split (train, validation, test); examples, evenly out of the list.
    """
    values = strings.values
    split = split_by_hash(values) if len(values) >= 3 else None
    return asdict(strings.source) | {
        "columns": list(strings.columns),
        "rows": strings.rows,
        "duplicates": strings.duplicates,
        "empty": strings.empty,
        "skipped": strings.skipped,
        "kept": len(values),
        "characters": _characters(Vocabulary.of(values, end=True)),
        "length": _lengths(np.array([len(value) for value in values])),
        "split": {name: len(part) for name, part in vars(split).items()} if split else None,
        "examples": [values[at] for at in _even(len(values))],
    }


def inspect_text(text: Text) -> dict[str, Any]:
    """What would a model of this text be trained on?

    Args:
        text: as read.

    Returns:
        The keys of `Source`; kept (characters), lines; characters (`count`, and `known` as one string);
        length (of the lines); split (train, validation); examples, excerpts from even places.
    """
    ids, vocabulary = text.ids, text.vocabulary
    train, validation = split_tail(ids)
    return asdict(text.source) | {
        "kept": len(ids),
        "lines": len(lengths := _line_lengths(ids, vocabulary)),
        "characters": _characters(vocabulary),
        "length": _lengths(lengths),
        "split": {"train": len(train), "validation": len(validation)},
        "examples": [vocabulary.decode(ids[at : at + EXCERPT]) for at in _even(len(ids))],
    }


def _characters(vocabulary: Vocabulary) -> dict[str, Any]:
    return {"count": len(vocabulary.characters), "known": "".join(vocabulary.characters)}


def _line_lengths(ids: NDArray[Any], vocabulary: Vocabulary) -> NDArray[np.int64]:
    if "\n" not in vocabulary.characters:
        return np.array([len(ids)])
    ends = np.flatnonzero(ids == vocabulary.encode("\n")[0])
    if not len(ends) or ends[-1] != len(ids) - 1:  # a last line without its end
        ends = np.append(ends, len(ids))
    return np.diff(ends, prepend=-1) - 1


def _lengths(lengths: Sequence[int] | NDArray[Any]) -> dict[str, Any]:
    lengths = np.asarray(lengths)
    low, high = int(lengths.min()), int(lengths.max())
    width = -(-(high - low + 1) // BINS)
    counts = np.bincount((lengths - low) // width)
    return {
        "min": low,
        "median": float(np.median(lengths)),
        "mean": float(lengths.mean()),
        "max": high,
        "histogram": [
            {"from": low + bin * width, "to": min(low + (bin + 1) * width - 1, high), "count": int(count)}
            for bin, count in enumerate(counts)
        ],
    }


def _even(count: int) -> list[int]:
    return sorted({at * count // EXAMPLES for at in range(EXAMPLES)} if count else set())
