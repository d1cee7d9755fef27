"""Nets by depth: published counts of parameters, shapes, depths that there are."""

import pytest
import torch

from undertow.errors import SettingError
from undertow.nets.densenet import large_densenet, small_densenet
from undertow.nets.resnet import large_resnet, small_resnet


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.fixture
def meta():
    """Shapes without memory."""
    with torch.device("meta"):
        yield


def test_parameters_are_the_published_ones(meta):
    assert count(large_resnet(50)) == 25_557_032
    assert count(large_resnet(18)) == 11_689_512
    assert count(large_resnet(34)) == 21_797_672
    assert count(large_resnet(101)) == 44_549_160
    assert count(large_densenet(121)) == 7_978_856
    assert count(large_densenet(169)) == 14_149_480


def test_other_forms_of_counting(meta):
    """Keras counts moving statistics, and gives ResNet's convolutions a bias."""
    net = large_resnet(50)
    moving = sum(b.numel() for b in net.buffers())
    biases = sum(m.out_channels for m in net.modules() if isinstance(m, torch.nn.Conv2d))
    assert (moving, biases) == (53_120, 26_560)
    assert count(net) + moving + biases == 25_636_712
    dense = large_densenet(121)
    assert count(dense) + sum(b.numel() for b in dense.buffers()) == 8_062_504


def test_small_ones_are_as_large_as_was_published(meta):
    """0.27, 0.46, 0.66, 0.85, 1.7 and 19.4 million; DenseNet-BC 0.8 and 15.3."""
    published = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85, 110: 1.7, 1202: 19.4}
    for depth, millions in published.items():
        assert count(small_resnet(depth)) / 1e6 == pytest.approx(millions, rel=0.03)
    assert count(small_densenet(100, 12)) / 1e6 == pytest.approx(0.8, rel=0.05)
    assert count(small_densenet(250, 24)) / 1e6 == pytest.approx(15.3, rel=0.02)


@pytest.mark.parametrize(
    "net", [small_resnet(20, 1), small_resnet(20, 1, before=True), small_densenet(22, 8, 1)]
)
def test_images_give_scores_and_every_weight_a_gradient(net):
    scores = net(torch.randn(3, 1, 28, 28))
    assert scores.shape == (3, 10)
    torch.nn.functional.cross_entropy(scores, torch.tensor([0, 3, 9])).backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in net.parameters())


def test_large_images(meta):
    x = torch.empty(2, 3, 224, 224)
    assert large_resnet(50)(x).shape == large_densenet(121)(x).shape == (2, 1000)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: small_resnet(21), "6 n \\+ 2 layers: 20, 32.*got 21. 20 is near"),
        (lambda: large_resnet(51), "18, 34, 50, 101, 152 layers; got 51"),
        (lambda: small_densenet(41), "6 n \\+ 4 layers.*got 41. 40 is near"),
        (lambda: large_densenet(120), "121, 169, 201 layers; got 120"),
    ],
)
def test_depths_that_there_are_not(make, told):
    with pytest.raises(SettingError, match=told):
        make()
