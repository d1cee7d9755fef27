"""Telling bearing damage from vibration snippets of a water pump.

Five conditions: sound, outer-race pit, inner-race pit, rolling-element pit,
loose foot.  Each snippet is 512 samples at 6.4 kHz from a simulated casing
sensor.  A small 1-D convolution net is trained on them.
"""
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)
RATE = 6400.0
KINDS = ["sound", "outer", "inner", "element", "loose"]
ORDERS = {"outer": 4.6, "inner": 7.4, "element": 3.1}


@dataclass
class Settings:
    snippets: int = 1600
    held_out: int = 500
    length: int = 512
    channels: int = 16
    epochs: int = 10
    batch: int = 32
    peak_lr: float = 1.5e-3
    weight_decay: float = 0.01
    warmup: int = 40
    seed: int = 5


def snippet(kind, length, rng):
    t = np.arange(length) / RATE
    shaft = rng.uniform(27.0, 33.0)
    wave = 0.5 * np.sin(2 * np.pi * shaft * t + rng.uniform(0, 6.28))
    wave += 0.25 * np.sin(2 * np.pi * 2 * shaft * t + rng.uniform(0, 6.28))
    if kind in ORDERS:
        period = 1.0 / (ORDERS[kind] * shaft)
        start = rng.uniform(0, period)
        for k in range(int(t[-1] / period) + 1):
            hit = start + k * period * (1 + rng.normal(0, 0.01))
            since = t - hit
            ring = np.exp(-since * 900.0) * np.sin(2 * np.pi * 1500.0 * since)
            strength = 1.6
            if kind == "inner":
                strength *= 1 + 0.5 * math.sin(2 * math.pi * shaft * hit)
            wave += strength * np.where(since > 0, ring, 0.0)
    elif kind == "loose":
        wave += 0.5 * np.sin(2 * np.pi * 0.5 * shaft * t + rng.uniform(0, 6.28))
        wave = np.clip(wave, -0.6, 0.9)
    wave = wave + rng.normal(0, 0.35, length)
    return (wave - wave.mean()) / wave.std()


class Snippets(Dataset):
    def __init__(self, count, length, rng):
        labels = rng.integers(0, len(KINDS), count)
        self.labels = torch.as_tensor(labels)
        waves = [snippet(KINDS[k], length, rng) for k in labels]
        self.waves = torch.tensor(np.stack(waves), dtype=torch.float32).unsqueeze(1)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.waves[i], self.labels[i]


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv = nn.Conv1d(c_in, c_out, 9, stride=stride, padding=4, bias=False)
        self.norm = nn.BatchNorm1d(c_out)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class PumpNet(nn.Module):
    def __init__(self, c, classes):
        super().__init__()
        self.body = nn.Sequential(
            Block(1, c, 2), Block(c, c, 2), Block(c, 2 * c, 2), Block(2 * c, 2 * c, 2)
        )
        self.head = nn.Linear(4 * c, classes)

    def forward(self, x):
        h = self.body(x)
        return self.head(torch.cat([h.mean(-1), h.amax(-1)], dim=1))


class Trainer:
    def __init__(self, cfg):
        self.cfg = cfg
        torch.manual_seed(cfg.seed)
        rng = np.random.default_rng(cfg.seed)
        self.train_set = DataLoader(
            Snippets(cfg.snippets, cfg.length, rng), cfg.batch, shuffle=True, drop_last=True
        )
        self.test_set = DataLoader(Snippets(cfg.held_out, cfg.length, rng), 250)
        self.net = PumpNet(cfg.channels, len(KINDS))
        self.total = cfg.epochs * len(self.train_set)
        self.opt = torch.optim.AdamW(
            self.net.parameters(), lr=cfg.peak_lr, weight_decay=cfg.weight_decay
        )
        self.sched = torch.optim.lr_scheduler.LambdaLR(self.opt, self.rate_at)

    def rate_at(self, step):
        cfg = self.cfg
        if step < cfg.warmup:
            return cfg.peak_lr * (step + 1) / cfg.warmup
        done = (step - cfg.warmup) / max(1, self.total - cfg.warmup)
        return cfg.peak_lr * 0.5 * (1 + math.cos(math.pi * done))

    def one_epoch(self):
        self.net.train()
        losses = []
        for waves, labels in self.train_set:
            loss = F.cross_entropy(self.net(waves), labels)
            self.opt.zero_grad(set_to_none=True)
            loss.backward()
            self.opt.step()
            self.sched.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)

    @torch.no_grad()
    def accuracy(self):
        self.net.eval()
        right = sum((self.net(w).argmax(1) == y).sum().item() for w, y in self.test_set)
        return right / self.cfg.held_out

    def fit(self):
        for epoch in range(self.cfg.epochs):
            loss = self.one_epoch()
            print(f"[{epoch + 1:02d}/{self.cfg.epochs}] loss={loss:.4f} held-out accuracy={self.accuracy():.3f}")


if __name__ == "__main__":
    Trainer(Settings()).fit()
