"""What every benchmark shares: where the data is, and how a result is kept."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from undertow.errors import DataError
from undertow.training.run import surroundings
from undertow.training.storage import make_folder, read_json, write_json

ROOT = Path(__file__).parent.parent


def data_file(name: str) -> Path:
    """A file of the benchmark data: under $UNDERTOW_DATA, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("UNDERTOW_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / name).exists():
        raise DataError(f"{name} is not in {folder}. Set UNDERTOW_DATA to the folder of benchmark data.")
    return folder / name


def commit() -> str:
    """Of this checkout."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def keep(question: str, rows: list[dict[str, Any]], suffix: str = "", **more: Any) -> None:
    """Write benchmarks/results/NAME.json: question, command, machine, versions, commit, rows; NAME is the script's, and
    the suffix."""
    name = Path(sys.argv[0]).stem
    document = {
        "question": question,
        "command": f"scripts/bench {shlex.join([name, *sys.argv[1:]])}",
        "commit": commit(),
        **surroundings(),
        **more,
        "rows": rows,
    }
    path = _place(suffix)
    make_folder(path.parent)
    write_json(path, document)
    print(f"\nKept in {path.relative_to(ROOT)}", file=sys.stderr)


def kept(suffix: str = "") -> list[dict[str, Any]]:
    """The rows of the last result, if there is one: a row that is not measured again stays, with its own commit."""
    path = _place(suffix)
    if not path.exists():
        return []
    document = read_json(path)
    return [{**row, "commit": row.get("commit", document["commit"])} for row in document["rows"]]


def _place(suffix: str) -> Path:
    return ROOT / "benchmarks" / "results" / f"{Path(sys.argv[0]).stem}{suffix}.json"
