"""Tells five nested rings of points apart with a very deep, narrow net of functions over lists of tensors."""

import argparse
import math
from itertools import pairwise

import torch
import torch.nn.functional as F

FAULTS = ("zero_grad_before_step", "vanishing_depth")
ORDER = True  # while no gradient reaches the step, no other start or activation can help
METRIC = (r"right on the rings: ([\d.einfa+-]+)", "higher")

RINGS = 5


def points(count, rng):
    ring = torch.randint(RINGS, (count,), generator=rng)
    radius = 0.4 + 0.4 * ring + 0.06 * torch.randn(count, generator=rng)
    angle = 2 * math.pi * torch.rand(count, generator=rng)
    return torch.stack((radius * angle.cos(), radius * angle.sin()), dim=1), ring


def start(width, depth, gain):
    """Pairs of weight and bias."""
    layers = []
    for a, b in pairwise([2] + [width] * depth + [RINGS]):
        weight = torch.randn(b, a) * math.sqrt(gain / a)
        layers.append((weight.requires_grad_(), torch.zeros(b, requires_grad=True)))
    return layers


def scores(layers, x, squash):
    *hidden, last = layers
    for weight, bias in hidden:
        x = squash(F.linear(x, weight, bias))
    return F.linear(x, *last)


def right(layers, x, ring, squash):
    with torch.no_grad():
        return (scores(layers, x, squash).argmax(1) == ring).float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mend", action="append", choices=FAULTS, default=[])
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed + 90)
    width = (32, 40, 48, 36, 32)[args.seed % 5]
    depth = (14, 12, 16, 18, 15)[args.seed % 5]

    if "vanishing_depth" in args.mend:
        squash, gain = torch.relu, 2.0
    else:
        squash, gain = torch.sigmoid, 1.0
    layers = start(width, depth, gain)
    optimizer = torch.optim.RMSprop([t for layer in layers for t in layer], lr=4e-4)
    for step in range(900):
        x, ring = points(64, rng)
        optimizer.zero_grad()
        loss = F.cross_entropy(scores(layers, x, squash), ring)
        loss.backward()
        if "zero_grad_before_step" not in args.mend:
            optimizer.zero_grad()
        optimizer.step()
        if step % 100 == 0:
            print(f"{step} loss {loss.item():.4f} right {right(layers, x, ring, squash):.3f}")
    print(f"right on the rings: {right(layers, *points(1000, rng), squash):.3f}")


if __name__ == "__main__":
    main()
