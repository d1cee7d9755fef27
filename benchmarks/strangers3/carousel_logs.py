"""Storage carousel with five trays: follow from the drive log which tray stands at the hatch.

A job starts with the carousel homed to tray 0. Each entry of the log is one movement, read off a noisy current sensor.
"""

import json
import sys
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

TRAYS = 5
MOVES = (-2, -1, 0, 1, 2)


@dataclass
class Setup:
    entries: int = 9
    jobs: int = 4096
    test_jobs: int = 512
    batch_size: int = 64
    hidden: int = 64
    epochs: int = 22
    lr: float = 4e-3
    clip: float = 1.0
    seed: int = 40


class DriveLog(Dataset):
    def __init__(self, n, entries, rng):
        pick = rng.integers(0, len(MOVES), (n, entries))
        self.tray = torch.from_numpy(np.cumsum(np.asarray(MOVES)[pick], axis=1) % TRAYS)
        current = np.eye(len(MOVES), dtype=np.float32)[pick]
        current += rng.normal(0, 0.1, current.shape).astype(np.float32)
        self.current = torch.from_numpy(current)

    def __len__(self):
        return len(self.tray)

    def __getitem__(self, job):
        return self.current[job], self.tray[job]


class GatedMemory(nn.Module):
    """Two stacked cells that remember where the carousel is between calls."""

    def __init__(self, n_in, hidden):
        super().__init__()
        self.cells = nn.ModuleList([nn.GRUCell(n_in, hidden), nn.GRUCell(hidden, hidden)])
        self.hidden = hidden
        self.memory = None

    def reset(self):
        self.memory = None

    def forward(self, x):
        batch = x.size(0)
        if self.memory is None or self.memory[0].size(0) != batch:
            self.memory = [x.new_zeros(batch, self.hidden) for _ in self.cells]
        states = [m.detach() for m in self.memory]
        out = []
        for step in x.unbind(1):
            for k, cell in enumerate(self.cells):
                states[k] = step = cell(step, states[k])
            out.append(step)
        self.memory = states
        return torch.stack(out, dim=1)


class TrayTracker(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.memory = GatedMemory(len(MOVES), cfg.hidden)
        self.readout = nn.Sequential(nn.Linear(cfg.hidden, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, TRAYS))

    def forward(self, current):
        return self.readout(self.memory(current))

    def reset(self):
        self.memory.reset()


def one_pass(tracker, loader, optimizer=None, scheduler=None, clip=None):
    tracker.train(optimizer is not None)
    tracker.reset()
    total = dict(loss=0.0, entry=0.0, last=0.0)
    with torch.set_grad_enabled(optimizer is not None):
        for current, tray in loader:
            logits = tracker(current)
            loss = F.cross_entropy(logits.flatten(0, 1), tray.flatten())
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(tracker.parameters(), clip)
                optimizer.step()
                scheduler.step()
            right = (logits.argmax(-1) == tray).float()
            total["loss"] += loss.item() / len(loader)
            total["entry"] += right.mean().item() / len(loader)
            total["last"] += right[:, -1].mean().item() / len(loader)
    return total


def main(argv):
    cfg = Setup()
    for item in argv:
        key, _, value = item.partition("=")
        setattr(cfg, key, type(getattr(cfg, key))(value))
    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    train_loader = DataLoader(DriveLog(cfg.jobs, cfg.entries, rng), cfg.batch_size, shuffle=True, drop_last=True)
    test_loader = DataLoader(DriveLog(cfg.test_jobs, cfg.entries, rng), cfg.batch_size)

    tracker = TrayTracker(cfg)
    optimizer = torch.optim.AdamW(tracker.parameters(), lr=cfg.lr, weight_decay=1e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=cfg.lr, total_steps=cfg.epochs * len(train_loader), pct_start=0.2
    )
    for epoch in range(cfg.epochs):
        fit = one_pass(tracker, train_loader, optimizer, scheduler, cfg.clip)
        test = one_pass(tracker, test_loader)
        line = {"epoch": epoch, "loss": round(fit["loss"], 4)}
        line |= {f"test_{key}": round(value, 4) for key, value in test.items()}
        print(json.dumps(line))


if __name__ == "__main__":
    main(sys.argv[1:])
