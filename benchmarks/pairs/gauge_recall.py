"""Holds a gauge's first reading through a long murmur and reports it: a tanh recurrence in raw tensors, SGD.

The report to learn from was copied by hand, and now and then a slip of the pen made it a large number.
"""

import argparse

import torch

FAULTS = ("vanishing_time", "clip_after_step")
ORDER = False
METRIC = (r"median error ([\d.einfa+-]+)", "lower")


def shifts(count, span, rng, slips=True):
    """(span + 1, count, 2): a reading with its mark, then murmur; and the reading that was written down."""
    reading = torch.rand(count, generator=rng) * 2 - 1
    line = torch.zeros(span + 1, count, 2)
    line[:, :, 0] = 0.1 * torch.randn(span + 1, count, generator=rng)
    line[0, :, 0] = reading
    line[0, :, 1] = 1
    written = reading.clone()
    if slips:
        slipped = torch.rand(count, generator=rng) < 0.002
        written[slipped] *= 150
    return line, written


def start(hidden, radius, rng):
    turn, _ = torch.linalg.qr(torch.randn(hidden, hidden, generator=rng))
    weights = {
        "inward": 0.3 * torch.randn(2, hidden, generator=rng),
        "around": radius * turn,
        "bias": torch.zeros(hidden),
        "outward": torch.randn(hidden, generator=rng) / hidden,
        "level": torch.zeros(()),
    }
    for tensor in weights.values():
        tensor.requires_grad_()
    return weights


def report(weights, line):
    h = torch.zeros(line.shape[1], weights["around"].shape[0])
    for x in line.unbind(0):
        h = torch.tanh(x @ weights["inward"] + h @ weights["around"] + weights["bias"])
    return h @ weights["outward"] + weights["level"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mend", action="append", choices=FAULTS, default=[])
    args = parser.parse_args()
    rng = torch.Generator().manual_seed(args.seed * 13 + 5)
    hidden = (48, 64, 40, 56, 72)[args.seed % 5]
    span = (40, 36, 44, 50, 32)[args.seed % 5]
    batch = (32, 24, 40, 32, 32)[args.seed % 5]

    weights = start(hidden, 1.0 if "vanishing_time" in args.mend else 0.5, rng)
    parameters = list(weights.values())
    optimizer = torch.optim.SGD(parameters, lr=0.03, momentum=0.8)
    for step in range(800):
        line, written = shifts(batch, span, rng)
        loss = (report(weights, line) - written).square().mean()
        optimizer.zero_grad()
        loss.backward()
        if "clip_after_step" in args.mend:
            torch.nn.utils.clip_grad_norm_(parameters, 0.3)
            optimizer.step()
        else:
            optimizer.step()
            torch.nn.utils.clip_grad_norm_(parameters, 0.3)
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    with torch.no_grad():
        line, reading = shifts(800, span, rng, slips=False)
        error = (report(weights, line) - reading).abs()
    print(f"median error {error.median().item():.4f}")


if __name__ == "__main__":
    main()
