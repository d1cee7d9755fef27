"""A forest laid out by level, so that all nodes of one height are computed at once.

A leaf has level 0, a parent one more than its highest child. Within a level, nodes stand in the order of the levels of
their parents: what a later level needs of an earlier one is one slice of it, and every state is moved once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertow.errors import ShapeError

Children = Sequence[Sequence[int]]  # of one tree: a list a node, children before their parent


@dataclass(frozen=True, eq=False)
class Level:
    """The nodes of one height."""

    nodes: NDArray[Any]  # their numbers in the forest, tree after tree
    sizes: tuple[int, ...]  # of the pieces that later levels, one after another, take of it
    takers: tuple[int, ...]  # those levels; the number of levels stands for nobody
    places: Tensor | None  # [N, A] in what this level takes of earlier ones, put together; None at leaves
    padded: bool  # nodes with fewer children than others point one past the end


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees side by side."""

    levels: tuple[Level, ...]
    order: Tensor  # [N] node numbers, level after level
    back: Tensor  # [N] where each node stands in that order
    roots: Tensor  # [trees] node numbers

    @property
    def size(self) -> int:
        """Nodes in all."""
        return len(self.order)


def forest(trees: Sequence[Children]) -> Forest:
    """Lay trees out by level.

    Args:
        trees: of each, the numbers of every node's children, children before their parent, the root last.

    Raises:
        ShapeError: there is no tree, or one without a node, or a child that is not before its parent or has two.
    """
    if not trees or not all(trees):
        raise ShapeError("forest: give at least one tree, and each with at least one node.")
    first = np.cumsum([0] + [len(tree) for tree in trees])
    below = [
        [start + c for c in own] for start, tree in zip(first, trees, strict=False) for own in _checked(tree)
    ]
    level, parent = _ranked(below)
    taker = np.where(parent >= 0, level[parent], level.max() + 1)
    ranked = np.lexsort((np.arange(len(level)), taker, level))
    position = np.empty(len(level), dtype=np.int64)
    levels = []
    for height in range(int(level.max()) + 1):
        nodes = ranked[level[ranked] == height]
        takers, sizes = np.unique(taker[nodes], return_counts=True)
        taken = ranked[taker[ranked] == height]
        places = _places(below, nodes, taken, position) if height else None
        levels.append(
            Level(
                nodes,
                tuple(sizes.tolist()),
                tuple(takers.tolist()),
                None if places is None else torch.from_numpy(places),
                places is not None and bool((places == len(taken)).any()),
            )
        )
    order = torch.from_numpy(ranked)
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order))
    return Forest(tuple(levels), order, back, torch.from_numpy(first[1:] - 1))


def _checked(tree: Children) -> Children:
    seen: set[int] = set()
    for node, own in enumerate(tree):
        for child in own:
            if not 0 <= child < node or child in seen:
                raise ShapeError(
                    f"forest: node {node} has child {child}, which must be a node before it, with one parent."
                )
            seen.add(child)
    if len(seen) != len(tree) - 1:
        raise ShapeError(
            f"forest: of {len(tree)} nodes {len(tree) - len(seen)} have no parent; only the last may."
        )
    return tree


def _ranked(below: Sequence[Sequence[int]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Every node's level, and its parent (-1: a root)."""
    level, parent = np.zeros(len(below), dtype=np.int64), np.full(len(below), -1, dtype=np.int64)
    for node, own in enumerate(below):
        for child in own:
            level[node] = max(level[node], level[child] + 1)
            parent[child] = node
    return level, parent


def _places(
    below: Sequence[Sequence[int]], nodes: NDArray[Any], taken: NDArray[Any], position: NDArray[Any]
) -> NDArray[Any]:
    """[N, A] where the children of a level's nodes stand in what it takes; `position` is room to work in."""
    position[taken] = np.arange(len(taken))
    places = np.full((len(nodes), max(len(below[n]) for n in nodes)), len(taken), dtype=np.int64)
    for row, node in enumerate(nodes):
        places[row, : len(below[node])] = position[below[node]]
    return places
