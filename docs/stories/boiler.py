"""Forecast the heat that a boiler gives from eight gauges, read as they come: 96,000 readings, one pass."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

READINGS = 96_000


class Readings(Dataset):
    """Gauges of a plant. Now and then one of them is off the line for a moment."""

    def __init__(self):
        made = torch.Generator().manual_seed(7)
        slow = torch.randn(READINGS // 100 + 1, 8, generator=made).repeat_interleave(100, 0)[:READINGS]
        self.gauges = slow + 0.2 * torch.randn(READINGS, 8, generator=made)
        self.heat = (self.gauges[:, :1] * self.gauges[:, 1:2]).tanh() + self.gauges[:, 2:3]
        self.gauges[67_413, 5] = float("nan")  # the wire of gauge 5 was loose

    def __len__(self):
        return READINGS

    def __getitem__(self, number):
        return self.gauges[number], self.heat[number]


def main():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step, (gauges, heat) in enumerate(DataLoader(Readings(), batch_size=32)):
        loss = nn.functional.mse_loss(model(gauges), heat)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 250 == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    print(f"at the end: {loss.item():.4f}")


main()
