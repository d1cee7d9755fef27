"""Handwritten digits by every kind of deep net: accuracy, parameters, bytes, minutes; binary nets beside their twin.

MNIST, 60,000 images to learn from (a tenth of them held out to choose weights by), 10,000 to score, looked at once a
run. Defaults of `undertow train images` but for the net.
"""

from __future__ import annotations

from statistics import mean
from typing import Any

from _record import data_file
from _seeds import rows_by_name, spread, trained_by_seed

ROWS: dict[str, dict[str, Any]] = {
    "mlp-2": {},
    "cnn": {},
    "resnet-20": {},
    "densenet-22": {},
    "highway-10": {},
    "binary-twin-cnn": {},
    "binary-weights-cnn": {},
    "binary-cnn": {},
    "binary-twin-mlp-3": {},
    "binary-mlp-3": {},
}


def main() -> None:
    """Measure, keep row by row, print."""
    rows_by_name(__doc__.splitlines()[0], list(ROWS), lambda name, seeds: [_row(name, ROWS[name], seeds)])


def _row(name: str, settings: dict[str, Any], seeds: int) -> dict[str, Any]:
    files = [data_file(f"images/{part}-images-idx3-ubyte.gz") for part in ("train", "t10k")]
    runs = trained_by_seed(
        "images", range(seeds), {"data": files[0], "test": str(files[1]), "net": name, **settings}
    )
    scores = [run.score for run, _ in runs if run.score]
    bits = [score["bits"] for score in scores if score["bits"]]
    return {
        "net": name,
        "test": spread([score["test"]["accuracy"] for score in scores]),
        "validation": spread([score["validation"]["accuracy"] for score in scores]),
        "parameters": scores[0]["sizes"]["parameters"],
        "bytes": scores[0]["sizes"]["bytes"],
        "bytes_as_bits": bits[0]["bytes"] if bits else None,
        "accuracy_as_bits": spread([one["accuracy"] for one in bits]) if bits else None,
        "linear_map": round(scores[0]["baselines"]["linear map of the pixels"]["accuracy"], 4),
        "images": scores[0]["test"]["images"],
        "cpu_minutes": round(mean(cost["cpu_minutes"] for _, cost in runs), 2),
    }


if __name__ == "__main__":
    main()
