"""How good samples are, where it is known: mixtures themselves, collapsed ones, shifted and halved sets."""

import math

import numpy as np
import pytest

from undertow.data.mixtures import MIXTURES
from undertow.data.mode_figures import covered, modes_found
from undertow.data.nearest_sets import precision_recall, radii
from undertow.data.sliced import directions, sliced_wasserstein
from undertow.errors import DataError

RNG = np.random.default_rng


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_covers_itself(name):
    """All but e⁻⁸ of a Gaussian in the plane lies within 4 σ."""
    found = modes_found(MIXTURES[name].draw(20_000, RNG(0))[0], MIXTURES[name])
    assert found.covered == len(MIXTURES[name].means)
    assert found.good_share == pytest.approx(1 - math.exp(-8), abs=4e-4)
    assert sum(found.by_mode) == round(found.good_share * 20_000)


def test_a_collapsed_generator_covers_one():
    mixture = MIXTURES["ring"]
    found = modes_found(np.repeat(mixture.means[3:4], 500, axis=0), mixture)
    assert (found.covered, found.good_share) == (1, 1.0)
    assert found.by_mode == (0, 0, 0, 500, 0, 0, 0, 0)


def test_points_between_modes_are_not_good():
    mixture = MIXTURES["ring"]
    found = modes_found(np.zeros((10, 2)), mixture)
    assert (found.covered, found.good_share) == (0, 0.0)
    at = mixture.means[0] * (1 + np.array([[3.9], [4.1]]) * mixture.deviation / 2)  # the radius is 2
    assert modes_found(at, mixture).by_mode[0] == 1


def test_a_trace_does_not_cover():
    assert covered([900, 50 - 1], 1000) == 1
    assert covered([900, 50], 1000) == 2
    assert covered([5, 95], 100, [0.4, 0.6]) == 2
    assert covered([3, 97], 100, [0.4, 0.6]) == 1
    assert covered([0, 0], 0) == 0


@pytest.mark.parametrize("name", MIXTURES)
def test_noise_covers_nothing(name):
    """Every mode gets the same share of its few good points, and none a tenth of what would be fair."""
    reach = 1.25 * np.abs(MIXTURES[name].means).max()
    found = modes_found(RNG(0).uniform(-reach, reach, (5000, 2)), MIXTURES[name])
    assert min(found.by_mode) > 0
    assert found.good_share < 0.05
    assert found.covered == 0


def test_the_distance_of_a_shift():
    """On average over the directions of the plane 2 ‖d‖ / π."""
    x, shift = RNG(0).standard_normal((300, 2)), np.array([3.0, 4.0])
    assert sliced_wasserstein(x, x + shift) == pytest.approx(10 / math.pi, rel=1e-3)
    assert sliced_wasserstein(np.zeros((1, 2)), np.tile(shift, (7, 1))) == pytest.approx(
        10 / math.pi, rel=1e-3
    )
    assert sliced_wasserstein(x, x[::-1]) == 0


@pytest.mark.parametrize("features", [2, 50])
def test_the_distance_of_two_gaussians(features):
    """In every direction √(2/π) |σ - σ'|."""
    x, y = (RNG(n).standard_normal((20_000, features)) for n in range(2))
    assert sliced_wasserstein(x, 3 * y, 32) == pytest.approx(2 * math.sqrt(2 / math.pi), rel=0.02)
    assert sliced_wasserstein(x, y, 32) < 0.03


def test_sets_of_other_sizes():
    """Each row twice is the same set."""
    x, y = RNG(0).standard_normal((2, 50, 3))
    assert sliced_wasserstein(x, np.repeat(y, 2, axis=0)) == pytest.approx(sliced_wasserstein(x, y), rel=1e-6)


def test_directions_have_length_one_and_come_from_the_seed():
    along = directions(784, 20, 5)
    assert np.linalg.norm(along, axis=0) == pytest.approx(1)
    assert (along == directions(784, 20, 5)).all()
    assert (along != directions(784, 20, 6)).any()


def test_radii_by_hand():
    assert radii(np.array([[0.0], [1.0], [3.0], [7.0]]), 1).tolist() == pytest.approx([1, 1, 4, 16])
    assert radii(np.array([[0.0], [1.0], [3.0], [7.0]]), 2).tolist() == pytest.approx([9, 4, 9, 36])


def test_two_sets_of_one_distribution_look_alike():
    real, made = RNG(0).standard_normal((2, 1000, 8))
    precision, recall = precision_recall(real, made)
    assert precision > 0.8
    assert recall > 0.8
    assert precision_recall(real, real) == (1.0, 1.0)


def test_sets_apart_share_nothing():
    real = RNG(0).standard_normal((200, 4))
    assert precision_recall(real, real + 100) == (0.0, 0.0)


def test_half_of_the_modes_is_half_of_the_recall():
    """All that is made looks real, and half of what is real is not made."""
    real = RNG(0).standard_normal((600, 2)) * 0.1
    real[300:] += 50
    precision, recall = precision_recall(real, RNG(1).standard_normal((600, 2)) * 0.1)
    assert precision > 0.9
    assert 0.4 < recall <= 0.5


def test_far_from_zero_nothing_cancels():
    rows = RNG(0).standard_normal((50, 3))
    assert radii(rows + 1e6) == pytest.approx(radii(rows), rel=1e-6)


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="more than 3 rows of each, got 3 real and 9 made"):
        precision_recall(np.zeros((3, 2)), np.zeros((9, 2)))
