# Dosimeter badge: two short exposures early in a long shift, one on each side of the badge; at
# the end of the shift the badge must show the stronger of the two. The rest is background.
# Bare tensors, a rectified recurrence with an identity start (Le, Jaitly, Hinton 2015), SGD.
import argparse
import math

import torch

FAULTS = ("exploding_time", "vanishing_time", "clip_after_step", "clip_too_tight",
          "no_zero_grad", "loss_broadcast")
METRIC = (r"explained on held-out badges: ([\d.einfa+-]+)", "higher")

ap = argparse.ArgumentParser()
ap.add_argument("--fault", choices=FAULTS)
ap.add_argument("--seed", type=int, default=0)
opt = ap.parse_args()

T = (50, 46, 54, 48, 52)[opt.seed % 5]
H = (48, 40, 56, 44, 48)[opt.seed % 5]
BATCH, STEPS, LR, MOMENTUM = 48, 700, 0.0005, 0.9
g = torch.Generator().manual_seed(1000 + opt.seed)


def badges(n):
    trace = torch.randn(n, T, 2, generator=g) * 0.02
    rows = torch.arange(n)
    dose = torch.rand(n, 2, generator=g) * 2
    for side in range(2):
        # exposures sit in the first part of the shift, the answer is wanted at its end
        trace[rows, torch.randint(0, T // 4, (n,), generator=g), side] += dose[:, side]
    return trace, dose.max(1).values


def start_weights():
    W = torch.eye(H)
    if opt.fault == "exploding_time":
        W = W * 1.4
    elif opt.fault == "vanishing_time":
        W = W * 0.5
    w = {
        "in": torch.randn(2, H, generator=g) * 0.3,
        "rec": W,
        "b": torch.zeros(H),
        "out": torch.randn(H, 1, generator=g) / math.sqrt(H),
        "c": torch.zeros(1),
    }
    return {k: v.requires_grad_() for k, v in w.items()}


def predict(w, x):
    h = torch.zeros(x.shape[0], H)
    drive = x @ w["in"] + w["b"]
    for t in range(x.shape[1]):
        h = torch.relu(drive[:, t] + h @ w["rec"])
    return h @ w["out"] + w["c"]


def squared_error(pred, total):
    if opt.fault != "loss_broadcast":
        total = total[:, None]
    return ((pred - total) ** 2).mean()


def clip(params, limit):
    norm = torch.sqrt(sum((p.grad ** 2).sum() for p in params))
    if norm > limit:
        for p in params:
            p.grad.mul_(limit / norm)
    return norm


def fit():
    w = start_weights()
    params = list(w.values())
    sgd = torch.optim.SGD(params, lr=LR, momentum=MOMENTUM)
    limit = 1e-4 if opt.fault == "clip_too_tight" else 5.0
    pool_x, pool_y = badges(4000)
    running = 0.0
    for step in range(1, STEPS + 1):
        pick = torch.randint(0, len(pool_x), (BATCH,), generator=g)
        loss = squared_error(predict(w, pool_x[pick]), pool_y[pick])
        if opt.fault != "no_zero_grad":
            sgd.zero_grad()
        loss.backward()
        if opt.fault == "clip_after_step":
            sgd.step()
            clip(params, limit)
        else:
            clip(params, limit)
            sgd.step()
        running += loss.item()
        if step % 100 == 0:
            print("step %4d  mean squared error %.5g" % (step, running / 100))
            running = 0.0
    return w


w = fit()
x, y = badges(1000)
with torch.no_grad():
    left = ((predict(w, x)[:, 0] - y) ** 2).mean() / y.var()
print("explained on held-out badges: %.4f" % (1.0 - left.item()))
