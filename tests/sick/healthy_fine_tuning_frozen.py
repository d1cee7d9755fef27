"""Learns a new question about small patterned tiles with the frozen body of a net trained on another question."""

import argparse
import math

import torch
from torch import nn
from torch.nn import functional as F

FAULTS = ()
METRIC = (r"new head: ([\d.einfa+-]+) correct", "higher")


def tiles(count, side):
    """Stripes of one of six directions and one of three widths."""
    direction, width = torch.randint(6, (count,)), torch.randint(3, (count,))
    angle = direction * math.pi / 6
    axis = torch.arange(side).float()
    along = angle.cos().view(-1, 1, 1) * axis[:, None] + angle.sin().view(-1, 1, 1) * axis
    wave = 2 * math.pi / torch.tensor([3.0, 4.5, 7.0])[width]
    shift = 2 * math.pi * torch.rand(count, 1, 1)
    x = torch.sin(wave.view(-1, 1, 1) * along + shift) + 0.3 * torch.randn(count, side, side)
    return x.unsqueeze(1), direction, width


def make_body(channels):
    return nn.Sequential(
        nn.Conv2d(1, channels, 5, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
    )


def fit(body, head, optimizer, steps, side, which):
    for step in range(steps):
        x, *answers = tiles(40, side)
        loss = F.cross_entropy(head(body(x)), answers[which])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"  {step}: {loss.item():.4f}")


def main(seed):
    torch.manual_seed(seed)
    channels, side = (16, 20, 24)[seed % 3], (12, 13)[seed % 2]
    body = make_body(channels)
    head = nn.Linear(4 * channels, 6)
    print("first question: direction")
    fit(body, head, torch.optim.Adam([*body.parameters(), *head.parameters()], lr=4e-3), 220, side, 0)

    print("second question: width; the body stays as it is")
    body.requires_grad_(False)
    body.eval()
    head = nn.Sequential(nn.Linear(4 * channels, 32), nn.ReLU(), nn.Linear(32, 3))
    fit(body, head, torch.optim.Adam(head.parameters(), lr=4e-3), 220, side, 1)
    with torch.no_grad():
        x, _, width = tiles(600, side)
        right = (head(body(x)).argmax(1) == width).float().mean().item()
    print(f"new head: {right:.3f} correct")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
