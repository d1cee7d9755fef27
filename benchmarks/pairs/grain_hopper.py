"""Estimates how much grain has run through a hopper from a rattling sensor: nn.RNN with ReLU, Adam."""

import argparse

import torch
from torch import nn

FAULTS = ("exploding_time", "loss_broadcast")
ORDER = False
METRIC = (r"mean error of the load: ([\d.einfa+-]+)", "lower")


class Hopper(nn.Module):
    """A ReLU recurrence that starts at (a multiple of) the identity."""

    def __init__(self, hidden, radius):
        super().__init__()
        self.rnn = nn.RNN(2, hidden, nonlinearity="relu")
        self.load = nn.Linear(hidden, 1)
        with torch.no_grad():
            self.rnn.weight_hh_l0.copy_(radius * torch.eye(hidden) + 0.01 * torch.randn(hidden, hidden))
            self.rnn.weight_ih_l0.normal_(std=0.1)
            self.rnn.bias_ih_l0.zero_()
            self.rnn.bias_hh_l0.zero_()

    def forward(self, rattle):
        _, state = self.rnn(rattle)
        return self.load(state[0])


def runs(count, length, rng):
    """(length, count, 2): the rattle and whether the flap is open; the load counts while it is open."""
    rattle = torch.rand(length, count, generator=rng)
    phase = torch.rand(count, generator=rng) * 6
    flap = (torch.sin(0.4 * torch.arange(length)[:, None] + phase) > 0.2).float()
    load = (rattle * flap).sum(0)
    load = (load - 0.22 * length) / 2.0
    return torch.stack((rattle, flap), dim=2), load


def main(seed, mend):
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed + 17)
    hidden = (32, 48, 40, 64, 56)[seed % 5]
    length = (50, 46, 54, 48, 56)[seed % 5]
    batch = (32, 48, 40, 32, 64)[seed % 5]

    model = Hopper(hidden, 1.0 if "exploding_time" in mend else 1.2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    rattle, load = runs(3000, length, rng)
    for epoch in range(7):
        for number, take in enumerate(torch.randperm(len(load)).split(batch)):
            guess = model(rattle[:, take])
            if "loss_broadcast" in mend:
                guess = guess.squeeze(1)
            loss = ((guess - load[take]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            if number % 25 == 0:
                print(f"epoch {epoch} batch {number} loss {loss.item():.4g}")
    with torch.no_grad():
        rattle, load = runs(500, length, rng)
        error = (model(rattle).squeeze(1) - load).abs().mean().item()
    print(f"mean error of the load: {error:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mend", action="append", choices=FAULTS, default=[])
    options = parser.parse_args()
    main(options.seed, options.mend)
