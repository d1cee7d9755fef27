"""Stride length from a shoe-mounted gyroscope.

The recorder stores three angular rates at 25 Hz.  Over a two-second window an
GRU estimates the walker's stride length (m) and the slope of the ground.
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)

RATE_HZ = 25
WINDOW = 50
SETTINGS = {
    "gyro_unit": "rad",
    "walkers": 90,
    "windows_per_walker": 36,
    "held_out_walkers": 18,
    "hidden": 32,
    "batch": 48,
    "epochs": 12,
    "lr": 0.05,
}


class Recorder:
    """Stands in for the logger of the sole: frames of three rates in deg/s."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def walker(self):
        r = self.rng
        return {"leg": r.uniform(0.84, 0.94), "toe_out": r.uniform(-0.25, 0.25),
                "cadence": r.uniform(0.8, 1.1), "roll": r.uniform(0.1, 0.4)}

    def window(self, person):
        r = self.rng
        effort = r.uniform(0.6, 1.4)
        slope = r.uniform(-0.12, 0.12)
        cadence = person["cadence"] * r.uniform(0.9, 1.1)
        swing_share = 0.38 + 0.1 * slope
        phase = (np.arange(WINDOW) / RATE_HZ * cadence + r.random()) % 1.0
        swing = np.clip((phase - (1 - swing_share)) / swing_share, 0.0, 1.0)
        stance = np.clip(phase / (1 - swing_share), 0.0, 1.0)
        amplitude = 3.4 * effort
        pitch = amplitude * np.sin(np.pi * swing) ** 2
        pitch -= amplitude * (0.5 + 2.0 * slope) * np.exp(-0.5 * ((stance - 0.85) / 0.1) ** 2)
        pitch -= 0.4 * amplitude * np.sin(np.pi * stance)
        yaw = person["toe_out"] * pitch + 0.35 * amplitude * np.sin(2 * np.pi * phase)
        roll = amplitude * (person["roll"] * np.sin(2 * np.pi * swing) + 0.3 * np.cos(2 * np.pi * phase))
        rates = np.stack([pitch, roll, yaw], axis=1)
        rates = np.rad2deg(rates) + r.normal(0, 6.0, (WINDOW, 3))
        stride = person["leg"] * (0.55 + 0.75 * effort) - 1.2 * slope
        return rates, (stride, slope)


def to_rad_per_s(rates, unit):
    if unit == "deg":
        return np.deg2rad(rates)
    if unit == "rad":
        return rates
    raise ValueError(f"unknown gyroscope unit {unit!r}")


class GaitWindows(Dataset):
    def __init__(self, recorder, walkers, per_walker, unit):
        windows, labels = [], []
        for _ in range(walkers):
            person = recorder.walker()
            for _ in range(per_walker):
                rates, label = recorder.window(person)
                windows.append(to_rad_per_s(rates, unit))
                labels.append(label)
        self.windows = torch.tensor(np.stack(windows), dtype=torch.float32)
        labels = torch.tensor(labels, dtype=torch.float32)
        self.labels = (labels - torch.tensor([1.15, 0.0])) / torch.tensor([0.2, 0.07])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.windows[i], self.labels[i]


class StrideNet(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gru = nn.GRU(3, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x):
        _, last = self.gru(x)
        return self.head(last[0])


def train_epoch(net, loader, opt):
    net.train()
    total = 0.0
    for x, y in loader:
        opt.zero_grad()
        loss = (net(x) - y).pow(2).mean()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        total += loss.item()
    return total / len(loader)


def test(net, loader):
    net.eval()
    with torch.no_grad():
        pairs = [(net(x), y) for x, y in loader]
    p = torch.cat([a for a, _ in pairs])
    y = torch.cat([b for _, b in pairs])
    return 1 - ((p - y) ** 2).sum(0) / ((y - y.mean(0)) ** 2).sum(0)


def main():
    s = SETTINGS
    torch.manual_seed(2)
    recorder = Recorder(seed=2)
    train_set = GaitWindows(recorder, s["walkers"], s["windows_per_walker"], s["gyro_unit"])
    test_set = GaitWindows(recorder, s["held_out_walkers"], s["windows_per_walker"], s["gyro_unit"])
    train_loader = DataLoader(train_set, batch_size=s["batch"], shuffle=True)
    test_loader = DataLoader(test_set, batch_size=324)

    net = StrideNet(s["hidden"])
    opt = torch.optim.SGD(net.parameters(), lr=s["lr"], momentum=0.9)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.85)
    for epoch in range(1, s["epochs"] + 1):
        loss = train_epoch(net, train_loader, opt)
        sched.step()
        r2 = test(net, test_loader)
        print(f"{epoch:3d}  train {loss:.4f}  held-out R2: stride {r2[0]:+.3f}  slope {r2[1]:+.3f}")


if __name__ == "__main__":
    main()
