"""How warm a room gets, from weather and heating, by a ReLU net whose units rest for about two inputs in five."""

import argparse

import torch
from torch import nn

METRIC = (r"test error ([\d.einfa+-]+)", "lower")


def rooms(count, rng):
    sun, wind, outside, heating, window = torch.rand(5, count, generator=rng) * 2 - 1
    warm = torch.relu(heating) * 1.5 + torch.relu(sun - 0.2) * (1 - 0.5 * window) + 0.5 * outside
    warm = warm - 0.6 * torch.relu(wind) * torch.relu(window) + 0.03 * torch.randn(count, generator=rng)
    return torch.stack((sun, wind, outside, heating, window), 1), warm.unsqueeze(1)


def net(width, depth):
    layers, size = [], 5
    for _ in range(depth):
        linear = nn.Linear(size, width)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.constant_(linear.bias, 0.4)
        layers += [linear, nn.ReLU()]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, 1))


@torch.no_grad()
def resting(model, x):
    zero = []
    for layer in model:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            zero.append((x == 0).float().mean())
    return torch.stack(zero).mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed + 70)
    width = (64, 48, 96, 32, 80, 128, 56, 72)[seed % 8]
    model = net(width, (3, 4, 3, 5, 2, 3, 4, 2)[seed % 8])
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
    x, y = rooms(4000, rng)
    for step in range(600):
        take = torch.randint(len(x), (64,), generator=rng)
        loss = nn.functional.mse_loss(model(x[take]), y[take])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"{step} {loss.item():.5f} resting {resting(model, x[:500]):.0%}")
    with torch.no_grad():
        x, y = rooms(1000, rng)
        print(f"test error {((model(x) - y).square().mean() / y.var()).item():.5f}")


if __name__ == "__main__":
    main()
