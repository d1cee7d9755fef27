"""Learns a machine's torque from its settings; halfway a second gear comes into use, which must be learned too."""

import argparse

import torch
from torch import nn

FAULTS = ()
METRIC = (r"torque rmse: ([\d.einfa+-]+)", "lower")


def runs(count, second):
    x = torch.randn(count, 5)
    gear = (torch.rand(count) < 0.5) & second
    one = torch.sin(1.5 * x[:, 0]) + 0.6 * x[:, 1] * x[:, 2].tanh()
    two = 3.0 + 1.5 * x[:, 3] - 0.8 * x[:, 0]
    torque = torch.where(gear, two, one) + 0.05 * torch.randn(count)
    return torch.cat([x, gear[:, None].float()], 1), torque


def main(seed):
    torch.manual_seed(seed)
    hidden, batch = (32, 48, 64, 40)[seed % 4], (32, 48, 64)[seed % 3]
    steps = 1100
    change = (400, 450, 350)[seed % 3]
    net = nn.Sequential(
        nn.Linear(6, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1)
    )
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for step in range(steps):
        x, torque = runs(batch, step >= change)
        loss = nn.functional.mse_loss(net(x).squeeze(1), torque)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 100 == 0 or step in (change, change + 30):
            print(f"{step:5d}  {loss.item():.4f}")
    x, torque = runs(1000, True)
    with torch.no_grad():
        rmse = (net(x).squeeze(1) - torque).square().mean().sqrt().item()
    print(f"torque rmse: {rmse:.4f} (spread {torque.std().item():.2f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
