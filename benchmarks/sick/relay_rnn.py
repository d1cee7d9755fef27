"""A relay repeats, at the end of a long quiet line, the two signals it got at its start: a tanh net in raw tensors."""

import argparse

import torch
import torch.nn.functional as F

FAULTS = ("vanishing_time", "step_too_small", "clip_too_tight", "clip_after_step")
METRIC = (r"final nll=([\d.einfa+-]+)", "lower")

SIGNALS = 4


def messages(count, delay, rng):
    """Lines (time, batch, channel): two signals, then faint crackle; and what has to be repeated."""
    first, second = torch.randint(SIGNALS, (2, count), generator=rng)
    line = 0.05 * torch.randn(delay + 2, count, SIGNALS, generator=rng)
    line[0] += F.one_hot(first, SIGNALS)
    line[1] += F.one_hot(second, SIGNALS)
    return line, first, second


def make_parameters(hidden, radius):
    turn, _ = torch.linalg.qr(torch.randn(hidden, hidden))
    values = {
        "U": torch.randn(SIGNALS, hidden) * 0.5,
        "W": radius * turn,
        "b": torch.zeros(hidden),
        "V": torch.randn(hidden, 2 * SIGNALS) / hidden**0.5,
        "c": torch.zeros(2 * SIGNALS),
    }
    return {name: value.requires_grad_() for name, value in values.items()}


def read(p, line):
    h = torch.zeros(line.shape[1], p["W"].shape[0])
    for x in line:
        h = torch.tanh(x @ p["U"] + h @ p["W"] + p["b"])
    return h @ p["V"] + p["c"]


def repeat_loss(p, line, first, second):
    a, b = read(p, line).split(SIGNALS, dim=1)
    return (F.cross_entropy(a, first) + F.cross_entropy(b, second)) / 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed * 7 + 1)
    hidden = (96, 64, 128, 72, 80)[args.seed % 5]
    delay = (34, 30, 38, 32, 26)[args.seed % 5]
    rate = (0.06, 0.06, 0.05, 0.06, 0.08)[args.seed % 5]
    limit = 0.5
    if args.fault == "step_too_small":
        rate /= 1000
    if args.fault == "clip_too_tight":
        limit = 1e-4

    p = make_parameters(hidden, 0.5 if args.fault == "vanishing_time" else 1.0)
    optimizer = torch.optim.SGD(p.values(), lr=rate, momentum=0.9)
    for step in range(600):
        loss = repeat_loss(p, *messages(32, delay, rng))
        optimizer.zero_grad()
        loss.backward()
        if args.fault == "clip_after_step":
            optimizer.step()
        torch.nn.utils.clip_grad_norm_(p.values(), limit)
        if args.fault != "clip_after_step":
            optimizer.step()
        if step % 100 == 0:
            print(step, round(loss.item(), 4))
    with torch.no_grad():
        score = repeat_loss(p, *messages(500, delay, rng)).item()
    print(f"final nll={score:.4f}")


if __name__ == "__main__":
    main()
