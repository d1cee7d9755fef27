"""Predicts the levels of reservoirs from the rain: leaky integrators, one for each, whose leak is learned."""

import argparse

import torch
from torch import nn

FAULTS = ("parameter_sensitivity", "bad_datum")
METRIC = (r"unexplained variance: ([\d.einfa+-]+)", "lower")


class Country:
    """Reservoirs that lose a small share each day, of their own, and catch the rain of their own valley."""

    def __init__(self, reservoirs, rng):
        self.rng = rng
        self.stay = 1 - 10 ** (-3.0 + torch.rand(reservoirs, generator=rng))
        self.catch = 0.5 + torch.rand(reservoirs, generator=rng)

    def seasons(self, days, count):
        """Rain above the mean and levels, both (days, count, reservoirs)."""
        rain = torch.rand(days, count, len(self.stay), generator=self.rng)
        rain = (rain - 0.7).clamp(min=0) * 4 - 0.18
        level, levels = torch.zeros(count, len(self.stay)), []
        for fallen in rain:
            level = self.stay * level + self.catch * fallen
            levels.append(level)
        return rain, torch.stack(levels) + 0.03 * torch.randn(rain.shape, generator=self.rng)


class Leaky(nn.Module):
    """h <- decay * h + enter * x, each unit for itself."""

    def __init__(self, units, plain):
        super().__init__()
        start = torch.empty(units).uniform_(0.96, 0.99)
        self.plain = plain
        self.decay = nn.Parameter(start if plain else (-start.log()).log())
        self.enter = nn.Parameter(torch.full((units,), 0.5))
        self.offset = nn.Parameter(torch.zeros(units))

    def forward(self, x):
        decay = self.decay if self.plain else torch.exp(-torch.exp(self.decay))
        h, states = torch.zeros_like(x[0]), []
        for row in self.enter * x:
            h = decay * h + row
            states.append(h)
        return torch.stack(states) + self.offset


def run(args):
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed + 8)
    k = args.seed % 5
    days, count, units = (90, 75, 80, 70, 85)[k], (16, 24, 16, 20, 12)[k], (48, 32, 24, 64, 40)[k]
    country = Country(units, rng)
    history = [country.seasons(days, count) for _ in range(40)]
    if args.fault == "bad_datum":
        history[13][0][days // 2, 5, 0] = float("inf")
    model = Leaky(units, plain=args.fault == "parameter_sensitivity")
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01, alpha=0.9)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.5, total_iters=600)
    for step in range(600):
        x, level = history[int(torch.randint(len(history), ()))]
        loss = torch.mean((model(x) - level) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % 75 == 74:
            print(f"{step + 1:>5} {loss.item():.5f}")
    with torch.no_grad():
        x, level = country.seasons(days, 200)
        rest = (model(x) - level).square().mean() / level.var()
    print(f"unexplained variance: {rest.item():.4f}")


if __name__ == "__main__":
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--fault", choices=FAULTS)
    cli.add_argument("--seed", type=int, default=0)
    run(cli.parse_args())
