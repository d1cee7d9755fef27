"""Trees in three parts: by a hash of the sentence, or from files of their own; no sentence stands in two parts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from undertow.data.source import Source, describe
from undertow.data.split import split_by_hash
from undertow.data.trees import Tree, sound_trees, trees
from undertow.errors import DataError

EXAMPLES = 5


@dataclass(frozen=True)
class Trees:
    """Distinct trees of a file, and what was met on the way to them."""

    trees: tuple[Tree, ...]
    source: Source
    rows: int
    duplicates: int  # sentences met again, dropped
    skipped: int


class TreeParts(NamedTuple):
    """What is trained on, what stops the training, what is scored once at the end, and where it came from."""

    train: tuple[Tree, ...]
    validation: tuple[Tree, ...]
    test: tuple[Tree, ...]
    records: list[dict[str, Any]]


def read_trees(path: str, encoding: str = "utf-8", skip_bad: bool = False, repeats: bool = False) -> Trees:
    """Which trees does a file hold? Each sentence once, unless `repeats` says that those met again stay.

    Raises:
        DataError: a tree cannot be read (unless skip_bad), or there is none.
    """
    rows = (
        [tree for _, tree in sound_trees(path, encoding=encoding)]
        if skip_bad
        else list(trees(path, encoding=encoding))
    )
    read = [tree for tree in rows if tree is not None]
    kept = {tree.text: tree for tree in reversed(read)}  # the first of equal sentences stays
    if not kept:
        raise DataError(
            f"{path} holds no tree. A line is one tree in brackets: (3 (2 A) (4 (2 fine) (3 film)))."
        )
    found = tuple(read) if repeats else tuple(dict.fromkeys(kept[tree.text] for tree in read))
    source = describe(path, encoding=encoding)
    return Trees(found, source, len(rows), len(read) - len(found), len(rows) - len(read))


def read_tree_parts(
    data: tuple[str, ...], validation: str | None, test: str | None, encoding: str, skip_bad: bool
) -> TreeParts:
    """Read and split.

    Raises:
        DataError: a file cannot be used, or every training sentence is also held out.
    """
    read = [read_trees(path, encoding, skip_bad) for path in data]
    whole = {tree.text: tree for one in reversed(read) for tree in one.trees}
    records = [_record("train", one) for one in read]
    if not validation:
        split = split_by_hash(whole)
        train, stopping, scoring = (
            tuple(whole[text] for text in part) for part in (split.train, split.validation, split.test)
        )
        return TreeParts(train, stopping, scoring, records)
    held = read_trees(validation, encoding, skip_bad, repeats=True)
    records.append(_record("validation", held))
    scored = read_trees(test, encoding, skip_bad, repeats=True) if test else None
    if scored is not None:
        records.append(_record("test", scored))
    out = {tree.text for part in (held, scored) if part for tree in part.trees}
    train = tuple(tree for text, tree in whole.items() if text not in out)
    if not train:
        raise DataError(
            "Every training sentence is also in the validation or test file: nothing is left to train on."
        )
    return TreeParts(train, held.trees, scored.trees if scored else (), records)


def inspect_trees(read: Trees) -> dict[str, Any]:
    """Sizes, labels at the roots and at all nodes, depths, and five sentences."""
    roots = Counter(tree.labels[-1] for tree in read.trees)
    nodes = Counter(label for tree in read.trees for label in tree.labels)
    words = np.array([len(tree.leaves) for tree in read.trees])
    at = sorted({n * len(read.trees) // EXAMPLES for n in range(EXAMPLES)})
    return {
        "path": read.source.path,
        "encoding": read.source.encoding,
        "sha256": read.source.sha256,
        "rows": read.rows,
        "duplicates": read.duplicates,
        "skipped": read.skipped,
        "kept": len(read.trees),
        "nodes": sum(nodes.values()),
        "words": {"min": int(words.min()), "median": float(np.median(words)), "max": int(words.max())},
        "most_children": max(len(own) for tree in read.trees for own in tree.children),
        "root_labels": dict(sorted(roots.items())),
        "node_labels": dict(sorted(nodes.items())),
        "examples": [f"{read.trees[n].labels[-1]}: {read.trees[n].text}" for n in at],
    }


def _record(role: str, read: Trees) -> dict[str, Any]:
    return {
        "role": role,
        "path": read.source.path,
        "sha256": read.source.sha256,
        "rows": read.rows,
        "kept": len(read.trees),
        "duplicates": read.duplicates,
        "skipped": read.skipped,
    }
