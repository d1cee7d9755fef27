"""Beam search against every sequence there is, and against greedy choice."""

import itertools

import pytest
import torch

from undertow.errors import SettingError
from undertow.wiring.beam import Beam, search

V, END, FIRST = 4, 0, 1


def chain(rows, seed=0):
    """ln p of the next token, by row and by the two tokens before: something that greedy choice gets wrong."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, V, V, V, generator=generator, dtype=torch.double).mul(2).log_softmax(-1)


def walker(tables):
    """A state is the row and the token before the last one."""

    def step(tokens, state):
        rows, before = state
        return tables[rows, before, tokens], (rows, tokens)

    return step, lambda state, rows: (state[0][rows], state[1][rows])


def found(tables, **how):
    step, pick = walker(tables)
    rows = torch.arange(len(tables))
    first = torch.full((len(tables),), FIRST)
    return search(step, pick, (rows, first), first, END, Beam(**how))


def every(table, longest, norm):
    """All sequences that end, with their scores, the best first."""
    scored = []
    for length in range(1, longest + 1):
        for words in itertools.product([t for t in range(V) if t != END], repeat=length - 1):
            total, before, last = 0.0, FIRST, FIRST
            for token in (*words, END):
                total += float(table[before, last, token])
                before, last = last, token
            scored.append((total / length**norm, words))
    return sorted(scored, reverse=True)


@pytest.mark.parametrize("norm", [0.0, 0.6, 1.0])
def test_a_beam_wide_enough_is_exhaustive(norm):
    tables = chain(5)
    for table, told in zip(tables, found(tables, width=V**5, norm=norm, longest=5), strict=True):
        best = every(table, 5, norm)
        assert len(told) == len(best)
        assert [f.score for f in told] == pytest.approx([score for score, _ in best])
        assert {f.tokens: f.score for f in told} == pytest.approx({words: score for score, words in best})


def test_width_one_is_greedy():
    tables = chain(8)
    for table, told in zip(tables, found(tables, width=1, longest=12), strict=True):
        words, before, last = [], FIRST, FIRST
        while len(words) < 11:
            token = int(table[before, last].argmax())
            if token == END:
                break
            words.append(token)
            before, last = last, token
        assert [f.tokens for f in told] == [tuple(words)]


def test_wider_is_no_worse_without_a_norm_in_the_mean():
    tables = chain(60, seed=3)
    scores = [
        sum(told[0].score for told in found(tables, width=width, norm=0.0, longest=8))
        for width in (1, 2, 4, 16)
    ]
    assert scores == sorted(scores)
    assert scores[0] < scores[-1]


def test_a_row_is_searched_as_if_it_were_alone():
    tables = chain(6)
    together = found(tables, width=3, longest=9)
    for n in range(6):
        (alone,) = found(tables[n : n + 1], width=3, longest=9)
        assert [f.tokens for f in alone] == [f.tokens for f in together[n]]


@pytest.mark.parametrize(
    ("how", "told"),
    [({"width": 0}, "--beam"), ({"longest": 0}, "--longest"), ({"norm": -1.0}, "--length-norm")],
)
def test_settings_out_of_range_are_named(how, told):
    with pytest.raises(SettingError, match=told):
        found(chain(1), **how)
