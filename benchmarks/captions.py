"""German into English: Multi30k's captions, test 2016, BLEU by sacrebleu, greedy and by beam, cased and lower-cased.

Published: 28.8, a GRU with attention, lower-cased, its own tokens, greedy (a public tutorial). The test part is looked
at once a run, after training; weights are kept by nats on the validation part.
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from _record import data_file
from _seeds import rows_by_name, spread, trained_by_seed

BAR = 28.8
ROWS: dict[str, dict[str, Any]] = {"lower-cased": {"lower": True}, "cased": {}}
PARTS = {"data": "train", "validation": "val", "test": "test_2016_flickr"}


def main() -> None:
    """Measure, keep row by row, print."""
    rows_by_name(__doc__.splitlines()[0], list(ROWS), lambda name, seeds: [_row(name, ROWS[name], seeds)])


def _row(name: str, settings: dict[str, Any], seeds: int) -> dict[str, Any]:
    runs = trained_by_seed("translate", range(seeds), {**_files(), **settings})
    tests = [run.score["test"] for run, _ in runs if run.score]
    greedy = spread([t["greedy"]["lower_cased"] for t in tests])
    return {
        "training": name,
        "greedy_lower": greedy,
        "beam_lower": spread([t["beam"]["lower_cased"] for t in tests]),
        "greedy_cased": spread([t["greedy"]["cased"] for t in tests]),
        "beam_cased": spread([t["beam"]["cased"] for t in tests]),
        "bar": BAR,
        "met": greedy["mean"] >= BAR,
        "signature": tests[0]["greedy"]["lower_cased_signature"],
        "cpu_minutes": round(mean(cost["cpu_minutes"] for _, cost in runs), 2),
    }


def _files() -> dict[str, tuple[str, str]]:
    """Unpacked, German first."""
    folder = Path(tempfile.mkdtemp(prefix="undertow-bench-"))
    found = {}
    for option, part in PARTS.items():
        for language in ("de", "en"):
            packed = data_file(f"mt/multi30k/{part}.{language}.gz")
            (folder / f"{part}.{language}").write_bytes(gzip.decompress(packed.read_bytes()))
        found[option] = (str(folder / f"{part}.de"), str(folder / f"{part}.en"))
    return found


if __name__ == "__main__":
    main()
