"""Which of eight shapes is drawn by a noisy pen? Two layers of GRU over a hundred steps."""

import argparse
import time

import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self, hidden=128, classes=8):
        super().__init__()
        self.gru = nn.GRU(6, hidden, num_layers=2, batch_first=True, dropout=0.1)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        y, _ = self.gru(x)
        return self.head(y.mean(1))


def batch(rows):
    shape = torch.randint(8, (rows,))
    t = torch.linspace(0, 6.28, 100)[None, :, None] * (1 + shape[:, None, None])
    phase = 6.28 * torch.rand(rows, 1, 6)
    return torch.sin(t + phase) + 0.5 * torch.randn(rows, 100, 6), shape


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=400)
    given = parser.parse_args()
    torch.manual_seed(0)
    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    began = time.perf_counter()
    for _ in range(given.steps):
        x, shape = batch(64)
        loss = nn.functional.cross_entropy(model(x), shape)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"trained in {time.perf_counter() - began:.3f} s, loss {loss.item():.3f}")


main()
