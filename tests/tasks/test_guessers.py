"""Simple guessers against torch's distributions and against counts by hand."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from undertow.data.mixtures import MIXTURES
from undertow.tasks.guessers import gaussian_nats, histogram_nats, mixture_nats


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_is_that_of_torch(name):
    mixture = MIXTURES[name]
    points = mixture.draw(50, np.random.default_rng(0))[0].astype(np.float64)
    points[0] = 1.0  # far from every mode
    means = torch.from_numpy(mixture.means)
    each = Independent(Normal(means, torch.full_like(means, mixture.deviation)), 1)
    told = MixtureSameFamily(Categorical(torch.ones(len(means)).double()), each).log_prob(
        torch.from_numpy(points)
    )
    assert mixture_nats(mixture, points) == pytest.approx(-float(told.mean()))


def test_one_gaussian_is_that_of_torch():
    train, test = (np.random.default_rng(n).standard_normal((200, 2)) @ [[1, 0.5], [0, 2]] for n in (0, 1))
    fitted = MultivariateNormal(torch.from_numpy(train.mean(0)), torch.from_numpy(np.cov(train.T)))
    assert gaussian_nats(train, test) == pytest.approx(-float(fitted.log_prob(torch.from_numpy(test)).mean()))


def test_histograms_by_hand():
    train = np.array([[[[0, 7]]], [[[0, 9]]], [[[255, 9]]]], dtype=np.uint8)
    test = np.array([[[[0, 9]]], [[[3, 9]]]], dtype=np.uint8)
    share = 1 / 256
    left = math.log((2 + share) / 4) + math.log(share / 4)
    right = 2 * math.log((2 + share) / 4)
    assert histogram_nats(train, test) == pytest.approx(-(left + right) / 2)
