"""From the orders of a customer, one by one, to what the customer will be worth: an LSTM cell written by hand."""

import argparse
import math

import torch
from torch import nn

FAULTS = ("forget_gate_shut", "reads_padding", "state_leaks")
METRIC = (r"held-out R2 = ([\d.einfa+-]+)", "higher")


def customers(count, longest, rng):
    """Orders (customer, order, [amount, returned, channel]), how many there are, and the worth."""
    lengths = 4 + (torch.rand(count, generator=rng) ** 1.5 * (longest - 4)).long()
    amount = torch.randn(count, longest, generator=rng)
    returned = (torch.rand(count, longest, generator=rng) < 0.2).float()
    channel = torch.randint(2, (count, longest), generator=rng).float() - 0.5
    real = torch.arange(longest) < lengths[:, None]
    orders = torch.stack((amount, returned, channel), dim=2) * real.unsqueeze(2)
    last = orders[torch.arange(count), lengths - 1, 0]
    first = orders[:, 0, 0]
    worth = 0.25 * (orders[..., 1] * real).sum(1) - 0.6 * last + 0.8 * first
    return orders, lengths, worth


class Cell(nn.Module):
    def __init__(self, inputs, hidden, reach, shut):
        super().__init__()
        bound = 1 / math.sqrt(hidden)
        self.W = nn.Parameter(torch.empty(inputs, 4 * hidden).uniform_(-bound, bound))
        self.R = nn.Parameter(torch.empty(hidden, 4 * hidden).uniform_(-bound, bound))
        self.b = nn.Parameter(torch.zeros(4 * hidden))
        with torch.no_grad():
            keep = torch.empty(hidden).uniform_(1.0, reach - 1.0).log()
            self.b[hidden : 2 * hidden] = -3.0 if shut else keep
            self.b[:hidden] = -0.5 * keep

    def forward(self, x, h, c):
        i, f, g, o = (x @ self.W + h @ self.R + self.b).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class Worth(nn.Module):
    def __init__(self, hidden, longest, fault):
        super().__init__()
        self.cell = Cell(3, hidden, longest, fault == "forget_gate_shut")
        self.out = nn.Linear(hidden, 1)
        self.hidden, self.fault = hidden, fault
        self.carried = None

    def begin(self, count):
        if self.fault == "state_leaks" and self.carried is not None:
            return self.carried
        return torch.zeros(count, self.hidden), torch.zeros(count, self.hidden)

    def forward(self, orders, lengths):
        h, c = self.begin(len(orders))
        states = []
        for x in orders.unbind(1):
            h, c = self.cell(x, h, c)
            states.append(h)
        self.carried = (h.detach(), c.detach())
        if self.fault == "reads_padding":
            return self.out(h).squeeze(1)
        last = torch.stack(states, dim=1)[torch.arange(len(orders)), lengths - 1]
        return self.out(last).squeeze(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed + 60)
    k = args.seed % 5
    hidden, longest, batch = (48, 32, 64, 40, 56)[k], (40, 50, 36, 60, 45)[k], (32, 40, 32, 24, 32)[k]
    orders, lengths, worth = customers(3200, longest, rng)
    model = Worth(hidden, longest, args.fault)
    optimizer = torch.optim.NAdam(model.parameters(), lr=4e-3)
    for epoch in range(4):
        for n, rows in enumerate(torch.randperm(len(worth)).split(batch)):
            if len(rows) < batch:
                continue
            loss = nn.functional.smooth_l1_loss(model(orders[rows], lengths[rows]), worth[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(model.parameters(), 0.5)
            optimizer.step()
            if n % 50 == 0:
                print(f"epoch {epoch}, batch {n}: {loss.item():.4f}")
    with torch.no_grad():
        orders, lengths, worth = customers(20 * batch, longest, rng)
        pieces = zip(orders.split(batch), lengths.split(batch), strict=True)
        guess = torch.cat([model(x, n) for x, n in pieces])
    print(f"held-out R2 = {1 - ((guess - worth).square().mean() / worth.var()).item():.3f}")


if __name__ == "__main__":
    main()
