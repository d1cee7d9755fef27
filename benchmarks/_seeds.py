"""A recipe trained several times: its figures by seed, their mean and spread, and the CPU minutes it took."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import undertow as ut
from undertow.tasks.trained import Trained


def trained_by_seed(
    recipe: str, seeds: Sequence[int], settings: Mapping[str, Any]
) -> list[tuple[Trained, dict[str, Any]]]:
    """Every run, with what it cost."""
    found = []
    for seed in seeds:
        folder = Path(tempfile.mkdtemp(prefix="undertow-bench-"))
        began, cpu = time.perf_counter(), _cpu()
        run = ut.train(recipe, out=folder / "run", seed=seed, **settings)
        cost = {"minutes": (time.perf_counter() - began) / 60, "cpu_minutes": (_cpu() - cpu) / 60}
        print(f"  {recipe} seed {seed}: {cost['minutes']:.1f} min", file=sys.stderr, flush=True)
        found.append((run, cost))
    return found


def spread(values: Sequence[float]) -> dict[str, Any]:
    """By seed, their mean, and their standard deviation."""
    return {
        "by_seed": [round(v, 4) for v in values],
        "mean": round(mean(values), 4),
        "spread": round(stdev(values), 4) if len(values) > 1 else 0.0,
    }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
