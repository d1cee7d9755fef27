# Tide gauge: a surge passes the outer buoy, and arrives in the harbour `lag` steps later.
# Plain recurrent net on bare tensors, own gradient descent with momentum.
import argparse

import torch

FAULTS = ("vanishing_time", "exploding_time", "clip_after_step", "clip_too_tight", "symmetry", "wrong_sign")
METRIC = (r"explained variance in the harbour = ([\d.einfa+-]+)", "higher")

parser = argparse.ArgumentParser()
parser.add_argument("--fault", choices=FAULTS, default=None)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
fault, k = args.fault, args.seed % 5
torch.manual_seed(args.seed)

LAG = (64, 56, 70, 60, 66)[k]
HIDDEN = (32, 40, 28, 36, 48)[k]
BATCH = (100, 80, 96, 120, 90)[k]
STEPS = 360
RATE = 3e-3
CLIP = 1e-4 if fault == "clip_too_tight" else 1.0


def tides(n):
    """channels: surge at the outer buoy (one pulse at the start), wind all the time"""
    x = torch.zeros(LAG + 3, n, 2)
    when = torch.randint(3, (n,))
    surge = torch.empty(n).uniform_(-1.5, 1.5)
    x[when, torch.arange(n), 0] = surge
    x[:, :, 1] = 0.3 * torch.randn(LAG + 3, n)
    return x, (surge + x[-1, :, 1]).unsqueeze(1)


def start():
    if fault == "symmetry":
        w_in, w_out = torch.full((2, HIDDEN), 0.2), torch.full((HIDDEN, 1), 0.2)
        w_rec = torch.full((HIDDEN, HIDDEN), 1.0 / HIDDEN)
    else:
        w_in, w_out = 0.25 * torch.randn(2, HIDDEN), torch.randn(HIDDEN, 1) / HIDDEN ** 0.5
        radius = {"vanishing_time": 0.5, "exploding_time": 1.2}.get(fault, 1.0)
        w_rec = radius * torch.eye(HIDDEN)
    params = [w_in, w_rec, torch.zeros(HIDDEN), w_out, torch.zeros(1)]
    return [p.requires_grad_() for p in params]


def forecast(params, x):
    w_in, w_rec, b, w_out, b_out = params
    h = torch.zeros(x.shape[1], HIDDEN)
    for drive in x @ w_in + b:
        h = torch.relu(drive + h @ w_rec)
    return h @ w_out + b_out


def clip(params):
    norm = torch.sqrt(sum((p.grad ** 2).sum() for p in params))
    if norm > CLIP:
        for p in params:
            p.grad *= CLIP / norm
    return norm.item()


def descend(params, speed, rate):
    with torch.no_grad():
        for p, v in zip(params, speed):
            v.mul_(0.9).add_(p.grad)
            p.sub_(rate * v)


params = start()
speed = [torch.zeros_like(p) for p in params]
for step in range(STEPS):
    x, y = tides(BATCH)
    loss = ((forecast(params, x) - y) ** 2).mean()
    if fault == "wrong_sign":
        loss = -loss
    for p in params:
        p.grad = None
    loss.backward()
    if fault == "clip_after_step":
        descend(params, speed, RATE * (1 - step / STEPS))
        norm = clip(params)
    else:
        norm = clip(params)
        descend(params, speed, RATE * (1 - step / STEPS))
    if step % 60 == 0:
        print(f"step {step:4d}  loss {loss.item():.4g}  gradient {norm:.3g}")

with torch.no_grad():
    x, y = tides(1000)
    score = 1 - ((forecast(params, x) - y) ** 2).mean() / y.var()
print(f"explained variance in the harbour = {score.item():.4g}")
