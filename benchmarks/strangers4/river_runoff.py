# Rain and temperature of the last months -> discharge of a small river.
# The recurrent layer is written by hand: each unit is a little storage whose
# emptying time is set at the start and then learned together with the rest.
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)


@dataclass
class Setup:
    window: int = 80          # days
    dt: float = 1.0           # days
    tau_min: float = 4.0      # days
    tau_max: float = 40.0     # days
    units: int = 24
    batch: int = 64
    epochs: int = 14
    lr: float = 2e-3
    seed: int = 17


def simulate(n_days, seed):
    """Snow store, quick store and slow store, after the usual bucket models."""
    rng = np.random.default_rng(seed)
    day = np.arange(n_days)
    temp = 6 - 9 * np.cos(2 * np.pi * day / 365.0) + rng.normal(0, 2.5, n_days)
    wet = np.zeros(n_days, dtype=bool)
    for d in range(1, n_days):
        wet[d] = rng.random() < (0.6 if wet[d - 1] else 0.25)
    rain = np.where(wet, rng.gamma(0.8, 9.0, n_days), 0.0)
    snow, quick, slow = 0.0, 5.0, 40.0
    flow = np.empty(n_days)
    for d in range(n_days):
        if temp[d] < 0:
            snow, water = snow + rain[d], 0.0
        else:
            melt = min(snow, 2.2 * temp[d])
            snow, water = snow - melt, rain[d] + melt
        water = max(0.0, water - max(0.0, 0.12 * temp[d]))
        quick += 0.6 * water
        slow += 0.4 * water
        flow[d] = quick / 4.0 + slow / 30.0
        quick -= quick / 4.0
        slow -= slow / 30.0
    return np.stack([rain, temp], 1).astype(np.float32), flow.astype(np.float32)


class Catchment(Dataset):
    def __init__(self, n_days, window, seed, scale=None):
        weather, flow = simulate(n_days, seed)
        self.weather, self.flow = torch.from_numpy(weather), torch.from_numpy(flow)
        if scale is None:
            scale = (self.weather[:, 0].std(), self.weather[:, 1].mean(), self.weather[:, 1].std(),
                     self.flow.mean(), self.flow.std())
        self.scale = scale
        rain_std, t_mean, t_std, f_mean, f_std = scale
        self.weather[:, 0] /= rain_std
        self.weather[:, 1] = (self.weather[:, 1] - t_mean) / t_std
        self.flow = (self.flow - f_mean) / f_std
        self.window = window

    def __len__(self):
        return (len(self.flow) - self.window) // 2

    def __getitem__(self, i):
        a = 2 * i
        return self.weather[a:a + self.window], self.flow[a + self.window - 1]


class StorageCell(nn.Module):
    def __init__(self, n_in, cfg):
        super().__init__()
        n = cfg.units
        tau = torch.logspace(math.log10(cfg.tau_min), math.log10(cfg.tau_max), n)
        rate = cfg.dt / tau
        self.w_in = nn.Parameter(torch.randn(n_in, n) * rate)
        self.w_rec = nn.Parameter(torch.diag(1.0 + rate) + 0.01 * torch.randn(n, n) / math.sqrt(n))
        self.bias = nn.Parameter(torch.zeros(n))

    def forward(self, x, h):
        return torch.relu(x @ self.w_in + h @ self.w_rec + self.bias)


class RunoffModel(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.lift = nn.Sequential(nn.Linear(2, 16), nn.Tanh())
        self.cell = StorageCell(16, cfg)
        self.out = nn.Linear(cfg.units, 1)
        self.units = cfg.units
        nn.init.normal_(self.out.weight, std=0.05)
        nn.init.zeros_(self.out.bias)

    def forward(self, weather):
        h = weather.new_zeros(len(weather), self.units)
        drive = self.lift(weather)
        for t in range(weather.shape[1]):
            h = self.cell(drive[:, t], h)
        return self.out(h).squeeze(-1)


def nash_sutcliffe(model, loader):
    model.eval()
    pred, seen = [], []
    with torch.no_grad():
        for weather, flow in loader:
            pred.append(model(weather))
            seen.append(flow)
    pred, seen = torch.cat(pred), torch.cat(seen)
    return 1 - ((pred - seen) ** 2).sum().item() / ((seen - seen.mean()) ** 2).sum().item()


def main():
    cfg = Setup()
    torch.manual_seed(cfg.seed)
    train_set = Catchment(365 * 12, cfg.window, cfg.seed)
    test_set = Catchment(365 * 4, cfg.window, cfg.seed + 1, train_set.scale)
    train = DataLoader(train_set, batch_size=cfg.batch, shuffle=True)
    test = DataLoader(test_set, batch_size=256)

    model = RunoffModel(cfg)
    opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, cfg.epochs)
    for epoch in range(cfg.epochs):
        model.train()
        losses = []
        for weather, flow in train:
            opt.zero_grad()
            loss = nn.functional.mse_loss(model(weather), flow)
            loss.backward()
            opt.step()
            losses.append(loss.item())
        sched.step()
        print(f"epoch {epoch + 1:2d}  loss {np.mean(losses):10.4g}  Nash-Sutcliffe {nash_sutcliffe(model, test):10.4g}")


if __name__ == "__main__":
    main()
