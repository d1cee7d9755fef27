"""Learns to tell the difference between a reading and the one a few steps before, with a plain tanh RNN."""

import argparse

import torch
from torch import nn

FAULTS = ()
METRIC = (r"mse over fresh rows: ([\d.einfa+-]+)", "lower")


class Difference(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        states, _ = self.rnn(x.unsqueeze(-1))
        return self.out(states).squeeze(-1)


def readings(batch, steps, lag):
    x = 0.5 * torch.randn(batch, steps)
    return x, x[:, lag:] - x[:, :-lag] + 0.02 * torch.randn(batch, steps - lag)


def main(seed):
    torch.manual_seed(seed)
    hidden = (24, 32, 48, 64)[seed % 4]
    steps = (40, 60, 50, 30, 56)[seed % 5]
    lag = (1, 2, 3)[seed % 3]
    model = Difference(hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for step in range(500):
        x, y = readings(32, steps, lag)
        loss = (model(x)[:, lag:] - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 75 == 0:
            print(f"{step:5d} mse {loss.item():.5f}")
    with torch.no_grad():
        x, y = readings(200, steps, lag)
        print(f"mse over fresh rows: {(model(x)[:, lag:] - y).square().mean().item():.5f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
