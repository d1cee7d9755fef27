"""Recognise gestures from a wristband (6 channel IMU): conv front end + GRU."""

import argparse
import copy
import itertools
import logging
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, random_split

LOGGER = logging.getLogger("wristband")
MOVES = ("shake", "twist", "tap")
GESTURES = list(itertools.permutations(range(3)))  # a gesture is the three moves in some order


@dataclass
class Config:
    samples: int = 1500
    length: int = 48
    channels: int = 6
    conv_width: int = 24
    hidden: int = 48
    batch_size: int = 32
    epochs: int = 10
    lr: float = 3e-3
    label_smoothing: float = 0.02
    patience: int = 6
    seed: int = 29


def move_signal(kind, n, channels, rng):
    t = np.arange(n) / n
    signal = np.zeros((n, channels))
    amp, phase = rng.uniform(0.8, 1.3), rng.uniform(0, 2 * np.pi)
    if kind == 0:
        signal[:, 0] = amp * np.sin(2 * np.pi * rng.uniform(3.5, 4.5) * t + phase)
        signal[:, 1] = 0.5 * amp * np.cos(2 * np.pi * rng.uniform(3.5, 4.5) * t + phase)
    elif kind == 1:
        signal[:, 3] = amp * np.sin(np.pi * t)
        signal[:, 4] = -0.6 * amp * np.sin(np.pi * t)
    else:
        hit = rng.integers(n // 4, 3 * n // 4)
        signal[:, 2] = 2.0 * amp * np.exp(-0.5 * ((np.arange(n) - hit) / 1.2) ** 2)
    return signal


class GestureDataset(Dataset):
    def __init__(self, cfg):
        rng = np.random.default_rng(cfg.seed)
        self.items = []
        for _ in range(cfg.samples):
            label = int(rng.integers(len(GESTURES)))
            cuts = np.array([0, cfg.length // 3, 2 * cfg.length // 3, cfg.length])
            cuts[1:3] += rng.integers(-3, 4, 2)
            parts = [
                move_signal(kind, b - a, cfg.channels, rng)
                for kind, a, b in zip(GESTURES[label], cuts[:-1], cuts[1:])
            ]
            recording = np.concatenate(parts) + rng.normal(0, 0.2, (cfg.length, cfg.channels))
            self.items.append((torch.tensor(recording, dtype=torch.float32), label))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class FrontEnd(nn.Module):
    """(batch, time, channels) -> (batch, time, features)"""

    def __init__(self, channels, width):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2),
            nn.GroupNorm(4, width),
            nn.GELU(),
            nn.Conv1d(width, width, 3, padding=1),
            nn.GELU(),
        )

    def forward(self, x):
        return self.net(x.transpose(1, 2)).transpose(1, 2)


class GestureNet(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.front = FrontEnd(cfg.channels, cfg.conv_width)
        self.gru = nn.GRU(cfg.conv_width, cfg.hidden)
        self.classifier = nn.Sequential(nn.LayerNorm(cfg.hidden), nn.Linear(cfg.hidden, len(GESTURES)))

    def forward(self, x):
        states, _ = self.gru(self.front(x))
        return self.classifier(states[:, -1])


class Trainer:
    def __init__(self, model, cfg):
        self.model, self.cfg = model, cfg
        self.loss_fn = nn.CrossEntropyLoss(label_smoothing=cfg.label_smoothing)
        self.opt = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=1e-3)
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(self.opt, factor=0.5, patience=2)
        self.snapshots = {}

    def run_epoch(self, loader, train):
        self.model.train(train)
        loss_sum, hits, n = 0.0, 0, 0
        with torch.set_grad_enabled(train):
            for x, y in loader:
                logits = self.model(x)
                loss = self.loss_fn(logits, y)
                if train:
                    self.opt.zero_grad()
                    loss.backward()
                    nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
                    self.opt.step()
                loss_sum += loss.item() * len(y)
                hits += (logits.argmax(1) == y).sum().item()
                n += len(y)
        return loss_sum / n, hits / n

    def fit(self, train_loader, val_loader):
        waited, best = 0, float("inf")
        for epoch in range(self.cfg.epochs):
            train_loss, train_acc = self.run_epoch(train_loader, True)
            val_loss, val_acc = self.run_epoch(val_loader, False)
            self.plateau.step(val_loss)
            LOGGER.info(
                "epoch %02d train %.3f/%.3f  val %.3f/%.3f  lr %.1e",
                epoch,
                train_loss,
                train_acc,
                val_loss,
                val_acc,
                self.opt.param_groups[0]["lr"],
            )
            if val_loss < best:
                best, waited = val_loss, 0
                self.snapshots["best"] = {
                    "epoch": epoch,
                    "acc": val_acc,
                    "weights": copy.deepcopy(self.model.state_dict()),
                }
            else:
                waited += 1
            if waited > self.cfg.patience:
                break
        self.model.load_state_dict(self.snapshots["best"]["weights"])
        return self.snapshots["best"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in asdict(Config()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    cfg = Config(**vars(parser.parse_args()))
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    torch.manual_seed(cfg.seed)

    data = GestureDataset(cfg)
    n_val = len(data) // 5
    train_set, val_set = random_split(data, [len(data) - n_val, n_val])
    train_loader = DataLoader(train_set, batch_size=cfg.batch_size, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=cfg.batch_size)
    best = Trainer(GestureNet(cfg), cfg).fit(train_loader, val_loader)
    LOGGER.info("best epoch %d, accuracy %.3f over %d gestures", best["epoch"], best["acc"], len(GESTURES))


if __name__ == "__main__":
    main()
