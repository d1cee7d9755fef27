"""Learns the gears of a machine exactly: a smooth task without noise, trained until hardly any gradient is left."""

import argparse

import torch
from torch import nn

METRIC = (r"largest deviation ([\d.einfa+-]+)", "lower")


def gears(count, size, rng, ratios):
    speed = torch.randn(count, size, generator=rng)
    return speed, speed @ ratios


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed + 11)
    size = (24, 32, 40, 16, 48, 28, 36, 20)[seed % 8]
    outputs = (8, 6, 12, 4, 10, 5, 7, 9)[seed % 8]
    ratios = torch.randn(size, outputs, generator=rng)
    x, y = gears(1024, size, rng, ratios)
    model = nn.Linear(size, outputs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    rate = torch.optim.lr_scheduler.StepLR(optimizer, 10, gamma=0.5)
    for epoch in range(50):
        for rows in torch.randperm(len(x)).split(64):
            loss = nn.functional.mse_loss(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        rate.step()
        if epoch % 5 == 0:
            print(f"epoch {epoch}: {loss.item():.3e}")
    with torch.no_grad():
        x, y = gears(500, size, rng, ratios)
        print(f"largest deviation {(model(x) - y).abs().max().item():.3e}")


if __name__ == "__main__":
    main()
