"""Data that is N(μ, s²): the best noise predictor is linear, so that all that a diffusion model says is known.

x_t ~ N(√ᾱ μ, v),  v = ᾱ s² + 1 - ᾱ        E[ε | x_t] = √(1 - ᾱ) (x_t - √ᾱ μ) / v        var(x_0 | x_t) = s² (1 - ᾱ) / v
p_θ: x_T ~ N(0, 1),  x_{t-1} ~ N(a_t x_t + b_t, σ_t²): every x_t is normal, and all of them together
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from undertow.wiring.denoising import Denoiser
from undertow.wiring.noising import Noising


@dataclass(frozen=True, eq=False)
class GaussianData:
    process: Noising
    mean: float = 0.7
    deviation: float = 0.3
    variance: str = "posterior"

    def predict(self, x, t):
        kept = self.process.kept[t].view(-1, 1)
        spread = kept * self.deviation**2 + 1 - kept
        return (1 - kept).sqrt() * (x - kept.sqrt() * self.mean) / spread

    @property
    def model(self):
        return Denoiser(self.process, self.predict, self.variance)

    def missed(self, t):
        """var(x_0 | x_t)"""
        kept = float(self.process.kept[t])
        return self.deviation**2 * (1 - kept) / (kept * self.deviation**2 + 1 - kept)

    def steps_down(self):
        """a_t, b_t and σ_t² of t = 1..T, read off the model at two points."""
        x = torch.tensor([[0.0], [1.0]], dtype=torch.double)
        for t in range(1, self.process.steps + 1):
            at = torch.full((2,), t)
            low, high = self.process.posterior(self.model.start(x, at), x, at).flatten().tolist()
            yield high - low, low, float(self.model.variance_at(at)[0])

    def joint(self):
        """Mean [T + 1] and covariance of x_0, ..., x_T under p_θ: x = L z + m, with z standard normal."""
        steps = self.process.steps
        mixing, mean = np.zeros((steps + 1, steps + 1)), np.zeros(steps + 1)
        mixing[steps, steps] = 1
        for t, (a, b, variance) in reversed(list(enumerate(self.steps_down(), start=1))):
            mixing[t - 1], mean[t - 1] = a * mixing[t], a * mean[t] + b
            mixing[t - 1, t - 1] = math.sqrt(variance)
        return mean, mixing @ mixing.T


def expectation(function, nodes=4):
    """The mean over a standard normal of a polynomial of at most degree 2 · nodes - 1, exactly."""
    at, weights = np.polynomial.hermite_e.hermegauss(nodes)
    values = function(torch.from_numpy(at)[:, None])
    return float((values * torch.from_numpy(weights / weights.sum())).sum())
