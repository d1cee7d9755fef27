"""Adds up what the early, marked deliveries brought into a tank, asked long after: a GRU over windows."""

import argparse
import math

import torch
from torch import nn

FAULTS = ("window_too_short", "state_leaks")
ORDER = True  # while no gradient reaches the deliveries, a clean start of the state cures nothing
METRIC = (r"R2 of the total: ([\d.einfa+-]+)", "higher")


def rows(count, length, rng):
    """(count, length, 2): a flow in 0..1 and a mark, on one to five early steps; the sum of the marked."""
    flow = torch.rand(count, length, generator=rng)
    early = torch.rand(count, length // 2, generator=rng).topk(5, dim=1).indices
    counts = torch.arange(5) < torch.randint(1, 6, (count, 1), generator=rng)
    mark = torch.zeros(count, length).scatter_(1, early, counts.float())
    return torch.stack((flow, mark), dim=2), (flow * mark).sum(1)


class Tank(nn.Module):
    def __init__(self, hidden, length):
        super().__init__()
        self.gru = nn.GRU(2, hidden, batch_first=True)
        self.total = nn.Linear(hidden, 1)
        keep = torch.empty(hidden).uniform_(2, length).log()
        with torch.no_grad():
            self.gru.bias_ih_l0[hidden : 2 * hidden] = keep
            self.gru.bias_hh_l0[hidden : 2 * hidden] = 0.0

    def forward(self, flow, state, window):
        """The answer after the last window; the state is cut between windows to bound the memory."""
        for part in flow.split(window, dim=1):
            if state is not None:
                state = state.detach()
            _, state = self.gru(part, state)
        return self.total(state[0]).squeeze(1), state


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mend", action="append", choices=FAULTS, default=[])
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed + 77)
    hidden = (40, 48, 32, 56, 40)[args.seed % 5]
    length = (48, 54, 45, 60, 51)[args.seed % 5]
    batch = (40, 32, 50, 40, 48)[args.seed % 5]
    window = length if "window_too_short" in args.mend else 10
    leaks = "state_leaks" not in args.mend

    model = Tank(hidden, length)
    optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
    state = None
    for step in range(400):
        flow, total = rows(batch, length, rng)
        guess, state = model(flow, state if leaks else None, window)
        loss = (guess - total).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}: rms {math.sqrt(loss.item()):.4f}")

    errors, totals = [], []
    with torch.no_grad():
        for _ in range(10):
            flow, total = rows(batch, length, rng)
            guess, state = model(flow, state if leaks else None, window)
            errors.append(guess - total)
            totals.append(total)
    r2 = 1 - torch.cat(errors).square().mean() / torch.cat(totals).var()
    print(f"R2 of the total: {r2.item():.3f}")


if __name__ == "__main__":
    main()
