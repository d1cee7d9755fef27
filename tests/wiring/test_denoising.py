"""Samples of a model that knows its data, N(μ, s²), and the two ways down beside each other."""

import pytest
import torch
from gaussian_data import GaussianData
from torch.testing import assert_close

from undertow.errors import SettingError
from undertow.wiring.denoising import Denoiser, Way, chosen_steps, descend, draw
from undertow.wiring.noising import noising

MANY = 20_000


@pytest.mark.parametrize("variance", ["posterior", "noise"])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_ancestral_samples_are_the_data(schedule, variance):
    data = GaussianData(noising(schedule, 200), variance=variance)
    samples = draw(data.model, (MANY, 1), Way(), torch.Generator().manual_seed(0)).double()
    mean, covariance = data.joint()
    exact = covariance[0, 0] - next(data.steps_down())[2]  # the last step is taken without noise
    assert abs(float(samples.mean()) - mean[0]) < 4 * (exact / MANY) ** 0.5
    assert abs(float(samples.var()) / exact - 1) < 4 * (2 / MANY) ** 0.5
    assert abs(mean[0] - data.mean) < 0.01
    assert abs(exact**0.5 - data.deviation) < 0.02


def test_every_step_with_noise_is_the_ancestral_way():
    data = GaussianData(noising("cosine", 30))
    x = torch.randn(9, 1, generator=torch.Generator().manual_seed(3)).double()
    ways = [
        list(descend(data.model, x, way, torch.Generator().manual_seed(7)))
        for way in (Way(), Way(30, eta=1.0))
    ]
    for one, other in zip(*ways, strict=True):
        assert one.t == other.t
        assert_close(one.x, other.x, rtol=1e-9, atol=1e-9)


def test_a_way_without_noise_is_decided_by_where_it_begins():
    data = GaussianData(noising("cosine", 200))
    x = torch.linspace(-2, 2, 5, dtype=torch.double)[:, None]
    for count in (20, 200):
        *_, end = descend(data.model, x, Way(count), torch.Generator().manual_seed(count))
        assert_close(end.x, data.mean + data.deviation * x, rtol=0, atol=1.5 / count)


def test_steps_are_taken_evenly_from_the_last_to_the_first():
    assert chosen_steps(10, 0) == chosen_steps(10, 10) == list(range(10, 0, -1))
    assert chosen_steps(10, 1) == [10]
    assert chosen_steps(1000, 4) == [1000, 750, 500, 250]
    for count in (-1, 11):
        with pytest.raises(SettingError, match=f"from 1 to 10 are taken .0: all., got {count}"):
            chosen_steps(10, count)


def test_the_start_stays_within_its_limits():
    model = Denoiser(noising("cosine", 10), lambda x, t: torch.zeros_like(x), limit=1.0)
    start = model.start(torch.tensor([[5.0], [-5.0], [0.1]]), torch.tensor([10, 10, 1]))
    assert start[:2].tolist() == [[1.0], [-1.0]]
    assert 0.1 < float(start[2]) < 0.2


def test_no_such_variance():
    with pytest.raises(SettingError, match="variance must be one of posterior, noise, got 'learned'"):
        Denoiser(noising("cosine", 10), lambda x, t: x, "learned")
