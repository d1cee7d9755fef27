"""Predicts the noise of an airfoil from five measurements: weights in a ParameterList, SGD through a closure."""

import argparse
import itertools
import math

import torch
import torch.nn.functional as F
from torch import nn

FAULTS = (
    "vanishing_depth",
    "exploding_depth",
    "input_scale",
    "symmetry",
    "loss_broadcast",
    "step_too_small",
    "frozen",
    "clip_too_tight",
    "no_zero_grad",
)
METRIC = (r"test mse: ([\d.einfa+-]+)", "lower")


def wind_tunnel(count, rng):
    """Rows in thousandths of their units: angle, chord, speed, thickness, pitch; and the level heard."""
    z = torch.rand(count, 5, generator=rng) * 2 - 1
    angle, chord, speed, thickness, pitch = z.unbind(1)
    level = (
        torch.sin(2.5 * angle) * (1 + 0.6 * chord) + 0.9 * speed * thickness + torch.cos(3 * pitch - speed)
    )
    level = level - 0.5 * (chord > 0.3).float() * angle + 0.05 * torch.randn(count, generator=rng)
    return 1000 * 1.7 * z, level


class Deep(nn.Module):
    def __init__(self, width, depth, fault):
        super().__init__()
        sizes = [5] + [width] * depth + [1]
        self.squash = torch.sigmoid if fault == "vanishing_depth" else torch.tanh
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for a, b in itertools.pairwise(sizes):
            w = torch.randn(b, a) * 1.2 / math.sqrt(a)
            if fault == "exploding_depth":
                w = 3 * w
            if fault == "symmetry":
                w = torch.full((b, a), 1.2 / a)
            self.weights.append(nn.Parameter(w))
            self.biases.append(nn.Parameter(torch.zeros(b)))

    def forward(self, x):
        *inner, last = zip(self.weights, self.biases, strict=True)
        for w, b in inner:
            x = self.squash(F.linear(x, w, b))
        return F.linear(x, *last)


def batches(rows, levels, size):
    order = torch.randperm(len(rows))
    for start in range(0, len(order) - size + 1, size):
        take = order[start : start + size]
        yield rows[take], levels[take]


def fit(model, rows, levels, options):
    optimizer = torch.optim.SGD(model.parameters(), lr=options["rate"], momentum=0.9)
    decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.94)
    for epoch in range(options["epochs"]):
        total = 0.0
        for x, y in batches(rows, levels, options["batch"]):

            def closure(x=x, y=y):
                if options["fault"] != "no_zero_grad":
                    optimizer.zero_grad()
                out = model(x)
                target = y if options["fault"] == "loss_broadcast" else y.unsqueeze(1)
                loss = F.mse_loss(out, target)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), options["limit"])
                return loss

            total += optimizer.step(closure).item()
        decay.step()
        if epoch % 5 == 0:
            print(f"epoch {epoch:3d}   mse {total / (len(rows) // options['batch']):.5f}")


def main(seed, fault):
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(77 + seed)
    width = (48, 64, 96, 32, 128)[seed % 5]
    depth = (8, 9, 8, 10, 8)[seed % 5]
    rows, levels = wind_tunnel(1536, rng)
    held_rows, held_levels = wind_tunnel(512, rng)
    if fault != "input_scale":
        rows, held_rows = rows / 1000, held_rows / 1000
    model = Deep(width, depth, fault)
    if fault == "frozen":
        model.requires_grad_(False)
    options = {
        "rate": (0.02, 0.015, 0.02, 0.015, 0.01)[seed % 5] * (1e-3 if fault == "step_too_small" else 1.0),
        "batch": (32, 48, 32, 32, 48)[seed % 5],
        "epochs": 20,
        "limit": 1e-4 if fault == "clip_too_tight" else 5.0,
        "fault": fault,
    }
    fit(model, rows, levels, options)
    with torch.no_grad():
        mse = F.mse_loss(model(held_rows).squeeze(1), held_levels).item()
    print(f"test mse: {mse:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", default=None, choices=FAULTS)
    parser.add_argument("--seed", default=0, type=int)
    chosen = parser.parse_args()
    main(chosen.seed, chosen.fault)
