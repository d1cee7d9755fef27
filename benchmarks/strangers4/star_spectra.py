"""Sort low-resolution stellar spectra into temperature classes.

The spectra are made up: a black body of the right temperature, a handful of
absorption lines whose depth depends on the temperature, interstellar
reddening and photon noise.
"""
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)


@dataclass
class Settings:
    n_train: int = 3600
    n_test: int = 1200
    bins: int = 72
    width: int = 48
    depth: int = 20
    batch: int = 120
    epochs: int = 16
    lr: float = 0.03
    momentum: float = 0.9
    weight_decay: float = 1e-4
    seed: int = 11


CLASSES = ["B", "A", "F", "G", "K", "M"]
T_RANGE = [(11000, 19000), (7700, 9800), (6200, 7300), (5350, 5950), (4000, 5100), (2700, 3700)]
# centre [nm], width [nm], temperature of greatest depth, spread in log T
LINES = [
    (393.4, 2.0, 4600, 0.20), (430.5, 3.0, 5200, 0.15), (434.0, 2.5, 9200, 0.25),
    (486.1, 2.5, 9300, 0.25), (447.1, 1.8, 17000, 0.20), (516.7, 3.0, 4400, 0.16),
    (589.2, 2.0, 4000, 0.20), (616.0, 6.0, 3200, 0.12), (656.3, 2.5, 9000, 0.30),
    (705.0, 8.0, 3000, 0.12),
]


def planck(nm, temp):
    x = 1.4388e7 / (nm * temp)
    return nm ** -5.0 / np.expm1(x)


class SpectraSet(Dataset):
    def __init__(self, n, bins, seed, stats=None):
        rng = np.random.default_rng(seed)
        nm = np.linspace(385.0, 745.0, bins)
        self.y = torch.from_numpy(rng.integers(0, len(CLASSES), n))
        rows = np.empty((n, bins))
        for i, c in enumerate(self.y.tolist()):
            temp = rng.uniform(*T_RANGE[c])
            flux = planck(nm, temp)
            for centre, width, peak, spread in LINES:
                depth = 0.7 * np.exp(-0.5 * (np.log(temp / peak) / spread) ** 2)
                depth *= rng.uniform(0.6, 1.2)
                flux = flux * (1 - depth * np.exp(-0.5 * ((nm - centre) / (2 * width)) ** 2))
            flux = flux * np.exp(-rng.exponential(0.8) * (550.0 / nm - 0.7))
            flux = flux / flux.mean()
            rows[i] = flux + 0.05 * rng.standard_normal(bins)
        x = torch.tensor(rows, dtype=torch.float32)
        self.stats = stats if stats is not None else (x.mean(0), x.std(0))
        self.x = (x - self.stats[0]) / self.stats[1]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Stage(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)
        nn.init.xavier_normal_(self.inner.weight, gain=nn.init.calculate_gain("tanh"))
        nn.init.normal_(self.outer.weight, std=1.0 / math.sqrt(2 * depth * width))

    def forward(self, x):
        h = torch.tanh(self.inner(x))
        h = self.outer(h)
        return h


class SpectrumNet(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.entry = nn.Linear(cfg.bins, cfg.width)
        self.stages = nn.ModuleList(Stage(cfg.width, cfg.depth) for _ in range(cfg.depth))
        self.exit = nn.Linear(cfg.width, len(CLASSES))

    def forward(self, x):
        x = self.entry(x)
        for stage in self.stages:
            x = stage(x)
        return self.exit(torch.tanh(x))


@torch.no_grad()
def evaluate(net, loader):
    net.eval()
    confusion = torch.zeros(len(CLASSES), len(CLASSES), dtype=torch.long)
    total = 0.0
    for x, y in loader:
        logits = net(x)
        total += nn.functional.cross_entropy(logits, y, reduction="sum").item()
        for t, p in zip(y.tolist(), logits.argmax(1).tolist()):
            confusion[t, p] += 1
    acc = confusion.diagonal().sum().item() / confusion.sum().item()
    return total / confusion.sum().item(), acc, confusion


def train_epoch(net, loader, optimiser, schedule):
    net.train()
    total, seen = 0.0, 0
    for x, y in loader:
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
        schedule.step()
        total += loss.item() * len(y)
        seen += len(y)
    return total / seen


def main():
    cfg = Settings()
    torch.manual_seed(cfg.seed)
    train_set = SpectraSet(cfg.n_train, cfg.bins, cfg.seed)
    test_set = SpectraSet(cfg.n_test, cfg.bins, cfg.seed + 1, train_set.stats)
    train_loader = DataLoader(train_set, batch_size=cfg.batch, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=400)

    net = SpectrumNet(cfg)
    optimiser = torch.optim.SGD(net.parameters(), lr=cfg.lr, momentum=cfg.momentum,
                                weight_decay=cfg.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=cfg.lr, total_steps=cfg.epochs * len(train_loader), pct_start=0.2)

    for epoch in range(1, cfg.epochs + 1):
        train_loss = train_epoch(net, train_loader, optimiser, schedule)
        test_loss, acc, confusion = evaluate(net, test_loader)
        print(f"epoch {epoch:2d}  train loss {train_loss:.4f}  test loss {test_loss:.4f}  accuracy {acc:.3f}")
    print("      " + "".join(f"{c:>5s}" for c in CLASSES))
    for c, row in zip(CLASSES, confusion.tolist()):
        print(f"{c:>5s} " + "".join(f"{v:5d}" for v in row))


if __name__ == "__main__":
    main()
