"""The tables of noise against single steps put together, and against conditioning by matrices."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from undertow.errors import SettingError
from undertow.wiring.noising import SCHEDULES, Noising, noising, simple_loss

PROCESSES = [("linear", 1000), ("linear", 21), ("cosine", 1000), ("cosine", 7), ("cosine", 2)]
EVERY = pytest.mark.parametrize("process", [noising(*each) for each in PROCESSES], ids=map(str, PROCESSES))


@EVERY
def test_many_steps_are_single_steps_put_together(process):
    factor, variance = 1.0, 0.0
    for t in range(1, process.steps + 1):
        beta = float(process.beta(torch.tensor([t])))
        assert 0 < beta <= 0.9990001
        factor, variance = factor * math.sqrt(1 - beta), (1 - beta) * variance + beta
        one, at = torch.ones(1, 1, dtype=torch.double), torch.tensor([t])
        mean = process.noised(one, at, 0 * one)
        assert_close(float(mean), factor, rtol=1e-9, atol=0)
        assert_close(float((process.noised(one, at, one) - mean) ** 2), variance, rtol=1e-9, atol=0)


@EVERY
def test_the_posterior_is_what_conditioning_by_matrices_gives(process):
    x_0, x_t = 0.37, -1.6
    for t in sorted({1, 2, process.steps // 2 + 1, process.steps}):
        at = torch.tensor([t])
        before, beta = float(process.kept[t - 1]), float(process.beta(at))
        mean = np.array([1, math.sqrt(1 - beta)]) * math.sqrt(before) * x_0  # of x_{t-1} and x_t, given x_0
        mixing = np.array(
            [[math.sqrt(1 - before), 0], [math.sqrt((1 - beta) * (1 - before)), math.sqrt(beta)]]
        )
        covariance = mixing @ mixing.T
        gain = covariance[0, 1] / covariance[1, 1]
        given = torch.tensor([[x_0]], dtype=torch.double), torch.tensor([[x_t]], dtype=torch.double)
        assert_close(
            float(process.posterior(*given, at)), mean[0] + gain * (x_t - mean[1]), rtol=1e-8, atol=1e-12
        )
        wanted = covariance[0, 0] - gain * covariance[0, 1]
        assert_close(float(process.posterior_variance(at)), wanted, rtol=1e-6, atol=1e-12)


@EVERY
def test_data_and_noise_are_found_again(process):
    generator = torch.Generator().manual_seed(0)
    x, noise = (torch.randn(5, 3, 2, dtype=torch.double, generator=generator) for _ in range(2))
    t = torch.randint(1, process.steps + 1, (5,), generator=generator)
    at = process.noised(x, t, noise)
    assert_close(process.start(at, t, noise), x, rtol=1e-6, atol=1e-6)
    assert_close(process.noise_in(at, t, x), noise, rtol=1e-6, atol=1e-9)


def test_the_linear_schedule_of_a_thousand_steps_is_that_of_the_paper():
    process = noising("linear", 1000)
    assert_close(
        process.beta(torch.tensor([1, 1000])),
        torch.tensor([1e-4, 0.02], dtype=torch.double),
        rtol=1e-9,
        atol=0,
    )


def test_the_cosine_is_that_of_the_paper():
    process, steps = noising("cosine", 50), 50
    level = [math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(steps)]
    assert_close(process.kept[:-1].tolist(), [each / level[0] for each in level], rtol=1e-9, atol=0)


def test_the_simple_loss_of_saying_nothing_and_of_knowing():
    process, t = noising("cosine", 10), torch.tensor([1, 4, 10])
    x, noise = torch.zeros(3, 2, 5), torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(1))
    nothing = simple_loss(process, lambda x, t: torch.zeros_like(x), x, t, noise)
    assert_close(nothing, noise.square().mean((1, 2)))
    knowing = simple_loss(process, lambda x, t: process.noise_in(x, t, torch.zeros_like(x)), x, t, noise)
    assert float(knowing.max()) < 1e-10


def test_what_is_refused():
    with pytest.raises(SettingError, match="schedule must be one of linear, cosine, got 'square'"):
        noising("square", 10)
    for schedule, least in zip(SCHEDULES, (21, 2), strict=True):
        assert noising(schedule, least).steps == least
        with pytest.raises(SettingError, match=f"at least {least} steps, got {least - 1}"):
            noising(schedule, least - 1)
    with pytest.raises(SettingError, match="must fall from 1"):
        Noising(torch.tensor([1.0, 0.5, 0.6]))
