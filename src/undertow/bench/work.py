"""How much work is a walk: floating point operations of its matrix products, and weights read at every step?"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from undertow.bench.problem import Problem
from undertow.cells.cell import Cell

TRAINING = 3  # forward, the gradient of what is multiplied, the gradient of the matrix
READS = {"infer": 1, "train": 2}  # of the recurrent weights a step: forward, and backward


def flops(problem: Problem, mode: str) -> int:
    """Floating point operations of the matrix products of one walk; a multiply-add is two.

    Forward: 2 · rows · columns of every matrix that a row of the batch meets, times all steps of all rows. Training:
    three times that. Pointwise work, and products of weights alone, are not counted.
    """
    factor = TRAINING if mode == "train" else 1
    return factor * problem.steps_walked * flops_of_a_row(problem.cell)


@lru_cache(256)
def flops_of_a_row(cell: Cell) -> int:
    """Floating point operations that a step costs for one more row of the batch, by torch's own counter."""
    with torch.random.fork_rng(devices=[]):
        weights = cell.init()
    one, three = (_counted(cell, weights, rows) for rows in (1, 3))
    return (three - one) // 2


def bytes_read(problem: Problem, mode: str) -> int:
    """Bytes of recurrent weights that one walk must read; the weights are read anew at every step."""
    return READS[mode] * problem.shape.steps * recurrent_bytes(problem)


def recurrent_bytes(problem: Problem) -> int:
    """Bytes of the weights that multiply the state."""
    known = problem.cell.Weights._fields
    return sum(
        w.numel() * w.element_size()
        for w in (getattr(problem.weights, name) for name in problem.cell.recurrent if name in known)
    )


def _counted(cell: Cell, weights: object, rows: int) -> int:
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        cell.step(torch.zeros(rows, cell.input_size), cell.start(rows), weights)
    return int(counter.get_total_flops())
