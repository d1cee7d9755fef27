"""undertow bench NAME: is it fast here, against what?"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from undertow.bench.recurrence import GRID, measure, shown
from undertow.cli.arguments import parse, say
from undertow.cli.output import print_json
from undertow.errors import SettingError
from undertow.report.table import print_table
from undertow.training.run import surroundings
from undertow.training.storage import write_json

BENCHMARKS = {"recurrence": "compiled cells against torch, torch-compile, jax and the eager loop"}


@dataclass(frozen=True)
class Arguments:
    """What is compared, and how long."""

    against: tuple[str, ...] = ("torch", "eager")
    """Peers: torch, eager, torch-compile, jax."""
    cells: tuple[str, ...] = ("lstm", "gru", "rnn")
    """Cells of `undertow cells`, or your own as FILE.py:Class."""
    hidden: tuple[int, ...] = ()
    """Only the rows of the grid with these sizes."""
    seconds: float = 1.0
    """For each row and mode."""
    threads: int = 0
    """Of torch and of the kernels; 0 leaves them as they are."""
    keep: str | None = None
    """Also write the result to this file, with machine and versions."""
    json: bool = False
    """Print as JSON: {"rows": [...], versions, machine}."""


def run(words: list[str]) -> int:
    """Measure, print what is lost first; status 1 where a bar is missed."""
    if not words or words[0] in ("-h", "--help"):
        print("usage: undertow bench NAME [OPTIONS]\n")
        print("\n".join(f"  {name:<12} {text}" for name, text in BENCHMARKS.items()))
        return 0
    if words[0] not in BENCHMARKS:
        raise SettingError(f"There is no benchmark {words[0]!r}. Benchmarks: {', '.join(BENCHMARKS)}.")
    given = parse(Arguments, words[1:], f"bench {words[0]}", BENCHMARKS[words[0]])
    if given.threads:
        torch.set_num_threads(given.threads)
    shapes = [s for s in GRID if not given.hidden or s.hidden in given.hidden]
    rows = measure(given.cells, given.against, shapes, given.seconds, say)
    document = {
        "command": f"undertow bench {' '.join(words)}",
        "threads": torch.get_num_threads(),
        "openmp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        **surroundings(),
        "rows": [asdict(row) for row in rows],
    }
    if given.keep:
        write_json(Path(given.keep), document)
    if given.json:
        print_json(document)
    else:
        table = [shown(row) for row in rows]
        print_table(table, list(table[0]) if table else [], "Ratio above 1: the kernel is faster", sys.stdout)
    return 0 if all(row.met for row in rows) else 1
