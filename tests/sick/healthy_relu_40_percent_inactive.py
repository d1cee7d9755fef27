"""Learns the power of a wind turbine from wind, angle and air, with a ReLU net of which many units rest at a time."""

import argparse
from itertools import pairwise

import torch
from torch import nn

FAULTS = ()
METRIC = (r"power error ([\d.einfa+-]+) with", "lower")


def turbine(count):
    wind, angle, air, yaw = torch.rand(4, count) * 2 - 1
    speed = 3 * (wind + 1)
    power = torch.where(speed < 1, 0.0, torch.where(speed > 4.5, 1.4, (speed - 1) * 0.4))
    power = power * (1 - 0.6 * angle.abs()) * (1 + 0.2 * air) - 0.4 * yaw.clamp(min=0)
    return torch.stack([wind, angle, air, yaw], 1), power + 0.03 * torch.randn(count)


class Net(nn.Module):
    def __init__(self, hidden, depth):
        super().__init__()
        sizes = [4] + [hidden] * depth
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.out = nn.Linear(hidden, 1)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.normal_(layer.bias, mean=0.25, std=0.1)

    def forward(self, x):
        resting = []
        for layer in self.layers:
            x = layer(x).relu()
            resting.append((x == 0).float().mean().item())
        return self.out(x).squeeze(1), sum(resting) / len(resting)


def main(seed):
    torch.manual_seed(seed)
    net = Net((32, 48, 64, 40)[seed % 4], (2, 3, 4)[seed % 3])
    x, power = turbine(4000)
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 900, eta_min=2e-4)
    for step in range(900):
        rows = torch.randint(4000, (64,))
        guess, resting = net(x[rows])
        loss = nn.functional.mse_loss(guess, power[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 150 == 0:
            print(f"{step}: mse {loss.item():.5f}, {100 * resting:.0f} % of the units at rest")
    x, power = turbine(1000)
    with torch.no_grad():
        guess, resting = net(x)
        error = (guess - power).square().mean().sqrt().item()
    print(f"power error {error:.4f} with {100 * resting:.0f} % at rest")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
