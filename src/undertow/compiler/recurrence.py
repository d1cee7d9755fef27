"""A cell's step, compiled: from the disk where it is kept, else traced, differentiated and planned."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import fx

from undertow.cells.cell import Cell, set_by_hand
from undertow.compiler import recipe
from undertow.compiler.aside import ASIDE
from undertow.compiler.build import build
from undertow.compiler.graph import NoRowError
from undertow.compiler.hoist import Around, swift
from undertow.compiler.kernel import Kernel
from undertow.compiler.panels import shared_functions
from undertow.compiler.plan import Plan
from undertow.compiler.signature import reads
from undertow.compiler.sums import Outer
from undertow.compiler.uncollected import uncollected
from undertow.compiler.variation import Variation

BUILDING = threading.RLock()  # torch traces, and Numba compiles, in one thread at a time
BITS = {torch.float32: 32, torch.float64: 64}


@dataclass(frozen=True, eq=False)
class Recurrence:
    """A cell's step, compiled for its sizes and one variation."""

    cell: Cell
    around: Around
    plan: Plan
    epilogue: fx.GraphModule
    bits: int
    kernels: dict[str, Kernel] = field(default_factory=dict)

    @cached_property
    def feeds_read(self) -> tuple[int, ...]:
        """Sequences that backward reads."""
        read_back = reads(self.plan, "backward")
        return tuple(n for n in range(len(self.plan.sequences)) if f"u{n}" in read_back)

    @cached_property
    def operands(self) -> frozenset[str]:
        """Names of what weight gradients are products of."""
        return frozenset(name for s in self.plan.sums if isinstance(s, Outer) for name in s.names)

    @cached_property
    def settle(self) -> Callable[..., Any]:
        """(*sums, *derived) -> gradients of derived: the epilogue."""
        return swift(self.epilogue)

    def kernel(self, half: str) -> Kernel:
        """forward, infer or backward, built when it is first asked for."""
        with BUILDING:
            if half not in self.kernels:
                self.kernels[half] = Kernel(self.plan, half, self.bits)
            return self.kernels[half]


def compile_step(cell: Cell, shapes: tuple[tuple[int, ...], ...], bits: int, how: Variation) -> Recurrence:
    """Trace, differentiate, plan. The kernels are built when they are first called.

    Raises:
        NoRowError: the step holds an op that no kernel can.
    """
    try:
        hash(cell)
    except TypeError as error:
        raise NoRowError(f"its settings must be hashable: {error}") from error
    with BUILDING:
        found = _attempted(cell, shapes, bits, how, _beside_fields(cell))
    if isinstance(found, NoRowError):
        raise NoRowError(str(found))
    return found


@dataclass(frozen=True)
class _Same:
    """A thing, equal to itself alone."""

    thing: Any = field(hash=False, compare=False)
    number: int

    @staticmethod
    def of(thing: Any) -> _Same:
        return _Same(thing, id(thing))


def _beside_fields(cell: Cell) -> tuple[Any, ...]:
    """What a step may depend on beside a cell's fields, by which cells are equal: its code, attributes set by hand."""
    own = set_by_hand(cell).items()
    return (_Same.of(type(cell).step), *((name, _Same.of(thing)) for name, thing in own))


@lru_cache(512)
def _attempted(
    cell: Cell,
    shapes: tuple[tuple[int, ...], ...],
    bits: int,
    how: Variation,
    beside: tuple[Any, ...],  # part of the key alone
) -> Recurrence | NoRowError:
    """A refusal is remembered, too: a cell on the eager loop is not traced again at every call."""
    try:
        return _compiled(cell, shapes, bits, how)
    except NoRowError as error:
        return error.with_traceback(None)
    except (RuntimeError, IndexError, KeyError, NotImplementedError) as error:  # of torch's tracer, or ours
        return NoRowError(f"{type(error).__name__} while it was compiled: {error}")


def _compiled(cell: Cell, shapes: tuple[tuple[int, ...], ...], bits: int, how: Variation) -> Recurrence:
    key = (shapes, bits, how)
    kept = recipe.load(cell, *key)
    if kept is not None:
        return _restored(cell, bits, kept)
    ASIDE.begin(shared_functions(bits, how.rounded))  # while this process traces
    made = _traced(cell, shapes, bits, how)
    ASIDE.begin([build(made.plan, "backward", bits)])  # while this process compiles the walk forward
    recipe.store(lambda: _recipe(made), cell, *key)
    return made


@uncollected
def _traced(cell: Cell, shapes: tuple[tuple[int, ...], ...], bits: int, how: Variation) -> Recurrence:
    from undertow.compiler.from_step import traced  # torch's tracer takes a second to load

    return traced(cell, shapes, bits, how)


def _recipe(made: Recurrence) -> recipe.Recipe:
    outer = made.around
    return recipe.Recipe(
        made.plan,
        prologue=recipe.program(outer.prologue),
        hoisted=recipe.program(outer.hoisted),
        pull=recipe.program(outer.pull),
        epilogue=recipe.program(made.epilogue),
        inner=outer.inner,
        used=outer.used,
    )


def _restored(cell: Cell, bits: int, kept: recipe.Recipe) -> Recurrence:
    prologue, hoisted, pull, epilogue = (
        recipe.module(p) for p in (kept.prologue, kept.hoisted, kept.pull, kept.epilogue)
    )
    outer = Around(prologue, hoisted, pull, kept.inner, kept.used)
    return Recurrence(cell, outer, kept.plan, epilogue, bits)
