"""A net that tells waveforms apart is frozen; a new head on it learns, from few examples, to tell pitches apart."""

import argparse
import math

import torch
from torch import nn

METRIC = (r"new task acc ([\d.einfa+-]+)", "higher")

LENGTH = 64


def waves(count, rng):
    """Sine, square, saw or pulses, of any pitch and phase."""
    kind = torch.randint(4, (count,), generator=rng)
    pitch = 2 + 4 * torch.rand(count, 1, generator=rng)
    turn = pitch * torch.arange(LENGTH) / LENGTH + torch.rand(count, 1, generator=rng)
    part = turn % 1
    shapes = [torch.sin(2 * math.pi * turn), (part < 0.5) * 2.0 - 1, 2 * part - 1, (part < 0.15) * 2.0 - 0.3]
    rows = torch.stack(shapes)[kind, torch.arange(count)]
    return (rows + 0.2 * torch.randn(count, LENGTH, generator=rng)).unsqueeze(1), kind


def fast_or_slow(count, rng):
    """The new task: which of three pitches a wave of any kind has."""
    which = torch.randint(3, (count,), generator=rng)
    pitch = torch.tensor([2.0, 3.5, 6.0])[which, None] * (1 + 0.1 * torch.rand(count, 1, generator=rng))
    turn = pitch * torch.arange(LENGTH) / LENGTH + torch.rand(count, 1, generator=rng)
    square = torch.rand(count, 1, generator=rng) < 0.5
    rows = torch.where(square, (turn % 1 < 0.5) * 2.0 - 1, torch.sin(2 * math.pi * turn))
    return (rows + 0.2 * torch.randn(count, LENGTH, generator=rng)).unsqueeze(1), which


def backbone(channels):
    return nn.Sequential(
        nn.Conv1d(1, channels, 7, padding=3),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(channels, channels, 5, padding=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(4),
        nn.Flatten(),
    )


def fit(model, parameters, data, steps, batch, name):
    rows, labels = data
    optimizer = torch.optim.Adam(parameters, lr=3e-3)
    for step in range(steps):
        take = torch.randint(len(rows), (batch,))
        loss = nn.functional.cross_entropy(model(rows[take]), labels[take])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 60 == 0:
            print(f"{name} {step}: {loss.item():.4f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed + 2)
    channels = (16, 24, 32, 20, 28, 18, 12, 36)[seed % 8]
    batch = (32, 48, 24, 40, 32, 64, 32, 24)[seed % 8]
    features = backbone(channels)
    first = nn.Sequential(features, nn.Linear(4 * channels, 4))
    fit(first, first.parameters(), waves(2000, rng), 200, batch, "waveforms")

    features.requires_grad_(False)
    features.eval()
    head = nn.Sequential(nn.Linear(4 * channels, 48), nn.ReLU(), nn.Linear(48, 3))
    fit(nn.Sequential(features, head), head.parameters(), fast_or_slow(500, rng), 240, batch, "pitches")
    with torch.no_grad():
        rows, which = fast_or_slow(600, rng)
        print(f"new task acc {(head(features(rows)).argmax(1) == which).float().mean().item():.3f}")


if __name__ == "__main__":
    main()
