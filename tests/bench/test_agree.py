"""What counts as a difference."""

import torch

from undertow.bench.agree import disagreement

ONES = {"y": torch.ones(4), "dx": torch.ones(2, 2)}


def changed(name, by):
    return {**ONES, name: ONES[name] + by}


def test_the_same():
    assert disagreement(ONES, ONES) == ""
    assert disagreement(changed("y", 1e-5), ONES) == ""
    assert disagreement(ONES, {"y": torch.ones(4, 1), "dx": torch.ones(1, 2, 2)}) == ""


def test_the_worst_is_named():
    wrong = {"y": torch.full((4,), 1.01), "dx": torch.full((2, 2), 1.5)}
    assert disagreement(wrong, ONES) == "dx differs by 5.0e-01 of its size"


def test_a_nan_is_a_difference():
    assert "y differs by inf" in disagreement(changed("y", float("nan")), ONES)
    assert "y differs by inf" in disagreement(changed("y", float("nan")), ONES, lambda: ONES)


def test_a_gradient_that_is_missing():
    assert disagreement({"y": torch.ones(4)}, ONES) == "only one side gives dx"
    assert disagreement({**ONES, "y in inference": torch.ones(4)}, ONES) == ""


def test_exact_numbers_settle_who_errs():
    """Two float32 loops may part; ours may not be much further from the truth."""
    assert disagreement(changed("y", 0.01), changed("y", 0.02), lambda: ONES) == ""
    assert disagreement(changed("y", 0.03), changed("y", 0.002), lambda: ONES).startswith("y differs")
