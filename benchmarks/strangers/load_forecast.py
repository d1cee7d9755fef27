"""Forecasts tomorrow's electric load, hour by hour, from a week of history (one step at a time)."""

import math
import random
import statistics

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

HISTORY = 72
HORIZON = 12


def simulate_load(hours, seed):
    rnd = random.Random(seed)
    level, wind, out = 0.0, 0.0, []
    for h in range(hours):
        daily = math.sin(2 * math.pi * h / 24) + 0.4 * math.sin(4 * math.pi * h / 24 + 1.0)
        weekend = -0.6 if (h // 24) % 7 >= 5 else 0.0
        level = 0.9 * level + 0.25 * rnd.gauss(0, 1)
        wind = 0.5 * wind + 0.15 * rnd.gauss(0, 1)
        out.append(60 + 12 * (daily + weekend + level + wind))
    return torch.tensor(out)


class Standardizer:
    def __init__(self, series):
        self.mean, self.std = series.mean(), series.std()

    def __call__(self, series):
        return (series - self.mean) / self.std

    def inverse(self, z):
        return z * self.std + self.mean


class SlidingWindows(Dataset):
    """x: HISTORY hours; y: the same window moved on by one hour."""

    def __init__(self, series, stride=3):
        self.series = series
        self.starts = range(0, len(series) - HISTORY - 1, stride)

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, i):
        s = self.starts[i]
        return self.series[s : s + HISTORY].unsqueeze(-1), self.series[s + 1 : s + HISTORY + 1].unsqueeze(-1)


class LoadNet(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.inp = nn.Linear(1, 16)
        self.lstm = nn.LSTM(16, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(2 * hidden, 32), nn.GELU(), nn.Linear(32, 1))

    def forward(self, x):
        z, _ = self.lstm(torch.tanh(self.inp(x)))
        return self.head(z)

    @torch.no_grad()
    def forecast(self, history, steps):
        """Feed the net its own forecasts."""
        seq = history
        for _ in range(steps):
            nxt = self(seq[:, -HISTORY:])[:, -1:]
            seq = torch.cat([seq, nxt], dim=1)
        return seq[:, -steps:]


class EarlyStopping:
    def __init__(self, patience=4):
        self.patience, self.best, self.count, self.weights = patience, math.inf, 0, None

    def update(self, value, model):
        if value < self.best:
            self.best, self.count = value, 0
            self.weights = {k: v.clone() for k, v in model.state_dict().items()}
        else:
            self.count += 1
        return self.count >= self.patience


def main():
    torch.manual_seed(0)
    series = simulate_load(24 * 7 * 26, seed=8)
    cut1, cut2 = int(len(series) * 0.7), int(len(series) * 0.85)
    scale = Standardizer(series[:cut1])
    z = scale(series)
    train_dl = DataLoader(SlidingWindows(z[:cut1]), batch_size=32, shuffle=True)
    valid_dl = DataLoader(SlidingWindows(z[cut1:cut2]), batch_size=64)

    model = LoadNet()
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.88)
    mse = nn.MSELoss()
    stopper = EarlyStopping()
    for epoch in range(12):
        model.train()
        losses = []
        for x, y in train_dl:
            opt.zero_grad()
            loss = mse(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            losses.append(loss.item())
        sched.step()
        model.eval()
        with torch.no_grad():
            valid = statistics.fmean(mse(model(x), y).item() for x, y in valid_dl)
        print(f"[{epoch:02d}] train mse {statistics.fmean(losses):.5f}  valid mse {valid:.5f}")
        if stopper.update(valid, model):
            print("early stop")
            break
    model.load_state_dict(stopper.weights)
    model.eval()

    # back-test on the last part, as it would run in production
    test = z[cut2:]
    starts = range(0, len(test) - HISTORY - HORIZON, 5)
    history = torch.stack([test[s : s + HISTORY] for s in starts]).unsqueeze(-1)
    truth = torch.stack([test[s + HISTORY : s + HISTORY + HORIZON] for s in starts])
    guess = model.forecast(history, HORIZON).squeeze(-1)
    naive = torch.stack([test[s + HISTORY - 24 : s + HISTORY - 24 + HORIZON] for s in starts])
    mae = (scale.inverse(guess) - scale.inverse(truth)).abs().mean().item()
    mae_naive = (scale.inverse(naive) - scale.inverse(truth)).abs().mean().item()
    first = (scale.inverse(guess) - scale.inverse(truth)).abs()[:, 0].mean().item()
    print(f"first hour MAE {first:.3f} MW; same hour yesterday {mae_naive:.3f} MW")
    print(f"back-test MAE over {HORIZON} h: {mae:.4f} MW")


if __name__ == "__main__":
    main()
