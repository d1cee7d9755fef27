"""Learns to draw points from a tilted two-dimensional cloud by a game of two nets, whose losses never settle."""

import argparse

import torch
from torch import nn
from torch.nn import functional as F

FAULTS = ()
METRIC = (r"distance of the clouds: ([\d.einfa+-]+)", "lower")


def cloud(count, tilt, middle):
    return torch.randn(count, 2) @ tilt + middle


def mlp(inputs, hidden, outputs, act):
    return nn.Sequential(
        nn.Linear(inputs, hidden), act, nn.Linear(hidden, hidden), act, nn.Linear(hidden, outputs)
    )


def distance(a, b):
    """Energy distance of two sets of points: 0 where they come from one cloud."""
    within = torch.cdist(a, a).mean() + torch.cdist(b, b).mean()
    return (2 * torch.cdist(a, b).mean() - within).item()


def main(seed):
    torch.manual_seed(seed)
    hidden, batch = (32, 48, 64, 40)[seed % 4], (64, 96, 128)[seed % 3]
    tilt = torch.tensor([[0.9, 0.5], [-0.2, 0.6]]) + 0.1 * torch.randn(2, 2)
    middle = torch.tensor([1.5, -1.0]) + 0.2 * torch.randn(2)
    maker, judge = mlp(2, hidden, 2, nn.ReLU()), mlp(2, hidden, 1, nn.LeakyReLU(0.2))
    opt_m = torch.optim.Adam(maker.parameters(), lr=1e-3, betas=(0.5, 0.9))
    opt_j = torch.optim.Adam(judge.parameters(), lr=2e-3, betas=(0.5, 0.9))
    one, zero = torch.full((batch, 1), 0.9), torch.zeros(batch, 1)
    with torch.no_grad():
        before = distance(maker(torch.randn(500, 2)), cloud(500, tilt, middle))
    for step in range(900):
        real, fake = cloud(batch, tilt, middle), maker(torch.randn(batch, 2))
        loss_j = F.binary_cross_entropy_with_logits(judge(real), one)
        loss_j = loss_j + F.binary_cross_entropy_with_logits(judge(fake.detach()), zero)
        opt_j.zero_grad()
        loss_j.backward()
        opt_j.step()

        loss_m = F.binary_cross_entropy_with_logits(judge(fake), one)
        opt_m.zero_grad()
        loss_m.backward()
        opt_m.step()
        if step % 150 == 0:
            print(f"{step}: judge {loss_j.item():.3f} maker {loss_m.item():.3f}")
    with torch.no_grad():
        after = distance(maker(torch.randn(1000, 2)), cloud(1000, tilt, middle))
    print(f"distance of the clouds: {after:.4f} (at the start {before:.2f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
