"""Fits the map of a hill; the learning rate restarts high now and then, the loss jumps, and comes down lower."""

import argparse

import torch
from torch import nn

METRIC = (r"map error ([\d.einfa+-]+)", "lower")


def survey(count, rng):
    place = torch.rand(count, 2, generator=rng) * 2 - 1
    x, y = place.unbind(1)
    height = torch.sin(4 * x) * torch.cos(3 * y) + torch.exp(-8 * ((x - 0.4) ** 2 + (y + 0.3) ** 2))
    return place, (height + 0.02 * torch.randn(count, generator=rng)).unsqueeze(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed + 33)
    width = (64, 48, 96, 80, 56, 128, 72, 40)[seed % 8]
    period = (150, 120, 180, 160, 140, 150, 130, 170)[seed % 8]
    model = nn.Sequential(
        nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
    rate = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, period, eta_min=1e-4)
    place, height = survey(3000, rng)
    for step in range(6 * period - 1):
        take = torch.randint(len(place), (96,), generator=rng)
        loss = nn.functional.mse_loss(model(place[take]), height[take])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        if step % 30 == 0:
            print(f"{step:4d}  {loss.item():.5f}")
    with torch.no_grad():
        place, height = survey(1000, rng)
        print(f"map error {((model(place) - height).square().mean() / height.var()).item():.4f}")


if __name__ == "__main__":
    main()
