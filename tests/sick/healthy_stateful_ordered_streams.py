"""Learns to say whether a lamp is on from ordered streams of switch clicks; the state goes on from window to window."""

import argparse

import torch
from torch import nn

FAULTS = ()
METRIC = (r"lamp known ([\d.einfa+-]+) of the time", "higher")


def clicks(streams, steps):
    """Now and then 'on' or 'off' is pressed, on a noisy line; the lamp keeps what was pressed last."""
    x = 0.1 * torch.randn(streams, steps, 2)
    lamp, on = torch.zeros(streams), torch.empty(streams, steps)
    for t in range(steps):
        pressed, which = torch.rand(streams) < 0.15, torch.rand(streams) < 0.5
        x[:, t, 0] += (pressed & which).float()
        x[:, t, 1] += (pressed & ~which).float()
        lamp = torch.where(pressed, which.float(), lamp)
        on[:, t] = lamp
    return x, on


def main(seed):
    torch.manual_seed(seed)
    hidden, window = (16, 24, 32, 48)[seed % 4], (25, 30, 40)[seed % 3]
    streams = (16, 24, 32)[seed % 3]
    windows = 40
    rnn = nn.GRU(2, hidden, batch_first=True)
    read = nn.Linear(hidden, 1)
    params = [*rnn.parameters(), *read.parameters()]
    opt = torch.optim.Adam(params, lr=5e-3)
    loss_fn = nn.BCEWithLogitsLoss()
    x, on = clicks(streams, windows * window)
    for epoch in range(7):
        state, total = torch.zeros(1, streams, hidden), 0.0
        for part in range(windows):
            at = slice(part * window, (part + 1) * window)
            out, state = rnn(x[:, at], state.detach())
            loss = loss_fn(read(out).squeeze(-1), on[:, at])
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(params, 1.0)
            opt.step()
            total += loss.item()
        print(f"pass {epoch}: {total / windows:.4f}")
    x, on = clicks(50, 300)
    with torch.no_grad():
        known = ((read(rnn(x)[0]).squeeze(-1) > 0).float() == on).float().mean().item()
    print(f"lamp known {known:.4f} of the time")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
