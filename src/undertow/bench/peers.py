"""What a cell is compared with: one row a peer.

A peer says which cells it takes, at which shapes, and how both sides walk a problem. A side is built when it is asked
for, so that a peer that fails can be told from a kernel that fails.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from undertow import cells
from undertow.bench import torch_layers
from undertow.bench.named import USERS
from undertow.bench.plain_loop import eager, exact, too_long, torch_compiled
from undertow.bench.problem import Problem, Results, Side, pose
from undertow.bench.shape import GRID, MIXED, Shape
from undertow.bench.torch_layers import TORCH, TORCH_LIKE, kernel
from undertow.cells.cell import Cell

Build = Callable[[], Side]


@dataclass(frozen=True)
class Match:
    """Ours and a base. They must agree with each other, unless each has an oracle of its own."""

    ours: Build
    base: Build
    way: str = ""  # how ours is called, where there is more than one way
    modes: tuple[str, ...] = ("infer", "train")
    oracles: tuple[Build, Build] | None = None  # what ours and the base must agree with
    exact: Callable[[], Results] | None = None  # float64, for where two float32 answers part


@dataclass(frozen=True)
class Peer:
    """One thing to compare with."""

    text: str
    cells: tuple[str, ...]  # where none are named
    matches: Callable[[Problem], list[Match]]
    refuses: Callable[[type[Cell]], str] = lambda kind: ""  # why a cell cannot be compared
    shapes: tuple[Shape, ...] = GRID
    mixed: bool = False  # sequences of mixed lengths
    by_default: bool = True
    missing: Callable[[], str] = lambda: ""  # why it cannot be run here
    too_long: Callable[[Problem], str] = lambda problem: ""  # why a problem is left out without --patient


def _torch(problem: Problem) -> list[Match]:
    base = partial(torch_layers.torch_layer, problem)
    return [Match(partial(kernel, problem), base, exact=partial(exact, problem))]


def _packed(problem: Problem) -> list[Match]:
    packed, padded = (partial(f, problem) for f in (torch_layers.torch_packed, torch_layers.torch_padded))
    module = partial(torch_layers.torch_packed, problem, TORCH_LIKE)
    return [
        Match(partial(torch_layers.kernel_packed, problem), packed, "Recurrent, packed"),
        Match(partial(torch_layers.kernel_padded, problem), padded, "Recurrent, lengths"),
        Match(module, packed, f"undertow.{type(problem.cell).__name__}, packed"),
    ]


def _eager(problem: Problem) -> list[Match]:
    return [Match(partial(kernel, problem), partial(eager, problem), exact=partial(exact, problem))]


def _torch_compile(problem: Problem) -> list[Match]:
    base = partial(torch_compiled, problem)
    return [Match(partial(kernel, problem), base, modes=("train",), exact=partial(exact, problem))]


def _jax(problem: Problem) -> list[Match]:
    from undertow.bench.jax_scan import walked  # JAX is loaded only where it is asked for

    return [Match(partial(kernel, problem), partial(walked, problem), exact=partial(exact, problem))]


def _own(problem: Problem) -> list[Match]:
    lstm = pose("lstm", cells.LSTM, problem.shape)
    oracles = (partial(eager, problem), partial(eager, lstm))
    return [
        Match(partial(kernel, problem), partial(kernel, lstm), oracles=oracles, exact=partial(exact, problem))
    ]


def _not_in_torch(kind: type[Cell]) -> str:
    names = ", ".join(sorted(k.__name__ for k in TORCH))
    return "" if kind in TORCH else f"torch.nn has no such layer, only those of {names}"


def _no_twin(kind: type[Cell]) -> str:
    from undertow.bench.jax_scan import TWINS

    names = ", ".join(k.__name__ for k in TWINS)
    return "" if kind in TWINS else f"it is written in JAX for {names} only"


def _other_work(kind: type[Cell]) -> str:
    """Our own LSTM is a fair measure of cells with as many products as it has."""
    from undertow.bench.work import flops_of_a_row

    own, lstm = (flops_of_a_row(k(12, 20)) for k in (kind, cells.LSTM))
    return "" if own == lstm else f"its products are {own / lstm:.2f} times an LSTM's, not as many"


def _no_jax() -> str:
    """JAX takes every core that the process may use; at other thread counts than torch's, nothing can be compared."""
    if importlib.util.find_spec("jax") is None:
        return "JAX is not installed. Install it with: pip install 'undertow[bench]'"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = torch.get_num_threads()
    if cores == threads:
        return ""
    return (
        f"JAX takes all {cores} cores and torch {threads}. Give both as many: "
        f"taskset -c 0-{threads - 1} undertow bench recurrence --threads {threads}"
    )


PEERS: dict[str, Peer] = {
    "torch": Peer("torch.nn's layer", ("lstm", "gru", "rnn"), _torch, _not_in_torch),
    "packed": Peer("torch.nn on mixed lengths", ("lstm",), _packed, _not_in_torch, MIXED, mixed=True),
    "eager": Peer("the plain loop", ("peephole_lstm", "reset_before_gru", *USERS), _eager),
    "jax": Peer("lax.scan", ("lstm", "peephole_lstm", "reset_before_gru"), _jax, _no_twin, missing=_no_jax),
    "own": Peer("our own LSTM", ("peephole_lstm", *USERS), _own, _other_work),
    "torch-compile": Peer(
        "torch.compile of the loop", ("peephole_lstm",), _torch_compile, by_default=False, too_long=too_long
    ),
}
