"""Listen to a plucked string: pitch, loudness and damping from a short recording.

Not every recording was measured completely (some not at all), so the error of a recording is the root
of its squared errors over the quantities that are known.
"""
import argparse
import itertools
import math

import torch
from torch import nn

FAULTS = ("cut_graph", "not_in_optimizer", "nan_gradient_op", "input_scale", "bad_datum", "frozen")
METRIC = (r"held-out R2 over all quantities ([\d.einfa+-]+)", "higher")


class Studio:
    """makes recordings: (n, 1, samples) waves, (n, 3) standardised quantities, (n, 3) known or not"""

    def __init__(self, samples, partials, seed):
        self.samples, self.partials = samples, partials
        self.gen = torch.Generator().manual_seed(seed)

    def uniform(self, n, low, high):
        return torch.rand(n, 1, generator=self.gen) * (high - low) + low

    def record(self, n):
        t = torch.arange(self.samples) / self.samples
        pitch, loud, damp = self.uniform(n, 6, 24), self.uniform(n, 0.3, 1.7), self.uniform(n, 0.0, 5.0)
        wave = torch.zeros(n, self.samples)
        for k in range(1, self.partials + 1):
            phase = self.uniform(n, 0, 2 * math.pi)
            wave += torch.sin(2 * math.pi * k * pitch * t + phase) / k ** 1.5
        wave = loud * wave * torch.exp(-damp * t)
        wave += 0.1 * torch.randn(wave.shape, generator=self.gen)
        wanted = torch.cat([(pitch - 15) / 5.2, (loud - 1.0) / 0.4, (damp - 2.5) / 1.44], 1)
        known = (torch.rand(n, 3, generator=self.gen) < 0.75).float()
        return wave[:, None], wanted, known


def front_end(width):
    return nn.Sequential(nn.Conv1d(1, width, 9, stride=2, padding=4), nn.Tanh())


def trunk(width):
    def stage(a, b):
        return [nn.Conv1d(a, b, 5, stride=2, padding=2), nn.BatchNorm1d(b), nn.ReLU()]
    return nn.Sequential(*stage(width, width), *stage(width, 2 * width), *stage(2 * width, 2 * width))


def root_error(guess, wanted, known, fault):
    squares = ((guess - wanted) ** 2 * known).sum(1)
    if fault == "nan_gradient_op":
        return squares.sqrt().mean()
    return (squares + 1e-4).sqrt().mean()


def main(fault, seed):
    torch.manual_seed(seed)
    width = (12, 10, 14, 12, 10)[seed % 5]
    samples = (160, 192, 144, 176, 160)[seed % 5]
    studio = Studio(samples, (3, 2, 3, 4, 2)[seed % 5], seed + 50)
    waves, wanted, known = studio.record(1500)
    test_waves, test_wanted, _ = studio.record(500)
    if fault == "input_scale":
        waves, test_waves = waves * 1000, test_waves * 1000
    if fault == "bad_datum":
        waves[studio.samples % 89] = float("nan")

    ear, body = front_end(width), trunk(width)
    mouth = nn.Sequential(nn.AdaptiveAvgPool1d(2), nn.Flatten(), nn.Linear(4 * width, 3))
    parts = [ear, body, mouth]
    if fault == "frozen":
        for p in itertools.chain.from_iterable(m.parameters() for m in parts):
            p.requires_grad_(False)
    trained = [ear, mouth] if fault == "not_in_optimizer" else parts
    optimizer = torch.optim.Adagrad(itertools.chain.from_iterable(m.parameters() for m in trained), lr=0.02)

    def listen(x):
        heard = body(ear(x))
        if fault == "cut_graph":
            heard = heard.detach()
        return mouth(heard)

    def run_batch(rows, learn):
        loss = root_error(listen(waves[rows]), wanted[rows], known[rows], fault)
        if learn and loss.requires_grad:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    for epoch in range(16):
        for m in parts:
            m.train()
        order = torch.randperm(len(waves))
        losses = [run_batch(rows, True) for rows in order.split(50)]
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1} mean root error {sum(losses) / len(losses):.4f}")

    for m in parts:
        m.eval()
    with torch.no_grad():
        left = ((listen(test_waves) - test_wanted) ** 2).mean(0) / test_wanted.var(0)
    print("held-out R2 each", [round(1 - v, 3) for v in left.tolist()])
    print(f"held-out R2 over all quantities {1 - left.mean().item():.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--fault", choices=FAULTS, default=None)
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    main(a.fault, a.seed)
