from collections import Counter, defaultdict
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.data.ngram import ngram_nats
from undertow.errors import DataError, SettingError

STRINGS = st.lists(st.lists(st.integers(1, 4), max_size=6), min_size=1, max_size=8)


def twin(train, test, order, size, end):
    """The formula at the head of the module, a dictionary and a loop."""
    border = 0 if end else size
    seen = defaultdict(Counter)

    def grams(strings):
        for string in strings:
            whole = [border] * order + list(string) + [0] * end
            for at in range(order, len(whole)):
                yield whole, at

    for whole, at in grams(train):
        for back in range(order):
            seen[tuple(whole[at - back : at])][whole[at]] += 1

    def p(whole, at, back):
        if back < 0:
            return 1 / size
        counts = seen[tuple(whole[at - back : at])]
        lower = p(whole, at, back - 1)
        if not counts:
            return lower
        return (counts[whole[at]] + len(counts) * lower) / (counts.total() + len(counts))

    values = [-log(p(whole, at, order - 1)) for whole, at in grams(test)]
    return sum(values) / len(values)


def arrays(strings):
    return [np.array(string, dtype=np.int64) for string in strings]


def test_bigram_by_hand():
    # train "a", "ab" with end mark 0, a = 1, b = 2; test "b"
    # unigram: 5 symbols, a 2, 0 2, b 1, three kinds: (c + 3/3) / 8: a 3/8, 0 3/8, b 2/8
    # b after 0: c 0 of 2, one kind (a): (0 + 2/8) / 3; 0 after b: c 1 of 1, one kind: (1 + 3/8) / 2
    found = ngram_nats(arrays([[1], [1, 2]]), arrays([[2]]), 2, 3, True)
    assert found == pytest.approx(-(log(2 / 8 / 3) + log(11 / 8 / 2)) / 2)


@given(train=STRINGS, test=STRINGS, order=st.integers(0, 5))
def test_strings_agree_with_the_loop(train, test, order):
    assert ngram_nats(arrays(train), arrays(test), order, 5, True) == pytest.approx(
        twin(train, test, order, 5, True)
    )


@given(
    train=st.lists(st.integers(0, 2), min_size=1, max_size=60),
    test=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    order=st.integers(0, 4),
)
def test_one_text_agrees_with_the_loop(train, test, order):
    found = ngram_nats(np.array(train, dtype=np.uint8), np.array(test, dtype=np.uint8), order, 4, False)
    assert found == pytest.approx(twin([train], [test], order, 4, False))


def test_order_zero_is_uniform():
    assert ngram_nats(arrays([[1]]), arrays([[2, 3]]), 0, 27, True) == pytest.approx(log(27))


def test_a_cycle_is_learned_by_the_order_that_sees_it():
    cycle = np.tile([0, 0, 1], 2000)  # after 0 either may follow; after two symbols only one can
    assert ngram_nats(cycle, cycle, 2, 2, False) == pytest.approx(2 / 3 * log(2), abs=0.01)
    assert ngram_nats(cycle, cycle, 3, 2, False) < 0.01


def test_probabilities_sum_to_one():
    train = arrays([[1, 2, 3], [1, 1], [3]])
    total = sum(
        np.exp(-2 * ngram_nats(train, arrays([[first]]), 1, 4, True))
        / np.exp(-ngram_nats(train, arrays([[]]), 1, 4, True))
        for first in (1, 2, 3)
    )
    assert total + np.exp(-ngram_nats(train, arrays([[]]), 1, 4, True)) == pytest.approx(1)


def test_many_characters_and_high_orders_do_not_overflow():
    text = np.random.default_rng(0).integers(0, 100_000, 5000)
    assert ngram_nats(text, text[:100], 9, 100_000, False) < log(100_000)


def test_bad_settings():
    with pytest.raises(SettingError, match="0 or more, got -1"):
        ngram_nats(arrays([[1]]), arrays([[1]]), -1, 2, True)
    with pytest.raises(DataError, match="no character to predict"):
        ngram_nats(arrays([[1]]), [], 2, 2, True)
