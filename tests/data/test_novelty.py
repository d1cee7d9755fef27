import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.data.novelty import SampleReport, Validity, judge, nearest
from undertow.errors import DataError

WORDS = st.text(alphabet="abc", max_size=7)


def edits(one, other):
    """Levenshtein distance, row by row."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row, above = [i], row
        for j, b in enumerate(other, start=1):
            row.append(min(row[-1] + 1, above[j] + 1, above[j - 1] + (a != b)))
    return row[-1]


@given(samples=st.lists(WORDS, max_size=5), train=st.lists(WORDS, min_size=1, max_size=8))
def test_nearest_agrees_with_the_table_of_edits(samples, train):
    expected = []
    for sample in samples:
        distances = [edits(sample, value) for value in train]
        expected.append((train[distances.index(min(distances))], min(distances)))
    assert nearest(samples, train) == expected


def test_more_samples_than_a_block_keep_their_order():
    train = [f"name{i}" for i in range(100)]
    assert nearest(train * 2, train) == [(name, 0) for name in train * 2]


def test_validity_by_hand():
    rules = Validity.of(["anna", "ben"])
    assert rules.looks_valid("anna")
    assert rules.looks_valid("ben")
    assert not rules.looks_valid("an")  # shorter than any
    assert not rules.looks_valid("")
    assert not rules.looks_valid("nna")  # none begins with n
    assert not rules.looks_valid("abe")  # no pair ab
    assert rules.looks_valid("benn")  # a necessary sign only
    assert rules.looks_valid("benna") is False  # longer than any
    assert Validity.of(["anna", "ben", "nelly"]).looks_valid("benna")


def test_report_by_hand():
    assert judge(["anna", "hanna", "hanna", "zzzzzzzzz"], ["anna", "ben"]) == SampleReport(
        count=4,
        new_share=0.75,
        copied_share=0.25,
        duplicate_share=0.25,
        valid_share=0.25,
        nearest_distance=(0 + 1 + 1 + 9) / 4,
        histogram={"0": 1, "1": 2, "2": 0, "3": 0, "4": 0, "5+": 1},
    )


def test_nothing_to_judge():
    with pytest.raises(DataError, match="no sample"):
        judge([], ["anna"])
    with pytest.raises(DataError, match="there is none"):
        judge(["anna"], [])
