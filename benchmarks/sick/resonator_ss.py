"""Identifies what a chain of resonators lets through, with a linear state space whose turn is a matrix exponential."""

import argparse
import math

import torch
from torch import nn

FAULTS = ("parameter_sensitivity", "exploding_time", "step_too_small")
METRIC = (r"nmse\(test\) ([\d.einfa+-]+)", "lower")


def plant(steps, count, rng):
    """A drive (count, steps) and the answer of three slowly ringing resonators."""
    drive = torch.randn(count, steps, generator=rng)
    answer = torch.zeros(count, steps)
    for period, damping in ((9.0, 0.97), (17.0, 0.98), (31.0, 0.985)):
        turn = damping * torch.exp(torch.tensor(2j * math.pi / period))
        z = torch.zeros(count, dtype=torch.complex64)
        for t in range(steps):
            z = turn * z + drive[:, t]
            answer[:, t] += 0.2 * z.real
    return drive, answer + 0.02 * torch.randn(count, steps, generator=rng)


class StateSpace(nn.Module):
    def __init__(self, states, radius):
        super().__init__()
        skew = torch.zeros(states, states)
        rates = torch.linspace(0.1, 0.9, states // 2)
        skew[range(0, states, 2), range(1, states, 2)] = rates
        self.skew = nn.Parameter(skew)
        self.radius = radius
        self.enter = nn.Parameter(torch.randn(states) / states**0.5)
        self.leave = nn.Parameter(torch.randn(states) / states**0.5)

    def forward(self, drive):
        turn = self.radius * torch.matrix_exp(self.skew - self.skew.t())
        h = torch.zeros(drive.shape[0], len(self.enter))
        heard = []
        for u in drive.unbind(1):
            h = h @ turn + u[:, None] * self.enter
            heard.append(h @ self.leave)
        return torch.stack(heard, dim=1)


def nmse(model, drive, answer):
    return (model(drive) - answer).square().mean() / answer.square().mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed + 17)
    k = args.seed % 5
    states, steps, count = (32, 24, 48, 40, 64)[k], (60, 80, 50, 70, 60)[k], (16, 16, 24, 12, 16)[k]
    model = StateSpace(states, 1.2 if args.fault == "exploding_time" else 0.98)
    rate = 2e-2 * (1e-3 if args.fault == "step_too_small" else 1.0)
    slow = 1.0 if args.fault == "parameter_sensitivity" else 0.02
    optimizer = torch.optim.Adam(
        [{"params": [model.enter, model.leave]}, {"params": [model.skew], "lr": slow * rate}], lr=rate
    )
    for step in range(220):
        loss = nmse(model, *plant(steps, count, rng))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 30 == 0:
            print(f"#{step} nmse {loss.item():.4g}")
    with torch.no_grad():
        print(f"nmse(test) {nmse(model, *plant(steps, 200, rng)).item():.4f}")


if __name__ == "__main__":
    main()
