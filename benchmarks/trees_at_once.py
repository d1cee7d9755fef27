"""How much faster are trees computed all at once, level by level, than one tree at a time?

Training steps (forward, loss at every node, backward) on sentences of the Stanford Sentiment Treebank, with the network
of `undertow train tree`: a batch as a forest, and the same batch tree after tree, node after node. Paired, medians.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from _record import data_file, keep
from torch.nn import functional

from undertow.data.trees import trees
from undertow.report.table import print_table
from undertow.tasks.classes import Reader, settle
from undertow.tasks.tree import Grove, grove, words_of
from undertow.tasks.tree_options import CELLS, TreeOptions
from undertow.unroll.trees.walk import walk_tree
from undertow.wiring.tree_labels import TreeLabels

PAIRS = 9
WIDTH = 150


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS)
    pairs = parser.parse_args().pairs
    read = list(trees(data_file("sentiment/sst_trees/train.txt")))[:2000]
    reader = Reader(
        words_of(read, TreeOptions(data=("train.txt",))), settle([la for t in read for la in t.labels])
    )
    part = grove(read, reader)
    rows = [_row(name, size, part, reader, pairs) for name in CELLS for size in (25, 100)]
    print_table(rows, list(rows[0]), "Trees at once against one at a time", sys.stdout)
    keep(__doc__.splitlines()[0], rows, pairs=pairs, hidden=WIDTH, threads=torch.get_num_threads())


def _row(name: str, size: int, part: Grove, reader: Reader, pairs: int) -> dict[str, object]:
    torch.manual_seed(0)
    model = TreeLabels(reader.tokens.size, CELLS[name](100, WIDTH), len(reader.classes.names))
    members = list(range(size))
    once, each = _at_once(model, part, members), _one_by_one(model, part, members)
    once(), each()  # warm
    times = [(_time(each), _time(once)) for _ in range(pairs)]
    ratios = sorted(slow / fast for slow, fast in times)
    return {
        "cell": name,
        "batch": size,
        "nodes": sum(len(part.trees[n].labels) for n in members),
        "one_at_a_time_ms": round(1e3 * median(slow for slow, _ in times), 1),
        "at_once_ms": round(1e3 * median(fast for _, fast in times), 2),
        "ratio": round(median(ratios), 1),
        "ratios": [round(ratios[0], 1), round(ratios[-1], 1)],
    }


def _at_once(model: TreeLabels, part: Grove, members: list[int]) -> Callable[[], None]:
    def step() -> None:
        batch = part.batch(members)
        loss = functional.cross_entropy(model(batch.words, batch.trees), batch.labels)
        model.zero_grad(set_to_none=True)
        loss.backward()

    return step


def _one_by_one(model: TreeLabels, part: Grove, members: list[int]) -> Callable[[], None]:
    def step() -> None:
        model.zero_grad(set_to_none=True)
        w = model.cell.Weights(*(model.weights[name] for name in model.cell.Weights._fields))
        for n in members:
            x = model.embedding(torch.from_numpy(part.words[n]))
            state = walk_tree(model.cell, w, part.trees[n].children, x)
            scores = model.readout(state.h)
            (functional.cross_entropy(scores, torch.from_numpy(part.labels[n])) / len(members)).backward()

    return step


def _time(step: Callable[[], None]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
