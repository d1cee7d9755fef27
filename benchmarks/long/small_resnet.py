"""Ten kinds of blobs on pictures of 32 by 32: a residual network with batch norm, momentum and a schedule."""

import argparse
import time

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        plain = stride == 1 and inside == outside
        self.past = nn.Identity() if plain else nn.Conv2d(inside, outside, 1, stride, bias=False)

    def forward(self, x):
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.past(x) + self.norm2(self.conv2(y)))


def network():
    blocks = [Block(16, 16, 1), Block(16, 32, 2), Block(32, 32, 1), Block(32, 64, 2), Block(64, 64, 1)]
    first = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*first, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def batch(rows, patterns):
    kind = torch.randint(10, (rows,))
    shift = [int(n) for n in torch.randint(-6, 7, (2,))]
    return patterns[kind].roll(shift, (2, 3)) + torch.randn(rows, 3, 32, 32), kind


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=350)
    given = parser.parse_args()
    torch.manual_seed(0)
    patterns = nn.functional.interpolate(torch.randn(10, 3, 6, 6), size=32, mode="bilinear")
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, given.steps)
    began = time.perf_counter()
    for _ in range(given.steps):
        x, kind = batch(64, patterns)
        loss = nn.functional.cross_entropy(model(x), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    print(f"trained in {time.perf_counter() - began:.3f} s, loss {loss.item():.3f}")


main()
