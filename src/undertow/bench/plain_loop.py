"""The loop that a user of plain torch writes around a step: eager, or handed to torch.compile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from undertow.bench.paired import timed
from undertow.bench.problem import Problem, Results, Side, in_double, leaves_of, pose, side

LONGEST = 100  # steps that torch.compile is given
TRIED = (10, 25)  # steps at which compiling is timed, to foretell how long it takes at more


def loop(step: Callable[..., Any], x: Tensor, state: Any, weights: Any) -> Tensor:
    """y, [T, B, H]: one call of the step after another."""
    outputs = []
    for t in range(x.shape[0]):
        state = step(x[t], state, weights)
        outputs.append(state[0])
    return torch.stack(outputs)


def eager(problem: Problem) -> Side:
    """The plain loop as it is."""
    return _side(problem, loop)


def exact(problem: Problem) -> Results:
    """The plain loop in float64."""
    return eager(in_double(problem)).results()


def torch_compiled(problem: Problem) -> Side:
    """torch.compile of the plain loop, with the seconds of its first training call, which compiles.

    Compiled anew: in an empty folder of torch's own, and with nothing that it remembers of other shapes. What torch
    loads when it first compiles anything is loaded before the clock starts.
    """
    _loaded()
    torch._dynamo.reset()
    compiled = _side(problem, torch.compile(loop, dynamic=False), inference=False)
    with _empty_cache():
        return replace(compiled, first_seconds=timed(compiled.train))


def too_long(problem: Problem) -> str:
    """Why torch.compile is not run: it unrolls time. Nothing where the sequence is short enough.

    How long it would take is foretold on a straight line through two short sequences of the same cell and sizes.
    """
    shape = problem.shape
    if shape.steps <= LONGEST:
        return ""
    few, more = (_seconds_at(problem, steps) for steps in TRIED)
    foretold = more + (more - few) / (TRIED[1] - TRIED[0]) * (shape.steps - TRIED[1])
    return (
        f"not run: compiling would take about {foretold:.0f} s, on a straight line through {few:.1f} s at "
        f"T = {TRIED[0]} and {more:.1f} s at T = {TRIED[1]}; --patient runs it"
    )


def _seconds_at(problem: Problem, steps: int) -> float:
    short = pose(problem.name, type(problem.cell), replace(problem.shape, steps=steps))
    return torch_compiled(short).first_seconds or 0.0


def _side(problem: Problem, walk: Callable[..., Tensor], *, inference: bool = True) -> Side:
    step, weights = problem.cell.step, problem.weights

    def forward() -> Tensor:
        return walk(step, problem.x, problem.start, weights)

    return side(forward, leaves_of(problem, weights), problem.along, inference=inference)


@contextmanager
def _empty_cache() -> Iterator[None]:
    name = "TORCHINDUCTOR_CACHE_DIR"
    before = os.environ.get(name)
    with tempfile.TemporaryDirectory(prefix="undertow-bench-", ignore_cleanup_errors=True) as folder:
        os.environ[name] = folder
        try:
            yield
        finally:
            del os.environ[name]
            if before is not None:
                os.environ[name] = before


@lru_cache(1)
def _loaded() -> None:
    x = torch.ones(4, requires_grad=True)
    with _empty_cache():
        torch.compile(lambda x: x.sin().sum(), dynamic=False)(x).backward()
