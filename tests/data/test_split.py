import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.data.split import split_by_hash, unit_hash
from undertow.errors import DataError, SettingError

LISTS = st.lists(st.text(max_size=8), min_size=3, max_size=60, unique=True)


def test_unit_hash_is_blake2b():
    digest = hashlib.blake2b("Anna é".encode(), digest_size=8).hexdigest()
    assert unit_hash("Anna é") == int(digest, 16) / 2**64
    assert f"{unit_hash('anna'):.12f}" == "0.813544559361"


@given(values=LISTS, data=st.data())
def test_parts_are_disjoint_whole_and_the_same_in_any_order(values, data):
    split = split_by_hash(values)
    parts = (split.train, split.validation, split.test)
    assert sorted(sum(parts, ())) == sorted(values)
    assert all(parts)
    other = split_by_hash(data.draw(st.permutations(values)))
    assert [set(part) for part in parts] == [set(other.train), set(other.validation), set(other.test)]


def test_parts_follow_the_hash_and_keep_the_order():
    values = [str(i) for i in range(5000)]
    split = split_by_hash(values)
    assert split.train == tuple(v for v in values if unit_hash(v) < 0.8)
    assert split.validation == tuple(v for v in values if 0.8 <= unit_hash(v) < 0.9)
    assert split.test == tuple(v for v in values if unit_hash(v) >= 0.9)
    assert abs(len(split.train) - 4000) < 100


def test_a_longer_list_moves_nothing():
    values = [str(i) for i in range(1000)]
    assert set(split_by_hash(values[:500]).test) <= set(split_by_hash(values).test)


def test_an_empty_part_gets_the_string_of_smallest_hash():
    values = [v for v in map(str, range(40)) if unit_hash(v) < 0.8][:10]
    first, second, *_ = sorted(values, key=unit_hash)
    split = split_by_hash(values)
    assert (split.validation, split.test) == ((first,), (second,))
    assert len(split.train) == 8


def test_a_part_of_no_share_stays_empty():
    values = [str(i) for i in range(100)]
    assert split_by_hash(values, test=0).test == ()
    assert split_by_hash(values, validation=0).validation == ()
    assert split_by_hash(values, 0, 0).train == tuple(values)


def test_what_cannot_be_split():
    with pytest.raises(SettingError, match="below 1 together"):
        split_by_hash(["a"], 0.5, 0.5)
    with pytest.raises(DataError, match="2 strings cannot be split into 3 parts"):
        split_by_hash(["a", "b"])
