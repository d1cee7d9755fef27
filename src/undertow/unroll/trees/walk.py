"""The walk over a forest: every node from its children, level by level; and the plain walk, node by node.

Axes: N nodes, L leaves, I input features, H hidden units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from undertow.errors import ShapeError
from undertow.unroll.trees.forest import Children, Forest
from undertow.unroll.trees.tree_cell import TreeCell


def walk_forest(cell: TreeCell, w: Any, forest: Forest, x: Tensor) -> Any:
    """States of all nodes, a State of [N, H], in the order of the trees' own numbers.

    Args:
        cell: what a node does.
        w: its weights.
        forest: trees laid out by level.
        x: [N, I], an input a node; or [L, I], of the leaves alone, in the order of their numbers.

    Raises:
        ShapeError: x has neither a row a node nor one a leaf.
    """
    inputs = _inputs(forest, x)
    pieces: list[list[tuple[Tensor, ...]]] = [[] for _ in range(len(forest.levels) + 1)]
    whole: list[Any] = []
    for level, own in zip(forest.levels, inputs, strict=True):
        children = None
        if level.places is not None:
            children = _gathered(cell, pieces[len(whole)], level.places, level.padded)
        state = cell.node(own, children, w)
        whole.append(state)
        parts = zip(*(field.split(level.sizes) for field in state), strict=True)
        for taker, part in zip(level.takers, parts, strict=True):
            pieces[taker].append(part)
    joined = (torch.cat(fields).index_select(0, forest.back) for fields in zip(*whole, strict=True))
    return cell.State(*joined)


def _inputs(forest: Forest, x: Tensor) -> list[Tensor | None]:
    leaves = forest.levels[0].nodes
    if len(x) == forest.size:
        return list(
            torch.split(x.index_select(0, forest.order), [len(level.nodes) for level in forest.levels])
        )
    if len(x) != len(leaves):
        raise ShapeError(
            f"walk_forest: x must have {forest.size} rows, one a node, or {len(leaves)}, one a leaf, got {len(x)}."
        )
    rank = torch.from_numpy(leaves.argsort().argsort())
    return [x.index_select(0, rank), *[None] * (len(forest.levels) - 1)]


def _gathered(cell: TreeCell, parts: Sequence[tuple[Tensor, ...]], places: Tensor, padded: bool) -> Any:
    """The children's states [N, A, H]; zeros where none is."""
    fields = []
    for field in zip(*parts, strict=True):
        taken = torch.cat([*field, field[0].new_zeros(1, field[0].shape[1])] if padded else field)
        fields.append(_fitted(cell, taken.index_select(0, places.flatten()).view(*places.shape, -1)))
    return cell.State(*fields)


def _fitted(cell: TreeCell, states: Tensor) -> Tensor:
    """With as many places for children as the cell has."""
    missing = cell.most - states.shape[1]
    if not cell.most or not missing:
        return states
    if missing < 0:
        raise ShapeError(
            f"{type(cell).__name__}: a node has {states.shape[1]} children, and the cell has places for {cell.most}. "
            "Binarise the trees, or take ChildSumTreeLSTM."
        )
    return pad(states, (0, 0, 0, missing))


def walk_tree(cell: TreeCell, w: Any, children: Children, x: Tensor) -> Any:
    """The plain twin: one tree, node after node; x [N, I], or [L, I] of the leaves alone."""
    states: list[Any] = []
    leaves = iter(x)
    for number, own in enumerate(children):
        given: Tensor | None = None
        if len(x) == len(children):
            given = x[number][None]
        elif not own:
            given = next(leaves)[None]
        fields = zip(*(states[child] for child in own), strict=True)
        below = cell.State(*(_fitted(cell, torch.stack(f, 1)) for f in fields)) if own else None
        states.append(cell.node(given, below, w))
    return cell.State(*(torch.cat(field) for field in zip(*states, strict=True)))
