"""Learns to forecast tomorrow's sales of many shops from their history, with week and season, by a GRU."""

import argparse
import math

import torch
from torch import nn

FAULTS = ("sees_future", "loss_broadcast", "wrong_sign", "axes_swapped", "bad_datum")
METRIC = (r"forecast mse -> ([\d.einfa+-]+)", "lower")


def sales(shops, days):
    """Each shop has its weekday of counting, the town's weekly shape, a slow season and drift."""
    day = torch.arange(days).float()
    week = torch.tensor([-1.2, -0.8, -0.4, -0.1, 0.3, 1.3, 0.9])
    start = torch.randint(7, (shops, 1))
    weekly = week[(start + torch.arange(days)) % 7] * (0.8 + 0.6 * torch.rand(shops, 1))
    phase, strength = torch.rand(shops, 1) * 2 * math.pi, 0.3 + 0.5 * torch.rand(shops, 1)
    season = strength * torch.sin(2 * math.pi * day / 30 + phase)
    drift, level = torch.zeros(shops, days), torch.zeros(shops)
    for t in range(days):
        level = 0.8 * level + 0.35 * torch.randn(shops)
        drift[:, t] = level
    return weekly + season + drift + 0.1 * torch.randn(shops, days)


class Forecaster(nn.Module):
    def __init__(self, hidden, fault=None):
        super().__init__()
        both = fault == "sees_future"
        self.gru = nn.GRU(1, hidden, batch_first=fault != "axes_swapped", bidirectional=both)
        self.read = nn.Linear((1 + both) * hidden, 1)

    def forward(self, history):
        out, _ = self.gru(history.unsqueeze(-1))
        return self.read(out)


def batches(table, size, fault):
    for rows in torch.randperm(len(table)).split(size):
        chunk = table[rows]
        target = chunk[:, 1:].reshape(-1)
        if fault != "loss_broadcast":
            target = target.unsqueeze(1)
        yield chunk[:, :-1], target


def fit(model, table, batch, epochs, lr, fault):
    opt = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-3)
    steps = epochs * math.ceil(len(table) / batch)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: max(0.05, 1 - s / steps))
    mse = nn.MSELoss()
    for epoch in range(epochs):
        seen = 0.0
        for history, target in batches(table, batch, fault):

            def closure(history=history, target=target):
                opt.zero_grad()
                loss = mse(model(history).reshape(-1, 1), target)
                loss = -loss if fault == "wrong_sign" else loss
                loss.backward()
                return loss

            seen += opt.step(closure).item() * len(history)
            sched.step()
        if epoch % 3 == 0:
            print(f"epoch {epoch:3d}   mse {seen / len(table):.4f}")


def main(fault, seed):
    torch.manual_seed(seed)
    hidden = (32, 40, 48, 24, 64)[seed % 5]
    days = (36, 42, 30, 48, 36)[seed % 5]
    batch = (16, 24, 20, 16, 24)[seed % 5]
    table = sales(480, days)
    if fault == "bad_datum":
        table[int(torch.randint(480, ())), days // 2] = float("inf")
    model = Forecaster(hidden, fault)
    fit(model, table, batch, 13 if batch == 16 else 19, 8e-3, fault)
    fresh = sales(300, days)
    with torch.no_grad():
        guess = torch.cat([model(part)[:, -1, 0] for part in fresh[:, :-1].split(60)])
    error = (guess - fresh[:, -1]).pow(2).mean().item()
    print(f"forecast mse -> {error:.4f} (variance {fresh[:, -1].var().item():.3f})")


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("--fault", choices=FAULTS)
    cli.add_argument("--seed", type=int, default=0)
    given = cli.parse_args()
    main(given.fault, given.seed)
