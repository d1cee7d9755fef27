"""Forecasts the tide three hours ahead, at every hour of a stretch, from smoothed level and wind, with a GRU."""

import argparse
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

FAULTS = (
    "axes_swapped",
    "sees_future",
    "loss_broadcast",
    "bad_datum",
    "zero_grad_before_step",
)
METRIC = (r"test rmse ([\d.einfa+-]+) m", "lower")

AHEAD = 3


def harbour(hours, rng):
    """Hourly level in metres, hourly wind; each stretch has constituents and phases of its own."""
    time = torch.arange(hours).float()
    level = torch.zeros(hours)
    for period, height in ((12.42, 0.9), (7.1, 0.5), (25.8, 0.3)):
        turn = 2 * math.pi * torch.rand((), generator=rng)
        size = height * (0.6 + 0.8 * torch.rand((), generator=rng))
        level = level + size * torch.sin(2 * math.pi * time / period + turn)
    gusts = torch.randn(hours, generator=rng)
    wind, surge, calm = [], [], 0.0
    for gust in gusts.tolist():
        calm = 0.6 * calm + gust
        wind.append(calm)
        surge.append(0.8 * (surge[-1] if surge else 0.0) + 0.06 * calm)
    return level + torch.tensor(surge), torch.tensor(wind) / 1.25


class Stretches(Dataset):
    def __init__(self, count, length, rng):
        pairs = [harbour(length + AHEAD, rng) for _ in range(count)]
        level = torch.stack([pair[0] for pair in pairs])
        wind = torch.stack([pair[1] for pair in pairs])
        self.inputs = torch.stack((level, wind), dim=-1)[:, :length]
        self.targets = level[:, AHEAD:]

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        return self.inputs[index], self.targets[index]


class TideNet(nn.Module):
    """Smooths the last hours, then a GRU and a line from its state to the level to come."""

    def __init__(self, hidden, kernel, fault):
        super().__init__()
        self.smooth = nn.Conv1d(2, 8, kernel)
        self.gru = nn.GRU(8, hidden, batch_first=fault != "axes_swapped")
        self.out = nn.Linear(hidden, 1)
        self.centred = fault == "sees_future"

    def forward(self, x):
        pad = self.smooth.kernel_size[0] - 1
        sides = (pad // 2, pad - pad // 2) if self.centred else (pad, 0)
        x = self.smooth(F.pad(x.transpose(1, 2), sides)).transpose(1, 2)
        states, _ = self.gru(x)
        return self.out(states)


def squared_error(net, x, y, fault):
    out = net(x).reshape(-1, 1)
    target = y.reshape(-1) if fault == "loss_broadcast" else y.reshape(-1, 1)
    return ((out - target) ** 2).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault", type=str, choices=FAULTS)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(31 + args.seed)
    hidden = (48, 32, 64, 24, 40)[args.seed % 5]
    length = (36, 44, 32, 52, 40)[args.seed % 5]
    batch = (20, 24, 20, 16, 24)[args.seed % 5]
    kernel = (7, 9, 7, 7, 9)[args.seed % 5]

    train, test = Stretches(640, length, rng), Stretches(160, length, rng)
    if args.fault == "bad_datum":
        train.inputs[402, 11, 0] = float("nan")
    loader = DataLoader(train, batch_size=batch, shuffle=True, drop_last=True)
    net = TideNet(hidden, kernel, args.fault)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    total = 320
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=total, pct_start=0.2)
    step = 0
    while step < total:
        for x, y in loader:
            optimizer.zero_grad()
            loss = squared_error(net, x, y, args.fault)
            loss.backward()
            if args.fault == "zero_grad_before_step":
                optimizer.zero_grad()
            optimizer.step()
            scheduler.step()
            step += 1
            if step % 40 == 0:
                print(f"hour {step:4d}: squared error {loss.item():.4f}")
            if step == total:
                break

    net.eval()
    with torch.no_grad():
        x, y = test.inputs, test.targets
        rmse = (net(x).squeeze(-1) - y).pow(2).mean().sqrt().item()
    print(f"test rmse {rmse:.4f} m")


if __name__ == "__main__":
    main()
