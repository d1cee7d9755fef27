"""Learns to name waveforms (sine, square, saw) in noise, adding up the gradients of several small batches a step."""

import argparse
import math

import torch
import torch.nn.functional as F
from torch import nn

FAULTS = ()
METRIC = (r"waveforms named right: ([\d.einfa+-]+)", "higher")


def waves(count, points):
    kind = torch.randint(3, (count,))
    t = torch.arange(points) / points
    turn = (torch.rand(count, 1) + (2 + 2 * torch.rand(count, 1)) * t) % 1
    sine = torch.sin(2 * math.pi * turn)
    shapes = torch.stack([sine, sine.sign(), 2 * turn - 1])
    x = shapes[kind, torch.arange(count)] + 0.35 * torch.randn(count, points)
    return x, kind


def main(seed):
    torch.manual_seed(seed)
    points = (48, 64, 56)[seed % 3]
    micro, times = ((8, 4), (16, 4), (8, 8), (4, 8))[seed % 4]
    net = nn.Sequential(
        nn.Conv1d(1, 12, 5, padding=2),
        nn.ReLU(),
        nn.Conv1d(12, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(4),
        nn.Flatten(),
        nn.Linear(64, (24, 32, 40)[seed % 3]),
        nn.ReLU(),
        nn.Linear((24, 32, 40)[seed % 3], 3),
    )
    opt = torch.optim.AdamW(net.parameters(), lr=4e-3)
    opt.zero_grad()
    shown = 0.0
    for i in range(220 * times):
        x, kind = waves(micro, points)
        loss = F.cross_entropy(net(x.unsqueeze(1)), kind) / times
        loss.backward()
        shown += loss.item()
        if (i + 1) % times == 0:
            opt.step()
            opt.zero_grad()
            if (i + 1) % (times * 40) == 0:
                print(f"update {(i + 1) // times}: loss {shown / 40:.4f}")
                shown = 0.0
    with torch.no_grad():
        x, kind = waves(900, points)
        right = (net(x.unsqueeze(1)).argmax(1) == kind).float().mean().item()
    print(f"waveforms named right: {right:.3f}")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    main(p.parse_args().seed)
