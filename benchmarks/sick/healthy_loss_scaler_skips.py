"""Sorts pen strokes by their shape in mixed precision; the scale of the loss starts high and finds its place."""

import argparse
import math

import torch
from torch import nn

METRIC = (r"strokes right ([\d.einfa+-]+)", "higher")


def strokes(count, points, rng):
    """Line, arc, wave or hook, turned and shaky, as points in a row."""
    kind = torch.randint(4, (count,), generator=rng)
    t = torch.linspace(-1, 1, points)
    paths = torch.stack(
        [
            torch.stack((t, 0 * t)),
            torch.stack((t, 0.8 * t * t - 0.4)),
            torch.stack((t, 0.4 * torch.sin(3.5 * t))),
            torch.stack((t.clamp(max=0.4), 1.2 * (t - 0.4).clamp(min=0))),
        ]
    )
    angle = 2 * math.pi * torch.rand(count, generator=rng)
    turn = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), 1).view(count, 2, 2)
    rows = turn @ paths[kind] + 0.06 * torch.randn(count, 2, points, generator=rng)
    return rows.flatten(1), kind


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed + 44)
    width = (64, 96, 128, 80, 48, 112, 72, 88)[seed % 8]
    points = (16, 20, 12, 24, 16, 14, 18, 20)[seed % 8]
    model = nn.Sequential(
        nn.Linear(2 * points, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24, growth_interval=150)
    criterion = nn.CrossEntropyLoss()
    for step in range(500):
        x, y = strokes(64, points, rng)
        with torch.autocast("cpu", dtype=torch.float16):
            out = model(x)
        loss = criterion(out.float(), y)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        if step % 50 == 0:
            print(f"{step}: loss {loss.item():.4f}, scale {scaler.get_scale():.0f}")
    model.eval()
    with torch.no_grad():
        x, y = strokes(1000, points, rng)
        print(f"strokes right {(model(x).argmax(1) == y).float().mean().item():.3f}")


if __name__ == "__main__":
    main()
