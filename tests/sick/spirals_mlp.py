"""Learns to which of three interleaved spiral arms a noisy point of the plane belongs."""

import argparse
import math
import random

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

FAULTS = (
    "vanishing_depth",
    "exploding_depth",
    "dead_units",
    "symmetry",
    "no_zero_grad",
    "step_too_large",
    "double_softmax",
    "wrong_sign",
)
METRIC = (r"held-out nll ([\d.einfa+-]+)", "lower")

ARMS = 3


def spiral_points(count, turns, noise):
    arm = torch.arange(count) % ARMS
    radius = torch.rand(count).sqrt() * 0.95 + 0.05
    angle = turns * 2 * math.pi * radius + arm * 2 * math.pi / ARMS
    points = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
    return points * 1.7 + noise * torch.randn(count, 2), arm


def build(hidden, depth, fault):
    act = nn.ReLU
    if fault == "vanishing_depth":
        act, depth = nn.Sigmoid, 20
    layers, width = [], 2
    for _ in range(depth):
        layers += [nn.Linear(width, hidden), act()]
        width = hidden
    layers.append(nn.Linear(width, ARMS))
    if fault == "double_softmax":
        layers.append(nn.Softmax(dim=1))
    return nn.Sequential(*layers)


def init(net, fault):
    for module in net:
        if not isinstance(module, nn.Linear):
            continue
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)
        if fault == "exploding_depth":
            module.weight.data *= 3
        if fault == "symmetry":
            nn.init.constant_(module.weight, 0.1)
        if fault == "dead_units" and module.out_features != ARMS:
            nn.init.constant_(module.bias, -10.0)
    net[-1 if isinstance(net[-1], nn.Linear) else -2].weight.data *= 0.5


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    draw = random.Random(args.seed)
    hidden = (32, 40, 48, 56, 64)[args.seed % 5]
    depth = draw.choice([5, 6, 7])
    batch = draw.choice([48, 64, 96])
    lr = draw.choice([0.03, 0.04])
    turns = draw.choice([0.8, 0.9, 1.0])

    train = TensorDataset(*spiral_points(1500, turns, 0.07))
    test_x, test_y = spiral_points(600, turns, 0.07)
    net = build(hidden, depth, args.fault)
    if args.fault != "vanishing_depth":
        init(net, args.fault)
    opt = torch.optim.SGD(
        net.parameters(), lr=lr * 100 if args.fault == "step_too_large" else lr, momentum=0.9
    )
    loader = DataLoader(train, batch_size=batch, shuffle=True)

    step, total = 0, 900
    while step < total:
        for x, y in loader:
            if args.fault != "no_zero_grad":
                opt.zero_grad()
            loss = F.cross_entropy(net(x), y)
            if args.fault == "wrong_sign":
                loss = -loss
            loss.backward()
            opt.step()
            step += 1
            if step % 150 == 0:
                print(f"step {step:5d}  loss {loss.item():.4f}")
    with torch.no_grad():
        out = net(test_x)
        accuracy = (out.argmax(1) == test_y).float().mean().item()
        print(f"held-out nll {F.cross_entropy(out, test_y).item():.4f} (accuracy {100 * accuracy:.1f} %)")


if __name__ == "__main__":
    main()
