"""Learns a calibration curve of a thermometer on a full batch until nothing more is to be learned."""

import argparse

import torch
from torch import nn

FAULTS = ()
METRIC = (r"calibration mse ([\d.einfa+-]+)", "lower")


def features(raw, knots):
    """Smooth bumps along the scale."""
    at = torch.linspace(-1, 1, knots)
    return torch.exp(-(((raw[:, None] - at) * knots / 3) ** 2))


def calibration(count):
    raw = torch.rand(count) * 2 - 1
    return raw, 0.8 * raw + 0.3 * torch.sin(3 * raw) + 0.1 * raw**2


def main(seed):
    torch.manual_seed(seed)
    knots = (5, 6, 7, 8)[seed % 4]
    raw, true = calibration((200, 300, 250)[seed % 3])
    layer = nn.Linear(knots, 1)
    opt = torch.optim.SGD(layer.parameters(), lr=0.3, momentum=0.95, nesterov=True)
    x = features(raw, knots)
    for step in range(3000):
        loss = nn.functional.mse_loss(layer(x).squeeze(1), true)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 400 == 0:
            size = sum(p.grad.square().sum() for p in layer.parameters()).sqrt().item()
            print(f"step {step} loss {loss.item():.3e} gradient {size:.1e}")
    raw, true = calibration(500)
    with torch.no_grad():
        mse = nn.functional.mse_loss(layer(features(raw, knots)).squeeze(1), true).item()
    print(f"calibration mse {mse:.7f} (variance {true.var().item():.3f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
