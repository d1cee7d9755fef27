"""English into French: short sentences of Tatoeba, BLEU by sacrebleu, greedy and by beam; the report draws ten maps.

The split is the recipe's own: all translations of one sentence stand in one part. Test is looked at once a run.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from statistics import mean
from typing import Any

from _record import data_file
from _seeds import rows_by_name, spread, trained_by_seed

ROWS: dict[str, dict[str, Any]] = {"as it comes": {}}
LAYOUT = {"format": "tsv", "no_header": True, "source": "1", "target": "2"}


def main() -> None:
    """Measure, keep row by row, print."""
    rows_by_name(__doc__.splitlines()[0], list(ROWS), lambda name, seeds: [_row(name, ROWS[name], seeds)])


def _row(name: str, settings: dict[str, Any], seeds: int) -> dict[str, Any]:
    runs = trained_by_seed("translate", range(seeds), {"data": _pairs(), **LAYOUT, **settings})
    tests = [run.score["test"] for run, _ in runs if run.score]
    return {
        "training": name,
        "greedy": spread([t["greedy"]["cased"] for t in tests]),
        "beam": spread([t["beam"]["cased"] for t in tests]),
        "pairs": tests[0]["pairs"],
        "signature": tests[0]["greedy"]["cased_signature"],
        "cpu_minutes": round(mean(cost["cpu_minutes"] for _, cost in runs), 2),
    }


def _pairs() -> Path:
    """Unpacked."""
    folder = Path(tempfile.mkdtemp(prefix="undertow-bench-"))
    with zipfile.ZipFile(data_file("mt/fra-eng.zip")) as packed:
        return Path(packed.extract("fra.txt", folder))


if __name__ == "__main__":
    main()
