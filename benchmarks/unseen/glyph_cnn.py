"""Tiny convolutional reader for hand-stamped warehouse glyphs (16x16 grey pictures)."""
import argparse
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

FAULTS = ("dead_units", "frozen", "double_softmax", "clip_too_tight", "step_too_large", "no_signal")
METRIC = (r"final held-out cross entropy = ([\d.einfa+-]+)", "lower")


def draw(kind, rng, side=16):
    """One glyph: a stroke drawing, moved, thickened and made dirty."""
    yy, xx = np.mgrid[0:side, 0:side].astype(np.float32)
    cx, cy = rng.uniform(6, 10, 2)
    r = rng.uniform(3.5, 5.0)
    u, v = xx - cx, yy - cy
    inside = (abs(u) <= r) & (abs(v) <= r)
    if kind == 0:      # ring
        d = abs(np.hypot(u, v) - r)
    elif kind == 1:    # square
        d = abs(np.maximum(abs(u), abs(v)) - r)
    elif kind == 2:    # plus
        d = np.where(inside, np.minimum(abs(u), abs(v)), 9)
    elif kind == 3:    # cross
        d = np.where(inside, np.minimum(abs(u - v), abs(u + v)) / 1.4, 9)
    elif kind == 4:    # T
        d = np.where(inside, np.minimum(abs(u), abs(v + r)), 9)
    elif kind == 5:    # L
        d = np.where(inside, np.minimum(abs(u + r), abs(v - r)), 9)
    elif kind == 6:    # rhombus
        d = abs(abs(u) + abs(v) - r) / 1.4
    else:              # two bars
        d = np.where(inside, np.minimum(abs(v - r / 2), abs(v + r / 2)), 9)
    ink = np.exp(-(d / rng.uniform(0.6, 1.0)) ** 2) * rng.uniform(0.7, 1.0)
    return ink + rng.normal(0, 0.15, (side, side))


class Glyphs(Dataset):
    def __init__(self, n, kinds, rng):
        self.y = rng.integers(0, kinds, n)
        pics = np.stack([draw(k, rng) for k in self.y]).astype(np.float32)
        self.x = torch.from_numpy((pics - 0.2) / 0.35)[:, None]
        self.y = torch.from_numpy(self.y)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def block(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout),
                         nn.ReLU(), nn.MaxPool2d(2))


class Reader(nn.Module):
    def __init__(self, kinds, width, fault):
        super().__init__()
        self.body = nn.Sequential(block(1, width), block(width, 2 * width), block(2 * width, 2 * width))
        self.head = nn.Linear(2 * width * 4, kinds)
        self.softmax = fault == "double_softmax"
        if fault == "dead_units":
            for m in self.modules():
                if isinstance(m, nn.BatchNorm2d):
                    nn.init.constant_(m.bias, -10.0)
        if fault == "frozen":
            for p in self.parameters():
                p.requires_grad = False

    def forward(self, x):
        z = self.head(self.body(x).flatten(1))
        return z.softmax(1) if self.softmax else z


def evaluate(net, loader):
    net.eval()
    total, right, n = 0.0, 0, 0
    with torch.no_grad():
        for x, y in loader:
            z = net(x)
            total += F.cross_entropy(z, y, reduction="sum").item()
            right += (z.argmax(1) == y).sum().item()
            n += len(y)
    return total / n, right / n


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--fault", choices=FAULTS, default=None)
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    kinds = (6, 8, 7, 8, 6)[a.seed % 5]
    width = (10, 8, 12, 9, 8)[a.seed % 5]
    train, test = Glyphs(640, kinds, rng), Glyphs(500, kinds, rng)
    if a.fault == "no_signal":
        train.y = train.y[torch.randperm(len(train.y))]
    feed = DataLoader(train, batch_size=32, shuffle=True)
    hold = DataLoader(test, batch_size=250)
    net = Reader(kinds, width, a.fault)
    lr = 0.04 * (100 if a.fault == "step_too_large" else 1)
    opt = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, nesterov=True)
    epochs = 18
    sched = torch.optim.lr_scheduler.StepLR(opt, step_size=7, gamma=0.3)
    limit = 1e-4 if a.fault == "clip_too_tight" else 10.0
    for epoch in range(epochs):
        net.train()
        seen, pull = 0.0, 0.0
        for x, y in feed:
            x.requires_grad_()  # how much the loss hangs on single pixels, for the log
            opt.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), limit)
            opt.step()
            seen += loss.item() / len(feed)
            pull += x.grad.abs().sum(dim=(1, 2, 3)).mean().item() * math.sqrt(len(x)) / len(feed)
        sched.step()
        if epoch % 3 == 2:
            nll, acc = evaluate(net, hold)
            print(f"epoch {epoch + 1:2d} train {seen:.4f} held-out {nll:.4f} right {acc:.3f} pixel pull {pull:.3g}")
    print(f"final held-out cross entropy = {evaluate(net, hold)[0]:.4f}")


if __name__ == "__main__":
    main()
