#!/usr/bin/env python3
# Alarm for pipe bursts from short windows of a pressure sensor.
# Bursts are rare, so the score is the average precision, not the accuracy.
import argparse
import math
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)

LENGTH = 128


def pressure_window(rng, burst):
    t = np.arange(LENGTH)
    period = rng.uniform(22, 34)
    phase = rng.uniform(0, 2 * np.pi)
    p = np.sin(2 * np.pi * t / period + phase) + 0.35 * np.sin(4 * np.pi * t / period + 1.7 * phase)
    p = p + 0.01 * rng.normal() * t
    p = p + np.convolve(rng.normal(0, 0.45, LENGTH + 4), np.ones(5) / 5, mode="valid")
    if rng.random() < 0.4:                       # a valve is moved: smooth step, no echo
        at = rng.integers(20, 108)
        p = p + rng.choice([-1, 1]) * rng.uniform(0.5, 1.5) / (1 + np.exp(-(t - at) / 4.0))
    if burst:                                    # sharp drop, slow recovery, weaker echo
        at = rng.integers(15, 90)
        echo = at + rng.integers(9, 16)
        size = rng.uniform(1.1, 2.2)
        for start, amp in ((at, size), (echo, 0.5 * size)):
            dt = t - start
            p = p - amp * np.where(dt >= 0, np.exp(-np.maximum(dt, 0) / 5.0), 0.0)
    return (p - p.mean()) / p.std()


def build(n, rate, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < rate).astype(np.float32)
    x = np.stack([pressure_window(rng, bool(v)) for v in y]).astype(np.float32)
    return TensorDataset(torch.from_numpy(x)[:, None, :], torch.from_numpy(y))


class Encoder(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv1d(1, channels, 9, stride=2, padding=4)
        self.conv2 = nn.Conv1d(channels, channels, 7, stride=2, padding=3)
        self.conv3 = nn.Conv1d(channels, 2 * channels, 5, stride=2, padding=2)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.relu(self.conv3(x))
        return torch.cat([x.mean(-1), x.amax(-1)], dim=1)


class BurstDetector(nn.Module):
    def __init__(self, channels=16, hidden=32):
        super().__init__()
        self.encoder = Encoder(channels)
        self.neck = nn.Linear(4 * channels, hidden)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        z = F.relu(self.neck(self.encoder(x)))
        return self.head(self.drop(z)).squeeze(-1)


def setup_weights(model, prior):
    """He weights; start from the base rate so that the first batches are calm."""
    start = -math.log((1 - prior) / prior)
    for module in model.modules():
        if isinstance(module, (nn.Conv1d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.constant_(module.bias, start)
    nn.init.normal_(model.head.weight, std=0.05)


def focal_loss(logits, target, gamma, alpha):
    ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    p_true = torch.exp(-ce)
    weight = alpha * target + (1 - alpha) * (1 - target)
    return (weight * (1 - p_true) ** gamma * ce).mean()


def average_precision(score, target):
    order = torch.argsort(score, descending=True)
    hit = target[order]
    precision = hit.cumsum(0) / torch.arange(1, len(hit) + 1)
    return ((precision * hit).sum() / hit.sum()).item()


@torch.no_grad()
def test(model, loader, args):
    model.eval()
    scores, targets = [], []
    for x, y in loader:
        scores.append(model(x))
        targets.append(y)
    s, y = torch.cat(scores), torch.cat(targets)
    return focal_loss(s, y, args.gamma, args.alpha).item(), average_precision(s, y)


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--epochs", type=int, default=10)
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--gamma", type=float, default=1.0)
    ap.add_argument("--alpha", type=float, default=0.75)
    ap.add_argument("--rate", type=float, default=0.06)
    ap.add_argument("--prior", type=float, default=0.02)
    ap.add_argument("--seed", type=int, default=3)
    args = ap.parse_args()

    torch.manual_seed(args.seed)
    train = DataLoader(build(5000, args.rate, args.seed), batch_size=args.batch, shuffle=True)
    held = DataLoader(build(2000, args.rate, args.seed + 100), batch_size=500)

    model = BurstDetector()
    setup_weights(model, args.prior)
    optim = torch.optim.RMSprop(model.parameters(), lr=args.lr, alpha=0.95)
    sched = torch.optim.lr_scheduler.StepLR(optim, step_size=4, gamma=0.4)

    start = time.time()
    for epoch in range(args.epochs):
        model.train()
        running = 0.0
        for x, y in train:
            loss = focal_loss(model(x), y, args.gamma, args.alpha)
            optim.zero_grad()
            loss.backward()
            optim.step()
            running += loss.item()
        sched.step()
        held_loss, ap_score = test(model, held, args)
        print(f"[{epoch + 1:02d}/{args.epochs}] loss {running / len(train):.5f}  "
              f"held-out loss {held_loss:.5f}  average precision {ap_score:.3f}  "
              f"({time.time() - start:.1f} s)")


if __name__ == "__main__":
    main()
