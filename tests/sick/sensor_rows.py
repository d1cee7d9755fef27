"""Learns a boiler's efficiency from rows of eight sensor readings with a net of raw tensors."""

import argparse
import math
from itertools import pairwise

import torch

FAULTS = (
    "vanishing_depth",
    "exploding_depth",
    "dead_units",
    "input_scale",
    "symmetry",
    "not_in_optimizer",
    "loss_broadcast",
    "bad_datum",
    "nan_gradient_op",
    "clip_too_tight",
)
METRIC = (r"test rmse: ([\d.einfa+-]+)", "lower")

parser = argparse.ArgumentParser()
parser.add_argument("--fault", choices=FAULTS)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
fault = args.fault
torch.manual_seed(args.seed)

WIDTH = (24, 32, 48, 64, 40)[args.seed % 5]
DEPTH = 18 if fault == "vanishing_depth" else (4, 5, 4, 6, 5)[args.seed % 5]
BATCH = (40, 64, 50, 32, 64)[args.seed % 5]
LR = (0.02, 0.025, 0.02, 0.02, 0.025)[args.seed % 5]
SENSORS = 8


def read_log(rows):
    level = torch.tensor([60.0, 4.0, 900.0, 0.3, 21.0, 101.0, 12.0, 45.0])
    swing = torch.tensor([8.0, 0.5, 120.0, 0.05, 3.0, 2.0, 4.0, 9.0])
    z = torch.randn(rows, SENSORS)
    heat = 1.5 * (1.2 * z[:, 0] + 0.5 * z[:, 1]).sin() + z[:, 2] * z[:, 3].tanh()
    flow = (z[:, 4] - 0.5 * z[:, 5]).abs() - 0.6 * z[:, 6]
    return level + swing * z, heat + flow + 0.1 * torch.randn(rows)


def scale(x, mean, std):
    x = (x - mean) / std
    return x * 1000 if fault == "input_scale" else x


def make_params():
    sizes = [SENSORS] + [WIDTH] * DEPTH + [1]
    weights, biases = [], []
    for i, (a, b) in enumerate(pairwise(sizes)):
        w = torch.randn(a, b) * math.sqrt((2 if 0 < i < DEPTH else 1) / a)
        bias = torch.zeros(b)
        if fault == "exploding_depth":
            w *= 3
        if fault == "symmetry":
            w = torch.full((a, b), 0.5 / math.sqrt(a))
        if fault == "dead_units" and 0 < i < DEPTH:
            bias -= 10
        weights.append(w.requires_grad_())
        biases.append(bias.requires_grad_())
    return weights, biases


def squash(h):
    return h.sigmoid() if fault == "vanishing_depth" else h.relu()


def predict(x, weights, biases):
    h = torch.tanh(x @ weights[0] + biases[0])
    for w, b in zip(weights[1:-1], biases[1:-1], strict=True):
        h = squash(h @ w + b)
    return h @ weights[-1] + biases[-1]


def penalty(weights):
    """Group norms of the rows of the first matrix: sensors that do not matter may go."""
    rows = weights[0] * (weights[0].abs() > 0.01)
    if fault == "nan_gradient_op":
        return (rows * in_use[:, None]).square().sum(1).sqrt().sum()
    return (rows * in_use[:, None]).square().sum(1).add(1e-8).sqrt().sum()


in_use = torch.ones(SENSORS)
in_use[SENSORS - 1] = 0
train_x, train_y = read_log(3000)
test_x, test_y = read_log(500)
mean, std = train_x.mean(0), train_x.std(0)
train_x, test_x = scale(train_x, mean, std), scale(test_x, mean, std)
if fault == "bad_datum":
    train_x[torch.randint(len(train_x), (1,)), 3] = float("nan")

weights, biases = make_params()
params = weights + biases
if fault == "not_in_optimizer":
    params = [weights[-1], biases[-1]]
steps = 1500
optimizer = torch.optim.SGD(params, lr=LR, momentum=0.9, nesterov=True, weight_decay=1e-4)
for step in range(steps):
    rows = torch.randint(len(train_x), (BATCH,))
    out, target = predict(train_x[rows], weights, biases), train_y[rows]
    if fault != "loss_broadcast":
        out = out.squeeze(1)
    loss = (out - target).square().mean() + 1e-4 * penalty(weights)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(params, 1e-4 if fault == "clip_too_tight" else 1.0)
    optimizer.step()
    if step % 200 == 0:
        print("iteration", step, "loss", round(loss.item(), 4))

with torch.no_grad():
    error = predict(test_x, weights, biases).squeeze(1) - test_y
print(
    f"test rmse: {error.square().mean().sqrt().item():.4f} (spread of the target {test_y.std().item():.2f})"
)
