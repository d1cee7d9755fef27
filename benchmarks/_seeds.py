"""A recipe trained several times: its figures by seed, their mean and spread, and the CPU minutes it took."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from _record import commit, keep, kept

import undertow as ut
from undertow.report.table import print_table
from undertow.tasks.trained import Trained
from undertow.training.storage import read_json, write_json

COST = "cost.json"  # beside a run that is whole


def trained_by_seed(
    recipe: str, seeds: Sequence[int], settings: Mapping[str, Any]
) -> list[tuple[Trained, dict[str, Any]]]:
    """Every run, with what it cost.

    Runs are kept in $UNDERTOW_RUNS, where that is set: what is there whole, of the same commit and settings, is not
    trained again, so that hours of seeds can be measured in several sittings.
    """
    place = os.environ.get("UNDERTOW_RUNS")
    found = []
    for seed in seeds:
        folder = _folder(recipe, seed, settings, Path(place)) if place else _fresh()
        found.append(_kept(folder) or _trained(folder, recipe, seed, settings))
    return found


def _fresh() -> Path:
    return Path(tempfile.mkdtemp(prefix="undertow-bench-"))


def _folder(recipe: str, seed: int, settings: Mapping[str, Any], place: Path) -> Path:
    """Named by what is trained: files by their names, for they may be unpacked anew each time."""
    told = {key: value.name if isinstance(value, Path) else value for key, value in settings.items()}
    text = json.dumps([commit(), told], sort_keys=True, default=str)
    folder = place / f"{recipe}-{hashlib.sha256(text.encode()).hexdigest()[:12]}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _kept(folder: Path) -> tuple[Trained, dict[str, Any]] | None:
    if not (folder / COST).exists():
        return None
    return ut.load(folder / "run"), read_json(folder / COST)


def _trained(
    folder: Path, recipe: str, seed: int, settings: Mapping[str, Any]
) -> tuple[Trained, dict[str, Any]]:
    began, cpu = time.perf_counter(), _cpu()
    shutil.rmtree(folder / "run", ignore_errors=True)  # a run that was broken off
    run = ut.train(recipe, out=folder / "run", seed=seed, **settings)
    cost = {"minutes": (time.perf_counter() - began) / 60, "cpu_minutes": (_cpu() - cpu) / 60}
    write_json(folder / COST, cost)
    print(f"  {recipe} seed {seed}: {cost['minutes']:.1f} min", file=sys.stderr, flush=True)
    return run, cost


def rows_by_name(
    question: str, names: Sequence[str], row: Callable[[str, int], list[dict[str, Any]]]
) -> None:
    """Measure what --only names with --seeds, keep what there is after each beside what was kept before, print it."""
    parser = argparse.ArgumentParser(description=question)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(names))
    given = parser.parse_args()
    rows = [] if given.only == list(names) else kept()
    for name in given.only:
        fresh = row(name, given.seeds)
        key = next(iter(fresh[0]))
        rows = [old for old in rows if old[key] not in {one[key] for one in fresh}] + fresh
        keep(question, rows, seeds=given.seeds)
    print_table(rows, list(rows[0]), question, sys.stdout)


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
