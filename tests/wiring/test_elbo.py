"""Every term of the bound on data that is N(μ, s²), where all of it is known; and levels of images."""

import math

import numpy as np
import pytest
import torch
from gaussian_data import GaussianData, expectation
from torch.distributions import MultivariateNormal, Normal, kl_divergence
from torch.testing import assert_close

from undertow.wiring.denoising import Denoiser
from undertow.wiring.elbo import bits_a_number, gaussian_kl, last_term, log_level, prior_term, step_term
from undertow.wiring.noising import Noising, noising

CASES = [
    ("linear", 25, "posterior"),
    ("cosine", 12, "posterior"),
    ("cosine", 12, "noise"),
    ("cosine", 2, "noise"),
]
EVERY = pytest.mark.parametrize(
    "data", [GaussianData(noising(s, n), variance=v) for s, n, v in CASES], ids=map(str, CASES)
)


def bound_at(data, x):
    """-ELBO of one number, the mean over the noise taken exactly."""
    row = torch.tensor([[x]], dtype=torch.double)
    terms = [float(prior_term(data.process, row))]
    for t in range(2, data.process.steps + 1):
        terms.append(
            expectation(lambda e, t=t: step_term(data.model, row.expand_as(e), torch.full((len(e),), t), e))
        )
    terms.append(expectation(lambda e: last_term(data.model, row.expand_as(e), e, levels=False)))
    return terms


def over_data(data, function):
    """The mean over x_0 of the data, of a function that is quadratic in it."""
    return expectation(
        lambda e: torch.tensor([function(data.mean + data.deviation * float(each)) for each in e])
    )


def log_p(data, x):
    mean, covariance = data.joint()
    return float(Normal(mean[0], math.sqrt(covariance[0, 0])).log_prob(torch.tensor(x, dtype=torch.double)))


def kl_of_paths(data, x):
    """KL(q(x_{1:T} | x_0) ‖ p_θ(x_{1:T} | x_0)), by matrices."""
    kept = data.process.kept.numpy()[1:]
    early, late = np.maximum.outer(kept, kept), np.minimum.outer(kept, kept)
    q = MultivariateNormal(
        torch.from_numpy(np.sqrt(kept) * x), torch.from_numpy(np.sqrt(late / early) * (1 - early))
    )
    mean, covariance = data.joint()
    gain = covariance[1:, 0] / covariance[0, 0]
    p_mean = mean[1:] + gain * (x - mean[0])
    p_covariance = covariance[1:, 1:] - np.outer(gain, covariance[0, 1:])
    p = MultivariateNormal(torch.from_numpy(p_mean), torch.from_numpy((p_covariance + p_covariance.T) / 2))
    return float(kl_divergence(q, p))


@EVERY
@pytest.mark.parametrize("x", [-0.4, 0.7, 1.3])
def test_log_p_is_the_bound_and_what_it_is_missed_by(data, x):
    bound, apart = sum(bound_at(data, x)), kl_of_paths(data, x)
    assert_close(bound, -log_p(data, x) + apart, rtol=1e-6, atol=1e-7)
    assert apart > 0


@EVERY
def test_every_term_has_its_closed_form(data):
    found = np.array(
        [over_data(data, lambda x, n=n: bound_at(data, x)[n]) for n in range(data.process.steps + 1)]
    )
    kept, square = data.process.kept.tolist(), data.mean**2 + data.deviation**2
    wanted = [0.5 * (kept[-1] * square - kept[-1] - math.log(1 - kept[-1]))]
    for t in range(2, data.process.steps + 1):
        at = torch.tensor([t])
        beta, least = float(data.process.beta(at)), float(data.process.posterior_variance(at))
        variance = least if data.variance == "posterior" else beta
        moved = (math.sqrt(kept[t - 1]) * beta / (1 - kept[t])) ** 2 * data.missed(t)
        wanted.append(0.5 * (math.log(variance / least) + least / variance - 1 + moved / variance))
    at = torch.tensor([1 if data.variance == "noise" else 2])
    last = float((data.process.beta if data.variance == "noise" else data.process.posterior_variance)(at))
    wanted.append(0.5 * (math.log(2 * math.pi * last) + data.missed(1) / last))
    assert_close(found, np.array(wanted), rtol=1e-6, atol=1e-8)


