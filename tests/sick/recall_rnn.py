"""Learns to name, at the end of a noisy signal, the pulse with which the signal began (a plain tanh RNN)."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn

FAULTS = ("vanishing_time", "exploding_time", "over_detached", "no_zero_grad", "step_too_large")
METRIC = (r"recall on fresh signals: ([\d.einfa+-]+)", "higher")
LAGS = (40, 50, 35, 60, 45)  # steps, by seed
KINDS = 4


def signals(batch, lag):
    """Time first: (lag + 1, batch, KINDS) and the kind of each first pulse."""
    kind = torch.randint(KINDS, (batch,))
    x = 0.17 * torch.randn(lag + 1, batch, KINDS)
    x[0] += F.one_hot(kind, KINDS)
    return x, kind


class Recall(nn.Module):
    def __init__(self, hidden, fault=None):
        super().__init__()
        self.fault = fault
        kind = "relu" if fault == "exploding_time" else "tanh"
        self.rnn = nn.RNN(KINDS, hidden, nonlinearity=kind)
        self.head = nn.Linear(hidden, KINDS)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.3)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)
        nn.init.orthogonal_(self.rnn.weight_hh_l0)
        if fault == "vanishing_time":
            self.rnn.weight_hh_l0.data.mul_(0.5)
        if fault == "exploding_time":
            w = self.rnn.weight_hh_l0.data.abs()
            self.rnn.weight_hh_l0.data = w * 1.2 / torch.linalg.eigvals(w).abs().max()

    def forward(self, x):
        if self.fault == "over_detached":
            h = None
            for t in range(len(x)):
                out, h = self.rnn(x[t : t + 1], h)
                h = h.detach()
            return self.head(out[-1])
        out, _ = self.rnn(x)
        return self.head(out[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS, default=None)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    hidden = (32, 48, 64, 40, 56)[args.seed % 5]
    lag = LAGS[args.seed % 5]
    batch = (32, 40, 48, 32, 64)[args.seed % 5]
    lr = (2e-3, 1.5e-3, 1e-3, 1.5e-3, 2e-3)[args.seed % 5]
    if args.fault == "step_too_large":
        lr *= 100
    model = Recall(hidden, args.fault)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for step in range(1, 351):
        x, kind = signals(batch, lag)
        loss = F.cross_entropy(model(x), kind)
        if args.fault != "no_zero_grad":
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"{step:4d} | {loss.item():.4f}")
    with torch.no_grad():
        x, kind = signals(1000, lag)
        right = (model(x).argmax(-1) == kind).float().mean()
    print(f"recall on fresh signals: {right.item():.3f} (lag {lag})")


if __name__ == "__main__":
    main()
