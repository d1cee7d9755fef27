"""Trees in three parts: by a hash of the sentence, or from files of their own; no sentence stands in two parts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from undertow.data.source import Source, describe
from undertow.data.split import split_by_hash
from undertow.data.trees import Tree, rooted, sound_trees, trees
from undertow.errors import DataError
from undertow.tasks import remarks

EXAMPLES = 5


@dataclass(frozen=True)
class Trees:
    """Distinct trees of a file, and what was met on the way to them."""

    trees: tuple[Tree, ...]
    source: Source
    rows: int
    duplicates: int  # sentences met again, dropped
    skipped: int


@dataclass(frozen=True)
class TreeFiles:
    """Files of trees, and how they are read."""

    data: tuple[str, ...] = ()
    """Files of trees: (3 (2 The) (4 (2 best) (3 film)))."""
    validation: str | None = None
    """A file of its own to stop by; then all of --data is trained on."""
    test: str | None = None
    """A file of its own to score once at the end."""
    encoding: str = "utf-8"
    """Of the files."""
    skip_bad: bool = False
    """Leave out lines that are no tree, and say how many, in place of stopping."""


class TreeParts(NamedTuple):
    """What is trained on, what stops the training, what is scored once at the end, and where it came from."""

    train: tuple[Tree, ...]
    validation: tuple[Tree, ...]
    test: tuple[Tree, ...]
    records: list[dict[str, Any]]
    leaked: int  # training sentences that were also held out, and are left out

    @property
    def remarks(self) -> list[str]:
        """What was left out, and what stands in two parts."""
        validation, test = ([tree.text for tree in part] for part in (self.validation, self.test))
        return remarks.of_files(self.records, "trees") + remarks.of_parts(
            self.leaked, validation, test, "sentences"
        )


def read_trees(path: str, how: TreeFiles, most: int = 0, repeats: bool = False) -> Trees:
    """Which trees does a file hold?

    Args:
        path: of the file.
        how: its encoding, and whether bad trees are left out.
        most: children that a node may have; 0: any number.
        repeats: sentences that are met again stay; else each is there once.

    Raises:
        DataError: a tree cannot be read or has too many children (unless skip_bad), or there is none.
    """
    encoding = how.encoding
    rows = (
        [tree for _, tree in sound_trees(path, encoding=encoding)]
        if how.skip_bad
        else list(trees(path, encoding=encoding))
    )
    read = [rooted(tree) for tree in rows if tree is not None and _fits(tree, path, how, most)]
    kept = {tree.text: tree for tree in reversed(read)}  # the first of equal sentences stays
    if not kept:
        raise DataError(
            f"{path} holds no tree. A line is one tree in brackets: (3 (2 A) (4 (2 fine) (3 film)))."
        )
    found = tuple(read) if repeats else tuple(dict.fromkeys(kept[tree.text] for tree in read))
    source = describe(path, encoding=encoding)
    return Trees(found, source, len(rows), len(read) - len(found), len(rows) - len(read))


def read_tree_parts(files: TreeFiles, most: int = 0) -> TreeParts:
    """Read and split.

    Args:
        files: to be read.
        most: children that a node may have; 0: any number.

    Raises:
        DataError: a file cannot be used, a node has too many children, or every training sentence is also held out.
    """
    read = [read_trees(path, files, most) for path in files.data]
    whole = {tree.text: tree for one in reversed(read) for tree in one.trees}
    records = [_record("train", one) for one in read]
    if not files.validation:
        split = split_by_hash(whole)
        train, stopping, scoring = (
            tuple(whole[text] for text in part) for part in (split.train, split.validation, split.test)
        )
        return TreeParts(train, stopping, scoring, records, 0)
    held = read_trees(files.validation, files, most, repeats=True)
    records.append(_record("validation", held))
    scored = read_trees(files.test, files, most, repeats=True) if files.test else None
    if scored is not None:
        records.append(_record("test", scored))
    out = {tree.text for part in (held, scored) if part for tree in part.trees}
    train = tuple(tree for text, tree in whole.items() if text not in out)
    if not train:
        raise DataError(
            "Every training sentence is also in the validation or test file: nothing is left to train on."
        )
    return TreeParts(train, held.trees, scored.trees if scored else (), records, len(whole) - len(train))


def _fits(tree: Tree, path: str, how: TreeFiles, most: int) -> bool:
    """Has no node too many children?"""
    widest = max(map(len, tree.children))
    if not most or widest <= most or how.skip_bad:
        return not most or widest <= most
    raise DataError(
        f"{path}, line {tree.line}: a node has {widest} children, and the cell has places for {most}. Binarise the "
        f"trees, take --cell child-sum, which takes any number, or leave such trees out with --skip-bad."
    )


def inspect_trees(read: Trees, validation: Trees | None = None, test: Trees | None = None) -> dict[str, Any]:
    """Sizes, labels at the roots and at all nodes, what held-out files share with training, and five sentences."""
    held = {name: part for name, part in (("validation", validation), ("test", test)) if part}
    known = {tree.text for tree in read.trees}
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
        "split": {"train": len(read.trees)} | {name: len(part.trees) for name, part in held.items()},
        "leakage": {name: sum(tree.text in known for tree in part.trees) for name, part in held.items()}
        or None,
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
