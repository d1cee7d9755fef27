import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from undertow.data.batches import bucketed, count, ordered, padded, stream_windows, streams
from undertow.errors import DataError, SettingError

STRINGS = [np.full(i % 13, i + 1) for i in range(101)]  # told apart by their characters; some are empty


def spelled(batch):
    """The strings of a batch, read off its targets."""
    return [batch.targets[: length - 1, b].tolist() for b, length in enumerate(batch.lengths)]


def test_padding_by_hand():
    batch = padded([np.array([3, 1]), np.array([], dtype=int), np.array([2])])
    assert batch.inputs.tolist() == [[0, 0, 0], [3, 0, 2], [1, 0, 0]]
    assert batch.targets.tolist() == [[3, 0, 2], [1, -100, 0], [0, -100, -100]]
    assert batch.lengths.tolist() == [3, 1, 2]
    assert {batch.inputs.dtype, batch.targets.dtype, batch.lengths.dtype} == {torch.int64}


@pytest.mark.parametrize("size", [1, 7, 101, 200])
@pytest.mark.parametrize("pool", [1, 3])
def test_each_string_comes_once_an_epoch(size, pool):
    batches = list(bucketed(STRINGS, size, seed=1, epoch=0, pool=pool))
    assert len(batches) == count(len(STRINGS), size)
    found = sorted(string for batch in batches for string in spelled(batch))
    assert found == sorted(string.tolist() for string in STRINGS)


def test_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        return [spelled(batch) for batch in bucketed(STRINGS, 7, seed=seed, epoch=epoch)]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_a_start_passes_over_the_earlier_batches():
    whole = [spelled(batch) for batch in bucketed(STRINGS, 7, seed=1, epoch=2)]
    assert [spelled(batch) for batch in bucketed(STRINGS, 7, seed=1, epoch=2, start=5)] == whole[5:]


def test_lengths_are_alike_within_a_batch():
    sorted_waste, plain_waste = (
        sum(int((batch.targets == -100).sum()) for batch in bucketed(STRINGS, 7, seed=1, epoch=0, pool=pool))
        for pool in (50, 1)
    )
    assert sorted_waste < plain_waste / 4


def test_scoring_goes_by_length():
    lengths = [length for batch in ordered(STRINGS, 8) for length in batch.lengths.tolist()]
    assert lengths == sorted(len(string) + 1 for string in STRINGS)


@given(
    length=st.integers(2, 300),
    batch=st.integers(1, 9),
    window=st.integers(1, 40),
    offset=st.integers(0, 20),
    start=st.integers(0, 5),
)
def test_streams_are_stretches_of_the_text(length, batch, window, offset, start):
    ids = np.arange(length, dtype=np.uint16)
    steps = (length - offset - 1) // batch
    if steps < 1:
        with pytest.raises(DataError, match="too short"):
            next(streams(ids, batch, window, offset=offset))
        return
    windows = list(streams(ids, batch, window, offset=offset))
    assert len(windows) == stream_windows(length, batch, window, offset=offset)
    inputs = torch.cat([x for x, _ in windows])
    assert inputs.T.reshape(-1).tolist() == list(range(offset, offset + batch * steps))
    assert all(torch.equal(y, x + 1) for x, y in windows)
    assert all(len(x) == window for x, _ in windows[:-1])
    later = list(streams(ids, batch, window, offset=offset, start=start))
    assert [x.tolist() for x, _ in later] == [x.tolist() for x, _ in windows[start:]]


def test_bad_settings():
    with pytest.raises(SettingError, match="batch and pool"):
        next(bucketed(STRINGS, 0, seed=0, epoch=0))
    with pytest.raises(SettingError, match="window >= 1"):
        next(streams(np.arange(9), 1, 0))
    with pytest.raises(DataError, match="no string"):
        next(ordered([], 4))
