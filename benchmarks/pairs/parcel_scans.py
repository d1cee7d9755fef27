"""From the scans of a parcel on its way: which depot sent it, where is it now? An LSTM over padded rows."""

import argparse

import torch
from torch import nn

FAULTS = ("forget_gate_shut", "reads_padding")
ORDER = False
METRIC = (r"both right: ([\d.einfa+-]+)%", "higher")

STATIONS, DEPOTS = 8, 4


def parcels(count, longest, rng):
    """Rows of codes (0: on the road) filled up with zeros, their lengths, the depot and the last code."""
    depot = torch.randint(DEPOTS, (count,), generator=rng)
    scans = torch.randint(STATIONS, (count, longest), generator=rng)
    scans[torch.rand(count, longest, generator=rng) < 0.4] = 0  # on the road
    lengths = torch.randint(longest // 3, longest + 1, (count,), generator=rng)
    now = scans[torch.arange(count), lengths - 1]
    scans[:, 0] = STATIONS + depot
    scans[torch.arange(longest) >= lengths[:, None]] = 0
    return scans, lengths, depot, now


def lay_out(lstm, longest, shut):
    """Zero biases but for the forget gates: memories of all lengths up to the row's, or none."""
    hidden = lstm.hidden_size
    keep = torch.empty(hidden).uniform_(1, longest).log()
    with torch.no_grad():
        lstm.bias_ih_l0.zero_()
        lstm.bias_hh_l0.zero_()
        lstm.bias_ih_l0[hidden : 2 * hidden] = -3.0 if shut else keep
        lstm.bias_ih_l0[:hidden] = -keep


class Tracker(nn.Module):
    def __init__(self, hidden, longest, mended):
        super().__init__()
        self.codes = nn.Embedding(STATIONS + DEPOTS, 16)
        self.lstm = nn.LSTM(16, hidden, batch_first=True)
        lay_out(self.lstm, longest, shut="forget_gate_shut" not in mended)
        self.depot = nn.Linear(hidden, DEPOTS)
        self.now = nn.Linear(hidden, STATIONS)
        self.by_length = "reads_padding" in mended

    def forward(self, scans, lengths):
        states, _ = self.lstm(self.codes(scans))
        last = states[torch.arange(len(scans)), lengths - 1] if self.by_length else states[:, -1]
        return self.depot(last), self.now(last)


def both_right(model, scans, lengths, depot, now):
    with torch.no_grad():
        guess_depot, guess_now = model(scans, lengths)
    right = (guess_depot.argmax(1) == depot) & (guess_now.argmax(1) == now)
    return 100 * right.float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mend", action="append", choices=FAULTS, default=[])
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    rng = torch.Generator().manual_seed(args.seed + 404)
    hidden = (48, 40, 56, 64, 48)[args.seed % 5]
    longest = (48, 54, 45, 42, 50)[args.seed % 5]
    print(f"rows of up to {longest} scans, {hidden} cells")

    model = Tracker(hidden, longest, args.mend)
    optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
    criterion = nn.CrossEntropyLoss()
    for step in range(1, 451):
        scans, lengths, depot, now = parcels(32, longest, rng)
        guess_depot, guess_now = model(scans, lengths)
        loss = criterion(guess_depot, depot) + criterion(guess_now, now)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.3f}")
    print(f"both right: {both_right(model, *parcels(600, longest, rng)):.1f}%")


if __name__ == "__main__":
    main()