def test_the_bound_is_tight_in_the_limit_and_never_beaten():
    """Of steps in each of which noise grows by one factor, and the more steps, the less."""
    entropy = 0.5 * math.log(2 * math.pi * math.e * 0.3**2)
    gaps = []
    for steps in (10, 40, 160):
        kept = torch.sigmoid(torch.linspace(9, -9, steps, dtype=torch.double))
        data = GaussianData(Noising(torch.cat([torch.ones(1).double(), kept])), variance="noise")
        bound = over_data(data, lambda x, data=data: sum(bound_at(data, x)))
        assert bound >= over_data(data, lambda x, data=data: -log_p(data, x)) >= entropy
        gaps.append(bound - entropy)
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2] > 0
    assert gaps[2] < 0.03


def test_divergence_is_that_of_torch():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(50, generator=generator).double() for _ in range(2))
    u, v = (torch.rand(50, generator=generator).double() + 0.01 for _ in range(2))
    assert_close(gaussian_kl(a, u, b, v), kl_divergence(Normal(a, u.sqrt()), Normal(b, v.sqrt())))
    assert_close(gaussian_kl(a, u, a, u), torch.zeros(50).double())


def test_terms_of_a_row_are_summed_over_its_numbers():
    model = Denoiser(noising("cosine", 9), lambda x, t: 0.3 * x, limit=1.0)
    generator = torch.Generator().manual_seed(0)
    x, noise = (torch.randn(4, 1, 2, 3, generator=generator).double().clamp(-1, 1) for _ in range(2))
    t, each = torch.tensor([2, 5, 9, 4]), (x.reshape(-1, 1), noise.reshape(-1, 1))
    alone = step_term(model, each[0], t.repeat_interleave(6), each[1]).view(4, 6).sum(1)
    assert_close(step_term(model, x, t, noise), alone)
    assert_close(
        last_term(model, x, noise, levels=False), last_term(model, *each, levels=False).view(4, 6).sum(1)
    )
    assert_close(prior_term(model.process, x), prior_term(model.process, each[0]).view(4, 6).sum(1))


@pytest.mark.parametrize("mean", [-1.3, -1.0, 0.0, 0.3337, 0.999, 2.0])
@pytest.mark.parametrize("deviation", [0.001, 0.01, 0.3, 5.0])
def test_the_levels_together_have_all_there_is(mean, deviation):
    levels = torch.arange(256, dtype=torch.double) / 127.5 - 1
    told = log_level(levels, torch.full_like(levels, mean), torch.tensor(deviation, dtype=torch.double))
    assert_close(float(told.exp().sum()), 1.0, rtol=1e-9, atol=0)
    assert bool(torch.isfinite(told).all())
    inner = levels[1:-1]
    normal = Normal(*torch.tensor([mean, deviation], dtype=torch.double))
    wanted = normal.cdf(inner + 1 / 255) - normal.cdf(inner - 1 / 255)
    clear = wanted > 1e-8
    assert_close(told[1:-1].exp()[clear], wanted[clear], rtol=1e-6, atol=1e-12)


def test_levels_as_float32_images_hold_them_are_told_apart():
    """The first and the last reach to infinity, though they were rounded on their way through float32."""
    levels = (torch.arange(256).to(torch.float32) / 127.5 - 1).double()
    told = log_level(levels, torch.zeros(256).double(), torch.tensor(50.0).double())
    assert float(told[0].exp()) > 0.49 < float(told[-1].exp())
    assert float(told[1:-1].exp().max()) < 1e-4


def test_bits():
    assert bits_a_number(784 * math.log(2), 784) == pytest.approx(1.0)
