"""Learns how fast a pen moves at the end of a stroke, for strokes of very different length."""

import argparse
import random

import torch
from torch import nn

FAULTS = ("reads_padding", "cut_graph", "nan_gradient_op", "step_too_large", "no_zero_grad")
METRIC = (r"pen error: ([\d.einfa+-]+)", "lower")


def stroke(steps):
    """Noisy jerks of a pen; a quarter of its velocity is lost each step."""
    jerks = torch.randn(steps, 2)
    velocity = torch.zeros(2)
    for jerk in jerks:
        velocity = 0.75 * velocity + jerk.tanh()
    return jerks + 0.1 * torch.randn(steps, 2), velocity


def strokes(count, rng, longest):
    lengths = torch.tensor([rng.randint(4, 10) if rng.random() < 0.85 else longest for _ in range(count)])
    jerks, target = torch.zeros(count, longest, 2), torch.zeros(count, 2)
    for i, n in enumerate(lengths.tolist()):
        jerks[i, :n], target[i] = stroke(n)
    return jerks, lengths, target


class Pen(nn.Module):
    def __init__(self, hidden, fault):
        super().__init__()
        self.lift = nn.Linear(2, 16, bias=False)
        self.cell = nn.RNNCell(16, hidden)
        self.head = nn.Linear(hidden, 2)
        self.hidden, self.fault = hidden, fault

    def lifted(self, jerks):
        x = self.lift(jerks)
        if self.fault == "nan_gradient_op":
            return x / (1 + 0.2 * x.square().sum(-1, keepdim=True).sqrt())
        return x / (1 + 0.2 * (x.square().sum(-1, keepdim=True) + 1e-6).sqrt())

    def forward(self, jerks, lengths):
        x = self.lifted(jerks)
        h = x.new_zeros(len(x), self.hidden)
        states = []
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
            states.append(h)
        if self.fault == "reads_padding":
            return self.head(h)
        h = torch.stack(states, 1)[torch.arange(len(x)), lengths - 1]
        if self.fault == "cut_graph":
            h = h.detach()
        return self.head(h)


def main(fault, seed):
    torch.manual_seed(seed)
    rng = random.Random(seed)
    hidden = (32, 24, 40, 48, 32)[seed % 5]
    longest = (36, 40, 30, 44, 34)[seed % 5]
    batch = (40, 32, 48, 40, 64)[seed % 5]
    jerks, lengths, target = strokes(1000, rng, longest)
    pen = Pen(hidden, fault)
    lr = (3e-3, 4e-3, 3e-3, 2e-3, 4e-3)[seed % 5]
    optimizer = torch.optim.NAdam(pen.parameters(), lr=lr * (100 if fault == "step_too_large" else 1))
    for epoch in range(14):
        total = 0.0
        for rows in torch.randperm(1000).split(batch):
            loss = nn.functional.huber_loss(pen(jerks[rows], lengths[rows]), target[rows])
            if fault != "no_zero_grad":
                pen.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(pen.parameters(), 1.0)
            optimizer.step()
            total += loss.item() * len(rows)
        if epoch % 2 == 1:
            print(f"after {epoch + 1} passes: {total / 1000:.4f}")
    jerks, lengths, target = strokes(300, rng, longest)
    with torch.no_grad():
        error = (pen(jerks, lengths) - target).norm(dim=1).mean().item()
    print(f"pen error: {error:.4f} where a typical speed is {target.norm(dim=1).mean().item():.2f}")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--fault", choices=FAULTS)
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args()
    main(a.fault, a.seed)
