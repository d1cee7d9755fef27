import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from undertow.data.class_figures import figures
from undertow.errors import DataError, ShapeError


def made_up(rows, classes, seed=0):
    random = np.random.default_rng(seed)
    scores = random.standard_normal((rows, classes)) * 2
    truth = np.where(random.random(rows) < 0.5, scores.argmax(axis=1), random.integers(0, classes, rows))
    p = np.exp(scores)
    return p / p.sum(axis=1, keepdims=True), truth


@pytest.mark.parametrize(("rows", "classes"), [(1, 3), (7, 2), (500, 5), (63, 40)])
def test_figures_agree_with_scikit_learn(rows, classes):
    p, truth = made_up(rows, classes)
    found, named, labels = figures(p, truth), p.argmax(axis=1), np.arange(classes)
    options = {"labels": labels, "zero_division": np.nan}  # which a mean passes over
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, named))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, named, average="macro", **options))
    assert found["confusion"] == confusion_matrix(truth, named, labels=labels).tolist()
    oracle = np.transpose(precision_recall_fscore_support(truth, named, **options))
    mine = [[row[name] for name in ("precision", "recall", "f1", "support")] for row in found["classes"]]
    np.testing.assert_allclose(np.array(mine, dtype=float), oracle)  # None becomes NaN
    assert found["nats"] == pytest.approx(log_loss(truth, p, labels=labels))


@given(
    scores=hnp.arrays(np.float64, (12, 4), elements=st.floats(0, 1)),
    truth=hnp.arrays(np.int64, 12, elements=st.integers(0, 3)),
)
def test_absent_classes_count_as_scikit_learn_counts_them(scores, truth):
    p = (scores + 1e-3) / (scores + 1e-3).sum(axis=1, keepdims=True)
    oracle = f1_score(truth, p.argmax(axis=1), average="macro")  # of labels present in either
    assert figures(p, truth)["macro_f1"] == pytest.approx(oracle)


def test_classes_that_are_nowhere_take_nothing_from_a_perfect_answer():
    found = figures(np.eye(5)[[0, 1, 2, 1]], [0, 1, 2, 1])
    assert (found["accuracy"], found["macro_f1"]) == (1, 1)
    assert found["classes"][3] == {"precision": None, "recall": None, "f1": None, "support": 0}
    said = figures(np.eye(3)[[0, 2]], [0, 1])["classes"]  # 1 is never said, 2 never there
    assert [(of["precision"], of["recall"], of["f1"]) for of in said] == [
        (1, 1, 1),
        (None, 0, 0),
        (0, None, 0),
    ]


def test_calibration_by_hand():
    tops = [0.65, 0.62, 0.9, 0.95, 1.0, 0.6]  # bins of 1/15: 0.6 closes the one from 8/15 to 9/15
    truth = [0, 1, 0, 0, 1, 0]  # right: yes, no, yes, yes, no, yes
    found = figures([[top, 1 - top] for top in tops], truth)
    filled = {round(row["from"] * 15): row for row in found["reliability"] if row["count"]}
    assert {number: row["count"] for number, row in filled.items()} == {8: 1, 9: 2, 13: 1, 14: 2}
    assert filled[9]["confidence"] == pytest.approx(0.635)
    assert filled[9]["accuracy"] == 0.5
    by_hand = (1 * (1 - 0.6) + 2 * (0.635 - 0.5) + 1 * (1 - 0.9) + 2 * (0.975 - 0.5)) / 6
    assert found["calibration_error"] == pytest.approx(by_hand)


def test_bins_cover_0_to_1_and_empty_ones_say_nothing():
    found = figures([[1.0, 0.0]], [0])["reliability"]
    assert [row["from"] for row in found] == pytest.approx(np.arange(15) / 15)
    assert [row["to"] for row in found] == pytest.approx(np.arange(1, 16) / 15)
    assert [row["count"] for row in found] == [0] * 14 + [1]
    assert found[0]["confidence"] is None
    assert found[0]["accuracy"] is None


def test_sure_and_calibrated_rows():
    found = figures([[1.0, 0.0], [0.0, 1.0]], [0, 1])
    assert (found["accuracy"], found["macro_f1"], found["nats"]) == (1, 1, 0)
    assert found["calibration_error"] == 0
    assert figures([[1.0]], [0])["confusion"] == [[1]]
    even = figures(np.full((100, 2), 0.5), [0, 1] * 50)
    assert even["accuracy"] == 0.5  # the first of equals
    assert even["calibration_error"] == 0
    assert even["nats"] == pytest.approx(np.log(2))


def test_a_sure_mistake_costs_much_but_not_everything():
    assert figures([[1.0, 0.0]], [1])["nats"] == pytest.approx(52 * np.log(2))


def test_interval_is_the_binomial_one():
    truth = (np.arange(400) % 4 == 0).astype(np.int64)  # 300 of 400 are right: 1.96 deviations are 17 rows
    found = figures(np.tile([0.9, 0.1], (400, 1)), truth)
    assert found["accuracy_interval"] == pytest.approx([283 / 400, 317 / 400], abs=2 / 400)
    assert found == figures(np.tile([0.9, 0.1], (400, 1)), truth)


@pytest.mark.parametrize(
    ("right", "rows", "interval"),
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_interval_is_wilson_s(right, rows, interval):
    """Newcombe 1998, table I: Two-sided confidence intervals for the single proportion, method 3."""
    truth = (np.arange(rows) >= right).astype(np.int64)
    found = figures(np.tile([1.0, 0.0], (rows, 1)), truth)
    assert found["accuracy_interval"] == pytest.approx(interval, abs=5e-5)


def test_few_rows_that_are_all_right_leave_room():
    low, high = figures(np.tile([1.0, 0.0], (13, 1)), [0] * 13)["accuracy_interval"]
    assert (low, high) == (pytest.approx(0.7719, abs=1e-4), 1)


def test_figures_are_json():
    found = figures(*made_up(30, 3))
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("p", "truth"), [([0.5, 0.5], [0]), ([[0.5, 0.5]], [0, 1]), (np.zeros((0, 2)), np.zeros(0, dtype=int))]
)
def test_other_shapes_are_refused(p, truth):
    with pytest.raises(ShapeError, match=r"must be \[N, C\]"):
        figures(p, truth)


@pytest.mark.parametrize("row", [[2.0, 1.0], [-0.1, 1.1], [np.nan, 1.0], [np.inf, 0.0]])
def test_rows_that_are_no_probabilities_are_refused(row):
    with pytest.raises(DataError, match=r"row 1 .* Apply softmax"):
        figures([[0.5, 0.5], row], [0, 1])


@pytest.mark.parametrize("truth", [[0, 2], [-1, 0], [0.0, 1.0]])
def test_other_classes_are_refused(truth):
    with pytest.raises(DataError, match="whole numbers from 0 to 1"):
        figures([[0.5, 0.5], [0.5, 0.5]], truth)
