"""Class figures: how well do predicted probabilities name the classes, and how much can they be believed?

Accuracy, precision, recall and F1 are scikit-learn's; what would divide by zero is 0. The calibration
error is Σ (texts in a bin / texts) · |accuracy - confidence|, over bins of the highest probability.

Sources: calibration error, Naeini, Cooper & Hauskrecht 2015, as in Guo, Pleiss, Sun & Weinberger 2017;
bootstrap, Efron 1979.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from undertow.errors import DataError, ShapeError

BINS = 15
DRAWS = 10_000  # of the bootstrap
SEED = 0
LEAST = float(np.finfo(np.float64).eps)  # a smaller probability of the truth counts as this one
SUM = 1e-3  # how far from 1 a row may sum: half precision does

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def figures(probabilities: ArrayLike, truth: ArrayLike) -> dict[str, Any]:
    """How good are these probabilities? The class that is named is the most probable, the first of equals.

    Args:
        probabilities: [N, C], rows that sum to 1.
        truth: [N], the true classes, from 0 to C - 1.

    Returns:
        Plain numbers and lists, ready for JSON: `accuracy` and `accuracy_interval`, its bootstrapped 95 %;
        `macro_f1`, the mean over all C classes; `classes`, of each its precision, recall, f1 and support;
        `confusion`, a row for each true class; `nats`, the mean of -ln p of the truth; `calibration_error`
        and `reliability`, its bins: from, to, count, confidence and accuracy (None where it is empty).

    Raises:
        ShapeError: not [N, C] and [N] with at least one row.
        DataError: rows that are not probabilities, or a true class outside 0 to C - 1.
    """
    p, true = _checked(np.asarray(probabilities), np.asarray(truth))
    named = p.argmax(axis=1)
    hits = named == true
    confusion = np.bincount(true * p.shape[1] + named, minlength=p.shape[1] ** 2).reshape(p.shape[1], -1)
    classes = _of_classes(confusion)
    bins = _reliability(p.max(axis=1), hits)
    gaps = [row["count"] * abs(row["accuracy"] - row["confidence"]) for row in bins if row["count"]]
    return {
        "accuracy": float(hits.mean()),
        "accuracy_interval": _interval(hits),
        "macro_f1": float(np.mean([row["f1"] for row in classes])),
        "classes": classes,
        "confusion": confusion.tolist(),
        "nats": float(-np.log(np.maximum(p[np.arange(len(p)), true], LEAST)).mean()),
        "calibration_error": float(sum(gaps) / len(p)),
        "reliability": bins,
    }


def _of_classes(confusion: Ints) -> list[dict[str, Any]]:
    right, named, support = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    table = {
        "precision": right / np.maximum(named, 1),
        "recall": right / np.maximum(support, 1),
        "f1": 2 * right / np.maximum(named + support, 1),
        "support": support,
    }
    return [{name: column[c].item() for name, column in table.items()} for c in range(len(confusion))]


def _reliability(confidence: Floats, hits: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Bins (from, to] of equal width; 0 would belong to the first, but the highest of C is above it."""
    edges = np.arange(BINS + 1) / BINS
    places = np.clip(np.searchsorted(edges, confidence) - 1, 0, BINS - 1)
    rows = []
    for number in range(BINS):
        here = places == number
        count = int(here.sum())
        row: dict[str, Any] = {"from": float(edges[number]), "to": float(edges[number + 1]), "count": count}
        row["confidence"] = float(confidence[here].mean()) if count else None
        row["accuracy"] = float(hits[here].mean()) if count else None
        rows.append(row)
    return rows


def _interval(hits: NDArray[np.bool_]) -> list[float]:
    """The middle 95 % of the accuracy of rows drawn again; how many of N draws hit is binomial."""
    drawn = np.random.default_rng(SEED).binomial(len(hits), hits.mean(), DRAWS) / len(hits)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return [float(low), float(high)]


def _checked(p: NDArray[Any], truth: NDArray[Any]) -> tuple[Floats, Ints]:
    if p.ndim != 2 or not p.size or truth.shape != p.shape[:1]:
        raise ShapeError(
            "figures: probabilities must be [N, C] and the true classes [N], with at least one row, "
            f"got shapes {p.shape} and {truth.shape}."
        )
    p = p.astype(np.float64)
    sums = p.sum(axis=1)
    wrong = np.flatnonzero(~((p >= 0).all(axis=1) & (np.abs(sums - 1) <= SUM)))
    if wrong.size:
        raise DataError(
            f"figures: row {wrong[0]} of the probabilities must be 0 or more and sum to 1, got the sum "
            f"{sums[wrong[0]]:.6g} and the smallest {p[wrong[0]].min():.6g}. Apply softmax to scores first."
        )
    if not np.issubdtype(truth.dtype, np.integer) or truth.min() < 0 or truth.max() >= p.shape[1]:
        raise DataError(
            f"figures: true classes must be whole numbers from 0 to {p.shape[1] - 1}, one of {p.shape[1]} "
            f"columns, got {truth.dtype} from {truth.min()} to {truth.max()}."
        )
    return p, truth.astype(np.int64)
