import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.data.vocabulary import Vocabulary
from undertow.errors import DataError

AB = Vocabulary.of(["ba", "cab"], end=True)


def test_indices_by_hand():
    assert AB.characters == ("a", "b", "c")
    assert AB.size == 4
    assert AB.encode("cab").tolist() == [3, 1, 2]
    assert AB.encode("cab").dtype == np.int64
    assert AB.encode("").tolist() == []
    assert AB.decode([0, 3, 1, 0]) == "ca"
    assert Vocabulary.of(["ba"], end=False).encode("ab").tolist() == [0, 1]


@given(string=st.text(), more=st.text(), end=st.booleans())
def test_decode_undoes_encode(string, more, end):
    vocabulary = Vocabulary.of([string, more], end)
    assert vocabulary.decode(vocabulary.encode(string)) == string
    assert Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json()))) == vocabulary


@given(string=st.text(), known=st.text())
def test_unknown_is_the_difference(string, known):
    assert set(Vocabulary.of([known], True).unknown(string)) == set(string) - set(known)


def test_unknown_character_is_named_with_close_ones():
    vocabulary = Vocabulary.of(["Rene", "é"], end=True)
    with pytest.raises(
        DataError, match=r"'ë' \(U\+00EB, LATIN SMALL LETTER E WITH DIAERESIS\).*known: e é\."
    ):
        vocabulary.encode("Renë")
    with pytest.raises(DataError, match=r"2 such characters in all"):
        vocabulary.encode("漢字")


def test_index_outside_is_an_error():
    for wrong in (4, -100):
        with pytest.raises(DataError, match=f"index {wrong} is not of this vocabulary"):
            AB.decode([1, wrong])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "Update undertow"),
        ({"end": 1}, "not a vocabulary"),
        ({"characters": ["b", "a"]}, "sorted"),
    ],
)
def test_another_record_is_refused(change, told):
    with pytest.raises(DataError, match=told):
        Vocabulary.from_json(AB.to_json() | change)


def test_a_long_text_is_encoded_in_no_time():
    text = "abcabcab" * 140_000
    start = time.perf_counter()
    AB.encode(text)
    assert time.perf_counter() - start < 0.5  # 4 ms on a quiet core
