"""Class figures: how well do predicted probabilities name the classes, and how much can they be believed?

Accuracy, precision, recall and F1 are scikit-learn's; what would divide by zero is None, as the recall of a class
that no row has. Macro-F1 is the mean over classes that were there or were said. The calibration error is
Σ (texts in a bin / texts) · |accuracy - confidence|, over bins of the highest probability.

Sources: calibration error, Naeini, Cooper & Hauskrecht 2015, as in Guo, Pleiss, Sun & Weinberger 2017;
interval of a share, Wilson 1927.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from undertow.errors import DataError, ShapeError

BINS = 15
NORMAL = 1.959964  # deviations around the mean that hold 95 %
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
        Plain numbers and lists, ready for JSON: `accuracy` and `accuracy_interval`, its 95 % by chance of the rows;
        `macro_f1`, the mean over classes that were there or were said; `classes`, of each its precision,
        recall, f1 (None where it would divide by zero) and support; `confusion`, a row for each true class;
        `nats`, the mean of -ln p of the truth; `calibration_error` and `reliability`, its bins: from, to,
        count, confidence and accuracy (None where it is empty).

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
        "macro_f1": float(np.mean([row["f1"] for row in classes if row["f1"] is not None])),
        "classes": classes,
        "confusion": confusion.tolist(),
        "nats": float(-np.log(np.maximum(p[np.arange(len(p)), true], LEAST)).mean()),
        "calibration_error": float(sum(gaps) / len(p)),
        "reliability": bins,
    }


def _of_classes(confusion: Ints) -> list[dict[str, Any]]:
    right, named, support = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    return [
        {
            "precision": _share(right[c], named[c]),
            "recall": _share(right[c], support[c]),
            "f1": _share(2 * right[c], named[c] + support[c]),
            "support": int(support[c]),
        }
        for c in range(len(confusion))
    ]


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


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
    """Shares of which what was seen is no farther than 95 % of chance; of few rows wide, also where all hit."""
    share, room = float(hits.mean()), NORMAL**2 / len(hits)
    middle = (share + room / 2) / (1 + room)
    reach = (room * (share * (1 - share) + room / 4)) ** 0.5 / (1 + room)
    return [max(middle - reach, 0.0), min(middle + reach, 1.0)]


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
