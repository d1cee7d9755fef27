"""Learns to add the two marked numbers of a long row, with a hand-written ReLU recurrence that starts at identity."""

import argparse

import torch

FAULTS = ("vanishing_time", "exploding_time", "state_leaks")
METRIC = (r"mean squared error of the sum ([\d.einfa+-]+);", "lower")


def rows(batch, length):
    """(length, batch, 2): a number in 0..1 and a mark; two marks a row, one early and one late."""
    numbers = torch.rand(length, batch)
    marks = torch.zeros(length, batch)
    column = torch.arange(batch)
    marks[torch.randint(length // 4, (batch,)), column] = 1
    marks[torch.randint(3 * length // 4, length, (batch,)), column] = 1
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(0)


def start(hidden, fault):
    recurrent = torch.eye(hidden)
    if fault == "vanishing_time":
        recurrent = 0.5 * torch.linalg.qr(torch.randn(hidden, hidden))[0]
    if fault == "exploding_time":
        recurrent = 1.2 * recurrent + 0.01 * torch.randn(hidden, hidden)
    w = {
        "in": 0.2 * torch.randn(2, hidden),
        "bias": torch.zeros(hidden),
        "rec": recurrent,
        "out": torch.randn(hidden, 1) / hidden**0.5,
        "shift": torch.zeros(1),
    }
    return {name: value.requires_grad_() for name, value in w.items()}


def run(w, x, h):
    for step in x:
        h = torch.relu(step @ w["in"] + h @ w["rec"] + w["bias"])
    return (h @ w["out"] + w["shift"]).squeeze(1), h


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    hidden = (32, 48, 40, 64, 56)[args.seed % 5]
    length = (48, 44, 52, 50, 56)[args.seed % 5]
    batch = (32, 48, 64, 40, 32)[args.seed % 5]
    lr = (3e-3, 2e-3, 2e-3, 1.5e-3, 2e-3)[args.seed % 5]
    w = start(hidden, args.fault)
    optimizer = torch.optim.Adam(w.values(), lr=lr)
    h = torch.zeros(batch, hidden)
    for step in range(600):
        x, total = rows(batch, length)
        if args.fault != "state_leaks":
            h = torch.zeros(batch, hidden)
        guess, h = run(w, x, h.detach())
        loss = torch.nn.functional.mse_loss(guess, total)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(w.values(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            print(f"{step}: {loss.item():.5f}")
    with torch.no_grad():
        x, total = rows(1000, length)
        start_state = torch.zeros(1000, hidden)
        if args.fault == "state_leaks":
            start_state = h[:1].expand(1000, hidden)
        error = (run(w, x, start_state)[0] - total).square().mean().item()
    print(
        f"mean squared error of the sum {error:.5f}; always guessing the mean gives {total.var().item():.3f}"
    )


main()
