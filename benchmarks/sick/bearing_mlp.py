"""Tells four states of a rotating machine apart by the spectrum of its vibration, with a deep plain MLP."""

import argparse
import itertools
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FAULTS = (
    "vanishing_depth",
    "exploding_depth",
    "dead_units",
    "double_softmax",
    "bad_datum",
    "step_too_large",
    "no_zero_grad",
)
METRIC = (r"val nll ([\d.einfa+-]+)", "lower")

STATES = ("sound", "imbalance", "misaligned", "bearing")
BINS = 48


def spectrum(state, rng):
    """One magnitude spectrum; the shaft turns at 4 to 8 bins."""
    shaft = 4 + 4 * torch.rand((), generator=rng).item()
    grid = torch.arange(BINS).float()
    peaks = {
        "sound": ((1.0, 0.5), (2.0, 0.25)),
        "imbalance": ((1.0, 1.0), (2.0, 0.25)),
        "misaligned": ((1.0, 0.5), (2.0, 0.8)),
        "bearing": ((1.0, 0.5), (2.0, 0.25), (3.58, 0.45), (4.58, 0.3)),
    }[state]
    line = sum(height * torch.exp(-((grid - order * shaft) ** 2) / 1.2) for order, height in peaks)
    gain = 0.8 + 0.4 * torch.rand((), generator=rng).item()
    return gain * line + 0.09 * torch.randn(BINS, generator=rng).abs()


def make_split(count, rng):
    labels = torch.randint(len(STATES), (count,), generator=rng)
    rows = torch.stack([spectrum(STATES[k], rng) for k in labels.tolist()])
    return (rows - 0.15) / 0.25, labels


def build(width, depth, fault):
    squash = nn.Sigmoid if fault == "vanishing_depth" else nn.ReLU
    layers = []
    sizes = [BINS] + [width] * depth
    for fan_in, fan_out in itertools.pairwise(sizes):
        linear = nn.Linear(fan_in, fan_out)
        gain = 3.0 if fault == "exploding_depth" else 1.0
        nn.init.normal_(linear.weight, std=gain * math.sqrt(2.0 / fan_in))
        nn.init.constant_(linear.bias, -10.0 if fault == "dead_units" else 0.0)
        layers += [linear, squash()]
    layers.append(nn.Linear(width, len(STATES)))
    if fault == "double_softmax":
        layers.append(nn.Softmax(dim=1))
    return nn.Sequential(*layers)


def evaluate(net, criterion, rows, labels):
    net.eval()
    with torch.no_grad():
        out = net(rows)
    net.train()
    return criterion(out, labels).item(), (out.argmax(1) == labels).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(100 + args.seed)
    width = (64, 96, 48, 128, 80)[args.seed % 5]
    depth = (8, 16, 12, 10, 24)[args.seed % 5]
    batch = (64, 48, 64, 96, 64)[args.seed % 5]

    rows, labels = make_split(2400, rng)
    held_rows, held_labels = make_split(600, rng)
    if args.fault == "bad_datum":
        rows[1017] = float("nan")

    net = build(width, depth, args.fault)
    loader = DataLoader(TensorDataset(rows, labels), batch_size=batch, shuffle=True)
    rate = 5e-4 * (100 if args.fault == "step_too_large" else 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    epochs = 7
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs, eta_min=rate / 20)
    criterion = nn.CrossEntropyLoss()

    for epoch in range(epochs):
        running = 0.0
        for index, (x, y) in enumerate(loader):
            if args.fault != "no_zero_grad":
                optimizer.zero_grad()
            loss = criterion(net(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
            if index % 20 == 19:
                print(f"epoch {epoch} step {index + 1} loss {running / 20:.4f}")
                running = 0.0
        scheduler.step()
    nll, accuracy = evaluate(net, criterion, held_rows, held_labels)
    print(f"val acc {accuracy:.3f} val nll {nll:.4f}")


if __name__ == "__main__":
    main()
