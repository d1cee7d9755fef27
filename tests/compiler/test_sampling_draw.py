"""From scores to a token: what the kernel's draw weighs, against the eager path's, and what it picks, against chance.

Letters: B rows, V tokens.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from torch.testing import assert_close

from undertow.compiler.draw import COOLEST, first_at, highest, philox, pick, shares, uniform
from undertow.compiler.vector import pointer32, pointer64
from undertow.wiring.generate import Sampling, narrowed

INF = float("inf")
LANES = {torch.float32: 16, torch.float64: 8}
BITS = {torch.float32: 32, torch.float64: 64}
DTYPES = pytest.mark.parametrize("dtype", LANES, ids=str)
DRAWS = 200_000
RARE = {2: 18.4, 6: 27.9, 19: 52.4}  # chi-square exceeded once in ten thousand, by degrees of freedom


# What is compiled here makes no arrays: numpy's own are NaN in these tests, and Numba knows only the plain ones.


def _weigher(pointer, lanes):
    @njit(error_model="numpy")
    def weigh(scores, weights, sums, temperature, k, p):
        n = scores.shape[1]
        for b in range(len(scores)):
            row, out = pointer(scores[b].ctypes.data), pointer(weights[b].ctypes.data)
            sums[b] = shares(row, out, n, temperature, k, p, highest(row, n, lanes), lanes)

    return weigh


def _picker(pointer, lanes):
    @njit(error_model="numpy")
    def draw(weights, goals, tokens):
        row = pointer(weights.ctypes.data)
        for n in range(len(goals)):
            tokens[n] = pick(row, len(weights), goals[n], lanes)

    return draw


WEIGH = {torch.float32: _weigher(pointer32, 16), torch.float64: _weigher(pointer64, 8)}
PICK = {torch.float32: _picker(pointer32, 16), torch.float64: _picker(pointer64, 8)}


@njit
def fill(drawn, seed):
    for t in range(drawn.shape[0]):
        for b in range(drawn.shape[1]):
            drawn[t, b] = uniform(seed, b, t)


@njit
def words(seed, sequence, step):
    return philox(seed, sequence, step)


@njit(error_model="numpy")
def first_highest(scores):
    row = pointer64(scores.ctypes.data)
    return first_at(row, len(scores), highest(row, len(scores), 8))


def numbers(seed, sequences, steps):
    drawn = np.zeros((steps, sequences))
    fill(drawn, seed)
    return drawn


def picked(weights, goals, dtype):
    tokens = np.zeros(len(goals), np.int64)
    PICK[dtype](weights, goals, tokens)
    return tokens


def padded(scores, lanes, value=-INF):
    rows, tokens = scores.shape
    return torch.cat([scores, scores.new_full((rows, -tokens % lanes), value)], dim=1)


def kernel_shares(scores, how):
    """The probabilities that a kernel draws from, [B, V]."""
    laid = padded(scores, LANES[scores.dtype]).numpy().copy()
    weights = np.full_like(laid, np.nan)
    warmth = max(how.temperature, COOLEST[BITS[scores.dtype]])
    sums = np.zeros(len(laid))
    WEIGH[scores.dtype](laid, weights, sums, warmth, min(how.top_k, scores.shape[1]), how.top_p)
    assert not weights[:, scores.shape[1] :].any()
    return torch.from_numpy(weights[:, : scores.shape[1]] / sums[:, None])


def eager_shares(scores, how):
    """The probabilities that `undertow.wiring.generate.draw` draws from."""
    scores = torch.nan_to_num(scores.double(), neginf=-INF)
    scores = scores - scores.amax(dim=-1, keepdim=True)
    return torch.softmax(narrowed(scores / how.temperature, how), dim=-1)


LEFT = [
    (0, 1.0),
    (1, 1.0),
    (5, 1.0),
    (64, 1.0),
    (700, 1.0),
    (0, 0.9),
    (0, 1e-9),
    (0, 0.99999),
    (40, 0.7),
    (3, 0.5),
]
HOW = [Sampling(temperature, *left) for temperature in (1.0, 0.3, 2.5) for left in LEFT]


@DTYPES
@pytest.mark.parametrize("how", HOW, ids=lambda h: f"{h.temperature}-{h.top_k}-{h.top_p}")
def test_shares_are_those_of_the_eager_path(how, dtype):
    for tokens in (1, 2, 7, 65, 1000):
        scores = (3 * torch.randn(20, tokens)).to(dtype)
        assert_close(kernel_shares(scores, how).double(), eager_shares(scores, how), rtol=0, atol=1e-6)


@DTYPES
def test_shares_over_a_large_vocabulary(dtype):
    scores = (2 * torch.randn(3, 50_000)).to(dtype)
    for how in (Sampling(), Sampling(top_k=50), Sampling(top_p=0.95), Sampling(0.7, 2000, 0.8)):
        got, wanted = kernel_shares(scores, how).double(), eager_shares(scores, how)
        assert_close(got, wanted, rtol=0, atol=1e-6)
        assert_close(got.sum(-1), torch.ones(3).double(), rtol=0, atol=1e-6)


EDGES = {
    "huge": [[1e4, 1e4 - 1, -1e4, 0.0], [3e38, -3e38, 3e38, 0.0]],
    "nothing below": [[-INF, 1.0, -INF, 0.0], [-INF, -INF, -INF, -5.0]],
    "nothing above": [[INF, 1.0, 2.0, INF], [INF, -INF, 0.0, 0.0]],
    "close": [[1.0, 1.0 + 1e-7, 1.0, 1.0 - 1e-7], [0.0, -0.0, 1e-20, -1e-20]],
    "all alike": [[0.0] * 4, [-7.5] * 4],
    "negative": [[-1.0, -2.0, -3.0, -4.0], [-100.0, -200.0, -100.5, -101.0]],
}


@DTYPES
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("how", [Sampling(), Sampling(0.01), Sampling(1e-300), Sampling(100.0), Sampling(top_k=2),
                                 Sampling(top_p=0.6), Sampling(top_k=3, top_p=0.45)], ids=str)  # fmt: skip
def test_shares_at_the_edges(edge, how, dtype):
    """As many of equal scores at a border as the eager path leaves; which of them, sorting tells or does not."""
    scores = torch.tensor(EDGES[edge], dtype=dtype)
    got, wanted = kernel_shares(scores, how).double(), eager_shares(scores, how)
    assert_close(got.sort(-1).values, wanted.sort(-1).values, rtol=0, atol=1e-6)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=40),
    st.integers(0, 45),
    st.sampled_from([1.0, 0.93, 0.51, 0.07]),
)
def test_shares_with_ties(scores, k, p):
    scores = torch.tensor([scores]).double()
    how = Sampling(top_k=k, top_p=p)
    got, wanted = kernel_shares(scores, how), eager_shares(scores, how)
    assert_close(got.sort(-1).values, wanted.sort(-1).values, rtol=0, atol=1e-6)


def test_of_equals_at_a_border_the_first_stay():
    scores = torch.tensor([[1.0, 2.0, 1.0, 1.0, 0.0]]).double()
    assert (kernel_shares(scores, Sampling(top_k=3)) > 0).tolist() == [[True, True, True, False, False]]
    assert (kernel_shares(torch.zeros(1, 4).double(), Sampling(top_p=0.5)) > 0).tolist() == [
        [True, True, False, False]
    ]


def test_the_likeliest_is_the_first_of_equals():
    for scores in torch.randint(-2, 3, (50, 40)).double():
        assert first_highest(scores.numpy()) == int(scores.argmax())


# ---- picking


def chi_square(counts, shares):
    asked = shares > 0
    assert not counts[~asked].any()
    expected = counts.sum() * shares[asked]
    assert expected.min() > 5
    return ((counts[asked] - expected) ** 2 / expected).sum()


@DTYPES
@pytest.mark.parametrize(
    ("how", "left"), [(Sampling(), 20), (Sampling(0.5, top_k=7), 7), (Sampling(top_p=0.25), 3)]
)
def test_frequencies_are_the_shares(how, left, dtype):
    scores = torch.linspace(-1, 1, 20)[torch.randperm(20)].to(dtype)[None]
    wanted = eager_shares(scores, how)[0].numpy()
    weights = padded(kernel_shares(scores, how), LANES[dtype], 0.0)[0].to(dtype).numpy()
    goals = numbers(7, 1, DRAWS)[:, 0] * float(weights.astype(np.float64).sum())
    counts = np.bincount(picked(weights, goals, dtype), minlength=20)[:20]
    assert (wanted > 0).sum() == left
    assert chi_square(counts, wanted) < RARE[left - 1]


@DTYPES
def test_a_token_of_no_weight_is_never_picked(dtype):
    weights = torch.zeros(640, dtype=dtype)
    weights[[3, 200, 201, 611]] = 0.25
    edges = [0.0, 0.25, 0.5, 0.75, *np.nextafter([0.25, 0.5, 0.75, 1.0], 0), 1.0]
    assert picked(weights.numpy(), np.array(edges), dtype).tolist() == [
        3,
        200,
        201,
        611,
        3,
        200,
        201,
        611,
        611,
    ]


def test_every_token_of_a_large_vocabulary_is_reached():
    weights = np.ones(50_000, np.float32)
    assert np.array_equal(picked(weights, np.arange(50_000) + 0.5, torch.float32), np.arange(50_000))


# ---- random numbers


@pytest.mark.parametrize(
    ("counter", "key", "wanted"),
    [
        ([0] * 4, [0] * 2, ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            ["d16cfe09", "94fdcceb", "5001e420", "24126ea1"],
        ),
    ],
)
def test_philox_gives_the_known_answers(counter, key, wanted):
    """Of the authors' own library, Random123."""
    step, sequence, seed = (np.uint64(low | high << 32) for low, high in (counter[:2], counter[2:], key))
    assert [f"{int(word):08x}" for word in words(seed, sequence, step)] == wanted


def test_random_numbers_are_even_and_tell_nothing_of_each_other():
    drawn = numbers(3, 400, 500)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert len(np.unique(drawn)) == drawn.size  # no stream is another one's, shifted or not
    assert chi_square(np.bincount((drawn.ravel() * 20).astype(int)), np.full(20, 0.05)) < RARE[19]
    for a, b in ((drawn[1:], drawn[:-1]), (drawn[:, 1:], drawn[:, :-1]), (drawn, numbers(4, 400, 500))):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / a.size**0.5


def test_large_seeds_and_sequences_differ():
    found = {words(np.uint64(seed), np.uint64(sequence), np.uint64(0)) for seed in (0, 1, 2**32, 2**63 - 1)
             for sequence in (0, 1, 2**32, 2**40)}  # fmt: skip
    assert len(found) == 16
