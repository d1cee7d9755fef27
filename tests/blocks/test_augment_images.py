"""Images moved: by known amounts where the bounds leave one draw, and never further than asked for."""

import math

import pytest
import torch

from undertow.blocks.augment import Augment
from undertow.errors import SettingError


def spots(rows=200, side=15, at=7):
    x = torch.zeros(rows, 1, side, side)
    x[:, :, at, at] = 1
    return x


def centers(x):
    """Where the mass lies, [B, 2] as down and across."""
    places = torch.arange(x.shape[-1]).float()
    mass = x.sum((1, 2, 3))
    return torch.stack([(x.sum((1, 3)) * places).sum(1), (x.sum((1, 2)) * places).sum(1)], 1) / mass[:, None]


def test_nothing_asked_for_changes_nothing():
    x = torch.rand(3, 2, 5, 5)
    assert torch.equal(Augment()(x), x)


def test_shifts_are_even_and_no_further_than_asked():
    torch.manual_seed(0)
    moved = centers(Augment(shift=3)(spots(2000))) - 7
    assert moved.abs().max() <= 3.01
    assert moved.mean(0).abs().max() < 0.15
    assert (moved.std(0) - 3 / math.sqrt(3)).abs().max() < 0.1


def test_turning_keeps_the_distance_from_the_middle():
    torch.manual_seed(0)
    x = torch.zeros(500, 1, 15, 15)
    x[:, :, 7, 12] = 1
    moved = centers(Augment(rotate=90)(x)) - 7
    assert (moved.norm(dim=1) - 5).abs().max() < 0.4
    angles = torch.atan2(moved[:, 0], moved[:, 1]).rad2deg()
    assert -91 < angles.min() < -80 < 80 < angles.max() < 91


def test_scaling_moves_places_by_its_share():
    torch.manual_seed(0)
    x = torch.zeros(500, 1, 31, 31)
    x[:, :, 15, 25] = 1
    moved = centers(Augment(scale=0.2)(x)) - 15
    assert moved[:, 1].max() < 10 / 0.8 + 0.3
    assert moved[:, 1].min() > 10 / 1.2 - 0.3


def test_mirrors_turn_every_second_image_and_nothing_else():
    torch.manual_seed(0)
    x = torch.rand(400, 2, 6, 6)
    y = Augment(flip=True)(x)
    turned = torch.tensor([torch.allclose(b, a.flip(-1), atol=1e-5) for a, b in zip(x, y, strict=True)])
    same = torch.tensor([torch.allclose(b, a, atol=1e-5) for a, b in zip(x, y, strict=True)])
    assert (turned | same).all()
    assert 150 < turned.sum() < 250


def test_erasing_wipes_one_square_to_the_mean():
    torch.manual_seed(0)
    x = torch.rand(50, 2, 9, 9)
    y = Augment(erase=3)(x)
    changed = (x != y).any(1).flatten(1).sum(1)
    assert (changed == 9).all()
    assert torch.allclose(y[0][:, (x[0] != y[0]).any(0)], x[0].mean().expand(2, 9))


def test_the_same_seed_moves_alike():
    x = torch.rand(4, 1, 8, 8)
    how = Augment(2, 10, 0.1, True, 2)
    torch.manual_seed(5)
    first = how(x)
    torch.manual_seed(5)
    assert torch.equal(first, how(x))


@pytest.mark.parametrize("wrong", [{"shift": -1}, {"scale": 1.0}, {"rotate": float("nan")}, {"erase": -2}])
def test_bounds_that_cannot_be(wrong):
    with pytest.raises(SettingError):
        Augment(**wrong)
