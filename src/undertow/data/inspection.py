"""Inspection: what was understood of a file, as plain records ready for JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.data.labelled import Labelled
from undertow.data.longtext import Text, split_tail
from undertow.data.pairs import Pairs, side_to_split_by
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


def inspect_labelled(
    labelled: Labelled, validation: Labelled | None = None, test: Labelled | None = None
) -> dict[str, Any]:
    """What would a classifier of these texts be trained on?

    Args:
        labelled: the texts to train on, as read.
        validation: of a file of its own.
        test: of a file of its own.

    Returns:
        The keys of `Source`, without its column; columns, text and label (the columns that were read), rows,
        duplicates, conflicts, empty, skipped, kept; characters and length of the texts as of
        `inspect_strings`; classes (`label`, `count` and `share`, the most frequent first); split, as the
        files give it, or by hash of the text where there is only one; leakage (of every file of its own,
        how many of its texts are also in training; None without one); examples (`text`, `label`).
    """
    texts, labels = labelled.texts, labelled.labels
    source = asdict(labelled.source)
    del source["column"]
    held = {name: part.texts for name, part in (("validation", validation), ("test", test)) if part}
    return source | {
        "columns": list(labelled.columns),
        "text": labelled.chosen[0] if labelled.chosen else None,
        "label": labelled.chosen[1] if labelled.chosen else None,
        "rows": labelled.rows,
        "duplicates": labelled.duplicates,
        "conflicts": labelled.conflicts,
        "empty": labelled.empty,
        "skipped": labelled.skipped,
        "kept": len(texts),
        "characters": _characters(Vocabulary.of(texts, end=True)),
        "length": _lengths([len(text) for text in texts]),
        "classes": class_counts(labels),
        "split": _split(texts, held),
        "leakage": _leakage(texts, held),
        "examples": [{"text": texts[at], "label": labels[at]} for at in _even(len(texts))],
    }


def inspect_pairs(pairs: Pairs, validation: Pairs | None = None, test: Pairs | None = None) -> dict[str, Any]:
    """What would a translator of these pairs be trained on?

    Args:
        pairs: to train on, as read.
        validation: of files of their own.
        test: of files of their own.

    Returns:
        files (the keys of `Source` of each, without the column); columns, source and target (the columns
        that were read), rows, duplicates, empty, skipped, kept; characters and length of both sides;
        split as of `inspect_labelled`, by the side that repeats more: it counts pairs, and all pairs of a
        text are in one part; leakage, of the sources; examples (`source`, `target`).
    """
    sides = {"source": pairs.sources, "target": pairs.targets}
    held = {name: part.sources for name, part in (("validation", validation), ("test", test)) if part}
    side = list(sides.values())[side_to_split_by(list(zip(pairs.sources, pairs.targets, strict=True)))]
    return {
        "files": [{k: v for k, v in asdict(file).items() if k != "column"} for file in pairs.files],
        "columns": list(pairs.columns),
        "source": pairs.chosen[0] if pairs.chosen else None,
        "target": pairs.chosen[1] if pairs.chosen else None,
        "rows": pairs.rows,
        "duplicates": pairs.duplicates,
        "empty": pairs.empty,
        "skipped": pairs.skipped,
        "kept": len(pairs.sources),
        "characters": {k: _characters(Vocabulary.of(texts, end=True)) for k, texts in sides.items()},
        "length": {k: _lengths([len(text) for text in texts]) for k, texts in sides.items()},
        "split": _split(side, held),
        "leakage": _leakage(pairs.sources, held),
        "examples": [{k: texts[at] for k, texts in sides.items()} for at in _even(len(pairs.sources))],
    }


def class_counts(labels: Sequence[str]) -> list[dict[str, Any]]:
    """Of each label `label`, `count` and `share`, the most frequent first."""
    counts = sorted(Counter(labels).items(), key=lambda item: (-item[1], item[0]))
    return [{"label": label, "count": count, "share": count / len(labels)} for label, count in counts]


def _split(texts: tuple[str, ...], held: dict[str, tuple[str, ...]]) -> dict[str, int] | None:
    """How many there are in each part; the same text is in the same part however often it comes."""
    if held:
        return {"train": len(texts)} | {name: len(part) for name, part in held.items()}
    if len(counts := Counter(texts)) < 3:
        return None
    return {name: sum(counts[t] for t in part) for name, part in vars(split_by_hash(counts)).items()}


def _leakage(texts: tuple[str, ...], held: dict[str, tuple[str, ...]]) -> dict[str, int] | None:
    known = set(texts)
    return {name: sum(text in known for text in part) for name, part in held.items()} or None


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
