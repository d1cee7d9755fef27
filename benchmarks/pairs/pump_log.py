"""Estimates the flow of a pump from its log, read in order of time: a class of four ReLU layers, AdamW."""

import argparse
import math

import torch
from torch import nn

FAULTS = ("bad_datum", "dead_units")
ORDER = True  # one NaN wipes out every weight: nothing else can be cured before
METRIC = (r"mean error of the flow: ([\d.einfa+-]+)", "lower")


class Log:
    """Speed, valve, pressure, heat, current and vibration at each reading, and the flow."""

    def __init__(self, count, rng):
        self.rows = torch.randn(count, 6, generator=rng)
        speed, valve, pressure, heat, current, _ = self.rows.unbind(1)
        flow = (
            speed * torch.sigmoid(2 * valve) + 0.8 * torch.sin(1.7 * pressure) - 0.3 * (heat - current).abs()
        )
        self.flow = flow + 0.05 * torch.randn(count, generator=rng)

    def in_order(self, size):
        yield from zip(self.rows.split(size), self.flow.split(size), strict=True)


class Pump(nn.Module):
    def __init__(self, width, shift):
        super().__init__()
        self.first = nn.Linear(6, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width)
        self.flow = nn.Linear(width, 1)
        for layer in (self.first, self.second, self.third):
            nn.init.normal_(layer.weight, std=math.sqrt(2 / layer.in_features))
            nn.init.zeros_(layer.bias)
        for layer in (self.second, self.third):
            nn.init.constant_(layer.bias, shift)

    def forward(self, rows):
        h = torch.relu(self.first(rows))
        h = torch.relu(self.second(h))
        h = torch.relu(self.third(h))
        return self.flow(h).squeeze(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mend", action="append", choices=FAULTS, default=[])
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed + 8)
    width = (64, 80, 48, 64, 96)[args.seed % 5]
    batch = (32, 40, 32, 48, 32)[args.seed % 5]

    log, later = Log(4000, rng), Log(600, rng)
    dropout = 2200 + int(torch.randint(1200, (), generator=rng))
    if "bad_datum" not in args.mend:
        log.rows[dropout, 2] = float("nan")
    model = Pump(width, 0.0 if "dead_units" in args.mend else -10.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    for epoch in range(6):
        for index, (rows, flow) in enumerate(log.in_order(batch)):
            loss = (model(rows) - flow).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if index % 25 == 0:
                print(f"pass {epoch}, batch {index}: loss {loss.item():.4f}")
    with torch.no_grad():
        error = (model(later.rows) - later.flow).abs().mean().item()
    print(f"mean error of the flow: {error:.4f}")


if __name__ == "__main__":
    main()
