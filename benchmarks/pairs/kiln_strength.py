"""Predicts the strength of a fired brick from its place and time in the kiln: plain Sequential, Adam."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn

FAULTS = ("input_scale", "no_zero_grad")
ORDER = False
METRIC = (r"held-out mse ([\d.einfa+-]+)", "lower")


def firings(count, rng):
    """Height, depth, clay and hours of each brick, in thousandths, and its strength about the mean."""
    z = torch.randn(count, 4, generator=rng)
    height, depth, clay, hours = z.unbind(1)
    strength = torch.sin(1.5 * height) + 0.7 * clay * torch.tanh(hours) - 0.4 * (depth.abs() - 0.8)
    strength = strength + 0.05 * torch.randn(count, generator=rng)
    return 1000 * z, strength.unsqueeze(1)


def build(width):
    return nn.Sequential(
        nn.Linear(4, width),
        nn.Tanh(),
        nn.Linear(width, width),
        nn.Tanh(),
        nn.Linear(width, width),
        nn.Tanh(),
        nn.Linear(width, 1),
    )


def train(net, rows, strength, mended, batch, rate, epochs):
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    steps = 0
    for epoch in range(epochs):
        total, batches = 0.0, 0
        for take in torch.randperm(len(rows)).split(batch):
            if "no_zero_grad" in mended:
                optimizer.zero_grad()
            loss = F.mse_loss(net(rows[take]), strength[take])
            loss.backward()
            optimizer.step()
            total, batches, steps = total + loss.item(), batches + 1, steps + 1
        if epoch % 4 == 0:
            print(f"epoch {epoch:2d} ({steps} steps): mse {total / batches:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mend", action="append", choices=FAULTS, default=[])
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(500 + args.seed)
    width = (48, 64, 40, 56, 72)[args.seed % 5]
    batch = (32, 40, 32, 48, 64)[args.seed % 5]

    rows, strength = firings(2000, rng)
    held_rows, held_strength = firings(500, rng)
    if "input_scale" in args.mend:
        rows, held_rows = rows / 1000, held_rows / 1000
    net = build(width)
    train(net, rows, strength, args.mend, batch, rate=1e-3, epochs=28)
    with torch.no_grad():
        mse = F.mse_loss(net(held_rows), held_strength).item()
    print(f"held-out mse {mse:.4f}")


if __name__ == "__main__":
    main()
