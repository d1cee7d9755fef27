"""Self-attention against torch's own, what padding and order mean to it, and positions by their formula."""

import math

import pytest
import torch
from torch import nn

from undertow.errors import SettingError
from undertow.wiring.many_to_one import ManyToOne
from undertow.wiring.positions import Positions, sines
from undertow.wiring.self_attention import Block, SelfAttention

T, B, F = 6, 4, 8
LENGTHS = torch.tensor([6, 2, 5, 1])


def encoder(**settings):
    torch.manual_seed(1)
    return SelfAttention(F, **settings).double()


def features(seed=0):
    return torch.randn(T, B, F, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def test_a_block_looks_as_torchs_attention_does():
    torch.manual_seed(0)
    block, peer = Block(F, 2, 0.0).double(), nn.MultiheadAttention(F, 2, dtype=torch.double)
    with torch.no_grad():
        peer.in_proj_weight.copy_(block.look.weight)
        peer.in_proj_bias.copy_(block.look.bias)
        peer.out_proj.weight.copy_(block.join.weight)
        peer.out_proj.bias.copy_(block.join.bias)
    x, there = features(), torch.arange(T)[:, None] < LENGTHS
    told, _ = peer(x, x, x, key_padding_mask=~there.T)
    torch.testing.assert_close(block._looked(x, there.T[:, None, None]), told)


def test_what_stands_past_a_rows_end_changes_nothing():
    net, x = encoder(), features()
    there = (torch.arange(T)[:, None] < LENGTHS)[..., None]
    other = torch.where(there, x, features(1))
    one, two = (torch.where(there, net(given, LENGTHS)[0], 0.0) for given in (x, other))
    torch.testing.assert_close(one, two, rtol=0, atol=1e-12)


def test_without_positions_order_means_nothing_and_with_them_it_does():
    order = torch.randperm(T, generator=torch.Generator().manual_seed(2))
    for positions, same in (("none", True), ("sines", False), ("learned", False)):
        torch.manual_seed(1)
        net = ManyToOne(11, SelfAttention(F), 3, "mean", positions=positions).double().eval()
        tokens = torch.randint(11, (T, B), generator=torch.Generator().manual_seed(3))
        one, other = net(tokens).scores, net(tokens[order]).scores
        assert torch.allclose(one, other, atol=1e-12) == same


def test_sines_by_their_formula():
    found = sines(5, 6)
    for t in range(5):
        for k in range(3):
            assert float(found[t, 2 * k]) == pytest.approx(math.sin(t / 10_000 ** (2 * k / 6)))
            assert float(found[t, 2 * k + 1]) == pytest.approx(math.cos(t / 10_000 ** (2 * k / 6)))
    assert sines(4, 5).shape == (4, 5)


def test_places_beyond_the_last_one_learned_share_its_row():
    places = Positions("learned", 3)
    found = places(torch.zeros(600, 1, 3))
    assert torch.equal(found[511], found[599])
    assert not torch.equal(found[510], found[511])


def test_heads_must_divide_the_features_and_positions_must_be_known():
    with pytest.raises(SettingError, match="3 heads do not divide 8 features"):
        SelfAttention(8, heads=3)
    with pytest.raises(SettingError, match="positions must be one of none, sines, learned"):
        Positions("cosines", 8)
