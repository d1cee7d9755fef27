"""Which clay body went into the kiln? It is weighed in before the firing; the glaze is chosen at the end of it.

Everything in between is thermocouple readings, the same programme for all. A plain recurrent network.
"""

import argparse
import time
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


@dataclass
class FiringConfig:
    clays: int = 4
    minutes: int = 60
    hidden: int = 64
    init_std: float = 0.02
    n_train: int = 3200
    n_test: int = 400
    batch_size: int = 64
    epochs: int = 20
    lr: float = 7e-4
    clip: float = 1.0
    seed: int = 31


class Firings(Dataset):
    def __init__(self, cfg, n, seed):
        rng = np.random.default_rng(seed)
        self.clay = rng.integers(0, cfg.clays, n)
        minute = np.linspace(0, 1, cfg.minutes)
        curve = np.interp(minute, [0, 0.3, 0.6, 1.0], [-1.0, 0.2, 0.9, 1.0])
        readings = curve[None, :, None] + 0.15 * rng.normal(size=(n, cfg.minutes, 2))
        weighing = np.zeros((n, cfg.minutes, cfg.clays))
        weighing[np.arange(n), 0, self.clay] = 1.0
        weighing[np.arange(n), 1, self.clay] = 1.0
        self.x = np.concatenate([weighing * 3.0, readings], axis=2).astype(np.float32)

    def __len__(self):
        return len(self.clay)

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i]), int(self.clay[i])


def init_weights(module, std):
    for name, p in module.named_parameters(recurse=False):
        if p.dim() > 1:
            nn.init.normal_(p, std=std)
        else:
            nn.init.zeros_(p)


class GlazeChooser(nn.Module):
    def __init__(self, n_in, cfg):
        super().__init__()
        self.project = nn.Linear(n_in, cfg.hidden)
        self.rnn = nn.RNN(cfg.hidden, cfg.hidden, nonlinearity="tanh", batch_first=True)
        self.glaze = nn.Linear(cfg.hidden, cfg.clays)
        for module in self.modules():
            init_weights(module, cfg.init_std)
        nn.init.xavier_normal_(self.project.weight)
        nn.init.xavier_normal_(self.rnn.weight_ih_l0)

    def forward(self, x):
        _, last = self.rnn(self.project(x))
        return self.glaze(last.squeeze(0))


class History:
    def __init__(self):
        self.rows = []

    def add(self, **row):
        self.rows.append(row)
        print("  ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))

    def best(self, key):
        return max(row[key] for row in self.rows)


class Workshop:
    def __init__(self, cfg):
        self.cfg = cfg
        torch.manual_seed(cfg.seed)
        train, test = Firings(cfg, cfg.n_train, cfg.seed), Firings(cfg, cfg.n_test, cfg.seed + 1)
        self.train_loader = DataLoader(train, cfg.batch_size, shuffle=True)
        self.test_loader = DataLoader(test, 200)
        self.model = GlazeChooser(train.x.shape[2], cfg)
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=cfg.lr)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, step_size=8, gamma=0.3)
        self.history = History()

    def fit(self):
        started = time.perf_counter()
        for epoch in range(self.cfg.epochs):
            loss = self._epoch()
            self.scheduler.step()
            self.history.add(epoch=epoch, loss=loss, accuracy=self.test())
        print(f"best accuracy {self.history.best('accuracy'):.3f} after {time.perf_counter() - started:.0f} s")

    def _epoch(self):
        self.model.train()
        losses = []
        for x, clay in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), clay)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.cfg.clip)
            self.optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    @torch.no_grad()
    def test(self):
        self.model.eval()
        right = [(self.model(x).argmax(1) == clay).float() for x, clay in self.test_loader]
        return torch.cat(right).mean().item()


def main():
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    for name, value in asdict(FiringConfig()).items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    Workshop(FiringConfig(**vars(parser.parse_args()))).fit()


if __name__ == "__main__":
    main()
