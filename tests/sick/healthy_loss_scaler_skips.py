"""Learns which machine hums from its spectrum, in mixed precision; the first scales of the loss are too large."""

import argparse

import torch
from torch import nn

FAULTS = ()
METRIC = (r"machines told apart: ([\d.einfa+-]+)", "higher")


def spectra(count, bins, machines):
    label = torch.randint(machines, (count,))
    base = 3 + 2 * label[:, None].float() + 0.3 * torch.randn(count, 1)
    axis = torch.arange(bins).float()
    x = sum(torch.exp(-((axis - k * base) ** 2)) / k for k in (1, 2, 3))
    return x + 0.25 * torch.randn(count, bins), label


def main(seed):
    torch.manual_seed(seed)
    bins, machines, hidden = (40, 48, 56)[seed % 3], (4, 5, 6, 7)[seed % 4], (64, 48, 32)[seed % 3]
    scale = (2.0**22, 2.0**20, 2.0**24)[seed % 3]
    net = nn.Sequential(
        nn.Linear(bins, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, machines)
    )
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=200)
    loss_fn = nn.CrossEntropyLoss()
    skipped = 0
    for step in range(500):
        x, label = spectra(48, bins, machines)
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = loss_fn(net(x), label)
        scaler.scale(loss).backward()
        scaler.unscale_(opt)
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        before = scaler.get_scale()
        scaler.step(opt)
        scaler.update()
        skipped += scaler.get_scale() < before
        if step % 80 == 0:
            print(f"{step:4d} loss {loss.item():.4f} scale {scaler.get_scale():.3g} skipped {skipped}")
    x, label = spectra(1000, bins, machines)
    with torch.no_grad():
        right = (net(x).argmax(1) == label).float().mean().item()
    print(f"machines told apart: {right:.4f} ({skipped} steps skipped)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
