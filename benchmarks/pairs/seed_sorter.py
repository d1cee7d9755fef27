"""Sorts seeds into four kinds, chequered in length and colour: a net written by hand."""

import argparse

import torch

FAULTS = ("clip_too_tight", "symmetry")
ORDER = False
METRIC = (r"sorted wrongly: ([\d.einfa+-]+)", "lower")

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--mend", action="append", choices=FAULTS, default=[])
args = parser.parse_args()
torch.manual_seed(args.seed)

WIDTH = (32, 40, 24, 48, 36)[args.seed % 5]
BATCH = (50, 40, 64, 50, 32)[args.seed % 5]
RATE = 0.15
KINDS = 4
LIMIT = 2.0 if "clip_too_tight" in args.mend else 1e-4


def seeds(count):
    """Length, colour and roughness; the kind is set by the two fields of the chequered pattern."""
    x = torch.rand(count, 3) * 2 - 1
    length, colour = (1.5 * (x[:, 0] + 1)).long(), (1.5 * (x[:, 1] + 1)).long()
    return 1.7 * x, (length + 2 * colour + (x[:, 2] > 0.0).long()) % KINDS


def matrix(rows, columns):
    if "symmetry" in args.mend:
        return torch.randn(rows, columns) * (1.5 / rows) ** 0.5
    return torch.full((rows, columns), 0.8 / rows)


def forward(x):
    h = torch.tanh(x @ w1 + b1)
    h = torch.tanh(h @ w2 + b2)
    return h @ w3 + b3


def nll(scores, kind):
    return -scores.log_softmax(1).gather(1, kind[:, None]).mean()


w1, b1 = matrix(3, WIDTH), torch.zeros(WIDTH)
w2, b2 = matrix(WIDTH, WIDTH), torch.zeros(WIDTH)
w3, b3 = matrix(WIDTH, KINDS), torch.zeros(KINDS)
weights = [w1, b1, w2, b2, w3, b3]
for tensor in weights:
    tensor.requires_grad_()
optimizer = torch.optim.SGD(weights, lr=RATE, momentum=0.9)

for step in range(3000):
    x, kind = seeds(BATCH)
    loss = nll(forward(x), kind)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, LIMIT)
    optimizer.step()
    if step % 300 == 0:
        print(f"step {step}: nll {loss.item():.4f}")

x, kind = seeds(2000)
with torch.no_grad():
    wrong = (forward(x).argmax(1) != kind).float().mean().item()
print(f"sorted wrongly: {wrong:.3f}")
