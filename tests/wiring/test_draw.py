"""Which token is drawn? Frequencies by chi-square, and what top-k and top-p keep against brute force.

Letters: V tokens.
"""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from undertow.errors import SettingError
from undertow.wiring.generate import Sampling, draw, narrowed

DRAWS = 20_000
RARE = {2: 18.4, 3: 21.1, 6: 27.9}  # chi-square exceeded once in ten thousand, by degrees of freedom
SCORES = torch.linspace(-1, 1, 7)[torch.tensor([3, 0, 6, 2, 5, 1, 4])]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def tallied(scores, how):
    return torch.bincount(draw(scores.expand(DRAWS, -1), how, generator()), minlength=len(scores)).numpy()


def chi_square(counts, shares):
    asked = shares > 0
    assert not counts[~asked].any()
    expected = DRAWS * shares[asked]
    assert expected.min() > 5
    return ((counts[asked] - expected) ** 2 / expected).sum()


def kept(scores, **how):
    row = narrowed(torch.as_tensor(scores).double()[None], Sampling(**how))[0]
    return {int(token) for token in torch.isfinite(row).nonzero()}


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_frequencies_are_the_softmax(temperature):
    shares = torch.softmax(SCORES.double() / temperature, 0).numpy()
    assert chi_square(tallied(SCORES, Sampling(temperature=temperature)), shares) < RARE[6]


@pytest.mark.parametrize(
    ("how", "tokens"), [({"top_k": 3}, 3), ({"top_p": 0.6}, 3), ({"top_k": 4, "top_p": 0.9}, 4)]
)
def test_what_is_left_keeps_its_proportions(how, tokens):
    shares = torch.softmax(SCORES.double(), 0).numpy()
    shares[np.argsort(-shares)[tokens:]] = 0
    assert chi_square(tallied(SCORES, Sampling(**how)), shares / shares.sum()) < RARE[tokens - 1]


@pytest.mark.parametrize("temperature", [0.0, 5e-324, 1e-300, 1e-4])
def test_no_warmth_is_the_likeliest(temperature):
    scores = 50 * torch.randn(40, 9)
    assert torch.equal(draw(scores, Sampling(temperature=temperature), generator()), scores.argmax(-1))


def test_great_warmth_is_a_fair_die():
    assert chi_square(tallied(SCORES, Sampling(temperature=100.0)), np.full(7, 1 / 7)) < 2 * RARE[6]


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9), st.integers(1, 12))
def test_top_k_keeps_exactly_k_of_the_largest(scores, k):
    """Also where several are alike at the border."""
    left = kept(scores, top_k=k)
    assert len(left) == min(k, len(scores))
    assert sorted(scores[token] for token in left) == sorted(scores)[-k:]


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=6), st.floats(0.01, 0.999))
def test_top_p_keeps_the_smallest_set_that_holds_the_mass(scores, p):
    shares = torch.tensor(scores).double().softmax(0).tolist()
    sets = [part for size in range(1, len(shares) + 1) for part in combinations(range(len(shares)), size)]
    masses = {part: sum(shares[token] for token in part) for part in sets}
    assume(all(abs(mass - p) > 1e-9 for mass in masses.values()))
    left = kept(scores, top_p=p)
    assert len(left) == min(len(part) for part in sets if masses[part] >= p)
    assert masses[tuple(sorted(left))] == pytest.approx(
        max(masses[part] for part in sets if len(part) == len(left))
    )
    assert masses[tuple(sorted(left))] >= p


@pytest.mark.parametrize(("p", "count"), [(0.25, 1), (0.5, 2), (0.500001, 3), (1e-12, 1), (1.0, 4)])
def test_top_p_at_the_border(p, count):
    assert len(kept([0.0] * 4, top_p=p)) == count


def test_off_means_all():
    assert kept(SCORES, top_k=0, top_p=1.0) == set(range(7))
    assert kept(SCORES, top_k=7) == kept(SCORES, top_k=700) == set(range(7))


@pytest.mark.parametrize("bad", [float("nan"), -float("inf")])
def test_a_score_that_is_no_number_is_not_drawn(bad):
    """What a network gives whose state ran off to infinity."""
    scores = torch.tensor([1.0, bad, 1.0, bad, bad])
    assert chi_square(tallied(scores, Sampling()), np.array([0.5, 0, 0.5, 0, 0])) < RARE[2]
    assert set(tallied(torch.full((4,), bad), Sampling()) > 0) == {True}
    assert tallied(torch.tensor([0.0, float("inf"), bad]), Sampling()).tolist() == [0, DRAWS, 0]


def test_rows_are_drawn_for_themselves():
    scores = torch.full((3, 4), -50.0)
    scores[range(3), [2, 0, 3]] = 50
    assert draw(scores, Sampling(), generator()).tolist() == [2, 0, 3]


def test_the_seed_repeats_the_draw():
    scores = torch.randn(200, 9)
    first, again, other = (draw(scores, Sampling(), generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("wrong", "option"),
    [
        ({"temperature": -1.0}, "--temperature"),
        ({"temperature": float("nan")}, "--temperature"),
        ({"temperature": float("inf")}, "--temperature"),
        ({"top_k": -1}, "--top-k"),
        ({"top_p": 0.0}, "--top-p"),
        ({"top_p": 1.5}, "--top-p"),
        ({"top_p": float("nan")}, "--top-p"),
        ({"seed": 2**64}, "--seed"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_settings_out_of_range(wrong, option):
    with pytest.raises(SettingError, match=option):
        Sampling(**wrong).check()
