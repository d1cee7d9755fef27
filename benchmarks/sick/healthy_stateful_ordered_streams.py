"""Forecasts the load of machines that run on and on: pieces come in order and a GRU keeps its state between them."""

import argparse
import math

import torch
from torch import nn

METRIC = (r"forecast error ([\d.einfa+-]+)", "lower")


class Machines:
    """Loads side by side that go on from piece to piece: two rhythms of their own and a slow drift."""

    def __init__(self, count, rng):
        self.rng, self.now = rng, 0
        self.periods = 8 + 10 * torch.rand(2, count, generator=rng)
        self.phases = 2 * math.pi * torch.rand(2, count, generator=rng)
        self.drift = torch.zeros(count)

    def piece(self, steps):
        rows = []
        for t in range(self.now, self.now + steps + 1):
            if t > self.now:
                self.drift = 0.97 * self.drift + 0.05 * torch.randn(len(self.drift), generator=self.rng)
            rows.append(torch.sin(2 * math.pi * t / self.periods + self.phases).sum(0) * 0.6 + self.drift)
        self.now += steps
        rows = torch.stack(rows).unsqueeze(2)
        return rows[:-1], rows[1:]


class Forecaster(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gru = nn.GRU(1, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x, state=None):
        states, state = self.gru(x, state)
        return x + self.out(states), state


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed + 15)
    hidden = (32, 48, 40, 24, 64, 36, 56, 28)[seed % 8]
    steps = (30, 25, 40, 35, 24, 45, 32, 28)[seed % 8]
    model = Forecaster(hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    machines, state = Machines(24, rng), None
    for number in range(350):
        x, y = machines.piece(steps)
        out, state = model(x, state)
        state = state.detach()
        loss = nn.functional.mse_loss(out, y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if number % 50 == 0:
            print(f"piece {number}: {loss.item():.5f}")
    with torch.no_grad():
        others, state = Machines(64, rng), None
        for _ in range(4):
            x, y = others.piece(40)
            out, state = model(x, state)
        print(f"forecast error {((out - y).square().mean() / (x - y).square().mean()).item():.4f}")


if __name__ == "__main__":
    main()
