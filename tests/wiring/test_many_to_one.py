"""Pooling and attention against loops over rows, and padding that must not matter."""

import math

import pytest
import torch

import undertow as ut
from undertow import cells
from undertow.errors import SettingError
from undertow.wiring.attention import Additive, Multiplicative, shares_of
from undertow.wiring.many_to_one import ManyToOne
from undertow.wiring.pooling import POOLINGS

T, B = 7, 5
LENGTHS = torch.tensor([7, 1, 4, 0, 6])


def model(pooling, bidirectional=False, **settings):
    torch.manual_seed(3)
    layers = ut.Recurrent(cells.LSTM(6, 8), 2, bidirectional, **settings)
    return ManyToOne(11, layers, 3, pooling).double()


def tokens(seed=0):
    return torch.randint(11, (T, B), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_what_stands_past_a_rows_end_changes_nothing(pooling, bidirectional):
    net, x = model(pooling, bidirectional), tokens()
    padded = torch.where(torch.arange(T)[:, None] < LENGTHS, x, tokens(seed=1))
    one, other = net(x, LENGTHS), net(padded, LENGTHS)
    torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_row_is_read_as_if_it_were_alone(pooling, bidirectional):
    net, x = model(pooling, bidirectional), tokens()
    together = net(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        if length:
            alone = net(x[:length, row : row + 1])
            torch.testing.assert_close(alone.scores[0], together.scores[row])
            torch.testing.assert_close(alone.shares[:, 0], together.shares[:length, row])
    torch.testing.assert_close(together.scores[3], net.readout.bias)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_shares_are_of_steps_that_are_there_and_sum_to_one(pooling):
    shares = model(pooling)(tokens(), LENGTHS).shares
    assert not shares[torch.arange(T)[:, None] >= LENGTHS].any()
    torch.testing.assert_close(shares.sum(0), (LENGTHS > 0).double())


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_are_numbers_whatever_the_lengths(pooling):
    net = model(pooling)
    net(tokens(), LENGTHS).scores.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_last_of_two_walks_is_what_both_end_with():
    net, x = model("last", bidirectional=True), tokens()
    _, last = net.recurrent(net.embedding(x), lengths=LENGTHS)
    ends = torch.cat([last[2].h, last[3].h], -1)
    wanted = net.readout(torch.where((LENGTHS > 0)[:, None], ends, 0.0))
    torch.testing.assert_close(net(x, LENGTHS).scores, wanted)


def test_mean_and_max_by_hand():
    y = torch.randn(T, B, 4, dtype=torch.double)
    pool = {how: model(how).pooling for how in ("mean", "max")}
    for row, length in enumerate(LENGTHS.tolist()):
        if length:
            own = y[:length, row]
            torch.testing.assert_close(pool["mean"](y, LENGTHS)[0][row], own.mean(0))
            torch.testing.assert_close(pool["max"](y, LENGTHS)[0][row], own.amax(0))


def test_an_untrained_network_says_that_all_classes_are_alike():
    scores = model("mean")(tokens()).scores
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor([0, 1, 2, 0, 1]))
    assert loss.item() == pytest.approx(math.log(3), abs=0.1)


def test_an_unknown_pooling_is_named():
    with pytest.raises(SettingError, match="pooling must be one of last, mean, max, attention, got 'lsat'"):
        model("lsat")


@pytest.mark.parametrize("kind", [Additive, Multiplicative])
def test_attention_by_its_formula(kind):
    torch.manual_seed(5)
    S, Q, K = 6, 4, 3
    attention = (Additive(Q, K, 5) if kind is Additive else Multiplicative(Q, K)).double()
    keys = torch.randn(S, B, K, dtype=torch.double)
    query = torch.randn(T, B, Q, dtype=torch.double)
    lengths = torch.tensor([6, 1, 3, 0, 5])
    valid = torch.arange(S)[:, None] < lengths
    context, shares = attention(query, attention.remember(keys, valid))
    assert (context.shape, shares.shape) == ((T, B, K), (T, B, S))
    for b, length in enumerate(lengths.tolist()):
        for t in range(T if length else 0):
            if kind is Additive:
                pairs = [
                    attention.score(torch.tanh(attention.query(query[t, b]) + attention.key(k)))
                    for k in keys[:length, b]
                ]
                scores = torch.cat(pairs)
            else:
                scores = torch.stack([query[t, b] @ attention.key(k) for k in keys[:length, b]])
            weights = scores.exp() / scores.exp().sum()
            torch.testing.assert_close(shares[t, b, :length], weights)
            torch.testing.assert_close(context[t, b], weights @ keys[:length, b])
    torch.testing.assert_close(shares.sum(-1), (lengths > 0).double().expand(T, B))
    assert not context[:, 3].any()


def test_shares_of_far_apart_scores_and_of_none():
    valid = torch.tensor([[True, True, False], [False, False, False]])
    scores = torch.tensor([[1e4, -1e4, 3e38], [1.0, 2.0, 3.0]], requires_grad=True)
    found = shares_of(scores, valid)
    assert found.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    found.sum().backward()
    assert scores.grad.isfinite().all()
